"""Lines of progress: the last one always, the others some seconds apart and no more than the environment allows."""

from __future__ import annotations

import pytest

from editor3d.errors import ConfigError
from editor3d.run import progress
from editor3d.run.progress import LINES_VARIABLE, TrainingProgress

STEPS = 9


def lines(capsys, monkeypatch, seconds_a_step: float, start: int = 0) -> list[int]:
    """The steps that get a line when each of them takes so long."""
    now = 0.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    with TrainingProgress("fit", start, STEPS) as shown:
        for done in range(start + 1, STEPS + 1):
            now += seconds_a_step
            shown.update(done)
    told = [line.split(",")[0] for line in capsys.readouterr().out.splitlines()]
    assert all(line.startswith("fit: ") and line.endswith(f"/{STEPS}") for line in told)
    return [int(line.removeprefix("fit: ").split("/")[0]) for line in told]


@pytest.mark.parametrize(
    ("limit", "seconds", "told"),
    [
        ("", 1.0, [9]),
        ("", 10.0, [2, 4, 6, 8, 9]),
        ("", 60.0, [1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ("3", 1.0, [9]),
        ("3", 10.0, [3, 6, 9]),
        ("3", 60.0, [3, 6, 9]),
        ("3", 3600.0, [3, 6, 9]),
        ("1", 60.0, [9]),
        ("100", 60.0, [1, 2, 3, 4, 5, 6, 7, 8, 9]),
    ],
)
def test_a_line_is_due_after_some_seconds_and_within_the_limit(monkeypatch, capsys, limit, seconds, told):
    monkeypatch.setenv(LINES_VARIABLE, limit)
    assert lines(capsys, monkeypatch, seconds) == told


def test_a_resumed_part_has_its_own_lines(monkeypatch, capsys):
    monkeypatch.setenv(LINES_VARIABLE, "2")
    assert lines(capsys, monkeypatch, 60.0, start=5) == [7, 9]


@pytest.mark.parametrize("limit", ["often", "0", "-1", "1.5"])
def test_what_is_no_number_of_lines_is_refused(monkeypatch, limit):
    monkeypatch.setenv(LINES_VARIABLE, limit)
    with pytest.raises(ConfigError, match=LINES_VARIABLE):
        TrainingProgress("fit", 0, STEPS)
