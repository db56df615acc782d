"""The neural style field of Text2Mesh: colour and displacement at a point of the surface."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from editor3d.errors import ConfigError

_AXES = {"x": 0, "y": 1, "z": 2}


@dataclass(frozen=True)
class FieldSettings:
    """Sizes of a style field.

    Raises:
        ConfigError: a value is out of range.
    """

    frequencies: int = 256
    """Fourier features, a cosine and a sine each."""
    sigma: float = 5.0
    """Standard deviation of the frequencies, cycles per radius of the mesh: larger is finer."""
    width: int = 128
    depth: int = 4
    """Layers of the trunk, and their width."""
    displacement: float = 0.0
    """Radii of the mesh by which a vertex may move at most, along its normal; 0 keeps the shape."""
    symmetry: Literal["none", "x", "y", "z"] = "none"
    """The axis across whose middle plane both halves get the same style."""
    opening: float = 0.5
    """Share of the run in which the frequencies open from low to high; 0 has them all open from the start."""

    def __post_init__(self) -> None:
        for name, value in (("frequencies", self.frequencies), ("width", self.width), ("depth", self.depth)):
            if value < 1:
                raise ConfigError(f"Expected at least 1 for {name}, got {value}: raise it.")
        if not (0.0 <= self.displacement < 1.0 and self.sigma > 0.0):
            raise ConfigError(
                f"Expected a displacement of 0 to 1 and a sigma above 0, got {self.displacement:g} and {self.sigma:g}."
            )
        if self.symmetry not in ("none", *_AXES) or not 0.0 <= self.opening <= 1.0:
            raise ConfigError(
                f"Expected a symmetry of none, x, y or z and an opening of 0 to 1, got {self.symmetry} and "
                f"{self.opening:g}."
            )


class StyleField(nn.Module):
    """x -> Fourier features -> trunk -> colour change in -1..1, displacement in -bound..bound.

    gamma(x) = (x, w_j cos(2 pi b_j x), w_j sin(2 pi b_j x)) with b_j ~ N(0, sigma^2), sorted by length. The weights w_j
    open one frequency after the other: w_j = (1 - cos(pi clamp(k - j, 0, 1))) / 2 where k rises to their number. The
    last layer of each head starts at zero, so that the field starts by changing nothing.

    Args:
        generator: on the CPU; draws the frequencies and the layers.
    """

    frequencies: Tensor
    open: Tensor

    def __init__(self, settings: FieldSettings, generator: torch.Generator) -> None:
        super().__init__()
        self.settings = settings
        frequencies = torch.randn(settings.frequencies, 3, generator=generator) * settings.sigma
        frequencies = frequencies[frequencies.norm(dim=1).argsort()]
        self.register_buffer("frequencies", frequencies)
        self.register_buffer("open", torch.ones(3 + 2 * settings.frequencies))
        widths = [3 + 2 * settings.frequencies, *[settings.width] * settings.depth]
        self.trunk = nn.ModuleList(
            _linear(one, other, generator) for one, other in zip(widths[:-1], widths[1:], strict=True)
        )
        self.color = _head(settings.width, 3, generator)
        self.displacement = _head(settings.width, 1, generator) if settings.displacement > 0.0 else None

    def open_to(self, share: float) -> None:
        """Open the lowest `share` (0..1) of the frequencies."""
        count = self.settings.frequencies
        edge = share * count - torch.arange(count, device=self.open.device)
        weights = 0.5 * (1.0 - torch.cos(torch.pi * edge.clamp(0.0, 1.0)))
        self.open[3:] = weights.repeat(2)

    def encode(self, points: Tensor) -> Tensor:
        """Features of points [N, 3] in the unit frame, all open: [N, 3 + 2 frequencies]. Without gradient."""
        with torch.no_grad():
            if self.settings.symmetry != "none":
                points = points.clone()
                axis = _AXES[self.settings.symmetry]
                points[:, axis] = points[:, axis].abs()
            phase = 2.0 * torch.pi * points @ self.frequencies.T
            return torch.cat([points, phase.cos(), phase.sin()], -1)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Colour change [N, 3] and displacement [N] of points, given by what `encode` makes of them."""
        first, *rest = self.trunk
        assert isinstance(first, nn.Linear)
        hidden = F.relu(F.linear(features, first.weight * self.open, first.bias))
        for layer in rest:
            hidden = F.relu(layer(hidden))
        change = torch.tanh(self.color(hidden))
        if self.displacement is None:
            return change, change.new_zeros(len(change))
        return change, self.settings.displacement * torch.tanh(self.displacement(hidden)[:, 0])


def _linear(inputs: int, outputs: int, generator: torch.Generator) -> nn.Linear:
    layer = nn.Linear(inputs, outputs)
    with torch.no_grad():  # He et al. 2015, drawn from the run's own generator
        layer.weight.copy_(torch.randn(outputs, inputs, generator=generator) * (2.0 / inputs) ** 0.5)
        layer.bias.zero_()
    return layer


def _head(width: int, outputs: int, generator: torch.Generator) -> nn.Sequential:
    last = nn.Linear(width, outputs)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(_linear(width, width, generator), nn.ReLU(), last)
