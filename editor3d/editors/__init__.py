"""2D instruction editors, by name. Imports neither torch nor any editor until one is created.

    editor = create_editor("procedural")
    editor = create_editor("folder:my_edits")
    editor = create_editor("ip2p:/models/instruct-pix2pix", device="cuda", half_precision=True)

Another package adds an editor by an entry point in the group `editor3d.editors` whose value is an `EditorEntry`.
"""

from __future__ import annotations

import warnings

from editor3d import extensions
from editor3d.editors.catalogue import EDITORS, EditorEntry
from editor3d.errors import ConfigError, Editor3DError, Editor3DWarning
from editor3d.registry import load_target
from editor3d.types import Editor, Origin

__all__ = [
    "EDITORS",
    "EditorEntry",
    "available_editors",
    "create_editor",
    "editor_names",
    "find_entry",
    "resolve_auto",
    "resolve_auto_inserter",
    "resolve_auto_try_on",
]


def editor_names() -> tuple[str, ...]:
    """Names of all editors, this package's first; loads no other package."""
    return tuple(dict.fromkeys((*EDITORS, *sorted(extensions.installed(extensions.EDITORS)))))


def available_editors() -> dict[str, EditorEntry]:
    """All editors; one of another package that cannot be loaded is left out with a warning."""
    found: dict[str, EditorEntry] = {}
    for name in editor_names():
        try:
            found[name] = find_entry(name)
        except ConfigError as error:
            warnings.warn(str(error), Editor3DWarning, stacklevel=2)
    return found


def find_entry(name: str) -> EditorEntry:
    """The entry of one editor.

    Raises:
        ConfigError: no editor has this name, or the package that brings it cannot be loaded.
    """
    if name in EDITORS:
        return EDITORS[name]
    point = extensions.installed(extensions.EDITORS).get(name)
    if point is None:
        raise ConfigError(f"There is no editor '{name}'; choose one of: auto, {', '.join(editor_names())}.")
    return extensions.load(point, EditorEntry)


def origin_of(editor: str) -> Origin:
    """What the pictures of an editor come from.

    Args:
        editor: its spec, `name` or `name:argument`.
    """
    try:
        return find_entry(editor.split(":", 1)[0]).info.origin
    except Editor3DError:  # a guidance by a text-to-image model, or an editor of a package that is gone
        return "model"


def create_editor(spec: str, *, device: str = "cpu", half_precision: bool = False, cpu_offload: bool = False) -> Editor:
    """Create an editor; no weights are loaded before its first edit.

    Args:
        spec: `name` or `name:argument`; `auto` is what `resolve_auto` chooses.
        device: where a model runs, as torch names it ("cpu", "cuda", "cuda:1").
        half_precision: run a model in 16 bits.
        cpu_offload: keep on the device only the part of a model that is at work; needs CUDA.

    Raises:
        ConfigError: unknown name, an argument that is missing or not wanted, or device options that do not fit.
    """
    if spec == "auto":
        spec, _ = resolve_auto()
    name, colon, argument = spec.partition(":")
    entry = find_entry(name)
    if entry.argument == "none" and colon:
        raise ConfigError(f"The editor '{name}' takes no argument, but '{spec}' gives one; write '{name}'.")
    if entry.argument == "required" and not argument:
        raise ConfigError(f"The editor '{name}' needs {entry.argument_help}: write '{name}:ARG' with it, not '{spec}'.")
    if colon and not argument:
        raise ConfigError(f"'{spec}' ends after the colon; write '{name}' or '{name}:' and {entry.argument_help}.")
    options = (
        {"device": device, "half_precision": half_precision, "cpu_offload": cpu_offload} if entry.runs_model else {}
    )
    return load_target(entry.target)(*([argument] if argument else []), **options)


def resolve_auto() -> tuple[str, str]:
    """The editor that `auto` means here: a real model where its weights are on this machine, else `procedural`.

    Looks at local files only.

    Returns:
        The spec for `create_editor`, and why in one clause ("the weights of InstructPix2Pix are in …").
    """
    from editor3d.diffusion.weights import IP2P_HUB_ID, find_weights, how_to_get

    weights = find_weights(IP2P_HUB_ID)
    if weights is not None:
        return "ip2p", f"the weights of InstructPix2Pix are in {weights}"
    return "procedural", f"it needs no weights, and those of InstructPix2Pix are not here: {how_to_get(IP2P_HUB_ID)}"


def resolve_auto_inserter() -> tuple[str, str]:
    """As `resolve_auto`, for what is painted into a region: Stable Diffusion inpainting, else `procedural-insert`."""
    from editor3d.diffusion.weights import find_weights, how_to_get

    hub_id = EDITORS["sd-inpaint"].hub_id
    weights = find_weights(hub_id)
    if weights is not None:
        return "sd-inpaint", f"the weights of Stable Diffusion inpainting are in {weights}"
    return (
        "procedural-insert",
        f"it needs no weights, and those of Stable Diffusion inpainting are not here: {how_to_get(hub_id)}",
    )


def resolve_auto_try_on() -> tuple[str, str]:
    """As `resolve_auto`, for dressing a person: a model that takes a garment, else `try-on`."""
    from editor3d.diffusion.weights import find_weights

    for name, entry in EDITORS.items():
        if entry.info.needs_garment and entry.hub_id and entry.argument == "optional":
            weights = find_weights(entry.hub_id)
            if weights is not None:
                return name, f"the weights of {entry.hub_id} are in {weights}"
    return "try-on", "it needs no weights, and those of no model that takes a garment are here"
