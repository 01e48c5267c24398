"""Memory that was freed goes back to the system, where the C library can do that."""

import asyncio
import ctypes
import platform
from types import SimpleNamespace

import pytest

from bridge import memory

MB = 2**20


async def watched(monkeypatch: pytest.MonkeyPatch, library: object) -> "asyncio.Task[None]":
    monkeypatch.setattr(memory, "EVERY_S", 0.001)
    monkeypatch.setattr(ctypes, "CDLL", lambda _: library)
    return asyncio.create_task(memory.give_back())


async def test_it_is_given_back_when_it_is_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    trimmed = asyncio.Event()
    free = [0, 15 * MB, 16 * MB]

    def tell() -> object:
        return memory._Info(fordblks=free.pop(0) if free else 0)

    def trim(pad: int) -> None:
        assert pad == 0
        assert not free, "it was trimmed for little"
        trimmed.set()

    task = await watched(monkeypatch, SimpleNamespace(mallinfo2=tell, malloc_trim=trim))
    await asyncio.wait_for(trimmed.wait(), 30)
    assert not task.done()
    task.cancel()


async def test_elsewhere_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    await asyncio.wait_for(await watched(monkeypatch, object()), 30)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc tells what is free")
def test_glibc_is_understood() -> None:
    library = ctypes.CDLL(None)
    library.mallinfo2.restype = memory._Info
    before = library.mallinfo2()
    kept = ctypes.create_string_buffer(100_000)  # below the size from which on it maps memory of its own
    after = library.mallinfo2()
    assert after.uordblks - before.uordblks >= len(kept)
    assert library.malloc_trim(0) in {0, 1}
