"""glTF: what a file states is what is seen, or is refused or noted by its name."""

from __future__ import annotations

import base64
import json
import tracemalloc

import numpy as np
import pytest

from editor3d.errors import DataError
from editor3d.srgb import to_srgb
from mesh.io.gltf.document import data_of
from mesh.io.read import read_mesh
from mesh.model.looks import Looks

RED, GREEN, BLUE, YELLOW = (200, 0, 0), (0, 160, 0), (0, 0, 240), (220, 220, 0)
AS_PAINTED = [BLUE, YELLOW, RED, GREEN]
"""What is seen of the square: lower left, lower right, upper left, upper right."""
UV = np.array([[0, 1], [1, 1], [1, 0], [0, 0]], np.float32)


def test_a_texture_stands_upright(gltf, seen):
    surface = read_mesh(gltf())
    assert seen(surface) == pytest.approx(np.array(AS_PAINTED), abs=1)
    assert not surface.notes


@pytest.mark.parametrize(("kind", "largest"), [(np.uint8, 255), (np.uint16, 65535), (np.int16, 32767), (np.int8, 127)])
def test_normalised_places_are_scaled(gltf, seen, kind, largest):
    places = (UV * largest).astype(kind)
    assert seen(read_mesh(gltf(arrays={"TEXCOORD_0": (places, True)}))) == pytest.approx(np.array(AS_PAINTED), abs=2)


def test_quantised_positions_are_scaled_by_type_and_node(gltf, seen):
    corners = np.zeros((4, 4), np.int16)  # rows of eight bytes
    corners[:, :2] = np.array([[0, 0], [32767, 0], [32767, 32767], [0, 32767]])

    def change(document):
        document["bufferViews"][0]["byteStride"] = 8
        document["accessors"][0] |= {"type": "VEC3", "normalized": True}
        document["extensionsRequired"] = ["KHR_mesh_quantization"]
        document["nodes"][0] |= {"scale": [2, 2, 2], "translation": [-1, -1, 0]}

    surface = read_mesh(gltf(change, {"POSITION": corners}))
    assert surface.vertices.min(0) == pytest.approx([-1, -1, 0])
    assert surface.vertices.max(0) == pytest.approx([1, 1, 0])
    assert seen(surface, [(-0.5, -0.5)]) == pytest.approx(np.array([BLUE]), abs=1)


def test_the_set_of_places_that_a_texture_names_is_taken(gltf, seen):
    def change(document):
        document["materials"][0]["pbrMetallicRoughness"]["baseColorTexture"]["texCoord"] = 1

    path = gltf(change, {"TEXCOORD_0": np.zeros((4, 2), np.float32), "TEXCOORD_1": UV})
    assert seen(read_mesh(path)) == pytest.approx(np.array(AS_PAINTED), abs=1)
    surface = read_mesh(gltf(change))
    assert any("TEXCOORD_1" in note for note in surface.notes)
    assert seen(surface) == pytest.approx(255)


@pytest.mark.parametrize(
    ("transform", "expected"),
    [
        ({"offset": [0.5, 0]}, [YELLOW, BLUE, GREEN, RED]),
        ({"scale": [1, -1], "offset": [0, 1]}, [RED, GREEN, BLUE, YELLOW]),
        # a quarter turn about the upper left corner and back into the square: the picture turned clockwise
        ({"offset": [0, 1], "rotation": np.pi / 2}, [YELLOW, GREEN, BLUE, RED]),
        ({"texCoord": 1}, [GREEN] * 4),
    ],
)
def test_texture_transforms(gltf, seen, transform, expected):
    def change(document):
        texture = document["materials"][0]["pbrMetallicRoughness"]["baseColorTexture"]
        texture["extensions"] = {"KHR_texture_transform": transform}
        document["extensionsRequired"] = ["KHR_texture_transform"]

    path = gltf(change, {"TEXCOORD_1": np.full((4, 2), [0.75, 0.25], np.float32)})
    assert seen(read_mesh(path)) == pytest.approx(np.array(expected), abs=1)


