"""The ip2p editor equals a plain transcription of Instruct-NeRF2NeRF's formulas, on tiny random modules."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from editor3d.diffusion import loading
from editor3d.diffusion.cfg import three_way as guided
from editor3d.diffusion.cfg import three_way_weights
from editor3d.diffusion.ip2p_sampling import respaced, starting_timestep
from editor3d.editors import create_editor
from editor3d.editors.pipelines import ip2p
from editor3d.editors.pipelines.ip2p import InstructPix2PixEditor
from editor3d.errors import ConfigError, EditorUnavailableError, InstructionError
from editor3d.types import EditRequest

pytestmark = pytest.mark.usefixtures("one_thread")
STEPS = 20


def picture(height: int, width: int, seed: int) -> torch.Tensor:
    return torch.rand(height, width, 3, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def request_() -> EditRequest:
    return EditRequest(
        view="frame_00001",
        instruction="turn it into gold",
        condition=picture(24, 32, 1),
        render=picture(24, 32, 2),
        noise_level=0.7,
        seed=5,
    )


@pytest.fixture(scope="module")
def editor(model_folder: Path) -> InstructPix2PixEditor:
    return create_editor(f"ip2p:{model_folder}")


@pytest.fixture(scope="module")
def double_editor(model_folder: Path) -> InstructPix2PixEditor:
    editor = create_editor(f"ip2p:{model_folder}")
    editor._pipeline.to(torch.float64)
    return editor


class Recorder(torch.nn.Module):
    """A UNet that keeps what it is given."""

    def __init__(self, unet: torch.nn.Module) -> None:
        super().__init__()
        self.inner, self.config = unet, unet.config
        self.inputs: list[torch.Tensor] = []
        self.timesteps: list[int] = []
        self.texts: list[torch.Tensor] = []

    @property
    def dtype(self) -> torch.dtype:
        return self.inner.dtype

    def forward(self, x, timestep, encoder_hidden_states, return_dict):
        self.inputs.append(x)
        self.timesteps.append(int(timestep))
        self.texts.append(encoder_hidden_states)
        return self.inner(x, timestep, encoder_hidden_states=encoder_hidden_states, return_dict=return_dict)


@pytest.fixture
def recorder(double_editor: InstructPix2PixEditor, monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder(double_editor._pipeline.unet)
    monkeypatch.setattr(double_editor._pipeline, "unet", recorder)
    return recorder


def cumulative_alphas() -> np.ndarray:
    betas = np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
    return np.cumprod(1.0 - betas)


def transcription(pipeline, request: EditRequest) -> np.ndarray:
    """The procedure as published, in float64, with neither scheduler nor pipeline."""
    unet, vae, scale = pipeline.unet, pipeline.vae, 0.18215
    generator = torch.Generator().manual_seed(request.seed)
    abar = cumulative_alphas()

    def planes(image: torch.Tensor) -> torch.Tensor:
        return 2.0 * image.double().permute(2, 0, 1)[None] - 1.0

    def text(words: str) -> torch.Tensor:
        ids = pipeline.tokenizer(words, padding="max_length", max_length=16, truncation=True).input_ids
        return pipeline.text_encoder(torch.tensor([ids])).last_hidden_state

    with torch.no_grad():
        posterior = vae.encode(planes(request.render)).latent_dist
        draw = torch.randn(posterior.mean.shape, generator=generator).double()
        latent = scale * (posterior.mean + torch.exp(0.5 * posterior.logvar) * draw)
        condition = vae.encode(planes(request.condition)).latent_dist.mean
        instruction, empty = text(request.instruction), text("")

        stride = int(round(request.noise_level * 1000)) // request.diffusion_steps
        t = (request.diffusion_steps - 1) * stride + 1
        noise = torch.randn(latent.shape, generator=generator).double()
        x = abar[t] ** 0.5 * latent + (1.0 - abar[t]) ** 0.5 * noise
        while t > 0:
            text_image = unet(torch.cat([x, condition], 1), t, instruction).sample
            image = unet(torch.cat([x, condition], 1), t, empty).sample
            nothing = unet(torch.cat([x, torch.zeros_like(condition)], 1), t, empty).sample
            epsilon = (
                nothing
                + request.guidance_scale * (text_image - image)
                + request.image_guidance_scale * (image - nothing)
            )
            before = abar[t - stride] if t - stride >= 0 else abar[0]
            x0 = (x - (1.0 - abar[t]) ** 0.5 * epsilon) / abar[t] ** 0.5
            x = before**0.5 * x0 + (1.0 - before) ** 0.5 * epsilon
            t -= stride
        decoded = vae.decode(x / scale).sample[0].permute(1, 2, 0)
    return ((decoded + 1.0) / 2.0).clamp(0.0, 1.0).numpy()


@pytest.mark.parametrize("noise_level", [0.98, 0.7, 0.02])
def test_equals_the_transcription_in_float64(double_editor, request_, noise_level):
    request = replace(request_, noise_level=noise_level)
    edited = double_editor.edit(request)
    expected = transcription(double_editor._pipeline, request)
    assert edited.dtype == torch.float32
    np.testing.assert_allclose(edited.numpy(), expected, atol=1e-4, rtol=0)
    assert np.abs(expected - request.render.numpy()).mean() > 0.01


def test_single_precision_stays_close_to_the_transcription(editor, double_editor, request_):
    request = replace(request_, guidance_scale=2.0)
    expected = transcription(double_editor._pipeline, request)
    np.testing.assert_allclose(editor.edit(request).numpy(), expected, atol=2e-3, rtol=0)


@pytest.mark.parametrize(
    ("noise_level", "timesteps"),
    [
        (0.98, [1 + 49 * k for k in range(19, -1, -1)]),
        (0.70, [1 + 35 * k for k in range(19, -1, -1)]),
        (0.02, list(range(20, 0, -1))),
    ],
)
def test_noise_levels(double_editor, recorder, request_, noise_level, timesteps):
    double_editor.edit(replace(request_, noise_level=noise_level))
    assert recorder.timesteps == timesteps
    assert recorder.timesteps[0] == {0.98: 932, 0.70: 666, 0.02: 20}[noise_level]


def test_the_render_is_noised_and_the_original_conditions(double_editor, recorder, request_):
    double_editor.edit(request_)
    vae = double_editor._pipeline.vae
    with torch.no_grad():
        of_render = vae.encode(2.0 * request_.render.double().permute(2, 0, 1)[None] - 1.0).latent_dist
        of_original = vae.encode(2.0 * request_.condition.double().permute(2, 0, 1)[None] - 1.0).latent_dist
    generator = torch.Generator().manual_seed(request_.seed)
    draws = [torch.randn(of_render.mean.shape, generator=generator).double() for _ in range(2)]
    abar = cumulative_alphas()[666]
    clean = 0.18215 * (of_render.mean + of_render.std * draws[0])
    noisy = abar**0.5 * clean + (1.0 - abar) ** 0.5 * draws[1]
    first = recorder.inputs[0]
    for entry in range(3):
        torch.testing.assert_close(first[entry, :4], noisy[0], atol=1e-5, rtol=0)
    for given in recorder.inputs:
        torch.testing.assert_close(given[0, 4:], of_original.mean[0], atol=1e-9, rtol=0)
        torch.testing.assert_close(given[1, 4:], of_original.mean[0], atol=1e-9, rtol=0)
        assert given[2, 4:].abs().max() == 0.0
    text = recorder.texts[0]
    assert torch.equal(text[1], text[2])
    assert not torch.equal(text[0], text[1])


@pytest.mark.parametrize(("noise_level", "whole_range"), [(1.0, 20), (0.7, 28), (0.02, 1000)])
def test_every_step_equals_diffusers_own(double_editor, recorder, request_, noise_level, whole_range):
    """Steps as long as ours are those of diffusers' DDIM where it divides all timesteps into `whole_range`."""
    from diffusers import DDIMScheduler

    request = replace(request_, noise_level=noise_level)
    double_editor.edit(request)
    scheduler = DDIMScheduler.from_config(double_editor._pipeline.scheduler.config)
    scheduler.set_timesteps(whole_range)
    latents = recorder.inputs[0][:1, :4]
    for timestep, given, text in zip(recorder.timesteps, recorder.inputs, recorder.texts, strict=True):
        torch.testing.assert_close(given[:1, :4], latents, atol=1e-5, rtol=0)
        with torch.no_grad():
            predictions = recorder.inner(given, timestep, encoder_hidden_states=text, return_dict=False)[0]
        epsilon = guided(predictions, request.guidance_scale, request.image_guidance_scale)
        latents = scheduler.step(epsilon, timestep, latents).prev_sample
    assert len(recorder.timesteps) == STEPS


