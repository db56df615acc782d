"""The base class of all trainers that edit: options, a base, and a plan made of both."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from nerfstudio.utils.rich_utils import CONSOLE

from editor3d.errors import ConfigError, InstructionError
from editor3d.methods import available_methods, method_config
from editor3d.options import MethodOptions
from editor3d.outputs.pictures import Row, save_side_by_side, to_uint8
from editor3d.plan import Plan
from editor3d.plugin.bases.base import (
    Base,
    ChangesBase,
    adopt_base,
    check_pictures,
    check_quality,
    ensure_base,
    open_base,
)
from editor3d.plugin.edit.planned import PlannedPipeline, PlannedPipelineConfig
from editor3d.plugin.train.config import PluginTrainerConfig
from editor3d.plugin.train.presets import apply_preset
from editor3d.plugin.train.trainer import PluginTrainer
from editor3d.regions import REGION_FILES, keep_files, settled
from editor3d.run import checkpoints
from editor3d.run.events import Result, absolute, emit
from editor3d.run.results import EditResults, Shown, shown_of
from editor3d.types import PosedImages

PLAN_SHEET = "views.png"
"""The views that a plan shows, in the run's folder."""


@dataclass
class BasedTrainerConfig(PluginTrainerConfig, ChangesBase):
    """Configuration of a run that changes a base."""

    pipeline: PlannedPipelineConfig = field(default_factory=PlannedPipelineConfig)
    options: Annotated[MethodOptions, tyro.conf.arg(name="")] = field(default_factory=MethodOptions)
    base_method: str = "voxel"
    """Reconstruct the scene with this method where --load-dir gives no base."""
    turntable_frames: int = 60
    """Render this many frames of the turntable video; 0 for no video."""

    def choose(self, **chosen: Any) -> None:
        """Choose other options, by the names of the fields of `MethodOptions`."""
        self.options = replace(self.options, **chosen)

    def check_options(self) -> None:
        """Refuse options out of range, and make their paths absolute, so that the run can be resumed from any folder.

        Raises:
            Editor3DError: one sentence about the first thing wrong.
        """
        if self.options.preset is not None:
            apply_preset(self, self.options.preset)
        self.options.check()
        self._take_prompts()
        bases = available_methods("base")
        if self.base_method not in bases:
            raise ConfigError(
                f"Expected one of {', '.join(bases)} as base-method, got {self.base_method!r}: choose one."
            )
        if self.load_dir is None and self.load_checkpoint is None:
            method_config(self.base_method, PluginTrainerConfig)  # refuses one that cannot be trained here
        if self.turntable_frames < 0:
            raise ConfigError(f"Expected at least 0 turntable frames, got {self.turntable_frames}: 0 makes no video.")
        region, garment = self.options.region, self.options.garment
        if self.pipeline.plan is None and region is not None:
            self.choose(region=settled(region))
        if garment is not None:
            self.choose(garment=garment.expanduser().absolute())

    def _take_prompts(self) -> None:
        """Take what upstream's flags for the instruction say into the options, and nowhere else."""
        sources = (self.options.instruction, self.prompt, self.pipeline.prompt)
        said = {text.strip() for text in sources if text and text.strip()}
        if len(said) > 1:
            raise InstructionError(
                f"Expected one instruction, got several ({', '.join(sorted(said))}): say --instruction alone."
            )
        self.choose(instruction=said.pop() if said else "")
        self.prompt, self.pipeline.prompt = None, ""

    def editors_named(self) -> tuple[str, ...]:
        return (self.options.editor, *(() if self.pipeline.plan is None else (self.pipeline.plan.editor,)))

    def capture(self) -> PosedImages:
        """The capture that is edited, as its pictures will be read; `check` has read it.

        Raises:
            DataError: it cannot be read.
        """
        return self.pipeline.datamanager.dataparser.posed_images()


