"""`comfyui:WORKFLOW.json[@URL]`: any ComfyUI workflow as a 2D editor."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from PIL import Image
from torch import Tensor

from editor3d.editors import EDITORS
from editor3d.editors.references import prompt_with, references_for, without_holes
from editor3d.editors.servers import workflow as marks
from editor3d.editors.servers.framing import Sent, padded, png
from editor3d.editors.servers.workflow import Workflow
from editor3d.editors.services.answers import opened
from editor3d.editors.services.client import RetryPolicy, ServiceClient
from editor3d.editors.services.settings import checked_url
from editor3d.errors import ConfigError, ServiceError
from editor3d.language.tokens import require_words
from editor3d.run import events
from editor3d.types import EditorInfo, EditRequest

DEFAULT_URL = "http://127.0.0.1:8188"
URL_VARIABLE = "COMFYUI_URL"
_OPENING = 5.0
"""Seconds to open the WebSocket in; without one the queue is asked again and again."""
_ENDS = ("execution_success", "execution_error", "execution_interrupted")


class ComfyUIEditor:
    """Uploads the picture, fills the workflow's marks, queues it, and fetches the picture that it saves.

    See https://docs.comfy.org/development/comfyui-server/comms_routes for the routes and messages.
    """

    def __init__(self, workflow: Workflow, url: str, retry: RetryPolicy | None = None) -> None:
        self.workflow, self.url = workflow, url
        self._retry = retry or RetryPolicy(attempts=3, first_look=0.5, longest_look=2.0)
        self._client = ServiceClient(url, "", self._retry)
        self._name = f"ComfyUI at {urlsplit(url).netloc}"

    @property
    def info(self) -> EditorInfo:
        """What the marks of the workflow let it do."""
        seeded = bool(self.workflow.of(marks.SEED))
        references = len(self.workflow.of(marks.REFERENCE))
        return replace(
            EDITORS["comfyui"].info,
            varies_with_seed=seeded,
            alike_by_seed=seeded,
            uses_noise_level=bool(self.workflow.of(marks.STRENGTH)),
            references=references,
            reads_sentences=references > 0,
        )

    def validate(self, instruction: str, objects: Collection[str], views: Collection[str]) -> None:
        """Look for an instruction; asks nothing over the network.

        Raises:
            InstructionError: it is empty.
        """
        require_words(instruction)

    def edit(self, request: EditRequest) -> Tensor:
        """Run the workflow once.

        Returns:
            [H, W, 3] float32 in 0..1 on the condition's device; bit-equal to the condition outside the mask.

        Raises:
            ServiceError: it cannot be reached, refuses the workflow, or does not end in time.
        """
        sent = Sent(request)
        filled = self.workflow.filled(self._values(request, sent), self._references(request))
        return sent.edited(self._run(filled), self._name)

    def _values(self, request: EditRequest, sent: Sent) -> dict[str, Any]:
        """What goes to the marks, by role; pictures are uploaded."""
        white = sent.white
        changed = white[..., 0] > 0.5
        shown = references_for(request, self.info)
        by_alpha = self.workflow.takes_mask_by_alpha
        values: dict[str, Any] = {
            marks.PICTURE: self._upload(png(sent.picture, changed if by_alpha else None)),
            marks.PROMPT: prompt_with(request.instruction, shown) if shown else request.instruction,
            marks.SEED: request.seed,
            marks.STRENGTH: request.noise_level,
        }
        if self.workflow.of(marks.MASK):
            # white inside and transparent inside: every channel that Load Image (as Mask) may read says the same
            values[marks.MASK] = self._upload(png(white, changed))
        return values

    def _references(self, request: EditRequest) -> list[str]:
        """Names of uploaded references; the picture itself stands in for those that are missing."""
        if not self.workflow.of(marks.REFERENCE):
            return []
        shown = references_for(request, self.info)
        pictures = [without_holes(reference) for reference in shown] or [request.condition.detach().cpu().float()]
        return [self._upload(png(padded(picture))) for picture in pictures]

    def _upload(self, content: bytes) -> str:
        """The name that the server gives a picture: the same for the same picture."""
        name = f"editor3d_{hashlib.sha256(content).hexdigest()[:24]}.png"
        files = [("image", (name, content, "image/png"))]
        data = {"type": "input", "overwrite": "true"}
        return self._client.call("POST", f"{self.url}/upload/image", _uploaded, paid=False, data=data, files=files)

    def _run(self, filled: dict[str, Any]) -> Image.Image:
        """Queue a workflow, wait for its end, and fetch its picture."""
        client_id = uuid.uuid4().hex
        with self._heard(client_id) as ended:
            job = self._client.call(
                "POST", f"{self.url}/prompt", _queued, paid=False, json={"prompt": filled, "client_id": client_id}
            )
            try:
                found = self._finished(job, ended)
            except BaseException:
                self._cancel(job)
                raise
        address = f"{self.url}/view?{urlencode(_picture_of(found, self.workflow.of(marks.OUTPUT)[0].node))}"
        return self._client.call("GET", address, opened, paid=False)

    def _finished(self, job: str, ended: threading.Event) -> dict[str, Any]:
        """What the history says of a job that has ended well."""
        due, pause = time.monotonic() + self._retry.longest_job, self._retry.first_look
        while True:
            history = self._client.call("GET", f"{self.url}/history/{job}", json.loads, paid=False)
            found = history.get(job) if isinstance(history, dict) else None
            if found:
                _require_success(found, self._name)
                return found
            if time.monotonic() > due:
                raise ServiceError(
                    f"Expected a picture of {self._name} within {self._retry.longest_job:.0f} seconds, but the "
                    f"workflow {self.workflow.path.name} had not ended: it was cancelled; look at ComfyUI's own window."
                )
            # ended is set by the WebSocket; without one this is a pause like any other
            if ended.wait(pause):
                ended.clear()
            pause = min(1.5 * pause, self._retry.longest_look)

    def _cancel(self, job: str) -> None:
        """Take a job off the queue, or interrupt it where it runs already."""
        for path, body in (("queue", {"delete": [job]}), ("interrupt", {"prompt_id": job})):
            with suppress(ServiceError):
                self._client.call("POST", f"{self.url}/{path}", lambda answer: None, paid=False, json=body)

    @contextmanager
    def _heard(self, client_id: str) -> Iterator[threading.Event]:
        """Listen to the server within it: progress becomes events, and the end sets what is returned."""
        from websockets.exceptions import WebSocketException
        from websockets.sync.client import connect

        parts = urlsplit(self.url)
        scheme = "wss" if parts.scheme == "https" else "ws"
        address = f"{scheme}://{parts.netloc}{parts.path}/ws?clientId={client_id}"
        ended = threading.Event()
        try:
            socket = connect(address, open_timeout=_OPENING, max_size=1 << 26)
        except (OSError, WebSocketException, TimeoutError):
            yield ended
            return
        with socket:
            threading.Thread(target=_listen, args=(socket, ended.set), daemon=True).start()
            yield ended


def _listen(socket: Any, end: Callable[[], None]) -> None:
    from websockets.exceptions import WebSocketException

    with suppress(WebSocketException, OSError):
        for message in socket:
            if isinstance(message, bytes):  # a preview
                continue
            try:
                told = json.loads(message)
                kind, data = told["type"], told.get("data") or {}
                if kind == "progress":
                    done, total = int(data["value"]), int(data["max"])
                    events.emit(events.Progress(what="ComfyUI", done=max(0, done), total=max(0, total), unit="steps"))
                elif kind in _ENDS or (kind == "executing" and data.get("node") is None):
                    end()
            except (ValueError, LookupError, TypeError, AttributeError):
                continue


def _uploaded(answer: bytes) -> str:
    found = json.loads(answer)
    folder = found.get("subfolder") or ""
    return f"{folder}/{found['name']}" if folder else str(found["name"])


def _queued(answer: bytes) -> str:
    return str(json.loads(answer)["prompt_id"])


def _require_success(found: dict[str, Any], server: str) -> None:
    status = found.get("status") or {}
    if status.get("status_str") != "error":
        return
    told = [message[1] for message in status.get("messages", []) if message[0] == "execution_error"]
    first = told[0] if told else {}
    where = f" in {first['node_type']} ({first.get('node_id')})" if first.get("node_type") else ""
    reason = " ".join(str(first.get("exception_message", "it was interrupted")).split())[:300].rstrip(".")
    raise ServiceError(f"{server} could not run the workflow: {reason}{where}.")


def _picture_of(found: dict[str, Any], node: str) -> dict[str, str]:
    """Where the picture of a node lies on the server."""
    pictures = (found.get("outputs") or {}).get(node, {}).get("images") or []
    if not pictures:
        raise ServiceError(
            f"Expected a picture of node {node} of the workflow, but it made none: title the node that saves the "
            "picture 'editor3d output'."
        )
    first = pictures[0]
    return {
        "filename": str(first["filename"]),
        "subfolder": str(first.get("subfolder", "")),
        "type": str(first.get("type", "output")),
    }


def split_argument(argument: str) -> tuple[str, str]:
    """The path and the URL of `WORKFLOW.json[@URL]`; the URL is empty where there is none."""
    path, at, url = argument.rpartition("@")
    return (path, url) if at and "://" in url else (argument, "")


def create(argument: str) -> ComfyUIEditor:
    """The editor of a workflow.

    Args:
        argument: `WORKFLOW.json` or `WORKFLOW.json@URL`; without a URL that of COMFYUI_URL, or this machine's.

    Raises:
        ConfigError: the workflow cannot be read, or the URL is none.
    """
    path, url = split_argument(argument)
    file = Path(path).expanduser()
    if not file.is_file():
        raise ConfigError(f"Expected a ComfyUI workflow in API format, but there is no {file}: check the path.")
    return ComfyUIEditor(Workflow(file), checked_url(url or os.environ.get(URL_VARIABLE, "").strip() or DEFAULT_URL))
