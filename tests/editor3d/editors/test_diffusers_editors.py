"""Every diffusers adapter, on the libraries' own classes built tiny and random and loaded from a folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from editor3d.editors import EDITORS, create_editor, diffusers_edit
from editor3d.editors.diffusers_edit import fitted, whole_steps
from editor3d.editors.masking import names_in
from editor3d.editors.sizing import around, mask_resized, working_size
from editor3d.errors import ConfigError, EditorUnavailableError, InstructionError
from editor3d.types import EditorInfo, EditRequest

pytestmark = pytest.mark.usefixtures("one_thread")
SMALL = 96 * 96


def _clip(tokenizer, projected: bool = False):
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    size = len(tokenizer)
    config = CLIPTextConfig(
        vocab_size=size,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=16,
        projection_dim=16,
        bos_token_id=size - 2,
        eos_token_id=size - 1,
        pad_token_id=size - 1,
    )
    return (CLIPTextModelWithProjection if projected else CLIPTextModel)(config).eval()


def _unet(in_channels: int, width: int, sdxl: bool):
    from diffusers import UNet2DConditionModel

    further = (
        {"addition_embed_type": "text_time", "addition_time_embed_dim": 4, "projection_class_embeddings_input_dim": 40}
        if sdxl
        else {}
    )
    return UNet2DConditionModel(
        sample_size=8,
        in_channels=in_channels,
        out_channels=4,
        block_out_channels=(8, 16),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=width,
        attention_head_dim=4,
        norm_num_groups=4,
        **further,
    ).eval()


def _vae(latent_channels: int = 4, **options):
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        latent_channels=latent_channels,
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        layers_per_block=1,
        norm_num_groups=4,
        sample_size=16,
        **options,
    ).eval()


def _ddim():
    from diffusers import DDIMScheduler

    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    )


def _flow():
    from diffusers import FlowMatchEulerDiscreteScheduler

    return FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True, base_shift=0.5, max_shift=1.15)


def _t5():
    from transformers import T5Config, T5EncoderModel, T5TokenizerFast

    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("\u2581", -1.0)]
    tokenizer = T5TokenizerFast(vocab=[*pieces, *((c, -2.0) for c in "abcdefghijklmnopqrstuvwxyz")])
    config = T5Config(vocab_size=len(tokenizer), d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    return tokenizer, T5EncoderModel(config).eval()


_QWEN_MARKS = [
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
]


def _qwen_tokenizer():
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import Qwen2Tokenizer

    vocab = {piece: index for index, piece in enumerate([*sorted(ByteLevel.alphabet()), "<|endoftext|>"])}
    tokenizer = Qwen2Tokenizer(vocab=vocab, merges=[])
    tokenizer.add_special_tokens({"additional_special_tokens": _QWEN_MARKS})
    turn = "<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n"
    tokenizer.chat_template = f"{{% for m in messages %}}{turn}{{% endfor %}}<|im_start|>assistant\n"
    return tokenizer


def sd_inpaint(tokenizer, in_channels: int = 9):
    from diffusers import StableDiffusionInpaintPipeline

    return StableDiffusionInpaintPipeline(
        vae=_vae(),
        text_encoder=_clip(tokenizer),
        tokenizer=tokenizer,
        unet=_unet(in_channels, 16, sdxl=False),
        scheduler=_ddim(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def _sdxl(pipeline, tokenizer, in_channels: int):
    return pipeline(
        vae=_vae(force_upcast=True),
        text_encoder=_clip(tokenizer),
        text_encoder_2=_clip(tokenizer, projected=True),
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        unet=_unet(in_channels, 32, sdxl=True),
        scheduler=_ddim(),
        add_watermarker=False,
    )


def sdxl_inpaint(tokenizer):
    from diffusers import StableDiffusionXLInpaintPipeline

    return _sdxl(StableDiffusionXLInpaintPipeline, tokenizer, 9)


def sdxl_ip2p(tokenizer):
    from diffusers import StableDiffusionXLInstructPix2PixPipeline

    return _sdxl(StableDiffusionXLInstructPix2PixPipeline, tokenizer, 8)


def _flux(pipeline, tokenizer, in_channels: int):
    from diffusers import FluxTransformer2DModel

    tokenizer_2, text_encoder_2 = _t5()
    return pipeline(
        scheduler=_flow(),
        vae=_vae(shift_factor=0.1, scaling_factor=0.36, use_quant_conv=False, use_post_quant_conv=False),
        text_encoder=_clip(tokenizer),
        tokenizer=tokenizer,
        text_encoder_2=text_encoder_2,
        tokenizer_2=tokenizer_2,
        transformer=FluxTransformer2DModel(
            in_channels=in_channels,
            out_channels=16,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=16,
            pooled_projection_dim=16,
            guidance_embeds=True,
            axes_dims_rope=(4, 4, 8),
        ).eval(),
    )


def flux_kontext(tokenizer):
    from diffusers import FluxKontextPipeline

    return _flux(FluxKontextPipeline, tokenizer, 16)


def flux_inpaint(tokenizer):
    from diffusers import FluxFillPipeline

    # 16 of the packed latents, 16 of the masked picture's, and 2 x 2 patches of the mask at the VAE's factor of 2
    return _flux(FluxFillPipeline, tokenizer, 16 + 16 + 4 * 2 * 2)


def _klein(pipeline, is_distilled: bool):
    from diffusers import AutoencoderKLFlux2, Flux2Transformer2DModel
    from transformers import Qwen3Config, Qwen3ForCausalLM

    tokenizer = _qwen_tokenizer()
    text_encoder = Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=len(tokenizer),
            hidden_size=16,
            intermediate_size=16,
            num_hidden_layers=28,
            num_attention_heads=2,
            num_key_value_heads=2,
            head_dim=8,
        )
    ).eval()
    vae = AutoencoderKLFlux2(
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        block_out_channels=(8, 8),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=4,
    ).eval()
    transformer = Flux2Transformer2DModel(
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=48,
        timestep_guidance_channels=16,
        axes_dims_rope=(4, 4, 4, 4),
        guidance_embeds=False,
    ).eval()
    return pipeline(
        scheduler=_flow(),
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        transformer=transformer,
        is_distilled=is_distilled,
    )


def flux2_klein(tokenizer, is_distilled: bool = True):
    from diffusers import Flux2KleinPipeline

    return _klein(Flux2KleinPipeline, is_distilled)


def flux2_klein_inpaint(tokenizer):
    from diffusers import Flux2KleinInpaintPipeline

    return _klein(Flux2KleinInpaintPipeline, is_distilled=True)


def _qwen(pipeline):
    from diffusers import AutoencoderKLQwenImage, QwenImageTransformer2DModel
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration, Qwen2VLProcessor
    from transformers.models.qwen2_vl.image_processing_qwen2_vl import Qwen2VLImageProcessor
    from transformers.models.qwen2_vl.video_processing_qwen2_vl import Qwen2VLVideoProcessor

    tokenizer = _qwen_tokenizer()
    marks = dict(zip(_QWEN_MARKS, tokenizer.convert_tokens_to_ids(_QWEN_MARKS), strict=True))
    config = Qwen2_5_VLConfig(
        text_config={
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "vocab_size": len(tokenizer),
            "rope_parameters": {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 1e6},
        },
        vision_config={
            "depth": 1,
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_heads": 2,
            "out_hidden_size": 16,
            "fullatt_block_indexes": [0],
        },
        image_token_id=marks["<|image_pad|>"],
        video_token_id=marks["<|video_pad|>"],
        vision_start_token_id=marks["<|vision_start|>"],
        vision_end_token_id=marks["<|vision_end|>"],
        hidden_size=16,
    )
    return pipeline(
        scheduler=_flow(),
        vae=AutoencoderKLQwenImage(
            base_dim=8,
            z_dim=4,
            dim_mult=[1, 1, 1, 1],
            num_res_blocks=1,
            latents_mean=[0.0] * 4,
            latents_std=[1.0] * 4,
        ).eval(),
        text_encoder=Qwen2_5_VLForConditionalGeneration(config).eval(),
        tokenizer=tokenizer,
        processor=Qwen2VLProcessor(
            image_processor=Qwen2VLImageProcessor(min_pixels=28 * 28, max_pixels=56 * 56),
            tokenizer=tokenizer,
            video_processor=Qwen2VLVideoProcessor(),
            chat_template=tokenizer.chat_template,
        ),
        transformer=QwenImageTransformer2DModel(
            in_channels=16,
            out_channels=4,
            num_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=16,
            axes_dims_rope=(4, 6, 6),
        ).eval(),
    )


def qwen_image_edit(tokenizer):
    from diffusers import QwenImageEditPipeline

    return _qwen(QwenImageEditPipeline)


def qwen_image_edit_plus(tokenizer):
    from diffusers import QwenImageEditPlusPipeline

    return _qwen(QwenImageEditPlusPipeline)


BUILDERS: dict[str, Callable] = {
    "flux2-klein": flux2_klein,
    "flux-kontext": flux_kontext,
    "qwen-image-edit": qwen_image_edit,
    "qwen-image-edit-plus": qwen_image_edit_plus,
    "sd-inpaint": sd_inpaint,
    "sdxl-inpaint": sdxl_inpaint,
    "flux-inpaint": flux_inpaint,
    "flux2-klein-inpaint": flux2_klein_inpaint,
}
INPAINTING = [name for name in BUILDERS if EDITORS[name].info.needs_mask]
WHOLE = [name for name in BUILDERS if name not in INPAINTING]


@pytest.fixture(scope="session")
def folder_of(clip_tokenizer, tmp_path_factory) -> Callable[[str], Path]:
    """A function of an editor's name: a diffusers folder of its architecture."""
    root = tmp_path_factory.mktemp("tiny-models")

    def save(name: str) -> Path:
        folder = root / name
        if not folder.exists():
            torch.manual_seed(0)
            {**BUILDERS, "sdxl-ip2p": sdxl_ip2p}[name](clip_tokenizer).save_pretrained(folder, safe_serialization=True)
        return folder

    return save


