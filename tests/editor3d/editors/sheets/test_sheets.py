"""Several views edited by one call of another editor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import cv2
import pytest
import torch

from editor3d.editors import create_editor
from editor3d.editors.sheets.editor import SheetEditor
from editor3d.errors import ConfigError
from editor3d.types import BatchEditor, Editor, EditorInfo, EditRequest, Reference

SIZE = (96, 128)


def scene(seed: int, height: int = SIZE[0], width: int = SIZE[1]) -> torch.Tensor:
    """Smooth colours with discs on them, so that there are edges to follow."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(4, 5, 3, generator=generator).numpy()
    picture = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).clip(0.1, 0.9)
    for _ in range(12):
        x, y, radius, *colour = torch.rand(6, generator=generator).tolist()
        cv2.circle(picture, (int(x * width), int(y * height)), int(5 + 12 * radius), colour, -1, cv2.LINE_AA)
    return torch.from_numpy(picture).clamp(0, 1)


@dataclass
class Painter:
    """Inverts what it is given, then does what `then` says; keeps the requests."""

    info: EditorInfo = EditorInfo("painter", "", "MIT")
    then: Callable[[torch.Tensor], torch.Tensor] = lambda sheet: sheet
    asked: list[EditRequest] = field(default_factory=list)

    def validate(self, instruction, objects, views) -> None:
        pass

    def edit(self, request: EditRequest) -> torch.Tensor:
        self.asked.append(request)
        edited = self.then(1.0 - request.condition)
        return edited if request.mask is None else torch.where(request.mask[..., None], edited, request.condition)


def views(count: int, **fields) -> list[EditRequest]:
    return [EditRequest(f"view_{n}", "make it sepia", scene(n), seed=3, **fields) for n in range(count)]


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_views_come_back_as_if_each_had_been_edited_alone(count):
    """An editor that looks at single pixels does the same to a sheet as to its views."""
    editor = create_editor("sheet:procedural")
    assert isinstance(editor, BatchEditor)
    assert editor.info.batch == 4
    for request, edited in zip(views(count), editor.edit_many(views(count)), strict=True):
        torch.testing.assert_close(edited, editor.edit(request), atol=1e-6, rtol=0)


def test_one_call_draws_one_look():
    """The noisy editor's gain, offset and hue are one draw a sheet, and one a view where views are edited alone."""
    editor = create_editor("sheet:procedural-noisy")
    grey = [replace(request, seed=5, condition=0.5 + 0.2 * (request.condition - 0.5)) for request in views(4)]

    def tints(pictures):
        return torch.stack([p.mean((0, 1)) - r.condition.mean((0, 1)) for p, r in zip(pictures, grey, strict=True)])

    together = tints(editor.edit_many(grey))
    alone = tints([editor.edit(replace(request, seed=n)) for n, request in enumerate(grey)])
    assert together.std(0).max() < 0.5 * alone.std(0).max()


def test_objects_are_edited_in_every_view_and_the_rest_stays_bit_equal():
    def labelled(request: EditRequest, low: int) -> EditRequest:
        mask = torch.zeros(SIZE, dtype=torch.bool)
        mask[low : low + 30, low : low + 30] = True
        return replace(request, instruction="make the cup red", objects={"cup": mask})

    requests = [labelled(request, 10 + 10 * n) for n, request in enumerate(views(3))]
    requests.append(replace(requests[0], view="unseen", objects={"cup": torch.zeros(SIZE, dtype=torch.bool)}))
    pictures = create_editor("sheet:procedural").edit_many(requests)
    for request, edited in zip(requests, pictures, strict=True):
        assert torch.equal(edited[~request.objects["cup"]], request.condition[~request.objects["cup"]])
    assert torch.equal(pictures[3], requests[3].condition)
    assert all((p - r.condition).abs().max() > 0.1 for p, r in zip(pictures[:3], requests[:3], strict=True))


