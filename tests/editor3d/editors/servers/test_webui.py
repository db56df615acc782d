"""img2img of AUTOMATIC1111's API, against a server with its route."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from editor3d.editors.servers.webui import WebUIEditor
from editor3d.editors.services.client import RetryPolicy
from editor3d.errors import ServiceError
from editor3d.types import EditRequest

from ..app_server import serving_app

QUICK = RetryPolicy(attempts=3, first_wait=0.01, longest_wait=0.05, silence=2.0)
DOCUMENTED = {
    *(
        "init_images",
        "prompt",
        "seed",
        "steps",
        "cfg_scale",
        "image_cfg_scale",
        "denoising_strength",
        "width",
        "height",
    ),
    *("batch_size", "n_iter", "mask", "inpainting_fill", "inpainting_mask_invert", "inpaint_full_res"),
}
"""Fields of StableDiffusionProcessingImg2Img that are sent."""


@dataclass
class FakeWebUI:
    asked: list[dict[str, Any]] = field(default_factory=list)
    logins: list[str | None] = field(default_factory=list)
    script: list[Response] = field(default_factory=list)

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/sdapi/v1/img2img", self.edit, methods=["POST"])])

    async def edit(self, request: Request) -> Response:
        body = await request.json()
        self.asked.append(body)
        self.logins.append(request.headers.get("Authorization"))
        if self.script:
            return self.script.pop(0)
        picture = Image.open(io.BytesIO(base64.b64decode(body["init_images"][0]))).convert("RGB")
        assert picture.size == (body["width"], body["height"])
        out = io.BytesIO()
        Image.fromarray(255 - np.asarray(picture)).save(out, "PNG")
        encoded = base64.b64encode(out.getvalue()).decode()
        return JSONResponse({"images": [encoded], "parameters": {}, "info": "{}"})


@pytest.fixture
def webui() -> Iterator[tuple[FakeWebUI, str]]:
    state = FakeWebUI()
    with serving_app(state.app()) as url:
        yield state, url


@pytest.fixture
def ask() -> EditRequest:
    y, x = torch.meshgrid(torch.linspace(0, 1, 45), torch.linspace(0, 1, 61), indexing="ij")
    mask = torch.zeros(45, 61, dtype=torch.bool)
    mask[:20] = True
    return EditRequest("v", "gold", torch.stack([x, y, x * y], -1), mask=mask, seed=7, noise_level=0.6)


def test_a_picture_is_edited_inside_its_mask(webui, ask):
    state, url = webui
    edited = WebUIEditor(url, "me:secret-word", QUICK).edit(ask)
    torch.testing.assert_close(edited[:20], 1.0 - ask.condition[:20], atol=0.02, rtol=0)
    assert torch.equal(edited[20:], ask.condition[20:])
    (body,) = state.asked
    assert set(body) == DOCUMENTED
    assert (body["prompt"], body["seed"], body["denoising_strength"]) == ("gold", 7, 0.6)
    assert state.logins == [f"Basic {base64.b64encode(b'me:secret-word').decode()}"]


def test_what_passes_is_tried_again_and_what_does_not_is_told(webui, ask):
    state, url = webui
    state.script = [Response("busy", 503), JSONResponse({"images": ["%%"]})]
    WebUIEditor(url, retry=QUICK).edit(ask)
    assert len(state.asked) == 3
    state.script = [JSONResponse({"detail": "Init image not found"}, 404)]
    with pytest.raises(ServiceError, match="status 404: Init image not found"):
        WebUIEditor(url, retry=QUICK).edit(ask)


def test_the_password_is_in_no_text(webui, ask):
    state, url = webui
    token = base64.b64encode(b"me:secret-word").decode()
    state.script = [JSONResponse({"detail": f"no access for {token}"}, 401)]
    with pytest.raises(ServiceError) as raised:
        WebUIEditor(url, "me:secret-word", QUICK).edit(ask)
    assert token not in str(raised.value)
