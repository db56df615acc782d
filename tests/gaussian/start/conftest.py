from __future__ import annotations

import pytest
from nerfstudio.cameras.cameras import Cameras

from editor3d.plugin.train.pictures import TrainingPictures

from .balls import cameras_round, captured, smooth, textured


@pytest.fixture(scope="session")
def plain_ball(tmp_path_factory) -> tuple[TrainingPictures, Cameras]:
    """A ball without texture."""
    return captured(tmp_path_factory.mktemp("plain"), cameras_round(16), smooth)


@pytest.fixture(scope="session")
def textured_ball(tmp_path_factory) -> tuple[TrainingPictures, Cameras]:
    return captured(tmp_path_factory.mktemp("textured"), cameras_round(24, 160), textured)
