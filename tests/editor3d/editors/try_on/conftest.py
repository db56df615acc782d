"""The test subject, seen by an editor."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest

from editor3d.datasets.views.images import read_image, read_object_masks
from editor3d.editors.try_on.garment import read_garment
from editor3d.types import EditRequest, Garment
from lab.subject import garment_path


@pytest.fixture(scope="session")
def garment() -> Garment:
    return read_garment(garment_path())


@pytest.fixture
def request_of(subject, garment) -> Callable[..., EditRequest]:
    """Asks for a view of the subject in the other garment; further arguments are fields of the request."""
    views = {view.name: view for view in subject.views}

    def make(name: str, turned: bool = True, **fields) -> EditRequest:
        view = views[name]
        masks = read_object_masks(view, subject.objects)
        turn = math.atan2(view.c2w[0, 3], -view.c2w[1, 3]) if turned else None
        asked = {
            "instruction": "",
            "condition": read_image(view).float() / 255,
            "objects": masks,
            "mask": masks["garment"],
            "garment": replace(garment, turn=turn, worn=0.1187),
            **fields,
        }
        return EditRequest(view=name, **asked)

    return make
