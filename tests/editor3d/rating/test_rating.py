"""Blind studies: what a page shows and hides, and what answers come to, beside the formulas."""

from __future__ import annotations

import json
import math
import random

import numpy as np
import pytest
from PIL import Image

from editor3d.cli import main
from editor3d.datasets import load_posed_images
from editor3d.errors import ConfigError, DataError
from editor3d.rating.page import page
from editor3d.rating.results import Answers, rate, share_of
from editor3d.rating.study import KEY, Pair, Single, Study, make_study, read_key
from editor3d.run.record import RECORD, EditRecord, write_record

STUDY = Study(
    "s",
    tuple(Pair(f"p{n}", "make it night", f"v{n}", *(("a", "b") if n % 2 else ("b", "a"))) for n in range(6)),
    (*(Single(f"e{n}", f"v{n}", "a") for n in range(4)), *(Single(f"r{n}", f"v{n}", None) for n in range(4))),
)


def rater(name: str, likes: str, believes: int) -> Answers:
    """One who prefers a run in every pair, and takes so many of the four edited pictures for photographs."""
    pairs = {pair.id: "left" if pair.left == likes else "right" for pair in STUDY.pairs}
    singles = {f"e{n}": "real" if n < believes else "edited" for n in range(4)} | {f"r{n}": "real" for n in range(4)}
    return Answers("s", name, pairs | singles)


@pytest.fixture
def runs(tmp_path, tiny_capture):
    """Two finished edits by one instruction, and one by another, as their folders show them."""
    view = load_posed_images(tiny_capture).test_views[0].name
    made = []
    for number, instruction in enumerate(("make it night", "make it night", "make it winter")):
        run = tmp_path / f"run_{number}"
        (run / "after").mkdir(parents=True)
        Image.new("RGB", (40, 30), (60 * number, 20, 90)).save(run / "after" / f"{view}.png")
        record = EditRecord(instruction, "igs2gs", "procedural", "", 0, str(tiny_capture), "base", 1)
        write_record(run / RECORD, record)
        made.append(run)
    return made


def test_wilson_is_its_formula():
    found = share_of([[True] * 7 + [False] * 3])
    z, n, p = 1.959963984540054, 10, 0.7
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    assert (found.share, found.of) == (0.7, 10)
    assert found.low == pytest.approx((middle - half) / (1 + z * z / n), rel=1e-12)
    assert found.high == pytest.approx((middle + half) / (1 + z * z / n), rel=1e-12)
    assert found.rater_low is None
    assert share_of([[], []]) is None


def test_the_interval_over_raters_covers_as_often_as_it_says():
    draw = np.random.default_rng(0)
    covered = 0
    for _ in range(100):
        truth = draw.beta(6, 4, size=30)  # raters differ
        found = share_of([(draw.random(20) < each).tolist() for each in truth])
        covered += found.rater_low <= 0.6 <= found.rater_high
    assert 87 <= covered <= 100


def test_preferences_do_not_depend_on_the_side():
    found = rate(STUDY, [rater("x", "a", 4), rater("y", "a", 2), rater("z", "b", 0)])
    (preference,) = found.preferences
    assert (preference.run, preference.preferred.share) == ("a", pytest.approx(2 / 3))
    assert found.taken_for_real["a"].share == pytest.approx(0.5)
    assert found.photographs.share == 1
    assert found.photographs.low < 1


def test_undecided_answers_are_counted_apart():
    (preference,) = rate(STUDY, [Answers("s", "x", {"p0": "same", "p1": "left"})]).preferences
    assert (preference.undecided, preference.preferred.of) == (1, 1)


@pytest.mark.parametrize("answers", [{"p0": "real"}, {"e0": "left"}, {"other": "left"}])
def test_answers_to_other_questions_are_refused(answers):
    with pytest.raises(DataError):
        rate(STUDY, [Answers("s", "x", answers)])
    with pytest.raises(DataError, match="two of one"):
        rate(STUDY, [rater("x", "a", 1), rater("x", "a", 1)])


def test_a_page_hides_what_the_key_tells(runs):
    shown = make_study(runs)
    study, text = shown.study, page(shown)
    assert len(study.pairs) == 1
    assert {study.pairs[0].left, study.pairs[0].right} == {str(runs[0]), str(runs[1])}
    assert sum(single.run is not None for single in study.singles) == 3
    assert any(single.run is None for single in study.singles)
    assert all(str(run) not in text and run.name not in text for run in runs)
    items = json.loads(text.split('id="study">')[1].split("</script>")[0])["items"]
    assert {item["id"] for item in items} == {each.id for each in (*study.pairs, *study.singles)}
    assert set(items[-1]) == {"id", "question", "pictures", "choices"}
    assert make_study(runs).study == study
    assert make_study(runs, seed=1).study != study


def test_the_command_makes_a_page_and_counts_its_answers(runs, tmp_path, capsys):
    out = tmp_path / "rating"
    assert main(["rate", *map(str, runs), "--output", str(out)]) == 0
    study = read_key(out)
    draw = random.Random(0)
    answers = {each.id: draw.choice(("left", "right")) for each in study.pairs}
    answers |= {each.id: draw.choice(("real", "edited")) for each in study.singles}
    (tmp_path / "answers.json").write_text(json.dumps({"study": study.id, "rater": "x", "answers": answers}))
    capsys.readouterr()
    words = ["rate", "--answers", str(tmp_path / "answers.json"), "--output", str(out)]
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["raters"] == 1
    assert main(words) == 0
    assert "photographs: taken for real" in capsys.readouterr().out
    (out / KEY).write_text("{}")
    assert main(words) == 2


def test_folders_that_are_no_edits_are_refused(tmp_path, runs):
    assert main(["rate", str(tmp_path)]) == 2
    assert main(["rate"]) == 2
    with pytest.raises(ConfigError, match="once"):
        make_study([runs[0], runs[0]])
