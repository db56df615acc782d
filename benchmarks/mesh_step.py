"""Where the time of one optimisation step of a mesh's style goes, and the raster beside plain PyTorch3D.

    python benchmarks/mesh_step.py --mesh horse.obj

A step looks at the mesh from five views of 224 x 224 pixels, with colours and displacements of all vertices, as with a
prompt. CLIP's own passes are left out: a fixed random projection of the augmented pictures stands in for them.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
import torch.nn.functional as F
import tyro
from rich.console import Console
from rich.table import Table
from torch import Tensor

from editor3d.files.writing import write_json
from editor3d.metrics.image import psnr
from lab.references.mesh import pytorch3d_fragments, pytorch3d_meshes, pytorch3d_shaded
from mesh.io.read import read_mesh
from mesh.model.field import FieldSettings, StyleField
from mesh.model.styled import StyledMesh
from mesh.render.cameras import Cameras, ViewSettings, cameras_round
from mesh.render.gather import take_rows
from mesh.render.render import LightSettings, compose, shade
from mesh.render.visibility import barycentrics, find_hits
from mesh.style.clip_loss import ClipLossSettings, clip_loss
from mesh.surface import Surface

VIEWS, SIDE = 5, 224
WANTED_STEP, WANTED_RATIO, WANTED_PSNR = 0.8, 50.0, 50.0
STAGES = ("field", "raster", "shading", "guidance", "backward", "optimiser")


class Projection:
    """Stands in for CLIP: mean colours of 16 x 16 patches, projected at random; costs next to nothing."""

    name, side = "projection", 16

    def __init__(self, generator: torch.Generator) -> None:
        self._matrix = torch.randn(3 * self.side**2, 64, generator=generator)

    def embed_images(self, images: Tensor) -> Tensor:
        patches = F.adaptive_avg_pool2d(images.permute(0, 3, 1, 2), self.side)
        return F.normalize(patches.flatten(1) @ self._matrix, dim=-1)

    def embed_texts(self, texts: list[str]) -> Tensor:
        return F.normalize(self._matrix[: len(texts)], dim=-1)


class Clock:
    """Seconds of each stage of each step."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = defaultdict(list)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.seconds[name].append(time.perf_counter() - began)

    def median(self, name: str) -> float:
        return statistics.median(self.seconds[name][1:] or self.seconds[name])


def one_step(
    styled: StyledMesh, cameras: Cameras, encoder: Projection, text: Tensor, optimizer, generator, clock: Clock
) -> None:
    optimizer.zero_grad(set_to_none=True)
    with clock.stage("field"):
        change, displacement = styled.style()
        vertices = styled.displaced(displacement)
    with clock.stage("raster"):
        hits = find_hits(vertices, styled.faces, cameras)
    with clock.stage("shading"):
        shading = shade(vertices, styled.faces, hits, styled.lights)
        pixels = styled.lit(shading, styled.colors(shading, change))
        plain = styled.lit(shading, styled.base_looks.at(hits.face, shading.weights))
        pictures = [compose(hits, values, styled.background) for values in (pixels, plain)]
    with clock.stage("guidance"):
        loss = clip_loss(encoder, text, *pictures, ClipLossSettings(), generator)
    with clock.stage("backward"):
        loss.backward()
    with clock.stage("optimiser"):
        optimizer.step()


