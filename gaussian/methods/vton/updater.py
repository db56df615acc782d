"""Editing Recall Reconstruction: each stage edits every view against the original picture before it fits any."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor

from editor3d.diffusion.sizing import around
from editor3d.run.record import Edit2D
from editor3d.run.stopping import StepInterrupted
from editor3d.types import View
from editor3d.update.engine import DatasetUpdater
from editor3d.update.keys.updater import KeyUpdater
from editor3d.update.schedule import PlannedEdit, one_edit_is_final
from gaussian.methods.vton.consistency import Look, disagreements, look_of, outliers
from gaussian.methods.vton.face import restore_face

STAGES = ("face", "agreement", "restoration")
_MARGIN = 0.1
"""How much of a garment's surroundings is restored with it, as a share of its longer side."""
Restore = Callable[[Tensor, Tensor, int], Tensor]
"""(render [H, W, 3] 0..1, edited picture [H, W, 3] 0..1, seed) -> restored picture [H, W, 3] 0..1."""


@dataclass(frozen=True, eq=False)
class Wearer:
    """What the stages know of the person."""

    garments: tuple[Tensor, ...]
    """[H, W] bool by view."""
    faces: tuple[Tensor, ...]
    """[H, W] bool by view."""
    original: Callable[[int], Tensor]
    """[H, W, 3] uint8 by view: what faces are taken from."""
    neighbours: list[list[int]]
    reedits: int = 2
    """How often a view that disagrees is edited again, at most."""
    restore: Restore | None = None
    """Stage 3; None leaves it out."""
    make_ready: Callable[[], None] = lambda: None
    """Prepares the scene for another cloth; called once, before the first optimiser step."""
    restorer: str = ""
    """What restores, so that stored pictures of another are never taken for its."""


@dataclass
class StageNotes:
    """What the stages did, for the record and for a resumed run."""

    stages: list[dict[str, Any]] = field(default_factory=list)
    reedited: list[dict[str, Any]] = field(default_factory=list)
    """View, stage, how it disagreed before and after."""
    face_shifts: dict[str, float] = field(default_factory=dict)
    """By view, pixels that an edit had moved the face, where it had."""


