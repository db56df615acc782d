"""Average the parameters over the end of training (Polyak and Juditsky 1992).

Edited pictures disagree, and every step pulls the scene towards one of them. The mean over the last steps, every
view weighing the same, lies nearer to what they have in common than the scene after any one step.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

_PREFIX, _COUNT = "mean.", "mean_of"


class ParameterMean:
    """The running mean of parameters that keep their shapes; where one's changes, all begin anew."""

    def __init__(self) -> None:
        self.values: dict[str, Tensor] = {}
        self.count = 0

    @torch.no_grad()
    def add(self, parameters: Mapping[str, Tensor]) -> None:
        """Take in one more state: mean += (state - mean) / count. What never changes keeps its bits."""
        if any(name not in self.values or self.values[name].shape != p.shape for name, p in parameters.items()):
            self.values, self.count = {name: p.detach().clone() for name, p in parameters.items()}, 1
            return
        self.count += 1
        for name, p in parameters.items():
            mean = self.values[name]
            mean += (p.detach() - mean) / self.count

    @torch.no_grad()
    def put(self, parameters: Mapping[str, Tensor]) -> None:
        """Write the mean into the parameters themselves, which optimisers hold."""
        for name, p in parameters.items():
            p.copy_(self.values[name])

    def state(self) -> dict[str, int | Tensor]:
        """For exact resume; empty before the first state."""
        if not self.count:
            return {}
        return {_COUNT: self.count} | {_PREFIX + name: value for name, value in self.values.items()}

    def load_state(self, state: Mapping[str, int | Tensor], device: torch.device) -> dict[str, int | Tensor]:
        """Take over what `state` gave, and return what is none of it."""
        self.count = int(state.get(_COUNT, 0))
        own = {key: value for key, value in state.items() if key.startswith(_PREFIX)}
        self.values = {key.removeprefix(_PREFIX): torch.as_tensor(value).to(device) for key, value in own.items()}
        return {key: value for key, value in state.items() if key not in own and key != _COUNT}
