"""The recipe of `tiny-ip2p` and `tiny-t2i`: data, tokenizer, autoencoder, editor, generator. Each part resumes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from editor3d.errors import ConfigError
from lab.training import autoencoder
from lab.training.data.pairs import Pairs, PairSettings, build, load, texts
from lab.training.diffusion import export_now, train_models
from lab.training.loop import Progress, Stage
from lab.training.networks import make_vae
from lab.training.start import Start, fresh_start, load_start
from lab.training.words import make_tokenizer

if TYPE_CHECKING:
    from diffusers import AutoencoderKL


@dataclass(frozen=True)
class Recipe:
    """What `lab.train_editor` does. The defaults are the shipped models', but for what docs/training.md says."""

    data: PairSettings = field(default_factory=PairSettings)
    vae_steps: int = 1200
    vae_batch: int = 24
    steps: int = 6400
    """Of the editor."""
    t2i_steps: int = 800
    """Of the text-to-image model, which starts from the editor's weights; 0 leaves it out."""
    batch: int = 20
    seed: int = 0
    start_from: Path | None = None
    """Folder of a trained editor to begin with. Its autoencoder and its tokens stay; `vae_steps` are not made."""

    def check(self) -> None:
        """Raises ConfigError where a number is out of range."""
        for name in ("vae_steps", "steps", "vae_batch", "batch"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, but is {getattr(self, name)}.")
        if self.vae_batch < 3:
            raise ConfigError(f"vae_batch must be at least 3, but is {self.vae_batch}.")
        if self.t2i_steps < 0 or self.data.originals < 1:
            raise ConfigError("t2i_steps must be at least 0 and originals at least 1.")


def train_editor(output: Path, recipe: Recipe, workers: int = 2, tell: Callable[[str], None] = print) -> None:
    """Run the recipe, or what is left of it. `output/tiny-ip2p` and `output/tiny-t2i` are diffusers folders.

    Args:
        output: folder for data, checkpoints and results; a run found there goes on.
        recipe: what to do.
        workers: processes that make data.
        tell: gets lines about the progress.

    Raises:
        ConfigError: the recipe is out of range, or the folder holds data of another one.
    """
    recipe.check()
    pairs = prepare_data(output, recipe.data, workers, tell)
    train_models(output, recipe, pairs, prepare_start(output, recipe, pairs, tell), tell)


def prepare_start(output: Path, recipe: Recipe, pairs: Pairs, tell: Callable[[str], None]) -> Start:
    """What the denoiser's training begins with.

    Raises:
        ConfigError: `recipe.start_from` holds no editor of this recipe, or not all of the data's words.
    """
    if recipe.start_from:
        return load_start(recipe.start_from, texts(pairs))
    vae, curve = prepare_vae(output, recipe, pairs, tell)
    return fresh_start(make_tokenizer(texts(pairs)), vae, curve.report(), recipe.seed)


def prepare_data(
    output: Path, settings: PairSettings, workers: int, tell: Callable[[str], None], folder: str = "data"
) -> Pairs:
    """The paired data in a folder below `output`, made where it is missing.

    Raises:
        ConfigError: the folder holds data of other settings.
    """
    noted = output / folder / "settings.json"
    if noted.is_file():
        held = json.loads(noted.read_text(encoding="utf-8"))
        if {**asdict(PairSettings()), **held} != asdict(settings):
            raise ConfigError(
                f"{noted.parent} holds data made with {held}, not {asdict(settings)}; give another folder."
            )
    noted.parent.mkdir(parents=True, exist_ok=True)
    noted.write_text(json.dumps(asdict(settings)), encoding="utf-8")
    build(noted.parent, settings, workers, tell)
    return load(noted.parent, settings)


def prepare_vae(
    output: Path, recipe: Recipe, pairs: Pairs, tell: Callable[[str], None]
) -> tuple[AutoencoderKL, Progress]:
    """The trained autoencoder with white latents, and its learning curve."""
    torch.manual_seed(recipe.seed)
    vae = make_vae()
    stage = Stage("vae", recipe.vae_steps, 1.2e-3, decay_share=0.3, average=0.995, weight_decay=0.0, seed=recipe.seed)
    progress = autoencoder.train(vae, pairs, stage, recipe.vae_batch, output / "vae.safetensors", tell)
    autoencoder.whiten(vae, pairs.edited[:4096])
    return vae, progress


def export(output: Path, recipe: Recipe, workers: int = 2, tell: Callable[[str], None] = print) -> list[Path]:
    """Write what the checkpoints below `output` hold as diffusers folders, without training further.

    Args:
        output: folder of a run, whose autoencoder is finished.
        recipe: the run's.
        workers: processes that make data, where it is missing.
        tell: gets lines about the progress.

    Returns:
        The folders written.

    Raises:
        ConfigError: there is nothing to export yet.
    """
    if not any((output / f"{name}.safetensors").is_file() for name in ("ip2p", "t2i")):
        raise ConfigError(f"{output} holds no checkpoint of the editor yet; train first, without --export-only.")
    pairs = prepare_data(output, recipe.data, workers, tell)
    return export_now(output, prepare_start(output, recipe, pairs, tell))
