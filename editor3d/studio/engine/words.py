"""What an editor understands, what it refuses, and what it makes of one view."""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path
from typing import Any

from editor3d.datasets.views.images import read_image, read_object_masks
from editor3d.editors import available_editors, create_editor, find_entry, resolve_auto
from editor3d.errors import Editor3DError, sentence
from editor3d.host.device import default_device
from editor3d.language.vocabulary import TERMS
from editor3d.outputs.pictures import to_uint8
from editor3d.plan import USUAL_EDITS
from editor3d.plugin.edit.quick import FREE_VIEWS, PAID_VIEWS
from editor3d.studio.engine.scenes import HeldScene, Scenes, jpeg
from editor3d.types import Editor, EditRequest
from editor3d.update.instruction import edited_objects, uses_geometry


class Words:
    """Answers to what is typed.

    Args:
        scenes: those that instructions are about.
    """

    def __init__(self, scenes: Scenes) -> None:
        self._scenes = scenes

    def editors(self) -> dict[str, Any]:
        """The editors that follow a sentence alone, and the words of the one that has a list of them."""
        shown = []
        for name, entry in available_editors().items():
            info = entry.info
            if entry.argument == "required" or info.needs_garment or info.needs_geometry or info.needs_mask:
                continue
            shown.append(
                {
                    "name": name,
                    "summary": info.summary,
                    "remote": info.remote,
                    "seeds": info.varies_with_seed,
                    "price": info.price,
                    "keeps_shape": info.keeps_shape,
                    "effortless": info.effortless,
                }
            )
        auto, reason = resolve_auto()
        words: dict[str, list[str]] = {}
        for term in TERMS:
            words.setdefault(term.category, []).append(term.words[0])
        return {"editors": shown, "auto": auto, "reason": reason, "words": words}

    def check(self, run: str, instruction: str, editor: str) -> dict[str, Any]:
        """Whether an editor takes an instruction about a scene: `refusal`, empty where it does, and the objects that it
        is about."""
        scene = self._scenes.open(Path(run))
        try:
            made = _editor(editor)
            made.validate(instruction, scene.posed.objects.keys(), [view.name for view in scene.posed.train_views])
        except Editor3DError as error:
            return {"refusal": sentence(error), "objects": []}
        return {"refusal": "", "objects": list(_objects(made, instruction, scene))}

    def preview(self, run: str, instruction: str, editor: str, view: str, seed: int) -> tuple[Any, bytes]:
        """One view edited in 2D: what the whole edit will take, and before and after as two JPEGs one behind the
        other.

        Raises:
            Editor3DError: the editor refuses or fails.
        """
        scene = self._scenes.open(Path(run))
        made = _editor(editor)
        objects = scene.posed.objects
        made.validate(instruction, objects.keys(), [view])
        found, index = scene.view(view)
        condition = scene.render(index) if scene.is_edit else _photograph(scene, view)
        surface = scene.measured if uses_geometry(made, instruction, objects) else None
        info = made.info
        request = EditRequest(
            view=view,
            instruction=instruction,
            condition=condition,
            render=condition if info.uses_render else None,
            objects=read_object_masks(found, objects) if info.edits_objects else {},
            geometry=None if surface is None else surface.view(found),
            seed=seed,
            guidance_scale=info.guidance_scale,
            diffusion_steps=info.diffusion_steps,
        )
        started = time.perf_counter()
        edited = made.edit(request)
        seconds = time.perf_counter() - started
        before, after = jpeg(to_uint8(condition), 90), jpeg(to_uint8(edited), 90)
        views = len(scene.posed.train_views)
        edits = {
            True: min(views, FREE_VIEWS if info.effortless else PAID_VIEWS),
            False: views if info.effortless else min(views, USUAL_EDITS),
        }
        told = {
            "split": len(before),
            "seconds": seconds,
            "edits": {
                name: {
                    "count": edits[quick],
                    "views": views,
                    "seconds": edits[quick] * seconds,
                    "cost": None if info.price is None else edits[quick] * info.price,
                }
                for name, quick in (("quick", True), ("full", False))
            },
            "seeds": info.varies_with_seed,
            "quick": info.keeps_shape and bool(scene.pipeline.model.capabilities.fits_colors),
            "flat": surface is None and uses_geometry(made, instruction, objects),
        }
        return told, before + after


@cache
def _editor(spec: str) -> Editor:
    """An editor, whose weights are loaded once."""
    name = spec.partition(":")[0]
    runs_model = name != "auto" and find_entry(name).runs_model
    return create_editor(spec, device=default_device() if runs_model else "cpu")


def _objects(editor: Editor, instruction: str, scene: HeldScene) -> tuple[str, ...]:
    return edited_objects(editor, instruction, scene.posed.objects.keys())


def _photograph(scene: HeldScene, name: str) -> Any:
    return read_image(scene.view(name)[0]).float() / 255
