"""The one training loop: nerfstudio's, made to survive interruption and to do exactly the steps asked for."""

from __future__ import annotations

import random
import shlex
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from nerfstudio.configs.base_config import LocalWriterConfig, LoggingConfig, MachineConfig, ViewerConfig
from nerfstudio.engine.callbacks import TrainingCallbackLocation
from nerfstudio.engine.trainer import Trainer, TrainerConfig
from nerfstudio.utils import writer
from nerfstudio.utils.rich_utils import CONSOLE

from editor3d.datasets import load_posed_images
from editor3d.datasets.demo import demo_path
from editor3d.datasets.locate import DEMO, resolve_data
from editor3d.errors import CheckpointError, ConfigError, DataError, Editor3DError, sentence
from editor3d.files.writing import replacing
from editor3d.plugin.bases.captures import check_same, note_capture
from editor3d.plugin.bases.quality import judge_base, report_base
from editor3d.plugin.config import nerfstudio_commands
from editor3d.plugin.config.file import dump_config
from editor3d.plugin.train.event_log import optional_event_logs
from editor3d.plugin.train.pipeline import PluginPipeline, PluginPipelineConfig
from editor3d.regions import REGION_FILES
from editor3d.run import checkpoints
from editor3d.run.folders import new_run_folder, remove_empty
from editor3d.run.opening import announce, announce_reduction
from editor3d.run.progress import TrainingProgress
from editor3d.trust import require_chosen_service, require_chosen_weights
from editor3d.types import PosedImages
from editor3d.update.engine import EditInterrupted

INTERRUPTED = 130
USER_ERROR = 2
_DOWNSCALE_FLAG = "--pipeline.datamanager.dataparser.downscale-factor"
"""Of ns-train; the project's own commands choose a factor before a trainer is asked."""
CONFIG = "config.yml"
MAX_SEED = 2**32 - 1
"""Of numpy's global generator."""


nerfstudio_commands.protect()  # here: every method that nerfstudio registers comes with this module


def default_device() -> Literal["cpu", "cuda"]:
    return "cuda" if torch.cuda.is_available() else "cpu"


def quiet_logging() -> LoggingConfig:
    """nerfstudio's logging without its tables, which our progress bar replaces."""
    return LoggingConfig(local_writer=LocalWriterConfig(enable=False), profiler="none")


@contextmanager
def user_errors_exit() -> Iterator[None]:
    """Within `ns-train`: a user's mistake, or a full disk, is one sentence and exit code 2, not a traceback."""
    try:
        yield
    except (Editor3DError, OSError) as error:
        print(f"error: {sentence(error)}", file=sys.stderr)
        raise SystemExit(USER_ERROR) from error
    except RunInterrupted as interrupted:
        raise SystemExit(INTERRUPTED) from interrupted
    except KeyboardInterrupt as interrupt:
        print("Stopped at once: what was saved before is kept.", file=sys.stderr)
        raise SystemExit(INTERRUPTED) from interrupt


class RunInterrupted(Exception):
    """The user stopped the run while it was being prepared; what was made is kept."""


def resume_command(run: Path) -> str:
    """What to type to go on with a run, whatever its folder is called."""
    return f"editor3d resume {shlex.quote(str(run))}"


_NEW_RUNS: set[Path] = set()
"""Folders of runs that this process was the first to write to, until they are prepared: an earlier run that cannot go
on keeps its folder."""
_UNNAMED_RUNS: set[str] = set()
"""Names that this process made up for runs that it has not written to yet: another process may have made up the same
one in that second, so the folder decides."""


def _discard_empty(run: Path) -> None:
    """Remove the folder of a run that has nothing but its configuration, and what that names, and the folders above
    that this empties."""
    if {path.name for path in run.glob("*")} <= {CONFIG, REGION_FILES}:
        (run / CONFIG).unlink(missing_ok=True)
        shutil.rmtree(run / REGION_FILES, ignore_errors=True)
        remove_empty(run)