def test_the_extensions_own_example_shows_the_lower_left_quarter(gltf, seen):
    def change(document):
        texture = document["materials"][0]["pbrMetallicRoughness"]["baseColorTexture"]
        transform = {"offset": [0, 1], "rotation": 1.57079632679, "scale": [0.5, 0.5]}
        texture["extensions"] = {"KHR_texture_transform": transform}

    assert seen(read_mesh(gltf(change)), [(0.5, 0.5)]) == pytest.approx(np.array([BLUE]), abs=1)


@pytest.mark.parametrize(
    ("wrap", "expected"),
    [(10497, [BLUE, RED]), (33071, [RED, RED]), (33648, [RED, BLUE])],
    ids=["repeat", "clamp", "mirror"],
)
def test_what_lies_beyond_a_texture(gltf, seen, wrap, expected):
    def change(document):
        document["samplers"] = [{"wrapS": 33071, "wrapT": wrap}]
        document["textures"][0]["sampler"] = 0

    # v runs from -0.75 at the bottom to -1.75 at the top, with u at the left column
    places = np.column_stack([np.full(4, 0.25), [-0.75, -0.75, -1.75, -1.75]]).astype(np.float32)
    points = [(0.5, 0.5), (0.5, 0.001)]  # v = -1.25 and about -0.75
    expected = {10497: [BLUE, RED], 33071: [RED, RED], 33648: [BLUE, BLUE]}[wrap]
    found = seen(read_mesh(gltf(change, {"TEXCOORD_0": places})), points)
    assert found == pytest.approx(np.array(expected), abs=2)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [3, 4])
def test_colours_of_vertices_in_every_type_are_multiplied_by_factor_and_texture(gltf, seen, kind, channels):
    largest = 1.0 if kind is np.float32 else np.iinfo(kind).max
    half = np.full((4, channels), 0.5 * largest).astype(kind)
    if channels == 3 and kind is not np.float32:
        half = np.column_stack([half, np.zeros(4, kind)])[:, :3].copy()
    colors = (half, kind is not np.float32)
    textured = seen(read_mesh(gltf(arrays={"COLOR_0": colors})))
    linear = np.where(np.array(AS_PAINTED) / 255 <= 0.04045, 0, ((np.array(AS_PAINTED) / 255 + 0.055) / 1.055) ** 2.4)
    assert textured == pytest.approx(to_srgb(0.5 * linear) * 255, abs=2)

    def plain(document):
        document["materials"][0] = {"pbrMetallicRoughness": {"baseColorFactor": [1, 0.5, 0, 1]}}

    expected = to_srgb(np.array([0.5, 0.25, 0.0])) * 255
    assert seen(read_mesh(gltf(plain, {"COLOR_0": colors}))) == pytest.approx(np.tile(expected, (4, 1)), abs=1)


def test_vertices_at_one_place_keep_colours_of_their_own(gltf, seen):
    corners = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32)
    colors = np.repeat(np.array([[255, 0, 0], [0, 0, 255]], np.uint8), 3, axis=0)

    def change(document):
        document["materials"][0] = {}
        document["meshes"][0]["primitives"][0].pop("indices")

    arrays = {"POSITION": corners, "TEXCOORD_0": None, "COLOR_0": (colors, True)}
    surface = read_mesh(gltf(change, arrays))
    assert len(surface.vertices) == 4
    assert seen(surface, [(0.9, 0.1), (0.1, 0.9)]) == pytest.approx(np.array([[255, 0, 0], [0, 0, 255]]), abs=1)


def test_unlit_and_specular_glossiness(gltf, seen):
    def glossy(document):
        document["materials"][0] = {
            "extensions": {"KHR_materials_pbrSpecularGlossiness": {"diffuseTexture": {"index": 0}}}
        }
        document["extensionsRequired"] = ["KHR_materials_pbrSpecularGlossiness"]

    def unlit(document):
        document["materials"][0]["extensions"] = {"KHR_materials_unlit": {}}
        document["extensionsRequired"] = ["KHR_materials_unlit"]

    for change in (glossy, unlit):
        assert seen(read_mesh(gltf(change))) == pytest.approx(np.array(AS_PAINTED), abs=1)


