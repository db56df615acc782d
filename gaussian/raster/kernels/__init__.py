"""Compiled loops of the CPU rasterizer (numba; no compiler is needed on the user's machine).

Notation, that of gsplat
    means      [N, 3] centres in the world;  means2d [N, 2] in pixels, the top-left pixel's centre being (0.5, 0.5)
    quats      [N, 4] rotation as w, x, y, z, of any length;  scales [N, 3] standard deviations
    viewmat    [4, 4] world to camera, OpenCV axes: +x right, +y down, +z forward
    conics     [N, 3] the upper triangle (A, B, C) of the inverse 2D covariance
    sigma      0.5 (A dx^2 + C dy^2) + B dx dy, with (dx, dy) from the pixel's centre to the Gaussian's
    alpha      min(ALPHA_MAX, opacity * exp(-sigma)); below ALPHA_MIN a Gaussian does not touch a pixel
    T          transmittance, prod (1 - alpha) over what lies in front
    tile       16 x 16 pixels; an intersection is a pair (Gaussian, tile)
    v_x        dL/dx, the gradient that arrives for x or is handed on to it

A pixel is finished by the Gaussian that would bring its T to T_MIN or below; that Gaussian is not drawn.

Every loop gives the same bits on any number of threads: work is cut into pieces that do not depend on their number, and
each sum is added in one fixed order.
"""

import numpy as np

TILE = 16
ALPHA_MAX = np.float32(0.999)
ALPHA_MIN = np.float32(1.0 / 255.0)
T_MIN = np.float32(1e-4)

_FAST = {"nnan", "ninf", "nsz", "arcp", "contract", "afn", "reassoc"}
INLINE = dict(fastmath=_FAST, error_model="numpy", nogil=True)
PARALLEL = dict(parallel=True, **INLINE)
