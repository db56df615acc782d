"""The nodes, as ComfyUI calls them. A scene passes between them as the words that name it to the command."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from PIL import Image

from .command import bar, run

CATEGORY = "editor3d"
SCENE = "EDITOR3D_SCENE"
_EDITORS = "procedural"


class Editor3DLoadCapture:
    """Name a capture: a folder of nerfstudio, COLMAP or NeRF-synthetic, a run's folder, a file of splats, or demo."""

    CATEGORY = CATEGORY
    RETURN_TYPES = (SCENE,)
    RETURN_NAMES = ("scene",)
    FUNCTION = "load"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"path": ("STRING", {"default": "demo"}), "draft": ("BOOLEAN", {"default": True})}}

    def load(self, path: str, draft: bool) -> tuple[dict[str, Any]]:
        if path != "demo" and not Path(path).expanduser().exists():
            raise ValueError(f"Expected a capture or the word demo, but there is no {path}: check the path.")
        return ({"source": path if path == "demo" else str(Path(path).expanduser().absolute()), "draft": draft},)


class Editor3DEdit:
    """Change a scene as one sentence says. Gives the edited scene, and a picture of it before and after."""

    CATEGORY = CATEGORY
    RETURN_TYPES = (SCENE, "IMAGE")
    RETURN_NAMES = ("scene", "before_after")
    FUNCTION = "edit"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "scene": (SCENE,),
                "instruction": ("STRING", {"multiline": True, "default": "make the teapot gold"}),
                "editor": ("STRING", {"default": _EDITORS}),
                "seed": ("INT", {"default": 42, "min": 0, "max": 2**32 - 1}),
                "budget_usd": ("FLOAT", {"default": 0.0, "min": 0.0, "max": 1000.0, "step": 0.01}),
            },
            "optional": {"flags": ("STRING", {"default": ""})},
        }

    def edit(
        self, scene: dict[str, Any], instruction: str, editor: str, seed: int, budget_usd: float, flags: str = ""
    ) -> tuple[dict[str, Any], torch.Tensor]:
        import shlex

        words = ["edit", scene["source"], f"--instruction={instruction}", f"--editor={editor}", f"--seed={seed}"]
        words += [f"--budget={budget_usd}", f"--output={_runs()}", *(["--draft"] if scene["draft"] else [])]
        made = run([*words, *shlex.split(flags)], bar())
        return {"source": made["run"], "draft": False}, _images([Path(made["before_after"])])


class Editor3DRenderViews:
    """Render views of an edited scene: those that were held out, or named ones."""

    CATEGORY = CATEGORY
    RETURN_TYPES = ("IMAGE",)
    RETURN_NAMES = ("views",)
    FUNCTION = "render"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {"scene": (SCENE,), "of": (["test", "train"],)},
            "optional": {"views": ("STRING", {"default": ""})},
        }

    def render(self, scene: dict[str, Any], of: str, views: str = "") -> tuple[torch.Tensor]:
        named = ["--views", views] if views.strip() else []
        with tempfile.TemporaryDirectory() as folder:
            run(["render", scene["source"], "--path", of, "--output", folder, *named], bar())
            return (_images(sorted(Path(folder).rglob("*.png"))),)


class Editor3DSaveSplats:
    """Write an edited scene of splats into ComfyUI's folder of outputs."""

    CATEGORY = CATEGORY
    RETURN_TYPES: ClassVar[tuple[str, ...]] = ("STRING",)
    RETURN_NAMES = ("file",)
    FUNCTION = "save"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"scene": (SCENE,), "name": ("STRING", {"default": "scene.ply"})}}

    def save(self, scene: dict[str, Any], name: str) -> dict[str, Any]:
        target = _outputs() / Path(name).name
        if target.suffix not in (".ply", ".spz", ".splat", ".glb"):
            raise ValueError(f"Expected a name that ends in .ply, .spz, .splat or .glb, got {name}.")
        run(["export", scene["source"], "--format", "splats", "--output", str(target)], bar())
        return {"ui": {"text": [str(target)]}, "result": (str(target),)}


def _images(paths: list[Path]) -> torch.Tensor:
    """Pictures of one size as ComfyUI has them: [B, H, W, 3] float32 in 0..1."""
    pictures = [np.asarray(Image.open(path).convert("RGB"), dtype=np.float32) / 255.0 for path in paths]
    if not pictures:
        raise ValueError("Expected pictures of the scene, found none: choose other views.")
    return torch.from_numpy(np.stack([picture for picture in pictures if picture.shape == pictures[0].shape]))


def _outputs() -> Path:
    """ComfyUI's folder of outputs; elsewhere the current one."""
    folders = sys.modules.get("folder_paths")
    return Path(folders.get_output_directory() if folders is not None else ".").absolute()


def _runs() -> Path:
    return _outputs() / "editor3d"