def test_what_only_glows_is_shown_as_it_glows(gltf, seen):
    def change(document):
        document["materials"][0] = {
            "pbrMetallicRoughness": {"baseColorFactor": [0, 0, 0, 1]},
            "emissiveFactor": [1, 1, 1],
            "emissiveTexture": {"index": 0},
        }

    assert seen(read_mesh(gltf(change))) == pytest.approx(np.array(AS_PAINTED), abs=1)


def test_what_is_not_drawn_is_noted(gltf):
    def change(document):
        document["materials"][0] |= {"alphaMode": "MASK", "normalTexture": {"index": 0}}
        document["animations"] = [{"channels": [], "samplers": []}]
        document["extensionsUsed"] = ["KHR_materials_clearcoat"]
        document["scenes"].append({"nodes": []})

    told = " ".join(read_mesh(gltf(change)).notes)
    for word in ("alphaMode", "normal", "animations", "clearcoat", "scenes"):
        assert word in told


@pytest.mark.parametrize("mirror", [False, True])
def test_instances_stand_where_they_are_put(gltf, seen, mirror):
    moves = np.array([[0, 0, 0], [2, 0, 0], [0, 3, 0]], np.float32)
    sizes = np.array([[1, 1, 1], [0.5, 0.5, 1], [-1 if mirror else 1, 1, 1]], np.float32)

    def change(document):
        first = len(document["accessors"]) - 2
        document["nodes"][0]["extensions"] = {
            "EXT_mesh_gpu_instancing": {"attributes": {"TRANSLATION": first, "SCALE": first + 1}}
        }
        document["extensionsRequired"] = ["EXT_mesh_gpu_instancing"]

    surface = read_mesh(gltf(change, more=(moves, sizes)))
    assert len(surface.faces) == 6
    assert surface.vertices.max(0) == pytest.approx([2.5, 4, 0])
    assert seen(surface, [(0.25, 0.75), (2.125, 0.375)]) == pytest.approx(np.array([RED, RED]), abs=1)
    x = -0.25 if mirror else 0.25
    assert seen(surface, [(x, 3.75)]) == pytest.approx(np.array([RED]), abs=1)
    corners = surface.vertices[surface.faces]
    assert (np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 2] > 0).all()


def test_matrices_and_their_parts_say_the_same(gltf):
    turn = np.array([[0, -1, 0, 5], [2, 0, 0, 6], [0, 0, 3, 7], [0, 0, 0, 1]], float)  # z by 90 degrees, after a scale

    def by_matrix(document):
        document["nodes"] = [
            {"children": [1], "translation": [0, 0, 1]},
            {"mesh": 0, "matrix": turn.T.ravel().tolist()},
        ]

    def by_parts(document):
        half = np.sqrt(0.5)
        document["nodes"] = [
            {"children": [1], "translation": [0, 0, 1]},
            {"mesh": 0, "translation": [5, 6, 7], "rotation": [0, 0, half, half], "scale": [2, 1, 3]},
        ]

    found = [read_mesh(gltf(change)).vertices for change in (by_matrix, by_parts)]
    assert found[0] == pytest.approx(found[1])
    assert found[0].max(0) == pytest.approx([5, 8, 8])


