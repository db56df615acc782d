"""The pipeline of GaussianVTON: the garment is edited and fitted, and the rest of the scene is frozen."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from nerfstudio.engine.callbacks import TrainingCallback, TrainingCallbackAttributes
from nerfstudio.utils.rich_utils import CONSOLE
from torch import Tensor

from editor3d.datasets.views.images import read_image, read_object_masks
from editor3d.editors import resolve_auto_try_on
from editor3d.editors.try_on.garment import digest_of, read_garment
from editor3d.editors.try_on.segment import labelled
from editor3d.errors import ConfigError, DataError
from editor3d.guidance.ddnm import RestorationSettings, best_prior, create_restorer
from editor3d.options import MethodOptions
from editor3d.outputs.orbit import look_at_point
from editor3d.plan import AS_ASKED, SettledCondition
from editor3d.plugin.confine.regions import REGION_FOLDER
from editor3d.plugin.edit.pipeline import EditPipeline
from editor3d.plugin.edit.settings import NO_OPTIONS, EditPipelineConfig
from editor3d.types import Editor, EditorInfo, Garment, PosedImages
from editor3d.update.engine import DatasetUpdater
from editor3d.update.keys.updater import KeyUpdater
from editor3d.update.scene import Guidance, Scene
from editor3d.update.schedule import Schedule
from gaussian.draw.selection import PosedPinhole
from gaussian.fit.datamanager import PictureSampler
from gaussian.methods.vton import person as persons
from gaussian.methods.vton.cloth import make_ready, paint, seen_colors
from gaussian.methods.vton.consistency import neighbours_of
from gaussian.methods.vton.updater import STAGES, DressingKeyUpdater, DressingUpdater, Wearer
from gaussian.model.model import SplatModel
from gaussian.model.parameters import PARAMETERS

PERSON_FOLDER = "person"
GARMENT_COPY = "garment.png"


@dataclass
class VtonPipelineConfig(EditPipelineConfig):
    """Configuration of `VtonPipeline`."""

    GIVES_GARMENT: ClassVar[bool] = True
    BY_SCHEDULE: ClassVar[bool] = False
    _target: type = field(default_factory=lambda: VtonPipeline)
    garment_digest: str = ""
    """Digest of the garment's file; set when the run begins, and required again when it is resumed."""
    data_digest: str = ""
    """Digest of the training views' pictures, labels and masks; set when the run begins."""
    reedits: int = 2
    """Edit a view again up to this many times if its garment disagrees with its neighbours'."""
    restoration: Literal["auto", "off", "ddnm"] = "auto"
    """Choose stage 3. auto: DDNM where the weights of InstructPix2Pix are on the machine; ddnm: also by the small model
    that comes with the package where they are not; off: none."""
    restoration_factor: int = 4
    """Keep the means of squares of this many pixels a side in DDNM, and generate finer detail anew."""
    restoration_level: float = 0.3
    """Start DDNM at this noise level."""
    restoration_steps: int = 10
    """Denoise in this many steps of DDNM."""

    def check(self, options: MethodOptions) -> None:
        super().check(options)
        if options.garment is None:
            raise ConfigError("Expected the picture of a garment, got none: give --garment FILE.")
        if self.reedits < 0:
            raise ConfigError(f"Expected at least 0 reedits of a view, got {self.reedits}: 0 keeps what disagrees.")
        self.restoration_settings()
        read_garment(options.garment)
        now = digest_of(options.garment)
        if self.garment_digest not in ("", now):
            raise DataError(
                f"Expected the garment that this run began with in {options.garment}, found another picture: begin a "
                f"new run, or put the picture back."
            )
        self.garment_digest = now

    def note_beginning(self, capture: PosedImages) -> tuple[str, ...]:
        digests = tuple(persons.digest_of(view) for view in capture.train_views)
        self.check_data(persons.digest_together(digests))
        return digests

    def own_condition(self, options: MethodOptions, base_is_edit: bool) -> tuple[SettledCondition, str]:
        requested = options.condition_on or self.condition_on
        if requested != "auto":
            return requested, AS_ASKED
        if base_is_edit:
            return "base", "the base is itself the result of an edit"
        return "original", "a view is always edited against its original; what is not the garment is frozen"

    def restoration_settings(self) -> RestorationSettings:
        """Of stage 3.

        Raises:
            ConfigError: a value is out of range.
        """
        return RestorationSettings(self.restoration_factor, self.restoration_level, self.restoration_steps)

    def check_data(self, now: str) -> None:
        """Refuse other pictures than those a run began with, and note which those are.

        Args:
            now: digest of the training views, as `persons.digest_together` gives it.

        Raises:
            DataError: they have changed.
        """
        if self.data_digest not in ("", now):
            raise DataError(
                f"Expected the pictures and labels that this run began with, found others in "
                f"{self.datamanager.data}: begin a new run."
            )
        self.data_digest = now

    def resolve_editor(self) -> tuple[str, str]:
        return resolve_auto_try_on()

    def create_editor(self, spec: str, device: str) -> Editor:
        editor = super().create_editor(spec, device)
        if not editor.info.needs_garment and not editor.info.name.startswith("folder"):
            raise ConfigError(
                f"Expected an editor that dresses people, got {editor.info.name}, which takes no garment: say "
                f"--editor try-on, or another of those that `editor3d list editors` says so of."
            )
        return editor

    def schedule_for(self, info: EditorInfo, rounds: float = math.inf, options: MethodOptions = NO_OPTIONS) -> Schedule:
        return replace(super().schedule_for(info, rounds, options), kind="all-at-once")


