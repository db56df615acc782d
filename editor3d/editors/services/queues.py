"""Services with a queue: submit, ask again and again how it stands, and fetch the picture."""

from __future__ import annotations

import json
from typing import Any

from PIL import Image

from editor3d.editors.services.answers import Refused
from editor3d.editors.services.client import ServiceClient
from editor3d.editors.services.protocol import Order, Pending, base64_of, data_url

_RATIO_ONLY = ("kontext",)
"""Models that take the picture's own shape in place of a size."""


class BlackForestLabsProtocol:
    """See https://docs.bfl.ai/api-reference: `POST /v1/MODEL`, then the address to ask at, then the picture's."""

    def edit(self, client: ServiceClient, order: Order, pending: Pending) -> Image.Image:
        job = submitted(client, order, pending, f"{order.url}/{order.model}", self.body(order), _bfl_job)
        return client.at(client.wait("GET", job["status"], _bfl_state))

    def body(self, order: Order) -> dict[str, Any]:
        """The task: the picture as `input_image`, references as `input_image_2` and so on."""
        names = ["input_image", *(f"input_image_{number}" for number in range(2, len(order.pictures) + 1))]
        pictures = {name: base64_of(file) for name, file in zip(names, order.pictures, strict=True)}
        asked: dict[str, Any] = {"prompt": order.prompt, **pictures, "seed": order.seed, "output_format": "png"}
        if order.size is not None and not any(word in order.model for word in _RATIO_ONLY):
            asked |= {"width": order.size[1], "height": order.size[0]}
        return {**asked, **order.extra}


class FalProtocol:
    """See https://docs.fal.ai/model-apis/model-endpoints/queue: `POST /MODEL`, status, response."""

    def edit(self, client: ServiceClient, order: Order, pending: Pending) -> Image.Image:
        job = submitted(client, order, pending, f"{order.url}/{order.model}", self.body(order), _fal_job)
        client.wait("GET", job["status"], _fal_state)
        return client.at(client.call("GET", job["result"], _fal_picture, paid=False))

    def body(self, order: Order) -> dict[str, Any]:
        """The request: `image_urls` for endpoints that end in /edit or /multi, else `image_url`."""
        addresses = [data_url(file) for file in order.pictures]
        several = order.model.rpartition("/")[2] in ("edit", "multi")
        pictures = {"image_urls": addresses} if several else {"image_url": addresses[0]}
        return {"prompt": order.prompt, **pictures, "seed": order.seed, "output_format": "png", **order.extra}


class ReplicateProtocol:
    """See https://replicate.com/docs/topics/predictions/create-a-prediction: `POST /models/MODEL/predictions`."""

    def edit(self, client: ServiceClient, order: Order, pending: Pending) -> Image.Image:
        address = f"{order.url}/models/{order.model}/predictions"
        job = submitted(client, order, pending, address, self.body(order), _replicate_job)
        return client.at(client.wait("GET", job["status"], _replicate_state))

    def body(self, order: Order) -> dict[str, Any]:
        """The prediction's input, by the names of the FLUX models."""
        asked = {"prompt": order.prompt, "input_image": data_url(order.pictures[0])}
        if "flux-2" in order.model:
            asked = {"prompt": order.prompt, "input_images": [data_url(file) for file in order.pictures]}
        usual = {"aspect_ratio": "match_input_image", "seed": order.seed, "output_format": "png"}
        return {"input": {**asked, **usual, **order.extra}}


def submitted(client: ServiceClient, order: Order, pending: Pending, address: str, body: Any, read) -> dict[str, Any]:
    """The job of an edit: one that an earlier run submitted, or a new one, which is noted at once."""
    job = pending.load()
    if job is None:
        job = client.call("POST", address, read, json=body)
        pending.save(job)
    return job


def _bfl_job(answer: bytes) -> dict[str, Any]:
    return {"status": str(json.loads(answer)["polling_url"])}


def _bfl_state(answer: bytes) -> str | None:
    found = json.loads(answer)
    status = found["status"]
    if status == "Ready":
        return str(found["result"]["sample"])
    if status in ("Pending", "Queued", "Processing"):
        return None
    raise Refused(f"{status} {found.get('details') or ''}", charged=status == "Content Moderated")


def _fal_job(answer: bytes) -> dict[str, Any]:
    found = json.loads(answer)
    return {"status": str(found["status_url"]), "result": str(found["response_url"])}


def _fal_state(answer: bytes) -> bool | None:
    found = json.loads(answer)
    if found["status"] in ("IN_QUEUE", "IN_PROGRESS"):
        return None
    if found["status"] != "COMPLETED" or found.get("error"):
        raise Refused(f"{found['status']} {found.get('error') or ''}")
    return True


def _fal_picture(answer: bytes) -> str:
    found = json.loads(answer)
    if any(found.get("has_nsfw_concepts") or ()):
        raise Refused("its safety checker hid the picture", charged=True)
    pictures = found.get("images") or [found["image"]]
    return str(pictures[0]["url"])


def _replicate_job(answer: bytes) -> dict[str, Any]:
    return {"status": str(json.loads(answer)["urls"]["get"])}


def _replicate_state(answer: bytes) -> str | None:
    found = json.loads(answer)
    status = found["status"]
    if status in ("starting", "processing", "queued"):
        return None
    if status != "succeeded":
        raise Refused(f"{status} {found.get('error') or ''}")
    output = found["output"]
    return str(output[0] if isinstance(output, list) else output)
