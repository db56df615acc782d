"""The JSON of a glTF file and the bytes that it names."""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote_to_bytes

import msgspec

from editor3d.errors import DataError, first_line
from editor3d.files.safe_open import MAX_JSON_BYTES, require_inside, require_regular
from mesh.io.common.beside import find_beside
from mesh.io.common.notes import Notes, quoted
from mesh.io.gltf.schema import Gltf, Version

_READ_EXTENSIONS = {
    "EXT_mesh_gpu_instancing", "EXT_meshopt_compression", "EXT_texture_webp", "KHR_draco_mesh_compression",
    "KHR_materials_pbrSpecularGlossiness", "KHR_materials_unlit", "KHR_mesh_quantization", "KHR_meshopt_compression",
    "KHR_node_visibility", "KHR_texture_basisu", "KHR_texture_transform",
}  # fmt: skip
"""Extensions that a file may require; KHR_texture_basisu where its textures have another source besides."""
_LEFT_OUT = {
    "EXT_lights_image_based", "EXT_lights_ies", "KHR_animation_pointer", "KHR_lights_punctual", "KHR_xmp_json_ld",
    "KHR_materials_variants", "KHR_node_hoverability", "KHR_node_selectability", "KHR_audio_emitter",
}  # fmt: skip
"""Extensions whose absence does not change the mesh's own shape and colours, beside those of materials' shine."""
_SHINE = "KHR_materials_"
MAX_BUFFER_BYTES = 1 << 30
"""Of all files together that a mesh's buffers are read from."""
_JSON, _BIN = 0x4E4F534A, 0x004E4942
_T = TypeVar("_T")


@dataclass
class Document:
    """A glTF file that was opened."""

    path: Path
    json: Gltf
    binary: memoryview | None
    """The chunk of a .glb."""
    notes: Notes
    _buffers: dict[int, memoryview] = field(default_factory=dict)
    _read_beside: int = 0
    """Bytes of buffers' files."""

    def damaged(self, reason: str) -> DataError:
        return DataError(f"Expected a readable mesh at {self.path}, found it damaged ({reason}): export it anew.")

    def item(self, items: Sequence[_T], index: int, what: str) -> _T:
        """items[index].

        Raises:
            DataError: there is no such item.
        """
        if index >= len(items):
            raise self.damaged(f"it names {what} {index} of {len(items)}")
        return items[index]

    def view(self, index: int) -> memoryview:
        """The bytes of a bufferView that is not compressed."""
        view = self.item(self.json.buffer_views, index, "bufferView")
        return self.bytes_of(view.buffer, view.byte_offset, view.byte_length)

    def bytes_of(self, buffer: int, offset: int, length: int) -> memoryview:
        """Some bytes of a buffer.

        Raises:
            DataError: the buffer is missing or shorter.
        """
        content = self._buffer(buffer)
        if offset + length > len(content):
            raise self.damaged(f"a part ends at byte {offset + length} of a buffer of {len(content)}")
        return content[offset : offset + length]

    def _buffer(self, index: int) -> memoryview:
        if index not in self._buffers:
            buffer = self.item(self.json.buffers, index, "buffer")
            if buffer.uri is None:
                if self.binary is None:
                    raise self.damaged(f"its buffer {index} has no data")
                self._buffers[index] = self.binary
            else:
                self._buffers[index] = memoryview(self._content(buffer.uri, buffer.byte_length))
        return self._buffers[index]

    def _content(self, uri: str, length: int) -> bytes:
        """What a buffer's URI stands for; of a file no more than the length that the buffer states."""
        try:
            content = data_of(uri)
        except ValueError as error:
            raise self.damaged(str(error)) from error
        if content is not None:
            return content
        if "://" in uri[:32]:
            raise DataError(f"Expected the data of {self.path} beside it, it is at {quoted(uri)}: download it first.")
        path = find_beside(uri, self.path.parent, percent_encoded=True)
        if path is None:
            raise DataError(
                f"Expected the data of {self.path} in {quoted(uri)} beside it, found no such file: bring it, or export "
                f"the mesh as .glb."
            )
        require_regular(require_inside(path, self.path.parent))
        length = min(length, path.stat().st_size)
        self._read_beside += length
        if self._read_beside > MAX_BUFFER_BYTES:
            raise DataError(
                f"Expected at most {MAX_BUFFER_BYTES >> 20} MiB of data beside {self.path}, got "
                f"{self._read_beside >> 20} MiB with {quoted(uri)}: reduce the mesh, or split it."
            )
        with path.open("rb") as file:
            return file.read(length)


