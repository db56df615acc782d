"""glTF's materials as colours and textures: base colour, with the texture's own coordinates, transform and wrapping."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from editor3d.errors import DataError
from editor3d.srgb import to_linear, to_srgb
from mesh.io.common.notes import quoted
from mesh.io.common.textures import Textures
from mesh.io.gltf.document import Document, data_of
from mesh.io.gltf.schema import GltfImage, GltfMaterial, Texture, TextureInfo, TextureTransform
from mesh.surface import Material

_WRAPS = {10497: "repeat", 33071: "clamp", 33648: "mirror"}
_KTX2, _DDS = b"\xabKTX 20\xbb", b"DDS "


@dataclass(frozen=True)
class Look:
    """What a material gives to the faces that have it."""

    material: Material
    """With the factor in its texture, or as its colour."""
    factor: np.ndarray
    """[3] float64, linear light: its colour without the texture."""
    tex_coord: int = 0
    """Which set of texture coordinates its texture takes."""
    transform: TextureTransform | None = None


class Looks:
    """Reads the materials of a document, each once."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._textures = Textures(document.path.parent, document.notes, percent_encoded=True)
        self._looks: dict[int, Look] = {}

    def of(self, index: int) -> Look:
        """
        Raises:
            DataError: there is no such material, or its texture is compressed in a way that is not read.
        """
        if index not in self._looks:
            material = self._document.item(self._document.json.materials, index, "material")
            self._looks[index] = self._look(material)
        return self._looks[index]

    def _look(self, material: GltfMaterial) -> Look:
        factor, info = self._base(material)
        self._note_omissions(material)
        factor = np.clip(np.nan_to_num(np.array(factor[:3], np.float64)), 0.0, 1.0)
        flat = Material(tuple(to_srgb(factor).tolist()))
        if info is None:
            return Look(flat, factor)
        texture = self._document.item(self._document.json.textures, info.index, "texture")
        picture = self._picture(texture)
        if picture is None:
            return Look(flat, factor)
        if not np.allclose(factor, 1.0):
            table = to_linear(np.arange(256) / 255.0)[:, None] * factor
            table = np.rint(to_srgb(table) * 255.0).astype(np.uint8)
            picture = self._textures.recolored(picture, table)
        transform = info.extensions.transform
        chosen = transform.tex_coord if transform and transform.tex_coord is not None else info.tex_coord
        return Look(Material(flat.color, picture, self._wrap(texture)), factor, chosen, transform)

    def _base(self, material: GltfMaterial) -> tuple[tuple[float, ...], TextureInfo | None]:
        """Factor and texture of the colour; of what glows where nothing else has a colour."""
        glossy = material.extensions.specular_glossiness
        if glossy is not None:
            factor, info = glossy.diffuse_factor, glossy.diffuse_texture
        elif material.pbr_metallic_roughness is not None:
            rough = material.pbr_metallic_roughness
            factor, info = rough.base_color_factor, rough.base_color_texture
        else:
            factor, info = (1.0, 1.0, 1.0, 1.0), None
        glows = any(value > 0.0 for value in material.emissive_factor)
        if glows and not any(value > 0.0 for value in factor[:3]):
            return material.emissive_factor, material.emissive_texture
        if glows:
            self._document.notes.add("light that materials give off is not drawn")
        return factor, info

    def _note_omissions(self, material: GltfMaterial) -> None:
        notes = self._document.notes
        if material.alpha_mode != "OPAQUE":
            notes.add("transparency (alphaMode MASK or BLEND) is not drawn")
        rough = material.pbr_metallic_roughness
        has_rough_map = rough is not None and rough.metallic_roughness_texture is not None
        if material.normal_texture is not None or material.occlusion_texture is not None or has_rough_map:
            notes.add("maps other than of colour (normal, metallic-roughness, occlusion) are not drawn")

    def _wrap(self, texture: Texture) -> tuple[str, str]:
        if texture.sampler is None:
            return "repeat", "repeat"
        sampler = self._document.item(self._document.json.samplers, texture.sampler, "sampler")
        return _WRAPS.get(sampler.wrap_s, "repeat"), _WRAPS.get(sampler.wrap_t, "repeat")

    def _picture(self, texture: Texture) -> np.ndarray | None:
        webp, basisu = texture.extensions.webp, texture.extensions.basisu
        for source in (None if webp is None else webp.source, texture.source):
            if source is not None:
                picture = self._image(source)
                if picture is not None:
                    return picture
        if basisu is not None and basisu.source is not None and texture.source is None:
            raise self._ktx2()
        return None

    def _ktx2(self) -> DataError:
        return DataError(
            f"Expected textures of PNG, JPEG or WebP in {self._document.path}, got KTX2 (KHR_texture_basisu): convert "
            f"them, as with `gltf-transform ktxdecompress in.glb out.glb`."
        )

    def _image(self, index: int) -> np.ndarray | None:
        image = self._document.item(self._document.json.images, index, "image")
        called = f"image {index}" + (f" {quoted(image.name)}" if image.name else "")
        content = self._embedded(image)
        if content is None:
            if image.uri is None:
                self._document.notes.add(f"{called} has no content, drawn without it")
                return None
            if "://" in image.uri[:32]:
                self._document.notes.add(f"{called} is at {quoted(image.uri)}, which is not fetched, drawn without it")
                return None
            if image.uri.lower().endswith(".ktx2"):
                raise self._ktx2()
            return self._textures.named(image.uri)
        if content[:8] == _KTX2:
            raise self._ktx2()
        if content[:4] == _DDS:
            self._document.notes.add(f"{called} is a DDS picture, drawn without it")
            return None
        return self._textures.inside(content, called)

    def _embedded(self, image: GltfImage) -> bytes | None:
        """The content of a picture in the file itself; None where it lies beside it."""
        if image.buffer_view is not None:
            return bytes(self._document.view(image.buffer_view))
        try:
            return None if image.uri is None else data_of(image.uri)
        except ValueError as error:
            raise self._document.damaged(str(error)) from error


def placed(uvs: np.ndarray, transform: TextureTransform | None) -> np.ndarray:
    """glTF's texture coordinates [N, 2], v pointing down, by KHR_texture_transform; then with v pointing up, float32.

    u' = offset + R(rotation) S(scale) u, with R turning counterclockwise seen with v pointing down the page.
    """
    if transform is not None:
        sine, cosine = np.sin(transform.rotation), np.cos(transform.rotation)
        turn = np.array([[cosine, sine], [-sine, cosine]])
        uvs = (uvs * np.array(transform.scale)) @ turn.T + np.array(transform.offset)
    with np.errstate(over="ignore", invalid="ignore"):
        return np.column_stack([uvs[:, 0], 1.0 - uvs[:, 1]]).astype(np.float32)
