"""Events: what is written is read back, in the published form, and nothing that happens to the file stops the work."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
import warnings
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from editor3d import cli
from editor3d.cli import COMMANDS, main
from editor3d.errors import ConfigError, DataError, Editor3DWarning
from editor3d.host.surroundings import EVENTS_VARIABLE
from editor3d.run import event_page, events
from editor3d.run.progress import ProgressEvents, tracked

text = st.text(st.characters(exclude_categories=["Cs"]))
count = st.integers(0, 2**53)
seconds = st.floats(0.0, 1e9)
EVENTS = st.one_of(
    st.builds(events.Started, command=text, version=text),
    st.builds(
        events.Progress, what=text, done=count, total=count, unit=text, seconds_left=st.none() | seconds, note=text
    ),
    st.builds(events.Picture, path=text, view=text),
    st.builds(events.Edit2D, view=text, number=st.integers(1, 2**53), seconds=seconds, cost=st.none() | seconds),
    st.builds(
        events.Plan,
        edits=st.integers(1, 2**53),
        views=st.lists(text).map(tuple),
        covered=seconds,
        seconds=st.none() | seconds,
        cost=st.none() | seconds,
    ),
    st.builds(events.Cost, calls=count, tokens=count, renders=count, seconds=seconds),
    st.builds(events.Warning, sentence=text),
    st.builds(events.Result, kind=text, path=text),
    st.builds(events.Error, sentence=text),
    st.builds(events.Finished, code=st.integers(0, 255), seconds=seconds),
)


@given(st.lists(EVENTS))
def test_what_is_written_is_read_back(tmp_path_factory, written):
    path = tmp_path_factory.mktemp("events") / "events.jsonl"
    for half in (written[: len(written) // 2], written[len(written) // 2 :]):  # a file goes on where it ended
        with events.writing(str(path)):
            for event in half:
                events.emit(event)
    lines = path.read_bytes().splitlines(keepends=True)
    assert list(events.read(lines)) == written
    assert len(lines) == len(written)
    assert all(line.endswith(b"\n") for line in lines)


@given(EVENTS)
def test_what_is_written_is_as_published(event):
    body = json.loads(json.dumps(events.msgspec.to_builtins(event)))
    published = events.schema()
    kind = published["$defs"][published["discriminator"]["mapping"][body["event"]].rpartition("/")[2]]
    assert set(body) == set(kind["properties"])
    assert set(kind["required"]) <= set(body)


def test_the_page_is_that_of_the_events():
    page = (Path(__file__).parents[3] / "docs" / "events.md").read_text(encoding="utf-8")
    before, mark, after = page.partition(event_page.BEGIN)
    assert (mark + after).strip() == event_page.page()
    example = before.split("```")[1].removeprefix("json\n").encode().splitlines()
    assert len(list(events.read(example))) == len(example)


def test_lines_cut_short_are_passed_over():
    whole = events.Finished(code=0)
    lines = [b'{"event":"resu', b"", b"[]", b'{"event":"unheard-of"}', b'{"event":"finished","code":0,"new":1}']
    assert list(events.read(lines)) == [whole]


def test_a_line_after_one_that_was_cut_short_stands_on_its_own(tmp_path, monkeypatch):
    path, write, full = tmp_path / "events.jsonl", os.write, []

    def write_little(descriptor, data):
        if full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        full.append(True)
        return write(descriptor, data[:7])

    with events.writing(str(path)):
        monkeypatch.setattr(os, "write", write_little)
        events.emit(events.Error(sentence="lost"))
        events.emit(events.Error(sentence="lost, too"))
        monkeypatch.undo()
        events.emit(events.Error(sentence="found"))
        events.emit(events.Error(sentence="and more"))
    found = list(events.read(path.read_bytes().splitlines()))
    assert found == [events.Error(sentence="found"), events.Error(sentence="and more")]


def test_each_line_is_there_at_once(tmp_path):
    path = tmp_path / "events.jsonl"
    with events.writing(str(path)):
        for number in range(1, 4):
            events.emit(events.Edit2D(view="a", number=number))
            assert len(path.read_bytes().splitlines()) == number
    events.emit(events.Finished(code=0))  # without a sink nothing happens
    assert len(path.read_bytes().splitlines()) == 3


def test_lines_of_threads_do_not_mix(tmp_path):
    path = tmp_path / "events.jsonl"
    with events.writing(str(path)):
        threads = [
            threading.Thread(
                target=lambda n=n: [events.emit(events.Picture(path="x" * 5000, view=str(n))) for _ in range(50)]
            )
            for n in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(list(events.read(path.read_bytes().splitlines()))) == 200


def test_a_path_that_is_no_utf_8_is_escaped(tmp_path):
    path = tmp_path / "events.jsonl"
    with events.writing(str(path)):
        events.emit(events.Result(kind="run", path=os.fsdecode(b"/a\xff")))
    assert json.loads(path.read_bytes())["path"] == os.fsdecode(b"/a\xff")


@dataclass(frozen=True)
class Working:
    """Works."""

    how: str = "well"

    def run(self) -> int:
        print("printed")
        list(tracked(range(3), "counting", "numbers"))
        if self.how == "badly":
            raise DataError("Expected a capture.")
        if self.how == "wrongly":
            raise RuntimeError("a mistake of ours")
        if self.how == "interrupted":
            raise KeyboardInterrupt
        return 0


@pytest.fixture
def working(monkeypatch):
    monkeypatch.setitem(COMMANDS, "work", cli.Command("Works", "unused:unused"))
    monkeypatch.setattr("editor3d.registry.load_target", lambda target: Working)
    monkeypatch.delenv(EVENTS_VARIABLE, raising=False)


def emitted(path: Path) -> list[events.Event]:
    return list(events.read(path.read_bytes().splitlines()))


@pytest.mark.usefixtures("working")
@pytest.mark.parametrize("by", ["flag", "equals", "variable"])
def test_a_command_begins_and_ends_with_an_event(tmp_path, monkeypatch, by):
    path = tmp_path / "events.jsonl"
    words = {"flag": ["--events", str(path)], "equals": [f"--events={path}"], "variable": []}[by]
    if by == "variable":
        monkeypatch.setenv(EVENTS_VARIABLE, str(path))
    assert main(["work", *words]) == 0
    first, *progress, last = emitted(path)
    assert (first.command, last.code) == ("work", 0)
    assert [(event.done, event.total) for event in progress][-1] == (3, 3)
    assert {(event.what, event.unit) for event in progress} == {("counting", "numbers")}


@pytest.mark.usefixtures("working")
@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--how", "badly"], 2, ["Expected a capture."]),
        (["--how", "interrupted"], 130, []),
        (["--no-such-flag"], 2, ["Expected the words that the command takes, got others: see what its --help says."]),
    ],
)
def test_a_failure_is_told_in_its_sentence(tmp_path, words, code, said):
    path = tmp_path / "events.jsonl"
    assert main(["work", *words, "--events", str(path)]) == code
    found = emitted(path)
    assert [event.sentence for event in found if isinstance(event, events.Error)] == said
    assert found[-1].code == code


@pytest.mark.usefixtures("working")
def test_a_mistake_of_ours_is_told_too(tmp_path):
    path = tmp_path / "events.jsonl"
    with pytest.raises(RuntimeError):
        main(["work", "--how", "wrongly", "--events", str(path)])
    *_, error, last = emitted(path)
    assert "a mistake of ours" in error.sentence
    assert last.code != 0


@pytest.mark.usefixtures("working")
def test_the_standard_output_holds_nothing_else(capfd):
    assert main(["work", "--events", "-"]) == 0
    seen = capfd.readouterr()
    assert len(list(events.read(seen.out.encode().splitlines()))) == len(seen.out.splitlines()) > 2
    assert "printed" in seen.err
    print("as before")
    assert capfd.readouterr().out == "as before\n"


@pytest.mark.usefixtures("working")
@pytest.mark.parametrize(
    "words", [["--events", "/nowhere/at/all/events"], ["--events"], ["--events", ""], ["--events=a\0b"]]
)
def test_a_file_that_cannot_be_written_is_refused(capsys, words):
    assert main(["work", *words]) == 2
    told = capsys.readouterr()
    assert told.err.startswith("error: Expected a file")
    assert told.out == ""  # nothing was begun


@pytest.mark.usefixtures("working")
def test_a_full_disk_stops_nothing(capsys):
    assert main(["work", "--events", "/dev/full"]) == 0
    assert capsys.readouterr().out == "printed\n"


def test_a_reader_that_leaves_stops_nothing(tmp_path):
    command = f"{sys.executable} -m editor3d.cli list methods --events - 2> {tmp_path / 'printed'}"
    script = f"{command} | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stdout == "0\n"
    assert "in2n" in (tmp_path / "printed").read_text()


def test_a_sink_that_cannot_be_opened_leaves_the_earlier_one(tmp_path):
    path = tmp_path / "events.jsonl"
    with events.writing(str(path)):
        with pytest.raises(ConfigError), events.writing(str(tmp_path)):
            pass
        events.emit(events.Finished(code=0))
    assert emitted(path) == [events.Finished(code=0)]


@given(st.integers(0, 50), st.integers(1, 200))
def test_progress_ends_at_the_end(tmp_path_factory, start, steps):
    path = tmp_path_factory.mktemp("events") / "events.jsonl"
    with events.writing(str(path)):
        told = ProgressEvents("fit", "steps", start, start + steps)
        for done in range(start + 1, start + steps + 1):
            told.update(done)
    found = emitted(path)
    assert (found[0].done, found[0].seconds_left) == (start, None)
    assert (found[-1].done, found[-1].seconds_left) == (start + steps, 0.0)
    assert [event.done for event in found] == sorted(event.done for event in found)


@pytest.mark.parametrize(
    ("act", "code"), [("raise DataError('Expected a capture.')", 2), ("raise KeyboardInterrupt", 130)]
)
def test_ns_train_is_followed_by_the_variable(tmp_path, act, code):
    path = tmp_path / "events.jsonl"
    script = (
        "from editor3d.errors import DataError\n"
        "from editor3d.plugin.config.nerfstudio_commands import begin_events, user_errors_exit\n"
        f"with user_errors_exit():\n    begin_events()\n    {act}\n"
    )
    environment = {**os.environ, EVENTS_VARIABLE: str(path)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == code
    first, *errors, last = emitted(path)
    assert first.command == "ns-train"
    assert [error.sentence for error in errors] == (["Expected a capture."] if code == 2 else [])
    assert last.code == code


def test_warnings_of_the_project_are_events_while_events_are_written(tmp_path):
    path = tmp_path / "events.jsonl"
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        with events.writing(str(path)):
            warnings.warn("The panel is left out.", Editor3DWarning, stacklevel=1)
            warnings.warn("A library changes.", UserWarning, stacklevel=1)
        warnings.warn("The editor is left out.", Editor3DWarning, stacklevel=1)
    assert [event.sentence for event in emitted(path)] == ["The panel is left out."]
    assert [str(warning.message) for warning in shown] == [
        "The panel is left out.",
        "A library changes.",
        "The editor is left out.",
    ]
