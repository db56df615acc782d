"""Files broken at random: each is read, or refused in one sentence, in bounded time and memory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.fuzzing.formats import FORMATS, format_of
from lab.fuzzing.formats.mutate import mutated
from lab.fuzzing.run import Report, run

CASES = 30
"""Of each format; benchmarks/fuzz.py tries as many as it is asked for."""


@pytest.fixture(scope="module")
def reports() -> Iterator[dict[str, Report]]:
    return run([(name, number) for name in FORMATS for number in range(CASES)])


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_broken_files_are_read_or_refused_in_a_sentence(reports: dict[str, Report], name: str) -> None:
    report = reports[name]
    assert report.cases == CASES
    assert not report.failures
    assert report.outcomes["refused"] > 0


def test_the_same_number_breaks_a_file_in_the_same_way() -> None:
    files = {"a.json": b'{"frames": [1, 2, {"x": 3}]}', "b.png": bytes(range(256)), "c.txt": b"1 2 3\n4 5 6\n"}
    broken = [mutated(files, f"x:{number}") for number in range(200)]
    assert broken == [mutated(files, f"x:{number}") for number in range(200)]
    assert sum(case != files for case in broken) > 150
    assert len({tuple(sorted(case.items())) for case in broken}) > 150


def test_what_ends_badly_is_noticed() -> None:
    report = Report()
    report.count(3, {"outcome": "error", "place": "KeyError at a.py:1", "text": "x", "memory": 5})
    report.count(4, {"outcome": "read", "memory": 2 << 30})
    report.count(5, {"outcome": "hang"})
    assert (report.cases, report.failed) == (3, 3)
    assert set(report.failures) == {"KeyError at a.py:1", "memory", "hang"}


@pytest.mark.parametrize("name", ["transforms", "mesh-obj", "region", "answer"])
def test_whole_files_are_read(name: str, tmp_path) -> None:
    chosen = format_of(name)
    for index, files in enumerate(chosen.wholes):
        for file, content in files.items():
            path = tmp_path / str(index) / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        chosen.read(tmp_path / str(index))
