"""A voxel radiance field: raw density and colour on a lattice, rendered by the compiled kernel."""

from __future__ import annotations

import math
from typing import Literal

import numba
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from editor3d.host.compiled import require
from nerf_methods.voxel import reference
from nerf_methods.voxel.kernels import march
from nerf_methods.voxel.marching import MarchSettings, Rays, as_array, buffers, capacity_of, marched

Activation = Literal["softplus", "relu"]


def _in_large_pages(values: Tensor) -> Tensor:
    """A copy of `values` in memory that the system maps in large pages, which numpy asks for and torch does not.

    Marching reads the lattice all over; looking up small pages took a sixth of its time.
    """
    if values.device.type != "cpu":
        return values
    copy = np.empty(values.shape, np.float32)
    copy[:] = values.numpy()
    return torch.from_numpy(copy)


def resampled(lattice: Tensor, resolution: int) -> Tensor:
    """A lattice [X, Y, Z, C] resampled trilinearly, its corners staying where they are: [R, R, R, C]."""
    volume = lattice.permute(3, 0, 1, 2)[None]
    volume = F.interpolate(volume, size=(resolution,) * 3, mode="trilinear", align_corners=True)
    return volume[0].permute(1, 2, 3, 0).contiguous()


class _Render(torch.autograd.Function):
    """`march.march` and its analytic gradient with respect to the grid and the background."""

    @staticmethod
    def forward(ctx, grid, occupancy, origins, directions, jitter, background, settings: MarchSettings, keep: bool):
        rays = Rays.of(origins, directions, jitter)
        records = buffers.take(len(rays.origins), capacity_of(settings) if keep else 0, march.RECORD_SIZE)
        behind = as_array(background)
        counts, rgb, accumulation, depth = marched(grid, occupancy, rays, behind, settings, records)
        if keep:
            ctx.march = (
                rays,
                behind,
                records,
                counts,
                rgb.copy(),
                accumulation.copy(),
                settings,
                numba.get_num_threads(),
            )
            ctx.grid_shape = tuple(grid.shape)
        outputs = torch.from_numpy(rgb), torch.from_numpy(accumulation), torch.from_numpy(depth)
        ctx.mark_non_differentiable(outputs[2])
        return outputs

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad_rgb, grad_accumulation, _):
        rays, background, records, counts, rgb, accumulation, settings, chunks = ctx.march
        x, y, z, channels = ctx.grid_shape
        grads = buffers.take(chunks, x, y, z, channels)
        touched = np.zeros((chunks, x, y, march.rows_of(z)), np.uint8)
        march.march_backward(
            (x, y, z),
            rays.origins,
            rays.directions,
            np.float32(settings.bound),
            settings.contracted,
            background,
            records,
            counts,
            rgb,
            accumulation,
            as_array(grad_rgb),
            as_array(grad_accumulation),
            chunks,
            grads,
            touched,
        )
        march.sum_chunks(grads, touched)
        behind = None
        if ctx.needs_input_grad[5]:  # dC / d background = T_end
            behind = ((1.0 - torch.from_numpy(accumulation))[:, None] * grad_rgb).sum(0)
        return torch.from_numpy(grads[0]), None, None, None, None, behind, None, None


