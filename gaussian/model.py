"""Gaussian splats as a nerfstudio model, on any device. Parameters bear splatfacto's names, whose checkpoints load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs
from nerfstudio.data.scene_box import OrientedBox
from nerfstudio.engine.callbacks import TrainingCallback, TrainingCallbackAttributes, TrainingCallbackLocation
from nerfstudio.engine.trainer import TrainerConfig
from nerfstudio.models.base_model import Model, ModelConfig
from nerfstudio.utils import colormaps
from scipy.spatial import cKDTree
from torch import Tensor, nn

from editor3d.datasets.images import WHITE
from editor3d.errors import RegionError
from editor3d.metrics.image import psnr, ssim
from editor3d.plugin.rays import Lens, LensTable
from editor3d.types import Region, View
from gaussian.averaging import ParameterMean
from gaussian.background import BLACK, color_of_step, is_transparent
from gaussian.densify import StrategyConfig, make_strategy
from gaussian.depth import median_depth, slabs
from gaussian.files import write_splats
from gaussian.initialize import from_points, random_points
from gaussian.kernels.harmonics import MAX_DEGREE
from gaussian.lens import canvas_of
from gaussian.losses import elongation, fused_ssim
from gaussian.rasterize import rasterization
from gaussian.splatfacto import is_splatfacto, scene_of, settings_of
from gaussian.splats import Splats, concatenate
from gaussian.splats import transform as moved

PARAMETERS = ("means", "scales", "quats", "features_dc", "features_rest", "opacities")
"""Names of the parameters, and of their groups in the optimisers."""
_OPENGL_TO_OPENCV = (1.0, -1.0, -1.0)
_REGULARIZE_EVERY = 10
_NEAR = 0.01  # times the scene's size
_SEED_GREY, _SEED_OPACITY = 0.5, 0.1


@dataclass
class SplatModelConfig(ModelConfig):
    """Configuration of `SplatModel`."""

    EDIT_SETTINGS: ClassVar[tuple[str, ...]] = (
        "strategy", "ssim_lambda", "sh_degree_interval", "random_background", "average_share"
    )  # fmt: skip
    """What an edit chooses itself; everything else it takes over from its base."""
    EDIT_DEFAULTS: ClassVar[dict[str, Any]] = {"sh_degree_interval": 0, "random_background": False}
    """What an edit that was not configured for splats chooses: all harmonics are in use from the start, and the scene
    stands before the colour that the edited renders have."""
    _target: type = field(default_factory=lambda: SplatModel)
    enable_collider: bool = False
    sh_degree: int = 3
    """Greatest degree of the spherical harmonics."""
    sh_degree_interval: int = 1000
    """Steps after which one degree more is used; 0 for all at once."""
    num_random: int = 50_000
    """Gaussians to begin with where the capture has no points."""
    random_radius: float = 1.5
    """Half the side of the cube that they lie in, scene units (cameras are within 1)."""
    initial_opacity: float = 0.1
    """Opacity of a new scene's Gaussians."""
    background: tuple[float, float, float] | None = None
    """Colour behind everything. None: white where the capture's pictures have transparent parts, which are laid over
    white, and black otherwise."""
    random_background: bool = False
    """Train before another colour at every step, as splatfacto does, so that nothing solid stays transparent; but not
    where the capture's pictures have transparent parts."""
    clamp_in_training: bool = False
    """Clamp pictures to 0..1 in training, too, as splatfacto does: what is too bright then takes no gradient."""
    use_scale_regularization: bool = False
    """Hold needles back, as splatfacto does at every tenth step where asked to (PhysGaussian's loss),"""
    max_gauss_ratio: float = 10.0
    """above this ratio of a Gaussian's longest axis to its shortest."""
    ssim_lambda: float = 0.2
    """Weight of 1 - SSIM in the loss, that of L1 being the rest."""
    strategy: StrategyConfig = field(default_factory=StrategyConfig)
    """When and where Gaussians are added and removed."""
    scene_scale: float = 1.0
    """Size of the scene, by which rates and thresholds of length are multiplied; 1 where cameras are within 1."""
    average_share: float = 0.0
    """Share of the run, at its end, whose mean is the result; 0 leaves what the last step made."""
    rasterize_mode: Literal["classic", "antialiased"] = "classic"
    """`antialiased` takes back the opacity that the blur of one pixel adds; other viewers may not know it."""
    scene_suffix: str = field(default=".ply", repr=False)
    """Of the file that the scene came from: edits of it leave such a one, too."""

    def insertion_training(self, steps: int) -> tuple[dict[str, dict[str, Any]], StrategyConfig]:
        """The optimisers and the densification with which something new grows in so many steps."""
        from gaussian.method import insertion_training

        return insertion_training(steps)


