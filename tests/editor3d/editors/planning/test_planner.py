"""A planner that answers well, badly and dangerously; only steps that were checked come out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from editor3d.cli import main
from editor3d.editors import create_editor
from editor3d.editors.planning.planner import PlannerSettings, plan_words
from editor3d.editors.planning.steps import EditStep, read_steps
from editor3d.editors.services.client import RetryPolicy
from editor3d.errors import EditorUnavailableError, InstructionError, ServiceError

from ..app_server import serving_app

GOOD = {
    "steps": [
        {"object": "teapot", "prompt": "make the teapot gold"},
        {"object": "", "prompt": "a dusting of snow", "strength": 0.3},
    ]
}


@dataclass
class FakeChat:
    answers: list[str] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/v1/chat/completions", self.answer, methods=["POST"])])

    async def answer(self, request: Request) -> Response:
        self.asked.append(await request.json())
        return JSONResponse({"choices": [{"message": {"role": "assistant", "content": self.answers.pop(0)}}]})


@pytest.fixture
def chat() -> Iterator[tuple[FakeChat, PlannerSettings]]:
    state = FakeChat()
    with serving_app(state.app()) as url:
        yield state, PlannerSettings(f"{url}/v1", retry=RetryPolicy(attempts=1, silence=2.0))


def planned(settings: PlannerSettings, words: str = "gold teapot and a little snow") -> tuple[EditStep, ...]:
    return plan_words(words, create_editor("procedural"), ("teapot", "cube"), settings)


def test_words_become_ordered_steps(chat):
    state, settings = chat
    state.answers = [json.dumps(GOOD)]
    assert planned(settings) == (
        EditStep("make the teapot gold", "teapot"),
        EditStep("a dusting of snow", "", 0.3),
    )
    (body,) = state.asked
    assert '["cube", "teapot"]' in body["messages"][0]["content"]
    assert body["messages"][1] == {"role": "user", "content": "gold teapot and a little snow"}


def test_a_fault_goes_back_to_the_model(chat):
    state, settings = chat
    bad = {"steps": [{"object": "teapot", "prompt": "make the teapot sparkle like a unicorn"}]}
    state.answers = ["Sure!", json.dumps(bad), f"```json\n{json.dumps(GOOD)}\n```"]
    assert len(planned(settings)) == 2
    assert "as JSON" in state.asked[1]["messages"][-1]["content"]
    assert "does not understand" in state.asked[2]["messages"][-1]["content"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("no idea", "as JSON"),
        ('{"steps": []}', "1 to 8 steps"),
        ('{"steps": [3]}', "a prompt in each step"),
        ('{"steps": [{"prompt": "make it gold", "object": "dragon"}]}', "names 'dragon'"),
        ('{"steps": [{"prompt": "make it gold", "strength": 7}]}', "a strength"),
        ('{"refusal": "there is no lid"}', "found no edits for it: there is no lid"),
    ],
)
def test_what_is_no_plan_is_told_in_one_sentence(answer, said):
    with pytest.raises(InstructionError, match=said) as raised:
        read_steps(answer, ("teapot",))
    assert "\n" not in str(raised.value)


def test_nothing_of_an_answer_reaches_a_terminal_but_text():
    (step,) = read_steps('{"steps": [{"prompt": "make it \\u001b[2Jgold\\n\\nnow"}]}', ())
    assert step.sentence() == "the whole scene: make it [2Jgold now"


def test_nobody_is_there_and_no_key():
    with pytest.raises(ServiceError, match="cannot be reached"):
        planned(PlannerSettings("http://127.0.0.1:9/v1", retry=RetryPolicy(attempts=1)))
    with pytest.raises(EditorUnavailableError, match="EDITOR3D_PLANNER_KEY"):
        planned(PlannerSettings("https://example.org/v1"))


def test_steps_are_shown_and_not_carried_out_without_a_yes(chat, monkeypatch, capsys, tiny_capture, tmp_path):
    state, settings = chat
    monkeypatch.setenv("EDITOR3D_PLANNER_URL", settings.url)
    state.answers = [json.dumps({"steps": [{"object": "ball", "prompt": "make the ball gold"}]})]
    words = ["instruct", str(tiny_capture), "--instruction", "a golden ball, please"]
    assert main([*words, "--editor", "procedural", "--output", str(tmp_path / "runs")]) == 2
    shown = capsys.readouterr()
    assert "1. ball: make the ball gold" in shown.out
    assert "--accept" in shown.err
    assert not (tmp_path / "runs").exists()
