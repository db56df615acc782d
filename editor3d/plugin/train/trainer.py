"""The trainer: nerfstudio's, made to survive interruption and to do exactly the requested steps."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from nerfstudio.engine.callbacks import TrainingCallbackLocation
from nerfstudio.engine.trainer import Trainer
from nerfstudio.utils import writer
from nerfstudio.utils.rich_utils import CONSOLE

from editor3d.errors import Editor3DError
from editor3d.plugin.bases.base import ChangesBase
from editor3d.plugin.bases.captures import check_same, note_capture
from editor3d.plugin.bases.quality import judge_base, report_base
from editor3d.plugin.config.nerfstudio_commands import end_events, user_errors_exit
from editor3d.plugin.train.begun import discard_begun, prepared
from editor3d.plugin.train.chatter import without_chatter
from editor3d.plugin.train.event_log import optional_event_logs
from editor3d.plugin.train.pipeline import PluginPipeline
from editor3d.plugin.train.shown import LivePicture
from editor3d.run import checkpoints
from editor3d.run.clock import RunClock
from editor3d.run.events import Result, absolute, emit
from editor3d.run.progress import TrainingProgress
from editor3d.run.stopping import ApprovalAwaited, StepInterrupted, Stop, say_awaited, say_stopped, stop_on_signal
from editor3d.types import PosedImages

if TYPE_CHECKING:
    from editor3d.plugin.train.config import PluginTrainerConfig


class PluginTrainer(Trainer):
    """nerfstudio's trainer with exact resume.

    A run whose folder already holds checkpoints resumes from the newest: parameters, optimisers, random generators and
    the edit's own state are those of an uninterrupted run. Ctrl-C finishes the step, saves and stops; a second one
    stops at once. `max_num_iterations` is the length of the whole run, however often it is resumed.
    """

    config: PluginTrainerConfig
    pipeline: PluginPipeline

    def __init__(self, config: PluginTrainerConfig, local_rank: int = 0, world_size: int = 1) -> None:
        with without_chatter():
            super().__init__(config, local_rank, world_size)
        self._stop = Stop()
        self.awaited: Path | None = None
        """The edited picture that the run waits to be accepted."""

    def setup(self, test_mode: Literal["test", "val", "inference"] = "val") -> None:
        """Called by ns-train; `prepare` with user errors turned into exit code 2."""
        with user_errors_exit():
            self.prepare(test_mode)

    def train(self) -> None:
        """Called by ns-train; `fit` with user errors turned into exit code 2, and 130 when interrupted."""
        with user_errors_exit():
            finished = self.fit()
        end_events(finished or self.awaited is not None)

    def prepare(self, test_mode: Literal["test", "val", "inference"] = "val") -> None:
        """Build the pipeline and load what there is to load.

        Raises:
            Editor3DError: the data, the base or the checkpoint cannot be used; a new run that holds nothing yet is
                removed.
        """
        try:
            self.build(test_mode)
        except (Editor3DError, OSError):
            discard_begun(self.base_dir)
            raise
        finally:
            prepared(self.base_dir)

    def build(self, test_mode: Literal["test", "val", "inference"]) -> None:
        """The work of `prepare`."""
        self.clock = RunClock()
        self._stop.requested = False
        self.completed = -1
        seed = self.config.machine.seed
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        with optional_event_logs(), without_chatter():
            super().setup(test_mode)

    def fit(self) -> bool:
        """Run the remaining steps and save.

        Returns:
            False if a stop was requested before the last step.
        """
        total, title = self.config.max_num_iterations, str(self.config.method_name)
        note_capture(self.base_dir, self._posed_images())
        with stop_on_signal(self._stop), TrainingProgress(title, self._start_step, total) as self._progress:
            # nerfstudio counts the iterations of this process; ours is the length of the run
            self.config.max_num_iterations = max(0, total - self._start_step)
            self._live = LivePicture(self.base_dir, self.pipeline)
            try:
                super().train()
            except StepInterrupted as stopped:
                self._after_train()
                self.awaited = stopped.picture if isinstance(stopped, ApprovalAwaited) else None
            finally:
                self.config.max_num_iterations = total
                self._live.end()
        done = self.completed + 1 >= total
        if done and not isinstance(self.config, ChangesBase):
            self._judge()
        if self.awaited is not None:
            say_awaited(self.base_dir, self.awaited)
        elif not done:
            say_stopped(self.base_dir, self.completed + 1, total)
        return done

    def _posed_images(self) -> PosedImages:
        return self.pipeline.datamanager.train_dataparser_outputs.metadata["posed_images"]

    def _judge(self) -> None:
        """Say how good the finished reconstruction is."""
        latest = checkpoints.latest_checkpoint(self.checkpoint_dir)
        total, method = self.config.max_num_iterations, str(self.config.method_name)
        report_base(self.base_dir, judge_base(self.pipeline, latest, total, method))
        emit(Result(kind="base", path=absolute(self.base_dir)))

    @property
    def stop_training(self) -> bool:
        """nerfstudio's loop ends before the next step where this is set."""
        return self._stop.requested

    @stop_training.setter
    def stop_training(self, requested: bool) -> None:
        self._stop.requested = requested

    def train_iteration(self, step: int):
        with self.pipeline.stopwatch.measure("fit"):
            loss, losses, metrics = super().train_iteration(step)
        self.completed = step
        self._progress.update(step + 1)
        self._live.after_step()
        # nerfstudio holds these until the next step: with them it would hold the whole graph, and a field that changes
        # its resolution in between would meet the gradient accumulator of the old one
        return loss.detach(), {name: value.detach() for name, value in losses.items()}, metrics

    def _after_train(self) -> None:
        self.training_state = "completed"
        if self.completed >= 0:
            self.save_checkpoint(self.completed)
        writer.write_out_storage()
        for callback in self.callbacks:
            callback.run_callback_at_location(step=self.completed, location=TrainingCallbackLocation.AFTER_TRAIN)

    # Checkpoints

    def _load_checkpoint(self) -> None:
        generators = self.pipeline.generators()
        for offset, name in enumerate(sorted(generators)):
            generators[name].manual_seed(self.config.machine.seed + offset)
        if checkpoints.find_checkpoints(self.checkpoint_dir):
            check_same(self.base_dir, self._posed_images())
            path = checkpoints.latest_checkpoint(self.checkpoint_dir)
            self._resume(checkpoints.load(path), path)
        else:
            self.load_start()

    def load_start(self) -> None:
        """Load what a new run starts from: here, as in nerfstudio, the training to be continued, or nothing."""
        path = self.config.load_checkpoint
        if self.config.load_dir is not None:
            path = checkpoints.latest_checkpoint(self.config.load_dir, self.config.load_step)
        if path is not None:
            self._resume(checkpoints.load(path), path)
        else:
            self.pipeline.begin_anew(self.config.max_num_iterations)

    def _resume(self, state: dict, path: Path) -> None:
        self.pipeline.model.update_to_step(state["step"])
        self.pipeline.load_model_state(state["pipeline"], path)
        self.optimizers.load_optimizers(state["optimizers"])
        if self.config.load_scheduler:
            self.optimizers.load_schedulers(state.get("schedulers", {}))
        self.grad_scaler.load_state_dict(state["scalers"])
        if "random" in state:  # a checkpoint of ours
            self.load_extra_state(state["extra"])
            checkpoints.set_global_random_state(state["random"])
            for name, generator in self.pipeline.generators().items():
                generator.set_state(state["generators"][name])
            self.pipeline.load_counters(state.get("counters", {}))
            self.clock.load_state(state, self.pipeline.stopwatch)
        self.completed = state["step"]
        self._start_step = state["step"] + 1
        CONSOLE.print(f"Resuming after step {state['step']} of {path}")

    def extra_state(self) -> dict:
        """What a subclass needs besides, as tensors and plain values."""
        return {}

    def load_extra_state(self, state: dict) -> None:
        """Take over what `extra_state` gave."""

    def save_checkpoint(self, step: int) -> None:
        """Write the checkpoint of `step`, whole or not at all, then remove the older ones."""
        checkpoints.save_newest(
            self.checkpoint_dir,
            step,
            {
                "pipeline": self.pipeline.state_dict(),
                "optimizers": {name: value.state_dict() for name, value in self.optimizers.optimizers.items()},
                "schedulers": {name: value.state_dict() for name, value in self.optimizers.schedulers.items()},
                "scalers": self.grad_scaler.state_dict(),
                "random": checkpoints.global_random_state(),
                "generators": {name: value.get_state() for name, value in self.pipeline.generators().items()},
                "counters": self.pipeline.counters(),
                **self.clock.state(self.pipeline.stopwatch),
                "extra": self.extra_state(),
            },
            keep_older=not self.config.save_only_latest_checkpoint,
        )
