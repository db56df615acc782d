"""The update itself: plan, render, edit, store. Knows pictures and views, not the scene's representation."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from editor3d.host.stopwatch import Stopwatch
from editor3d.run import events
from editor3d.run.record import Edit2D
from editor3d.run.stopping import StepInterrupted
from editor3d.types import (
    Editor,
    EditRequest,
    View,
    ViewGeometry,
)
from editor3d.update.ahead import Ahead
from editor3d.update.forecast import Forecast, forecast
from editor3d.update.instruction import check_instruction, edited_objects, uses_geometry, warn_of_flatness
from editor3d.update.pace import Pace
from editor3d.update.scene import Guidance, Scene
from editor3d.update.schedule import PlannedEdit, Schedule, one_edit_is_final
from editor3d.update.state import EditState, PictureStore

TRIES = 3
"""How often a view is edited at most where its edits come to nothing."""
_NOTHING, _ENOUGH = 0.15, 5
"""Share of the others' median change below which an edit is nothing, and how many others that takes."""


class DatasetUpdater:
    """Iterative dataset update (Instruct-NeRF2NeRF): training pictures are edited while the scene is fitted to them.

    Edited pictures are rounded to 8 bits before they are trained on, so that what is on disk is exactly what was
    trained on and a resumed run sees the same.

    Args:
        total_steps: training steps of the whole edit.
        stopwatch: gets the time of renders under `render`, of edits under `edit`.
        should_stop: called between two edits; True ends the update by `StepInterrupted`.
    """

    FEW: ClassVar[bool] = False
    """Whether a few of the views are edited, not all."""

    def __init__(
        self,
        scene: Scene,
        editor: Editor,
        guidance: Guidance,
        schedule: Schedule,
        state: EditState,
        pictures: PictureStore,
        total_steps: int,
        stopwatch: Stopwatch,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.scene, self.editor, self.guidance, self.schedule = scene, editor, guidance, schedule
        self.state, self.pictures, self.total_steps, self.stopwatch = state, pictures, total_steps, stopwatch
        self.should_stop = should_stop
        self._ahead: Ahead | None = None
        self._planned_to = 0
        """The cursor after the edits of the step that is at work."""
        self.pace = Pace(guidance.editor, guidance.diffusion_steps, (scene.views[0].height, scene.views[0].width))
        self._announced = 0
        """Calls of the editor whose cost was announced."""
        self.only: frozenset[int] | None = None
        """The views that are edited; None is all."""
        self._flat: set[str] = set()  # instructions that were warned of
        self.on_edit: Callable[[int, Tensor], None] = lambda index, picture: None
        """Called after each edit with the view's index and its new picture [H, W, 3] uint8."""
        self.on_progress: Callable[[int, int], None] = lambda done, due: None
        """Called after each edit with how many of those due before this step are done."""

    def before_step(self, step: int) -> int:
        """Make the edits that are due before `step`; returns how many.

        Raises:
            StepInterrupted: a stop was requested. The state is what it was before the step; the pictures made so far
                stay on disk and are found when the step is repeated.
        """
        n_views = len(self.scene.views)
        if one_edit_is_final(self.editor.info) and self.state.cursor >= n_views:
            return 0
        before = self.state.state_dict()
        planned = self.schedule.plan(step, self.total_steps, self.state.cursor, n_views, self.state.generator)
        if one_edit_is_final(self.editor.info):
            planned = planned[: n_views - self.state.cursor]
        self._planned_to = self.state.cursor + len(planned)
        if self.only is not None:
            planned = [edit for edit in planned if edit.view in self.only]
        for done, edit in enumerate(planned):
            if done and self.should_stop():
                self.state.load_state_dict(before)
                self._drop_ahead()
                raise StepInterrupted
            self._look_ahead(step, planned[done:])
            self._apply(step, edit)
            self._try_again(step, edit)
            self.on_progress(done + 1, len(planned))
        if planned:
            self._look_ahead(step, ())
        return len(planned)

    def _look_ahead(self, step: int, due: Sequence[PlannedEdit]) -> None:
        """Begin edits whose turn comes next, where the editor waits for a server and not for the scene."""
        info = self.editor.info
        if not info.concurrent or info.uses_render:
            return
        if self._ahead is None:
            self._ahead = Ahead(self.editor)
        views, scene = self.scene.views, self.scene

        def upcoming() -> Iterator[tuple[object, Callable[[], EditRequest]]]:
            for edit in (*due, *self._later(step)):
                mask = scene.mask(edit.view)
                if mask is None or bool(mask.any()):
                    yield edit, lambda edit=edit, mask=mask: self.request_of(views[edit.view], edit, mask)

        self._ahead.begin(upcoming())

    def _later(self, step: int) -> Iterator[PlannedEdit]:
        """The edits of later steps, in their order; draws what they will draw, from a generator of its own."""
        if self.only is not None:  # then a step's edits say nothing of the cursor
            return
        generator = torch.Generator()
        generator.set_state(self.state.generator.get_state())
        cursor, n_views, final = self._planned_to, len(self.scene.views), one_edit_is_final(self.editor.info)
        for later in range(step + 1, self.total_steps):
            if final and cursor >= n_views:
                return
            planned = self.schedule.plan(later, self.total_steps, cursor, n_views, generator)
            if final:
                planned = planned[: n_views - cursor]
            cursor += len(planned)
            yield from planned

    def _drop_ahead(self) -> None:
        if self._ahead is not None:
            self._ahead.close()
            self._ahead = None

    def restart(self, guidance: Guidance) -> None:
        """Go on with another instruction or other guidance scales, from the first view again.

        Raises:
            Editor3DError: the instruction is refused; the earlier one stays.
        """
        if guidance.instruction != self.guidance.instruction:
            objects, views = self.scene.object_names, self.scene.views
            check_instruction(self.editor, guidance.instruction, objects, views, self.FEW)
        self._drop_ahead()
        self.guidance = guidance
        self.state.cursor = 0

    def reset(self) -> None:
        """Train on the unedited pictures again; editing starts from the first view at the next step that is due."""
        for index in range(len(self.scene.views)):
            self.scene.store(index, rounded(self.scene.condition(index)))
        self.state.cursor = 0
        self.state.revisions.clear()

    def forecast(self) -> Forecast:
        """What the whole edit will take."""
        views = [view.name for i, view in enumerate(self.scene.views) if self.only is None or i in self.only]
        final = one_edit_is_final(self.editor.info)
        edits = self.schedule.edits_in_all(self.total_steps, len(views), final)
        return forecast(
            tuple(views), None, len(self.scene.views), max(0, edits - len(views)), self.editor.info, self.pace.seconds
        )

    def noted(self) -> dict[str, Any]:
        """What the record says of the edit besides: strict JSON values."""
        return {}

    def prune(self) -> None:
        """Remove pictures that no checkpoint names any more."""
        self.pictures.prune(self.state.revisions, newest=len(self.state.edits))

    def state_dict(self) -> dict[str, Any]:
        """What a resumed edit needs, as tensors and plain values."""
        return {"guidance": asdict(self.guidance), **self.state.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` gave, and put the edited pictures back."""
        self.guidance = Guidance(**state["guidance"])
        self.state.load_state_dict(state)
        self._announced = self.state.calls
        self.restore()

    def restore(self) -> None:
        """Put the pictures that the state names back into the training set."""
        index_of = {view.name: index for index, view in enumerate(self.scene.views)}
        for name, revision in self.state.revisions.items():
            self.scene.store(index_of[name], self.pictures.read(name, revision))

    def _try_again(self, step: int, planned: PlannedEdit) -> None:
        """Repeat the edit of a view with another seed where it changed almost nothing, as diffusion models at times do.

        Almost nothing is less than a sixth of the change in other views. Three kinds of edits are not repeated: by an
        editor that uses the noise level, which may be low on purpose; of an object, which the view may not show; and by
        a service, which is paid for each edit.
        """
        info, name = self.editor.info, self.scene.views[planned.view].name
        if not info.varies_with_seed or info.uses_noise_level or info.remote:
            return
        for further in range(1, TRIES):
            edits = self.state.edits
            if not edits or edits[-1].view != name or edits[-1].step != step:  # its mask is empty
                return
            said = self.guidance.instruction
            others = [e.change for e in edits if e.view != name and e.instruction == said and e.change is not None]
            change = edits[-1].change
            if change is None or len(others) < _ENOUGH or change >= _NOTHING * float(np.median(others)):
                return
            if edited_objects(self.editor, self.guidance.instruction, self.scene.object_names):
                return
            self.state.cursor -= 1
            self._apply(step, replace(planned, seed=planned.seed + further))

    def _apply(self, step: int, planned: PlannedEdit) -> None:
        view = self.scene.views[planned.view]
        mask = self.scene.mask(planned.view)
        if mask is not None and not bool(mask.any()):
            self.state.cursor += 1
            return
        revision, request = len(self.state.edits) + 1, self.described(step, planned)
        started = time.perf_counter()
        picture = self.pictures.find(view.name, revision, request)
        seconds = time.perf_counter() - started
        if picture is None:
            picture, seconds = self._edit(view, planned, mask)
            self.pictures.write(view.name, revision, picture, request)
            self.pace.note(seconds)
        elif self._ahead is not None:
            self._ahead.forget(planned)
        self.state.calls += 1
        self.keep(step, planned, picture, seconds)

    def described(self, step: int, planned: PlannedEdit) -> dict[str, Any]:
        """What is kept with an edited picture, so that it answers the same request alone: strict JSON values."""
        request = {
            **asdict(self.guidance),
            **asdict(planned),
            "view": self.scene.views[planned.view].name,
            "step": step,
        }
        return request | ({"seen": seen} if (seen := self.scene.seen(planned.view)) else {})

    def keep(self, step: int, planned: PlannedEdit, picture: Tensor, seconds: float) -> None:
        """Train on an edited picture [H, W, 3] uint8 that is on disk, and announce it."""
        index, name = planned.view, self.scene.views[planned.view].name
        self.scene.store(index, picture)
        self.state.cursor += 1
        self.state.revisions[name] = len(self.state.edits) + 1
        mask = self.scene.mask(index)
        moved = (picture.float() / 255.0 - self.scene.condition(index).cpu()).abs()
        change = float((moved if mask is None else moved[mask.cpu()]).mean())
        said = self.guidance.instruction
        self.state.edits.append(Edit2D(name, step, planned.noise_level, planned.seed, seconds, said, change))
        self._announce(name)
        self.on_edit(index, picture)

    def _announce(self, view: str) -> None:
        """Emit the newest edit and its picture; it costs what was called for since the one before."""
        edit, number, price = self.state.edits[-1], len(self.state.edits), self.editor.info.price
        cost = None if price is None else price * (self.state.calls - self._announced)
        self._announced = self.state.calls
        events.emit(events.Edit2D(view=view, number=number, seconds=edit.seconds, cost=cost))
        events.emit(events.Picture(path=events.absolute(self.pictures.path(view, number)), view=view))

    def request_of(self, view: View, planned: PlannedEdit, mask: Tensor | None) -> EditRequest:
        """What the editor is given."""
        render = None
        if self.editor.info.uses_render:
            with self.stopwatch.measure("render"), torch.no_grad():
                render = self.scene.render(planned.view)
        objects = self.scene.objects(planned.view) if self.editor.info.edits_objects else {}
        return EditRequest(
            view=view.name,
            instruction=self.guidance.instruction,
            condition=self.scene.condition(planned.view),
            render=render,
            objects=objects,
            mask=mask,
            geometry=self._geometry(planned.view),
            garment=self.scene.garment(planned.view) if self.editor.info.needs_garment else None,
            noise_level=planned.noise_level,
            seed=planned.seed,
            guidance_scale=self.guidance.guidance_scale,
            image_guidance_scale=self.guidance.image_guidance_scale,
            diffusion_steps=self.guidance.diffusion_steps,
        )

    def _geometry(self, index: int) -> ViewGeometry | None:
        """What a view shows of the surface, for an editor that uses it."""
        instruction = self.guidance.instruction
        if not uses_geometry(self.editor, instruction, self.scene.object_names):
            return None
        geometry = self.scene.geometry(index)
        if geometry is None and self.editor.info.uses_geometry and instruction not in self._flat:
            self._flat.add(instruction)
            warn_of_flatness(instruction)
        return geometry

    def _edit(self, view: View, planned: PlannedEdit, mask: Tensor | None) -> tuple[Tensor, float]:
        """The edited picture [H, W, 3] uint8, and the seconds that making it took."""
        if self._ahead is not None:
            with self.stopwatch.measure("edit"):
                made = self._ahead.take(planned)
            if made is not None:
                return rounded(made[0]), made[1]
        started, request = time.perf_counter(), self.request_of(view, planned, mask)
        with self.stopwatch.measure("edit"), torch.no_grad():
            picture = rounded(self.editor.edit(request))
        return picture, time.perf_counter() - started


def rounded(picture: Tensor) -> Tensor:
    """Values in 0..1, cut to that, as uint8 on the CPU: how pictures [H, W, 3] and weights [H, W] are stored."""
    return (picture.clamp(0.0, 1.0) * 255.0).round().to(torch.uint8).cpu()
