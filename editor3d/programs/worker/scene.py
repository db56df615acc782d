"""Open a render worker's scene, set how it is rendered, and check that it is restored between programs.

Runs inside the worker: imports bpy, and nothing of the engine but the standard library beside it.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import bpy
import numpy as np

from editor3d.programs.worker import chance as worker_chance
from editor3d.programs.worker import versions

SIMPLE = ("BOOLEAN", "INT", "FLOAT", "STRING", "ENUM")
_DATA = (
    "scenes",
    "objects",
    "collections",
    "meshes",
    "curves",
    "materials",
    "lights",
    "cameras",
    "worlds",
    "node_groups",
    "shape_keys",
    "images",
    "textures",
    "texts",
    "libraries",
    "actions",
    "armatures",
    "lattices",
    "metaballs",
    "volumes",
    "particles",
    "speakers",
    "sounds",
    "cache_files",
    "movieclips",
    "lightprobes",
    "grease_pencils",
    "grease_pencils_v3",
    "hair_curves",
    "pointclouds",
    "fonts",
    "masks",
    "linestyles",
)
"""The collections of `bpy.data` that a scene is made of; brushes, screens and the like are the program's own."""
_LEFT_OUT = {
    # what it takes to read them is loading files or evaluating the scene
    "Image": {"pixels", "size", "channels", "depth", "has_data", "bindcode", "is_dirty"},
    "Scene": {"tool_settings", "display", "eevee", "grease_pencil_settings", "safe_areas"},
    # the attributes hold the same
    "Mesh": {
        *("vertices", "edges", "loops", "polygons", "loop_triangles", "loop_triangle_polygons", "vertex_colors"),
        *("vertex_normals", "corner_normals", "polygon_normals", "color_attributes", "uv_layers"),
        *("uv_layer_clone", "uv_layer_stencil", "total_vert_sel", "total_edge_sel", "total_face_sel"),
        *("has_custom_normals", "normals_domain"),
    },
    "Object": {"matrix_world", "matrix_local", "bound_box", "dimensions", "particle_systems"},
    "ViewLayer": {"depsgraph", "layer_collection", "active_layer_collection"},
}
_ALWAYS_LEFT_OUT = {"rna_type", "session_uid", "users", "is_evaluated", "is_runtime_data", "preview", "original", "tag"}
_LEAST_SAMPLES = 4
"""Of adaptive sampling, before it looks at a pixel's noise."""
_FOLLOWING = ("texspace_location", "texspace_size")
_NUMBERS = (
    "Mesh",
    "ShapeKey",
    "Float",
    "Int",
    "Byte",
    "Bool",
    "Short",
    "Quaternion",
    "SplinePoint",
    "Bezier",
    "Lattice",
)
"""How the types of long lists of plain numbers begin."""
_plans: dict[Any, tuple] = {}


def open_scene(path: str, settings: dict[str, Any]) -> None:
    """Open the file as it is on disk, without its scripts, and set how it is rendered; start the random generators."""
    bpy.ops.wm.open_mainfile(filepath=path, load_ui=False, use_scripts=False)
    set_render(bpy.context.scene, settings)
    bpy.context.preferences.edit.undo_steps = 8
    bpy.ops.ed.undo_push(message="as it was")
    worker_chance.start(settings["seed"])


def put_back(settings: dict[str, Any]) -> bool:
    """Undo what a program did; False where that cannot be done, and the file must be opened again.

    Much faster than opening: what the program left alone stays in memory, and what Cycles made of it too.
    """
    if any(image.is_dirty for image in bpy.data.images):
        return False
    bpy.ops.ed.undo_push(message="as a program left it")
    if bpy.ops.ed.undo() != {"FINISHED"}:
        return False
    worker_chance.start(settings["seed"])
    return True


