"""Google's `models/MODEL:generateContent`: words and pictures as parts of one message."""

from __future__ import annotations

import json
from typing import Any

from PIL import Image

from editor3d.editors.services.answers import Refused, decoded
from editor3d.editors.services.client import ServiceClient
from editor3d.editors.services.protocol import Order, Pending, base64_of, nearest_ratio

RATIOS = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")
_FINISHED = ("STOP", "MAX_TOKENS", None)


class GeminiProtocol:
    """See https://ai.google.dev/gemini-api/docs/image-generation. It takes no mask and no seed for pictures."""

    def edit(self, client: ServiceClient, order: Order, pending: Pending) -> Image.Image:
        address = f"{order.url}/models/{order.model}:generateContent"
        return client.call("POST", address, _picture, json=body(order))


def body(order: Order) -> dict[str, Any]:
    """The message: the words, then the pictures, that to edit first."""
    pictures = [{"inline_data": {"mime_type": file[2], "data": base64_of(file)}} for file in order.pictures]
    config: dict[str, Any] = {"responseModalities": ["TEXT", "IMAGE"]}
    if order.size is not None:
        config["imageConfig"] = {"aspectRatio": nearest_ratio(order.size, RATIOS)}
    return {"contents": [{"parts": [{"text": order.prompt}, *pictures]}], "generationConfig": config}


def _picture(answer: bytes) -> Image.Image:
    found = json.loads(answer)
    blocked = found.get("promptFeedback", {}).get("blockReason")
    if blocked:
        raise Refused(f"the request was blocked ({blocked})")
    candidate = found["candidates"][0]
    parts = candidate.get("content", {}).get("parts", [])
    pictures = [part.get("inlineData") or part.get("inline_data") for part in parts]
    pictures = [picture for picture in pictures if picture]
    if not pictures:
        said = " ".join(str(part.get("text", "")) for part in parts).strip()
        reason = candidate.get("finishReason")
        if reason not in _FINISHED:
            raise Refused(f"it made no picture ({reason}) {said}", charged=True)
        raise ValueError(said)
    return decoded(pictures[-1]["data"])