def test_an_edit_equals_diffusers_own_pipeline_from_the_same_latents(editor, request_, edit_and_latents):
    """At noise level 1 the timesteps are diffusers' own; started from our noised render, so is the result."""
    request = replace(request_, noise_level=1.0, diffusion_steps=5, guidance_scale=2.0)
    edited, latents = edit_and_latents(editor, request)
    expected = editor._pipeline(
        prompt=request.instruction,
        image=request.condition.permute(2, 0, 1)[None],
        num_inference_steps=5,
        guidance_scale=2.0,
        image_guidance_scale=request.image_guidance_scale,
        latents=latents,
        output_type="pt",
    ).images[0]
    torch.testing.assert_close(edited, expected.permute(1, 2, 0), atol=2e-4, rtol=0)


def test_guidance_weights():
    predictions = torch.tensor([7.0, 3.0, 1.0])[:, None, None, None]
    assert guided(predictions, 2.0, 5.0).item() == 1.0 + 2.0 * 4.0 + 5.0 * 2.0
    assert guided(predictions, 1.0, 1.0).item() == 7.0
    for scales in ((2.0, 5.0), (1.0, 1.0), (7.5, 1.5), (0.0, 0.0)):  # exact in binary
        weights = torch.tensor(three_way_weights(*scales))[:, None, None, None]
        assert (weights * predictions).sum().item() == guided(predictions, *scales).item()
        assert weights.sum() == 1.0


