"""`semsig` from its first moment to its last: a signal while all else is loaded, or while it ends, is no traceback."""

import signal
import sys

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def main() -> None:
    is_run = sys.argv[1:2] == ["run"]

    def leave(_number: int, _frame: object) -> None:
        if not is_run:
            sys.stderr.write("semsig: interrupted\n")
        sys.exit(0 if is_run else 1)

    before = signal.signal(signal.SIGINT, leave)
    if is_run:  # nothing was begun yet; when something is, it hears for itself
        signal.signal(signal.SIGTERM, leave)
    try:
        from .cli import main as command

        if not is_run:
            signal.signal(signal.SIGINT, before)
        command()
    finally:
        if is_run:  # all is done; what comes now would only spoil the exit code
            for number in SIGNALS:
                signal.signal(number, signal.SIG_IGN)
