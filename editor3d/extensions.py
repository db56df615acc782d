"""Load what other installed packages add to the engine: editors, methods, regions, metrics and panels, by entry points.

A package names its parts in `pyproject.toml`; `docs/extending.md` shows each kind.

    [project.entry-points."editor3d.regions"]
    slab = "my_package.slab:SLAB"

Looking names up imports no other package; `load` imports the one that it names.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import TypeVar

from editor3d.errors import ConfigError

EDITORS = "editor3d.editors"
"""Values are `editor3d.editors.EditorEntry`."""
METHODS = "editor3d.methods"
"""Values are `editor3d.registry.MethodEntry`."""
REGIONS = "editor3d.regions"
"""Values are `editor3d.regions.RegionKind`."""
METRICS = "editor3d.metrics"
"""Values are functions that take held-out views (`editor3d.metrics.views.HeldOutView`) and return a number."""
PANELS = "editor3d.panels"
"""Values are functions that take the pipeline and return a torch module that holds nerfstudio's viewer elements."""

T = TypeVar("T")


def installed(group: str) -> dict[str, EntryPoint]:
    """The entry points of a group, by name."""
    return {point.name: point for point in entry_points(group=group)}


def load(point: EntryPoint, kind: type[T]) -> T:
    """Import what an entry point names.

    Raises:
        ConfigError: the package cannot be imported, or the value is of another kind.
    """
    what = f"'{point.name}' of '{point.group}'"
    try:
        value = point.load()
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"Expected {what} in '{point.value}', it cannot be loaded ({error}): reinstall its package."
        ) from error
    if not isinstance(value, kind):
        raise ConfigError(
            f"Expected {what} to be of type {kind.__name__}, got {type(value).__name__} in '{point.value}': correct "
            f"the entry point of its package."
        )
    return value
