"""The libraries' own classes, built tiny and random, and the editors on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
import torch

from editor3d.editors import EDITORS, create_editor
from editor3d.types import EditRequest

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
    "sdxl-ip2p": sdxl_ip2p,
    "qwen-try-on": qwen_image_edit_plus,
    "flux2-klein-try-on": flux2_klein,
    "catvton-inpaint": sd_inpaint,
}


@pytest.fixture(scope="session")
def build_model(clip_tokenizer) -> Callable:
    """A function of an editor's name, and of what its builder takes: a diffusers pipeline of its architecture."""

    def build(name: str, **options):
        torch.manual_seed(0)
        return BUILDERS[name](clip_tokenizer, **options)

    return build


@pytest.fixture(scope="session")
def folder_of(build_model, tmp_path_factory) -> Callable[[str], Path]:
    """A function of an editor's name: a diffusers folder of its architecture."""
    root = tmp_path_factory.mktemp("tiny-models")

    def save(name: str) -> Path:
        folder = root / name
        if not folder.exists():
            build_model(name).save_pretrained(folder, safe_serialization=True)
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


@pytest.fixture
def ask(picture) -> EditRequest:
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
