# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""What runs: the engine, found and started; a job from its request to its outcome; what is shown and kept of it."""
