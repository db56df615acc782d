"""Logic stands in one place: no run of code is written again in another module."""

from __future__ import annotations

import ast
import io
import tokenize
from collections import defaultdict
from itertools import combinations
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CODE = ("editor3d", "nerf_methods", "gaussian", "mesh", "blender_addon", "lab", "benchmarks")
APART = ("gaussian/raster/kernels/weights.py",)
"""Its loop over a tile is that of `composite.py` with other sums; compiled loops are written out."""
FEWEST_LINES = 6
"""Of a run that counts."""

_SILENT = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)


def code_lines(source: str) -> list[tuple[int, str]]:
    """The lines of code, with their numbers: without comments, docstrings, imports, white space, and lines of brackets
    and a single word, as the arguments of a long call are."""
    left_out: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        if text or isinstance(node, ast.Import | ast.ImportFrom):
            left_out.update(range(node.lineno, node.end_lineno + 1))
    lines: dict[int, list[str]] = defaultdict(list)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in _SILENT and token.start[0] not in left_out:
            lines[token.start[0]].append(token.string)
    return [
        (number, " ".join(words))
        for number, words in sorted(lines.items())
        if sum(any(letter.isalnum() for letter in word) for word in words) > 1
    ]


def repeated_runs(sources: dict[str, str]) -> list[str]:
    """What stands in two of the sources: `one:12-20 = other:40-48`, the longest first."""
    lines = {name: code_lines(source) for name, source in sources.items()}
    places: dict[tuple[str, ...], list[tuple[str, int]]] = defaultdict(list)
    for name, numbered in lines.items():
        for start in range(len(numbered) - FEWEST_LINES + 1):
            places[tuple(line for _, line in numbered[start : start + FEWEST_LINES])].append((name, start))
    pairs: dict[tuple[str, str, int], list[int]] = defaultdict(list)
    for found in places.values():
        for (one, start), (other, again) in combinations(found, 2):
            if one != other:
                pairs[one, other, again - start].append(start)
    runs = []
    for (one, other, shift), starts in pairs.items():
        first = 0
        starts = sorted(starts)
        for index in range(1, len(starts) + 1):
            if index == len(starts) or starts[index] > starts[index - 1] + 1:
                begin, end = starts[first], starts[index - 1] + FEWEST_LINES - 1
                spans = [
                    f"{name}:{lines[name][begin + moved][0]}-{lines[name][end + moved][0]}"
                    for name, moved in ((one, 0), (other, shift))
                ]
                runs.append((begin - end, " = ".join(spans)))
                first = index
    return [text for _, text in sorted(runs)]


BODY = "".join(f"    {name} = read('{name}')\n" for name in "abcdef")


def test_a_run_that_stands_twice_is_seen() -> None:
    one = f"import a\n\n\ndef f():\n{BODY}    return a\n"
    other = f"def g():\n{BODY.replace(' = ', '  =  ')}    return b  # another\n"
    assert repeated_runs({"one": one, "other": other}) == ["one:5-10 = other:2-7"]


@pytest.mark.parametrize(
    "written",
    [
        pytest.param(BODY[: BODY.index("    f")], id="five lines"),
        pytest.param("".join(f"    from a import {name}\n" for name in "abcdefgh"), id="imports"),
        pytest.param('    """\n' + "    A sentence.\n" * 8 + '    """\n', id="a docstring"),
        pytest.param("    x = f(\n" + "    (\n" * 8 + "    )\n" * 9, id="brackets"),
        pytest.param("    x = f(\n" + "".join(f"        {name},\n" for name in "abcdefgh") + "    )\n", id="arguments"),
        pytest.param("\n" * 8 + "    # a comment\n" * 8, id="comments"),
    ],
)
def test_what_is_no_run_of_code_is_not_seen(written: str) -> None:
    one, other = (f"def {name}():\n{written}    return {name}(1)\n" for name in "fg")
    assert repeated_runs({"one": one, "other": other}) == []


@pytest.mark.parametrize("folders", [CODE, ("tests",)], ids=["code", "tests"])
def test_nothing_is_written_twice(folders: tuple[str, ...]) -> None:
    """What tests hold the code against is written on its own."""
    paths = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    assert len(paths) > 200
    sources = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in paths}
    assert repeated_runs({name: source for name, source in sources.items() if name not in APART}) == []
