"""A run that is killed at any moment goes on to the same end, and pays for nothing twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from editor3d.api import Edit, resume
from editor3d.errors import CheckpointError, ConfigError, DataError
from editor3d.programs import Budget, RefineRequest, refine
from editor3d.programs.core.budget import Account, BudgetSpentError
from editor3d.programs.core.contracts import Rendered, RenderSettings
from editor3d.programs.core.run_ledger import RunLedger
from editor3d.programs.embedded.proposer import EmbeddedProposer
from editor3d.programs.language.vocabulary import NOTHING
from editor3d.programs.plan import RefinePlan, is_begun
from editor3d.programs.refined import Refinement
from editor3d.programs.rendering import pool as workers
from editor3d.programs.search.tournament import Outcome
from editor3d.run.folders import alone
from editor3d.run.record import EditRecord, read_record

from .scripted import FIRST, Painter


class Standing(Painter):
    """Stands in for the render workers."""

    notes, vocabulary, count = (), NOTHING, 1

    def masks(self, source: str, names: Sequence[str]) -> dict[str, np.ndarray]:
        raise AssertionError("no object is named")


_JOB = """
import importlib.util, json, sys
from pathlib import Path
spec = importlib.util.spec_from_file_location("helpers", sys.argv[1])
helpers = importlib.util.module_from_spec(spec)
sys.modules["helpers"] = helpers
spec.loader.exec_module(helpers)
from editor3d.programs import RefineRequest, Budget, refine
from editor3d.programs.vision.client import VisionSettings
scene, program, output, url, resume = sys.argv[2:7]
vision = VisionSettings(url=url, model="scripted", most_tokens=200, image_tokens=50, retry=helpers.QUICK)
asked = RefineRequest(
    Path(scene), Path(program), "make it bright", proposer="vision", evaluator="vision", breadth=4, depth=4,
    width=24, height=24,
)
refine(asked, output, vision=vision, renderer=helpers.Painter, resume=resume == "yes")
"""


def steps(folder: Path) -> list[tuple]:
    """What the ledger says was decided, without times."""
    kept = []
    for line in (folder / "ledger.jsonl").read_text().splitlines():
        event = json.loads(line)
        if event["event"] in ("proposal", "verdict", "round"):
            kept.append((event["event"], event["key"], event.get("winner"), event.get("text"), event.get("best")))
    return kept


def test_killed_again_and_again_it_ends_as_if_it_had_not_been(chat, files, tmp_path):
    chat.programs = [f"brightness = {0.25 + index / 50}\nangle = {0.5 + index / 64}\n" for index in range(16)]

    def job(name: str, resume: str) -> list[str]:
        helpers = str(Path(__file__).with_name("scripted.py"))
        return [sys.executable, "-c", _JOB, helpers, *map(str, files), str(tmp_path / name), chat.url, resume]

    assert subprocess.run(job("whole", "no"), timeout=120).returncode == 0
    whole = (chat.proposals, chat.verdicts)
    chat.answered.clear()
    kills, resume = 0, "no"
    for wanted in (3, 11, 22, 40, 10**6):
        killed = threading.Event()

        def held(handler, killed=killed) -> bool:
            killed.wait(60)
            return False

        # however late this process gets its turn, the other one is not yet through
        chat.script = [lambda handler: True] * (wanted + 3 - len(chat.answered)) + [held] * 9 if wanted < 48 else []
        process = subprocess.Popen(job("killed", resume))
        while process.poll() is None and len(chat.answered) < wanted:
            time.sleep(0.005)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            kills += 1
        process.wait()
        killed.set()
        resume = "yes"
    assert kills == 4
    assert steps(tmp_path / "killed") == steps(tmp_path / "whole")
    assert (tmp_path / "killed/best.py").read_text() == (tmp_path / "whole/best.py").read_text()
    # An answer that was under way when the process died is asked for again; what was written down is not.
    assert sum(whole) <= len(chat.answered) <= sum(whole) + kills


def test_a_search_without_a_model_goes_on_with_what_it_had_rendered(tmp_path):
    from PIL import Image

    from editor3d.programs.core.contracts import RenderSettings

    scene, program, target = tmp_path / "s.blend", tmp_path / "p.py", tmp_path / "t.png"
    scene.write_bytes(b"BLENDER")
    program.write_text(FIRST)
    hidden = "brightness = 0.7\nangle = 0.9\n"
    Image.fromarray(Painter(RenderSettings(24, 24)).render(hidden).image).save(target)
    asked = RefineRequest(scene, program, target=target, proposer="embedded", width=24, height=24)
    painters = []

    def make(settings):
        painters.append(Painter(settings))
        return painters[-1]

    refine(asked, tmp_path / "whole", renderer=make, budget=Budget(renders=90))
    for renders in (1, 17, 40, 90):
        run = {"renderer": make, "budget": Budget(renders=renders), "resume": renders != 1}
        refine(asked, tmp_path / "parts", **run)
    parts = [source for painter in painters[1:] for source in painter.sources]
    assert parts == painters[0].sources
    assert (tmp_path / "parts/best.py").read_text() == (tmp_path / "whole/best.py").read_text()


def test_a_line_that_was_not_finished_is_cut_off(tmp_path):
    path = tmp_path / "ledger.jsonl"
    ledger = RunLedger(path)
    ledger.append("rendering")
    ledger.append("call", reserved=10)
    ledger.close()
    with path.open("ab") as file:
        file.write(b'{"event": "paid", "at": 1.0, "tok')
    again = RunLedger(path)
    again.append("paid", tokens=3)
    again.close()
    assert [json.loads(line)["event"] for line in path.read_text().splitlines()] == ["rendering", "call", "paid"]


def test_a_damaged_ledger_is_told(tmp_path):
    path = tmp_path / "ledger.jsonl"
    path.write_text('{"event": "rendering", "at": 0.0}\nnonsense\n')
    with pytest.raises(DataError, match="line 2"):
        RunLedger(path)


@pytest.mark.parametrize(
    "line",
    [
        {"event": "proposal", "source": "a", "text": "b", "note": ""},
        {"event": "proposal", "key": ["a"], "source": "a", "text": "b", "note": ""},
        {"event": "render", "status": "ok", "seconds": 1.0, "message": "", "loss": None},
        {"event": "render", "source": "a", "status": "ok", "seconds": 1.0, "message": "", "loss": "low"},
        {"event": "verdict", "key": "a", "winner": "both", "decided": True},
        {"event": "call", "reserved": "30"},
        {"event": "paid", "key": "a"},
        {"event": "lunch"},
        {"event": 3},
        {"event": "rendering", "at": None},
        [],
    ],
)
def test_an_event_without_what_a_run_goes_on_with_is_told(tmp_path, line):
    path = tmp_path / "ledger.jsonl"
    path.write_text(json.dumps({"at": 0.0, **line} if isinstance(line, dict) else line) + "\n")
    with pytest.raises(DataError, match="line 1 of .*: begin a new run in another folder") as caught:
        RunLedger(path)
    assert "\n" not in str(caught.value)


def test_a_call_whose_end_is_not_known_counts_in_full(tmp_path):
    ledger = RunLedger(tmp_path / "ledger.jsonl")
    account = Account(Budget(calls=3, tokens=100), ledger)
    account.begin_call(30)
    account.end_call(30, 12)
    account.begin_call(40)
    ledger.close()
    again = Account(Budget(calls=3, tokens=100), RunLedger(tmp_path / "ledger.jsonl"))
    assert (again.calls, again.tokens) == (2, 52)
    with pytest.raises(BudgetSpentError, match="tokens"):
        again.begin_call(49)
    again.begin_call(48)
    with pytest.raises(BudgetSpentError, match="3 calls"):
        again.begin_call(0)


def test_time_goes_on_where_it_stopped(tmp_path):
    now = [100.0]
    ledger = RunLedger(tmp_path / "ledger.jsonl", now=lambda: now[0])
    now[0] += 7.0
    ledger.append("rendering")
    ledger.close()
    now[0] += 1000.0
    again = RunLedger(tmp_path / "ledger.jsonl", now=lambda: now[0])
    now[0] += 2.0
    assert again.clock.seconds == pytest.approx(9.0)
    assert Account(Budget(seconds=9.0), again).seconds_left() == 0.0


def test_one_folder_has_one_run_at_a_time(files, tmp_path, capsys):
    run = tmp_path / "run"
    run.mkdir()
    scene, program = files
    asked = RefineRequest(
        scene, program, "make it brighter", proposer="embedded", editor="procedural", width=24, height=24
    )
    budget = Budget(renders=3)
    waiting = threading.Thread(target=refine, args=(asked, run), kwargs={"renderer": Painter, "budget": budget})
    with alone(run):
        waiting.start()
        printed = ""
        while waiting.is_alive() and "Waiting for another process" not in printed:
            printed += capsys.readouterr().out
        assert waiting.is_alive()
        assert not list(run.iterdir())
    waiting.join(60)
    assert is_begun(run)


def test_a_folder_alone_is_enough_to_resume(files, tmp_path, monkeypatch):
    """As `editor3d resume` does it: files by their absolute paths, the budget and the depth as they were given."""

    class Sandboxed(Standing):
        def __init__(self, scene: Path, settings: RenderSettings, **options: object) -> None:
            super().__init__(settings)
            assert not options["allow_weaker_sandbox"]  # a run's folder cannot ask for that

    monkeypatch.setattr(workers, "Workers", Sandboxed)
    monkeypatch.chdir(files[0].parent)
    Image.fromarray(Painter(RenderSettings(24, 24)).render("brightness = 0.9\nangle = 0.5\n").image).save("target.png")
    scene, program = (Path(path.name) for path in files)
    asked = RefineRequest(
        scene, program, target=Path("target.png"), proposer="embedded", breadth=4, depth=4, clip="off", width=24
    )
    more = {"budget": Budget(renders=30), "save_scene": False}
    whole = refine(asked, tmp_path / "whole", **more)

    def stop(number: int, outcome: Outcome, account: Account) -> None:
        if number == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        refine(asked, tmp_path / "parts", on_round=stop, **more)
    monkeypatch.chdir(tmp_path)
    assert resume(tmp_path / "parts").record.metrics == whole_record(whole).metrics
    assert steps(tmp_path / "parts") == steps(tmp_path / "whole")
    assert (tmp_path / "parts/best.py").read_bytes() == whole.program.read_bytes()
    report = Edit(tmp_path / "parts").evaluate()
    assert report.change.mean.psnr == pytest.approx(whole_record(whole).metrics["edited_to_base_psnr"])


def whole_record(done: Refinement) -> EditRecord:
    return read_record(done.folder / "edit.json")


def test_a_run_that_would_use_a_service_of_its_own_is_not_resumed(files, tmp_path):
    (tmp_path / "run").mkdir()
    asked = RefineRequest(*files, "make it night", editor="service:https://elsewhere.example/v1#model")
    RefinePlan(asked, {}, Budget(), save_scene=True).write(tmp_path / "run")
    with pytest.raises(ConfigError, match="elsewhere.example"):
        resume(tmp_path / "run")


@pytest.mark.parametrize("body", ["[]", "{}", '{"request": 1}', "nonsense"])
def test_a_damaged_plan_is_refused_in_a_sentence(tmp_path, body):
    (tmp_path / "refine.json").write_text(body)
    with pytest.raises(CheckpointError):
        resume(tmp_path)


def test_what_stops_the_writing_of_a_scene_leaves_the_search_written(files, tmp_path, monkeypatch):
    class Interrupted(Standing):
        def __init__(self, scene: Path, settings: RenderSettings, **options: object) -> None:
            super().__init__(settings)

        def save_scene(self, source: str, path: Path) -> list[str]:
            raise KeyboardInterrupt

    monkeypatch.setattr(workers, "Workers", Interrupted)
    target = tmp_path / "target.png"
    Image.fromarray(np.full((24, 24, 3), 128, np.uint8)).save(target)
    asked = RefineRequest(
        *files, target=target, evaluator="target", proposer="embedded", breadth=2, depth=1, clip="off", width=24
    )
    with pytest.raises(KeyboardInterrupt):
        refine(asked, tmp_path / "run")
    summary = read_record(tmp_path / "run" / "edit.json").notes
    assert summary["result"] is None
    assert summary["rounds"] == 1


def test_no_scene_lies_beside_another_program_s(files, tmp_path, monkeypatch):
    """What is interrupted after it found something better leaves no scene of what was the best before."""

    class Saving(Standing):
        def __init__(self, scene: Path, settings: RenderSettings, **options: object) -> None:
            super().__init__(settings)

        def save_scene(self, source: str, path: Path) -> list[str]:
            path.write_text(source)
            return []

        def render(self, source: str, deadline: float | None = None) -> Rendered:
            return super().render(source or FIRST, deadline)

        def render_anew(self, source: str) -> Rendered:
            return self.render(source)

        def render_scene(self, path: Path) -> Rendered:
            return self.render(path.read_text())

    monkeypatch.setattr(workers, "Workers", Saving)
    target, run = tmp_path / "target.png", tmp_path / "run"
    Image.fromarray(Painter(RenderSettings(24, 24)).render("brightness = 0.9\nangle = 0.5\n").image).save(target)
    asked = RefineRequest(
        *files, target=target, evaluator="target", proposer="embedded", breadth=2, depth=1, clip="off", width=24
    )
    refine(asked, run)
    assert (run / "result.blend").read_text() == (run / "best.py").read_text()
    further = replace(asked, depth=8)

    def stop(number: int, outcome: Outcome, account: Account) -> None:
        if outcome.changed and number:  # the first round was made before
            raise KeyboardInterrupt

    before = (run / "best.py").read_text()
    with pytest.raises(KeyboardInterrupt):
        refine(further, run, resume=True, on_round=stop)
    assert (run / "best.py").read_text() != before
    assert not (run / "result.blend").exists()
    refine(further, run, resume=True)
    assert (run / "result.blend").read_text() == (run / "best.py").read_text()


def test_a_scene_named_like_the_result_stays(tmp_path):
    run, program = tmp_path / "run", tmp_path / "program.py"
    run.mkdir()
    (run / "result.blend").write_bytes(b"BLENDER")
    program.write_text(FIRST)
    target = tmp_path / "target.png"
    Image.fromarray(Painter(RenderSettings(24, 24)).render("brightness = 0.9\nangle = 0.5\n").image).save(target)
    asked = RefineRequest(
        run / "result.blend", program, target=target, evaluator="target", proposer="embedded", clip="off"
    )
    done = refine(replace(asked, breadth=2, depth=8), run, renderer=Painter, save_scene=False)
    assert done.improved
    assert (run / "result.blend").read_bytes() == b"BLENDER"


def test_what_another_version_would_propose_is_refused_and_the_best_stays(files, tmp_path, monkeypatch):
    target, run = tmp_path / "target.png", tmp_path / "run"
    Image.fromarray(Painter(RenderSettings(24, 24)).render("brightness = 0.9\nangle = 0.5\n").image).save(target)
    asked = RefineRequest(
        *files, target=target, evaluator="target", proposer="embedded", breadth=4, depth=4, clip="off"
    )
    refine(asked, run, renderer=Painter)
    best, summary = (run / "best.py").read_text(), (run / "edit.json").read_text()
    assert best != FIRST
    propose = EmbeddedProposer.propose

    def otherwise(self, task, index):
        proposal = propose(self, task, index)
        return proposal and replace(proposal, source=proposal.source + "other = 1.0\n")

    with monkeypatch.context() as patch:
        patch.setattr(EmbeddedProposer, "propose", otherwise)
        with pytest.raises(ConfigError, match="begin a new run in another folder"):
            refine(replace(asked, depth=8), run, renderer=Painter, resume=True)
    assert ((run / "best.py").read_text(), (run / "edit.json").read_text()) == (best, summary)
    assert refine(replace(asked, depth=8), run, renderer=Painter, resume=True).summary["rounds"] >= 4


def test_a_run_is_not_gone_on_with_to_fewer_rounds_than_it_has(files, tmp_path):
    target, run = tmp_path / "target.png", tmp_path / "run"
    Image.fromarray(Painter(RenderSettings(24, 24)).render("brightness = 0.7\nangle = 0.9\n").image).save(target)
    asked = RefineRequest(
        *files, target=target, evaluator="target", proposer="embedded", breadth=4, depth=3, clip="off"
    )
    done = refine(asked, run, renderer=Painter)
    best = done.program.read_bytes()
    with pytest.raises(ConfigError, match=f"at least {done.summary['rounds']}"):
        refine(replace(asked, depth=1), run, renderer=Painter, resume=True)
    assert done.program.read_bytes() == best
