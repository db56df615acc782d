"""Load a diffusers pipeline from this machine, or from the hub if the user names one: one way for all models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch

from editor3d.diffusion.weights import carried_code, choose_variant, find_weights, how_to_get, is_hub_id, missing_parts
from editor3d.errors import ConfigError, EditorUnavailableError
from editor3d.host.silence import no_loading_bars


@dataclass(frozen=True)
class PipelineSpec:
    """Which diffusers pipeline something runs, and whose weights."""

    name: str
    """What the user calls it: the editor's or guidance's name in the registry."""
    title: str
    """What the model is called in its own paper or card."""
    hub_id: str
    """Loaded where nothing else is named; never downloaded unless named."""
    pipeline: str
    """Name of the class in `diffusers`."""
    half: Literal["float16", "bfloat16"] = "float16"
    """The type of half precision: models trained in bfloat16 overflow in float16."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Further arguments of `from_pretrained`."""
    in_full: tuple[str, ...] = ()
    """Components that stay in 32 bits at half precision, because they overflow."""


class PipelineSource:
    """A pipeline that is looked for at once and loaded at its first use."""

    def __init__(
        self,
        spec: PipelineSpec,
        source: str = "",
        *,
        device: str = "cpu",
        half_precision: bool = False,
        cpu_offload: bool = False,
    ) -> None:
        """Remember what to load.

        Args:
            spec: the model.
            source: a diffusers folder or a hub id; empty is the spec's, which must then be on this machine.
            device: as torch names it.
            half_precision: 16 instead of 32 bits.
            cpu_offload: keep only the part at work on the device.

        Raises:
            ConfigError: the device is unknown or not there, or offloading is requested without CUDA.
        """
        self.spec = spec
        self.device = _checked_device(spec.name, device, cpu_offload)
        self.half_precision = half_precision
        self._source = source
        self._cpu_offload = cpu_offload

    def locate(self) -> Path | str:
        """The folder to load from, or the hub id to download; loads and downloads nothing.

        Raises:
            EditorUnavailableError: neither can be.
        """
        spec = self.spec
        if not self._source:
            folder = find_weights(spec.hub_id)
            if folder is None:
                raise EditorUnavailableError(
                    f"'{spec.name}' needs the weights of {spec.hub_id}, which are not on this machine; "
                    f"{how_to_get(spec.hub_id)}, or name a folder: {spec.name}:PATH."
                )
            return folder
        folder = Path(self._source).expanduser()
        if not is_hub_id(self._source):
            if (code := carried_code(folder)) is not None:
                raise EditorUnavailableError(
                    f"Expected weights alone in {folder}, found the program {code.relative_to(folder)}, which could be "
                    f"run with them: remove it, or name another folder."
                )
            missing = missing_parts(folder)
            if missing:
                raise EditorUnavailableError(
                    f"Expected a diffusers folder of {spec.title} at {folder}, but it lacks {', '.join(missing)}; "
                    f"{how_to_get(spec.hub_id)}."
                )
            return folder
        return find_weights(self._source) or self._source

    @cached_property
    def where(self) -> Path | str:
        return self.locate()

    @cached_property
    def pipeline(self) -> Any:
        """The pipeline, on its device, silent.

        Raises:
            EditorUnavailableError: the weights cannot be read or downloaded, or diffusers is too old for the model.
        """
        import diffusers
        from safetensors import SafetensorError

        spec, local = self.spec, self.where if isinstance(self.where, Path) else None
        if not hasattr(diffusers, spec.pipeline):
            raise EditorUnavailableError(
                f"'{spec.name}' needs diffusers' {spec.pipeline}, which diffusers {diffusers.__version__} does not "
                "have; update it: pip install -U diffusers."
            )
        variant = choose_variant(local, self.half_precision) if local else None
        # The original model offers its half precision under this name; others are published in 16 bits outright.
        hub_variant = "fp16" if self.half_precision and spec.half == "float16" else None
        try:
            with no_loading_bars():
                pipeline = getattr(diffusers, spec.pipeline).from_pretrained(
                    str(self.where),
                    dtype=getattr(torch, spec.half) if self.half_precision else torch.float32,
                    variant=variant if local else hub_variant,
                    use_safetensors=True,
                    local_files_only=local,
                    **spec.options,
                )
        except (OSError, ValueError, RuntimeError, TypeError, SafetensorError) as error:
            reason = " ".join(str(error).split())[:300]
            raise EditorUnavailableError(
                f"The weights of {spec.title} cannot be loaded from {self.where} ({reason}); get them anew: "
                f"{how_to_get(spec.hub_id)}."
            ) from error
        pipeline.set_progress_bar_config(disable=True)
        for component in spec.in_full:
            getattr(pipeline, component).to(torch.float32)
        if self._cpu_offload:
            pipeline.enable_model_cpu_offload(device=self.device)
        else:
            pipeline.to(self.device)
        return pipeline

    def refuse_infinite(self, picture: torch.Tensor) -> None:
        """Refuse a result that is not finite.

        Raises:
            EditorUnavailableError: the model overflowed, or its weights are broken.
        """
        if not torch.isfinite(picture).all():
            raise EditorUnavailableError(
                f"The model at {self.where} returned infinite numbers at "
                f"{'half' if self.half_precision else 'full'} precision; choose full precision, or check the weights."
            )


def _checked_device(name: str, device: str, cpu_offload: bool) -> torch.device:
    try:
        found = torch.device(device)
    except RuntimeError as error:
        raise ConfigError(f"Expected a device such as cpu, cuda or cuda:1, but got '{device}'.") from error
    if cpu_offload and found.type != "cuda":
        raise ConfigError(f"Offloading to the CPU needs a CUDA device, but the device is '{device}'; leave it out.")
    if found.type == "cuda" and (found.index or 0) >= torch.cuda.device_count():
        raise ConfigError(
            f"'{name}' should run on '{device}', but this machine has {torch.cuda.device_count()} CUDA devices; choose "
            "cpu or one that is there."
        )
    return found
