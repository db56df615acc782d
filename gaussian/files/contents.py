"""The contents of a file of splats beside the Gaussians, and which of them can be rendered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from editor3d.errors import DataError
from editor3d.precision import offset_of
from gaussian.splats import SH_C0, Splats, concatenate, select

FILTER = "filter_3D"
"""Mip-Splatting's property: how far each Gaussian is widened before it is drawn, scene units."""
FLAT = float(np.log(np.finfo(np.float32).tiny))
"""The log scale that stands for no extent at all."""
_CERTAIN = 20.0  # the logit that stands for an opacity of 1: float32 knows none nearer to it
_WIDEST = 44.0  # log scale, beyond which float32 has no variance
_GREATEST = 1e15  # of what is squared in float32
_LEAST = 1e-10
_COLOR = ("red", "green", "blue")


@dataclass(frozen=True, eq=False)
class SplatFile:
    """The content of a file of splats. What a format does not know is empty."""

    splats: Splats
    """As stored, but for their centres, which are `offset` short of where they are in the file's frame."""
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """In float64: zeros, but for a scene so far from the origin that float32 blurs it."""
    absolute: bool = False
    """Whether the file has the offset in every coordinate (written so again as .ply), instead of stating it once."""
    antialiased: bool = False
    """Made to be drawn with the opacity taken back that the blur of one pixel adds (mip)."""
    extra: np.ndarray | None = None
    """Further properties of each Gaussian, by the names and types of a .ply: structured [N]."""
    elements: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Further elements of a .ply, by name: structured rows."""
    comments: tuple[str, ...] = ()
    """Of a .ply's header, but for those on the offset and on how it is drawn."""
    notes: tuple[str, ...] = ()
    """What a user should know of how the file was read; sentences."""

    def __len__(self) -> int:
        return len(self.splats)

    @property
    def drawn(self) -> Splats:
        """The Gaussians as they are drawn: as stored, but for Mip-Splatting's filter, which is applied.

        The filter f widens the standard deviations, s'² = s² + f², and keeps what each Gaussian holds in all,
        opacity' = opacity · prod(s / s').
        """
        if self.extra is None or FILTER not in (self.extra.dtype.names or ()):
            return self.splats
        with np.errstate(divide="ignore", invalid="ignore"):
            widening = torch.from_numpy(np.log(np.abs(self.extra[FILTER].astype(np.float64))))[:, None]
        before = self.splats.log_scales.double()
        after = 0.5 * torch.logaddexp(2 * before, (2 * widening).nan_to_num(nan=-torch.inf, posinf=-torch.inf))
        log_opacity = torch.nn.functional.logsigmoid(self.splats.opacity_logits.double()) + (before - after).sum(1)
        logits = log_opacity - torch.log(-torch.expm1(log_opacity.clamp_max(-1e-12)))
        return replace(
            self.splats, log_scales=after.float(), opacity_logits=logits.clamp(-80.0, _CERTAIN).float().contiguous()
        )

    @property
    def centres(self) -> Tensor:
        """Of the Gaussians, in the file's frame: [N, 3] float64."""
        return self.splats.means.double() + torch.tensor(self.offset, dtype=torch.float64)

    def only(self, which: Tensor) -> SplatFile:
        """The Gaussians that `which` names (mask [N] bool, or indices), with all that is known of them."""
        extra = None if self.extra is None else self.extra[which.numpy()]
        return replace(self, splats=select(self.splats, which), extra=extra)

    def with_copies(self, splats: Splats, which: Tensor) -> SplatFile:
        """With `splats`, which are the same and then copies of those that `which` [N] bool names."""
        extra = None if self.extra is None else np.concatenate([self.extra, self.extra[which.numpy()]])
        return replace(self, splats=splats, extra=extra)

    def with_more(self, splats: Splats) -> SplatFile:
        """With further Gaussians, `offset` short of where they are; their further properties are zeros."""
        extra = None if self.extra is None else np.concatenate([self.extra, np.zeros(len(splats), self.extra.dtype)])
        return replace(self, splats=concatenate([self.splats, splats]), extra=extra)

    def with_colors_of(self, splats: Splats) -> SplatFile:
        """With other colours; red, green and blue of a file that has those too follow where the colours changed."""
        extra = self.extra
        if extra is not None and all(name in extra.dtype.names and extra.dtype[name] == np.uint8 for name in _COLOR):
            changed = (splats.sh[:, 0] != self.splats.sh[:, 0]).any(1).numpy()
            color = ((0.5 + SH_C0 * splats.sh[:, 0].double()).clamp(0, 1) * 255).round().to(torch.uint8).numpy()
            extra = extra.copy()
            for channel, name in enumerate(_COLOR):
                extra[name][changed] = color[changed, channel]
        return replace(self, splats=splats, extra=extra)


def sound(contents: SplatFile, source: str) -> SplatFile:
    """What can be drawn of a file.

    An infinite opacity logit is an opacity of 0 or 1, a log scale of minus infinity a flat Gaussian. What has other
    values that are not finite, greater ones than can be drawn, or a rotation of zero length is left out and counted.

    Args:
        source: what messages call the file.

    Raises:
        DataError: there are no Gaussians, or none that can be drawn.
    """
    splats = contents.splats
    if len(splats) == 0:
        raise DataError(f"{source} holds no Gaussians; a scene needs at least one.")
    logits, scales, quats = splats.opacity_logits, splats.log_scales, splats.quats
    logits = logits.where(~logits.isinf(), logits.clamp(-_CERTAIN, _CERTAIN))
    scales = scales.where(scales != -torch.inf, scales.new_tensor(FLAT))
    longest = quats.abs().amax(1)
    odd = (longest < _LEAST) | (longest > _GREATEST)
    if bool(odd.any()):  # of any length but zero: brought where its square is a number
        exact = quats.double() / longest.double()[:, None]
        quats = quats.where(~odd[:, None], exact.float())
    whole = replace(splats, opacity_logits=logits, log_scales=scales, quats=quats)
    good = (longest > 0) & (scales.amax(1) < _WIDEST)
    for name, limit in (("means", _GREATEST), ("sh", _GREATEST), ("quats", torch.inf)):
        good &= (whole.tensors[name].abs() < limit).reshape(len(whole), -1).all(1)
    for tensor in whole.tensors.values():
        good &= tensor.isfinite().reshape(len(whole), -1).all(1)
    if bool(good.all()):
        return replace(contents, splats=whole)
    broken = int((~good).sum())
    reason = "values that are not finite or too great, or a rotation of zero length"
    if broken == len(good):
        raise DataError(
            f"Expected Gaussians that can be drawn in {source}, found {reason} in all {broken} of them: write it anew."
        )
    note = (
        f"{broken} of {len(good)} Gaussians (the first is number {int((~good).nonzero()[0])}, counted from 0) have "
        f"{reason}, and are left out."
    )
    kept = replace(contents, splats=whole).only(good)
    return replace(kept, notes=(*contents.notes, note))


def centred(means: np.ndarray) -> tuple[np.ndarray, tuple[float, float, float]]:
    """Centres [N, 3] of any float type as float32 and what was taken off them; nothing where float32 holds them."""
    finite = means[np.isfinite(means).all(1)] if means.dtype == np.float64 else means
    offset = offset_of(finite)
    with np.errstate(over="ignore", invalid="ignore"):
        left = (means - offset).astype(np.float32) if offset.any() else means
    return left, tuple(offset.tolist())
