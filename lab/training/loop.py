"""One training loop for all small models: AdamW, warm-up and final decay, averaged weights, exact resume.

Everything a run needs to go on is in one safetensors file, replaced by a rename: a run that is killed at any moment and
started again on the same machine gives the result of an uninterrupted one.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from editor3d.errors import ConfigError

Loss = Callable[[torch.Generator], dict[str, Tensor]]
"""Draws a batch and returns named losses; their sum is minimised."""


@dataclass(frozen=True)
class Stage:
    """How one model is trained."""

    name: str
    steps: int
    learning_rate: float
    warmup: int = 100
    decay_share: float = 0.25
    """The last share of the steps, over which the learning rate falls linearly to a fiftieth."""
    average: float = 0.999
    """Decay of the exponential moving average of the weights, which is what is kept."""
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    seed: int = 0
    report_every: int = 50
    save_seconds: float = 120.0


@dataclass
class Progress:
    """Where a stage stands."""

    step: int = 0
    seconds: float = 0.0
    """Time spent in steps, without that in which the process was not running at all."""
    curve: list[dict[str, float]] = field(default_factory=list)
    """Means over `report_every` steps."""

    def report(self) -> dict[str, object]:
        """As it is kept with a trained model."""
        return {"steps": self.step, "seconds": round(self.seconds), "curve": self.curve}


def mixed_precision() -> torch.autocast:
    """bfloat16 where the processor multiplies it, else float32: emulated, it takes nine times as long as float32."""
    from llvmlite.binding import get_host_cpu_features

    features = get_host_cpu_features()
    able = any(features.get(name, False) for name in ("avx512bf16", "amx-bf16", "bf16"))
    return torch.autocast("cpu", torch.bfloat16, enabled=able)


def learning_rate(stage: Stage, step: int) -> float:
    """Linear warm-up, constant, linear decay."""
    rising = (step + 1) / max(1, stage.warmup)
    falling = (stage.steps - step) / max(1.0, stage.decay_share * stage.steps)
    return stage.learning_rate * max(0.02, min(1.0, rising, falling))


def fit(
    stage: Stage, modules: Mapping[str, nn.Module], loss: Loss, checkpoint: Path, tell: Callable[[str], None] = print
) -> Progress:
    """Train until the stage's last step; afterwards the modules hold their averaged weights.

    Args:
        stage: how.
        modules: what is trained, by name.
        loss: called once a step with the run's generator.
        checkpoint: the file to go on from and to save to.
        tell: gets the learning curve, line by line.

    Raises:
        ConfigError: the checkpoint is of other modules.
    """
    parameters = {f"{name}.{key}": p for name, module in modules.items() for key, p in module.named_parameters()}
    optimizer = torch.optim.AdamW(
        parameters.values(), lr=stage.learning_rate, betas=(0.9, 0.99), weight_decay=stage.weight_decay, fused=True
    )
    average = {name: p.detach().clone() for name, p in parameters.items()}
    generator = torch.Generator().manual_seed(stage.seed)
    progress = Progress()
    if checkpoint.is_file():
        progress = _load(checkpoint, parameters, average, optimizer, generator)
    sums: dict[str, float] = {}
    saved = time.monotonic()
    while progress.step < stage.steps:
        began = time.process_time()
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(stage, progress.step)
        losses = loss(generator)
        optimizer.zero_grad(set_to_none=True)
        torch.stack(list(losses.values())).sum().backward()
        nn.utils.clip_grad_norm_(parameters.values(), stage.clip_norm)
        optimizer.step()
        decay = min(stage.average, (1 + progress.step) / (10 + progress.step))
        torch._foreach_lerp_(list(average.values()), [p.detach() for p in parameters.values()], 1 - decay)
        progress.step += 1
        progress.seconds += (time.process_time() - began) / torch.get_num_threads()
        for name, value in losses.items():
            sums[name] = sums.get(name, 0.0) + value.item()
        if progress.step % stage.report_every == 0:
            means = {name: value / stage.report_every for name, value in sums.items()}
            progress.curve.append({"step": progress.step, "seconds": round(progress.seconds, 1), **means})
            sums = {}
            listed = "  ".join(f"{name} {value:.4f}" for name, value in means.items())
            tell(f"{stage.name}: step {progress.step} of {stage.steps}  {listed}  {progress.seconds:.0f} s")
            # Only between reports, so that a resumed curve has no half-filled mean.
            if time.monotonic() - saved > stage.save_seconds:
                _save(checkpoint, parameters, average, optimizer, generator, progress)
                saved = time.monotonic()
    _save(checkpoint, parameters, average, optimizer, generator, progress)
    use_average(average, parameters)
    return progress


@torch.no_grad()
def use_average(average: Mapping[str, Tensor], parameters: Mapping[str, nn.Parameter]) -> None:
    """Put averaged weights into the modules."""
    for name, parameter in parameters.items():
        parameter.copy_(average[name])


def load_average(checkpoint: Path, modules: Mapping[str, nn.Module]) -> Progress:
    """Put a checkpoint's averaged weights into modules, finished or not.

    Raises:
        ConfigError: the checkpoint is of other modules.
    """
    from safetensors.torch import load_file

    parameters = {f"{name}.{key}": p for name, module in modules.items() for key, p in module.named_parameters()}
    tensors = load_file(checkpoint)
    _check(checkpoint, tensors, parameters)
    use_average({name: tensors[f"average/{name}"] for name in parameters}, parameters)
    return _progress(checkpoint)


def _save(checkpoint, parameters, average, optimizer, generator, progress: Progress) -> None:
    from safetensors.torch import save_file

    tensors = {"generator": generator.get_state()}
    for name, parameter in parameters.items():
        tensors[f"weight/{name}"] = parameter.detach().contiguous()
        tensors[f"average/{name}"] = average[name].contiguous()
        for key, value in optimizer.state[parameter].items():
            tensors[f"optimizer/{key}/{name}"] = value.contiguous()
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    partial = checkpoint.with_suffix(".partial")
    save_file(tensors, partial, metadata={"progress": json.dumps(vars(progress))})
    partial.replace(checkpoint)


@torch.no_grad()
def _load(checkpoint, parameters, average, optimizer, generator) -> Progress:
    from safetensors.torch import load_file

    tensors = load_file(checkpoint)
    _check(checkpoint, tensors, parameters)
    generator.set_state(tensors["generator"])
    for name, parameter in parameters.items():
        parameter.copy_(tensors[f"weight/{name}"])
        average[name].copy_(tensors[f"average/{name}"])
        keys = [key for key in ("step", "exp_avg", "exp_avg_sq") if f"optimizer/{key}/{name}" in tensors]
        optimizer.state[parameter] = {
            # As Adam makes them: in the parameter's own memory format, which decides the order of its sums.
            key: torch.empty_like(parameter, memory_format=torch.preserve_format).copy_(value) if value.ndim else value
            for key, value in ((key, tensors[f"optimizer/{key}/{name}"]) for key in keys)
        }
    return _progress(checkpoint)


def _progress(checkpoint: Path) -> Progress:
    from safetensors import safe_open

    with safe_open(checkpoint, "pt") as file:
        return Progress(**json.loads(file.metadata()["progress"]))


def _check(checkpoint: Path, tensors: Mapping[str, Tensor], parameters: Mapping[str, nn.Parameter]) -> None:
    for name, parameter in parameters.items():
        held = tensors.get(f"weight/{name}")
        if held is None or held.shape != parameter.shape:
            raise ConfigError(
                f"{checkpoint} must hold {name} of shape {list(parameter.shape)}, but holds "
                f"{'none' if held is None else list(held.shape)}; give another output folder, or delete this file."
            )
