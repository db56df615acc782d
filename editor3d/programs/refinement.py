"""`refine`: search for a better program for a scene, and keep every step of the search on disk."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from editor3d.errors import ConfigError, DataError
from editor3d.files.writing import jsonable, replacing, sweep, write_json
from editor3d.outputs.pictures import Row, save_png, save_side_by_side
from editor3d.programs.asked import (
    LEDGER,
    Asked,
    begin,
    came_to_something,
    check_folder,
    clip_of,
    fingerprint,
    read_picture,
    read_program,
    resolved,
    target_and_settings,
)
from editor3d.programs.core.budget import Account, Budget
from editor3d.programs.core.contracts import Evaluator, Proposer, Renderer, RenderSettings, Task, Tried
from editor3d.programs.core.run_ledger import RunLedger
from editor3d.programs.embedded.proposer import EmbeddedProposer
from editor3d.programs.imagination import Imagination
from editor3d.programs.judge.picture_clip import embedding
from editor3d.programs.judge.picture_loss import PictureLoss
from editor3d.programs.judge.target_evaluator import TargetEvaluator
from editor3d.programs.rendering import result_scene
from editor3d.programs.search.search import Found, Search, Settings, digest
from editor3d.programs.search.tournament import Outcome
from editor3d.programs.vision.client import VisionClient, VisionSettings
from editor3d.programs.vision.evaluator import VisionEvaluator
from editor3d.programs.vision.proposer import VisionProposer
from editor3d.run.stopping import interrupt_on_sigterm

IMAGINED, SCENE = "imagined.png", "result.blend"
IMAGINED_WEIGHTS = {"photometric": 0.5, "structure": 0.1, "colour": 0.4}
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

    @property
    def program(self) -> Path:
        """The best program."""
        return self.folder / "best.py"

    @property
    def picture(self) -> Path:
        return self.folder / "best.png"

    @property
    def scene(self) -> Path | None:
        """The scene with the best program's changes; None where it was not written, as `summary["result"]` tells."""
        told = self.summary["result"]
        return None if told is None or told["file"] is None else self.folder / told["file"]

    @property
    def before_after(self) -> Path:
        return self.folder / "before_after.png"

    @property
    def ledger(self) -> Path:
        """Every candidate, render, verdict, cost and seed: one JSON line each."""
        return self.folder / LEDGER

    @property
    def summary(self) -> dict[str, Any]:
        """What `refine.json` says."""
        return json.loads((self.folder / "refine.json").read_text(encoding="utf-8"))


