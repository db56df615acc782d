"""`refine`: search for a better program for a scene, and keep every step of the search on disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from editor3d.errors import ConfigError, DataError, InstructionError
from editor3d.programs import notices
from editor3d.programs.blenders.choice import choose
from editor3d.programs.confinement import EVERYTHING, About, chosen_objects, visible_objects
from editor3d.programs.core.budget import Account, Budget
from editor3d.programs.core.contracts import Renderer, RenderSettings
from editor3d.programs.core.options import RefineRequest
from editor3d.programs.core.run_ledger import RunLedger
from editor3d.programs.imagination import Imagination
from editor3d.programs.language.vocabulary import NOTHING, Vocabulary
from editor3d.programs.named.edits import named_edit, not_understood
from editor3d.programs.plan import LEDGER, RefinePlan, check_folder, is_begun, read_plan
from editor3d.programs.refined import Refinement
from editor3d.programs.rendering import result_scene
from editor3d.programs.rendering.sizes import SmallRenders
from editor3d.programs.request import (
    fingerprint,
    read_program,
    resolved,
    target_and_settings,
)
from editor3d.programs.search.search import Settings
from editor3d.programs.search.stages import LEAST_RENDERS
from editor3d.programs.search.tournament import Outcome
from editor3d.programs.session import Session
from editor3d.programs.shown import SCENE, ShownRefinement, WriteScene
from editor3d.programs.vision.client import VisionSettings
from editor3d.run.folders import alone, make_run_folder, remove_empty
from editor3d.trust import require_chosen

LEAST_SIDE_TO_HALVE = 192


def refine(
    request: RefineRequest,
    output: Path | str,
    *,
    budget: Budget | None = None,
    resume: bool = False,
    allow_weaker_sandbox: bool = False,
    vision: VisionSettings | None = None,
    renderer: Callable[[RenderSettings], Renderer] | None = None,
    save_scene: bool = True,
    on_round: Callable[[int, Outcome, Account], None] = notices.better_round,
) -> Refinement:
    """Search for a better program. Prints and emits progress, what of the scene renders leave out, and the results.

    Args:
        request: what to refine and how.
        output: the run's folder: best.py, best.png, result.blend, before_after.png, edit.json, refine.json,
            ledger.jsonl and candidates/.
        budget: the most that may be spent, earlier sessions of the run included.
        resume: continue the run in `output`, perhaps with a larger budget or depth; nothing that was finished is done
            again.
        allow_weaker_sandbox: run programs even where the system lacks a layer of containment.
        vision: the vision model; from the environment by default.
        renderer: makes what renders; the sandboxed workers by default.
        save_scene: also write `result.blend`, the scene with the changes that the best program makes, when the search
            ends by itself; only the sandboxed workers can.
        on_round: called after each finished round.

    Returns:
        The finished refinement; a spent budget or a service that fails are no errors here.

    Raises:
        Editor3DError: one sentence on what was expected, what came and what to do; nothing is lost.
        KeyboardInterrupt: stopped; the best so far is in the folder, and `resume` continues.
    """
    folder, source = Path(output).expanduser(), read_program(request.program)
    if not request.scene.is_file():
        raise DataError(f"Expected a .blend file at {request.scene}, found none: check the path.")
    vision = vision or VisionSettings.from_environment()
    given, request = request, resolved(request, vision)
    if "vision" in (request.proposer, request.evaluator):
        vision.require()
    imagination, refusal = _imagination(request, may_wait=renderer is None)
    target, render_settings = target_and_settings(request)
    check_folder(folder, resume)
    interpreter = None
    if renderer is None:
        interpreter = choose(request.scene, request.blender, allow_older=request.allow_older_blender)
    if renderer is None and save_scene and request.scene.resolve() == (folder / SCENE).resolve():
        raise ConfigError(
            f"Expected another folder than the one where the scene is named {SCENE}, which the result would replace: "
            "choose another, or do without by --no-save-scene."
        )
    budget = budget or Budget()
    settings = Settings(request.breadth, request.depth, request.edits, request.seed)
    plan = RefinePlan(given, fingerprint(request, source, target, vision, imagination), budget, save_scene)
    with ExitStack() as stack:
        make_run_folder(folder)
        stack.callback(remove_empty, folder, 0)  # it is, if the run could not begin
        stack.enter_context(alone(folder))
        check_folder(folder, resume)
        rendering: Renderer
        at_once = 1
        write_scene: WriteScene | None = None
        vocabulary = NOTHING
        if renderer is not None:
            rendering = renderer(render_settings)
        else:
            from editor3d.programs.rendering.pool import Workers

            rendering = workers = Workers(
                request.scene,
                render_settings,
                interpreter=interpreter,
                count=1 if request.proposer == "vision" else None,  # a model writes one candidate after the other
                allow_weaker_sandbox=allow_weaker_sandbox,
            )
            at_once = workers.count
            write_scene, vocabulary = partial(result_scene.write, workers) if save_scene else None, workers.vocabulary
            render_settings = workers.settings  # with the scene's own shape
            for sentence in workers.notes:
                notices.note(sentence)
        stack.callback(rendering.close)
        named = None
        by_itself = given.evaluator == "auto" and request.evaluator == "imagination" and not request.objects
        if request.evaluator == "names" or by_itself:
            named = named_edit(request.instruction, source, vocabulary)
        if named is not None:
            request, imagination = replace(request, evaluator="names"), None
        elif refusal is not None:
            imagination = _imagination_of_objects(request, vocabulary)
            if imagination is None:
                raise (
                    refusal
                    if given.evaluator == "imagination"
                    else not_understood(refusal, request.instruction, vocabulary)
                )
        elif request.evaluator == "names":
            raise not_understood(refusal, request.instruction, vocabulary)
        about = EVERYTHING
        if renderer is None and request.evaluator in ("target", "imagination"):
            names = chosen_objects(request, vocabulary, imagination)
            about = About(names, partial(workers.masks, source))
            if names:
                notices.note(f"The edit is about {', '.join(names)}; the rest of the picture is to stay as it is.")
        if not is_begun(folder):
            (folder / LEDGER).unlink(missing_ok=True)
        ledger = RunLedger(folder / LEDGER)
        stack.callback(ledger.close)
        made = len(ledger.of("round"))
        if request.depth is not None and request.depth < made:
            raise ConfigError(
                f"Expected a depth of at least {made}, the rounds that the run in {folder} has made, got "
                f"{request.depth}: raise --depth, or choose another folder."
            )
        plan.write(folder)
        small = None
        if renderer is None and named is None and _searches_small(request, render_settings, budget):
            small = SmallRenders(workers, 50)
        shown = ShownRefinement(request, render_settings, write_scene)
        account = Account(budget, ledger)
        session = Session(
            request, folder, source, target, ledger, account, rendering, small, imagination, vision, shown, settings,
            vocabulary, named, at_once, about,
        )  # fmt: skip
        return session.go(on_round)


def _imagination(request: RefineRequest, may_wait: bool) -> tuple[Imagination | None, InstructionError | None]:
    """What imagines the target, if anything does; and, if the scene's names may help, why it does not yet."""
    if request.evaluator != "imagination":
        return None, None
    try:
        return Imagination(request.editor, request.instruction), None
    except InstructionError as error:
        if not may_wait or not request.instruction.strip():
            raise
        return None, error


