"""Stable Diffusion and its XL, tiny and random."""

from __future__ import annotations

from ...tiny_diffusion import clip, ddim, unet, vae

XL = {"addition_embed_type": "text_time", "addition_time_embed_dim": 4, "projection_class_embeddings_input_dim": 40}
"""What the XL's UNet is told besides."""


def sd_inpaint(tokenizer, in_channels: int = 9):
    from diffusers import StableDiffusionInpaintPipeline

    return StableDiffusionInpaintPipeline(
        vae=vae(),
        text_encoder=clip(tokenizer),
        tokenizer=tokenizer,
        unet=unet(in_channels),
        scheduler=ddim(),
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
        unet=unet(in_channels, 32, **XL),
        scheduler=ddim(),
        add_watermarker=False,
    )


def sdxl_inpaint(tokenizer):
    from diffusers import StableDiffusionXLInpaintPipeline

    return _sdxl(StableDiffusionXLInpaintPipeline, tokenizer, 9)


def sdxl_ip2p(tokenizer):
    from diffusers import StableDiffusionXLInstructPix2PixPipeline

    return _sdxl(StableDiffusionXLInstructPix2PixPipeline, tokenizer, 8)
