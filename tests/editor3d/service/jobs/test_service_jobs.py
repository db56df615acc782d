"""Jobs from their request to their end."""

from __future__ import annotations

import errno
import json
import os
import time
from pathlib import Path

import psutil
import pytest

from editor3d.service.jobs import owned
from editor3d.service.jobs import queue as jobs
from editor3d.service.jobs.children import Children
from editor3d.service.jobs.requests import parse_request

DONE = ("done", "failed", "cancelled")
STYLES = """
import pathlib, sys
words = sys.argv[1:]
print("words", words, flush=True)
out = pathlib.Path(words[words.index("--output") + 1])
out.parent.mkdir(parents=True)
tell("progress", what="mesh-style", done=3, total=10, unit="steps", seconds_left=7.0, note="2D edit 2/24")
out.write_bytes(b"styled")
"""


def finished(call, job: str, seconds: float = 20.0) -> dict:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        body = call("GET", f"/v1/jobs/{job}").body
        if body["state"] in DONE:
            return body
        time.sleep(0.02)
    raise AssertionError(body)


def until(condition, seconds: float = 10.0):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.02)
    return found


def test_a_job_runs_the_command_and_gives_its_files(serve):
    call = serve(STYLES)
    started = call.job(settings={"steps": 20, "up": [0, 0, 1], "editor": "procedural"})
    assert started.status == 200
    body = finished(call, started.body["id"])
    assert body["state"] == "done", body
    assert body["files"] == {"result.glb": 6}
    assert call("GET", f"/v1/jobs/{body['id']}/files/result.glb").body == b"styled"
    for word in (
        "'mesh', 'style'",
        "'--instruction=turn it into gold'",
        "'--steps=20'",
        "'--up', '0.0', '0.0', '1.0'",
    ):
        assert word in body["log"]


def test_a_part_of_a_file_is_given(serve):
    call = serve(STYLES)
    job = call.job().body["id"]
    finished(call, job)
    path = f"/v1/jobs/{job}/files/result.glb"
    for asked, status, part in (("bytes=1-2", 206, b"ty"), ("bytes=-3", 206, b"led"), ("bytes=4-", 206, b"ed")):
        answer = call("GET", path, Range=asked)
        assert (answer.status, answer.body) == (status, part)
    assert call("GET", path, Range="bytes=6-").status == 416
    assert call("GET", path, Range="lines=1-2").status == 400


def test_a_job_shows_no_picture_of_another(serve):
    """Runs of captures lie in one folder; the second of these jobs leaves one picture there, the first none."""
    call = serve(
        """
import pathlib, sys
if "--instruction=second" in sys.argv:
    folder = pathlib.Path(sys.argv[sys.argv.index("--output") + 1]) / "run" / "edit_state"
    folder.mkdir(parents=True)
    (folder / "0.png").write_bytes(b"second")
    tell("picture", path=str(folder / "0.png"), view="0")
"""
    )
    scene = {"scene": call.upload("scene.ply", b"ply")}
    first = call.job(kind="scene", instruction="first", inputs=scene).body["id"]
    finished(call, first)
    second = call.job(kind="scene", instruction="second", inputs=scene).body["id"]
    finished(call, second)
    assert call("GET", f"/v1/jobs/{second}/picture").body == b"second"
    assert call("GET", f"/v1/jobs/{first}/picture").status == 404


def test_a_job_that_cannot_be_started_fails_alone(serve):
    call = serve("raise SystemExit('started')")
    waiting = call.service.jobs
    body = {"kind": "scene", "instruction": "winter", "inputs": {"scene": {"path": "demo"}}}
    request = parse_request(json.dumps(body).encode(), {})
    children = waiting._children
    waiting._children = Children(["/no/such/program"], ahead=False)
    assert "No such file" in finished(call, waiting.submit(request).id)["error"]
    waiting._children = children
    assert finished(call, waiting.submit(request).id)["error"] == "edit ended with exit code 1: see the log"


