"""Judging a finished styling by views that neither editing nor fitting saw."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from editor3d.editors.procedural.editor import ProceduralEditor
from editor3d.editors.procedural.parse import parse
from editor3d.errors import CheckpointError, ConfigError, InstructionError
from editor3d.host.device import default_device
from editor3d.metrics.known_edit import Cost, HeldOutView, KnownEditReport, known_edit_report
from editor3d.outputs.pictures import to_uint8
from editor3d.run import checkpoints
from editor3d.run.folders import resume_command
from editor3d.run.record import read_record
from editor3d.types import EditRequest
from mesh.model.styled import StyledMesh
from mesh.render.cameras import Cameras, cameras_round
from mesh.render.render import bounded, compose, shrink
from mesh.style.config import StyleConfig, read_config
from mesh.style.run import load_field, styled_mesh
from mesh.style.samples import PixelSamples

_ITERATIONS, _RATE = 150, 0.05


def evaluate(run: Path) -> KnownEditReport:
    """The known-edit report of a run, inside the mesh's outlines.

    A mesh has no photographs: its own pictures take their place, and the truth is f of them, with f the procedural
    editor's map for the run's instruction. The base is then exact, and f of it leaves nothing to miss; but f of one
    view and f of another do not quite agree about a point that both see. So the ideal is taken from the colouring of
    the mesh's vertices that comes nearest to f in all views, held-out ones among them, by least squares.

    Raises:
        ConfigError: the instruction has no known result, or no view was held out.
        CheckpointError: the run is not finished, or cannot be opened.
    """
    config = read_config(run)
    path = checkpoints.latest_checkpoint(run / "checkpoints")
    state = checkpoints.load(path)
    if state["step"] < config.steps or not (run / "edit.json").is_file():
        raise CheckpointError(
            f"Expected a finished edit at {run}, found one of {state['step']} of {config.steps} steps: go on with it "
            f"first, {resume_command(run)}"
        )
    try:
        parse(config.instruction, ())
    except InstructionError as error:
        raise ConfigError(
            f'The result of "{config.instruction}" is not known in advance, so there is nothing to compare with: edit '
            f"by the procedural editor."
        ) from error
    styled = styled_mesh(config, torch.Generator().manual_seed(config.seed), default_device())
    load_field(styled.field, state, path)
    train, held_out = cameras_round(styled.rest.cpu().double().numpy(), config.views)
    if not len(held_out):
        raise ConfigError(f"Expected views that were held out, {run} has none: style the mesh with --held-out 8.")
    record = read_record(run / "edit.json")
    cost = Cost(edits_2d=len(record.edits), seconds=record.times.total)
    return known_edit_report(held_out_views(styled, train, held_out, config), cost=cost)


def held_out_views(styled: StyledMesh, train: Cameras, held_out: Cameras, config: StyleConfig) -> list[HeldOutView]:
    """What the report needs of each held-out view, pictures on the CPU."""
    editor, samples = ProceduralEditor(), config.views.supersampling

    def truth(picture: Tensor) -> Tensor:
        return editor.edit(EditRequest(view="", instruction=config.instruction, condition=picture.cpu()))

    before = [(picture.cpu(), whole.cpu()) for picture, whole in styled.pictures(held_out, samples, styled=False)]
    after = [picture.cpu() for picture, _ in styled.pictures(held_out, samples)]
    truths = [truth(picture) for picture, _ in before]
    others = [truth(picture) for picture, _ in styled.pictures(train, samples, styled=False)]
    everywhere = Cameras(np.concatenate([train.c2ws, held_out.c2ws]), train.focal, train.side)
    change = best_coloring(styled, everywhere, others + truths, samples)
    references = colored_pictures(styled, change, held_out, samples)
    return [
        HeldOutView(
            f"held_out_{index:03d}",
            photo=picture,
            base_render=picture,
            edited_render=after[index],
            region=whole,
            truth=truths[index],
            reference_render=references[index],
        )
        for index, (picture, whole) in enumerate(before)
    ]


def best_coloring(styled: StyledMesh, cameras: Cameras, wanted: list[Tensor], supersampling: int) -> Tensor:
    """The colour change [V, 3] of the unmoved mesh's vertices that comes nearest to pictures, by least squares.

    Args:
        wanted: pictures [side, side, 3], one a camera; pixels that show something else besides do not count.
    """
    samples = PixelSamples(styled, cameras, supersampling)
    for index, picture in enumerate(wanted):
        samples.store(index, torch.from_numpy(to_uint8(picture)))
    shading = samples.shading
    base = styled.looks.at(shading.hits.face, shading.weights)
    change = torch.zeros_like(styled.rest, requires_grad=True)
    optimizer = torch.optim.Adam([change], lr=_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, _ITERATIONS, _RATE / 50)
    for _ in range(_ITERATIONS):
        optimizer.zero_grad()
        pixels = styled.lit(shading, bounded(base + shading.interpolate(change, styled.faces)))
        (pixels - samples.targets).square().mean().backward()
        optimizer.step()
        schedule.step()
    return change.detach()


@torch.no_grad()
def colored_pictures(styled: StyledMesh, change: Tensor, cameras: Cameras, supersampling: int) -> list[Tensor]:
    """Pictures [side, side, 3] of the unmoved mesh with a colour change [V, 3] of its vertices, on the CPU."""
    finer, pictures = cameras.scaled(supersampling), []
    for index in range(len(cameras)):
        shading = styled.shading(styled.rest, finer[[index]])
        base = styled.looks.at(shading.hits.face, shading.weights)
        pixels = styled.lit(shading, bounded(base + shading.interpolate(change, styled.faces)))
        pictures.append(shrink(compose(shading.hits, pixels, styled.background), supersampling)[0].cpu())
    return pictures
