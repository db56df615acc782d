"""Attention maps are the model's own attention, and looking at them changes nothing."""

from __future__ import annotations

import pytest
import torch

from editor3d.errors import ConfigError, InstructionError
from editor3d.guidance import create_guidance
from editor3d.guidance.attention import AttentionRecorder, attention_maps, recording, token_positions

pytestmark = pytest.mark.usefixtures("one_thread")
PROMPT = "turn it into gold"


@pytest.fixture(scope="module")
def prior(text_model_folder):
    return create_guidance(f"sds:{text_model_folder}", longest_side=None)._prior


def pictures(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, 3, generator=torch.Generator().manual_seed(0))


def maps(prior, images, words, resolution, **options):
    generator = torch.Generator().manual_seed(1)
    return attention_maps(prior, images, PROMPT, words, generator=generator, resolution=resolution, **options)


@pytest.mark.parametrize("size", [(32, 32), (24, 40), (36, 20)])
def test_all_tokens_together_attend_with_weight_one(prior, size):
    latents = torch.zeros(2, 4, size[0] // 4, size[1] // 4)
    recorder = AttentionRecorder(range(16), tuple(latents.shape[-2:]))
    with recording(prior.pipeline.unet, recorder):
        prior.predict(latents, torch.tensor([200, 200]), prior.embed([PROMPT, "red"]))
    for side in (min(size) // 4, -(-min(size) // 8)):
        found = recorder.maps(side)
        assert found.shape[:2] == (2, 16)
        assert min(found.shape[2:]) == side
        torch.testing.assert_close(found.sum(1), torch.ones_like(found[:, 0]), atol=1e-5, rtol=0)


def test_maps_equal_a_transcription_of_attention(prior):
    """softmax(Q K^T / sqrt(d)), the mean of heads and of the layers of that resolution."""
    unet, inputs = prior.pipeline.unet, []
    layers = [m for name, m in unet.named_modules() if name.endswith("attn2")]
    latents = torch.randn(1, 4, 8, 6, generator=torch.Generator().manual_seed(2))
    text = prior.embed([PROMPT])
    hooks = [
        layer.register_forward_pre_hook(lambda m, args, kwargs: inputs.append((m, args[0])), with_kwargs=True)
        for layer in layers
    ]
    recorder = AttentionRecorder([1, 4], (8, 6))
    with recording(unet, recorder):
        prior.predict(latents, torch.tensor([200]), text)
    for hook in hooks:
        hook.remove()
    expected = []
    for layer, hidden in inputs:
        if hidden.shape[1] != 48:
            continue
        query, key = layer.to_q(hidden)[0], layer.to_k(text)[0]
        depth = query.shape[-1] // layer.heads
        for head in range(layer.heads):
            part = slice(head * depth, (head + 1) * depth)
            expected.append(torch.softmax(query[:, part] @ key[:, part].T / depth**0.5, -1)[:, [1, 4]])
    assert len(expected) >= 2
    mean = torch.stack(expected).mean(0).T.reshape(1, 2, 8, 6)
    torch.testing.assert_close(recorder.maps(6), mean, atol=1e-6, rtol=0)


def test_looking_changes_nothing_and_ends(prior):
    latents = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(2))
    text = prior.embed([PROMPT])
    plain = prior.predict(latents, torch.tensor([200]), text)
    before = dict(prior.pipeline.unet.attn_processors)
    recorder = AttentionRecorder([1], (8, 8))
    with recording(prior.pipeline.unet, recorder):
        assert torch.equal(prior.predict(latents, torch.tensor([200]), text), plain)
    first = recorder.maps(8)
    assert prior.pipeline.unet.attn_processors == before
    prior.predict(latents, torch.tensor([700]), text)
    assert torch.equal(recorder.maps(8), first)
    with pytest.raises(RuntimeError, match="broken"), recording(prior.pipeline.unet, recorder):
        raise RuntimeError("broken")
    assert prior.pipeline.unet.attn_processors == before


def test_words_of_a_prompt_get_their_maps(prior):
    found = maps(prior, pictures(2, 32, 48), ["gold", "turn it"], 8)
    assert found.shape == (2, 2, 8, 12)
    assert found.min() >= 0.0
    assert found.max() <= 1.0
    assert not torch.equal(found[:, 0], found[:, 1])
    assert torch.equal(found, maps(prior, pictures(2, 32, 48), ["gold", "turn it"], 8))


def test_an_image_condition_is_passed_on(model_folder):
    prior = create_guidance(f"ip2p-sds:{model_folder}", longest_side=None)._prior
    one = maps(prior, pictures(1, 32, 32), ["gold"], 8, sources=pictures(1, 32, 32))
    two = maps(prior, pictures(1, 32, 32), ["gold"], 8, sources=pictures(1, 32, 32).flip(1))
    assert one.shape == (1, 1, 8, 8)
    assert not torch.equal(one, two)


def test_resolutions_that_are_not_there_are_refused_with_those_that_are(prior):
    with pytest.raises(ConfigError, match="choose one of 8, 4"):
        maps(prior, pictures(1, 32, 32), ["gold"], 16)


def test_tokens_of_words(prior):
    tokenizer = prior.pipeline.tokenizer
    ids = tokenizer(PROMPT).input_ids
    gold = token_positions(tokenizer, PROMPT, "Gold")
    assert [ids[p] for p in gold] == tokenizer("gold", add_special_tokens=False).input_ids
    assert token_positions(tokenizer, "red gold red", "red") == [1, 3]
    assert len(token_positions(tokenizer, "a zebra", "zebra")) > 1
    for word in ("silver", ""):
        with pytest.raises(InstructionError, match="name a word of the prompt"):
            token_positions(tokenizer, PROMPT, word)
    with pytest.raises(InstructionError, match="first 16 tokens"):
        token_positions(tokenizer, "turn it into " * 8 + "gold", "gold")