def set_render(scene: bpy.types.Scene, settings: dict[str, Any]) -> None:
    """Cycles on the CPU, with everything fixed that the picture's noise and cost depend on."""
    if settings["camera"] is not None:
        scene.camera = scene.objects[settings["camera"]]
    render, cycles = scene.render, scene.cycles
    render.engine = "CYCLES"
    render.resolution_x, render.resolution_y, render.resolution_percentage = settings["width"], settings["height"], 100
    render.use_border = render.use_crop_to_border = render.use_stamp = render.use_sequencer = False
    render.use_overwrite, render.use_file_extension = True, False
    render.use_multiview = render.use_simplify = False
    render.threads_mode, render.threads = "FIXED", settings["threads"]
    render.use_persistent_data = True
    for name in ("compositor_device", "compositor_denoise_device"):
        if hasattr(render, name):  # a process without a screen that takes the GPU for it dies
            setattr(render, name, "CPU")
    render.image_settings.file_format = "PNG"
    render.image_settings.color_mode, render.image_settings.color_depth = "RGB", "8"
    render.image_settings.compression = 15
    cycles.device, cycles.samples = "CPU", settings["samples"]
    cycles.seed, cycles.use_animated_seed = settings["seed"], False
    cycles.use_adaptive_sampling, cycles.adaptive_threshold = settings["noise"] > 0.0, settings["noise"]
    cycles.adaptive_min_samples = _LEAST_SAMPLES
    cycles.use_denoising = settings["denoise"]
    if settings["denoise"]:
        cycles.denoiser, cycles.denoising_use_gpu = "OPENIMAGEDENOISE", False
        cycles.denoising_input_passes, cycles.denoising_prefilter = "RGB_ALBEDO_NORMAL", "FAST"
    cycles.time_limit, cycles.sample_offset, cycles.shading_system = 0.0, 0, False
    for layer in scene.view_layers:
        layer.samples = 0


