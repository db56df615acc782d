"""GroundingDINO and SAM by the library's own classes, built tiny and random."""

from __future__ import annotations

from pathlib import Path

import pytest

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", "?", "the", "a", "ball", "teapot", "mug"]


def _detector(folder: Path) -> None:
    from transformers import (
        BertConfig,
        BertTokenizerFast,
        GroundingDinoConfig,
        GroundingDinoForObjectDetection,
        GroundingDinoImageProcessor,
        GroundingDinoProcessor,
        SwinConfig,
    )

    backbone = SwinConfig(
        embed_dim=8,
        depths=[1, 1, 1, 1],
        num_heads=[1, 1, 2, 2],
        window_size=4,
        image_size=64,
        out_features=["stage2", "stage3", "stage4"],
    )
    text = BertConfig(
        vocab_size=len(WORDS), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    config = GroundingDinoConfig(
        backbone_config=backbone,
        text_config=text,
        num_queries=8,
        d_model=32,
        encoder_layers=1,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        max_text_len=32,
    )
    tokenizer = BertTokenizerFast(vocab={word: index for index, word in enumerate(WORDS)})
    pictures = GroundingDinoImageProcessor(size={"shortest_edge": 64, "longest_edge": 96})
    GroundingDinoForObjectDetection(config).save_pretrained(folder)
    GroundingDinoProcessor(pictures, tokenizer).save_pretrained(folder)


def _segmenter(folder: Path) -> None:
    from transformers import SamConfig, SamImageProcessor, SamModel, SamProcessor

    config = SamConfig(
        vision_config={
            "hidden_size": 16,
            "output_channels": 8,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "image_size": 64,
            "patch_size": 16,
            "window_size": 2,
            "global_attn_indexes": [0],
            "mlp_dim": 16,
            "num_pos_feats": 4,
        },
        prompt_encoder_config={"hidden_size": 8, "image_size": 64, "patch_size": 16, "mask_input_channels": 4},
        mask_decoder_config={
            "hidden_size": 8,
            "mlp_dim": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "iou_head_hidden_dim": 8,
            "iou_head_depth": 2,
            "attention_downsample_rate": 1,
        },
    )
    SamModel(config).save_pretrained(folder)
    pictures = SamImageProcessor(
        size={"longest_edge": 64},
        pad_size={"height": 64, "width": 64},
        mask_size={"longest_edge": 16},
        mask_pad_size={"height": 16, "width": 16},
    )
    SamProcessor(pictures).save_pretrained(folder)


@pytest.fixture(scope="session")
def finder_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of models as $EDITOR3D_MODELS names it. Not to be changed."""
    import torch

    folder = tmp_path_factory.mktemp("finder")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        _detector(folder / "grounding-dino-tiny")
        _segmenter(folder / "sam-vit-base")
    return folder


@pytest.fixture
def no_weights(monkeypatch, tmp_path) -> None:
    """A machine without models."""
    monkeypatch.setenv("EDITOR3D_MODELS", str(tmp_path / "no models"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "no models"))


@pytest.fixture
def weights(no_weights, monkeypatch, finder_folder) -> Path:
    """A machine with GroundingDINO and SAM; their folder."""
    monkeypatch.setenv("EDITOR3D_MODELS", str(finder_folder))
    return finder_folder
