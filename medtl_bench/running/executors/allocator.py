"""How this process's memory is handed out and kept."""

import ctypes

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # of glibc's mallopt
LARGE = 2**30  # bytes: larger blocks are still handed back


def keep_freed() -> bool:
    """Keep large freed blocks for the next ones, and return whether the C library can.

    glibc hands them back to the system by default, and every step of a training would
    fetch them anew, page by page.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return all(mallopt(option, LARGE) == 1 for option in (TRIM_THRESHOLD, MMAP_THRESHOLD))