def render(path: str, *, keep: bool, percent: int = 100) -> None:
    """Render the picture to `path`, a PNG.

    Args:
        percent: of the settings' width and height; samples a pixel fall as the number of pixels does.
        keep: use what Cycles kept of the last picture, and let it keep this one's. It does not see that an image was
            painted, nor that a new one lies where an old one lay: then the answer must be no.
    """
    scene = bpy.context.scene
    scene.render.use_persistent_data = keep
    scene.render.filepath, scene.render.resolution_percentage = path, percent
    samples = scene.cycles.samples
    if percent != 100:
        scene.cycles.samples = max(min(_LEAST_SAMPLES, samples), samples * percent**2 // 100**2)
    bpy.ops.render.render(write_still=True)
    scene.render.resolution_percentage, scene.cycles.samples = 100, samples
    scene.render.use_persistent_data = True


def images() -> tuple[str, bool]:
    """What is known of all images without reading their pixels, and whether any was painted."""
    digest = hashlib.sha256()
    for image in bpy.data.images:
        digest.update(f"{image.name}/{image.session_uid}:".encode())
        add(digest, image, 0)
    return digest.hexdigest(), any(image.is_dirty for image in bpy.data.images)


def fingerprint() -> str:
    """SHA-256 of the scene: every value of every datablock, read through Blender's own description of its types."""
    digest = hashlib.sha256()
    for kind in _DATA:
        for block in getattr(bpy.data, kind, ()):
            digest.update(f"{kind}/{block.name}:".encode())
            add(digest, block, 0)
    # of the tools, what operators go by; what they paint with is not seen
    digest.update(repr(simple(bpy.context.scene.tool_settings)).encode())
    return digest.hexdigest()


def simple(struct: bpy.types.bpy_struct) -> dict[str, Any]:
    """Values of a struct that are numbers, words or lists of such."""
    plain, _, _ = plan(struct)
    return {name: value(struct, name, many) for name, many in plain}


def plan(struct: bpy.types.bpy_struct) -> tuple:
    """Names of a type's simple values, pointers and collections, found once."""
    kind = type(struct)
    if kind in _plans and not versions.has_type_of_its_own(struct):
        return _plans[kind]
    skipped = _ALWAYS_LEFT_OUT.union(*(_LEFT_OUT.get(base.__name__, ()) for base in kind.__mro__))
    plain, pointers, collections = [], [], []
    for entry in struct.bl_rna.properties:
        name = entry.identifier
        if name in skipped:
            continue
        if entry.type == "POINTER":
            pointers.append(name)
        elif entry.type == "COLLECTION":
            collections.append(name)
        elif entry.type in SIMPLE:
            plain.append((name, getattr(entry, "is_array", False) or getattr(entry, "is_enum_flag", False)))
    _plans[kind] = plain, pointers, collections
    return _plans[kind]


def value(struct: bpy.types.bpy_struct, name: str, many: bool) -> Any:
    """A simple value, those of many numbers or words as a flat list; None where it cannot be read, or follows."""
    if name in _FOLLOWING and struct.use_auto_texspace:
        return None  # Blender measures it when it next evaluates the shape
    try:
        found = getattr(struct, name)
    except (AttributeError, UnicodeDecodeError, TypeError, RuntimeError):
        return None
    if many:
        return sorted(found) if isinstance(found, set) else _flat(found)
    return found


def _flat(value: Any) -> list:
    return [item for part in value for item in (_flat(part) if hasattr(part, "__len__") else (part,))]


def add(digest: Any, struct: bpy.types.bpy_struct, depth: int) -> None:
    """Let a digest take in everything that is known of a struct, `depth` levels below a datablock."""
    plain, pointers, collections = plan(struct)
    values = [value(struct, name, many) for name, many in plain]
    digest.update(repr(values).encode("utf-8", "surrogatepass"))
    if depth > 6:
        return
    for name in pointers:
        child = getattr(struct, name, None)
        if child is None:
            continue
        if isinstance(child, bpy.types.ID) and not _owned(child):
            digest.update(f"{name}>{_named(child)}".encode())
        elif isinstance(child, (bpy.types.Node, bpy.types.NodeSocket)):
            digest.update(f"{name}>{child.path_from_id()}".encode())
        elif isinstance(child, bpy.types.bpy_struct):
            digest.update(name.encode())
            add(digest, child, depth + 1)
    for name in collections:
        _add_all(digest, name, getattr(struct, name, None), depth)
    # what a modifier made of nodes is given is no property of Blender's own either
    custom = versions.items(struct)
    if custom:
        digest.update(json.dumps(_custom(struct, custom), sort_keys=True, default=str).encode())


def _named(block: bpy.types.ID) -> str:
    """A datablock's name; with its file's, which may have one of the same name, where it is another file's."""
    return block.name if block.library is None else f"{block.name}@{block.library.name}"


def _owned(block: bpy.types.ID) -> bool:
    """Node trees of materials, worlds and the like are parts of these."""
    return getattr(block, "is_embedded_data", False)


def _custom(block: bpy.types.bpy_struct, items: dict[str, Any]) -> dict[str, Any]:
    """Properties that users gave it; those that add-ons declare are read as all others are."""
    declared = block.bl_rna.properties
    values = {key: value for key, value in items.items() if key not in declared}
    return {key: value.to_dict() if hasattr(value, "to_dict") else value for key, value in values.items()}


def is_numbers(items: Any) -> bool:
    """Whether a list is a long one of plain numbers, such as the points of a mesh."""
    kind = type(items[0]).__name__ if len(items) > 4 else ""
    return kind.startswith(_NUMBERS) and not kind.endswith("Attribute")


def _add_all(digest: Any, name: str, items: Any, depth: int) -> None:
    if items is None:
        return
    count = len(items)
    digest.update(f"{name}[{count}]".encode())
    if not count:
        return
    if is_numbers(items):
        plain = plan(items[0])[0]
        kinds = items[0].bl_rna.properties
        for field, _ in plain:
            entry = kinds[field]
            if entry.type in ("FLOAT", "INT", "BOOLEAN"):
                size = max(1, entry.array_length) * count
                values = np.empty(size, {"FLOAT": np.float32, "INT": np.int32, "BOOLEAN": bool}[entry.type])
                try:
                    items.foreach_get(field, values)
                except (TypeError, RuntimeError, AttributeError):
                    continue
                digest.update(values.tobytes())
        return
    for item in items:
        if isinstance(item, bpy.types.ID):
            digest.update(_named(item).encode())
        elif isinstance(item, bpy.types.bpy_struct):
            add(digest, item, depth + 1)
