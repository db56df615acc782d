"""The style field: it starts by changing nothing, keeps its bounds and its symmetry, and opens from low to high."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from editor3d.errors import ConfigError, InstructionError, RegionError
from mesh.model.field import FieldSettings, StyleField
from mesh.style.config import StyleConfig, read_config
from mesh.style.run import StyleRun

SETTINGS = FieldSettings(frequencies=16, width=16, depth=2, displacement=0.07)


def made(settings: FieldSettings = SETTINGS, seed: int = 0) -> StyleField:
    return StyleField(settings, torch.Generator().manual_seed(seed))


def disturbed(settings: FieldSettings = SETTINGS, size: float = 1.0) -> StyleField:
    """A field whose every parameter is random."""
    field = made(settings)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in field.parameters():
            parameter.add_(size * torch.randn(parameter.shape, generator=generator))
    return field


def points(count: int = 200) -> torch.Tensor:
    return torch.randn(count, 3, generator=torch.Generator().manual_seed(2))


def test_a_new_field_changes_nothing():
    field = made()
    change, displacement = field(field.encode(points()))
    assert not change.any()
    assert not displacement.any()


@pytest.mark.parametrize("size", [1.0, 100.0])
def test_displacement_and_colour_keep_their_bounds(size):
    field = disturbed(size=size)
    change, displacement = field(field.encode(points()))
    assert displacement.abs().max() <= SETTINGS.displacement
    assert change.abs().max() <= 1.0
    assert displacement.std() > 0


@pytest.mark.parametrize(("axis", "index"), [("x", 0), ("y", 1), ("z", 2)])
def test_symmetry_gives_both_halves_the_same_style(axis, index):
    field = disturbed(replace(SETTINGS, symmetry=axis))
    mirrored = points()
    mirrored[:, index] *= -1
    for one, other in zip(field(field.encode(points())), field(field.encode(mirrored)), strict=True):
        assert torch.equal(one, other)
    field = disturbed()
    assert not torch.equal(field(field.encode(points()))[0], field(field.encode(mirrored))[0])


def test_frequencies_open_from_low_to_high():
    field = disturbed()
    lengths = field.frequencies.norm(dim=1)
    assert (lengths.diff() >= 0).all()
    field.open_to(0.0)
    assert field.open[:3].all()
    assert not field.open[3:].any()
    seen = 0
    for share in (0.25, 0.5, 1.0):
        field.open_to(share)
        cosines, sines = field.open[3:].view(2, -1)
        assert torch.equal(cosines, sines)
        count = int((cosines > 0).sum())
        assert count == round(share * 16) > seen
        assert (cosines[:count] > 0).all()  # the shortest
        seen = count
    assert field.open.min() == 1.0


def test_closed_frequencies_have_no_say_and_no_gradient():
    field = disturbed()
    field.open_to(0.5)
    features = field.encode(points())
    hidden = features.clone()
    hidden[:, 3 + 8 : 3 + 16] = 5.0
    assert torch.allclose(field(features)[0], field(hidden)[0])
    field(features)[0].square().sum().backward()
    gradient = field.trunk[0].weight.grad
    assert not gradient[:, 3 + 8 : 3 + 16].any()
    assert gradient[:, 3 : 3 + 8].any()


def test_an_open_field_depends_on_every_frequency():
    field = disturbed()
    field(field.encode(points()))[0].square().sum().backward()
    assert field.trunk[0].weight.grad.abs().sum(0).min() > 0


@pytest.mark.parametrize("at_points", [False, True])
@pytest.mark.parametrize("file", ["ball_file", "box_file"])
def test_an_untouched_field_renders_the_input_bit_for_bit(at_points, file, config, request, tmp_path):
    run = StyleRun(
        config(
            mesh=str(request.getfixturevalue(file)),
            detail="points" if at_points else "vertices",
            style={"displacement": 0.1},
        ),
        tmp_path / "run",
        device="cpu",
    )
    styled = run.styled
    for (one, _), (other, _) in zip(
        styled.pictures(run.stage.train_cameras, 2),
        styled.pictures(run.stage.train_cameras, 2, styled=False),
        strict=True,
    ):
        assert torch.equal(one, other)
    assert (styled.result_vertices() == styled.surface.vertices).all()


def test_seeds_make_fields():
    assert torch.equal(made().frequencies, made().frequencies)
    assert not torch.equal(made().frequencies, made(seed=1).frequencies)


@pytest.mark.parametrize(
    "settings",
    [{"displacement": 1.5}, {"displacement": -0.1}, {"sigma": 0}, {"width": 0}, {"symmetry": "w"}, {"opening": 2}],
)
def test_sizes_out_of_range_are_refused(settings):
    with pytest.raises(ConfigError):
        FieldSettings(**settings)


def test_a_configuration_is_read_as_it_was_written(config, tmp_path):
    written = config(region="sphere:0,0,0,1", style={"symmetry": "x"}, views={"front": (0, 0, 1)})
    written.write(tmp_path)
    assert read_config(tmp_path) == written


@pytest.mark.parametrize(
    ("error", "settings"),
    [
        (InstructionError, {"instruction": ""}),
        (InstructionError, {"prompt": "a bronze ball", "instruction": "make it bronze"}),
        (ConfigError, {"steps": 0}),
        (ConfigError, {"learning_rate": 2.0}),
        (ConfigError, {"background": (0, 0, 2)}),
        (ConfigError, {"detail": "texels"}),
        (RegionError, {"region": "cone:1"}),
    ],
)
def test_a_configuration_that_cannot_work_is_refused(error, settings):
    with pytest.raises(error):
        StyleConfig(**{"mesh": "a.obj", "instruction": "make it bronze", **settings})


def test_an_unknown_key_is_refused(config, tmp_path: Path):
    config().write(tmp_path)
    path = tmp_path / "mesh.json"
    path.write_text(path.read_text().replace('"width"', '"breadth"'))
    with pytest.raises(ConfigError, match="breadth"):
        read_config(tmp_path)


def test_a_long_word_in_a_configuration_is_shortened(config, tmp_path: Path):
    config().write(tmp_path)
    path = tmp_path / "mesh.json"
    path.write_text(path.read_text().replace('"none"', '"' + "x" * 10_000 + '"'))
    with pytest.raises(ConfigError) as refused:
        read_config(tmp_path)
    assert len(str(refused.value)) < len(str(path)) + 600
