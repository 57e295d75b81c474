"""How memory goes back to the system: at once, where it held a whole picture.

The C library of Linux takes freed blocks of up to 32 MB for later, for each thread apart, and cuts small ones from
them. With many threads that read large answers a process then holds several times what it uses, whatever limit it
keeps.
"""

import ctypes
import sys

# M_MMAP_THRESHOLD and M_TRIM_THRESHOLD of malloc.h.
_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1
# Smaller blocks are many, and would cost more time than they give back memory.
_LARGE_BYTES = 4 * 1024 * 1024


def give_large_blocks_back() -> None:
    """Lets this process take each large block from the system, and give it back when it is freed."""
    if sys.platform != 'linux':
        return
    try:
        library = ctypes.CDLL(None)
        library.mallopt(_MMAP_THRESHOLD, _LARGE_BYTES)
        # Twice as much, as the library has it by itself. Whoever sets one threshold sets the other to 128 KB, and then
        # small blocks go back and forth too, which takes half as much processor time again for a small picture.
        library.mallopt(_TRIM_THRESHOLD, 2 * _LARGE_BYTES)
    except (OSError, AttributeError):
        return  # another C library, which has its own ways
