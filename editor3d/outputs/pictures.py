"""PNG pictures: single ones, and rows of them side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw
from PIL.ImageFont import FreeTypeFont, ImageFont, load_default, truetype

from editor3d.files.writing import replacing

if TYPE_CHECKING:
    from torch import Tensor

CELL_HEIGHT = 320
"""Pixels of a picture in a row; larger ones are scaled down, smaller ones up."""
MAX_WIDTH = 1800
"""Pixels of the whole sheet; rows are scaled down until they fit."""
GAP = 6
MARGIN = 14
TITLE_SIZE = 20
CAPTION_SIZE = 15
INK, FAINT_INK, PAPER = (32, 32, 36), (110, 110, 118), (255, 255, 255)


@dataclass(frozen=True, eq=False)
class Row:
    """One row of a sheet: a caption, and pictures [H, W, 3], float 0..1 or uint8, each of any size."""

    caption: str
    images: Sequence[Tensor | np.ndarray]


def to_uint8(image: Tensor | np.ndarray) -> np.ndarray:
    """[H, W, 3] float 0..1 (clamped and rounded) or uint8, from any device, as a uint8 array."""
    array = image if isinstance(image, np.ndarray) else image.detach().cpu().numpy()
    if array.dtype == np.uint8:
        return array
    return np.rint(np.clip(array, 0, 1) * 255).astype(np.uint8)


def save_png(path: Path | str, image: Tensor | np.ndarray) -> None:
    """Write one picture [H, W, 3], float 0..1 or uint8.

    Raises:
        Editor3DError: the disk is full, or the folder cannot be written; an earlier file is unchanged.
    """
    _save(path, Image.fromarray(to_uint8(image)))


def save_side_by_side(path: Path | str, rows: Sequence[Row], *, title: str = "", columns: Sequence[str] = ()) -> None:
    """Write rows of pictures as one PNG: the title on top, each row under its caption, column names at the foot.

    Args:
        rows: at least one; rows of the same length line up as columns.
        title: often the instruction.
        columns: names below the pictures of the last row, often the views'.

    Raises:
        Editor3DError: the disk is full, or the folder cannot be written; an earlier file is unchanged.
    """
    _save(path, side_by_side(rows, title=title, columns=columns))


def save_contact_sheet(path: Path | str, images: Sequence[Tensor | np.ndarray], names: Sequence[str]) -> None:
    """Write small pictures [H, W, 3], float 0..1 or uint8, row by row as one PNG, each above its name.

    Raises:
        Editor3DError: the disk is full, or the folder cannot be written; an earlier file is unchanged.
    """
    pictures = [Image.fromarray(to_uint8(image)) for image in images]
    cell_width, cell_height = max(p.width for p in pictures), max(p.height for p in pictures) + CAPTION_SIZE + 8
    columns = min(len(pictures), max(1, (MAX_WIDTH - 2 * MARGIN + GAP) // (cell_width + GAP)))
    rows = -(-len(pictures) // columns)
    size = (2 * MARGIN + columns * (cell_width + GAP) - GAP, 2 * MARGIN + rows * (cell_height + GAP) - GAP)
    sheet = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(sheet)
    for index, (picture, name) in enumerate(zip(pictures, names, strict=True)):
        x, y = MARGIN + index % columns * (cell_width + GAP), MARGIN + index // columns * (cell_height + GAP)
        sheet.paste(picture, (x + (cell_width - picture.width) // 2, y))
        _caption(draw, (x, y + cell_height - CAPTION_SIZE - 6), name, cell_width)
    _save(path, sheet)


def side_by_side(rows: Sequence[Row], *, title: str = "", columns: Sequence[str] = ()) -> Image.Image:
    """The sheet that `save_side_by_side` writes."""
    pictures = [[Image.fromarray(to_uint8(image)) for image in row.images] for row in rows]
    aspect_sum = max(sum(p.width / p.height for p in line) for line in pictures)
    gaps = GAP * (max(len(line) for line in pictures) - 1)
    height = max(1, min(CELL_HEIGHT, int((MAX_WIDTH - 2 * MARGIN - gaps) / aspect_sum)))
    pictures = [
        [p.resize((max(1, round(p.width * height / p.height)), height), Image.Resampling.LANCZOS) for p in line]
        for line in pictures
    ]
    column_widths = [
        max(line[k].width for line in pictures if k < len(line)) for k in range(max(len(line) for line in pictures))
    ]
    width = 2 * MARGIN + sum(column_widths) + GAP * (len(column_widths) - 1)
    inner = width - 2 * MARGIN
    title_lines = _wrapped(title, TITLE_SIZE, inner)
    title_height = len(title_lines) * (TITLE_SIZE + 6) + 8 if title else 0
    caption_height = CAPTION_SIZE + 10
    total = 2 * MARGIN + title_height + len(rows) * (caption_height + height + GAP) - GAP
    total += caption_height if columns else 0

    sheet = Image.new("RGB", (width, total), PAPER)
    draw = ImageDraw.Draw(sheet)
    for k, text in enumerate(title_lines):
        draw.text((MARGIN, MARGIN + k * (TITLE_SIZE + 6)), text, font=_font(text, TITLE_SIZE), fill=INK)
    y = MARGIN + title_height
    for row, line in zip(rows, pictures, strict=True):
        _caption(draw, (MARGIN, y + 2), row.caption, inner)
        y += caption_height
        x = MARGIN
        for picture, column_width in zip(line, column_widths, strict=False):
            sheet.paste(picture, (x + (column_width - picture.width) // 2, y))
            x += column_width + GAP
        y += height + GAP
    x = MARGIN
    for name, column_width in zip(columns, column_widths, strict=False):
        _caption(draw, (x, y), name, column_width)
        x += column_width + GAP
    return sheet


def _caption(draw: ImageDraw.ImageDraw, at: tuple[int, int], text: str, width: int) -> None:
    font = _font(text, CAPTION_SIZE)
    draw.text(at, _fit(text, font, width), font=font, fill=FAINT_INK)


def _font(text: str, size: int) -> FreeTypeFont | ImageFont:
    """Pillow's own typeface; it has little beyond ASCII, for which matplotlib's DejaVu Sans steps in."""
    if text.isascii():
        return load_default(size)
    import matplotlib

    return truetype(str(Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")), size)


def _wrapped(text: str, size: int, width: int) -> list[str]:
    """The text in as many lines as it takes; a single word too long for a line is cut."""
    font, lines = _font(text, size), []
    for word in text.split():
        if lines and font.getlength(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(_fit(word, font, width))
    return lines


def _fit(text: str, font: FreeTypeFont | ImageFont, width: int) -> str:
    """The text, ended by three dots where it would run over."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "...") > width:
        text = text[:-1]
    return text.rstrip() + "..."


def _save(path: Path | str, picture: Image.Image) -> None:
    with replacing(path) as temporary:
        picture.save(temporary, format="PNG")
