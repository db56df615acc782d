# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""What jobs gave, in the scene: tried on, accepted, offered as assets."""
