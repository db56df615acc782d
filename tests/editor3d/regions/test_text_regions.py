"""Regions in words: by models where their weights are, else by the names of objects, else refused."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from editor3d.cli.weights import check_weights
from editor3d.datasets import load_posed_images
from editor3d.errors import RegionError
from editor3d.regions import Invert, ObjectRegion, TextRegion, from_json, parse_region, seen_parts, settled, text_models
from editor3d.regions.text_weights import find_finder

BALL = TextRegion("the ball")


@pytest.fixture
def posed(tiny_capture):
    return load_posed_images(tiny_capture)


@pytest.fixture
def own_posed(own_capture):
    return load_posed_images(own_capture)


def test_words_are_read_and_written():
    assert parse_region("text: the  big teapot ") == TextRegion("the big teapot")
    assert from_json(json.loads(json.dumps(BALL.to_json()))) == BALL
    assert seen_parts(Invert(BALL)) == [BALL]
    assert settled("text:the ball") == "text:the ball"


@pytest.mark.parametrize("text", ["text:", "text: ...", '{"type": "text"}', '{"type": "text", "text": 3}'])
def test_what_holds_no_words_is_refused(text):
    with pytest.raises(RegionError):
        parse_region(text)


@pytest.mark.parametrize("words", ["the ball", "Ball", "all balls", "the little round ball."])
def test_without_weights_words_name_objects(no_weights, posed, words):
    region = TextRegion(words)
    region.check(posed)
    masks = region.masks(posed.train_views, posed.objects)
    expected = ObjectRegion("ball").masks(posed.train_views, posed.objects)
    assert sorted(masks) == sorted(expected)
    assert all(torch.equal(masks[index], expected[index]) for index in masks)
    assert region.source(posed.objects) == "object ball"


def test_several_objects_are_taken_together(no_weights, own_capture):
    for path in (own_capture / "labels").iterdir():
        labels = np.array(Image.open(path))
        labels[:3] = 2
        Image.fromarray(labels).save(path)
    posed = replace(load_posed_images(own_capture), objects={"ball": 1, "coffee mug": 2})
    both = TextRegion("the ball and the cup").masks(posed.train_views, posed.objects)
    for index, view in enumerate(posed.train_views):
        assert np.array_equal(both[index].numpy(), np.array(Image.open(view.labels_path)) > 0)


@pytest.mark.parametrize(
    ("words", "objects", "told"),
    [
        ("the teapot", {"ball": 1}, r"objects \(ball\)"),
        ("the teapot", {}, "no label pictures"),
        ("the ball", {"red ball": 1, "blue ball": 2}, "may mean blue ball, red ball"),
        ("the floor under the ball", {"ball": 1}, "'under'"),
        ("everything but the ball", {"ball": 1}, "'but'"),
    ],
)
def test_what_nothing_can_find_is_refused_with_the_remedy(no_weights, posed, words, objects, told):
    with pytest.raises(RegionError, match=told) as refused:
        TextRegion(words).check(replace(posed, objects=objects))
    for hub_id in ("IDEA-Research/grounding-dino-tiny", "facebook/sam-vit-base"):
        assert f"hf download {hub_id} " in str(refused.value)


def test_objects_without_label_pictures_do_not_help(no_weights, posed):
    views = tuple(replace(view, labels_path=None) for view in posed.views)
    with pytest.raises(RegionError, match="no label pictures"):
        BALL.check(replace(posed, views=views))


def test_one_of_two_models_is_not_enough_and_the_other_is_asked_for(weights, posed, monkeypatch, tmp_path):
    monkeypatch.setenv("EDITOR3D_MODELS", str(tmp_path))
    (tmp_path / "facebook").mkdir()
    (tmp_path / "facebook/sam-vit-base").symlink_to(weights / "sam-vit-base")
    with pytest.raises(RegionError, match="grounding-dino") as refused:
        TextRegion("the teapot").check(posed)
    assert "sam-vit" not in str(refused.value)


def test_doctor_tells_of_the_weights(no_weights, monkeypatch, finder_folder):
    def check():
        return next(check for check in check_weights() if check.name == "text regions")

    assert not check().ok
    assert not check().required
    assert "hf download facebook/sam-vit-base" in check().remedy
    monkeypatch.setenv("EDITOR3D_MODELS", str(finder_folder))
    assert check().ok
    assert str(finder_folder / "sam-vit-base") in check().detail


@pytest.mark.usefixtures("weights")
def test_masks_are_what_sam_outlines_in_the_boxes_that_groundingdino_finds(posed, monkeypatch):
    from transformers import (
        GroundingDinoForObjectDetection,
        GroundingDinoProcessor,
        SamModel,
        SamProcessor,
    )

    finder, least, views = find_finder(), 0.995, posed.train_views[::2]
    monkeypatch.setattr(text_models, "BOX_THRESHOLD", least)
    words = TextRegion("The Mug")
    words.check(posed)  # which has no such object
    masks = words.masks(views, posed.objects)
    read, detect = (
        kind.from_pretrained(finder.detector_folder)
        for kind in (GroundingDinoProcessor, GroundingDinoForObjectDetection)
    )
    outline, model = (kind.from_pretrained(finder.segmenter_folder) for kind in (SamProcessor, SamModel))
    for index, view in enumerate(views):
        picture = Image.open(view.image_path)
        with torch.inference_mode():
            found = detect.eval()(**read(images=picture, text="the mug.", return_tensors="pt"))
            x, y, width, height = found.pred_boxes[0, found.logits[0].sigmoid().amax(-1) > least].unbind(-1)
            corners = torch.stack([x - width / 2, y - height / 2, x + width / 2, y + height / 2], -1)
            boxes = corners * torch.tensor([view.width, view.height] * 2)
            whole = torch.zeros(view.height, view.width, dtype=torch.bool)
            for box in boxes:
                inputs = outline(picture, input_boxes=[[box.tolist()]], return_tensors="pt")
                logits = model.eval()(**inputs, multimask_output=False).pred_masks
                sizes = inputs["original_sizes"], inputs["reshaped_input_sizes"]
                whole |= outline.post_process_masks(logits, *sizes)[0][0, 0]
        assert (index in masks) == bool(whole.any())
        assert (masks.get(index, torch.zeros_like(whole)) == whole).float().mean() > 0.99
    assert len({int(mask.sum()) for mask in masks.values()}) > 1


def test_views_in_which_nothing_is_found_have_no_say(weights, posed, monkeypatch):
    from transformers import GroundingDinoForObjectDetection, GroundingDinoProcessor

    folder, views = find_finder().detector_folder, posed.train_views[:4]
    read = GroundingDinoProcessor.from_pretrained(folder)
    detect = GroundingDinoForObjectDetection.from_pretrained(folder).eval()
    best = []
    for view in views:
        with torch.inference_mode():
            found = detect(**read(images=Image.open(view.image_path), text="the ball.", return_tensors="pt"))
        best.append(float(found.logits.max()))
    middle = sum(sorted(best)[1:3]) / 2
    monkeypatch.setattr(text_models, "BOX_THRESHOLD", float(torch.tensor(middle, dtype=torch.float64).sigmoid()))
    masks = BALL.masks(views, posed.objects)
    assert sorted(masks) == [index for index, score in enumerate(best) if score > middle]
    assert all(mask.any() for mask in masks.values())


def test_what_no_view_shows_is_refused(weights, posed, monkeypatch):
    monkeypatch.setattr(text_models, "BOX_THRESHOLD", 1.0)
    with pytest.raises(RegionError, match="in none of 8 by IDEA-Research/grounding-dino-tiny and facebook/sam-vit"):
        BALL.masks(posed.train_views, posed.objects)


@pytest.fixture
def asked(monkeypatch) -> list[str]:
    """The phrases that the models are asked for, one a picture."""
    phrases, load = [], text_models.load_finder

    def loaded(*args):
        find = load(*args)
        return lambda text, picture: (phrases.append(text), find(text, picture))[1]

    monkeypatch.setattr(text_models, "load_finder", loaded)
    return phrases


def test_masks_are_kept_as_long_as_picture_phrase_and_weights_are_the_same(
    weights, own_posed, asked, tmp_path, monkeypatch
):
    posed, kept = own_posed, tmp_path / "kept"
    views = posed.train_views[:3]

    def times(region: TextRegion) -> int:
        asked.clear()
        region.masks(views, posed.objects, kept)
        return len(asked)

    first = BALL.masks(views, posed.objects)
    assert times(BALL) == len(views)
    again = BALL.masks(views, posed.objects, kept)
    assert times(BALL) == times(TextRegion("The ball")) == 0
    assert {index: mask.tolist() for index, mask in first.items()} == {i: mask.tolist() for i, mask in again.items()}
    assert times(TextRegion("the mug")) == len(views)
    Image.fromarray(np.array(Image.open(views[2].image_path))[::-1]).save(views[2].image_path)
    assert times(BALL) == 1
    next(path for path in kept.iterdir() if path.name.startswith(views[0].name)).unlink()
    own = tmp_path / "models"
    own.mkdir()
    (own / "grounding-dino-tiny").symlink_to(weights / "grounding-dino-tiny")
    segmenter = own / "sam-vit-base"
    segmenter.mkdir()
    for path in (weights / "sam-vit-base").iterdir():
        (segmenter / path.name).write_bytes(path.read_bytes())
    config = json.loads((segmenter / "config.json").read_text())
    (segmenter / "config.json").write_text(json.dumps({**config, "initializer_range": 0.5}))
    monkeypatch.setenv("EDITOR3D_MODELS", str(own))
    assert times(BALL) == len(views)


def test_a_model_that_cannot_be_loaded_is_named(weights, posed, monkeypatch, tmp_path):
    for name in ("grounding-dino-tiny", "sam-vit-base"):
        (tmp_path / name).mkdir()
        for path in (weights / name).iterdir():
            (tmp_path / name / path.name).write_bytes(path.read_bytes())
    (tmp_path / "grounding-dino-tiny/model.safetensors").write_bytes(b"cut short")
    monkeypatch.setenv("EDITOR3D_MODELS", str(tmp_path))
    with pytest.raises(RegionError, match="download them again"):
        BALL.masks(posed.train_views, posed.objects)
