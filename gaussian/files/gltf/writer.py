"""Write binary glTF (.glb) with the extension KHR_gaussian_splatting; viewers without it show coloured points.

Means, rotations and spherical harmonics are exact floats; scales are linear and opacities lie in 0..1, not as logarithm
and logit. The frame is glTF's, y up and z to the front. The fallback COLOR_0 is linear light, as glTF has
it: the colour 0.5 + C0 SH_0, clamped, decoded from sRGB, in 16 bits, since 8 bits of linear light lose the dark tones.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pygltflib

from editor3d.srgb import to_linear
from gaussian.files.arrays import turned_about_z
from gaussian.files.contents import SplatFile
from gaussian.splats import SH_C0, Splats

_EXTENSION = "KHR_gaussian_splatting"
_TYPES = {1: "SCALAR", 3: "VEC3", 4: "VEC4"}
_COMPONENTS = {np.dtype("f4"): pygltflib.FLOAT, np.dtype("u2"): pygltflib.UNSIGNED_SHORT}


def write(path: Path, contents: SplatFile) -> None:
    """Write N Gaussians on the CPU.

    Args:
        path: the file, which is overwritten.
        contents: all values finite; an offset becomes the node's translation, which is a double.
    """
    attributes = _attributes(turned_about_z(contents.splats))
    x, y, z = contents.offset
    model = pygltflib.GLTF2(
        asset=pygltflib.Asset(generator="editor3d"),
        extensionsUsed=[_EXTENSION],
        scene=0,
        scenes=[pygltflib.Scene(nodes=[0])],
        nodes=[pygltflib.Node(mesh=0, translation=[-x, -y, z] if any(contents.offset) else None)],
        meshes=[pygltflib.Mesh(primitives=[_primitive(list(attributes))])],
    )
    offset = 0
    for index, values in enumerate(attributes.values()):
        model.bufferViews.append(
            pygltflib.BufferView(buffer=0, byteOffset=offset, byteLength=values.nbytes, target=pygltflib.ARRAY_BUFFER)
        )
        is_position = index == 0
        model.accessors.append(
            pygltflib.Accessor(
                bufferView=index,
                componentType=_COMPONENTS[values.dtype],
                normalized=values.dtype == np.uint16,
                count=len(values),
                type=_TYPES[values.shape[1]],
                min=values.min(0).tolist() if is_position else None,
                max=values.max(0).tolist() if is_position else None,
            )
        )
        offset += values.nbytes
    model.buffers.append(pygltflib.Buffer(byteLength=offset))

    # pygltflib's own writer would hold several copies of the arrays; the container is two chunks behind a header.
    json_text = model.gltf_to_json(separators=(",", ":"), indent=None)  # pyright: ignore[reportArgumentType]  # as json has it
    text = json_text.encode()
    text += b" " * (-len(text) % 4)
    with path.open("wb") as file:
        file.write(struct.pack("<4sII", b"glTF", 2, 12 + 8 + len(text) + 8 + offset))
        file.write(struct.pack("<I4s", len(text), b"JSON") + text)
        file.write(struct.pack("<I4s", offset, b"BIN\0"))
        for values in attributes.values():
            file.write(np.ascontiguousarray(values).data)


def _attributes(splats: Splats) -> dict[str, np.ndarray]:
    """[N, components] little endian by glTF name, POSITION first; every row is a multiple of four bytes."""
    quats = splats.quats.double().numpy()
    quats = quats / np.linalg.norm(quats, axis=1, keepdims=True)
    sh = splats.sh.numpy()
    fallback = np.concatenate(
        [to_linear(0.5 + SH_C0 * sh[:, 0].astype(np.float64)), splats.opacities.double().numpy()[:, None]], 1
    )
    floats = {
        "POSITION": splats.means.numpy(),
        f"{_EXTENSION}:ROTATION": np.roll(quats, -1, axis=1),  # xyzw
        f"{_EXTENSION}:SCALE": splats.scales.numpy().clip(0, np.finfo(np.float32).max),
        f"{_EXTENSION}:OPACITY": splats.opacities.numpy()[:, None],
    }
    for degree in range(splats.sh_degree + 1):
        for index in range(2 * degree + 1):
            floats[f"{_EXTENSION}:SH_DEGREE_{degree}_COEF_{index}"] = sh[:, degree**2 + index]
    return {
        **{name: values.astype("<f4") for name, values in floats.items()},
        "COLOR_0": np.rint(fallback * 65535).astype("<u2"),
    }


def _primitive(names: list[str]) -> pygltflib.Primitive:
    return pygltflib.Primitive(
        attributes=pygltflib.Attributes(**{name: index for index, name in enumerate(names)}),
        mode=pygltflib.POINTS,
        extensions={
            _EXTENSION: {
                "kernel": "ellipse",
                "colorSpace": "srgb_rec709_display",
                "projection": "perspective",
                "sortingMethod": "cameraDistance",
            }
        },
    )
