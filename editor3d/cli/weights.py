"""Find the model weights that are on this machine, and say how to get the others. Imports no model."""

from __future__ import annotations

import os
from dataclasses import dataclass

from editor3d.cli.checks import Check
from editor3d.diffusion.weights import find_weights, how_to_get
from editor3d.editors import EDITORS, EditorEntry, available_editors
from editor3d.metrics.clip_weights import find_clip
from editor3d.metrics.unavailable import Unavailable
from editor3d.regions.text_weights import find_finder, how_to_get_finder

HUB_IDS = {name: entry.hub_id for name, entry in EDITORS.items() if entry.hub_id}
"""What an editor loads by default."""


@dataclass(frozen=True)
class EditorState:
    call: str
    """How to ask for it on the command line."""
    ready: bool
    """Whether all it needs is known to be here."""
    remedy: str = ""
    """How to get what is known to be missing."""


def editor_state(name: str, entry: EditorEntry) -> EditorState:
    """Whether an editor can run: its weights are here, or the key of its service is set. Nothing is sent over the
    network, and the weights of an editor that names no hub id are not looked for."""
    call = f"--editor {name}"
    if entry.argument == "optional":
        call += f", or --editor {name}:ARG with {entry.argument_help}"
    elif entry.argument == "required":
        call += f":ARG with {entry.argument_help}"
    if entry.key_variables and not any(os.environ.get(variable) for variable in entry.key_variables):
        return EditorState(call, ready=False, remedy=f"set {' or '.join(entry.key_variables)} to the service's key")
    if entry.own_server:
        return EditorState(call, ready=False)
    if not entry.info.needs_weights:
        return EditorState(call, ready=True)
    if not entry.hub_id:
        return EditorState(call, ready=False)
    if find_weights(entry.hub_id) is None:
        return EditorState(call, ready=False, remedy=how_to_get(entry.hub_id))
    return EditorState(call, ready=True)


def check_weights() -> list[Check]:
    """The weights of editors, metrics and regions. None is required: each has others that need none."""
    editors = [_check_editor(name) for name in HUB_IDS if name in available_editors()]
    return [*editors, _check_clip(), _check_lpips(), _check_text_regions()]


def _check_editor(name: str) -> Check:
    folder = find_weights(HUB_IDS[name])
    if folder is None:
        return _check(name, f"the editor {name} needs the weights of {HUB_IDS[name]}", how_to_get(HUB_IDS[name]))
    return _check(name, str(folder))


def _check_clip() -> Check:
    found = find_clip()
    if isinstance(found, Unavailable):
        return _check("CLIP", found.reason, found.remedy)
    return _check("CLIP", f"{found[0]} in {found[1]}")


def _check_lpips() -> Check:
    from editor3d.metrics.image import lpips_weights

    found = lpips_weights()
    if isinstance(found, Unavailable):
        return _check("LPIPS", found.reason, found.remedy)
    return _check("LPIPS", str(found))


def _check_text_regions() -> Check:
    found = find_finder()
    if found is None:
        detail = "regions in words (text:PHRASE) need the weights of GroundingDINO and SAM, or a capture's object masks"
        return _check("text regions", detail, how_to_get_finder())
    return _check("text regions", f"{found} in {found.detector_folder} and {found.segmenter_folder}")


def _check(name: str, detail: str, remedy: str = "") -> Check:
    return Check("weights", name, ok=not remedy, detail=detail, required=False, remedy=remedy)
