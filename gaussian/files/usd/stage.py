"""Read and write OpenUSD's ParticleField3DGaussianSplat (.usda is text, .usdc and .usd are binary, .usdz
is packed).

Means, rotations and harmonics are exact floats; scales are linear and opacities lie in 0..1. The stage has y up: the
scene is turned as for .spz. An offset is a translation of the prim, in doubles. `primvars:displayColor` is the linear
colour for programs without splats. The library parses in a process of its own (`parse`), which a broken file may end;
files that refer to others are refused.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

from editor3d.errors import ConfigError, DataError, first_line
from editor3d.srgb import to_linear
from gaussian.files.arrays import splats_of, turned_about_x
from gaussian.files.contents import SplatFile, centred
from gaussian.splats import SH_C0, Splats, concatenate, transform

_SECONDS = 120
_Z_UP = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])


def require_usd() -> None:
    """
    Raises:
        ConfigError: the extra is not installed.
    """
    if find_spec("pxr") is None:
        raise ConfigError("Expected OpenUSD for this file, found none: install it with `pip install editor3d[usd]`.")


def read(path: Path) -> SplatFile:
    """
    Raises:
        DataError: as `read_splats`.
        ConfigError: the extra is not installed.
    """
    require_usd()
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "found.npz"
        words = [sys.executable, str(Path(__file__).with_name("parse.py")), str(path.resolve()), str(target)]
        try:
            done = subprocess.run(words, capture_output=True, text=True, timeout=_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise DataError(f"{path} could not be read in {_SECONDS} s: write it anew, or as .ply.") from error
        if done.returncode == 2:
            raise DataError(f"{path}: {done.stdout.strip()}")
        if done.returncode != 0 or not target.is_file():
            raise DataError(f"{path} is no USD file or is damaged: write it anew, or as .ply.")
        with np.load(target, allow_pickle=False) as found:
            said = json.loads(str(found["said"]))
            prims = [{name: found[f"{index}.{name}"] for name in said["names"]} for index in range(said["prims"])]
    up = _Z_UP if said["up"] == "Z" else np.eye(3)
    parts, places = [], []
    for prim in prims:
        splats = turned_about_x(_splats(path, prim))
        turned = np.diag([1.0, -1.0, -1.0])
        linear = turned @ up @ prim["matrix"][:, :3] @ turned
        offset = turned @ up @ prim["matrix"][:, 3]
        if not np.array_equal(linear, np.eye(3)):
            try:
                splats = transform(splats, torch.from_numpy(np.column_stack([linear, np.zeros(3)])))
            except ValueError as error:
                raise DataError(
                    f"Expected prims that move, turn and scale alike in all directions in {path}, found one that "
                    f"shears, mirrors or collapses: apply its transform where the file was made."
                ) from error
        parts.append(splats)
        places.append(splats.means.double().numpy() + offset)
    means, offset = centred(np.concatenate(places))
    joined = concatenate(parts)
    tensors = {**joined.tensors, "means": torch.from_numpy(np.require(means, np.float32, ["C", "W"]))}
    return SplatFile(Splats(**tensors), offset, notes=tuple(said["notes"]))


def _splats(path: Path, prim: dict[str, np.ndarray]) -> Splats:
    opacities, scales = prim["opacities"].astype(np.float64), prim["scales"].astype(np.float64)
    if (opacities < 0).any() or (opacities > 1).any() or (scales < 0).any():
        raise DataError(f"{path} is damaged: an opacity is not in 0..1, or a scale is negative.")
    with np.errstate(divide="ignore"):
        logits, log_scales = np.log(opacities) - np.log1p(-opacities), np.log(scales)
    return splats_of(prim["positions"], log_scales, prim["orientations"], logits, prim["harmonics"])


def write(path: Path, contents: SplatFile) -> None:
    """Write N Gaussians on the CPU.

    Args:
        path: the file, which is overwritten; its suffix says whether as text, binary or packed.
        contents: all values finite.

    Raises:
        ConfigError: the extra is not installed.
        DataError: the library could not write it.
    """
    require_usd()
    # without types, and without the extra not there: Any
    Gf, Tf, Usd, UsdGeom, UsdUtils, UsdVol, Vt = (
        import_module(f"pxr.{name}") for name in ("Gf", "Tf", "Usd", "UsdGeom", "UsdUtils", "UsdVol", "Vt")
    )
    splats = turned_about_x(contents.splats)
    quats = splats.quats.double().numpy()
    quats = (quats / np.linalg.norm(quats, axis=1, keepdims=True)).astype(np.float32)
    x, y, z = contents.offset
    packed = path.suffix.lower() == ".usdz"
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / f"scene{'.usdc' if packed else path.suffix.lower()}"
        try:
            stage = Usd.Stage.CreateNew(str(target))
            UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.y)
            prim = UsdVol.ParticleField3DGaussianSplat.Define(stage, "/Splats")
            stage.SetDefaultPrim(prim.GetPrim())
            if any(contents.offset):
                UsdGeom.Xformable(prim).AddTranslateOp(UsdGeom.XformOp.PrecisionDouble).Set(Gf.Vec3d(x, -y, -z))
            scales = splats.scales.numpy().clip(0, np.finfo(np.float32).max)
            values = {
                "positions": Vt.Vec3fArray.FromNumpy(splats.means.numpy()),
                "orientations": Vt.QuatfArray.FromNumpy(np.roll(quats, -1, axis=1)),  # in memory the real part is last
                "scales": Vt.Vec3fArray.FromNumpy(scales),
                "opacities": Vt.FloatArray.FromNumpy(splats.opacities.numpy()),
                "radiance:sphericalHarmonicsDegree": splats.sh_degree,
                "radiance:sphericalHarmonicsCoefficients": Vt.Vec3fArray.FromNumpy(splats.sh.reshape(-1, 3).numpy()),
                "projectionModeHint": "perspective",
                "sortingModeHint": "zDepth",
            }
            for name, value in values.items():
                prim.GetPrim().GetAttribute(name).Set(value)
            reach = 3 * float(scales.max())
            means = splats.means.numpy()
            ends = np.stack([means.min(0) - reach, means.max(0) + reach]).astype(np.float32)
            prim.GetExtentAttr().Set(Vt.Vec3fArray.FromNumpy(ends))
            colors = to_linear(0.5 + SH_C0 * splats.sh[:, 0].numpy())
            shown = prim.GetDisplayColorPrimvar()
            shown.Set(Vt.Vec3fArray.FromNumpy(np.ascontiguousarray(colors)))
            shown.SetInterpolation(UsdGeom.Tokens.vertex)
            stage.GetRootLayer().Save()
            del stage
            if packed:
                whole = Path(folder) / "scene.usdz"
                if not UsdUtils.CreateNewUsdzPackage(str(target), str(whole)):
                    raise DataError(f"{path}: OpenUSD could not pack the scene: write it as .usdc.")
                target = whole
        except Tf.ErrorException as error:
            raise DataError(f"{path}: OpenUSD could not write the scene ({first_line(error)}).") from error
        path.write_bytes(target.read_bytes())
