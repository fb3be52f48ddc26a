"""DynamoDB Local, AWS's own in Java: transactions and conditions as in the cloud, also under racing writers."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
EMULATOR = ROOT / ".venv/dynamodb-local/package/emulator"
POLICY = Path(__file__).with_suffix(".policy")
STARTS_WITHIN_S = 60


@contextmanager
def dynamodb_local() -> Iterator[str]:
    """Its address, while it runs; what it holds is gone afterwards. Skips where it, or Java, is missing."""
    java = shutil.which("java")
    if java is None:
        pytest.skip("Java is not here, so neither is DynamoDB Local: apt-get install default-jre-headless")
    if not (EMULATOR / "DynamoDBLocal.jar").exists():
        pytest.skip("DynamoDB Local is not here: make test fetches it")
    port = _free_port()
    with subprocess.Popen(
        [java, "-Djava.security.manager", f"-Djava.security.policy=={POLICY}", "-Djava.net.preferIPv4Stack=true",
         "-Djava.library.path=./DynamoDBLocal_lib", "-jar", "DynamoDBLocal.jar", "-inMemory", "-sharedDb",
         "-disableTelemetry", "-port", str(port)],
        cwd=EMULATOR, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as server:  # fmt: skip
        try:
            _until_it_listens(server, port)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _until_it_listens(server: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < deadline and server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail(f"DynamoDB Local did not start, exit code {server.poll()}")
