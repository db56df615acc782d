"""The mean of a run's end is that of its states, survives a checkpoint, and leaves alone what never moved."""

from __future__ import annotations

import numpy as np
import torch

from gaussian.fit.averaging import ParameterMean


def states(count: int, size: int = 5) -> list[dict[str, torch.Tensor]]:
    generator = torch.Generator().manual_seed(count)
    frozen = torch.randn(size, 3, generator=generator)
    return [{"means": torch.randn(size, 3, generator=generator), "frozen": frozen.clone()} for _ in range(count)]


def test_it_is_the_mean_of_the_states():
    passed = states(7)
    mean = ParameterMean()
    for state in passed:
        mean.add(state)
    target = {name: torch.zeros_like(value) for name, value in passed[0].items()}
    mean.put(target)
    wanted = np.mean([state["means"].double().numpy() for state in passed], axis=0)
    np.testing.assert_allclose(target["means"].numpy(), wanted, atol=1e-6)
    assert torch.equal(target["frozen"], passed[0]["frozen"])


def test_it_begins_anew_where_a_scene_has_another_number_of_parts():
    mean = ParameterMean()
    for state in (*states(3, size=5), *states(2, size=6)):
        mean.add(state)
    assert mean.count == 2
    assert len(mean.values["means"]) == 6


def test_a_mean_from_a_checkpoint_goes_on_bit_for_bit():
    whole, first, second = ParameterMean(), ParameterMean(), ParameterMean()
    passed = states(9)
    for state in passed:
        whole.add(state)
    for state in passed[:4]:
        first.add(state)
    others = {"grad2d": torch.ones(5)}
    left = second.load_state(first.state() | others, torch.device("cpu"))
    assert left.keys() == others.keys()
    for state in passed[4:]:
        second.add(state)
    assert second.count == whole.count
    assert all(torch.equal(second.values[name], value) for name, value in whole.values.items())


def test_nothing_is_kept_before_the_first_state():
    assert ParameterMean().state() == {}
