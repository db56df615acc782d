"""Render one view of a scene of Gaussians, on a pinhole canvas or warped to the lens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from editor3d.geometry.lens import Lens
from gaussian.draw.lens import canvas_of, ray_lengths
from gaussian.raster.rasterize import rasterization

if TYPE_CHECKING:
    from nerfstudio.cameras.cameras import Cameras

_OPENGL_TO_OPENCV = (1.0, -1.0, -1.0)


def draw(
    values: Mapping[str, Tensor],
    camera: Cameras,
    *,
    sh_degree: int | None,
    near: float,
    background: Tensor | None = None,
    with_depth: bool = True,
    absgrad: bool = False,
    rasterize_mode: Literal["classic", "antialiased"] = "classic",
) -> tuple[Tensor, Tensor, Tensor | None, dict[str, Any]]:
    """Draw Gaussians as one camera sees them.

    With `canvas` in the camera's metadata the picture stays on the pinhole canvas, at 1/`downscale` of its resolution.

    Args:
        values: of N Gaussians, as parameters are trained: means [N, 3] scene units, quats [N, 4], scales [N, 3] (their
            logarithms), opacities [N, 1] (their logits), and colors, [N, C], or [N, K, 3] of harmonics.
        sh_degree: of these; None for colours as they are.
        near: what is nearer to the camera is not drawn, scene units.
        background: [1, C], behind everything; black by default.
        with_depth: also draw how far away things are.
        absgrad: gather absolute gradients of the projected centres.
        rasterize_mode: as of `rasterization`.

    Returns:
        Picture [H, W, C]; accumulation [H, W, 1]; the expected distance along the ray [H, W, 1], scene units, or None;
        and what `rasterization` returns for each Gaussian.
    """
    said, device = camera.metadata or {}, values["means"].device
    on_canvas, downscale = bool(said.get("canvas", False)), int(said.get("downscale", 1))
    lens = Lens.of(camera, 0)
    canvas = canvas_of(lens)
    width, height = max(1, canvas.width // downscale), max(1, canvas.height // downscale)
    K = canvas.K.clone()
    K[0] *= width / canvas.width
    K[1] *= height / canvas.height
    drawn, accumulation, info = rasterization(
        means=values["means"],
        quats=values["quats"],
        scales=values["scales"].exp(),
        opacities=values["opacities"].sigmoid()[:, 0],
        colors=values["colors"],
        viewmats=viewmat_of(camera.camera_to_worlds[0].to(device))[None],
        Ks=K[None].to(device),
        width=width,
        height=height,
        near_plane=near,
        sh_degree=sh_degree,
        packed=False,
        backgrounds=background,
        render_mode="RGB+ED" if with_depth else "RGB",
        absgrad=absgrad,
        rasterize_mode=rasterize_mode,
    )
    picture, accumulation = drawn[0], accumulation[0]
    if not on_canvas:
        picture, accumulation = canvas.bend(picture), canvas.bend(accumulation)
    if not with_depth:
        return picture, accumulation, None, info
    depth = picture[..., -1:] * ray_lengths(canvas, on_canvas).to(device)
    return picture[..., :-1], accumulation, depth, info


def viewmat_of(c2w: Tensor) -> Tensor:
    """World-to-camera [4, 4] with OpenCV axes from camera-to-world [3, 4] with OpenGL's."""
    rotation = c2w[:, :3] * c2w.new_tensor(_OPENGL_TO_OPENCV)
    viewmat = torch.eye(4, device=c2w.device)
    viewmat[:3, :3] = rotation.T
    viewmat[:3, 3] = -rotation.T @ c2w[:, 3]
    return viewmat
