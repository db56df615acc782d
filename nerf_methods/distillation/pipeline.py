"""The pipeline of score distillation on a voxel field: render random views, follow a diffusion model's gradient."""

from __future__ import annotations

import math
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import torch
import torch.nn.functional as F
import tyro
from torch import Tensor

from editor3d.diffusion.timesteps import Annealed, Fixed, Linear, TimestepSchedule
from editor3d.errors import ConfigError, InstructionError
from editor3d.guidance import GuidanceEntry, create_guidance, guidance_entry, resolve_auto_guidance
from editor3d.options import MethodOptions
from editor3d.plan import BY_NAME
from editor3d.plugin.confine.regions import REGION_FOLDER, selected
from editor3d.plugin.edit.planned import PlannedPipeline, PlannedPipelineConfig
from editor3d.plugin.train.pipeline import MODEL_PREFIX
from editor3d.regions import parse_region, settled
from editor3d.types import Freeze, Guidance, GuidanceRequest
from nerf_methods.distillation.plan import DistillationPlan
from nerf_methods.distillation.views import DrawnView, ViewKind, ViewSampler
from nerf_methods.voxel.field import VoxelField
from nerf_methods.voxel.model import VoxelModelConfig

FIELD_PREFIX = f"{MODEL_PREFIX}field."


@dataclass
class DistillationPipelineConfig(PlannedPipelineConfig):
    """Configuration of `DistillationPipeline`."""

    GUIDANCES: ClassVar[tuple[str, ...]] = ()
    """Guidances that the method accepts; `auto` takes the first that is found."""
    TAKES_NOT: ClassVar[tuple[str, ...]] = (
        "garment",
        "condition_on",
        "image_guidance_scale",
        "diffusion_steps",
        "schedule",
        "noise_schedule",
    )
    """Options that the method does not accept."""
    _target: type = field(default_factory=lambda: DistillationPipeline)
    model: VoxelModelConfig = field(default_factory=VoxelModelConfig)
    plan: Annotated[DistillationPlan | None, tyro.conf.Suppress] = None
    guidance_scale: float | None = None
    """Set how closely the (text) condition is followed. The default is the guidance's usual scale."""
    half_precision: bool = False
    """Run the diffusion model in 16 bits."""
    views: ViewKind = "data"
    """Choose random views: the capture's own (data), or cameras around what it looks at (orbit)."""
    batch_views: int = 1
    """Render this many views in one step."""
    longest_side: int | None = None
    """Render views whose longer side has this many pixels. The default is the diffusion model's own size."""
    timesteps: Literal["fixed", "linear", "annealed"] = "fixed"
    """Choose how noise levels are drawn: from one range throughout (fixed), or from a range whose upper end falls in a
    straight line (linear) or as in Vox-E (annealed)."""
    t_min: float = 0.02
    """Set the lowest noise level, as a fraction of the model's timesteps."""
    t_max: float = 0.98
    """Set the highest noise level at the start of the run."""
    t_end: float = 0.22
    """Set the highest noise level at the end of the run (linear), or the lowest value that it falls to (annealed)."""
    anneal_start: int = 4000
    """Lower the highest noise level after this step (annealed)."""
    anneal_every: int = 600
    """Lower the highest noise level every this many steps (annealed)."""
    anneal_factor: float = 0.75
    """Multiply the highest noise level by this each time (annealed)."""

    def check(self, options: MethodOptions) -> None:
        """Refuse what no run could use.

        Raises:
            ConfigError: a value is out of range, a field is none of this method's, or there is no such guidance.
            EditorUnavailableError: the guidance's weights are missing.
        """
        chosen = asdict(options)
        for name in self.TAKES_NOT:
            if chosen[name] is not None:
                raise ConfigError(
                    f"Expected settings of {self.method}, got {name.replace('_', '-')}, which it does not have: leave "
                    f"it out."
                )
        if not options.instruction.strip():
            raise InstructionError(f"Expected an instruction for {self.method}, got none: give --instruction.")
        for key, value in (("guidance-scale", self.guidance_scale), *self.scales().items()):
            if value is not None and not (math.isfinite(value) and value >= 0.0):
                raise ConfigError(f"Expected a number of at least 0, got {value}: correct {key}.")
        if self.batch_views < 1:
            raise ConfigError(f"Expected at least 1 view a step, got {self.batch_views}: raise batch-views.")
        if self.longest_side is not None and self.longest_side < 8:
            raise ConfigError(f"Expected at least 8 pixels, got {self.longest_side}: raise longest-side.")

    def resolve(self, options: MethodOptions) -> DistillationPlan:
        """Settle what was left open. Looks at local files only.

        Raises:
            ConfigError: there is no such guidance, or it does not guide this method.
        """
        guidance, reason = options.editor, BY_NAME
        if guidance == "auto":
            guidance, reason = resolve_auto_guidance(self.GUIDANCES)
        entry = guidance_entry(guidance)
        if entry.info.name not in self.GUIDANCES:
            raise ConfigError(
                f"Expected one of {', '.join(self.GUIDANCES)} to guide {self.method}, got {guidance}: choose one."
            )
        requested = self.guidance_scale if options.guidance_scale is None else options.guidance_scale
        return DistillationPlan(
            instruction=options.instruction.strip(),
            editor=guidance,
            region="" if options.region is None else settled(options.region),
            guidance_scale=entry.scale if requested is None else requested,
            image_guidance_scale=self.image_scale(options, entry),
            reasons={"editor": reason},
        )

    def image_scale(self, options: MethodOptions, entry: GuidanceEntry) -> float | None:
        """How closely the unedited scene is kept to; None for a method that does not look at it."""
        return None

    def check_steps(self, total: int) -> None:
        """Refuse a length of the run that leaves nothing to distil.

        Raises:
            ConfigError: it is too short.
        """

    @property
    def method(self) -> str:
        """What messages call the method."""
        return "score distillation"

    def scales(self) -> dict[str, float | None]:
        """Further weights that must be at least 0, by flag."""
        return {}

    def schedule(self) -> TimestepSchedule:
        """Of the noise levels.

        Raises:
            ConfigError: they are out of order.
        """
        if self.timesteps == "fixed":
            return Fixed(self.t_min, self.t_max)
        if self.timesteps == "linear":
            return Linear(self.t_min, self.t_max, self.t_end)
        return Annealed(
            self.t_min, self.t_max, self.anneal_start, self.anneal_every, self.anneal_factor, floor=self.t_end
        )

    def guidance_settings(self, plan: DistillationPlan) -> dict[str, Any]:
        """What `create_guidance` is given besides the device."""
        image = {} if plan.image_guidance_scale is None else {"image_guidance_scale": plan.image_guidance_scale}
        return {"guidance_scale": plan.guidance_scale, "schedule": self.schedule(), **image}

    def create_guidance(self, plan: DistillationPlan, device: str) -> Guidance:
        """The guidance of a plan; loads no weights yet."""
        return create_guidance(
            plan.editor, device=device, half_precision=self.half_precision, **self.guidance_settings(plan)
        )

    def sides(self, guidance: str) -> tuple[int, int]:
        """Pixels of the shorter and the longer side of a rendered view, at most."""
        shorter, longer = guidance_entry(guidance).sides
        return (shorter, longer) if self.longest_side is None else (self.longest_side, self.longest_side)


