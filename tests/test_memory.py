"""Memory that was freed goes back to the system, where the C library can do that."""

import asyncio
import ctypes
import platform
from collections.abc import Callable

import pytest

from bridge import memory

MB = 2**20


class Library:
    """A C library with so many free bytes."""

    def __init__(self, *free: int) -> None:
        self.trimmed = asyncio.Event()
        self._free = list(free)

    def mallinfo2(self) -> object:
        info = memory._Info()
        info.fordblks = self._free.pop(0) if self._free else 0
        return info

    def malloc_trim(self, pad: int) -> None:
        assert pad == 0
        assert not self._free, "it was trimmed for little"
        self.trimmed.set()


async def watched(monkeypatch: pytest.MonkeyPatch, load: Callable[[None], object]) -> "asyncio.Task[None]":
    monkeypatch.setattr(memory, "EVERY_S", 0.001)
    monkeypatch.setattr(ctypes, "CDLL", load)
    return asyncio.create_task(memory.give_back())


async def test_it_is_given_back_when_it_is_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Calls:
        """Functions that take attributes, as those of ctypes do."""

        library = Library(0, 15 * MB, 16 * MB)

        @staticmethod
        def mallinfo2() -> object:
            return Calls.library.mallinfo2()

        @staticmethod
        def malloc_trim(pad: int) -> None:
            Calls.library.malloc_trim(pad)

    task = await watched(monkeypatch, lambda _: Calls)
    await asyncio.wait_for(Calls.library.trimmed.wait(), 30)
    assert not task.done()
    task.cancel()


async def test_elsewhere_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    await asyncio.wait_for(await watched(monkeypatch, lambda _: object()), 30)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc tells what is free")
def test_glibc_is_understood() -> None:
    library = ctypes.CDLL(None)
    library.mallinfo2.restype = memory._Info
    before = library.mallinfo2()
    kept = ctypes.create_string_buffer(100_000)  # below the size from which on it maps memory of its own
    after = library.mallinfo2()
    assert after.uordblks - before.uordblks >= len(kept)
    assert library.malloc_trim(0) in {0, 1}
