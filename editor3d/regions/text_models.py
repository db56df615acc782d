"""GroundingDINO and SAM in transformers: a phrase and a picture make a mask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor
from transformers import AutoModelForZeroShotObjectDetection, AutoProcessor, SamModel, SamProcessor

from editor3d.errors import RegionError
from editor3d.host.silence import no_loading_bars
from editor3d.regions.text_weights import Finder

BOX_THRESHOLD, TEXT_THRESHOLD = 0.35, 0.25
"""The least score of a box, and of a word for it to belong to the box: those of GroundingDINO's own demonstration."""


def load_finder(finder: Finder, device: str = "cpu") -> Callable[[str, Tensor], Tensor]:
    """Load both models; gives a function of a phrase and a picture [H, W, 3] uint8 to a mask [H, W] bool on the CPU.

    The mask is what SAM outlines in all boxes that GroundingDINO finds, which may be none.

    Raises:
        RegionError: a folder cannot be loaded.
    """
    # the user gets no question about trust either
    here: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    weights = {"use_safetensors": True, **here}
    try:
        with no_loading_bars():
            words = AutoProcessor.from_pretrained(finder.detector_folder, **here)
            detector = AutoModelForZeroShotObjectDetection.from_pretrained(finder.detector_folder, **weights)
            boxes_to_model: Any = SamProcessor.from_pretrained(finder.segmenter_folder, **here)
            segmenter = SamModel.from_pretrained(finder.segmenter_folder, **weights)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise RegionError(
            f"Expected models that transformers can load in {finder.detector_folder} and {finder.segmenter_folder}, "
            f"got an error ({str(error).splitlines()[0]}): download them again."
        ) from error
    models: tuple[torch.nn.Module, ...] = (detector, segmenter)
    for model in models:
        torch.nn.Module.to(model.eval(), device)

    @torch.inference_mode()
    def find(text: str, picture: Tensor) -> Tensor:
        size = tuple(picture.shape[:2])
        pixels = picture.numpy()
        # lower case with a full stop, as GroundingDINO was trained
        inputs_of_words = words(images=pixels, text=text.lower().rstrip(" .") + ".", return_tensors="pt").to(device)
        found = words.post_process_grounded_object_detection(
            detector(**inputs_of_words),
            inputs_of_words["input_ids"],
            threshold=BOX_THRESHOLD,
            text_threshold=TEXT_THRESHOLD,
            target_sizes=[size],
        )[0]
        boxes = found["boxes"].cpu()
        if not len(boxes):
            return torch.zeros(size, dtype=torch.bool)
        inputs = boxes_to_model(pixels, input_boxes=[boxes.tolist()], return_tensors="pt")
        sizes = inputs["original_sizes"], inputs["reshaped_input_sizes"]
        outlined = segmenter(**inputs.to(device), multimask_output=False).pred_masks.cpu()
        return boxes_to_model.post_process_masks(outlined, *sizes)[0].any(0)[0]

    return find
