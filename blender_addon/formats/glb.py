# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""glTF's binary form for one mesh, to the engine and back. Knows arrays, not Blender: it runs in threads.

Positions stay in the object's own frame with z up; the engine is told so.
"""

import json
import struct
from array import array

from .blocks import blocks, joined, looked_up, low_and_high

FLOAT, UINT = 5126, 5125


class Geometry:
    """A mesh as flat arrays, as Blender's foreach_get fills them.

    positions: 'f', 3 a vertex. loops: 'i', the vertex of each corner. triangles: 'i', three corners each.
    triangle_materials: 'i', the material of each triangle. uvs: 'f', 2 a corner, or None. colors: 'f', 4 a corner,
    linear, or None.
    """

    def __init__(self, positions, loops, triangles, triangle_materials, uvs=None, colors=None):
        self.positions, self.loops, self.triangles = positions, loops, triangles
        self.triangle_materials, self.uvs, self.colors = triangle_materials, uvs, colors
        self.sent = None
        """The corners in the order in which `write` wrote them."""


class Look:
    """The base colour of a material: linear RGBA, and a picture as PNG or JPEG bytes or None."""

    def __init__(self, color=(0.8, 0.8, 0.8, 1.0), picture=None):
        self.color, self.picture = tuple(color), picture


def picked(values, width, indices):
    """The rows (`width` numbers each) of a flat array at `indices`, as another."""
    out = array(values.typecode, bytes(values.itemsize * width * len(indices)))
    for k in range(width):
        out[k::width] = looked_up(values[k::width], indices)
    return out


def _turned_over(uvs):
    """Coordinates with v counted from the other end: glTF counts downwards, Blender upwards."""
    uvs[1::2] = joined("f", ([1.0 - v for v in part] for part in blocks(uvs[1::2])))
    return uvs


def write(geometry, looks):
    """The bytes of a GLB file: one primitive a material that has triangles.

    Args:
        geometry: a `Geometry`.
        looks: one `Look` a material, at least one.
    """
    document = {
        "asset": {"version": "2.0", "generator": "editor3d_panel"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": []}],
        "materials": [],
        "accessors": [],
        "bufferViews": [],
    }
    blob = bytearray()

    def view(data):
        blob.extend(b"\0" * (-len(blob) % 4))
        document["bufferViews"].append({"buffer": 0, "byteOffset": len(blob), "byteLength": len(data)})
        blob.extend(data)
        return len(document["bufferViews"]) - 1

    def accessor(values, kind, width, bounds=False):
        entry = {
            "bufferView": view(_little(values)),
            "componentType": FLOAT,
            "count": len(values) // width,
            "type": kind,
        }
        if bounds:
            ends = [low_and_high(values[k::width]) for k in range(width)]
            entry["min"], entry["max"] = [low for low, _ in ends], [high for _, high in ends]
        document["accessors"].append(entry)
        return len(document["accessors"]) - 1

    sent = _corners_by_material(geometry, len(looks))
    geometry.sent = array("i", (corner for corners in sent for corner in corners))
    for look, corners in zip(looks, sent):  # noqa: B905 equally long
        if not corners:
            continue
        shown = {"baseColorFactor": list(look.color), "metallicFactor": 0.0}
        if look.picture is not None and geometry.uvs is not None:
            images = document.setdefault("images", [])
            kind = "image/png" if look.picture.startswith(b"\x89PNG") else "image/jpeg"
            images.append({"bufferView": view(look.picture), "mimeType": kind})
            document.setdefault("textures", []).append({"source": len(images) - 1})
            shown["baseColorTexture"] = {"index": len(images) - 1}
        document["materials"].append({"pbrMetallicRoughness": shown, "doubleSided": True})
        vertices = looked_up(geometry.loops, corners)
        attributes = {"POSITION": accessor(picked(geometry.positions, 3, vertices), "VEC3", 3, bounds=True)}
        if geometry.uvs is not None:
            attributes["TEXCOORD_0"] = accessor(_turned_over(picked(geometry.uvs, 2, corners)), "VEC2", 2)
        if geometry.colors is not None and look.picture is None:
            attributes["COLOR_0"] = accessor(picked(geometry.colors, 4, corners), "VEC4", 4)
        document["meshes"][0]["primitives"].append(
            {"attributes": attributes, "material": len(document["materials"]) - 1}
        )
    blob.extend(b"\0" * (-len(blob) % 4))
    document["buffers"] = [{"byteLength": len(blob)}]
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    head = struct.pack("<4sII", b"glTF", 2, 12 + 8 + len(text) + 8 + len(blob))
    return b"".join(
        [head, struct.pack("<I4s", len(text), b"JSON"), text, struct.pack("<I4s", len(blob), b"BIN\0"), blob]
    )


def _corners_by_material(geometry, count):
    """The corners of the triangles of each material; numbers beyond the last material belong to the last."""
    if count == 1:
        return [geometry.triangles]
    out = [array("i") for _ in range(count)]
    for triangle, material in enumerate(geometry.triangle_materials):
        out[min(material, count - 1)].extend(geometry.triangles[3 * triangle : 3 * triangle + 3])
    return out


class Styled:
    """What the engine made: flat arrays of one mesh of triangles.

    positions: 'f', 3 a vertex, each place once. corners: 'i', the vertex of each corner, three a triangle. uvs: 'f',
    2 a corner, v up, or None. colors: 'f', 4 a corner, or None. texture, normal_map: PNG bytes or None. mean: the
    colour of it all, linear RGBA. finish: PNG bytes with roughness in green and metallic in blue, or None.
    """

    def __init__(self, positions, corners, uvs, colors, texture, normal_map, mean=(0.8, 0.8, 0.8, 1.0), finish=None):
        self.finish = finish
        self.positions, self.corners, self.uvs, self.colors = positions, corners, uvs, colors
        self.texture, self.normal_map, self.mean = texture, normal_map, mean


def read(data):
    """A GLB file of one mesh, as the engine writes it.

    Raises:
        ValueError: it is something else, or damaged.
    """
    try:
        magic, version, _ = struct.unpack_from("<4sII", data, 0)
        length, kind = struct.unpack_from("<I4s", data, 12)
        if magic != b"glTF" or version != 2 or kind != b"JSON":
            raise ValueError("not a GLB file")
        document = json.loads(bytes(data[20 : 20 + length]))
        blob = memoryview(data)[20 + length + 8 :]
        primitive = document["meshes"][0]["primitives"][0]
        attributes = primitive["attributes"]
        raw = _array(document, blob, attributes["POSITION"], 3)
        offset = document["nodes"][0].get("translation")
        if offset:
            for k in range(3):
                raw[k::3] = joined("f", ([value + offset[k] for value in part] for part in blocks(raw[k::3])))
        indices = _array(document, blob, primitive["indices"], 1)
        uvs = _array(document, blob, attributes["TEXCOORD_0"], 2) if "TEXCOORD_0" in attributes else None
        colors = _colors(document, blob, attributes, "COLOR_0")
        own = _colors(document, blob, attributes, "_COLOR")  # beside a texture; in sRGB
        mean = _mean(colors, 1.0) if own is None else _mean(own, 2.2)
        material = document["materials"][primitive["material"]] if "material" in primitive else {}
        shown = material.get("pbrMetallicRoughness", {}).get("baseColorTexture")
        texture = _picture(document, blob, shown)
        normal_map = _picture(document, blob, material.get("normalTexture"))
        finish = _picture(document, blob, material.get("pbrMetallicRoughness", {}).get("metallicRoughnessTexture"))
        if indices and low_and_high(indices)[1] >= len(raw) // 3:
            raise ValueError("corners without vertices")
        if uvs is not None:
            uvs = _turned_over(picked(uvs, 2, indices))
        if colors is not None:
            colors = picked(colors, 4, indices)
    except (struct.error, LookupError, TypeError, AttributeError, UnicodeDecodeError) as error:
        raise ValueError(f"a damaged GLB file ({error})") from error
    positions, vertex_of = _merged(raw)
    return Styled(positions, looked_up(vertex_of, indices), uvs, colors, texture, normal_map, mean, finish)


def _merged(raw):
    """Vertices at one place as one: their positions, and the place of each old vertex among them."""
    seen, vertex_of, positions = {}, array("i"), array("f")
    for place in zip(raw[0::3], raw[1::3], raw[2::3]):  # noqa: B905 three slices of one array
        index = seen.setdefault(place, len(seen))
        if index == len(positions) // 3:
            positions.extend(place)
        vertex_of.append(index)
    return positions, vertex_of


def _array(document, blob, index, width):
    entry = document["accessors"][index]
    view = document["bufferViews"][entry["bufferView"]]
    start = view.get("byteOffset", 0) + entry.get("byteOffset", 0)
    code = {FLOAT: "f", UINT: "I"}[entry["componentType"]]
    data = blob[start : start + 4 * width * entry["count"]]
    if len(data) != 4 * width * entry["count"]:
        raise ValueError("a GLB file that ends early")
    values = array(code)
    values.frombytes(data)
    return _swapped(values)


def _picture(document, blob, reference):
    if reference is None:
        return None
    view = document["bufferViews"][document["images"][document["textures"][reference["index"]]["source"]]["bufferView"]]
    start = view.get("byteOffset", 0)
    return bytes(blob[start : start + view["byteLength"]])


def _colors(document, blob, attributes, name):
    if name not in attributes:
        return None
    width = 4 if document["accessors"][attributes[name]]["type"] == "VEC4" else 3
    return _with_alpha(_array(document, blob, attributes[name], width), width)


def _mean(colors, gamma):
    """The mean of colours, made linear, 4 each."""
    if not colors:
        return (0.8, 0.8, 0.8, 1.0)
    sums = [sum(sum(part) for part in blocks(colors[k::4])) for k in range(3)]
    channels = [min(1.0, max(0.0, 4.0 * total / len(colors))) ** gamma for total in sums]
    return (*channels, 1.0)


def _with_alpha(values, width):
    if width == 4:
        return values
    out = array("f", [1.0]) * (4 * (len(values) // 3))
    for k in range(3):
        out[k::4] = values[k::3]
    return out


def _swapped(values):
    """glTF is little-endian."""
    if struct.pack("=I", 1) != struct.pack("<I", 1):
        values.byteswap()
    return values


def _little(values):
    return _swapped(array(values.typecode, values)).tobytes()
