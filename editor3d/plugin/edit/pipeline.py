"""The pipeline of the edit methods: the training pictures change while the scene is fitted to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import torch
from nerfstudio.engine.callbacks import TrainingCallback, TrainingCallbackAttributes, TrainingCallbackLocation
from torch import Tensor

from editor3d.datasets.views.images import read_object_masks
from editor3d.geometry.scene.scene_surface import SceneSurface
from editor3d.plan import EditPlan
from editor3d.plugin.confine.masks import SpaceRegion, pixels_that_meet
from editor3d.plugin.confine.regions import REGION_FOLDER, freeze_outside, stored_by_share
from editor3d.plugin.edit.conditions import CONDITIONS, add_detail, read_base_renders
from editor3d.plugin.edit.keyed import changing_of, key_parts, reshape
from editor3d.plugin.edit.patch_lpips import LPIPS_PATCH, as_patches, lpips_term
from editor3d.plugin.edit.planned import PlannedPipeline
from editor3d.plugin.edit.settings import EditPipelineConfig
from editor3d.plugin.train.pictures import TrainingPictures
from editor3d.plugin.viewer.panel import EditPanel
from editor3d.plugin.views.surfaces import SURFACE_FILE, kept_surface, seen_geometry
from editor3d.regions import parse_region
from editor3d.types import Compose, Editor, ViewGeometry
from editor3d.update.engine import DatasetUpdater
from editor3d.update.instruction import check_instruction
from editor3d.update.keys.updater import KeyUpdater
from editor3d.update.scene import Guidance, Scene
from editor3d.update.state import EditState, PictureStore


class EditPipeline(PlannedPipeline):
    """Iterative dataset update on any of the project's scenes. `begin` starts it; until then nothing of the editor is
    loaded, so that viewing, rendering and exporting a result need none of it."""

    config: EditPipelineConfig
    plan: EditPlan
    _originals: Tensor
    UPDATER: ClassVar[type[DatasetUpdater]] = DatasetUpdater
    KEY_UPDATER: ClassVar[type[KeyUpdater]] = KeyUpdater

    def __init__(self, config: EditPipelineConfig, *args, **kwargs) -> None:
        self.known_digests: tuple[str, ...] | None = None
        """See `EditPipelineConfig.note_beginning`; filled in by the trainer."""
        self._lpips, self.lpips = None, "off"  # the term of the loss, and what became of it, for the record
        if config.lpips_weight > 0 and kwargs.get("test_mode") == "val":
            self._lpips, self.lpips = lpips_term()
            if self._lpips is not None:
                config.datamanager.patch_size = LPIPS_PATCH
        super().__init__(config, *args, **kwargs)
        if self.plan.region and config.COMPOSES and self.model.capabilities.composes:
            config.check_region_of(type(self.model), self.plan.region)
            self.model.confine(Compose(self.space))
        self.updater: DatasetUpdater | None = None
        self._surface: SceneSurface | None = None
        self._geometries: dict[int, ViewGeometry] = {}
        self.as_captured = False
        """Whether the base is the scene that the photographs show, not one that was edited before; filled in by the
        trainer."""
        self.should_stop: Callable[[], bool] = lambda: False
        self.load_base: Callable[[], None] = lambda: None
        """Loads the base into the model; filled in by the trainer."""
        # the viewer shows what it finds in the pipeline's attributes
        still = kwargs.get("test_mode") != "val"
        scales = self.plan.guidance_scale, self.plan.image_guidance_scale
        self.edit_panel = EditPanel(self.plan.instruction, *scales, still=still, run=config.run)

    @cached_property
    def space(self) -> SpaceRegion:
        """The region, in scene units. Cached: the viewer reads all other properties, where there is no region, too."""
        manager = self.datamanager
        dataset, outputs = manager.train_dataset, manager.train_dataparser_outputs
        posed = dataset.metadata["posed_images"]
        region = parse_region(self.plan.region)
        return SpaceRegion.of(region, outputs, dataset.cameras, self.train_views, posed)

    @property
    def objects(self) -> Mapping[str, int]:
        """The objects that the data has masks of, and their ids."""
        return self.datamanager.train_dataset.metadata["posed_images"].objects

    def begin(self, run: Path, total_steps: int, seed: int, editor: Editor) -> None:
        """Prepare the edit: conditions, state. The model is loaded.

        Args:
            run: the run's folder.
            editor: that of the plan.

        Raises:
            Editor3DError: the instruction is refused, or the editor is not to be had.
        """
        objects = self.objects
        few = self.plan.keys is not None
        check_instruction(editor, self.plan.instruction, objects, self.train_views, few)
        store = self.datamanager.train_pictures.write
        if self.plan.condition_on != "original" or self.plan.region:
            self._make_conditions(run, self.datamanager.train_pictures, editor)
        if self.plan.region:
            store = self._restrict(run / REGION_FOLDER)
        pictures = self.datamanager.train_pictures
        self._originals = pictures.pixels.clone()

        def condition(index: int) -> Tensor:
            return pictures.within(self._originals, index).float() / 255.0

        def objects_of(index: int) -> Mapping[str, Tensor]:
            return read_object_masks(self.train_views[index], objects)

        keys = {} if self.plan.keys is None else {"parts": key_parts(self, run)}
        scene = self.scene(
            views=self.train_views,
            render=self._render_train_view,
            condition=condition,
            object_names=objects,
            objects=objects_of,
            store=store,
            geometry=self.geometry,
            weigh=pictures.weigh,
            changing=lambda index: changing_of(self, run, index),
        )
        self.updater = (self.KEY_UPDATER if keys else self.UPDATER)(
            scene,
            editor,
            self.guidance(),
            self.plan.schedule,
            EditState(torch.Generator().manual_seed(seed)),
            PictureStore(run / "edit_state"),
            total_steps,
            self.stopwatch,
            should_stop=lambda: self.should_stop(),
            **keys,
        )
        self.edit_panel.connect(self.updater)

    def begun(self) -> DatasetUpdater:
        """The update of an edit that has begun."""
        assert self.updater is not None
        return self.updater

    def notes(self) -> dict[str, Any]:
        """What a method notes of its own, for the record: strict JSON values."""
        return {}

    def guidance(self) -> Guidance:
        """What each request of the edit has in common."""
        return Guidance(
            self.plan.instruction,
            self.plan.editor,
            self.plan.guidance_scale,
            self.plan.image_guidance_scale,
            self.plan.diffusion_steps,
        )

    def scene(self, **parts: Any) -> Scene:
        """What the engine sees of the scene; methods add to it."""
        return Scene(**parts)

    def geometry(self, index: int) -> ViewGeometry | None:
        """What a training view shows of the surface, as it was before the edit."""
        run = self.config.run_folder()
        geometry = self._geometries.get(index)
        if geometry is None:
            with self.stopwatch.measure("render"):
                if self._surface is None:
                    self._surface = kept_surface(
                        run / SURFACE_FILE, self, lambda i: changing_of(self, run, i), as_captured=self.as_captured
                    )
                camera = self.model.training_camera(self.datamanager.train_dataset.cameras, index)
                view = self.train_views[index]
                geometry = seen_geometry(self, self._surface, camera, view, as_captured=self.as_captured)
            self._geometries[index] = geometry
        return geometry

    @property
    def device_name(self) -> str:
        return str(self.device)

    def _render_train_view(self, index: int) -> Tensor:
        camera = self.model.training_camera(self.datamanager.train_dataset.cameras, index)
        return self.render_view(camera, 0)["rgb"].cpu()

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
        """What an edit changes, as the plan says. For anything but photographs, the base is the scene to be shown
        now.

        Raises:
            Editor3DError: the disk is full.
        """
        pictures = TrainingPictures(self.train_views, self.datamanager.train_dataset.cameras)
        if self.plan.condition_on == "original":
            pictures.read_all()
        else:
            self._make_conditions(run, pictures, editor)
        return pictures

    def _make_conditions(self, run: Path, pictures: TrainingPictures, editor: Editor) -> None:
        """Make `pictures` renders of the base, and of those what an edit by `editor` changes."""
        self._read_base_renders(run / CONDITIONS, pictures)
        side = editor.info.working_side
        if self.plan.condition_on == "detailed" and side is not None:
            add_detail(self.train_views, pictures, side)

    def edit_from_now_on(self, pictures: TrainingPictures) -> None:
        """Let edits change these pictures. Views that hold no edit are trained on them at once."""
        self._originals = pictures.pixels
        for index, view in enumerate(self.train_views):
            if view.name not in self.begun().state.revisions:
                self.datamanager.train_pictures.write(index, pictures[index])

    def _read_base_renders(self, folder: Path, pictures: TrainingPictures) -> None:
        """Make `pictures` renders of the base; kept in `folder` for a resumed run."""

        def render(index: int) -> Tensor:
            with self.stopwatch.measure("render"):
                return self._render_train_view(index)

        read_base_renders(folder, self.train_views, pictures, render)

    def _restrict(self, folder: Path) -> Callable[[int, Tensor], None]:
        """Freeze what lies outside the region; returns how an edited picture is stored from here on."""
        if isinstance(self.model.confinement, Compose):
            self.region = self.space.region.to_json()
            met = pixels_that_meet(self.space, self.datamanager.train_dataset.cameras)
            self.datamanager.train_pixel_sampler.favour(met, 1.0)  # no other ray could change anything
            return stored_by_share(self, folder)
        self.region, store = freeze_outside(self, self.plan.region, folder)
        return store

    def get_training_callbacks(self, attributes: TrainingCallbackAttributes) -> list[TrainingCallback]:
        def update(step: int) -> None:
            if self.updater is not None:
                self.edit_panel.apply_requests()
                if not self.edit_panel.paused:
                    self.updater.before_step(step)
                    if step == 0 and isinstance(self.updater, KeyUpdater):  # a checkpoint has what came of it
                        reshape(self, self.updater)

        first = TrainingCallback([TrainingCallbackLocation.BEFORE_TRAIN_ITERATION], update)
        return [first, *super().get_training_callbacks(attributes)]

    def further_losses(self, outputs: dict[str, Tensor], batch: dict[str, Tensor]) -> dict[str, Tensor]:
        if self._lpips is None:
            return {}
        size = self.config.datamanager.patch_size
        rendered, wanted = as_patches(outputs["rgb"], size), as_patches(batch["image"], size)
        return {"lpips_loss": self.config.lpips_weight * self._lpips(rendered, wanted)}
