"""What raters are shown: pairs of edits by the same instruction, and single pictures that are real or edited.

The page knows neither the runs nor which picture is a photograph; that stands in the key, which raters do not get.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import msgspec
import numpy as np
from PIL import Image

from editor3d.datasets import load_posed_images
from editor3d.datasets.views.images import read_image
from editor3d.errors import ConfigError, DataError, first_line
from editor3d.files.safe_open import open_picture
from editor3d.run.record import RECORD, EditRecord, read_record

KEY = "key.json"
FORMAT = 1
_PHOTOGRAPHS = 4
"""Of a capture, as many as the views that a run shows."""


class Pair(msgspec.Struct, frozen=True):
    """Two edits seen from one view."""

    id: str
    instruction: str
    view: str
    left: str
    """A run's folder, as it was given."""
    right: str


class Single(msgspec.Struct, frozen=True):
    """One picture."""

    id: str
    view: str
    run: str | None
    """The run that made it; None for a photograph."""


class Study(msgspec.Struct, frozen=True):
    """The key of a study."""

    id: str
    """Answers carry it, so that those of another study are refused."""
    pairs: tuple[Pair, ...]
    singles: tuple[Single, ...]
    format: int = FORMAT


class Shown(msgspec.Struct, frozen=True):
    """The pictures of a study, by where they are shown: `ID-left`, `ID-right` and `ID`."""

    study: Study
    pictures: dict[str, Image.Image]


def make_study(runs: Sequence[Path], seed: int = 0) -> Shown:
    """A study of finished runs, in an order drawn at random.

    Args:
        runs: folders of finished edits; those with the same instruction are compared with each other.
        seed: of the order, of sides and of names.

    Raises:
        ConfigError: a run is no finished edit, or one is given twice.
        DataError: a capture's photographs are gone.
    """
    if len({run.resolve() for run in runs}) < len(runs):
        raise ConfigError("Expected each run once, got one twice: leave it out.")
    draw = random.Random(seed)
    records = {run: _record(run) for run in runs}
    sights = {run: _sights(run) for run in runs}
    pairs, singles, pictures = [], [], {}
    for first, second in combinations(runs, 2):
        if records[first].instruction != records[second].instruction:
            continue
        for view in sorted(sights[first].keys() & sights[second].keys()):
            left, right = draw.sample((first, second), 2)
            pair = Pair(_name(draw), records[first].instruction, view, str(left), str(right))
            pairs.append(pair)
            pictures |= {f"{pair.id}-left": sights[left][view], f"{pair.id}-right": sights[right][view]}
    for run in runs:
        for view, picture in sights[run].items():
            singles.append(Single(_name(draw), view, str(run)))
            pictures[singles[-1].id] = picture
    for data in dict.fromkeys(record.data for record in records.values()):
        shown = {view for run, record in records.items() if record.data == data for view in sights[run]}
        for view, picture in _photographs(Path(data), shown, draw).items():
            singles.append(Single(_name(draw), view, None))
            pictures[singles[-1].id] = picture
    draw.shuffle(pairs)
    draw.shuffle(singles)
    return Shown(Study(_name(draw), tuple(pairs), tuple(singles)), pictures)


def read_key(folder: Path) -> Study:
    """The key that lies beside a page.

    Raises:
        DataError: there is none, or a damaged one.
    """
    path = folder / KEY
    try:
        return msgspec.json.decode(path.read_bytes(), type=Study)
    except (OSError, msgspec.DecodeError) as error:
        raise DataError(
            f"Expected the key of a study in {path}, found none that can be read ({first_line(error)}): name its "
            f"folder by --output."
        ) from error


def _name(draw: random.Random) -> str:
    return f"{draw.getrandbits(48):012x}"


def _record(run: Path) -> EditRecord:
    if not (run / RECORD).is_file():
        raise ConfigError(f"Expected the folder of a finished edit, got {run}: check the path.")
    return read_record(run / RECORD)


def _sights(run: Path) -> dict[str, Image.Image]:
    """The edited scene from the views that the run shows, by name."""
    found = {}
    for path in sorted((run / "after").glob("*.png")):
        with open_picture(path, ("PNG",)) as picture:
            found[path.stem] = picture.convert("RGB")
    if not found:
        raise ConfigError(f"Expected pictures of the edited scene in {run / 'after'}, found none: finish the edit.")
    return found


def _photographs(data: Path, shown: set[str], draw: random.Random) -> dict[str, Image.Image]:
    """Photographs of a capture, of other views than the shown ones where there are enough: their edits would tell."""
    if not data.is_dir():
        raise DataError(f"Expected the capture of the runs at {data}, found none: move it back.")
    views = load_posed_images(data).views
    others = [view for view in views if view.name not in shown]
    chosen = draw.sample(others if len(others) >= _PHOTOGRAPHS else list(views), min(_PHOTOGRAPHS, len(views)))
    return {view.name: Image.fromarray(np.asarray(read_image(view))[..., :3]) for view in chosen}
