"""Try a run's 2D editor again, on photographs that the edit never saw."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from editor3d.editors import create_editor
from editor3d.errors import ConfigError, EditorUnavailableError, InstructionError
from editor3d.metrics.trials.editing import Trials, measure_trials
from editor3d.metrics.trials.paraphrases import paraphrases
from editor3d.metrics.unavailable import Unavailable
from editor3d.metrics.views import HeldOutView
from editor3d.run.record import EditRecord
from editor3d.types import EditorInfo, EditRequest


def try_editor(record: EditRecord, views: Sequence[HeldOutView]) -> Trials | Unavailable:
    """What further edits of photographs say of the editor of a run.

    No surface and no region is given to the editor: its edits are of pictures alone.

    Args:
        record: of the run.
        views: whose photographs are edited, at least one.
    """
    try:
        editor = create_editor(record.editor)
        refused = _refusal(editor.info, record.instruction)
        if refused is not None:
            return refused
        editor.validate(record.instruction, tuple(views[0].objects), [view.name for view in views])
    except (ConfigError, EditorUnavailableError, InstructionError) as error:
        return Unavailable(reason=f"the editor of the run, {record.editor}, cannot be tried again", remedy=str(error))
    objects = tuple(views[0].objects)

    def edit(request: EditRequest) -> Tensor:
        editor.validate(request.instruction, objects, [request.view])
        return editor.edit(request)

    info = editor.info
    requests = [_request(record, view, info) for view in views]
    return measure_trials(requests, edit, paraphrases(record.instruction, objects), info.varies_with_seed)


def _refusal(info: EditorInfo, instruction: str) -> Unavailable | None:
    """Why an editor is not tried again, if it is not."""
    if info.remote:
        return Unavailable(
            reason="trials are not made with a service, which may charge for each", remedy="judge another editor"
        )
    if info.origin == "given" or not instruction:
        return Unavailable(reason="pictures that were given are no answer to other words", remedy="name an editor")
    if info.needs_geometry or info.needs_garment or info.needs_mask:
        return Unavailable(
            reason=f"'{info.name}' needs more than a picture and words", remedy="judge an editor of whole pictures"
        )
    return None


def _request(record: EditRecord, view: HeldOutView, info: EditorInfo) -> EditRequest:
    scales = {
        "guidance_scale": record.guidance_scale,
        "image_guidance_scale": record.image_guidance_scale,
        "diffusion_steps": record.diffusion_steps,
    }
    return EditRequest(
        view=view.name,
        instruction=record.instruction,
        condition=view.photo,
        render=view.photo if info.uses_render else None,
        objects=view.objects if info.edits_objects else {},
        seed=record.seed,
        **{name: value for name, value in scales.items() if value is not None},  # pyright: ignore[reportArgumentType]
    )