@dataclass
class PluginTrainerConfig(TrainerConfig):
    """nerfstudio's trainer configuration with defaults that suit any machine."""

    _target: type = field(default_factory=lambda: PluginTrainer)
    pipeline: PluginPipelineConfig = field(default_factory=PluginPipelineConfig)
    machine: MachineConfig = field(default_factory=lambda: MachineConfig(device_type=default_device()))
    logging: LoggingConfig = field(default_factory=quiet_logging)
    viewer: ViewerConfig = field(
        default_factory=lambda: ViewerConfig(websocket_host="127.0.0.1", quit_on_train_completion=True)
    )
    vis: Literal[
        "viewer", "wandb", "tensorboard", "comet", "viewer+wandb", "viewer+tensorboard", "viewer+comet", "viewer_legacy"
    ] = "viewer"
    steps_per_save: int = 500
    steps_per_eval_batch: int = 0
    steps_per_eval_image: int = 0
    steps_per_eval_all_images: int = 0

    def check(self) -> None:
        """Refuse what cannot work, before anything is written.

        Raises:
            Editor3DError: one sentence about the first thing wrong.
        """
        manager = self.pipeline.datamanager
        asked = manager.data or manager.dataparser.data
        if str(asked) in ("", "."):
            raise DataError(
                "Expected a captured scene, got none: say --data FOLDER, or --data demo for the shipped one."
            )
        manager.data = resolve_data(str(asked))
        manager.data = manager.data.resolve()
        if self.experiment_name is None and manager.data == demo_path():
            self.experiment_name = DEMO  # its folder's name says nothing
        manager.dataparser.data = manager.data
        if manager.dataparser.downscale_factor is None:
            manager.dataparser.downscale_factor = self._factor_of_base()
        posed = load_posed_images(
            manager.data,
            downscale_factor=manager.dataparser.downscale_factor,
            eval_interval=manager.dataparser.eval_interval,
        )
        announce(posed)
        if manager.dataparser.downscale_factor is None:  # settled now: whatever reads the run later takes the same
            announce_reduction(posed, _DOWNSCALE_FLAG)
            manager.dataparser.downscale_factor = posed.downscale_factor
        if self.max_num_iterations < 1:
            raise ConfigError(f"Expected at least 1 step, got {self.max_num_iterations}: raise --max-num-iterations.")
        if not 0 <= self.machine.seed <= MAX_SEED:
            raise ConfigError(f"Expected a seed of 0 to {MAX_SEED}, got {self.machine.seed}: choose another.")
        if self.machine.device_type == "cuda" and not torch.cuda.is_available():
            raise ConfigError("Expected a CUDA device, found none: say --machine.device-type cpu.")
        if self.load_dir is not None:
            checkpoints.latest_checkpoint(self.load_dir, self.load_step)
        if self.load_checkpoint is not None and not self.load_checkpoint.is_file():
            raise CheckpointError(f"Expected a checkpoint at {self.load_checkpoint}, found none: check the path.")

    def _factor_of_base(self) -> int | None:
        """The downscale factor of the run that this one starts from, where it is known."""
        from editor3d.plugin.bases.base import downscale_factor_of

        start = self.load_checkpoint or self.load_dir
        return None if start is None or not start.exists() else downscale_factor_of(start)

    def set_timestamp(self) -> None:
        """Called by ns-train: name a run that has no name yet."""
        if self.timestamp == "{timestamp}":
            super().set_timestamp()
            _UNNAMED_RUNS.add(self.timestamp)

    def print_to_terminal(self) -> None:
        """One line; the whole configuration is in the run's config.yml."""
        CONSOLE.print(f"{self.method_name}: {self.max_num_iterations} steps on {self.machine.device_type}")

    def save_config(self) -> None:
        """Called by ns-train: check the configuration, then write config.yml, with user errors turned into exit code 2.

        A run that cannot start leaves no folder behind.
        """
        with user_errors_exit():
            self.check()
            self.write_config()

    def write_config(self) -> None:
        """Write config.yml, whole or not at all; where it says the same already it is left alone.

        Raises:
            Editor3DError: the disk is full, or the folder cannot be written; an earlier config.yml is unchanged.
        """
        new = self.timestamp in _UNNAMED_RUNS
        if new:
            _UNNAMED_RUNS.discard(self.timestamp)
            self.timestamp = new_run_folder(self.get_base_dir().parent).name
        path = self.get_base_dir() / CONFIG
        content = dump_config(self).encode()
        new = new or not path.exists()
        if not new and path.read_bytes() == content:
            return
        for leftover in path.parent.glob(f".{path.stem}.*.tmp{path.suffix}"):  # of a run killed while writing
            leftover.unlink()
        try:
            with replacing(path) as partial:
                partial.write_bytes(content)
        except Editor3DError:
            if new:
                _discard_empty(path.parent)
            raise
        if new:
            _NEW_RUNS.add(path.parent)


def place_run(config: PluginTrainerConfig, run: Path) -> None:
    """Make the configuration of a run name the folder that it is in now, OUTPUT/EXPERIMENT/METHOD/TIMESTAMP, and reach
    nothing beyond this machine that nobody asked for here: a run may be a stranger's.

    Raises:
        CheckpointError: the folder lies otherwise.
        ConfigError: it edits by an image service that was not chosen on this machine, or by weights that are not on it.
    """
    run = run.resolve()
    if len(run.parts) < 4 or run.parent.name != config.method_name:
        raise CheckpointError(
            f"Expected the run in a folder {config.method_name}, as OUTPUT/SCENE/{config.method_name}/{run.name}, "
            f"found it at {run}: move it into one to go on with it."
        )
    config.output_dir, config.experiment_name, config.timestamp = run.parents[2], run.parents[1].name, run.name
    config.viewer.websocket_host, config.viewer.make_share_url = "127.0.0.1", False
    require_chosen_service(getattr(config.pipeline, "editor", ""), run)
    for model in ("editor", "guidance"):
        require_chosen_weights(getattr(config.pipeline, model, ""), run)