def refine(
    asked: Asked,
    output: Path | str,
    *,
    budget: Budget | None = None,
    resume: bool = False,
    allow_weaker_sandbox: bool = False,
    vision: VisionSettings | None = None,
    renderer: Callable[[RenderSettings], Renderer] | None = None,
    save_scene: bool = True,
    on_round: Callable[[int, Outcome, Account], None] = lambda number, outcome, account: None,
    tell: Callable[[str], None] = lambda sentence: None,
) -> Refinement:
    """Search for a better program.

    Args:
        asked: what is to be done.
        output: the run's folder: best.py, best.png, result.blend, before_after.png, ledger.jsonl, refine.json and
            candidates/.
        budget: the most that may be spent, earlier sessions of the run included.
        resume: go on with the run in `output`; nothing that was finished is done again.
        allow_weaker_sandbox: run programs even where the system lacks a layer of containment.
        vision: the vision model; from the environment by default.
        renderer: makes what renders; the sandboxed workers by default.
        save_scene: also write `result.blend`, the scene with the changes that the best program makes, when the search
            ends by itself; only the sandboxed workers can.
        on_round: told of each round that is finished.
        tell: told, before anything is rendered, what of the scene renders leave out: missing files, data of a newer
            Blender, scripts.

    Returns:
        The finished refinement; a spent budget or a service that fails are no errors here.

    Raises:
        Editor3DError: one sentence on what was expected, what came and what to do; nothing is lost.
        KeyboardInterrupt: stopped; the best so far is in the folder, and `resume` continues.
    """
    folder, source = Path(output).expanduser(), read_program(asked.program)
    if not asked.scene.is_file():
        raise DataError(f"Expected a .blend file at {asked.scene}, found none: check the path.")
    vision = vision or VisionSettings.from_environment()
    asked = resolved(asked, vision)
    if "vision" in (asked.proposer, asked.evaluator):
        vision.require()
    imagination = Imagination(asked.editor, asked.instruction) if asked.evaluator == "imagination" else None
    target, render_settings = target_and_settings(asked)
    check_folder(folder, resume)
    if renderer is None and save_scene and asked.scene.resolve() == (folder / SCENE).resolve():
        raise ConfigError(
            f"Expected another folder than the one where the scene is named {SCENE}, which the result would replace: "
            "choose another, or do without by --no-save-scene."
        )
    budget = budget or Budget()
    settings = Settings(asked.breadth, asked.depth, asked.edits, asked.seed)
    begun = fingerprint(asked, source, target, vision, imagination)
    with ExitStack() as stack:
        stack.enter_context(_alone(folder))
        rendering: Renderer
        keep: Callable[[Tried, Tried, Path], dict[str, Any]] | None = None
        if renderer is not None:
            rendering = renderer(render_settings)
        else:
            from editor3d.programs.rendering.pool import Workers

            rendering = workers = Workers(asked.scene, render_settings, allow_weaker_sandbox=allow_weaker_sandbox)
            keep = partial(result_scene.write, workers) if save_scene else None
            for note in workers.notes:
                tell(note)
        stack.callback(rendering.close)
        if not came_to_something(folder / LEDGER):
            (folder / LEDGER).unlink(missing_ok=True)
        ledger = RunLedger(folder / LEDGER)
        stack.callback(ledger.close)
        begin(ledger, begun)
        made = len(ledger.of("round"))
        if asked.depth is not None and asked.depth < made:
            raise ConfigError(
                f"Expected a depth of at least {made}, the rounds that the run in {folder} has made, got "
                f"{asked.depth}: raise --depth, or choose another folder."
            )
        account = Account(budget, ledger)
        run = _Run(asked, folder, source, target, ledger, account, rendering, imagination, vision, on_round, settings)
        return run.go(keep)


