"""The data that the parts of a refinement exchange. Imports no bpy, no torch.

A *program* is Python source that changes a Blender scene through `bpy`. A *candidate* is one such source; a
*renderer* runs candidates on a scene and gives pictures back; a *proposer* writes candidates; an *evaluator* says which
of two pictures comes nearer to the instruction or the target.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    import numpy as np

Status = Literal["ok", "refused", "failed", "timeout", "crashed"]
"""refused: by a gate, before or after it ran; failed: the program raised; timeout: killed at its deadline; crashed: the
worker died or forged its result."""


@dataclass(frozen=True)
class RenderSettings:
    """How every candidate of a search is rendered; a program may not change it."""

    width: int = 128
    height: int = 128
    samples: int = 4
    """The most a pixel; with `noise` fewer where it is smooth."""
    seed: int = 0
    camera: str | None = None
    """Name of the scene's camera; None is the one that the file renders through."""
    deadline: float = 60.0
    """Seconds that one candidate may take, from start to picture."""
    noise: float = 0.0
    """Adaptive sampling's threshold: a pixel is done when its noise is below; 0 gives all pixels all samples."""
    denoise: bool = False
    """Remove the rest of the noise by OpenImageDenoise, with albedo and normals."""
    own_shape: bool = False
    """Take the scene's own shape, the larger of `width` and `height` being its longer side."""


@dataclass(frozen=True)
class Rendered:
    """What became of one candidate."""

    status: Status
    image: np.ndarray | None
    """[H, W, 3] uint8 sRGB where `status` is "ok"."""
    seconds: float
    message: str = ""
    """Why it was refused, failed, or died: one sentence."""
    retries: int = 0
    """How often it was rendered again because its process died, which Blender's own does now and then."""


class Renderer(Protocol):
    """Runs candidates; each from the same untouched scene."""

    def render(self, source: str, deadline: float | None = None) -> Rendered:
        """One candidate's picture. Never raises for what the source does.

        Args:
            source: the program.
            deadline: seconds that it may take where those are fewer than `RenderSettings.deadline`.
        """
        ...

    def protections(self) -> Sequence[str]:
        """The layers of containment that are active, by name."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class Proposal:
    """One candidate as its proposer gave it."""

    source: str
    calls: int = 0
    """Model calls that it cost."""
    tokens: int = 0
    note: str = ""
    """What was changed, in words."""


@dataclass(frozen=True)
class Verdict:
    """Which of two pictures comes nearer to the instruction or the target."""

    winner: Literal["left", "right"]
    calls: int = 0
    tokens: int = 0
    scores: tuple[float, float] | None = None
    """Losses of left and right where the evaluator measures (lower is better)."""
    note: str = ""
    decided: bool = True
    """False where both are as good or the answers contradict each other; the incumbent then stays."""
    extra: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Task:
    """What a search is for."""

    scene: Path
    """The .blend file."""
    instruction: str
    target: Path | None = None
    """A picture to match."""


EditKind = Literal["tweak", "leap"]
"""tweak: other values in the same structure; leap: another structure."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """A program and its picture."""

    source: str
    image: np.ndarray
    """[H, W, 3] uint8 sRGB."""
    loss: float | None = None
    """Where the evaluator measures; lower is better."""
    note: str = ""


@dataclass(frozen=True, eq=False)
class Round:
    """What a proposer knows when it writes the candidates of one round."""

    task: Task
    number: int
    """Counted from 0."""
    kind: EditKind
    breadth: int
    """Candidates that the round has."""
    seed: int
    """Of this round; every random choice follows from it."""
    best: Candidate
    """The incumbent."""
    target: np.ndarray | None = None
    """[H, W, 3] uint8, the picture to match, where there is one: given, or imagined."""


@dataclass(frozen=True)
class Failure:
    """A candidate without a picture, or with an empty one."""

    source: str
    note: str
    """What it changed, as its proposer says."""
    reason: str
    """Why it cannot win, word for word as the gate, the program or the worker said it."""


class Proposer(Protocol):
    """Writes candidates."""

    @property
    def asks_a_model(self) -> bool:
        """Whether a model writes them, which hears of a failure before it writes the next one. Else the candidates of
        a round are known before any of them is rendered, and the same each time that they are asked for."""
        ...

    def propose(self, current: Round, index: int) -> Proposal | None:
        """The candidate number `index` of a round; None where it has nothing more to propose in this round.

        Raises:
            ServiceError: a model gave no usable answer.
            BudgetSpentError: another call would go beyond the budget.
        """
        ...

    def failed(self, current: Round, failure: Failure) -> None:
        """Hear of a candidate of this round that cannot win, as soon as it is known."""
        ...

    def learn(self, current: Round, tried: Sequence[Candidate], best: Candidate) -> None:
        """Learn from a finished round: its candidates that gave a picture, best first, and the incumbent after it."""
        ...


class Evaluator(Protocol):
    """Says which of two pictures comes nearer to the instruction or the target."""

    def loss(self, image: np.ndarray) -> float | None:
        """A picture's distance from the target; None where the evaluator only compares."""
        ...

    def parts(self, image: np.ndarray) -> dict[str, float]:
        """What that is made of, by name, before it is weighted; empty where the evaluator only compares."""
        ...

    def compare(self, left: Candidate, right: Candidate) -> Verdict:
        """The nearer of two; `Verdict.decided` is False where it found no difference.

        Raises:
            ServiceError: a model gave no usable answer.
            BudgetSpentError: another call would go beyond the budget.
        """
        ...
