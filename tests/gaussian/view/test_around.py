"""Cameras for scenes that came without any stand where a person would."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
import torch

from editor3d.outputs.orbit import look_at
from editor3d.types import Around
from gaussian.splats import Splats, concatenate, select, transform
from gaussian.view.around import Standing, cameras_around
from gaussian.view.content import Content
from gaussian.view.upright import shown_up
from gaussian.view.viewpoints import look, matter_at

from .small_scenes import among_floaters, ball, on_the_ground, room, stage, two_things, under_a_sky

SCENES: dict[str, Callable[[], Splats]] = {
    "ball": lambda: ball([10, -4, 2], 3, 1500),
    "room": lambda: room(True),
    "room without a ceiling": lambda: room(False),
    "sky": under_a_sky,
    "ground": on_the_ground,
    "stage": stage,
    "two": two_things,
    "floaters": among_floaters,
}


@cache
def seen(name: str) -> tuple[Splats, Content, Standing]:
    splats = SCENES[name]()
    return splats, Content.of(splats), cameras_around(splats, Around(cameras=16))


@pytest.mark.parametrize("name", SCENES)
def test_cameras_stand_in_the_open_and_show_the_detail(name):
    splats, content, standing = seen(name)
    assert standing.poses.shape == (16, 3, 4)
    assert np.isfinite(standing.poses).all()
    assert (matter_at(splats, standing.poses[:, :, 3]) < 0.5).all()
    assert (standing.poses[:, :, 1] @ standing.up > -1e-6).all()  # upright
    detail = select(content.sketch, torch.from_numpy(content.detailed))
    sights = look(detail, standing.poses, standing.field_of_view, content.radius, content.detail_size)
    assert all(shown.mean() > 0.02 for shown in sights.shown)
    # together they show nearly all that forty cameras on a sphere round it do
    index = np.arange(40) + 0.5
    z, turn = 1 - index / 20, math.pi * (3 - 5**0.5) * index
    outward = np.stack([np.sqrt(1 - z * z) * np.cos(turn), np.sqrt(1 - z * z) * np.sin(turn), z], 1)
    round_it = look_at(content.centre + 2.4 * content.radius * outward, outward, np.array([0.1, 0.2, 0.9]))
    all_round = look(detail, round_it, math.radians(50), content.radius, content.detail_size).shown.max(0)
    found = sights.shown.max(0) > 0.25 * all_round
    assert found.mean() > (0.5 if name == "stage" else 0.75)  # whose back nobody sees


@pytest.mark.parametrize("name", ["ball", "sky", "ground", "two", "floaters"])
def test_things_are_seen_from_all_round_at_a_distance_that_shows_them_whole(name):
    _, content, standing = seen(name)
    assert standing.where == "round it"
    away = np.linalg.norm(standing.poses[:, :, 3] - content.centre, axis=1)
    assert (away > 1.2 * content.radius).all()
    assert (away < 4 * content.radius).all()
    spread = standing.poses[:, :, 2] - np.outer(standing.poses[:, :, 2] @ standing.up, standing.up)
    turns = np.sort(np.arctan2(*(spread @ np.linalg.svd(np.eye(3) - np.outer(standing.up, standing.up))[0][:, :2]).T))
    assert np.diff(turns, append=turns[0] + 2 * np.pi).max() < math.radians(100)


@pytest.mark.parametrize("name", ["room", "room without a ceiling"])
def test_a_room_is_seen_from_inside(name):
    _, _, standing = seen(name)
    assert standing.where == "inside it"
    eyes = standing.poses[:, :, 3]
    assert ((eyes > [0.2, 0.2, 0.1]) & (eyes < [4.8, 5.8, 2.7])).all()


def test_a_field_is_seen_from_above():
    _, _, standing = seen("ground")
    assert (standing.poses[:, 2, 3] > 0).all()


def test_a_stage_is_seen_from_before_it():
    _, _, standing = seen("stage")
    assert standing.where == "before it"
    assert (np.linalg.norm(standing.poses[:, :, 3], axis=1) < 1.0).all()
    assert (-standing.poses[:, 2, 2] > 0.8).all()


@pytest.mark.parametrize("name", ["room", "room without a ceiling", "ground"])
@pytest.mark.parametrize("turn", [(1, 0, 0, 0), (0.9, 0.3, 0.1, -0.2), (0.7, 0.7, 0, 0), (0.5, -0.5, 0.5, 0.5)])
def test_flat_ground_tells_what_is_up_however_the_scene_lies(name, turn):
    from scipy.spatial.transform import Rotation

    rotation = Rotation.from_quat([*turn[1:], turn[0]]).as_matrix()
    turned = transform(SCENES[name](), torch.from_numpy(np.concatenate([rotation, [[3.0], [-2.0], [1.0]]], 1)))
    found = np.array(shown_up(Content.of(turned)))
    assert abs(found @ rotation[:, 2]) > 0.99
    if name == "ground":  # with walls all round, floor and ceiling look alike
        assert found @ rotation[:, 2] > 0


def test_round_things_do_not_tell_what_is_up():
    assert shown_up(Content.of(ball([0, 0, 0], 1, 3000))) is None


def test_the_choice_is_the_same_every_time_and_does_not_depend_on_what_cannot_be_seen():
    splats = SCENES["ball"]()
    again = cameras_around(splats, Around(cameras=5))
    assert np.array_equal(again.poses, cameras_around(splats, Around(cameras=5)).poses)
    ghosts = Splats(
        splats.means * 100, splats.log_scales, splats.quats, torch.full_like(splats.opacity_logits, -9.0), splats.sh
    )
    assert np.allclose(again.poses, cameras_around(concatenate([splats, ghosts]), Around(cameras=5)).poses)


@pytest.mark.parametrize("count", [1, 2, 3, 17])
def test_a_few_gaussians_are_enough(count):
    standing = cameras_around(ball([1, 2, 3], 1, count), Around(cameras=3))
    assert np.isfinite(standing.poses).all()


def test_all_in_one_place_or_transparent_is_no_reason_to_fail():
    splats = ball([0, 0, 0], 1, 50)
    for other in (
        Splats(splats.means * 0, splats.log_scales, splats.quats, splats.opacity_logits, splats.sh),
        Splats(splats.means, splats.log_scales, splats.quats, splats.opacity_logits * 0 - 8, splats.sh),
        Splats(splats.means, splats.log_scales * 0 - 40, splats.quats, splats.opacity_logits, splats.sh),
        Splats(splats.means * 0, splats.log_scales * 0 - 80, splats.quats, splats.opacity_logits, splats.sh),
    ):
        assert np.isfinite(cameras_around(other, Around(cameras=3)).poses).all()
