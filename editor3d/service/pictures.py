"""The picture that shows how a job stands, and the pair that a preview of a mesh is shown by."""

from __future__ import annotations

from pathlib import Path

from editor3d.service.commands import Places
from editor3d.service.progress import PROGRESS_PICTURES

PREVIEW = "preview.png"


def job_picture(places: Places, since: float | None) -> tuple[Path, int] | None:
    """The newest picture of a job and a number that grows with each new one.

    Args:
        since: when the job began (seconds since 1970): runs are kept beside those of other jobs.
    """
    if since is None:
        return None
    found = list(places.result.glob("*.png"))
    for folder in (places.work, places.runs):
        found += [path for name in PROGRESS_PICTURES for path in folder.rglob(name)]
    newest = max(((_changed(path), path) for path in found), default=(0, None))
    return (newest[1], newest[0]) if newest[1] is not None and newest[0] >= int(since * 1e9) - 10**9 else None


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:  # written anew just now
        return 0


def save_preview_pair(places: Places, title: str) -> None:
    """Put what was edited and what became of it side by side: `preview.png` among the results."""
    import numpy as np
    from PIL import Image

    from editor3d.outputs.pictures import Row, save_side_by_side

    def pictures(folder: str) -> dict[str, np.ndarray]:
        files = sorted(places.work.glob(f"*/*/*/{folder}/*.png"))
        return {file.stem: np.asarray(Image.open(file).convert("RGB")) for file in files}

    before, after = pictures("conditions"), pictures("edited")
    names = [name for name in after if name in before]
    if names:
        rows = [Row("the mesh", [before[n] for n in names]), Row("2D edit", [after[n] for n in names])]
        save_side_by_side(places.result / PREVIEW, rows, title=title, columns=names)
