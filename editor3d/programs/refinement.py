"""`refine`: search for a better program for a scene, and keep every step of the search on disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from editor3d.errors import ConfigError, DataError, InstructionError, ServiceError
from editor3d.files.writing import jsonable, replacing
from editor3d.host.stopwatch import Stopwatch
from editor3d.outputs.pictures import Row, save_png
from editor3d.programs import notices
from editor3d.programs.blenders.choice import choose
from editor3d.programs.core.budget import Account, Budget
from editor3d.programs.core.contracts import Candidate, Evaluator, Proposer, Renderer, RenderSettings, Task, Verdict
from editor3d.programs.core.options import RefineRequest
from editor3d.programs.core.run_ledger import RunLedger
from editor3d.programs.embedded.proposer import EmbeddedProposer
from editor3d.programs.imagination import Imagination
from editor3d.programs.judge.picture_clip import embedding
from editor3d.programs.judge.picture_loss import PictureLoss
from editor3d.programs.judge.target_evaluator import TargetEvaluator
from editor3d.programs.language.vocabulary import NOTHING, Vocabulary
from editor3d.programs.named.edits import NamedEdit, named_edit, not_understood
from editor3d.programs.named.search import NamedEvaluator, NamedProposer
from editor3d.programs.plan import LEDGER, RefinePlan, check_folder, is_begun, read_plan
from editor3d.programs.rendering import result_scene
from editor3d.programs.rendering.sizes import SmallRenders
from editor3d.programs.report import write_report
from editor3d.programs.request import (
    clip_of,
    fingerprint,
    halved,
    read_picture,
    read_program,
    resolved,
    target_and_settings,
)
from editor3d.programs.search.search import Found, Search, Settings, digest
from editor3d.programs.search.stages import LEAST_RENDERS, Stages
from editor3d.programs.search.tournament import Outcome
from editor3d.programs.shown import BEST, SCENE, ShownRefinement, WriteScene
from editor3d.programs.vision.client import VisionClient, VisionSettings
from editor3d.programs.vision.evaluator import VisionEvaluator
from editor3d.programs.vision.proposer import VisionProposer
from editor3d.run.folders import alone, make_run_folder, remove_empty, resume_command
from editor3d.run.progress import TrainingProgress
from editor3d.run.record import read_record
from editor3d.run.results import RECORD, SHEET, EditResults
from editor3d.run.stopping import interrupt_on_sigterm, say_stopped
from editor3d.trust import require_chosen

IMAGINED = "imagined.png"
LARGE = "-large"
"""The ending of a whole picture's name where the search sees smaller ones."""
LEAST_SIDE_TO_HALVE = 192
IMAGINED_WEIGHTS = {"photometric": 0.5, "structure": 0.1, "colour": 0.4, "texture": 0.0}
"""What an editor paints has the right colours and light; edges and textures of its own are not the scene's."""


@dataclass(frozen=True)
class Refinement:
    """A refinement on disk."""

    folder: Path
    improved: bool
    """Whether a better program than the first one was found."""
    complete: bool
    """False where a service ended it early; the best so far is kept, and `resume` continues."""
    reason: str
    """Why it stopped."""

    def require_complete(self) -> None:
        """
        Raises:
            ServiceError: a service ended it early.
        """
        if not self.complete:
            raise ServiceError(
                f"{self.reason.rstrip('.')}: the best so far is kept; resume it by {resume_command(self.folder)}"
            )

    @property
    def program(self) -> Path:
        """The best program."""
        return self.folder / BEST

    @property
    def picture(self) -> Path:
        return self.folder / "best.png"

    @property
    def scene(self) -> Path | None:
        """The scene with the best program's changes; None where it was not written, as `summary["result"]` says."""
        result = self.summary["result"]
        return None if result is None or result["file"] is None else self.folder / result["file"]

    @property
    def before_after(self) -> Path:
        return self.folder / SHEET

    @property
    def ledger(self) -> Path:
        """Every candidate, render, verdict, cost and seed: one JSON line each."""
        return self.folder / LEDGER

    @property
    def summary(self) -> dict[str, Any]:
        """What `edit.json` says of the search: its `notes`."""
        return dict(read_record(self.folder / RECORD).notes)


