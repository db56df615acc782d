"""Judge a finished styling by views that were neither edited nor fitted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from editor3d.editors.procedural.editor import ProceduralEditor
from editor3d.editors.procedural.parse import parse
from editor3d.errors import CheckpointError, ConfigError, InstructionError
from editor3d.host.device import default_device
from editor3d.metrics.known_edit import not_known
from editor3d.metrics.learned import CAPTION_BEFORE
from editor3d.metrics.report import EditReport, edit_report
from editor3d.metrics.views import Cost, HeldOutView
from editor3d.outputs.pictures import to_uint8
from editor3d.regions import parse_region
from editor3d.run import checkpoints
from editor3d.run.folders import resume_command
from editor3d.run.record import read_record
from editor3d.types import EditRequest
from editor3d.update.instruction import uses_geometry
from mesh.model.styled import StyledMesh
from mesh.render.cameras import Cameras, cameras_round
from mesh.render.render import bounded, compose, shrink
from mesh.style.config import StyleConfig, read_config
from mesh.style.samples import PixelSamples
from mesh.style.stage import load_field, styled_mesh
from mesh.style.surface import MeshGeometry, z_depth

_ITERATIONS, _RATE = 150, 0.05


def evaluate(run: Path) -> EditReport:
    """The report on a run, inside what the mesh's pictures show of it, or of its region.

    A mesh has no photographs: its own pictures take their place, and the base is exact. Where the instruction's result
    is known, the truth is f of them, with f the procedural editor's map. f of the base leaves nothing to miss; but f of
    one view and f of another do not quite agree about a point that both see. So the ideal is taken from the colouring
    of the mesh's vertices that comes nearest to f in all views, held-out ones among them, by least squares.

    Raises:
        ConfigError: no view was held out.
        CheckpointError: the run is not finished, or cannot be opened.
    """
    config = read_config(run)
    path = checkpoints.latest_checkpoint(run / "checkpoints")
    state = checkpoints.load(path)
    if state["step"] < config.steps or not (run / "edit.json").is_file():
        raise CheckpointError(
            f"Expected a finished edit at {run}, found one of {state['step']} of {config.steps} steps: resume it "
            f"first, {resume_command(run)}"
        )
    styled = styled_mesh(config, torch.Generator().manual_seed(config.seed), default_device())
    load_field(styled.field, state, path)
    train, held_out = cameras_round(styled.rest.cpu().double().numpy(), config.views)
    if not len(held_out):
        raise ConfigError(f"Expected views that were held out, {run} has none: style the mesh with --held-out 8.")
    record = read_record(run / "edit.json")
    views = held_out_views(styled, held_out, config)
    unknown = None
    try:
        parse(config.instruction, ())
    except InstructionError:
        unknown = not_known(config.instruction or config.prompt, "edit by the procedural editor")
    if unknown is None:
        views = with_truth(views, styled, train, held_out, config)
    return edit_report(
        views,
        cost=Cost(edits_2d=len(record.edits), seconds=record.times.total),
        caption=config.prompt or (f"{CAPTION_BEFORE}, {config.instruction}" if config.instruction else ""),
        unknown=unknown,
        region=parse_region(config.region).to_json() if config.region else None,
    )


def held_out_views(styled: StyledMesh, held_out: Cameras, config: StyleConfig) -> list[HeldOutView]:
    """What can be said of each held-out view without knowing the right result, on the CPU."""
    samples = config.views.supersampling
    before = [picture.cpu() for picture, _ in styled.pictures(held_out, samples, styled=False)]
    after = [picture.cpu() for picture, _ in styled.pictures(held_out, samples)]
    with torch.no_grad():
        displaced = styled.displaced(styled.all_style()[1])
    views = []
    for index, picture in enumerate(before):
        camera = held_out[[index]]
        shares = [
            shown_share(styled, vertices, camera.scaled(samples), samples) for vertices in (styled.rest, displaced)
        ]
        views.append(
            HeldOutView(
                f"held_out_{index:03d}",
                photo=picture,
                base_render=picture,
                edited_render=after[index],
                region=shares[0] == 1.0,
                outside=torch.maximum(*shares) == 0.0,
                base_depth=z_depth(styled, styled.rest, camera),
                edited_depth=z_depth(styled, displaced, camera),
                camera=camera.camera(0),
            )
        )
    return views


@torch.no_grad()
def shown_share(styled: StyledMesh, vertices: Tensor, camera: Cameras, supersampling: int) -> Tensor:
    """How much of each pixel shows what the field may change, [side, side] in 0..1, the vertices [V, 3] being there.

    Args:
        camera: one, with `supersampling` rays a pixel's side.
    """
    shading = styled.shading(vertices, camera)
    inside = styled.acts_on(shading.hits.face, shading.weights).float()[:, None]
    share = compose(shading.hits, inside, torch.zeros(1))
    return shrink(share, supersampling)[0, ..., 0].cpu()


def with_truth(
    views: list[HeldOutView], styled: StyledMesh, train: Cameras, held_out: Cameras, config: StyleConfig
) -> list[HeldOutView]:
    """The same views with what the instruction makes of their pictures, and the nearest that a colouring comes."""
    editor, samples = ProceduralEditor(), config.views.supersampling
    everywhere = Cameras(np.concatenate([train.c2ws, held_out.c2ws]), train.focal, train.side)
    geometry = MeshGeometry(styled, train, config.views.up)

    def truth(picture: Tensor, camera: int) -> Tensor:
        shown = geometry.view(everywhere[[camera]]) if uses_geometry(editor, config.instruction, ()) else None
        request = EditRequest(view="", instruction=config.instruction, condition=picture.cpu(), geometry=shown)
        return editor.edit(request)

    others = [
        truth(picture, camera) for camera, (picture, _) in enumerate(styled.pictures(train, samples, styled=False))
    ]
    truths = [truth(view.photo, len(train) + index) for index, view in enumerate(views)]
    change = best_coloring(styled, everywhere, others + truths, samples)
    references = colored_pictures(styled, change, held_out, samples)
    return [
        replace(view, truth=wanted, reference_render=reference)
        for view, wanted, reference in zip(views, truths, references, strict=True)
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
    base = styled.base_looks.at(shading.hits.face, shading.weights)
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
        base = styled.base_looks.at(shading.hits.face, shading.weights)
        pixels = styled.lit(shading, bounded(base + shading.interpolate(change, styled.faces)))
        pictures.append(shrink(compose(shading.hits, pixels, styled.background), supersampling)[0].cpu())
    return pictures
