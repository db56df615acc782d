"""nerfstudio's trainer configuration, with the project's defaults and checked before anything is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch
from nerfstudio.configs.base_config import LocalWriterConfig, LoggingConfig, MachineConfig, ViewerConfig
from nerfstudio.engine.trainer import TrainerConfig
from nerfstudio.utils.rich_utils import CONSOLE

from editor3d.datasets.demo import demo_path
from editor3d.datasets.locate import DEMO, resolve_data
from editor3d.datasets.opening import announce, announce_reduction
from editor3d.errors import CheckpointError, ConfigError, DataError, Editor3DError
from editor3d.files.writing import replacing
from editor3d.host.device import default_device
from editor3d.plugin.bases.base import downscale_factor_of
from editor3d.plugin.config import nerfstudio_commands
from editor3d.plugin.config.file import dump_config
from editor3d.plugin.train.begun import CONFIG, begun, discard_empty
from editor3d.plugin.train.pipeline import PluginPipelineConfig
from editor3d.plugin.train.trainer import PluginTrainer
from editor3d.run import checkpoints
from editor3d.run.folders import new_run_folder
from editor3d.trust import require_chosen

_DOWNSCALE_FLAG = "--pipeline.datamanager.dataparser.downscale-factor"
"""Of ns-train; the project's own commands choose a factor before they make a trainer."""
MAX_SEED = 2**32 - 1
"""Of numpy's global generator."""
_UNNAMED_RUNS: set[str] = set()
"""Names that this process made up for runs that it has not written to yet: another process may have made up the same
one in that second, so the folder decides."""


nerfstudio_commands.protect()  # here: every method that nerfstudio registers comes with this module


def quiet_logging() -> LoggingConfig:
    """nerfstudio's logging without its tables, which our progress bar replaces."""
    return LoggingConfig(local_writer=LocalWriterConfig(enable=False), profiler="none")


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
        requested = manager.data or manager.dataparser.data
        if str(requested) in ("", "."):
            raise DataError(
                "Expected a captured scene, got none: give --data FOLDER, or --data demo for the shipped one."
            )
        manager.data = resolve_data(str(requested))
        manager.data = manager.data.resolve()
        if self.experiment_name is None and manager.data == demo_path():
            self.experiment_name = DEMO  # its folder's name says nothing
        manager.dataparser.data = manager.data
        if manager.dataparser.downscale_factor is None:
            manager.dataparser.downscale_factor = self._factor_of_base()
        posed = manager.dataparser.posed_images()
        announce(posed)
        if manager.dataparser.downscale_factor is None:  # settled now: whatever reads the run later takes the same
            announce_reduction(posed, _DOWNSCALE_FLAG)
            manager.dataparser.downscale_factor = posed.downscale_factor
        if self.max_num_iterations < 1:
            raise ConfigError(f"Expected at least 1 step, got {self.max_num_iterations}: raise --max-num-iterations.")
        if not 0 <= self.machine.seed <= MAX_SEED:
            raise ConfigError(f"Expected a seed of 0 to {MAX_SEED}, got {self.machine.seed}: choose another.")
        if self.machine.device_type == "cuda" and not torch.cuda.is_available():
            raise ConfigError("Expected a CUDA device, found none: give --machine.device-type cpu.")
        if self.load_dir is not None:
            checkpoints.latest_checkpoint(self.load_dir, self.load_step)
        if self.load_checkpoint is not None and not self.load_checkpoint.is_file():
            raise CheckpointError(f"Expected a checkpoint at {self.load_checkpoint}, found none: check the path.")

    def capture_path(self) -> Path:
        """Where the capture is; `check` has found it."""
        assert self.pipeline.datamanager.data is not None
        return self.pipeline.datamanager.data

    def editors_named(self) -> tuple[str, ...]:
        """The 2D editors or guidances that a resumed run uses."""
        return ()

    def _factor_of_base(self) -> int | None:
        """The downscale factor of the run that this one starts from, where it is known."""
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
        with nerfstudio_commands.user_errors_exit():
            nerfstudio_commands.begin_events()
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
                discard_empty(path.parent)
            raise
        if new:
            begun(path.parent)


def place_run(config: PluginTrainerConfig, run: Path) -> None:
    """Make the configuration of a run name the folder that it is in now, OUTPUT/EXPERIMENT/METHOD/TIMESTAMP, and reach
    nothing beyond this machine that nobody here requested: a run may be a stranger's.

    Raises:
        CheckpointError: the folder lies otherwise.
        ConfigError: it edits by an image service that was not chosen on this machine, or by weights that are not on it.
    """
    run = run.resolve()
    if len(run.parts) < 4 or run.parent.name != config.method_name:
        raise CheckpointError(
            f"Expected the run in a folder {config.method_name}, as OUTPUT/SCENE/{config.method_name}/{run.name}, "
            f"found it at {run}: move it into one to resume it."
        )
    config.output_dir, config.experiment_name, config.timestamp = run.parents[2], run.parents[1].name, run.name
    config.viewer.websocket_host, config.viewer.make_share_url = "127.0.0.1", False
    for model in config.editors_named():
        require_chosen(model, run)
