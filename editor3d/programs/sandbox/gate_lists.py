"""What a program may hold: kinds of syntax, names, modules and their parts, methods, operators. Data alone."""

from __future__ import annotations

import ast

from editor3d.programs.sandbox import numbers, repeatable


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


SYNTAX = (
    *(ast.Module, ast.Expr, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Delete, ast.Pass),
    *(ast.For, ast.While, ast.If, ast.Break, ast.Continue, ast.Try, ast.ExceptHandler, ast.Raise, ast.Assert),
    *(ast.FunctionDef, ast.Lambda, ast.arguments, ast.arg, ast.Return, ast.Global, ast.Nonlocal, ast.ClassDef),
    *(ast.Import, ast.ImportFrom, ast.alias, ast.Name, ast.Constant, ast.Attribute, ast.Subscript, ast.Slice),
    *(ast.Call, ast.keyword, ast.Starred, ast.NamedExpr, ast.BoolOp, ast.BinOp, ast.UnaryOp, ast.IfExp, ast.Compare),
    *(ast.List, ast.Tuple, ast.Set, ast.Dict, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp),
    *(ast.comprehension, ast.JoinedStr, ast.FormattedValue, ast.With, ast.withitem, ast.Yield, ast.YieldFrom),
    *(ast.Match, ast.match_case, ast.MatchValue, ast.MatchSingleton, ast.MatchSequence, ast.MatchMapping),
    *(ast.MatchAs, ast.MatchOr, ast.MatchStar),
    *(ast.expr_context, ast.boolop, ast.operator, ast.unaryop, ast.cmpop),
)
"""A pattern with a class is left out: it reads attributes by name."""
ERRORS = _words(
    """
    ArithmeticError AssertionError AttributeError Exception ImportError IndexError KeyError LookupError NameError
    NotImplementedError OverflowError ReferenceError RuntimeError StopIteration TypeError ValueError ZeroDivisionError
    """
)
BUILTINS = (
    *_words(
        """
        abs all any bin bool callable chr complex dict divmod enumerate filter float format frozenset hasattr hex int
        isinstance iter len list map max min next oct ord
        pow print range repr reversed round set slice sorted str sum tuple zip True False None NotImplemented
        classmethod object property staticmethod
        """
    ),
    *ERRORS,
)
"""Python's own, as they are."""
GUARDED = ("getattr", "setattr", "super")
"""Built-in names whose use is checked again while a program runs; see `guarded`."""
DUNDERS = frozenset(
    f"__{name}__"
    for name in _words(
        """
        init post_init repr str len iter next getitem setitem contains call eq ne lt le gt ge hash bool enter exit
        add radd sub rsub mul rmul truediv rtruediv neg abs pow mod floordiv
        """
    )
)
"""Methods of Python's protocols that a class may define. None lets a class pose as a buffer, an array or a file, or
look at how attributes are read."""
WRANGLER = {
    "infinigen.core.nodes.node_wrangler": "Nodes NodeWrangler",
    "infinigen.core.nodes": "Nodes NodeWrangler node_utils node_wrangler",
    "infinigen.core": "surface",
    "infinigen.core.util.math": "FixedSeed",
    "infinigen.assets.materials.utils.surface_utils": "clip sample_color sample_range sample_ratio",
    "nodes.node_wrangler": "Nodes NodeWrangler",
    "nodes": "Nodes NodeWrangler node_utils node_wrangler",
    "surfaces": "surface",
}
"""Modules that programs of procedural generation import: of them, our own node wrangler has these parts."""
_BMESH_OPERATORS = """
    beautify_fill bevel bisect_edges bisect_plane bridge_loops collapse connect_verts contextual_create convex_hull
    create_circle create_cone create_cube create_grid create_icosphere create_monkey create_uvsphere create_vert delete
    dissolve_edges dissolve_faces dissolve_limit dissolve_verts duplicate edgenet_fill extrude_discrete_faces
    extrude_edge_only extrude_face_region extrude_vert_indiv face_attribute_fill grid_fill holes_fill inset_individual
    inset_region join_triangles mirror offset_edgeloops planar_faces poke recalc_face_normals region_extend
    remove_doubles reverse_faces rotate scale smooth_vert solidify spin split split_edges subdivide_edges
    symmetrize transform translate triangle_fill triangulate unsubdivide wireframe
"""
MODULES: dict[str, str] = {
    "bpy": "data context ops app types",
    "bmesh": "new ops types",
    "bmesh.ops": _BMESH_OPERATORS,
    "bmesh.types": "BMesh BMVert BMEdge BMFace BMLoop",
    "math": """acos acosh asin asinh atan atan2 atanh ceil comb copysign cos cosh degrees dist e exp fabs floor fmod
        factorial fsum gcd hypot inf isclose isfinite isinf isnan log log10 log1p log2 modf nan perm pi pow prod radians
        remainder sin
        sinh sqrt tan tanh tau trunc""",
    "mathutils": "Color Euler Matrix Quaternion Vector noise geometry",
    "random": " ".join(repeatable.NAMES),
    "typing": "Any Callable Dict Generator Iterable Iterator List Literal Mapping Optional Sequence Set Tuple Union",
    "colorsys": "hls_to_rgb hsv_to_rgb rgb_to_hls rgb_to_hsv rgb_to_yiq yiq_to_rgb",
    "dataclasses": "dataclass field replace",
    "itertools": """accumulate chain combinations combinations_with_replacement count cycle islice pairwise permutations
        product repeat starmap takewhile dropwhile zip_longest""",
    "functools": "cache lru_cache partial reduce",
    "collections": "Counter OrderedDict defaultdict deque",
    "numpy": " ".join((*numbers.NAMES, "linalg", "random")),
    "numpy.linalg": " ".join(numbers.LINALG),
    "numpy.random": " ".join(numbers.RANDOM),
    **WRANGLER,
}
"""The modules that may be imported, and the parts of each that may be used."""
METHODS = _words(
    """
    append appendleft clear copy count discard extend index insert pop popitem popleft remove reverse setdefault sort
    update add union elements most_common
    intersection difference issubset issuperset get items keys values
    endswith find isalnum isalpha isdigit join lower lstrip replace rsplit rstrip split splitlines startswith strip
    title upper zfill capitalize args real imag conjugate is_integer bit_length setter getter from_iterable
    Diagonal Identity LocRotScale OrthoProjection Rotation Scale Shear Translation adjugate angle angle_signed axis
    cross decompose determinant dot freeze inverted inverted_safe invert lerp length length_squared magnitude
    normalize normalized negate orthogonal project reflect rotate rotation_difference slerp to_2d to_3d to_4d
    to_3x3 to_4x4 to_axis_angle to_euler to_exponential_map to_matrix to_quaternion to_scale to_track_quat
    to_translation to_tuple transpose transposed row col hsv from_scene_linear_to_srgb
    from_srgb_to_scene_linear make_compatible
    fractal hetero_terrain hybrid_multi_fractal multi_fractal noise noise_vector cell cell_vector turbulence
    turbulence_vector ridged_multi_fractal variable_lacunarity voronoi
    area_tri barycentric_transform intersect_line_line intersect_line_plane intersect_point_line normal
    xy xz yz xyz rgb new link unlink foreach_get foreach_set move new_socket new_panel default_value
    shade_smooth shade_flat
    set_sharp_from_angle from_pydata validate transform calc_loop_triangles shape_key_add shape_key_remove
    shape_key_clear evaluate initialize select_set hide_set visible_get active data_transfer get_output_node
    from_mix_xyz closest_point_on_mesh ray_cast calc_matrix_camera pair_with_output
    cast_shadow is_portal max_bounces is_caustics_light is_caustics_caster is_caustics_receiver
    update_tag temp_override keyframe_insert keyframe_delete frame_set frame_current frame_start frame_end
    verts edges faces loops from_mesh to_mesh free ensure_lookup_table index_update normal_update calc_center_median
    calc_center_bounds calc_area calc_length calc_volume link_faces link_edges link_loops other_vert face edge vert
    layers verify
    """
)
RENDER_SETTINGS = _words(
    """
    render engine samples preview_samples resolution_x resolution_y resolution_percentage device use_denoising
    use_adaptive_sampling adaptive_threshold time_limit fps
    """
)
"""How a picture is taken. A program may set it, to no effect: the search takes all pictures alike."""
OPERATORS = _words(
    """
    mesh.primitive_plane_add mesh.primitive_cube_add mesh.primitive_circle_add mesh.primitive_uv_sphere_add
    mesh.primitive_ico_sphere_add mesh.primitive_cylinder_add mesh.primitive_cone_add mesh.primitive_torus_add
    mesh.primitive_grid_add mesh.primitive_monkey_add curve.primitive_bezier_curve_add
    curve.primitive_bezier_circle_add curve.primitive_nurbs_path_add object.light_add object.empty_add
    object.select_all object.delete object.duplicate object.join object.shade_smooth object.shade_flat
    object.modifier_add object.modifier_remove object.shape_key_add object.material_slot_add object.transform_apply
    object.origin_set object.parent_set object.mode_set
    """
)
WHOLE_ONLY = {"bpy": ("ops", "app", "types"), "bmesh": ("ops", "types")}
"""Parts of modules that are used by their whole names, and not imported from them or kept."""
VERSION = ("version", "version_string")
TYPES_ONLY = {("numpy", "ndarray")}
"""Classes that annotations and `isinstance` may name, and nothing else: calling them could reach memory."""
REASONS = {
    "delattr": "a property keeps its value; set another one",
    "driver_add": "a driver is code that Blender runs later: set the value itself",
    "MatchClass": "test the kind by `isinstance`",
    "type": "test the kind by `isinstance`, or read Blender's own `thing.type`",
    "open": "files are out of reach",
    "input": "nobody is there to answer",
    "resize": "make a new vector or array of the size",
    "os": "files and processes are out of reach",
    "sys": "the interpreter is out of reach",
    "time": "a picture may not depend on the clock",
    "filepath": "files are out of reach",
}
"""What to do instead, where a refused word is one that programs often use."""
KEYWORDS_DENIED = frozenset({"filepath", "filename", "directory", "file", "script", "open", "refcheck", "metaclass"})
