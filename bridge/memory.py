"""Gives memory back to the system: after a burst the C library keeps what was freed, and it would look like a leak.

Only glibc has these two calls; elsewhere nothing is done. Source: malloc_trim(3), mallinfo(3).
"""

import asyncio
import ctypes
from typing import Final

EVERY_S: Final = 10.0
"""Seconds between two looks."""

WORTH_BYTES: Final = 16 * 2**20
"""Free bytes from which on it is worth the milliseconds that it takes."""


class _Info(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    ]


async def give_back() -> None:
    """Do so now and then, until cancelled."""
    try:
        library = ctypes.CDLL(None)
        info, trim = library.mallinfo2, library.malloc_trim
    except (OSError, AttributeError, TypeError):  # Windows has no library without a name
        return
    info.restype = _Info
    while True:
        await asyncio.sleep(EVERY_S)
        if info().fordblks >= WORTH_BYTES:
            trim(0)
