"""The pixels of the training views that show only the mesh, and the colours that they are fitted to."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from mesh.model.styled import StyledMesh
from mesh.render.cameras import Cameras
from mesh.render.render import Shading, shrink
from mesh.render.visibility import Hits


class PixelSamples:
    """Pixels of all training views of a mesh whose shape stays, with what rendering them takes.

    Args:
        supersampling: rays a pixel's side that find the pixels which also show something else.
    """

    def __init__(self, styled: StyledMesh, cameras: Cameras, supersampling: int) -> None:
        self._side = cameras.side
        parts: list[Shading] = []
        self._counts: list[int] = []
        with torch.no_grad():
            for index in range(len(cameras)):
                camera = cameras[[index]]
                shading = styled.shading(styled.rest, camera)
                finer = styled.shading(styled.rest, camera.scaled(supersampling)) if supersampling > 1 else shading
                whole = shrink(finer.hits.mask()[..., None].float(), supersampling).flatten() == 1.0
                parts.append(_only(shading, torch.nonzero(whole[shading.hits.pixel]).flatten()))
                self._counts.append(len(parts[-1].weights))
        self.shading = _joined(parts, cameras)
        self._place = [part.hits.pixel for part in parts]
        self.targets = torch.zeros(sum(self._counts), 3, device=styled.rest.device)
        self.counted = torch.ones(sum(self._counts), device=styled.rest.device)
        """How much each pixel counts, 0..1."""

    def __len__(self) -> int:
        return len(self.targets)

    def store(self, view: int, picture: Tensor) -> None:
        """Fit a view to a picture [side, side, 3] uint8 from now on."""
        wanted = picture.reshape(-1, 3)[self._place[view].cpu()].float() / 255.0
        self.targets[self._rows(view)] = wanted.to(self.targets.device)

    def weigh(self, view: int, weight: Tensor) -> None:
        """Let a view's pixels count as much as `weight` [side, side] in 0..1 says from now on."""
        self.counted[self._rows(view)] = weight.flatten()[self._place[view].cpu()].to(self.counted.device)

    def _rows(self, view: int) -> slice:
        start = sum(self._counts[:view])
        return slice(start, start + self._counts[view])

    def pictures(self, views: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Of some views, row by row: what each pixel is fitted to [N, 3], and how much it counts [N]."""
        pixels = self._side**2
        wanted = torch.zeros(len(views) * pixels, 3, device=self.targets.device)
        counted = torch.zeros(len(views) * pixels, device=self.targets.device)
        for place, view in enumerate(views):
            which = self._place[view] + place * pixels
            wanted[which] = self.targets[self._rows(view)]
            counted[which] = self.counted[self._rows(view)]
        return wanted, counted

    def draw(self, count: int, generator: torch.Generator) -> tuple[Shading, Tensor, Tensor]:
        """Some pixels [count], drawn with repetition, their targets [count, 3] and how much each counts [count]; all
        where there are no more."""
        if len(self) <= count:
            return self.shading, self.targets, self.counted
        which = torch.randint(len(self), (count,), generator=generator).to(self.targets.device)
        return _only(self.shading, which), self.targets[which], self.counted[which]


def _only(shading: Shading, which: Tensor) -> Shading:
    hits = shading.hits
    kept = Hits(
        hits.cameras, hits.pixel[which], hits.face[which], hits.view[which], hits.origin[which], hits.direction[which]
    )
    return Shading(kept, shading.weights[which], shading.light[which])


def _joined(parts: Sequence[Shading], cameras: Cameras) -> Shading:
    hits = [part.hits for part in parts]
    pixels = cameras.side**2
    joined = Hits(
        cameras,
        torch.cat([found.pixel + index * pixels for index, found in enumerate(hits)]),
        torch.cat([found.face for found in hits]),
        torch.cat([found.view + index for index, found in enumerate(hits)]),
        torch.cat([found.origin for found in hits]),
        torch.cat([found.direction for found in hits]),
    )
    return Shading(joined, torch.cat([part.weights for part in parts]), torch.cat([part.light for part in parts]))