class BasedTrainer(PluginTrainer):
    """Finds a base, settles the plan once, and keeps both in the run's configuration."""

    config: BasedTrainerConfig
    pipeline: PlannedPipeline
    base: Base
    results: EditResults

    def build(self, test_mode: Literal["test", "val", "inference"]) -> None:
        config, pipeline = self.config, self.config.pipeline
        self.base = self.find_base()
        # what was found is part of the configuration from here on: a resumed run starts from the same. No load_step:
        # ns-render and its like would take it for the step of this run to load.
        config.load_checkpoint = self.base.checkpoint.resolve()
        config.load_dir = config.load_step = None
        pipeline.run = self.base_dir
        adopt_base(config, self.base)
        if pipeline.plan is None:
            plan = self.make_plan()
            region = keep_files(plan.region, self.base_dir / REGION_FILES) if plan.region else ""
            pipeline.plan = replace(plan, region=region)
        if self.keeps_shape():
            config.optimizers = pipeline.model.kept_shape(config.optimizers)
            if self.colors_alone():
                config.optimizers = pipeline.model.colors_alone(config.optimizers)
        config.write_config()
        super().build(test_mode)

    @abstractmethod
    def make_plan(self) -> Plan:
        """What is done, now that the base is known."""

    @abstractmethod
    def keeps_shape(self) -> bool:
        """Whether the edit changes colours alone."""

    def colors_alone(self) -> bool:
        """Whether colours are trained alone: what the scene is trained on differs from it in nothing else."""
        return False

    def find_base(self) -> Base:
        """The base that was chosen, the kept one of the same capture, or a new one."""
        config = self.config
        if config.load_checkpoint is not None:
            return open_base(config.load_checkpoint)
        if config.load_dir is not None:
            return open_base(config.load_dir, config.load_step)
        return ensure_base(config.base_method, config, config.options.base_steps)

    def load_start(self) -> None:
        """Load the base's parameters, all or nothing; the steps of the edit are counted from 0."""
        manager = self.pipeline.datamanager
        check_pictures(self.base, manager.config.dataparser, manager.train_dataparser_outputs)
        self.load_base()
        check_quality(self.base, self.pipeline, self.base_dir, self.config.options.force)
        self.begin()
        self.results.save_before()

    @abstractmethod
    def begin(self) -> None:
        """Prepare the edit, whose scene or base is loaded, up to its results."""

    def base_state(self) -> Mapping[str, Any]:
        """The pipeline's state in the base's checkpoint."""
        return checkpoints.load(self.base.checkpoint, mapped=True)["pipeline"]

    def planned(self) -> Plan:
        """The plan, which `build` has made."""
        assert self.config.pipeline.plan is not None
        return self.config.pipeline.plan

    def load_base(self) -> None:
        """Put the base in the place of the scene as it is now."""
        state = self.pipeline.model.adapt_base_state(self.base_state(), self.base.config, self.pipeline.train_views)
        self.pipeline.load_model_state(dict(state), self.base.checkpoint)

    def results_of(self, shown: Shown) -> EditResults:
        """The results of this run, of a scene as they show it."""
        config, stopwatch = self.config, self.pipeline.stopwatch
        frames, signed = config.turntable_frames, config.options.provenance
        return EditResults(self.base_dir, shown, self.clock, stopwatch, frames, provenance=signed)

    def say_plan(self) -> None:
        """Print what the plan settled, and why."""
        plan = self.pipeline.plan
        CONSOLE.print(f'"{plan.instruction}" by {plan.editor} ({plan.reasons["editor"]})')

    def show_plan(self) -> Path:
        """Print what the edit will take, and make a sheet of the views that it concerns; returns its file."""
        self.say_plan()
        path = self.base_dir / PLAN_SHEET
        save_side_by_side(path, self.plan_rows(), title=self.pipeline.plan.instruction)
        emit(Result(kind="picture", path=absolute(path)))
        return path

    def plan_rows(self) -> list[Row]:
        """What the sheet of the plan shows: a few views of the scene as it is."""
        cameras = self.pipeline.datamanager.train_dataset.cameras
        shown = (self.pipeline.render_view(cameras, index)["rgb"].cpu() for index in shown_of(len(cameras)))
        return [Row("", [to_uint8(picture) for picture in shown])]

    def agree(self) -> None:
        """Let the user agree to what the edit costs, before anything is paid.

        Raises:
            Editor3DError: the budget cannot finish it, or the user does not agree; nothing was sent.
        """

    def fit(self) -> bool:
        self.say_plan()
        self.agree()
        done = super().fit()
        if done:
            self.results.save_after()
        self.results.save_record(self.completed + 1)
        if done:
            self.results.announce()
        return done
