"""The requests and results of guidances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@dataclass(frozen=True)
class GuidanceInfo:
    """What a guidance needs, as data."""

    name: str
    summary: str
    license: str
    needs_weights: bool = True
    needs_sources: bool = False
    """Reads `GuidanceRequest.sources`."""
    keeps_shape: bool = False
    """Knows changes of colour alone: what it pulls shapes towards means nothing."""
    download: str = ""
    """Size of the weights that it loads by default; empty where it needs none."""


@dataclass(frozen=True, eq=False)
class GuidanceRequest:
    """Renders of one training step, to be pulled towards a text."""

    images: Tensor
    """[B, H, W, 3] 0..1, usually with a gradient to what they were rendered from."""
    prompts: Sequence[str]
    """One text a view: an instruction or a description, whichever the guidance takes."""
    generator: torch.Generator
    """On the CPU; draws timesteps and noise."""
    step: int = 0
    """Of the optimisation, counted from 0: what schedules depend on."""
    total_steps: int = 1
    sources: Tensor | None = None
    """The unedited scene from the same cameras, [B, H, W, 3] 0..1; None unless `GuidanceInfo.needs_sources`."""


@runtime_checkable
class Guidance(Protocol):
    """A prior that says in which direction renders should change."""

    @property
    def info(self) -> GuidanceInfo: ...

    def validate(self) -> None:
        """Look for the weights. Cheap: loads none.

        Raises:
            EditorUnavailableError: weights are missing; the text says how to get them.
        """
        ...

    def loss(self, request: GuidanceRequest) -> Tensor:
        """A number whose gradient with respect to `request.images` is the guidance, averaged over the views.

        Its value need not mean anything; scaling it scales the gradient.

        Returns:
            [], float32 or float64.
        """
        ...
