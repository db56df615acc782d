"""Take a part out of a file of splats or of a run's scene, and fill what that leaves open."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from nerfstudio.cameras.cameras import Cameras
from torch import Tensor

from editor3d.datasets.dataparser import cameras_at
from editor3d.plugin.train.pipeline import PluginPipeline
from editor3d.types import Around, PosedImages
from gaussian.edit.scene_file import extent_of, given_views, model_of, posed_around, settled
from gaussian.files.contents import SplatFile
from gaussian.fill.fill import Filled, take_out
from gaussian.model.model import SplatModel
from gaussian.splats import transform_back


def filled_run(pipeline: PluginPipeline, which: Tensor) -> tuple[SplatFile, Filled]:
    """A run's scene without some of its Gaussians [N] bool, and filled: in the capture's frame, and how it was done."""
    model, manager = pipeline.model, pipeline.datamanager
    assert isinstance(model, SplatModel)
    model.eval()
    found = take_out(model, manager.train_dataset.cameras, which)
    outputs = manager.train_dataparser_outputs
    contents = model.captured(outputs)
    rest = contents.only(~found.taken)
    if not len(found.new):
        return rest, found
    new, offset = transform_back(found.new, outputs.dataparser_transform, outputs.dataparser_scale)
    shift = torch.tensor(offset, dtype=torch.float64) - torch.tensor(contents.offset, dtype=torch.float64)
    return rest.with_more(replace(new, means=(new.means.double() + shift).float())), found


def filled_file(contents: SplatFile, which: Tensor, around: Around | None) -> tuple[SplatFile, Filled]:
    """A file's content without some of its Gaussians [N] bool, and filled; and how it was done."""
    posed, cameras = seen_around(contents, around)
    found = take_out(model_of(contents, extent_of(posed.views)), cameras, which)
    rest = contents.only(~found.taken)
    return rest.with_more(found.new) if len(found.new) else rest, found


def seen_around(contents: SplatFile, around: Around | None) -> tuple[PosedImages, Cameras]:
    """The views that `preview` shows of a file, and the cameras of the training views, `offset` short of them."""
    around = settled(contents, around)
    posed = posed_around(contents, Path(), around, given_views(around))
    poses = torch.stack([torch.from_numpy(view.c2w).double() for view in posed.train_views])
    poses[:, :, 3] -= torch.tensor(contents.offset, dtype=torch.float64)
    return posed, cameras_at(posed.train_views, poses.float())
