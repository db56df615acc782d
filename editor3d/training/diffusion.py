"""Training of the small latent diffusion models: the editor on pairs, the text-to-image model on captions."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from editor3d.training import autoencoder
from editor3d.training.attention import CrossAttentionRecorder, word_loss
from editor3d.training.loop import Progress, Stage, fit, load_average, mixed_precision
from editor3d.training.networks import make_scheduler, make_text_encoder, make_unet
from editor3d.training.pairs import Pairs
from editor3d.training.words import encode

if TYPE_CHECKING:
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer

    from editor3d.training.recipe import Recipe

DROP_TEXT = DROP_IMAGE = DROP_BOTH = 0.05
"""Brooks et al. 2023, section 3.2.1."""
OBJECT_WEIGHT = 4.0
"""Added to the loss's weight of 1 where the named object is: objects are small, the rest of the picture is copied."""
WORD_WEIGHT = 0.1
OBJECT_SHARE = 0.6
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

    @cached_property
    def named(self) -> Tensor:
        """[M] int64, the pairs whose instruction names an object."""
        return self.words.any(1).nonzero()[:, 0]

    @cached_property
    def unnamed(self) -> Tensor:
        """[P - M] int64, the other pairs."""
        return (~self.words.any(1)).nonzero()[:, 0]


def train_models(
    output: Path,
    recipe: Recipe,
    pairs: Pairs,
    tokenizer: CLIPTokenizer,
    vae: AutoencoderKL,
    vae_curve: Progress,
    tell: Callable[[str], None],
) -> None:
    """Train the editor and then, from its weights, the text-to-image model; write both as diffusers folders."""
    from editor3d.training.export import write_editor, write_generator

    data = to_latents(pairs, tokenizer, vae, output / "latents.safetensors", tell)
    torch.manual_seed(recipe.seed)
    text_encoder, unet = make_text_encoder(tokenizer), make_unet(8)
    stage = Stage("ip2p", recipe.steps, 8e-4, warmup=200, seed=recipe.seed + 1)
    progress = train_unet(unet, text_encoder, data, stage, recipe.batch, output / "ip2p.safetensors", tell)
    write_editor(output / "tiny-ip2p", vae, text_encoder, tokenizer, unet, make_scheduler())
    write_curve(output / "tiny-ip2p" / "learning_curve.json", vae_curve, progress)
    if not recipe.t2i_steps:
        return
    generator_unet = without_condition(unet)
    stage = replace(stage, name="t2i", steps=recipe.t2i_steps, seed=recipe.seed + 2)
    progress = train_unet(generator_unet, text_encoder, data, stage, recipe.batch, output / "t2i.safetensors", tell)
    write_generator(output / "tiny-t2i", vae, text_encoder, tokenizer, generator_unet, make_scheduler())
    write_curve(output / "tiny-t2i" / "learning_curve.json", vae_curve, progress)


def export_now(output: Path, tokenizer: CLIPTokenizer, vae: AutoencoderKL, vae_curve: Progress) -> list[Path]:
    """Write what the checkpoints hold as diffusers folders, finished or not; returns those folders."""
    from editor3d.training.export import write_editor, write_generator

    written = []
    for name, channels, write in (("ip2p", 8, write_editor), ("t2i", 4, write_generator)):
        checkpoint = output / f"{name}.safetensors"
        if not checkpoint.is_file():
            continue
        text_encoder, unet = make_text_encoder(tokenizer), make_unet(channels)
        progress = load_average(checkpoint, {"unet": unet, "text_encoder": text_encoder})
        write(output / f"tiny-{name}", vae, text_encoder, tokenizer, unet, make_scheduler())
        write_curve(output / f"tiny-{name}" / "learning_curve.json", vae_curve, progress)
        written.append(output / f"tiny-{name}")
    return written


def to_latents(
    pairs: Pairs, tokenizer: CLIPTokenizer, vae: AutoencoderKL, cache: Path, tell: Callable[[str], None]
) -> LatentPairs:
    """Encode all pictures and texts; the latents are kept in a file beside the data."""
    from safetensors.torch import load_file, save_file

    if cache.is_file():
        latents = load_file(cache)
    else:
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
    """Minimise w |v_theta(z_t, t, text, c) - v|^2, with v = sqrt(abar_t) eps - sqrt(1 - abar_t) z, and the word loss.

    An editor (8 input channels) sees (original, instruction, edited); a generator (4) sees captioned pictures. Where an
    editor's text alone is dropped, its target is the original: the empty instruction asks for no edit, and guidance by
    text leads away from the unedited picture.

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

    unet.to(memory_format=torch.channels_last).train()
    text_encoder.train()
    recorder = CrossAttentionRecorder(unet)
    alphas = make_scheduler().alphas_cumprod
    edits = unet.config.in_channels == 2 * data.edited.shape[1]

    def loss(generator: torch.Generator) -> dict[str, Tensor]:
        draw = draw_pairs if edits else draw_captioned
        clean, condition, tokens, words, masks = draw(data, batch, generator)
        timesteps = torch.randint(len(alphas), (batch,), generator=generator)
        noise = torch.randn(clean.shape, generator=generator)
        a = alphas[timesteps][:, None, None, None]
        noisy, target = a.sqrt() * clean + (1 - a).sqrt() * noise, a.sqrt() * noise - (1 - a).sqrt() * clean
        stacked = noisy if condition is None else torch.cat([noisy, condition], 1)
        recorder.clear()
        with mixed_precision():
            embedded = text_encoder(tokens)[0]
            predicted = unet(
                stacked.contiguous(memory_format=torch.channels_last), timesteps, encoder_hidden_states=embedded
            ).sample.float()
        weight = 1 + OBJECT_WEIGHT * masks[:, None]
        losses = {"v": ((predicted - target).square() * weight).sum() / weight.expand_as(target).sum()}
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


Batch = tuple[Tensor, Tensor | None, Tensor, Tensor, Tensor]
"""Target latents, condition latents, token ids, which tokens name the object, its masks in 0..1."""


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
    return clean, condition, tokens, words & known[:, None], masks * known[:, None, None]


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
    return clean, None, tokens, torch.zeros_like(tokens, dtype=torch.bool), nowhere


def _chosen(rows: Tensor, instead: Tensor, place: Tensor) -> Tensor:
    """The rows at places in 0..1 of a list, or of another where the list is empty."""
    rows = rows if len(rows) else instead
    return rows[(place * len(rows)).long().clamp_max(len(rows) - 1)]


@torch.no_grad()
def without_condition(unet: UNet2DConditionModel) -> UNet2DConditionModel:
    """A copy whose first layer lacks the channels of the picture condition."""
    out = make_unet(unet.config.out_channels)
    weights = unet.state_dict()
    weights["conv_in.weight"] = weights["conv_in.weight"][:, : unet.config.out_channels].clone()
    out.load_state_dict(weights)
    return out


def write_curve(path: Path, vae: Progress, unet: Progress) -> None:
    """The learning curves as JSON: losses over steps and seconds of computing."""
    stages = {"vae": vae, "unet": unet}
    body = {name: {"steps": p.step, "seconds": round(p.seconds), "curve": p.curve} for name, p in stages.items()}
    path.write_text(json.dumps(body, indent=1), encoding="utf-8")
