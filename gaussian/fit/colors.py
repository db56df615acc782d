"""Fit the colours of Gaussians alone to some pictures, their geometry being as it is: linear least squares.

With w_pi the blending weights of a view (`gaussian.raster.view_weights`), Y_ik its harmonics at Gaussian i and m_p the
weights of its pixels, the coefficients x are those that minimise

    sum_p m_p |t_p - sum_i w_pi (0.5 + sum_k Y_ik x_ik) - T_end background|^2 + sum_ik d_k |x_ik - x'_ik|^2,

by conjugate gradients with the diagonal as preconditioner. x' is the scene with the change that the pictures show,
which each Gaussian gets by its place and colour (`editor3d.update.color_change`), seen or not. Its harmonics follow to
the first order: with f the change's map of colours, those beyond the constant ones are multiplied by the derivative of
f. An edit that covers what was there so takes its sheen and its grain away, too.

Colours below 0 are drawn as 0, and pictures end at 1. In each round the residual is found by the rasterizer, so that
neither this nor the rounding of kept weights is part of the result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from editor3d.update.color_change import ColorChange
from gaussian.draw.selection import PosedPinhole
from gaussian.raster.kernels import harmonics
from gaussian.raster.rasterize import rasterization
from gaussian.raster.view_weights import ViewWeights
from gaussian.splats import SH_C0

if TYPE_CHECKING:
    from nerfstudio.cameras.cameras import Cameras

PASSES, ROUNDS = 4, 1
"""Products with the matrix from one residual of the rasterizer's to the next, and how many of these."""
DAMPING = 0.1
"""d_k / Y_0^2: pixels that say as much as the change carried over."""
HARMONIC_DAMPING = 1.0
"""The same for coefficients beyond the constant ones."""
_SAMPLES = 1500  # pixels of each picture that the change is learnt from
_WHITE = 1.0 - 0.5 / 255
_SOLID = 0.5
_STEP = 1.0 / 32
"""Of colours, to find the derivative of a change."""
_STEEPEST = 2.0


@dataclass(frozen=True, eq=False)
class ColorTarget:
    """A picture that the scene is to look like from one camera."""

    camera: PosedPinhole
    picture: Tensor
    """[H, W, 3] in 0..1, on the camera's pinhole."""
    weight: Tensor
    """[H, W], how much each pixel counts; at least 0."""
    view: int | None = None
    """Which view it is; None where its blending weights need not be kept."""

    @staticmethod
    def of(cameras: Cameras, index: int, picture: Tensor, weight: Tensor, near: float) -> ColorTarget:
        """A picture [H, W, 3] in 0..1 and weights [H, W] as the lens of one of `cameras` shows them."""
        pinhole = PosedPinhole.of(cameras, index, near)
        picture, weight = picture.cpu().float(), weight.cpu().float()
        canvas = pinhole.canvas
        if canvas is None or canvas.same:
            return ColorTarget(pinhole, picture, weight, index)
        seen = canvas.seen(*weight.shape)
        assert seen is not None  # a bent lens
        flat = canvas.flatten(picture).clamp(0.0, 1.0), canvas.flatten(weight[..., None]).view(seen.shape)
        return ColorTarget(pinhole, flat[0], flat[1].clamp_min(0.0) * seen, index)


@torch.no_grad()
def fit_colors(
    parameters: Mapping[str, Tensor],
    targets: Sequence[ColorTarget],
    *,
    background: Tensor,
    antialiased: bool = False,
    free: Tensor | None = None,
    degree: int = 0,
    passes: int = PASSES,
    rounds: int = ROUNDS,
    kept: dict[int, ViewWeights] | None = None,
) -> dict[str, Tensor]:
    """The colours with which a scene looks like pictures.

    Args:
        parameters: of N Gaussians, by splatfacto's names; on the CPU.
        targets: at least one.
        background: [3], behind the scene.
        antialiased: the scene is drawn so.
        free: [N] bool, which Gaussians may change; None is all. The others keep their bits.
        degree: of the harmonics that are fitted; those beyond stay.
        kept: blending weights by view, of a scene of the very same geometry; those of further views are added.

    Returns:
        New `features_dc` [N, 3] and `features_rest` [N, K - 1, 3].
    """
    fit = _Fit(parameters, targets, background, antialiased, free, degree, {} if kept is None else kept)
    fit.start()
    for _ in range(rounds):
        fit.improve(passes)
    return fit.parameters()


