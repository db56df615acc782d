"""Adding and removing Gaussians while they are trained: gsplat's strategies, on any device."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from gsplat.strategy import DefaultStrategy, MCMCStrategy
from gsplat.strategy.ops import _multinomial_sample, _update_param_with_optimizer, duplicate, remove, split
from torch import Tensor

from editor3d.errors import ConfigError

_MCMC_GAUSSIANS = 1_000_000
_MAX_COPIES = 51  # as in the paper's code: more copies of one Gaussian than this count as so many


@dataclass
class StrategyConfig:
    """When and where Gaussians are added and removed. Values are those of splatfacto where not said otherwise."""

    kind: Literal["default", "mcmc", "none"] = "default"
    """Choose the densification. default: 3D Gaussian Splatting's cloning, splitting and pruning. mcmc: relocation, up
    to a fixed number of Gaussians. none: the number stays as it is."""
    refine_start: int = 500
    """Start adding and removing Gaussians after this step."""
    refine_every: int = 100
    """Add and remove Gaussians every this many steps."""
    refine_stop: int = 15_000
    """Stop adding and removing Gaussians at this step."""
    reset_every: int = 3000
    """Reset opacities every this many steps, so that superfluous Gaussians can be recognised (kind default)."""
    pause_after_reset: int | None = 0
    """Add and remove nothing for this many steps after a reset (kind default). None, as splatfacto: the number of
    training views plus `refine_every`, so that every view is seen once."""
    screen_size_stop: int = 0
    """Split and remove Gaussians by their size in the picture, too, until this step (kind default). splatfacto:
    4000."""
    grow_scale2d: float = 0.05
    """Split a Gaussian whose radius exceeds this share of the picture's longer side (kind default)."""
    prune_scale2d: float = 0.15
    """Remove a Gaussian whose radius exceeds this share of the picture's longer side (kind default)."""
    absgrad: bool = True
    """Grow by absolute gradients, as AbsGS does (kind default)."""
    grow_grad2d: float = 0.0008
    """Clone or split a Gaussian whose projected centre has a larger mean gradient than this (kind default)."""
    grow_scale3d: float = 0.01
    """Clone Gaussians smaller than this and split larger ones, in scene units (kind default)."""
    prune_opacity: float = 0.1
    """Remove a Gaussian whose opacity is below this (kind default)."""
    min_opacity: float = 0.005
    """Relocate a Gaussian whose opacity is below this (kind mcmc)."""
    prune_scale3d: float = 0.5
    """Remove a Gaussian larger than this, in scene units (kind default)."""
    max_gaussians: int | None = 1_000_000
    """Make no more Gaussians than this. None, as splatfacto: no bound with default, one million with mcmc."""
    noise_lr: float = 5e5
    """Scale the noise on positions, in units of their learning rate (kind mcmc)."""
    opacity_reg: float = 0.01
    """Weight the mean opacity in the loss (kind mcmc)."""
    scale_reg: float = 0.01
    """Weight the mean scale in the loss (kind mcmc)."""

    def regularization(self, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What the strategy adds to the loss."""
        if self.kind != "mcmc":
            return {}
        return {
            "opacity_reg": self.opacity_reg * parameters["opacities"].sigmoid().mean(),
            "scale_reg": self.scale_reg * parameters["scales"].exp().mean(),
        }


class BoundedDefaultStrategy(DefaultStrategy):
    """gsplat's default strategy up to a number of Gaussians: near it, only the most wanting ones grow."""

    max_gaussians: int | None = None

    def step_post_backward(self, params, optimizers, state, step, info, packed=False) -> None:
        """Gather what densification goes by, and densify when it is due."""
        if step == 0:  # gsplat takes it for a multiple of `reset_every`, and would fade what an edit begins from
            return
        kept = params["opacities"].detach()[state["frozen"]] if "frozen" in state else None
        super().step_post_backward(params, optimizers, state, step, info, packed)
        if kept is not None:  # opacities are set back without regard to what is frozen
            params["opacities"].data[state["frozen"]] = kept

    def step_pre_backward(self, *args, **kwargs) -> None:
        """Nothing: the model keeps the projected centres' gradients itself."""

    @torch.no_grad()
    def _grow_gs(self, params, optimizers, state, step) -> tuple[int, int]:
        """As gsplat's, sparing what is frozen, and up to the bound."""
        gradients = state["grad2d"] / state["count"].clamp_min(1)
        steep = gradients > self.grow_grad2d
        small = params["scales"].exp().amax(-1) <= self.grow_scale3d * state["scene_scale"]
        cloned, parted = steep & small, steep & ~small
        if step < self.refine_scale2d_stop_iter:
            parted |= state["radii"] > self.grow_scale2d
        growing = (cloned | parted) & _free(params, state)
        if self.max_gaussians is not None:
            room = max(0, self.max_gaussians - len(growing))
            if int((cloned & growing).sum() + (parted & growing).sum()) > room:
                order = torch.where(growing, gradients, -1.0).argsort(descending=True, stable=True)
                growing[order[room:]] = False
                cloned &= ~parted  # what is both would grow by two
        cloned, parted = cloned & growing, parted & growing
        added = int(cloned.sum())
        if added:
            duplicate(params=params, optimizers=optimizers, state=state, mask=cloned)
        # what was cloned just now is not split
        parted = torch.cat([parted, parted.new_zeros(added)])
        if bool(parted.any()):
            split(params=params, optimizers=optimizers, state=state, mask=parted)
        return added, int(parted.sum())

    @torch.no_grad()
    def _prune_gs(self, params, optimizers, state, step) -> int:
        """As gsplat's, sparing what is frozen."""
        pruned = params["opacities"].sigmoid().flatten() < self.prune_opa
        if step > self.reset_every:
            pruned |= params["scales"].exp().amax(-1) > self.prune_scale3d * state["scene_scale"]
            if step < self.refine_scale2d_stop_iter:
                pruned |= state["radii"] > self.prune_scale2d
        pruned &= _free(params, state)
        if bool(pruned.any()):
            remove(params=params, optimizers=optimizers, state=state, mask=pruned)
        return int(pruned.sum())


def relocation(opacities: Tensor, scales: Tensor, ratios: Tensor) -> tuple[Tensor, Tensor]:
    """Opacity and scales of each of the N equal Gaussians that take the place of one (3DGS as MCMC, equation 9).

        o' = 1 - (1 - o)^(1/N),    s' = s o / sum_{i=1}^N sum_{k=0}^{i-1} C(i-1, k) (-1)^k o'^(k+1) / sqrt(k + 1)

    Args:
        opacities: [M] in 0..1.
        scales: [M, 3].
        ratios: [M] whole numbers N >= 1.

    Returns:
        [M] and [M, 3].
    """
    ratios = ratios.clamp(1, _MAX_COPIES).long()
    new = 1.0 - (1.0 - opacities.double()).pow(1.0 / ratios)
    # sum_i C(i-1, k) over i = 1..N is C(N, k+1)
    k = torch.arange(_MAX_COPIES, device=opacities.device)
    binomials = torch.tensor(
        [[math.comb(n, j + 1) * (-1.0) ** j / math.sqrt(j + 1) for j in range(_MAX_COPIES)]
         for n in range(_MAX_COPIES + 1)],
        dtype=torch.float64, device=opacities.device,
    )  # fmt: skip
    denominator = (binomials[ratios] * new[:, None].pow(k + 1)).sum(-1)
    return new.to(opacities.dtype), (opacities.double() / denominator).to(scales.dtype)[:, None] * scales


class AnyDeviceMCMCStrategy(MCMCStrategy):
    """gsplat's MCMC strategy without its CUDA-only relocation and covariances."""

    def step_post_backward(self, params, optimizers, state, step, info, lr) -> None:
        """Relocate, add, and stir; called after the optimisers' step."""
        if self.refine_start_iter < step < self.refine_stop_iter and step % self.refine_every == 0:
            self._relocate_gs(params, optimizers, state)
            self._add_new_gs(params, optimizers, state)
        self._stir(params, state, lr * self.noise_lr)

    @torch.no_grad()
    def _relocate_gs(self, params, optimizers, state) -> int:
        opacities, free = params["opacities"].sigmoid().flatten(), _free(params, state)
        dead = (free & (opacities <= self.min_opacity)).nonzero()[:, 0]
        alive = (free & (opacities > self.min_opacity)).nonzero()[:, 0]
        if len(dead) and len(alive):
            self._copy(params, optimizers, alive[_multinomial_sample(opacities[alive], len(dead))], dead)
        return len(dead)

    @torch.no_grad()
    def _add_new_gs(self, params, optimizers, state) -> int:
        free = _free(params, state)
        new = max(0, min(self.cap_max - len(free), int(0.05 * int(free.sum()))))
        if new:
            opacities = params["opacities"].sigmoid().flatten() * free
            self._copy(params, optimizers, _multinomial_sample(opacities, new), None)
            if "frozen" in state:
                state["frozen"] = torch.cat([state["frozen"], state["frozen"].new_zeros(new)])
        return new

    def _copy(self, params, optimizers, chosen: Tensor, onto: Tensor | None) -> None:
        """Let copies of `chosen` take the places `onto`, or be added; all share the original's light."""
        ratios = torch.bincount(chosen, minlength=len(params["means"]))[chosen] + 1
        opacities, scales = relocation(
            params["opacities"].sigmoid().flatten()[chosen], params["scales"].exp()[chosen], ratios
        )
        logits = opacities.clamp(self.min_opacity, 1.0 - torch.finfo(torch.float32).eps).logit()
        fresh = {"opacities": logits[:, None], "scales": scales.log()}

        def parameter(name: str, value: Tensor) -> torch.nn.Parameter:
            value = value.detach().clone()
            if name in fresh:
                value[chosen] = fresh[name].view_as(value[chosen])
            if onto is None:
                value = torch.cat([value, value[chosen]])
            else:
                value[onto] = value[chosen]
            return torch.nn.Parameter(value)

        def moment(key: str, value: Tensor) -> Tensor:
            value = value.clone()
            value[chosen] = 0
            return torch.cat([value, torch.zeros_like(value[chosen])]) if onto is None else value

        _update_param_with_optimizer(parameter, moment, params, optimizers)

    @torch.no_grad()
    def _stir(self, params, state, strength: float) -> None:
        """Move transparent Gaussians about, within their own shape: means += M M^T noise, M = rotation diag(scales)."""
        from gsplat.cuda._torch_impl import _quat_scale_to_matrix

        opacities = params["opacities"].sigmoid().flatten()
        shape = _quat_scale_to_matrix(params["quats"], params["scales"].exp())
        gate = 1.0 / (1.0 + torch.exp(-100.0 * ((1.0 - opacities) - 0.995)))
        noise = torch.randn_like(params["means"]) * (gate * strength * _free(params, state))[:, None]
        params["means"].add_((shape @ (shape.mT @ noise[..., None]))[..., 0])


def _free(params, state) -> Tensor:
    """Which Gaussians may change: [N] bool."""
    if "frozen" in state:
        return ~state["frozen"]
    return torch.ones(len(params["means"]), dtype=torch.bool, device=params["means"].device)


def make_strategy(
    config: StrategyConfig, scene_scale: float = 1.0, views: int = 0
) -> tuple[Any, dict[str, Any]]:  # fmt: skip
    """The strategy of a configuration and its state; (None, {}) for none. Thresholds of length grow with the scale.

    Args:
        views: how many pictures are trained on.

    Raises:
        ConfigError: a value is out of range.
    """
    if min(config.refine_every, config.reset_every, 1 if config.max_gaussians is None else config.max_gaussians) < 1:
        raise ConfigError(
            f"Expected refine-every, reset-every and max-gaussians of at least 1, got {config.refine_every}, "
            f"{config.reset_every} and {config.max_gaussians}: raise them."
        )
    if config.kind == "none":
        return None, {}
    if config.kind == "mcmc":
        strategy = AnyDeviceMCMCStrategy(
            cap_max=_MCMC_GAUSSIANS if config.max_gaussians is None else config.max_gaussians,
            noise_lr=config.noise_lr,
            refine_start_iter=config.refine_start,
            refine_stop_iter=config.refine_stop,
            refine_every=config.refine_every,
            min_opacity=config.min_opacity,
        )
        return strategy, {}
    pause = views + config.refine_every if config.pause_after_reset is None else config.pause_after_reset
    strategy = BoundedDefaultStrategy(
        prune_opa=config.prune_opacity,
        grow_grad2d=config.grow_grad2d,
        grow_scale3d=config.grow_scale3d,
        grow_scale2d=config.grow_scale2d,
        prune_scale3d=config.prune_scale3d,
        prune_scale2d=config.prune_scale2d,
        refine_scale2d_stop_iter=config.screen_size_stop,
        refine_start_iter=config.refine_start,
        refine_stop_iter=config.refine_stop,
        refine_every=config.refine_every,
        reset_every=config.reset_every,
        pause_refine_after_reset=pause,
        absgrad=config.absgrad,
    )
    strategy.max_gaussians = config.max_gaussians
    return strategy, strategy.initialize_state(scene_scale=scene_scale)
