"""The base: the reconstruction that an edit starts from. Found, adopted, or trained and kept for the next edit."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs
from nerfstudio.engine.trainer import TrainerConfig
from nerfstudio.utils.rich_utils import CONSOLE

from editor3d.datasets.dataparser import PosedImagesDataParserConfig
from editor3d.errors import CheckpointError, ConfigError
from editor3d.files.writing import write_json
from editor3d.methods import available_methods, method_config
from editor3d.plugin.bases.captures import dataparser_of, read_frame, same_frame
from editor3d.plugin.bases.quality import QUALITY_FILE, judge_base, kept_quality, require_good_base
from editor3d.plugin.config.file import read_config
from editor3d.run import checkpoints
from editor3d.run.events import Result, absolute, emit
from editor3d.run.folders import alone, resume_command
from editor3d.run.stopping import RunInterrupted

if TYPE_CHECKING:
    from editor3d.plugin.train.config import PluginTrainerConfig
    from editor3d.plugin.train.pipeline import PluginPipeline
    from editor3d.plugin.train.scene import PluginModelConfig

_FRAME_SETTINGS = ("orientation_method", "center_method", "auto_scale_poses", "scale_factor")


class ChangesBase:
    """Configurations of runs that edit a reconstruction are of this class, too; all others make one."""


@dataclass(frozen=True)
class Base:
    """A reconstruction on disk."""

    checkpoint: Path
    config: TrainerConfig | None
    """The configuration it was trained with, where that is known."""
    reported: bool = False
    """Whether it was made just now, and its quality printed then."""

    @property
    def is_edit(self) -> bool:
        """Whether it is itself the result of an edit."""
        return isinstance(self.config, ChangesBase)

    @property
    def run(self) -> Path:
        """The run's folder."""
        return self.checkpoint.parent.parent


def open_base(path: Path, step: int | None = None) -> Base:
    """The base in a run's folder, its folder of checkpoints, or one checkpoint.

    Raises:
        CheckpointError: there is no checkpoint, or its configuration cannot be read.
    """
    checkpoint = path if path.is_file() else checkpoints.latest_checkpoint(path, step)
    config = checkpoint.parent.parent / "config.yml"
    return Base(checkpoint, read_config(config) if config.is_file() else None)


def adopt_base(config: PluginTrainerConfig, base: Base) -> None:
    """Make an edit's configuration fit its base: the frame, the kind of model, its sizes, and that kind's optimisers.

    What an edit chooses itself (`EDIT_SETTINGS` of the model's configuration) stays. A base of a kind that no method of
    ours reconstructs changes nothing here; loading then refuses it by its keys.
    """
    if base.config is None:
        return
    found = base.config.pipeline.model
    own_parser, noted = config.pipeline.datamanager.dataparser, vars(dataparser_of(base.config))
    vars(own_parser).update({key: noted[key] for key in _FRAME_SETTINGS if key in noted})
    own: PluginModelConfig = config.pipeline.model
    other_kind = not isinstance(own, type(found))
    if other_kind:
        for candidate in _base_configs():
            if isinstance(candidate.pipeline.model, type(found)):
                # reflection: fields that both kinds of model have
                shared = vars(candidate.pipeline.model).keys() & own.EDIT_SETTINGS
                chosen = {key: value for key, value in vars(own).items() if key in shared}
                theirs = candidate.pipeline.model
                own = replace(theirs, **{**theirs.EDIT_DEFAULTS, **chosen})
                config.optimizers = deepcopy(candidate.optimizers)
                # a scaled loss would scale the gradients that densification looks at, too
                config.mixed_precision = config.mixed_precision and candidate.mixed_precision
                _adopt_batches(config, candidate)
                break
        else:
            return
    kept = {"_target", *own.EDIT_SETTINGS}
    # reflection: a stock run may have fields that this version of the model does not
    taken = {key: value for key, value in vars(found).items() if key not in kept and key in vars(own)}
    config.pipeline.model = replace(own, **taken)
    if other_kind:
        config.pipeline.adopted(config)


def _base_configs() -> Iterator[PluginTrainerConfig]:
    """The configuration of each method that reconstructs; one that cannot be loaded is left out with a warning."""
    for name in available_methods("base"):
        try:
            yield cast("PluginTrainerConfig", method_config(name, TrainerConfig))
        except ConfigError as error:
            warnings.warn(str(error), stacklevel=2)


def _adopt_batches(config: PluginTrainerConfig, candidate: PluginTrainerConfig) -> None:
    """Draw batches as `candidate` does: rays, or whole pictures."""
    own, wanted = config.pipeline.datamanager, candidate.pipeline.datamanager
    if type(own) is not type(wanted):
        config.pipeline.datamanager = replace(
            wanted, data=own.data, dataparser=own.dataparser, seed=own.seed, **wanted.EDIT_DEFAULTS
        )


def check_pictures(base: Base, parser: PosedImagesDataParserConfig, outputs: DataparserOutputs) -> None:
    """Refuse a base made from other pictures than those to be edited: of another size, or of other cameras.

    Only where one of our methods reconstructed it: nerfstudio's parsers note their sizes and frames differently.

    Args:
        parser: how the pictures to be edited are read.
        outputs: what it found.

    Raises:
        ConfigError: the base's pictures were read at another downscale factor.
        CheckpointError: its scene lies elsewhere than the cameras, as that of another capture does.
    """
    theirs = None if base.config is None else dataparser_of(base.config)
    if not isinstance(theirs, PosedImagesDataParserConfig):
        return
    if theirs.downscale_factor != parser.downscale_factor:
        raise ConfigError(
            f"Expected pictures at 1/{theirs.downscale_factor} of their size, as the base in {base.run} was made from, "
            f"got 1/{parser.downscale_factor}: set downscale-factor to {theirs.downscale_factor}, or leave the base "
            f"out."
        )
    noted = read_frame(base.run)
    if noted is not None and not same_frame(*noted, outputs):
        raise CheckpointError(
            f"Expected a base made from the cameras of --data, found one of others in {base.run} (made from "
            f"{theirs.data}): give the two that belong together, or leave --load-dir out."
        )


