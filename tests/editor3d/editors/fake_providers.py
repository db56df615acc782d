"""Servers on this machine that speak the protocols of image services, bill what they serve, and misbehave at will."""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Answer = Callable[["FakeProviders"], Response]


@dataclass
class FakeProviders:
    """All services at once; pictures are inverted."""

    url: str = ""
    billed: int = 0
    """Edits that a service would charge for."""
    asked: list[dict[str, Any]] = field(default_factory=list)
    """The bodies of requests for an edit."""
    keys: list[tuple[str, str]] = field(default_factory=list)
    """Path and header of each request."""
    script: list[Callable[[], Response]] = field(default_factory=list)
    """What requests for an edit are answered with first."""
    polls: list[Callable[[], Response]] = field(default_factory=list)
    """What questions how a job stands are answered with first."""
    pictures: dict[str, bytes] = field(default_factory=dict)
    never_ends: bool = False
    size: tuple[int, int] | None = None
    """Width and height of what comes back; None keeps the picture's."""

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/v1beta/models/{model}", self.gemini, methods=["POST"]),
                Route("/chat/completions", self.chat, methods=["POST"]),
                Route("/bfl/{model}", self.bfl, methods=["POST"]),
                Route("/bfl-results", self.bfl_result),
                Route("/fal/{model:path}/requests/{id}/status", self.fal_status),
                Route("/fal/{model:path}/requests/{id}", self.fal_result),
                Route("/fal/{model:path}", self.fal, methods=["POST"]),
                Route("/replicate/models/{owner}/{name}/predictions", self.replicate, methods=["POST"]),
                Route("/replicate/predictions/{id}", self.replicate_result),
                Route("/pictures/{id}", self.picture),
            ]
        )

    async def _asked(self, request: Request) -> Response | None:
        """Note a request for an edit; what to answer in place of serving it."""
        self.asked.append(await request.json())
        self._noted(request)
        return self.script.pop(0)() if self.script else None

    def _noted(self, request: Request) -> None:
        found = [request.headers.get(name, "") for name in ("Authorization", "x-goog-api-key", "x-key")]
        self.keys.append((request.url.path, "".join(found)))

    def made(self, encoded: str) -> str:
        """Edit a picture in base 64; the id of the result."""
        self.billed += 1
        content = base64.b64decode(encoded.partition(",")[2] if encoded.startswith("data:") else encoded)
        picture = Image.open(io.BytesIO(content)).convert("RGB")
        out = io.BytesIO()
        Image.fromarray(255 - np.asarray(picture)).resize(self.size or picture.size).save(out, "PNG")
        name = f"{len(self.pictures) + 1}.png"
        self.pictures[name] = out.getvalue()
        return name

    async def gemini(self, request: Request) -> Response:
        refused = await self._asked(request)
        if refused is not None:
            return refused
        parts = self.asked[-1]["contents"][0]["parts"]
        name = self.made(next(part["inline_data"]["data"] for part in parts if "inline_data" in part))
        data = {"mimeType": "image/png", "data": base64.b64encode(self.pictures[name]).decode()}
        content = {"role": "model", "parts": [{"text": "Here it is."}, {"inlineData": data}]}
        return JSONResponse({"candidates": [{"content": content, "finishReason": "STOP"}]})

    async def chat(self, request: Request) -> Response:
        refused = await self._asked(request)
        if refused is not None:
            return refused
        content = self.asked[-1]["messages"][0]["content"]
        name = self.made(next(part["image_url"]["url"] for part in content if part["type"] == "image_url"))
        address = f"data:image/png;base64,{base64.b64encode(self.pictures[name]).decode()}"
        images = [{"type": "image_url", "image_url": {"url": address}}]
        message = {"role": "assistant", "content": "", "images": images}
        return JSONResponse({"choices": [{"message": message, "finish_reason": "stop"}]})

    async def bfl(self, request: Request) -> Response:
        refused = await self._asked(request)
        if refused is not None:
            return refused
        name = self.made(self.asked[-1]["input_image"])
        return JSONResponse({"id": name, "polling_url": f"{self.url}/bfl-results?id={name}"})

    async def bfl_result(self, request: Request) -> Response:
        return self._state(
            request,
            request.query_params["id"],
            "Pending",
            lambda address: {"status": "Ready", "result": {"sample": address}},
        )

    async def fal(self, request: Request) -> Response:
        refused = await self._asked(request)
        if refused is not None:
            return refused
        body = self.asked[-1]
        name = self.made(body.get("image_url") or body["image_urls"][0])
        base = f"{self.url}/fal/{request.path_params['model']}/requests/{name}"
        return JSONResponse(
            {"request_id": name, "status_url": f"{base}/status", "response_url": base, "cancel_url": f"{base}/cancel"}
        )

    async def fal_status(self, request: Request) -> Response:
        return self._state(request, request.path_params["id"], "IN_PROGRESS", lambda address: {"status": "COMPLETED"})

    async def fal_result(self, request: Request) -> Response:
        self._noted(request)
        return JSONResponse({"images": [{"url": f"{self.url}/pictures/{request.path_params['id']}"}], "seed": 1})

    async def replicate(self, request: Request) -> Response:
        refused = await self._asked(request)
        if refused is not None:
            return refused
        name = self.made(self.asked[-1]["input"]["input_image"])
        urls = {"get": f"{self.url}/replicate/predictions/{name}", "cancel": f"{self.url}/none"}
        return JSONResponse({"id": name, "status": "starting", "urls": urls}, 201)

    async def replicate_result(self, request: Request) -> Response:
        return self._state(
            request,
            request.path_params["id"],
            "processing",
            lambda address: {"status": "succeeded", "output": [address]},
        )

    def _state(self, request: Request, name: str, waiting: str, done: Callable[[str], dict[str, Any]]) -> Response:
        self._noted(request)
        if self.polls:
            return self.polls.pop(0)()
        if self.never_ends:
            return JSONResponse({"status": waiting})
        return JSONResponse(done(f"{self.url}/pictures/{name}"))

    async def picture(self, request: Request) -> Response:
        self._noted(request)
        await asyncio.sleep(0)
        return Response(self.pictures[request.path_params["id"]], media_type="image/png")
