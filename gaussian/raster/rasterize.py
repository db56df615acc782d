"""Gaussian splatting with one call on any device: gsplat's kernels on CUDA, our own on a CPU."""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
from torch import Tensor

from editor3d.errors import DeviceError
from editor3d.host.compiled import require
from editor3d.host.gsplat_kernels import remedy
from gaussian.raster.autograd import Composite, Harmonics, Project
from gaussian.raster.kernels import TILE
from gaussian.raster.kernels.harmonics import MAX_DEGREE

DEPTH_MODES = ("D", "ED", "RGB+D", "RGB+ED")
_MIN_ACCUMULATION = 1e-10


def rasterization(
    means: Tensor,
    quats: Tensor,
    scales: Tensor,
    opacities: Tensor,
    colors: Tensor,
    viewmats: Tensor,
    Ks: Tensor,
    width: int,
    height: int,
    near_plane: float = 0.01,
    far_plane: float = 1e10,
    radius_clip: float = 0.0,
    eps2d: float = 0.3,
    sh_degree: int | None = None,
    packed: bool = True,
    tile_size: int = TILE,
    backgrounds: Tensor | None = None,
    render_mode: Literal["RGB", "D", "ED", "RGB+D", "RGB+ED"] = "RGB",
    sparse_grad: bool = False,
    absgrad: bool = False,
    rasterize_mode: Literal["classic", "antialiased"] = "classic",
    channel_chunk: int = 32,
    distributed: bool = False,
    camera_model: Literal["pinhole", "ortho", "fisheye"] = "pinhole",
    covars: Tensor | None = None,
) -> tuple[Tensor, Tensor, dict[str, Any]]:
    """Render N Gaussians to C pictures; arguments, results and conventions are `gsplat.rasterization`'s.

    A pixel's value is sum_i T_i alpha_i c_i + T_end * background over the Gaussians from near to far (3D Gaussian
    Splatting, equation 3), alpha_i = min(0.999, opacity_i exp(-sigma_i)), those below 1/255 left out.

    Args:
        means: [N, 3] centres.
        quats: [N, 4] rotations (w, x, y, z), of any length.
        scales: [N, 3] standard deviations along the rotated axes.
        opacities: [N] in 0..1.
        colors: [N, D] or [C, N, D] values of D channels; with `sh_degree` [N, K, 3] or [C, N, K, 3] coefficients.
        viewmats: [C, 4, 4] world to camera, OpenCV axes.
        Ks: [C, 3, 3] intrinsics in pixels. Not differentiable.
        near_plane, far_plane: Gaussians outside are not drawn.
        radius_clip: Gaussians whose radius in pixels is not above this are not drawn.
        eps2d: variance in square pixels added to every projected Gaussian.
        sh_degree: degree of the spherical harmonics in use; colours are then max(0, 0.5 + harmonics).
        packed: give `meta` for the visible Gaussians only, [nnz, ...], with their `camera_ids` and `gaussian_ids`.
        backgrounds: [C, D].
        render_mode: colours, z-depth accumulated (D) or expected (ED), or both; depth is the last channel.
        absgrad: leave the absolute gradients of the projected centres in `meta["means2d"].absgrad`.
        rasterize_mode: `antialiased` takes back the opacity that `eps2d` adds.
        tile_size, sparse_grad, channel_chunk, distributed, camera_model, covars: as gsplat's on CUDA; on a CPU as by
            default.

    Returns:
        pictures [C, H, W, X], accumulation [C, H, W, 1], and `meta`: radii, means2d, depths, conics, opacities,
        camera_ids, gaussian_ids, tiles_per_gauss, flatten_ids, isect_offsets, tile_width, tile_height, width, height,
        tile_size, n_cameras.

    Raises:
        ValueError: shapes or options that do not fit.
        DeviceError: tensors on CUDA, where gsplat has no compiled kernels and cannot compile them.
    """
    if means.is_cuda:
        import gsplat

        require_cuda_kernels()
        return gsplat.rasterization(
            means, quats, scales, opacities, colors, viewmats, Ks, width, height, near_plane=near_plane,
            far_plane=far_plane, radius_clip=radius_clip, eps2d=eps2d, sh_degree=sh_degree, packed=packed,
            tile_size=tile_size, backgrounds=backgrounds, render_mode=render_mode, sparse_grad=sparse_grad,
            absgrad=absgrad, rasterize_mode=rasterize_mode, channel_chunk=channel_chunk, distributed=distributed,
            camera_model=camera_model, covars=covars,
        )  # fmt: skip
    require("gaussian.warmup")
    for name, value, allowed in (
        ("tile_size", tile_size, TILE),
        ("sparse_grad", sparse_grad, False),
        ("distributed", distributed, False),
        ("camera_model", camera_model, "pinhole"),
        ("covars", covars, None),
    ):
        if value is not allowed and value != allowed:
            got = "a tensor" if isinstance(value, Tensor) else value
            raise ValueError(f"Expected {name}={allowed} on a CPU, got {got}: leave it out, or render on CUDA.")
    if width < 1 or height < 1:
        raise ValueError(f"Expected a width and height of at least 1 pixel, got {width} x {height}.")
    if rasterize_mode not in ("classic", "antialiased"):
        raise ValueError(f"Expected a rasterize_mode of classic or antialiased, got {rasterize_mode}.")
    _check(means, quats, scales, opacities, colors, viewmats, Ks, backgrounds, sh_degree, render_mode)
    cameras, n = len(viewmats), len(means)
    means2d, depths, conics, radii, compensations, determinants = Project.apply(
        means, quats, scales, viewmats, Ks, width, height, near_plane, far_plane, eps2d, radius_clip
    )
    opaque = opacities.expand(cameras, n)
    if rasterize_mode == "antialiased":
        opaque = opaque * compensations
    if sh_degree is not None:
        eyes = torch.linalg.inv(viewmats)[:, :3, 3]
        colors = (Harmonics.apply(means, eyes, colors, radii, sh_degree) + 0.5).clamp_min(0.0)
    colors = colors.expand(cameras, n, -1)
    if backgrounds is None:
        backgrounds = colors.new_zeros(cameras, colors.shape[-1])
    if render_mode in ("RGB+D", "RGB+ED"):
        colors = torch.cat([colors, depths[..., None]], -1)
        backgrounds = torch.cat([backgrounds, backgrounds.new_zeros(cameras, 1)], -1)
    elif render_mode in ("D", "ED"):
        colors, backgrounds = depths[..., None], backgrounds.new_zeros(cameras, 1)

    lists: list = []
    meta = {"radii": radii, "means2d": means2d, "depths": depths, "conics": conics, "opacities": opaque}
    meta |= {"camera_ids": None, "gaussian_ids": None}
    if packed:
        camera_ids, gaussian_ids = torch.nonzero(radii > 0, as_tuple=True)
        meta = {name: value[camera_ids, gaussian_ids] for name, value in meta.items() if value is not None}
        meta |= {"camera_ids": camera_ids, "gaussian_ids": gaussian_ids}
        # what is composited hangs on the packed tensor, so that gradients arrive there as they do in gsplat
        means2d = torch.zeros_like(means2d).index_put((camera_ids, gaussian_ids), meta["means2d"])
    pictures, accumulation = Composite.apply(
        means2d, conics, colors, opaque, backgrounds, depths, radii, determinants, width, height, absgrad, lists
    )
    if packed and absgrad:
        _hand_over_absolute_gradients(means2d, meta)
    if render_mode in ("ED", "RGB+ED"):
        expected = pictures[..., -1:] / accumulation.clamp_min(_MIN_ACCUMULATION)
        pictures = torch.cat([pictures[..., :-1], expected], -1)
    return pictures, accumulation, meta | _intersections(lists, radii > 0 if packed else None, n, width, height)


