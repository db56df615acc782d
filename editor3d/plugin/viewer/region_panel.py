"""A box or sphere with handles in nerfstudio's viewer, and the value of --region for it."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import trimesh
import viser.transforms as vtf
from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs
from nerfstudio.viewer.viewer import VISER_NERFSTUDIO_SCALE_RATIO
from nerfstudio.viewer.viewer_elements import ViewerCheckbox, ViewerDropdown, ViewerText
from torch import nn

from editor3d.errors import RegionError
from editor3d.regions import Box, Sphere, bounds_of, parse_region

if TYPE_CHECKING:
    from viser import TransformControlsHandle, ViserServer

    from editor3d.regions.shapes import Vector

NODE = "/region"
"""Nodes of the viewer's scene: the handle at the centre, and below it one for the size, and the edges."""
_CENTER, _SIZE, _EDGES = f"{NODE}/center", f"{NODE}/size", f"{NODE}/edges"
_COLOR = (255, 211, 105)
_DEFAULT = 0.2
"""Half side of the box to begin with, scene units: cameras are within 1."""
_THICKNESS = 0.006
"""Of an edge, in half sides."""
_TURNED = 1e-4
"""A rotation that changes by less was not turned by a person."""
_DIGITS = 6
_MATTERS = 1e-4
"""Of a shape's size: what rounding may move it by."""


@dataclass(frozen=True, eq=False)
class ViewerFrame:
    """Where the viewer shows what: x_viewer = 10 scale (R x_capture + t)."""

    rotation: np.ndarray
    """R, [3, 3] float64."""
    translation: np.ndarray
    """t, [3] float64."""
    scale: float

    @staticmethod
    def of(outputs: DataparserOutputs) -> ViewerFrame:
        transform = outputs.dataparser_transform.cpu().double().numpy()
        return ViewerFrame(transform[:, :3], transform[:, 3], float(outputs.dataparser_scale))

    @property
    def unit(self) -> float:
        """Length in the viewer of one unit of the capture."""
        return VISER_NERFSTUDIO_SCALE_RATIO * self.scale

    def to_viewer(self, point: np.ndarray | Vector) -> np.ndarray:
        """A point [3] of the capture, in the viewer."""
        return self.unit * (self.rotation @ np.asarray(point) + self.translation)

    def to_capture(self, point: np.ndarray) -> np.ndarray:
        """A point [3] of the viewer, in the capture."""
        return self.rotation.T @ (np.asarray(point) / self.unit - self.translation)


def written(shape: Box | Sphere) -> str:
    """A shape as `parse_region` reads it, in as few digits as matter: JSON for a box that is turned."""
    least = shape.radius if isinstance(shape, Sphere) else min(shape.half_extents)
    center = _rounded(shape.center, least)
    if isinstance(shape, Sphere):
        return f"sphere:{_numbers([*center, *_rounded([shape.radius], least)])}"
    half_extents = _rounded(shape.half_extents, least)
    if tuple(shape.rotation) == (1.0, 0.0, 0.0, 0.0):
        return f"box:{_numbers([*center, *half_extents])}"
    rotation = _rounded(shape.rotation, 1.0)
    return json.dumps({"type": "box", "center": center, "half_extents": half_extents, "rotation": rotation})


def beginning(region: str, frame: ViewerFrame) -> tuple[Box | Sphere, bool]:
    """The shape that handles begin with, and whether it stands for `region`: a box or sphere itself, a box round what
    else is known to end somewhere; in the middle of the scene otherwise, or where a region's file is gone."""
    with suppress(RegionError):
        shape = parse_region(region) if region else None
        if isinstance(shape, Box | Sphere):
            return shape, True
        around = bounds_of(shape) if shape is not None else None
        if around is not None:
            low, high = np.array(around)
            return Box(tuple(((low + high) / 2).tolist()), tuple(((high - low) / 2).tolist())), True
    half = _DEFAULT / frame.scale
    x, y, z = frame.to_capture(np.zeros(3)).tolist()
    return Box((x, y, z), (half, half, half)), False


class _TypedText(ViewerText):
    """A text field that calls back for what a person types, not for what is shown in it."""

    def install(self, viser_server: ViserServer) -> None:
        self._create_gui_handle(viser_server)
        self.gui_handle.on_update(lambda event: self.cb_hook(self) if event.client_id is not None else None)