def refine(
    request: RefineRequest,
    output: Path | str,
    *,
    budget: Budget | None = None,
    resume: bool = False,
    allow_weaker_sandbox: bool = False,
    vision: VisionSettings | None = None,
    renderer: Callable[[RenderSettings], Renderer] | None = None,
    save_scene: bool = True,
    on_round: Callable[[int, Outcome, Account], None] = notices.better_round,
) -> Refinement:
    """Search for a better program. Prints and emits progress, what of the scene renders leave out, and the results.

    Args:
        request: what to refine and how.
        output: the run's folder: best.py, best.png, result.blend, before_after.png, edit.json, refine.json,
            ledger.jsonl and candidates/.
        budget: the most that may be spent, earlier sessions of the run included.
        resume: continue the run in `output`, perhaps with a larger budget or depth; nothing that was finished is done
            again.
        allow_weaker_sandbox: run programs even where the system lacks a layer of containment.
        vision: the vision model; from the environment by default.
        renderer: makes what renders; the sandboxed workers by default.
        save_scene: also write `result.blend`, the scene with the changes that the best program makes, when the search
            ends by itself; only the sandboxed workers can.
        on_round: called after each finished round.

    Returns:
        The finished refinement; a spent budget or a service that fails are no errors here.

    Raises:
        Editor3DError: one sentence on what was expected, what came and what to do; nothing is lost.
        KeyboardInterrupt: stopped; the best so far is in the folder, and `resume` continues.
    """
    folder, source = Path(output).expanduser(), read_program(request.program)
    if not request.scene.is_file():
        raise DataError(f"Expected a .blend file at {request.scene}, found none: check the path.")
    vision = vision or VisionSettings.from_environment()
    given, request = request, resolved(request, vision)
    if "vision" in (request.proposer, request.evaluator):
        vision.require()
    imagination, refusal = _imagination(request, by_names=given.evaluator == "auto" and renderer is None)
    target, render_settings = target_and_settings(request)
    check_folder(folder, resume)
    interpreter = None
    if renderer is None:
        interpreter = choose(request.scene, request.blender, allow_older=request.allow_older_blender)
    if renderer is None and save_scene and request.scene.resolve() == (folder / SCENE).resolve():
        raise ConfigError(
            f"Expected another folder than the one where the scene is named {SCENE}, which the result would replace: "
            "choose another, or do without by --no-save-scene."
        )
    budget = budget or Budget()
    settings = Settings(request.breadth, request.depth, request.edits, request.seed)
    plan = RefinePlan(given, fingerprint(request, source, target, vision, imagination), budget, save_scene)
    with ExitStack() as stack:
        make_run_folder(folder)
        stack.callback(remove_empty, folder, 0)  # it is, if the run could not begin
        stack.enter_context(alone(folder))
        check_folder(folder, resume)
        rendering: Renderer
        write_scene: WriteScene | None = None
        vocabulary = NOTHING
        if renderer is not None:
            rendering = renderer(render_settings)
        else:
            from editor3d.programs.rendering.pool import Workers

            rendering = workers = Workers(
                request.scene,
                render_settings,
                interpreter=interpreter,
                allow_weaker_sandbox=allow_weaker_sandbox,
            )
            write_scene, vocabulary = partial(result_scene.write, workers) if save_scene else None, workers.vocabulary
            render_settings = workers.settings  # with the scene's own shape
            for sentence in workers.notes:
                notices.note(sentence)
        stack.callback(rendering.close)
        named = None
        if request.evaluator == "names" or (given.evaluator == "auto" and request.evaluator == "imagination"):
            named = named_edit(request.instruction, source, vocabulary)
        if named is not None:
            request, imagination = replace(request, evaluator="names"), None
        elif refusal is not None or request.evaluator == "names":
            raise not_understood(refusal, request.instruction, vocabulary)
        if not is_begun(folder):
            (folder / LEDGER).unlink(missing_ok=True)
        ledger = RunLedger(folder / LEDGER)
        stack.callback(ledger.close)
        made = len(ledger.of("round"))
        if request.depth is not None and request.depth < made:
            raise ConfigError(
                f"Expected a depth of at least {made}, the rounds that the run in {folder} has made, got "
                f"{request.depth}: raise --depth, or choose another folder."
            )
        plan.write(folder)
        small = None
        if renderer is None and named is None and _searches_small(request, render_settings, budget):
            small = SmallRenders(workers, 50)
        shown = ShownRefinement(request, render_settings, write_scene)
        account = Account(budget, ledger)
        run = _Run(
            request, folder, source, target, ledger, account, rendering, small, imagination, vision, shown, settings,
            vocabulary, named,
        )  # fmt: skip
        return run.go(on_round)


def _imagination(request: RefineRequest, by_names: bool) -> tuple[Imagination | None, InstructionError | None]:
    """What imagines the target, if anything does; and, if the scene's names may do instead, why not."""
    if request.evaluator != "imagination":
        return None, None
    try:
        return Imagination(request.editor, request.instruction), None
    except InstructionError as error:
        if not by_names or not request.instruction.strip():
            raise
        return None, error


