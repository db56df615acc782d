"""Write baked meshes: GLB, or OBJ with its material and pictures."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from editor3d.errors import ConfigError
from editor3d.files.writing import replacing
from editor3d.outputs.pictures import save_png
from editor3d.srgb import to_linear
from mesh.bake.bake import BakedMesh, corner_tangents

SUFFIXES = (".glb", ".obj")
_FLOAT, _UINT = 5126, 5125
_KINDS = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4"}
_ARRAY, _INDEX = 34962, 34963


def check_output(path: Path) -> None:
    """Refuse a name that no mesh can be written to.

    Raises:
        ConfigError: another ending than .glb and .obj, or a folder.
    """
    if path.suffix.lower() not in SUFFIXES or path.is_dir():
        raise ConfigError(f"Expected the name of a file that ends in {' or '.join(SUFFIXES)}, got {path}: rename it.")


def write_baked(path: Path, baked: BakedMesh) -> None:
    """Write a mesh by its name's ending.

    Raises:
        ConfigError: as `check_output`.
        Editor3DError: the disk is full, or the folder cannot be written; an earlier file is unchanged.
    """
    check_output(path)
    if path.suffix.lower() == ".glb":
        _write_glb(path, baked)
    else:
        _write_obj(path, baked)


@dataclass(frozen=True, eq=False)
class _Corners:
    """Vertices split where their places in the texture differ."""

    vertex: np.ndarray
    """[N] int64, into the mesh's vertices."""
    faces: np.ndarray
    """[F, 3] int64, into these."""
    uvs: np.ndarray
    """[N, 2], v pointing up."""
    tangents: np.ndarray
    """[N, 4]."""


def _split(baked: BakedMesh, uvs: np.ndarray) -> _Corners:
    tangents = corner_tangents(baked.vertices, baked.faces, uvs).reshape(-1, 4)
    flat = baked.faces.reshape(-1)
    key = np.column_stack([flat, uvs.reshape(-1, 2).view(np.int32), tangents[:, 3].astype(np.int32)])
    _, first, which = np.unique(key, axis=0, return_index=True, return_inverse=True)
    return _Corners(flat[first], which.reshape(-1, 3), uvs.reshape(-1, 2)[first], tangents[first])


def _write_glb(path: Path, baked: BakedMesh) -> None:
    """glTF 2.0. A mesh so far from the origin that 32 bits blur it is placed by its node."""
    import pygltflib as gltf

    center = 0.5 * (baked.vertices.min(axis=0) + baked.vertices.max(axis=0))
    size = float(np.ptp(baked.vertices, axis=0).max())
    far = np.abs(baked.vertices).max() > size
    vertices = (baked.vertices - center if far else baked.vertices).astype(np.float32)
    blob, views, accessors = bytearray(), [], []

    def add(data: bytes, target: int | None = None) -> int:
        blob.extend(b"\0" * (-len(blob) % 4))
        views.append(gltf.BufferView(buffer=0, byteOffset=len(blob), byteLength=len(data), target=target))
        blob.extend(data)
        return len(views) - 1

    def accessor(values: np.ndarray, component: int, target: int, bounds: bool = False) -> int:
        array = np.ascontiguousarray(values, np.float32 if component == _FLOAT else np.uint32)
        kind = _KINDS[1 if array.ndim == 1 else array.shape[1]]
        limits = {"min": array.min(axis=0).tolist(), "max": array.max(axis=0).tolist()} if bounds else {}
        accessors.append(
            gltf.Accessor(
                bufferView=add(array.tobytes(), target), componentType=component, count=len(array), type=kind, **limits
            )
        )
        return len(accessors) - 1

    attributes = gltf.Attributes()
    surface = gltf.PbrMetallicRoughness(metallicFactor=0.0)
    material = gltf.Material(name="style", doubleSided=True, pbrMetallicRoughness=surface)
    document = gltf.GLTF2(asset=gltf.Asset(version="2.0", generator="editor3d"))
    if baked.uvs is None:
        vertex, faces = np.arange(len(vertices)), baked.faces
        attributes.COLOR_0 = accessor(to_linear(baked.colors), _FLOAT, _ARRAY)
    else:
        corners = _split(baked, baked.uvs)
        vertex, faces = corners.vertex, corners.faces
        attributes.TEXCOORD_0 = accessor(corners.uvs * [1.0, -1.0] + [0.0, 1.0], _FLOAT, _ARRAY)
        attributes.TANGENT = accessor(_orthogonal(corners.tangents, baked.normals[vertex]), _FLOAT, _ARRAY)
        # COLOR_0 would be multiplied into the texture
        color = accessor(baked.colors[vertex], _FLOAT, _ARRAY)
        attributes._COLOR = color  # pyright: ignore[reportAttributeAccessIssue]  # of an application's own
        finish = () if baked.finish is None else (baked.finish,)
        for index, picture in enumerate((*baked.pictures(), *finish)):
            buffer = io.BytesIO()
            Image.fromarray(picture).save(buffer, format="PNG")
            document.images.append(gltf.Image(bufferView=add(buffer.getvalue()), mimeType="image/png"))
            document.textures.append(gltf.Texture(source=index, sampler=0))
        document.samplers.append(gltf.Sampler(magFilter=9729, minFilter=9987, wrapS=10497, wrapT=10497))
        surface.baseColorTexture = gltf.TextureInfo(index=0)
        material.normalTexture = gltf.NormalMaterialTexture(index=1)
        if finish:
            surface.metallicRoughnessTexture = gltf.TextureInfo(index=2)
            surface.metallicFactor = surface.roughnessFactor = 1.0
    attributes.POSITION = accessor(vertices[vertex], _FLOAT, _ARRAY, bounds=True)
    attributes.NORMAL = accessor(baked.normals[vertex], _FLOAT, _ARRAY)
    indices = accessor(faces.reshape(-1), _UINT, _INDEX)
    primitive = gltf.Primitive(attributes=attributes, indices=indices, material=0)
    document.meshes.append(gltf.Mesh(name=path.stem, primitives=[primitive]))
    document.nodes.append(gltf.Node(name=path.stem, mesh=0, translation=center.tolist() if far else None))
    document.scenes.append(gltf.Scene(nodes=[0]))
    document.scene = 0
    document.materials.append(material)
    document.bufferViews, document.accessors = views, accessors
    document.buffers.append(gltf.Buffer(byteLength=len(blob)))
    document.set_binary_blob(bytes(blob))
    with replacing(path) as temporary:
        document.save_binary(str(temporary))


