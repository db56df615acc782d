"""Text2Mesh's losses under a small CLIP of random weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from editor3d.errors import EditorUnavailableError
from editor3d.guidance.clip import ClipEncoder, find_encoder
from editor3d.metrics.clip import ClipScorer
from lab.training.networks import SIDE, make_clip
from lab.training.words import make_tokenizer
from mesh.style.clip_loss import ClipLossSettings, augmented, clip_loss
from mesh.style.run import StyleRun


@pytest.fixture(scope="module")
def clip_folder(tmp_path_factory) -> Path:
    from transformers import CLIPImageProcessor, CLIPProcessor

    folder = tmp_path_factory.mktemp("clip")
    torch.manual_seed(0)
    tokenizer = make_tokenizer(["a bronze ball", "a teapot", "a wooden horse"])
    make_clip(tokenizer).save_pretrained(folder)
    sizes = {"size": {"height": SIDE, "width": SIDE}, "do_center_crop": False, "image_mean": [0.5] * 3}
    pictures = CLIPImageProcessor(**sizes, image_std=[0.5] * 3)
    CLIPProcessor(image_processor=pictures, tokenizer=tokenizer).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def encoder(clip_folder) -> ClipEncoder:
    return ClipEncoder(clip_folder, "random")


def noise(count: int = 3, side: int = 64) -> torch.Tensor:
    return torch.rand(count, side, side, 3, generator=torch.Generator().manual_seed(0))


def test_embeddings_are_those_of_the_scores_and_have_gradients(clip_folder, encoder):
    scorer = ClipScorer(clip_folder, "random")
    rounded = (noise() * 255).round() / 255
    assert torch.allclose(encoder.embed_images(rounded), scorer.embed_images(list(rounded)), atol=1e-4)
    texts = ["a bronze ball", "a teapot"]
    assert torch.allclose(encoder.embed_texts(texts), scorer.embed_texts(texts), atol=1e-6)
    leaf = rounded.clone().requires_grad_()
    encoder.embed_images(leaf)[0, 0].backward()
    assert leaf.grad[0].abs().sum() > 0
    assert not leaf.grad[1:].any()


def test_the_loss_is_the_papers(encoder):
    """-sum_k w_k cos(mean_v E(T_k(I_v)), t), with the augmentations drawn again by the same generator."""
    text = encoder.embed_texts(["a bronze ball"])[0]
    colored, shaped = noise(), noise(2)
    settings = ClipLossSettings(1.0, 0.5, 0.25, augmentations=2)
    loss = clip_loss(encoder, text, colored, shaped, settings, torch.Generator().manual_seed(5))
    generator = torch.Generator().manual_seed(5)
    expected = 0.0
    for weight, images, share in ((1.0, colored, 1.0), (0.5, colored, 0.1), (0.25, shaped, 0.1)):
        for _ in range(2):
            mean = encoder.embed_images(augmented(images, share, generator)).mean(0)
            expected -= weight / 2 * float(mean @ text / mean.norm())
    assert float(loss) == pytest.approx(expected, abs=1e-6)


def test_an_augmentation_changes_all_views_alike_and_is_drawn_by_its_generator():
    one = noise(1).expand(3, -1, -1, -1)
    changed = augmented(one, 0.1, torch.Generator().manual_seed(0))
    assert torch.equal(changed[0], changed[1])
    assert torch.equal(changed, augmented(one, 0.1, torch.Generator().manual_seed(0)))
    assert not torch.equal(changed, augmented(one, 0.1, torch.Generator().manual_seed(1)))
    assert changed.shape == one.shape


def test_similarity_to_the_prompt_rises(clip_folder, config, tmp_path):
    settings = {"steps": 30, "learning_rate": 1e-2, "clip": str(clip_folder), "editor": "auto"}
    run = StyleRun(
        config(prompt="a bronze ball", style={"displacement": 0.05}, **settings), tmp_path / "run", device="cpu"
    )
    assert run.fit()
    metrics = run.results.metrics()
    assert metrics["clip"] == clip_folder.name
    assert metrics["similarity_after"] > metrics["similarity_before"]
    assert 0 < metrics["largest_displacement"] <= 0.05 * run.styled.frame.radius
    assert (run.folder / "mesh.glb").is_file()


def test_smoothness_is_the_variance_of_the_colour_change(clip_folder, config, tmp_path):
    def losses(weight: float) -> tuple[StyleRun, torch.Tensor]:
        asked = config(
            prompt="a bronze ball", clip=str(clip_folder), editor="auto", clip_loss=ClipLossSettings(smoothness=weight)
        )
        run = StyleRun(asked, tmp_path / f"run-{weight}", device="cpu")
        run.objective.begin()
        with torch.no_grad():  # from a field that changes something
            run.styled.field.color[-1].weight.normal_(0.0, 0.2, generator=torch.Generator().manual_seed(0))
        return run, run.objective.loss(0)

    (run, plain), (_, smooth) = losses(0.0), losses(2.0)
    change, _ = run.styled.style()
    variance = change.double().var(0, unbiased=False).sum()
    assert float(variance) > 1e-3
    assert float(smooth - plain) == pytest.approx(2.0 * float(variance), rel=1e-4)


def test_without_weights_one_sentence_says_what_is_missing(config, tmp_path, monkeypatch):
    monkeypatch.setattr("editor3d.guidance.clip.packaged_clip", lambda: None)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.delenv("EDITOR3D_MODELS", raising=False)
    with pytest.raises(EditorUnavailableError, match="no CLIP is on this machine") as told:
        StyleRun(config(prompt="a bronze ball"), tmp_path / "run", device="cpu")
    assert "\n" not in str(told.value)
    assert not (tmp_path / "run").exists()


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(EditorUnavailableError, match=r"config\.json"):
        find_encoder(str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(EditorUnavailableError, match="found none that can be read"):
        ClipEncoder(find_encoder(str(tmp_path))[1], "x")
