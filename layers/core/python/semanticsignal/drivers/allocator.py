"""What the C library keeps of what was freed. By itself it learns from large blocks that were freed to keep room for
more of them: after pictures were drawn that is tens of megabytes, with holes, for good."""

import ctypes
import platform

# Of malloc.h: from that size on a block is the system's own, and goes back to it when it is freed; setting it also ends
# the learning. What lies free at the end goes back from that size on.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGE = 128 * 1024


def gives_back() -> bool:
    """From now on large blocks go back to the system when they are freed. False where the C library is not GNU's, which
    cannot be told."""
    if platform.libc_ver()[0] != "glibc":
        return False
    tell = ctypes.CDLL(None).mallopt
    return bool(tell(M_MMAP_THRESHOLD, LARGE) and tell(M_TRIM_THRESHOLD, LARGE))
