"""What a run gives back to the system of what it no longer needs."""

import platform
import subprocess
import sys

import pytest

# In a process of its own: how the C library was told to behave lasts to its end.
DRAWN = """
import psutil
from semanticsignal.drivers.allocator import gives_back

assert gives_back()
mine = psutil.Process()
before = mine.memory_info().rss
kept = []
for size in (24, 12, 8, 6):
    pictures = [bytearray(b"x") * (size * 1_000_000) for _ in range(4)]
    kept.append(bytes(100_000))
    del pictures
print((mine.memory_info().rss - before) / 1e6)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only GNU's C library can be told")
def test_room_that_pictures_took_goes_back_when_they_are_drawn() -> None:
    done = subprocess.run([sys.executable, "-c", DRAWN], capture_output=True, text=True, check=True)

    assert float(done.stdout) < 2.0
