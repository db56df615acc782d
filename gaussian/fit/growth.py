"""What becomes of a scene of Gaussians between two steps of its training: it grows, it is kept to a region, and at the
end the mean of what it passed through takes its place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from scipy.spatial import KDTree
from torch import Tensor, nn

from editor3d.errors import RegionError
from editor3d.types import Shape
from gaussian.fit.averaging import ParameterMean
from gaussian.fit.densify import StrategyConfig, make_strategy


class Growth:
    """Densification, freezing and averaging of the parameters of a scene.

    Args:
        parameters: the scene's own; densification puts others in their place.
        config: when and where Gaussians are added and removed.
        scene_scale: size of the scene, by which thresholds of length are multiplied.
        num_train_data: training views.
    """

    def __init__(
        self, parameters: nn.ParameterDict, config: StrategyConfig, scene_scale: float, num_train_data: int
    ) -> None:
        self._parameters, self._kind = parameters, config.kind
        self.strategy, self.state = make_strategy(config, scene_scale, num_train_data)
        self.info: dict[str, Any] = {}
        """What the rasterizer returned of each Gaussian in this step."""
        self.region: Shape | None = None
        """Where what is free is kept; None where that has no border."""
        self._mean = ParameterMean()
        self._optimizers: dict[str, torch.optim.Optimizer] = {}

    @property
    def _means(self) -> Tensor:
        return self._parameters["means"]

    def freeze_outside(self, where: Shape | Tensor) -> None:
        """From here on leave every number of all Gaussians but those of `where` as it is; see `SplatModel`.

        Raises:
            RegionError: there is no Gaussian inside.
        """
        selected = isinstance(where, Tensor)
        free = where.to(self._means.device) if selected else inside_of(where, self._means)
        if not bool(free.any()):
            raise RegionError(
                f"Expected Gaussians inside the region, found none of {len(free)} there: "
                + ("check its masks." if selected else "check its numbers, which are in the scene file's own frame.")
            )
        self.region, self.state["frozen"] = None if selected else where, ~free

    def before_step(self, optimizers: Mapping[str, torch.optim.Optimizer]) -> None:
        """Take note of what a step begins from.

        Args:
            optimizers: by the parameter's name; a strategy puts new parameters in the place of the old in these very
                ones.
        """
        self._optimizers = dict(optimizers)
        if self.region is not None:
            self._before = self._means.detach()[~self.state["frozen"]].clone()

    def after_step(self, step: int, *, average: bool, last: bool) -> None:
        """Grow, keep inside the region, average.

        Args:
            average: take this step's scene into the mean,
            last: and put that in its place.
        """
        if self.strategy is not None and self.info:  # nothing was drawn where colours alone were fitted
            rate = self._optimizers["means"].param_groups[0]["lr"]
            more = {"lr": rate} if self._kind == "mcmc" else {"packed": False}
            self.strategy.step_post_backward(self._parameters, self._optimizers, self.state, step, self.info, **more)
        if self.region is not None:
            self._keep_inside(self.region)
        self.info = {}
        if average:
            self._average(last)

    def _average(self, last: bool) -> None:
        self._mean.add(dict(self._parameters.items()))
        if last:
            self._mean.put(dict(self._parameters.items()))
            self._mean = ParameterMean()
            if self.region is not None:  # the mean of places inside may lie in a hollow
                self._keep_inside(self.region)

    @torch.no_grad()
    def _keep_inside(self, region: Shape) -> None:
        """Bring what this step has moved out of the region, or made there, to the nearest place where one was."""
        left = (~self.state["frozen"] & ~inside_of(region, self._means)).nonzero()[:, 0]
        if len(left):
            # an index, since a scene may have a million Gaussians and the region most of them
            nearest = KDTree(self._before.cpu().numpy()).query(self._means.data[left].cpu().numpy())[1]
            self._means.data[left] = self._before[torch.from_numpy(nearest).to(self._before.device)]

    def held(self, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """`values`, one row a Gaussian, of which only those that are free get gradients: Adam leaves the other rows,
        bit by bit."""
        if "frozen" not in self.state:
            return dict(values)
        return {name: _held(value, self.state["frozen"]) for name, value in values.items()}

    def counters(self) -> dict[str, int | Tensor]:
        """What densification has gathered since it last acted, and the mean so far, for exact resume."""
        gathered = {name: value for name, value in self.state.items() if isinstance(value, Tensor)}
        return gathered | self._mean.state()

    def load_counters(self, counters: Mapping[str, int | Tensor], device: torch.device) -> None:
        """Take over what `counters` gave."""
        gathered = self._mean.load_state(counters, device)
        self.state.update({name: torch.as_tensor(value).to(device) for name, value in gathered.items()})


def inside_of(region: Shape, points: Tensor) -> Tensor:
    """Which of `points` [N, 3] lie inside a region: [N] bool."""
    return region.contains(points.detach())


def _held(value: Tensor, frozen: Tensor) -> Tensor:
    return torch.where(frozen.view(-1, *(1,) * (value.ndim - 1)), value.detach(), value)
