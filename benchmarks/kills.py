"""Kill commands at random moments, resume them, and compare with the same commands left alone.

    python benchmarks/kills.py 100                       # kills, spread over six kinds of work
    python benchmarks/kills.py 10 --jobs in2n refinement

Base training, in2n, igs2gs, an edit of a few views by a paid service, mesh styling and refinement are killed (SIGKILL,
with all that they started), half of them at a moment of their time and half when they have written some number of
files, results among them. What they leave in the end must be what an undisturbed run leaves, to the bit, with nothing
left over, and `editor3d eval` must judge it. The service, which runs here, must be asked for nothing twice but for a
request that was under way when the kill came.
Ends with exit code 1 if anything differs. Refinement needs Blender as a module (`pip install editor3d[blender]`).
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from lab.editors.fake_service import FakeService, handler_of, serving
from lab.kills import jobs
from lab.kills.command import Commands
from lab.kills.compare import differences

_LONGEST = 900.0
KINDS = ("base", "in2n", "igs2gs", "keys", "mesh", "refinement")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kills", nargs="?", type=int, default=20)
    parser.add_argument("--jobs", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    place, commands, bad = Path(tempfile.mkdtemp(prefix="editor3d-kills-")), Commands(), 0
    each = -(-arguments.kills // len(arguments.jobs))
    service = FakeService()
    with serving(handler_of(service)) as url:
        service.url = f"{url}/v1"
        for name, job in _made(arguments.jobs, place, commands, service):
            rng = random.Random(f"{arguments.seed}:{name}")
            bad += _tried(name, job, each, place / name, commands, rng)
    if bad:
        print(f"{bad} runs ended otherwise; they are in {place}")
        return 1
    shutil.rmtree(place)
    return 0


def _made(names: list[str], place: Path, commands: Commands, service: FakeService):
    """Each kind of work, with what it needs made first."""
    bases = {"in2n": ("voxel", 400), "igs2gs": ("splat", 200), "keys": ("splat", 200)}
    for name in names:
        if name in bases:
            method, steps = bases[name]
            job, folder = jobs.base(method, steps), place / "bases"
            if not (folder / job.folder).is_dir():
                _whole(job, folder, commands)
            base = folder / job.folder
            yield name, jobs.keys(base, 30, service) if name == "keys" else jobs.edit(name, base, 30)
    if "base" in names:
        yield "base", jobs.base("splat", 60)
    if "mesh" in names:
        import trimesh

        ball = place / "ball.ply"
        place.mkdir(exist_ok=True)
        trimesh.creation.icosphere(3).export(ball)
        yield "mesh", jobs.styling(ball)
    if "refinement" in names:
        yield "refinement", jobs.refinement(*_scene(place / "scene"))


def _scene(folder: Path) -> tuple[Path, Path, Path]:
    """A scene for Blender, a program that sets its light, and the picture to match."""
    import subprocess

    folder.mkdir(parents=True, exist_ok=True)
    scene, program, target = folder / "scene.blend", folder / "light.py", folder / "target.png"
    program.write_text(
        'import bpy\nlamp = bpy.data.objects["Light"]\nlamp.data.energy = 300.0\nlamp.location.x = 1.0\n'
    )
    made = f"""
