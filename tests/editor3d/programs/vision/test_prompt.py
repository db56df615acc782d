"""What a vision model is told about programs is what the gate does; and a refusal goes back to it."""

from __future__ import annotations

import numpy as np
import pytest

from editor3d.programs import Budget
from editor3d.programs.core.budget import Account
from editor3d.programs.core.contracts import Candidate, Round, Task
from editor3d.programs.core.run_ledger import RunLedger
from editor3d.programs.sandbox import gate, gate_lists
from editor3d.programs.vision.client import VisionClient
from editor3d.programs.vision.prompt import SYSTEM
from editor3d.programs.vision.proposer import VisionProposer

PASSES = "import bpy\nbpy.data.lights['Key'].energy = 5.0\n"
REFUSED = "import bpy\nbpy.utils.execfile('/tmp/x.py')\n"


@pytest.mark.parametrize("list_name", ["OPERATORS", "BUILTINS", "GUARDED", "DUNDERS"])
def test_all_that_the_gate_lets_through_by_name_is_told(list_name):
    words = {word.rstrip(".,;") for word in SYSTEM.split()}
    assert set(getattr(gate_lists, list_name)) - words == set()


def test_all_modules_are_told():
    whole = [name for name in gate_lists.MODULES if "." not in name and name not in gate_lists.WRANGLER]
    assert f"may import {', '.join(whole)}." in SYSTEM
    assert set(whole) <= set(gate.check("import socket\nsocket.x").partition("allowed are ")[2].rstrip(".").split(", "))


def test_a_refusal_goes_back_word_for_word_and_is_shown(chat, vision, tmp_path):
    chat.programs = [REFUSED, PASSES]
    shown: list[str] = []
    ledger = RunLedger(tmp_path / "ledger.jsonl")
    proposer = VisionProposer(VisionClient(vision, Account(Budget(), ledger)), shown.append)
    picture = np.zeros((8, 8, 3), np.uint8)
    task = Task(tmp_path / "scene.blend", "darker")
    proposal = proposer.propose(Round(task, 0, "tweak", 2, 0, Candidate("import bpy\n", picture)), 0)
    ledger.close()
    assert proposal.source == PASSES
    refusal = gate.check(REFUSED)
    assert refusal.rstrip(".") in str(chat.asked[-1])
    assert [refusal in sentence for sentence in shown] == [True]