class _Fit:
    def __init__(self, parameters, targets, background, antialiased, free, degree, kept) -> None:
        p = {name: value.detach() for name, value in parameters.items()}
        self.geometry = (p["means"], p["quats"], p["scales"].exp(), p["opacities"].sigmoid()[:, 0])
        self.targets, self.background, self.antialiased = targets, background, antialiased
        self.before = torch.cat([p["features_dc"][:, None], p["features_rest"]], 1)
        self.count = len(p["means"])
        self.free = np.ones(self.count, np.float32) if free is None else free.numpy().astype(np.float32)
        self.degree = min(degree, int(self.before.shape[1] ** 0.5) - 1)
        self.bases = (self.degree + 1) ** 2
        damping = [DAMPING] + [HARMONIC_DAMPING] * (self.bases - 1)
        self.damping = SH_C0**2 * np.array(damping, np.float32)[None, :, None]
        self.carried = self.before.clone()
        self.shift = np.zeros((self.count, self.bases, 3), np.float32)
        """x - x', what the fit adds to the change carried over."""
        self.importance = [target.weight.float().contiguous().numpy() for target in targets]
        self.weights = [self._weights(target, kept) for target in targets]
        self.harmonics = [self._harmonics(target.camera) for target in targets]

    def _weights(self, target: ColorTarget, kept: dict[int, ViewWeights]) -> ViewWeights:
        camera, view = target.camera, target.view
        if view is not None and view in kept:
            return kept[view]
        found = ViewWeights.of(
            *self.geometry, camera.viewmat, camera.K, camera.width, camera.height, near=camera.near,
            antialiased=self.antialiased,
        )  # fmt: skip
        if view is not None:
            kept[view] = found
        return found

    def _harmonics(self, camera: PosedPinhole) -> np.ndarray:
        """Y of one camera, [N, K]."""
        if self.bases == 1:
            return np.full((self.count, 1), SH_C0, np.float32)
        eye = torch.linalg.inv(camera.viewmat)[:3, 3].contiguous().numpy()
        means = self.geometry[0].contiguous().numpy()
        one, nothing = np.ones((self.count, 3), np.float32), np.zeros((self.count, self.bases, 3), np.float32)
        found, unused = np.empty_like(nothing), np.empty_like(means)
        everywhere = np.ones(self.count, np.int32)
        harmonics.colors_backward(means, eye, nothing, self.degree, everywhere, one, found, unused)
        return np.ascontiguousarray(found[..., 0])

    def start(self) -> None:
        """Carry the change that the pictures show over to every Gaussian."""
        means, samples = self.geometry[0], []
        for target, importance in zip(self.targets, self.importance, strict=True):
            base = self._draw(target.camera, self.before).clamp(0.0, 1.0).view(-1, 3)
            places, accumulation = self._draw_values(target.camera, means)
            solid = (accumulation.view(-1) > _SOLID) & (torch.from_numpy(importance).view(-1) > 0)
            which = solid.nonzero()[:, 0]
            which = which[torch.linspace(0, len(which) - 1, min(_SAMPLES, len(which))).long()] if len(which) else which
            points = places.view(-1, 3)[which] / accumulation.view(-1, 1)[which]
            change = target.picture.reshape(-1, 3)[which] - base[which]
            samples.append((points, base[which], change, torch.from_numpy(importance).view(-1)[which]))
        points, colors, changes, weights = (torch.cat(column) for column in zip(*samples, strict=True))
        if len(points):
            own = (0.5 + SH_C0 * self.before[:, 0]).clamp(0.0, 1.0)
            change = ColorChange.of(points, colors, changes, weights)
            self.carried[:, 0] += change(means, own) / SH_C0
            if self.before.shape[1] > 1:
                self.carried[:, 1:] = torch.einsum("ncj,nkj->nkc", _slope(change, means, own), self.before[:, 1:])

    def improve(self, passes: int) -> None:
        """Conjugate gradients from the residual of the scene as it is drawn now."""
        now = self._harmonics_now()
        rest = -self.damping * self.shift
        diagonal = np.broadcast_to(self.damping, (1, self.bases, 1)).copy() + np.zeros((self.count, 1, 3), np.float32)
        seen = []
        for target, importance, weights, basis in zip(
            self.targets, self.importance, self.weights, self.harmonics, strict=True
        ):
            drawn = self._draw(target.camera, now).numpy()
            wanted = target.picture.numpy()
            residual = np.where((wanted >= _WHITE) & (drawn > 1.0), 0.0, wanted - drawn).astype(np.float32)
            active = self._active(target.camera, now)
            gradient, _ = weights.residual(np.zeros((self.count, 3), np.float32), importance, residual)
            rest += basis[:, :, None] * (active * gradient)[:, None]
            diagonal += basis[:, :, None] ** 2 * (active * weights.sums(importance)[:, 1:])[:, None]
            seen.append((weights, importance, basis, active))
        rest *= self.free[:, None, None]
        towards = rest / diagonal
        along, size = towards.copy(), _dot(rest, towards)
        for _ in range(passes):
            if size <= 0.0:
                return
            product = self.damping * along
            for weights, importance, basis, active in seen:
                colors = active * (basis[:, :, None] * along).sum(1)
                product += basis[:, :, None] * (active * weights.product(colors, importance)[0])[:, None]
            product *= self.free[:, None, None]
            step = np.float32(size / _dot(along, product))
            self.shift += step * along
            rest -= step * product
            towards = rest / diagonal
            last, size = size, _dot(rest, towards)
            along = towards + np.float32(size / last) * along

    def parameters(self) -> dict[str, Tensor]:
        """The scene's new colours."""
        now = self._harmonics_now()
        return {"features_dc": now[:, 0].contiguous(), "features_rest": now[:, 1:].contiguous()}

    def _harmonics_now(self) -> Tensor:
        now = self.carried.clone()
        now[:, : self.bases] += torch.from_numpy(self.shift)
        return torch.where(torch.from_numpy(self.free > 0)[:, None, None], now, self.before)

    def _active(self, camera: PosedPinhole, now: Tensor) -> np.ndarray:
        """Which colours [N, 3] are above 0 from a camera, where a change of them shows."""
        degree = int(now.shape[1] ** 0.5) - 1
        eye = torch.linalg.inv(camera.viewmat)[:3, 3].contiguous().numpy()
        colors, everywhere = np.empty((self.count, 3), np.float32), np.ones(self.count, np.int32)
        means = self.geometry[0].contiguous().numpy()
        harmonics.colors_of(means, eye, now.contiguous().numpy(), degree, everywhere, colors)
        return (colors > -0.5).astype(np.float32)

    def _draw(self, camera: PosedPinhole, sh: Tensor) -> Tensor:
        """The picture [H, W, 3] of the scene with these harmonics, not clamped."""
        return self._rasterized(camera, sh, int(sh.shape[1] ** 0.5) - 1, self.background)[0]

    def _draw_values(self, camera: PosedPinhole, values: Tensor) -> tuple[Tensor, Tensor]:
        return self._rasterized(camera, values, None, torch.zeros(3))

    def _rasterized(self, camera, colors, degree, background) -> tuple[Tensor, Tensor]:
        picture, accumulation, _ = rasterization(
            *self.geometry, colors, camera.viewmat[None], camera.K[None], camera.width, camera.height,
            near_plane=camera.near, sh_degree=degree, packed=False, backgrounds=background[None],
            rasterize_mode="antialiased" if self.antialiased else "classic",
        )  # fmt: skip
        return picture[0], accumulation[0, ..., 0]


def _slope(change: ColorChange, points: Tensor, colors: Tensor) -> Tensor:
    """The derivative d(c + change) / dc at points and colours [N, 3]: [N, 3, 3], new colours by old ones."""
    columns = []
    for channel in range(3):
        step = torch.zeros(3)
        step[channel] = _STEP
        columns.append((change(points, colors + step) - change(points, colors - step)) / (2.0 * _STEP))
    return (torch.eye(3) + torch.stack(columns, -1)).clamp(-_STEEPEST, _STEEPEST)


def _dot(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.einsum("nkc,nkc->", a, b, dtype=np.float64))
