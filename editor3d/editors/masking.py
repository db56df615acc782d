"""Compute where an edit may change a picture: a mask, or the masks of the objects that the instruction names."""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor

from editor3d.errors import InstructionError
from editor3d.language.nouns import ObjectNames, listing
from editor3d.language.tokens import split_words
from editor3d.types import EditRequest


def named_objects(instruction: str, objects: Collection[str]) -> tuple[str, ...]:
    """The objects that an instruction names, if any; articles, plurals and common synonyms aside.

    Args:
        instruction: what the user asks for.
        objects: names of the objects that the data has masks of.

    Raises:
        InstructionError: a word may mean several of them, or contradicts the name of the one that it means.
    """
    names = ObjectNames(objects)
    words = split_words(instruction)
    found: dict[str, None] = {}
    start = 0
    while start < len(words):
        most = min(names.longest, len(words) - start)
        length = next((n for n in range(most, 0, -1) if tuple(words[start : start + n]) in names), 0)
        if length:
            before = words[max(0, start - 2) : start]
            every = bool({"all", "both", "each", "every"} & set(before))
            found |= dict.fromkeys(names.resolve(tuple(words[start : start + length]), before, every))
        start += max(1, length)
    return tuple(found)


def names_in(instruction: str, objects: Collection[str]) -> tuple[str, ...]:
    """As `named_objects`, for an editor that needs one.

    Raises:
        InstructionError: it names none of them, or a word may mean several.
    """
    found = named_objects(instruction, objects)
    if not found:
        raise InstructionError(
            f"Expected the name of an object to edit in '{instruction}', because this editor works inside a mask; the "
            f"objects with masks are {listing(ObjectNames(objects).names)}."
        )
    return found


def mask_of(request: EditRequest) -> Tensor:
    """Where a request may change its picture: [H, W] bool.

    Raises:
        InstructionError: it carries no mask, and its instruction names no object that has one.
    """
    if request.mask is not None:
        return request.mask.detach().bool()
    if not request.objects:
        raise InstructionError(
            "This editor works inside a mask, but neither a mask nor data with masks of objects was given; choose "
            "another editor, or give a mask."
        )
    names = names_in(request.instruction, request.objects)
    return torch.stack([request.objects[name].detach().bool() for name in names]).any(0)
