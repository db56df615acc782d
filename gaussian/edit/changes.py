"""Change a scene of splats directly: no instruction, no 2D editor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from editor3d.datasets.write import write_capture
from editor3d.errors import ConfigError, DataError, RegionError
from editor3d.outputs.pictures import save_png
from editor3d.outputs.splat_change import Holes, SplatChange
from editor3d.plugin.bases.base import open_base
from editor3d.plugin.confine.regions import select
from editor3d.plugin.confine.strokes import thing_at
from editor3d.plugin.edit.edited import SCENE_FILE
from editor3d.plugin.results.runs import open_run
from editor3d.plugin.train.pipeline import PluginPipeline
from editor3d.regions import StrokesRegion, chosen, parse_region, seen_parts
from editor3d.types import Around, SeenRegion, View
from gaussian.draw.selection import PosedPinhole, delete, duplicate, holes, recolor
from gaussian.edit.removal import filled_file, filled_run, seen_around
from gaussian.edit.scene_file import camera_of, extent_of, given_views, model_of, picture_of, posed_around, settled
from gaussian.files import FORMATS, check_output, read_file, tell, write_splats
from gaussian.files.contents import SplatFile
from gaussian.fill.fill import Filled, without
from gaussian.model.model import SplatModel


def change_splats(
    scene: Path,
    region: str,
    output: Path,
    *,
    remove: bool = False,
    fill: bool = False,
    offset: Sequence[float] | None = None,
    color: Sequence[float] | None = None,
    strength: float = 1.0,
    around: Around | None = None,
) -> SplatChange:
    """Delete, copy or recolour the Gaussians of a region, and write the scene as a file of splats.

    The numbers of all other Gaussians are written as they are.

    Args:
        scene: a file of splats, or the folder of a run whose scene is made of them.
        region: as `editor3d.regions.parse_region` takes it, in the capture's own frame; of objects and masks for runs.
        output: its suffix names the format; written last, whole or not at all.
        remove: delete them, and write what that leaves open to `<output's stem>_holes`.
        fill: fill that first; see `gaussian.fill.fill`.
        offset: copy them, the copies moved by so much, in the capture's frame.
        color: bring their mean colour to this, sRGB in 0..1; see `gaussian.draw.selection.recolor`.
        strength: how far, 0..1.
        around: the cameras from which the holes of a file are seen.

    Raises:
        Editor3DError: one sentence on what was expected, what came and what to do.
    """
    if [remove, offset is not None, color is not None].count(True) != 1:
        raise ConfigError("Expected one change, to delete, to duplicate or to recolor: say one of the three.")
    if fill and not remove:
        raise ConfigError("Expected to fill what a deletion leaves open, got no deletion: delete, or do not fill.")
    check_output(output, scene)
    is_file = scene.suffix.lower() in FORMATS or (scene.is_file() and scene.suffix != ".ckpt")
    is_file = is_file and not scene.is_dir()
    drawn_on = is_file and bool(seen_parts(parse_region(region)))
    if around is not None and not (is_file and (remove or drawn_on)):
        raise ConfigError(
            "Expected cameras, side and up with a deletion from a file of splats, or strokes on it, alone: leave them "
            "out."
        )
    contents, which, pipeline = (
        (*_open_file(scene, region, around), None) if is_file else _open_run(scene, region, output)
    )
    selected, total = int(which.sum()), len(which)
    if remove and selected == total:
        raise RegionError(f"Expected a region that leaves some of {total} Gaussians, got one that holds all of them.")
    found = None
    filled = None
    if remove:
        after = contents.only(~which)
        if fill:
            after, filled = filled_file(contents, which, around) if pipeline is None else filled_run(pipeline, which)
        folder = output.with_name(f"{output.stem}_holes")
        if pipeline is None:
            found = _holes_of_file(contents, after, folder, settled(contents, around))
        else:
            found = _holes_of_run(pipeline, which, filled, folder)
    elif offset is not None:
        after = contents.with_copies(duplicate(contents.splats, which, torch.tensor(offset)), which)
    else:
        after = contents.with_colors_of(recolor(contents.splats, which, torch.tensor(color), strength))
    write_splats(output, after)
    return SplatChange(output, selected, total, len(after), found, 0 if filled is None else len(filled.new))


def _open_file(path: Path, region: str, around: Around | None) -> tuple[SplatFile, Tensor]:
    """A file's content, and which of its Gaussians [N] bool a region holds."""
    shape = parse_region(region)
    if not all(isinstance(part, StrokesRegion) for part in seen_parts(shape)):
        raise RegionError(
            f"Expected a shape or strokes for a file of splats, which has no views with masks, got {region}: give the "
            f"run that the file came from instead, or a region of boxes and spheres."
        )
    contents = read_file(path)
    tell(path, contents.notes)
    which = chosen(shape, contents.centres, lambda part: _marked(contents, part, around))
    if not bool(which.any()):
        raise RegionError(
            f"Expected Gaussians inside the region, found none of {len(contents)} there: check its numbers, which are "
            f"in the file's own frame."
        )
    return contents, which


