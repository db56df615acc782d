"""The evaluator that compares pictures with a target picture."""

from __future__ import annotations

import numpy as np

from editor3d.programs.core.contracts import Candidate, Verdict
from editor3d.programs.judge.picture_loss import PictureLoss


class TargetEvaluator:
    """The nearer picture wins; equal losses are not decided."""

    def __init__(self, target: np.ndarray, loss: PictureLoss | None = None) -> None:
        """
        Args:
            target: [H, W, 3] uint8 sRGB, of the candidates' size.
            loss: how to measure; all parts of `PictureLoss` by default.
        """
        self._loss = loss or PictureLoss(target)

    def loss(self, image: np.ndarray) -> float:
        return self._loss(image)

    def parts(self, image: np.ndarray) -> dict[str, float]:
        return self._loss.parts(image)

    def compare(self, left: Candidate, right: Candidate) -> Verdict:
        one, other = (self.loss(tried.image) if tried.loss is None else tried.loss for tried in (left, right))
        return Verdict("left" if one < other else "right", scores=(one, other), decided=one != other)
