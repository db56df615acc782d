"""Rows of a table by index, with a backward pass whose bits do not depend on threads."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from editor3d.host.compiled import njit


@njit(nogil=True)
def _add_rows(total: np.ndarray, index: np.ndarray, rows: np.ndarray) -> None:
    for i in range(len(index)):
        for c in range(rows.shape[1]):
            total[index[i], c] += rows[i, c]


def add_rows(count: int, index: Int[Tensor, " n"], rows: Float[Tensor, "n c"]) -> Float[Tensor, "{count} c"]:
    """Sum of the rows [N, C] at each index [N]: [count, C]. In order on a CPU, where torch's own way is far slower."""
    if rows.device.type != "cpu":
        return rows.new_zeros(count, rows.shape[1]).index_add(0, index, rows)
    total = np.zeros((count, rows.shape[1]), rows.numpy().dtype)
    _add_rows(total, index.numpy(), rows.contiguous().numpy())
    return torch.from_numpy(total)


class _Rows(torch.autograd.Function):
    @staticmethod
    def forward(ctx, table: Tensor, index: Tensor) -> Tensor:
        ctx.save_for_backward(index)
        ctx.count = len(table)
        return table.index_select(0, index)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:
        (index,) = ctx.saved_tensors
        return add_rows(ctx.count, index, gradient), None


class _Sums(torch.autograd.Function):
    @staticmethod
    def forward(ctx, rows: Tensor, index: Tensor, count: int) -> Tensor:
        ctx.save_for_backward(index)
        return add_rows(count, index, rows)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None, None]:
        (index,) = ctx.saved_tensors
        return gradient.index_select(0, index), None, None


def take_rows(table: Float[Tensor, "v c"], index: Int[Tensor, "*shape"]) -> Float[Tensor, "*shape c"]:
    """table[index]: [V, C] by int64 of any shape [...] -> [..., C]; differentiable in the table."""
    return _Rows.apply(table, index.reshape(-1)).view(*index.shape, table.shape[1])


def sum_rows(rows: Float[Tensor, "n c"], index: Int[Tensor, " n"], count: int) -> Float[Tensor, "{count} c"]:
    """Sum of rows [N, C] at each index [N]: [count, C]; differentiable in the rows."""
    return _Sums.apply(rows, index, count)
