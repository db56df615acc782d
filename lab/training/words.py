"""The small models' tokenizer: CLIP's byte-pair encoding, with merges learned from the training texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from lab.training.networks import TEXT_LENGTH

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import CLIPTokenizer

_END = "</w>"


def make_tokenizer(texts: Iterable[str]) -> CLIPTokenizer:
    """Learn merges until every word of the texts is one token. Other words are spelled from their pieces.

    Args:
        texts: in English; only their words count.
    """
    from transformers import CLIPTokenizer

    words = sorted({word for text in texts for word in text.lower().split()})
    alphabet = [chr(code) for code in range(ord("!"), ord("~") + 1)]
    symbols = {word: (*word[:-1], word[-1] + _END) for word in words}
    merges: list[tuple[str, str]] = []
    while True:
        counts = Counter(pair for parts in symbols.values() for pair in zip(parts, parts[1:], strict=False))
        if not counts:
            break
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        merges.append(best)
        symbols = {word: _merged(parts, best) for word, parts in symbols.items()}
    tokens = [*alphabet, *(a + _END for a in alphabet), *("".join(pair) for pair in merges)]
    tokens = [*dict.fromkeys(tokens), "<|startoftext|>", "<|endoftext|>"]
    vocabulary = {token: i for i, token in enumerate(tokens)}
    pairs: Any = merges  # it takes pairs too
    return CLIPTokenizer(vocab=vocabulary, merges=pairs, model_max_length=TEXT_LENGTH)


def encode(tokenizer: CLIPTokenizer, texts: list[str]) -> Tensor:
    """Token ids [N, 16], each text padded or cut."""
    padded = tokenizer(texts, padding="max_length", max_length=TEXT_LENGTH, truncation=True, return_tensors="pt")
    return padded.input_ids


def _merged(parts: tuple[str, ...], pair: tuple[str, str]) -> tuple[str, ...]:
    out: list[str] = []
    i = 0
    while i < len(parts):
        if parts[i : i + 2] == pair:
            out.append(parts[i] + parts[i + 1])
            i += 2
        else:
            out.append(parts[i])
            i += 1
    return tuple(out)