class SplatModel(Model):
    """A scene of Gaussians, rendered through a pinhole canvas that is bent to each view's lens."""

    config: SplatModelConfig

    def __init__(self, *args, seed_points: tuple[Tensor, Tensor] | None = None, **kwargs) -> None:
        self.seed_points = seed_points
        super().__init__(*args, **kwargs)

    def populate_modules(self) -> None:
        super().populate_modules()
        generator = torch.Generator().manual_seed(0)
        if self.seed_points is not None:
            points, colors = self.seed_points[0], self.seed_points[1].float() / 255.0
        else:
            points, colors = random_points(self.config.num_random, self.config.random_radius, generator)
        start = from_points(points, colors, self.config.sh_degree, generator, self.config.initial_opacity)
        self.gauss_params = nn.ParameterDict(
            {name: nn.Parameter(value) for name, value in parameters_of(start).items()}
        )
        self.step = 0
        self.crop_box: OrientedBox | None = None
        self.strategy, self.strategy_state = make_strategy(
            self.config.strategy, self.config.scene_scale, self.num_train_data
        )
        self.views: Sequence[View] = self.kwargs.get("metadata", {}).get("views", ())
        self._region: Region | None = None
        self._mean = ParameterMean()
        self._optimizers: dict[str, torch.optim.Optimizer] = {}
        self._info: dict[str, Any] = {}

    # The scene

    @property
    def splats(self) -> Splats:
        """The scene, sharing memory with the parameters."""
        p = self.gauss_params
        sh = torch.cat([p["features_dc"][:, None], p["features_rest"]], 1)
        return Splats(p["means"], p["scales"], p["quats"], p["opacities"][:, 0], sh).detach()

    def set_splats(self, splats: Splats) -> None:
        """Take over a scene. The Parameter objects stay the same, so that optimisers go on holding what is rendered."""
        for name, value in parameters_of(splats).items():
            self.gauss_params[name].data = value.to(self.device)
            self.gauss_params[name].grad = None

    def add(self, points: Tensor) -> None:
        """Put grey, faint Gaussians at points [M, 3] scene units, for training to make something of.

        Those that were there keep their bits and their places. For before the first step, while optimisers hold nothing
        of any.
        """
        points = points.cpu().float()
        colors, generator = torch.full_like(points, _SEED_GREY), torch.Generator().manual_seed(0)
        seeds = from_points(points, colors, self.sh_degree, generator, _SEED_OPACITY)
        self.set_splats(concatenate([self.splats.to("cpu"), seeds]))

    @property
    def means(self) -> Tensor:
        return self.gauss_params["means"]

    @property
    def places(self) -> Tensor:
        """Where what may be frozen lies: the centres, [N, 3] scene units."""
        return self.means.detach()

    @property
    def sh_degree(self) -> int:
        """Greatest degree of the harmonics that the scene holds."""
        return int((1 + self.gauss_params["features_rest"].shape[1]) ** 0.5) - 1

    @property
    def near(self) -> float:
        """What is nearer to a camera is not drawn, scene units."""
        return _NEAR * self.config.scene_scale

    @property
    def num_points(self) -> int:
        return len(self.means)

    def _load_from_state_dict(self, state_dict, prefix, *args, **kwargs) -> None:
        """A checkpoint may hold another number of Gaussians, or of harmonics: take the checkpoint's."""
        for name, parameter in self.gauss_params.items():
            stored = state_dict.get(f"{prefix}gauss_params.{name}")
            if stored is not None and stored.ndim == parameter.ndim:
                parameter.data = torch.empty(stored.shape, device=parameter.device)
                parameter.grad = None
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    def restrict_to(self, where: Region | Tensor) -> None:
        """Freeze all Gaussians but those of `where`: from here on training leaves every one of their numbers as it is.

        Args:
            where: a region in scene units, in which centres lie that may change, and out of which none may come; or
                which Gaussians may change, [N] bool. These have no border to be kept in; their copies belong to them.

        Raises:
            RegionError: there is no Gaussian inside.
        """
        selected = isinstance(where, Tensor)
        free = where.to(self.device) if selected else inside_of(where, self.means)
        if not bool(free.any()):
            raise RegionError(
                f"Expected Gaussians inside the region, found none of {len(free)} there: "
                + ("check its masks." if selected else "check its numbers, which are in the scene file's own frame.")
            )
        self._region = None if selected else where
        self.strategy_state["frozen"] = ~free

    def mask_shares(self, cameras: Cameras, masks: Mapping[int, Tensor]) -> Tensor:
        """How much of what views show of each Gaussian lies inside their masks; see `gaussian.selection.vote`.

        Args:
            masks: [H, W] bool by the index of a camera, whose picture's size they have.

        Returns:
            [N] in 0..1; 0 for what none of these cameras sees.
        """
        from gaussian.selection import PosedPinhole, vote

        pinholes = [PosedPinhole.of(cameras, index, self.near) for index in masks]
        return vote(self.splats, pinholes, list(masks.values()))

    @torch.no_grad()
    def region_share(self, camera: Cameras) -> Tensor:
        """How much of what each pixel of a view shows is free to change: [H, W, 1] in 0..1."""
        free = (~self.strategy_state["frozen"]).float()
        return self._draw(camera, colors=free[:, None], sh_degree=None)[0]

    @torch.no_grad()
    def region_touches(self, camera: Cameras) -> Tensor:
        """The pixels of a view that something free to change reaches, be it hidden or not: [H, W] bool.

        A share may be 0 where it does: what lies behind all else can still be what ends a pixel.
        """
        opacities = self.gauss_params["opacities"]
        kept = opacities.data
        opacities.data = kept.masked_fill(self.strategy_state["frozen"][:, None], -1e4)
        try:
            return self._draw(camera, colors=torch.zeros_like(self.means), sh_degree=None)[1][..., 0] != 0
        finally:
            opacities.data = kept

    def get_param_groups(self) -> dict[str, list[nn.Parameter]]:
        return {name: [self.gauss_params[name]] for name in PARAMETERS}

    @property
    def scene_suffixes(self) -> tuple[str, ...]:
        """Of the files that an edit leaves of the scene: the exact format, and that of the file that it came from."""
        return tuple(dict.fromkeys((".ply", self.config.scene_suffix)))

    def captured_splats(self, outputs: DataparserOutputs) -> Splats:
        """The scene on the CPU, in the frame and scale of the capture file."""
        splats = self.splats.to("cpu")
        transform, scale = outputs.dataparser_transform.double(), outputs.dataparser_scale
        if scale != 1.0 or not torch.equal(transform, torch.eye(4, dtype=torch.float64)[:3]):
            # x_scene = scale (R x_file + t)
            rotation = transform[:, :3].T
            back = torch.cat([rotation / scale, -rotation @ transform[:, 3:]], 1)
            splats = moved(splats, back)
        return splats

    def write_scene(self, path: Path, outputs: DataparserOutputs) -> int:
        """Write the scene as a file of splats, in the frame and scale of the capture file; returns how many."""
        splats = self.captured_splats(outputs)
        write_splats(path, splats)
        return len(splats)

    def adapt_base_state(
        self, state: Mapping[str, Any], base: TrainerConfig | None, views: Sequence[View]
    ) -> Mapping[str, Any]:
        """A checkpoint as this model reads it, its settings taken over: one of nerfstudio's splatfacto says some things
        otherwise.

        Args:
            state: the `pipeline` entry of a checkpoint.
            base: the configuration it was trained with, where that is known.
            views: the training views now.

        Raises:
            CheckpointError: a setting of the base has no counterpart here.
        """
        if not is_splatfacto(state, base):
            return state
        if base is not None:
            for name, value in settings_of(base.pipeline.model).items():
                setattr(self.config, name, value)
        return scene_of(state)

    # Training

    def counters(self) -> dict[str, int | Tensor]:
        """What densification has gathered since it last acted, and the mean so far, for exact resume."""
        gathered = {name: value for name, value in self.strategy_state.items() if isinstance(value, Tensor)}
        return gathered | self._mean.state()

    def load_counters(self, counters: Mapping[str, int | Tensor]) -> None:
        """Take over what `counters` gave."""
        gathered = self._mean.load_state(counters, self.device)
        self.strategy_state.update({name: value.to(self.device) for name, value in gathered.items()})

    def update_to_step(self, step: int) -> None:
        self.step = step

    def get_training_callbacks(self, attributes: TrainingCallbackAttributes) -> list[TrainingCallback]:
        optimizers = attributes.optimizers.optimizers
        rates = attributes.optimizers.schedulers["means"]
        total = attributes.trainer.config.max_num_iterations
        average_from = total - round(self.config.average_share * total)

        def begin(step: int) -> None:
            self.step = step
            optimizers["means"].param_groups[0]["lr"] = rates.get_last_lr()[0] * self.config.scene_scale
            if self._region is not None:
                self._before = self.means.detach()[~self.strategy_state["frozen"]].clone()
            # a strategy puts new parameters in the place of the old, in these very optimisers
            self._optimizers = {name: optimizers[name] for name in PARAMETERS}

        def densify(step: int) -> None:
            if self.strategy is not None:
                self.strategy.step_post_backward(
                    self.gauss_params, self._optimizers, self.strategy_state, step, self._info,
                    **self._strategy_arguments(),
                )  # fmt: skip
            if self._region is not None:
                self._keep_inside(self._region)
            self._info = {}
            if step >= average_from:
                self._average(last=step == total - 1)

        return [
            TrainingCallback([TrainingCallbackLocation.BEFORE_TRAIN_ITERATION], begin),
            TrainingCallback([TrainingCallbackLocation.AFTER_TRAIN_ITERATION], densify),
        ]

    def _average(self, last: bool) -> None:
        """Take this step's scene into the mean, and at the last step put that in its place."""
        self._mean.add(self.gauss_params)
        if last:
            self._mean.put(self.gauss_params)
            self._mean = ParameterMean()
            if self._region is not None:  # the mean of places inside may lie in a hollow
                self._keep_inside(self._region)

    @torch.no_grad()
    def _keep_inside(self, region: Region) -> None:
        """Bring what this step has moved out of the region, or made there, to the nearest place where one was."""
        left = (~self.strategy_state["frozen"] & ~inside_of(region, self.means)).nonzero()[:, 0]
        if len(left):
            # an index, since a scene may have a million Gaussians and the region most of them
            nearest = cKDTree(self._before.cpu().numpy()).query(self.means.data[left].cpu().numpy())[1]
            self.means.data[left] = self._before[torch.from_numpy(nearest).to(self._before.device)]

    def _strategy_arguments(self) -> dict[str, Any]:
        if self.config.strategy.kind == "mcmc":
            return {"lr": self._optimizers["means"].param_groups[0]["lr"]}
        return {"packed": False}

    def get_loss_dict(self, outputs, batch, metrics_dict=None) -> dict[str, Tensor]:
        drawn, wanted = outputs["rgb"], batch["image"].to(self.device)
        if "mask" in batch:
            mask = batch["mask"].to(self.device)
            drawn, wanted = drawn * mask, wanted * mask
        weight = self.config.ssim_lambda
        losses = {"rgb_loss": (1 - weight) * (drawn - wanted).abs().mean()}
        if weight > 0:
            losses["ssim_loss"] = weight * (1 - fused_ssim(drawn, wanted))
        if self.config.use_scale_regularization and self.step % _REGULARIZE_EVERY == 0:
            losses["scale_reg"] = 0.1 * elongation(
                self._trained(self.gauss_params)["scales"], self.config.max_gauss_ratio
            )
        return losses | self.config.strategy.regularization(self._trained(self.gauss_params))

    # Rendering

    def get_outputs(self, camera: Cameras) -> dict[str, Tensor]:
        """Draw one camera.

        With `canvas` in the camera's metadata the picture stays on the pinhole canvas, as training wants it, at
        1/`downscale` of its resolution.

        Returns:
            rgb [H, W, 3], accumulation [H, W, 1] and, outside training, depth [H, W, 1]: the expected distance along
            the ray, scene units.
        """
        degree = min(MAX_DEGREE, self._degree_in_use())
        p = self.gauss_params
        sh = torch.cat([p["features_dc"][:, None], p["features_rest"][:, : (degree + 1) ** 2 - 1]], 1)
        drawn, accumulation, depth = self._draw(camera, sh, degree, self._background()[None].to(self.device))
        outputs = {"rgb": drawn, "accumulation": accumulation}
        if not self.training or self.config.clamp_in_training:
            outputs["rgb"] = drawn.clamp(0.0, 1.0)
        if not self.training:
            outputs["depth"] = depth
        return outputs

    @cached_property
    def _transparent(self) -> bool:
        return is_transparent(self.views)

    def _background(self) -> Tensor:
        """The colour behind the scene now: [3]."""
        if self.training and self.config.random_background and not self._transparent:
            return color_of_step(self.step)
        if self.config.background is not None:
            return torch.tensor(self.config.background)
        return torch.tensor(WHITE if self._transparent else BLACK)

    def _draw(
        self, camera: Cameras, colors: Tensor, sh_degree: int | None, background: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Picture [H, W, C], accumulation [H, W, 1], and outside training depth [H, W, 1], of Gaussians so coloured."""
        said = camera.metadata or {}
        on_canvas, downscale = bool(said.get("canvas", False)), int(said.get("downscale", 1))
        lens = Lens.of(camera, 0)
        canvas = canvas_of(lens)
        width, height = max(1, canvas.width // downscale), max(1, canvas.height // downscale)
        K = canvas.K.clone()
        K[0] *= width / canvas.width
        K[1] *= height / canvas.height
        shapes = {name: self.gauss_params[name] for name in ("means", "quats", "scales", "opacities")}
        p = self._trained({**shapes, "colors": colors})
        if self.crop_box is not None and not self.training:
            inside = self.crop_box.within(p["means"]).squeeze(-1)
            p = {name: value[inside] for name, value in p.items()}
        drawn, accumulation, info = rasterization(
            means=p["means"],
            quats=p["quats"],
            scales=p["scales"].exp(),
            opacities=p["opacities"].sigmoid()[:, 0],
            colors=p["colors"],
            viewmats=viewmat_of(camera.camera_to_worlds[0].to(self.device))[None],
            Ks=K[None].to(self.device),
            width=width,
            height=height,
            near_plane=self.near,
            sh_degree=sh_degree,
            packed=False,
            backgrounds=background,
            render_mode="RGB" if self.training else "RGB+ED",
            absgrad=self.training and self.config.strategy.absgrad,
            rasterize_mode=self.config.rasterize_mode,
        )
        if self.training:
            self._info = info
            if info["means2d"].requires_grad:
                info["means2d"].retain_grad()
        picture, accumulation = drawn[0], accumulation[0]
        if not on_canvas:
            picture, accumulation = canvas.bend(picture), canvas.bend(accumulation)
        if self.training:
            return picture, accumulation, None
        depth = picture[..., -1:] * _ray_lengths(lens, canvas, on_canvas).to(self.device)
        return picture[..., :-1], accumulation, depth

    def _trained(self, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """`values`, one row a Gaussian, of which in training only those that are free get gradients."""
        values = dict(values)
        if not self.training or "frozen" not in self.strategy_state:
            return values
        return {name: held(value, self.strategy_state["frozen"]) for name, value in values.items()}

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

    @cached_property
    def lenses(self) -> LensTable:
        """Directions of rays by lens, looked up."""
        return LensTable()

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
        lens = Lens.of(camera, 0)
        outputs["depth"] = depth * _ray_lengths(lens, canvas_of(lens), False).to(depth)
        return {name: value[wanted] for name, value in outputs.items()}

    def get_image_metrics_and_images(self, outputs, batch) -> tuple[dict[str, float], dict[str, Tensor]]:
        truth = batch["image"].to(self.device)[..., :3]
        rgb = outputs["rgb"]
        images = {
            "img": torch.cat([truth, rgb], dim=1),
            "accumulation": colormaps.apply_colormap(outputs["accumulation"]),
            "depth": colormaps.apply_depth_colormap(outputs["depth"], accumulation=outputs["accumulation"]),
        }
        return {"psnr": psnr(rgb, truth), "ssim": ssim(rgb, truth)}, images

    def get_rgba_image(self, outputs: dict[str, Tensor], output_name: str = "rgb") -> Tensor:
        """Colour with the share of light that the scene itself sends as alpha; [H, W, 4]."""
        return torch.cat([outputs[output_name], outputs["accumulation"]], dim=-1)


def parameters_of(splats: Splats) -> dict[str, Tensor]:
    """A scene as splatfacto names and shapes its parameters; copies."""
    return {
        "means": splats.means.clone(),
        "scales": splats.log_scales.clone(),
        "quats": splats.quats.clone(),
        "features_dc": splats.sh[:, 0].clone(),
        "features_rest": splats.sh[:, 1:].clone(),
        "opacities": splats.opacity_logits[:, None].clone(),
    }


def inside_of(region: Region, points: Tensor) -> Tensor:
    """Which of `points` [N, 3] lie inside a region: [N] bool."""
    return region.contains(points.detach())


def held(value: Tensor, frozen: Tensor) -> Tensor:
    """The same numbers, of which the rows that are `frozen` [N] get no gradient. Adam leaves such rows, bit by bit."""
    return torch.where(frozen.view(-1, *(1,) * (value.ndim - 1)), value.detach(), value)


def viewmat_of(c2w: Tensor) -> Tensor:
    """World-to-camera [4, 4] with OpenCV axes from camera-to-world [3, 4] with OpenGL's."""
    rotation = c2w[:, :3] * c2w.new_tensor(_OPENGL_TO_OPENCV)
    viewmat = torch.eye(4, device=c2w.device)
    viewmat[:3, :3] = rotation.T
    viewmat[:3, 3] = -rotation.T @ c2w[:, 3]
    return viewmat


def _ray_lengths(lens: Lens, canvas, on_canvas: bool) -> Tensor:
    """[H, W, 1] length of a pixel's ray per unit of z-depth."""
    if not on_canvas:
        forward = (-lens.directions()[:, 2]).clamp_min(1e-3)
        return (1.0 / forward).view(lens.height, lens.width, 1)
    x = (torch.arange(canvas.width) + 0.5 - canvas.K[0, 2]) / canvas.K[0, 0]
    y = (torch.arange(canvas.height) + 0.5 - canvas.K[1, 2]) / canvas.K[1, 1]
    return (1 + x[None, :] ** 2 + y[:, None] ** 2).sqrt()[..., None]
