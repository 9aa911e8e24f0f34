import io
import os
import signal
import threading

import pytest

from tasks.errors import CloudError, DeployError, HostUnreachable, Refused, Resumable
from tasks.runtime.guard import Guard, Stopped
from tasks.runtime.output import Output
from tasks.runtime.run import Run
from tasks.runtime.waiting import SystemClock
from tests.settings.site import site


@pytest.fixture
def out() -> Output:
    return Output(io.StringIO(), io.StringIO())


def end(out: Output, error: BaseException, *, changed: bool = True) -> None:
    with Guard(out) as guard:
        run = Run(site(), out, SystemClock(), False, "fab ship")
        guard.know(run)
        with run.step("look"):
            pass
        with run.step("migrate"):
            if changed:
                run.changes.note()
            raise error


def test_nothing_wrong_nothing_said(out: Output) -> None:
    with Guard(out):
        pass


@pytest.mark.parametrize(("error", "by"), [(KeyboardInterrupt(), "Ctrl-C"), (Stopped("SIGTERM"), "SIGTERM")])
def test_an_interruption_under_way_can_be_resumed(out: Output, error: BaseException, by: str) -> None:
    with pytest.raises(Resumable) as caught:
        end(out, error)
    assert str(caught.value) == f"Stopped by {by}.\nStopped half-way. To go on: fab ship"
    assert caught.value.code == 3


def test_an_interruption_before_any_change_says_so(out: Output) -> None:
    with pytest.raises(DeployError) as caught:
        end(out, KeyboardInterrupt(), changed=False)
    assert (str(caught.value), caught.value.code) == ("Stopped by Ctrl-C. Nothing was changed.", 1)


def test_a_refusal_before_any_change_says_so(out: Output) -> None:
    with pytest.raises(Refused) as caught:
        end(out, Refused("no room"), changed=False)
    assert (str(caught.value), caught.value.code) == ("no room. Nothing was changed.", 1)


def test_a_refusal_after_a_change_says_what_was_done_and_how_to_go_on(out: Output) -> None:
    with pytest.raises(Refused) as caught:
        end(out, Refused("no room"))
    assert str(caught.value) == "no room.\nDone before that, and it stays: look.\nTo continue afterwards: fab ship"
    assert caught.value.code == 1


def test_an_error_of_a_library_under_way_can_be_resumed(out: Output) -> None:
    with pytest.raises(Resumable, match="the network: gone") as caught:
        end(out, ConnectionResetError(104, "gone"))
    assert caught.value.resume == "fab ship"


def test_an_error_of_a_library_before_any_change_stays_what_it_is(out: Output) -> None:
    with pytest.raises(HostUnreachable, match="the network: gone"):
        end(out, ConnectionResetError(104, "gone"), changed=False)


def test_our_own_errors_pass_with_their_secrets_hidden(out: Output) -> None:
    out.hide("hunter22")
    error = CloudError("log in with hunter22")
    with pytest.raises(CloudError) as caught:
        end(out, error)
    assert caught.value is error
    assert str(caught.value) == caught.value.message == "log in with ***"


def test_a_fault_of_ours_keeps_its_traceback_and_says_how_to_go_on() -> None:
    err = io.StringIO()
    with pytest.raises(ZeroDivisionError):
        end(Output(io.StringIO(), err), ZeroDivisionError())
    assert err.getvalue() == "warning: stopped half-way by a bug in this tool. To go on: fab ship\n"
    err = io.StringIO()
    with pytest.raises(ZeroDivisionError):
        end(Output(io.StringIO(), err), ZeroDivisionError(), changed=False)
    assert err.getvalue() == ""


def test_an_exit_is_left_alone(out: Output) -> None:
    with pytest.raises(SystemExit):
        end(out, SystemExit(4))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signals_stop_as_ctrl_c_does_and_only_within(out: Output, number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(DeployError, match=f"Stopped by {number.name}. Nothing was changed"), Guard(out):
        os.kill(os.getpid(), number)
        signal.pause()
    assert signal.getsignal(number) is before


def test_an_ignored_signal_stays_ignored(out: Output) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        with Guard(out):
            os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_another_thread_guards_without_signals(out: Output) -> None:
    caught: list[BaseException] = []

    def work() -> None:
        try:
            end(out, KeyboardInterrupt())
        except Resumable as error:
            caught.append(error)

    worker = threading.Thread(target=work)
    worker.start()
    worker.join()
    assert len(caught) == 1
