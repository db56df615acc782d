"""Stable Diffusion and its XL, tiny and random."""

from __future__ import annotations

from .tiny_parts import clip, vae


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


def sd_inpaint(tokenizer, in_channels: int = 9):
    from diffusers import StableDiffusionInpaintPipeline

    return StableDiffusionInpaintPipeline(
        vae=vae(),
        text_encoder=clip(tokenizer),
        tokenizer=tokenizer,
        unet=_unet(in_channels, 16, sdxl=False),
        scheduler=_ddim(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def _sdxl(pipeline, tokenizer, in_channels: int):
    return pipeline(
        vae=vae(force_upcast=True),
        text_encoder=clip(tokenizer),
        text_encoder_2=clip(tokenizer, projected=True),
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