class _Run:
    """One session."""

    def __init__(
        self,
        asked: Asked,
        folder: Path,
        source: str,
        target: np.ndarray | None,
        ledger: RunLedger,
        account: Account,
        renderer: Renderer,
        imagination: Imagination | None,
        vision: VisionSettings,
        on_round: Callable[[int, Outcome, Account], None],
        settings: Settings,
    ) -> None:
        self.settings = settings
        self.asked, self.folder, self.source, self.target = asked, folder, source, target
        self.ledger, self.account, self.renderer = ledger, account, renderer
        self.imagination, self.vision, self.told = imagination, vision, on_round
        self.known_rounds = len(ledger.of("round"))
        """Those of earlier sessions, which are gone through again: until then their best stays written."""
        self.search: Search | None = None

    def go(self, keep: Callable[[Tried, Tried, Path], dict[str, Any]] | None) -> Refinement:
        """Search to the end; `keep` then writes the scene with the best program's changes, if it is given."""
        task = Task(self.asked.scene, self.asked.instruction, self.asked.target)
        if self.imagination is not None:
            self.target = self._imagined(task)
        client = VisionClient(self.vision, self.account)
        proposer = VisionProposer(client) if self.asked.proposer == "vision" else self._embedded()
        evaluator: Evaluator
        if self.asked.evaluator == "vision":
            evaluator = VisionEvaluator(client, task, self.target, self.asked.seed)
        else:
            evaluator = self._target_evaluator()
        self.search = self._search(task, proposer, evaluator)
        try:
            with interrupt_on_sigterm():
                first = self.search.start(self.source)
                if not self.known_rounds:
                    self._write_best(first)
                found = self.search.run(self.source)
                self._write_best(found.best)  # first: it takes away an earlier best's scene
                scene = None if keep is None else keep(found.first, found.best, self.folder / SCENE)
        except KeyboardInterrupt:
            if self.search.best is not None and self.search.rounds >= self.known_rounds:
                self._write(self._found("it was interrupted"), None)
            raise
        return self._write(found, scene)

    def _embedded(self) -> EmbeddedProposer:
        return EmbeddedProposer(self._measured(), structures=self.settings.edits != "tweak")

    def _measured(self) -> np.ndarray | None:
        """The target that the embedded proposer may look at: only one that also decides."""
        return None if self.asked.evaluator == "vision" else self.target

    def _target_evaluator(self) -> TargetEvaluator:
        weights = IMAGINED_WEIGHTS if self.asked.evaluator == "imagination" else {}
        embed = None if clip_of(self.asked) is None else embedding()
        return TargetEvaluator(self.target, PictureLoss(self.target, **weights, embed=embed))

    def _search(self, task: Task, proposer: Proposer, evaluator: Evaluator) -> Search:
        return Search(
            task, renderer=self.renderer, proposer=proposer, evaluator=evaluator, account=self.account,
            ledger=self.ledger, settings=self.settings, target=self.target, on_round=self._round,
        )  # fmt: skip

    def _imagined(self, task: Task) -> np.ndarray:
        """The target that the 2D editor makes of the first program's render; made once in a run."""
        path = self.folder / IMAGINED
        known = self.ledger.answer("imagine")
        if known is not None and path.is_file():
            return read_picture(path)
        first = self._search(task, EmbeddedProposer(), _NoEvaluator()).start(self.source)
        imagined = self.imagination.imagine(first.image, self.asked.seed)
        save_png(path, imagined.image)
        self.ledger.append("imagined", key="imagine", picture=IMAGINED, editor=imagined.editor, seed=self.asked.seed)
        return imagined.image

    def _round(self, number: int, outcome: Outcome) -> None:
        if number + 1 == self.known_rounds or (outcome.changed and number >= self.known_rounds):
            self._write_best(outcome.best)
        self.told(number, outcome, self.account)

    def _found(self, reason: str) -> Found:
        return Found(self.search.first, self.search.best, self.search.rounds, reason, False)

    def _write_best(self, best: Tried) -> None:
        path, scene = self.folder / "best.py", self.folder / SCENE
        stale = path.is_file() and path.read_bytes() != best.source.encode()
        if stale and scene.resolve() != self.asked.scene.resolve():
            scene.unlink(missing_ok=True)  # it has what an earlier best changes
        save_png(self.folder / "best.png", best.image)
        with replacing(path) as temporary:
            temporary.write_text(best.source, encoding="utf-8")

    def _write(self, found: Found, scene: dict[str, Any] | None) -> Refinement:
        self._write_best(found.best)
        rows = [Row("before", [found.first.image]), Row("after", [found.best.image])]
        if self.target is not None:
            caption = "imagined" if self.asked.evaluator == "imagination" else "target"
            rows.append(Row(caption, [self.target]))
        columns = [row.caption for row in rows]
        sheet = [Row("", [row.images[0] for row in rows])]
        save_side_by_side(self.folder / "before_after.png", sheet, title=self.asked.instruction, columns=columns)
        improved = found.best.source != found.first.source
        write_json(self.folder / "refine.json", self._summary(found, improved) | {"result": scene})
        return Refinement(self.folder, improved, found.complete, found.reason)

    def _summary(self, found: Found, improved: bool) -> dict[str, Any]:
        losses = {"before": found.first.loss, "after": found.best.loss}
        statuses: dict[str, int] = {}
        for entry in self.ledger.of("render"):
            statuses[entry["status"]] = statuses.get(entry["status"], 0) + 1
        return {
            "format": 1,
            **jsonable(asdict(self.asked)),
            "clip": clip_of(self.asked),
            "stopped": found.reason,
            "improved": improved,
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
            "model": self.vision.model if "vision" in (self.asked.proposer, self.asked.evaluator) else None,
            "best": digest(found.best.source),
        }


class _NoEvaluator:
    """Stands where nothing is judged: the first render, from which a target is imagined."""

    def loss(self, image: np.ndarray) -> None:
        return None

    def parts(self, image: np.ndarray) -> dict[str, float]:
        return {}

    def compare(self, left: Tried, right: Tried) -> None:
        raise AssertionError("nothing is compared before there is a target")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder for this process."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock", timeout=0)
        lock.acquire()
    except OSError as error:
        if isinstance(error, Timeout):
            raise ConfigError(
                f"Another process is at work in {folder}: wait for it, or choose another folder."
            ) from error
        raise ConfigError(
            f"Expected a folder for the run that can be written, {folder} cannot ({error.strerror or error}): give "
            f"another by --output."
        ) from error
    try:
        sweep(folder)
        yield
    finally:
        lock.release()


__all__: Sequence[str] = ("Asked", "Refinement", "refine")
