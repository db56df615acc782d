"""3MF and COLLADA (.dae), as trimesh reads them."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from editor3d.errors import DataError, first_line, shown
from mesh.io.common.notes import Notes
from mesh.io.common.parts import check_size, colored_faces
from mesh.io.common.textures import Textures
from mesh.surface import Material, Surface

if TYPE_CHECKING:
    import trimesh

MAX_UNPACKED = 1 << 28
"""Bytes of all files in a .3mf together, 256 MiB, whose XML takes some ten times as much in memory."""
_NOT_XML = (b"<!DOCTYPE", b"<!ENTITY")
_MODEL = re.compile(r"3d/3dmodel\.model|\.(?:model|dae)$")
"""Names, in lower case, of what the readers look for in an archive."""
_ENCODING = re.compile(rb"""encoding\s*=\s*["']([^"']*)""")
_STATELESS = re.compile(
    rb"utf-?(?:8|16)(?:[bl]e)?|(?:us-)?ascii|iso-?8859-?\d+|latin-?1|(?:windows-|cp)125\d|shift_jis|euc-(?:jp|kr)|"
    rb"gb(?:k|2312|18030)|big5",
    re.IGNORECASE,
)
"""Encodings in which the same bytes always stand for the same ASCII; in others, such as UTF-7, words can be hidden."""


def read(path: Path, notes: Notes) -> list[Surface]:
    """The meshes of a .3mf or .dae file, each where its scene puts it.

    Raises:
        DataError: it is damaged, too large unpacked, or defines entities, which could read other files or grow.
    """
    import trimesh

    content = path.read_bytes()
    _check_content(content, path)
    kind = path.suffix.lower()[1:]
    textures = Textures(path.parent, notes, percent_encoded=True)
    pictures: Any = _Pictures(textures)  # it has what trimesh calls
    try:
        scene = trimesh.load_scene(io.BytesIO(content), file_type=kind, resolver=pictures, process=False)
        check_size(sum(len(scene.geometry[scene.graph[node][1]].faces) for node in scene.graph.nodes_geometry), "faces",
                   path)  # fmt: skip
        parts = [part for part in scene.dump() if isinstance(part, trimesh.Trimesh)]
    except DataError:
        raise
    except Exception as error:  # noqa: BLE001 - its readers raise errors of many kinds for damaged files
        raise DataError(
            f"Expected a readable mesh at {path}, found it damaged ({first_line(error)[:200]}): export it anew."
        ) from error
    if kind == "3mf":
        notes.add("colours and textures of a .3mf are not read: export a .glb to have them")
    else:
        notes.add("of a .dae, colours and textures of materials are read and nothing else of its look")
    return [_surface_of(part) for part in parts if len(part.faces)]


def _check_content(content: bytes, path: Path) -> None:
    """Refuse what unpacks to too much, and XML with a document type, which the readers might follow.

    Raises:
        DataError: see above, or the archive is damaged.
    """
    for text in _texts(content, path):
        plain = text.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
        if not plain.startswith(b"<"):
            raise DataError(f"Expected a readable mesh at {path}, found it damaged (it holds no XML): export it anew.")
        for declared in _ENCODING.findall(plain.partition(b"?>")[0] if plain.startswith(b"<?xml") else b""):
            if not _STATELESS.fullmatch(declared):
                raise DataError(
                    f"Expected XML in a usual encoding in {path}, got {shown(declared.decode('latin-1'))}: use UTF-8."
                )
        if any(word in plain for word in _NOT_XML):
            raise DataError(f"Expected plain XML in {path}, found a document type or entities: export it anew.")


def _texts(content: bytes, path: Path) -> list[bytes]:
    """The XML of a file: the file itself, or what lies in the archive that it is."""
    if not zipfile.is_zipfile(io.BytesIO(content)):  # an archive may have anything before its first entry
        return [content]
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
            if unpacked > MAX_UNPACKED:
                raise DataError(
                    f"Expected at most {MAX_UNPACKED >> 20} MiB unpacked in {path}, got {unpacked >> 20} MiB: "
                    f"simplify the mesh first."
                )
            return [archive.read(name) for name in archive.namelist() if _MODEL.search(name.lower())]
    except DataError:
        raise
    except Exception as error:  # noqa: BLE001 - each way of packing has errors of its own for damaged data
        raise DataError(
            f"Expected a readable mesh at {path}, found it damaged ({first_line(error)[:200]}): export it anew."
        ) from error


class _Pictures:
    """Gives trimesh the pictures that a file names: read by us, and as PNG, so that it opens nothing else."""

    def __init__(self, textures: Textures) -> None:
        self._textures = textures

    def get(self, name: str) -> bytes:
        pixels = self._textures.named(name.removeprefix("file://"))
        if pixels is None:
            raise FileNotFoundError(name)
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, format="PNG", compress_level=0)
        return buffer.getvalue()

    def __getitem__(self, name: str) -> bytes:
        return self.get(name)

    def namespaced(self, namespace: str) -> _Pictures:
        return self


def _surface_of(part: trimesh.Trimesh) -> Surface:
    faces = np.asarray(part.faces, np.int64)
    vertices = np.asarray(part.vertices, np.float64)
    faces = faces[((faces >= 0) & (faces < len(vertices))).all(axis=1)]
    visual: Any = part.visual  # its kind tells its class
    if visual.kind == "texture":
        uv = getattr(visual, "uv", None)  # trimesh has it with some kinds of textures only
        uvs = None if uv is None or len(uv) != len(vertices) else np.asarray(uv, np.float32)[faces]
        return Surface(vertices, faces, None, uvs, (_material(visual.material, uvs is not None),))
    if visual.kind == "vertex":
        return Surface(vertices, faces, np.asarray(visual.vertex_colors[:, :3], np.float32) / np.float32(255.0))
    if visual.kind == "face" and len(visual.face_colors) == len(faces):
        return colored_faces(vertices, faces, visual.face_colors[:, :3] / 255.0)
    return Surface(vertices, faces)


def _material(material: Any, placed: bool) -> Material:
    """A material of trimesh's, glTF's kind or the older one; its colours are sRGB in these files."""
    # trimesh's two kinds of material name their picture otherwise
    image = getattr(material, "baseColorTexture", None) or getattr(material, "image", None)
    if image is not None and placed:
        return Material((1.0, 1.0, 1.0), np.asarray(image.convert("RGB")))
    factor = getattr(material, "baseColorFactor", None)  # of glTF's kind alone
    factor = np.asarray(material.main_color if factor is None else factor)
    scale = 255.0 if factor.dtype.kind in "ui" else 1.0
    return Material(tuple(np.clip(factor[:3] / scale, 0.0, 1.0).astype(float).tolist()))