@dataclass(eq=False)
class Session:
    """What a run needs beside its parameters. Not a module: none of it belongs to the scene that is saved."""

    guidance: Guidance
    source: VoxelField
    """The base's field, frozen."""
    views: ViewSampler
    total_steps: int


class DistillationPipeline(PlannedPipeline):
    """Score distillation. `begin` starts it; until then nothing of the diffusion model is loaded, so that viewing,
    rendering and exporting a result need none of it."""

    config: DistillationPipelineConfig
    plan: DistillationPlan

    def __init__(self, config: DistillationPipelineConfig, *args, **kwargs) -> None:
        if kwargs.get("test_mode") == "val":
            config.model.upsample_steps = ()  # the base is refined already
        super().__init__(config, *args, **kwargs)
        self.session: Session | None = None
        self._free: Tensor | None = None
        self.generator = torch.Generator().manual_seed(0)

    def begun(self) -> Session:
        """That of a run that has begun."""
        assert self.session is not None
        return self.session

    def voxel_field(self) -> VoxelField:
        """The scene's; only voxel grids are edited by distillation."""
        field = self.model.field
        assert isinstance(field, VoxelField)
        return field

    def update_occupancy(self) -> None:
        """After the field was changed otherwise than by a step."""
        config = self.model.config
        assert isinstance(config, VoxelModelConfig)
        self.voxel_field().update_occupancy(config.min_alpha)

    def generators(self) -> dict[str, torch.Generator]:
        return {**super().generators(), "pipeline.guidance": self.generator}

    def begin(self, base: Mapping[str, Tensor], total_steps: int) -> None:
        """Prepare the run. The model is loaded.

        Args:
            base: the pipeline's state in the base's checkpoint.
            total_steps: of the run.
        """
        source = deepcopy(self.voxel_field()).requires_grad_(False)
        own = {key.removeprefix(FIELD_PREFIX): value for key, value in base.items() if key.startswith(FIELD_PREFIX)}
        source.load_state_dict(own)
        self.session = Session(
            self.config.create_guidance(self.plan, str(self.device)),
            source,
            ViewSampler(
                self.datamanager.train_dataset.cameras,
                self.config.sides(self.plan.editor),
                self.config.views,
                self.front(),
            ),
            total_steps,
        )
        if self.plan.region:
            self._restrict(self.config.run_folder() / REGION_FOLDER)

    def _restrict(self, folder: Path) -> None:
        """Freeze what lies outside the region. Which lattice points of the base it holds is kept in `folder`.

        Raises:
            RegionError: the region holds nothing of the scene.
        """
        region = parse_region(self.plan.region)
        self._free = selected(self, region, folder)
        self.region = {**region.to_json(), "parts": int(self._free.sum()), "of": len(self._free)}
        self.freeze()

    @torch.no_grad()
    def freeze(self) -> None:
        """Freeze what lies outside the region at the field's resolution of now; with all voxels, what is frozen is made
        the base's again, to the bit. With fewer, those may change whose cells reach into the region."""
        if self._free is None:
            return
        source, field = self.begun().source, self.voxel_field()
        free = self._free.to(self.device).view(source.grid.shape[:3])
        if field.resolution == source.resolution:
            field.grid.copy_(torch.where(free[..., None], field.grid, source.grid))
        else:
            side = (field.resolution, field.resolution, field.resolution)
            share = F.interpolate(
                F.max_pool3d(free[None, None].float(), 3, 1, 1), side, mode="trilinear", align_corners=True
            )
            free = share[0, 0] > 0
        self.model.confine(Freeze(free.flatten()))

    def front(self) -> int:
        """Index of the training view that sees the front."""
        return 0

    def state(self) -> dict[str, Any]:
        """What the run has made beside the scene, as tensors and plain values."""
        return {}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` gave."""

    def distill_steps(self) -> int:
        """Steps of score distillation."""
        return self.begun().total_steps

    def prompts(self, views: list[DrawnView]) -> list[str]:
        """The diffusion model's prompt for each view."""
        return [self.plan.instruction] * len(views)

    def get_train_loss_dict(self, step: int):
        session = self.begun()
        views = session.views.draw(self.config.batch_views, self.generator)
        with self.stopwatch.measure("render"):
            pictures = torch.stack([self.render(view) for view in views])
            sources = None
            if session.guidance.info.needs_sources:
                sources = torch.stack([self.render_source(view) for view in views])
        request = GuidanceRequest(pictures, self.prompts(views), self.generator, step, self.distill_steps(), sources)
        with self.stopwatch.measure("edit"):
            losses = {"guidance_loss": session.guidance.loss(request)}
        return {"rgb": pictures}, losses | self.further_losses({"rgb": pictures}, {}), {}

    def render(self, view: DrawnView) -> Tensor:
        """The scene as it is now, with a gradient: [H, W, 3]."""
        return self.model(self.begun().views.rays(view, self.device))["rgb"].view(*view.size, 3)

    @torch.no_grad()
    def render_source(self, view: DrawnView) -> Tensor:
        """The base: [H, W, 3]."""
        rays = self.begun().views.rays(view, self.device)
        return self.begun().source.render(rays.origins, rays.directions)[0].view(*view.size, 3)

    def describe(self) -> dict[str, Any]:
        """How the run was carried out, for its record."""
        keys = ("views", "batch_views", "timesteps", "t_min", "t_max")
        keys += ("t_end",) if self.config.timesteps != "fixed" else ()
        if self.config.timesteps == "annealed":
            keys += ("anneal_start", "anneal_every", "anneal_factor")
        return {key: vars(self.config)[key] for key in keys}

    def results(self) -> dict[str, Any]:
        """Figures of the finished run, for its record."""
        return {}