def test_a_failing_clean_up_fails_its_job_alone(serve, monkeypatch):
    """A disk that cannot be read for a moment, say: the job says so in a sentence, and the next one runs."""
    failures = [OSError(errno.EIO, os.strerror(errno.EIO), "/runs")]

    def remove(folder: Path) -> None:
        if failures:
            raise failures.pop()

    monkeypatch.setattr(jobs, "remove_old_runs", remove)
    call = serve(STYLES)
    first, second = (finished(call, call.job().body["id"]) for _ in range(2))
    assert (first["state"], first["error"]) == ("failed", "Input/output error: /runs")
    assert first["log"] == ""
    assert second["state"] == "done", second


def test_an_instruction_is_never_taken_for_a_flag(serve):
    call = serve("import sys; print(sys.argv[1:])")
    body = finished(call, call.job(instruction="--output /etc/passwd; $(touch x) `x`").body["id"])
    assert "'--instruction=--output /etc/passwd; $(touch x) `x`'" in body["log"]


def test_progress_is_read_while_it_runs(serve):
    call = serve(STYLES + "import time; time.sleep(30)")
    job = call.job().body["id"]
    body = until(lambda: (b := call("GET", f"/v1/jobs/{job}").body)["progress"]["total"] and b)
    assert body["state"] == "running"
    expected = {"what": "mesh-style", "done": 3, "total": 10, "seconds_left": 7.0, "note": "2D edit 2/24"}
    assert body["progress"] == expected | {"event": "progress", "unit": "steps"}


def test_progress_is_not_read_from_what_is_printed(serve):
    call = serve('print("mesh-style: 3/10, 7 s left 2D edit 2/24", flush=True); import time; time.sleep(30)')
    job = call.job().body["id"]
    body = until(lambda: (b := call("GET", f"/v1/jobs/{job}").body)["log"] and b)
    assert body["progress"]["total"] == 0


def test_a_search_is_as_far_as_it_says(serve):
    """Not as far as its time is: that of another machine passes otherwise."""
    call = serve(
        """
import time
tell("progress", what="search", done=41, total=60, unit="candidates", seconds_left=12.5, note="round 6, loss 0.0123")
time.sleep(30)
"""
    )
    inputs = {"blend": call.upload("a.blend", b"b"), "program": call.upload("a.py", b"p")}
    job = call.job(kind="refine", inputs=inputs, settings={"budget_seconds": 60}).body["id"]
    body = until(lambda: (b := call("GET", f"/v1/jobs/{job}").body)["progress"]["total"] and b)
    told = {"done": 41, "total": 60, "unit": "candidates", "seconds_left": 12.5, "note": "round 6, loss 0.0123"}
    assert body["progress"] == told | {"event": "progress", "what": "search"}


def test_a_capture_is_exported_from_the_run_that_the_edit_told_of(serve):
    """Not from the newest one: another program may have written to that meanwhile."""
    call = serve(
        """
import pathlib, sys
print("words", sys.argv[1:], flush=True)
if "edit" in sys.argv:
    runs = pathlib.Path(sys.argv[sys.argv.index("--output") + 1])
    for name in ("own", "other"):
        (runs / name).mkdir(parents=True)
        (runs / name / "edit.json").write_text(name)
    tell("result", kind="run", path=str(runs / "own"))
else:
    (pathlib.Path(sys.argv[sys.argv.index("--output") + 1])).parent.mkdir()
"""
    )
    body = call.job(kind="scene", inputs={"scene": call.upload("scene.ply", b"ply")}).body
    body = finished(call, body["id"])
    assert body["state"] == "done", body
    own = call.service.jobs.folder / "runs" / "own"
    assert f"['export', '{own}'" in body["log"]
    assert call("GET", f"/v1/jobs/{body['id']}/files/edit.json").body == b"own"


def test_an_edit_that_tells_of_no_run_fails_in_a_sentence(serve):
    call = serve("")
    body = call.job(kind="scene", inputs={"scene": call.upload("scene.ply", b"ply")}).body
    body = finished(call, body["id"])
    assert (body["state"], body["step"]) == ("failed", "export")
    assert body["error"].startswith("Expected an event of the command that names the run")


