"""Breaking a set of files, the same way for the same seed.

A set of files is a mapping of relative names to contents. A mutation changes one file: bytes anywhere, words and
numbers of a text, values of a JSON tree, or what lies inside a container (gzip, zip, a .glb's JSON, a
PNG's chunk), which is then closed again so that a reader's outer checks pass.
"""

from __future__ import annotations

import io
import json
import random
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

Files = dict[str, bytes]

MOST_BYTES = 1 << 20
"""A case's file is cut to this size: large files would only make trying slow."""

_INTEGERS = (0, 1, 2, 127, 128, 255, 256, 32767, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**63 - 1, 2**64 - 1)
_FLOATS = (0.0, -0.0, 1.0, -1.0, 1e-38, 1e30, -1e30, 3.4e38, float("inf"), float("-inf"), float("nan"), 1e308)
_NUMBER = re.compile(rb"[-+]?\d+\.?\d*(?:[eE][-+]?\d+)?")
_NUMBERS = b"""
    0 -1 1 2 3 1e400 -1e400 1e-400 nan NaN inf -Infinity 4294967296 18446744073709551616 -2147483649 1e18 0x10 1_000
    1,5 00 1. .5 1e 99999999999999999999999999999999
""".split()
_WORDS = (
    *(
        b"",
        b" ",
        b"\n",
        b"\r\n",
        b"\0",
        b"\xff",
        b"\xef\xbb\xbf",
        b"\xed\xa0\x80",
        b"../",
        b"/dev/zero",
        b"/etc/passwd",
    ),
    *(
        b"\\",
        b"%00",
        b"%s",
        b"{",
        b"}",
        b"[",
        b"]",
        b'"',
        b"'",
        b"#",
        b"null",
        b"true",
        b"[]",
        b"{}",
        b'""',
        b"a" * 5000,
    ),
    *(
        b"!!python/object/apply:os.getcwd []",
        b"&a [*a]",
        "é😀".encode(),
        b"\t",
        b",",
        b";",
        b":",
        b"/",
        b"-",
        b"`",
        b"(",
    ),
)
_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 255, 2**31, 2**63, 2**64, -(2**70), 0.5, -0.0, 1e308, 1e-308, float("nan")),
    *(float("inf"), float("-inf"), "", " ", "a", "\ud800", "../x", "/dev/zero", "\0", "x" * 5000, "1", "NaN"),
    *([], {}, [[]], [None], [0, 0, 0], {"a": 1}, [1e999], [["a"]]),
)


def mutated(files: Files, seed: int | str) -> Files:
    """A copy of `files` with one to four mutations, all in one file most of the time.

    Args:
        files: at least one, none of them changed.
        seed: the same gives the same files.
    """
    rng = random.Random(seed)
    broken, names = dict(files), sorted(files)
    name = rng.choice(names)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 4))):
        if rng.random() < 0.1:
            name = rng.choice(names)
        if rng.random() < 0.02:
            del broken[name]
            break
        broken[name] = _changed(name, broken[name], rng)[:MOST_BYTES]
    return broken


def _changed(name: str, content: bytes, rng: random.Random) -> bytes:
    ways: list[Callable[[bytes, random.Random], bytes]] = [_bytes]
    if name.endswith((".json", ".gltf")):
        ways += [_tree, _tree, _text]
    elif name.endswith(".glb"):
        ways += [_glb, _glb]
    elif name.endswith(".png"):
        ways += [_png]
    elif name.endswith(".spz"):
        ways += [_gzip, _gzip]
    elif name.endswith(".safetensors"):
        ways += [_safetensors]
    elif name.endswith((".3mf", ".ckpt", ".sog")):
        ways += [_zip, _zip]
    elif b"\0" not in content[:4096]:
        ways += [_text, _text, _text]
    elif content[:4] == b"ply\n":
        ways += [_ply_header]
    return rng.choice(ways)(content, rng)


def _bytes(content: bytes, rng: random.Random) -> bytes:
    """Bits, bytes, numbers and spans; half of the time near the start, where headers are."""
    data, size = bytearray(content), len(content)
    at = rng.randrange(min(size, 256) if rng.random() < 0.5 else size) if size else 0
    span = min(rng.choice((1, 2, 4, 8, 16, 64, 512)), max(size - at, 0))
    way = rng.randrange(9)
    if way == 0 and size:
        data[at] ^= 1 << rng.randrange(8)
    elif way == 1 and size:
        data[at] = rng.choice((0, 1, 32, 127, 128, 255, rng.randrange(256)))
    elif way == 2:
        data[at : at + span] = b""
    elif way == 3:
        data[at:at] = data[at : at + span] * rng.choice((1, 2, 50))
    elif way == 4:
        del data[at:]
    elif way == 5:
        data += bytes(rng.randrange(64)) if rng.random() < 0.5 else rng.randbytes(rng.randrange(64))
    elif way == 6:
        data[at : at + span] = bytes([rng.choice((0, 255))]) * span
    elif way == 7:
        code = rng.choice("BHIQ")
        number = rng.choice(_INTEGERS) & (256 ** struct.calcsize(code) - 1)
        written = struct.pack(rng.choice("<>") + code, number)
        data[at : at + len(written)] = written
    else:
        code, number = rng.choice("fd"), rng.choice(_FLOATS)
        number = float("inf") if code == "f" and abs(number) > 3.4e38 else number
        written = struct.pack(rng.choice("<>") + code, number)
        data[at : at + len(written)] = written
    return bytes(data)


