"""Meshes."""

from __future__ import annotations

import numpy as np

from lab.fuzzing.formats.captures import photograph, png
from lab.fuzzing.formats.contract import Format
from lab.fuzzing.formats.mutate import Files

_MATERIAL = b"newmtl a\nKd 0.8 0.2 0.1\nmap_Kd t.png\nnewmtl b\nKd 0.1 0.9 0.1\n"
_OBJ = b"""mtllib m.mtl
v -1 -1 0
v 1 -1 0
v 1 1 0
v -1 1 0
v 0 0 1 1 0 0
vt 0 0
vt 1 0
vt 1 1
vt 0 1
vn 0 0 1
usemtl a
f 1/1/1 2/2/1 3/3/1 4/4/1
usemtl b
f 1 2 5
f -5 -1 -2
"""
_TEXTURED_PLY = b"""ply
format ascii 1.0
comment TextureFile t.png
element vertex 4
property float x
property float y
property float z
property uchar red
property uchar green
property uchar blue
element face 2
property list uchar int vertex_indices
property list uchar float texcoord
end_header
0 0 0 255 0 0
1 0 0 0 255 0
0 1 0 0 0 255
0 0 1 9 9 9
3 0 1 2 6 0 0 1 0 0 1
3 0 1 3 6 0 0 1 0 0 1
"""


def _of(*wholes: Files) -> Format:
    from mesh.io.read import read_mesh

    (name,) = {name for files in wholes for name in files if name.startswith("model.")}
    return Format(wholes, lambda folder: read_mesh(folder / name))


def _box(textured: bool = False):
    import trimesh
    from PIL import Image
    from trimesh.visual import ColorVisuals, TextureVisuals
    from trimesh.visual.material import PBRMaterial

    box = trimesh.creation.box()
    if textured:
        picture = Image.fromarray(photograph())
        material = PBRMaterial(baseColorTexture=picture, baseColorFactor=[200, 100, 50, 255])
        box.visual = TextureVisuals(uv=np.random.default_rng(0).random((8, 2)), material=material)
    else:
        box.visual = ColorVisuals(box, vertex_colors=np.random.default_rng(0).integers(0, 255, (8, 4), np.uint8))
    return box


def _exported(kind: str, textured: bool = False) -> bytes:
    content = _box(textured).export(file_type=kind)
    assert isinstance(content, bytes | str)
    return content if isinstance(content, bytes) else content.encode()


def obj() -> Format:
    return _of({"model.obj": _OBJ, "m.mtl": _MATERIAL, "t.png": png(photograph())})


def ply() -> Format:
    from trimesh.exchange.ply import export_ply

    ascii_ply = export_ply(_box(), encoding="ascii")
    textured = {"model.ply": _TEXTURED_PLY, "t.png": png(photograph())}
    return _of({"model.ply": _exported("ply")}, {"model.ply": ascii_ply}, textured)


def stl() -> Format:
    return _of({"model.stl": _exported("stl")}, {"model.stl": _exported("stl_ascii")})


def off() -> Format:
    return _of({"model.off": _exported("off")})


def glb() -> Format:
    return _of({"model.glb": _exported("glb")}, {"model.glb": _exported("glb", textured=True)})


def gltf() -> Format:
    import trimesh
    from trimesh.exchange.gltf import export_gltf

    wholes = []
    for textured in (False, True):
        files = export_gltf(trimesh.Scene(_box(textured)))
        wholes.append({"model.gltf" if name == "model.gltf" else name: bytes(body) for name, body in files.items()})
    return _of(*wholes)


def threemf() -> Format:
    return _of({"model.3mf": _exported("3mf")})


def dae() -> Format:
    return _of({"model.dae": _exported("dae")})