def test_a_prediction_that_counts_nothing_is_not_made(double_editor, recorder, request_):
    double_editor.edit(replace(request_, image_guidance_scale=1.0))
    assert {len(given) for given in recorder.inputs} == {2}


def test_respaced_schedule_keeps_the_training_noise_levels(editor):
    spaced = respaced(editor._scheduler, 700, STEPS)
    np.testing.assert_allclose(spaced.alphas_cumprod.numpy(), cumulative_alphas(), rtol=1e-5)
    assert editor._scheduler.config.num_train_timesteps == 1000


@pytest.mark.parametrize(("level", "steps"), [(0.0, 20), (0.019, 20), (0.5, 0), (1.1, 20), (1.0, 1000)])
def test_impossible_schedules_are_refused(level, steps):
    with pytest.raises(ConfigError, match="diffusion steps"):
        starting_timestep(level, steps, 1000)


@pytest.mark.parametrize("size", [(24, 32), (25, 31), (3, 50), (17, 2)])
def test_padding_is_cropped_back_without_shift(editor, monkeypatch, size):
    seen: list[tuple[int, ...]] = []

    def echo(unet, vae, scheduler, embeddings, render, condition, **options):
        seen.append(tuple(render.shape[-2:]))
        assert render.shape == condition.shape
        return render

    monkeypatch.setattr(ip2p, "sample", echo)
    render = picture(*size, seed=3)
    edited = editor.edit(
        EditRequest("v", "make it red", condition=picture(*size, seed=4), render=render, noise_level=0.5)
    )
    torch.testing.assert_close(edited, render, atol=1e-6, rtol=0)
    assert all(side % 4 == 0 and 0 <= side - own < 4 for side, own in zip(seen[0], size, strict=True))


def test_large_pictures_are_scaled_down_and_back(editor, monkeypatch):
    seen = []

    def echo(unet, vae, scheduler, embeddings, render, condition, **options):
        seen.append(tuple(render.shape[-2:]))
        return render

    monkeypatch.setattr(ip2p, "sample", echo)
    ramp = torch.linspace(0, 1, 1000)[None, :, None].expand(500, 1000, 3).contiguous()
    edited = editor.edit(EditRequest("v", "make it red", condition=ramp, render=ramp))
    assert seen == [(384, 768)]
    assert edited.shape == ramp.shape
    torch.testing.assert_close(edited, ramp, atol=5e-3, rtol=0)


def test_the_seed_alone_decides(editor, request_):
    state = torch.random.get_rng_state()
    first = editor.edit(request_)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.equal(editor.edit(request_), first)
    assert not torch.equal(editor.edit(replace(request_, seed=6)), first)


def test_text_is_embedded_once_per_instruction(editor, request_, monkeypatch):
    calls = []
    encode = editor._pipeline.text_encoder.forward
    monkeypatch.setattr(editor._pipeline.text_encoder, "forward", lambda *a, **k: (calls.append(1), encode(*a, **k))[1])
    request = replace(request_, diffusion_steps=2)
    for instruction in ("turn red", "turn red", "turn gold", "turn red"):
        editor.edit(replace(request, instruction=instruction))
    assert len(calls) == 2


