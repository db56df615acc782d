"""An update by keys of a painted room, of which everything is known exactly; nothing is fitted."""

from __future__ import annotations

import math
from pathlib import Path

import torch

from editor3d.geometry.coverage import choose_keys
from editor3d.geometry.matching import points_of
from editor3d.geometry.surface import SeenSurface
from editor3d.host.stopwatch import Stopwatch
from editor3d.plan import KeyPlan
from editor3d.types import BatchEditor, Editor, EditorInfo, EditRequest, Intrinsics, View
from editor3d.update.keys.updater import KeyParts, KeyUpdater
from editor3d.update.keys.warped import WarpPropagator
from editor3d.update.scene import Guidance, Scene
from editor3d.update.schedule import Schedule
from editor3d.update.state import EditState, PictureStore

from ...geometry.room import looking, painted, seen

VIEWS, SIDE = 8, 48


class Room:
    """Its views, their pictures, and what they are trained on now."""

    def __init__(self, count: int = VIEWS) -> None:
        angles = [2 * math.pi * number / count for number in range(count)]
        self.cameras = [
            looking((2.6 * math.cos(a), 2.6 * math.sin(a), 1.2 + 0.2 * math.sin(3 * a)), SIDE) for a in angles
        ]
        self.surfaces = [seen(camera) for camera in self.cameras]
        self.pictures = [self._painted(surface) for surface in self.surfaces]
        self.views = [
            View(
                name=f"view_{number}",
                image_path=Path(f"{number}.png"),
                split="train",
                c2w=camera.c2w.numpy(),
                **vars(Intrinsics(SIDE, SIDE, 1, 1, 1, 1)),
            )
            for number, camera in enumerate(self.cameras)
        ]

    @staticmethod
    def _painted(surface: SeenSurface) -> torch.Tensor:
        points = torch.from_numpy(points_of(surface)[0]).view(SIDE, SIDE, 3)
        colors = torch.where(surface.valid[..., None], painted(points), torch.full((3,), 0.5))
        return (colors * 255).round() / 255

    def updater(self, folder: Path, editor: Editor | BatchEditor, edits: int = 6, approve: bool = False) -> KeyUpdater:
        """An update by an editor; another one of the same folder continues it."""

        def choose(share: float, most: int):
            return choose_keys([surface.reduced(SIDE) for surface in self.surfaces], share, most)

        self.live = {}
        return KeyUpdater(
            Scene(
                views=self.views,
                render=lambda index: self.pictures[index],
                condition=lambda index: self.pictures[index],
                object_names=(),
                objects=lambda index: {},
                store=lambda index, picture: self.live.__setitem__(index, picture.clone()),
            ),
            editor,
            Guidance("make it so", editor.info.name),
            Schedule(),
            EditState(torch.Generator().manual_seed(7)),
            PictureStore(folder / "edit_state"),
            20,
            Stopwatch(),
            parts=KeyParts(KeyPlan(edits, 1.0, approve), folder, WarpPropagator(self.surfaces.__getitem__), choose),
        )


def warm(picture: torch.Tensor) -> torch.Tensor:
    """An edit of colours."""
    return (picture * torch.tensor([1.1, 0.8, 0.5]) + torch.tensor([0.05, 0.02, 0.0])).clamp(0.0, 1.0)


class Batched:
    """Edits several pictures in one call; notes its calls, and can leave some out."""

    def __init__(self, **capabilities) -> None:
        self.info = EditorInfo("batched", "", "", batch=3, remote=True, price=0.25, **capabilities)
        self.calls: list[tuple[str, ...]] = []
        self.requests: list[EditRequest] = []
        self.fail: set[str] = set()
        """Views whose picture does not come back well among others."""

    def validate(self, instruction, objects, views) -> None:
        pass

    def edit(self, request: EditRequest) -> torch.Tensor:
        self.calls.append((request.view,))
        self.requests.append(request)
        return warm(request.condition)

    def edit_many(self, requests) -> list[torch.Tensor | None]:
        self.calls.append(tuple(request.view for request in requests))
        self.requests += requests
        return [None if request.view in self.fail else warm(request.condition) for request in requests]
