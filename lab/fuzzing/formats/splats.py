"""Files of Gaussian splats."""

from __future__ import annotations

import io
import json
import struct
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from lab.fuzzing.formats.contract import Format

_COUNT = 12


def _splats(sh_degree: int):
    import torch

    from gaussian.splats import Splats

    generator = torch.Generator().manual_seed(0)
    means = torch.randn(_COUNT, 3, generator=generator)
    quats = torch.randn(_COUNT, 4, generator=generator)
    logits = torch.randn(_COUNT, generator=generator)
    sh = torch.randn(_COUNT, (sh_degree + 1) ** 2, 3, generator=generator) * 0.2
    return Splats(means, means * 0.2 - 3, quats, logits, sh)


def _written(suffix: str, degrees: tuple[int, ...]) -> Format:
    from gaussian.files import read_splats, write_splats

    wholes = []
    with tempfile.TemporaryDirectory() as folder:
        for degree in degrees:
            path = Path(folder) / f"scene{suffix}"
            write_splats(path, _splats(degree))
            wholes.append({path.name: path.read_bytes()})
    return Format(tuple(wholes), lambda folder: read_splats(folder / f"scene{suffix}"))


def ply() -> Format:
    return _written(".ply", (0, 1, 3))


def spz() -> Format:
    return _written(".spz", (0, 3))


def splat() -> Format:
    return _written(".splat", (0,))


def sog() -> Format:
    """PlayCanvas' archive of pictures, which the project reads and does not write."""
    import numpy as np
    from PIL import Image

    from gaussian.files import read_splats

    numbers = np.random.default_rng(0)
    book = np.linspace(-4, 1, 256).round(3).tolist()
    names = {"means": ["l", "u"], "scales": ["s"], "quats": ["q"], "sh0": ["c"], "shN": ["n", "k"]}
    meta: dict[str, Any] = {"version": 2, "count": _COUNT}
    meta |= {part: {"files": files, "codebook": book} for part, files in names.items()}
    meta["means"] |= {"mins": [-2.0, -1.5, -1.0], "maxs": [2.0, 1.0, 3.0]}
    meta["shN"] |= {"count": 60, "bands": 1}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("meta.json", json.dumps(meta))
        for name in sum(names.values(), []):
            pixels = numbers.integers(0, 60, (1, 64 * 3, 4) if name == "n" else (3, 4, 4), np.uint8)
            pixels[..., 1] = 0 if name == "k" else pixels[..., 1]
            pixels[..., 3] = 252 + pixels[..., 3] % 4
            picture = io.BytesIO()
            Image.fromarray(pixels).save(picture, "WEBP", lossless=True, exact=True)
            archive.writestr(name, picture.getvalue())
    return Format(({"scene.sog": packed.getvalue()},), lambda folder: read_splats(folder / "scene.sog"))


def further() -> Format:
    """A .ply with what others put into theirs, and the offset of a scene far away beside it."""
    import numpy as np

    from gaussian.files import read_file, write_splats

    names = ["x", "y", "z", "f_dc_0", "f_dc_1", "f_dc_2", "opacity", "scale_0", "scale_1", "rot_0", "rot_1", "rot_2"]
    names += ["rot_3", "filter_3D"]
    lines = ["ply", "format binary_big_endian 1.0", "comment SplatRenderMode: mip", "comment offset 5e5 5e6 1"]
    lines += ["element face 2", "property list uchar int vertex_indices", f"element vertex {_COUNT}"]
    lines += [*(f"property double {name}" for name in names), "property int id", "element camera 1"]
    header = "\n".join([*lines, "property float fov", "end_header", ""]).encode()
    rows = np.zeros(_COUNT, [(name, ">f8") for name in names] + [("id", ">i4")])
    for name in names:
        rows[name] = np.random.default_rng(len(name)).normal(size=_COUNT)
    faces = b"\x03" + bytes(12) + b"\x00"
    content = header + faces + rows.tobytes() + struct.pack(">f", 1.5)
    beside = {"scene.ply.offset.json": b'{"offset": [500000.0, 5000000.25, -1]}'}
    no_comment = {"scene.ply": content.replace(b"comment offset", b"comment onset"), **beside}

    def read(folder: Path) -> None:
        write_splats(folder / "again.ply", read_file(folder / "scene.ply"))
        read_file(folder / "again.ply")

    return Format(({"scene.ply": content}, no_comment), read)


def compressed() -> Format:
    """SuperSplat's packed .ply, which the project reads and does not write."""
    from gaussian.files import read_splats

    bounds = [f"{end}_{name}" for end in ("min", "max") for name in ("x", "y", "z")]
    bounds += [f"{end}_scale_{name}" for end in ("min", "max") for name in ("x", "y", "z")]
    bounds += [f"{end}_{name}" for end in ("min", "max") for name in ("r", "g", "b")]
    packed = ["packed_position", "packed_rotation", "packed_scale", "packed_color"]
    header = ["ply", "format binary_little_endian 1.0", "element chunk 1", *(f"property float {n}" for n in bounds)]
    header += [f"element vertex {_COUNT}", *(f"property uint {name}" for name in packed), "end_header", ""]
    chunk = struct.pack("<18f", -1, -1, -1, 1, 1, 1, -5, -5, -5, -2, -2, -2, 0, 0, 0, 1, 1, 1)
    rows = b"".join(
        struct.pack("<4I", i * 7_000_001, 0x40080200 + i, i * 300_007, 0x80402010 + i) for i in range(_COUNT)
    )
    content = "\n".join(header).encode() + chunk + rows
    return Format(({"scene.ply": content},), lambda folder: read_splats(folder / "scene.ply"))
