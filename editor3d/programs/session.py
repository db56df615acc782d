"""One session of a refinement: what proposes and judges is put together, and the search runs to its results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from editor3d.files.writing import jsonable, replacing
from editor3d.host.stopwatch import Stopwatch
from editor3d.outputs.pictures import Row, save_png
from editor3d.programs import notices
from editor3d.programs.confinement import About, confined, halved_region, object_masks, region_of
from editor3d.programs.core.budget import Account
from editor3d.programs.core.contracts import Candidate, Evaluator, Proposer, Renderer, Task, Verdict
from editor3d.programs.core.options import RefineRequest
from editor3d.programs.core.run_ledger import RunLedger
from editor3d.programs.embedded.proposer import EmbeddedProposer
from editor3d.programs.imagination import Imagination
from editor3d.programs.judge.picture_clip import embedding
from editor3d.programs.judge.picture_loss import PictureLoss
from editor3d.programs.judge.target_evaluator import TargetEvaluator
from editor3d.programs.language.vocabulary import Vocabulary
from editor3d.programs.named.edits import NamedEdit
from editor3d.programs.named.search import NamedEvaluator, NamedProposer
from editor3d.programs.refined import Refinement
from editor3d.programs.rendering.sizes import SmallRenders
from editor3d.programs.report import write_report
from editor3d.programs.request import clip_of, halved, read_picture
from editor3d.programs.search.pictures import digest
from editor3d.programs.search.search import Found, Search, Settings
from editor3d.programs.search.stages import Stages
from editor3d.programs.search.tournament import Outcome
from editor3d.programs.shown import BEST, SCENE, ShownRefinement
from editor3d.programs.vision.client import VisionClient, VisionSettings
from editor3d.programs.vision.evaluator import VisionEvaluator
from editor3d.programs.vision.proposer import VisionProposer
from editor3d.run.progress import TrainingProgress
from editor3d.run.results import EditResults
from editor3d.run.stopping import interrupt_on_sigterm, say_stopped

IMAGINED = "imagined.png"
LARGE = "-large"
"""The ending of a whole picture's name where the search sees smaller ones."""
IMAGINED_WEIGHTS = {"photometric": 0.5, "structure": 0.1, "colour": 0.4, "texture": 0.0}
"""What an editor paints has the right colours and light; edges and textures of its own are not the scene's."""


