"""The search without a model, on pictures that are functions of a program's numbers."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from editor3d.errors import ConfigError, DataError, InstructionError
from editor3d.programs import Budget, RefineRequest, refine
from editor3d.programs.core.contracts import Candidate, Rendered, RenderSettings
from editor3d.programs.embedded.evolution import Evolution
from editor3d.programs.judge.picture_loss import PictureLoss
from editor3d.programs.judge.target_evaluator import TargetEvaluator
from editor3d.programs.language.syntax import Program
from editor3d.programs.search.tournament import knock_out

from .scripted import Painter

FIRST = "brightness = 0.4\nangle = 0.5\nspin = 0.3\n"
HIDDEN = "brightness = 0.8\nangle = 0.75\nspin = 0.9\n"


@pytest.fixture
def scene(tmp_path):
    path = tmp_path / "scene.blend"
    path.write_bytes(b"BLENDER")
    return path


@pytest.fixture
def matching(scene, tmp_path) -> RefineRequest:
    program, target = tmp_path / "program.py", tmp_path / "target.png"
    program.write_text(FIRST)
    Image.fromarray(Painter(RenderSettings(48, 48)).render(HIDDEN).image).save(target)
    return RefineRequest(scene, program, target=target, proposer="embedded", width=48, height=48)


def test_a_target_is_found(matching, tmp_path):
    done = refine(matching, tmp_path / "run", renderer=Painter, budget=Budget(renders=200))
    loss = done.summary["loss"]
    assert loss["after"] < 0.05 * loss["before"]
    assert done.summary["spent"]["renders"] <= 200
    assert done.summary["spent"]["calls"] == 0


def test_it_never_gets_worse_and_the_ledger_says_so(matching, tmp_path):
    losses = []
    done = refine(
        matching, tmp_path / "run", renderer=Painter, budget=Budget(renders=120),
        on_round=lambda number, outcome, account: losses.append(outcome.best.loss),
    )  # fmt: skip
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < losses[0]
    rounds = [event for event in map(json.loads, done.ledger.read_text().splitlines()) if event["event"] == "round"]
    assert [event["loss"] for event in rounds] == losses


def test_same_seed_same_candidates(matching, tmp_path):
    painters = []

    def make(settings):
        painters.append(Painter(settings))
        return painters[-1]

    for name in "ab":
        refine(matching, tmp_path / name, renderer=make, budget=Budget(renders=60))
    assert painters[0].sources == painters[1].sources


def test_numpys_own_generator_is_left_alone(matching, tmp_path):
    np.random.seed(5)
    expected = np.random.RandomState(5).random_sample(3)
    evolution = Evolution(np.full(3, 0.5), 0.2, 6, seed=1)
    for _ in range(3):
        points = evolution.ask(6)
        evolution.tell([(point, float(((point - 0.3) ** 2).sum())) for point in points])
    assert np.array_equal(np.random.random_sample(3), expected)


def test_evolution_needs_only_an_order():
    evolution = Evolution(np.full(4, 0.8), 0.3, 8, seed=1)
    for _ in range(60):
        points = sorted(evolution.ask(8), key=lambda point: np.abs(point - 0.35).sum())
        evolution.tell([(point, float(rank)) for rank, point in enumerate(points)])
    assert np.abs(points[0] - 0.35).max() < 0.02


class Islands:
    """The picture depends on a word and, through it alone, on a number."""

    def __init__(self, settings: RenderSettings) -> None:
        self.settings = settings

    def render(self, source: str, deadline: float | None = None) -> Rendered:
        word, level = (p.value for p in Program(source).parameters if p.label in ("type", "energy"))
        side = {"POINT": 0, "SUN": 1, "SPOT": 2, "AREA": 3}[word]
        image = np.zeros((self.settings.height, self.settings.width, 3), np.uint8)
        quarter = self.settings.width // 4
        image[:, side * quarter : (side + 1) * quarter] = round(min(level, 255.0))
        return Rendered("ok", image, 0.0)

    def protections(self):
        return ()

    def close(self) -> None:
        pass


def test_words_are_leapt_to(scene, tmp_path):
    program, target = tmp_path / "program.py", tmp_path / "target.png"
    program.write_text('light.type = "POINT"\nlight.energy = 100.0\n')
    hidden = 'light.type = "SPOT"\nlight.energy = 200.0\n'
    Image.fromarray(Islands(RenderSettings(32, 32)).render(hidden).image).save(target)
    asked = RefineRequest(scene, program, target=target, proposer="embedded", width=32, height=32)
    done = refine(asked, tmp_path / "run", renderer=Islands, budget=Budget(renders=240))
    assert '"SPOT"' in done.program.read_text().replace("'", '"')
    assert done.summary["loss"]["after"] < 0.1 * done.summary["loss"]["before"]


class Words(Islands):
    def render(self, source: str, deadline: float | None = None) -> Rendered:
        return super().render(f"{source}light.energy = 200.0\n")


@pytest.mark.parametrize("edits", ["alternate", "leap", "tweak"])
def test_a_program_of_words_alone(scene, tmp_path, edits):
    program, target = tmp_path / "program.py", tmp_path / "target.png"
    program.write_text('light.type = "POINT"\n')
    Image.fromarray(Words(RenderSettings(32, 32)).render('light.type = "SPOT"\n').image).save(target)
    asked = RefineRequest(scene, program, target=target, proposer="embedded", width=32, height=32, edits=edits)
    done = refine(asked, tmp_path / "run", renderer=Words, budget=Budget(renders=60))
    assert done.complete
    assert done.improved is (edits != "tweak")  # it has no value that could be another


def test_tweaks_alone_keep_the_structure(matching, tmp_path):
    program, run = matching.program, tmp_path / "run"
    program.write_text(f'{FIRST}light.type = "POINT"\n')
    refine(replace(matching, edits="tweak"), run, renderer=Painter, budget=Budget(renders=260))
    events = [json.loads(line) for line in (run / "ledger.jsonl").read_text().splitlines()]
    proposed = [event["text"] for event in events if event["event"] == "proposal"]
    assert len(proposed) > 100
    assert {Program(text).structure for text in proposed} == {Program(program.read_text()).structure}


def test_an_instruction_is_imagined_by_the_2d_editor(scene, tmp_path):
    program = tmp_path / "program.py"
    program.write_text("brightness = 0.4\nangle = 0.5\n")
    asked = RefineRequest(
        scene, program, "make it brighter", proposer="embedded", editor="procedural", width=32, height=32
    )
    done = refine(asked, tmp_path / "run", renderer=Painter, budget=Budget(renders=60))
    assert done.summary["evaluator"] == "imagination"
    assert (done.folder / "imagined.png").is_file()
    assert Program(done.program.read_text()).parameters[0].value > 0.45
    again = refine(asked, tmp_path / "run", renderer=Painter, budget=Budget(renders=90), resume=True)
    assert [e["event"] for e in map(json.loads, again.ledger.read_text().splitlines())].count("imagined") == 1


def test_what_the_editor_does_not_understand_is_told_before_anything_is_made(scene, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(FIRST)
    asked = RefineRequest(scene, program, "frobnicate the whatsit", proposer="embedded", editor="procedural")
    with pytest.raises(InstructionError):
        refine(asked, tmp_path / "run", renderer=Painter)
    assert not (tmp_path / "run").exists()


def test_wrong_input_is_told_in_one_sentence(matching, tmp_path):
    from dataclasses import replace

    run = {"renderer": Painter}
    with pytest.raises(DataError, match="no-such.blend"):
        refine(replace(matching, scene=tmp_path / "no-such.blend"), tmp_path / "run", **run)
    with pytest.raises(DataError, match="no-such.py"):
        refine(replace(matching, program=tmp_path / "no-such.py"), tmp_path / "run", **run)
    with pytest.raises(DataError, match="picture"):
        refine(replace(matching, target=matching.program), tmp_path / "run", **run)
    with pytest.raises(ConfigError, match="shape"):
        refine(replace(matching, width=48, height=24), tmp_path / "run", **run)
    with pytest.raises(ConfigError, match="breadth"):
        refine(replace(matching, breadth=0), tmp_path / "run", **run)
    with pytest.raises(ConfigError, match="renders"):
        refine(matching, tmp_path / "run", budget=Budget(renders=0), **run)


def test_a_first_program_without_a_picture_is_told(matching, tmp_path):
    matching.program.write_text("fail = 1.0\n")
    with pytest.raises(ConfigError, match="It failed"):
        refine(matching, tmp_path / "run", renderer=Painter)
    matching.program.write_text(FIRST)  # and once it is corrected the folder is free
    assert refine(matching, tmp_path / "run", renderer=Painter, budget=Budget(renders=5)).program.is_file()


def test_the_loss_is_zero_for_the_target_alone_and_grows_with_distance():
    rng = np.random.default_rng(0)
    target = rng.integers(0, 255, (40, 40, 3), dtype=np.uint8)
    loss = PictureLoss(target)
    assert loss(target) == pytest.approx(0.0, abs=1e-12)
    losses = [loss(np.clip(target.astype(int) + offset, 0, 255).astype(np.uint8)) for offset in (5, 20, 60)]
    assert 0 < losses[0] < losses[1] < losses[2]
    assert np.square(loss.residuals(target)).sum() == pytest.approx(0.0, abs=1e-12)


def test_ties_stay_with_the_incumbent():
    image = np.full((16, 16, 3), 90, np.uint8)
    incumbent, other = Candidate("a", image, 0.5), Candidate("b", image + 1, 0.5)
    for seed in range(8):
        judge = TargetEvaluator(image).compare
        assert knock_out(incumbent, [other], judge, seed).best is incumbent


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8])
def test_a_knock_out_has_one_match_a_candidate_and_the_best_wins(count):
    image = np.zeros((16, 16, 3), np.uint8)
    tried = [Candidate(str(index), image, 1.0 - index / 10) for index in range(count)]
    incumbent, matches = Candidate("incumbent", image, 2.0), []

    def judge(left, right):
        matches.append((left, right))
        return TargetEvaluator(image).compare(left, right)

    outcome = knock_out(incumbent, tried, judge, seed=3)
    assert len(matches) == count
    assert outcome.best is tried[-1]
    assert [one.loss for one in outcome.ranking] == sorted(one.loss for one in tried)
