"""A square of two triangles that wears four colours, as each format writes it, and what is seen of it."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mesh.model.looks import Looks
from mesh.surface import Surface

RED, GREEN, BLUE, YELLOW = (200, 0, 0), (0, 160, 0), (0, 0, 240), (220, 220, 0)
PICTURE = np.array([[RED, GREEN], [BLUE, YELLOW]], np.uint8)
"""Two by two: the first row is the upper one."""
CORNERS = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32)
FACES = np.array([[0, 1, 2], [0, 2, 3]], np.uint16)
QUARTERS = [(0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75)]
"""Where the four colours are seen: lower left, lower right, upper left, upper right."""
AS_PAINTED = [BLUE, YELLOW, RED, GREEN]
_COMPONENTS = {"i1": 5120, "u1": 5121, "i2": 5122, "u2": 5123, "u4": 5125, "f4": 5126}


def png(picture: np.ndarray = PICTURE) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG")
    return buffer.getvalue()


def colors_seen(surface: Surface, points=QUARTERS) -> np.ndarray:
    """sRGB in 0..255 [P, 3] at points (x, y) of a surface that lies in the plane z = 0."""
    seen = []
    for point in np.asarray(points, np.float64):
        corners = surface.vertices[surface.faces][..., :2]
        edges = np.stack([corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]], -1)
        weights = np.linalg.solve(edges, (point - corners[:, 0])[..., None])[..., 0]
        weights = np.column_stack([1 - weights.sum(1), weights])
        face = int(weights.min(axis=1).argmax())
        assert weights[face].min() > -1e-6, f"nothing at {point}"
        seen.append(Looks(surface).at(torch.tensor([face]), torch.tensor(weights[face][None]).float())[0].numpy())
    return np.array(seen) * 255.0


@pytest.fixture(scope="session")
def seen() -> Callable[..., np.ndarray]:
    return colors_seen


@pytest.fixture
def gltf(tmp_path: Path) -> Callable[..., Path]:
    """Writes the textured square as .glb.

    The maker takes `change`, which edits the JSON; `arrays`, which replace or add attributes of the square, as arrays
    or (array, normalized); `texture`, the picture's file; `more`, further arrays, whose accessors follow; and `name`.
    """

    def make(
        change: Callable[[dict], None] | None = None,
        arrays: dict | None = None,
        texture: bytes | None = None,
        more: tuple[np.ndarray, ...] = (),
        name: str = "square.glb",
        views: tuple[bytes, ...] = (),
    ) -> Path:
        attributes = {"POSITION": CORNERS, "TEXCOORD_0": CORNERS[:, :2] * [1, -1] + np.float32([0, 1])}
        attributes["TEXCOORD_0"] = attributes["TEXCOORD_0"].astype(np.float32)
        attributes |= arrays or {}
        attributes = {key: values for key, values in attributes.items() if values is not None}
        blob, buffer_views, accessors = bytearray(), [], []

        def add(content: bytes) -> int:
            blob.extend(b"\0" * (-len(blob) % 4))
            buffer_views.append({"buffer": 0, "byteOffset": len(blob), "byteLength": len(content)})
            blob.extend(content)
            return len(buffer_views) - 1

        def accessor(values: np.ndarray, normalized: bool = False) -> int:
            values = np.ascontiguousarray(values)
            kind = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4", 16: "MAT4"}[
                1 if values.ndim == 1 else values.shape[1]
            ]
            view = add(values.tobytes())
            component = _COMPONENTS[values.dtype.str[1:]]
            accessors.append({"bufferView": view, "componentType": component, "count": len(values), "type": kind})
            if normalized:
                accessors[-1]["normalized"] = True
            return len(accessors) - 1

        placed = {
            key: accessor(*(values if isinstance(values, tuple) else (values,))) for key, values in attributes.items()
        }
        document = {
            "asset": {"version": "2.0"},
            "scene": 0,
            "scenes": [{"nodes": [0]}],
            "nodes": [{"mesh": 0}],
            "meshes": [{"primitives": [{"attributes": placed, "indices": accessor(FACES.reshape(-1)), "material": 0}]}],
            "materials": [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}],
            "textures": [{"source": 0}],
            "images": [{"bufferView": add(png() if texture is None else texture), "mimeType": "image/png"}],
        }
        for values in more:
            accessor(values)
        for content in views:
            add(content)
        document |= {"accessors": accessors, "bufferViews": buffer_views, "buffers": [{"byteLength": len(blob)}]}
        if change is not None:
            change(document)
        text = json.dumps(document).encode()
        text += b" " * (-len(text) % 4)
        blob.extend(b"\0" * (-len(blob) % 4))
        path = tmp_path / name
        chunks = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(blob), b"BIN\0") + bytes(blob)
        path.write_bytes(struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks)
        return path

    return make


@pytest.fixture
def obj(tmp_path: Path) -> Callable[..., Path]:
    """Writes the textured square as OBJ; the maker takes the library's lines, the faces' and the texture's place."""

    def make(
        library: str = "newmtl paint\nmap_Kd paint.png\n",
        faces: str = "usemtl paint\nf 1/1 2/2 3/3 4/4\n",
        texture: str | None = "paint.png",
        head: str = "mtllib square.mtl\n",
        vertices: str = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\n",
        places: str = "vt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\n",
    ) -> Path:
        (tmp_path / "square.mtl").write_text(library)
        if texture is not None:
            (tmp_path / texture).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / texture).write_bytes(png())
        path = tmp_path / "square.obj"
        path.write_text(head + vertices + places + faces)
        return path

    return make
