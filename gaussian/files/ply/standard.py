"""3D Gaussian Splatting's .ply: one row of floats a Gaussian, exact.

Properties are found by name: x y z, f_dc_0..2, f_rest_0.. (all of red, then green, then blue), opacity (logit),
scale_0..2 (logarithm; without scale_2 the Gaussians are flat, as 2D Gaussian Splatting has them) and rot_0..3 (wxyz).
Without f_dc the colours are red, green and blue. Other properties, elements and comments are kept beside the scene.
Read are text and both byte orders, floats and doubles, SH degrees 0 to 4 (of which 4 is left out), and SuperSplat's
compressed .ply (`chunks`). Written is what the original code writes: little endian floats, with normals of
zero; what was kept follows.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.lib.recfunctions import structured_to_unstructured

from editor3d.datasets.formats.ply_header import MAX_HEADER, NAMES, Element, PlyHeader, read_header
from editor3d.errors import DataError
from gaussian.files.arrays import splats_of
from gaussian.files.contents import FILTER, SplatFile, centred
from gaussian.files.ply import chunks
from gaussian.files.ply.comments import comments_of, read_comments
from gaussian.files.ply.rows import read_rows
from gaussian.splats import MAX_SH_DEGREE, SH_C0

_MEANS, _DC, _OPACITY = ["x", "y", "z"], ["f_dc_0", "f_dc_1", "f_dc_2"], ["opacity"]
_SCALES, _QUATS = ["scale_0", "scale_1", "scale_2"], ["rot_0", "rot_1", "rot_2", "rot_3"]
_NORMALS = ["nx", "ny", "nz"]
_COLORS = ["red", "green", "blue"]
_GREATEST = {"u1": 255.0, "u2": 65535.0}
_ROWS_AT_ONCE = 1 << 16
_DEGREE_READ = 4
_TELLING = 100  # Gaussians, whose opacities then tell whether they are logits


def read(path: Path) -> SplatFile:
    """
    Raises:
        DataError: as `read_splats`.
    """
    try:
        header = read_header(path)
    except ValueError as error:
        raise DataError(
            f"Expected a readable PLY file at {path}, found it damaged ({error}): write it anew."
        ) from error
    stated = read_comments(header.comments)
    if chunks.is_compressed(header):
        return SplatFile(chunks.read(path, header), stated.offset, False, stated.antialiased, comments=stated.others)
    vertices = header.element("vertex")
    rest, notes = _rest_names(path, vertices), list(stated.notes)
    assert vertices is not None  # they have names
    rows = read_rows(path, header, vertices)
    codes = vertices.codes()
    order = list(codes)
    # Rows of one type are a table already, which is several times faster than gathering fields.
    uniform = len(set(codes.values())) == 1
    table = rows.view(rows.dtype[0]).reshape(len(rows), -1) if uniform else None

    def columns(names: list[str], kind: type = np.float32) -> np.ndarray:
        if not names:
            return np.empty((len(rows), 0), np.float32)
        if table is not None:
            places = [order.index(name) for name in names]
            together = places == list(range(places[0], places[0] + len(places)))
            return table[:, places[0] : places[-1] + 1] if together else table[:, places]
        with np.errstate(over="ignore", invalid="ignore"):  # doubles beyond float32 become infinite: found afterwards
            return structured_to_unstructured(rows[names], kind)

    harmonics = len(rest) // 3
    if harmonics >= (MAX_SH_DEGREE + 1) ** 2:
        notes.append(f"Its harmonics of degree {_DEGREE_READ} are left out: {MAX_SH_DEGREE} is the highest here.")
    stored = min(harmonics, (MAX_SH_DEGREE + 1) ** 2 - 1)
    sh = np.empty((len(rows), 1 + stored, 3), np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        sh[:, 0] = columns(_DC) if "f_dc_0" in order else _constant_of(columns(_COLORS, np.float64), rows.dtype)
        sh[:, 1:] = columns(rest).reshape(len(rows), 3, -1)[:, :, :stored].transpose(0, 2, 1)
    flat = "scale_2" not in order
    scales = columns(_SCALES[:2] if flat else _SCALES)
    if flat:
        scales = np.column_stack([scales, np.full(len(rows), -np.inf, np.float32)])
    opacities = columns(_OPACITY)[:, 0]
    if len(rows) >= _TELLING and 0 <= opacities.min() < opacities.max() <= 1:
        notes.append(
            "All of its opacities lie in 0..1, as no logits do: they are read as logits, which the format asks for, "
            "and look half transparent if they are none. Write the file anew with log(o / (1 - o))."
        )
    double = "f8" in {codes[name] for name in _MEANS}
    means, offset = (
        centred(columns(_MEANS, np.float64)) if double and not any(stated.offset) else (columns(_MEANS), None)
    )
    extra = _further(rows, {*_MEANS, *_DC, *_OPACITY, *_SCALES, *_QUATS, *rest})
    if extra is not None and FILTER in extra.dtype.names:
        notes.append("Its filter_3D (Mip-Splatting) is applied where it is drawn.")
    return SplatFile(
        splats_of(means, scales, columns(_QUATS), opacities, sh),
        stated.offset if offset is None else offset,
        absolute=offset is not None and any(offset),
        antialiased=stated.antialiased or (extra is not None and FILTER in (extra.dtype.names or ())),
        extra=extra,
        elements=_further_elements(path, header, vertices, notes),
        comments=stated.others,
        notes=tuple(notes),
    )


def write(path: Path, contents: SplatFile) -> None:
    """Write N Gaussians on the CPU; reading gives the same bits.

    Args:
        path: the file, which is overwritten.
        contents: all values finite.
    """
    splats, extra = contents.splats, contents.extra
    rest = 3 * (splats.sh.shape[1] - 1)
    names = [*_MEANS, *_NORMALS, *_DC, *(f"f_rest_{i}" for i in range(rest)), *_OPACITY, *_SCALES, *_QUATS]
    kinds = dict.fromkeys(names, "f4")
    means = splats.means.numpy()
    if contents.absolute:
        means = contents.centres.numpy()
        if not np.array_equal(means.astype(np.float32), means):
            kinds |= dict.fromkeys(_MEANS, "f8")
    layouts = {} if extra is None else {name: extra.dtype[name] for name in extra.dtype.names or ()}
    kinds |= {name: layout.str[1:] for name, layout in layouts.items()}  # normals, too, where they are not zero
    layout = np.dtype([(name, f"<{kind}") for name, kind in kinds.items()])
    header = [f"element vertex {len(splats)}"]
    header += [f"property {NAMES[kind]} {name}" for name, kind in kinds.items()]
    for name, rows in contents.elements.items():
        header.append(f"element {name} {len(rows)}")
        header += [f"property {NAMES[rows.dtype[key].str[1:]]} {key}" for key in rows.dtype.names]
    header += ["end_header", ""]
    comments = [f"comment {text}" for text in comments_of(contents)]
    if len("\n".join([*comments, *header])) > MAX_HEADER // 2:  # longer ones are not read
        comments = [f"comment {text}" for text in comments_of(replace(contents, comments=()))]
    header = ["ply", "format binary_little_endian 1.0", *comments, *header]
    opacities, scales = splats.opacity_logits.numpy()[:, None], splats.log_scales.numpy()
    quats, sh = splats.quats.numpy(), splats.sh.numpy()
    with path.open("wb") as file:
        file.write("\n".join(header).encode("latin-1"))
        for start in range(0, len(splats), _ROWS_AT_ONCE):
            part = slice(start, start + _ROWS_AT_ONCE)
            sh_rest = sh[part, 1:].transpose(0, 2, 1).reshape(len(means[part]), rest)
            normals = np.zeros((len(means[part]), 3), np.float32)
            columns = [means[part], normals, sh[part, 0], sh_rest, opacities[part], scales[part], quats[part]]
            if layout == np.dtype([(name, "<f4") for name in names]):
                file.write(np.concatenate(columns, 1).astype("<f4").tobytes())
                continue
            rows = np.empty(len(normals), layout)
            for name, values in zip(names, np.concatenate(columns, 1).T, strict=True):
                rows[name] = values
            if extra is not None:
                for name in layouts:
                    rows[name] = extra[name][part]
            file.write(rows.tobytes())
        for rows in contents.elements.values():
            file.write(rows.tobytes())


def _rest_names(path: Path, vertices: Element | None) -> list[str]:
    """The names of the higher spherical harmonics, once it is clear that these are Gaussians.

    Raises:
        DataError: a property is missing or of another type, or the count of f_rest belongs to no SH degree.
    """
    kinds = vertices.codes() if vertices else {}
    colored = not kinds.keys() >= set(_DC) and kinds.keys() >= set(_COLORS)
    required = [*_MEANS, *([] if colored else _DC), *_OPACITY, *_SCALES[:2], *_QUATS]
    missing = [name for name in required if name not in kinds]
    if missing:
        raise DataError(f"{path} is a PLY file, but not one of Gaussians: its vertices lack {', '.join(missing)}.")
    count = sum(name.startswith("f_rest_") for name in kinds)
    allowed = [3 * ((degree + 1) ** 2 - 1) for degree in range(_DEGREE_READ + 1)]
    rest = [f"f_rest_{i}" for i in range(count)]
    if count not in allowed or not kinds.keys() >= set(rest):
        raise DataError(
            f"{path}: expected f_rest_0 up to one of {', '.join(str(n) for n in allowed)} properties "
            f"(SH degrees 0 to {_DEGREE_READ}), found {count}."
        )
    for name in [*required, *rest, *(["scale_2"] if "scale_2" in kinds else [])]:
        if kinds[name] not in ("f4", "f8"):
            raise DataError(f"{path}: the property '{name}' must be float or double, not '{kinds[name]}'.")
    if colored and not {kinds[name] for name in _COLORS} <= {*_GREATEST, "f4", "f8"}:
        raise DataError(f"{path}: its colours must be uchar, ushort, float or double, not '{kinds['red']}'.")
    return rest


def _constant_of(colors: np.ndarray, kinds: np.dtype) -> np.ndarray:
    """What 0.5 + SH_C0 * it is the colour of: [N, 3], of colours [N, 3] whose types `kinds` has.

    Floats are in 0..1, or, where any is above 1.5, in 0..255.
    """
    greatest = [_GREATEST.get(kinds[name].str[1:], 1.0) for name in _COLORS]
    if greatest == [1.0] * 3 and np.nanmax(colors, initial=0.0) > 1.5:
        greatest = [255.0] * 3
    return (colors / greatest - 0.5) / SH_C0


def _further(rows: np.ndarray, known: set[str]) -> np.ndarray | None:
    """What else each Gaussian has, little endian; normals of zero, as the original code writes them, are nothing."""
    names = [name for name in rows.dtype.names if name not in known]
    if all(name in names for name in _NORMALS) and not any(rows[name].any() for name in _NORMALS):
        names = [name for name in names if name not in _NORMALS]
    if not names:
        return None
    kept = np.empty(len(rows), [(name, rows.dtype[name].newbyteorder("<")) for name in names])
    for name in names:
        kept[name] = rows[name]
    return kept


def _further_elements(path: Path, header: PlyHeader, vertices: Element, notes: list[str]) -> dict[str, np.ndarray]:
    """The other elements of a file, little endian; what cannot be kept is added to the notes."""
    found = {}
    for element in header.elements:
        if element is vertices or element.count == 0 or not element.properties:
            continue
        if element.has_lists or element.name == "vertex":
            notes.append(f"Its element '{element.name}' is left out.")
            continue
        try:
            rows = read_rows(path, header, element)
        except DataError:  # behind lists, or cut short: the Gaussians are whole
            notes.append(f"Its element '{element.name}' cannot be read and is left out.")
            continue
        found[element.name] = rows.astype([(name, rows.dtype[name].newbyteorder("<")) for name in rows.dtype.names])
    return found