def _text(content: bytes, rng: random.Random) -> bytes:
    """Numbers, words and lines."""
    way = rng.randrange(7)
    if way <= 2:
        found = list(_NUMBER.finditer(content[:200_000]))
        if found:
            match = rng.choice(found)
            return content[: match.start()] + rng.choice(_NUMBERS) + content[match.end() :]
    if way == 3:
        at = rng.randrange(len(content) + 1)
        return content[:at] + rng.choice(_WORDS) + content[at:]
    lines = content.split(b"\n")
    at = rng.randrange(len(lines))
    if way == 4:
        lines[at : at + rng.choice((1, 1, 5))] = []
    elif way == 5:
        lines[at:at] = [lines[at]] * rng.choice((1, 3, 2000))
    else:
        words = lines[at].split(b" ")
        place = rng.randrange(len(words))
        words[place : place + 1] = rng.choice(([], [rng.choice(_WORDS)], [words[place]] * 2, [rng.choice(words)]))
        lines[at] = b" ".join(words)
    return b"\n".join(lines)


def _tree(content: bytes, rng: random.Random) -> bytes:
    """A JSON value replaced, taken out, renamed, repeated or put many levels deep."""
    try:
        tree = json.loads(content)
    except (ValueError, RecursionError):
        return _text(content, rng)
    owner: Any
    owner, key = rng.choice(_places(tree) or [([tree], 0)])
    way = rng.randrange(6)
    if way <= 2:
        owner[key] = rng.choice(_VALUES)
    elif way == 3:
        del owner[key]
    elif way == 4 and isinstance(owner, dict):
        owner[rng.choice(sorted(map(str, owner)))] = owner[key]
    elif way == 4:
        owner[key:key] = [owner[key]] * rng.choice((1, 2, 200))
    else:
        for _ in range(rng.choice((1, 2, 400))):
            owner[key] = [owner[key]] if rng.random() < 0.5 else {"a": owner[key]}
    try:
        return json.dumps(tree).encode("utf-8", "surrogatepass")
    except RecursionError:  # deeper than Python can write it
        return b'[{"a":' * 2000 + b"0" + b"}]" * 2000


def _places(tree: Any) -> list[tuple[Any, Any]]:
    """Every (owner, key) of a JSON tree, the root's own apart."""
    found, waiting = [], [tree]
    while waiting and len(found) < 5000:
        owner = waiting.pop()
        keys = list(owner) if isinstance(owner, dict) else range(len(owner)) if isinstance(owner, list) else ()
        for key in keys:
            found.append((owner, key))
            if isinstance(owner[key], dict | list):
                waiting.append(owner[key])
    return found


def _glb(content: bytes, rng: random.Random) -> bytes:
    """The JSON of a binary glTF, its lengths put right."""
    if len(content) < 20:
        return _bytes(content, rng)
    length = min(struct.unpack("<I", content[12:16])[0], len(content) - 20)
    text = _tree(content[20 : 20 + length], rng)
    text += b" " * (-len(text) % 4)
    rest = content[20 + length :]
    head = struct.pack("<4sII", b"glTF", 2, 20 + len(text) + len(rest))
    return head + struct.pack("<I4s", len(text), b"JSON") + text + rest


def _png(content: bytes, rng: random.Random) -> bytes:
    """The body of one of a PNG's chunks, its sum put right."""
    chunks, at = [], 8
    while at + 12 <= len(content):
        (length,) = struct.unpack(">I", content[at : at + 4])
        chunks.append((content[at + 4 : at + 8], content[at + 8 : at + 8 + length]))
        at += 12 + length
    if not chunks:
        return _bytes(content, rng)
    place = rng.randrange(len(chunks))
    kind, body = chunks[place]
    if kind == b"IDAT" and rng.random() < 0.5:
        try:
            body = zlib.compress(_bytes(zlib.decompress(body), rng))
        except zlib.error:
            body = _bytes(body, rng)
    else:
        body = _bytes(body, rng)
    chunks[place] = (kind, body)
    return content[:8] + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def _gzip(content: bytes, rng: random.Random) -> bytes:
    """What a gzip file holds."""
    import gzip

    try:
        return gzip.compress(_bytes(gzip.decompress(content), rng), 1, mtime=0)
    except (OSError, EOFError, zlib.error):
        return _bytes(content, rng)


def _zip(content: bytes, rng: random.Random) -> bytes:
    """A file in a zip archive."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [(info, archive.read(info)) for info in archive.infolist()]
    except (OSError, ValueError, RuntimeError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError):
        return _bytes(content, rng)
    if not members:
        return _bytes(content, rng)
    place, buffer = rng.randrange(len(members)), io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for index, (info, body) in enumerate(members):
            info.date_time = (1980, 1, 1, 0, 0, 0)
            archive.writestr(info, _changed(info.filename, body, rng) if index == place else body)
    return buffer.getvalue()


def _safetensors(content: bytes, rng: random.Random) -> bytes:
    """The header of a safetensors file, its length put right."""
    if len(content) < 8:
        return _bytes(content, rng)
    (length,) = struct.unpack("<Q", content[:8])
    text = _tree(content[8 : 8 + min(length, len(content))], rng)
    return struct.pack("<Q", len(text)) + text + content[8 + length :]


def _ply_header(content: bytes, rng: random.Random) -> bytes:
    """The header of a binary PLY file, as a text."""
    end = content.find(b"end_header")
    return _bytes(content, rng) if end < 0 else _text(content[:end], rng) + content[end:]
