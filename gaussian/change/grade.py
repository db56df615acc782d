"""Grade the colours of a part of a scene: in linear light, and from all sides, on its harmonics.

A colour c of sRGB becomes g(c) = encode(K(H(S(C(2^e W decode(c)))))) with, each in linear light,

- W, white: gains that adapt light of D65 to a warmer or cooler white (Bradford), a tint between green and magenta, or
  that make one colour neutral;
- e, exposure in stops; C(x) = m (x / m)^c about the mid grey m = 0.18; S = Y + s (x - Y), Y the luminance of BT.709;
- H, a turn of hues that keeps Y; K, the curves of a .cube file, which are of encoded colours.

The colour of a Gaussian from direction d is 0.5 + B(d) sh. Harmonics are those that fit g of it at 64 directions with
the least squares; what lies outside 0..1 keeps its distance from there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from PIL import ImageColor
from torch import Tensor

from editor3d.errors import ConfigError
from editor3d.srgb import to_linear, to_srgb
from editor3d.types import Grading
from gaussian.change.cube import Cube, read_cube
from gaussian.splats import SH_C0, Splats, sh_basis

LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
"""Of linear light of BT.709."""
_GREY = 0.18
_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_RANGES = {
    "exposure": (-10, 10), "contrast": (0.01, 4), "saturation": (0, 4), "hue": (-360, 360), "warmth": (-1, 1),
    "tint": (-1, 1),
}  # fmt: skip
_DARK = 1e-3
_MIREDS, _DAYLIGHT = 100.0, 6504.0
_DIRECTIONS, _AT_ONCE = 64, 1 << 15


@dataclass(frozen=True)
class Grade:
    """A grading that is ready: its file is read, its colour understood, its numbers are in range."""

    settings: Grading
    light: np.ndarray | None = None
    """The linear colour [3] that becomes grey."""
    cube: Cube | None = None
    """Curves, last."""

    @staticmethod
    def of(grading: Grading) -> Grade:
        """
        Raises:
            ConfigError: a number or a colour is out of its range, or nothing is to be changed.
            DataError: the curves cannot be read.
        """
        if grading == Grading():
            raise ConfigError("Expected something to change in the colours, got nothing: give --exposure or another.")
        for name, (low, high) in _RANGES.items():
            if not low <= vars(grading)[name] <= high:
                raise ConfigError(f"Expected {name} of {low} to {high}, got {vars(grading)[name]}.")
        light = None
        if grading.neutral is not None:
            try:
                light = to_linear(np.array(ImageColor.getrgb(grading.neutral)[:3]) / 255)
            except ValueError as error:
                raise ConfigError(f"Expected a colour, '#rrggbb' or a name, got {grading.neutral}.") from error
            if light.min() < _DARK:
                raise ConfigError(f"Expected a colour with some of red, green and blue, got {grading.neutral}.")
        return Grade(grading, light, None if grading.curves is None else read_cube(grading.curves))

    def __call__(self, colors: np.ndarray) -> np.ndarray:
        """sRGB colours [..., 3] in 0..1, graded."""
        said = self.settings
        linear = to_linear(colors.astype(np.float64)) @ self.white.T * 2.0**said.exposure
        linear = np.maximum(linear, 0)
        if said.contrast != 1:
            linear = _GREY * (linear / _GREY) ** said.contrast
        grey = (linear @ LUMINANCE)[..., None]
        linear = grey + said.saturation * (linear - grey)
        if said.hue:
            linear = linear @ hue_rotation(said.hue).T
        encoded = to_srgb(linear)
        return encoded if self.cube is None else self.cube(encoded)

    @property
    def white(self) -> np.ndarray:
        """W, [3, 3] on linear light; it keeps the luminance of white."""
        matrix = np.eye(3)
        if self.light is not None:
            matrix = np.diag((self.light @ LUMINANCE) / self.light)
        if self.settings.warmth:
            wanted = 1e6 / (1e6 / _DAYLIGHT + _MIREDS * self.settings.warmth)
            gains = (_BRADFORD @ _white_of(wanted)) / (_BRADFORD @ _white_of(_DAYLIGHT))
            adapted = np.linalg.inv(_BRADFORD) @ np.diag(gains) @ _BRADFORD
            matrix = np.linalg.inv(_TO_XYZ) @ adapted @ _TO_XYZ @ matrix
        if self.settings.tint:
            matrix = (
                np.diag([2 ** (self.settings.tint / 4), 2 ** (-self.settings.tint / 4), 2 ** (self.settings.tint / 4)])
                @ matrix
            )
        if self.light is None:
            matrix = matrix / (LUMINANCE @ matrix.sum(1))
        return matrix


def hue_rotation(degrees: float) -> np.ndarray:
    """A turn of linear colours about grey that keeps their luminance: [3, 3].

    Within the plane of equal luminance, whose axes are made orthonormal, colours turn by the angle.
    """
    first = np.linalg.svd(LUMINANCE[None])[2][1:]  # two axes of no luminance
    red = np.array([1.0, 0, 0]) - LUMINANCE[0]
    along = first.T @ (first @ red)
    along /= np.linalg.norm(along)
    across = np.cross(LUMINANCE / np.linalg.norm(LUMINANCE), along)
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn = np.outer(along, cosine * along - sine * across) + np.outer(across, sine * along + cosine * across)
    # whatever has luminance is grey of it and the rest, which turns
    grey = np.outer(np.ones(3), LUMINANCE)
    return grey + turn @ (np.eye(3) - grey)


def _white_of(kelvin: float) -> np.ndarray:
    """XYZ of daylight of a temperature, Y = 1 (CIE D series; below 4000 K Planck's locus by Kim's cubic)."""
    t = 1e3 / kelvin
    if kelvin >= 4000:
        x = (0.244063 + 0.09911 * t + 2.9678 * t**2 - 4.6070 * t**3) if kelvin <= 7000 else (
            0.237040 + 0.24748 * t + 1.9018 * t**2 - 2.0064 * t**3
        )  # fmt: skip
        y = -3.0 * x**2 + 2.87 * x - 0.275
    else:
        x = -0.2661239 * t**3 - 0.2343589 * t**2 + 0.8776956 * t + 0.179910
        y = -0.9549476 * x**3 - 1.37418593 * x**2 + 2.09137015 * x - 0.16748867
    return np.array([x / y, 1.0, (1 - x - y) / y])


def graded(splats: Splats, which: Tensor, grade: Callable[[np.ndarray], np.ndarray]) -> Splats:
    """A scene with the colours of a part graded; all other Gaussians keep every bit.

    Args:
        which: the part, [N] bool.
        grade: of sRGB colours [..., 3] in 0..1.
    """
    sh = splats.sh.clone()
    places = which.nonzero().flatten()
    count = sh.shape[1]
    basis = np.full((1, 1), SH_C0) if count == 1 else _even_basis(splats.sh_degree)
    back = np.linalg.pinv(basis)
    for part in places.split(_AT_ONCE):
        colors = 0.5 + np.einsum("dk,nkc->ndc", basis, sh[part].double().numpy())
        inside = colors.clip(0, 1)
        fitted = np.einsum("kd,ndc->nkc", back, grade(inside) + (colors - inside) - 0.5)
        sh[part] = torch.from_numpy(fitted).float()
    return replace(splats, sh=sh)


def _even_basis(degree: int) -> np.ndarray:
    """The harmonics at directions spread evenly over the sphere, [D, K] float64."""
    index = torch.arange(_DIRECTIONS, dtype=torch.float64)
    z = 1 - (2 * index + 1) / _DIRECTIONS
    angle = index * 2.399963229728653  # the golden angle
    radius = (1 - z * z).sqrt()
    return sh_basis(torch.stack([radius * angle.cos(), radius * angle.sin(), z], 1), degree).numpy()
