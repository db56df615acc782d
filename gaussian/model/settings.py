"""The settings of a scene of Gaussians."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

from editor3d.plugin.train.scene import PluginModelConfig
from gaussian.fit.densify import StrategyConfig
from gaussian.fit.training import colors_alone, insertion_training


@dataclass
class SplatSettings(PluginModelConfig):
    """What `SplatModelConfig` consists of."""

    EDIT_SETTINGS: ClassVar[tuple[str, ...]] = (
        "strategy", "ssim_lambda", "sh_degree_interval", "random_background", "average_share"
    )  # fmt: skip
    """Fields that an edit sets itself; all others are copied from its base."""
    EDIT_DEFAULTS: ClassVar[dict[str, Any]] = {"sh_degree_interval": 0, "random_background": False}
    """Values that an edit uses when it was not configured for splats: all harmonics from the start, and the scene
    before the background colour of the edited renders."""
    enable_collider: bool = False
    sh_degree: int = 3
    """Set the highest degree of the spherical harmonics."""
    sh_degree_interval: int = 1000
    """Use one degree more after every this many steps; 0 uses all at once."""
    without_points: Literal["pictures", "random"] = "pictures"
    """Choose what a capture without usable sparse points starts from: points found in its pictures, or random
    Gaussians."""
    num_random: int = 50_000
    """Start with this many random Gaussians; also used where the pictures give no points."""
    random_radius: float = 1.5
    """Set half the side of the cube that random Gaussians lie in, in scene units (cameras are within 1)."""
    initial_opacity: float = 0.1
    """Set the opacity of a new scene's Gaussians."""
    background: tuple[float, float, float] | None = None
    """Set the background colour. None: white where the capture's pictures have transparent parts, which are laid over
    white, and black otherwise."""
    random_background: bool = False
    """Train before another background colour at every step, as splatfacto does, so that solid parts do not stay
    transparent. Not used where the capture's pictures have transparent parts."""
    clamp_in_training: bool = False
    """Clamp pictures to 0..1 in training, too, as splatfacto does; pixels that are too bright then take no gradient."""
    use_scale_regularization: bool = False
    """Penalise needle-shaped Gaussians at every tenth step, as splatfacto can (PhysGaussian's loss)."""
    max_gauss_ratio: float = 10.0
    """Penalise a Gaussian whose longest axis exceeds this multiple of its shortest."""
    ssim_lambda: float = 0.2
    """Weight 1 - SSIM in the loss; L1 has the rest of the weight."""
    strategy: StrategyConfig = field(default_factory=StrategyConfig)
    """Set when and where Gaussians are added and removed."""
    scene_scale: float = 1.0
    """Set the size of the scene, which multiplies rates and thresholds of length; 1 where cameras are within 1."""
    average_share: float = 0.0
    """Average the parameters over this last share of the run; 0 keeps those of the last step."""
    rasterize_mode: Literal["classic", "antialiased"] = "classic"
    """Choose the rasterization. antialiased removes the opacity that the blur of one pixel adds; other viewers may not
    support it."""
    hold_unseen: bool = False
    """Keep what the training views do not show unchanged: a file's scene extends beyond what the cameras see, and
    Adam's steps are as long for what is barely seen as for the rest."""
    scene_suffix: str = field(default=".ply", repr=False)
    """Suffix of the file that the scene came from; edits of it write the same kind of file."""
    scene_comments: tuple[str, ...] = field(default=(), repr=False)
    """Comments of the file that the scene came from, such as its up direction; files of the edited scene keep them."""

    def colors_alone(self, optimizers: dict[str, Any]) -> dict[str, Any]:
        self.strategy = replace(self.strategy, kind="none")
        return colors_alone(optimizers)

    def insertion(self, optimizers: dict[str, Any], steps: int) -> dict[str, Any]:
        optimizers, self.strategy = insertion_training(steps)
        return optimizers