def _marked(contents: SplatFile, part: SeenRegion, around: Around | None) -> Tensor:
    """Which of a file's Gaussians [N] bool belong to what strokes mark, in the views that `preview` shows of it."""
    assert isinstance(part, StrokesRegion)
    posed, cameras = seen_around(contents, around)
    part.check(posed)
    offset = torch.tensor(contents.offset, dtype=torch.float64)
    model = model_of(contents, extent_of(posed.views))
    return thing_at(model, part, cameras, posed.train_views, lambda points: points - offset, 1.0)


def _open_run(run: Path, region: str, output: Path) -> tuple[SplatFile, Tensor, PluginPipeline]:
    """A run's scene in the capture's frame, which of them [N] bool a region holds, and its pipeline."""
    shape = parse_region(region)
    if not run.exists() or (run.is_file() and run.suffix != ".ckpt"):
        raise DataError(
            f"Expected a file of splats ({', '.join(s for s, known in FORMATS.items() if known.reads)}) or the folder "
            f"of a finished run, got {run}{'' if run.exists() else ', where there is nothing'}: check the path."
        )
    home = open_base(run).run.resolve()
    if output.resolve().parent == home and output.stem == SCENE_FILE:
        raise ConfigError(f"Expected another output than the run's own scene, got {output}: choose another name.")
    _, pipeline = open_run(run)
    if not isinstance(pipeline.model, SplatModel):
        raise ConfigError(
            f"Expected a scene of Gaussian splats for a direct change, got {type(pipeline.model).__name__}: "
            f"reconstruct by splat."
        )
    which = select(pipeline, shape)
    return pipeline.model.captured(pipeline.datamanager.train_dataparser_outputs), which, pipeline


def _holes_of_run(pipeline: PluginPipeline, which: Tensor, filled: Filled | None, folder: Path) -> Holes:
    """Holes in the views that the run was trained on."""
    dataset, model = pipeline.datamanager.train_dataset, pipeline.model
    assert isinstance(model, SplatModel)
    cameras = [PosedPinhole.of(dataset.cameras, index, model.near) for index in range(len(dataset.cameras))]
    before = model.splats
    left = delete(before, which.to(before.device)) if filled is None else without(before.detach(), filled)
    masks = holes(before, left, cameras)
    return _write_masks(folder, dataset.metadata["views"], masks)


def _holes_of_file(before: SplatFile, after: SplatFile, folder: Path, around: Around) -> Holes:
    """Holes in views from cameras round the scene, which are written with them: without, masks say little."""
    capture = folder / "capture"
    posed = posed_around(before, capture, around, given_views(around))
    model, offset = model_of(before, extent_of(posed.views)), before.offset
    cameras = [PosedPinhole.of(camera_of(view, offset), 0, model.near) for view in posed.views]
    found = _write_masks(folder, posed.views, holes(before.drawn, after.drawn, cameras))
    model.set_splats(after.drawn)
    write_capture(capture, posed, posed.views, lambda index, view: picture_of(model, view, offset))
    return replace(found, capture=capture)


def _write_masks(folder: Path, views: Sequence[View], masks: Sequence[Tensor]) -> Holes:
    for view, mask in zip(views, masks, strict=True):
        save_png(folder / f"{view.name}.png", mask[..., None].expand(-1, -1, 3).to(torch.uint8).numpy() * 255)
    counts = [int(mask.sum()) for mask in masks]
    return Holes(folder, sum(counts), sum(count > 0 for count in counts), len(counts))
