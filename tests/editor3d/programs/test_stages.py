"""A search on small pictures ends with the best few on large ones."""

from __future__ import annotations

import json
import threading

import numpy as np
import pytest

from editor3d.programs.core.budget import Account, Budget
from editor3d.programs.core.contracts import Rendered, RenderSettings, Task
from editor3d.programs.core.run_ledger import RunLedger
from editor3d.programs.embedded.proposer import EmbeddedProposer
from editor3d.programs.judge.target_evaluator import TargetEvaluator
from editor3d.programs.request import halved
from editor3d.programs.search.search import Found, Search, Settings
from editor3d.programs.search.stages import FINALISTS, Stages

from .scripted import FIRST, Painter

LARGE = RenderSettings(width=32, height=32)
GOAL = "brightness = 0.75\nangle = 0.25\n"


def search(tmp_path, files, budget: Budget) -> tuple[Stages, Account, RunLedger, list[Painter]]:
    ledger = RunLedger(tmp_path / "run" / "ledger.jsonl")
    account = Account(budget, ledger)
    target = Painter(LARGE).render(GOAL).image
    assert target is not None
    painters = [Painter(RenderSettings(width=16, height=16)), Painter(LARGE)]
    parts = [
        Search(
            Task(files[0], "make it bright"),
            renderer=painter,
            proposer=EmbeddedProposer(seen),
            evaluator=TargetEvaluator(seen),
            account=account,
            ledger=ledger,
            settings=Settings(breadth=4, depth=3),
            target=seen,
            size=size,
        )
        for painter, seen, size in zip(painters, (halved(target), target), ("", "-large"), strict=True)
    ]
    return Stages(*parts, account), account, ledger, painters


def test_rounds_see_small_pictures_and_the_result_is_large(files, tmp_path):
    stages, _, ledger, (small, large) = search(tmp_path, files, Budget(renders=100))
    stages.start(FIRST)
    found = stages.run(FIRST)
    assert found.first.image.shape == found.best.image.shape == (32, 32, 3)
    assert found.best.loss is not None
    assert found.first.loss is not None
    assert found.best.loss < found.first.loss
    assert len(large.sources) <= 1 + FINALISTS < len(small.sources)
    assert found.best.source in large.sources
    kept = [json.loads(line)["source"] for line in ledger.path.read_text().splitlines() if '"render"' in line]
    assert sum(name.endswith("-large") for name in kept) == len(large.sources)


@pytest.mark.parametrize("renders", [16, 17, 20])
def test_the_end_is_paid_for_within_the_budget(renders, files, tmp_path):
    stages, account, _, painters = search(tmp_path, files, Budget(renders=renders))
    stages.start(FIRST)
    found = stages.run(FIRST)
    assert account.renders == sum(len(painter.sources) for painter in painters) <= renders
    assert found.best.image.shape == (32, 32, 3)


class Crowded(Painter):
    """Knows how many programs it was painting at a time."""

    def __init__(self, settings: RenderSettings) -> None:
        super().__init__(settings)
        self.pause, self.now, self.most, self.lock = 0.01, 0, 0, threading.Lock()

    def render(self, source: str, deadline: float | None = None) -> Rendered:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        try:
            return super().render(source, deadline)
        finally:
            with self.lock:
                self.now -= 1


def searched(folder, files, at_once: int, renders: int = 60) -> tuple[Crowded, Found, list[dict]]:
    """A search, and its ledger without the times."""
    ledger = RunLedger(folder / "ledger.jsonl")
    target = Painter(LARGE).render(GOAL).image
    assert target is not None
    painter = Crowded(LARGE)
    found = Search(
        Task(files[0], ""), renderer=painter, proposer=EmbeddedProposer(target), evaluator=TargetEvaluator(target),
        account=Account(Budget(renders=renders), ledger), ledger=ledger, settings=Settings(breadth=4, depth=5),
        target=target, at_once=at_once,
    ).run(FIRST)  # fmt: skip
    lines = [json.loads(line) for line in ledger.path.read_text().splitlines()]
    kept = [{k: v for k, v in line.items() if k != "at"} for line in lines if line["event"] != "rendering"]
    return painter, found, kept


def test_candidates_of_a_round_are_rendered_at_once_and_nothing_else_changes(files, tmp_path):
    alone, one, lines = searched(tmp_path / "alone", files, 1)
    crowd, other, same = searched(tmp_path / "crowd", files, 3)
    assert (alone.most, crowd.most) == (1, 3)
    assert other.best.source == one.best.source != FIRST
    assert sorted(crowd.sources) == sorted(alone.sources)

    def of(events, kind):
        return [event for event in events if event["event"] == kind]

    for kind in ("render", "proposal", "verdict", "round"):
        assert of(same, kind) == of(lines, kind)


@pytest.mark.parametrize("renders", [1, 2, 6])
def test_as_many_at_once_never_are_more_than_the_budget(renders, files, tmp_path):
    painter, found, _ = searched(tmp_path / "run", files, 3, renders)
    assert len(painter.sources) == renders
    assert "budget" in found.reason


def test_half_a_picture_is_its_mean_by_area():
    picture = np.zeros((4, 6, 3), np.uint8)
    picture[:2, :2] = [[[200] * 3, [100] * 3], [[0] * 3, [100] * 3]]
    assert halved(picture).shape == (2, 3, 3)
    assert halved(picture)[0, 0].tolist() == [100, 100, 100]