def _orthogonal(tangents: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Unit tangents [N, 4] square to unit normals [N, 3], as glTF wants them."""
    along = tangents[:, :3] - (tangents[:, :3] * normals).sum(1, keepdims=True) * normals
    length = np.linalg.norm(along, axis=1, keepdims=True)
    aside = np.eye(3)[np.abs(normals).argmin(axis=1)]
    other = np.cross(normals, aside)
    along = np.where(length > 1e-6, along / np.maximum(length, 1e-30), other / np.linalg.norm(other, axis=1)[:, None])
    return np.column_stack([along, tangents[:, 3]])


def _write_obj(path: Path, baked: BakedMesh) -> None:
    """Wavefront OBJ: vertices with their colours behind them; with a texture, its material and pictures beside it."""
    lines = ["# editor3d"]
    corners = baked.faces + 1
    if baked.uvs is not None:
        texture, normal_map = baked.pictures()
        save_png(path.with_name(f"{path.stem}_color.png"), texture)
        save_png(path.with_name(f"{path.stem}_normal.png"), normal_map)
        with replacing(path.with_suffix(".mtl")) as temporary:
            temporary.write_text(
                f"newmtl style\nKd 1 1 1\nKs 0 0 0\nmap_Kd {path.stem}_color.png\nnorm {path.stem}_normal.png\n"
            )
        lines += [f"mtllib {path.stem}.mtl", "usemtl style"]
    for (x, y, z), (r, g, b) in zip(baked.vertices.tolist(), baked.colors.tolist(), strict=True):
        lines.append(f"v {x!r} {y!r} {z!r} {r:.6g} {g:.6g} {b:.6g}")
    if baked.uvs is None:
        lines += [f"f {a} {b} {c}" for a, b, c in corners.tolist()]
    else:
        places, which = np.unique(baked.uvs.reshape(-1, 2), axis=0, return_inverse=True)
        lines += [f"vt {u:.9g} {v:.9g}" for u, v in places.tolist()]
        at = which.reshape(-1, 3) + 1
        lines += [
            f"f {a}/{p} {b}/{q} {c}/{r}" for (a, b, c), (p, q, r) in zip(corners.tolist(), at.tolist(), strict=True)
        ]
    with replacing(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n")