def test_skins_and_morph_targets_stand_as_they_rest(gltf):
    joints = np.zeros((4, 4), np.uint8)
    joints[2:, 0] = 1
    weights = np.zeros((4, 4), np.float32)
    weights[:, 0] = 1
    inverse = np.tile(np.eye(4, dtype=np.float32).ravel(), (2, 1))
    offsets = np.array([[0, 0, 0], [0, 0, 0], [0, 0, 4], [0, 0, 4]], np.float32)

    def change(document):
        first = len(document["accessors"]) - 2
        document["nodes"] = [
            {"mesh": 0, "skin": 0, "translation": [100, 0, 0]},  # a skin's node does not move it
            {"translation": [0, 0, 0]},
            {"translation": [0, 5, 0]},
        ]
        document["scenes"][0]["nodes"] = [0, 1, 2]
        document["skins"] = [{"joints": [1, 2], "inverseBindMatrices": first}]
        document["meshes"][0] |= {"weights": [0.5]}
        document["meshes"][0]["primitives"][0]["targets"] = [{"POSITION": first + 1}]

    surface = read_mesh(gltf(change, {"JOINTS_0": joints, "WEIGHTS_0": weights}, more=(inverse, offsets)))
    assert surface.vertices.min(0) == pytest.approx([0, 0, 0])
    assert surface.vertices.max(0) == pytest.approx([1, 6, 2])


def test_sparse_accessors(gltf):
    def change(document):
        places, values = len(document["bufferViews"]) - 2, len(document["bufferViews"]) - 1
        document["accessors"][0]["sparse"] = {
            "count": 1,
            "indices": {"bufferView": places, "componentType": 5123},
            "values": {"bufferView": values},
        }

    moved = np.array([9, 9, 9], np.float32).tobytes()
    surface = read_mesh(gltf(change, views=(np.uint16([2]).tobytes(), moved)))
    assert surface.vertices.max(0) == pytest.approx([9, 9, 9])

    def beyond(document):
        change(document)
        document["accessors"][0]["sparse"]["indices"]["componentType"] = 5121

    with pytest.raises(DataError, match="damaged"):
        read_mesh(gltf(beyond, views=(b"\xff\xff", moved)))


@pytest.mark.parametrize(("mode", "faces"), [(5, 2), (6, 2), (4, 1)])
def test_strips_and_fans(gltf, mode, faces):
    def change(document):
        document["meshes"][0]["primitives"][0] |= {"mode": mode, "indices": len(document["accessors"]) - 1}

    order = np.array([0, 1, 3, 2] if mode == 5 else [0, 1, 2, 3], np.uint16)
    surface = read_mesh(gltf(change, more=(order,)))
    assert len(surface.faces) == faces
    corners = surface.vertices[surface.faces]
    assert (np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 2] > 0).all()


@pytest.mark.parametrize(
    "uri", ["a%20b%20%C3%BC.png", "a b ü.png", "A%20B%20%C3%9C.PNG", "./a b ü.png", "textures/../a b ü.png"]
)
def test_files_beside_a_gltf_are_found_however_they_are_written(gltf, seen, tmp_path, uri):
    def change(document):
        document["images"][0] = {"uri": uri}

    from PIL import Image

    (tmp_path / "textures").mkdir()
    Image.fromarray(np.array([[RED, GREEN], [BLUE, YELLOW]], np.uint8)).save(tmp_path / "a b ü.png")
    surface = read_mesh(gltf(change))
    assert seen(surface) == pytest.approx(np.array(AS_PAINTED), abs=1)
    assert not surface.notes


def test_buffers_beside_it_or_as_data(gltf, seen, tmp_path):
    content = gltf().read_bytes()
    length = int.from_bytes(content[12:16], "little")
    document, blob = json.loads(content[20 : 20 + length]), content[28 + length :]
    for uri in ("my%20data.bin", "data:application/octet-stream;base64," + base64.b64encode(blob).decode()):
        (tmp_path / "my data.bin").write_bytes(blob)
        document["buffers"][0]["uri"] = uri
        (tmp_path / "square.gltf").write_bytes(b"\xef\xbb\xbf" + json.dumps(document).encode())
        assert seen(read_mesh(tmp_path / "square.gltf")) == pytest.approx(np.array(AS_PAINTED), abs=1)
    for uri, word in (("gone.bin", "gone.bin"), ("https://example.org/x.bin", "download")):
        document["buffers"][0]["uri"] = uri
        (tmp_path / "square.gltf").write_text(json.dumps(document))
        with pytest.raises(DataError, match=word):
            read_mesh(tmp_path / "square.gltf")


