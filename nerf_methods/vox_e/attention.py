"""Fit attention as two scalar grids on a frozen density: where in space the edit's words are (Vox-E, section 4.2)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from nerfstudio.cameras.rays import RayBundle
from safetensors.torch import save_file
from scipy import ndimage
from skimage.filters import threshold_otsu
from torch import Tensor

from editor3d.files.writing import replacing
from nerf_methods.vox_e import graph_cut
from nerf_methods.vox_e.color_model import ROUNDS, ColorModel
from nerf_methods.voxel.field import VoxelField

START = -4.0
"""Raw attention at first: 0.018, less than what a model gives a word where it is."""


class AttentionGrids:
    """A_e and A_obj, two channels instead of colour, composited along rays as colour is.

    Attributes:
        field: [R, R, R, 4] raw: density, A_e, A_obj, nothing. The density is a copy, and its learning rate is to be 0.
    """

    def __init__(self, like: VoxelField) -> None:
        """Empty grids.

        Args:
            like: the field whose density they will lie on.
        """
        self.field = VoxelField(
            like.resolution,
            core_radius=like.core_radius,
            contracted=like.contracted,
            steps_per_voxel=like.steps_per_voxel,
            near=like.near,
            background=(0.0, 0.0, 0.0),
            activation="relu" if like.relu else "softplus",
        )
        self.field.shift = like.shift
        self.field.to(like.grid.device)

    @torch.no_grad()
    def begin(self, edited: VoxelField) -> None:
        """Take over the density that attention is fitted on."""
        if self.field.resolution != edited.resolution:
            self.field.resize(edited.resolution)
        self.field.grid[..., 0] = edited.grid[..., 0]
        self.field.grid[..., 1:] = START
        self.field.occupancy = edited.occupancy.clone()

    def loss(self, rays: RayBundle, size: tuple[int, int], maps: Tensor) -> Tensor:
        """Mean squared difference between what rays meet and what a model's attention says there.

        Args:
            rays: of one picture, row by row: [H * W].
            size: H and W.
            maps: [C, h, w] of any size, in 0..1: of the edit's words and, with C = 2, of the object's.
        """
        wanted = F.interpolate(maps[None], size=size, mode="bilinear", align_corners=False)[0].flatten(1).T
        seen = self.field.render(rays.origins, rays.directions)[0][:, : len(maps)]
        return (seen - wanted.to(seen)).square().mean()

    @property
    def seen(self) -> Tensor:
        """[R, R, R] bool: the voxels that some ray has met."""
        return (self.field.grid.detach()[..., 1:3] != START).any(-1)

    def values(self) -> tuple[Tensor, Tensor]:
        """A_e and A_obj, [R, R, R] in 0..1."""
        attention = torch.sigmoid(self.field.grid.detach()[..., 1:3])
        return attention[..., 0].contiguous(), attention[..., 1].contiguous()


@dataclass(frozen=True, eq=False)
class Cut:
    """What the graph cut found."""

    mask: Tensor
    """M, [R, R, R] bool: the voxels that the edit takes."""
    voxels: int
    """Of them that hold something."""
    of: int
    """Voxels that hold something, before or after the edit."""
    components: int
    """Parts that hung together before all but the largest were dropped."""


@dataclass(frozen=True)
class CutSettings:
    """The energy's parameters."""

    smoothness: float = graph_cut.SMOOTHNESS
    sigma: float = graph_cut.SIGMA
    temperature: float = 1.0
    """Temperature of the softmax: differences of attention well above it decide a label."""
    color_weight: float = 2.0
    """Weight of the source's colours beside attention; 0 for the paper's energy."""
    min_alpha: float = 0.02
    """Opacity over one step from which a voxel counts as occupied."""


