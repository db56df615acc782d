"""Every contract of the engine, and the notation used throughout. Imports no model and no torch.

Notation
    image      float tensor [H, W, 3], sRGB in 0..1 (never linear light, never 0..255)
    mask       bool tensor [H, W]; True is inside
    c2w        camera-to-world [3, 4], OpenGL axes: +x right, +y up, the camera looks along -z
    depth      z-depth along the viewing axis, scene units, [H, W]
    pixel      (x, y); the centre of the top-left pixel is (0.5, 0.5)
    distortion (k1, k2, k3, k4, p1, p2), OpenCV's radial and tangential coefficients
    noise_level  t in 0..1, a fraction of the diffusion model's training timesteps (0.7 means timestep 700 of 1000)
    batches lead: [B, H, W, 3]
"""

from editor3d.types.captures import (
    DEFAULT_SIDE,
    MAX_CAMERAS,
    MAX_SIDE,
    MIN_CAMERAS,
    Around,
    Intrinsics,
    PosedImages,
    Split,
    View,
)
from editor3d.types.changes import Cleaning, Grading
from editor3d.types.edits import (
    DIFFUSION_STEPS,
    GUIDANCE_SCALE,
    BatchEditor,
    Condition,
    Editor,
    EditorInfo,
    EditRequest,
    Garment,
    ObjectEditor,
    Origin,
    PaidEditor,
    Reference,
    SurfaceEditor,
    ViewEditor,
)
from editor3d.types.geometry import ObjectFrame, Sky, ViewGeometry
from editor3d.types.guidance import Guidance, GuidanceInfo, GuidanceRequest
from editor3d.types.propagation import Carried, EditedKey, Propagator
from editor3d.types.regions import (
    Compose,
    Confinement,
    Freeze,
    MaskedRegion,
    Region,
    Regularise,
    SeenRegion,
    Shape,
    Solid,
)
from editor3d.types.scenes import EditableScene, Output, PartLooks, SceneCapabilities

__all__ = [
    "DEFAULT_SIDE",
    "DIFFUSION_STEPS",
    "GUIDANCE_SCALE",
    "MAX_CAMERAS",
    "MAX_SIDE",
    "MIN_CAMERAS",
    "Around",
    "BatchEditor",
    "Carried",
    "Compose",
    "Condition",
    "Cleaning",
    "Confinement",
    "EditRequest",
    "EditableScene",
    "EditedKey",
    "Editor",
    "EditorInfo",
    "Freeze",
    "MaskedRegion",
    "Garment",
    "Grading",
    "Guidance",
    "GuidanceInfo",
    "GuidanceRequest",
    "Intrinsics",
    "ObjectEditor",
    "ObjectFrame",
    "Origin",
    "Output",
    "PaidEditor",
    "PartLooks",
    "PosedImages",
    "Propagator",
    "Reference",
    "Region",
    "Regularise",
    "SceneCapabilities",
    "SeenRegion",
    "Shape",
    "Sky",
    "Solid",
    "Split",
    "SurfaceEditor",
    "View",
    "ViewEditor",
    "ViewGeometry",
]
