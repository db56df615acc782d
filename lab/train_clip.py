"""`python -m lab.train_clip`: train the small contrastive text-image encoder."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class TrainClip:
    """Train tiny-clip on this machine, on the pictures and captions of `lab.train_editor` and on more still lifes.

    Prints the learning curve. Interrupted at any time and called again with the same flags, it goes on where it was
    last saved. The result is the folder tiny-clip below the output folder, for transformers' CLIPModel.
    """

    output: Path = Path("outputs/tiny")
    """Folder for the data, the checkpoint and the model; data of `lab.train_editor` there is used."""
    steps: int = 7600
    """Training steps."""
    batch: int = 64
    """Pairs of pictures a step."""
    originals: int = 7000
    """Pictures of `lab.train_editor`'s data; each is edited five times."""
    stills: int = 20000
    """Rendered still lifes that are drawn besides; each is edited twice."""
    workers: int = 2
    """Processes that draw and edit pictures, before the training."""
    seed: int = 0
    """Of everything random."""

    def run(self) -> int:
        from dataclasses import replace

        from lab.training.clip import ClipRecipe, train_clip

        usual = ClipRecipe()
        recipe = replace(
            usual,
            data=replace(usual.data, originals=self.originals, seed=self.seed),
            stills=replace(usual.stills, originals=self.stills, seed=self.seed + 1),
            steps=self.steps,
            batch=self.batch,
            seed=self.seed,
        )
        train_clip(self.output, recipe, self.workers, lambda line: print(line, flush=True))
        return 0


if __name__ == "__main__":
    from editor3d.cli import run_program

    sys.exit(run_program(TrainClip, "python -m lab.train_clip"))
