"""`ns-train remove`: take things out of a scene of Gaussian splats and fill what that leaves open."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import torch
from nerfstudio.plugins.types import MethodSpecification
from torch import Tensor

from editor3d.editors.masking import named_objects
from editor3d.errors import ConfigError, InstructionError, RegionError
from editor3d.language.removal import wants_removal
from editor3d.options import MethodOptions
from editor3d.outputs.pictures import Row, save_png, to_uint8
from editor3d.plan import Plan
from editor3d.plugin.confine.regions import REGION_FOLDER, check_seen, selected
from editor3d.plugin.edit.based import BasedTrainer, BasedTrainerConfig
from editor3d.plugin.edit.edited import SCENE_FILE
from editor3d.plugin.edit.planned import PlannedPipeline, PlannedPipelineConfig
from editor3d.plugin.edit.shown import PlannedScene
from editor3d.regions import ObjectRegion, Union, parse_region, settled
from editor3d.run.results import shown_of
from editor3d.types import PosedImages
from gaussian.fill.fill import Filled, take_out, without
from gaussian.fit.datamanager import SplatDataManagerConfig
from gaussian.fit.training import edit_training
from gaussian.model.model import SplatModel, SplatModelConfig

SILHOUETTES = "silhouettes"
"""Folder of a run: where each training view showed what is gone, white."""
_BY_HAND = "continues the surface around it; no picture is edited"


@dataclass
class RemovalPipelineConfig(PlannedPipelineConfig):
    """Configuration of `RemovalPipeline`."""

    _target: type = field(default_factory=lambda: RemovalPipeline)


class RemovalPipeline(PlannedPipeline):
    """Holds the scene that something is taken out of."""

    def chosen(self, folder: Path) -> Tensor:
        """Which Gaussians [N] bool the plan's region holds; kept in the run's folder, for a resumed run.

        Raises:
            RegionError: none.
        """
        return selected(self, parse_region(self.plan.region), folder / REGION_FOLDER)

    def marked(self, which: Tensor) -> list[Tensor]:
        """A few training views, with what goes in red: [H, W, 3] in 0..1."""
        cameras, red = self.datamanager.train_dataset.cameras, torch.tensor([0.9, 0.1, 0.1])
        pictures = []
        for index in shown_of(len(cameras)):
            share = self.model.part_share(cameras[index : index + 1].to(self.device), which).cpu()
            pictures.append(torch.lerp(self.render_view(cameras, index)["rgb"].cpu(), red, 0.7 * share))
        return pictures

    def take_out(self, folder: Path) -> Filled:
        """Take what the plan's region holds out of the scene.

        Raises:
            RegionError: the region holds nothing of the scene, or all of it.
        """
        assert isinstance(self.model, SplatModel)
        region, which = parse_region(self.plan.region), self.chosen(folder)
        if bool(which.all()):
            raise RegionError(f"Expected a region that leaves some of {len(which)} Gaussians, got one that holds all.")
        self.eval()
        found = take_out(self.model, self.datamanager.train_dataset.cameras, which)
        self.model.set_splats(without(self.model.splats.detach(), found))
        self.region = {**region.to_json(), "parts": int(which.sum()), "of": len(which), "new": len(found.new)}
        for view, mask in zip(self.train_views, found.silhouettes, strict=True):
            save_png(folder / SILHOUETTES / f"{view.name}.png", mask[..., None].repeat(3, -1).astype("uint8") * 255)
        return found


@dataclass
class RemovalTrainerConfig(BasedTrainerConfig):
    """Configuration of a removal."""

    TAKES_NOT: ClassVar[tuple[str, ...]] = (
        "garment", "condition_on", "guidance_scale", "image_guidance_scale", "diffusion_steps", "schedule",
        "noise_schedule", "quick", "approve",
    )  # fmt: skip
    """Options of edits by pictures, which a removal does not accept."""
    _target: type = field(default_factory=lambda: RemovalTrainer)
    pipeline: RemovalPipelineConfig = field(default_factory=RemovalPipelineConfig)

    def check(self) -> None:
        self.check_options()
        chosen, usual = asdict(self.options), asdict(MethodOptions())
        for name in self.TAKES_NOT:
            if chosen[name] != usual[name]:
                raise ConfigError(
                    f"Expected no {name.replace('_', '-')} with {self.method_name}, which edits no pictures: leave it "
                    f"out."
                )
        if self.options.editor != "auto":
            raise ConfigError(
                f"Expected no editor with {self.method_name}, which edits no pictures, got {self.options.editor}: "
                f"leave it out."
            )
        super().check()
        plan = self.pipeline.plan or self.resolve(self.capture())
        check_seen(plan.region, self.capture(), self.get_base_dir())

    def resolve(self, capture: PosedImages) -> Plan:
        """The plan: what goes is the region, or the objects that the instruction names.

        Raises:
            InstructionError: there is no region, and the instruction names no object of the capture.
        """
        options, region = self.options, self.options.region
        if region is None:
            if not wants_removal(options.instruction):
                raise InstructionError(
                    f"Expected an instruction to remove something, got '{options.instruction}': say \"remove the mug\" "
                    f"or give --region."
                )
            names = named_objects(options.instruction, capture.objects)
            if not names:
                known = f"its objects are {', '.join(capture.objects)}" if capture.objects else "it has no objects"
                raise InstructionError(
                    f"Expected an object of the capture in '{options.instruction}', and {known}: name one by editor3d "
                    f"objects, or give --region."
                )
            parts = [ObjectRegion(name) for name in names]
            region = json.dumps((parts[0] if len(parts) == 1 else Union(*parts)).to_json())
        return Plan(
            instruction=options.instruction.strip(),
            editor="none",
            region=settled(region),
            guidance_scale=0.0,
            reasons={"editor": _BY_HAND},
        )


class RemovedScene(PlannedScene):
    """`editor3d.run.results.Shown` of a removal: there are no edited 2D pictures."""

    pipeline: RemovalPipeline

    def publish(self, folder: Path) -> None:
        """No picture was edited."""

    def export(self, folder: Path) -> None:
        for _, path in self.exported(folder):
            self.pipeline.model.write_scene(path, self.pipeline.datamanager.train_dataparser_outputs)

    def exported(self, folder: Path) -> list[tuple[str, Path]]:
        suffixes = self.pipeline.model.capabilities.scene_suffixes
        return [("Scene", folder / f"{SCENE_FILE}{suffix}") for suffix in suffixes]


class RemovalTrainer(BasedTrainer):
    """Takes something out in its only step, then writes pictures, video and record."""

    config: RemovalTrainerConfig
    pipeline: RemovalPipeline

    def make_plan(self) -> Plan:
        return self.config.resolve(self.config.capture())

    def keeps_shape(self) -> bool:
        return False

    def load_extra_state(self, state: dict) -> None:
        self.pipeline.region = state["region"]
        self.begin()

    def extra_state(self) -> dict[str, Any]:
        return {"region": self.pipeline.region}

    def begin(self) -> None:
        self.results = self.results_of(RemovedScene(self.base_dir, self.pipeline, self.config, self.base))

    def plan_rows(self) -> list[Row]:
        """A few views that show in red what goes."""
        which = self.pipeline.chosen(self.base_dir)
        print(f"{int(which.sum())} of {len(which)} Gaussians go.")
        return [Row("", [to_uint8(picture) for picture in self.pipeline.marked(which)])]

    def train_iteration(self, step: int) -> tuple[Tensor, dict[str, Tensor], dict[str, Tensor]]:
        if step == 0:
            with self.pipeline.stopwatch.measure("fit"):
                self.pipeline.take_out(self.base_dir)
        self.completed = step
        self._progress.update(step + 1)
        return torch.zeros(()), {}, {}


def _config() -> RemovalTrainerConfig:
    optimizers, strategy = edit_training(1, refine_start=1)
    return RemovalTrainerConfig(
        method_name="remove",
        max_num_iterations=1,
        pipeline=RemovalPipelineConfig(
            datamanager=SplatDataManagerConfig(num_downscales=0),
            model=SplatModelConfig(sh_degree_interval=0, strategy=strategy),
        ),
        optimizers=optimizers,
        base_method="splat",
    )


remove = MethodSpecification(
    config=_config(), description="Take things out of a scene of Gaussian splats and fill what that leaves open."
)