class VtonPipeline(EditPipeline):
    """Every view is edited with the garment against its original picture; what is not worn keeps every bit."""

    config: VtonPipelineConfig
    UPDATER: ClassVar[type[DatasetUpdater]] = DressingUpdater
    KEY_UPDATER: ClassVar[type[KeyUpdater]] = DressingKeyUpdater

    @cached_property
    def _view_digests(self) -> tuple[str, ...]:
        """Of each training view; the files are read once, since a run's pictures may not change under it."""
        return self.known_digests or tuple(persons.digest_of(view) for view in self.train_views)

    @property
    def _data_digest(self) -> str:
        return persons.digest_together(self._view_digests)

    def begin(self, run: Path, total_steps: int, seed: int, editor: Editor) -> None:
        config = self.config
        config.check_data(self._data_digest)
        self._garment = read_garment(Path(self.plan.garment))
        self._person = persons.find_person(
            run / PERSON_FOLDER,
            self.train_views,
            self.datamanager.train_dataset.cameras,
            lambda index: read_image(self.train_views[index]).float() / 255.0,
            self._objects_of,
            self._data_digest,
        )
        own = self.plan
        if not own.region:  # frozen is what is not worn
            self.plan = replace(own, region=f"masks:{run / PERSON_FOLDER / persons.GARMENT_FOLDER}")
        try:
            super().begin(run, total_steps, seed, editor)
        finally:
            self.plan = own
        if not own.region and not labelled(self.objects):
            self._person = replace(self._person, garments=self._agreed_garments(run / REGION_FOLDER))
        self._say()
        updater = self.begun()
        if isinstance(updater, DressingKeyUpdater):
            updater.make_ready = self._make_ready
            return
        restore, restorer = self._restorer()
        assert isinstance(updater, DressingUpdater)
        updater.wearer = Wearer(
            garments=self._person.garments,
            faces=self._person.faces,
            original=lambda index: (self._condition(index) * 255.0).round().to(torch.uint8),
            neighbours=neighbours_of(self.datamanager.train_dataset.cameras),
            reedits=config.reedits,
            restore=restore,
            make_ready=self._make_ready,
            restorer=restorer,
        )

    def _agreed_garments(self, folder: Path) -> tuple[Tensor, ...]:
        """Where the views together say that a garment is worn, by view: [H, W] bool each. A model's segmentation errs
        in single views; the parts of the scene that most views call cloth, rendered, do so less."""
        return tuple(
            read_image(folder / f"{view.name}.png", (view.width, view.height))[..., 0] > 127
            for view in self.train_views
        )

    def guidance(self) -> Guidance:
        return replace(super().guidance(), garment=self.config.garment_digest)

    def scene(self, **parts: Any) -> Scene:
        parts["condition"] = self._condition
        return super().scene(
            **parts,
            mask=lambda index: self._person.garments[index],
            garment=self._garment_for,
            seen=lambda index: self._view_digests[index],
        )

    def _condition(self, index: int) -> Tensor:
        """The picture that an edit of a view begins from, always the same: [H, W, 3] float."""
        if self.plan.condition_on == "original":
            return read_image(self.train_views[index]).float() / 255.0
        return self.datamanager.train_pictures.within(self._originals, index).float() / 255.0

    def get_training_callbacks(self, attributes: TrainingCallbackAttributes) -> list[TrainingCallback]:
        assert attributes.optimizers is not None
        self._optimizers = attributes.optimizers.optimizers
        return super().get_training_callbacks(attributes)

    def _make_ready(self) -> None:
        """See `gaussian.methods.vton.cloth`; a scene of another kind stays unchanged."""
        if not isinstance(self.model, SplatModel):
            return
        cameras = self.datamanager.train_dataset.cameras
        c2w = cameras.camera_to_worlds.double().cpu().numpy()
        centre = look_at_point(c2w[:, :, 3], -c2w[:, :, 2])
        distances = np.linalg.norm(c2w[:, :, 3] - centre, axis=1)
        pixel = float(np.median(distances / cameras.fx[:, 0].double().cpu().numpy()))
        held = {name: self._optimizers[name] for name in PARAMETERS}
        free = int((~self.model.strategy_state["frozen"]).sum())
        added = make_ready(self.model, held, pixel)
        seen = []
        sampler = self.datamanager.train_pixel_sampler
        assert isinstance(sampler, PictureSampler)  # splats are fitted to whole pictures
        for index, mask in enumerate(self._person.garments):
            camera = PosedPinhole.of(cameras, index, self.model.near)
            batch = sampler.batch(index, 1)
            seen.append((camera, batch["image"], camera.flatten(mask)[0]))
        paint(self.model, *seen_colors(self.model.splats, seen))
        CONSOLE.print(f"The cloth is made of {free + added} Gaussians, {added} of them new.")

    def _objects_of(self, index: int) -> Mapping[str, Tensor]:
        return read_object_masks(self.train_views[index], self.objects)

    def _garment_for(self, index: int) -> Garment:
        turns = self._person.turns
        return replace(self._garment, turn=None if turns is None else turns[index], worn=self._person.worn)

    def _restorer(self) -> tuple[Callable[[Tensor, Tensor, int], Tensor] | None, str]:
        """Stage 3, and its name with all that shapes what it does."""
        config, prior = self.config, best_prior()
        if config.restoration == "off" or (config.restoration == "auto" and prior == "tiny-ip2p"):
            return None, ""
        settings = config.restoration_settings()
        return create_restorer(prior, settings, self.device_name).restore, f"ddnm by {prior} {settings}"

    def _say(self) -> None:
        seen = sum(bool(mask.any()) for mask in self._person.garments)
        faces = sum(bool(mask.any()) for mask in self._person.faces)
        views = len(self.train_views)
        CONSOLE.print(f"A garment is worn in {seen} of {views} views, a face seen in {faces}.")
        if self._person.turns is None:
            CONSOLE.print("No face shows where the front is: every view is dressed as if from the front.")

    def notes(self) -> dict[str, Any]:
        """For the record: the garment, and what the stages did."""
        worn = {"garment": self.plan.garment, "garment_digest": self.config.garment_digest}
        if not isinstance(self.updater, DressingUpdater):
            return {} if self.updater is None else worn
        done = self.updater.notes
        return worn | {
            "stages": done.stages,
            "stages_of": list(STAGES),
            "reedited": done.reedited,
            "face_shifts": done.face_shifts,
            "restorer": self.updater.wearer.restorer or "off",
        }
