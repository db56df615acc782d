"""Choose the default device."""

from __future__ import annotations

from typing import Literal

import torch


def default_device() -> Literal["cpu", "cuda"]:
    """CUDA where there is one."""
    return "cuda" if torch.cuda.is_available() else "cpu"
