"""Voxel fields in safetensors: the lattice as it is, and in the header all that rendering it needs."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from editor3d.errors import DataError, first_line
from editor3d.files.writing import replacing
from nerf_methods.voxel.field import VoxelField

FORMAT = "editor3d voxel field 1"


def save_field(path: Path, field: VoxelField) -> None:
    """Write a field, whole or not at all: `grid` [R, R, R, 4] float32, raw density and colour.

    Raises:
        Editor3DError: the disk is full, or the folder cannot be written.
    """
    settings = {
        "core_radius": field.core_radius,
        "contracted": field.contracted,
        "shift": field.shift,
        "steps_per_voxel": field.steps_per_voxel,
        "near": field.near,
        "background": field.background.tolist(),
        "activation": "relu" if field.relu else "softplus",
    }
    with replacing(path) as partial:
        save_file(
            {"grid": field.grid.detach().cpu().contiguous()},
            partial,
            metadata={"format": FORMAT, "settings": json.dumps(settings)},
        )


def load_field(path: Path) -> VoxelField:
    """Read what `save_field` wrote; it renders to the same bits.

    Raises:
        DataError: it is missing, damaged, or no voxel field.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            if header.get("format") != FORMAT:
                raise DataError(f"Expected a voxel field in {path}, found something else: check the path.")
            settings, grid = json.loads(header["settings"]), file.get_tensor("grid")
        shift = float(settings.pop("shift"))
        settings["background"] = tuple(settings["background"])
        field = VoxelField(len(grid), **settings)
        field.shift = shift
        if grid.shape != field.grid.shape:
            raise ValueError(f"a lattice of {tuple(grid.shape)}")
        with torch.no_grad():
            field.grid.copy_(grid)
    except (OSError, SafetensorError, LookupError, TypeError, ValueError, RuntimeError, AttributeError) as error:
        raise DataError(
            f"Expected a voxel field at {path}, found none that can be read ({first_line(error)}): check it."
        ) from error
    return field
