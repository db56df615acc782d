# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""Gaussian splats as objects: what they are in a file lies beside each point, so that transformed, deleted, copied and
joined points are a file of splats again. From Blender 5.3 on they are its own splats, before that ellipsoids.

Each point has the names that Blender 5.3 reads (`radiance:base`, `scale`, `rotation`, `radiance:sh_0` and so on) and,
hidden, the file's own numbers where those round (`.ply:…`). Only `nodes` can be imported where there is no NumPy."""
