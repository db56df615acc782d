from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from editor3d.errors import DataError
from editor3d.host.versions import package_versions
from editor3d.run.record import Edit2D, EditRecord, Times, read_record, write_record

seconds = st.floats(0, 1e6)
edits = st.builds(
    Edit2D,
    view=st.text(min_size=1),
    step=st.integers(0, 10**6),
    noise_level=st.floats(0, 1),
    seed=st.integers(0, 2**63),
    seconds=seconds,
    instruction=st.none() | st.text(),
)
records = st.builds(
    EditRecord,
    instruction=st.text(),
    method=st.just("in2n"),
    editor=st.text(),
    editor_reason=st.text(),
    seed=st.integers(0, 2**63),
    data=st.text(),
    base=st.text(),
    steps=st.integers(0, 10**6),
    condition_on=st.sampled_from(["", "original", "base", "detailed"]),
    condition_reason=st.text(),
    guidance_scale=st.none() | st.floats(0, 100),
    image_guidance_scale=st.none() | st.floats(0, 100),
    diffusion_steps=st.none() | st.integers(1, 1000),
    schedule=st.dictionaries(st.text(), st.floats() | st.integers() | st.text()),
    lpips=st.text(),
    edits=st.lists(edits, max_size=5).map(tuple),
    times=st.builds(Times, seconds, seconds, seconds, seconds),
    metrics=st.dictionaries(st.text(), st.floats() | st.dictionaries(st.text(), st.floats()) | st.none()),
    versions=st.dictionaries(st.text(), st.text()),
)


@given(records)
def test_record_reads_back_equal_from_strict_json(tmp_path_factory, record):
    path = Path(tmp_path_factory.getbasetemp()) / "edit.json"
    write_record(path, record)
    assert read_record(path) == record

    def refuse(name):
        raise AssertionError(f"{name} is no JSON")

    json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)


def record() -> EditRecord:
    return EditRecord(
        instruction="make it look like winter",
        method="in2n",
        editor="procedural",
        editor_reason="asked for",
        seed=3,
        data="bear",
        base="base",
        steps=90,
        edits=(Edit2D("b", 0, 0.9, 1, 0.5), Edit2D("a", 10, 0.8, 2, 0.25), Edit2D("b", 20, 0.7, 3, 0.5)),
        times=Times(render=1.0, fit=2.0, edit=1.25, other=0.5),
        metrics={"gap": 0.4, "locality": math.inf, "lpips": math.nan},
        versions=package_versions(),
    )


def test_counts_and_totals_are_in_the_file(tmp_path):
    write_record(tmp_path / "edit.json", record())
    body = json.loads((tmp_path / "edit.json").read_text())
    assert body["counts"] == {"edits_2d": 3, "edited_views": 2, "steps": 90}
    assert body["times"]["total"] == 4.75
    assert body["metrics"] == {"gap": 0.4, "locality": "inf", "lpips": None}
    assert body["edits"][0] == {"view": "b", "step": 0, "noise_level": 0.9, "seed": 1, "seconds": 0.5}
    assert "torch" in body["versions"]
    assert "python" in body["versions"]


def test_records_from_before_the_choices_were_noted_are_read(tmp_path):
    path = tmp_path / "edit.json"
    write_record(path, record())
    body = json.loads(path.read_text())
    added = ("condition_on", "condition_reason", "guidance_scale", "image_guidance_scale", "diffusion_steps", "lpips")
    for name in (*added, "schedule"):
        del body[name]
    path.write_text(json.dumps(body))
    assert read_record(path) == record()


@pytest.mark.parametrize("content", [None, "", "[]", '{"format": 1}', '{"format": 99}', '{"a": 1}'])
def test_missing_or_damaged_record_is_one_sentence(tmp_path, content):
    path = tmp_path / "edit.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(DataError, match=str(path)):
        read_record(path)


def test_a_long_word_in_a_record_is_shortened(tmp_path):
    path = tmp_path / "edit.json"
    path.write_text('{"format": "' + "x" * 10_000 + '"}')
    with pytest.raises(DataError) as refused:
        read_record(path)
    assert len(str(refused.value)) < len(str(path)) + 400
