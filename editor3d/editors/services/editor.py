"""Image-edit services: sizes, masks, cache, and the cost cap, whatever protocol they speak."""

from __future__ import annotations

import hashlib
import io
import json
import math
import sys
import threading
from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from editor3d.diffusion.sizing import mask_resized, padded_to, resized
from editor3d.editors import EDITORS
from editor3d.editors.references import prompt_with, references_for, without_holes
from editor3d.editors.services.answers import EditRefused
from editor3d.editors.services.client import File, ServiceClient
from editor3d.editors.services.ledger import Ledger
from editor3d.editors.services.protocol import ImageProtocol, Order, same_service
from editor3d.editors.services.providers import PROVIDERS
from editor3d.editors.services.settings import ServiceSettings
from editor3d.errors import EditorUnavailableError, ServiceError
from editor3d.faces.cover import Covered, cover
from editor3d.files.safe_open import UNREADABLE, open_picture
from editor3d.files.writing import replacing
from editor3d.language.tokens import require_words
from editor3d.registry import load_target
from editor3d.run.consent import consent
from editor3d.types import EditorInfo, EditRequest

_CACHE_VERSION = 1
_PENDING = "pending"
"""The folder of jobs that services with a queue were given."""


class ServiceEditor:
    """Sends each picture to a service once: the same pictures, instruction and mask are answered from the cache.

    Services draw no seeded noise, so that an edit cannot be repeated but by the cache; one edit of a view is final.
    """

    NAME: ClassVar[str] = ""
    """As the editor is called, where that is not its provider's name."""

    def __init__(self, settings: ServiceSettings) -> None:
        self.settings = settings
        self._protocol: ImageProtocol = load_target(settings.provider.protocol)()
        self._at_work: dict[str, threading.Lock] = {}
        """By fingerprint: two views with the same picture are one edit, also where several are made at once."""
        self._ledger = Ledger(settings.folder / "spent.jsonl", settings.budget)

    @property
    def info(self) -> EditorInfo:
        given = self.settings
        most = max((max(size) for size in given.sizes), default=None)
        entry = EDITORS[self.NAME or given.provider.name]
        shown = {"price": given.price, "references": given.references, "max_side": most}
        return replace(entry.info, concurrent=given.concurrent, **shown)

    def funds(self) -> float:
        """US dollars that are left of the budget of 24 hours; infinity where a request costs nothing."""
        return math.inf if self.settings.price == 0.0 else self._ledger.left()

    def validate(self, instruction: str, objects: Collection[str], views: Collection[str]) -> None:
        """Look for an instruction and for a key; asks nothing over the network.

        Raises:
            InstructionError: the instruction is empty.
            EditorUnavailableError: no key is set for a service that is not on this machine.
        """
        require_words(instruction)
        if not self.settings.key and not self.settings.is_here:
            provider = self.settings.provider
            own = " or ".join(provider.keys)
            host, theirs = urlsplit(self.settings.url).hostname, urlsplit(provider.url).hostname
            if host == theirs and provider.name != "service":
                remedy = f"set {own} to it"
            else:
                remedy = f"set EDITOR3D_SERVICE_KEY to it, or {own} where the service is {theirs}"
            raise EditorUnavailableError(f"The editor '{provider.name}' needs the key of {host}; {remedy}.")

    def edit(self, request: EditRequest) -> Tensor:
        """Edit `request.condition`, inside `request.mask` where there is one.

        Returns:
            [H, W, 3] float32 in 0..1 on the condition's device; bit-equal to the condition outside the mask.

        Raises:
            ServiceError: the service refused, did not answer well in all attempts, or the budget is spent.
        """
        image = request.condition.detach().to("cpu", torch.float32)
        hidden = None if self.settings.is_here or consent().faces else self._hidden(image, request.view)
        sent = image if hidden is None else torch.from_numpy(hidden.picture)
        mask = None if request.mask is None else request.mask.detach().bool().cpu()
        height, width = image.shape[:2]
        size, inner = self._fit(height, width)
        picture = padded_to(resized(sent, *inner), *size)
        shown = None
        if mask is not None and self.settings.provider.masks:
            changed = padded_to(mask_resized(mask, *inner)[..., None].float(), *size)[..., 0] > 0.5
            shown = ("mask.png", _png(_mask_of(picture, changed)), "image/png")
        given = self.settings
        order = Order(
            given.url,
            given.model,
            self._prompt(request),
            self._pictures(request, _file("image.png", picture)),
            shown,
            size if given.sizes else None,
            request.seed,
            given.extra,
        )
        answer = self._answer(order, size)
        edited = torch.from_numpy(np.array(answer)).float() / 255.0
        edited = resized(resized(edited, *size)[: inner[0], : inner[1]], height, width)
        if hidden is not None:
            edited = torch.from_numpy(hidden.restored(edited.numpy()))
        if mask is not None:
            edited = torch.where(mask[..., None], edited, image)
        return edited.to(request.condition.device)

    def _hidden(self, picture: Tensor, what: str) -> Covered | None:
        """A picture [H, W, 3] without faces and number plates, which is said; None where none are found."""
        hidden = cover(picture.numpy())
        if not hidden.boxes:
            return None
        host = urlsplit(self.settings.url).hostname
        print(
            f"{what}: {hidden.said} found, and blurred before the picture is sent to {host}; --send-faces sends them.",
            file=sys.stderr,
            flush=True,
        )
        return hidden

    def _pictures(self, request: EditRequest, picture: File) -> tuple[File, ...]:
        """The picture to edit, and what is sent beside it."""
        shown = []
        for number, reference in enumerate(references_for(request, self.info), start=2):
            size, inner = self._fit(*reference.picture.shape[:2])
            whole = without_holes(reference)
            if not self.settings.is_here and not consent().faces:
                hidden = self._hidden(whole.detach().to("cpu", torch.float32), f"reference of {request.view}")
                whole = whole if hidden is None else torch.from_numpy(hidden.picture)
            filled = padded_to(resized(whole, *inner), *size)
            shown.append(_file(f"image_{number}.png", filled))
        return (picture, *shown)

    def _prompt(self, request: EditRequest) -> str:
        """The prompt for the service."""
        return prompt_with(request.instruction, references_for(request, self.info))

    def _fit(self, height: int, width: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """The size that is sent, and how much of it from the top left the scaled picture takes."""
        if not self.settings.sizes:
            return (height, width), (height, width)
        size = min(self.settings.sizes, key=lambda s: abs(math.log((s[1] / s[0]) / (width / height))))
        scale = min(size[0] / height, size[1] / width)
        return size, (min(size[0], round(height * scale)) or 1, min(size[1], round(width * scale)) or 1)

    def _answer(self, order: Order, size: tuple[int, int]) -> Image.Image:
        """The edited picture in the shape of `size`, from the cache or the service."""
        fingerprint = fingerprint_of(order)
        with self._at_work.setdefault(fingerprint, threading.Lock()):
            return self._answered(order, size, fingerprint)

    def _answered(self, order: Order, size: tuple[int, int], fingerprint: str) -> Image.Image:
        cached = self.settings.folder / f"{fingerprint}.png"
        found = _opened(cached)
        if found is not None:
            return self._shaped(found, size)
        pending = PendingFile(self.settings.folder / _PENDING / f"{fingerprint}.json")
        client = ServiceClient(
            order.url,
            self.settings.key,
            self.settings.retry,
            pay=partial(self._ledger.pay, self.settings.price, fingerprint),
            refund=partial(self._ledger.pay, -self.settings.price, fingerprint),
            header=self.settings.provider.header,
            trusted=same_service(order.url),
        )
        try:
            answer = self._protocol.edit(client, order, pending)
        except EditRefused:
            pending.clear()
            raise
        self.settings.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with replacing(cached, private=True) as temporary:
            temporary.write_bytes(_png(np.array(answer)))
        pending.clear()
        return self._shaped(answer, size)

    def _shaped(self, answer: Image.Image, size: tuple[int, int]) -> Image.Image:
        """
        Raises:
            ServiceError: the answer has another shape; it is kept all the same, since it is paid for.
        """
        if abs(math.log((answer.width / answer.height) / (size[1] / size[0]))) > 0.01:
            raise ServiceError(
                f"Expected a picture of the shape {size[1]}x{size[0]} from {urlsplit(self.settings.url).hostname}, but "
                f"got {answer.width}x{answer.height}; list the sizes it works at in EDITOR3D_SERVICE_SIZES."
            )
        return answer


class PendingFile:
    """A file that names the job of an edit, while a service with a queue makes it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> dict[str, Any] | None:
        """The job that an earlier run gave the service; None where there is none, or a broken file."""
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def save(self, job: Mapping[str, Any]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with replacing(self._path, private=True) as temporary:
            temporary.write_text(json.dumps(dict(job)), encoding="utf-8")

    def clear(self) -> None:
        self._path.unlink(missing_ok=True)


def fingerprint_of(order: Order) -> str:
    """Hex digits that differ where two orders do; the same edit of the same picture is paid for once."""
    fields = {"model": order.model, "prompt": order.prompt, "n": "1", **order.extra}
    if order.size is not None:
        fields["size"] = f"{order.size[1]}x{order.size[0]}"
    digest = hashlib.sha256(json.dumps([_CACHE_VERSION, order.url, fields], sort_keys=True).encode())
    name = "image[]" if len(order.pictures) > 1 else "image"
    files = [*((name, picture) for picture in order.pictures), *([("mask", order.mask)] if order.mask else [])]
    for key, (_, content, _) in files:
        digest.update(key.encode() + hashlib.sha256(content).digest())
    return digest.hexdigest()


def create(argument: str = "") -> ServiceEditor:
    """The editor of a service that speaks OpenAI's protocol, with its settings from the environment.

    Args:
        argument: `URL` or `URL#MODEL`; empty is the environment's, or OpenAI.

    Raises:
        ConfigError: a setting is not what it should be.
    """
    return ServiceEditor(ServiceSettings.from_environment(argument))


def gemini(argument: str = "") -> ServiceEditor:
    """As `create`, for Google's Gemini; the argument is a model."""
    return _of("gemini", argument)


def openrouter(argument: str = "") -> ServiceEditor:
    """As `create`, for chat models that answer with pictures; the argument is a model, or URL#MODEL."""
    return _of("openrouter", argument)


def bfl(argument: str = "") -> ServiceEditor:
    """As `create`, for Black Forest Labs; the argument is a model."""
    return _of("bfl", argument)


def fal(argument: str = "") -> ServiceEditor:
    """As `create`, for fal; the argument is a model."""
    return _of("fal", argument)


def replicate(argument: str = "") -> ServiceEditor:
    """As `create`, for Replicate; the argument is a model."""
    return _of("replicate", argument)


def _of(name: str, argument: str) -> ServiceEditor:
    return ServiceEditor(ServiceSettings.from_environment(argument, PROVIDERS[name]))


def _file(name: str, picture: Tensor) -> File:
    """A picture [H, W, 3] in 0..1 as part of a form."""
    return name, _png(_bytes_of(picture)), "image/png"


def _bytes_of(picture: Tensor) -> np.ndarray:
    return (picture.clamp(0.0, 1.0) * 255.0).round().to(torch.uint8).numpy()


def _mask_of(picture: Tensor, changed: Tensor) -> np.ndarray:
    """The picture with alpha, transparent where it may change: [H, W, 4] uint8."""
    alpha = torch.where(changed, 0.0, 1.0)[..., None]
    return _bytes_of(torch.cat([picture, alpha], dim=-1))


def _png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _opened(path: Path) -> Image.Image | None:
    """A kept answer; None where there is none, or a broken one."""
    try:
        with open_picture(path, ("PNG",)) as picture:
            return picture.convert("RGB")
    except UNREADABLE:
        return None
