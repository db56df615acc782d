"""Judging a finished edit by views that neither training nor editing saw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from editor3d.datasets.images import read_depth, read_image, read_object_masks
from editor3d.editors.folder import FolderEditor
from editor3d.editors.procedural.editor import ProceduralEditor, edited_region
from editor3d.editors.procedural.parse import parse
from editor3d.errors import CheckpointError, ConfigError, InstructionError
from editor3d.metrics.known_edit import Cost, HeldOutView, KnownEditReport, known_edit_report
from editor3d.outputs.record import EditRecord, read_record
from editor3d.plugin.base import read_config
from editor3d.plugin.edit_trainer import EditTrainerConfig
from editor3d.plugin.pipeline import PluginPipeline
from editor3d.plugin.rays import Lens
from editor3d.plugin.runs import open_run
from editor3d.plugin.trainer import resume_command
from editor3d.types import EditRequest, PosedImages, View

Outputs = tuple[Tensor, Tensor]


def evaluate(run: Path, *, truth: Path | None = None, reference: Path | None = None) -> KnownEditReport:
    """The known-edit report of a run.

    The truth is f(photo), with f the procedural editor's map for the run's instruction, whatever editor made the edit;
    or, for a run of the folder editor or where `truth` is given, pictures of the scene truly edited.

    Args:
        run: the folder of a finished edit.
        truth: folder of true pictures by view name, held-out views among them; depth pictures are looked for in the
            folder `depth` beside it.
        reference: a run that reconstructs the truly edited pictures, for the fair ideal of a true edit.

    Raises:
        ConfigError: the instruction has no known result, and no truth is given.
        CheckpointError: a run cannot be opened, or the edit is not finished.
    """
    record = _finished_record(run)
    config, edited = open_run(run)
    _, base = open_run(config.load_checkpoint)
    posed: PosedImages = edited.datamanager.eval_dataset.metadata["posed_images"]
    views: tuple[View, ...] = edited.datamanager.eval_dataset.metadata["views"]
    if truth is None and record.editor.startswith("folder:"):
        truth = Path(record.editor.removeprefix("folder:"))
    cost = Cost(edits_2d=len(record.edits), seconds=record.times.total)
    if truth is not None:
        renders = None if reference is None else open_run(reference)[1]
        rows = [_true_edit(i, view, posed, base, edited, truth, renders) for i, view in enumerate(views)]
        return known_edit_report(rows, cost=cost)
    masks = {view.name: read_object_masks(view, posed.objects) for view in views}
    rows = [_known_edit(i, view, record, masks[view.name], base, edited) for i, view in enumerate(views)]
    editor = ProceduralEditor()

    def f(name: str, picture: Tensor) -> Tensor:
        request = EditRequest(view=name, instruction=record.instruction, condition=picture, objects=masks[name])
        return editor.edit(request)

    return known_edit_report(rows, cost=cost, f=f)


def _finished_record(run: Path) -> EditRecord:
    """The record of an edit that made all its steps; an interrupted one has no pictures to be judged by."""
    path = run / "edit.json"
    config = read_config(run / "config.yml") if (run / "config.yml").is_file() else None
    if isinstance(config, EditTrainerConfig):
        done = read_record(path).steps if path.is_file() else None  # a killed run has no record yet
        if done is None or done < config.max_num_iterations:
            stopped = "one that is not" if done is None else f"one of {done} of {config.max_num_iterations} steps"
            raise CheckpointError(
                f"Expected a finished edit at {run}, found {stopped}: go on with it first, {resume_command(run)}"
            )
    return read_record(path)


def _known_edit(
    index: int,
    view: View,
    record: EditRecord,
    masks: Mapping[str, Tensor],
    base: PluginPipeline,
    edited: PluginPipeline,
) -> HeldOutView:
    try:
        steps = parse(record.instruction, masks)
    except InstructionError as error:
        raise ConfigError(
            f'The result of "{record.instruction}" is not known in advance, so there is nothing to compare with: give '
            f"pictures of the scene truly edited by --truth FOLDER, or edit by the procedural editor."
        ) from error
    return HeldOutView(
        view.name,
        photo=_photo(view),
        base_render=_render(base, index, view)[0],
        edited_render=_render(edited, index, view)[0],
        region=edited_region(steps, masks),
    )


def _true_edit(
    index: int,
    view: View,
    posed: PosedImages,
    base: PluginPipeline,
    edited: PluginPipeline,
    folder: Path,
    reference: PluginPipeline | None,
) -> HeldOutView:
    photo = _photo(view)
    truth = FolderEditor(str(folder)).edit(EditRequest(view=view.name, instruction="", condition=photo))
    base_render, base_depth = _render(base, index, view)
    edited_render, edited_depth = _render(edited, index, view)
    depth_path = folder.parent / "depth" / f"{view.name}.png"
    truth_depth = None
    if depth_path.is_file() and view.depth_path is not None:
        truth_depth = read_depth(_with_depth(view, depth_path), posed.depth_scale)
    return HeldOutView(
        view.name,
        photo=photo,
        base_render=base_render,
        edited_render=edited_render,
        truth=truth,
        reference_render=None if reference is None else _render(reference, index, view)[0],
        photo_depth=read_depth(view, posed.depth_scale) if truth_depth is not None else None,
        truth_depth=truth_depth,
        base_depth=base_depth if truth_depth is not None else None,
        edited_depth=edited_depth if truth_depth is not None else None,
    )


def _with_depth(view: View, path: Path) -> View:
    return replace(view, depth_path=path)


def _photo(view: View) -> Tensor:
    return read_image(view).float() / 255.0


@torch.no_grad()
def _render(pipeline: PluginPipeline, index: int, view: View) -> Outputs:
    """Picture [H, W, 3] in 0..1 and z-depth [H, W] in the file's scene units."""
    manager = pipeline.datamanager
    cameras = manager.eval_dataset.cameras
    outputs = pipeline.render_view(cameras, index)
    cosine = -Lens.of(cameras, index).directions()[:, 2].view(view.height, view.width)
    depth = outputs["depth"].cpu()[..., 0] * cosine / manager.train_dataparser_outputs.dataparser_scale
    return outputs["rgb"].cpu().clamp(0.0, 1.0), depth