class Session:
    """A refinement from its start, or from where an earlier session was stopped, to its results."""

    def __init__(
        self,
        request: RefineRequest,
        folder: Path,
        source: str,
        target: np.ndarray | None,
        ledger: RunLedger,
        account: Account,
        renderer: Renderer,
        small: SmallRenders | None,
        imagination: Imagination | None,
        vision: VisionSettings,
        shown: ShownRefinement,
        settings: Settings,
        vocabulary: Vocabulary,
        named: NamedEdit | None,
        at_once: int,
        about: About,
    ) -> None:
        self.settings, self.shown = settings, shown
        self.vocabulary, self.named, self.at_once = vocabulary, named, at_once
        self.request, self.folder, self.source, self.target = request, folder, source, target
        self.ledger, self.account, self.renderer = ledger, account, renderer
        self.small = small
        """Renders at half the size, on which the search is done; None where it sees whole pictures."""
        self.imagination, self.vision, self.about = imagination, vision, about
        self.region: np.ndarray | None = None
        """Where the objects are that the edit is about [H, W] bool; None where it is about the whole picture."""
        self.known_rounds = len(ledger.of("round"))
        """Those of earlier sessions, which are replayed: until then their best stays written."""

    def go(self, on_round: Callable[[int, Outcome, Account], None]) -> Refinement:
        """Search to the end and write the results."""
        task = Task(self.request.scene, self.request.instruction, self.request.target)
        if self.imagination is not None or self.about.names:
            self.target = self._wanted(task)
        client = VisionClient(self.vision, self.account)
        seen = self.target if self.small is None or self.target is None else halved(self.target)
        region = self.region if self.small is None or self.region is None else halved_region(self.region)
        proposer: Proposer = self._embedded(seen, region)
        if self.request.proposer == "vision":
            proposer = VisionProposer(client, notices.note)
        evaluator: Evaluator
        if self.named is not None:
            proposer, evaluator = NamedProposer(self.named), NamedEvaluator(self.named)
        elif self.request.evaluator == "vision":
            evaluator = VisionEvaluator(client, task, self.target, self.request.seed)
        else:
            assert seen is not None  # given, or imagined
            evaluator = self._target_evaluator(seen, region)

        def round_ended(number: int, outcome: Outcome) -> None:
            if number + 1 == self.known_rounds or (outcome.changed and number >= self.known_rounds):
                self._write_best(outcome.best)
            on_round(number, outcome, self.account)

        start = self.account.renders
        total = start + (self.account.renders_left(self.settings.candidates) or 0)
        with TrainingProgress("search", start, total, "candidates") as progress:
            search = self._search(task, proposer, evaluator, seen, round_ended, progress.update, self.small)
            if self.small is not None:
                assert self.target is not None
                large = self._target_evaluator(self.target, self.region)
                search = Stages(search, self._search(task, proposer, large, self.target, size=LARGE), self.account)
            try:
                with interrupt_on_sigterm():
                    return self._finished(search)
            except KeyboardInterrupt:
                if search.first is not None and search.best is not None and search.rounds >= self.known_rounds:
                    self.shown.write_scene = None
                    self._write(search.found("it was interrupted", complete=False))
                say_stopped(self.folder, self.account.renders, None, "candidates")
                raise

    def _finished(self, search: Search | Stages) -> Refinement:
        """Search to the end, and write the results."""
        first = search.start(self.source)
        if not self.known_rounds:
            self._write_best(first)
        found = search.tidied(search.run(self.source))
        self._write(found)
        done = Refinement(self.folder, found.best.source != found.first.source, found.complete, found.reason)
        notices.ending(done)
        self._results().announce()
        return done

    def _results(self) -> EditResults:
        caption = "imagined" if self.request.evaluator == "imagination" else "target"
        goals = [] if self.target is None else [Row(caption, [self.target])]
        stopwatch = Stopwatch()
        stopwatch.seconds["render"] = sum(entry["seconds"] for entry in self.ledger.of("render"))
        return EditResults(self.folder, self.shown, self.ledger.clock, stopwatch, 0, goals)

    def _write(self, found: Found) -> None:
        self._write_best(found.best)  # first: it removes the scene of an earlier best
        self.shown.first, self.shown.best, self.shown.target = found.first, found.best, self.target
        self.shown.notes = self._summary(found)
        results = self._results()
        results.save_before()
        results.save_after()
        results.save_record(found.rounds)
        write_report(self.folder, self.ledger, found.first, found.best, self.shown.notes, self.request.instruction)

    def _embedded(self, target: np.ndarray | None, region: np.ndarray | None) -> EmbeddedProposer:
        """The proposer; it may look at the target only where that also decides."""
        measured = None if self.request.evaluator == "vision" else target
        structures = self.settings.edits != "tweak"
        return EmbeddedProposer(measured, region=region, structures=structures, vocabulary=self.vocabulary)

    def _target_evaluator(self, target: np.ndarray, region: np.ndarray | None) -> TargetEvaluator:
        weights = IMAGINED_WEIGHTS if self.request.evaluator == "imagination" else {}
        embed = None if clip_of(self.request) is None else embedding()
        return TargetEvaluator(target, PictureLoss(target, **weights, embed=embed, region=region))

    def _search(
        self,
        task: Task,
        proposer: Proposer,
        evaluator: Evaluator,
        target: np.ndarray | None,
        on_round: Callable[[int, Outcome], None] = lambda number, outcome: None,
        on_progress: Callable[[int, str, int], None] = lambda done, note, total: None,
        small: SmallRenders | None = None,
        size: str = "",
    ) -> Search:
        return Search(
            task, renderer=small or self.renderer, proposer=proposer, evaluator=evaluator, account=self.account,
            ledger=self.ledger, settings=self.settings, target=target, size=size, at_once=self.at_once,
            on_round=on_round, on_failure=notices.failure, on_progress=on_progress,
        )  # fmt: skip

    def _wanted(self, task: Task) -> np.ndarray:
        """The target: given, or the 2D edit of the first program's render, made once in a run; where the edit is about
        some objects, within them."""
        size = "" if self.small is None else LARGE
        first = self._search(task, EmbeddedProposer(), _NoEvaluator(), None, size=size).start(self.source).image
        masks = object_masks(self.folder, self.about.names, self.about.find) if self.about.names else None
        self.region = None if masks is None else region_of(masks)
        target = self.target if self.imagination is None else self._imagined(self.imagination, first, masks)
        assert target is not None  # given, or imagined
        return target if self.region is None else confined(target, first, self.region)

    def _imagined(
        self, imagination: Imagination, first: np.ndarray, masks: Mapping[str, np.ndarray] | None
    ) -> np.ndarray:
        path = self.folder / IMAGINED
        known = self.ledger.answer("imagine")
        if known is not None and path.is_file():
            return read_picture(path)
        imagined = imagination.imagine(first, self.request.seed, masks)
        picture = imagined.image if self.region is None else confined(imagined.image, first, self.region)
        save_png(path, picture)
        self.ledger.append("imagined", key="imagine", picture=IMAGINED, editor=imagined.editor, seed=self.request.seed)
        return picture

    def _write_best(self, best: Candidate) -> None:
        path, scene = self.folder / BEST, self.folder / SCENE
        stale = path.is_file() and path.read_bytes() != best.source.encode()
        if stale and scene.resolve() != self.request.scene.resolve():
            scene.unlink(missing_ok=True)  # it has what an earlier best changes
        save_png(self.folder / "best.png", best.image)
        with replacing(path) as temporary:
            temporary.write_text(best.source, encoding="utf-8")

    def _summary(self, found: Found) -> dict[str, Any]:
        losses = {"before": found.first.loss, "after": found.best.loss}
        statuses: dict[str, int] = {}
        for entry in self.ledger.of("render"):
            statuses[entry["status"]] = statuses.get(entry["status"], 0) + 1
        return {
            **jsonable(asdict(self.request)),
            "clip": clip_of(self.request),
            "stopped": found.reason,
            "improved": found.best.source != found.first.source,
            "rounds": found.rounds,
            "loss": losses,
            "spent": self.account.spent(),
            "budget": asdict(self.account.budget),
            "candidates": statuses,
            "retried": sum(entry.get("retries", 0) for entry in self.ledger.of("render")),
            "verdicts": len(self.ledger.of("verdict")),
            "failures": len(self.ledger.of("failed")),
            "at_once": self.at_once,
            "about": list(self.about.names),
            "protections": list(self.renderer.protections()),
            "scene_notes": list(getattr(self.renderer, "notes", ())),
            "model": self.vision.model if "vision" in (self.request.proposer, self.request.evaluator) else None,
            "best": digest(found.best.source),
        }


class _NoEvaluator:
    """Stands where nothing is judged: the first render, from which a target is imagined."""

    def loss(self, image: np.ndarray) -> None:
        return None

    def parts(self, image: np.ndarray) -> dict[str, float]:
        return {}

    def compare(self, left: Candidate, right: Candidate) -> Verdict:
        raise AssertionError("nothing is compared before there is a target")
