"""Lines of progress come as often as the environment says, the last one always."""

from __future__ import annotations

import pytest

from editor3d.errors import ConfigError
from editor3d.run.progress import LINES_VARIABLE, TrainingProgress

STEPS = 5


def lines(capsys) -> list[str]:
    with TrainingProgress("fit", 0, STEPS) as progress:
        for done in range(1, STEPS + 1):
            progress.update(done)
    return [line.split(",")[0] for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize(("seconds", "told"), [("0", [1, 2, 3, 4, 5]), ("1e6", [5]), ("", [5])])
def test_lines_are_as_far_apart_as_the_environment_says(monkeypatch, capsys, seconds, told):
    monkeypatch.setenv(LINES_VARIABLE, seconds)
    assert lines(capsys) == [f"fit: {done}/{STEPS}" for done in told]


def test_what_is_no_number_is_refused(monkeypatch):
    monkeypatch.setenv(LINES_VARIABLE, "often")
    with pytest.raises(ConfigError, match=LINES_VARIABLE):
        TrainingProgress("fit", 0, STEPS)
