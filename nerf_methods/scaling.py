"""Dynamic scaling of a voxel field (Instruct 3D-to-3D): few voxels for large changes, then all of them for detail."""

from __future__ import annotations

import torch
from torch import Tensor

from editor3d.errors import ConfigError
from nerf_methods.voxel.field import VoxelField, resampled

_ROUNDING = 1e-6


def lattice_side(count: float) -> int:
    """Lattice points along each side of a cube by DVGO's rule for a number of voxels.

    The voxel's side is s = (volume / count)^(1/3), and each axis has floor(extent / s) points (Sun et al. 2022); in a
    cube that is floor(count^(1/3)).

    Args:
        count: N, at least 8: two points along each axis.
    """
    return max(2, int(count ** (1 / 3) + _ROUNDING))


class Scaling:
    """N -> N / 2^l -> N in the course of a run, the stages in equal shares of its steps."""

    def __init__(self, halvings: tuple[int, ...], total_steps: int) -> None:
        """Remember the stages.

        Args:
            halvings: l of each stage: (0, 1, 2, 1, 0) goes down to a quarter of the voxels and back.
            total_steps: of the run.

        Raises:
            ConfigError: there is no stage, or the last one does not have all voxels.
        """
        if not halvings or min(halvings) < 0 or halvings[-1] != 0:
            raise ConfigError(
                f"Expected how often the number of voxels is halved in each stage, at least 0 and at last 0, got "
                f"{', '.join(map(str, halvings)) or 'none'}: correct scaling."
            )
        self._halvings, self._total = halvings, total_steps

    def level(self, step: int) -> int:
        """l at a step counted from 0."""
        stages = len(self._halvings)
        return self._halvings[min(stages - 1, step * stages // self._total)]


@torch.no_grad()
def rescale(
    field: VoxelField,
    resolution: int,
    optimizer: torch.optim.Optimizer | None = None,
    source: VoxelField | None = None,
) -> None:
    """Give a field another resolution, the optimiser's moments with it.

    With `source` it is the *change* from the source that is resampled, G' = resample(G - S_r) + S_r', where S_r is the
    source's lattice at resolution r. What is unchanged then comes back to all voxels as it was, with all its detail;
    the paper resamples the scene itself, which blurs all of it.

    Args:
        field: what is changed; its Parameter object stays the same.
        resolution: lattice points along each axis.
        optimizer: of the field's parameter.
        source: the unedited field, of all voxels.
    """
    if source is None:
        field.resize(resolution, optimizer)
        return
    field.grid.sub_(_lattice(source, field.resolution))
    field.resize(resolution, optimizer)
    field.grid.add_(_lattice(source, resolution))


def _lattice(field: VoxelField, resolution: int) -> Tensor:
    return field.grid if field.resolution == resolution else resampled(field.grid, resolution)
