"""Menus and switches of a scene's modifiers are tried before all numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from editor3d.programs.core.contracts import Candidate, Round, Task
from editor3d.programs.embedded.proposer import EmbeddedProposer
from editor3d.programs.judge.picture_loss import PictureLoss
from editor3d.programs.language.syntax import Program
from editor3d.programs.language.vocabulary import Input, Vocabulary

SOURCE = 'm["Socket_1"] = 2\nm["Socket_2"] = False\nm["Socket_3"] = 0.5\nkey.use_shadow = True\n'
SCENE = Vocabulary(
    inputs=(
        Input("A", "Style", "Socket_1", "MENU", "M", choices=("Box", "Rod", "Spike"), numbers=(2, 3, 4)),
        Input("A", "Slab", "Socket_2", "BOOLEAN", "M"),
        Input("A", "Height", "Socket_3", "FLOAT", "M", 0.0, 1.0),
    )
)


def painted(source: str) -> np.ndarray:
    """A picture [32, 32, 3] of a shape, a plate below it and their brightness."""
    style, slab, height = (p.value for p in Program(source, SCENE).parameters[:3])
    image = np.full((32, 32, 3), 40, np.uint8)
    width = {2: 12, 3: 8, 4: 3}[style]
    image[8:26, 16 - width : 16 + width] = round(100 + 100 * height)
    image[28:] = 220 if slab else 40
    return image


def test_both_are_found_in_two_rounds_and_then_numbers_have_their_turn():
    target = painted(SOURCE.replace("= 2", "= 4").replace("False", "True").replace("0.5", "0.8"))
    proposer, loss = EmbeddedProposer(target, vocabulary=SCENE), PictureLoss(target)
    best = Candidate(SOURCE, painted(SOURCE), loss(painted(SOURCE)))
    notes = []
    for number in range(4):
        current = Round(Task(Path("a.blend"), ""), number, ("tweak", "leap")[number % 2], 8, number, best, target)
        tried = []
        for index in range(8):
            proposal = proposer.propose(current, index)
            if proposal is not None:
                notes.append((number, proposal.note))
                image = painted(proposal.source)
                tried.append(Candidate(proposal.source, image, loss(image), proposal.note))
        best = min([best, *tried], key=lambda one: one.loss)
        proposer.learn(current, sorted(tried, key=lambda one: one.loss), best)
    chosen = [note for number, note in notes if number == 0]
    assert chosen == [
        "choose: Socket_1 2 -> 3", "choose: Socket_1 2 -> 4", "choose: Socket_2 -> True"
    ]  # fmt: skip
    assert 'm["Socket_1"] = 4' in best.source
    assert 'm["Socket_2"] = True' in best.source
    assert any(note.startswith("screen") for _, note in notes)


def test_a_search_of_values_alone_leaves_them():
    target = painted(SOURCE.replace("0.5", "0.8"))
    proposer = EmbeddedProposer(target, structures=False, vocabulary=SCENE)
    image = painted(SOURCE)
    current = Round(Task(Path("a.blend"), ""), 0, "tweak", 8, 0, Candidate(SOURCE, image, 1.0), target)
    proposal = proposer.propose(current, 0)
    assert proposal is not None
    assert not proposal.note.startswith("choose")