def _imagination_of_objects(request: RefineRequest, vocabulary: Vocabulary) -> Imagination | None:
    """What imagines an edit of the scene's objects by their names; None where the instruction is none."""
    try:
        return Imagination(request.editor, request.instruction, visible_objects(vocabulary))
    except InstructionError:
        return None


def resume(folder: Path) -> Path:
    """Continue a refinement with the request and the budget that it was begun with.

    Raises:
        CheckpointError: the folder holds no refinement.
        ConfigError: it would use an image service that was not chosen on this machine, or weights not on it.
        ServiceError: a service ended it early.
        KeyboardInterrupt: stopped again.
    """
    plan = read_plan(folder)
    require_chosen(plan.request.editor, folder)
    done = refine(plan.request, folder, budget=plan.budget, resume=True, save_scene=plan.save_scene)
    done.require_complete()
    return folder


def _searches_small(request: RefineRequest, settings: RenderSettings, budget: Budget) -> bool:
    """Whether rounds look at renders of half the size: where pictures are measured, and large enough for it."""
    return (
        "vision" not in (request.proposer, request.evaluator)
        and max(settings.width, settings.height) >= LEAST_SIDE_TO_HALVE
        and min(settings.width, settings.height) >= 64
        and settings.width % 2 == settings.height % 2 == 0
        and (budget.renders is None or budget.renders >= LEAST_RENDERS)
    )


__all__: Sequence[str] = ("Budget", "RefineRequest", "Refinement", "refine")