def write_beside(path, change, size):
    """A square whose buffer is a file of `size` bytes, zeros at its end."""
    content = path.read_bytes()
    length = int.from_bytes(content[12:16], "little")
    document = json.loads(content[20 : 20 + length])
    with (path.parent / "data.bin").open("wb") as file:
        file.write(content[28 + length :])
        file.truncate(size)
    document["buffers"][0]["uri"] = "data.bin"
    change(document)
    beside = path.with_suffix(".gltf")
    beside.write_text(json.dumps(document))
    return beside


def test_no_more_of_a_buffers_file_is_read_than_it_states(gltf, seen):
    path = write_beside(gltf(), lambda document: None, 1 << 36)
    tracemalloc.start()
    try:
        surface = read_mesh(path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 26
    finally:
        tracemalloc.stop()
    assert seen(surface) == pytest.approx(np.array(AS_PAINTED), abs=1)


def test_buffers_files_have_a_limit_together(gltf, monkeypatch):
    def share(document):
        stated = document["buffers"][0]["byteLength"]
        document["buffers"] += [{"uri": "data.bin", "byteLength": 1 << 30}] * 2
        for number, view in enumerate(document["bufferViews"][:3]):
            view["buffer"] = number
        assert stated < 1 << 20

    path = write_beside(gltf(), share, 600 << 20)
    monkeypatch.setattr("mesh.io.gltf.document.MAX_BUFFER_BYTES", 1 << 26)
    with pytest.raises(DataError, match=r"at most 64 MiB of data beside .*square\.gltf, got 600 MiB with 'data\.bin'"):
        read_mesh(path)


def test_data_uris():
    assert data_of("data:,a%20b") == b"a b"
    assert data_of("DATA:image/png;BASE64,aGk") == b"hi"
    assert data_of("a.png") is None
    for bad in ("data:image/png;base64", "data:;base64,ü"):
        with pytest.raises(ValueError, match="data URI"):
            data_of(bad)


def test_a_texture_that_is_missing_is_noted_and_the_colour_stays(gltf, seen):
    def change(document):
        document["images"][0] = {"uri": "gone.png"}
        document["materials"][0]["pbrMetallicRoughness"]["baseColorFactor"] = [1, 0, 0, 1]

    surface = read_mesh(gltf(change))
    assert any("gone.png" in note for note in surface.notes)
    assert seen(surface) == pytest.approx(np.tile([255, 0, 0], (4, 1)), abs=1)


def test_compressed_textures_with_another_source_use_it_and_without_are_refused(gltf, seen):
    def with_fallback(document):
        document["textures"][0] = {"source": 0, "extensions": {"KHR_texture_basisu": {"source": 1}}}
        document["images"].append({"uri": "x.ktx2"})

    assert seen(read_mesh(gltf(with_fallback))) == pytest.approx(np.array(AS_PAINTED), abs=1)

    def webp(document):
        document["textures"][0] = {"extensions": {"EXT_texture_webp": {"source": 0}}}
        document["extensionsRequired"] = ["EXT_texture_webp"]

    assert seen(read_mesh(gltf(webp))) == pytest.approx(np.array(AS_PAINTED), abs=1)

    def without(document):
        document["textures"][0] = {"extensions": {"KHR_texture_basisu": {"source": 0}}}
        document["extensionsRequired"] = ["KHR_texture_basisu"]

    with pytest.raises(DataError, match="KTX2.*convert"):
        read_mesh(gltf(without))
    with pytest.raises(DataError, match="KTX2"):  # named as a plain source, as some writers do
        read_mesh(gltf(texture=b"\xabKTX 20\xbb\r\n\x1a\n" + bytes(60)))


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda d: d.update(extensionsRequired=["NV_magic"]), "NV_magic"),
        (lambda d: d["asset"].update(version="1.0"), "2.0"),
        (lambda d: d["nodes"].__setitem__(0, {"children": [0]}), "two parents"),
        (lambda d: d["accessors"][0].update(count=10**9), "at most"),
        (lambda d: d["accessors"][0].update(count=10**5), "bytes"),
        (lambda d: d["accessors"].__setitem__(0, {"componentType": 5126, "count": 10**9, "type": "VEC3"}), "at most"),
        (lambda d: d["accessors"][0].update(componentType=7), "type"),
        (lambda d: d["bufferViews"][0].update(byteStride=1), "overlap"),
        (lambda d: d["buffers"][0].update(uri="/dev/zero"), "pipe|ordinary|found no such"),
        (lambda d: d.update(nodes=3), "nodes"),
        (lambda d: d["meshes"][0]["primitives"][0].update(mode=0), "no.*faces|found none"),
        (lambda d: d["meshes"][0].update(primitives=d["meshes"][0]["primitives"] * 70_000), "parts"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(gltf, change, word):
    with pytest.raises(DataError, match=word):
        read_mesh(gltf(change))


def test_draco(gltf, seen):
    draco = pytest.importorskip("DracoPy")
    corners = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32)
    faces = np.array([[0, 1, 2], [0, 2, 3]], np.uint32)
    packed = draco.encode(corners, faces, quantization_bits=14, tex_coord=UV.astype(np.float64))
    by_kind = {found["attribute_type"]: found["unique_id"] for found in draco.decode(packed).attributes}

    def change(document):
        for accessor in document["accessors"]:
            accessor.pop("bufferView")
        document["meshes"][0]["primitives"][0]["extensions"] = {
            "KHR_draco_mesh_compression": {
                "bufferView": len(document["bufferViews"]) - 1,
                "attributes": {"POSITION": by_kind[0], "TEXCOORD_0": by_kind[3]},
            }
        }
        document["extensionsRequired"] = ["KHR_draco_mesh_compression"]

    assert seen(read_mesh(gltf(change, views=(packed,)))) == pytest.approx(np.array(AS_PAINTED), abs=1)

    def with_plain_arrays(document):
        accessors = [dict(accessor) for accessor in document["accessors"]]
        change(document)
        document |= {"accessors": accessors, "extensionsRequired": []}

    surface = read_mesh(gltf(with_plain_arrays, views=(b"no data of Draco's",)))
    assert seen(surface) == pytest.approx(np.array(AS_PAINTED), abs=1)
    for damaged in (b"PLAIN" + packed[5:], packed[:30]):
        with pytest.raises(DataError, match="Draco"):
            read_mesh(gltf(change, views=(damaged,)))


def test_a_glb_that_is_named_gltf_and_the_other_way_round(gltf, seen):
    assert seen(read_mesh(gltf(name="square.gltf"))) == pytest.approx(np.array(AS_PAINTED), abs=1)


def test_parts_with_and_without_colours_keep_their_own(gltf):
    red = np.tile(np.array([255, 0, 0], np.uint8), (4, 1))

    def change(document):
        colored = document["meshes"][0]["primitives"][0]
        plain = {**colored, "attributes": {"POSITION": colored["attributes"]["POSITION"]}, "material": 1}
        document["materials"] = [{}, {"pbrMetallicRoughness": {"baseColorFactor": [0, 0, 1, 1]}}]
        document["meshes"].append({"primitives": [plain]})
        document["nodes"].append({"mesh": 1, "translation": [3, 0, 0]})
        document["scenes"][0]["nodes"] = [0, 1]

    surface = read_mesh(gltf(change, {"COLOR_0": (red, True)}))
    colors = Looks(surface).at_vertices().numpy()
    left = surface.vertices[:, 0] < 2
    assert colors[left] == pytest.approx(np.tile([1, 0, 0], (4, 1)))
    assert colors[~left] == pytest.approx(np.tile([0, 0, 1], (4, 1)))
