from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from editor3d.errors import DataError
from gaussian.splats import (
    Splats,
    checked,
    concatenate,
    select,
    sh_basis,
    sh_rotation,
    transform,
    transform_back,
    with_sh_degree,
)


def random_splats(seed: int, count: int = 5, degree: int = 3) -> Splats:
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    return Splats(
        normal(count, 3), normal(count, 3) - 3, normal(count, 4), normal(count), normal(count, (degree + 1) ** 2, 3)
    )


def random_similarity(seed: int) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    linear = rng.uniform(0.1, 10) * Rotation.random(random_state=seed).as_matrix()
    return torch.tensor(np.concatenate([linear, rng.normal(size=(3, 1))], 1))


def unit_directions(seed: int, count: int = 50) -> torch.Tensor:
    vectors = torch.randn(count, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return vectors / vectors.norm(dim=-1, keepdim=True)


def covariances(splats: Splats) -> np.ndarray:
    """[N, 3, 3], by scipy's quaternions."""
    w, x, y, z = splats.quats.double().numpy().T
    axes = Rotation.from_quat(np.stack([x, y, z, w], 1)).as_matrix() * splats.log_scales.double().exp().numpy()[:, None]
    return axes @ axes.transpose(0, 2, 1)


def same_bits(one: Splats, other: Splats) -> bool:
    return all(torch.equal(getattr(one, field.name), getattr(other, field.name)) for field in fields(Splats))


def test_the_basis_is_that_of_gsplat():
    reference = pytest.importorskip("gsplat.cuda._torch_impl")._eval_sh_bases_fast
    directions = unit_directions(0)
    for degree in range(4):
        assert torch.allclose(sh_basis(directions, degree), reference((degree + 1) ** 2, directions), atol=1e-12)


@given(st.integers(0, 10**6), st.integers(1, 3))
@settings(max_examples=30, deadline=None)
def test_turned_bands_are_an_orthogonal_representation(seed, degree):
    one, two = (torch.tensor(Rotation.random(random_state=seed + i).as_matrix()) for i in range(2))
    turned = sh_rotation(one, degree)
    assert torch.allclose(turned @ turned.T, torch.eye(2 * degree + 1, dtype=torch.float64), atol=1e-12)
    assert torch.allclose(sh_rotation(one @ two, degree), turned @ sh_rotation(two, degree), atol=1e-12)


@given(st.integers(0, 10**6), st.integers(0, 3))
@settings(max_examples=30, deadline=None)
def test_a_transformed_scene_looks_the_same_from_a_camera_that_moves_along(seed, degree):
    splats, similarity = random_splats(seed, degree=degree), random_similarity(seed)
    moved = transform(splats, similarity)
    linear, scale = similarity[:, :3], torch.linalg.det(similarity[:, :3]) ** (1 / 3)
    assert torch.allclose(
        moved.means.double(), splats.means.double() @ linear.T + similarity[:, 3], rtol=1e-6, atol=1e-5
    )
    expected = linear.numpy() @ covariances(splats) @ linear.numpy().T
    size = np.trace(expected, axis1=1, axis2=2)[:, None, None]
    assert np.abs(covariances(moved) - expected).max() <= 1e-4 * size.max()
    assert (np.abs(covariances(moved) - expected) <= 1e-5 * size).all()
    assert torch.equal(moved.opacity_logits, splats.opacity_logits)

    directions = unit_directions(seed)
    before = torch.einsum("dk,nkc->ndc", sh_basis(directions, degree), splats.sh.double())
    along = directions @ (linear / scale).T
    after = torch.einsum("dk,nkc->ndc", sh_basis(along, degree), moved.sh.double())
    assert torch.allclose(before, after, atol=1e-5)


@given(st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_a_transform_and_its_inverse_leave_the_scene_as_it_was(seed):
    splats, similarity = random_splats(seed), random_similarity(seed)
    inverse = torch.linalg.inv(torch.cat([similarity, torch.tensor([[0.0, 0, 0, 1]], dtype=torch.float64)]))[:3]
    scale = float(torch.linalg.det(similarity[:, :3]) ** (1 / 3))
    there = transform(splats, similarity)
    for back in (transform(there, inverse), transform_back(there, similarity / scale, scale)[0]):
        for field in fields(Splats):
            # q and -q are one rotation; going forth and back keeps the sign or turns it for all components at once
            one, other = getattr(splats, field.name), getattr(back, field.name)
            if field.name == "quats":
                other = other * (one * other).sum(1, keepdim=True).sign()
            assert torch.allclose(one, other, atol=1e-4), field.name


def test_the_frame_of_the_capture_itself_keeps_every_bit():
    splats = random_splats(0)
    assert same_bits(transform_back(splats, torch.eye(4)[:3], 1.0)[0], splats)


@pytest.mark.parametrize(
    "matrix",
    [
        torch.diag(torch.tensor([1.0, 1.0, -1.0])),
        torch.diag(torch.tensor([1.0, 2.0, 1.0])),
        torch.zeros(3, 3),
        torch.full((3, 3), float("nan")),
    ],
)
def test_what_is_no_similarity_is_refused(matrix):
    with pytest.raises(ValueError, match="similarity|rotation"):
        transform(random_splats(0), torch.cat([matrix, torch.zeros(3, 1)], 1))
    with pytest.raises(ValueError, match="3, 4"):
        transform(random_splats(0), matrix)


@given(st.lists(st.booleans(), min_size=8, max_size=8), st.integers(0, 3))
@settings(deadline=None)
def test_a_selection_and_its_complement_are_the_whole(mask, degree):
    splats, mask = random_splats(1, 8, degree), torch.tensor(mask)
    inside, outside = select(splats, mask), select(splats, ~mask)
    assert len(inside) + len(outside) == 8
    both = concatenate([inside, outside])
    order = torch.cat([mask.nonzero().flatten(), (~mask).nonzero().flatten()])
    assert same_bits(both, select(splats, order))
    assert same_bits(select(both, order.argsort()), splats)


def test_parts_of_lower_degree_are_padded():
    whole = concatenate([random_splats(0, 2, 0), random_splats(1, 3, 2)])
    assert whole.sh_degree == 2
    assert len(whole) == 5
    assert (whole.sh[:2, 1:] == 0).all()
    assert same_bits(with_sh_degree(select(whole, torch.arange(2)), 0), random_splats(0, 2, 0))
    with pytest.raises(ValueError, match="at least one"):
        concatenate([])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("means", torch.zeros(4, 3)),
        ("means", torch.zeros(())),
        ("quats", torch.zeros(5, 3)),
        ("opacity_logits", torch.zeros(5, 1)),
        ("sh", torch.zeros(5, 5, 3)),
        ("sh", torch.zeros(5, 25, 3)),
        ("log_scales", torch.zeros(5, 3, dtype=torch.float64)),
    ],
)
def test_tensors_that_do_not_belong_together_are_refused(name, value):
    with pytest.raises(ValueError, match="must be"):
        replace(random_splats(0), **{name: value})


@given(st.sampled_from([field.name for field in fields(Splats)]), st.sampled_from(["nan", "inf", "-inf"]))
@settings(deadline=None)
def test_what_cannot_be_drawn_is_named(name, value):
    splats = random_splats(0)
    assert checked(splats, "it") is splats
    broken = getattr(splats, name).clone()
    broken[3] = float(value)
    with pytest.raises(DataError, match=r"scene\.ply: 1 of 5 .* number 3"):
        checked(replace(splats, **{name: broken}), "scene.ply")


def test_zero_rotations_and_empty_scenes_are_named():
    splats = random_splats(0)
    with pytest.raises(DataError, match="zero length"):
        checked(replace(splats, quats=torch.zeros(5, 4)), "scene.ply")
    with pytest.raises(DataError, match="no Gaussians"):
        checked(select(splats, torch.zeros(5, dtype=torch.bool)), "scene.ply")