def resume(folder: Path) -> Path:
    """Continue a refinement with the request and the budget that it was begun with.

    Raises:
        CheckpointError: the folder holds no refinement.
        ConfigError: it would use an image service that was not chosen on this machine, or weights not on it.
        ServiceError: a service ended it early.
        KeyboardInterrupt: stopped again.
    """
    plan = read_plan(folder)
    require_chosen(plan.request.editor, folder)
    done = refine(plan.request, folder, budget=plan.budget, resume=True, save_scene=plan.save_scene)
    done.require_complete()
    return folder


class _Run:
    """One session."""

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
    ) -> None:
        self.settings, self.shown = settings, shown
        self.vocabulary, self.named = vocabulary, named
        self.request, self.folder, self.source, self.target = request, folder, source, target
        self.ledger, self.account, self.renderer = ledger, account, renderer
        self.small = small
        """Renders at half the size, on which the search is done; None where it sees whole pictures."""
        self.imagination, self.vision = imagination, vision
        self.known_rounds = len(ledger.of("round"))
        """Those of earlier sessions, which are replayed: until then their best stays written."""

    def go(self, on_round: Callable[[int, Outcome, Account], None]) -> Refinement:
        """Search to the end and write the results."""
        task = Task(self.request.scene, self.request.instruction, self.request.target)
        if self.imagination is not None:
            self.target = self._imagined(task)
        client = VisionClient(self.vision, self.account)
        seen = self.target if self.small is None or self.target is None else halved(self.target)
        proposer: Proposer = self._embedded(seen)
        if self.request.proposer == "vision":
            proposer = VisionProposer(client, notices.note)
        evaluator: Evaluator
        if self.named is not None:
            proposer, evaluator = NamedProposer(self.named), NamedEvaluator(self.named)
        elif self.request.evaluator == "vision":
            evaluator = VisionEvaluator(client, task, self.target, self.request.seed)
        else:
            assert seen is not None  # given, or imagined
            evaluator = self._target_evaluator(seen)

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
                large = self._target_evaluator(self.target)
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
        found = search.run(self.source)
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

    def _embedded(self, target: np.ndarray | None) -> EmbeddedProposer:
        """The proposer; it may look at the target only where that also decides."""
        measured = None if self.request.evaluator == "vision" else target
        return EmbeddedProposer(measured, structures=self.settings.edits != "tweak", vocabulary=self.vocabulary)

    def _target_evaluator(self, target: np.ndarray) -> TargetEvaluator:
        weights = IMAGINED_WEIGHTS if self.request.evaluator == "imagination" else {}
        embed = None if clip_of(self.request) is None else embedding()
        return TargetEvaluator(target, PictureLoss(target, **weights, embed=embed))

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
            ledger=self.ledger, settings=self.settings, target=target, size=size, on_round=on_round,
            on_failure=notices.failure, on_progress=on_progress,
        )  # fmt: skip

    def _imagined(self, task: Task) -> np.ndarray:
        """The target: the 2D edit of the first program's render, made once in a run."""
        path = self.folder / IMAGINED
        known = self.ledger.answer("imagine")
        if known is not None and path.is_file():
            return read_picture(path)
        assert self.imagination is not None
        size = "" if self.small is None else LARGE
        first = self._search(task, EmbeddedProposer(), _NoEvaluator(), None, size=size).start(self.source)
        assert self.imagination is not None
        imagined = self.imagination.imagine(first.image, self.request.seed)
        save_png(path, imagined.image)
        self.ledger.append("imagined", key="imagine", picture=IMAGINED, editor=imagined.editor, seed=self.request.seed)
        return imagined.image

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
            "protections": list(self.renderer.protections()),
            "scene_notes": list(getattr(self.renderer, "notes", ())),
            "model": self.vision.model if "vision" in (self.request.proposer, self.request.evaluator) else None,
            "best": digest(found.best.source),
        }


def _searches_small(request: RefineRequest, settings: RenderSettings, budget: Budget) -> bool:
    """Whether rounds look at renders of half the size: where pictures are measured, and large enough for it."""
    return (
        "vision" not in (request.proposer, request.evaluator)
        and max(settings.width, settings.height) >= LEAST_SIDE_TO_HALVE
        and min(settings.width, settings.height) >= 64
        and settings.width % 2 == settings.height % 2 == 0
        and (budget.renders is None or budget.renders >= LEAST_RENDERS)
    )


class _NoEvaluator:
    """Stands where nothing is judged: the first render, from which a target is imagined."""

    def loss(self, image: np.ndarray) -> None:
        return None

    def parts(self, image: np.ndarray) -> dict[str, float]:
        return {}

    def compare(self, left: Candidate, right: Candidate) -> Verdict:
        raise AssertionError("nothing is compared before there is a target")


__all__: Sequence[str] = ("Budget", "RefineRequest", "Refinement", "refine")
