"""Every kind of file that a user may open: whole ones to be broken, and the function that reads them.

To add a kind, write a function that gives a `Format` and name it in `FORMATS`.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from lab.fuzzing.formats.contract import Format

FORMATS: dict[str, str] = {
    "transforms": "captures:transforms",
    "colmap-binary": "captures:colmap_binary",
    "colmap-text": "captures:colmap_text",
    "nerf-synthetic": "captures:nerf_synthetic",
    "points": "captures:points",
    "depth-array": "captures:depth_array",
    "cameras": "captures:cameras",
    "picture": "pictures:pictures",
    "garment": "pictures:garment",
    "target": "pictures:target",
    "splat-ply": "splats:ply",
    "splat-compressed": "splats:compressed",
    "splat-spz": "splats:spz",
    "splat-splat": "splats:splat",
    "splat-sog": "splats:sog",
    "splat-further": "splats:further",
    "mesh-obj": "meshes:obj",
    "mesh-ply": "meshes:ply",
    "mesh-stl": "meshes:stl",
    "mesh-off": "meshes:off",
    "mesh-glb": "meshes:glb",
    "mesh-gltf": "meshes:gltf",
    "mesh-dae": "meshes:dae",
    "mesh-3mf": "meshes:threemf",
    "config": "runs:config",
    "checkpoint": "runs:checkpoint",
    "field": "runs:field",
    "record": "runs:record",
    "mesh-run": "runs:mesh_run",
    "preset": "runs:preset",
    "refinement": "runs:refinement",
    "region": "texts:region",
    "region-file": "texts:region_file",
    "program": "texts:program",
    "answer": "texts:answer",
    "chat": "texts:chat",
    "job": "texts:job",
}
"""Name -> `module:function` of this package."""


def format_of(name: str) -> Format:
    """A format, its whole files made now.

    Raises:
        KeyError: there is none of this name.
    """
    module, function = FORMATS[name].split(":")
    maker: Callable[[], Format] = getattr(import_module(f"{__name__}.{module}"), function)
    return maker()


__all__ = ["FORMATS", "Format", "format_of"]