class VoxelField(nn.Module):
    """Density and colour on a lattice [R, R, R, 4], trilinear, activated after interpolation.

    Field units are scene units over `core_radius`. With `contracted`, space beyond the core cube [-1, 1]^3 is folded
    into the shell between 1 and 2 (Mip-NeRF 360), so the lattice spans [-2, 2]^3 and holds unbounded captures; without,
    it spans the core cube and the scene ends there. Density is a(raw + shift) per field unit, colour sigmoid(raw);
    neither depends on the viewing direction. The activation a is the softplus, or max(0, .) of what is interpolated
    (ReLU fields, Karnewar et al. 2022), which makes surfaces sharper than the lattice and space truly empty.

    Args:
        resolution: lattice points along each axis.
        core_radius: half the side of the core cube, in scene units.
        contracted: fold unbounded space into the lattice.
        initial_density: density of the empty field, per field unit.
        steps_per_voxel: marching steps along one lattice cell.
        near: distance at which rays start, scene units.
        background: [3] in 0..1, colour behind everything; a parameter, trained only on request.
        activation: of density.
    """

    def __init__(
        self,
        resolution: int,
        *,
        core_radius: float = 0.5,
        contracted: bool = True,
        initial_density: float = 0.1,
        steps_per_voxel: float = 1.0,
        near: float = 0.05,
        background: tuple[float, float, float] = (0.5, 0.5, 0.5),
        activation: Activation = "softplus",
    ) -> None:
        super().__init__()
        self.core_radius, self.contracted, self.near = core_radius, contracted, near
        self.bound, self.steps_per_voxel = 2.0 if contracted else 1.0, steps_per_voxel
        self.relu = activation == "relu"
        self.shift = initial_density if self.relu else math.log(math.expm1(initial_density))
        self.grid = nn.Parameter(_in_large_pages(torch.zeros(resolution, resolution, resolution, 4)))
        self.register_buffer("occupancy", torch.ones(self._occupancy_shape(resolution), dtype=torch.uint8))
        self.background = nn.Parameter(torch.tensor(background, dtype=torch.float32), requires_grad=False)

    @staticmethod
    def _occupancy_shape(resolution: int) -> tuple[int, int, int]:
        blocks = -(-resolution // march.OCCUPANCY_BLOCK)
        return blocks, blocks, blocks

    @property
    def resolution(self) -> int:
        return self.grid.shape[0]

    @property
    def step(self) -> float:
        """Marching step in contracted field units."""
        return 2.0 * self.bound / (self.resolution - 1) / self.steps_per_voxel

    def march_settings(self, explore_every: int = 0, stop: float = 1e-3) -> MarchSettings:
        """How rays in field units are marched; see `render`."""
        near = self.near / self.core_radius
        return MarchSettings(near, self.bound, self.contracted, self.step, self.shift, self.relu, stop, explore_every)

    def render(
        self,
        origins: Tensor,
        directions: Tensor,
        jitter: Tensor | None = None,
        *,
        explore_every: int = 0,
        stop: float = 1e-3,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Render rays.

        Args:
            origins, directions: [N, 3] in scene units; directions are unit vectors.
            jitter: [N] in 0..1, the first sample's offset in steps; one half by default.
            explore_every: every n-th ray ignores the occupancy, so that density can grow in empty space; 0 for none.
            stop: transmittance at which a ray ends.

        Returns:
            rgb [N, 3], accumulation [N], depth [N]: the distance along the ray at which transmittance falls below 1/2;
            where it never does, that of the last sample.
        """
        if jitter is None:
            jitter = torch.full_like(origins[:, 0], 0.5)
        origins, settings = origins / self.core_radius, self.march_settings(explore_every, stop)
        if self.grid.device.type != "cpu":
            rgb, accumulation, depth = reference.render_rays(
                self.grid,
                origins,
                directions,
                jitter,
                near=settings.near,
                bound=self.bound,
                contracted=self.contracted,
                step=self.step,
                shift=self.shift,
                background=self.background,
                relu=self.relu,
                stop=stop,
            )
        else:
            require("nerf_methods.voxel.warmup")
            keep = torch.is_grad_enabled() and (self.grid.requires_grad or self.background.requires_grad)
            rgb, accumulation, depth = _Render.apply(
                self.grid, self.occupancy, origins, directions, jitter, self.background, settings, keep
            )
        return rgb, accumulation, depth * self.core_radius

    @torch.no_grad()
    def density_and_color(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Density per scene unit [..., 1] and colour [..., 3] at points [..., 3] in scene units."""
        where = points / self.core_radius
        if self.contracted:
            where = reference.contract(where)
        raw = reference.interpolate(self.grid, where, self.bound)
        inside = where.abs().amax(-1, keepdim=True) <= self.bound  # a bounded scene ends there
        density = reference.activate(raw[..., :1] + self.shift, self.relu)
        return density * inside / self.core_radius, torch.sigmoid(raw[..., 1:])

    @torch.no_grad()
    def update_occupancy(self, min_alpha: float) -> None:
        """Mark blocks that are nowhere denser than `min_alpha` (opacity over one step) as empty."""
        if self.grid.device.type != "cpu":
            return  # the torch renderer does not skip
        march.update_occupancy(
            self.grid.detach().numpy(), np.float32(self.raw_density(min_alpha)), self.occupancy.numpy()
        )

    def raw_density(self, alpha: float) -> float:
        """The raw density whose opacity over one step is `alpha`: a(raw + shift) = s = -log(1 - alpha) / step.

        Args:
            alpha: in 0..1, exclusive.
        """
        density = -math.log1p(-alpha) / self.step
        # the softplus is s where its argument is log(exp(s) - 1)
        return (density if self.relu else density + math.log(-math.expm1(-density))) - self.shift

    @torch.no_grad()
    def resize(self, resolution: int, optimizer: torch.optim.Optimizer | None = None) -> None:
        """Resample the lattice trilinearly to `resolution`, and the optimiser's moments with it.

        The Parameter object stays the same: optimisers and references still hold what is rendered.
        """
        self.grid.data = _in_large_pages(resampled(self.grid.data, resolution))
        self.grid.grad = None
        self.occupancy = torch.ones(self._occupancy_shape(resolution), dtype=torch.uint8, device=self.grid.device)
        if optimizer is not None and self.grid in optimizer.state:
            state = optimizer.state[self.grid]
            for key in ("exp_avg", "exp_avg_sq"):
                state[key] = resampled(state[key], resolution)

    def _load_from_state_dict(self, state_dict, prefix, *args, **kwargs) -> None:
        """A checkpoint may hold another resolution than the configuration starts at: take the checkpoint's."""
        stored = state_dict.get(prefix + "grid")
        if stored is not None and stored.ndim == 4 and stored.shape != self.grid.shape:
            self.grid.data = _in_large_pages(torch.zeros(stored.shape, device=self.grid.device))
            self.occupancy = torch.ones(
                self._occupancy_shape(stored.shape[0]), dtype=torch.uint8, device=self.grid.device
            )
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)
