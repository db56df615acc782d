"""Judging a finished styling by views that neither editing nor fitting saw."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from editor3d.editors.procedural.editor import ProceduralEditor
from editor3d.editors.procedural.parse import parse
from editor3d.errors import CheckpointError, ConfigError, InstructionError
from editor3d.metrics.known_edit import Cost, HeldOutView, KnownEditReport, known_edit_report
from editor3d.outputs.record import read_record
from editor3d.plugin import checkpoints
from editor3d.types import EditRequest
from mesh.cameras import Cameras, cameras_round
from mesh.config import StyleConfig, read_config
from mesh.render import bounded, compose, shrink
from mesh.run import default_device, load_field, resume_command, styled_mesh
from mesh.styled import StyledMesh

_ITERATIONS, _RATE = 150, 0.05


def evaluate(run: Path) -> KnownEditReport:
    """The known-edit report of a run, inside the mesh's outlines.

    A mesh has no photographs: its own pictures take their place, and the truth is f of them, with f the procedural
    editor's map for the run's instruction. The base is then exact, and f of it leaves nothing to miss. So the ideal is
    taken from what any colouring of the mesh could reach: colours of its vertices, fitted by least squares to the
    truths of the very views that it is judged by.

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
    _, cameras = cameras_round(styled.rest.cpu().double().numpy(), config.views)
    if not len(cameras):
        raise ConfigError(f"Expected views that were held out, {run} has none: style the mesh with --held-out 8.")
    record = read_record(run / "edit.json")
    cost = Cost(edits_2d=len(record.edits), seconds=record.times.total)
    return known_edit_report(held_out_views(styled, cameras, config), cost=cost)


def held_out_views(styled: StyledMesh, cameras: Cameras, config: StyleConfig) -> list[HeldOutView]:
    """What the report needs of each view, pictures on the CPU."""
    editor, samples = ProceduralEditor(), config.views.supersampling
    before = [(picture.cpu(), whole.cpu()) for picture, whole in styled.pictures(cameras, samples, styled=False)]
    after = [picture.cpu() for picture, _ in styled.pictures(cameras, samples)]
    truths = [
        editor.edit(EditRequest(view="", instruction=config.instruction, condition=picture)) for picture, _ in before
    ]
    references = best_coloring(styled, cameras, truths, [whole for _, whole in before], samples)
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


def best_coloring(
    styled: StyledMesh, cameras: Cameras, wanted: list[Tensor], whole: list[Tensor], supersampling: int
) -> list[Tensor]:
    """Pictures [side, side, 3] of the unmoved mesh whose vertices have the colours that come nearest to `wanted`.

    Args:
        wanted: pictures [side, side, 3], one a camera.
        whole: the pixels that count [side, side] bool.
    """
    with torch.no_grad():
        finer = cameras.scaled(supersampling)
        shadings = [styled.shading(styled.rest, finer[[index]]) for index in range(len(cameras))]
        bases = [styled.looks.at(shading.hits.face, shading.weights) for shading in shadings]
    change = torch.zeros_like(styled.rest, requires_grad=True)
    optimizer = torch.optim.Adam([change], lr=_RATE)

    def picture(index: int) -> Tensor:
        shading = shadings[index]
        colors = bounded(bases[index] + shading.interpolate(change, styled.faces))
        return shrink(compose(shading.hits, styled.lit(shading, colors), styled.background), supersampling)[0]

    for _ in range(_ITERATIONS):
        optimizer.zero_grad()
        for index, (truth, counted) in enumerate(zip(wanted, whole, strict=True)):
            device = change.device
            (picture(index) - truth.to(device))[counted.to(device)].square().mean().backward()
        optimizer.step()
    with torch.no_grad():
        return [picture(index).cpu() for index in range(len(cameras))]
