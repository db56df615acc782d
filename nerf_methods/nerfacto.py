"""nerfstudio's nerfacto as a base: no download, rays looked up by lens, stock checkpoints taken over."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import torch
import torchmetrics.image.lpip
from nerfstudio.cameras.camera_optimizers import CameraOptimizerConfig
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.cameras.rays import Frustums, RayBundle, RaySamples
from nerfstudio.engine.callbacks import TrainingCallback, TrainingCallbackAttributes, TrainingCallbackLocation
from nerfstudio.engine.optimizers import AdamOptimizerConfig
from nerfstudio.engine.schedulers import ExponentialDecaySchedulerConfig
from nerfstudio.engine.trainer import TrainerConfig
from nerfstudio.field_components.field_heads import FieldHeadNames
from nerfstudio.models.nerfacto import NerfactoModel, NerfactoModelConfig
from nerfstudio.plugins.types import MethodSpecification
from nerfstudio.utils.rich_utils import CONSOLE
from torch import Tensor, nn

from editor3d.errors import CheckpointError
from editor3d.host.device import default_device
from editor3d.metrics.image import psnr, ssim
from editor3d.outputs.surface import SolidField
from editor3d.plugin.train.config import PluginTrainerConfig
from editor3d.plugin.train.datamanager import EditDataManagerConfig
from editor3d.plugin.train.pipeline import MODEL_PREFIX, PluginPipelineConfig
from editor3d.plugin.train.scene import PluginModelConfig, RayModel
from editor3d.plugin.views.rays import camera_rays
from editor3d.types import Compose, Confinement, EditableScene, Regularise, SceneCapabilities, Shape, View
from nerf_methods.composite import Composite
from nerf_methods.spatial_loss import spatial_loss

STEPS = 30_000
_APPEARANCE = f"{MODEL_PREFIX}field.embedding_appearance.embedding.weight"
_POSE = f"{MODEL_PREFIX}camera_optimizer.pose_adjustment"
_ORIGINAL, _FIELD, _PROPOSALS = "original", "field", "proposal_networks"
"""Names of the frozen original in a model, and of the parts that it is made of."""


def default_implementation() -> Literal["tcnn", "torch"]:
    """tiny-cuda-nn where it is installed."""
    return "tcnn" if default_device() == "cuda" and importlib.util.find_spec("tinycudann") else "torch"


@dataclass
class EditNerfactoModelConfig(NerfactoModelConfig, PluginModelConfig):
    """Configuration of `EditNerfactoModel`."""

    EDIT_SETTINGS: ClassVar[tuple[str, ...]] = ("loss", "use_proposal_weight_anneal")
    """Fields that an edit sets itself; all others are copied from its base."""
    EDIT_DEFAULTS: ClassVar[dict[str, Any]] = {"use_proposal_weight_anneal": False}
    """Values that an edit uses when it was not configured for nerfacto: the base's proposal networks are already
    trained."""
    _target: type = field(default_factory=lambda: EditNerfactoModel)
    implementation: Literal["tcnn", "torch"] = field(default_factory=default_implementation)
    average_init_density: float = 0.01
    eval_num_rays_per_chunk: int = 1 << 15
    loss: Literal["l1", "l2"] = "l2"
    """Choose the photometric loss."""


class EditNerfactoModel(RayModel, NerfactoModel):
    """Nerfacto that can be built offline. All its losses are kept, the camera optimiser's regulariser among them."""

    config: EditNerfactoModelConfig
    capabilities = SceneCapabilities(composes=True, regularises=True, has_density=True)
    composite: Composite | None = None
    """What composes the field with its original; None unless the edit is confined so."""

    def populate_modules(self) -> None:
        with _without_lpips():
            super().populate_modules()
        self.rgb_loss = nn.L1Loss() if self.config.loss == "l1" else nn.MSELoss()
        self._sampled: tuple[RaySamples, dict[FieldHeadNames, Tensor]] | None = None

    # Regions

    def confine(self, confinement: Confinement) -> None:
        match confinement:
            case Compose(region):
                self._compose(region)
            case Regularise():
                self._regularise(_nerfacto(confinement.original))
            case _:
                super().confine(confinement)
        self.confinement = confinement

    def _compose(self, region: Shape) -> None:
        """From here on be the original scene outside of a region, sample by sample; see `Composite`.

        The original is part of the model's state: it comes with every checkpoint, and `adapt_base_state` fills it from
        the base. It has the mean appearance in training, too, as in the renders of it that are trained on.

        Args:
            region: in scene units.
        """
        self.composite = composite = Composite(region)
        field, original, proposals = self.field, deepcopy(self.field), deepcopy(self.proposal_networks)
        self.original = nn.ModuleDict({_FIELD: original, _PROPOSALS: proposals}).requires_grad_(False).eval()
        own = list(self.proposal_networks)
        originals: list[Any] = list(proposals)
        pairs = [(function, originals[own.index(function.__self__)].density_fn) for function in self.density_fns]
        self.density_fns = [composite.density(*pair) for pair in pairs]
        # a hook would not be called: nerfstudio calls `forward` itself
        field.forward, field.density_fn = (
            composite.field(field.forward, original.forward),
            composite.density(field.density_fn, original.density_fn),
        )

    def train(self, mode: bool = True) -> EditNerfactoModel:
        super().train(mode)
        if self.composite is not None:
            self.original.eval()
        return self

    def region_share(self, camera: Cameras) -> Tensor:
        return self._share(camera, of_original=False)

    def original_share(self, camera: Cameras) -> Tensor:
        return self._share(camera, of_original=True)

    @torch.no_grad()
    def _share(self, camera: Cameras, *, of_original: bool) -> Tensor:
        """How much of what each pixel of a view shows lies in the region: [H, W, 1] in 0..1."""
        camera = camera.reshape((1,))
        rays, found = camera_rays(camera, 0, self.lenses, self.device), []
        composite, was_training = self.composite, self.training
        assert composite is not None
        composite.alone = of_original
        self.eval()
        try:
            for part in torch.arange(len(rays), device=self.device).split(self.config.eval_num_rays_per_chunk):
                self(rays[part])
                assert composite.last is not None
                samples, values, inside = composite.last
                weights = samples.get_weights(values[FieldHeadNames.DENSITY])
                found.append((weights * inside[..., None]).sum(-2))
        finally:
            composite.alone, composite.last = False, None
            self.train(was_training)
        return torch.cat(found).view(int(camera.height[0]), int(camera.width[0]), 1).clamp(0.0, 1.0)

    def _regularise(self, original: EditNerfactoModel) -> None:
        """From here on train with a loss that keeps the field outside a region like the original's.

        It is held, not frozen: one network makes up all of space. How well, `editor3d eval` says.
        """
        original.requires_grad_(False).train()  # in which mode each picture has its own appearance
        forward = self.field.forward

        def noting(ray_samples: RaySamples, compute_normals: bool = False) -> dict[FieldHeadNames, Tensor]:
            values = forward(ray_samples, compute_normals)
            if self.training:
                self._sampled = ray_samples, values
            return values

        self.field.forward = noting  # a hook would not be called: nerfstudio calls `forward` itself

    def get_outputs(self, ray_bundle: RayBundle) -> dict[str, Any]:
        outputs = super().get_outputs(ray_bundle)
        if isinstance(self.confinement, Regularise) and self.training:
            outputs["spatial_loss"] = self._spatial_loss(self.confinement)
        return outputs

    def _spatial_loss(self, confinement: Regularise) -> Tensor:
        assert self._sampled is not None  # `get_outputs` has
        samples, now = self._sampled
        with torch.no_grad():
            before = _nerfacto(confinement.original).field(samples)
            outside = ~confinement.region.contains(samples.frustums.get_positions())
        density, density0 = now[FieldHeadNames.DENSITY], before[FieldHeadNames.DENSITY]
        return spatial_loss(
            density,
            now[FieldHeadNames.RGB],
            samples.get_weights(density),
            density0,
            before[FieldHeadNames.RGB],
            samples.get_weights(density0),
            outside,
        )

    def get_loss_dict(self, outputs, batch, metrics_dict=None) -> dict[str, Tensor]:
        losses = super().get_loss_dict(outputs, batch, metrics_dict)
        if "spatial_loss" in outputs:
            losses["spatial_loss"] = outputs["spatial_loss"]
        return losses

    def get_training_callbacks(self, attributes: TrainingCallbackAttributes) -> list[TrainingCallback]:
        callbacks = super().get_training_callbacks(attributes)
        if not self.config.use_proposal_weight_anneal:  # nerfstudio counts the sampler's steps only where it anneals
            after = [TrainingCallbackLocation.AFTER_TRAIN_ITERATION]
            callbacks.append(TrainingCallback(after, self.proposal_sampler.step_cb, update_every_num_iters=1))
        return callbacks

    def counters(self) -> dict[str, int]:
        """Where the sampler stands between two updates of the proposal networks; no part of nerfstudio's state."""
        sampler = self.proposal_sampler
        return {"step": sampler._step, "steps_since_update": sampler._steps_since_update}

    def load_counters(self, counters: Mapping[str, int]) -> None:
        self.proposal_sampler._step = counters["step"]
        self.proposal_sampler._steps_since_update = counters["steps_since_update"]

    def get_image_metrics_and_images(self, outputs, batch):
        truth = batch["image"].to(self.device)[..., :3]
        images = {
            "img": torch.cat([truth, outputs["rgb"]], dim=1),
            "accumulation": outputs["accumulation"].expand(-1, -1, 3),
        }
        return {"psnr": psnr(outputs["rgb"], truth), "ssim": ssim(outputs["rgb"], truth)}, images

    def solid_field(self) -> SolidField:
        """The field as meshing sees it: what lies among the cameras, which the scene contraction leaves unchanged."""

        def density(points: Tensor) -> Tensor:
            return self.field.density_fn(points)[..., 0]

        def color(points: Tensor, directions: Tensor) -> Tensor:
            zeros = torch.zeros_like(points[:, :1])
            frustums = Frustums(points, directions, starts=zeros, ends=zeros, pixel_area=zeros)
            samples = RaySamples(frustums, camera_indices=torch.zeros_like(zeros, dtype=torch.long))
            return self.field(samples)[FieldHeadNames.RGB]

        return SolidField(density, color, radius=1.0, device=self.device)

    def training_camera(self, cameras: Cameras, index: int) -> Cameras:
        """Training camera `index`, [1], at the pose that the camera optimiser has found for it."""
        camera = cameras[index : index + 1].to(self.device)
        correction = self.camera_optimizer(torch.tensor([index], device=self.device))
        rotation = correction[:, :3, :3] @ camera.camera_to_worlds[:, :3, :3]
        translation = camera.camera_to_worlds[:, :3, 3:] + correction[:, :3, 3:]
        camera.camera_to_worlds = torch.cat([rotation, translation], -1)
        return camera

    def adapt_base_state(
        self, state: Mapping[str, Any], base: TrainerConfig | None, views: Sequence[View]
    ) -> dict[str, Any]:
        """Match what a checkpoint holds per training picture to the pictures trained on now.

        A base trained with another split has other pictures; theirs are matched by file. A picture new to the base gets
        the mean appearance and no pose correction.

        Args:
            state: the `pipeline` entry of a checkpoint.
            base: the configuration it was trained with; unknown without it, rows are kept if their number fits.
            views: the training views now.

        Raises:
            CheckpointError: the base is an edit that was kept to a region, two fields in one.
        """
        if any(key.startswith(f"{MODEL_PREFIX}{_ORIGINAL}.") for key in state):
            raise CheckpointError(
                "Expected a base that is one neural field, got an edit that was kept to a region, which is two: edit "
                "the scene that it was made from, or reconstruct by voxel, whose edits can be edited further."
            )
        return self._with_original(self._by_picture(dict(state), base, views))

    def _with_original(self, state: dict[str, Any]) -> dict[str, Any]:
        """A base's state with what the frozen original takes of it."""
        if self.composite is None:
            return state
        parts = tuple(f"{MODEL_PREFIX}{name}." for name in (_FIELD, _PROPOSALS))
        kept = {key.removeprefix(MODEL_PREFIX): value for key, value in state.items() if key.startswith(parts)}
        return state | {f"{MODEL_PREFIX}{_ORIGINAL}.{key}": value for key, value in kept.items()}

    def _by_picture(self, state: dict[str, Any], base: TrainerConfig | None, views: Sequence[View]) -> dict[str, Any]:
        rows = state.get(_APPEARANCE, state.get(_POSE))
        if rows is None or base is None:
            return state
        known = {path.resolve(): row for row, path in enumerate(_training_pictures(base))}
        if len(known) != len(rows):
            return state  # not the split it was trained with: leave the refusal to the loader
        order = [known.get(view.image_path.resolve()) for view in views]
        for key, fallback in (
            (_APPEARANCE, lambda rows: rows.mean(0)),
            (_POSE, lambda rows: torch.zeros_like(rows[0])),
        ):
            if key in state:
                old = state[key]
                state[key] = torch.stack([fallback(old) if row is None else old[row] for row in order])
        return state


