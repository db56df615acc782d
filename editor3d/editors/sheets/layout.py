"""Where views lie on a sheet: tiles of one size in rows and columns, with gutters of one colour between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from editor3d.diffusion.sizing import mask_resized, padded_to, resized
from editor3d.types import EditorInfo

GUTTER_COLOUR = 0.5
"""In all channels."""
_GUTTER_SHARE, _GUTTER_LEAST = 0.03, 8
"""Width of a gutter as a share of a tile's longer side, and its fewest pixels."""


@dataclass(frozen=True)
class Layout:
    """A sheet of `rows` x `columns` tiles, filled row by row."""

    rows: int
    columns: int
    height: int
    """Of a tile, pixels."""
    width: int
    gutter: int
    """Pixels between two tiles; there is none around the sheet."""

    @classmethod
    def fitting(cls, count: int, height: int, width: int, info: EditorInfo) -> Layout:
        """The layout for views of a size that an editor can work at without scaling the sheet down.

        Tiles and gutters are multiples of the editor's, so that no cell of a latent picture holds parts of two views.

        Args:
            count: of views, 2 to 4. Two lie so that the sheet is as near to a square as it can be.
            height: of a view, pixels; other views are fitted into its tile.
            width: of a view.
            info: the editor that gets the sheet.
        """
        rows, columns = ((1, 2) if height >= width else (2, 1)) if count == 2 else (2, 2)
        scale = 1.0
        while True:
            layout = cls._scaled(rows, columns, height * scale, width * scale, info.multiple_of)
            most = info.working_pixels[1] if info.working_pixels else None
            tall, wide = layout.size
            too_long = info.max_side is not None and max(tall, wide) > info.max_side
            too_large = most is not None and tall * wide > most
            if not (too_long or too_large) or min(layout.height, layout.width) <= info.multiple_of:
                return layout
            scale *= 0.99

    @classmethod
    def _scaled(cls, rows: int, columns: int, height: float, width: float, multiple: int) -> Layout:
        gutter = max(_GUTTER_LEAST, _GUTTER_SHARE * max(height, width))
        sides = (max(1, -(-round(side) // multiple)) * multiple for side in (height, width, gutter))
        return cls(rows, columns, *sides)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the sheet."""
        gaps = (self.rows - 1) * self.gutter, (self.columns - 1) * self.gutter
        return self.rows * self.height + gaps[0], self.columns * self.width + gaps[1]

    def place(self, index: int) -> tuple[slice, slice]:
        """The rows and columns of a tile."""
        row, column = divmod(index, self.columns)
        top, left = row * (self.height + self.gutter), column * (self.width + self.gutter)
        return slice(top, top + self.height), slice(left, left + self.width)

    def inner(self, height: int, width: int) -> tuple[int, int]:
        """The size at which a view lies in the top left of its tile; never larger than it is."""
        scale = min(1.0, self.height / height, self.width / width)
        return max(1, round(height * scale)), max(1, round(width * scale))

    def sheet(self, pictures: Sequence[Tensor]) -> Tensor:
        """Views [H, W, 3] of any sizes on one sheet [H', W', 3] float32 on the CPU; mirrored where a tile is larger."""
        whole = torch.full((*self.size, 3), GUTTER_COLOUR)
        for index, picture in enumerate(pictures):
            fitted = resized(picture.detach().to("cpu", torch.float32), *self.inner(*picture.shape[:2]))
            whole[self.place(index)] = padded_to(fitted, self.height, self.width)
        return whole

    def mask(self, masks: Sequence[Tensor]) -> Tensor:
        """Masks [H, W] bool of the views as one of the sheet; False in gutters."""
        whole = torch.zeros(self.size, dtype=torch.bool)
        for index, mask in enumerate(masks):
            fitted = mask_resized(mask.detach().cpu().bool(), *self.inner(*mask.shape))
            whole[self.place(index)] = padded_to(fitted[..., None], self.height, self.width)[..., 0]
        return whole

    def cut(self, sheet: Tensor, index: int, view: Tensor) -> Tensor:
        """What lies on a sheet [H', W', 3] of a view [H, W, 3] in a tile: [h, w, 3], without what was mirrored."""
        height, width = self.inner(*view.shape[:2])
        return sheet[self.place(index)][:height, :width]

    def gutters(self) -> Tensor:
        """Where the sheet belongs to no tile: [H', W'] bool."""
        between = torch.ones(self.size, dtype=torch.bool)
        for index in range(self.rows * self.columns):
            between[self.place(index)] = False
        return between

    def beside(self, index: int) -> list[tuple[slice, slice]]:
        """The quarter of each gutter at a tile that lies just on the tile's side of the middle.

        What is nearer to the tile an editor may blur over the border; what it paints here has left the tile.
        """
        rows, columns = self.place(index)
        near, far = self.gutter // 4, max(self.gutter // 4 + 1, self.gutter // 2)
        row, column = divmod(index, self.columns)
        found = []
        if row > 0:
            found.append((slice(rows.start - far, rows.start - near), columns))
        if row < self.rows - 1:
            found.append((slice(rows.stop + near, rows.stop + far), columns))
        if column > 0:
            found.append((rows, slice(columns.start - far, columns.start - near)))
        if column < self.columns - 1:
            found.append((rows, slice(columns.stop + near, columns.stop + far)))
        return found
