"""Presets: each loads into its method, what the user says wins, and nothing unknown passes."""

from __future__ import annotations

from copy import deepcopy
from functools import reduce

import pytest
import yaml

from editor3d.editors import EDITORS
from editor3d.errors import ConfigError
from editor3d.plugin.train import presets
from editor3d.plugin.train.presets import apply_preset, preset_names, read_preset
from editor3d.registry import METHODS, load_target

PAPER = {
    "pipeline.edit_rate": 10,
    "pipeline.edit_count": 1,
    "pipeline.lower_bound": 0.02,
    "pipeline.upper_bound": 0.98,
    "pipeline.guidance_scale": 7.5,
    "pipeline.image_guidance_scale": 1.5,
    "pipeline.diffusion_steps": 20,
    "pipeline.schedule": "cyclic",
    "pipeline.noise_schedule": "uniform",
    "pipeline.condition_on": "original",
}
SIZES = {
    "in2n": (15_000, 16_384, True, 1.0),
    "in2n-small": (30_000, 16_384, False, 1.0),
    "in2n-tiny": (30_000, 4096, False, 0.0),
}


def method_config(name: str):
    return deepcopy(load_target(METHODS[name].target).config)


def value(config, path: str):
    return reduce(
        lambda owner, key: owner[key] if isinstance(owner, dict) else getattr(owner, key), path.split("."), config
    )


@pytest.fixture
def own_preset(tmp_path, monkeypatch):
    """Writes a preset `mine` into a folder of its own."""
    monkeypatch.setattr(presets, "presets_folder", lambda: tmp_path)

    def write(**body):
        (tmp_path / "mine.yaml").write_text(yaml.safe_dump({"summary": "s", "method": "in2n", "values": {}, **body}))

    return write


@pytest.mark.parametrize("name", preset_names())
def test_each_preset_loads_into_its_method(name):
    preset = read_preset(name)
    config = method_config(preset["method"])
    before = {path: value(config, path) for path in preset["values"]}
    apply_preset(config, name)
    for path, wanted in preset["values"].items():
        assert value(config, path) == wanted
        assert type(value(config, path)) is type(before[path]) or None in (before[path], wanted)
    config.pipeline.schedule_for(EDITORS["ip2p"].info)
    assert preset["summary"].strip()


def test_the_splat_preset_is_the_papers():
    config = method_config("igs2gs")
    apply_preset(config, "igs2gs-paper")
    pipeline = config.pipeline
    assert (config.max_num_iterations, pipeline.edit_rate, pipeline.schedule) == (7500, 2500, "all-at-once")
    assert (pipeline.guidance_scale, pipeline.image_guidance_scale) == (12.5, 1.5)
    assert (pipeline.lower_bound, pipeline.upper_bound, pipeline.diffusion_steps) == (0.7, 0.98, 20)
    assert (pipeline.model.ssim_lambda, pipeline.lpips_weight) == (0.2, 0.0)
    # splatfacto's rates as they are at its step 30 000
    from nerfstudio.configs.method_configs import method_configs

    theirs = method_configs["splatfacto"].optimizers
    for name, group in config.optimizers.items():
        scheduler = theirs[name]["scheduler"]
        wanted = theirs[name]["optimizer"].lr if scheduler is None else scheduler.lr_final
        assert group["optimizer"].lr == pytest.approx(wanted)
        assert group["scheduler"] is None or group["scheduler"].lr_final == pytest.approx(wanted)


@pytest.mark.parametrize("method", SIZES)
def test_paper_presets_are_the_papers(method):
    config = method_config(method)
    apply_preset(config, f"{method}-paper")
    for path, wanted in PAPER.items():
        assert value(config, path) == wanted
    steps, rays, full, lpips = SIZES[method]
    assert config.max_num_iterations == steps
    assert config.pipeline.datamanager.train_num_rays_per_batch == rays
    assert config.pipeline.ip2p_use_full_precision is full
    assert config.pipeline.lpips_weight == lpips


def test_what_the_user_sets_wins():
    config = method_config("in2n")
    config.max_num_iterations, config.pipeline.diffusion_steps = 77, 33
    apply_preset(config, "in2n-quick")
    assert (config.max_num_iterations, config.pipeline.diffusion_steps) == (77, 33)
    assert config.options.base_steps == read_preset("in2n-quick")["values"]["options.base_steps"]


