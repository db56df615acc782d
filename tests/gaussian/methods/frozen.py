"""What an edit of a region leaves alone."""

from __future__ import annotations

import torch
from torch import Tensor

from gaussian.model.parameters import PARAMETERS


def assert_only_the_free_change(trainer) -> Tensor:
    """Trains to the end; every number of the frozen Gaussians stays, and some of the others' change.

    Returns:
        Which are frozen at the end: bool [N].
    """
    model = trainer.pipeline.model
    frozen = model.strategy_state["frozen"].clone()
    before = {name: model.gauss_params[name].detach().clone() for name in PARAMETERS}
    assert 0 < int(frozen.sum()) < len(frozen)
    assert trainer.fit()
    still = model.strategy_state["frozen"]
    assert len(still) == model.num_points
    assert int(still.sum()) == int(frozen.sum())
    for name in PARAMETERS:
        assert torch.equal(model.gauss_params[name].detach()[still], before[name][frozen]), name
    old, new = before["features_dc"][~frozen], model.gauss_params["features_dc"].detach()[~still]
    assert new.shape != old.shape or not torch.equal(new, old)
    return still