import bpy
bpy.ops.wm.read_factory_settings()
bpy.context.scene.render.resolution_x = bpy.context.scene.render.resolution_y = 48
bpy.context.scene.render.engine = "CYCLES"
bpy.context.scene.cycles.samples = 1
bpy.ops.wm.save_as_mainfile(filepath={str(scene)!r})
bpy.data.objects["Light"].data.energy = 900.0
bpy.context.scene.render.filepath = {str(target)!r}
bpy.ops.render.render(write_still=True)
"""
    subprocess.run([sys.executable, "-c", made], check=True, stdout=subprocess.DEVNULL)
    return scene, program, target


def _whole(job: jobs.Job, folder: Path, commands: Commands) -> float:
    """Run a command undisturbed; its seconds."""
    folder.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    code = commands.start(job.begin(folder), folder.with_suffix(".log"), job.environment(folder)).wait(_LONGEST)
    if code != 0:
        raise SystemExit(f"The undisturbed command ended with {code}; see {folder.with_suffix('.log')}.")
    return time.monotonic() - start


def _tried(name: str, job: jobs.Job, kills: int, place: Path, commands: Commands, rng: random.Random) -> int:
    """Kill one kind of work again and again; the number of runs that ended otherwise."""
    seconds = _whole(job, place / "whole", commands)
    requests = len(job.paid())
    expected = _run_of(job, place / "whole")
    assert expected is not None
    if job.judge is not None and commands.start(job.judge(expected), place / "judge.log").wait(_LONGEST) != 0:
        raise SystemExit(f"The undisturbed run cannot be judged; see {place / 'judge.log'}.")
    files = sum(1 for path in (place / "whole").rglob("*") if path.is_file())
    bad, when = 0, {"time": 0, "files": 0, "too late": 0}
    for number in range(kills):
        folder = place / f"killed-{number}"
        folder.mkdir()
        by_files = number % 2 == 1
        moment = rng.randrange(1, files + 1) if by_files else rng.uniform(0.0, seconds)
        before = len(job.paid())
        killed = _killed(job, folder, commands, moment, by_files)
        first = job.paid()[before:]
        when["too late" if not killed else "files" if by_files else "time"] += 1
        said = _gone_on(job, folder, commands)
        run = _run_of(job, folder)
        said = said or ([] if run is None else differences(run, expected))
        said += _paid_twice(first, job.paid()[before + len(first) :], requests)
        if run is None:
            said = said or ["there is no run"]
        if said:
            bad += 1
            print(f"{name}, kill {number} ({'files' if by_files else 'time'} {moment:.4g}): {'; '.join(said[:6])}")
        else:
            shutil.rmtree(folder)
    told = ", ".join(
        f"{count} by {kind}" if kind != "too late" else f"{count} too late" for kind, count in when.items()
    )
    print(f"{name:<12} {kills:>4} kills ({told}), {bad} ended otherwise; undisturbed {seconds:.1f} s", flush=True)
    return bad


def _paid_twice(first: list[str], then: list[str], requests: int) -> list[str]:
    """What was paid for again, or besides the requests of an undisturbed run, before a kill and after it. The request
    that was under way may come again."""
    again = set(first[:-1]) & set(then)
    twice = len(first) + len(then) - len({*first}) - len({*then})
    said = [f"{len(again) + twice} requests were paid twice"] if again or twice else []
    others = len({*first, *then}) - requests
    return said + ([f"{others:+} requests beside those of an undisturbed run"] if others else [])


def _killed(job: jobs.Job, folder: Path, commands: Commands, moment: float, by_files: bool) -> bool:
    """Begin the work and kill it at a moment: seconds after its start, or when there are so many files."""
    running = commands.start(job.begin(folder), folder.with_suffix(".log"), job.environment(folder))
    start = time.monotonic()
    while running.process.exitcode is None:
        passed = sum(1 for path in folder.rglob("*") if path.is_file()) if by_files else time.monotonic() - start
        if passed >= moment:
            running.kill()
            return True
        time.sleep(0.002)
    return False


def _gone_on(job: jobs.Job, folder: Path, commands: Commands) -> list[str]:
    """Go on with what was killed, or begin anew where nothing was begun, and judge it; what went wrong."""
    log, run, environment = folder.with_suffix(".log"), _run_of(job, folder), job.environment(folder)
    code = commands.start(job.begin(folder) if run is None else job.resume(run), log, environment).wait(_LONGEST)
    if (
        code == 2 and run is not None
    ):  # refused, in a sentence: the run had not come to anything that can be gone on with
        shutil.rmtree(run)
        code = commands.start(job.begin(folder), log, environment).wait(_LONGEST)
    run = _run_of(job, folder)
    if code != 0:
        return [f"going on ended with {code}, see {log}"]
    if job.judge is not None and run is not None:
        code = commands.start(job.judge(run), log).wait(_LONGEST)
        if code != 0:
            return [f"judging ended with {code}, see {log}"]
    return []


def _run_of(job: jobs.Job, folder: Path) -> Path | None:
    found = sorted(path for path in folder.glob(job.folder) if path.is_dir())
    return found[-1] if found else None


if __name__ == "__main__":
    sys.exit(main())
