"""The first signal asks, the second ends at once, and afterwards signals do what they did before."""

from __future__ import annotations

import signal
import threading

import pytest

from editor3d.run import events
from editor3d.run.folders import resume_command
from editor3d.run.stopping import Stop, interrupt_on_sigterm, say_stopped, stop_on_signal

SIGNALS = [signal.SIGINT, signal.SIGTERM]


@pytest.fixture(autouse=True)
def own_handlers():
    """Handlers that tests can tell from others, so that a signal that is let through ends no test run."""
    heard = []

    def note(number: int, _) -> None:
        heard.append(number)

    before = {name: signal.signal(name, note) for name in SIGNALS}
    yield heard
    for name, handler in before.items():
        signal.signal(name, handler)


@pytest.mark.parametrize("first", SIGNALS)
@pytest.mark.parametrize("second", SIGNALS)
def test_the_first_asks_and_the_second_ends_at_once(first, second, own_handlers, capsys):
    reached = []

    def work() -> None:
        with stop_on_signal() as stop:
            assert not stop.requested
            signal.raise_signal(first)
            reached.append(stop.requested)
            assert "press Ctrl-C again to stop at once" in capsys.readouterr().out
            signal.raise_signal(second)
            reached.append("after the second")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert reached == [True]
    assert capsys.readouterr().out == ""
    assert own_handlers == []


@pytest.mark.parametrize("fails", [False, True])
def test_afterwards_signals_do_what_they_did_before(fails, own_handlers):
    before = [signal.getsignal(name) for name in SIGNALS]
    try:
        with stop_on_signal():
            assert [signal.getsignal(name) for name in SIGNALS] != before
            if fails:
                raise RuntimeError
    except RuntimeError:
        assert fails
    assert [signal.getsignal(name) for name in SIGNALS] == before
    signal.raise_signal(signal.SIGTERM)
    assert own_handlers == [signal.SIGTERM]


def test_a_stop_that_is_given_is_the_one_that_is_set():
    stop = Stop()
    with stop_on_signal(stop) as given:
        assert given is stop
        signal.raise_signal(signal.SIGINT)
    assert stop.requested


def test_a_stop_that_was_asked_for_otherwise_makes_the_first_signal_the_second():
    def work() -> None:
        stop = Stop()
        with stop_on_signal(stop):
            stop.requested = True
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        work()


def test_sigterm_can_interrupt_as_ctrl_c_does(own_handlers):
    before = [signal.getsignal(name) for name in SIGNALS]

    def work() -> None:
        with interrupt_on_sigterm():
            assert signal.getsignal(signal.SIGINT) is before[0]
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(KeyboardInterrupt):
        work()
    assert [signal.getsignal(name) for name in SIGNALS] == before
    assert own_handlers == []


def test_in_other_threads_nothing_changes():
    before, seen = [signal.getsignal(name) for name in SIGNALS], []

    def work() -> None:
        with stop_on_signal() as stop:
            seen.append(([signal.getsignal(name) for name in SIGNALS], stop.requested))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(before, False)]


def test_what_is_said_of_a_stopped_run(tmp_path, capsys):
    run, told = tmp_path / "a run", tmp_path / "events.jsonl"
    with events.writing(str(told)):
        say_stopped(run, 3, 10)
    assert capsys.readouterr().out == f"Stopped after 3 of 10 steps. Resume with: {resume_command(run)}\n"
    assert list(events.read(told.read_bytes().splitlines())) == [events.Result(kind="run", path=str(run))]
