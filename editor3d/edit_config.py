"""The configuration of an edit, from what a person asks for."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from editor3d.errors import ConfigError, InstructionError, RegionError
from editor3d.registry import EDIT_METHOD_OF, METHODS, SCENE_FILES, load_target

if TYPE_CHECKING:
    from editor3d.api import Scene
    from editor3d.plugin.edit.trainer import EditTrainerConfig
    from editor3d.types import Condition

GARMENT_METHOD = "gaussian-vton"
"""What auto takes where a garment is given."""
CPU_METHOD = "igs2gs"
"""What auto takes without a GPU: edits take as long as in2n's, of a sharper scene (benchmarks/known_edits.py)."""


def edit_config(
    scene: Scene,
    instruction: str,
    *,
    method: str = "auto",
    editor: str = "auto",
    output: Path | str = "outputs",
    preset: str | None = None,
    steps: int | None = None,
    base_steps: int | None = None,
    seed: int = 42,
    region: str | None = None,
    garment: Path | str | None = None,
    condition_on: Condition | None = None,
    guidance_scale: float | None = None,
    image_guidance_scale: float | None = None,
    force: bool = False,
    viewer: bool = False,
) -> EditTrainerConfig:
    """The configuration that `ns-train METHOD` would have with the same choices; see `Scene.edit`.

    Raises:
        ConfigError: no such method or preset, or a method that does not edit.
    """
    from editor3d.plugin.train.presets import read_preset
    from editor3d.regions import parse_region, seen_parts

    names = [name for name, entry in METHODS.items() if entry.kind == "edit"]
    if method not in ("auto", *names):
        raise ConfigError(f"Expected a method that edits, one of {', '.join(names)}, got {method!r}.")
    if region is not None and seen_parts(parse_region(region)) and scene.is_file:
        raise RegionError(
            f"Expected a region of shapes for a file of splats, which has no masks of its own, got {region}: say "
            f"box:..., sphere:... or a .json file of those."
        )
    if scene.is_file:  # whose pictures are rendered now: what can be refused without them has been
        if scene.base is not None:
            raise ConfigError(f"Expected no --base with a file of splats, got {scene.base}: {scene.data} is the base.")
        if not instruction.strip() and not editor.startswith("folder") and garment is None:
            raise InstructionError("Expected an instruction, got an empty one: say how the scene should change.")
        opened = load_target(SCENE_FILES[scene.data.suffix.lower()])(scene.data, Path(output), scene.around)
        scene = replace(scene, data=opened[0], downscale_factor=1, base=opened[1], around=None)
    if method == "auto" and preset is not None:
        method = read_preset(preset)["method"]
    elif method == "auto":
        method = default_method(scene) if garment is None else GARMENT_METHOD
    entry = METHODS[method]
    config = deepcopy(load_target(entry.target).config)
    if garment is not None:
        if not hasattr(config, "garment"):
            raise ConfigError(
                f"Expected no garment with {method}, which takes an instruction alone, got {garment}: say --method "
                f"{GARMENT_METHOD}."
            )
        config.garment = Path(garment)
    config.instruction, config.editor, config.preset = instruction, editor, preset
    config.pipeline.datamanager.data = scene.data
    config.pipeline.datamanager.dataparser.downscale_factor = scene.downscale_factor
    config.load_dir, config.region = scene.base, region
    config.output_dir, config.base_steps, config.machine.seed = Path(output), base_steps, seed
    config.force = force
    config.vis = "viewer" if viewer else "tensorboard"
    if steps is not None:
        config.max_num_iterations = steps
    asked = {
        "condition_on": condition_on,
        "guidance_scale": guidance_scale,
        "image_guidance_scale": image_guidance_scale,
    }
    for name, value in asked.items():
        if value is not None:
            setattr(config.pipeline, name, value)
    return config


def default_method(scene: Scene) -> str:
    """The edit method that suits a scene: that of its base's kind if it has one, else the fastest on this machine."""
    from editor3d.plugin.bases.base import open_base
    from editor3d.plugin.train.trainer import default_device

    if scene.base is None:
        return "in2n" if default_device() == "cuda" else CPU_METHOD
    config = open_base(scene.base).config
    kind = "" if config is None else type(config.pipeline.model).__name__
    return EDIT_METHOD_OF.get(kind, "in2n")
