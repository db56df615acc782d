"""A folder with edited pictures of a few views: these are the keys, and what does not fit is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from editor3d.datasets import load_posed_images
from editor3d.datasets.views.images import read_image
from editor3d.editors.procedural.editor import ProceduralEditor
from editor3d.errors import EditorUnavailableError
from editor3d.outputs.pictures import save_png, to_uint8
from editor3d.types import EditRequest


@pytest.fixture
def given(tiny_edit, tmp_path):
    """Edits by a folder with pictures of the training views of these places."""

    def make(places: list[int], **own):
        folder = tmp_path / "given"
        config = tiny_edit(editor=f"folder:{folder}", instruction="", **own)
        views = load_posed_images(config.capture_path()).train_views
        for place in places:
            view = views[place]
            photo = read_image(view, (view.width, view.height)).float() / 255.0
            edited = ProceduralEditor().edit(EditRequest(view.name, "make it look like winter", photo))
            save_png(folder / f"{view.name}.png", to_uint8(edited))
        return config, [views[place].name for place in places]

    return make


@pytest.mark.parametrize("edits", ["auto", 7, 2])
def test_the_keys_are_the_views_that_have_a_picture(given, start, edits):
    config, names = given([0, 3, 4], edits=edits, steps=2)
    trainer = start(config)
    told = trainer.pipeline.begun().forecast()
    assert told.edits == len(told.views) == (3 if edits == "auto" else min(3, edits))
    assert set(told.views) <= set(names)
    assert trainer.fit()
    assert {edit.view for edit in trainer.pipeline.begun().state.edits} == set(told.views)


def test_a_picture_of_every_view_means_all_views(given, start):
    config, _ = given(list(range(8)), edits="auto", steps=1)
    assert start(config).pipeline.plan.keys is None


def test_the_reason_says_how_many_there_are(given):
    config, _ = given([1, 2], edits="auto", steps=1)
    capture = load_posed_images(config.capture_path())
    plan = config.resolve(config.options, capture, config.create_editor(config.options))
    assert plan.keys.edits == 2
    assert plan.reasons["edits"] == f"folder has 2 of {len(capture.train_views)} views edited"


def test_what_does_not_fit_is_refused_before_anything_is_written(given, tmp_path):
    config, _ = given([1], edits="all", steps=1)
    with pytest.raises(EditorUnavailableError, match="without --edits all"):
        config.check()
    picture = next((tmp_path / "given").glob("*.png"))
    picture.rename(picture.with_name("another.png"))
    config.choose(edits="auto")
    with pytest.raises(EditorUnavailableError, match="named like the views, found none"):
        config.check()
    assert not Path(config.output_dir).exists()
