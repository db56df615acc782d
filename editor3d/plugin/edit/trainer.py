"""The trainer of the edit methods: load a base, edit it, write the results."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property

import torch
from nerfstudio.utils.rich_utils import CONSOLE
from torch import Tensor

from editor3d.audit.policy import require_allowed
from editor3d.errors import Editor3DError
from editor3d.methods import method_config
from editor3d.options import MethodOptions
from editor3d.outputs.pictures import Row, to_uint8
from editor3d.plan import EditPlan, choose_editor, resolve
from editor3d.plugin.confine.regions import check_seen
from editor3d.plugin.edit.based import BasedTrainer, BasedTrainerConfig
from editor3d.plugin.edit.conditions import IN_WORDS
from editor3d.plugin.edit.edited import EditedScene
from editor3d.plugin.edit.pipeline import EditPipeline
from editor3d.plugin.edit.quick import FIRST_VIEWS, check_quick, fit_quickly, views_of_quick
from editor3d.plugin.edit.settings import EditPipelineConfig
from editor3d.plugin.train.config import PluginTrainerConfig
from editor3d.trust import require_chosen
from editor3d.types import Editor, PosedImages
from editor3d.update.forecast import agree_on_cost, say_forecast
from editor3d.update.instruction import check_instruction
from editor3d.update.scene import Guidance

SHEET_COLUMNS = 4
"""The views that are edited, on one sheet."""


@dataclass
class EditTrainerConfig(BasedTrainerConfig):
    """Configuration of an edit."""

    _target: type = field(default_factory=lambda: EditTrainer)
    pipeline: EditPipelineConfig = field(default_factory=EditPipelineConfig)

    def check(self) -> None:
        require_allowed(self.options.instruction)
        self.check_options()
        self.pipeline.check(self.options)
        plan = self.pipeline.plan
        if self.options.quick:
            self.max_num_iterations = 1
        region = (self.options.region or "") if plan is None else plan.region
        if region and self.load_dir is None and self.load_checkpoint is None:
            base = method_config(self.base_method, PluginTrainerConfig)
            self.pipeline.check_region_of(base.pipeline.model._target, region)
        super().check()
        capture = self.capture()
        if plan is None:
            editor = self.create_editor(self.options)
            if self.options.quick:
                given = self.load_dir is not None or self.load_checkpoint is not None
                base = method_config(self.base_method, PluginTrainerConfig)
                check_quick(editor.info, None if given else base.pipeline.model._target)
            plan = self.resolve(self.options, capture, editor)
        else:
            editor = self.pipeline.create_editor(plan.editor, self.machine.device_type)
        few = plan.keys is not None
        check_instruction(editor, plan.instruction, capture.objects, capture.train_views, few)
        if plan.region:
            check_seen(plan.region, capture, self.get_base_dir())

    def create_editor(self, options: MethodOptions) -> Editor:
        """The 2D editor that options choose; loads no weights yet.

        Raises:
            ConfigError: as `EditPipelineConfig.create_editor`.
        """
        device = self.machine.device_type
        spec, _ = choose_editor(options, self.pipeline.machine(device))
        return self.pipeline.create_editor(spec, device)

    def resolve(
        self,
        options: MethodOptions,
        capture: PosedImages,
        editor: Editor,
        base_is_edit: bool = False,
        steps: int | None = None,
    ) -> EditPlan:
        """The plan of an edit by this method; see `editor3d.plan.resolve`."""
        return resolve(
            options,
            capture,
            self.pipeline.machine(self.machine.device_type),
            method=self.pipeline,
            editor=editor,
            steps=self.max_num_iterations if steps is None else steps,
            base_is_edit=base_is_edit,
        )


class EditTrainer(BasedTrainer):
    """Edits a base: `plan -> render -> edit -> store -> fit`, then pictures, video and record."""

    config: EditTrainerConfig
    pipeline: EditPipeline
    digests: tuple[str, ...] | None = None
    """Digests of the training views, if they were read when the run began."""

    @cached_property
    def editor(self) -> Editor:
        """The 2D editor of the plan, which is made with it; loads no weights yet."""
        return self.config.pipeline.create_editor(self.planned().editor, self.config.machine.device_type)

    def make_plan(self) -> EditPlan:
        config, capture = self.config, self.config.capture()
        self.editor = config.create_editor(config.options)
        self.digests = config.pipeline.note_beginning(capture)
        return config.resolve(config.options, capture, self.editor, self.base.is_edit)

    def keeps_shape(self) -> bool:
        return self.editor.info.keeps_shape

    def few_views(self) -> bool:
        """Whether the edit of few views is carried over to the others."""
        plan = self.config.pipeline.plan
        return plan is not None and plan.keys is not None

    def colors_alone(self) -> bool:
        return self.keeps_shape()

    def edited_at_once(self) -> bool:
        """Whether every view has its edited picture before the first step."""
        plan = self.config.pipeline.plan
        return self.few_views() or (plan is not None and plan.schedule.kind != "cyclic")

    @contextmanager
    def _showing_base(self) -> Iterator[None]:
        """The base in the place of the scene as it is now."""
        with self.pipeline.another_model():
            self.load_base()
            yield

    def load_extra_state(self, state: dict) -> None:
        pipeline = self.pipeline
        # the last plan, maybe of another instruction; its region lies where the run is now
        plan = replace(EditPlan.from_state(state["plan"]), region=pipeline.plan.region)
        if plan.editor != pipeline.plan.editor:
            require_chosen(plan.editor, self.base_dir)
            self.editor = pipeline.config.create_editor(plan.editor, pipeline.device_name)
        pipeline.plan = plan
        self.begin()
        pipeline.begun().load_state_dict(state["edit"])

    def extra_state(self) -> dict:
        return {"edit": self.pipeline.begun().state_dict(), "plan": self.pipeline.plan.to_state()}

    def train_iteration(self, step: int) -> tuple[Tensor, dict[str, Tensor], dict[str, Tensor]]:
        quick = self.config.options.quick
        fits = self.colors_alone() and self.edited_at_once() and self.pipeline.model.capabilities.fits_colors
        if quick or (fits and step == 0):
            fit_quickly(self.pipeline, FIRST_VIEWS)
            self.results.save_first()
            # the fit starts from here: free to move, Gaussians would first make fog of a large change
            fit_quickly(self.pipeline)
        if not quick:
            return super().train_iteration(step)
        self.completed = step
        self._progress.update(step + 1)
        return torch.zeros(()), {}, {}

    def begin(self) -> None:
        if self.config.options.quick:
            check_quick(self.editor.info, type(self.pipeline.model))
        self.pipeline.known_digests = self.digests
        self.pipeline.as_captured = not self.base.is_edit
        self.pipeline.should_stop = lambda: self.stop_training
        self.pipeline.load_base = self.load_base
        self.pipeline.begin(self.base_dir, self.config.max_num_iterations, self.config.machine.seed, self.editor)
        self.pipeline.begun().on_progress = lambda done, due: self._progress.update(
            self.completed + 1, f"2D edit {done}/{due}" if due > 1 else ""
        )
        if self.config.options.quick and not self.few_views():
            self.pipeline.begun().only = frozenset(views_of_quick(self.pipeline, self.editor.info))
        self.pipeline.edit_panel.on_apply = self.start_over
        self.results = self.results_of(EditedScene(self.base_dir, self.pipeline, self.config, self.base))

    def start_over(self, guidance: Guidance) -> None:
        """Continue by a new plan, of another instruction or other scales, from the first view again.

        What was left open is chosen as a new edit would choose it: the editor, and the pictures that are edited.

        Raises:
            Editor3DError: the instruction is refused, or the disk is full; the run continues by the earlier plan.
        """
        pipeline, updater, before = self.pipeline, self.pipeline.begun(), self.pipeline.plan
        options = replace(
            self.config.options,
            instruction=guidance.instruction,
            guidance_scale=guidance.guidance_scale,
            image_guidance_scale=guidance.image_guidance_scale,
            region=before.region or None,
            edits="all" if before.keys is None else before.keys.edits,
            approve=False,
        )
        editor = self.config.create_editor(options)
        check_instruction(editor, guidance.instruction, pipeline.objects, pipeline.train_views, before.keys is not None)
        plan = self.config.resolve(options, self._posed_images(), editor, self.base.is_edit, updater.total_steps)
        pictures = None
        # an editor says what its detail is
        if (plan.condition_on, plan.editor) != (before.condition_on, before.editor):
            pipeline.plan = plan
            try:
                with self._showing_base() if plan.condition_on != "original" else nullcontext():
                    pictures = pipeline.pictures_to_edit(self.base_dir, editor)
            except Editor3DError:
                pipeline.plan = before
                raise
        pipeline.plan = plan
        if pictures is not None:
            pipeline.edit_from_now_on(pictures)
        if plan.editor != before.editor:
            self.editor = updater.editor = editor
        updater.schedule = plan.schedule
        updater.restart(pipeline.guidance())
        self.say_plan()

    def save_checkpoint(self, step: int) -> None:
        super().save_checkpoint(step)
        self.pipeline.begun().prune()

    def plan_rows(self) -> list[Row]:
        """The views that are edited, as the editor gets them."""
        views = {view.name: index for index, view in enumerate(self.pipeline.train_views)}
        named = self.pipeline.begun().forecast().views
        pictures = [to_uint8(self.pipeline.begun().scene.condition(views[name])) for name in named]
        return [Row("", pictures[start : start + SHEET_COLUMNS]) for start in range(0, len(pictures), SHEET_COLUMNS)]

    def agree(self) -> None:
        updater = self.pipeline.begun()
        agree_on_cost(updater.forecast(), self.editor, updater.state.calls)

    def say_plan(self) -> None:
        plan, config = self.pipeline.plan, self.config.pipeline
        super().say_plan()
        CONSOLE.print(f"Edits change {IN_WORDS[plan.condition_on]}: {plan.reasons['condition_on']}.")
        if plan.keys is not None or config.BY_SCHEDULE:
            say_forecast(self.pipeline.begun().forecast(), plan.reasons["edits"])
        if plan.schedule.lower_bound > config.lower_bound:
            CONSOLE.print(
                f"Noise levels begin at {plan.schedule.lower_bound:g}, not {config.lower_bound:g}: fewer timesteps "
                f"make no {plan.diffusion_steps} steps."
            )
