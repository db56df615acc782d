"""One optimisation step of Vox-E without its diffusion model: the compiled field beside the formulas in plain torch.

    python benchmarks/vox_e_step.py --resolution 160

Both render the same view of the same ReLU field, pull it towards a picture, hold its density to the source's by
L_reg3D, and take a step of Adam. The numbers of both are compared besides: picture, losses, gradient, updated field.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
import tyro
from rich.console import Console
from rich.table import Table
from torch import Tensor

from editor3d.files.writing import write_json
from editor3d.outputs.orbit import look_at
from nerf_methods.vox_e.correlation import DensityReference, correlation_loss
from nerf_methods.voxel.field import VoxelField
from nerf_methods.voxel.optimizer import VoxelAdam

WEIGHT, LEARNING_RATE, DENSITY_SCALE, EPS = 200.0, 0.03, 10.0, 1e-8
STOP = 1e-5
"""Transmittance at which a compiled ray ends: what it leaves out stays well below the tolerance."""
TOLERANCE, WANTED_RATIO = 1e-4, 10.0


@dataclass
class Options:
    """What is measured."""

    resolution: int = 160
    """Voxels a side."""
    side: int = 128
    """Pixels of the picture's side."""
    steps: int = 5
    """Steps of each, after one to warm up; the median counts."""
    json_file: Path | None = None
    """Write the figures here as well."""


def scene(resolution: int, seed: int) -> VoxelField:
    """A bumpy ball of many colours in empty space: density falls through zero at its surface."""
    field = VoxelField(
        resolution, contracted=False, core_radius=1.0, activation="relu", initial_density=0.1, background=(1.0,) * 3
    )
    axis = torch.linspace(-1.0, 1.0, resolution)
    x, y, z = torch.meshgrid(axis, axis, axis, indexing="ij")
    bumps = 0.05 * (torch.sin(9 * x + seed) * torch.sin(8 * y) * torch.sin(7 * z))
    with torch.no_grad():
        field.grid[..., 0] = 2000.0 * (0.55 + bumps - (x * x + y * y + z * z).sqrt())
        field.grid[..., 0].clamp_(-20.0, 100.0)
        field.grid[..., 1:] = 2.0 * torch.stack([torch.sin(5 * x + seed), torch.sin(6 * y), torch.sin(4 * z)], -1)
    field.update_occupancy(1e-6)
    return field


def view(side: int) -> tuple[Tensor, Tensor]:
    """Rays [side * side, 3] of a camera that sees the whole cube."""
    eye = np.array([[2.2, 1.6, 1.2]])
    pose = torch.from_numpy(look_at(eye, eye, np.array([0.0, 0.0, 1.0]))[0]).float()
    pixel = (torch.arange(side) + 0.5) / side * 2.0 - 1.0
    v, u = torch.meshgrid(-pixel, pixel, indexing="ij")
    local = F.normalize(torch.stack([0.45 * u, 0.45 * v, -torch.ones_like(u)], -1), dim=-1).view(-1, 3)
    return pose[:, 3].expand(side * side, 3).contiguous(), (local @ pose[:, :3].T).contiguous()


def plain_render(grid: Tensor, origins: Tensor, directions: Tensor, step: float, shift: float) -> Tensor:
    """C = sum_i T_i alpha_i c_i + T_end, white behind: the picture [N, 3] of a ReLU field in the cube [-1, 1]^3."""
    low, high = (-1.0 - origins) / directions, (1.0 - origins) / directions
    start, end = torch.minimum(low, high).amax(-1), torch.maximum(low, high).amin(-1)
    count = int(((end - start).max() / step).ceil())
    t = start[:, None] + (torch.arange(count) + 0.5) * step
    points = origins[:, None] + t[..., None] * directions[:, None]
    volume = grid.permute(3, 2, 1, 0)[None]
    raw = F.grid_sample(volume, points[None, :, :, None], align_corners=True, padding_mode="border")[0, ..., 0]
    density = F.relu(raw[0] + shift) * (t < end[:, None])
    alpha = 1.0 - torch.exp(-density * step)
    transmittance = torch.cumprod(1.0 - alpha, 1)
    before = torch.cat([torch.ones_like(transmittance[:, :1]), transmittance[:, :-1]], 1)
    color = torch.sigmoid(raw[1:]).permute(1, 2, 0)
    return ((before * alpha)[..., None] * color).sum(1) + transmittance[:, -1:]


