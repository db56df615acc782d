"""The scores of a suite as Markdown with pictures, and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from editor3d.bench.run import Result
from editor3d.bench.suite import Suite
from editor3d.files.safe_open import open_picture
from editor3d.files.writing import replacing
from editor3d.run.results import SHEET

COLUMNS = (
    ("gap dB", "known_edit.mean.gap", 2),
    ("undone dB", "known_edit.mean.unedited", 2),
    ("to base dB", "change.mean.psnr", 2),
    ("locality dB", "change.mean.locality", 1),
    ("IoU", "targets.iou", 3),
    ("grounding", "targets.grounding", 2),
    ("silhouettes", "silhouettes.iou", 3),
    ("views apart", "consistency.short_range.after", 4),
    ("sharpness", "change.mean.sharpness", 2),
    ("perceptual", "perceptual.to_base", 3),
    ("CLIP direction", "clip.direction", 3),
    ("paraphrases", "trials.paraphrases.agreement", 3),
    ("diversity", "trials.diversity", 3),
    ("noise 0.05 dB", "trials.noise.0*05.psnr", 1),
    ("2D edits", "cost.edits_2d", 0),
    ("seconds", "cost.seconds", 0),
)
"""Heading, path in a report (a * stands for a dot), digits."""
NAMES = ("capture", "instruction", "method", "editor")
_NONE = "–"
_WIDTH = 900


def value_at(report: Mapping[str, Any], path: str) -> float | str | None:
    """The number at a path of a report, "inf" for one that is infinite; None where there is none."""
    found: Any = report
    for key in path.split("."):
        found = found.get(key.replace("*", ".")) if isinstance(found, Mapping) else None
    return found if isinstance(found, int | float) or found in ("inf", "-inf") else None


def markdown(suite: Suite, results: Sequence[Result], pictures: Mapping[str, str]) -> str:
    """The table, then the edits that were refused, then the pictures.

    Args:
        pictures: addresses relative to the page, by the names of cells.
    """
    lines = [f"# {suite.summary or 'Edits, judged by held-out views'}", ""]
    lines += [_row((*NAMES, *(heading for heading, _, _ in COLUMNS))), _row(["---"] * (len(NAMES) + len(COLUMNS)))]
    for result in results:
        scores = [_NONE if result.report is None else _told(value_at(result.report, p), d) for _, p, d in COLUMNS]
        lines.append(_row((*_names(result), *scores)))
    lines += ["", "Means over held-out views; docs/metrics.md says how to read them.", ""]
    lines += [f"- {', '.join(_names(each))}: {each.refused}" for each in results if each.report is None]
    for result in results:
        if result.cell.name in pictures:
            title = ", ".join(_names(result))
            lines += ["", f"## {title}", "", f"![before and after: {title}]({pictures[result.cell.name]})"]
    return "\n".join(lines) + "\n"


def table_csv(results: Sequence[Result]) -> str:
    """A row an edit with every number of its report, but for those of single views."""
    rows = [
        {**dict(zip(NAMES, _names(result), strict=True)), "refused": result.refused, **dict(_numbers(result.report))}
        for result in results
    ]
    headings = dict.fromkeys(key for row in rows for key in row)
    text = io.StringIO()
    writer = csv.DictWriter(text, [*headings], restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def write_pictures(results: Sequence[Result], folder: Path) -> dict[str, str]:
    """A small JPEG of each edit's sheet; their addresses relative to the folder above, by the names of cells."""
    found = {}
    for result in results:
        if result.run is None or not (result.run / SHEET).is_file():
            continue
        path = folder / f"{result.cell.name}.jpg"
        with open_picture(result.run / SHEET, ("PNG",)) as opened:
            picture = opened.convert("RGB")
        if picture.width > _WIDTH:
            picture = picture.resize((_WIDTH, round(picture.height * _WIDTH / picture.width)), Image.Resampling.LANCZOS)
        with replacing(path) as temporary:
            picture.save(temporary, "JPEG", quality=85)
        found[result.cell.name] = f"{folder.name}/{path.name}"
    return found


def _numbers(part: Any, path: str = "") -> Iterator[tuple[str, float | str]]:
    if isinstance(part, Mapping):
        for key, value in part.items():
            if key not in ("views", "by_words"):
                yield from _numbers(value, f"{path}.{key}" if path else key)
            elif isinstance(value, int):
                yield f"{path}.{key}", value
    elif isinstance(part, int | float) or part in ("inf", "-inf"):
        yield path, part


def _names(result: Result) -> tuple[str, ...]:
    cell = result.cell
    return (Path(cell.capture).name, cell.instruction, cell.method, cell.editor.partition(":")[0])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _told(value: float | str | None, digits: int) -> str:
    if value is None:
        return _NONE
    return value if isinstance(value, str) else f"{value:.{digits}f}"
