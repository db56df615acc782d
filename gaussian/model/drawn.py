"""Gaussians drawn as a nerfstudio model draws: through a pinhole canvas that is bent to each view's lens."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import torch
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.data.scene_box import OrientedBox
from torch import Tensor

from editor3d.geometry.lens import Lens
from editor3d.types import PartLooks
from gaussian.draw.depth import median_depth, slabs
from gaussian.draw.drawing import draw, viewmat_of
from gaussian.draw.lens import canvas_of, ray_lengths
from gaussian.draw.selection import PosedPinhole, mask_weights, vote
from gaussian.model.background import color_behind, is_transparent
from gaussian.model.parameters import harmonics_of
from gaussian.model.scene import SplatScene
from gaussian.raster.kernels.harmonics import MAX_DEGREE
from gaussian.splats import SH_C0


class DrawnScene(SplatScene):
    """What cameras see of a scene of Gaussians, and of the part of it that may change."""

    def get_outputs(self, camera: Cameras) -> dict[str, Tensor]:
        """Draw one camera.

        With `canvas` in the camera's metadata the picture stays on the pinhole canvas, as training wants it, at
        1/`downscale` of its resolution.

        Returns:
            rgb [H, W, 3], accumulation [H, W, 1] and, outside training, depth [H, W, 1]: the expected distance along
            the ray, scene units.
        """
        degree = min(MAX_DEGREE, self._degree_in_use())
        sh = harmonics_of(dict(self.gauss_params.items()), degree)
        drawn, accumulation, depth = self._draw(camera, sh, degree, self._background()[None].to(self.device))
        outputs = {"rgb": drawn, "accumulation": accumulation}
        if not self.training or self.config.clamp_in_training:
            outputs["rgb"] = drawn.clamp(0.0, 1.0)
        if not self.training and depth is not None:
            outputs["depth"] = depth
        return outputs

    @cached_property
    def _transparent(self) -> bool:
        return is_transparent(self.views)

    def _background(self) -> Tensor:
        """The colour behind the scene now: [3]."""
        step = self.step if self.training and self.config.random_background else None
        return color_behind(self.config.background, self._transparent, step)

    def _draw(
        self, camera: Cameras, colors: Tensor, sh_degree: int | None, background: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Picture [H, W, C], accumulation [H, W, 1], and outside training depth [H, W, 1], of Gaussians so coloured."""
        p = {name: self.gauss_params[name] for name in ("means", "quats", "scales", "opacities")} | {"colors": colors}
        if self.training:
            p = self.growth.held(p)
        if self.crop_box is not None and not self.training:
            inside = self.crop_box.within(p["means"]).squeeze(-1)
            p = {name: value[inside] for name, value in p.items()}
        picture, accumulation, depth, info = draw(
            p,
            camera,
            sh_degree=sh_degree,
            near=self.near,
            background=background,
            with_depth=not self.training,
            absgrad=self.training and self.config.strategy.absgrad,
            rasterize_mode=self.config.rasterize_mode,
        )
        if self.training:
            self.growth.info = info
            if info["means2d"].requires_grad:
                info["means2d"].retain_grad()
        return picture, accumulation, depth

    def _degree_in_use(self) -> int:
        interval, stored = self.config.sh_degree_interval, self.sh_degree
        return stored if not self.training or interval == 0 else min(stored, self.step // interval)

    @torch.no_grad()
    def get_outputs_for_camera(self, camera: Cameras, obb_box: OrientedBox | None = None) -> dict[str, Tensor]:
        """Outputs [H, W, C] of one camera; of what lies in a crop box, where one is given."""
        self.crop_box = obb_box
        try:
            if camera.shape == ():
                camera = camera.reshape((1,))
            return self.get_outputs(camera)
        finally:
            self.crop_box = None

    @torch.no_grad()
    def outputs_at(self, camera: Cameras, wanted: Tensor) -> dict[str, Tensor]:
        """Outputs [n, C] of the pixels of one camera that are wanted, [H, W] bool, row by row.

        In evaluation mode. `depth` is the median, along the ray: what hangs thinly before a surface does not count.
        """
        wanted = wanted.to(self.device)
        viewmat = viewmat_of(camera.camera_to_worlds[0].to(self.device))
        colors = slabs(self.means @ viewmat[2, :3] + viewmat[2, 3])
        outputs = self.get_outputs_for_camera(camera)
        depth = median_depth(self._draw(camera, colors, None)[0])
        outputs["depth"] = depth * ray_lengths(canvas_of(Lens.of(camera, 0)), on_canvas=False).to(depth)
        return {name: value[wanted] for name, value in outputs.items()}

    def get_rgba_image(self, outputs: dict[str, Tensor], output_name: str = "rgb") -> Tensor:
        """Colour with the share of light that the scene itself sends as alpha; [H, W, 4]."""
        return torch.cat([outputs[output_name], outputs["accumulation"]], dim=-1)

    def mask_shares(self, cameras: Cameras, masks: Mapping[int, Tensor]) -> Tensor:
        """How much of what views show of each Gaussian lies inside their masks; see `gaussian.draw.selection.vote`.

        0 for what none of these cameras sees.
        """
        pinholes = [PosedPinhole.of(cameras, index, self.near) for index in masks]
        return vote(self.splats, pinholes, list(masks.values()))

    def mask_weights(self, cameras: Cameras, masks: Mapping[int, Tensor]) -> Tensor:
        """How many masked pixels each Gaussian makes up; see `gaussian.draw.selection.mask_weights`."""
        pinholes = [PosedPinhole.of(cameras, index, self.near) for index in masks]
        return mask_weights(self.splats, pinholes, list(masks.values()))

    @torch.no_grad()
    def looks(self) -> PartLooks:
        """The constant part of each Gaussian's colour, and its opacity."""
        splats = self.splats
        return PartLooks((0.5 + SH_C0 * splats.sh[:, 0]).clamp(0.0, 1.0), splats.opacities)

    @torch.no_grad()
    def region_share(self, camera: Cameras) -> Tensor:
        return self.part_share(camera, ~self.strategy_state["frozen"])

    @torch.no_grad()
    def part_share(self, camera: Cameras, which: Tensor) -> Tensor:
        """How much of what each pixel of a view shows is made up of some Gaussians, [N] bool: [H, W, 1] in 0..1."""
        return self._draw(camera, colors=which.to(self.means)[:, None], sh_degree=None)[0]

    @torch.no_grad()
    def region_touches(self, camera: Cameras) -> Tensor:
        """The pixels of a view that something free to change reaches, be it hidden or not: [H, W] bool.

        A share may be 0 where it does: what lies behind all else can still be what ends a pixel.
        """
        with self.hidden(self.strategy_state["frozen"]):
            return self._draw(camera, colors=torch.zeros_like(self.means), sh_degree=None)[1][..., 0] != 0
