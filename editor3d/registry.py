"""The registry of methods and commands of the project's packages, as strings: listing them imports nothing."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True)
class MethodEntry:
    """A nerfstudio method that this package runs."""

    summary: str
    target: str
    """`module:attribute` of its `MethodSpecification`, as in the entry points that nerfstudio reads."""
    kind: Literal["base", "edit"]
    """Whether it reconstructs a capture, or edits a reconstruction."""
    edits: tuple[str, ...] = ()
    """Of an edit: names of the classes of the models' configurations whose bases it edits where no method is chosen."""


METHODS: dict[str, MethodEntry] = {
    "in2n": MethodEntry(
        "Instruct-NeRF2NeRF: iterative dataset update of a radiance field, at full precision",
        "nerf_methods.in2n:in2n",
        "edit",
    ),
    "in2n-small": MethodEntry(
        "Instruct-NeRF2NeRF with the 2D editor at half precision",
        "nerf_methods.in2n:in2n_small",
        "edit",
    ),
    "in2n-tiny": MethodEntry(
        "Instruct-NeRF2NeRF at half precision, without LPIPS and with fewer rays a step",
        "nerf_methods.in2n:in2n_tiny",
        "edit",
    ),
    "igs2gs": MethodEntry(
        "Instruct-GS2GS: iterative dataset update of Gaussian splats, all views at a time",
        "gaussian.methods.igs2gs:igs2gs",
        "edit",
        edits=("SplatModelConfig", "SplatfactoModelConfig"),
    ),
    "remove": MethodEntry(
        "Take things out of Gaussian splats, and fill what that leaves open",
        "gaussian.methods.remove:remove",
        "edit",
    ),
    "gaussian-vton": MethodEntry(
        "GaussianVTON: dress a captured person from the picture of a garment (--garment), in splats",
        "gaussian.methods.vton.method:gaussian_vton",
        "edit",
    ),
    "vox-e": MethodEntry(
        "Vox-E: score distillation on a ReLU field that keeps its shape, and a graph cut for local edits",
        "nerf_methods.vox_e.method:vox_e",
        "edit",
    ),
    "instruct-3d-to-3d": MethodEntry(
        "Instruct 3D-to-3D: score distillation from InstructPix2Pix on a voxel field, with dynamic scaling",
        "nerf_methods.instruct_3d_to_3d:instruct_3d_to_3d",
        "edit",
    ),
    "nerf-insert": MethodEntry(
        "NeRF-Insert: something new inside a region, painted into every view that shows it",
        "nerf_methods.nerf_insert.method:nerf_insert",
        "edit",
    ),
    "voxel": MethodEntry(
        "Voxel radiance field with a compiled kernel: trains in minutes on a CPU",
        "nerf_methods.voxel.method:voxel",
        "base",
    ),
    "relu-field": MethodEntry(
        "The voxel field with a ReLU density, which Vox-E edits",
        "nerf_methods.voxel.method:relu_field",
        "base",
    ),
    "splat": MethodEntry(
        "Gaussian splats: gsplat's kernels on a GPU, compiled ones of the project's own on a CPU",
        "gaussian.methods.splat:splat",
        "base",
    ),
    "nerfacto-editable": MethodEntry(
        "nerfstudio's nerfacto on the project's data manager: trains and loads without any download",
        "nerf_methods.nerfacto:nerfacto",
        "base",
    ),
}
"""The methods that come with the package. `editor3d.methods` knows the installed ones besides."""


SYSTEMS: dict[str, str] = {
    "instruct-nerf2nerf": 'ns-train in2n --instruction "make it look like winter" --data CAPTURE',
    "instruct-gs2gs": 'ns-train igs2gs --instruction "turn it into bronze" --data CAPTURE',
    "nerf-insert": 'ns-train nerf-insert --instruction "put a red ball on the table" '
    "--region box:0,0.3,0.09,0.09,0.09,0.09 --data CAPTURE",
    "vox-e": 'ns-train vox-e --instruction "turn it into wood" --data CAPTURE',
    "instruct-3d-to-3d": 'ns-train instruct-3d-to-3d --instruction "make it gold" --data CAPTURE',
    "gaussian-vton": "ns-train gaussian-vton --garment shirt.png --data CAPTURE",
    "text2mesh": 'editor3d mesh style MESH.glb --prompt "a chair made of wood"',
    "blenderalchemy": 'editor3d refine SCENE.blend --program PROGRAM.py --instruction "make it evening"',
}
"""The systems that the project carries out, by the names of their papers, each with a command that runs it."""


EDIT_PIPELINE = "editor3d.plugin.edit.pipeline:EditPipeline"
"""What the configuration of an edit's pipeline builds."""
SCENE_FILES: dict[str, str] = dict.fromkeys(
    (".ply", ".spz", ".splat", ".sog", ".glb", ".usda", ".usdc", ".usdz", ".usd"),
    "gaussian.edit.scene_file:open_scene_file",
)
"""Files that hold a scene without its pictures, by suffix, and what makes them a capture and a base."""
FILE_VIEWS = "gaussian.edit.scene_file:FileViews"
"""What looks at such a file without making it a base."""
PLACE_SPLATS, GRADE_SPLATS, CLEAN_SPLATS = (
    "gaussian.edit.placing:place_splats",
    "gaussian.edit.grading:grade_splats",
    "gaussian.edit.cleaning:clean_splats",
)
"""What moves, grades and cleans it."""
WRITE_STRENGTH, WRITE_STACK = "gaussian.edit.stack:write_strength", "gaussian.edit.stack:write_stack"
"""What writes an edit's scene at a strength, and with its stack of edits otherwise."""
SCENE_BETWEEN = "gaussian.edit.stack:scene_between"
"""What has a model draw an edit at a strength."""
CHANGE_SPLATS, CONVERT_SPLATS = "gaussian.edit.changes:change_splats", "gaussian.files:convert"
"""What changes a scene of splats directly, and what writes a file of them in another format."""


@dataclass(frozen=True)
class OtherRun:
    """What resumes and judges runs that nerfstudio's trainer has no part in: `module:function`."""

    resume: str
    """Takes the run's folder and returns it."""
    evaluate: str
    """Takes the run's folder and returns an `EditReport`."""


OTHER_RUNS: dict[str, OtherRun] = {
    "mesh.json": OtherRun("mesh.style.command:resume", "mesh.style.evaluate:evaluate"),
    "refine.json": OtherRun("editor3d.programs.refinement:resume", "editor3d.programs.evaluate:evaluate"),
}
"""By the file that a run's folder is known by."""


MESH_COMMANDS: dict[str, str] = {"style": "mesh.style.command:style"}
"""What `editor3d mesh` does, by its first word; each takes the command's dataclass."""


def other_run(folder: Path) -> OtherRun | None:
    """The entry of a run's folder; None where it is one of nerfstudio's trainer, or none at all."""
    return next((entry for name, entry in OTHER_RUNS.items() if (folder / name).is_file()), None)


def load_target(target: str) -> Any:
    """The object that `module:attribute` names; imports the module."""
    module, attribute = target.split(":")
    return getattr(import_module(module), attribute)