def data_of(uri: str) -> bytes | None:
    """The content of a data URI; None for other URIs.

    Raises:
        ValueError: not base64.
    """
    if uri[:5].lower() != "data:":
        return None
    head, comma, body = uri.partition(",")
    if not comma:
        raise ValueError("a data URI without data")
    if not head.lower().endswith(";base64"):
        return unquote_to_bytes(body)
    try:
        content = unquote_to_bytes(body) if "%" in body else body.encode("ascii")
        return base64.b64decode(content + b"=" * (-len(content) % 4))
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError("a data URI that is not base64") from error


def open_document(path: Path, notes: Notes) -> Document:
    """The document of a .glb or .gltf file, whichever its content is.

    Raises:
        DataError: damaged, of another version, or it requires an extension that is not read.
    """
    content = path.read_bytes()
    binary = None
    text: bytes | memoryview = content
    if content[:4] == b"glTF":
        text, binary = _chunks(content, path)
    if len(text) > MAX_JSON_BYTES:
        raise DataError(f"Expected JSON of at most {MAX_JSON_BYTES >> 20} MiB in {path}, got {len(text) >> 20} MiB.")
    text = bytes(text).removeprefix(b"\xef\xbb\xbf").rstrip(b"\0 \t\r\n")
    try:
        version = msgspec.json.decode(text, type=Version).asset.version
        if version.split(".")[0] != "2":
            raise DataError(f"Expected glTF 2.0 in {path}, got version {quoted(version)}: convert it to 2.0.")
        json = msgspec.json.decode(text, type=Gltf)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise DataError(
            f"Expected a readable mesh at {path}, found it damaged (not glTF 2.0: {first_line(error)}): export it anew."
        ) from error
    _check_extensions(json, path, notes)
    return Document(path, json, binary, notes)


def _chunks(content: bytes, path: Path) -> tuple[memoryview, memoryview | None]:
    """The JSON and the binary chunk of a .glb."""
    damaged = f"Expected a readable mesh at {path}, found it damaged"
    if len(content) < 20:
        raise DataError(f"{damaged} ({len(content)} bytes are no .glb): export it anew.")
    version = struct.unpack_from("<I", content, 4)[0]
    if version != 2:
        raise DataError(f"Expected glTF 2.0 in {path}, got version {version}: convert it to 2.0.")
    found: dict[int, memoryview] = {}
    at, whole = 12, memoryview(content)
    while at + 8 <= len(content) and len(found) < 2:
        length, kind = struct.unpack_from("<II", content, at)
        if at + 8 + length > len(content):
            raise DataError(f"{damaged} (it is cut short: a chunk of {length} bytes is not whole): export it anew.")
        found.setdefault(kind, whole[at + 8 : at + 8 + length])
        at += 8 + length
    if _JSON not in found:
        raise DataError(f"{damaged} (it has no JSON chunk): export it anew.")
    return found[_JSON], found.get(_BIN)


def _check_extensions(json: Gltf, path: Path, notes: Notes) -> None:
    unknown = [
        name
        for name in dict.fromkeys(json.extensions_required)
        if name not in _READ_EXTENSIONS | _LEFT_OUT and not name.startswith(_SHINE)
    ]
    if unknown:
        raise DataError(
            f"Expected glTF whose required extensions are known in {path}, it requires "
            f"{', '.join(map(quoted, unknown[:5]))}: export it without."
        )
    used = dict.fromkeys([*json.extensions_used, *json.extensions_required])
    shine = [name for name in used if name.startswith(_SHINE) and name not in _READ_EXTENSIONS | _LEFT_OUT]
    if shine:
        notes.add(f"the shine and depth of {', '.join(sorted(name[:60] for name in shine)[:8])} are not drawn")
    if json.animations:
        notes.add("animations are not played: the mesh is as it stands at rest")