class PluginTrainer(Trainer):
    """nerfstudio's trainer with exact resume.

    A run whose folder already holds checkpoints goes on from the newest: parameters, optimisers, random generators and
    the edit's own state are those of an uninterrupted run. Ctrl-C finishes the step, saves and stops; a second one
    stops at once. `max_num_iterations` is the length of the whole run, however often it is resumed.
    """

    config: PluginTrainerConfig
    pipeline: PluginPipeline

    def setup(self, test_mode: Literal["test", "val", "inference"] = "val") -> None:
        """Called by ns-train; `prepare` with user errors turned into exit code 2."""
        with user_errors_exit():
            self.prepare(test_mode)

    def train(self) -> None:
        """Called by ns-train; `fit` with user errors turned into exit code 2, and 130 when interrupted."""
        with user_errors_exit():
            if not self.fit():
                raise SystemExit(INTERRUPTED)

    def prepare(self, test_mode: Literal["test", "val", "inference"] = "val") -> None:
        """Build the pipeline and load what there is to load.

        Raises:
            Editor3DError: the data, the base or the checkpoint cannot be used; a new run that holds nothing yet is
                removed.
        """
        try:
            self.build(test_mode)
        except (Editor3DError, OSError):
            if self.base_dir in _NEW_RUNS:
                _discard_empty(self.base_dir)
            raise
        finally:
            _NEW_RUNS.discard(self.base_dir)

    def build(self, test_mode: Literal["test", "val", "inference"]) -> None:
        """The work of `prepare`."""
        self._began = time.perf_counter()
        self.stop_training = False
        self.completed = -1
        self._seconds_before = 0.0
        seed = self.config.machine.seed
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        with optional_event_logs():
            super().setup(test_mode)

    def fit(self) -> bool:
        """Run the remaining steps and save.

        Returns:
            False if a stop was asked for before the last step.
        """
        total, title = self.config.max_num_iterations, str(self.config.method_name)
        note_capture(self.base_dir, self._posed_images())
        with self._stop_on_signal(), TrainingProgress(title, self._start_step, total) as self._progress:
            # nerfstudio counts the iterations of this process; ours is the length of the run
            self.config.max_num_iterations = max(0, total - self._start_step)
            try:
                super().train()
            except EditInterrupted:
                self._after_train()
            finally:
                self.config.max_num_iterations = total
        done = self.completed + 1 >= total
        if done and not hasattr(self.config, "instruction"):  # a reconstruction
            self._judge()
        if not done:
            told = f"Stopped after {self.completed + 1} of {total} steps. Go on with: {resume_command(self.base_dir)}"
            CONSOLE.print(told, soft_wrap=True, markup=False)
        return done

    def _posed_images(self) -> PosedImages:
        return self.pipeline.datamanager.train_dataparser_outputs.metadata["posed_images"]

    def _judge(self) -> None:
        """Say how good the finished reconstruction is."""
        latest = checkpoints.latest_checkpoint(self.checkpoint_dir)
        total, method = self.config.max_num_iterations, str(self.config.method_name)
        report_base(self.base_dir, judge_base(self.pipeline, latest, total, method))

    @property
    def seconds(self) -> float:
        """Seconds since loading began, those of earlier sittings included."""
        return self._seconds_before + time.perf_counter() - self._began

    @contextmanager
    def _stop_on_signal(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def stop(*_) -> None:
            if self.stop_training:
                raise KeyboardInterrupt
            self.stop_training = True
            CONSOLE.print("Stopping after this step; once more to stop at once.")

        previous = {name: signal.signal(name, stop) for name in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for name, handler in previous.items():
                signal.signal(name, handler)

    def train_iteration(self, step: int):
        with self.pipeline.stopwatch.measure("fit"):
            loss, losses, metrics = super().train_iteration(step)
        self.completed = step
        self._progress.update(step + 1)
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
            self._seconds_before = state["seconds"]
            for kind, seconds in state["times"].items():  # besides what loading took this time
                self.pipeline.stopwatch.seconds[kind] += seconds
        self.completed = state["step"]
        self._start_step = state["step"] + 1
        CONSOLE.print(f"Going on after step {state['step']} of {path}")

    def extra_state(self) -> dict:
        """What a subclass needs besides, as tensors and plain values."""
        return {}

    def load_extra_state(self, state: dict) -> None:
        """Take over what `extra_state` gave."""

    def save_checkpoint(self, step: int) -> None:
        """Write the checkpoint of `step`, whole or not at all, then remove the older ones."""
        path = self.checkpoint_dir / f"step-{step:09d}.ckpt"
        checkpoints.save(
            path,
            {
                "step": step,
                "pipeline": self.pipeline.state_dict(),
                "optimizers": {name: value.state_dict() for name, value in self.optimizers.optimizers.items()},
                "schedulers": {name: value.state_dict() for name, value in self.optimizers.schedulers.items()},
                "scalers": self.grad_scaler.state_dict(),
                "random": checkpoints.global_random_state(),
                "generators": {name: value.get_state() for name, value in self.pipeline.generators().items()},
                "counters": self.pipeline.counters(),
                "seconds": self.seconds,
                "times": dict(self.pipeline.stopwatch.seconds),
                "extra": self.extra_state(),
            },
        )
        if self.config.save_only_latest_checkpoint:
            for other in checkpoints.find_checkpoints(self.checkpoint_dir).values():
                if other != path:
                    other.unlink()
