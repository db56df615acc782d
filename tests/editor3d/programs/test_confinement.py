"""An edit that is about some objects leaves the rest of the picture alone."""

from __future__ import annotations

import numpy as np
import pytest

from editor3d.errors import ConfigError
from editor3d.programs import RefineRequest
from editor3d.programs.confinement import chosen_objects, confined, halved_region, object_masks, region_of
from editor3d.programs.core.contracts import RenderSettings
from editor3d.programs.imagination import Imagination
from editor3d.programs.judge.picture_loss import PictureLoss
from editor3d.programs.language.vocabulary import Vocabulary
from editor3d.programs.rendering.pool import Workers
from editor3d.programs.request import resolved
from editor3d.programs.vision.client import VisionSettings

THINGS = Vocabulary(objects={"Ball": "MESH", "Floor": "MESH", "Post.001": "MESH", "Post.002": "MESH", "Key": "LIGHT"})


def asked(tmp_path, **values) -> RefineRequest:
    return RefineRequest(tmp_path / "scene.blend", tmp_path / "program.py", **values)


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ({"instruction": "turn the ball into gold"}, ("Ball",)),
        ({"instruction": "turn the sphere into gold"}, ("Ball",)),  # as people call it
        ({"instruction": "make it look like night"}, ()),
        ({"instruction": "turn the post into gold"}, ()),  # it may be either
        ({"instruction": "make the key golden"}, ()),  # a light is not seen
        ({"instruction": ""}, ()),
        ({"objects": "Post.002, Floor"}, ("Post.002", "Floor")),
        ({"objects": "Floor", "instruction": "turn the ball into gold"}, ("Floor",)),
    ],
)
def test_what_an_edit_is_about(values, names, tmp_path):
    assert chosen_objects(asked(tmp_path, **values), THINGS, None) == names


def test_an_editor_that_can_tell_is_asked(tmp_path):
    request = asked(tmp_path, instruction="turn the ball into gold")
    names = tuple(name for name, kind in THINGS.objects.items() if kind == "MESH")
    imagination = Imagination("procedural", request.instruction, names)
    assert chosen_objects(request, THINGS, imagination) == ("Ball",)
    picture = np.full((24, 32, 3), 120, np.uint8)
    ball = np.zeros((24, 32), bool)
    ball[6:18, 8:20] = True
    imagined = imagination.imagine(picture, 0, {"Ball": ball}).image
    assert np.array_equal(imagined[~ball], picture[~ball])
    assert np.abs(imagined[ball].astype(int) - 120).mean() > 10


def test_a_name_that_the_scene_has_not_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"got 'Bal': choose of Ball, Floor"):
        chosen_objects(asked(tmp_path, objects="Bal"), THINGS, None)


@pytest.mark.parametrize("evaluator", ["vision", "names"])
def test_objects_need_an_evaluator_that_measures(evaluator, tmp_path):
    with pytest.raises(ConfigError, match="measures pictures"):
        resolved(asked(tmp_path, objects="Ball", evaluator=evaluator, instruction="brighter"), VisionSettings())


def test_masks_are_found_once_in_a_run(tmp_path):
    found, asked_for = np.zeros((20, 30), bool), []
    found[4:9, 5:12] = True

    def find(names):
        asked_for.append(names)
        return {"Ball": found, "Floor": ~found}

    for _ in range(2):
        masks = object_masks(tmp_path, ("Ball", "Floor"), find)
        assert np.array_equal(masks["Ball"], found)
        assert np.array_equal(masks["Floor"], ~found)
    assert len(asked_for) == 1
    region = region_of({"Ball": found})
    assert region[3, 6]
    assert region.sum() < 2 * found.sum()
    assert halved_region(region).shape == (10, 15)


def test_an_object_out_of_sight_is_said(tmp_path):
    with pytest.raises(ConfigError, match="Expected to see Ball"):
        object_masks(tmp_path, ("Ball",), lambda names: {"Ball": np.zeros((8, 8), bool)})


def picture(inside: int, outside: int) -> tuple[np.ndarray, np.ndarray]:
    region = np.zeros((48, 64), bool)
    region[10:30, 20:40] = True
    return np.where(region[..., None], inside, outside).astype(np.uint8).repeat(3, axis=-1), region


def test_the_loss_counts_the_region_most_and_the_rest_still():
    goal, region = picture(200, 90)
    wanted, elsewhere = picture(190, 90)[0], picture(200, 80)[0]
    whole, within = PictureLoss(goal), PictureLoss(goal, region=region)
    assert whole(elsewhere) > whole(wanted)  # most pixels are there
    assert within(elsewhere) < within(wanted)
    assert within(elsewhere) > within(goal) == 0.0
    part = np.square(within.residuals(wanted)).sum() / np.square(whole.residuals(wanted)).sum()
    assert part == pytest.approx(0.75 / region.mean(), rel=0.1)


def test_all_of_the_picture_is_no_region():
    goal, region = picture(200, 90)
    other = picture(150, 70)[0]
    parts, same = PictureLoss(goal, region=np.ones_like(region)).parts(other), PictureLoss(goal).parts(other)
    structure = parts.pop("structure"), same.pop("structure")
    assert parts == pytest.approx(same)
    assert structure[0] == pytest.approx(structure[1], rel=0.3)  # SSIM's windows reach over the picture's border


def test_outside_of_its_region_a_target_is_the_first_picture():
    first, region = picture(10, 20)
    target = picture(200, 220)[0]
    kept = confined(target, first, region)
    assert set(np.unique(kept[region])) == {200}
    assert set(np.unique(kept[~region])) == {20}


def test_objects_are_found_where_the_picture_shows_them(blend, programs):
    """Against the picture of a program that hides one of them from the camera: it differs where the object was."""
    settings = RenderSettings(width=64, height=64, samples=4)
    with Workers(blend("placement"), settings, allow_weaker_sandbox=True) as workers:
        source = programs["placement"]
        masks = workers.masks(source, ["Block", "Post", "Subject"])
        with_it = workers.render(source).image
        without = workers.render(f'{source}\nbpy.data.objects["Block"].visible_camera = False\n').image
        assert np.array_equal(workers.render(source).image, with_it)  # nothing is left of the search for objects
    assert with_it is not None
    assert without is not None
    changed = np.abs(with_it.astype(int) - without).max(axis=-1) > 24
    block = masks["Block"]
    assert block.sum() > 20
    assert (changed & block).sum() > 0.8 * max(changed.sum(), block.sum())
    assert not (block & (masks["Post"] | masks["Subject"])).any()
