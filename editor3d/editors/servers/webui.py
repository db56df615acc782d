"""`webui[:URL]`: img2img of AUTOMATIC1111's web interface, and of those that kept its API (Forge, SD.Next)."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Collection
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from PIL import Image
from torch import Tensor

from editor3d.editors import EDITORS
from editor3d.editors.servers.framing import Sent, png
from editor3d.editors.services.answers import decoded
from editor3d.editors.services.client import RetryPolicy, ServiceClient
from editor3d.editors.services.settings import checked_url
from editor3d.errors import ServiceError
from editor3d.language.tokens import require_words
from editor3d.types import EditorInfo, EditRequest

DEFAULT_URL = "http://127.0.0.1:7860"
URL_VARIABLE = "EDITOR3D_WEBUI_URL"
LOGIN_VARIABLE = "EDITOR3D_WEBUI_LOGIN"
"""NAME:PASSWORD of a server that was started with --api-auth."""


class WebUIEditor:
    """Sends each picture to `POST /sdapi/v1/img2img` with the model that the server has loaded.

    See https://github.com/AUTOMATIC1111/stable-diffusion-webui/wiki/API.
    """

    def __init__(self, url: str, login: str = "", retry: RetryPolicy | None = None) -> None:
        self.url = url
        key = base64.b64encode(login.encode()).decode() if login else ""
        self._client = ServiceClient(url, key, retry or RetryPolicy(attempts=3), header=("Authorization", "Basic "))

    @property
    def info(self) -> EditorInfo:
        return EDITORS["webui"].info

    def validate(self, instruction: str, objects: Collection[str], views: Collection[str]) -> None:
        """Look for an instruction; asks nothing over the network.

        Raises:
            InstructionError: it is empty.
        """
        require_words(instruction, "a wooden teapot")

    def edit(self, request: EditRequest) -> Tensor:
        """Edit one picture, inside `request.mask` where there is one.

        Returns:
            [H, W, 3] float32 in 0..1 on the condition's device; bit-equal to the condition outside the mask.

        Raises:
            ServiceError: it cannot be reached, refuses, or does not answer well.
        """
        sent = Sent(request)
        address = f"{self.url}/sdapi/v1/img2img"
        try:
            answer = self._client.call("POST", address, _first, paid=False, json=body(request, sent))
        except KeyboardInterrupt:
            with suppress(ServiceError):
                self._client.call("POST", f"{self.url}/sdapi/v1/interrupt", lambda answer: None, paid=False)
            raise
        return sent.edited(answer, urlsplit(self.url).netloc)


def body(request: EditRequest, sent: Sent) -> dict[str, Any]:
    """The request for a picture as it is sent, with its mask where it has one."""
    asked: dict[str, Any] = {
        "init_images": [base64.b64encode(png(sent.picture)).decode()],
        "prompt": request.instruction,
        "seed": request.seed,
        "steps": request.diffusion_steps,
        "cfg_scale": request.guidance_scale,
        "image_cfg_scale": request.image_guidance_scale,
        "denoising_strength": request.noise_level,
        "width": sent.picture.shape[1],
        "height": sent.picture.shape[0],
        "batch_size": 1,
        "n_iter": 1,
    }
    if sent.mask is not None:
        asked |= {
            "mask": base64.b64encode(png(sent.white)).decode(),
            "inpainting_fill": 1,  # the original picture
            "inpainting_mask_invert": 0,
            "inpaint_full_res": False,
        }
    return asked


def _first(answer: bytes) -> Image.Image:
    encoded = str(json.loads(answer)["images"][0])
    return decoded(encoded.partition(",")[2] if encoded.startswith("data:") else encoded)


def create(argument: str = "") -> WebUIEditor:
    """The editor of a server.

    Args:
        argument: its URL; empty is that of EDITOR3D_WEBUI_URL, or this machine's.

    Raises:
        ConfigError: the URL is none.
    """
    url = argument or os.environ.get(URL_VARIABLE, "").strip() or DEFAULT_URL
    return WebUIEditor(checked_url(url), os.environ.get(LOGIN_VARIABLE, "").strip())
