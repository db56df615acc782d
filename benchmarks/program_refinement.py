"""How far a refinement without any model gets from one picture, beside random search with as many renders.

Scenes of lights, of a material and of geometry nodes; in each, all numbers and colours of the program are moved up or
down by 5 to 20 % of their range, at random, and the picture of that hidden program is the target. Ranges are those of
the search: for a size or scale, whose range is a factor of 8 to both sides, 20 % is a factor of 2.3. The refinement
sees the target alone. It is scored from a camera that it never saw: by how much the mean absolute difference to the
hidden program's picture (sRGB in 0..1) has fallen.

A whole run takes some hours; in pieces, with the figures kept:
python benchmarks/program_refinement.py --kinds lighting --results outputs/program_refinement.jsonl
"""

from __future__ import annotations

import importlib.util
import json
import statistics
import tempfile
import time
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from editor3d.files.writing import jsonable
from editor3d.outputs.pictures import Row, save_png, save_side_by_side
from editor3d.programs import Budget, RefineRequest, refine
from editor3d.programs.core.contracts import RenderSettings
from editor3d.programs.judge.picture_loss import PictureLoss
from editor3d.programs.language.space import Space
from editor3d.programs.language.syntax import Program
from editor3d.programs.refined import Refinement
from editor3d.programs.rendering.pool import Workers
from editor3d.programs.request import read_picture

SCENES = Path(__file__).parents[1] / "tests" / "editor3d" / "programs" / "scenes.py"
LEAST_MOVE, MOST_MOVE = 0.05, 0.2
SCORING = RenderSettings(samples=32, seed=1, camera="HeldOut")


@dataclass(frozen=True)
class Arguments:
    """Options."""

    kinds: tuple[str, ...] = ("lighting", "material", "geometry_nodes")
    """Scenes of the tests."""
    perturbations: int = 10
    """Hidden programs of each."""
    begin: int = 0
    """Number of the first one: two runs at a time may share the work and the results."""
    seconds: float = 600.0
    """The longest time of each refinement; what it has by then is scored."""
    renders: int = 2000
    """Renders of each refinement at most; one takes about 0.2 s of a core, its share of the search included."""
    random: bool = True
    """Search at random as well, with as many renders; also for what is in the results without it."""
    results: Annotated[Path | None, tyro.conf.arg(metavar="FILE.jsonl")] = None
    """Where to write the figures, one JSON line a hidden program as soon as it is done. What is there already, with the
    same budget, is not done again: a run may be made in pieces."""
    pictures: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER")] = None
    """Where to write each first, found and hidden picture, seen by the search's camera."""


@dataclass(frozen=True)
class Result:
    """One hidden program."""

    kind: str
    perturbation: int
    before: float
    """Mean absolute difference on the held-out camera, of the first program; so for the next two."""
    after: float
    random: float
    renders: int
    seconds: float

    @property
    def cut(self) -> float:
        return 1.0 - self.after / self.before

    @property
    def random_cut(self) -> float:
        return 1.0 - self.random / self.before


def main(arguments: Arguments) -> None:
    results = _read(arguments)
    with tempfile.TemporaryDirectory() as folder:
        for kind in arguments.kinds:
            known = {number: result for (name, number), result in results.items() if name == kind}
            if any(not _complete(known.get(number), arguments) for number in _numbers(arguments)):
                results |= {(kind, r.perturbation): r for r in _measured(kind, known, arguments, Path(folder))}
    _print(list(results.values()), arguments)


def _numbers(arguments: Arguments) -> range:
    return range(arguments.begin, arguments.begin + arguments.perturbations)


def _complete(result: Result | None, arguments: Arguments) -> bool:
    return result is not None and not (arguments.random and np.isnan(result.random))


def _budget(arguments: Arguments) -> dict[str, float]:
    """What figures have to have in common to stand in one table."""
    return {"renders": arguments.renders, "seconds": arguments.seconds}


def _read(arguments: Arguments) -> dict[tuple[str, int], Result]:
    """The figures of earlier runs with the same budget, by kind and number; later lines count, and a line that was cut
    off while it was written is none."""
    if arguments.results is None or not arguments.results.is_file():
        return {}
    found = {}
    for line in arguments.results.read_text(encoding="utf-8").splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        wanted = row["kind"] in arguments.kinds and row["perturbation"] in _numbers(arguments)
        if wanted and row["budget"] == _budget(arguments):
            values = {f.name: np.nan if row[f.name] is None else row[f.name] for f in fields(Result)}
            found[row["kind"], row["perturbation"]] = Result(**values)
    return found


def _write(result: Result, arguments: Arguments) -> None:
    if arguments.results is not None:
        arguments.results.parent.mkdir(parents=True, exist_ok=True)
        row = jsonable(asdict(result)) | {"cut": result.cut, "budget": _budget(arguments)}
        # a line of its own even behind one that was cut off
        with arguments.results.open("a+b") as file:
            file.seek(max(0, file.seek(0, 2) - 1))
            between = b"" if file.read(1) in (b"", b"\n") else b"\n"
            file.write(between + json.dumps(row, allow_nan=False).encode() + b"\n")


