"""Training of the small latent diffusion models: the editor on pairs, the text-to-image model on captions."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from lab.training import autoencoder
from lab.training.attention import CrossAttentionRecorder, word_loss
from lab.training.data.pairs import Pairs
from lab.training.export import write_editor, write_generator
from lab.training.loop import Progress, Stage, fit, load_average, mixed_precision
from lab.training.networks import make_scheduler, make_text_encoder, make_unet
from lab.training.start import CURVE, Start
from lab.training.words import encode

if TYPE_CHECKING:
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer

    from lab.training.recipe import Recipe

DROP_TEXT = DROP_IMAGE = DROP_BOTH = 0.05
"""Brooks et al. 2023, section 3.2.1."""
OBJECT_WEIGHT = 4.0
"""Added to the loss's weight of 1 where the named object is: objects are small, the rest of the picture is copied."""
WORD_WEIGHT = 0.1
COLOUR_WEIGHT, REGION_WEIGHT = 2.0, 8.0
"""Of an editor's errors in the colours of cells, and in the mean colours of regions of REGION x REGION cells. White
latents weigh all channels alike, but colour hangs on few of them, and a picture that is a little too dark all over is
wrong in every view, so that no reconciliation of views mends it."""
REGION = 4
BLEND_SHARE, BLEND_FROM = 0.4, 0.5
"""Of an editor's batch, the share where not the edited picture was noised but a blend of it with the original, at
timesteps from this share of all on: a render that is edited does not show the edit yet, or not all of it."""
OBJECT_SHARE = 0.5
"""Of an editor's batch, the share whose instruction names an object: to find it is the hardest to learn."""


@dataclass(frozen=True, eq=False)
class LatentPairs:
    """The pairs as the denoiser sees them."""

    originals: Tensor
    """[N, 4, h, w] float16, modes of white latents."""
    edited: Tensor
    """[P, 4, h, w] float16."""
    source: Tensor
    """[P] int64."""
    instructions: Tensor
    """[P, 16] token ids."""
    captions: Tensor
    """[N, 16] token ids, of the originals."""
    edited_captions: Tensor
    """[P, 16] token ids."""
    words: Tensor
    """[P, 16] bool: the tokens of the named object in the instruction."""
    masks: Tensor
    """[P, h, w] uint8, as `Pairs.masks`."""
    empty: Tensor
    """[16] token ids of the empty text."""
    colours: Tensor
    """[3, 4], the linear map from changes of a cell's latents to changes of its mean colour in -1..1."""

    @cached_property
    def named(self) -> Tensor:
        """[M] int64, the pairs whose instruction names an object."""
        return self.words.any(1).nonzero()[:, 0]

    @cached_property
    def unnamed(self) -> Tensor:
        """[P - M] int64, the other pairs."""
        return (~self.words.any(1)).nonzero()[:, 0]


def train_models(output: Path, recipe: Recipe, pairs: Pairs, start: Start, tell: Callable[[str], None]) -> None:
    """Train the editor and then, from its weights, the text-to-image model; write both as diffusers folders."""
    data = to_latents(pairs, start.tokenizer, start.vae, output / "latents.safetensors", tell)
    stage = Stage("ip2p", recipe.steps, 8e-4, warmup=200, decay_share=0.6, seed=recipe.seed + 1)
    progress = train_unet(start.unet, start.text_encoder, data, stage, recipe.batch, output / "ip2p.safetensors", tell)
    write_model(write_editor, output / "tiny-ip2p", start, progress)
    if not recipe.t2i_steps:
        return
    start = replace(start, unet=without_condition(start.unet), before=[*start.before, progress.report()])
    stage = replace(stage, name="t2i", steps=recipe.t2i_steps, seed=recipe.seed + 2)
    progress = train_unet(start.unet, start.text_encoder, data, stage, recipe.batch, output / "t2i.safetensors", tell)
    write_model(write_generator, output / "tiny-t2i", start, progress)


def export_now(output: Path, start: Start) -> list[Path]:
    """Write what the checkpoints hold as diffusers folders, finished or not; returns those folders."""
    written = []
    for name, channels, write in (("ip2p", 8, write_editor), ("t2i", 4, write_generator)):
        checkpoint = output / f"{name}.safetensors"
        if not checkpoint.is_file():
            continue
        model = replace(start, unet=make_unet(channels), text_encoder=make_text_encoder(start.tokenizer))
        progress = load_average(checkpoint, {"unet": model.unet, "text_encoder": model.text_encoder})
        write_model(write, output / f"tiny-{name}", model, progress)
        start.before.append(progress.report())
        written.append(output / f"tiny-{name}")
    return written


