"""The protocols that began with OpenAI: `POST …/images/edits`, which many servers speak, and chat that answers with
pictures (`POST …/chat/completions`), as OpenRouter's does."""

from __future__ import annotations

import json
import re
from typing import Any

from PIL import Image

from editor3d.editors.services.answers import Refused
from editor3d.editors.services.client import ServiceClient
from editor3d.editors.services.gemini import RATIOS
from editor3d.editors.services.protocol import Order, Pending, data_url, nearest_ratio

_IN_TEXT = re.compile(r"data:image/\w+;base64,[A-Za-z0-9+/=]+|https?://\S+?\.(?:png|jpe?g|webp)\b")


class OpenAIProtocol:
    """A form; the picture comes in base 64 or as an address. See
    https://platform.openai.com/docs/api-reference/images/createEdit."""

    def edit(self, client: ServiceClient, order: Order, pending: Pending) -> Image.Image:
        fields = {"model": order.model, "prompt": order.prompt, "n": "1", **order.extra}
        if order.size is not None:
            fields["size"] = f"{order.size[1]}x{order.size[0]}"
        name = "image[]" if len(order.pictures) > 1 else "image"
        files = [(name, picture) for picture in order.pictures]
        if order.mask is not None:
            files.append(("mask", order.mask))
        return client.call("POST", f"{order.url}/images/edits", client.picture, data=fields, files=files)


class ChatProtocol:
    """See https://openrouter.ai/docs/features/multimodal/image-generation."""

    def edit(self, client: ServiceClient, order: Order, pending: Pending) -> Image.Image:
        return client.call(
            "POST", f"{order.url}/chat/completions", lambda answer: client.at(address_in(answer)), json=chat_body(order)
        )


def chat_body(order: Order) -> dict[str, Any]:
    """One message of the user's: the words, then the pictures, that to edit first."""
    pictures = [{"type": "image_url", "image_url": {"url": data_url(file)}} for file in order.pictures]
    asked: dict[str, Any] = {
        "model": order.model,
        "messages": [{"role": "user", "content": [{"type": "text", "text": order.prompt}, *pictures]}],
        "modalities": ["image", "text"],
    }
    if order.size is not None:
        asked["image_config"] = {"aspect_ratio": nearest_ratio(order.size, RATIOS)}
    return asked


def address_in(answer: bytes) -> str:
    """The address of the picture in an answer: among `images`, as a part of the content, or within its text."""
    found = json.loads(answer)
    if "error" in found and "choices" not in found:  # some report what the model's own service said with status 200
        raise Refused(str(found["error"].get("message", "")), again=True)
    choice = found["choices"][0]
    message = choice["message"]
    content = message.get("content")
    parts = [*(message.get("images") or []), *(content if isinstance(content, list) else [])]
    addresses = [part["image_url"]["url"] for part in parts if part.get("type") == "image_url"]
    if isinstance(content, str):
        addresses += _IN_TEXT.findall(content)
    if not addresses:
        if message.get("refusal") or choice.get("finish_reason") == "content_filter":
            raise Refused(f"it declined: {message.get('refusal') or 'content filter'}", charged=True)
        raise ValueError("no picture")
    return str(addresses[0])
