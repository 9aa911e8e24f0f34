"""A loop in a thread of its own."""

import asyncio
import threading

import pytest

from rehearsal.loop_thread import LoopThread


async def where() -> str:
    return threading.current_thread().name


def test_a_coroutine_runs_in_the_loop_s_thread() -> None:
    loop = LoopThread("of-the-test")
    try:
        assert loop.call(where()) == "of-the-test"
        assert loop.submit(where()).result(10) == "of-the-test"
    finally:
        loop.close()


def test_an_error_comes_to_the_caller() -> None:
    async def fail() -> None:
        raise LookupError("no")

    loop = LoopThread("of-the-test")
    try:
        with pytest.raises(LookupError, match="no"):
            loop.call(fail())
    finally:
        loop.close()


def test_closing_cancels_what_runs_and_ends_the_thread() -> None:
    ended = threading.Event()

    async def wait() -> None:
        try:
            await asyncio.sleep(1000)
        finally:
            ended.set()

    loop = LoopThread("to-be-closed")
    work = loop.submit(wait())
    loop.call(where())
    loop.close()
    loop.close()
    assert ended.is_set() and work.cancelled()
    assert "to-be-closed" not in {thread.name for thread in threading.enumerate()}