def to_latents(
    pairs: Pairs, tokenizer: CLIPTokenizer, vae: AutoencoderKL, cache: Path, tell: Callable[[str], None]
) -> LatentPairs:
    """Encode all pictures and texts; the latents are kept in a file beside the data, for this autoencoder."""
    from safetensors.torch import load_file, save_file

    latents = load_file(cache) if cache.is_file() else {}
    few = autoencoder.encode(vae, pairs.originals[:16])
    if not latents or not torch.allclose(latents["originals"][:16].float(), few, atol=0.05):
        tell(f"latents: encoding {len(pairs.originals) + len(pairs.edited)} pictures")
        latents = {
            "originals": autoencoder.encode(vae, pairs.originals).half().contiguous(),
            "edited": autoencoder.encode(vae, pairs.edited).half().contiguous(),
        }
        save_file(latents, cache.with_suffix(".partial"))
        cache.with_suffix(".partial").replace(cache)
    instructions = encode(tokenizer, pairs.instructions.tolist())
    words = torch.zeros_like(instructions, dtype=torch.bool)
    for name in sorted(set(pairs.objects.tolist()) - {""}):
        ids = torch.tensor(tokenizer(name, add_special_tokens=False).input_ids)
        rows = torch.from_numpy(pairs.objects == name)
        words |= rows[:, None] & torch.isin(instructions, ids)
    return LatentPairs(
        latents["originals"],
        latents["edited"],
        torch.from_numpy(pairs.source),
        instructions,
        encode(tokenizer, pairs.captions.tolist()),
        encode(tokenizer, pairs.edited_captions.tolist()),
        words,
        torch.from_numpy(pairs.masks),
        encode(tokenizer, [""])[0],
        autoencoder.colour_map(latents["originals"][:512].float(), pairs.originals[:512]),
    )


def train_unet(
    unet: UNet2DConditionModel,
    text_encoder: CLIPTextModel,
    data: LatentPairs,
    stage: Stage,
    batch: int,
    checkpoint: Path,
    tell: Callable[[str], None] = print,
) -> Progress:
    """Teach v_theta(z_t, t, text, c), with v = (sqrt(abar_t) z_t - z) / sqrt(1 - abar_t) for the wanted latents z.

    A generator (4 input channels) sees captioned pictures and minimises |v_theta - v|^2. An editor (8) sees (original,
    instruction, edited) and minimises w |z_theta - z|^2 = w (1 - abar_t) |v_theta - v|^2, the errors of its colours,
    and the word loss. Where an editor's text alone is dropped, what is wanted is the original: the empty instruction
    asks for no edit, and guidance by text leads away from the unedited picture.

    Args:
        unet: trained in place.
        text_encoder: trained with it.
        data: latents and tokens.
        stage: how long and how fast.
        batch: pairs a step.
        checkpoint: to go on from and save to.
        tell: gets the learning curve.
    """
    from diffusers.models.attention_processor import AttnProcessor2_0

    unet.to(memory_format=torch.channels_last).train()  # pyright: ignore[reportCallIssue]  # as torch has it
    text_encoder.train()
    recorder = CrossAttentionRecorder(unet)
    alphas = make_scheduler().alphas_cumprod
    edits = unet.config["in_channels"] == 2 * data.edited.shape[1]

    def loss(generator: torch.Generator) -> dict[str, Tensor]:
        draw = draw_pairs if edits else draw_captioned
        clean, original, condition, tokens, words, masks = draw(data, batch, generator)
        timesteps = torch.randint(len(alphas), (batch,), generator=generator)
        noise = torch.randn(clean.shape, generator=generator)
        a = alphas[timesteps][:, None, None, None]
        shown = clean.lerp(original, draw_blends(timesteps, len(alphas), generator)) if edits else clean
        noisy, target = noised(clean, shown, a, noise)
        stacked = noisy if condition is None else torch.cat([noisy, condition], 1)
        recorder.clear()
        with mixed_precision():
            embedded = text_encoder(tokens)[0]
            predicted = unet(
                stacked.contiguous(memory_format=torch.channels_last), timesteps, encoder_hidden_states=embedded
            ).sample.float()
        weight = 1 + OBJECT_WEIGHT * masks[:, None]
        error = predicted - target
        if edits:
            error = (1 - a).sqrt() * error
            losses = {"z": _weighted(error.square(), weight), "colour": colour_loss(error, weight, data.colours)}
        else:
            losses = {"v": _weighted(error.square(), weight)}
        named = words.any(1)
        if named.any():
            maps = [attention[named] for attention in recorder.maps]
            losses["word"] = WORD_WEIGHT * word_loss(maps, words[named], masks[named])
        else:
            losses["word"] = torch.zeros(())
        return losses

    progress = fit(stage, {"unet": unet, "text_encoder": text_encoder}, loss, checkpoint, tell)
    unet.set_attn_processor(AttnProcessor2_0())
    unet.eval()
    text_encoder.eval()
    return progress


