"""The test subject: a clothed person rendered from all sides, and the same views truly wearing another shirt.

The pictures are kept in `data/`, in nerfstudio's format; `make` renders them anew.
"""

from __future__ import annotations

from pathlib import Path

LABELS: dict[str, int] = {"garment": 1, "face": 2, "arms": 3, "hair": 4, "skin": 5, "trousers": 6}
"""Ids in the label pictures; 0 is the room."""


def subject_path() -> Path:
    """The folder of the capture; it holds `transforms.json`."""
    return Path(__file__).parent / "data"


def garment_path() -> Path:
    """A picture of the other shirt alone, with alpha."""
    return subject_path() / "garment.png"


def worn_path() -> Path:
    """The folder of pictures that truly show the subject in the other shirt: the held-out views, by their names."""
    return subject_path() / "worn"
