"""The objectives of a styling: edited pictures of the mesh's views, or a text that CLIP compares them with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from torch import Tensor

from editor3d.datasets.views.images import read_image
from editor3d.editors import create_editor
from editor3d.errors import ConfigError
from editor3d.outputs.pictures import save_png, to_uint8
from editor3d.plan import keys_for
from editor3d.update.engine import DatasetUpdater
from editor3d.update.forecast import agree_on_cost, say_forecast
from editor3d.update.instruction import check_instruction
from editor3d.update.keys.updater import KeyUpdater
from editor3d.update.scene import Guidance, Scene
from editor3d.update.schedule import Schedule, rounds_of, suited_schedule, with_all_steps
from editor3d.update.state import EditState, PictureStore
from mesh.style.keys import key_parts
from mesh.style.samples import PixelSamples
from mesh.style.stage import Stage, views_of
from mesh.style.surface import MeshGeometry

if TYPE_CHECKING:
    from pathlib import Path

CONDITIONS = "conditions"
"""Folder of a run for the pictures of the mesh that are edited."""


class Objective(Protocol):
    """What a styling needs of an objective."""

    name: str
    """The editor's, or CLIP's."""

    def begin(self) -> None:
        """Prepare what takes time or writes files; called once, before anything else."""
        ...

    def before_step(self, step: int) -> None:
        """Do what is due before a step."""
        ...

    def loss(self, step: int) -> Tensor:
        """What the step lowers: []."""
        ...

    def saved(self) -> None:
        """A checkpoint was written: remove what only earlier ones needed."""
        ...

    def publish(self, folder: Path) -> None:
        """Put the edited pictures, where there are any, into a folder."""
        ...

    def record(self) -> dict[str, Any]:
        """Its fields of `EditRecord`."""
        ...

    def metrics(self) -> dict[str, Any]:
        """Its metrics in edit.json."""
        ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None: ...


class EditObjective:
    """Iterative dataset update: views are edited by a 2D editor, and the field is fitted to them (L1).

    Only pixels that show nothing but the mesh count: an edit of the background does not belong to the mesh.

    Args:
        should_stop: whether a step must end between two of its edits, by `StepInterrupted`.
        on_progress: called with how many of how many edits of a step are done.

    Raises:
        Editor3DError: the editor is not available, or refuses the instruction.
    """

    def __init__(
        self,
        stage: Stage,
        should_stop: Callable[[], bool] = lambda: False,
        on_progress: Callable[[int, int], None] = lambda done, due: None,
    ) -> None:
        self._stage, config = stage, stage.config
        self._should_stop, self._on_progress = should_stop, on_progress
        self._agreed = False
        self.views = views_of(stage.train_cameras, stage.folder / CONDITIONS, "train")
        self.name = config.editor
        self._editor = create_editor(config.editor, device=stage.device)
        self._keys, self._keys_reason = keys_for(config.edits.few, self._editor, self.views, config.edits.approve)
        check_instruction(self._editor, config.instruction, (), self.views, few=self._keys is not None)
        edits, info = config.edits, self._editor.info
        scale = info.guidance_scale if edits.guidance_scale is None else edits.guidance_scale
        steps = info.diffusion_steps if edits.diffusion_steps is None else edits.diffusion_steps
        self._guidance = Guidance(config.instruction, config.editor, scale, edits.image_guidance_scale, steps)
        rounds = rounds_of(config.steps, edits.edit_rate, edits.edit_count, len(self.views))
        kind, noise = suited_schedule(info, rounds)
        schedule = Schedule(kind, edits.edit_rate, edits.edit_count, edits.lower_bound, edits.upper_bound, noise)
        self._schedule = with_all_steps(schedule, info, steps)

    def begin(self) -> None:
        stage, config = self._stage, self._stage.config
        with stage.stopwatch.measure("render"):
            self._save_conditions()
        with stage.stopwatch.measure("fit"):
            self._samples = PixelSamples(stage.styled, stage.train_cameras, config.views.supersampling)
        if not len(self._samples):
            raise ConfigError(
                f"Expected pixels that show nothing but the mesh, found none in {len(self.views)} views of "
                f"{config.views.side} pixels a side: raise --side."
            )
        geometry = MeshGeometry(stage.styled, stage.train_cameras, config.views.up)
        scene = Scene(
            self.views,
            self._render,
            self._condition,
            (),
            lambda index: {},
            self._samples.store,
            geometry=lambda index: geometry.view(stage.train_cameras[[index]]),
            weigh=self._samples.weigh,
        )
        keys = {} if self._keys is None else {"parts": key_parts(stage, self._keys)}
        self.updater = (KeyUpdater if keys else DatasetUpdater)(
            scene,
            self._editor,
            self._guidance,
            self._schedule,
            EditState(torch.Generator().manual_seed(config.seed)),
            PictureStore(stage.folder / "edit_state"),
            config.steps,
            stage.stopwatch,
            should_stop=self._should_stop,
            **keys,
        )
        self.updater.on_progress = self._on_progress
        say_forecast(self.updater.forecast(), self._keys_reason)
        for index in range(len(self.views)):
            self._samples.store(index, to_uint8_tensor(self._condition(index)))

    def _save_conditions(self) -> None:
        missing = [index for index, view in enumerate(self.views) if not view.image_path.is_file()]
        pictures = self._stage.styled.pictures(
            self._stage.train_cameras[missing], self._stage.config.views.supersampling, styled=False
        )
        for index, (picture, _) in zip(missing, pictures, strict=True):
            save_png(self.views[index].image_path, picture)

    def _condition(self, index: int) -> Tensor:
        view = self.views[index]
        return read_image(view.image_path, (view.width, view.height)).float() / 255.0

    def _render(self, index: int) -> Tensor:
        ((picture, _),) = self._stage.styled.pictures(
            self._stage.train_cameras[[index]], self._stage.config.views.supersampling
        )
        return picture.cpu()

    def before_step(self, step: int) -> None:
        if not self._agreed:
            agree_on_cost(self.updater.forecast(), self._editor, self.updater.state.calls)
            self._agreed = True
        self.updater.before_step(step)

    def loss(self, step: int) -> Tensor:
        stage = self._stage
        if stage.config.style.displacement > 0.0:
            return self._loss_of_views()
        shading, wanted, counted = self._samples.draw(stage.config.batch, stage.generator)
        pixels = stage.styled.lit(shading, stage.styled.colors(shading))
        return ((pixels - wanted).abs() * counted[:, None]).mean()

    def _loss_of_views(self) -> Tensor:
        """As the shape changes, the views of a step are drawn and rendered anew."""
        stage = self._stage
        count = min(stage.config.views_per_step, len(self.views))
        which = torch.randperm(len(self.views), generator=stage.generator)[:count].tolist()
        change, displacement = stage.styled.style()
        shading = stage.styled.shading(stage.styled.displaced(displacement), stage.train_cameras[which])
        wanted, counted = self._samples.pictures(which)
        pixels = stage.styled.lit(shading, stage.styled.colors(shading, change))
        error = (pixels - wanted[shading.hits.pixel]).abs() * counted[shading.hits.pixel, None]
        # a displacement that the pictures do not ask for stays small
        return error.sum() / (3.0 * counted.sum()).clamp_min(1.0) + 1e-2 * displacement.square().mean()

    def saved(self) -> None:
        self.updater.prune()

    def publish(self, folder: Path) -> None:
        self.updater.pictures.publish(self.updater.state.revisions, folder)

    def record(self) -> dict[str, Any]:
        guidance = self.updater.guidance
        return {
            "guidance_scale": guidance.guidance_scale,
            "image_guidance_scale": guidance.image_guidance_scale,
            "diffusion_steps": guidance.diffusion_steps,
            "schedule": asdict(self._schedule),
            "notes": self.updater.noted(),
            "edits": tuple(replace(edit, instruction=None) for edit in self.updater.state.edits),
        }

    def metrics(self) -> dict[str, Any]:
        return {}

    def state_dict(self) -> dict[str, Any]:
        return self.updater.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.updater.load_state_dict(state)


def to_uint8_tensor(picture: Tensor) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(to_uint8(picture)))
