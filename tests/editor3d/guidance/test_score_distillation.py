"""Score distillation is its formula, in 64 bits, through the encoder, and obeys the chain rule."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor

from editor3d.diffusion.cfg import three_way, two_way
from editor3d.diffusion.latent import LatentPrior
from editor3d.diffusion.loading import PipelineSource
from editor3d.diffusion.timesteps import Fixed
from editor3d.errors import ConfigError, EditorUnavailableError
from editor3d.guidance import GUIDANCES, create_guidance
from editor3d.guidance.ip2p_sds import InstructScoreDistillation
from editor3d.guidance.sds import ScoreDistillation, noised, score_gradient, with_gradient
from editor3d.types import Guidance, GuidanceRequest

from ...pixel_prior import PixelPrior, expected_noise

pytestmark = pytest.mark.usefixtures("one_thread")
PROMPTS = ["turn it into gold", "make it red"]


def draws(seed: int, *shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture
def request_() -> GuidanceRequest:
    return GuidanceRequest(
        images=draws(1, 2, 24, 32, 3).requires_grad_(),
        prompts=PROMPTS,
        generator=torch.Generator().manual_seed(3),
        sources=draws(2, 2, 24, 32, 3),
    )


def in_double(folder, name: str, **settings):
    guidance = create_guidance(f"{name}:{folder}", longest_side=None, **settings)
    pipeline = guidance._prior.pipeline
    pipeline.to(torch.float64)
    return guidance, pipeline


def text_of(pipeline, words: str) -> Tensor:
    ids = pipeline.tokenizer(words, padding="max_length", max_length=16, truncation=True).input_ids
    return pipeline.text_encoder(torch.tensor([ids])).last_hidden_state


def transcription(pipeline, request: GuidanceRequest, predict) -> Tensor:
    """w(t) (eps_hat - eps) for each view, pulled back through the encoder, with diffusers' own noising."""
    from diffusers import DDPMScheduler

    generator = torch.Generator().manual_seed(3)
    posterior = pipeline.vae.encode(2.0 * request.images.permute(0, 3, 1, 2) - 1.0).latent_dist
    sample = torch.randn(posterior.mean.shape, generator=generator, dtype=torch.float64)
    latents = 0.18215 * (posterior.mean + torch.exp(0.5 * posterior.logvar) * sample)
    timesteps = torch.randint(20, 981, (2,), generator=generator)
    noise = torch.randn(latents.shape, generator=generator, dtype=torch.float64)
    scheduler = DDPMScheduler.from_config(pipeline.scheduler.config)
    scheduler.alphas_cumprod = scheduler.alphas_cumprod.double()
    noisy = scheduler.add_noise(latents.detach(), noise, timesteps)
    weights = (1.0 - scheduler.alphas_cumprod[timesteps]).view(-1, 1, 1, 1)
    with torch.no_grad():
        gradient = weights * (predict(noisy, timesteps) - noise)
    return torch.autograd.grad(latents, request.images, grad_outputs=gradient / 2)[0]


def test_sds_is_its_formula_to_the_last_digits(text_model_folder, request_):
    guidance, pipeline = in_double(text_model_folder, "sds", guidance_scale=100.0)

    def predict(noisy, timesteps):
        text = torch.cat([text_of(pipeline, words) for words in PROMPTS])
        empty = torch.cat([text_of(pipeline, "")] * 2)
        conditional = pipeline.unet(noisy, timesteps, text).sample
        unconditional = pipeline.unet(noisy, timesteps, empty).sample
        return unconditional + 100.0 * (conditional - unconditional)

    expected = transcription(pipeline, request_, predict)
    (gradient,) = torch.autograd.grad(guidance.loss(request_), request_.images)
    assert expected.abs().max() > 1e-3
    assert (gradient - expected).abs().max() < 1e-10 * max(1.0, float(expected.abs().max()))


