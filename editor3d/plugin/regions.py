"""A region that is written down in a capture's own frame, asked about in the scene's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from editor3d.types import Region


@dataclass(frozen=True, eq=False)
class CaptureRegion:
    """x_scene = scale (R x_capture + t) with `transform` [R | t]."""

    region: Region
    """In the capture's frame."""
    transform: Tensor
    """[3, 4]."""
    scale: float

    def contains(self, points: Tensor) -> Tensor:
        """Which points lie inside: [..., 3] scene units -> bool [...]."""
        transform = self.transform.to(points.device).double()
        capture = (points.double() / self.scale - transform[:, 3]) @ transform[:, :3]
        return self.region.contains(capture)

    def to_json(self) -> dict[str, Any]:
        """The region in the capture's frame, as it was written down."""
        return self.region.to_json()
