from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest
import torch

from editor3d.metrics.clip import ClipScorer, consistency, directional_similarity, load_clip
from editor3d.metrics.clip_weights import CLIP_HUB_IDS, find_clip
from editor3d.metrics.unavailable import Unavailable


@pytest.fixture(scope="module")
def tiny_clip(tmp_path_factory):
    """A CLIP of the real architecture with random weights, saved as real ones are."""
    from transformers import (
        CLIPConfig,
        CLIPImageProcessor,
        CLIPModel,
        CLIPProcessor,
        CLIPTextConfig,
        CLIPTokenizer,
        CLIPVisionConfig,
    )

    folder = tmp_path_factory.mktemp("clip")
    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)]
    tokens = [*letters, *(letter + "</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({token: k for k, token in enumerate(tokens)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    start, end = tokens.index("<|startoftext|>"), tokens.index("<|endoftext|>")

    torch.manual_seed(0)
    small = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    text = CLIPTextConfig(
        vocab_size=len(tokens),
        max_position_embeddings=77,
        bos_token_id=start,
        eos_token_id=end,
        pad_token_id=end,
        **small,
    )
    vision = CLIPVisionConfig(image_size=32, patch_size=8, **small)
    config = CLIPConfig(text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=16)
    CLIPModel(config).save_pretrained(folder)
    CLIPProcessor(
        image_processor=CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}),
        tokenizer=CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt")),
    ).save_pretrained(folder)
    return folder


def pictures(seed: int, count: int = 3) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.rand(40, 52, 3, generator=generator) for _ in range(count)]


def test_embeddings_are_those_of_the_model_normalised(tiny_clip):
    from transformers import CLIPModel, CLIPProcessor

    scorer = ClipScorer(tiny_clip, name="tiny")
    images, texts = pictures(0), ["a bear", "a bear in the snow"]
    ours_images, ours_texts = scorer.embed_images(images), scorer.embed_texts(texts)

    model, processor = CLIPModel.from_pretrained(tiny_clip).eval(), CLIPProcessor.from_pretrained(tiny_clip)
    arrays = [(image * 255).round().byte().numpy() for image in images]
    inputs = processor(text=texts, images=arrays, return_tensors="pt", padding=True)
    with torch.inference_mode():
        outputs = model(**inputs)
    assert torch.allclose(ours_images, outputs.image_embeds, atol=1e-5)
    assert torch.allclose(ours_texts, outputs.text_embeds, atol=1e-5)
    assert torch.allclose(ours_images.norm(dim=-1), torch.ones(3), atol=1e-5)
    assert not torch.allclose(ours_texts[0], ours_texts[1], atol=1e-3)


def test_scores_go_through_the_embeddings(tiny_clip):
    scorer = ClipScorer(tiny_clip, name="tiny")
    before, after = pictures(0), pictures(1)
    e, e2, t = scorer.embed_images(before), scorer.embed_images(after), scorer.embed_texts(["dog", "gold dog"])
    similarity = scorer.directional_similarity(before, after, "dog", "gold dog")
    assert similarity == pytest.approx(directional_similarity(e, e2, t[0], t[1]))
    assert scorer.consistency(before, after) == pytest.approx(consistency(e, e2))
    assert scorer.directional_similarity(before, before, "dog", "gold dog") == 0
    assert scorer.directional_similarity(before, after, "gold dog", "dog") == pytest.approx(-similarity, abs=1e-6)


def unit(*values: float) -> torch.Tensor:
    return torch.nn.functional.normalize(torch.tensor(values), dim=-1)


def test_directional_similarity_is_a_true_cosine():
    a, b = unit(1.0, 0.0, 0.0), unit(0.0, 1.0, 0.0)
    rotated = torch.stack([b, b])
    start = torch.stack([a, a])
    assert directional_similarity(start, rotated, a, b) == pytest.approx(1)
    assert directional_similarity(start, rotated, b, a) == pytest.approx(-1)
    # A small step the right way counts as much as a long one: the length of the difference does not matter.
    assert directional_similarity(start, start + 0.01 * (b - a), a, b) == pytest.approx(1, abs=1e-5)
    half = torch.stack([b, a])
    assert directional_similarity(start, half, a, b) == pytest.approx(0.5)


def test_consistency_compares_neighbours_only():
    start = torch.zeros(4, 2)
    moves = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    assert consistency(start, moves) == pytest.approx((1 + 0 - 1) / 3)
    assert consistency(start[:2], 5 * moves[:2]) == pytest.approx(1)
    with pytest.raises(ValueError, match="at least 2"):
        consistency(start[:1], moves[:1])