def test_ip2p_sds_is_its_formula_to_the_last_digits(model_folder, request_):
    guidance, pipeline = in_double(model_folder, "ip2p-sds", guidance_scale=7.5, image_guidance_scale=1.5)
    with torch.no_grad():
        source = pipeline.vae.encode(2.0 * request_.sources.permute(0, 3, 1, 2) - 1.0).latent_dist.mean

    def predict(noisy, timesteps):
        def one(text, condition):
            return pipeline.unet(torch.cat([noisy, condition], 1), timesteps, text).sample

        text = torch.cat([text_of(pipeline, words) for words in PROMPTS])
        empty = torch.cat([text_of(pipeline, "")] * 2)
        full, image, nothing = one(text, source), one(empty, source), one(empty, torch.zeros_like(source))
        return nothing + 7.5 * (full - image) + 1.5 * (image - nothing)

    expected = transcription(pipeline, request_, predict)
    (gradient,) = torch.autograd.grad(guidance.loss(request_), request_.images)
    assert expected.abs().max() > 1e-3
    assert (gradient - expected).abs().max() < 1e-10 * max(1.0, float(expected.abs().max()))


@pytest.mark.parametrize("factor", [0.0, -2.0, 1e-3])
def test_the_gradient_scales_with_the_upstream_gradient(text_model_folder, request_, factor):
    guidance, _ = in_double(text_model_folder, "sds")

    def gradient(scale: float) -> Tensor:
        request = replace(request_, generator=torch.Generator().manual_seed(3))
        return torch.autograd.grad(scale * guidance.loss(request), request.images)[0]

    expected = factor * gradient(1.0)
    torch.testing.assert_close(gradient(factor), expected, rtol=1e-9, atol=1e-12 * float(expected.abs().max()))


def test_the_chain_rule_goes_on_above_and_below():
    """d/dx of g(h(latents(x))) where h is given a gradient: through any function on either side."""
    x = draws(0, 3).requires_grad_()
    given = draws(1, 3)
    loss = with_gradient(x**2, given)
    (loss**2).backward()
    torch.testing.assert_close(x.grad, 2.0 * loss.detach() * given * 2.0 * x.detach())
    assert loss.item() == pytest.approx(0.5 * float(given.square().sum()))


def test_the_model_gets_no_gradient_and_stays_as_it_was(text_model_folder, request_):
    guidance, pipeline = in_double(text_model_folder, "sds")
    before = {name: value.clone() for name, value in pipeline.vae.state_dict().items()}
    guidance.loss(request_).backward()
    assert request_.images.grad.abs().max() > 0.0
    for module in (pipeline.unet, pipeline.vae, pipeline.text_encoder):
        assert all(parameter.grad is None for parameter in module.parameters())
    assert all(torch.equal(before[name], value) for name, value in pipeline.vae.state_dict().items())


def test_a_batch_is_the_mean_of_its_views(text_model_folder, request_):
    """Views do not see each other: what one view gets does not depend on the other's content or prompt."""
    guidance, _ = in_double(text_model_folder, "sds")

    def gradient(request: GuidanceRequest) -> Tensor:
        request = replace(request, generator=torch.Generator().manual_seed(3))
        return torch.autograd.grad(guidance.loss(request), request.images)[0]

    both = gradient(request_)
    other = torch.cat([request_.images[:1].detach(), draws(9, 1, 24, 32, 3)]).requires_grad_()
    changed = gradient(replace(request_, images=other, prompts=[PROMPTS[0], "a robot"]))
    torch.testing.assert_close(changed[0], both[0], rtol=1e-9, atol=1e-12)
    assert (changed[1] - both[1]).abs().max() > 1e-6


def test_the_generator_alone_decides(text_model_folder, request_):
    guidance, _ = in_double(text_model_folder, "sds")
    state = torch.random.get_rng_state()
    losses = [guidance.loss(replace(request_, generator=torch.Generator().manual_seed(s))).item() for s in (1, 1, 2)]
    assert losses[0] == losses[1] != losses[2]
    assert torch.equal(torch.random.get_rng_state(), state)


@dataclass
class GaussianPrior(PixelPrior):
    """The best denoiser of latents that are distributed as N(mean, spread^2)."""

    mean: Tensor
    spread: float
    alphas_cumprod: Tensor

    def embed(self, prompts: list[str]) -> Tensor:
        return torch.zeros(len(prompts), 1, 1)

    def predict(self, noisy: Tensor, timesteps: Tensor, text: Tensor, condition: Tensor | None = None) -> Tensor:
        return expected_noise(noisy, self.alphas_cumprod[timesteps], self.mean, self.spread)