class _Shown(ViewerCheckbox):
    """The checkbox that shows the handles; with it they are put into the viewer's scene."""

    def __init__(self, panel: RegionPanel, shown: bool) -> None:
        super().__init__("Show region", shown, cb_hook=lambda _: panel.show(), hint="A box or sphere to drag")
        self._panel = panel

    def install(self, viser_server: ViserServer) -> None:
        super().install(viser_server)
        self._panel.draw(viser_server)


class RegionPanel(nn.Module):
    """A region to draw: a handle moves and turns it, another at its rim sizes it, and its text follows.

    A module because that is where the viewer looks for elements; it has no parameters. It changes nothing of the run.

    Args:
        frame: of the capture that is looked at.
        region: that of the edit that is looked at, as `parse_region` takes it.
    """

    def __init__(self, frame: ViewerFrame, region: str = "") -> None:
        super().__init__()
        self.frame = frame
        self._lock = threading.RLock()  # callbacks come from several threads
        self.shape, shown = beginning(region, frame)
        self._server: ViserServer | None = None
        self.shown = _Shown(self, shown)
        kind = "sphere" if isinstance(self.shape, Sphere) else "box"
        self.kind = ViewerDropdown("Shape", kind, ["box", "sphere"], cb_hook=lambda _: self._choose())
        self.text = _TypedText(
            "Region",
            written(self.shape),
            cb_hook=lambda _: self._typed(),
            hint="Copy it after --region, or write a region here to see it",
        )
        self.status = ViewerText("Region status", "", disabled=True)

    def draw(self, server: ViserServer | None = None) -> None:
        """Put the handles into a viewer's scene, or anew into that of before."""
        with self._lock:
            self._server = server or self._server
            if self._server is None:
                return
            scene, shape, shown = self._server.scene, self.shape, bool(self.shown.value)
            is_box = isinstance(shape, Box)
            self._center = scene.add_transform_controls(
                _CENTER,
                depth_test=False,
                disable_rotations=not is_box,
                visible=shown,
                wxyz=self._wxyz(),
                position=self._position(),
            )
            self._size = scene.add_transform_controls(
                _SIZE,
                scale=0.5,
                depth_test=False,
                disable_rotations=True,
                active_axes=(True, is_box, is_box),
                visible=shown,
                wxyz=self._wxyz(),
                position=self._rim(),
            )
            self._center.on_update(self._moved)
            self._size.on_update(self._sized)
            self._draw_edges()

    def show(self) -> None:
        """Show or hide the handles, as the checkbox says."""
        with self._lock:
            if self._server is not None:
                for node in (self._center, self._size, self._edges):
                    node.visible = bool(self.shown.value)

    def _position(self) -> np.ndarray:
        """[3], in the viewer."""
        return self.frame.to_viewer(self.shape.center)

    def _wxyz(self) -> np.ndarray:
        """Its rotation in the viewer, a quaternion [4]."""
        rotation = self.frame.rotation
        if isinstance(self.shape, Box):
            rotation = rotation @ np.array(self.shape.axes)
        return vtf.SO3.from_matrix(rotation).wxyz

    def _reach(self) -> np.ndarray:
        """From the centre to the handle of the size, along the shape's own axes, in units of the capture."""
        return np.array(self.shape.half_extents if isinstance(self.shape, Box) else (self.shape.radius, 0.0, 0.0))

    def _rim(self) -> np.ndarray:
        return self._position() + vtf.SO3(self._wxyz()).as_matrix() @ (self.frame.unit * self._reach())

    def _draw_edges(self) -> None:
        assert self._server is not None  # `draw` was given one
        mesh = _edges(self.shape)
        self._edges = self._server.scene.add_mesh_simple(
            _EDGES,
            np.asarray(mesh.vertices) * self.frame.unit,
            np.asarray(mesh.faces),
            color=_COLOR,
            visible=bool(self.shown.value),
            side="double",
            wxyz=self._wxyz(),
            position=self._position(),
        )

    def _moved(self, handle: TransformControlsHandle) -> None:
        """The handle at the centre was dragged."""
        with self._lock:
            center = tuple(self.frame.to_capture(handle.position).tolist())
            if isinstance(self.shape, Sphere):
                self.shape = Sphere(center, self.shape.radius)
            else:
                rotation = self.shape.rotation
                turn = vtf.SO3(self._wxyz()).inverse() @ vtf.SO3(np.asarray(handle.wxyz, dtype=np.float64))
                if np.linalg.norm(turn.log()) > _TURNED:
                    rotation = tuple((vtf.SO3(np.array(rotation)) @ turn).wxyz.tolist())
                self.shape = Box(center, self.shape.half_extents, rotation)
            self._edges.position, self._edges.wxyz = self._position(), self._wxyz()
            self._size.position, self._size.wxyz = self._rim(), self._wxyz()
            self._show_status()

    def _sized(self, handle: TransformControlsHandle) -> None:
        """The handle at the rim was dragged."""
        with self._lock:
            reach = vtf.SO3(self._wxyz()).as_matrix().T @ (np.asarray(handle.position) - self._position())
            reach = np.maximum(np.abs(reach) / self.frame.unit, 1e-6 / self.frame.unit)
            if isinstance(self.shape, Sphere):
                self.shape = Sphere(self.shape.center, float(np.linalg.norm(reach)))
            else:
                self.shape = Box(self.shape.center, tuple(reach.tolist()), self.shape.rotation)
            self._draw_edges()
            self._show_status()

    def _choose(self) -> None:
        """Another kind of shape was chosen: in the same place, of the same size."""
        with self._lock:
            shape = self.shape
            if isinstance(shape, Sphere) == (self.kind.value == "sphere"):
                return
            if isinstance(shape, Sphere):
                self.shape = Box(shape.center, (shape.radius, shape.radius, shape.radius))
            else:
                self.shape = Sphere(shape.center, max(shape.half_extents))
            self.draw()
            self._show_status()

    def _typed(self) -> None:
        """A region was written into the text field."""
        try:
            shape = parse_region(self.text.value)
            if not isinstance(shape, Box | Sphere):
                raise RegionError("Expected box:... or sphere:... to be shown; other regions have no handles.")
        except RegionError as error:
            self._say(str(error))
            return
        with self._lock:
            self.shape = shape
            kind = "sphere" if isinstance(shape, Sphere) else "box"
            if self.kind.value != kind:
                self.kind.value = kind
            self.draw()
            self._say("")

    def _show_status(self) -> None:
        self.text.value = written(self.shape)
        self._say("")

    def _say(self, text: str) -> None:
        if self.status.value != text:  # each time it is set, the viewer renders anew
            self.status.value = text