def test_pictures_larger_than_the_sheet_lets_them_be_keep_their_detail_where_shapes_stay():
    small = EditorInfo("small", "", "MIT", max_side=128, keeps_shape=True)
    for keeps, closest in ((True, 0.01), (False, 0.2)):
        editor = SheetEditor(Painter(replace(small, keeps_shape=keeps)))
        for request, edited in zip(views(4), editor.edit_many(views(4)), strict=True):
            assert edited.shape == request.condition.shape
            error = (edited - (1.0 - request.condition)).abs().mean()
            assert error < closest
            assert keeps or error > 0.01


def unedited(sheet: torch.Tensor) -> torch.Tensor:
    out = sheet.clone()
    out[-SIZE[0] :, : SIZE[1]] = 1.0 - sheet[-SIZE[0] :, : SIZE[1]]
    return out


def shifted(sheet: torch.Tensor) -> torch.Tensor:
    out = sheet.clone()
    out[-SIZE[0] :, : SIZE[1]] = sheet[-SIZE[0] :, : SIZE[1]].roll((7, -5), (0, 1))
    return out


def bled(sheet: torch.Tensor) -> torch.Tensor:
    out = sheet.clone()
    out[-SIZE[0] - 8 : -SIZE[0], : SIZE[1]] = scene(9, 8, SIZE[1])
    out[-SIZE[0] - 8 : -SIZE[0] - 4, : SIZE[1]] = sheet[0, 0] * 0 + 0.5
    return out


@pytest.mark.parametrize("fault", [unedited, shifted, bled])
def test_a_tile_with_a_fault_is_not_given_back_and_the_others_are(fault):
    clean = SheetEditor(Painter()).edit_many(views(4))
    assert all(picture is not None for picture in clean)
    pictures = SheetEditor(Painter(then=fault)).edit_many(views(4))
    assert [picture is None for picture in pictures] == [False, False, True, False]
    for index in (0, 1, 3):
        assert torch.equal(pictures[index], clean[index])


def test_nothing_at_all_is_no_edit():
    assert SheetEditor(Painter(then=lambda sheet: 1.0 - sheet)).edit_many(views(4)) == [None] * 4


@pytest.mark.parametrize("instruction", ["make it night", "make it snow", "turn it into an oil painting", "add fog"])
def test_edits_that_change_the_gutters_too_have_no_fault(instruction):
    requests = [replace(request, instruction=instruction) for request in views(4)]
    assert all(picture is not None for picture in create_editor("sheet:procedural").edit_many(requests))


@pytest.mark.parametrize("seed", range(6))
def test_smooth_warps_of_a_few_pixels_have_no_fault(seed):
    requests = [replace(request, seed=seed, condition=scene(n, 256, 320)) for n, request in enumerate(views(4))]
    pictures = create_editor("sheet:procedural-noisy").edit_many(requests)
    whole = create_editor("procedural-noisy").edit(replace(requests[0], seed=seed))
    left_alone = torch.equal(whole, requests[0].condition)  # the editor's own share of such calls
    assert all((picture is None) == left_alone for picture in pictures)


def test_a_mask_keeps_the_rest_bit_equal():
    mask = torch.zeros(SIZE, dtype=torch.bool)
    mask[20:60, 30:80] = True
    editor = SheetEditor(Painter(EditorInfo("painter", "", "MIT", accepts_mask=True)))
    requests = views(3)
    requests[1] = replace(requests[1], mask=mask)
    first, second, third = editor.edit_many(requests)
    assert torch.equal(second[~mask], requests[1].condition[~mask])
    torch.testing.assert_close(second[mask], 1.0 - requests[1].condition[mask])
    assert torch.equal(first, 1.0 - requests[0].condition)
    assert torch.equal(third, 1.0 - requests[2].condition)


