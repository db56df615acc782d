"""How well the small instruction editor follows instructions on pictures it never saw.

    python benchmarks/tiny_editor.py --capture CAPTURE

Everything is measured at the editor's working resolution, against the procedural editor's maps: on photographs of a
capture, and on held-out views of the demo scene. PSNR in dB.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
import tyro
from rich.console import Console
from rich.table import Table
from torch import Tensor

from editor3d.datasets import load_posed_images
from editor3d.datasets.demo import demo_path
from editor3d.datasets.views.images import read_image
from editor3d.diffusion.latent import LatentPrior
from editor3d.diffusion.loading import PipelineSource
from editor3d.diffusion.sizing import resized
from editor3d.editors.pipelines.ip2p import SPEC
from editor3d.editors.pipelines.tiny import HUB_ID, NAME, TinyInstructPix2PixEditor, working_size
from editor3d.editors.procedural.editor import ProceduralEditor
from editor3d.files.safe_open import open_picture, opencv_pixels
from editor3d.files.writing import write_json
from editor3d.guidance.attention import attention_maps
from editor3d.metrics.image import psnr
from editor3d.types import EditRequest, PosedImages, View

WHOLE = (
    "make it look like winter",
    "turn the scene into night",
    "the scene should look like autumn",
    "make it sunset",
    "make everything snowy",
    "make it black and white",
    "turn the picture into a sepia photo",
    "turn it into bronze",
    "make the whole picture blue",
    "make it look like a negative",
)
"""Each changes the picture by a lot (PSNR of at most 15 dB); three are wordings that training does not use."""
OBJECTS = (
    "make the teapot red",
    "turn the teapot into gold",
    "the mug should be blue",
    "paint the ball green",
    "make the books purple",
    "make the vase look gold",
    "the duck should be pink",
    "make the table bronze",
    "color the cloth blue",
    "make the duck green",
)
MIN_PIXELS = 12
"""Of an object, at the working resolution; fewer are not looked at."""
TEXT_SCALES = (0.0, 3.75, 7.5, 11.25)
IMAGE_SCALES = (0.75, 1.5, 2.25, 3.0)


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture at the working resolution."""

    name: str
    pixels: Tensor
    objects: dict[str, Tensor]
    """Masks [h, w] bool."""


def read(images: PosedImages, views: Iterable[View]) -> list[Picture]:
    out = []
    for view in views:
        pixels = read_image(view.image_path, (view.width, view.height)).float() / 255.0
        height, width = working_size(*pixels.shape[:2])
        masks = {}
        if view.labels_path is not None:
            with open_picture(view.labels_path) as opened:
                labels = opencv_pixels(opened, cv2.IMREAD_UNCHANGED)
            for name, label in images.objects.items():
                share = cv2.resize((labels == label).astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
                masks[name] = torch.from_numpy(share >= 0.5)
        out.append(Picture(view.name, resized(pixels, height, width), masks))
    return out


def request(picture: Picture, instruction: str, seed: int, **scales: float) -> EditRequest:
    return EditRequest(
        picture.name, instruction, picture.pixels, picture.pixels, objects=picture.objects, seed=seed, **scales
    )


def mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))


def whole_edits(editor: TinyInstructPix2PixEditor, pictures: list[Picture], table: Table, data: str) -> list[dict]:
    """One row an instruction; returns the single cases."""
    cases = []
    for instruction in WHOLE:
        own = []
        for seed, picture in enumerate(pictures):
            reference = ProceduralEditor().edit(request(picture, instruction, 0))
            edited = editor.edit_small(request(picture, instruction, seed))
            own.append(
                {
                    "data": data,
                    "instruction": instruction,
                    "unedited": psnr(picture.pixels, reference),
                    "edited": psnr(edited, reference),
                    "autoencoder": psnr(editor.reconstruct(reference), reference),
                }
            )
        add_row(table, data, instruction, own)
        cases += own
    return cases


