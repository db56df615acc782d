"""The report of a refinement: one HTML page with the rounds, the winner's lineage, its changes, and the costs.

The page has no scripts and reads nothing from elsewhere but the pictures beside it. Notes, programs and messages are
those of models and strangers: they are shown as text.
"""

from __future__ import annotations

import difflib
import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from editor3d.files.writing import replacing
from editor3d.programs.core.contracts import Candidate
from editor3d.programs.core.run_ledger import RunLedger
from editor3d.programs.search.pictures import PICTURES

REPORT = "report.html"
_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 72em; padding: 0 1em; color: #222 }
img { max-width: 100%; display: block } h2 { margin-top: 1.6em } td, th { text-align: left; padding: .1em 1em .1em 0 }
.sheet { display: flex; flex-wrap: wrap; gap: 10px } .card { width: 132px; font-size: 12px; overflow-wrap: anywhere }
.card img, .card .none { width: 128px; border: 2px solid #ccc; border-radius: 3px } .won img { border-color: #2a7f3f }
.card .none { height: 96px; background: #f4e4e2; padding: 4px; box-sizing: border-box; overflow: hidden }
details { margin: .5em 0 } summary { cursor: pointer } pre { background: #f6f6f4; padding: .8em; overflow-x: auto }
.add { color: #176b2c } .cut { color: #a02316 }
"""


def write_report(
    folder: Path, ledger: RunLedger, first: Candidate, best: Candidate, summary: Mapping[str, Any], title: str
) -> Path:
    """Write the page into a run's folder.

    Args:
        ledger: the run's.
        first, best: the program as it was given, and the winner.
        summary: what `edit.json` says of the search.
        title: the instruction; may be empty.

    Raises:
        Editor3DError: the disk is full, or the folder cannot be written.
    """
    path = folder / REPORT
    rounds = _rounds(ledger)
    parts = [
        _overview(title, summary),
        '<img src="before_after.png" alt="before and after">',
        "<h2>How the best program came about</h2>",
        _lineage(rounds),
        "<h2>What it changes</h2>",
        _diff(first.source, best.source),
        f"<h2>Rounds</h2><p>{len(rounds)} rounds; the newest comes first. Green is the best after its round.</p>",
        *(_round(entry, candidates, ledger, folder) for entry, candidates in reversed(rounds)),
        "<h2>Costs</h2>",
        _costs(ledger, summary),
    ]
    name = html.escape(title or "Refinement")
    page = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{name}</title>'
        f"<style>{_STYLE}</style></head><body>{''.join(parts)}</body></html>\n"
    )
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return path


def _rounds(ledger: RunLedger) -> list[tuple[Mapping[str, Any], list[Mapping[str, Any]]]]:
    """Each finished round with its proposals, in order."""
    proposals: dict[int, list[Mapping[str, Any]]] = {}
    for entry in ledger.of("proposal"):
        proposals.setdefault(int(entry["key"].partition(".")[0]), []).append(entry)
    return [(entry, proposals.get(entry["round"], [])) for entry in ledger.of("round")]


def _overview(title: str, summary: Mapping[str, Any]) -> str:
    loss = summary["loss"]
    stopped = html.escape(str(summary["stopped"]).rstrip("."))
    said = [f"<h1>{html.escape(title or 'Refinement')}</h1><p>Stopped: {stopped}."]
    if loss["before"] is not None and loss["after"] is not None:
        said.append(f" Loss {loss['before']:.4f} to {loss['after']:.4f}.")
    said.append("</p>")
    notes = "".join(f"<li>{html.escape(str(note))}</li>" for note in summary["scene_notes"])
    if notes:
        said.append(f"<h2>The scene</h2><ul>{notes}</ul>")
    return "".join(said)


def _lineage(rounds: Sequence[tuple[Mapping[str, Any], list[Mapping[str, Any]]]]) -> str:
    """The rounds that made the incumbent another one, oldest first."""
    steps = ["<li>the program as it was given</li>"]
    for entry, _ in rounds:
        if entry["changed"]:
            loss = "" if entry["loss"] is None else f", loss {entry['loss']:.4f}"
            steps.append(f"<li>round {entry['round'] + 1}{loss}: {html.escape(entry['note'] or 'a change')}</li>")
    return f"<ol>{''.join(steps)}</ol>"


def _diff(before: str, after: str) -> str:
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), "given", "best", lineterm="", n=2))
    if not lines:
        return "<p>Nothing: no better program was found.</p>"
    shown = []
    for line in lines[2:]:
        kind = {"+": "add", "-": "cut"}.get(line[:1])
        text = html.escape(line)
        shown.append(f'<span class="{kind}">{text}</span>' if kind else text)
    return f"<pre>{chr(10).join(shown)}</pre>"


def _round(entry: Mapping[str, Any], candidates: Sequence[Mapping[str, Any]], ledger: RunLedger, folder: Path) -> str:
    cards = "".join(_card(candidate, entry, ledger, folder) for candidate in candidates)
    result = "a better program" if entry["changed"] else "nothing better"
    opened = " open" if entry["changed"] else ""
    head = f"Round {entry['round'] + 1} ({html.escape(entry['kind'])}): {result}"
    return f'<details{opened}><summary>{head}</summary><div class="sheet">{cards}</div></details>'


def _card(candidate: Mapping[str, Any], entry: Mapping[str, Any], ledger: RunLedger, folder: Path) -> str:
    """One candidate: its picture or why there is none, what it changed, and its program."""
    name = candidate["source"]
    rendered = ledger.rendered(name)
    loss = ""
    if rendered is None:
        shown = '<div class="none">not rendered</div>'
    elif rendered["status"] == "ok" and (folder / PICTURES / f"{name}.png").is_file():
        shown = f'<a href="{PICTURES}/{name}.png"><img loading="lazy" src="{PICTURES}/{name}.png" alt="{name}"></a>'
        loss = "" if rendered["loss"] is None else f"{rendered['loss']:.4f} "
    else:
        shown = f'<div class="none">{html.escape(rendered["status"])}: {html.escape(rendered["message"])}</div>'
    won = " won" if entry["changed"] and name == entry["best"] else ""
    program = f"<details><summary>program</summary><pre>{html.escape(candidate['text'])}</pre></details>"
    return f'<div class="card{won}">{shown}<b>{loss}</b>{html.escape(candidate["note"])}{program}</div>'


def _costs(ledger: RunLedger, summary: Mapping[str, Any]) -> str:
    spent, budget = summary["spent"], summary["budget"]
    rows = ""
    for name in ("renders", "calls", "tokens", "seconds"):
        most = "none" if budget[name] is None else f"{budget[name]:g}"
        rows += f"<tr><td>{name}</td><td>{spent[name]:g}</td><td>{most}</td></tr>"
    statuses = ", ".join(f"{count} {html.escape(status)}" for status, count in summary["candidates"].items())
    rendering = sum(entry["seconds"] for entry in ledger.of("render"))
    return (
        f"<table><tr><th></th><th>spent</th><th>budget</th></tr>{rows}</table>"
        f"<p>Candidates: {statuses}. {rendering:.0f} seconds of rendering.</p>"
    )
