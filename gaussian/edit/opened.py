"""A scene of splats to be changed by numbers: a file, or a run's scene; its regions and the views that see it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from editor3d.errors import ConfigError, RegionError
from editor3d.plugin.bases.base import open_base
from editor3d.plugin.confine.regions import select
from editor3d.plugin.edit.edited import SCENE_FILE
from editor3d.plugin.results.runs import open_run
from editor3d.regions import chosen, parse_region, seen_parts
from editor3d.types import Around, View
from gaussian.draw.selection import PosedPinhole
from gaussian.edit.scene_file import camera_of, chosen_views, extent_of, given_views, settled
from gaussian.files import check_output, read_file, tell
from gaussian.files.contents import SplatFile
from gaussian.model.model import SplatModel

if TYPE_CHECKING:
    from editor3d.plugin.train.pipeline import PluginPipeline

_SIDE = 128
"""Pixels of the longer side of views that are looked through, not at."""


@dataclass(frozen=True, eq=False)
class OpenedSplats:
    """Splats in the frame of their file or capture."""

    source: Path
    contents: SplatFile
    pipeline: PluginPipeline | None
    """None for a file."""
    around: Around | None = None

    def which(self, region: str | None) -> Tensor:
        """The Gaussians [N] bool that a region holds; all of them without one.

        Raises:
            RegionError: it holds none, or names objects or masks that the scene has not.
        """
        if region is None:
            return torch.ones(len(self.contents), dtype=torch.bool)
        parsed = parse_region(region)
        if self.pipeline is not None:
            return select(self.pipeline, parsed)
        if seen_parts(parsed):
            raise RegionError(f"Expected a region of shapes in {self.source}, which has no views, got {region}.")
        found = chosen(parsed, self.contents.centres, lambda part: torch.zeros(len(self.contents), dtype=torch.bool))
        if not bool(found.any()):
            raise RegionError(f"Expected some of {len(self.contents)} Gaussians in {region}, found none: check it.")
        return found

    @property
    def objects(self) -> tuple[str, ...]:
        """Names of the objects that the capture's label pictures show."""
        if self.pipeline is None:
            return ()
        return tuple(self.pipeline.datamanager.train_dataset.metadata["posed_images"].objects)

    @cached_property
    def views(self) -> tuple[View, ...]:
        """The views that it was trained on, or cameras round a file; in the file's own frame."""
        if self.pipeline is not None:
            return tuple(self.pipeline.datamanager.train_dataset.metadata["views"])
        around = settled(self.contents, self.around)
        return tuple(given_views(around) or chosen_views(self.contents, around))

    @cached_property
    def cameras(self) -> list[PosedPinhole]:
        """Small pinholes of the views, in the frame of `contents.splats`."""
        near = 0.01 * extent_of(self.views)
        found = []
        for view in self.views:
            camera = camera_of(view, self.contents.offset)
            camera.rescale_output_resolution(min(1.0, _SIDE / max(view.width, view.height)))
            found.append(PosedPinhole.of(camera, 0, near))
        return found

    def view(self, name: str | None) -> View:
        """The view of a name, or the first one.

        Raises:
            ConfigError: there is no view of that name.
        """
        if name is None:
            return self.views[0]
        for view in self.views:
            if view.name == name:
                return view
        shown = ", ".join(view.name for view in self.views[:5])
        raise ConfigError(f"Expected the name of a view to stand at, got {name}: choose one, such as {shown}.")

    @property
    def up(self) -> Tensor:
        """The vertical [3] float64: the mean of the views' own."""
        mean = torch.from_numpy(np.stack([view.c2w[:, 1] for view in self.views]).astype(np.float64)).mean(0)
        return torch.nn.functional.normalize(mean, dim=0)


def open_splats(source: Path, output: Path, around: Around | None = None) -> OpenedSplats:
    """Open a file of splats or a run's scene to be changed into another file.

    Raises:
        Editor3DError: it is neither, it is damaged, or the output cannot be written.
    """
    check_output(output, source)
    if source.is_file() and source.suffix != ".ckpt":
        contents = read_file(source)
        tell(source, contents.notes)
        return OpenedSplats(source, contents, None, around)
    if around is not None:
        raise ConfigError("Expected cameras with a file of splats alone, got a run, which has its own: leave them out.")
    home = open_base(source).run.resolve()
    if output.resolve().parent == home and output.stem == SCENE_FILE:
        raise ConfigError(f"Expected another file than the run's own scene to write, got {output}: rename it.")
    _, pipeline = open_run(source)
    if not isinstance(pipeline.model, SplatModel):
        raise ConfigError(f"Expected a run of splats, got {type(pipeline.model).__name__}: reconstruct it by splat.")
    return OpenedSplats(
        source, pipeline.model.captured(pipeline.datamanager.train_dataparser_outputs), pipeline, around
    )
