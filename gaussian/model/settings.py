"""The settings of a scene of Gaussians."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from editor3d.plugin.train.scene import PluginModelConfig
from gaussian.fit.densify import StrategyConfig
from gaussian.fit.training import insertion_training


@dataclass
class SplatSettings(PluginModelConfig):
    """What `SplatModelConfig` consists of."""

    EDIT_SETTINGS: ClassVar[tuple[str, ...]] = (
        "strategy", "ssim_lambda", "sh_degree_interval", "random_background", "average_share"
    )  # fmt: skip
    """What an edit chooses itself; everything else it takes over from its base."""
    EDIT_DEFAULTS: ClassVar[dict[str, Any]] = {"sh_degree_interval": 0, "random_background": False}
    """What an edit that was not configured for splats chooses: all harmonics are in use from the start, and the scene
    stands before the colour that the edited renders have."""
    enable_collider: bool = False
    sh_degree: int = 3
    """Greatest degree of the spherical harmonics."""
    sh_degree_interval: int = 1000
    """Steps after which one degree more is used; 0 for all at once."""
    without_points: Literal["pictures", "random"] = "pictures"
    """What a capture without usable sparse points starts from: what its pictures show, or Gaussians at random."""
    num_random: int = 50_000
    """Gaussians at random to begin with, also where the pictures show nothing."""
    random_radius: float = 1.5
    """Half the side of the cube that they lie in, scene units (cameras are within 1)."""
    initial_opacity: float = 0.1
    """Opacity of a new scene's Gaussians."""
    background: tuple[float, float, float] | None = None
    """Colour behind everything. None: white where the capture's pictures have transparent parts, which are laid over
    white, and black otherwise."""
    random_background: bool = False
    """Train before another colour at every step, as splatfacto does, so that nothing solid stays transparent; but not
    where the capture's pictures have transparent parts."""
    clamp_in_training: bool = False
    """Clamp pictures to 0..1 in training, too, as splatfacto does: what is too bright then takes no gradient."""
    use_scale_regularization: bool = False
    """Hold needles back, as splatfacto does at every tenth step where asked to (PhysGaussian's loss),"""
    max_gauss_ratio: float = 10.0
    """above this ratio of a Gaussian's longest axis to its shortest."""
    ssim_lambda: float = 0.2
    """Weight of 1 - SSIM in the loss, that of L1 being the rest."""
    strategy: StrategyConfig = field(default_factory=StrategyConfig)
    """When and where Gaussians are added and removed."""
    scene_scale: float = 1.0
    """Size of the scene, by which rates and thresholds of length are multiplied; 1 where cameras are within 1."""
    average_share: float = 0.0
    """Share of the run, at its end, whose mean is the result; 0 leaves what the last step made."""
    rasterize_mode: Literal["classic", "antialiased"] = "classic"
    """`antialiased` takes back the opacity that the blur of one pixel adds; other viewers may not know it."""
    hold_unseen: bool = False
    """Leave what the training views do not show as it is: a file's scene goes on where no camera looks, and steps of
    Adam are as long for what is barely seen as for all else."""
    scene_suffix: str = field(default=".ply", repr=False)
    """Of the file that the scene came from: edits of it leave such a one, too."""
    scene_comments: tuple[str, ...] = field(default=(), repr=False)
    """Of the file that the scene came from, such as what is up in it: files of the scene bear them, too."""

    def insertion(self, optimizers: dict[str, Any], steps: int) -> dict[str, Any]:
        optimizers, self.strategy = insertion_training(steps)
        return optimizers
