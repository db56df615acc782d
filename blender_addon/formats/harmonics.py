# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""The real spherical harmonics that splats store their colours in, and how their coefficients turn. Knows arrays of
numpy, not Blender."""

import numpy as np

ZEROTH = 0.28209479177387814
"""The constant function: a splat's mean colour is 0.5 + ZEROTH * f_dc."""
FIRST = 0.4886025119029199
SECOND = (1.0925484305920792, -1.0925484305920792, 0.31539156525252005, -1.0925484305920792, 0.5462742152960396)
THIRD = (
    -0.5900435899266435,
    2.890611442640554,
    -0.4570457994644658,
    0.3731763325901154,
    -0.4570457994644658,
    1.445305721320277,
    -0.5900435899266435,
)
DEGREES = {0: 0, 3: 1, 8: 2, 15: 3}
"""Further coefficients of one channel to their highest degree."""


def band(directions, degree):
    """The functions of one degree, 1 to 3, at unit vectors [N, 3] from the camera to the splat: [N, 2 degree + 1]."""
    x, y, z = np.asarray(directions, np.float64).T
    if degree == 1:
        found = [-FIRST * y, FIRST * z, -FIRST * x]
    elif degree == 2:
        values = (x * y, y * z, 2.0 * z * z - x * x - y * y, x * z, x * x - y * y)
        found = [factor * value for factor, value in zip(SECOND, values)]  # noqa: B905 equally long
    else:
        values = (
            y * (3.0 * x * x - y * y),
            x * y * z,
            y * (4.0 * z * z - x * x - y * y),
            z * (2.0 * z * z - 3.0 * x * x - 3.0 * y * y),
            x * (4.0 * z * z - x * x - y * y),
            z * (x * x - y * y),
            x * (x * x - 3.0 * y * y),
        )
        found = [factor * value for factor, value in zip(THIRD, values)]  # noqa: B905 equally long
    return np.stack(found, -1)


def rotation(turn, degree):
    """The matrix [2 degree + 1, 2 degree + 1] by which the coefficients of a degree follow a turn of the scene [3, 3].

    A turned function is a combination of its own degree's: Y(Rᵀ d) = Dᵀ Y(d) for every d, which enough directions
    settle.
    """
    index = np.arange(64)
    z = 1.0 - (2.0 * index + 1.0) / 64.0
    angle, radius = 2.399963229728653 * index, np.sqrt(1.0 - z * z)  # the golden angle spreads them evenly
    directions = np.stack([radius * np.cos(angle), radius * np.sin(angle), z], -1)
    return np.linalg.lstsq(band(directions, degree), band(directions @ turn, degree), rcond=None)[0]


def turned(coefficients, turn):
    """Coefficients [N, K, 3] of degree 1 and up, K one of 0, 3, 8, 15, after the scene is turned by [3, 3]."""
    parts, start = [], 0
    for degree in range(1, DEGREES[coefficients.shape[1]] + 1):
        end = start + 2 * degree + 1
        matrix = rotation(turn, degree)
        parts.append(np.einsum("ij,njc->nic", matrix, coefficients[:, start:end].astype(np.float64)))
        start = end
    return np.concatenate(parts, 1).astype(np.float32) if parts else coefficients
