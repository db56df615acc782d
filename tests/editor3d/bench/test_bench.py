"""Suites: what is read, what is done twice, and the tables."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from editor3d.bench.run import CELLS, Result, run_suite
from editor3d.bench.suite import Suite, read_suite
from editor3d.bench.table import COLUMNS, markdown, table_csv, value_at, write_pictures
from editor3d.cli import main
from editor3d.errors import ConfigError
from editor3d.files.writing import write_json
from editor3d.metrics.report import edit_report
from editor3d.metrics.report.schema import report_schema
from editor3d.metrics.trials.editing import measure_trials
from editor3d.metrics.views import Cost
from editor3d.plugin.train.presets import preset_names, presets_folder
from editor3d.types import EditRequest

from ..metrics.wall import wall_views

SUITE = Suite(captures=["demo", "nowhere"], instructions=["make it night"], methods=["igs2gs"], editors=["procedural"])


def report() -> dict:
    mask = torch.ones(48, 48, dtype=torch.bool)
    mask[:9] = False
    views = wall_views([0.0, 0.3], lambda i, p: torch.where(mask[..., None], 0.5 * p, p), region=mask)
    trials = measure_trials([EditRequest("a", "night", views[0].photo)], lambda r: 0.5 * r.condition, ("dark",), True)
    return edit_report(views, cost=Cost(2, 1.0), f=lambda name, p: 0.5 * p, trials=trials).to_json()


def test_the_suite_that_ships_is_read_and_is_no_preset():
    suite = read_suite(presets_folder() / "suites" / "demo.yaml")
    assert len(suite.cells()) == len(suite.instructions) * len(suite.editors)
    assert len({cell.name for cell in suite.cells()}) == len(suite.cells())
    assert "demo" not in preset_names()


@pytest.mark.parametrize(
    "text",
    [
        "captures: [demo]",
        "{captures: [], instructions: [a], methods: [b], editors: [c]}",
        "{captures: [demo], instructions: [a], methods: [b], editors: [c], more: 1}",
        "{captures: [demo], instructions: [a], methods: [b], editors: [c], options: {seed: 1, editor: ip2p}}",
        "{captures: [demo], instructions: [a], methods: [b], editors: [c], options: {sed: 1}}",
        "[",
    ],
)
def test_another_file_is_refused_in_one_sentence(tmp_path, text, capsys):
    path = tmp_path / "suite.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError):
        read_suite(path)
    assert main(["bench", str(path), "--output", str(tmp_path / "out")]) == 2
    assert not (tmp_path / "out").exists()


def test_a_capture_beside_the_suite_is_found(tmp_path):
    (tmp_path / "scene").mkdir()
    (tmp_path / "suite.yaml").write_text("{captures: [scene], instructions: [a], methods: [b], editors: [c]}")
    assert read_suite(tmp_path / "suite.yaml").captures == [str(tmp_path / "scene")]


def test_what_is_done_is_not_made_again_and_what_is_refused_is_told(tmp_path):
    done = SUITE.cells()[0]
    write_json(tmp_path / CELLS / done.name / "cell.json", {"run": "run", "report": report()})
    said: list[str] = []
    first, second = run_suite(SUITE, tmp_path, said.append)
    assert first.report["cost"] == {"edits_2d": 2, "seconds": 1.0}
    assert first.run == tmp_path / CELLS / done.name / "run"
    assert second.report is None
    assert "nowhere" in second.refused
    assert "done before" in said[0]


def test_tables_have_the_numbers_and_the_pictures(tmp_path):
    cell = SUITE.cells()[0]
    Image.new("RGB", (2000, 100), "red").save(tmp_path / "before_after.png")
    results = [Result(cell, tmp_path, tmp_path, report()), Result(SUITE.cells()[1], tmp_path, refused="There is none.")]
    pictures = write_pictures(results, tmp_path / "pictures")
    with Image.open(tmp_path / pictures[cell.name]) as small:
        assert (small.format, small.width) == ("JPEG", 900)
    page = markdown(SUITE, results, pictures)
    assert pictures[cell.name] in page
    assert "There is none." in page
    rows = list(csv.DictReader(io.StringIO(table_csv(results))))
    assert float(rows[0]["change.mean.psnr"]) == pytest.approx(value_at(report(), "change.mean.psnr"))
    assert rows[0]["known_edit.mean.edited"] == "inf"
    assert rows[1]["refused"] == "There is none."


def test_every_column_is_a_number_of_the_schema():
    schema = report_schema()["$defs"]

    def resolved(part: dict) -> list[dict]:
        if "$ref" in part:
            return [schema[part["$ref"].rpartition("/")[2]]]
        return [found for each in part["anyOf"] for found in resolved(each)] if "anyOf" in part else [part]

    for _, path, _ in COLUMNS:
        parts = [schema["EditReport"]]
        for key in path.replace("*", "_").split("."):
            parts = [
                found
                for part in parts
                for child in [part.get("properties", {}).get(key), part.get("additionalProperties")]
                if isinstance(child, dict)
                for found in resolved(child)
            ]
        assert any(part.get("type") in ("number", "integer") for part in parts), path


@pytest.mark.slow
def test_a_suite_is_carried_out_and_goes_on(tmp_path: Path, tiny_capture):
    suite = tmp_path / "suite.yaml"
    suite.write_text(
        json.dumps(
            {
                "captures": [str(tiny_capture)],
                "instructions": ["make it night"],
                "methods": ["igs2gs"],
                "editors": ["procedural"],
                "options": {"quick": True, "base_steps": 20, "force": True},
                "trials": 1,
            }
        )
    )
    assert main(["bench", str(suite), "--output", str(tmp_path / "out")]) == 0
    written = next((tmp_path / "out").rglob("cell.json"))
    before = written.stat().st_mtime_ns
    assert main(["bench", str(suite), "--output", str(tmp_path / "out")]) == 0
    assert written.stat().st_mtime_ns == before
