import threading

import pytest

from tasks.runtime.outbox import Outbox


def test_everything_is_done_in_order_and_close_waits_for_it() -> None:
    done: list[int] = []
    box = Outbox(done.append, 10)
    for number in range(5):
        box.put(number)
    assert box.close(10) and done == [0, 1, 2, 3, 4]


def test_without_items_there_is_no_thread() -> None:
    before = threading.active_count()
    assert Outbox(print, 1).close(0.1) and threading.active_count() == before


def test_work_that_hangs_holds_nobody_up_and_what_does_not_fit_is_counted() -> None:
    go = threading.Event()
    begun = threading.Event()

    def work(item: int) -> None:
        begun.set()
        go.wait(60)

    box = Outbox(work, 2)
    box.put(0)
    assert begun.wait(60)
    for number in range(5):
        box.put(number)
    assert box.dropped == 3
    assert not box.close(0.05)
    go.set()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_work_that_fails_is_not_said_to_be_done() -> None:
    def work(item: int) -> None:
        raise ValueError(item)

    box = Outbox(work, 2)
    box.put(0)
    assert not box.close(10)