def test_a_preset_applied_twice_is_a_preset_applied_once():
    config = method_config("in2n")
    apply_preset(config, "in2n-quick")
    once = deepcopy(config)
    apply_preset(config, "in2n-quick")
    assert config == once
    assert method_config("in2n") != once  # and the method itself is as it was


@pytest.mark.parametrize(
    "path", ["no_such_key", "pipeline.no_such", "pipeline.check", "optimizers.fields.scheduler.no"]
)
def test_unknown_keys_are_refused(own_preset, path):
    own_preset(values={path: 1})
    with pytest.raises(ConfigError, match=f"sets {path}, which in2n does not have"):
        apply_preset(method_config("in2n"), "mine")


def test_lists_become_the_tuples_they_stand_for(own_preset):
    own_preset(values={"pipeline.model.background": [0.1, 0.2, 0.3]})
    config = method_config("in2n")
    if not isinstance(getattr(config.pipeline.model, "background", None), tuple):
        pytest.skip("this machine's in2n has no value that is a list")
    apply_preset(config, "mine")
    assert config.pipeline.model.background == (0.1, 0.2, 0.3)


def test_other_methods_names_and_contents_are_refused(own_preset):
    own_preset(method="in2n-tiny")
    with pytest.raises(ConfigError, match="is for in2n-tiny, not for in2n"):
        apply_preset(method_config("in2n"), "mine")
    with pytest.raises(ConfigError, match="did you mean mine"):
        read_preset("mime")
    own_preset(extra=1)
    with pytest.raises(ConfigError, match="found extra"):
        read_preset("mine")


def test_an_edit_takes_its_preset(tiny_edit):
    config = tiny_edit(preset="in2n-quick", steps=5)
    config.check()
    assert config.max_num_iterations == 5
    assert config.pipeline.diffusion_steps == 10


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[", "found while parsing"),
        ("- 1", "found list"),
        ("", "found NoneType"),
        ("summary: s\nmethod: in2n\n", "found summary, method"),
        ("summary: s\nmethod: in2n\nvalues: 1\n", "a dict as values"),
        ("summary: 1\nmethod: in2n\nvalues: {}\n", "a str as summary"),
        ("summary: s\nmethod: [in2n]\nvalues: {}\n", "a str as method"),
        ("summary: s\nmethod: none\nvalues: {}\n", "found 'none'"),
        ("summary: s\nmethod: in2n\nvalues: {1: 2}\n", "found 1"),
        ("summary: s\nmethod: in2n\nvalues: {max_num_iterations: many}\n", "max_num_iterations to 'many'"),
        ("summary: s\nmethod: in2n\nvalues: {max_num_iterations.x: 1}\n", "does not have"),
        ("summary: s\nmethod: in2n\nvalues: {'': 1}\n", "does not have"),
        ("summary: s\nmethod: in2n\nvalues: {_target: 1}\n", "does not have"),
        ("summary: s\nmethod: in2n\nvalues: {pipeline: 1}\n", "pipeline to 1"),
        ("summary: s\nmethod: in2n\nvalues: {optimizers.fields: {}}\n", "optimizers.fields to"),
        ("summary: s\nmethod: in2n\nvalues: {pipeline.model.upsample_steps: [a]}\n", "upsample_steps to"),
        ("summary: s\nmethod: in2n\nvalues: {output_dir: !!python/object/apply:os.getcwd []}\n", "os.getcwd"),
        ("summary: &a [*a]\n", "holds itself"),
        ("summary: !!int ''\n", "a value that is none"),
        ("x" * 70_000, "at most"),
    ],
)
def test_a_preset_that_is_none_is_a_sentence(text, named, tmp_path, monkeypatch):
    monkeypatch.setattr(presets, "presets_folder", lambda: tmp_path)
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(ConfigError, match=named):
        apply_preset(method_config("in2n"), "mine")


@pytest.mark.parametrize("name", ["", " ", "../configs/in2n-quick", "\0"])
def test_a_name_that_is_none_is_a_sentence(name):
    with pytest.raises(ConfigError, match="There is no preset"):
        read_preset(name)
