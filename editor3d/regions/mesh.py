"""The region inside a mesh, of any file that trimesh reads."""

from __future__ import annotations

import reprlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from editor3d.errors import RegionError, first_line
from editor3d.files.safe_open import require_regular
from editor3d.types import Solid

if TYPE_CHECKING:
    import numpy as np
    import open3d
    import trimesh
    from torch import Tensor
    from trimesh.resolvers import Resolver

_RAYS = 3
"""Of odd number: which side of a surface a point is on is voted, since a ray may meet an edge."""


@dataclass(frozen=True)
class MeshRegion(Solid):
    """What lies inside a closed mesh, given in the capture's own frame. Small holes are closed.

    Raises:
        RegionError: no such file, nothing in it, or a surface that stays open.
    """

    file: Path

    def __post_init__(self) -> None:
        if not isinstance(self.file, (str, Path)) or not str(self.file).strip():
            raise RegionError(f"Expected the file of a mesh, not {reprlib.repr(self.file)}.")
        object.__setattr__(self, "file", Path(self.file).expanduser().absolute())
        if not self.file.is_file():
            raise RegionError(f"Expected a mesh at {self.file}, found no file: check the path.")
        self.mesh  # noqa: B018  # read now: a damaged file is refused at once

    @cached_property
    def mesh(self) -> trimesh.Trimesh:
        """All parts as one, closed."""
        import trimesh

        try:
            mesh = trimesh.load(
                self.file, force="mesh", process=True, skip_materials=True, resolver=_buffers_beside(self.file)
            )
        except Exception as error:  # trimesh's readers raise whatever their format's parser does
            reason = first_line(error)
            raise RegionError(f"Expected a mesh in {self.file}, which trimesh cannot read ({reason}).") from error
        if not isinstance(mesh, trimesh.Trimesh) or not len(mesh.faces):
            raise RegionError(f"Expected a mesh in {self.file}, found no faces in it.")
        mesh.merge_vertices()
        if not mesh.is_watertight:
            trimesh.repair.fill_holes(mesh)
        if not mesh.is_watertight:
            raise RegionError(
                f"Expected a closed surface in {self.file}, found one with open edges that cannot be closed: what is "
                f"inside of it is not defined. Close it, or give a box."
            )
        return mesh

    @cached_property
    def _scene(self) -> open3d.t.geometry.RaycastingScene:
        import numpy as np
        import open3d

        scene = open3d.t.geometry.RaycastingScene()  # in float32: of what is left once the mesh's middle is taken off
        vertices, faces = np.float32(self.mesh.vertices - self._middle), np.uint32(self.mesh.faces)
        scene.add_triangles(open3d.core.Tensor.from_numpy(vertices), open3d.core.Tensor.from_numpy(faces))
        return scene

    @cached_property
    def _middle(self) -> np.ndarray:
        """[3] float64; zeros where the mesh is not far from the origin."""
        from editor3d.precision import offset_of

        return offset_of(self.mesh.vertices)

    def _local(self, points: Tensor) -> open3d.core.Tensor:
        """Points [..., 3] as the scene of rays has them, float32."""
        import open3d

        return open3d.core.Tensor.from_numpy(
            (points.detach().cpu().double().numpy() - self._middle).astype("float32", order="C")
        )

    def contains(self, points: Tensor) -> Tensor:
        """Which points lie inside: [..., 3] -> bool [...]."""
        import torch

        occupied = self._scene.compute_occupancy(self._local(points), nsamples=_RAYS).numpy()
        return torch.from_numpy(occupied > 0.5).to(points.device)

    def distance(self, points: Tensor) -> Tensor:
        """From points [..., 3] to the mesh, 0 within: [...] float64."""
        import torch

        signed = self._scene.compute_signed_distance(self._local(points), nsamples=_RAYS).numpy()
        return torch.from_numpy(signed).double().clamp_min(0.0).to(points.device)

    def entry(self, origins: Tensor, directions: Tensor) -> Tensor:
        """How far along rays [N, 3] the mesh begins: [N] float64, 0 from within, infinite where they miss it."""
        import open3d
        import torch

        along = open3d.core.Tensor.from_numpy(directions.detach().cpu().float().contiguous().numpy())
        found = self._scene.cast_rays(open3d.core.concatenate([self._local(origins), along], 1))
        distance = torch.from_numpy(found["t_hit"].numpy()).double().to(origins.device)
        return distance.masked_fill(self.contains(origins), 0.0)

    def bounds(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """The lower and upper corner of the box along the scene's axes that holds it."""
        low, high = self.mesh.bounds.tolist()
        return tuple(low), tuple(high)

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads."""
        return {"type": "mesh", "file": str(self.file)}


def _buffers_beside(path: Path) -> Resolver:
    """Gives trimesh the .bin files of a glTF and nothing else: it would open a texture as any kind of picture."""
    from trimesh.resolvers import FilePathResolver

    class Buffers(FilePathResolver):
        def get(self, name: str) -> bytes:
            if not name.lower().endswith(".bin"):
                raise FileNotFoundError(name)
            return super().get(name)

        def absolute(self, name: str) -> Path:
            found = super().absolute(name)
            return require_regular(found) if found.exists() else found  # a pipe would be waited for

    return Buffers(str(path))
