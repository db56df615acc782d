"""The files of a run's folder, and presets."""

from __future__ import annotations

import json
import tempfile
from copy import deepcopy
from pathlib import Path

from lab.fuzzing.formats.contract import Format


def _bytes_of(name: str, write) -> bytes:
    """What `write(path)` writes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        write(path)
        return path.read_bytes()


def config() -> Format:
    import yaml
    from nerfstudio.engine.trainer import TrainerConfig

    from editor3d.plugin.bases.base import read_config
    from editor3d.registry import METHODS, load_target

    wholes = []
    for method in ("voxel", "splat", "in2n", "igs2gs", "nerfacto-editable"):
        config: TrainerConfig = load_target(METHODS[method].target).config
        wholes.append({"config.yml": yaml.dump(deepcopy(config)).encode()})
    return Format(tuple(wholes), lambda folder: read_config(folder / "config.yml"))


def checkpoint() -> Format:
    import torch

    from editor3d.run import checkpoints

    state = {"step": 3, "pipeline": {"a": torch.zeros(4), "b": torch.ones(2, 2)}, "optimizers": {}, "scalers": {}}
    content = _bytes_of("step-3.ckpt", lambda path: torch.save(state, path))
    return Format(({"step-3.ckpt": content},), lambda folder: checkpoints.load(folder / "step-3.ckpt"))


def field() -> Format:
    from nerf_methods.voxel.field import VoxelField
    from nerf_methods.voxel.files import load_field, save_field

    content = _bytes_of("field.safetensors", lambda path: save_field(path, VoxelField(6)))
    return Format(({"field.safetensors": content},), lambda folder: load_field(folder / "field.safetensors"))


def record() -> Format:
    from editor3d.run.record import Edit2D, EditRecord, read_record, write_record

    edit = Edit2D(view="a", step=0, noise_level=0.5, seed=3, seconds=0.5)
    made = EditRecord(
        instruction="make it gold", method="in2n", editor="procedural", editor_reason="chosen by name", seed=1,
        data="capture", base="run", steps=20, edits=(edit,), metrics={"psnr": 20.5},
    )  # fmt: skip
    content = _bytes_of("edit.json", lambda path: write_record(path, made))
    return Format(({"edit.json": content},), lambda folder: read_record(folder / "edit.json"))


def mesh_run() -> Format:
    from mesh.style.config import CONFIG, StyleConfig, read_config

    def write(path: Path) -> None:
        StyleConfig(mesh="horse.obj", instruction="make it gold").write(path.parent)

    return Format(({CONFIG: _bytes_of(CONFIG, write)},), read_config)


def preset() -> Format:
    from editor3d.plugin.train import presets
    from editor3d.registry import METHODS, load_target

    names = [name for name in presets.preset_names() if presets.read_preset(name)["method"] in METHODS][:6]
    wholes = tuple({f"{name}.yaml": (presets.presets_folder() / f"{name}.yaml").read_bytes()} for name in names)

    def read(folder: Path) -> object:
        """As `--preset NAME` does, with the presets of another folder."""
        ours, presets.presets_folder = presets.presets_folder, lambda: folder
        try:
            name = next(iter(presets.preset_names()), "none")
            method = presets.read_preset(name).get("method")
            if method not in METHODS:
                return None
            config = deepcopy(load_target(METHODS[method].target).config)
            presets.apply_preset(config, name)
            return config
        finally:
            presets.presets_folder = ours

    return Format(wholes, read)


def refinement() -> Format:
    from editor3d.programs.core.budget import Account, Budget
    from editor3d.programs.core.run_ledger import RunLedger

    events = [
        {"event": "rendering", "at": 0.0},
        {"event": "render", "at": 0.5, "source": "c", "status": "ok", "seconds": 0.4, "message": "", "loss": 0.3},
        {"event": "call", "at": 0.6, "reserved": 30},
        {"event": "paid", "at": 0.65, "tokens": 12},
        {"event": "proposal", "at": 0.7, "key": "0/1", "source": "d", "text": "x = 1", "note": ""},
        {"event": "verdict", "at": 0.8, "key": "0.match", "winner": "left", "decided": True},
        {"event": "round", "at": 1.0, "key": "0.round"},
    ]
    content = b"".join(json.dumps(event).encode() + b"\n" for event in events)

    def read(folder: Path) -> object:
        ledger = RunLedger(folder / "ledger.jsonl")
        Account(Budget(), ledger)
        ledger.close()
        return ledger

    return Format(({"ledger.jsonl": content},), read)