def check_quality(base: Base, pipeline: PluginPipeline, edit: Path, force: bool) -> None:
    """Refuse a base that shows no scene. What was found is kept in the edit's folder, and printed
    unless it was just now.

    Args:
        pipeline: holds the base's scene; its training pictures are the photographs.
        edit: the folder of the edit's run.
        force: edit a bad one, too.

    Raises:
        CheckpointError: it is bad.
    """
    if base.is_edit:  # photographs do not show what it should
        return
    quality = kept_quality(base.run, base.checkpoint)
    if quality is None:
        steps, method = (None, "") if base.config is None else (base.config.max_num_iterations, base.config.method_name)
        quality = judge_base(pipeline, base.checkpoint, steps, str(method))
    require_good_base(base.run, quality, force, reported=base.reported)
    write_json(edit / QUALITY_FILE, asdict(quality))


def downscale_factor_of(run: Path) -> int | None:
    """The factor at which a run of one of our methods read its pictures; None for other runs.

    Raises:
        CheckpointError: as `open_base`.
    """
    config = open_base(run).config
    parser = None if config is None else dataparser_of(config)
    return parser.downscale_factor if isinstance(parser, PosedImagesDataParserConfig) else None


def base_config(method: str, edit: PluginTrainerConfig, steps: int | None) -> PluginTrainerConfig:
    """The run that trains a base for `edit`: the same pictures, and a folder named by what shapes the result."""
    config = cast("PluginTrainerConfig", method_config(method, TrainerConfig))  # see `BasedTrainerConfig.check_options`
    data = edit.pipeline.datamanager
    config.pipeline.datamanager.data = data.data
    parser = deepcopy(data.dataparser)
    if data.data is not None:
        parser.data = data.data
    parser.opened = data.dataparser.opened
    config.pipeline.datamanager.dataparser = parser
    config.machine = deepcopy(edit.machine)
    config.output_dir, config.experiment_name, config.vis = edit.output_dir, edit.experiment_name, edit.vis
    config.viewer = deepcopy(edit.viewer)
    if steps is not None:
        config.max_num_iterations = steps
    config.timestamp = f"base-{_fingerprint(config)}"
    return config


def _fingerprint(config: PluginTrainerConfig) -> str:
    """16 hex digits of what a base depends on: the data's content, the model, the optimisers, the seed and length."""
    parser = config.pipeline.datamanager.dataparser
    posed = parser.posed_images()
    digest = hashlib.blake2b(digest_size=8)
    settings = (
        config.method_name,
        replace(parser, data=Path()),
        # numbers and words: which pictures and how they are drawn, but neither paths nor functions
        {k: v for k, v in vars(config.pipeline.datamanager).items() if isinstance(v, bool | int | float | str)},
        config.pipeline.model,
        config.optimizers,
        config.max_num_iterations,
        config.machine.seed,
        config.machine.device_type,
    )
    digest.update(repr(settings).encode())
    for points in (posed.points, posed.point_colors):
        digest.update(b"" if points is None else points.tobytes())
    for view in posed.views:
        digest.update(repr((view.name, view.split, view.width, view.height, view.distortion, view.fisheye)).encode())
        digest.update(repr((view.fl_x, view.fl_y, view.cx, view.cy)).encode())
        digest.update(view.c2w.tobytes())
        for path in (view.image_path, view.mask_path):
            if path is not None:
                digest.update(path.read_bytes())
    return digest.hexdigest()


def ensure_base(method: str, edit: PluginTrainerConfig, steps: int | None) -> Base:
    """The kept base for an edit's data; trained now if there is none yet.

    Raises:
        RunInterrupted: training it was interrupted; its checkpoint is kept, and the next call resumes. How to resume
            with the edit was said.
    """
    base = keep_base(base_config(method, edit, steps))
    if base is None:
        print(f"Resume the edit, its reconstruction first, with: {resume_command(edit.get_base_dir())}", flush=True)
        raise RunInterrupted
    return base


def keep_base(config: PluginTrainerConfig) -> Base | None:
    """The base of what `base_config` gave: the kept one, or trained now; None if that was interrupted."""
    with alone(config.get_base_dir()):
        return _kept_base(config)


def _kept_base(config: PluginTrainerConfig) -> Base | None:
    folder = config.get_checkpoint_dir()
    done = config.max_num_iterations - 1
    missing = done not in checkpoints.find_checkpoints(folder)
    if missing:
        CONSOLE.print(f"Reconstructing {config.pipeline.datamanager.data} first, kept in {config.get_base_dir()}")
        config.check()
        config.write_config()
        trainer = config.setup(local_rank=0, world_size=1)
        trainer.prepare()
        finished = trainer.fit()
        trainer.shutdown()
        if not finished:
            return None
    else:
        CONSOLE.print(f"Starting from the kept base in {config.get_base_dir()}")
        emit(Result(kind="base", path=absolute(config.get_base_dir())))
    return replace(open_base(folder, done), reported=missing)
