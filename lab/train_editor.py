"""`python -m lab.train_editor`: train the small instruction editor and its text-to-image sibling."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class TrainEditor:
    """Train tiny-ip2p and tiny-t2i on this machine, from pictures that come with installed packages.

    Prints the learning curve. Interrupted at any time and called again with the same flags, it goes on where it was
    last saved. The results are diffusers folders below the output folder: tiny-ip2p, tiny-t2i.
    """

    output: Path = Path("outputs/tiny")
    """Folder for the data, the checkpoints and the models."""
    steps: int = 6400
    """Training steps of the editor."""
    vae_steps: int = 1200
    """Training steps of the autoencoder."""
    t2i_steps: int = 800
    """Training steps of the text-to-image model, which starts from the editor's weights; 0 leaves it out."""
    batch: int = 20
    """Pictures a step."""
    originals: int = 7000
    """Pictures that are drawn; each is edited five times."""
    workers: int = 2
    """Processes that draw and edit pictures, before the training."""
    seed: int = 0
    """Of everything random."""
    start_from: Path | None = None
    """Folder of a trained editor to begin with, such as editor3d/models/tiny-ip2p; its autoencoder and words stay."""
    export_only: bool = False
    """Train nothing; write the models as the last checkpoints hold them."""

    def run(self) -> int:
        from lab.training.data.pairs import PairSettings
        from lab.training.recipe import Recipe, export, train_editor

        recipe = Recipe(
            data=PairSettings(originals=self.originals, seed=self.seed),
            vae_steps=self.vae_steps,
            steps=self.steps,
            t2i_steps=self.t2i_steps,
            batch=self.batch,
            seed=self.seed,
            start_from=self.start_from,
        )
        if self.export_only:
            for folder in export(self.output, recipe, self.workers):
                print(f"wrote {folder}")
            return 0
        train_editor(self.output, recipe, self.workers, lambda line: print(line, flush=True))
        return 0


if __name__ == "__main__":
    from editor3d.cli import run_program

    sys.exit(run_program(TrainEditor, "python -m lab.train_editor"))
