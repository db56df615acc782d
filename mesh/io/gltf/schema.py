"""The part of glTF's JSON that is read, checked by type as it is decoded."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

Index = Annotated[int, msgspec.Meta(ge=0, lt=1 << 31)]
Length = Annotated[int, msgspec.Meta(ge=0, lt=1 << 40)]
Vector3 = tuple[float, float, float]
Vector4 = tuple[float, float, float, float]


class Part(msgspec.Struct, rename="camel", omit_defaults=True):
    """An object of the JSON; what it does not name is passed over."""


class TextureTransform(Part):
    offset: tuple[float, float] = (0.0, 0.0)
    rotation: float = 0.0
    scale: tuple[float, float] = (1.0, 1.0)
    tex_coord: Index | None = None


class TextureInfoExtensions(Part):
    transform: TextureTransform | None = msgspec.field(default=None, name="KHR_texture_transform")


class TextureInfo(Part):
    index: Index
    tex_coord: Index = 0
    extensions: TextureInfoExtensions = msgspec.field(default_factory=TextureInfoExtensions)


class MetallicRoughness(Part):
    base_color_factor: Vector4 = (1.0, 1.0, 1.0, 1.0)
    base_color_texture: TextureInfo | None = None
    metallic_roughness_texture: Any = None


class SpecularGlossiness(Part):
    diffuse_factor: Vector4 = (1.0, 1.0, 1.0, 1.0)
    diffuse_texture: TextureInfo | None = None


class MaterialExtensions(Part):
    specular_glossiness: SpecularGlossiness | None = msgspec.field(
        default=None, name="KHR_materials_pbrSpecularGlossiness"
    )


class GltfMaterial(Part):
    pbr_metallic_roughness: MetallicRoughness | None = None
    normal_texture: Any = None
    occlusion_texture: Any = None
    emissive_texture: TextureInfo | None = None
    emissive_factor: Vector3 = (0.0, 0.0, 0.0)
    alpha_mode: str = "OPAQUE"
    extensions: MaterialExtensions = msgspec.field(default_factory=MaterialExtensions)


class ImageSource(Part):
    source: Index | None = None


class TextureExtensions(Part):
    webp: ImageSource | None = msgspec.field(default=None, name="EXT_texture_webp")
    basisu: ImageSource | None = msgspec.field(default=None, name="KHR_texture_basisu")


class Texture(Part):
    source: Index | None = None
    sampler: Index | None = None
    extensions: TextureExtensions = msgspec.field(default_factory=TextureExtensions)


class Sampler(Part):
    wrap_s: int = 10497
    wrap_t: int = 10497


class GltfImage(Part):
    uri: str | None = None
    buffer_view: Index | None = None
    mime_type: str = ""
    name: str = ""


class Meshopt(Part):
    """EXT_meshopt_compression of a view."""

    buffer: Index
    byte_length: Length
    byte_stride: Annotated[int, msgspec.Meta(ge=1, le=256)]
    count: Length
    mode: Literal["ATTRIBUTES", "TRIANGLES", "INDICES"]
    byte_offset: Length = 0
    filter: Literal["NONE", "OCTAHEDRAL", "QUATERNION", "EXPONENTIAL", "COLOR"] = "NONE"


class BufferViewExtensions(Part):
    ext_meshopt: Meshopt | None = msgspec.field(default=None, name="EXT_meshopt_compression")
    khr_meshopt: Meshopt | None = msgspec.field(default=None, name="KHR_meshopt_compression")


class BufferView(Part):
    buffer: Index
    byte_length: Length
    byte_offset: Length = 0
    byte_stride: Annotated[int, msgspec.Meta(ge=0, le=1 << 16)] | None = None
    extensions: BufferViewExtensions = msgspec.field(default_factory=BufferViewExtensions)


class Buffer(Part):
    byte_length: Length
    uri: str | None = None


class SparseIndices(Part):
    buffer_view: Index
    component_type: int
    byte_offset: Length = 0


class SparseValues(Part):
    buffer_view: Index
    byte_offset: Length = 0


class Sparse(Part):
    count: Length
    indices: SparseIndices
    values: SparseValues


class Accessor(Part):
    component_type: int
    count: Length
    type: str
    buffer_view: Index | None = None
    byte_offset: Length = 0
    normalized: bool = False
    sparse: Sparse | None = None


class Draco(Part):
    buffer_view: Index
    attributes: dict[str, int] = {}


class PrimitiveExtensions(Part):
    draco: Draco | None = msgspec.field(default=None, name="KHR_draco_mesh_compression")


class Primitive(Part):
    attributes: dict[str, Index]
    indices: Index | None = None
    material: Index | None = None
    mode: int = 4
    targets: list[dict[str, Index]] = []
    extensions: PrimitiveExtensions = msgspec.field(default_factory=PrimitiveExtensions)


class GltfMesh(Part):
    primitives: list[Primitive]
    weights: list[float] = []


class Instancing(Part):
    attributes: dict[str, Index] = {}


class Visibility(Part):
    visible: bool = True


class NodeExtensions(Part):
    instancing: Instancing | None = msgspec.field(default=None, name="EXT_mesh_gpu_instancing")
    visibility: Visibility = msgspec.field(default_factory=Visibility, name="KHR_node_visibility")


class Node(Part):
    children: list[Index] = []
    mesh: Index | None = None
    skin: Index | None = None
    matrix: Annotated[list[float], msgspec.Meta(min_length=16, max_length=16)] | None = None
    translation: Vector3 = (0.0, 0.0, 0.0)
    rotation: Vector4 = (0.0, 0.0, 0.0, 1.0)
    scale: Vector3 = (1.0, 1.0, 1.0)
    weights: list[float] = []
    extensions: NodeExtensions = msgspec.field(default_factory=NodeExtensions)


class Skin(Part):
    joints: list[Index]
    inverse_bind_matrices: Index | None = None


class Scene(Part):
    nodes: list[Index] = []


class Asset(Part):
    version: str = "2.0"


class Version(Part):
    asset: Asset


class Gltf(Part):
    """A document."""

    scene: Index | None = None
    scenes: list[Scene] = []
    nodes: list[Node] = []
    meshes: list[GltfMesh] = []
    materials: list[GltfMaterial] = []
    textures: list[Texture] = []
    samplers: list[Sampler] = []
    images: list[GltfImage] = []
    accessors: list[Accessor] = []
    buffer_views: list[BufferView] = []
    buffers: list[Buffer] = []
    skins: list[Skin] = []
    animations: list[Any] = []
    extensions_used: list[str] = []
    extensions_required: list[str] = []
