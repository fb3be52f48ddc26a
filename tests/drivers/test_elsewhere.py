"""On a machine that is no POSIX one: what is not there is asked for by nobody before it is needed."""

import subprocess
import sys

# What Windows lacks. psutil asks for `resource` where it believes itself on Linux, so that one stays.
WINDOWS = """
import importlib, os, pkgutil, signal, sys
for name in ("termios", "tty", "fcntl", "pty", "pwd", "grp", "syslog"):
    sys.modules[name] = None
for name in [name for name in dir(signal) if name.startswith("SIG") and name not in
             ("SIGINT", "SIGTERM", "SIGABRT", "SIGFPE", "SIGILL", "SIGSEGV", "SIG_DFL", "SIG_IGN")]:
    delattr(signal, name)
for name in ("tcgetpgrp", "getpgrp", "ttyname", "killpg", "getuid", "setsid", "statvfs", "O_NOCTTY", "O_NONBLOCK"):
    delattr(os, name)
from semanticsignal import drivers
for module in pkgutil.iter_modules(drivers.__path__):
    if not module.name.startswith("aws_"):
        importlib.import_module(f"semanticsignal.drivers.{module.name}")
from semanticsignal.drivers import cli, terminal
sys.platform = "win32"
assert not terminal.is_possible()
sys.argv = ["semsig", "--version"]
cli.main()
"""


def test_the_command_line_starts_where_there_is_no_terminal_of_unix() -> None:
    done = subprocess.run([sys.executable, "-c", WINDOWS], capture_output=True, text=True, timeout=120, check=False)

    assert (done.returncode, done.stderr) == (0, "") and done.stdout.startswith("semsig ")
