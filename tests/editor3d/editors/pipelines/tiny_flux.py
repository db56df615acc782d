"""FLUX.1 and FLUX.2 klein, tiny and random."""

from __future__ import annotations

from ...tiny_diffusion import clip, vae
from .tiny_parts import flow, qwen_tokenizer


def _t5():
    from transformers import T5Config, T5EncoderModel, T5TokenizerFast

    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("\u2581", -1.0)]
    tokenizer = T5TokenizerFast(vocab=[*pieces, *((c, -2.0) for c in "abcdefghijklmnopqrstuvwxyz")])
    config = T5Config(vocab_size=len(tokenizer), d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    return tokenizer, T5EncoderModel(config).eval()


def _flux(pipeline, tokenizer, in_channels: int):
    from diffusers import FluxTransformer2DModel

    tokenizer_2, text_encoder_2 = _t5()
    return pipeline(
        scheduler=flow(),
        vae=vae(shift_factor=0.1, scaling_factor=0.36, use_quant_conv=False, use_post_quant_conv=False),
        text_encoder=clip(tokenizer),
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

    tokenizer = qwen_tokenizer()
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
        scheduler=flow(),
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