def test_half_precision_on_the_cpu(model_folder, editor, request_):
    half = create_editor(f"ip2p:{model_folder}", half_precision=True)
    request = replace(request_, diffusion_steps=4, guidance_scale=2.0)
    edited = half.edit(request)
    assert half._pipeline.unet.dtype == half._pipeline.vae.dtype == torch.float16
    assert edited.dtype == torch.float32
    torch.testing.assert_close(edited, editor.edit(request), atol=0.03, rtol=0)


def test_too_long_an_instruction_is_said(editor, request_):
    with pytest.warns(UserWarning, match="first 16"):
        editor.edit(replace(request_, instruction="turn it into a gold robot " * 5, diffusion_steps=1))


def test_missing_weights_are_named_with_the_remedy(monkeypatch):
    monkeypatch.setattr(loading, "find_weights", lambda hub_id: None)
    with pytest.raises(EditorUnavailableError, match="hf download timbrooks/instruct-pix2pix"):
        create_editor("ip2p").validate("make it red", [], [])
    # A hub id named outright may be fetched later: nothing is looked for on the network now.
    create_editor("ip2p:someone/other-model").validate("make it red", [], [])


def test_named_folders_are_checked(model_folder, tmp_path):
    create_editor(f"ip2p:{model_folder}").validate("make it red", [], [])
    with pytest.raises(EditorUnavailableError, match="model_index.json"):
        create_editor(f"ip2p:{tmp_path / 'nowhere'}").validate("make it red", [], [])
    broken = tmp_path / "broken"
    shutil.copytree(model_folder, broken)
    (broken / "vae" / "diffusion_pytorch_model.safetensors").unlink()
    with pytest.raises(EditorUnavailableError, match=r"vae/\*\.safetensors"):
        create_editor(f"ip2p:{broken}").validate("make it red", [], [])


def test_truncated_weights_are_refused(model_folder, request_, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(model_folder, broken)
    weights = broken / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(EditorUnavailableError, match="cannot be loaded"):
        create_editor(f"ip2p:{broken}").edit(request_)


def test_another_model_is_refused(build_pipeline, request_, tmp_path):
    build_pipeline(in_channels=4).save_pretrained(tmp_path, safe_serialization=True)
    with pytest.raises(EditorUnavailableError, match="takes 8 channels, but this one takes 4"):
        create_editor(f"ip2p:{tmp_path}").edit(request_)


def test_a_hub_id_is_downloaded_at_the_first_edit_only(monkeypatch, request_):
    from diffusers import StableDiffusionInstructPix2PixPipeline

    calls = []

    def refuse(source, **options):
        calls.append((source, options))
        raise OSError("no network")

    monkeypatch.setattr(StableDiffusionInstructPix2PixPipeline, "from_pretrained", refuse)
    editor = create_editor("ip2p:someone/other-model", half_precision=True)
    editor.validate("make it red", [], [])
    assert calls == []
    with pytest.raises(EditorUnavailableError, match="no network"):
        editor.edit(request_)
    source, options = calls[0]
    assert source == "someone/other-model"
    assert options["use_safetensors"] is True
    assert options["variant"] == "fp16"
    assert options["safety_checker"] is None


def test_an_empty_instruction_is_refused(editor):
    with pytest.raises(InstructionError, match="empty"):
        editor.validate("  ", [], [])


def test_impossible_devices_are_refused(model_folder, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    spec = f"ip2p:{model_folder}"
    with pytest.raises(ConfigError, match="needs a CUDA device"):
        create_editor(spec, cpu_offload=True)
    with pytest.raises(ConfigError, match="0 CUDA devices"):
        create_editor(spec, device="cuda")
    with pytest.raises(ConfigError, match="Expected a device"):
        create_editor(spec, device="gpu")


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("cpu_offload", [False, True])
def test_cuda_equals_the_cpu(model_folder, editor, request_, cpu_offload):
    on_device = create_editor(f"ip2p:{model_folder}", device="cuda", cpu_offload=cpu_offload)
    request = replace(request_, guidance_scale=2.0)
    torch.testing.assert_close(on_device.edit(request), editor.edit(request), atol=1e-2, rtol=0)
    assert next(on_device._pipeline.unet.parameters()).device.type == ("cpu" if cpu_offload else "cuda")