def _nerfacto(scene: EditableScene) -> EditNerfactoModel:
    assert isinstance(scene, EditNerfactoModel)  # the original is of the edited scene's kind
    return scene


def _training_pictures(base: TrainerConfig) -> list:
    manager: Any = base.pipeline.datamanager
    parser = manager.dataparser
    parser.data = manager.data or base.data or parser.data
    try:
        return list(parser.setup().get_dataparser_outputs("train").image_filenames)
    except (OSError, AssertionError) as error:
        CONSOLE.print(f"The base's own pictures cannot be listed ({error}); its order of pictures is assumed.")
        return []


@contextmanager
def _without_lpips() -> Iterator[None]:
    """Nerfacto builds LPIPS for its evaluation, which downloads weights. Ours evaluates without: an empty module."""
    original = torchmetrics.image.lpip.LearnedPerceptualImagePatchSimilarity
    torchmetrics.image.lpip.LearnedPerceptualImagePatchSimilarity = lambda **_: nn.Module()
    try:
        yield
    finally:
        torchmetrics.image.lpip.LearnedPerceptualImagePatchSimilarity = original


def nerfacto_optimizers() -> dict:
    """nerfacto's own."""
    return {
        "proposal_networks": {
            "optimizer": AdamOptimizerConfig(lr=1e-2, eps=1e-15),
            "scheduler": ExponentialDecaySchedulerConfig(lr_final=1e-4, max_steps=200_000),
        },
        "fields": {
            "optimizer": AdamOptimizerConfig(lr=1e-2, eps=1e-15),
            "scheduler": ExponentialDecaySchedulerConfig(lr_final=1e-4, max_steps=200_000),
        },
        "camera_opt": {
            "optimizer": AdamOptimizerConfig(lr=1e-3, eps=1e-15),
            "scheduler": ExponentialDecaySchedulerConfig(lr_final=1e-4, max_steps=5000),
        },
    }


nerfacto = MethodSpecification(
    config=PluginTrainerConfig(
        method_name="nerfacto-editable",
        max_num_iterations=STEPS,
        steps_per_save=2000,
        mixed_precision=True,
        pipeline=PluginPipelineConfig(
            datamanager=EditDataManagerConfig(train_num_rays_per_batch=4096, eval_num_rays_per_batch=4096),
            model=EditNerfactoModelConfig(camera_optimizer=CameraOptimizerConfig(mode="SO3xR3")),
        ),
        optimizers=nerfacto_optimizers(),
    ),
    description="Nerfacto on the project's data manager: trains and loads without any download.",
)
"""nerfacto as a base of edits."""
