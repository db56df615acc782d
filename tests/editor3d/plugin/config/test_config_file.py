"""What may stand in a run's config.yml, and that nothing in it runs."""

from __future__ import annotations

import random
import time
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import yaml
from nerfstudio.configs.dataparser_configs import dataparsers
from nerfstudio.configs.external_methods import ExternalMethodDummyTrainerConfig
from nerfstudio.configs.method_configs import all_methods

from editor3d.errors import CheckpointError, Editor3DError
from editor3d.plan import EditPlan
from editor3d.plugin.config import other_methods
from editor3d.plugin.config.file import MAX_BYTES, dump_config, parse_config, read_config
from editor3d.registry import METHODS
from editor3d.update.schedule import Schedule
from nerf_methods.in2n import in2n

KNOWN = {name: value for name, value in all_methods.items() if not isinstance(value, ExternalMethodDummyTrainerConfig)}


@pytest.fixture
def text() -> str:
    """The configuration of an edit on a CPU."""
    config = deepcopy(in2n.config)
    config.timestamp = "2026-01-01_000000"
    config.pipeline.plan = EditPlan(
        instruction="make it night",
        editor="procedural",
        region="",
        guidance_scale=7.5,
        garment="",
        condition_on="original",
        image_guidance_scale=1.5,
        diffusion_steps=20,
        schedule=Schedule(),
        reasons={"editor": "chosen by name"},
    )
    return dump_config(config)


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_every_method_is_read_as_it_was_written(name):
    config = KNOWN[name]
    assert parse_config(yaml.dump(config), name) == config
    assert dump_config(parse_config(dump_config(config), name)) == yaml.dump(config)


def test_all_methods_of_the_project_are_among_them():
    assert set(METHODS) <= set(KNOWN)


@pytest.mark.parametrize("name", sorted(set(dataparsers) - {"minimal-parser"}))
def test_every_data_parser_is_read_as_it_was_written(name):
    config = deepcopy(KNOWN["nerfacto"])
    config.pipeline.datamanager.dataparser = dataparsers[name]
    assert parse_config(yaml.dump(config), name) == config


def test_a_data_parser_that_unpickles_is_refused():
    config = deepcopy(KNOWN["nerfacto"])
    config.pipeline.datamanager.dataparser = dataparsers["minimal-parser"]
    with pytest.raises(CheckpointError, match="MinimalDataParserConfig"):
        parse_config(yaml.dump(config), "config.yml")


def test_fields_that_an_earlier_version_did_not_have_are_as_by_default(text):
    config = parse_config(text.replace("  run: null\n", "").replace("save_only_latest_checkpoint: true\n", ""), "here")
    assert config.pipeline.run is None
    assert config.save_only_latest_checkpoint


def test_numbers_of_numpy_are_written_as_those_of_python():
    config = deepcopy(in2n.config)
    config.machine.seed, config.pipeline.guidance_scale = np.int64(7), np.float32(0.5)
    assert "numpy" not in dump_config(config)
    read = parse_config(dump_config(config), "here")
    assert (read.machine.seed, read.pipeline.guidance_scale) == (7, 0.5)


def test_paths_of_other_systems_and_pythons_are_read(text):
    for written in ("pathlib.WindowsPath", "pathlib._local.PosixPath", "pathlib.PosixPath"):
        changed = text.replace(
            "output_dir: !!python/object/apply:pathlib.PosixPath\n- outputs",
            f"output_dir: !!python/object/apply:{written}\n- my\n- outputs",
        )
        assert parse_config(changed, "here").output_dir == Path("my/outputs")