def beside_pytorch3d(styled: StyledMesh, cameras: Cameras) -> dict[str, float]:
    """The same pictures both ways: seconds of what finds each pixel's face and barycentrics, and how far they agree."""
    generator = torch.Generator().manual_seed(0)
    colors = 0.4 * torch.rand(styled.rest.shape, generator=generator)
    pull = torch.randn(len(cameras), cameras.side, cameras.side, 3, generator=generator)
    gradients, pictures, seconds = [], [], {}

    leaves = [styled.rest.clone().requires_grad_(), colors.clone().requires_grad_()]
    times = []
    for _ in range(5):
        began = time.perf_counter()
        hits = find_hits(leaves[0], styled.faces, cameras)
        barycentrics(take_rows(leaves[0], styled.faces[hits.face]), hits)
        times.append(time.perf_counter() - began)
    seconds["ours"] = statistics.median(times)
    shading = shade(leaves[0], styled.faces, hits, styled.lights)
    picture = compose(hits, styled.lit(shading, shading.interpolate(leaves[1], styled.faces)), torch.ones(3))
    gradients.append(torch.autograd.grad((picture * pull).sum(), leaves))
    pictures.append(picture.detach())

    leaves = [styled.rest.clone().requires_grad_(), colors.clone().requires_grad_()]
    meshes = pytorch3d_meshes(leaves[0], styled.faces, leaves[1], len(cameras))
    began = time.perf_counter()
    fragments = pytorch3d_fragments(meshes, cameras)
    seconds["pytorch3d"] = time.perf_counter() - began
    picture = pytorch3d_shaded(meshes, fragments, cameras, styled.lights)
    gradients.append(torch.autograd.grad((picture * pull).sum(), leaves))
    pictures.append(picture.detach())

    errors = [float((ours - theirs).norm() / theirs.norm()) for ours, theirs in zip(*gradients, strict=True)]
    return {
        "seconds_ours": seconds["ours"],
        "seconds_pytorch3d": seconds["pytorch3d"],
        "ratio": seconds["pytorch3d"] / seconds["ours"],
        "psnr": psnr(*(picture.flatten(0, 1) for picture in pictures)),
        "vertex_gradient_error": errors[0],
        "color_gradient_error": errors[1],
    }


def example() -> Surface:
    """A bumpy ball of about as many faces as the meshes of Text2Mesh."""
    import numpy as np
    import trimesh

    ball = trimesh.creation.icosphere(subdivisions=6)
    bumps = 1.0 + 0.1 * np.sin(5.0 * ball.vertices).prod(axis=1, keepdims=True)
    return Surface(np.asarray(ball.vertices) * bumps, np.asarray(ball.faces, np.int64))


def main(
    mesh: Path | None = None,
    steps: int = 9,
    reference_views: int = VIEWS,
    field: FieldSettings = FieldSettings(displacement=0.1),  # noqa: B008 - frozen
    json_file: Path | None = None,
) -> int:
    """Print the figures of one optimisation step.

    Args:
        mesh: a mesh's file; a bumpy ball of 81 920 faces by default.
        steps: how many steps are timed; the first is not counted.
        reference_views: views that PyTorch3D draws as well, at up to 20 seconds each; 0 for none.
        field: sizes of the style field.
        json_file: also write the figures here.
    """
    generator = torch.Generator().manual_seed(0)
    surface = example() if mesh is None else read_mesh(mesh)
    styled = StyledMesh(
        surface, StyleField(field, generator), LightSettings(), (1.0, 1.0, 1.0), at_points=False, device="cpu"
    )
    cameras, _ = cameras_round(styled.rest.double().numpy(), ViewSettings(train=VIEWS, held_out=0, side=SIDE))
    encoder = Projection(generator)
    optimizer = torch.optim.Adam(styled.field.parameters(), lr=5e-4)
    clock = Clock()
    for _ in range(steps + 1):
        one_step(styled, cameras, encoder, encoder.embed_texts(["a"])[0], optimizer, generator, clock)
    medians = {name: clock.median(name) for name in STAGES}
    total = sum(medians.values())
    console = Console()
    table = Table(title=f"one step: {VIEWS} views of {SIDE} x {SIDE}, {len(surface.faces)} faces")
    for name in STAGES:
        table.add_column(name, justify="right")
    table.add_column("step", justify="right")
    table.add_row(*(f"{1000 * medians[name]:.0f} ms" for name in STAGES), f"{1000 * total:.0f} ms")
    console.print(table)
    console.print(f"wanted: a step within {1000 * WANTED_STEP:.0f} ms on two cores, without CLIP's passes")
    figures: dict[str, object] = {"stages": medians, "step": total, "faces": len(surface.faces)}
    if reference_views:
        found = beside_pytorch3d(styled, cameras[:reference_views])
        figures["raster"] = found
        console.print(
            f"raster of {reference_views} views: {1000 * found['seconds_ours']:.0f} ms, by PyTorch3D "
            f"{found['seconds_pytorch3d']:.1f} s: {found['ratio']:.0f} times (wanted: {WANTED_RATIO:.0f}); pictures "
            f"agree to {found['psnr']:.0f} dB (wanted: {WANTED_PSNR:.0f}), gradients of vertices to "
            f"{found['vertex_gradient_error']:.1e} and of colours to {found['color_gradient_error']:.1e}"
        )
    if json_file is not None:
        write_json(json_file, figures)
    return 0


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
