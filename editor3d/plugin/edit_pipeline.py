"""The pipeline of the edit methods: the training pictures change while the scene is fitted to them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

import torch
from nerfstudio.engine.callbacks import TrainingCallback, TrainingCallbackAttributes, TrainingCallbackLocation
from nerfstudio.models.base_model import Model
from torch import Tensor

from editor3d.datasets.images import read_object_masks
from editor3d.editors import create_editor, resolve_auto
from editor3d.errors import ConfigError
from editor3d.plugin.conditions import AS_ASKED, CONDITIONS, add_detail, read_base_renders, suited_condition
from editor3d.plugin.panel import EditPanel
from editor3d.plugin.patch_lpips import LPIPS_PATCH, as_patches, lpips_term
from editor3d.plugin.pictures import TrainingPictures
from editor3d.plugin.pipeline import PluginPipeline, PluginPipelineConfig
from editor3d.plugin.region_masks import SpaceRegion, pixels_that_meet, require_shapes
from editor3d.plugin.regions import REGION_FOLDER, freeze_outside, require_parts, stored_by_share
from editor3d.regions import parse_region, settled
from editor3d.types import GUIDANCE_SCALE, Condition, Editor, EditorInfo, View
from editor3d.update.engine import DatasetUpdater, Guidance, Scene, check_instruction, edited_objects
from editor3d.update.schedule import Kind, Noise, Schedule, rounds_of, suited_schedule, with_all_steps
from editor3d.update.state import EditState, PictureStore

BY_NAME = "asked for by name"
"""Why an editor, where nothing was left to choose."""


@dataclass
class EditPipelineConfig(PluginPipelineConfig):
    """Configuration of `EditPipeline`; the names of Instruct-NeRF2NeRF's flags."""

    GIVES_GEOMETRY: ClassVar[bool] = False
    """Whether edits are told where in space their view and the region are."""
    GIVES_GARMENT: ClassVar[bool] = False
    """Whether edits are given the picture of a garment."""
    COMPOSES: ClassVar[bool] = True
    """Whether a neural field is kept to a region by being composed with the frozen original."""
    _target: type = field(default_factory=lambda: EditPipeline)
    prompt: str = ""
    """The instruction (also: --instruction)."""
    editor: str = "auto"
    """The 2D editor (also: --editor): auto, procedural, ip2p, ip2p:FOLDER, folder:FOLDER, ..."""
    editor_reason: str = BY_NAME
    """Why this editor; filled in where `auto` is settled."""
    guidance_scale: float | None = None
    """(text) guidance scale of a diffusion editor; what its model is usually run at by default."""
    image_guidance_scale: float = 1.5
    """Image guidance scale of a diffusion editor."""
    edit_rate: int = 10
    """Steps between edits."""
    edit_count: int = 1
    """Views edited then (cyclic schedule)."""
    diffusion_steps: int | None = None
    """Denoising steps of one edit; as many as the editor's model is usually run with by default."""
    lower_bound: float = 0.02
    """Least noise level, as a fraction of the model's timesteps."""
    upper_bound: float = 0.98
    """Greatest noise level."""
    schedule: Literal["auto"] | Kind = "auto"
    """auto: cyclic for editors that look at the render, if each view is edited three times or more; otherwise all views
    at once, and then again one by one where two edits of a view can differ."""
    noise_schedule: Literal["auto"] | Noise = "auto"
    """Draw noise levels between the bounds, lower the upper bound in the course of the run, take
    1 - 0.8 sqrt(step / total), or the upper bound first and 0.7 for later edits of a view. auto: the last (high) where
    `schedule: auto` finds too few rounds for draws, uniform otherwise."""
    condition_on: Condition = "auto"
    """The picture that an edit changes: the original photograph, a render of the base, or that render with the
    photograph's detail (detailed). auto: base where the base is itself the result of an edit, and where the instruction
    is about a named object, so that all else stays as it is; otherwise detailed for an editor of small copies, whose
    size tells the detail from the rest, and original for any other."""
    condition_reason: str = AS_ASKED
    """Why that picture; filled in where `auto` is settled."""
    region: str = ""
    """Where the scene may change: box:..., sphere:..., mesh:FILE, hull:FOLDER, object:NAME, text:PHRASE, masks:FOLDER
    or a JSON file, in the capture file's own frame (also: --region). Everything else is frozen. Without one,
    everywhere."""
    ip2p_device: str | None = None
    """Device of the 2D editor; that of the scene by default."""
    ip2p_use_full_precision: bool = True
    """Run the 2D editor in 32 bits."""
    cpu_offload: bool = False
    """Keep only the part of the 2D editor that is at work on the GPU."""
    lpips_weight: float = 1.0
    """Weight of LPIPS on 32x32 patches. Without LPIPS's weights the term is dropped, and that is said."""

    run: Path | None = None
    """The run's folder; filled in where it begins, so that a viewer finds the edited pictures."""

    def instruction(self) -> str:
        return self.prompt.strip()

    def check(self) -> None:
        """Refuse values that no editor could use.

        Raises:
            ConfigError: a value is out of range.
        """
        if self.diffusion_steps is not None and self.diffusion_steps < 1:
            raise ConfigError(f"Expected at least 1 step, got {self.diffusion_steps}: raise diffusion-steps.")
        for name in ("guidance_scale", "image_guidance_scale", "lpips_weight"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value >= 0.0):
                flag = name.replace("_", "-")
                raise ConfigError(f"Expected a number of at least 0, got {value}: correct {flag}.")
        if self.condition_on not in get_args(Condition):
            choices = ", ".join(get_args(Condition))
            raise ConfigError(f"Expected one of {choices} for condition-on, got {self.condition_on}: choose one.")
        if self.region:
            self.region = settled(self.region)

    def check_region_of(self, model: type[Model]) -> None:
        """Refuse a kind of scene that an edit cannot keep to a region.

        Raises:
            RegionError: it is one.
        """
        if self.COMPOSES and hasattr(model, "keep_outside"):
            require_shapes(parse_region(self.region), "to keep a neural field's edit to")
        else:
            require_parts(model, "--region")

    def adopted(self, edit: Any) -> None:
        """Called when an edit has taken over the kind of its base, which it was not configured for: what a method
        chooses otherwise there.

        Args:
            edit: the trainer's configuration, whose `pipeline` this is.
        """

    def resolve_editor(self) -> tuple[str, str]:
        """What `auto` means: the editor, and why in one clause."""
        return resolve_auto()

    def usual_guidance_scale(self, info: EditorInfo) -> float:
        """The guidance scale where none is asked for."""
        return info.usual_guidance_scale

    def settle(self, info: EditorInfo) -> None:
        """Fill in what an editor's model decides where it was left open."""
        if self.guidance_scale is None:
            self.guidance_scale = self.usual_guidance_scale(info)
        if self.diffusion_steps is None:
            self.diffusion_steps = info.usual_diffusion_steps

    def rounds(self, total_steps: int, n_views: int) -> float:
        """See `rounds_of`."""
        return rounds_of(total_steps, self.edit_rate, self.edit_count, n_views)

    def schedule_for(self, editor: Editor, rounds: float = math.inf) -> Schedule:
        """The schedule of an edit with `editor`. Its noise levels begin where the editor can take all its steps.

        Args:
            rounds: see `rounds_of`.

        Raises:
            ConfigError: a value is out of range, or the upper bound is too low for that many steps.
        """
        kind, noise = suited_schedule(editor.info, rounds) if self.schedule == "auto" else (self.schedule, "uniform")
        schedule = Schedule(
            kind=kind,
            edit_rate=self.edit_rate,
            edit_count=self.edit_count,
            lower_bound=self.lower_bound,
            upper_bound=self.upper_bound,
            noise=noise if self.noise_schedule == "auto" else self.noise_schedule,
        )
        return with_all_steps(schedule, editor.info, self.diffusion_steps or editor.info.usual_diffusion_steps)

    def create_editor(self, device: str) -> Editor:
        """The 2D editor; loads no weights yet.

        Raises:
            ConfigError: no such editor, options that do not fit, or it needs what the method does not give.
        """
        editor = create_editor(
            self.editor,
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


class EditPipeline(PluginPipeline):
    """Iterative dataset update on any of the project's scenes. `begin` starts it; until then nothing of the editor is
    loaded, so that viewing, rendering and exporting a result need none of it."""

    config: EditPipelineConfig
    UPDATER: ClassVar[type[DatasetUpdater]] = DatasetUpdater

    def __init__(self, config: EditPipelineConfig, *args, **kwargs) -> None:
        self._lpips, self.lpips = None, "off"  # the term of the loss, and what became of it, for the record
        self.region: dict[str, Any] = {}  # what was found of it, for the record
        if config.lpips_weight > 0 and kwargs.get("test_mode") == "val":
            self._lpips, self.lpips = lpips_term()
            if self._lpips is not None:
                config.datamanager.patch_size = LPIPS_PATCH
        super().__init__(config, *args, **kwargs)
        if config.region and config.COMPOSES and hasattr(self.model, "keep_outside"):
            config.check_region_of(type(self.model))
            self.model.keep_outside(self.space)
        self.updater: DatasetUpdater | None = None
        self.should_stop: Callable[[], bool] = lambda: False
        self.load_base: Callable[[], None] = lambda: None
        """Loads the base into the model; filled in by the trainer."""
        # the viewer shows what it finds in the pipeline's attributes
        still = kwargs.get("test_mode") != "val"
        text = GUIDANCE_SCALE if config.guidance_scale is None else config.guidance_scale
        scales = text, config.image_guidance_scale
        self.edit_panel = EditPanel(config.prompt, *scales, still=still, run=config.run)

    @property
    def train_views(self) -> tuple[View, ...]:
        return self.datamanager.train_dataset.metadata["views"]

    @cached_property
    def space(self) -> SpaceRegion:
        """The region, in scene units. Cached: the viewer reads all other properties, where there is no region, too."""
        manager = self.datamanager
        dataset, outputs = manager.train_dataset, manager.train_dataparser_outputs
        posed = dataset.metadata["posed_images"]
        region = parse_region(self.config.region)
        return SpaceRegion.of(region, outputs, dataset.cameras, self.train_views, posed)

    @property
    def objects(self) -> Mapping[str, int]:
        """The objects that the data has masks of, and their ids."""
        return self.datamanager.train_dataset.metadata["posed_images"].objects

    def choose_condition(self, base_is_edit: bool) -> None:
        """Settle `condition_on: auto` in the configuration, with the reason.

        Args:
            base_is_edit: the base is itself the result of an edit.
        """
        config = self.config
        if config.region:
            config.condition_on, config.condition_reason = "base", "what lies outside the region is frozen"
        elif config.condition_on == "auto":
            editor = config.create_editor(self.device_name)
            named = edited_objects(editor, config.instruction(), self.objects)
            config.condition_on, config.condition_reason = suited_condition(base_is_edit, named, editor.info)

    def begin(self, run: Path, total_steps: int, seed: int) -> None:
        """Prepare the edit: editor, conditions, state. The model is loaded, and the condition chosen.

        Args:
            run: the run's folder.

        Raises:
            Editor3DError: the instruction is refused, or the editor is not to be had.
        """
        editor = self.config.create_editor(self.device_name)
        instruction = self.config.instruction()
        objects = self.objects
        check_instruction(editor, instruction, objects, self.train_views)
        store = self.datamanager.train_pictures.write
        self._make_conditions(run, self.datamanager.train_pictures, editor)
        if self.config.region:
            store = self._restrict(run / REGION_FOLDER)
        pictures = self.datamanager.train_pictures
        self._originals = pictures.pixels.clone()

        def condition(index: int) -> Tensor:
            return pictures.within(self._originals, index).float() / 255.0

        def objects_of(index: int) -> Mapping[str, Tensor]:
            return read_object_masks(self.train_views[index], objects)

        scene = self.scene(
            views=self.train_views,
            render=self._render_train_view,
            condition=condition,
            object_names=objects,
            objects=objects_of,
            store=store,
        )
        self.updater = self.UPDATER(
            scene,
            editor,
            self.guidance(),
            self.config.schedule_for(editor, self.config.rounds(total_steps, len(self.train_views))),
            EditState(torch.Generator().manual_seed(seed)),
            PictureStore(run / "edit_state"),
            total_steps,
            self.stopwatch,
            should_stop=lambda: self.should_stop(),
        )
        self.edit_panel.connect(self.updater)

    def notes(self) -> dict[str, Any]:
        """What a method notes of its own, for the record: strict JSON values."""
        return {}

    def guidance(self) -> Guidance:
        """What each request of the edit has in common."""
        return Guidance(
            self.config.instruction(),
            self.config.editor,
            self.config.guidance_scale,
            self.config.image_guidance_scale,
            self.config.diffusion_steps,
        )

    def scene(self, **parts: Any) -> Scene:
        """What the engine sees of the scene; methods add to it."""
        return Scene(**parts)

    @property
    def device_name(self) -> str:
        return str(self.device)

    def _render_train_view(self, index: int) -> Tensor:
        cameras = self.datamanager.train_dataset.cameras
        if hasattr(self.model, "corrected_camera"):  # the pose that this picture is trained at
            cameras, index = self.model.corrected_camera(cameras, index), 0
        return self.render_view(cameras, index)["rgb"].cpu()

    @contextmanager
    def another_model(self) -> Iterator[None]:
        """A new model of the same kind in the place of the one that is trained."""
        trained, dataset = self._model, self.datamanager.train_dataset
        self._model = self.config.model.setup(
            scene_box=dataset.scene_box,
            num_train_data=len(dataset),
            metadata=dataset.metadata,
            device=self.device,
            grad_scaler=None,
            seed_points=None,
        ).to(trained.device)
        try:
            yield
        finally:
            self._model = trained

    def pictures_to_edit(self, run: Path, editor: Editor) -> TrainingPictures:
        """What an edit changes: see `condition_on`. For anything but photographs, the base is the scene to be shown
        now.

        Raises:
            Editor3DError: the disk is full.
        """
        pictures = TrainingPictures(self.train_views, self.datamanager.train_dataset.cameras)
        pictures.read_all()
        self._make_conditions(run, pictures, editor)
        return pictures

    def _make_conditions(self, run: Path, pictures: TrainingPictures, editor: Editor) -> None:
        """Make `pictures`, which are the photographs, what an edit changes."""
        if self.config.condition_on != "original" or self.config.region:
            self._read_base_renders(run / CONDITIONS, pictures)
        if self.config.condition_on == "detailed":
            add_detail(self.train_views, pictures, editor.info.working_side)

    def edit_from_now_on(self, pictures: TrainingPictures) -> None:
        """Let edits change these pictures. Views that hold no edit are trained on them at once."""
        self._originals = pictures.pixels
        for index, view in enumerate(self.train_views):
            if view.name not in self.updater.state.revisions:
                self.datamanager.train_pictures.write(index, pictures[index])

    def _read_base_renders(self, folder: Path, pictures: TrainingPictures) -> None:
        """Make `pictures` renders of the base; kept in `folder` for a resumed run."""

        def render(index: int) -> Tensor:
            with self.stopwatch.measure("render"):
                return self._render_train_view(index)

        read_base_renders(folder, self.train_views, pictures, render)

    def _restrict(self, folder: Path) -> Callable[[int, Tensor], None]:
        """Freeze what lies outside the region; returns how an edited picture is stored from here on."""
        if getattr(self.model, "composite", None) is not None:
            self.region = self.space.region.to_json()
            met = pixels_that_meet(self.space, self.datamanager.train_dataset.cameras)
            self.datamanager.train_pixel_sampler.favour(met, 1.0)  # no other ray could change anything
            return stored_by_share(self, folder)
        self.region, store = freeze_outside(self, self.config.region, folder)
        return store

    def get_training_callbacks(self, attributes: TrainingCallbackAttributes) -> list[TrainingCallback]:
        def update(step: int) -> None:
            if self.updater is not None:
                self.edit_panel.apply_requests()
                if not self.edit_panel.paused:
                    self.updater.before_step(step)

        first = TrainingCallback([TrainingCallbackLocation.BEFORE_TRAIN_ITERATION], update)
        return [first, *super().get_training_callbacks(attributes)]

    def further_losses(self, outputs: dict[str, Tensor], batch: dict[str, Tensor]) -> dict[str, Tensor]:
        if self._lpips is None:
            return {}
        size = self.config.datamanager.patch_size
        rendered, wanted = as_patches(outputs["rgb"], size), as_patches(batch["image"], size)
        return {"lpips_loss": self.config.lpips_weight * self._lpips(rendered, wanted)}
