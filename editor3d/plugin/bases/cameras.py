"""Read the cameras of a run, a capture or a file of cameras."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from editor3d.datasets.cameras import LONGEST_SIDE, load_cameras, numbered
from editor3d.datasets.dataparser import PosedImagesDataParserConfig
from editor3d.datasets.locate import RUN_CONFIG, is_run
from editor3d.errors import DataError
from editor3d.plugin.bases.captures import dataparser_of, place_capture
from editor3d.plugin.config.file import read_config
from editor3d.types import View


def load_any_cameras(path: Path, longest_side: int = LONGEST_SIDE) -> tuple[View, ...]:
    """The cameras that the capture of a run was taken with, or those of a file or folder, as `load_cameras` reads them.

    Args:
        path: a run's folder, or what `load_cameras` takes.
        longest_side: of the views, pixels; larger ones are reduced over the same field of view.

    Raises:
        DataError: as `load_cameras`, or the run's capture is gone, or the run is of a method of others.
    """
    if not is_run(path):
        return load_cameras(path, longest_side)
    config = read_config(path / RUN_CONFIG)
    try:
        place_capture(config, path)
    except DataError as error:
        raise DataError(
            f"Expected the capture of {path}, which the cameras are read from, found none that is the run's: give the "
            f"capture itself."
        ) from error
    parser = dataparser_of(config)
    if not isinstance(parser, PosedImagesDataParserConfig):
        raise DataError(
            f"Expected a run of one of this project's methods at {path}, found another: give its transforms.json."
        )
    posed = parser.posed_images()
    views = [
        replace(view, image_path=Path(), mask_path=None, labels_path=None, depth_path=None)
        for view in sorted(posed.views, key=lambda view: view.image_path)
    ]
    return numbered(views, path, longest_side)