def object_edits(editor: TinyInstructPix2PixEditor, pictures: list[Picture], table: Table) -> list[dict]:
    """As `whole_edits` inside the object; outside it the picture should be the autoencoder's."""
    cases = []
    for instruction in OBJECTS:
        name = next(word for word in instruction.split() if word in pictures[0].objects)
        own = []
        for seed, picture in enumerate(pictures):
            mask = picture.objects[name]
            if mask.sum() < MIN_PIXELS:
                continue
            reference = ProceduralEditor().edit(request(picture, instruction, 0))
            edited = editor.edit_small(request(picture, instruction, seed))
            kept, copied = picture.pixels, editor.reconstruct(picture.pixels)
            around = ~torch.from_numpy(cv2.dilate(mask.numpy().astype(np.uint8), np.ones((5, 5), np.uint8)) > 0)
            own.append(
                {
                    "data": "demo, object",
                    "instruction": instruction,
                    "unedited": psnr(kept, reference, mask),
                    "edited": psnr(edited, reference, mask),
                    "autoencoder": psnr(editor.reconstruct(reference), reference, mask),
                    "outside": psnr(edited, kept, around),
                    "outside, autoencoder": psnr(copied, kept, around),
                }
            )
        add_row(table, "demo, object", instruction, own)
        cases += own
    return cases


def add_row(table: Table, data: str, instruction: str, cases: list[dict]) -> None:
    nearer = mean(case["edited"] > case["unedited"] for case in cases)
    columns = [f"{mean(case[key] for case in cases):.2f}" for key in ("unedited", "edited", "autoencoder")]
    table.add_row(data, instruction, *columns, f"{nearer:.0%}", str(len(cases)))


