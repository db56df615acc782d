"""The sizes of renders: the scene's own shape, and smaller pictures by the same workers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from editor3d.programs.core.contracts import Rendered

if TYPE_CHECKING:
    from editor3d.programs.rendering.pool import Workers


class SmallRenders:
    """A `Renderer` of smaller pictures by the same workers.

    Args:
        percent: of the workers' width and height.
    """

    def __init__(self, workers: Workers, percent: int) -> None:
        self._workers, self._percent = workers, percent

    def render(self, source: str, deadline: float | None = None) -> Rendered:
        return self._workers.render(source, deadline, percent=self._percent)

    def protections(self) -> Sequence[str]:
        return self._workers.protections()

    def close(self) -> None:
        """The workers belong to another."""


def shaped(aspect: float, side: int) -> tuple[int, int]:
    """Width and height of a shape, even numbers, the longer of which is `side`.

    Args:
        aspect: width over height.
    """
    longer, shorter = 2 * round(side / 2), max(16, 2 * round(side * min(aspect, 1.0 / aspect) / 2))
    return (longer, shorter) if aspect >= 1.0 else (shorter, longer)