@pytest.mark.parametrize("path", ["/etc/passwd", "{folder}/../../../../outside.png", "{folder}/link.png"])
def test_only_what_lies_where_the_job_writes_is_shown(serve, tmp_path, path):
    (tmp_path / "outside.png").write_bytes(b"secret")
    call = serve(
        f"""
import os, pathlib, sys
folder = os.getcwd()
os.symlink({str(tmp_path / "outside.png")!r}, folder + "/link.png")
tell("picture", path={path!r}.format(folder=folder))
tell("result", kind="run", path="/etc")
"""
    )
    body = finished(call, call.job().body["id"])
    assert body["picture_revision"] == 0
    assert call("GET", f"/v1/jobs/{body['id']}/picture").status == 404
    assert body["files"] == {}


def test_a_failed_command_says_its_sentence(serve):
    call = serve(
        """
print("much")
tell("error", sentence="There is no such editor: choose another.")
tell("finished", code=2)
sys.exit("error: something else")
"""
    )
    body = finished(call, call.job().body["id"])
    assert body["state"] == "failed"
    assert body["error"] == "There is no such editor: choose another."


def test_cancelling_ends_the_whole_process_group(serve, tmp_path: Path):
    family = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(60)"
child = subprocess.Popen([sys.executable, "-c", deaf])
print("pids", os.getpid(), child.pid, flush=True)
time.sleep(60)
"""
    call = serve(family)
    job = call.job().body["id"]
    log = until(lambda: (t := call("GET", f"/v1/jobs/{job}").body["log"]).startswith("pids") and t)
    pids = [int(word) for word in log.split()[1:3]]
    assert call("POST", f"/v1/jobs/{job}/cancel").status == 200
    assert finished(call, job)["state"] == "cancelled"
    until(lambda: not any(_runs(pid) for pid in pids))


def test_a_queued_job_is_cancelled_before_it_starts(serve):
    call = serve("import time; print('started', flush=True); time.sleep(60)")
    first, second = (call.job().body["id"] for _ in range(2))
    assert call("GET", f"/v1/jobs/{second}").body["state"] == "queued"
    assert call("POST", f"/v1/jobs/{second}/cancel").body["state"] == "cancelled"
    call("POST", f"/v1/jobs/{first}/cancel")
    assert finished(call, first)["state"] == "cancelled"
    assert call("GET", f"/v1/jobs/{second}").body["log"] == ""


def test_jobs_run_one_after_the_other(serve):
    call = serve("import time; time.sleep(0.3)")
    ids = [call.job().body["id"] for _ in range(3)]
    states = [[call("GET", f"/v1/jobs/{job}").body["state"] for job in ids] for _ in range(10)]
    assert all(row.count("running") <= 1 for row in states)
    assert [finished(call, job)["state"] for job in ids] == ["done"] * 3
    assert [job["id"] for job in call("GET", "/v1/jobs").body["jobs"]] == ids[::-1]


def test_a_forgotten_job_leaves_nothing(serve):
    call = serve(STYLES + "import time; time.sleep(30)")
    job = call.job().body["id"]
    until(lambda: call("GET", f"/v1/jobs/{job}").body["files"])
    folder = call.service.jobs.get(job).places.folder
    assert folder.stat().st_mode & 0o077 == 0
    assert call("DELETE", f"/v1/jobs/{job}").status == 200
    assert call("GET", f"/v1/jobs/{job}").status == 404
    assert not folder.exists()


@pytest.mark.parametrize("name", ["../log.txt", "..%2Flog.txt", "%2Fetc%2Fpasswd", "none", "result.glb/..", "."])
def test_only_listed_files_are_given(serve, name):
    call = serve(STYLES)
    job = call.job().body["id"]
    finished(call, job)
    assert call("GET", f"/v1/jobs/{job}/files/{name}").status == 404


BAD = [
    ({"kind": "shell"}, "kind"),
    ({"instruction": ""}, "instruction"),
    ({"instruction": "x" * 3000}, "2000"),
    ({"instruction": "two\nlines"}, "one line"),
    ({"instruction": 3}, "instruction"),
    ({"inputs": {}}, "mesh"),
    ({"inputs": {"mesh": {"upload": "none"}}}, "upload"),
    ({"inputs": {"mesh": {"path": "relative.glb"}}}, "absolute"),
    ({"inputs": {"mesh": {"path": "/nowhere/mesh.glb"}}}, "no /nowhere/mesh.glb"),
    ({"inputs": {"mesh": {"path": __file__}}}, "ends in"),
    ({"inputs": {"mesh": "text"}}, "inputs.mesh, got 'text'"),
    ({"inputs": {"mesh": {"upload": []}}}, "upload"),
    ({"inputs": {"mesh": {"path": "/" + "x" * 5000 + ".glb"}}}, "no /xxx"),
    ({"instruction": "half of \ud83d"}, "JSON"),
    ({"settings": {"steps": 10**400}}, "steps"),
    ({"settings": {"displacement": float("nan")}}, "JSON"),
    ({"settings": {"up": [0, 0, 10**400]}}, "up"),
    ({"settings": {"steps": 0}}, "steps"),
    ({"settings": {"steps": True}}, "steps"),
    ({"settings": {"steps": 1.5}}, "steps"),
    ({"settings": {"editor": "--output"}}, "editor"),
    ({"settings": {"editor": "a;b"}}, "editor"),
    ({"settings": {"up": [0, 0, 0]}}, "up"),
    ({"settings": {"up": [1, 2]}}, "up"),
    ({"settings": {"displacement": float("inf")}}, "JSON"),
    ({"settings": {"displacement": 1.01}}, "displacement, got 1.01"),
    ({"settings": {"viewer": True}}, "viewer"),
    ({"settings": {"draft": True}}, "draft"),
    ({"settings": {"output": "/x"}}, "output"),
    ({"extra": 1}, "extra"),
]


@pytest.mark.parametrize(("changes", "told"), BAD)
def test_bad_requests_are_refused_by_a_sentence(serve, changes, told):
    call = serve("raise SystemExit('started')")
    answer = call.job(**changes)
    assert answer.status == 400
    assert told in answer.body["error"]
    assert call("GET", "/v1/jobs").body["jobs"] == []


def test_unknown_places_are_not_found(serve):
    call = serve()
    for method, path in (("GET", "/"), ("GET", "/v1/jobs/x"), ("GET", "/v2/jobs"), ("GET", "/v1/jobs/")):
        assert call(method, path).status == 404
    for method, path in (("POST", "/v1/health"), ("DELETE", "/v1/jobs"), ("BREW", "/v1/jobs")):
        answer = call(method, path)
        assert answer.status == 405
        assert answer.body["error"].endswith("lists what can be.")


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_closing_ends_what_runs(serve):
    call = serve("import os, time; print(os.getpid(), flush=True); time.sleep(60)")
    job = call.job().body["id"]
    pid = int(until(lambda: call("GET", f"/v1/jobs/{job}").body["log"]))
    assert _runs(pid)
    call.service.jobs.close()
    until(lambda: not _runs(pid))
    assert os.path.isdir(call.service.jobs.folder)


def test_what_services_of_last_week_left_is_taken_away(serve, tmp_path: Path):
    jobs = owned.root(tmp_path / "service-0") / "jobs"
    jobs.mkdir()
    old, new = (owned.make(jobs / name) for name in ("old", "new"))
    week = time.time() - 8 * 86_400
    os.utime(old, (week, week))
    serve()
    assert not old.exists()
    assert new.exists()


def test_what_is_asked_for_is_in_no_list_of_processes(serve):
    import psutil

    call = serve("import os, time; print(os.getpid(), flush=True); time.sleep(60)")
    job = call.job(instruction="make my secret gold").body["id"]
    pid = int(until(lambda: call("GET", f"/v1/jobs/{job}").body["log"]))
    assert "secret" not in " ".join(psutil.Process(pid).cmdline())
    assert "secret" not in str(psutil.Process(pid).environ())


def test_jobs_that_cannot_be_done_do_not_use_up_the_pace_of_those_that_can(serve):
    call = serve()
    upload = call.upload("a.glb", b"x")
    assert {call.job(inputs={"mesh": upload}, kind="nothing").status for _ in range(30)} == {400}
    assert call.job(inputs={"mesh": upload}).status == 200
