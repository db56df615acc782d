"""Turn the options of the command line into a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from editor3d.editors import resolve_auto
from editor3d.errors import CheckpointError
from editor3d.guidance.clip import find_encoder
from editor3d.host.device import default_device
from editor3d.metrics.clip_weights import TINY_CLIP
from editor3d.regions import settled
from editor3d.run.events import Warning, emit
from editor3d.run.folders import alone, new_run_folder, remove_empty
from editor3d.trust import require_chosen_service, require_chosen_weights
from mesh.bake.write import check_output
from mesh.model.field import FieldSettings
from mesh.render.cameras import ViewSettings
from mesh.render.render import LightSettings
from mesh.style.clip_loss import ClipLossSettings
from mesh.style.config import CONFIG, EditSettings, StyleConfig, read_config
from mesh.style.run import StyleRun
from mesh.style.shown import METHOD
from mesh.surface import Surface

if TYPE_CHECKING:
    from editor3d.cli.commands.mesh import Mesh

LIGHTS = {
    "studio": LightSettings(),
    "headlight": LightSettings(0.3, (((0.0, 0.0, 1.0), 1.2),), "camera"),
    "flat": LightSettings(1.0, ()),
}
"""Lights by name."""
CLIP_DISPLACEMENT = 0.1
"""Text2Mesh's."""
SMALL_CLIP_SIGMA = 0.2
SMALL_CLIP_LOSS = ClipLossSettings(smoothness=2.0)
"""The package's small CLIP knows colours and materials, no shapes; blotches please it where they are possible."""


def style(options: Mesh) -> Path:
    """Run `editor3d mesh style`; the run's folder.

    Raises:
        Editor3DError: one sentence on what was expected, what came and what to do; nothing was written.
        KeyboardInterrupt: stopped by Ctrl-C; `resume` continues.
    """
    config = config_of(options)
    above = 2 if options.runs.exists() else 3
    folder = new_run_folder(options.runs / Path(config.mesh).stem / METHOD)
    try:
        return _finished(StyleRun(config, folder))
    finally:
        remove_empty(folder, above)  # it is, if the run could not begin


def resume(folder: Path) -> Path:
    """Resume a run; a finished one stays unchanged.

    Raises:
        CheckpointError: the folder holds no run of a mesh.
        ConfigError: it uses an image service that was not chosen on this machine, or weights that are not on it.
        KeyboardInterrupt: stopped again.
    """
    if not (folder / CONFIG).is_file():
        raise CheckpointError(f"Expected the run of a mesh (with {CONFIG}) at {folder}, found none: check the path.")
    config = read_config(folder)
    require_chosen_service(config.editor, folder)
    require_chosen_weights(config.editor, folder)
    return _finished(StyleRun(config, folder))


def _finished(run: StyleRun) -> Path:
    announce(run.styled.surface, run.config.mesh)
    with alone(run.folder):
        done = run.fit()
    if not done and run.parts.awaited is None:
        raise KeyboardInterrupt
    return run.folder


def announce(surface: Surface, path: str) -> None:
    """Say what was read of a mesh file, and what of it is not shown."""
    parts = [f"{len(surface.vertices)} vertices", f"{len(surface.faces)} faces"]
    textures = {id(material.texture): material.texture for material in surface.materials}
    sizes = [f"{texture.shape[1]} x {texture.shape[0]}" for texture in textures.values() if texture is not None]
    if surface.vertex_colors is not None or surface.tints is not None:
        parts.append("colours of vertices")
    if sizes:
        parts.append(
            f"{len(sizes)} texture{'s' * (len(sizes) > 1)} ({', '.join(sizes[:4])}{', ...' * (len(sizes) > 4)})"
        )
    elif surface.vertex_colors is None and surface.tints is None:
        count = len(surface.materials)
        parts.append(f"{count} plain colour{'s' * (count > 1)}")
    print(f"Mesh {path}: {', '.join(parts)}")
    for note in surface.notes:
        print(f"  {note}")
        emit(Warning(sentence=f"{path}: {note}"))


def config_of(options: Mesh) -> StyleConfig:
    """The configuration that the flags make; what is left out is the method's own."""
    if options.output is not None:
        check_output(options.output)
    by_clip = bool(options.prompt.strip()) and not options.instruction.strip()
    editor, reason = options.editor, "chosen by name"
    if editor == "auto" and not by_clip:
        editor, reason = resolve_auto()
    by_small = by_clip and find_encoder(options.clip)[0] == TINY_CLIP
    displacement, sigma = options.displacement, options.sigma
    if displacement is None:
        displacement = CLIP_DISPLACEMENT if by_clip and not by_small else 0.0
    if sigma is None and by_small:
        sigma = SMALL_CLIP_SIGMA
    steps = options.steps
    if steps is None and by_clip and default_device() == "cuda":
        steps = 1500
    region = settled(options.region) if options.region else ""
    return _with(
        StyleConfig,
        mesh=str(options.data.resolve()),
        instruction=options.instruction.strip(),
        prompt=options.prompt.strip(),
        editor=editor,
        editor_reason=reason,
        clip=options.clip,
        steps=steps,
        seed=options.seed,
        region=region,
        detail=options.detail,
        background=options.background,
        texture_size=options.texture_size,
        turntable_frames=options.turntable_frames,
        output="" if options.output is None else str(options.output.resolve()),
        views=_with(
            ViewSettings,
            train=options.views,
            held_out=options.held_out,
            side=options.side,
            elevations=options.elevations,
            up=options.up,
            front=options.front,
        ),
        lights=LIGHTS[options.lights],
        provenance=options.provenance,
        style=_with(FieldSettings, sigma=sigma, displacement=displacement, symmetry=options.symmetry),
        clip_loss=SMALL_CLIP_LOSS if by_small else None,
        edits=_with(
            EditSettings,
            guidance_scale=options.guidance_scale,
            image_guidance_scale=options.image_guidance_scale,
            few=options.edits,
            approve=options.approve,
        ),
    )


def _with(kind: type, **values: Any) -> Any:
    """A dataclass with those values that are given."""
    return kind(**{name: value for name, value in values.items() if value is not None})
