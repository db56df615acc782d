"""The CLIP part of the distance to a picture: which model, and its embedding of a picture."""

from __future__ import annotations

import numpy as np

from editor3d.errors import ConfigError
from editor3d.metrics.clip_weights import TINY_CLIP, find_clip, packaged_clip
from editor3d.metrics.unavailable import Unavailable
from editor3d.programs.core.options import ClipChoice
from editor3d.programs.judge.picture_loss import Embed


def clip_model(choice: ClipChoice) -> str | None:
    """The name of the model that a choice means on this machine; None for none. Loads nothing.

    Args:
        choice: auto: where the weights of a full CLIP or SigLIP are on this machine; on: also with the package's small
            one.

    Raises:
        ConfigError: `on` was chosen, and there is no model.
    """
    if choice == "off":
        return None
    found = find_clip()
    if not isinstance(found, Unavailable):
        return found[0]
    if choice == "auto":
        return None
    if packaged_clip() is None:
        raise ConfigError(f"{found.reason}: {found.remedy}, or choose --clip off.")
    return TINY_CLIP


def embedding() -> Embed:
    """The picture embedding of the model that `clip_model("on")` names."""
    import torch

    from editor3d.metrics.clip import load_clip

    scorer = load_clip()
    assert not isinstance(scorer, Unavailable)  # `clip_model` has found it

    def embed(image: np.ndarray) -> np.ndarray:
        return scorer.embed_images([torch.from_numpy(image).float() / 255.0])[0].numpy()

    return embed