def test_the_anchor_lies_on_the_sheet_untouched_where_the_editor_keeps_to_a_mask():
    painter = Painter(EditorInfo("painter", "", "MIT", accepts_mask=True, reads_sentences=True))
    editor = SheetEditor(painter)
    assert (editor.info.batch, editor.info.references) == (3, 1)
    anchor = Reference(scene(20), "anchor")
    pictures = editor.edit_many(views(3, references=(anchor,)))
    (asked,) = painter.asked
    last = asked.condition[-SIZE[0] :, -SIZE[1] :]
    assert torch.equal(last, anchor.picture)
    assert not asked.mask[-SIZE[0] :, -SIZE[1] :].any()
    assert asked.mask.sum() == 3 * SIZE[0] * SIZE[1]
    assert "4 photographs" in asked.instruction
    assert "last one, which is finished" in asked.instruction
    assert all(picture is not None for picture in pictures)


def test_an_editor_of_references_is_shown_the_anchor_and_a_sheet_of_warped_pictures():
    painter = Painter(EditorInfo("painter", "", "MIT", references=2))
    editor = SheetEditor(painter)
    assert (editor.info.batch, editor.info.references) == (4, 2)
    known = torch.zeros(SIZE, dtype=torch.bool)
    known[:, :40] = True
    anchor = Reference(scene(20), "anchor")
    requests = [
        replace(request, references=(anchor, Reference(scene(30 + n), "warped", known)))
        for n, request in enumerate(views(4))
    ]
    requests[3] = replace(requests[3], references=(anchor,))
    editor.edit_many(requests)
    (asked,) = painter.asked
    first, second = asked.references
    assert first is anchor
    assert second.kind == "warped"
    assert second.picture.shape == asked.condition.shape
    assert torch.equal(second.picture[: SIZE[0], : SIZE[1]], scene(30))
    assert second.mask.sum() == 3 * known.sum()
    assert not second.mask[-SIZE[0] :, -SIZE[1] :].any()


def test_a_sheet_is_explained_to_editors_that_read_sentences_alone():
    for reads in (True, False):
        painter = Painter(EditorInfo("painter", "", "MIT", reads_sentences=reads))
        SheetEditor(painter).edit_many(views(2))
        (asked,) = painter.asked
        assert asked.instruction.endswith("make it sepia")
        assert ("sheet of 2 photographs" in asked.instruction) == reads


def test_renders_lie_as_their_views_do():
    painter = Painter(EditorInfo("painter", "", "MIT", uses_render=True, multiple_of=8))
    requests = [replace(request, render=scene(40 + n)) for n, request in enumerate(views(4))]
    SheetEditor(painter).edit_many(requests)
    (asked,) = painter.asked
    assert asked.render.shape == asked.condition.shape
    assert torch.equal(asked.render[-SIZE[0] :, -SIZE[1] :], scene(43))


def test_requests_of_one_call_are_alike():
    editor = create_editor("sheet:procedural")
    with pytest.raises(ValueError, match="differ in their view"):
        editor.edit_many([views(2)[0], replace(views(2)[1], seed=9)])
    with pytest.raises(ValueError, match="1 to 4 requests"):
        editor.edit_many([*views(4), views(1)[0]])


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("sheet", "needs another editor, .*write 'sheet:ARG'"),
        ("sheet:nonsense", "no editor 'nonsense'"),
        ("sheet:folder:somewhere", "belong to one view"),
        ("sheet:sheet:procedural", "belong to one view"),
        ("sheet:procedural-insert", "belong to one view"),
        ("sheet:try-on", "belong to one view"),
    ],
)
def test_editors_that_no_sheet_is_for_are_refused(spec, reason):
    with pytest.raises(ConfigError, match=reason):
        create_editor(spec)


def test_a_sheet_is_what_the_other_editor_is():
    noisy = create_editor("procedural-noisy")
    editor = create_editor("sheet:procedural-noisy")
    assert isinstance(editor, Editor)
    changed = replace(editor.info, name=noisy.info.name, summary=noisy.info.summary, batch=1)
    assert changed == noisy.info
    assert editor.edited_objects("make the cup red", ["cup"]) == ("cup",)
    model = create_editor("sheet:flux2-klein:someone/model", half_precision=True)
    assert (model.info.references, model.info.batch) == (3, 4)