@pytest.mark.parametrize("kind", [ScoreDistillation, InstructScoreDistillation])
@pytest.mark.parametrize("spread", [0.0, 0.2])
def test_sds_converges_to_the_mean_of_a_known_distribution(kind, spread):
    alphas = torch.cumprod(1.0 - torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2, 0)
    mean = draws(4, 1, 3, 4, 5)
    prior = GaussianPrior(mean, spread, alphas)
    guidance = kind(prior, schedule=Fixed(0.02, 0.98))
    images = torch.zeros(1, 4, 5, 3, dtype=torch.float64, requires_grad=True)
    generator = torch.Generator().manual_seed(0)
    total, tail = 3000, torch.zeros_like(images)
    for step in range(total):
        request = GuidanceRequest(images, [""], generator, step, total, sources=images.detach())
        (gradient,) = torch.autograd.grad(guidance.loss(request), images)
        with torch.no_grad():
            images -= 0.3 / (1.0 + 0.01 * step) * gradient
            tail += images * (step >= total // 2) / (total - total // 2)
    error = (tail.permute(0, 3, 1, 2) - mean).abs().max()
    assert error < (1e-6 if spread == 0.0 else 0.03)
    assert mean.abs().max() > 0.5


def test_guidance_scales_follow_the_stated_convention():
    text, image, nothing = draws(0, 3, 2, 4, 3, 3)
    pair = torch.cat([text, nothing])
    assert torch.equal(two_way(pair, 0.0), nothing)
    torch.testing.assert_close(two_way(pair, 1.0), text)
    torch.testing.assert_close(two_way(pair, 3.0) - two_way(pair, 2.0), text - nothing)
    triple = torch.cat([text, image, nothing])
    torch.testing.assert_close(three_way(triple, 1.0, 1.0), text)
    torch.testing.assert_close(three_way(triple, 0.0, 1.0), image)
    assert torch.equal(three_way(triple, 0.0, 0.0), nothing)
    # Where the image condition is the text's only rival, the two conventions are one.
    torch.testing.assert_close(three_way(torch.cat([text, nothing, nothing]), 7.5, 1.5), two_way(pair, 7.5))


def test_three_way_guidance_at_one_and_one_is_the_conditional_prediction(model_folder, request_):
    """Through the model: eps_hat at (1, 1) is that of (text and image), to rounding."""
    guidance, pipeline = in_double(model_folder, "ip2p-sds", guidance_scale=1.0, image_guidance_scale=1.0)
    with torch.no_grad():
        source = pipeline.vae.encode(2.0 * request_.sources.permute(0, 3, 1, 2) - 1.0).latent_dist.mean
    text = torch.cat([text_of(pipeline, words) for words in PROMPTS])
    expected = transcription(
        pipeline, request_, lambda noisy, t: pipeline.unet(torch.cat([noisy, source], 1), t, text).sample
    )
    (gradient,) = torch.autograd.grad(guidance.loss(request_), request_.images)
    assert (gradient - expected).abs().max() < 1e-10


@pytest.mark.parametrize("name", ["DDPMScheduler", "DDIMScheduler", "PNDMScheduler"])
def test_noising_equals_diffusers_own_at_every_timestep(name):
    import diffusers

    scheduler = getattr(diffusers, name)(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", num_train_timesteps=1000
    )
    timesteps = torch.arange(1000)
    latents, noise = draws(0, 1000, 4, 2, 2).float(), draws(1, 1000, 4, 2, 2).float()
    ours = noised(latents, noise, scheduler.alphas_cumprod[timesteps])
    torch.testing.assert_close(ours, scheduler.add_noise(latents, noise, timesteps), atol=2e-6, rtol=0)


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "sample"])
def test_predictions_of_any_kind_become_noise(text_model_folder, kind):
    """A UNet that predicts what is exactly true gives exactly the noise."""
    prior = LatentPrior(create_guidance(f"sds:{text_model_folder}")._prior.source, condition=False)
    prior.pipeline.to(torch.float64)
    prior.pipeline.scheduler.register_to_config(prediction_type=kind)
    latents, noise = draws(0, 2, 4, 3, 3), draws(1, 2, 4, 3, 3)
    timesteps = torch.tensor([10, 700])
    abar = prior.alphas_cumprod[timesteps].view(-1, 1, 1, 1)
    truth = {"epsilon": noise, "v_prediction": abar.sqrt() * noise - (1 - abar).sqrt() * latents, "sample": latents}

    class Oracle(torch.nn.Module):
        dtype = torch.float64
        config = prior.pipeline.unet.config

        def forward(self, *given, **options):
            return (truth[kind],)

    prior.pipeline.unet = Oracle()
    noisy = noised(latents, noise, prior.alphas_cumprod[timesteps])
    torch.testing.assert_close(prior.predict(noisy, timesteps, torch.zeros(2, 1, 16)), noise, atol=1e-9, rtol=0)
    zero = score_gradient(
        lambda z: prior.predict(z, timesteps, torch.zeros(2, 1, 16)), latents, noise, prior.alphas_cumprod[timesteps]
    )
    assert zero.abs().max() < 1e-9


