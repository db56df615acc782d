"""Refinement by a vision model: a scripted server plans every call, misbehaves, and plants the best program."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest

from editor3d.errors import ConfigError, EditorUnavailableError, ServiceError
from editor3d.programs import Budget, RefineRequest, refine
from editor3d.programs.request import resolved
from editor3d.programs.vision.client import VisionSettings

from ..scripted import KEY, QUICK, TOKENS, Painter

BREADTH, DEPTH = 8, 4
MATCHES = BREADTH  # seven among eight candidates, and the winner against the incumbent
PLANNED = DEPTH * (BREADTH + 2 * MATCHES)
BEST = "brightness = 0.96875\nangle = 0.5\n"


def planned_programs(best_at: int = 13) -> list[str]:
    """Thirty-two different programs, one of which is the brightest by far."""
    programs = [f"brightness = {0.25 + index / 100}\nangle = {0.5 + index / 64}\n" for index in range(BREADTH * DEPTH)]
    programs[best_at] = BEST
    return programs


def asked(files, **changes) -> RefineRequest:
    scene, program = files
    values = {"width": 24, "height": 24, "proposer": "vision", "evaluator": "vision", **changes}
    return RefineRequest(scene, program, "make it bright", **values)


def events(done, kind: str) -> list[dict]:
    lines = [json.loads(line) for line in done.ledger.read_text().splitlines()]
    return [line for line in lines if line["event"] == kind]


def test_a_full_search_makes_the_planned_calls_and_returns_the_planted_best(chat, vision, files, tmp_path):
    chat.programs = planned_programs()
    done = refine(asked(files), tmp_path / "run", vision=vision, renderer=Painter)
    assert done.program.read_text() == BEST
    assert done.complete
    assert done.improved
    assert (chat.proposals, chat.verdicts) == (BREADTH * DEPTH, 2 * MATCHES * DEPTH)
    assert len(chat.asked) == PLANNED
    summary = done.summary
    assert summary["spent"]["calls"] == PLANNED
    assert summary["spent"]["tokens"] == PLANNED * TOKENS
    assert summary["spent"]["renders"] == 1 + BREADTH * DEPTH
    assert summary["stopped"] == "all 4 rounds are done"
    assert len(events(done, "proposal")) == len(events(done, "render")) - 1 == BREADTH * DEPTH
    assert len(events(done, "verdict")) == MATCHES * DEPTH
    assert [event["kind"] for event in events(done, "round")] == ["tweak", "leap", "tweak", "leap"]
    for name in ("best.png", "before_after.png"):
        assert (done.folder / name).is_file()


def test_same_seed_same_search(chat, vision, files, tmp_path):
    chat.programs = planned_programs()
    runs = [refine(asked(files), tmp_path / name, vision=vision, renderer=Painter) for name in "ab"]
    matches = [[(e["left"], e["right"]) for e in events(run, "verdict")] for run in runs]
    assert matches[0] == matches[1]


def test_a_judge_that_always_says_left_never_replaces_the_incumbent(chat, vision, files, tmp_path):
    chat.programs = planned_programs()
    chat.judge = lambda pictures: "first"
    done = refine(asked(files), tmp_path / "run", vision=vision, renderer=Painter)
    assert not done.improved
    assert done.program.read_text() == files[1].read_text()
    verdicts = events(done, "verdict")
    assert len(verdicts) == MATCHES * DEPTH
    assert not any(verdict["decided"] for verdict in verdicts)


def test_sides_are_drawn(chat, vision, files, tmp_path):
    chat.programs = planned_programs()
    done = refine(asked(files), tmp_path / "run", vision=vision, renderer=Painter)
    sides = {verdict["winner"] for verdict in events(done, "verdict")}
    assert sides == {"left", "right"}


def status(code: int, text: str = "{}", **headers: str):
    def do(handler) -> bool:
        handler.send(code, text.encode(), **headers)
        return False

    return do


def stall(handler) -> bool:
    time.sleep(2.0)
    return False


def truncated(handler) -> bool:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [{"message": {"cont')
    handler.close_connection = True
    return False


def broken_json(handler) -> bool:
    handler.send(200, b'{"choices": [{"message": {"content": "hal')
    return False


def no_text(handler) -> bool:
    handler.say(None)
    return False


def says(text: str):
    def do(handler) -> bool:
        handler.say(text)
        return False

    return do


MISBEHAVIOUR = {
    "429": status(429, '{"error": {"message": "slow down"}}', Retry_After="0.01"),
    "500": status(500, "<html>oops</html>"),
    "stall": stall,
    "truncated": truncated,
    "broken JSON": broken_json,
    "no text": no_text,
    "no code": says("I would make it brighter."),
    "code that is no Python": says("```python\nbrightness = = 2\n```"),
    "a diff that does not fit": says("<<<<<<< SEARCH\nnothing = 1\n=======\nbrightness = 0.9\n>>>>>>> REPLACE"),
}


@pytest.mark.parametrize("name", MISBEHAVIOUR)
def test_what_passes_is_asked_again_and_the_search_is_as_planned(name, chat, vision, files, tmp_path):
    chat.programs = planned_programs(best_at=5)
    chat.script = [lambda handler: True, MISBEHAVIOUR[name], lambda handler: True, MISBEHAVIOUR[name]]
    done = refine(asked(files, depth=1), tmp_path / "run", vision=vision, renderer=Painter)
    assert done.program.read_text() == BEST
    assert done.complete
    assert (chat.proposals, chat.verdicts) == (BREADTH, 2 * MATCHES)
    assert done.summary["spent"]["calls"] == len(chat.asked) == len(events(done, "call")) == BREADTH + 2 * MATCHES + 2


@pytest.mark.parametrize("name", ["429", "500", "truncated", "broken JSON", "no code"])
def test_what_does_not_pass_ends_with_the_best_so_far(name, chat, vision, files, tmp_path):
    chat.programs = planned_programs(best_at=3)
    first_round = BREADTH + 2 * MATCHES
    chat.script = [lambda handler: True] * first_round + [MISBEHAVIOUR[name]] * 100
    done = refine(asked(files), tmp_path / "run", vision=vision, renderer=Painter)
    assert not done.complete
    assert done.program.read_text() == BEST
    assert len(events(done, "failed")) == 2
    assert len(events(done, "call")) == len(chat.asked)
    assert len(events(done, "render")) == 1 + BREADTH
    assert done.summary["stopped"] == done.reason


def test_a_dead_server_leaves_the_first_program_and_a_complete_ledger(vision, chat, files, tmp_path):
    dead = VisionSettings(url="http://127.0.0.1:9/v1", retry=vision.retry, key=KEY)
    done = refine(asked(files), tmp_path / "run", vision=dead, renderer=Painter)
    assert not done.complete
    assert "cannot be reached" in done.reason
    assert done.program.read_text() == files[1].read_text()
    assert done.summary["stopped"] == done.reason
    with pytest.raises(ServiceError, match="editor3d resume"):
        done.require_complete()


def test_a_run_that_a_service_ended_goes_on_as_if_nothing_had_been(chat, vision, files, tmp_path):
    chat.programs = planned_programs()
    chat.script = [lambda handler: True] * 30 + [status(500)] * 6
    cut = refine(asked(files), tmp_path / "run", vision=vision, renderer=Painter)
    assert not cut.complete
    done = refine(asked(files), tmp_path / "run", vision=vision, renderer=Painter, resume=True)
    assert done.complete
    assert done.program.read_text() == BEST
    assert (chat.proposals, chat.verdicts) == (BREADTH * DEPTH, 2 * MATCHES * DEPTH)


@pytest.mark.parametrize(
    ("budget", "most"),
    [
        (Budget(calls=20), {"calls": 20}),
        (Budget(tokens=5000), {"tokens": 5000}),
        (Budget(renders=6), {"renders": 6}),
        (Budget(calls=0), {"calls": 0}),
    ],
)
def test_budgets_are_never_exceeded(budget, most, chat, vision, files, tmp_path):
    chat.programs = planned_programs()
    done = refine(asked(files), tmp_path / "run", vision=vision, renderer=Painter, budget=budget)
    for name, limit in most.items():
        assert done.summary["spent"][name] <= limit
    assert len(chat.asked) == done.summary["spent"]["calls"]
    assert "budget" in done.reason
    assert done.program.is_file()


def test_the_time_is_never_exceeded(chat, vision, files, tmp_path):
    chat.programs = planned_programs()
    chat.script = [stall] * 100
    patient = replace(vision, retry=replace(QUICK, silence=60.0, deadline=60.0))
    began = time.monotonic()
    done = refine(asked(files), tmp_path / "run", vision=patient, renderer=Painter, budget=Budget(seconds=1.0))
    slack = 15.0  # of a machine that is busy with other things; a stalled answer alone would take longer
    assert time.monotonic() - began < 1.0 + 2 * slack
    assert done.summary["spent"]["seconds"] <= 1.0 + slack
    assert "seconds" in done.reason


def test_more_budget_goes_on_where_less_stopped(chat, vision, files, tmp_path):
    chat.programs = planned_programs()
    for calls in (5, 23, 41, None):
        budget = Budget(calls=calls)
        run = {"vision": vision, "renderer": Painter, "budget": budget, "resume": calls != 5}
        done = refine(asked(files), tmp_path / "run", **run)
    assert done.program.read_text() == BEST
    assert len(chat.asked) == PLANNED


def test_the_key_is_sent_and_written_nowhere(chat, vision, files, tmp_path):
    chat.programs = planned_programs()
    chat.script = [status(401, json.dumps({"error": {"message": f"bad key {KEY}"}}))] * 50
    done = refine(asked(files), tmp_path / "run", vision=vision, renderer=Painter)
    assert set(chat.authorizations) == {f"Bearer {KEY}"}
    assert KEY not in done.reason
    for path in done.folder.rglob("*"):
        assert path.is_dir() or KEY.encode() not in path.read_bytes()
    assert KEY not in repr(vision)


def test_without_a_key_nothing_is_begun(files, tmp_path):
    with pytest.raises(EditorUnavailableError, match="EDITOR3D_VISION_KEY"):
        refine(asked(files), tmp_path / "run", vision=VisionSettings(), renderer=Painter)
    assert not (tmp_path / "run").exists()


def test_a_run_is_gone_on_with_only_as_it_was_begun(chat, vision, files, tmp_path):
    chat.programs = planned_programs()
    run = {"vision": vision, "renderer": Painter}
    refine(asked(files, depth=1), tmp_path / "run", **run)
    with pytest.raises(ConfigError, match="editor3d resume"):
        refine(asked(files), tmp_path / "run", **run)
    with pytest.raises(ConfigError, match="another breadth"):
        refine(asked(files, breadth=3), tmp_path / "run", resume=True, **run)
    with pytest.raises(ConfigError, match="found none"):
        refine(asked(files), tmp_path / "elsewhere", resume=True, **run)


def test_the_embedded_proposer_goes_by_a_models_verdicts(chat, vision, files, tmp_path):
    done = refine(
        asked(files, proposer="embedded", breadth=4, depth=6, edits="tweak"), tmp_path / "run", vision=vision,
        renderer=Painter,
    )  # fmt: skip
    assert chat.proposals == 0
    assert done.improved
    brightest = float(done.program.read_text().split("\n")[0].partition("= ")[2])
    assert brightest > 0.125
    assert done.summary["spent"]["calls"] == chat.verdicts


def test_failures_go_back_to_the_model_in_the_same_round_and_are_shown(chat, vision, files, tmp_path, capsys):
    """A program that fails, and one whose picture is empty, are said word for word with the next request."""
    chat.programs = ["brightness = 0.5\nfail = 1.0\n", "brightness = 0.0\nangle = 0.1\n", BEST]
    refine(asked(files, breadth=3, depth=1), tmp_path / "run", vision=vision, renderer=Painter)
    requests = [json.dumps(body["messages"][1]) for body in chat.asked if "edit Python" in json.dumps(body)]
    assert "It failed." not in requests[0]
    assert "failed: It failed." in requests[1]
    assert "fail = 1.0" in requests[1]
    assert "blank: the picture is of one colour, RGB 0, 0, 0" in requests[2]
    shown = capsys.readouterr().err
    assert "candidate failed: It failed" in shown
    assert "candidate blank" in shown


def test_a_model_that_writes_the_programs_also_judges_where_there_is_a_target(vision, files, tmp_path):
    request = asked(files, evaluator="auto", proposer="auto", target=tmp_path / "target.png")
    assert resolved(request, vision).evaluator == "vision"
    assert resolved(replace(request, proposer="embedded"), vision).evaluator == "target"
    assert resolved(replace(request, evaluator="target"), vision).evaluator == "target"