@pytest.fixture
def tiny(folder_of, monkeypatch) -> Callable[..., object]:
    """A function of an editor's name: the editor on its tiny model, at a tiny working size."""

    def make(name: str, **options):
        entry = EDITORS[name]
        if entry.info.working_pixels is not None:
            small = replace(entry, info=replace(entry.info, working_pixels=(SMALL, SMALL)))
            monkeypatch.setitem(EDITORS, name, small)
        return create_editor(f"{name}:{folder_of(name)}", **options)

    for module in ("edit", "edit_plus"):
        # These pipelines carry a working area of their own.
        own = import_module(f"diffusers.pipelines.qwenimage.pipeline_qwenimage_{module}")
        real = own.calculate_dimensions
        monkeypatch.setattr(own, "calculate_dimensions", lambda area, ratio, real=real: real(SMALL, ratio))
    return make


def picture(height: int, width: int, seed: int) -> torch.Tensor:
    return torch.rand(height, width, 3, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def ask() -> EditRequest:
    mask = torch.zeros(40, 52, dtype=torch.bool)
    mask[10:25, 20:30] = True
    return EditRequest(
        view="frame_00001",
        instruction="turn it into gold",
        condition=picture(40, 52, 1),
        render=picture(40, 52, 2),
        mask=mask,
        seed=5,
        guidance_scale=2.0,
        diffusion_steps=2,
    )


@pytest.mark.parametrize("name", BUILDERS)
def test_edits_have_the_size_of_the_picture_and_depend_on_the_seed_alone(tiny, ask, name):
    editor = tiny(name)
    editor.validate(ask.instruction, [], [])
    state = torch.random.get_rng_state()
    edited = editor.edit(ask)
    assert edited.shape == ask.condition.shape
    assert edited.dtype == torch.float32
    assert edited.min() >= 0.0
    assert edited.max() <= 1.0
    assert (edited - ask.condition).abs().max() > 0.01
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.equal(editor.edit(ask), edited)
    assert not torch.equal(editor.edit(replace(ask, seed=6)), edited)


@pytest.mark.parametrize("name", INPAINTING)
def test_inpainting_leaves_the_rest_bit_equal(tiny, ask, name):
    edited = tiny(name).edit(ask)
    assert torch.equal(edited[~ask.mask], ask.condition[~ask.mask])
    assert (edited[ask.mask] - ask.condition[ask.mask]).abs().mean() > 0.01


@pytest.mark.parametrize("name", ["sd-inpaint", "flux2-klein-inpaint"])
def test_inpainting_starts_from_the_render_inside_the_mask(tiny, ask, name):
    """What the render shows outside the mask changes nothing; at a low noise level what it shows inside does."""
    editor = tiny(name)
    low = replace(ask, noise_level=0.5)
    outside = torch.where(ask.mask[..., None], ask.render, picture(40, 52, 9))
    inside = torch.where(ask.mask[..., None], picture(40, 52, 9), ask.render)
    assert torch.equal(editor.edit(replace(low, render=outside)), editor.edit(low))
    assert not torch.equal(editor.edit(replace(low, render=inside)), editor.edit(low))


def test_inpainting_takes_its_mask_from_a_named_object(tiny, ask):
    editor = tiny("sd-inpaint")
    named = replace(
        ask, instruction="turn the mug red", mask=None, objects={"cup": ask.mask, "table": torch.ones(40, 52) > 0}
    )
    assert torch.equal(editor.edit(named), editor.edit(replace(named, mask=ask.mask)))
    with pytest.raises(InstructionError, match="cup, table"):
        editor.edit(replace(named, instruction="turn it red"))
    with pytest.raises(InstructionError, match="works inside a mask"):
        editor.edit(replace(ask, mask=None))
    with pytest.raises(InstructionError, match="Expected the name of an object"):
        editor.validate("turn it red", ["cup"], [])
    editor.validate("turn the mug red", ["cup"], [])


def test_nothing_is_loaded_where_the_mask_is_empty(ask):
    editor = create_editor("sd-inpaint:someone/not-here")
    unchanged = editor.edit(replace(ask, mask=torch.zeros_like(ask.mask)))
    assert torch.equal(unchanged, ask.condition)


def test_all_named_objects_are_edited():
    objects = ["ball.001", "ball.002", "teapot"]
    assert set(names_in("make all balls and the teapot green", objects)) == set(objects)
    assert names_in("paint the teapot", objects) == ("teapot",)
    with pytest.raises(InstructionError, match="may mean"):
        names_in("make the ball green", objects)


class Call:
    """A pipeline that keeps what it is called with and gives the picture back."""

    def __init__(self, config: dict) -> None:
        self.config = config
        self.given: dict = {}

    def __call__(self, **given):
        from torchvision.transforms.functional import pil_to_tensor

        self.given = given
        self.images = pil_to_tensor(given["image"]).float()[None] / 255.0
        return self


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("size", [(300, 400), (1100, 1700), (500, 333)])
def test_pictures_come_back_without_shift(monkeypatch, name, size):
    """A smooth ramp through a model that changes nothing is the same ramp."""
    call = Call({"is_distilled": True})
    monkeypatch.setattr(diffusers_edit.DiffusersEditor, "_pipeline", call)
    y, x = torch.meshgrid(
        (torch.arange(size[0]) + 0.5) / size[0], (torch.arange(size[1]) + 0.5) / size[1], indexing="ij"
    )
    ramp = torch.stack([x, y, 0.5 * (x + y)], dim=-1)
    edited = create_editor(f"{name}:someone/model").edit(EditRequest("v", "make it red", condition=ramp))
    torch.testing.assert_close(edited, ramp, atol=4e-3, rtol=0)
    assert abs((edited - ramp).mean()) < 2e-4
    info = EDITORS[name].info
    height, width = call.given["height"], call.given["width"]
    assert call.given["image"].size == (width, height)
    assert height % info.multiple_of == width % info.multiple_of == 0
    assert 0.9 * info.working_pixels[0] <= height * width <= 1.1 * info.working_pixels[1]


@given(st.integers(40, 4000), st.integers(40, 4000))
def test_working_sizes_are_fixed_points_inside_their_range(height, width):
    if not 0.2 <= width / height <= 5.0:
        return
    for multiple, pixels in [(16, (512 * 512, 1_000_000)), (32, (1024 * 1024, 1024 * 1024)), (8, (512 * 512,) * 2)]:
        size = working_size(height, width, multiple, pixels)
        assert working_size(*size, multiple, pixels) == size
        assert size[0] % multiple == size[1] % multiple == 0
        assert 0.9 * pixels[0] <= size[0] * size[1] <= 1.1 * pixels[1]
        assert abs(size[1] / size[0] / (width / height) - 1.0) < 0.1


@given(st.integers(40, 4000), st.integers(40, 4000))
def test_flux2_never_scales_a_second_time(height, width):
    """Its pipeline scales pictures of more than 1024 * 1024 pixels by itself, to sizes that are no multiples."""
    if 0.2 <= width / height <= 5.0:
        for name in ("flux2-klein", "flux2-klein-inpaint"):
            info = EDITORS[name].info
            size = working_size(height, width, info.multiple_of, info.working_pixels)
            assert size[0] * size[1] <= 1024 * 1024


def test_pictures_of_the_working_size_are_not_touched():
    image = picture(64, 48, 0)
    for info in (
        EditorInfo("a", "", "", multiple_of=16, working_pixels=(64 * 48, 64 * 48)),
        EditorInfo("a", "", "", multiple_of=16, max_side=64),
    ):
        given, back = fitted(image, info)
        assert torch.equal(given, image)
        assert torch.equal(back(given), image)


@given(st.integers(1, 60), st.integers(1, 60))
def test_a_mask_is_never_lost_by_scaling(height, width):
    mask = torch.zeros(40, 52, dtype=torch.bool)
    mask[17, 33] = True
    scaled = mask_resized(mask, height, width)
    assert scaled.any()
    rows, columns = torch.nonzero(scaled, as_tuple=True)
    assert abs((rows.float().mean() + 0.5) / height - 17.5 / 40) <= 1.0 / height + 1e-6
    assert abs((columns.float().mean() + 0.5) / width - 33.5 / 52) <= 1.0 / width + 1e-6


def test_surroundings_hold_the_mask_and_its_margin():
    mask = torch.zeros(100, 100, dtype=torch.bool)
    mask[40:60, 90:95] = True
    rows, columns = around(mask, 0.5, least=4)
    assert (rows.start, rows.stop) == (30, 70)
    assert (columns.start, columns.stop) == (80, 100)


@given(st.floats(0.0, 1.0), st.integers(1, 60))
def test_strengths_give_whole_steps(level, steps):
    strength = whole_steps(level, steps)
    assert 0.0 < strength <= 1.0
    taken = min(int(steps * strength), steps)
    assert 1 <= taken <= steps
    assert abs(taken - level * steps) <= 0.5 or taken == 1


def test_the_distilled_model_gets_no_guidance_and_the_base_model_does(tiny, clip_tokenizer, ask, tmp_path):
    seen = []
    torch.manual_seed(0)
    flux2_klein(clip_tokenizer, is_distilled=False).save_pretrained(tmp_path, safe_serialization=True)
    tiny("flux2-klein")
    base = create_editor(f"flux2-klein:{tmp_path}")
    forward = base._pipeline.transformer.forward
    base._pipeline.transformer.forward = lambda *a, **k: (seen.append(1), forward(*a, **k))[1]
    base.edit(ask)
    assert len(seen) == 2 * ask.diffusion_steps
    distilled = tiny("flux2-klein")
    seen.clear()
    inner = distilled._pipeline.transformer.forward
    distilled._pipeline.transformer.forward = lambda *a, **k: (seen.append(1), inner(*a, **k))[1]
    distilled.edit(ask)
    assert len(seen) == ask.diffusion_steps


def test_half_precision_is_the_models_own(tiny, ask):
    for name, kind in (("flux-kontext", torch.bfloat16), ("sd-inpaint", torch.float16)):
        editor = tiny(name, half_precision=True)
        edited = editor.edit(ask)
        assert editor._pipeline.vae.dtype == kind
        assert edited.dtype == torch.float32
        torch.testing.assert_close(edited, tiny(name).edit(ask), atol=0.15, rtol=0)


def test_another_architecture_is_refused(clip_tokenizer, ask, tmp_path):
    sd_inpaint(clip_tokenizer, in_channels=8).save_pretrained(tmp_path, safe_serialization=True)
    with pytest.raises(EditorUnavailableError, match="takes 9 channels"):
        create_editor(f"sd-inpaint:{tmp_path}").edit(ask)


def test_an_old_diffusers_is_named(monkeypatch, folder_of, ask):
    import diffusers

    editor = create_editor(f"flux-kontext:{folder_of('flux-kontext')}")
    lookup = type(diffusers).__getattr__

    def without_kontext(module, name):
        if name == "FluxKontextPipeline":
            raise AttributeError(name)
        return lookup(module, name)

    monkeypatch.delattr(diffusers, "FluxKontextPipeline", raising=False)
    monkeypatch.setattr(type(diffusers), "__getattr__", without_kontext)
    with pytest.raises(EditorUnavailableError, match="pip install -U diffusers"):
        editor.edit(ask)


@pytest.mark.parametrize("name", BUILDERS)
def test_missing_weights_are_named_with_size_and_remedy(monkeypatch, tmp_path, name):
    monkeypatch.setenv("EDITOR3D_MODELS", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    editor = create_editor(name)
    entry = EDITORS[name]
    with pytest.raises(EditorUnavailableError, match=f"hf download {entry.hub_id}") as refused:
        editor.validate("make it red", [], [])
    assert entry.info.download in str(refused.value)
    with pytest.raises(InstructionError, match="empty"):
        editor.validate(" ", [], [])


@pytest.mark.parametrize("name", BUILDERS)
def test_weights_in_the_models_folder_are_found(monkeypatch, folder_of, tmp_path, name):
    monkeypatch.setenv("EDITOR3D_MODELS", str(tmp_path))
    target = tmp_path / EDITORS[name].hub_id
    target.parent.mkdir(parents=True)
    target.symlink_to(folder_of(name))
    create_editor(name).validate("make it red", [], [])


def test_a_device_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(ConfigError, match="'flux-kontext' should run on 'cuda'"):
        create_editor("flux-kontext", device="cuda")


def test_sdxl_ip2p_equals_diffusers_own_pipeline_from_the_same_latents(tiny, ask, monkeypatch):
    """At noise level 1 the timesteps are diffusers' own; started from our noised render, so is the result."""
    editor = tiny("sdxl-ip2p")
    request = replace(ask, noise_level=1.0, diffusion_steps=5, condition=picture(24, 32, 1), render=picture(24, 32, 2))
    inputs = []
    unet = editor._pipeline.unet
    forward = unet.forward
    monkeypatch.setattr(unet, "forward", lambda x, *a, **k: (inputs.append(x), forward(x, *a, **k))[1])
    edited = editor.edit(request)
    monkeypatch.setattr(unet, "forward", forward)
    expected = editor._pipeline(
        prompt=request.instruction,
        image=request.condition.permute(2, 0, 1)[None],
        height=24,
        width=32,
        num_inference_steps=5,
        guidance_scale=request.guidance_scale,
        image_guidance_scale=request.image_guidance_scale,
        latents=inputs[0][:1, :4],
        output_type="pt",
    ).images[0]
    torch.testing.assert_close(edited, expected.permute(1, 2, 0), atol=2e-4, rtol=0)


def test_sdxl_keeps_its_vae_in_full_precision(tiny, ask):
    editor = tiny("sdxl-ip2p", half_precision=True)
    request = replace(ask, diffusion_steps=2)
    edited = editor.edit(request)
    assert editor._pipeline.vae.dtype == torch.float32
    assert editor._pipeline.unet.dtype == torch.float16
    torch.testing.assert_close(edited, tiny("sdxl-ip2p").edit(request), atol=0.03, rtol=0)
