"""Run as a program: the splats of a USD file as arrays, `python parse.py FILE TARGET.npz`.

Exit code 2 is a file that is understood and refused; the sentence is on stdout.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import numpy as np

_NAMES = ("positions", "orientations", "scales", "opacities", "harmonics", "matrix")
_FREE_BYTES, _BYTES_A_BYTE = 1 << 30, 40
"""Memory for the scene: so much, and so much more for every byte of the file."""


class Refused(Exception):
    """What the file is, and what to do."""


def main(path: str, target: str) -> int:
    import_module("pxr.Usd")  # before the limit, which is of what the file needs
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    most = mapped + _FREE_BYTES + _BYTES_A_BYTE * Path(path).stat().st_size
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    try:
        said, arrays = found(path)
    except Refused as reason:
        print(reason)
        return 2
    np.savez(target, said=np.array(json.dumps(said)), **arrays)
    return 0


def found(path: str) -> tuple[dict[str, object], dict[str, np.ndarray]]:
    """What is said of all splats, and their arrays by `NUMBER.NAME`."""
    Sdf, Usd, UsdGeom = (import_module(f"pxr.{name}") for name in ("Sdf", "Usd", "UsdGeom"))
    layer = Sdf.Layer.OpenAsAnonymous(path)
    if layer is None:
        raise Refused("expected a USD file, found another or a damaged one: write it anew, or as .ply.")
    if layer.GetCompositionAssetDependencies() or layer.GetExternalAssetDependencies():
        raise Refused("expected one file that holds all, found one that refers to others: flatten it first.")
    stage = Usd.Stage.Open(layer)
    places = UsdGeom.XformCache()
    arrays: dict[str, np.ndarray] = {}
    notes: list[str] = []
    count = 0
    for prim in stage.Traverse():
        if prim.GetTypeName() != "ParticleField3DGaussianSplat":
            continue
        matrix = np.array(places.GetLocalToWorldTransform(prim), np.float64).T[:3]
        for name, values in zip(_NAMES, (*_values(prim, notes), matrix), strict=True):
            arrays[f"{count}.{name}"] = values
        count += 1
    if not count:
        raise Refused("expected a prim ParticleField3DGaussianSplat, found none: write it anew, or as .ply.")
    up = UsdGeom.GetStageUpAxis(stage)
    return {"up": str(up), "prims": count, "names": _NAMES, "notes": notes}, arrays


def _values(prim, notes: list[str]) -> Iterator[np.ndarray]:
    """Positions [N, 3], orientations wxyz [N, 4], scales [N, 3], opacities [N], harmonics [N, K, 3]."""

    def attribute(name: str) -> np.ndarray | None:
        for one in (name, f"{name}h"):
            value = prim.GetAttribute(one).Get()
            if value is not None and len(value):
                return np.array(value, np.float32)
        return None

    positions = attribute("positions")
    if positions is None:
        raise Refused("expected positions of its splats, found none: write it anew.")
    n = len(positions)

    def fitting(name: str, default: np.ndarray) -> np.ndarray:
        """As the schema has it: what is too short is left out, what is too long cut."""
        values = attribute(name)
        return np.repeat(default[None], n, 0) if values is None or len(values) < n else values[:n]

    quats = None
    for name in ("orientations", "orientationsh"):
        value = prim.GetAttribute(name).Get()
        if value is not None and len(value) >= n:
            quats = np.array([(q.GetReal(), *q.GetImaginary()) for q in value[:n]], np.float32)
            break
    degree = prim.GetAttribute("radiance:sphericalHarmonicsDegree").Get()
    if not 0 <= degree <= 4:
        raise Refused(f"expected harmonics of degree 0 to 4, found {degree}: write it anew, or as .ply.")
    each = (degree + 1) ** 2
    harmonics = attribute("radiance:sphericalHarmonicsCoefficients")
    if harmonics is None or len(harmonics) < n * each:
        harmonics = np.zeros((n, 1, 3), np.float32)
    else:
        harmonics = harmonics[: n * each].reshape(n, each, 3)
    if degree > 3:
        harmonics = harmonics[:, :16]
        notes.append("Its harmonics of degree 4 are left out: 3 is the highest here.")
    yield positions
    yield np.repeat(np.array([[1, 0, 0, 0]], np.float32), n, 0) if quats is None else quats
    yield fitting("scales", np.ones(3, np.float32))
    yield fitting("opacities", np.array(1, np.float32))
    yield harmonics


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