def require_cuda_kernels() -> None:
    """Make sure of gsplat's CUDA kernels, compiling them if that was not done yet.

    Raises:
        DeviceError: there are none, and there is no compiler or it fails.
    """
    try:
        from gsplat.cuda._backend import _C  # pyright: ignore[reportAttributeAccessIssue]  # made when it is imported
    except (ImportError, OSError, RuntimeError) as error:
        reason = f"compiling them failed ({str(error).strip().splitlines()[0]})"
    else:
        if _C is not None:
            return
        reason = "there is no CUDA compiler (nvcc)"
    raise DeviceError(
        f"Expected gsplat's compiled kernels to draw splats on CUDA, found none, and {reason}: "
        f"{remedy(torch.version.cuda)}."
    )


def _hand_over_absolute_gradients(means2d: Tensor, meta: dict[str, Any]) -> None:
    packed, where = meta["means2d"], (meta["camera_ids"], meta["gaussian_ids"])
    if packed.requires_grad:
        # runs once the gradient of the packed tensor is known, which is after compositing's own backward
        vars_of: Any = means2d  # as in gsplat, an attribute of the tensor
        packed.register_hook(lambda _: setattr(packed, "absgrad", vars_of.absgrad[where]))


def _intersections(lists: list, packed: Tensor | None, n: int, width: int, height: int) -> dict[str, Any]:
    """The part of `meta` that says what touches which tile. Gaussians are counted in [C * N] or, where `packed` [C, N]
    says which are visible, among those."""
    starts, ids, counts, at = [], [], [], 0
    for camera, found in enumerate(lists):
        starts.append(torch.from_numpy(found.tile_offsets[:-1]).view(found.tiles_y, found.tiles_x) + at)
        sources = torch.from_numpy(found.sources).long()
        ids.append((sources[torch.from_numpy(found.ids).long()] + camera * n).int())
        count = torch.zeros(n, dtype=torch.int32)
        count[sources] = torch.from_numpy(found.slot_offsets).diff().int()
        counts.append(count)
        at += len(found.ids)
    tiles_per_gauss, flatten_ids = torch.stack(counts), torch.cat(ids)
    if packed is not None:
        tiles_per_gauss = tiles_per_gauss[packed]
        flatten_ids = (packed.flatten().cumsum(0).int() - 1)[flatten_ids.long()]
    return {
        "tile_width": math.ceil(width / TILE),
        "tile_height": math.ceil(height / TILE),
        "tiles_per_gauss": tiles_per_gauss,
        "flatten_ids": flatten_ids,
        "isect_offsets": torch.stack(starts).int(),
        "width": width,
        "height": height,
        "tile_size": TILE,
        "n_cameras": len(lists),
    }


