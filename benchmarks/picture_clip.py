"""Check whether CLIP's part of the distance to a picture ranks candidates better: `python benchmarks/picture_clip.py`.

Around a hidden program of each scene lie programs at growing distances. Each is rendered for the search, and from a
camera that the search never sees. What is asked of a distance is to put the search's pictures into the order of the
mean absolute differences from that other camera: Spearman's rank correlation, over all programs and over the nearest
third, where the end of a search is decided. The model is the first full CLIP on the machine, else the package's own.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import tyro
from program_refinement import SCORING, difference, hidden_program, picture_of, test_scenes
from rich.console import Console
from rich.table import Table
from scipy.stats import spearmanr

from editor3d.programs.core.contracts import RenderSettings
from editor3d.programs.judge.picture_clip import clip_model, embedding
from editor3d.programs.judge.picture_loss import PictureLoss
from editor3d.programs.language.space import Space
from editor3d.programs.language.syntax import Program
from editor3d.programs.rendering.pool import Workers


def main(
    kinds: tuple[str, ...] = ("lighting", "material", "geometry_nodes"), programs: int = 36, seed: int = 5
) -> None:
    """Compare the orders.

    Args:
        kinds: scenes of the tests.
        programs: candidates of each, whose numbers are 0.02 to 1 standard deviations of their range away.
        seed: of the hidden program and the candidates.
    """
    table = Table(
        "scene", "programs", "three parts", "CLIP alone", "with CLIP", title=f"order under {clip_model('on')}"
    )
    scenes, embed = test_scenes(), embedding()
    with tempfile.TemporaryDirectory() as folder:
        for kind in kinds:
            scene, source = getattr(scenes, kind)(Path(folder) / f"{kind}.blend"), scenes.PROGRAMS[kind]
            rows = _measured(scene, source, embed, programs, np.random.default_rng(seed))
            near = rows[rows[:, 0].argsort()[: programs // 3]]
            for name, chosen in (("all", rows), ("nearest third", near)):
                orders = (f"{spearmanr(chosen[:, 0], chosen[:, column])[0]:.3f}" for column in (1, 2, 3))
                table.add_row(kind, name, *orders)
    Console(width=100).print(table)


def _measured(scene: Path, source: str, embed, programs: int, rng: np.random.Generator) -> np.ndarray:
    """[N, 4]: difference from the other camera; loss without CLIP, CLIP's part alone, loss with it."""
    space = Space(Program(source))
    hidden = hidden_program(space, source, rng)
    middle, rows = space.vector(Program(hidden)), []
    with Workers(scene, SCORING) as held_out, Workers(scene, RenderSettings()) as workers:
        target, truth = picture_of(workers, hidden), picture_of(held_out, hidden)
        plain, with_clip = PictureLoss(target), PictureLoss(target, embed=embed)
        for spread in np.geomspace(0.02, 1.0, programs):
            candidate = space.source((middle + rng.normal(0.0, spread, len(middle))).clip(0, 1))
            image = picture_of(workers, candidate)
            off = difference(picture_of(held_out, candidate), truth)
            rows.append([off, plain(image), with_clip.parts(image)["clip"], with_clip(image)])
    return np.array(rows)


if __name__ == "__main__":
    tyro.cli(main)
