"""Judging a finished edit by views that neither training nor editing saw."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from editor3d.datasets.views.images import read_depth, read_image, read_object_masks, united
from editor3d.editors.folder import FolderEditor
from editor3d.editors.procedural.editor import ProceduralEditor, edited_region
from editor3d.editors.procedural.parse import parse
from editor3d.errors import CheckpointError, ConfigError, DataError, InstructionError
from editor3d.geometry.camera import Camera
from editor3d.geometry.lens import Lens
from editor3d.language.tokens import objects_named
from editor3d.metrics.known_edit import Map, not_known
from editor3d.metrics.learned import CAPTION_BEFORE
from editor3d.metrics.report import NOT_TRIED, EditReport, edit_report
from editor3d.metrics.unavailable import Unavailable
from editor3d.metrics.views import Cost, HeldOutView
from editor3d.plugin.config.file import read_config
from editor3d.plugin.confine.regions import REGION_FOLDER, kept_selection, select
from editor3d.plugin.edit.based import BasedTrainerConfig
from editor3d.plugin.edit.trainer import EditTrainerConfig
from editor3d.plugin.results.edited_pictures import edited_pictures
from editor3d.plugin.results.runs import open_run
from editor3d.plugin.results.trials import try_editor
from editor3d.plugin.train.pipeline import PluginPipeline
from editor3d.plugin.views.surfaces import SURFACE_FILE, kept_surface, seen_geometry
from editor3d.regions import parse_region
from editor3d.run import checkpoints
from editor3d.run.folders import resume_command
from editor3d.run.record import EditRecord, read_record
from editor3d.types import Compose, EditRequest, Freeze, PosedImages, View, ViewGeometry
from editor3d.update.instruction import uses_geometry

SEEN_SHARE = 0.5 / 255
"""A pixel of which a region makes up no more than this, before and after the edit, lies outside: rounded to 8 bits, its
training pictures took up nothing of the edit."""


def evaluate(
    run: Path,
    *,
    truth: Path | None = None,
    reference: Path | None = None,
    data: Path | str | None = None,
    trials: int = 0,
) -> EditReport:
    """The report on a run, whatever its instruction.

    Where the right result is known, the known-edit test is part of it. The truth is f(photo), with f the procedural
    editor's map for the run's instruction, whatever editor made the edit; or, for a run of the folder editor or where
    `truth` is given, pictures of the scene truly edited. An edit that was kept to a region, or is about an object that
    the data names, is judged where pixels show that; all others by how they stayed.

    Args:
        run: the folder of a finished edit.
        truth: folder of true pictures by view name, held-out views among them; depth pictures are looked for in the
            folder `depth` beside it.
        reference: a run that reconstructs the truly edited pictures, or f of all photographs, for the fair ideal of a
            true edit or a new material. It has the same cameras.
        data: where the capture is now, if it was moved.
        trials: photographs that the 2D editor is tried on again, see `editor3d.metrics.trials`; 0 tries none.

    Raises:
        ConfigError: a reference is given where neither the truth nor f is known.
        CheckpointError: a run cannot be opened, or the edit is not finished.
        DataError: no view was held out, or the capture is gone or another.
    """
    record = _finished_record(run)
    config, edited = open_run(run, data=data)
    if not isinstance(config, BasedTrainerConfig) or config.load_checkpoint is None:
        raise CheckpointError(f"Expected the run of an edit at {run}, found another kind: give an edit's folder.")
    _, base = open_run(config.load_checkpoint, data=data)
    posed: PosedImages = edited.datamanager.eval_dataset.metadata["posed_images"]
    views: tuple[View, ...] = edited.datamanager.eval_dataset.metadata["views"]
    if not views:
        raise DataError(f"Expected held-out views to judge {run} by, its capture has none: name some in its split.")
    if truth is None and record.editor.startswith("folder:"):
        truth = Path(record.editor.removeprefix("folder:"))
    masks = {view.name: read_object_masks(view, posed.objects) for view in views}
    rows = [replace(_held_out(i, view, base, edited), objects=masks[view.name]) for i, view in enumerate(views)]
    shares = _region_shares(run, config, base, edited)
    f, unknown = None, None
    if truth is not None:
        rows = [_true_edit(row, view, posed, truth) for row, view in zip(rows, views, strict=True)]
    else:
        rows = [replace(row, region=_edited_part(record.instruction, masks[row.name])) for row in rows]
        f, unknown = _known_map(record.instruction, masks, shares, partial(_geometry, run, base))
    if reference is not None:
        if truth is None and f is None:
            raise ConfigError(
                f"Expected a reference with pictures of the scene truly edited, got {reference} alone: give --truth "
                f"FOLDER, or leave it out."
            )
        renders = open_run(reference)[1]
        rows = [
            replace(row, reference_render=_render(renders, i, view)[0])
            for i, (row, view) in enumerate(zip(rows, views, strict=True))
        ]
    return edit_report(
        _inside(rows, shares),
        cost=Cost(edits_2d=len(record.edits), seconds=record.times.total),
        caption=f"{CAPTION_BEFORE}, {record.instruction}" if record.instruction else "",
        f=f,
        unknown=unknown,
        pictures=edited_pictures(run, edited, partial(_edited_part, record.instruction)),
        region=(record.region or None) if shares else None,
        named=objects_named(record.instruction, tuple(posed.objects)),
        trials=try_editor(record, rows[:trials]) if trials else NOT_TRIED,
    )


def _known_map(
    instruction: str,
    masks: Mapping[str, Mapping[str, Tensor]],
    shares: Mapping[str, RegionShares],
    geometry: Callable[[int], ViewGeometry],
) -> tuple[Map | None, Unavailable | None]:
    """f of an instruction, by view and picture, or why there is none.

    Args:
        masks: of objects, by view, in the views' order.
        geometry: what a held-out view shows of the surface, by index.
    """
    try:
        for objects in masks.values():
            parse(instruction, objects)
    except InstructionError:
        return None, not_known(instruction, "give pictures of the scene truly edited by --truth FOLDER")
    editor = ProceduralEditor()
    names, follows = [*masks], uses_geometry(editor, instruction, next(iter(masks.values()), ()))
    known: dict[str, ViewGeometry] = {}

    def f(name: str, picture: Tensor) -> Tensor:
        if follows and name not in known:
            known[name] = geometry(names.index(name))
        request = EditRequest(
            view=name, instruction=instruction, condition=picture, objects=masks[name], geometry=known.get(name)
        )
        changed = editor.edit(request)
        # no edit of the region can change more of a pixel than it makes up
        return torch.lerp(picture, changed, shares[name].before[..., None]) if shares else changed

    return f, None


def _geometry(run: Path, base: PluginPipeline, index: int) -> ViewGeometry:
    """What a held-out view shows of the unedited surface: as the capture measured it, else as the base has it."""
    surface = kept_surface(run / SURFACE_FILE, base, as_captured=True)
    manager = base.datamanager
    view, camera = manager.eval_dataset.metadata["views"][index], manager.eval_dataset.cameras[index : index + 1]
    return seen_geometry(base, surface, camera, view, as_captured=True)


def _edited_part(instruction: str, masks: Mapping[str, Tensor]) -> Tensor | None:
    """Where a view shows the objects that an instruction is about, [H, W] bool; None where it is about all."""
    try:
        return edited_region(parse(instruction, masks), masks)
    except InstructionError:
        return united(masks, objects_named(instruction, masks))


@dataclass(frozen=True, eq=False)
class RegionShares:
    """How much of each pixel of a view shows the region of an edit: [H, W] in 0..1."""

    before: Tensor
    after: Tensor

    @property
    def inside(self) -> Tensor:
        """[H, W] bool: the pixels that the region can change."""
        return torch.maximum(self.before, self.after) > SEEN_SHARE


def _region_shares(
    run: Path, config: BasedTrainerConfig, base: PluginPipeline, edited: PluginPipeline
) -> dict[str, RegionShares]:
    """By held-out view; nothing for an edit that was not kept to a region."""
    if not config.pipeline.where():
        return {}
    cameras, views = edited.datamanager.eval_dataset.cameras, edited.datamanager.eval_dataset.metadata["views"]
    if isinstance(edited.model.confinement, Compose):  # the base is part of it
        found = {}
        for index, view in enumerate(views):
            camera = cameras[index : index + 1].to(edited.device)
            shares = edited.model.original_share(camera), edited.model.region_share(camera)
            found[view.name] = RegionShares(*(share[..., 0].cpu() for share in shares))
        return found
    which = kept_selection(run / REGION_FOLDER)
    which = select(base, parse_region(config.pipeline.where())) if which is None else which
    if was_there := bool(which.any()):  # something may have been put into empty space
        base.model.confine(Freeze(which))
    edited.load_counters(checkpoints.load(checkpoints.latest_checkpoint(run))["counters"])  # what is frozen is in them

    def share(pipeline: PluginPipeline, index: int) -> Tensor:
        seen = pipeline.model.region_share(cameras[index : index + 1].to(pipeline.device))[..., 0].cpu()
        return seen.abs().clamp(max=1.0)  # bending a pinhole picture to a lens may overshoot beside a region

    after = [share(edited, index) for index in range(len(views))]
    before = [share(base, index) if was_there else torch.zeros_like(after[index]) for index in range(len(views))]
    return {view.name: RegionShares(*shares) for view, *shares in zip(views, before, after, strict=True)}


def _inside(rows: Sequence[HeldOutView], shares: Mapping[str, RegionShares]) -> list[HeldOutView]:
    """Views whose region is also inside that of the edit."""
    if not shares:
        return list(rows)
    inside = {name: share.inside for name, share in shares.items()}
    return [
        replace(row, region=inside[row.name] if row.region is None else row.region & inside[row.name]) for row in rows
    ]


def _finished_record(run: Path) -> EditRecord:
    """The record of an edit that made all its steps; an interrupted one has no pictures to be judged by."""
    path = run / "edit.json"
    config = read_config(run / "config.yml") if (run / "config.yml").is_file() else None
    if isinstance(config, EditTrainerConfig):
        done = read_record(path).steps if path.is_file() else None  # a killed run has no record yet
        if done is None or done < config.max_num_iterations:
            stopped = "one that is not" if done is None else f"one of {done} of {config.max_num_iterations} steps"
            raise CheckpointError(
                f"Expected a finished edit at {run}, found {stopped}: resume it first, {resume_command(run)}"
            )
    return read_record(path)


def _held_out(index: int, view: View, base: PluginPipeline, edited: PluginPipeline) -> HeldOutView:
    """What can be said of a view without knowing the right result."""
    base_render, base_depth = _render(base, index, view)
    edited_render, edited_depth = _render(edited, index, view)
    manager = edited.datamanager
    scale = manager.train_dataparser_outputs.dataparser_scale
    return HeldOutView(
        view.name,
        photo=_photo(view),
        base_render=base_render,
        edited_render=edited_render,
        base_depth=base_depth,
        edited_depth=edited_depth,
        camera=Camera.of(manager.eval_dataset.cameras, index, scale),
    )


def _true_edit(row: HeldOutView, view: View, posed: PosedImages, folder: Path) -> HeldOutView:
    """A view with the scene truly edited, and its depths where there are some."""
    truth = FolderEditor(str(folder)).edit(EditRequest(view=view.name, instruction="", condition=row.photo))
    depth_path = folder.parent / "depth" / f"{view.name}.png"
    has_depth = depth_path.is_file() and view.depth_path is not None
    return replace(
        row,
        truth=truth,
        photo_depth=read_depth(view, posed.depth_scale) if has_depth else None,
        truth_depth=read_depth(replace(view, depth_path=depth_path), posed.depth_scale) if has_depth else None,
    )


def _photo(view: View) -> Tensor:
    return read_image(view).float() / 255.0


@torch.no_grad()
def _render(pipeline: PluginPipeline, index: int, view: View) -> tuple[Tensor, Tensor]:
    """Picture [H, W, 3] in 0..1 and z-depth [H, W] in the file's scene units."""
    manager = pipeline.datamanager
    cameras = manager.eval_dataset.cameras
    outputs = pipeline.render_view(cameras, index, ("depth",))
    cosine = -Lens.of(cameras, index).directions()[:, 2].view(view.height, view.width)
    depth = outputs["depth"].cpu()[..., 0] * cosine / manager.train_dataparser_outputs.dataparser_scale
    return outputs["rgb"].cpu().clamp(0.0, 1.0), depth
