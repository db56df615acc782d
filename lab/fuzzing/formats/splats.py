"""Files of Gaussian splats."""

from __future__ import annotations

import struct
import tempfile
from pathlib import Path

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