CALLS = {
    "a call": "!!python/object/apply:os.system ['touch CANARY']",
    "a call with keywords": "!!python/object/apply:subprocess.run {args: [['touch', 'CANARY']]}",
    "a call by another name": "!!python/object/apply:posix.system ['touch CANARY']",
    "a call of what builds": '!!python/object/apply:builtins.eval [\'open("CANARY", "w")\']',
    "a call of a listed dataclass": (
        "!!python/object/apply:nerfstudio.configs.base_config.MachineConfig {state: {seed: 1}}"
    ),
    "a class of what it has": "!!python/object/apply:_operator.getitem [{a: 1}, a]",
    "a new object": "!!python/object/new:subprocess.Popen [['touch', 'CANARY']]",
    "a new object with a state": (
        "!!python/object/new:type\n  args: [x, !!python/tuple [], {extend: !!python/name:exec ''}]\n"
        '  listitems: \'open("CANARY", "w")\''
    ),
    "an object": "!!python/object:subprocess.Popen {}",
    "an object of the project": "!!python/object:editor3d.plugin.train.trainer.PluginTrainer {}",
    "a name": "!!python/name:os.system",
    "a name of a class": "!!python/name:subprocess.Popen ''",
    "a module": "!!python/module:antigravity",
    "a module to be imported": "!!python/name:this.is.no.module ''",
    "a tag of a longer name": "!!python/object/apply:pathlib.PosixPath.home []",
    "a path read at once": "!!python/object/apply:pathlib.Path.read_text ['/etc/passwd']",
    "a path from a number": "!!python/object/apply:pathlib.PosixPath [1]",
    "a path with no end": '!!python/object/apply:pathlib.PosixPath ["a\\0b"]',
    "a member that is none": "!!python/object/apply:nerfstudio.utils.writer.EventName [wrong]",
    "bytes": "!!python/bytes aGVsbG8=",
    "binary": "!!binary aGVsbG8=",
    "a time": "2026-01-01",
    "a set": "!!set {a, b}",
    "an unknown tag": "!mine 1",
}
FIELDS = ("prompt", "experiment_name", "data", "_target", "optimizers", "pipeline", "machine", "setup", "__class__")


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("kind", CALLS)
def test_nothing_that_it_names_runs(text, kind, field, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = [line for line in text.splitlines() if not line.startswith(f"{field}:")]
    with pytest.raises(CheckpointError) as caught:
        parse_config("\n".join([*lines, f"{field}: {CALLS[kind]}"]), "config.yml")
    said = str(caught.value)
    assert said.startswith("Expected the configuration of a run at config.yml, found ")
    assert "\n" not in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "value",
    ["!!python/name:os.system ''", "!!python/name:editor3d.plugin.train.pipeline.PluginPipeline ''", "null", "1"],
)
@pytest.mark.parametrize(
    "field",
    [
        "_target: !!python/name:editor3d.plugin.edit.trainer.EditTrainer ''",
        "_target: !!python/name:editor3d.plugin.edit.pipeline.EditPipeline ''",
        "_target: !!python/name:editor3d.plugin.train.datamanager.EditDataManager ''",
        "_target: !!python/name:editor3d.datasets.dataparser.PosedImagesDataParser ''",
        "_target: !!python/name:nerfstudio.data.pixel_samplers.PixelSampler ''",
        "_target: !!python/name:nerf_methods.voxel.optimizer.VoxelAdam ''",
        "_target: !!python/name:torch.optim.adam.Adam ''",
        "_target: !!python/name:nerfstudio.utils.writer.LocalWriter ''",
        "collate_fn: !!python/name:nerfstudio.data.utils.nerfstudio_collate.nerfstudio_collate ''",
    ],
)
def test_a_class_or_function_is_that_of_its_field(text, field, value):
    assert field in text
    with pytest.raises(CheckpointError):
        parse_config(text.replace(field, f"{field.partition(':')[0]}: {value}"), "config.yml")


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("edit_rate: 10", "edit_rate: fast", "edit_rate of EditPipelineConfig"),
        ("seed: 42", "seed: [1]", "seed of MachineConfig"),
        ("condition_on: auto", "condition_on: nothing", "condition_on"),
        ("background: !!python/tuple\n    - 0.5", "background: !!python/tuple\n    - grey", "background"),
        ("edit_count: 1", "edit_count: 1\n  get_param_groups: 1", "'get_param_groups', which EditPipelineConfig"),
        ("edit_count: 1", "edit_count: 1\n  1: 1", "'1', which"),
        ("  fields:\n    optimizer:", "  fields:\n    other:", "without an optimizer"),
        ("relative_model_dir: !!python/object/apply:pathlib.PosixPath\n- nerfstudio_models",
         "relative_model_dir: !!python/object/apply:pathlib.PosixPath\n- ..\n- other", "inside the run"),
        ("relative_log_filename: viewer_log", "relative_log_filename: /tmp/viewer_log", "inside the run"),
    ],
)  # fmt: skip
def test_fields_and_their_types_are_those_of_the_dataclass(text, old, new, named):
    assert old in text
    with pytest.raises(CheckpointError, match=named):
        parse_config(text.replace(old, new, 1), "config.yml")


