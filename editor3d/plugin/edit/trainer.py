"""The trainer of the edit methods: a base, the edit, and what it leaves behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Literal

from nerfstudio.utils.rich_utils import CONSOLE

from editor3d.datasets import load_posed_images
from editor3d.errors import ConfigError, Editor3DError, InstructionError
from editor3d.plugin.bases.base import Base, adopt_base, check_pictures, check_quality, ensure_base, open_base
from editor3d.plugin.confine.regions import check_seen
from editor3d.plugin.edit.conditions import AS_ASKED, CONDITIONS, IN_WORDS
from editor3d.plugin.edit.edited import EditedScene
from editor3d.plugin.edit.pipeline import EditPipeline
from editor3d.plugin.edit.settings import BY_NAME, EditPipelineConfig
from editor3d.plugin.train.config import PluginTrainerConfig
from editor3d.plugin.train.presets import apply_preset
from editor3d.plugin.train.trainer import PluginTrainer
from editor3d.regions import REGION_FILES, keep_files, settled
from editor3d.registry import METHODS, load_target
from editor3d.run import checkpoints
from editor3d.run.results import EditResults
from editor3d.types import PosedImages
from editor3d.update.engine import Guidance, check_instruction

_CHOICES = ("editor", "editor_reason", "condition_on", "condition_reason")
"""Fields of the pipeline's configuration that are filled in where they were left open."""


@dataclass
class EditTrainerConfig(PluginTrainerConfig):
    """Configuration of an edit."""

    _target: type = field(default_factory=lambda: EditTrainer)
    pipeline: EditPipelineConfig = field(default_factory=EditPipelineConfig)
    instruction: str | None = None
    """How the scene should change, in one sentence."""
    editor: str | None = None
    """The 2D editor: auto, procedural, ip2p, ip2p:FOLDER, folder:FOLDER, ... (editor3d list editors)."""
    preset: str | None = None
    """A preset of configs/ by name; flags given besides win."""
    region: str | None = None
    """Where the scene may change: box:..., sphere:..., mesh:FILE, hull:FOLDER, object:NAME, text:PHRASE, masks:FOLDER
    or a JSON file, in the capture file's own frame."""
    base_method: str = "voxel"
    """The method that reconstructs the scene where --load-dir does not give a base."""
    base_steps: int | None = None
    """Steps of that reconstruction; the method's own number by default."""
    force: bool = False
    """Edit a reconstruction that shows its views no better than their mean does, too."""
    turntable_frames: int = 60
    """Frames of the turntable video; 0 for none."""

    def check(self) -> None:
        if self.preset is not None:
            apply_preset(self, self.preset)
        said = {text.strip() for text in (self.instruction, self.prompt, self.pipeline.prompt) if text and text.strip()}
        if len(said) > 1:
            raise InstructionError(
                f"Expected one instruction, got several ({', '.join(sorted(said))}): say --instruction alone."
            )
        self.pipeline.prompt = self.instruction = said.pop() if said else ""
        self.prompt = None
        if self.editor is not None:
            self.pipeline.editor = self.editor
        if self.region is not None:
            self.pipeline.region, self.region = settled(self.region), None
        if self.pipeline.editor == "auto":  # settled now, so that a resumed run goes on with the same editor
            self.pipeline.editor, self.pipeline.editor_reason = self.pipeline.resolve_editor()
        bases = [name for name, entry in METHODS.items() if entry.kind == "base"]
        if self.base_method not in bases:
            raise ConfigError(
                f"Expected one of {', '.join(bases)} as base-method, got {self.base_method!r}: choose one."
            )
        if self.base_steps is not None and self.base_steps < 1:
            raise ConfigError(f"Expected at least 1 step of the base, got {self.base_steps}: raise base-steps.")
        if self.turntable_frames < 0:
            raise ConfigError(f"Expected at least 0 turntable frames, got {self.turntable_frames}: 0 makes no video.")
        self.pipeline.check()
        if self.pipeline.region and self.load_dir is None and self.load_checkpoint is None:
            self.pipeline.check_region_of(load_target(METHODS[self.base_method].target).config.pipeline.model._target)
        super().check()
        editor = self.pipeline.create_editor(self.machine.device_type)
        self.pipeline.settle(editor.info)  # now, so that a resumed run goes on as it began
        self.pipeline.schedule_for(editor)
        posed = self.capture()
        check_instruction(editor, self.instruction, posed.objects, posed.train_views)
        if self.pipeline.region:
            check_seen(self.pipeline.region, posed, self.get_base_dir())

    def capture(self) -> PosedImages:
        """The capture that is edited, as its pictures will be read.

        Raises:
            DataError: it cannot be read.
        """
        parser = self.pipeline.datamanager.dataparser
        return load_posed_images(
            self.pipeline.datamanager.data,
            downscale_factor=parser.downscale_factor,
            eval_interval=parser.eval_interval,
        )


