from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from gaussian.splats import Splats


@pytest.fixture(scope="session")
def make_splats() -> Callable[..., Splats]:
    """Random Gaussians that look like trained ones."""

    def make(seed: int, count: int = 5, degree: int = 3) -> Splats:
        generator = torch.Generator().manual_seed(seed)

        def normal(*shape: int) -> torch.Tensor:
            return torch.randn(*shape, generator=generator)

        means, scales, quats, opacities = (
            normal(count, 3) * 3,
            normal(count, 3) - 4,
            normal(count, 4),
            normal(count) * 3,
        )
        sh = normal(count, (degree + 1) ** 2, 3) * 0.2
        return Splats(means, scales, quats, opacities, sh)

    return make


_CODES = {"char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "float": "f4", "double": "f8"}


def _table(splats: Splats, **further: tuple[str, np.ndarray]) -> dict[str, tuple[str, np.ndarray]]:
    """The properties of a .ply by name: type and values [N]."""
    named = {name: splats.means[:, i] for i, name in enumerate("xyz")}
    named |= {f"f_dc_{i}": splats.sh[:, 0, i] for i in range(3)} | {"opacity": splats.opacity_logits}
    named |= {f"scale_{i}": splats.log_scales[:, i] for i in range(3)} | {
        f"rot_{i}": splats.quats[:, i] for i in range(4)
    }
    return {name: ("float", values.numpy()) for name, values in named.items()} | further


def _ply(
    columns: dict[str, tuple[str, np.ndarray]],
    comments: tuple[str, ...] = (),
    before: bytes = b"",
    before_header: tuple[str, ...] = (),
    after: bytes = b"",
    after_header: tuple[str, ...] = (),
) -> bytes:
    rows = np.empty(
        len(next(iter(columns.values()))[1]), [(name, f"<{_CODES[kind]}") for name, (kind, _) in columns.items()]
    )
    for name, (_, values) in columns.items():
        rows[name] = values
    lines = ["ply", "format binary_little_endian 1.0", *(f"comment {text}" for text in comments), *before_header]
    lines += [f"element vertex {len(rows)}", *(f"property {kind} {name}" for name, (kind, _) in columns.items())]
    return "\n".join([*lines, *after_header, "end_header", ""]).encode() + before + rows.tobytes() + after


@pytest.fixture(scope="session")
def table() -> Callable[..., dict[str, tuple[str, np.ndarray]]]:
    """See `_table`."""
    return _table


@pytest.fixture(scope="session")
def ply() -> Callable[..., bytes]:
    """See `_ply`."""
    return _ply
