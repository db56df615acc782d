"""Build the configuration of an edit from the user's options."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from editor3d.errors import ConfigError, InstructionError, RegionError
from editor3d.language.removal import wants_removal
from editor3d.methods import available_methods, edit_method_of, method_config
from editor3d.options import EditOptions
from editor3d.registry import SCENE_FILES, load_target
from editor3d.types import Around, PosedImages

if TYPE_CHECKING:
    from editor3d.plugin.edit.based import BasedTrainerConfig

GARMENT_METHOD = "gaussian-vton"
"""What auto takes where a garment is given."""
REMOVAL_METHOD = "remove"
"""What auto takes of a scene of splats where the instruction wants something gone, and no editor is named."""
CPU_METHOD = "igs2gs"
"""What auto takes for quick edits and without a GPU: edits take as long as in2n's, of a sharper scene
(benchmarks/known_edits.py)."""


@dataclass(frozen=True)
class Source:
    """Where the scene comes from that is edited."""

    data: Path
    """The capture's folder, or a file of splats."""
    downscale_factor: int | None = None
    """Pictures are read at 1/N of their size; None reads large ones smaller, see `editor3d.load`."""
    base: Path | None = None
    """A run to start from; without one the scene is reconstructed at the first edit, and that is kept."""
    around: Around | None = None
    """From where a file of splats is looked at; None is 48 cameras of 512 pixels a side, put where it is seen well."""
    posed: PosedImages | None = field(default=None, repr=False, compare=False)
    """The capture at `data`, where it was read already: edits are made of it as it was then."""

    @property
    def is_file(self) -> bool:
        """Whether it is a file of splats, without the pictures that it was made from."""
        return self.data.suffix.lower() in SCENE_FILES and self.data.is_file()


def edit_config(scene: Source, options: EditOptions) -> BasedTrainerConfig:
    """The configuration that `ns-train METHOD` would have with the same choices.

    Raises:
        ConfigError: no such method or preset, a method that does not edit, or a value out of range.
    """
    from editor3d.plugin.edit.based import BasedTrainerConfig
    from editor3d.plugin.train.presets import read_preset
    from editor3d.regions import StrokesRegion, parse_region, seen_parts

    options.check()
    method, region = options.method, options.region
    names = available_methods("edit")
    if method not in ("auto", *names):
        raise ConfigError(f"Expected a method that edits, one of {', '.join(names)}, got {method!r}.")
    seen = [] if region is None else seen_parts(parse_region(region))
    if scene.is_file and not all(isinstance(part, StrokesRegion) for part in seen):
        raise RegionError(
            f"Expected a region of shapes or strokes for a file of splats, which has no masks of its own, got "
            f"{region}: say box:..., sphere:..., strokes:FILE or a .json file of those."
        )
    if scene.is_file:  # whose pictures are rendered now: what can be refused without them has been
        if scene.base is not None:
            raise ConfigError(f"Expected no --base with a file of splats, got {scene.base}: {scene.data} is the base.")
        if not (options.instruction.strip() or options.editor.startswith("folder") or options.garment):
            raise InstructionError("Expected an instruction, got an empty one: say how the scene should change.")
        opened = load_target(SCENE_FILES[scene.data.suffix.lower()])(scene.data, options.output, scene.around)
        scene = replace(scene, data=opened[0], downscale_factor=1, base=opened[1], around=None, posed=None)
    if method == "auto" and options.preset is not None:
        method = read_preset(options.preset)["method"]
    elif method == "auto":
        method = default_method(scene, options.quick) if options.garment is None else GARMENT_METHOD
        of_splats = scene.base is None or method == CPU_METHOD
        if of_splats and options.editor == "auto" and options.garment is None and wants_removal(options.instruction):
            method = REMOVAL_METHOD
    config = method_config(method, BasedTrainerConfig)
    config.options = options.of_method()
    _place(config, scene)
    config.load_dir, config.output_dir, config.machine.seed = scene.base, options.output, options.seed
    config.vis = "viewer" if options.viewer else "tensorboard"
    if options.quick:
        config.turntable_frames = 0
    if options.steps is not None:
        config.max_num_iterations = options.steps
    return config


def reconstruct(scene: Source, method: str, steps: int | None, output: Path) -> Path | None:
    """The run that holds a scene without a base: the kept reconstruction, or one that is made now.

    Args:
        method: that reconstructs; auto is that of the edit method that suits this machine.
        steps: of its training; None is the method's own number.
        output: folder of runs.

    Returns:
        The run's folder; None if training it was interrupted, which the next call continues.

    Raises:
        Editor3DError: no such method, or a scene that cannot be reconstructed.
    """
    from editor3d.plugin.bases.base import base_config, keep_base
    from editor3d.plugin.edit.based import BasedTrainerConfig
    from editor3d.plugin.train.config import PluginTrainerConfig

    if scene.is_file:
        return load_target(SCENE_FILES[scene.data.suffix.lower()])(scene.data, output, scene.around)[1]
    bases = available_methods("base")
    if method not in ("auto", *bases):
        raise ConfigError(f"Expected a method that reconstructs, one of {', '.join(bases)}, got {method!r}.")
    if steps is not None and steps < 1:
        raise ConfigError(f"Expected at least 1 step, got {steps}: leave --steps out.")
    edit = method_config(default_method(scene), BasedTrainerConfig)
    _place(edit, scene)
    edit.output_dir, edit.vis = output, "tensorboard"
    PluginTrainerConfig.check(edit)  # of the capture; there is nothing to edit yet
    base = keep_base(base_config(edit.base_method if method == "auto" else method, edit, steps))
    return None if base is None else base.run


def _place(config: BasedTrainerConfig, scene: Source) -> None:
    """Have a configuration read the capture of a scene, as it was read already where it was."""
    from editor3d.datasets.dataparser import Opened

    manager = config.pipeline.datamanager
    manager.data, manager.dataparser.downscale_factor = scene.data, scene.downscale_factor
    if scene.posed is not None:
        manager.dataparser.opened = Opened(scene.posed, scene.data.resolve(), scene.downscale_factor)


def default_method(scene: Source, quick: bool = False) -> str:
    """The edit method that suits a scene: that of its base's kind if it has one, else the fastest on this machine.

    Args:
        quick: colours alone are fitted, which takes splats.
    """
    from editor3d.host.device import default_device
    from editor3d.plugin.bases.base import open_base

    if scene.base is None and quick:
        return CPU_METHOD
    if scene.base is None:
        return "in2n" if default_device() == "cuda" else CPU_METHOD
    config = open_base(scene.base).config
    kind = "" if config is None else type(config.pipeline.model).__name__
    return edit_method_of(kind) or "in2n"
