"""What it means that two runs are equal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


def assert_same(one: object, other: object, where: str = "state") -> None:
    """Equal values and bit-equal tensors, all the way down; times may differ."""
    from torch import Tensor, equal

    assert type(one) is type(other), where
    if isinstance(one, dict):
        assert list(one) == list(other), where
        for key in set(one) - {"seconds", "times"}:
            assert_same(one[key], other[key], f"{where}.{key}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), where
        for index, pair in enumerate(zip(one, other, strict=True)):
            assert_same(*pair, f"{where}[{index}]")
    elif isinstance(one, Tensor):
        assert one.dtype == other.dtype, where
        assert equal(one, other), where
    else:
        assert one == other, where


def assert_same_runs(one: Path, other: Path) -> None:
    """Equal checkpoints, edited pictures, and pictures of the scene before and after; nothing else left lying about."""
    from editor3d.plugin import checkpoints

    last, expected = checkpoints.latest_checkpoint(one), checkpoints.latest_checkpoint(other)
    assert last.name == expected.name
    assert_same(checkpoints.load(last), checkpoints.load(expected))
    for folder in ("edited", "before", "after", "edit_state", "nerfstudio_models"):
        names = sorted(str(path.relative_to(other)) for path in (other / folder).rglob("*"))
        assert names
        assert sorted(str(path.relative_to(one)) for path in (one / folder).rglob("*")) == names
        for name in names:
            assert name.endswith(".ckpt") or (one / name).read_bytes() == (other / name).read_bytes(), name


@pytest.fixture
def same_runs() -> Callable[[Path, Path], None]:
    return assert_same_runs