def attention_overlap(folder: Path, pictures: list[Picture]) -> list[dict]:
    """IoU of an object's mask with where its word is attended to at more than half of the maximum.

    The attention is that of the layers at the latents' own resolution, averaged over three noise levels.
    """
    spec = replace(SPEC, name=NAME, title="the small InstructPix2Pix", hub_id=HUB_ID)
    prior = LatentPrior(PipelineSource(spec, str(folder)), condition=True, longest_side=None)
    generator = torch.Generator().manual_seed(0)
    cases = []
    for picture in pictures:
        image = picture.pixels[None]
        for name, mask in picture.objects.items():
            share = torch.nn.functional.adaptive_avg_pool2d(mask[None].float(), [side // 4 for side in mask.shape])[0]
            cells = share >= 0.5
            if mask.sum() < MIN_PIXELS or not cells.any():
                continue
            maps = [
                attention_maps(
                    prior,
                    image,
                    f"make the {name} red",
                    [name],
                    generator=generator,
                    timestep=timestep,
                    resolution=min(cells.shape),
                    sources=image,
                )[0, 0]
                for timestep in (800, 500, 200)
            ]
            seen = torch.stack(maps).mean(0)
            seen = seen > 0.5 * seen.max()
            iou = (seen & cells).sum().item() / (seen | cells).sum().item()
            cases.append({"object": name, "view": picture.name, "iou": iou, "cells": int(cells.sum())})
    return cases


def scales(editor: TinyInstructPix2PixEditor, pictures: list[Picture], make: Callable[[float], dict]) -> list[float]:
    """Mean PSNR between edit and original for each scale; lower is more edited."""
    out = []
    for value in make(0.0)["values"]:
        settings = {key: v for key, v in make(value).items() if key != "values"}
        out.append(
            mean(
                psnr(editor.edit_small(request(picture, instruction, seed, **settings)), picture.pixels)
                for seed, picture in enumerate(pictures)
                for instruction in (WHOLE[1], WHOLE[4])
            )
        )
    return out


def main(
    capture: Path | None = None,
    model: Path | None = None,
    views: int = 8,
    json_file: Path | None = None,
    picture_file: Path | None = None,
) -> int:
    """Print the figures of the small editor.

    Args:
        capture: photographs that it was not trained on; without one only the demo scene's held-out views are edited.
        model: a folder that `python -m lab.train_editor` wrote; the shipped one by default.
        views: how many of the capture's photographs, evenly spread.
        json_file: also write every case here.
        picture_file: also write a sheet of edits here.
    """
    editor = TinyInstructPix2PixEditor(str(model) if model else "")
    folder = editor.folder
    images = load_posed_images(demo_path())
    demo = read(images, images.test_views)
    sets = {"demo": demo}
    if capture is not None:
        own = load_posed_images(capture)
        step = max(1, len(own.views) // views)
        sets["capture"] = read(own, own.views[::step][:views])
    table = Table(title="PSNR to the reference, dB, means over views")
    for heading in ("data", "instruction", "unedited", "edited", "autoencoder of it", "nearer", "views"):
        table.add_column(heading, justify="left" if heading in ("data", "instruction") else "right")
    console = Console(width=130)
    cases = [case for name, pictures in sets.items() for case in whole_edits(editor, pictures, table, name)]
    objects = object_edits(editor, demo, table)
    console.print(table)

    both = cases + objects
    nearer = mean(case["edited"] > case["unedited"] for case in both)
    gain = mean(case["edited"] - case["unedited"] for case in both)
    below = mean(case["autoencoder"] - case["edited"] for case in both)
    console.print(f"nearer to the reference than the unedited picture: {nearer:.1%} of {len(both)} (wanted: 90 %)")
    console.print(f"nearer by {gain:.2f} dB on average (wanted: 6)")
    console.print(f"below the autoencoder's reconstruction of the reference: {below:.2f} dB (wanted: at most 3)")
    for name in (*sets, "demo, object"):
        own_cases = [case for case in both if case["data"] == name]
        console.print(
            f"  {name}: nearer {mean(c['edited'] > c['unedited'] for c in own_cases):.1%}, "
            f"by {mean(c['edited'] - c['unedited'] for c in own_cases):.2f} dB, "
            f"below the autoencoder {mean(c['autoencoder'] - c['edited'] for c in own_cases):.2f} dB"
        )
    outside = mean(case["outside, autoencoder"] - case["outside"] for case in objects)
    console.print(f"object instructions, the rest below the autoencoder: {outside:.2f} dB (wanted: at most 3)")
    overlaps = attention_overlap(folder, demo)
    console.print(
        f"IoU of the word's attention and the object: {mean(c['iou'] for c in overlaps):.2f} (wanted: 0.5), "
        f"at least 0.5 on {mean(c['iou'] >= 0.5 for c in overlaps):.0%} of {len(overlaps)}"
    )
    for name in images.objects:
        console.print(f"  {name}: {mean(c['iou'] for c in overlaps if c['object'] == name):.2f}")
    few = [picture for pictures in sets.values() for picture in pictures[:4]]
    text = scales(editor, few, lambda value: {"values": TEXT_SCALES, "guidance_scale": value})
    image = scales(editor, few, lambda value: {"values": IMAGE_SCALES, "image_guidance_scale": value})
    console.print("PSNR to the original over text guidance (should fall): " + listed(TEXT_SCALES, text))
    console.print("PSNR to the original over image guidance (should rise): " + listed(IMAGE_SCALES, image))
    empty = mean(
        psnr(editor.reconstruct(picture.pixels), picture.pixels)
        - psnr(editor.edit_small(request(picture, "", seed)), picture.pixels)
        for seed, picture in enumerate(few)
    )
    console.print(f"the empty instruction, below the autoencoder: {empty:.2f} dB (wanted: at most 3)")
    if picture_file is not None:
        write_sheet(picture_file, editor, few)
    if json_file is not None:
        body = {"cases": both, "attention": overlaps, "text": text, "image": image, "empty": empty}
        write_json(json_file, body)
    return 0


def listed(scales: Iterable[float], values: Iterable[float]) -> str:
    return ", ".join(f"{scale:g}: {value:.2f}" for scale, value in zip(scales, values, strict=True))


def write_sheet(path: Path, editor: TinyInstructPix2PixEditor, pictures: list[Picture]) -> None:
    """Rows of original, reference, edit, … for the first instructions."""
    rows = []
    for picture in pictures:
        tiles = [picture.pixels]
        chosen = [*WHOLE[:5], *(OBJECTS[:3] if picture.objects else WHOLE[5:8])]
        for instruction in chosen:
            tiles += [ProceduralEditor().edit(request(picture, instruction, 0))]
            tiles += [editor.edit_small(request(picture, instruction, 1))]
        rows.append(torch.cat(tiles, 1))
    sheet = (torch.cat(rows).numpy()[..., ::-1] * 255).round().astype(np.uint8)
    cv2.imwrite(str(path), cv2.resize(sheet, None, fx=1.5, fy=1.5, interpolation=cv2.INTER_CUBIC))


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
