"""Decisions on the first edit of a run, kept in its folder."""

from __future__ import annotations

import pytest

from editor3d.errors import CheckpointError, ConfigError
from editor3d.update.keys.approval import FILE, Approval, decide, read_approval, wait_for_decision
from editor3d.update.keys.state import read_keys


def test_there_is_something_to_decide_only_once_a_run_waits(tmp_path):
    with pytest.raises(ConfigError, match="begun with --approve"):
        decide(tmp_path, accept=True, again=None)
    assert read_approval(tmp_path) == Approval()
    wait_for_decision(tmp_path)
    decide(tmp_path, accept=False, again=4)
    wait_for_decision(tmp_path)  # the second picture waits too, and nothing that was decided is forgotten
    decide(tmp_path, accept=True, again=None)
    assert read_approval(tmp_path) == Approval(accepted=True, seeds=(4,))
    with pytest.raises(ConfigError, match="before the first edit is accepted"):
        decide(tmp_path, accept=False, again=5)


def test_a_damaged_decision_is_named(tmp_path):
    (tmp_path / FILE).write_text("{")
    with pytest.raises(CheckpointError, match="damaged"):
        read_approval(tmp_path)


@pytest.mark.parametrize("content", ["", "[1]", '{"views": [9], "covered": [0.5]}', '{"views": [[]], "covered": [1]}'])
def test_damaged_keys_are_named(tmp_path, content):
    (tmp_path / "keys.json").write_text(content)
    with pytest.raises(CheckpointError, match="begin the edit again"):
        read_keys(tmp_path, views=4)
