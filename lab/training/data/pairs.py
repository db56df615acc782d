"""The paired data of the InstructPix2Pix recipe: (original, instruction, edited), made once and kept as 8-bit arrays.

An original is drawn (`pictures`) at twice the working size, edited there by the procedural editor's maps, and both are
halved. A share of the pairs has the empty instruction and an edited picture equal to the original.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from lab.training.data.phrases import draw_caption, draw_instruction, draw_object_effect, draw_scene_effect
from lab.training.data.pictures import Original, OriginalSource

MASK_SIDE = 16
"""Masks are kept at the size of the latents, where attention is looked at."""
OBJECT_SHARE = 0.72
"""Of the pairs of a picture with named objects, the share whose instruction is about one of them."""
IDENTITY_SHARE = 0.06


@dataclass(frozen=True)
class PairSettings:
    """What decides the data; the same settings give the same bytes."""

    side: int = 64
    """Of the pictures, in pixels."""
    originals: int = 7000
    pairs_per_original: int = 5
    chunk: int = 200
    """Originals a file."""
    seed: int = 0
    sort: str = "editor"
    """What is drawn, a key of `pictures.SHARES`."""

    @property
    def chunks(self) -> int:
        return -(-self.originals // self.chunk)


@dataclass(frozen=True, eq=False)
class Pairs:
    """N originals and P edits of them."""

    originals: np.ndarray
    """[N, H, W, 3] uint8."""
    captions: np.ndarray
    """[N] str, of the originals."""
    edited: np.ndarray
    """[P, H, W, 3] uint8."""
    source: np.ndarray
    """[P] int64, which original was edited."""
    instructions: np.ndarray
    """[P] str; empty is the identity."""
    objects: np.ndarray
    """[P] str, the object that the instruction is about; empty is the whole picture."""
    edited_captions: np.ndarray
    """[P] str, of the edited pictures."""
    masks: np.ndarray
    """[P, 16, 16] uint8, the share of each cell that the named object covers, times 255; 0 for whole pictures."""


def build(folder: Path, settings: PairSettings, workers: int = 2, tell: Callable[[str], None] = print) -> None:
    """Make the chunks that are not there yet; a chunk is written whole or not at all.

    Args:
        folder: for the files; made if missing.
        settings: decide the data.
        workers: processes.
        tell: gets a line about the progress now and then.
    """
    folder.mkdir(parents=True, exist_ok=True)
    missing = [i for i in range(settings.chunks) if not _file(folder, i).is_file()]
    if not missing:
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker) as pool:
        jobs = [pool.submit(_write_chunk, folder, settings, i) for i in missing]
        for done, job in enumerate(as_completed(jobs), 1):
            job.result()
            if done % 5 == 0 or done == len(jobs):
                tell(f"data: {settings.chunks - len(missing) + done} of {settings.chunks} parts")


def load(folder: Path, settings: PairSettings) -> Pairs:
    """All chunks as one."""
    parts = [dict(np.load(_file(folder, i), allow_pickle=False)) for i in range(settings.chunks)]
    offsets = np.cumsum([0, *(len(part["originals"]) for part in parts[:-1])])
    for part, offset in zip(parts, offsets, strict=True):
        part["source"] = part["source"] + offset
    return Pairs(**{key: np.concatenate([part[key] for part in parts]) for key in parts[0]})


def make_chunk(settings: PairSettings, index: int, source: OriginalSource | None = None) -> Pairs:
    """One chunk; depends on the settings and its index alone.

    Args:
        settings: decide the data.
        index: of the chunk, from 0.
        source: draws originals of that sort at twice `settings.side`; made if not given.
    """
    source = source or OriginalSource(2 * settings.side, settings.sort)
    rng = np.random.default_rng([settings.seed, index])
    count = min(settings.chunk, settings.originals - index * settings.chunk)
    originals, captions, rows = [], [], []
    for i in range(count):
        original = source.draw(rng)
        originals.append(_halved(original.pixels))
        captions.append(draw_caption(rng, None, original.content))
        for _ in range(settings.pairs_per_original):
            rows.append((i, *draw_edit(rng, original)))
    edits = [row[1:] for row in rows]
    return Pairs(
        np.stack(originals),
        np.array(captions),
        np.stack([edit[0] for edit in edits]),
        np.array([row[0] for row in rows]),
        np.array([edit[1] for edit in edits]),
        np.array([edit[2] for edit in edits]),
        np.array([edit[3] for edit in edits]),
        np.stack([edit[4] for edit in edits]),
    )


def draw_edit(rng: np.random.Generator, original: Original) -> tuple[np.ndarray, str, str, str, np.ndarray]:
    """One random edit of an original.

    Returns:
        The edited picture at half the size, uint8; the instruction; the object it names; a caption of the edited
        picture; the object's mask [16, 16] uint8.
    """
    import torch

    from editor3d.editors.procedural.editor import blend_inside
    from editor3d.editors.procedural.effects import apply

    nothing = np.zeros((MASK_SIDE, MASK_SIDE), np.uint8)
    if rng.random() < IDENTITY_SHARE:
        return _halved(original.pixels), "", "", draw_caption(rng, None, original.content), nothing
    pixels = torch.from_numpy(original.pixels)
    if original.masks and rng.random() < OBJECT_SHARE:
        name = str(rng.choice(sorted(original.masks)))
        effect = draw_object_effect(rng)
        mask = original.masks[name]
        edited = blend_inside(pixels, apply(effect.name, pixels), torch.from_numpy(mask))
        covered = cv2.resize(mask.astype(np.float32), nothing.shape, interpolation=cv2.INTER_AREA)
        small = (covered * 255).round().astype(np.uint8)
        caption = draw_caption(rng, effect, original.content, name)
        return _halved(edited.numpy()), draw_instruction(rng, effect, name), name, caption, small
    effect = draw_scene_effect(rng)
    caption = draw_caption(rng, effect, original.content)
    return _halved(apply(effect.name, pixels).numpy()), draw_instruction(rng, effect), "", caption, nothing


def texts(pairs: Pairs) -> Sequence[str]:
    """Every distinct instruction and caption, sorted."""
    return sorted({*pairs.instructions.tolist(), *pairs.captions.tolist(), *pairs.edited_captions.tolist()})


def _halved(pixels: np.ndarray) -> np.ndarray:
    """A picture in 0..1 at half its size, uint8."""
    side = pixels.shape[0] // 2
    small = cv2.resize(pixels, (side, side), interpolation=cv2.INTER_AREA)
    return (small.clip(0, 1) * 255).round().astype(np.uint8)


_source: dict[tuple[int, str], OriginalSource] = {}


def _start_worker() -> None:
    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def _write_chunk(folder: Path, settings: PairSettings, index: int) -> None:
    key = (settings.side, settings.sort)
    if key not in _source:
        _source[key] = OriginalSource(2 * settings.side, settings.sort)
    chunk = make_chunk(settings, index, _source[key])
    partial = folder / f"part_{index:03d}.tmp.npz"
    np.savez(partial, **vars(chunk))
    partial.replace(_file(folder, index))


def _file(folder: Path, index: int) -> Path:
    return folder / f"part_{index:03d}.npz"
