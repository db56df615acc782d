"""`sheet:EDITOR`: up to four views on one sheet, edited alike by one call of another editor."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any, cast

import torch
from torch import Tensor

from editor3d.diffusion.sizing import mask_resized, resized
from editor3d.editors import EDITORS, create_editor
from editor3d.editors.pipelines.guided_upsampling import upsample_edit
from editor3d.editors.sheets.faults import bled, shifted, unedited
from editor3d.editors.sheets.layout import Layout
from editor3d.errors import ConfigError
from editor3d.types import Editor, EditorInfo, EditRequest, ObjectEditor, PaidEditor, Reference

TILES = 4
_BY_NAME = ("folder", "sheet")
"""Editors that a sheet says nothing to: one finds pictures by the name of a view, the other is this one."""


class SheetEditor:
    """Lays views out on a sheet, has another editor edit it, and cuts it up again.

    One call draws one look, so that the views of a sheet agree in it; two by two they balance best (ProteusNeRF,
    NeRFiller, Tinker). A finished view beside unfinished ones tends to draw the unfinished look back. The anchor
    therefore lies on the sheet only where the editor keeps to a mask, in a tile that is masked out. Editors that take
    references are shown it as one, and the warped pictures of all views as another: a sheet of the same layout.

    Tiles are as large as the editor's working size lets them be. Where that is smaller than the views, the change of an
    editor that keeps shapes is carried over to the full size; what others paint is scaled up.
    """

    def __init__(self, editor: Editor) -> None:
        """
        Args:
            editor: edits the sheets, and single views as they are.

        Raises:
            ConfigError: it needs more than pictures and words, or finds its pictures by the name of a view.
        """
        info = editor.info
        if info.needs_geometry or info.needs_garment or info.name in _BY_NAME:
            raise ConfigError(
                f"Expected an editor of pictures by an instruction for sheet:EDITOR, got {info.name}, whose edits "
                f"belong to one view each: choose another, or use {info.name} without a sheet."
            )
        self._editor = editor
        self._holds_anchor = info.accepts_mask and not info.references

    @property
    def info(self) -> EditorInfo:
        """The other editor's, but for the name, the batch and the references."""
        own, inner = EDITORS["sheet"].info, self._editor.info
        return replace(
            inner,
            name=own.name,
            summary=own.summary,
            batch=TILES - 1 if self._holds_anchor else TILES,
            references=1 if self._holds_anchor else inner.references,
            uses_geometry=False,
        )

    def validate(self, instruction: str, objects: Collection[str], views: Collection[str]) -> None:
        """As the other editor's."""
        self._editor.validate(instruction, objects, views)

    def edited_objects(self, instruction: str, objects: Collection[str]) -> tuple[str, ...]:
        """As the other editor's; none where it cannot tell."""
        if not self._editor.info.tells_objects:
            return ()
        return cast(ObjectEditor, self._editor).edited_objects(instruction, objects)

    def funds(self) -> float:
        """As the other editor's; infinity where it cannot tell."""
        return cast(PaidEditor, self._editor).funds() if self._editor.info.tells_funds else math.inf

    def edit(self, request: EditRequest) -> Tensor:
        """One view without a sheet."""
        return self._editor.edit(request)

    def edit_many(self, requests: Sequence[EditRequest]) -> list[Tensor | None]:
        """See `BatchEditor`. A single request is edited without a sheet."""
        if not 1 <= len(requests) <= self.info.batch:
            raise ValueError(f"expected 1 to {self.info.batch} requests, got {len(requests)}")
        first = requests[0]
        if any(_common(request) != _common(first) for request in requests):
            raise ValueError("expected requests that differ in their view and its pictures alone")
        if len(requests) == 1:
            return [self._editor.edit(first)]
        anchor = _anchor_of(first) if self._holds_anchor else None
        height, width = first.condition.shape[:2]
        layout = Layout.fitting(len(requests) + (anchor is not None), height, width, self._editor.info)
        before, request = self._sheet(requests, anchor, layout)
        after = self._editor.edit(request).detach().to("cpu", torch.float32)
        return self._cut(requests, layout, before, after)

    def _sheet(
        self, requests: Sequence[EditRequest], anchor: Reference | None, layout: Layout
    ) -> tuple[Tensor, EditRequest]:
        """The sheet [H, W, 3], and the request that edits it.

        A tile that no view is left for repeats the first view: an empty one would be filled with something.
        """
        tiles = layout.rows * layout.columns
        shown = [*requests, *[requests[0]] * (tiles - len(requests) - (anchor is not None))]
        fixed = [] if anchor is None else [anchor.picture]
        sheet = layout.sheet([*(request.condition for request in shown), *fixed])
        renders = [request.render for request in shown if request.render is not None]
        masks = [_everywhere(request) if request.mask is None else request.mask for request in shown]
        names = dict.fromkeys(name for request in shown for name in request.objects)
        objects = {name: layout.mask([r.objects.get(name, ~_everywhere(r)) for r in shown]) for name in names}
        # Masks of objects leave the anchor's tile out by themselves.
        masked = any(request.mask is not None for request in requests) or (anchor is not None and not objects)
        return sheet, replace(
            requests[0],
            view=" + ".join(request.view for request in requests),
            instruction=self._words(requests[0].instruction, len(shown), anchor),
            condition=sheet,
            render=layout.sheet([*renders, *fixed]) if len(renders) == len(shown) else None,
            objects=objects,
            mask=layout.mask(masks) if masked else None,
            references=self._references(shown, layout),
        )

    def _words(self, instruction: str, views: int, anchor: Reference | None) -> str:
        """The instruction for a sheet, where the other editor reads sentences."""
        if not self._editor.info.reads_sentences:
            return instruction
        finished = "" if anchor is None else ", and make them look like the last one, which is finished"
        return (
            f"This is a sheet of {views + (anchor is not None)} photographs of one scene from different sides, with "
            f"plain grey bars between them. Edit all of them alike, each in its own place, leave the bars as they "
            f"are{finished}: {instruction}"
        )

    def _references(self, shown: Sequence[EditRequest], layout: Layout) -> tuple[Reference, ...]:
        """The anchor, and the warped pictures of the views as one; for an editor that takes references."""
        if not self._editor.info.references:
            return ()
        anchor = _anchor_of(shown[0])
        found = [] if anchor is None else [anchor]
        warped = [next((r for r in request.references if r.kind == "warped"), None) for request in shown]
        if any(warped):
            pictures = [r.condition if w is None else w.picture for r, w in zip(shown, warped, strict=True)]
            known = [_known(request, reference) for request, reference in zip(shown, warped, strict=True)]
            found.append(Reference(layout.sheet(pictures), "warped", layout.mask(known)))
        return tuple(found)

    def _cut(
        self, requests: Sequence[EditRequest], layout: Layout, before: Tensor, after: Tensor
    ) -> list[Tensor | None]:
        """The views of an edited sheet at their own sizes; None for those with a fault."""
        pairs = [
            (layout.cut(before, index, request.condition), layout.cut(after, index, request.condition))
            for index, request in enumerate(requests)
        ]
        changes = [self._change(request, *pair) for request, pair in zip(requests, pairs, strict=True)]
        pictures: list[Tensor | None] = []
        for index, (request, pair, change) in enumerate(zip(requests, pairs, changes, strict=True)):
            others = [other for number, other in enumerate(changes) if number != index and other is not None]
            nothing = change is not None and unedited(change, others)
            faulty = nothing or bled(after, layout, index) or shifted(*pair)
            pictures.append(None if faulty else self._enlarged(request, *pair))
        return pictures

    def _change(self, request: EditRequest, before: Tensor, after: Tensor) -> float | None:
        """The mean change of a view where it was to change; None where that is nowhere, or may be little on purpose."""
        if self._editor.info.uses_noise_level:
            return None
        where = _everywhere(request)
        if request.mask is not None and self._editor.info.accepts_mask:
            where = request.mask.cpu().bool()
        else:
            named = self.edited_objects(request.instruction, request.objects)
            if named:
                where = torch.stack([request.objects[name].cpu().bool() for name in named]).any(0)
        inside = mask_resized(where, *before.shape[:2])
        return float((after - before).abs()[inside].mean()) if bool(inside.any()) else None

    def _enlarged(self, request: EditRequest, before: Tensor, after: Tensor) -> Tensor:
        """A view of the edited sheet at its own size, unchanged outside its mask."""
        condition = request.condition.detach().to(torch.float32)
        size = condition.shape[:2]
        if self._editor.info.keeps_shape and before.shape[:2] != size:
            edited = upsample_edit(condition, before, after)
        else:
            edited = resized(after, *size).to(condition.device)
        if request.mask is None or not self._editor.info.accepts_mask:
            return edited
        return torch.where(request.mask.to(condition.device).bool()[..., None], edited, condition)


def create(argument: str, **options: Any) -> SheetEditor:
    """The editor of sheets.

    Args:
        argument: the other editor, `NAME` or `NAME:ARGUMENT`.
        options: `device`, `half_precision` and `cpu_offload` of `create_editor`.

    Raises:
        ConfigError: as `create_editor`, or the other editor is none for sheets.
    """
    return SheetEditor(create_editor(argument, **options))


def _common(request: EditRequest) -> tuple[Any, ...]:
    """What the requests of one call have in common."""
    scales = request.guidance_scale, request.image_guidance_scale
    return request.instruction, request.noise_level, request.seed, request.diffusion_steps, *scales


def _everywhere(request: EditRequest) -> Tensor:
    return torch.ones(request.condition.shape[:2], dtype=torch.bool)


def _anchor_of(request: EditRequest) -> Reference | None:
    return next((reference for reference in request.references if reference.kind == "anchor"), None)


def _known(request: EditRequest, warped: Reference | None) -> Tensor:
    """Where a view's warped picture is known: [H, W] bool."""
    if warped is None:
        return ~_everywhere(request)
    return _everywhere(request) if warped.mask is None else warped.mask