class EditTrainer(PluginTrainer):
    """Edits a base: `plan -> render -> edit -> store -> fit`, then pictures, video and record."""

    config: EditTrainerConfig
    pipeline: EditPipeline

    def build(self, test_mode: Literal["test", "val", "inference"]) -> None:
        self.base = self._find_base()
        # what was found is part of the configuration from here on: a resumed run starts from the same. No load_step:
        # ns-render and its like would take it for the step of this run to load.
        self.config.load_checkpoint = self.base.checkpoint.resolve()
        self.config.load_dir = self.config.load_step = None
        self.config.pipeline.run = self.base_dir
        if self.config.pipeline.region:
            self.config.pipeline.region = keep_files(self.config.pipeline.region, self.base_dir / REGION_FILES)
        adopt_base(self.config, self.base)
        if self.config.pipeline.create_editor(self.config.machine.device_type).info.keeps_shape:
            self.config.optimizers = self.config.pipeline.model.kept_shape(self.config.optimizers)
        self.config.write_config()
        super().build(test_mode)

    def _find_base(self) -> Base:
        config = self.config
        if config.load_checkpoint is not None:
            return open_base(config.load_checkpoint)
        if config.load_dir is not None:
            return open_base(config.load_dir, config.load_step)
        return ensure_base(config.base_method, config, config.base_steps)

    def load_start(self) -> None:
        """Load the base's parameters, all or nothing; the steps of the edit are counted from 0."""
        manager = self.pipeline.datamanager
        check_pictures(self.base, manager.config.dataparser, manager.train_dataparser_outputs)
        self._load_base()
        check_quality(self.base, self.pipeline, self.base_dir, self.config.force)
        self.pipeline.choose_condition(self.base.is_edit)
        self.config.write_config()  # a resumed run goes on with that choice
        self._begin()
        self.results.save_before()

    def _load_base(self) -> None:
        state = checkpoints.load(self.base.checkpoint, mapped=True)["pipeline"]
        state = self.pipeline.model.adapt_base_state(state, self.base.config, self.pipeline.train_views)
        self.pipeline.load_model_state(state, self.base.checkpoint)

    @contextmanager
    def _showing_base(self) -> Iterator[None]:
        """The base in the place of the scene as it is now."""
        with self.pipeline.another_model():
            self._load_base()
            yield

    def load_extra_state(self, state: dict) -> None:
        chosen = self.config.pipeline
        for name, value in state.get("choices", {}).items():  # what was chosen last, maybe for another instruction
            setattr(chosen, name, value)
        self._ask_for(Guidance(**state["edit"]["guidance"]))
        if chosen.condition_on == "auto":  # a run of before the choice was written down
            chosen.condition_on = "base" if (self.base_dir / CONDITIONS).is_dir() else "original"
            chosen.condition_reason = "as the run began"
        self._begin()
        self.pipeline.updater.load_state_dict(state["edit"])

    def extra_state(self) -> dict:
        choices = {name: vars(self.config.pipeline)[name] for name in _CHOICES}
        return {"edit": self.pipeline.updater.state_dict(), "choices": choices}

    def _begin(self) -> None:
        self.pipeline.should_stop = lambda: self.stop_training
        self.pipeline.load_base = self._load_base
        self.pipeline.begin(self.base_dir, self.config.max_num_iterations, self.config.machine.seed)
        self.pipeline.updater.on_progress = lambda done, due: self._progress.update(
            self.completed + 1, f"2D edit {done}/{due}" if due > 1 else ""
        )
        self.pipeline.edit_panel.on_apply = self.start_over
        edited = EditedScene(self.base_dir, self.pipeline, self.config, self.base)
        self.results = EditResults(
            self.base_dir, edited, self.clock, self.pipeline.stopwatch, self.config.turntable_frames
        )

    def _ask_for(self, guidance: Guidance) -> None:
        """Make the configuration that of an edit by `guidance`."""
        config = self.config.pipeline
        self.config.instruction = config.prompt = guidance.instruction
        config.guidance_scale, config.image_guidance_scale = guidance.guidance_scale, guidance.image_guidance_scale

    def start_over(self, guidance: Guidance) -> None:
        """Go on with another instruction or other scales, from the first view again. What was left open is chosen as a
        new edit would choose it: the editor, and the pictures that are edited.

        Raises:
            Editor3DError: the instruction is refused, or the disk is full; all goes on as before.
        """
        pipeline, config, updater = self.pipeline, self.config.pipeline, self.pipeline.updater
        before, choices = updater.guidance, {name: vars(config)[name] for name in _CHOICES}
        try:
            self._ask_for(guidance)
            if config.editor_reason != BY_NAME:
                config.editor, config.editor_reason = config.resolve_editor()
            same = config.editor == choices["editor"]
            editor = updater.editor if same else config.create_editor(pipeline.device_name)
            check_instruction(editor, guidance.instruction, pipeline.objects, pipeline.train_views)
            rounds = config.rounds(self.config.max_num_iterations, len(pipeline.train_views))
            schedule = config.schedule_for(editor, rounds)
            if config.condition_reason != AS_ASKED:
                config.condition_on = "auto"
                pipeline.choose_condition(self.base.is_edit)
            pictures = None
            if config.condition_on != choices["condition_on"] or not same:  # an editor says what its detail is
                with self._showing_base() if config.condition_on != "original" else nullcontext():
                    pictures = pipeline.pictures_to_edit(self.base_dir, editor)
            self.config.write_config()
        except Editor3DError:
            self._ask_for(before)
            for name, value in choices.items():
                setattr(config, name, value)
            raise
        if pictures is not None:
            pipeline.edit_from_now_on(pictures)
        updater.editor, updater.schedule = editor, schedule
        updater.restart(replace(guidance, editor=config.editor))
        self._say_choices()

    def save_checkpoint(self, step: int) -> None:
        super().save_checkpoint(step)
        state = self.pipeline.updater.state
        self.pipeline.updater.pictures.prune(state.revisions, newest=len(state.edits))

    def _say_choices(self) -> None:
        config = self.config.pipeline
        CONSOLE.print(f'"{self.config.instruction}" by {config.editor} ({config.editor_reason})')
        CONSOLE.print(f"Edits change {IN_WORDS[config.condition_on]}: {config.condition_reason}.")
        least = self.pipeline.updater.schedule.lower_bound
        if least > config.lower_bound:
            CONSOLE.print(
                f"Noise levels begin at {least:g}, not {config.lower_bound:g}: fewer timesteps make no "
                f"{config.diffusion_steps} steps."
            )

    def fit(self) -> bool:
        self._say_choices()
        done = super().fit()
        if done:
            self.results.save_after()
        self.results.save_record(self.completed + 1)
        if done:
            self.results.announce()
        return done
