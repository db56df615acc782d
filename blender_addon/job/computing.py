# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""What takes long and needs no Blender: computed in a thread, while the interface stays free."""

import threading


class Computing(threading.Thread):
    """Calls a function in a thread."""

    def __init__(self, compute):
        super().__init__(name="editor3d computing", daemon=True)
        self._compute, self._value, self._error = compute, None, None

    def run(self):
        try:
            self._value = self._compute()
        except Exception as error:  # noqa: BLE001 it is raised again where the result is asked for
            self._error = error

    def result(self):
        """What the function gave; raises what it raised. Waits for it."""
        self.join()
        if self._error is not None:
            raise self._error
        return self._value


def computed(compute):
    """A generator that yields the `Computing` while it runs, and returns what the function gave."""
    thread = Computing(compute)
    thread.start()
    while thread.is_alive():
        yield thread
    return thread.result()
