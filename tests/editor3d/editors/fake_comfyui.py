"""A server on this machine with ComfyUI's documented routes, which inverts pictures and misbehaves when told to."""

from __future__ import annotations

import asyncio
import io
import json
import uuid
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect


@dataclass
class FakeComfyUI:
    """The server's state."""

    faults: set[str] = field(default_factory=set)
    uploads: dict[str, bytes] = field(default_factory=dict)
    prompts: list[dict[str, Any]] = field(default_factory=list)
    """The bodies of `POST /prompt`."""
    history: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, bytes] = field(default_factory=dict)
    cancelled: list[Any] = field(default_factory=list)
    sockets: dict[str, WebSocket] = field(default_factory=dict)
    stumbled: set[str] = field(default_factory=set)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/upload/image", self.upload, methods=["POST"]),
                Route("/prompt", self.prompt, methods=["POST"]),
                Route("/history/{id}", self.past),
                Route("/view", self.view),
                Route("/queue", self.queue, methods=["POST"]),
                Route("/interrupt", self.interrupt, methods=["POST"]),
                WebSocketRoute("/ws", self.listen),
            ]
        )

    def once(self, fault: str) -> bool:
        """Whether to misbehave now, for the first time."""
        first = fault in self.faults and fault not in self.stumbled
        self.stumbled.add(fault)
        return first

    async def upload(self, request: Request) -> Response:
        form = await request.form()
        file = form["image"]
        assert form["type"] == "input"
        assert not isinstance(file, str)
        self.uploads[str(file.filename)] = await file.read()
        if self.once("upload fails once"):
            return Response("busy", 503)
        return JSONResponse({"name": file.filename, "subfolder": "", "type": "input"})

    async def prompt(self, request: Request) -> Response:
        body = await request.json()
        self.prompts.append(body)
        if "refuses the workflow" in self.faults:
            errors = {"4": {"errors": [{"message": "Value not in list", "details": "ckpt_name: 'x.safetensors'"}]}}
            error = {"type": "prompt_outputs_failed_validation", "message": "Prompt outputs failed validation"}
            return JSONResponse({"error": error, "node_errors": errors}, 400)
        job = str(uuid.uuid4())
        asyncio.get_running_loop().create_task(self.work(job, body))
        return JSONResponse({"prompt_id": job, "number": len(self.prompts), "node_errors": {}})

    async def work(self, job: str, body: dict[str, Any]) -> None:
        socket = self.sockets.get(body.get("client_id", ""))

        async def tell(kind: str, **data: Any) -> None:
            if socket is not None:
                for _ in range(2 if "tells everything twice" in self.faults else 1):
                    await socket.send_text(json.dumps({"type": kind, "data": {"prompt_id": job, **data}}))

        nodes = body["prompt"]
        loading = next(node for node in nodes.values() if node["class_type"] == "LoadImage")
        if socket is not None:
            await socket.send_bytes(b"\0\0\0\1preview")
            await socket.send_text("no JSON")
        await tell("execution_start")
        for step in range(3):
            await tell("progress", value=step + 1, max=3, node="5")
        if "never ends" in self.faults:
            return
        if "fails" in self.faults:
            told = {"node_id": "5", "node_type": "KSampler", "exception_message": "out of memory\n"}
            self.history[job] = {
                "outputs": {},
                "status": {"status_str": "error", "completed": False, "messages": [["execution_error", told]]},
            }
            await tell("execution_error", **told)
            return
        picture = Image.open(io.BytesIO(self.uploads[loading["inputs"]["image"]])).convert("RGB")
        size = (30, 90) if "another shape" in self.faults else picture.size
        out = io.BytesIO()
        Image.fromarray(255 - np.asarray(picture)).resize(size).save(out, "PNG")
        self.outputs[f"{job}.png"] = out.getvalue()
        named = {"filename": f"{job}.png", "subfolder": "", "type": "output"}
        saving = next(name for name, node in nodes.items() if node["class_type"] == "SaveImage")
        self.history[job] = {
            "prompt": [0, job, nodes, {}, [saving]],
            "outputs": {} if "saves nothing" in self.faults else {saving: {"images": [named]}},
            "status": {"status_str": "success", "completed": True, "messages": []},
        }
        await tell("executed", node=saving, output={"images": [named]})
        await tell("executing", node=None)

    async def past(self, request: Request) -> Response:
        if self.once("history fails once"):
            return Response("oops", 500)
        job = request.path_params["id"]
        return JSONResponse({job: self.history[job]} if job in self.history else {})

    async def view(self, request: Request) -> Response:
        content = self.outputs[request.query_params["filename"]]
        if self.once("picture is cut short once"):
            content = content[: len(content) // 2]
        return Response(content, media_type="image/png")

    async def queue(self, request: Request) -> Response:
        self.cancelled += (await request.json())["delete"]
        return Response()

    async def interrupt(self, request: Request) -> Response:
        self.cancelled.append((await request.json())["prompt_id"])
        return Response()

    async def listen(self, socket: WebSocket) -> None:
        if "no WebSocket" in self.faults:
            await socket.close()
            return
        await socket.accept()
        self.sockets[socket.query_params["clientId"]] = socket
        try:
            while True:
                await socket.receive_text()
        except WebSocketDisconnect:
            del self.sockets[socket.query_params["clientId"]]
