"""What a styling pulls towards: edited pictures of the mesh's views, or a text that CLIP compares them with."""

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
from editor3d.types import View
from editor3d.update.engine import DatasetUpdater, Guidance, Scene, check_instruction
from editor3d.update.schedule import Schedule, least_noise_level, rounds_of, suited_schedule
from editor3d.update.state import EditState, PictureStore
from mesh.render.cameras import Cameras
from mesh.style.samples import PixelSamples

if TYPE_CHECKING:
    from pathlib import Path

    from mesh.style.run import StyleRun

CONDITIONS = "conditions"
"""Folder of a run for the pictures of the mesh that are edited."""


class Objective(Protocol):
    """What `StyleRun` needs of an objective."""

    name: str
    """The editor's, or CLIP's."""
    should_stop: Callable[[], bool]
    on_progress: Callable[[int, int], None]

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
        """A checkpoint was written: what only earlier ones needed can go."""
        ...

    def publish(self, folder: Path) -> None:
        """Put the edited pictures, where there are any, into a folder."""
        ...

    def record(self) -> dict[str, Any]:
        """What edit.json says of it: fields of `EditRecord`."""
        ...

    def metrics(self) -> dict[str, Any]:
        """What edit.json says of how far it got."""
        ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None: ...


def views_of(cameras: Cameras, folder: Path, split: str) -> tuple[View, ...]:
    """Cameras as the views of a capture whose pictures lie in `folder`."""
    size = {"width": cameras.side, "height": cameras.side, "cx": cameras.side / 2, "cy": cameras.side / 2}
    names = [f"{'view' if split == 'train' else 'held_out'}_{index:03d}" for index in range(len(cameras))]
    return tuple(
        View(name, folder / f"{name}.png", split, fl_x=cameras.focal, fl_y=cameras.focal, c2w=c2w, **size)
        for name, c2w in zip(names, cameras.c2ws, strict=True)
    )


class EditObjective:
    """Iterative dataset update: views are edited by a 2D editor, and the field is fitted to them (L1).

    Only pixels that show nothing but the mesh count: what an editor makes of the background is not the mesh's.

    Raises:
        Editor3DError: the editor is not to be had, or refuses the instruction.
    """

    def __init__(self, run: StyleRun) -> None:
        self._run, config = run, run.config
        self.views = views_of(run.train_cameras, run.folder / CONDITIONS, "train")
        self.name = config.editor
        self._editor = create_editor(config.editor, device=run.device)
        check_instruction(self._editor, config.instruction, (), self.views)
        edits, info = config.edits, self._editor.info
        scale = info.guidance_scale if edits.guidance_scale is None else edits.guidance_scale
        steps = info.diffusion_steps if edits.diffusion_steps is None else edits.diffusion_steps
        least = least_noise_level(info, steps)
        if least > edits.upper_bound:
            raise ConfigError(
                f"Expected at most {int(edits.upper_bound * 1000)} diffusion steps, got {steps}: lower diffusion-steps."
            )
        self._guidance = Guidance(config.instruction, config.editor, scale, edits.image_guidance_scale, steps)
        rounds = rounds_of(config.steps, edits.edit_rate, edits.edit_count, len(self.views))
        kind, noise = suited_schedule(info, rounds)
        lower = max(edits.lower_bound, least)
        self._schedule = Schedule(kind, edits.edit_rate, edits.edit_count, lower, edits.upper_bound, noise)
        self.should_stop: Callable[[], bool] = lambda: False
        self.on_progress: Callable[[int, int], None] = lambda done, due: None

    def begin(self) -> None:
        run, config = self._run, self._run.config
        with run.stopwatch.measure("render"):
            self._save_conditions()
        with run.stopwatch.measure("fit"):
            self._samples = PixelSamples(run.styled, run.train_cameras, config.views.supersampling)
        if not len(self._samples):
            raise ConfigError(
                f"Expected pixels that show nothing but the mesh, found none in {len(self.views)} views of "
                f"{config.views.side} pixels a side: raise --side."
            )
        scene = Scene(self.views, self._render, self._condition, (), lambda index: {}, self._samples.store)
        self.updater = DatasetUpdater(
            scene,
            self._editor,
            self._guidance,
            self._schedule,
            EditState(torch.Generator().manual_seed(config.seed)),
            PictureStore(run.folder / "edit_state"),
            config.steps,
            run.stopwatch,
            should_stop=lambda: self.should_stop(),
        )
        self.updater.on_progress = lambda done, due: self.on_progress(done, due)
        for index in range(len(self.views)):
            self._samples.store(index, to_uint8_tensor(self._condition(index)))

    def _save_conditions(self) -> None:
        missing = [index for index, view in enumerate(self.views) if not view.image_path.is_file()]
        pictures = self._run.styled.pictures(
            self._run.train_cameras[missing], self._run.config.views.supersampling, styled=False
        )
        for index, (picture, _) in zip(missing, pictures, strict=True):
            save_png(self.views[index].image_path, picture)

    def _condition(self, index: int) -> Tensor:
        view = self.views[index]
        return read_image(view.image_path, (view.width, view.height)).float() / 255.0

    def _render(self, index: int) -> Tensor:
        ((picture, _),) = self._run.styled.pictures(
            self._run.train_cameras[[index]], self._run.config.views.supersampling
        )
        return picture.cpu()

    def before_step(self, step: int) -> None:
        self.updater.before_step(step)

    def loss(self, step: int) -> Tensor:
        run = self._run
        if run.config.style.displacement > 0.0:
            return self._loss_of_views()
        shading, wanted = self._samples.draw(run.config.batch, run.generator)
        pixels = run.styled.lit(shading, run.styled.colors(shading))
        return (pixels - wanted).abs().mean()

    def _loss_of_views(self) -> Tensor:
        """As the shape changes, the views of a step are drawn and rendered anew."""
        run = self._run
        count = min(run.config.views_per_step, len(self.views))
        which = torch.randperm(len(self.views), generator=run.generator)[:count].tolist()
        change, displacement = run.styled.style()
        shading = run.styled.shading(run.styled.displaced(displacement), run.train_cameras[which])
        wanted, counted = self._samples.pictures(which)
        pixels = run.styled.lit(shading, run.styled.colors(shading, change))
        error = (pixels - wanted[shading.hits.pixel]).abs() * counted[shading.hits.pixel, None]
        # a displacement that the pictures do not ask for stays small
        return error.sum() / (3.0 * counted.sum()) + 1e-2 * displacement.square().mean()

    def saved(self) -> None:
        state = self.updater.state
        self.updater.pictures.prune(state.revisions, newest=len(state.edits))

    def publish(self, folder: Path) -> None:
        self.updater.pictures.publish(self.updater.state.revisions, folder)

    def record(self) -> dict[str, Any]:
        asked = self.updater.guidance
        return {
            "guidance_scale": asked.guidance_scale,
            "image_guidance_scale": asked.image_guidance_scale,
            "diffusion_steps": asked.diffusion_steps,
            "schedule": asdict(self._schedule),
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
