"""The small models: losses, dropped conditions, attention, and that the real models' class loads what is written."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from lab.training import autoencoder, diffusion
from lab.training.attention import CrossAttentionRecorder, word_loss
from lab.training.data.pairs import Pairs
from lab.training.diffusion import draw_captioned, draw_pairs, without_condition
from lab.training.export import write_editor, write_generator
from lab.training.loop import Stage
from lab.training.networks import (
    count,
    make_clip,
    make_scheduler,
    make_text_encoder,
    make_unet,
    make_vae,
)
from lab.training.words import encode, make_tokenizer

MEBIBYTE = 2**20


@pytest.fixture(scope="module")
def tokenizer():
    return make_tokenizer(["make the teapot gold", "make it winter", "a picture of a teapot in winter"])


@pytest.fixture(scope="module")
def pairs():
    """Six pairs of two noise pictures, three about a teapot."""
    rng = np.random.default_rng(0)
    masks = np.zeros((6, 16, 16), np.uint8)
    masks[:3, 4:8, 4:8] = 255
    return Pairs(
        originals=rng.integers(0, 256, (2, 64, 64, 3), dtype=np.uint8),
        captions=np.array(["a teapot", "a picture"]),
        edited=rng.integers(0, 256, (6, 64, 64, 3), dtype=np.uint8),
        source=np.array([0, 0, 0, 1, 1, 1]),
        instructions=np.array(["make the teapot gold"] * 3 + ["make it winter"] * 2 + [""]),
        objects=np.array(["teapot"] * 3 + [""] * 3),
        edited_captions=np.array(["a gold teapot"] * 3 + ["a picture in winter"] * 3),
        masks=masks,
    )


@pytest.fixture(scope="module")
def data(pairs, tokenizer, tmp_path_factory):
    torch.manual_seed(0)
    cache = tmp_path_factory.mktemp("latents") / "latents.safetensors"
    return diffusion.to_latents(pairs, tokenizer, make_vae(), cache, lambda line: None)


def test_the_editor_is_small(tokenizer):
    from lab.training.networks import TEXT_WIDTH

    vocabulary = 600  # of the full recipe, a little more than there are
    text = count(make_text_encoder(tokenizer)) + (vocabulary - len(tokenizer)) * TEXT_WIDTH
    assert count(make_vae(), make_unet(8)) + text <= 5.5e6


def test_whitening_changes_latents_but_no_decoded_picture():
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (24, 32, 32, 3), dtype=np.uint8)
    vae = make_vae()
    vae.quant_conv.bias.data.add_(torch.linspace(-1, 1, 8))
    vae.quant_conv.weight.data.mul_(3.0)
    x = autoencoder.to_model(pictures[:4])
    with torch.no_grad():
        before = vae.encode(x).latent_dist
        decoded = vae.decode(before.mode()).sample
        autoencoder.whiten(vae, pictures)
        after = vae.encode(x).latent_dist
        again = vae.decode(after.mode()).sample
    torch.testing.assert_close(again, decoded, atol=1e-4, rtol=1e-3)
    values = autoencoder.encode(vae, pictures).permute(1, 0, 2, 3).reshape(4, -1)
    torch.testing.assert_close(torch.cov(values), torch.eye(4), atol=0.05, rtol=0)
    torch.testing.assert_close(values.mean(1), torch.zeros(4), atol=0.05, rtol=0)


def test_words_of_the_object_are_found(data):
    assert data.words[:3].sum(1).tolist() == [1, 1, 1]
    assert not data.words[3:].any()
    assert data.edited.shape == (6, 4, 16, 16)


def test_dropped_conditions(data):
    """5 % text, 5 % picture, 5 % both; where the text alone is dropped, the target is the original."""
    generator = torch.Generator().manual_seed(0)
    clean, original, condition, tokens, words, masks = draw_pairs(data, 6000, generator)
    silent = (tokens == data.empty).all(1)
    blind = (condition == 0).flatten(1).all(1)
    unedited = (clean == original).flatten(1).all(1)
    assert (blind & silent).float().mean() == pytest.approx(0.05 + 0.05 / 6, abs=0.015)
    assert (blind & ~silent).float().mean() == pytest.approx(0.05 * 5 / 6, abs=0.015)
    assert unedited.float().mean() == pytest.approx(0.05, abs=0.015)
    assert (silent & ~blind)[unedited].all()
    assert condition[~blind].equal(original[~blind])
    assert not words[silent | blind].any()
    assert not masks[silent | blind].any()
    assert words.any()


def test_a_generator_sees_captions_and_no_picture(data):
    clean, _, condition, tokens, words, masks = draw_captioned(data, 600, torch.Generator().manual_seed(0))
    assert condition is None
    assert not words.any()
    assert not masks.any()
    assert (tokens == data.empty).all(1).float().mean() == pytest.approx(0.1, abs=0.04)
    gold = (tokens == data.edited_captions[0]).all(1)
    known = torch.stack([(clean == data.edited[i].float()).flatten(1).all(1) for i in range(3)]).any(0)
    assert known[gold].all()


def test_what_is_noised_tells_the_wanted_latents_by_v():
    """DDIM's z_0 = sqrt(abar) z_t - sqrt(1 - abar) v is the wanted one, whatever was noised; usual v where it was."""
    alpha = make_scheduler().alphas_cumprod[torch.tensor([1, 300, 700, 999])][:, None, None, None].double()
    clean, shown, noise = torch.randn(3, 4, 4, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    noisy, v = diffusion.noised(clean, shown, alpha, noise)
    torch.testing.assert_close(alpha.sqrt() * noisy - (1 - alpha).sqrt() * v, clean)
    _, usual = diffusion.noised(clean, clean, alpha, noise)
    torch.testing.assert_close(usual, alpha.sqrt() * noise - (1 - alpha).sqrt() * clean)


def test_originals_are_blended_in_at_later_timesteps_only():
    timesteps = torch.arange(1000).repeat(8)
    blends = diffusion.draw_blends(timesteps, 1000, torch.Generator().manual_seed(0)).flatten()
    assert not blends[timesteps < 500].any()
    later = blends[timesteps >= 500]
    assert (later > 0).float().mean() == pytest.approx(0.4, abs=0.03)
    assert later[later > 0].mean() == pytest.approx(0.5, abs=0.03)


def test_latents_tell_the_colours_of_their_cells():
    """Latents that are a linear map of cell colours give back its inverse."""
    rng = np.random.default_rng(0)
    cells = rng.integers(0, 256, (6, 8, 8, 3), dtype=np.uint8)
    pictures = cells.repeat(4, 1).repeat(4, 2)
    mixed = torch.from_numpy(rng.normal(size=(4, 3))).float()
    latents = torch.einsum("ij,bjhw->bihw", mixed, autoencoder.to_model(cells)) + 0.3
    found = autoencoder.colour_map(latents, pictures)
    torch.testing.assert_close(found @ mixed, torch.eye(3), atol=1e-3, rtol=0)


def test_a_wrong_tint_costs_more_than_wrong_grain():
    colours = torch.eye(3, 4)
    tint = torch.full((1, 4, 16, 16), 0.1)
    grain = tint * (2 * ((torch.arange(16)[:, None] + torch.arange(16)) % 2) - 1)
    weight = torch.ones(1, 1, 16, 16)
    assert diffusion.colour_loss(grain, weight, colours) == pytest.approx(2 * 0.01, rel=1e-4)
    assert diffusion.colour_loss(tint, weight, colours) == pytest.approx((2 + 8) * 0.01, rel=1e-4)


def test_recorded_attention_is_the_unets_own(tokenizer):
    torch.manual_seed(0)
    unet = make_unet(8).eval()
    latents, text = torch.randn(2, 8, 16, 16), torch.randn(2, 16, 96)
    with torch.no_grad():
        plain = unet(latents, 500, encoder_hidden_states=text).sample
        recorder = CrossAttentionRecorder(unet)
        recorded = unet(latents, 500, encoder_hidden_states=text).sample
    torch.testing.assert_close(recorded, plain, atol=1e-5, rtol=1e-4)
    assert {tuple(attention.shape) for attention in recorder.maps} == {(2, 256, 16), (2, 64, 16)}
    for attention in recorder.maps:
        torch.testing.assert_close(attention.sum(-1), torch.ones(attention.shape[:2]))


def test_the_word_loss_is_least_where_the_word_looks_at_the_object():
    mask = torch.zeros(1, 4, 4)
    mask[0, 1:3, 1:3] = 1.0
    words = torch.tensor([[False, True, False]])
    right = torch.zeros(1, 16, 3)
    right[0, :, 1] = 0.3 * mask.flatten() + 1e-12
    even = torch.full((1, 16, 3), 1 / 3)
    assert word_loss([right], words, mask) == pytest.approx(0.0, abs=1e-3)
    assert word_loss([even], words, mask) == pytest.approx(np.log(4.0), rel=1e-3)
    assert word_loss([7 * even], words, mask) == pytest.approx(np.log(4.0), rel=1e-3)


def test_without_its_condition_a_unet_does_what_it_did_under_an_empty_one():
    torch.manual_seed(0)
    unet = make_unet(8).eval()
    latents, text = torch.randn(1, 4, 16, 16), torch.randn(1, 16, 96)
    with torch.no_grad():
        whole = unet(torch.cat([latents, torch.zeros_like(latents)], 1), 300, encoder_hidden_states=text).sample
        alone = without_condition(unet).eval()(latents, 300, encoder_hidden_states=text).sample
    torch.testing.assert_close(alone, whole, atol=1e-5, rtol=1e-4)


def test_training_lowers_the_losses(data, tokenizer, tmp_path):
    torch.manual_seed(0)
    text_encoder, unet = make_text_encoder(tokenizer), make_unet(8)
    own = replace(data, originals=torch.randn(2, 4, 16, 16), edited=torch.randn(6, 4, 16, 16))
    stage = Stage("ip2p", 24, 2e-3, warmup=2, report_every=8)
    file = tmp_path / "ip2p.safetensors"
    progress = diffusion.train_unet(unet, text_encoder, own, stage, 6, file, lambda line: None)
    first, _, last = progress.curve
    assert set(first) == {"step", "seconds", "z", "colour", "word"}
    assert last["z"] < 0.95 * first["z"]
    assert last["word"] < first["word"]


def test_the_class_of_the_real_model_loads_and_runs_the_small_one(tokenizer, tmp_path):
    from editor3d.editors.pipelines.ip2p import InstructPix2PixEditor
    from editor3d.types import EditRequest

    torch.manual_seed(0)
    parts = (make_vae(), make_text_encoder(tokenizer), tokenizer, make_unet(8), make_scheduler())
    write_editor(tmp_path / "editor", *parts)
    size = sum(file.stat().st_size for file in (tmp_path / "editor").rglob("*") if file.is_file())
    assert size < 12e6
    assert not list(tmp_path.glob("*.partial"))
    picture = torch.rand(64, 64, 3)
    request = EditRequest("view", "make it winter", picture, picture, diffusion_steps=2)
    editor = InstructPix2PixEditor(str(tmp_path / "editor"))
    edited = editor.edit(request)
    assert edited.shape == picture.shape
    assert torch.isfinite(edited).all()
    assert editor.edit(request).equal(edited)


def test_the_generator_is_a_stable_diffusion_pipeline(tokenizer, tmp_path):
    from diffusers import StableDiffusionPipeline

    torch.manual_seed(0)
    unet = without_condition(make_unet(8))
    write_generator(tmp_path / "t2i", make_vae(), make_text_encoder(tokenizer), tokenizer, unet, make_scheduler())
    pipeline = StableDiffusionPipeline.from_pretrained(
        str(tmp_path / "t2i"), variant="fp16", dtype=torch.float32, safety_checker=None, local_files_only=True
    )
    pipeline.set_progress_bar_config(disable=True)
    picture = pipeline("a teapot", num_inference_steps=2, height=64, width=64, output_type="np").images[0]
    assert picture.shape == (64, 64, 3)
    assert pipeline.scheduler.config.prediction_type == "v_prediction"


def test_clip_learns_and_loads_as_clip(pairs, tokenizer, tmp_path):
    from editor3d.metrics.clip import ClipScorer
    from lab.training.clip import Part, fit_clip, normalized, write_clip

    torch.manual_seed(0)
    model = make_clip(tokenizer)
    stage = Stage("clip", 30, 2e-3, warmup=2, report_every=10, average=0.5)
    progress = fit_clip(model, [Part(pairs, tokenizer, 4, 0)], stage, tmp_path / "clip.safetensors", lambda line: None)
    losses = [point["pictures"] for point in progress.curve]
    assert losses[-1] < losses[0]
    write_clip(tmp_path / "clip", model, tokenizer, progress)
    assert json.loads((tmp_path / "clip" / "learning_curve.json").read_text())["clip"]["steps"] == 30
    scorer = ClipScorer(tmp_path / "clip", "tiny-clip")
    pictures = [torch.from_numpy(picture).float() / 255 for picture in pairs.edited[:2]]
    with torch.no_grad():
        pooled = model.vision_model(pixel_values=normalized(pairs.edited[:2])).pooler_output
        wanted = torch.nn.functional.normalize(model.visual_projection(pooled), dim=-1)
        told = model.text_model(input_ids=encode(tokenizer, ["a gold teapot"])).pooler_output
        told = torch.nn.functional.normalize(model.text_projection(told), dim=-1)
    torch.testing.assert_close(scorer.embed_images(pictures), wanted, atol=0.02, rtol=0)
    torch.testing.assert_close(scorer.embed_texts(["a gold teapot"]), told, atol=0.02, rtol=0)
    assert sum(file.stat().st_size for file in (tmp_path / "clip").rglob("*")) < 12 * MEBIBYTE