def test_renders_are_scaled_and_mirrored_to_what_the_model_takes(text_model_folder):
    prior = create_guidance(f"sds:{text_model_folder}", longest_side=64)._prior
    seen = []
    encode = prior.pipeline.vae.encode
    prior.pipeline.vae.encode = lambda planes: (seen.append(planes.shape[-2:]), encode(planes))[1]
    for size in ((32, 40), (300, 211), (64, 64)):
        images = draws(0, 1, *size, 3).float().requires_grad_()
        prior.encode(images, torch.Generator().manual_seed(0)).sum().backward()
        assert (images.grad.abs().amax(-1) > 0).float().mean() > 0.95
    assert all(max(shape) == 64 and shape[0] % 4 == shape[1] % 4 == 0 for shape in seen)


def test_half_precision_keeps_the_gradient_in_full(text_model_folder, request_):
    half = create_guidance(f"sds:{text_model_folder}", half_precision=True, longest_side=None, guidance_scale=5.0)
    full = create_guidance(f"sds:{text_model_folder}", longest_side=None, guidance_scale=5.0)
    gradients = []
    for guidance in (half, full):
        images = request_.images.detach().float().requires_grad_()
        request = replace(request_, images=images, generator=torch.Generator().manual_seed(3))
        gradients.append(torch.autograd.grad(guidance.loss(request), images)[0])
    assert half._prior.pipeline.unet.dtype == torch.float16
    assert half._prior.pipeline.vae.dtype == torch.float32
    torch.testing.assert_close(gradients[0], gradients[1], atol=0.02 * float(gradients[1].abs().max()), rtol=0)


def test_sources_are_asked_for(model_folder, request_):
    guidance = create_guidance(f"ip2p-sds:{model_folder}", longest_side=None)
    assert guidance.info.needs_sources
    with pytest.raises(ValueError, match="sources"):
        guidance.loss(replace(request_, sources=None))


def test_another_architecture_is_refused(model_folder, text_model_folder, request_):
    with pytest.raises(EditorUnavailableError, match="takes 4 channels, but this one takes 8"):
        create_guidance(f"sds:{model_folder}").loss(request_)
    with pytest.raises(EditorUnavailableError, match="takes 8 channels, but this one takes 4"):
        create_guidance(f"ip2p-sds:{text_model_folder}").loss(request_)


@pytest.mark.parametrize("name", GUIDANCES)
def test_every_guidance_is_what_its_entry_says(name, monkeypatch, tmp_path):
    monkeypatch.setenv("EDITOR3D_MODELS", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    guidance = create_guidance(name)
    assert isinstance(guidance, Guidance)
    assert guidance.info == GUIDANCES[name].info
    if GUIDANCES[name].hub_id.startswith("editor3d/"):
        guidance.validate()  # its weights come with the package
        return
    with pytest.raises(EditorUnavailableError, match=f"'{name}' needs .*hf download {GUIDANCES[name].hub_id}"):
        guidance.validate()


def test_weights_are_found_without_being_loaded(text_model_folder):
    create_guidance(f"sds:{text_model_folder}").validate()
    PipelineSource(create_guidance("sds")._prior.source.spec, str(text_model_folder)).locate()


@pytest.mark.parametrize(("spec", "reason"), [("dreams", "choose one of: sds, ip2p-sds"), ("sds:", "ends after")])
def test_wrong_names_are_refused(spec, reason):
    with pytest.raises(ConfigError, match=reason):
        create_guidance(spec)


def test_listing_imports_no_model():
    code = (
        "import sys, editor3d.guidance as g; list(g.GUIDANCES);"
        "print([m for m in ('torch', 'diffusers', 'transformers') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
