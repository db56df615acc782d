"""The attribute names that a program may use.

With bpy, `python -m editor3d.programs.sandbox.gate_names` writes them anew.

They are read from Blender's own description of the types that programs are about: materials, lights, worlds, node
trees, objects, meshes, shape keys, modifiers. Left out by rule: whatever is a path of a file or folder.
"""

from __future__ import annotations

import json
import os
import tempfile
from functools import cache
from pathlib import Path

_FILE = Path(__file__).with_name("gate_names.json")
_FAMILIES = """
    Material Light World Object Mesh Curve Curves Lattice MetaBall Key ShapeKey Collection ColorRamp ColorRampElement
    CurveMapping CurveMap CurveMapPoint Node NodeTree NodeSocket NodeLink NodeTreeInterface NodeTreeInterfaceItem
    NodeTreeInterfaceSocket Modifier Constraint Texture MaterialSlot MeshVertex MeshEdge MeshLoop MeshPolygon
    MeshUVLoop MeshUVLoopLayer MeshLoopTriangle Attribute AttributeGroupMesh Spline SplinePoint BezierSplinePoint
    VertexGroup VertexGroupElement TexMapping ColorMapping ImageUser ColorManagedViewSettings
    NodesModifierBake RepeatItem SimulationStateItem NodeEnumItem LatticePoint MetaElement
    FloatAttributeValue FloatVectorAttributeValue FloatColorAttributeValue IntAttributeValue BoolAttributeValue
    ByteColorAttributeValue StringAttributeValue
"""
_EXTRA = """
    scene scenes world worlds objects materials lights meshes curves cameras collections node_groups images textures
    metaballs lattices shape_keys key_blocks reference_key object active_object view_layer view_layers selected_objects
    collection view_settings exposure gamma look view_transform eval_time elements nodes links inputs outputs interface
    items_tree modifiers constraints material_slots vertex_groups data polygons vertices edges loops uv_layers
    attributes color_attributes splines points bezier_points children children_recursive all_objects active
    generated_type generated_width generated_height generated_color pixels size channels is_float use_nodes
    colorspace_settings
    cycles
    x y z w r g b a h s v
"""
_DENIED = {
    "animation_data",
    "bake_directory",
    "bytecode",
    "file_slots",
    "format",
    "save_as_render",
    "point_cache",
    "bytecode_hash",
    "cache_file",
    "driver",
    "drivers",
    "expression",
    "filepath",
    "filepath_raw",
    "library",
    "library_weak_reference",
    "override_library",
    "packed_file",
    "packed_files",
    "preview",
    "rna_type",
    "script",
    "session_uid",
    "text",
    "is_linked_packed",
    "asset_data",
    "use_fake_user",
    "use_extra_user",
    "use_auto_update",
    "debug_options",
}
PATHS = {"FILEPATH", "FILE_PATH", "DIRPATH", "DIR_PATH", "FILENAME", "FILE_NAME", "BYTESTRING", "BYTE_STRING"}
_INPUTS = frozenset(["properties", *(f"Socket_{number}" for number in range(256))])
"""Of modifiers made of nodes, from Blender 5.2 on: `modifier.properties.inputs.Socket_2.value`."""


@cache
def properties() -> frozenset[str]:
    """Names of the properties of Blender's data that a program may read and set."""
    return frozenset(json.loads(_FILE.read_text(encoding="utf-8"))) | _INPUTS


def main() -> None:
    """Write the file anew."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TMPDIR"] = folder  # Blender's own temporary folder stays where bpy ends by os._exit
        _write()
    # bpy can wait for ever in its own exit handlers
    os._exit(0)


def _write() -> None:
    from bpy import types  # pyright: ignore[reportAttributeAccessIssue]  # Blender makes them

    families = tuple(getattr(types, name) for name in _FAMILIES.split() if hasattr(types, name))
    # types come into being when a name is first used, not before
    every = [getattr(types, name) for name in dir(types)]
    kinds = [kind for kind in every if isinstance(kind, type) and issubclass(kind, families)]
    names = set(_EXTRA.split())
    for kind in kinds:
        for entry in kind.bl_rna.properties:
            if not (entry.type == "STRING" and entry.subtype in PATHS):
                names.add(entry.identifier)
    kept = sorted(name for name in names - _DENIED if not name.startswith("_"))
    _FILE.write_text(json.dumps(kept, indent=0) + "\n", encoding="utf-8")
    print(f"{len(kept)} names of {len(kinds)} types", flush=True)


if __name__ == "__main__":
    main()