def noised(clean: Tensor, shown: Tensor, alpha: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """z_t of latents that are shown, and the v by which z_t tells the wanted ones: sqrt(abar) z_t - sqrt(1 - abar) v.

    Where the wanted ones are shown, v = sqrt(abar) eps - sqrt(1 - abar) z, as usual.

    Args:
        clean: [B, 4, h, w] wanted latents.
        shown: the same of what is noised.
        alpha: [B, 1, 1, 1], abar_t.
        noise: [B, 4, h, w].
    """
    noisy = alpha.sqrt() * shown + (1 - alpha).sqrt() * noise
    return noisy, (alpha.sqrt() * noisy - clean) / (1 - alpha).sqrt()


def draw_blends(timesteps: Tensor, length: int, generator: torch.Generator) -> Tensor:
    """[B, 1, 1, 1] in 0..1: how much of the original is in what is noised; only at later timesteps, not always."""
    share = torch.rand(len(timesteps), generator=generator)
    chosen = torch.rand(len(timesteps), generator=generator) < BLEND_SHARE
    return (share * chosen * (timesteps >= BLEND_FROM * length))[:, None, None, None]


def colour_loss(error: Tensor, weight: Tensor, colours: Tensor) -> Tensor:
    """Mean square of the errors in the colours of cells, and of regions of cells.

    Args:
        error: [B, 4, h, w] of latents.
        weight: [B, 1, h, w] of the cells; regions weigh alike.
        colours: [3, 4], see `LatentPairs`.
    """
    wrong = torch.einsum("ij,bjhw->bihw", colours, error)
    region = F.avg_pool2d(wrong, REGION, ceil_mode=True)
    return COLOUR_WEIGHT * _weighted(wrong.square(), weight) + REGION_WEIGHT * region.square().mean()


def _weighted(values: Tensor, weight: Tensor) -> Tensor:
    return (values * weight).sum() / weight.expand_as(values).sum()


Batch = tuple[Tensor, Tensor, Tensor | None, Tensor, Tensor, Tensor]
"""Wanted latents, the original's, condition latents, token ids, which tokens name the object, its masks in 0..1."""


def draw_pairs(data: LatentPairs, batch: int, generator: torch.Generator) -> Batch:
    """A batch for an editor, with both conditions dropped at times."""
    about = torch.rand(batch, generator=generator) < OBJECT_SHARE
    place = torch.rand(batch, generator=generator)
    rows = torch.where(about, _chosen(data.named, data.unnamed, place), _chosen(data.unnamed, data.named, place))
    chance = torch.rand(batch, generator=generator)
    no_text = chance < DROP_TEXT
    no_image = (chance >= DROP_TEXT) & (chance < DROP_TEXT + DROP_IMAGE)
    neither = (chance >= DROP_TEXT + DROP_IMAGE) & (chance < DROP_TEXT + DROP_IMAGE + DROP_BOTH)
    original = data.originals[data.source[rows]].float()
    clean = torch.where(no_text[:, None, None, None], original, data.edited[rows].float())
    condition = torch.where((no_image | neither)[:, None, None, None], torch.zeros(()), original)
    silent = (no_text | neither)[:, None]
    tokens = torch.where(silent, data.empty, data.instructions[rows])
    words = data.words[rows] & ~silent
    masks = data.masks[rows].float() / 255.0
    # Without the picture nobody knows where the object is; without the text there is none.
    known = ~(no_text | no_image | neither)
    return clean, original, condition, tokens, words & known[:, None], masks * known[:, None, None]


def draw_captioned(data: LatentPairs, batch: int, generator: torch.Generator) -> Batch:
    """A batch for a generator: a quarter originals, the rest edited pictures; a tenth without a caption."""
    rows = torch.randint(len(data.edited), (batch,), generator=generator)
    chance = torch.rand(2, batch, generator=generator)
    unedited = (chance[0] < 0.25)[:, None]
    original = data.originals[data.source[rows]].float()
    clean = torch.where(unedited[..., None, None], original, data.edited[rows].float())
    captions = torch.where(unedited, data.captions[data.source[rows]], data.edited_captions[rows])
    tokens = torch.where((chance[1] < 0.1)[:, None], data.empty, captions)
    nowhere = torch.zeros(batch, *data.masks.shape[1:])
    return clean, original, None, tokens, torch.zeros_like(tokens, dtype=torch.bool), nowhere


def _chosen(rows: Tensor, instead: Tensor, place: Tensor) -> Tensor:
    """The rows at places in 0..1 of a list, or of another where the list is empty."""
    rows = rows if len(rows) else instead
    return rows[(place * len(rows)).long().clamp_max(len(rows) - 1)]


@torch.no_grad()
def without_condition(unet: UNet2DConditionModel) -> UNet2DConditionModel:
    """A copy whose first layer lacks the channels of the picture condition."""
    out = make_unet(unet.config["out_channels"])
    weights = unet.state_dict()
    weights["conv_in.weight"] = weights["conv_in.weight"][:, : unet.config["out_channels"]].clone()
    out.load_state_dict(weights)
    return out


def write_model(write: Callable[..., None], folder: Path, model: Start, progress: Progress) -> None:
    """Write a diffusers folder, and beside it the learning curves as JSON: losses over steps and seconds."""
    write(folder, model.vae, model.text_encoder, model.tokenizer, model.unet, make_scheduler())
    curves = {"vae": model.vae_curve, "unet": progress.report(), "before": model.before}
    (folder / CURVE).write_text(json.dumps(curves, indent=1), encoding="utf-8")
