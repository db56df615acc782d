"""Adam for voxel grids: moves only the voxels that a batch has seen, and carries the smoothness prior."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from nerfstudio.engine.optimizers import OptimizerConfig

from nerf_methods.voxel.kernels.step import add_smoothness_gradient, sparse_adam


class VoxelAdam(torch.optim.Optimizer):
    """Adam that leaves entries with zero gradient, and their moments, untouched.

    Ordinary Adam keeps moving a voxel along its old momentum long after the last ray has seen it, and pays for the
    whole grid at each step. As weight decay is elsewhere, the total-variation prior is a term of the update: it depends
    on the parameters alone, and computing it here costs one pass over the voxels just seen.

    Args:
        params: parameters [X, Y, Z, 4] (raw density, raw colour).
        lr: learning rate.
        betas, eps: as in Adam.
        density_lr_scale: factor on `lr` for raw density, whose useful range is wider than colour's.
        density_smoothness, color_smoothness: weights of the total-variation prior, in units of the data gradient.
    """

    def __init__(
        self,
        params,
        lr: float = 0.1,
        betas: tuple[float, float] = (0.9, 0.99),
        eps: float = 1e-15,
        density_lr_scale: float = 1.0,
        density_smoothness: float = 0.0,
        color_smoothness: float = 0.0,
    ) -> None:
        defaults = dict(
            lr=lr,
            betas=betas,
            eps=eps,
            density_lr_scale=density_lr_scale,
            density_smoothness=density_smoothness,
            color_smoothness=color_smoothness,
        )
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure=None):
        """One update; `closure`, if given, is evaluated first and its loss returned."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None or p.numel() == 0:
                    continue
                state = self.state[p]
                if not state:
                    state["step"] = 0
                    state["exp_avg"] = torch.zeros_like(p)
                    state["exp_avg_sq"] = torch.zeros_like(p)
                state["step"] += 1
                if p.device.type == "cpu":
                    self._step_compiled(p, state, group)
                else:
                    self._step_torch(p, state, group)
        return loss

    @staticmethod
    def _step_compiled(p: torch.Tensor, state: dict, group: dict) -> None:
        assert p.grad is not None
        f4 = np.float32  # Python floats would turn the kernels' arithmetic into float64
        grad = p.grad if p.grad.is_contiguous() else p.grad.contiguous()
        if group["density_smoothness"] or group["color_smoothness"]:
            add_smoothness_gradient(
                p.detach().numpy(), grad.numpy(), f4(group["density_smoothness"]), f4(group["color_smoothness"])
            )
        beta1, beta2 = group["betas"]
        sparse_adam(
            p.detach().numpy().reshape(-1),
            grad.numpy().reshape(-1),
            state["exp_avg"].numpy().reshape(-1),
            state["exp_avg_sq"].numpy().reshape(-1),
            f4(group["lr"] * group["density_lr_scale"]),
            f4(group["lr"]),
            f4(beta1),
            f4(beta2),
            f4(group["eps"]),
            f4(1.0 - beta1 ** state["step"]),
            f4(1.0 - beta2 ** state["step"]),
        )

    @staticmethod
    def _step_torch(p: torch.Tensor, state: dict, group: dict) -> None:
        assert p.grad is not None
        grad = p.grad
        used = grad != 0
        seen = used[..., :2].any(-1, keepdim=True)
        weights = torch.tensor(
            [group["density_smoothness"]] + 3 * [group["color_smoothness"]], device=p.device, dtype=p.dtype
        )
        if bool((weights > 0).any()):
            pull = torch.zeros_like(p)
            for axis in range(3):
                difference = p.diff(dim=axis).clamp(-1.0, 1.0)
                inner = p.shape[axis] - 1
                pull.narrow(axis, 1, inner).add_(difference)
                pull.narrow(axis, 0, inner).sub_(difference)
            grad = grad + pull * weights * seen
        beta1, beta2 = group["betas"]
        m = state["exp_avg"] * beta1 + grad * (1.0 - beta1)
        v = state["exp_avg_sq"] * beta2 + grad * grad * (1.0 - beta2)
        scale = torch.tensor([group["density_lr_scale"], 1.0, 1.0, 1.0], device=p.device, dtype=p.dtype)
        rate = scale * (group["lr"] / (1.0 - beta1 ** state["step"]))
        moved = p - rate * m / (v.sqrt() / (1.0 - beta2 ** state["step"]) ** 0.5 + group["eps"])
        used = grad != 0
        state["exp_avg"] = torch.where(used, m, state["exp_avg"])
        state["exp_avg_sq"] = torch.where(used, v, state["exp_avg_sq"])
        p.copy_(torch.where(used, moved, p))


@dataclass
class VoxelAdamConfig(OptimizerConfig):
    """nerfstudio's configuration of `VoxelAdam`."""

    _target: type = field(default_factory=lambda: VoxelAdam)
    lr: float = 0.1
    """Set the learning rate of the raw density and colour values."""
    eps: float = 1e-15
    density_lr_scale: float = 10.0
    """Multiply `lr` by this for raw density."""
    density_smoothness: float = 3e-9
    """Weight the total-variation prior on raw density."""
    color_smoothness: float = 1e-9
    """Weight the total-variation prior on raw colour."""

    def for_kept_shape(self) -> VoxelAdamConfig:
        """This configuration for an edit that changes colours alone: the density stays.

        Free density would fit highlights by holes and bumps, and what edits disagree on by fog before the cameras.
        """
        return replace(self, density_lr_scale=0.0)

    def setup(self, params) -> VoxelAdam:
        own = ("_target", "max_norm")
        return self._target(params, **{key: value for key, value in vars(self).items() if key not in own})
