"""The configuration of the pipeline of an edit method."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal, get_args

import tyro

from editor3d.editors import create_editor, resolve_auto
from editor3d.errors import ConfigError
from editor3d.options import MethodOptions
from editor3d.plan import EditPlan, Machine, SettledCondition
from editor3d.plugin.confine.masks import require_shapes
from editor3d.plugin.confine.regions import require_parts
from editor3d.plugin.edit.planned import PlannedPipelineConfig
from editor3d.plugin.train.scene import PluginModel
from editor3d.regions import parse_region
from editor3d.registry import EDIT_PIPELINE, load_target
from editor3d.types import Condition, Editor, EditorInfo, PosedImages
from editor3d.update.schedule import Kind, Noise, Schedule, rounds_of, suited_schedule, with_all_steps

NO_OPTIONS = MethodOptions()


@dataclass
class EditPipelineConfig(PlannedPipelineConfig):
    """Configuration of `EditPipeline`; the names of Instruct-NeRF2NeRF's flags."""

    GIVES_GEOMETRY: ClassVar[bool] = False
    """Whether the editor gets the geometry of its view and of the region."""
    GIVES_GARMENT: ClassVar[bool] = False
    """Whether the editor gets the picture of a garment."""
    KEYED: ClassVar[bool] = True
    """See `editor3d.plan.Method`."""
    BY_SCHEDULE: ClassVar[bool] = True
    """Whether an edit of every view makes exactly the 2D edits of its schedule; other methods leave views out, or
    repeat edits, by what they see."""
    COMPOSES: ClassVar[bool] = True
    """Whether an edit of a neural field is confined to its region by composing it with the frozen original."""
    _target: type = field(default_factory=lambda: load_target(EDIT_PIPELINE))  # which is configured by this
    plan: Annotated[EditPlan | None, tyro.conf.Suppress] = None
    guidance_scale: float | None = None
    """Set the (text) guidance scale of a diffusion editor. The default is the usual scale of its model."""
    image_guidance_scale: float = 1.5
    """Set the image guidance scale of a diffusion editor."""
    edit_rate: int = 10
    """Train this many steps between two edits."""
    edit_count: int = 1
    """Edit this many views at a time (cyclic schedule)."""
    diffusion_steps: int | None = None
    """Denoise in this many steps per edit. The default is the usual number of the editor's model."""
    lower_bound: float = 0.02
    """Set the lowest noise level, as a fraction of the model's timesteps."""
    upper_bound: float = 0.98
    """Set the highest noise level, as a fraction of the model's timesteps."""
    schedule: Literal["auto"] | Kind = "auto"
    """Choose when views are edited. auto: cyclic for editors that use the render, if each view is edited at least three
    times; otherwise all views at once, and then one by one where two edits of a view can differ."""
    noise_schedule: Literal["auto"] | Noise = "auto"
    """Choose the noise levels: drawn between the bounds (uniform), drawn below an upper bound that falls during the run
    (decaying), 1 - 0.8 sqrt(step / total) (sqrt), or the upper bound first and 0.7 for later edits of a view (high).
    auto: high where `schedule: auto` finds too few rounds for random levels, uniform otherwise."""
    condition_on: Condition = "auto"
    """Choose the picture that an edit changes: the original photograph (original), a render of the base (base), or that
    render with the photograph's detail (detailed). auto: base where the base is itself the result of an edit, and where
    the instruction names an object, so that the rest stays unchanged; otherwise detailed for an editor that works on
    small copies, and original for any other."""
    ip2p_device: str | None = None
    """Run the 2D editor on this device. The default is the scene's device."""
    ip2p_use_full_precision: bool = True
    """Run the 2D editor in 32 bits."""
    cpu_offload: bool = False
    """Keep on the GPU only the part of the 2D editor that is running."""
    lpips_weight: float = 1.0
    """Weight LPIPS on 32x32 patches in the loss. Without LPIPS's weights the term is dropped with a notice."""

    def check(self, options: MethodOptions) -> None:
        """Refuse what no edit by this method could use.

        Raises:
            ConfigError: a value is out of range, or a choice is none of this method's.
        """
        if options.garment is not None and not self.GIVES_GARMENT:
            raise ConfigError(
                f"Expected no garment with a method that takes an instruction alone, got {options.garment}: use the "
                f"method gaussian-vton."
            )
        if self.diffusion_steps is not None and self.diffusion_steps < 1:
            raise ConfigError(f"Expected at least 1 step, got {self.diffusion_steps}: raise diffusion-steps.")
        numbers = {
            "guidance-scale": self.guidance_scale,
            "image-guidance-scale": self.image_guidance_scale,
            "lpips-weight": self.lpips_weight,
        }
        for flag, value in numbers.items():
            if value is not None and not (math.isfinite(value) and value >= 0.0):
                raise ConfigError(f"Expected a number of at least 0, got {value}: correct {flag}.")
        if self.condition_on not in get_args(Condition):
            choices = ", ".join(get_args(Condition))
            raise ConfigError(f"Expected one of {choices} for condition-on, got {self.condition_on}: choose one.")

    def check_region_of(self, model: type[PluginModel], region: str) -> None:
        """Refuse a kind of scene that an edit cannot be confined in.

        Raises:
            RegionError: it is one.
        """
        if self.COMPOSES and model.capabilities.composes:
            require_shapes(parse_region(region), "to keep a neural field's edit to")
        else:
            require_parts(model.capabilities, model.__name__, "--region")

    def resolve_editor(self) -> tuple[str, str]:
        """What `auto` means: the editor, and why in one clause."""
        return resolve_auto()

    def machine(self, device: str) -> Machine:
        """What an edit by this method finds here."""
        return Machine(device, self.resolve_editor())

    def usual_guidance_scale(self, info: EditorInfo) -> float:
        return info.guidance_scale if self.guidance_scale is None else self.guidance_scale

    def usual_diffusion_steps(self, info: EditorInfo) -> int:
        return self.diffusion_steps or info.diffusion_steps

    def own_condition(self, options: MethodOptions, base_is_edit: bool) -> tuple[SettledCondition, str] | None:
        """See `editor3d.plan.Method`."""
        return None

    def note_beginning(self, capture: PosedImages) -> tuple[str, ...] | None:
        """Fill in what a resumed run will hold to. Called once, where a run begins.

        Returns:
            Digests of the training views, where they were read for that: nobody has to read them again.
        """

    def rounds(self, total_steps: int, n_views: int) -> float:
        """See `rounds_of`."""
        return rounds_of(total_steps, self.edit_rate, self.edit_count, n_views)

    def schedule_for(self, info: EditorInfo, rounds: float = math.inf, options: MethodOptions = NO_OPTIONS) -> Schedule:
        """See `editor3d.plan.Method`. Noise levels begin where the editor can take all its steps."""
        kind, noise = options.schedule or self.schedule, options.noise_schedule or self.noise_schedule
        suited, suited_noise = suited_schedule(info, rounds)
        if noise == "auto":
            noise = suited_noise if kind == "auto" else "uniform"
        schedule = Schedule(
            kind=suited if kind == "auto" else kind,
            edit_rate=self.edit_rate,
            edit_count=self.edit_count,
            lower_bound=self.lower_bound,
            upper_bound=self.upper_bound,
            noise=noise,
        )
        return with_all_steps(schedule, info, options.diffusion_steps or self.usual_diffusion_steps(info))

    def create_editor(self, spec: str, device: str) -> Editor:
        """The 2D editor of a plan; loads no weights yet.

        Raises:
            ConfigError: no such editor, options that do not fit, or it needs what the method does not give.
        """
        editor = create_editor(
            spec,
            device=self.ip2p_device or device,
            half_precision=not self.ip2p_use_full_precision,
            cpu_offload=self.cpu_offload,
        )
        if editor.info.needs_geometry and not self.GIVES_GEOMETRY:
            raise ConfigError(
                f"Expected an editor of pictures, got {editor.info.name}, which puts things into a region of the "
                f"scene: use the method nerf-insert."
            )
        if editor.info.needs_garment and not self.GIVES_GARMENT:
            raise ConfigError(
                f"Expected an editor that takes an instruction alone, got {editor.info.name}, which takes the picture "
                f"of a garment: use the method gaussian-vton."
            )
        return editor
