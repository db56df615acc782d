# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the engine says of a job, in the panel's words."""

_STEPS = {"refine": "Searching"}


def sentence(job):
    """What a job is at, in one line."""
    progress = job["progress"]
    if job["state"] == "queued":
        return "Waiting for another job…"
    if not progress["total"]:
        return f"{job['step'].capitalize()}… {job['seconds']:.0f} s"
    parts = [f"{progress['done']} of {progress['total']} {progress['unit']}"]
    if job["kind"] == "refine":  # fewer where it finds nothing more to try
        parts = [f"{progress['done']} of at most {progress['total']} {progress['unit']}"]
    if progress["seconds_left"] is not None:
        parts.append(f"{progress['seconds_left']:.0f} s left")
    return f"{_STEPS.get(job['step'], job['step'].capitalize())}: {', '.join(parts)}"
