"""Select Gaussians by the pixels that show them, and change the selection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from editor3d.geometry.lens import Lens
from gaussian.draw.lens import Canvas, canvas_of
from gaussian.raster.rasterize import rasterization
from gaussian.splats import SH_C0, Splats, concatenate, select

if TYPE_CHECKING:
    from nerfstudio.cameras.cameras import Cameras

_OPAQUE = 0.5


@dataclass(frozen=True, eq=False)
class PosedPinhole:
    """A camera to look at splats with."""

    viewmat: Tensor
    """World to camera [4, 4], OpenCV axes."""
    K: Tensor
    """[3, 3], pixels."""
    width: int
    height: int
    near: float = 0.01
    """Nearer ones are not drawn, scene units."""
    canvas: Canvas | None = None
    """The canvas that this pinhole is of a view with a lens: masks and holes are of the picture that the lens makes."""

    @staticmethod
    def of(cameras: Cameras, index: int, near: float = 0.01) -> PosedPinhole:
        """The canvas of one of `cameras`."""
        from gaussian.draw.drawing import viewmat_of

        canvas = canvas_of(Lens.of(cameras, index))
        viewmat = viewmat_of(cameras.camera_to_worlds[index])
        return PosedPinhole(viewmat, canvas.K, canvas.width, canvas.height, near, canvas)

    @property
    def picture_size(self) -> tuple[int, int]:
        """(height, width) of the picture that masks belong to."""
        if self.canvas is None or self.canvas.to_picture is None:
            return self.height, self.width
        height, width = self.canvas.to_picture.shape[:2]
        return height, width

    def flatten(self, mask: Tensor) -> tuple[Tensor, Tensor]:
        """A mask [H, W] bool on the pinhole [H', W'], and which of its pixels [H', W'] bool the picture holds."""
        seen = None if self.canvas is None else self.canvas.seen(*mask.shape)
        if self.canvas is None or seen is None:
            return mask, torch.ones_like(mask)
        flat = self.canvas.flatten(mask.to(torch.uint8)[..., None] * 255)
        return (flat.view(seen.shape) >= 128) & seen, seen

    def bend(self, drawn: Tensor) -> Tensor:
        """What was drawn [H', W'] float, as the picture shows it: [H, W]."""
        return drawn if self.canvas is None else self.canvas.bend(drawn[..., None])[..., 0]


def mask_weights(splats: Splats, cameras: Sequence[PosedPinhole], masks: Sequence[Tensor]) -> Tensor:
    """How many masked pixels each Gaussian makes up: the sum of its T alpha over them, all cameras together.

    Args:
        masks: [H, W, K] bool, K for each camera, of its picture's size.

    Returns:
        [N, K].

    Raises:
        ValueError: a mask of another size.
    """
    total = torch.zeros(len(splats), masks[0].shape[-1] if masks else 0)
    for camera, several in zip(cameras, masks, strict=True):
        if tuple(several.shape[:2]) != camera.picture_size:
            raise ValueError(
                f"Expected a mask of {'x'.join(map(str, camera.picture_size))}, got {tuple(several.shape[:2])}."
            )
        flat = torch.stack([camera.flatten(mask)[0] for mask in several.unbind(-1)], -1)
        total += _weights(splats, camera, flat)
    return total.to(splats.device)


@torch.enable_grad()
def _weights(splats: Splats, camera: PosedPinhole, masks: Tensor) -> Tensor:
    """The sum of T alpha of each Gaussian over masks [H', W', K] bool of the pinhole: [N, K] on the CPU."""
    # the picture is linear in the colours: the gradient of a sum over pixels is the sum of a Gaussian's weights
    colors = torch.zeros(len(splats), masks.shape[-1], device=splats.device, requires_grad=True)
    picture, _ = _draw(splats, camera, colors)
    (weights,) = torch.autograd.grad(picture, colors, masks.to(picture))
    return weights.cpu()


def vote(splats: Splats, cameras: Sequence[PosedPinhole], masks: Sequence[Tensor]) -> Tensor:
    """How much of what is seen of each Gaussian lies inside the masks.

    A Gaussian's weight in a pixel is T alpha; its share is the sum of its weights over masked pixels, divided by that
    over all pixels of all views.

    Args:
        masks: [H, W] bool, one for each camera, of its picture's size.

    Returns:
        [N] in 0..1; 0 for what no camera sees.

    Raises:
        ValueError: a mask of another size.
    """
    inside, seen = torch.zeros(len(splats)), torch.zeros(len(splats))
    for camera, mask in zip(cameras, masks, strict=True):
        if tuple(mask.shape) != camera.picture_size:
            raise ValueError(f"Expected a mask of {'x'.join(map(str, camera.picture_size))}, got {tuple(mask.shape)}.")
        weights = _weights(splats, camera, torch.stack(camera.flatten(mask), -1))
        inside += weights[:, 0]
        seen += weights[:, 1]
    return torch.where(seen > 0, inside / seen.clamp_min(1e-12), seen).to(splats.device)


@torch.enable_grad()
def light(splats: Splats, cameras: Sequence[PosedPinhole]) -> Tensor:
    """How many pixels of the cameras' pictures each Gaussian makes up, all together: the sum of T alpha, [N]."""
    total = torch.zeros(len(splats))
    for camera in cameras:
        colors = torch.zeros(len(splats), 1, device=splats.device, requires_grad=True)
        picture, _ = _draw(splats, camera, colors)
        (weights,) = torch.autograd.grad(picture.sum(), colors)
        total += weights[:, 0].cpu()
    return total.to(splats.device)


