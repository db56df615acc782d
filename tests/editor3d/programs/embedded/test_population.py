"""Programs whose pictures repeat: the loss has a minimum for every other count."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from editor3d.programs import Budget, RefineRequest, refine
from editor3d.programs.core.contracts import Rendered, RenderSettings
from editor3d.programs.embedded.population import DRAWN, MEMBERS, SCREENED, Member, Population, groups
from editor3d.programs.judge.picture_loss import PictureLoss
from editor3d.programs.language.space import Space
from editor3d.programs.language.syntax import Program

FIRST = "posts = 4\nspan = 2.4\nthickness = 0.4\nlean = 0.3\n"
HIDDEN = "posts = 6\nspan = 3.1\nthickness = 0.3\nlean = 0.5\n"


class Fence:
    """Leaning posts side by side."""

    def __init__(self, settings: RenderSettings) -> None:
        self.settings, self.sources = settings, []

    def render(self, source: str, deadline: float | None = None) -> Rendered:
        self.sources.append(source)
        posts, span, thickness, lean = (float(p.value) for p in Program(source).parameters)
        y, x = np.mgrid[0 : self.settings.height, 0 : self.settings.width] / self.settings.width
        at = np.linspace(-0.5, 0.5, int(posts)) * (0.25 * span) + 0.5 if posts > 1 else np.array([0.5])
        away = np.abs(x[..., None] + lean * (y[..., None] - 0.5) - at).min(axis=-1)
        grey = 1.0 / (1.0 + np.exp((away - 0.15 * thickness) / 0.01)) * (0.6 + 0.4 * y)
        return Rendered("ok", np.repeat(np.rint(grey * 255).astype(np.uint8)[..., None], 3, axis=-1), 0.0)

    def protections(self):
        return ()

    def close(self) -> None:
        pass


def picture(source: str) -> np.ndarray:
    return Fence(RenderSettings(64, 64)).render(source).image


def population(seed: int = 0) -> tuple[Population, Space, PictureLoss]:
    space, loss = Space(Program(FIRST)), PictureLoss(picture(HIDDEN))
    return Population(space, loss.fine, seed), space, loss


def go(grown: Population, space: Space, loss: PictureLoss, renders: int, breadth: int = 8) -> list[np.ndarray]:
    """Let it have renders; all points that it asked for."""
    asked = []
    while len(asked) < renders:
        points = grown.ask(breadth)
        asked += points
        grown.tell([(point, loss.residuals(picture(space.source(point)))) for point in points])
    return asked


@pytest.fixture
def matching(tmp_path) -> RefineRequest:
    scene, program, target = tmp_path / "scene.blend", tmp_path / "program.py", tmp_path / "target.png"
    scene.write_bytes(b"BLENDER")
    program.write_text(FIRST)
    Image.fromarray(picture(HIDDEN)).save(target)
    return RefineRequest(scene, program, target=target, proposer="embedded", width=64, height=64)


def test_another_count_is_found():
    grown, space, loss = population()
    go(grown, space, loss, 400)
    found = Program(space.source(grown.members[0].point))
    assert found.parameters[0].value == 6
    assert loss(picture(found.source)) < 0.05 * loss(picture(FIRST))


def test_points_are_within_the_box_and_counts_whole():
    grown, space, loss = population()
    points = np.array(go(grown, space, loss, 300))
    assert points.min() >= 0.0
    assert points.max() <= 1.0
    assert all(space.snapped(point) == pytest.approx(point, abs=1e-9) for point in points)


def test_the_breadth_of_rounds_changes_nothing_and_a_seed_gives_one_search():
    searches = [go(*population(), 220, breadth) for breadth in (3, 8, 64)]
    least = min(map(len, searches))
    for other in searches[1:]:
        assert np.array_equal(other[:least], searches[0][:least])
    assert not np.array_equal(go(*population(1), 220)[:least], searches[0][:least])


def test_members_are_few_unlike_each_other_and_best_first():
    grown, space, loss = population()
    go(grown, space, loss, 300)
    assert 1 < len(grown.members) <= MEMBERS
    scores = [grown.tuner.score(member) for member in grown.members]
    assert scores == sorted(scores)


def test_pictures_that_are_not_given_are_done_without():
    grown, space, loss = population()
    for _ in range(SCREENED):
        assert grown.ask(8)
        grown.tell([])
    assert not grown.members
    for number in range(2 * DRAWN):  # and from then on two of three
        points = grown.ask(8)
        told = [point for place, point in enumerate(points) if (number + place) % 3]
        grown.tell([(point, loss.residuals(picture(space.source(point)))) for point in told])
    assert grown.members


def test_of_pictures_alike_the_program_near_the_first_is_better():
    grown, space, loss = population()
    go(grown, space, loss, SCREENED + 8)
    first, residuals = space.vector(space.program), grown.members[0].residuals
    near, far = (Member(first + away, residuals, grown.members[0].misfit) for away in (0.1, 0.3))
    assert grown.tuner.score(near) < grown.tuner.score(far)
    assert grown.tuner.score(Member(first + 0.3, residuals, 0.0)) < grown.tuner.score(Member(first, residuals, 10.0))


def test_what_is_found_elsewhere_becomes_a_member():
    grown, space, loss = population()
    go(grown, space, loss, 200)
    point = space.vector(Program(HIDDEN))
    grown.add(point, loss.residuals(picture(HIDDEN)))
    assert np.array_equal(grown.members[0].point, space.snapped(point))
    go(grown, space, loss, 100)
    assert grown.members[0].misfit == pytest.approx(0.0, abs=1e-4)


def test_parts_of_a_vector_and_of_a_colour_belong_together():
    source = (
        "thing.location = (1.0, 2.0, 3.0)\nlight.color = (0.2, 0.3, 0.4)\nlight.energy = 5.0\n"
        "one.scale = (1.0, 2.0, 1.0)\ntwo.scale = (1.0, 2.0, 1.0)\nposts = 3\n"
    )
    space = Space(Program(source))
    assert groups(space) == [[0, 1, 2], [3, 4, 5], [6], [7, 8, 9], [10, 11, 12], [13]]


def test_a_program_of_counts_alone_is_searched():
    source, hidden = "posts = 4\nrails = 3\n", "posts = 9\nrails = 3\n"
    space = Space(Program(source))

    def image(text: str) -> np.ndarray:
        posts = Program(text).parameters[0].value
        return picture(HIDDEN.replace("posts = 6", f"posts = {posts}"))

    loss = PictureLoss(image(hidden))
    grown = Population(space, loss.fine, 0)
    for _ in range(60):
        points = grown.ask(8)
        grown.tell([(point, loss.residuals(image(space.source(point)))) for point in points])
    assert Program(space.source(grown.members[0].point)).parameters[0].value == 9


def test_a_refinement_goes_on_exactly_where_it_was_cut_off(matching, tmp_path):
    whole, parts = [], []

    def into(fences):
        return lambda settings: fences.append(Fence(settings)) or fences[-1]

    done = refine(matching, tmp_path / "whole", renderer=into(whole), budget=Budget(renders=280))
    for renders in (203, 280):
        again = refine(
            matching, tmp_path / "parts", renderer=into(parts), budget=Budget(renders=renders), resume=bool(parts)
        )
    assert len(whole[0].sources) == 280
    assert [source for fence in parts for source in fence.sources] == whole[0].sources
    assert again.program.read_text() == done.program.read_text()
    notes = [e["note"] for e in map(json.loads, done.ledger.read_text().splitlines()) if e["event"] == "proposal"]
    # the population has its turn, whose first step on another processor's sums may be the other one
    assert any(note.startswith(("breed", "grow")) for note in notes)
