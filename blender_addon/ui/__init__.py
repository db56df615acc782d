# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the user sees and presses: the panel, its settings and its operators."""
