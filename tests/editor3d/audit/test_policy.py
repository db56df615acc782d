"""Policies: what is forbidden is refused before anything is edited, and noted."""

from __future__ import annotations

import pytest

from editor3d.audit.log import read_log
from editor3d.audit.policy import read_policy, require_allowed
from editor3d.cli import main
from editor3d.errors import ConfigError, ForbiddenError

POLICY = """
forbidden:
  - words: [undress, without clothes]
    because: no person is undressed
  - words: [passport]
    because: papers are not forged
"""


@pytest.fixture
def policy(tmp_path, monkeypatch):
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    monkeypatch.setenv("EDITOR3D_POLICY", str(path))
    monkeypatch.setenv("EDITOR3D_LOG", str(tmp_path / "log.jsonl"))
    return path


@pytest.mark.parametrize("said", ["Undress him!", "show her WITHOUT  clothes", "a passport, please"])
def test_forbidden_words_are_refused_and_noted(policy, tmp_path, said):
    with pytest.raises(ForbiddenError, match="because"):
        require_allowed(said)
    (entry,) = read_log(tmp_path / "log.jsonl").entries
    assert (entry["kind"], entry["instruction"]) == ("refusal", said)


@pytest.mark.parametrize("said", ["make it winter", "an undressed salad", "clothes without a pattern", ""])
def test_other_words_are_not(policy, said):
    require_allowed(said)


def test_an_edit_is_refused_before_it_begins(policy, tmp_path, tiny_capture, capsys):
    words = ["edit", str(tiny_capture), "--instruction", "turn the ball into a passport", "--editor", "procedural"]
    assert main([*words, "--output", str(tmp_path / "out")]) == 2
    assert "papers are not forged" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("text", ["forbidden: 3", "forbidden: [{words: [a]}]", "allowed: []", "["])
def test_a_broken_policy_lets_nothing_pass(policy, text):
    policy.write_text(text)
    with pytest.raises(ConfigError):
        read_policy(policy)
    with pytest.raises(ConfigError):
        require_allowed("make it winter")