@pytest.fixture
def no_models(tmp_path, monkeypatch):
    """A place for models that holds none, on a machine without the packaged one."""
    monkeypatch.setenv("EDITOR3D_MODELS", str(tmp_path))
    monkeypatch.setattr("editor3d.metrics.clip.packaged_clip", lambda: None)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    return tmp_path


def test_without_weights_the_answer_says_why_and_how(no_models):
    answer = load_clip()
    assert isinstance(answer, Unavailable)
    assert CLIP_HUB_IDS[0] in answer.reason
    assert "hf download" in answer.remedy


@pytest.mark.parametrize("place", [CLIP_HUB_IDS[1], CLIP_HUB_IDS[1].rpartition("/")[2]])
def test_a_folder_of_models_is_found_and_named_unless_it_is_incomplete(no_models, tiny_clip, place):
    folder = no_models / place
    shutil.copytree(tiny_clip, folder)
    scorer = load_clip()
    assert scorer.name == CLIP_HUB_IDS[1]
    (folder / "model.safetensors").unlink()
    assert isinstance(load_clip(), Unavailable)


def test_the_hub_cache_is_found(no_models, tiny_clip):
    repo = no_models / "cache" / f"models--{CLIP_HUB_IDS[0].replace('/', '--')}"
    (repo / "refs").mkdir(parents=True)
    (repo / "refs" / "main").write_text("abc")
    shutil.copytree(tiny_clip, repo / "snapshots" / "abc")
    assert find_clip() == (CLIP_HUB_IDS[0], repo / "snapshots" / "abc")


def test_the_packaged_model_stands_in_and_is_named(no_models, tiny_clip, monkeypatch):
    monkeypatch.setattr("editor3d.metrics.clip.packaged_clip", lambda: tiny_clip)
    assert load_clip().name == "tiny-clip"
    shutil.copytree(tiny_clip, no_models / CLIP_HUB_IDS[1])
    assert load_clip().name == CLIP_HUB_IDS[1]


def test_siglip_loads_through_the_same_class(tmp_path):
    from transformers import (
        SiglipConfig,
        SiglipImageProcessor,
        SiglipModel,
        SiglipProcessor,
        SiglipTextConfig,
        SiglipVisionConfig,
    )

    tokenizer = _letters()
    torch.manual_seed(0)
    small = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    text = SiglipTextConfig(vocab_size=len(tokenizer), max_position_embeddings=16, projection_size=32, **small)
    vision = SiglipVisionConfig(image_size=32, patch_size=8, **small)
    model = SiglipModel(SiglipConfig(text_config=text.to_dict(), vision_config=vision.to_dict())).eval()
    model.save_pretrained(tmp_path / "siglip")
    processor = SiglipProcessor(SiglipImageProcessor(size={"height": 32, "width": 32}), tokenizer)
    processor.save_pretrained(tmp_path / "siglip")
    scorer = ClipScorer(tmp_path / "siglip", name="siglip")
    images, texts = pictures(0), ["a bear", "a bear in the snow"]
    arrays = [(image * 255).round().byte().numpy() for image in images]
    inputs = processor(text=texts, images=arrays, return_tensors="pt", padding="max_length", truncation=True)
    with torch.inference_mode():
        outputs = model(input_ids=inputs["input_ids"], pixel_values=inputs["pixel_values"])
    assert torch.allclose(scorer.embed_images(images), outputs.image_embeds, atol=1e-5)
    assert torch.allclose(scorer.embed_texts(texts), outputs.text_embeds, atol=1e-5)


def _letters():
    """A tokenizer in transformers' own format that knows single letters."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    tokens = ["<pad>", "<unk>", *(chr(c) for c in range(ord("a"), ord("z") + 1))]
    tokenizer = Tokenizer(models.WordLevel({token: i for i, token in enumerate(tokens)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>", model_max_length=16
    )


@pytest.mark.parametrize(
    "code",
    [
        "from editor3d.metrics.clip import load_clip; print(load_clip().name)",
        "from editor3d.guidance.clip import ClipEncoder, find_encoder\n"
        "name, folder = find_encoder()\nprint(ClipEncoder(folder, name).name)",
    ],
    ids=["scores", "guidance"],
)
def test_loading_shows_no_bar(code):
    """transformers draws one on stderr, whoever reads it."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip()
    assert "Loading weights" not in done.stderr