def delete(splats: Splats, chosen: Tensor) -> Splats:
    """Everything but the chosen ones; `chosen` [N] bool."""
    return select(splats, ~chosen)


def duplicate(splats: Splats, chosen: Tensor, offset: Tensor) -> Splats:
    """Everything, and copies of the chosen ones moved by `offset` [3]."""
    copies = select(splats, chosen)
    return concatenate([splats, replace(copies, means=copies.means + offset.to(copies.means))])


def recolor(splats: Splats, chosen: Tensor, color: Tensor, strength: float = 1.0) -> Splats:
    """Bring the chosen ones' colour towards `color` [3] in 0..1; their light and shade across them stays.

    The constant part of each one's colour becomes (1 - strength) own + strength (color + own - mean), the mean being
    that of all chosen ones, by opacity.
    """
    own = 0.5 + SH_C0 * splats.sh[chosen, 0]
    weights = splats.opacities[chosen, None]
    mean = (own * weights).sum(0) / weights.sum().clamp_min(1e-12)
    wanted = own + strength * (color.to(own) - mean)
    sh = splats.sh.clone()
    sh[chosen, 0] = (wanted.clamp(0.0, 1.0) - 0.5) / SH_C0
    return replace(splats, sh=sh)


@torch.no_grad()
def holes(before: Splats, after: Splats, cameras: Sequence[PosedPinhole]) -> list[Tensor]:
    """Pixels that were covered (by an opacity of at least 0.5) and no longer are: what is left to be filled.

    Returns:
        A mask [H, W] bool for each camera.
    """
    found = []
    for camera in cameras:
        was, now = (camera.bend(_draw(s, camera, torch.zeros(len(s), 1, device=s.device))[1]) for s in (before, after))
        found.append(((was >= _OPAQUE) & (now < _OPAQUE)).cpu())
    return found


def _draw(splats: Splats, camera: PosedPinhole, colors: Tensor) -> tuple[Tensor, Tensor]:
    picture, accumulation, _ = rasterization(
        splats.means, splats.quats, splats.scales, splats.opacities, colors,
        camera.viewmat[None].to(splats.means), camera.K[None].to(splats.means), camera.width, camera.height,
        near_plane=camera.near, packed=False,
    )  # fmt: skip
    return picture[0], accumulation[0, ..., 0]