def _measured(kind: str, known: dict[int, Result], arguments: Arguments, folder: Path) -> list[Result]:
    """Of one kind of scene, what is known and what was not known yet."""
    scenes = test_scenes()
    scene = getattr(scenes, kind)(folder / f"{kind}.blend")
    source = scenes.PROGRAMS[kind]
    program = folder / f"{kind}.py"
    program.write_text(source, encoding="utf-8")
    space, results = Space(Program(source)), dict(known)
    targets: dict[int, np.ndarray] = {}
    truths: dict[int, np.ndarray] = {}
    with Workers(scene, SCORING) as held_out, Workers(scene, RenderSettings()) as workers:
        before = picture_of(held_out, source)
        for number in _numbers(arguments):
            if _complete(known.get(number), arguments):
                continue
            hidden = hidden_program(space, source, np.random.default_rng([number, len(kind)]))
            targets[number], truths[number] = picture_of(workers, hidden), picture_of(held_out, hidden)
            if number in known:
                continue
            done, seconds = _refined(RefineRequest(scene, program, seed=number), targets[number], arguments)
            after = picture_of(held_out, done.program.read_text(encoding="utf-8"))
            differences = (difference(picture, truths[number]) for picture in (before, after))
            spent = int(done.summary["spent"]["renders"])
            results[number] = result = Result(kind, number, *differences, np.nan, spent, seconds)
            _write(result, arguments)
            print(
                f"{kind} {number}: {result.before:.4f} -> {result.after:.4f}, {spent} renders, {seconds:.0f} s",
                flush=True,
            )
            if arguments.pictures is not None:
                shown = [picture_of(workers, source), read_picture(done.picture), targets[number]]
                columns = ["before", "found", "hidden"]
                save_side_by_side(arguments.pictures / f"{kind}-{number}.png", [Row(kind, shown)], columns=columns)
        if arguments.random and targets:
            renders = {number: results[number].renders for number in targets}
            for number, guess in _random_search(workers, space, source, targets, renders).items():
                random = difference(picture_of(held_out, guess), truths[number])
                results[number] = replace(results[number], random=random)
                _write(results[number], arguments)
    return list(results.values())


def _refined(asked: RefineRequest, target: np.ndarray, arguments: Arguments) -> tuple[Refinement, float]:
    """A refinement towards a picture, and its seconds."""
    path = asked.program.with_name(f"{asked.program.stem}-{asked.seed}.png")
    save_png(path, target)
    began = time.monotonic()
    done = refine(
        replace(asked, target=path, proposer="embedded"),
        path.with_suffix(""),
        budget=Budget(renders=arguments.renders, seconds=arguments.seconds),
        save_scene=False,
    )
    return done, time.monotonic() - began


def hidden_program(space: Space, source: str, rng: np.random.Generator) -> str:
    """A program all of whose numbers are moved."""
    start = space.vector(Program(source))
    moves = rng.uniform(LEAST_MOVE, MOST_MOVE, len(start))
    up = rng.random(len(start)) < 0.5
    moved = np.where(up, start + moves, start - moves)
    return space.source(
        np.where((moved < 0) | (moved > 1), np.where(up, start - moves, start + moves), moved).clip(0, 1)
    )


def _random_search(
    workers: Workers, space: Space, source: str, targets: dict[int, np.ndarray], renders: dict[int, int]
) -> dict[int, str]:
    """The best program for each target of as many as the refinement of that target rendered; the first program is one
    of them, and the others are the same for all targets.

    Numbers are drawn evenly from all that a hidden program may have: random search is told how far it is to look, which
    the refinement is not.
    """
    rng, start = np.random.default_rng(len(space)), space.vector(Program(source))
    losses = {number: PictureLoss(target) for number, target in targets.items()}
    best = dict.fromkeys(targets, (np.inf, source))
    for count in range(max(renders.values())):
        away = rng.uniform(-MOST_MOVE, MOST_MOVE, len(space))
        candidate = source if count == 0 else space.source((start + away).clip(0, 1))
        rendered = workers.render(candidate)
        for number, loss in losses.items():
            if rendered.image is not None and count < renders[number]:
                best[number] = min(best[number], (loss(rendered.image), candidate))
    return {number: candidate for number, (_, candidate) in best.items()}


def picture_of(workers: Workers, source: str) -> np.ndarray:
    """A program's picture [H, W, 3] uint8."""
    rendered = workers.render(source)
    if rendered.image is None:
        raise RuntimeError(f"{rendered.status}: {rendered.message}\n{source}")
    return rendered.image


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """Mean absolute difference of two pictures, 0..1."""
    return float(np.abs(one.astype(float) - other.astype(float)).mean() / 255.0)


def test_scenes():
    """The module that makes the tests' scenes."""
    spec = importlib.util.spec_from_file_location("blender_scenes", SCENES)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _print(results: list[Result], arguments: Arguments) -> None:
    table = Table(title=f"Loss cut on a held-out camera, {arguments.seconds:g} s each, median (least, most)")
    for column in (
        "scene",
        "hidden",
        "refinement",
        "random search",
        "better than random",
        "renders",
        "before",
        "after",
    ):
        table.add_column(column)
    for kind in arguments.kinds:
        mine = [result for result in results if result.kind == kind]
        cuts, others = [r.cut for r in mine], [r.random_cut for r in mine if not np.isnan(r.random)]
        table.add_row(
            kind,
            str(len(mine)),
            f"{statistics.median(cuts):.1%} [{min(cuts):.1%}, {max(cuts):.1%}]",
            f"{statistics.median(others):.1%} [{min(others):.1%}, {max(others):.1%}]" if others else "not run",
            f"{sum(r.after < r.random for r in mine)} of {len(others)}",
            f"{statistics.median(r.renders for r in mine):.0f}",
            f"{statistics.median(r.before for r in mine):.4f}",
            f"{statistics.median(r.after for r in mine):.4f}",
        )
    Console(width=150).print(table)


if __name__ == "__main__":
    main(tyro.cli(Arguments))