def cut(
    edit: Tensor, rest: Tensor | None, seen: Tensor, edited: VoxelField, source: VoxelField, settings: CutSettings
) -> Cut:
    """Find the voxels that an edit is about.

    A model shares its attention among all tokens, so each grid is scaled first: one half is the value that parts it
    best into two classes (Otsu 1979). Without `rest` whatever the edit's words do not look at is the rest:
    A_obj = 1 - A_e.
    Voxels that no ray has met have no opinion; empty ones no label. What was found is then parted by the source's
    colours from what is around it (`color_model`).

    Args:
        edit: A_e, [R, R, R] in 0..1.
        rest: A_obj, or None.
        seen: [R, R, R] bool.
        edited, source: G_e and G_i, of one resolution.
        settings: of the energy.
    """
    filled = torch.maximum(edited.grid[..., 0], source.grid[..., 0]).detach() > source.raw_density(settings.min_alpha)
    nodes, opinion = filled.cpu().numpy(), (filled & seen).cpu().numpy()
    a_edit = _scaled(edit.cpu().numpy(), opinion)
    a_rest = 1.0 - a_edit if rest is None else _scaled(rest.cpu().numpy(), opinion)
    cost_in, cost_out = graph_cut.unary_costs(a_edit, a_rest, settings.temperature)
    cost_in, cost_out = np.where(opinion, cost_in, 0.0), np.where(opinion, cost_out, 0.0)
    weights = graph_cut.neighbor_weights(_colors(edited), settings.sigma)
    # by attention, not by voxels: a faint hint may fill a large part that hardly any view shows
    mass = np.where(opinion, edit.cpu().numpy(), 0.0)
    labels = graph_cut.minimise(cost_in, cost_out, weights, settings.smoothness, nodes)
    kept = graph_cut.largest_component(labels, mass)
    model = ColorModel(_colors(source)) if settings.color_weight > 0.0 else None
    for _ in range(ROUNDS):
        if model is None:
            break
        ratio = settings.color_weight * model.log_ratio(kept, mass**2, opinion)
        labels = graph_cut.minimise(
            cost_in + np.maximum(-ratio, 0.0), cost_out + np.maximum(ratio, 0.0), weights, settings.smoothness, nodes
        )
        kept = graph_cut.largest_component(labels, mass)
    if model is not None:  # highlights and shadows have colours of their own
        kept = graph_cut.largest_component(kept | (ndimage.binary_closing(kept) & nodes), mass)
    mask = with_border(kept, nodes)
    return Cut(torch.from_numpy(mask), int(kept.sum()), int(nodes.sum()), graph_cut.parts_of(labels)[1])


def _colors(field: VoxelField) -> np.ndarray:
    return torch.sigmoid(field.grid.detach()[..., 1:]).cpu().numpy()


def with_border(labels: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    """Labels, and the empty voxels that only touch labelled ones: a surface is interpolated with them.

    Args:
        labels: [X, Y, Z] bool, inside `nodes`.
        nodes: [X, Y, Z] bool, the voxels that hold something.
    """
    touch = np.ones((3, 3, 3), bool)
    others = np.asarray(ndimage.binary_dilation(nodes & ~labels, touch), bool)
    return labels | (np.asarray(ndimage.binary_dilation(labels, touch), bool) & ~nodes & ~others)


@torch.no_grad()
def merge(edited: VoxelField, source: VoxelField, mask: Tensor) -> None:
    """G_r = M G_e + (1 - M) G_i, which replaces G_e. Outside M the source's bits.

    Args:
        mask: M, [R, R, R] bool.
    """
    edited.grid.copy_(torch.where(mask.to(edited.grid.device)[..., None], edited.grid, source.grid))


def save_attention(path: Path, edit: Tensor, rest: Tensor | None, mask: Tensor) -> None:
    """Write the grids as safetensors, whole or not at all: `edit`, `object` [R, R, R] float32 and `mask` bool.

    Raises:
        Editor3DError: the disk is full, or the folder cannot be written.
    """
    tensors = {"edit": edit.cpu(), "mask": mask.cpu()} | ({} if rest is None else {"object": rest.cpu()})
    with replacing(path) as partial:
        save_file(tensors, partial)


def _scaled(attention: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Attention in 0..1, one half where it parts best into two classes inside `where`."""
    inside = attention[where]
    if inside.size == 0 or inside.min() == inside.max():
        return np.full_like(attention, 0.5)
    return np.clip(attention / (2.0 * threshold_otsu(inside)), 0.0, 1.0)