class Plain:
    """The formulas in torch, and torch's Adam."""

    def __init__(self, field: VoxelField, source: VoxelField) -> None:
        self.shift, self.step = field.shift, field.step
        self.source = F.relu(source.grid.detach()[..., 0] + source.shift)
        self.density = torch.nn.Parameter(field.grid.detach()[..., 0].clone())
        self.color = torch.nn.Parameter(field.grid.detach()[..., 1:].clone())
        groups = [{"params": [self.density], "lr": LEARNING_RATE * DENSITY_SCALE}, {"params": [self.color]}]
        self.optimizer = torch.optim.Adam(groups, lr=LEARNING_RATE, betas=(0.9, 0.99), eps=EPS)

    def losses(self, origins: Tensor, directions: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        grid = torch.cat([self.density[..., None], self.color], -1)
        picture = plain_render(grid, origins, directions, self.step, self.shift)
        regular = correlation_loss(F.relu(self.density + self.shift), self.source)
        return picture, (picture - target).square().mean(), WEIGHT * regular

    def gradient(self) -> Tensor:
        return torch.cat([self.density.grad[..., None], self.color.grad], -1)

    def values(self) -> Tensor:
        return torch.cat([self.density.detach()[..., None], self.color.detach()], -1)


class Compiled:
    """The project's field, loss and optimiser."""

    def __init__(self, field: VoxelField, source: VoxelField) -> None:
        self.field = deepcopy(field)
        self.reference = DensityReference(source)
        self.optimizer = VoxelAdam([self.field.grid], LEARNING_RATE, eps=EPS, density_lr_scale=DENSITY_SCALE)

    def losses(self, origins: Tensor, directions: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        picture = self.field.render(origins, directions, stop=STOP)[0]
        return picture, (picture - target).square().mean(), WEIGHT * self.reference.loss(self.field)

    def gradient(self) -> Tensor:
        return self.field.grid.grad

    def values(self) -> Tensor:
        return self.field.grid.detach()


def step_of(side: Plain | Compiled, rays: tuple[Tensor, Tensor], target: Tensor) -> Callable[[], tuple[Tensor, ...]]:
    """One whole step; gives the picture and the losses."""

    def step() -> tuple[Tensor, ...]:
        side.optimizer.zero_grad()
        picture, data, regular = side.losses(*rays, target)
        (data + regular).backward()
        side.optimizer.step()
        return picture.detach(), data.detach(), regular.detach()

    return step


def seconds_of(step: Callable[[], object], count: int) -> float:
    """Median seconds."""
    times = []
    for _ in range(count):
        started = time.perf_counter()
        step()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def main(options: Options) -> None:
    """Measure, compare, print."""
    console = Console()
    field, source = scene(options.resolution, 0), scene(options.resolution, 1)
    rays = view(options.side)
    with torch.no_grad():
        target = source.render(*rays)[0]
    plain, compiled = Plain(field, source), Compiled(field, source)
    steps = {"plain torch": step_of(plain, rays, target), "compiled": step_of(compiled, rays, target)}
    first = {name: step() for name, step in steps.items()}
    pairs = zip(first["plain torch"], first["compiled"], strict=True)
    picture, data, regular = (float((one - other).abs().max()) for one, other in pairs)
    wanted, found = plain.gradient(), compiled.gradient()
    errors = {
        "picture": picture,
        "data loss": data,
        "regulariser": regular,
        "gradient of density, of its largest": _relative(found[..., 0], wanted[..., 0]),
        "gradient of colour, of its largest": _relative(found[..., 1:], wanted[..., 1:]),
        "field after a step, mean": float((plain.values() - compiled.values()).abs().mean()),
    }
    seconds = {name: seconds_of(step, options.steps) for name, step in steps.items()}
    ratio = seconds["plain torch"] / seconds["compiled"]
    table = Table("", *seconds)
    table.add_row("seconds a step", *(f"{value:.3f}" for value in seconds.values()))
    console.print(table)
    console.print(
        f"{options.resolution}^3 voxels, {options.side}^2 rays: {ratio:.1f} times faster "
        f"({'reaches' if ratio >= WANTED_RATIO else 'misses'} {WANTED_RATIO:g})."
    )
    for name, error in errors.items():
        console.print(f"  {name:<38} differs by {error:.1e}" + ("" if error <= TOLERANCE else f", above {TOLERANCE:g}"))
    if options.json_file is not None:
        write_json(options.json_file, {"seconds": seconds, "ratio": ratio, "differences": errors})


def _relative(found: Tensor, wanted: Tensor) -> float:
    return float((found - wanted).abs().max() / wanted.abs().max())


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