def _check(means, quats, scales, opacities, colors, viewmats, Ks, backgrounds, sh_degree, render_mode) -> None:
    n, cameras = len(means), len(viewmats)
    if backgrounds is None:
        backgrounds = means.new_zeros(cameras, colors.shape[-1])
    for name, tensor, shape in (
        ("means", means, (n, 3)),
        ("quats", quats, (n, 4)),
        ("scales", scales, (n, 3)),
        ("opacities", opacities, (n,)),
        ("viewmats", viewmats, (cameras, 4, 4)),
        ("Ks", Ks, (cameras, 3, 3)),
        ("colors", colors, tuple(colors.shape)),
        ("backgrounds", backgrounds, (cameras, colors.shape[-1])),
    ):
        if tuple(tensor.shape) != shape:
            raise ValueError(f"Expected {name} of shape {shape}, got {tuple(tensor.shape)}.")
        if tensor.dtype != torch.float32:
            raise ValueError(f"Expected {name} as float32, got {tensor.dtype}: convert it.")
    if cameras == 0:
        raise ValueError("Expected at least one camera, got none.")
    tail = 1 if sh_degree is None else 2
    lead = tuple(colors.shape[:-tail])
    if lead not in ((n,), (cameras, n)):
        raise ValueError(f"Expected colors of shape ({n}, ...) or ({cameras}, {n}, ...), got {tuple(colors.shape)}.")
    if sh_degree is not None:
        if not 0 <= sh_degree <= MAX_DEGREE:
            raise ValueError(f"Expected sh_degree in 0..{MAX_DEGREE} on a CPU, got {sh_degree}.")
        if colors.shape[-1] != 3 or colors.shape[-2] < (sh_degree + 1) ** 2:
            raise ValueError(
                f"Expected at least {(sh_degree + 1) ** 2} coefficients of 3 channels for sh_degree {sh_degree}, got "
                f"{tuple(colors.shape[-2:])}."
            )
    if render_mode != "RGB" and render_mode not in DEPTH_MODES:
        raise ValueError(f"Expected a render_mode of RGB, {', '.join(DEPTH_MODES)}, got {render_mode}.")
