"""Read the textures of a mesh: found beside it, of the usual kinds only, and of bounded size."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from editor3d.errors import DataError, first_line
from editor3d.files.safe_open import UNREADABLE, open_picture, require_inside
from mesh.io.common.beside import find_beside
from mesh.io.common.notes import Notes, quoted

MAX_PIXELS = 1 << 26
"""Largest texture, 67 megapixels (8192 x 8192)."""
MAX_PIXELS_TOGETHER = 1 << 27
"""All textures of a mesh together; and again all that are made of them by recolouring."""


class Textures:
    """Reads the textures of one mesh file, each once. What cannot be read is noted, and is None.

    Args:
        folder: where the mesh file lies.
        notes: takes a clause for each texture that is missing or cannot be read.
        percent_encoded: names are URIs.
    """

    def __init__(self, folder: Path, notes: Notes, *, percent_encoded: bool = False) -> None:
        self._folder, self._notes, self._percent_encoded = folder, notes, percent_encoded
        self._left = self._left_recolored = MAX_PIXELS_TOGETHER
        self._read: dict[str, np.ndarray | None] = {}
        self._recolored: dict[tuple[int, bytes], np.ndarray] = {}

    def named(self, name: str, *folders: Path) -> np.ndarray | None:
        """The texture of that name, [H, W, 3] uint8 sRGB.

        Args:
            folders: where it may lie, instead of the mesh's own.
        """
        if name not in self._read:
            self._read[name] = self._find(name, folders or (self._folder,))
        return self._read[name]

    def _find(self, name: str, folders: tuple[Path, ...]) -> np.ndarray | None:
        for folder in folders:
            path = find_beside(name, folder, percent_encoded=self._percent_encoded)
            if path is None:
                continue
            try:
                require_inside(path, folder)
            except DataError:
                self._notes.add(f"texture {quoted(name)} is a link out of the mesh's folder, not followed")
                return None
            return self._decode(path, f"texture {quoted(name)}")
        self._notes.add(f"texture {quoted(name)} not found, drawn without it")
        return None

    def inside(self, content: bytes, key: str) -> np.ndarray | None:
        """The texture whose file is `content`, [H, W, 3] uint8 sRGB; `key` is what it is called."""
        if key not in self._read:
            self._read[key] = self._decode(content, key)
        return self._read[key]

    def recolored(self, picture: np.ndarray, table: np.ndarray) -> np.ndarray:
        """A texture of this mesh with other values, made once; as it is, which is noted, where there are too many.

        Args:
            picture: from `named` or `inside`.
            table: [256, 3] uint8, what each value of each channel becomes.
        """
        key = (id(picture), table.tobytes())
        if key not in self._recolored:
            pixels = picture.shape[0] * picture.shape[1]
            if pixels > self._left_recolored:
                self._notes.add("too many materials colour a texture of their own, some are drawn without that colour")
                return picture
            self._left_recolored -= pixels
            self._recolored[key] = cv2.LUT(picture, table[None])
        return self._recolored[key]

    def _decode(self, source: Path | bytes, what: str) -> np.ndarray | None:
        try:
            with open_picture(source, max_pixels=min(MAX_PIXELS, self._left)) as picture:
                pixels = to_rgb8(picture)
        except UNREADABLE as error:
            message = first_line(error)
            if isinstance(error, Image.UnidentifiedImageError):
                message = "no picture of a known kind"
            self._notes.add(f"{what} cannot be read ({message}), drawn without it")
            return None
        self._left -= pixels.shape[0] * pixels.shape[1]
        return pixels


def to_rgb8(picture: Image.Image) -> np.ndarray:
    """The pixels of a picture in any of Pillow's modes as [H, W, 3] uint8; transparency is left out.

    Raises:
        those of `UNREADABLE`: it is damaged, or its mode has no colours.
    """
    if picture.mode.startswith("I") or picture.mode == "F":  # 16 bits a pixel; Pillow's own conversion would cut them
        values = np.asarray(picture).astype(np.float64)
        if picture.mode == "F":
            values = np.nan_to_num(values) * (65535.0 if values.max() <= 1.0 else 257.0)
        gray = np.rint(np.clip(values, 0.0, 65535.0) / 257.0).astype(np.uint8)
        return np.repeat(gray[..., None], 3, axis=-1)
    return np.array(picture.convert("RGB"))