def _edges(shape: Box | Sphere) -> trimesh.Trimesh:
    """What is drawn of a shape, along its own axes round its centre: a box's twelve edges, a sphere's three circles."""
    if isinstance(shape, Sphere):
        ring = trimesh.creation.torus(shape.radius, _THICKNESS * shape.radius, major_sections=48, minor_sections=4)
        turns = [trimesh.transformations.rotation_matrix(np.pi / 2, axis) for axis in ([1, 0, 0], [0, 1, 0])]
        return _joined([ring, *(ring.copy().apply_transform(turn) for turn in turns)])
    half = np.array(shape.half_extents)
    thick = _THICKNESS * float(half.max())
    beams = []
    for axis in range(3):
        one, other = (other for other in range(3) if other != axis)
        for signs in ((-1, -1), (-1, 1), (1, -1), (1, 1)):
            extents, place = np.full(3, 2 * thick), np.zeros(3)
            extents[axis] = 2 * half[axis]
            place[one], place[other] = signs * half[[one, other]]
            beams.append(trimesh.creation.box(extents, trimesh.transformations.translation_matrix(place)))
    return _joined(beams)


def _joined(meshes: Sequence[trimesh.Trimesh]) -> trimesh.Trimesh:
    joined = trimesh.util.concatenate(meshes)
    assert isinstance(joined, trimesh.Trimesh)
    return joined


def _rounded(numbers: Sequence[float], size: float) -> list[float]:
    """To as many digits as matter in a shape of a size: what is left of rounding errors becomes 0.

    Far from the origin that takes more digits than near it.
    """
    places = _DIGITS - math.floor(math.log10(size))
    exact = [round(number, places) for number in numbers]
    short = [float(f"{number:.{_DIGITS}g}") for number in exact]
    kept = [one if abs(one - other) <= _MATTERS * size else other for one, other in zip(short, exact, strict=True)]
    return [number + 0.0 for number in kept]  # no negative zero


def _numbers(values: Sequence[float]) -> str:
    return ",".join(f"{value:.15g}" for value in values)