@pytest.mark.parametrize(
    "value",
    ["!!python/name:os.{} ''", "!!python/object:{} {}", "!!python/object/apply:{} []", "!{} 1", "!!float {}", "!!{} 1",
     "!!python/object/apply:nerfstudio.utils.writer.EventName [{}]"],
)  # fmt: skip
def test_what_is_shown_of_a_long_name_is_short(text, value):
    long = "a" * 100_000
    for body in (f"{text}\nprompt: {value.replace('{}', long, 1)}", text.replace("edit_count", f"'{long}'")):
        with pytest.raises(CheckpointError) as caught:
            parse_config(body, "config.yml")
        assert len(str(caught.value)) < 500


LAUGHS = "\n".join(
    ["a: &a0 [x, x, x, x, x, x, x, x, x, x]"] + [f"b{k}: &a{k + 1} [{', '.join([f'*a{k}'] * 10)}]" for k in range(12)]
)
MERGES = "\n".join(["a: &a0 {x: 1}"] + [f"b{k}: &a{k + 1} {{<<: [{', '.join([f'*a{k}'] * 10)}]}}" for k in range(12)])


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (LAUGHS, "more than 20000 values"),
        (MERGES, "a merge of mappings|more than"),
        ("a: &a [*a]", "holds itself"),
        ("[" * 100_000, "nested more than 32 deep"),
        ("{a: " * 100_000, "nested more than 32 deep"),
        ("\n".join(" " * k + "a:" for k in range(1000)), "nested more than 32 deep"),
        ("a: " + "9" * 100_000, "a number of 100000 characters"),
        ("a: " + "1:" + ":".join(["59"] * 50_000), "a number of"),
        ("- 1\n" * 30_000, "more than 20000 values"),
        ("a: !!int ''", "unreadable"),
        ("a: !!bool x", "unreadable"),
        ("a: !!float x", "unreadable"),
        ("a: [1\n", "unreadable"),
        ("a: 1\n---\nb: 2\n", "unreadable"),
        ("a: \x07", "unreadable"),
        ("? [a]\n: 1", "unreadable"),
        ("", "something else"),
        ("a: 1", "something else"),
        ("- 1", "something else"),
    ],
)
def test_files_that_are_none_end_soon_and_in_a_sentence(body, named):
    began = time.process_time()
    with pytest.raises(CheckpointError, match=named):
        parse_config(body, "config.yml")
    assert time.process_time() - began < 10  # without bounds some of these would take hours


def test_what_is_no_file_of_text_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="found none"):
        read_config(tmp_path / "none.yml")
    with pytest.raises(CheckpointError, match="a folder"):
        read_config(tmp_path)
    (tmp_path / "bytes.yml").write_bytes(b"\xff\xfe\x80")
    with pytest.raises(CheckpointError, match="unreadable"):
        read_config(tmp_path / "bytes.yml")
    with (tmp_path / "large.yml").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(CheckpointError, match="at most 4 MiB"):
        read_config(tmp_path / "large.yml")