class DressingKeyUpdater(KeyUpdater):
    """The update by keys, for a garment.

    Its masks keep all but the garment as it was, the face too, and its checks find what looks otherwise: one stage does
    what `DressingUpdater` needs two for. Nothing is restored, since what was carried over has the keys' own detail.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.make_ready: Callable[[], None] = lambda: None
        """As `Wearer.make_ready`."""

    def before_step(self, step: int) -> int:
        edits = super().before_step(step)
        if step == 0:
            self.make_ready()
        return edits


class DressingUpdater(DatasetUpdater):
    """The dataset update of GaussianVTON: no picture is trained on before all of its stage are edited.

    A stage begins every `schedule.edit_rate` steps:

    1. *face*: every view is edited against the original picture, and gets its face back.
    2. *agreement*: edited once more where two edits can differ; then views whose garment disagrees with those beside
       them are edited again with other seeds, and of the tries that which agrees best is kept. The same look at the
       views ends stage 1, so that a wrong garment is not fitted meanwhile.
    3. *restoration*: every view is rendered, restored and trained on.
    """

    wearer: Wearer

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.notes = StageNotes()

    def before_step(self, step: int) -> int:
        """See `DatasetUpdater.before_step`."""
        stage, rest = divmod(step, self.schedule.edit_rate)
        if self.state.cursor == 0:  # the first step, or a new start
            stage = 0
        elif rest or stage >= len(STAGES):
            return 0
        before, notes = self.state.state_dict(), asdict(self.notes)
        count = len(self.state.edits)
        try:
            if STAGES[stage] == "restoration":
                self._restore_all(step)
            else:
                if stage == 0 or not one_edit_is_final(self.editor.info):
                    self._edit_all(step)
                self._agree(step, STAGES[stage])
            if step == 0:
                self.wearer.make_ready()
        except StepInterrupted:
            self.state.load_state_dict(before)
            self.notes = StageNotes(**notes)
            raise
        edits = len(self.state.edits) - count
        self.notes.stages.append({"stage": STAGES[stage], "step": step, "edits": edits})
        return edits

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "notes": asdict(self.notes)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.notes = StageNotes(**state["notes"])
        super().load_state_dict(state)

    def _edit_all(self, step: int) -> None:
        views = len(self.scene.views)
        planned = self.schedule.plan(0, self.total_steps, 0, views, self.state.generator)
        for done, edit in enumerate(planned):
            if done and self.should_stop():
                raise StepInterrupted
            self._apply(step, edit)
            self.on_progress(done + 1, views)

    def _agree(self, step: int, stage: str) -> None:
        """Edit views that disagree again, the worst first: one wrong view makes those beside it look wrong, too."""
        looks = [self._look(index) for index in range(len(self.scene.views))]
        seen: set[int] = set()
        while left := [index for index in self._outliers(looks) if index not in seen]:
            self._edit_again(step, stage, left[0], looks)
            seen.add(left[0])

    def _outliers(self, looks: list[Look | None]) -> list[int]:
        return outliers(disagreements(looks, self.wearer.neighbours))

    def _edit_again(self, step: int, stage: str, index: int, looks: list[Look | None]) -> None:
        """Edit one view until it agrees, `Wearer.reedits` times at most, and keep the best try; updates `looks`."""
        name, first = self.scene.views[index].name, disagreements(looks, self.wearer.neighbours)[index]
        assert first is not None  # it is one of those that disagree
        kept, least = self.state.revisions[name], first.color
        for _ in range(self.wearer.reedits):
            if self.should_stop():
                raise StepInterrupted
            self._apply(step, self.schedule.plan(0, self.total_steps, index, len(looks), self.state.generator)[0])
            looks[index] = self._look(index)
            now = disagreements(looks, self.wearer.neighbours)[index]
            if now is not None and now.color < least:
                kept, least = self.state.revisions[name], now.color
            if index not in self._outliers(looks):
                break
        self._keep(index, kept)
        looks[index] = self._look(index)
        self.notes.reedited.append(
            {"view": name, "stage": stage, "step": step, "color": first.color, "bits": first.bits, "color_after": least}
        )

    def _keep(self, index: int, revision: int) -> None:
        name = self.scene.views[index].name
        if self.state.revisions[name] != revision:
            self.state.revisions[name] = revision
            self.scene.store(index, self.pictures.read(name, revision))

    def _look(self, index: int) -> Look | None:
        mask, name = self.wearer.garments[index], self.scene.views[index].name
        if not bool(mask.any()) or name not in self.state.revisions:
            return None
        return look_of(self.pictures.read(name, self.state.revisions[name]), mask)

    def _edit(self, view: View, planned: PlannedEdit, mask: Tensor | None) -> tuple[Tensor, float]:
        edited, seconds = super()._edit(view, planned, mask)
        index = planned.view
        restored = restore_face(self.wearer.original(index), edited, self.wearer.faces[index])
        if restored.shift > 0:
            self.notes.face_shifts[view.name] = round(restored.shift, 3)
        return restored.picture, seconds

    def _restore_all(self, step: int) -> None:
        if self.wearer.restore is None:
            return
        edited = [index for index, view in enumerate(self.scene.views) if view.name in self.state.revisions]
        for done, index in enumerate(edited):
            if done and self.should_stop():
                raise StepInterrupted
            self._restore(step, index)
            self.on_progress(done + 1, len(edited))

    def _restore(self, step: int, index: int) -> None:
        """Replace a view's picture by its restored render; outside the garment it stays what it was."""
        view, mask = self.scene.views[index], self.wearer.garments[index]
        revision = len(self.state.edits) + 1
        seed = int(torch.randint(2**31, (1,), generator=self.state.generator))
        request = {**asdict(self.guidance), "restorer": self.wearer.restorer, "seed": seed, "view": view.name}
        request |= {"step": step, "seen": self.scene.seen(index)}
        started = time.perf_counter()
        picture = self.pictures.find(view.name, revision, request)
        if picture is None:
            with self.stopwatch.measure("render"), torch.no_grad():
                render = self.scene.render(index)
            edited = self.pictures.read(view.name, self.state.revisions[view.name])
            with self.stopwatch.measure("edit"), torch.no_grad():
                picture = self._restored(render, edited, mask, seed)
            self.pictures.write(view.name, revision, picture, request)
        self.scene.store(index, picture)
        self.state.revisions[view.name] = revision
        seconds = time.perf_counter() - started
        self.state.edits.append(Edit2D(view.name, step, 0.0, seed, seconds, self.guidance.instruction))
        self._announce(view.name)
        self.on_edit(index, picture)

    def _restored(self, render: Tensor, edited: Tensor, mask: Tensor, seed: int) -> Tensor:
        """The edited picture [H, W, 3] uint8 with what is worn taken from the restored render."""
        rows, columns = around(mask, _MARGIN, least=64)
        guide = edited[rows, columns].float() / 255.0
        assert self.wearer.restore is not None
        restored = self.wearer.restore(render[rows, columns], guide, seed)
        restored = (restored.clamp(0.0, 1.0) * 255.0).round().to(torch.uint8)
        picture = edited.clone()
        picture[rows, columns] = torch.where(mask[rows, columns, None], restored, edited[rows, columns])
        return picture