@pytest.mark.parametrize("region", ["{", '{"a": ' * 100_000, '{"type": "mesh", "file": ' + '"' + "x" * 5000 + '"}'])
def test_a_region_that_is_none_is_refused_or_left_for_later(text, region, tmp_path):
    body = text.replace("    region: ''\n", f"    region: '{region}'\n", 1)
    assert body != text
    (tmp_path / "config.yml").write_text(body)
    try:
        assert read_config(tmp_path / "config.yml").pipeline.plan.region
    except CheckpointError as error:
        assert "unreadable" in str(error)  # noqa: PT017 - some of these are read


def mutated(text: str, draw: random.Random) -> str:
    """`text` with some bytes, lines or values changed."""
    lines = text.splitlines()
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(lines))
        match draw.randrange(9):
            case 0:
                del lines[at]
            case 1:
                lines.insert(at, lines[draw.randrange(len(lines))])
            case 2:
                lines[at] = lines[at][: draw.randrange(len(lines[at]) + 1)]
            case 3:
                key, colon, _ = lines[at].partition(": ")
                values = [
                    *CALLS.values(),
                    "null",
                    "[]",
                    "{}",
                    "-1",
                    ".nan",
                    "1e400",
                    "''",
                    "*id001",
                    "!!python/tuple []",
                ]
                lines[at] = f"{key}{colon}{draw.choice(values)}"
            case 4:
                letters = list(lines[at]) or [""]
                letters[draw.randrange(len(letters))] = chr(
                    draw.choice([0, 9, 10, 34, 42, 58, 91, 123, 255, 0xD800, 0x2028])
                )
                lines[at] = "".join(letters)
            case 5:
                lines[at] = " " * draw.randrange(6) + lines[at].lstrip()
            case 6:
                lines[at] = lines[at].replace(
                    "!!python/object:", draw.choice(["!!python/object/new:", "!!python/name:", "!!"])
                )
            case 7:
                other = draw.randrange(len(lines))
                lines[at], lines[other] = lines[other], lines[at]
            case 8:
                lines = lines[: at + 1]
    return "\n".join(lines)


def test_mutations_of_a_real_one_are_read_or_refused_in_a_sentence(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    draw, refused, read = random.Random(0), 0, 0
    for _ in range(250):
        body = mutated(text, draw)
        try:
            parse_config(body, "config.yml")
            read += 1
        except Editor3DError as error:
            refused += "\n" not in str(error)
    assert refused > 100
    assert read + refused == 250
    assert not list(tmp_path.iterdir())


def test_methods_of_other_packages_are_read_once_they_are_registered(monkeypatch, tmp_path):
    (tmp_path / "another_method.py").write_text(
        "from dataclasses import dataclass, field\n"
        "from nerfstudio.engine.trainer import Trainer, TrainerConfig\n"
        "class OwnTrainer(Trainer): pass\n"
        "@dataclass\n"
        "class OwnConfig(TrainerConfig):\n"
        "    _target: type = field(default_factory=lambda: OwnTrainer)\n"
        "    own: int = 1\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import another_method

    config = another_method.OwnConfig(method_name="own", pipeline=deepcopy(KNOWN["nerfacto"].pipeline), own=3)
    with pytest.raises(CheckpointError, match="another_method"):
        parse_config(yaml.dump(config), "config.yml")
    monkeypatch.setenv("NERFSTUDIO_METHOD_CONFIGS", "own=another_method:own")
    monkeypatch.setitem(all_methods, "own", config)
    other_methods.registered.cache_clear()
    assert parse_config(yaml.dump(config), "config.yml") == config
    with pytest.raises(CheckpointError, match=r"os\.system"):
        parse_config(yaml.dump(config) + "prompt: !!python/name:os.system ''\n", "config.yml")
    other_methods.registered.cache_clear()
