"""The region that is drawn in the viewer, by a real server and a client that drags as a browser's page does."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator

import msgspec
import numpy as np
import pytest
import torch
import viser.transforms as vtf
from nerfstudio.utils.eval_utils import eval_setup
from nerfstudio.viewer.utils import parse_object
from nerfstudio.viewer.viewer_elements import ViewerElement
from nerfstudio.viewer_legacy.server.viewer_utils import get_free_port
from viser import ViserServer
from viser._messages import GuiUpdateMessage, TransformControlsUpdateMessage, ViewerCameraMessage
from websockets.sync.client import connect

from editor3d.plugin.confine.regions import CaptureRegion
from editor3d.plugin.viewer.region_panel import NODE, RegionPanel, ViewerFrame, _edges, beginning, written
from editor3d.regions import Box, Sphere, Union, parse_region

TURN = vtf.SO3.from_rpy_radians(0.3, -0.8, 2.0)
SCALE, SHIFT = 0.37, np.array([0.2, -1.1, 0.4])
FRAME = ViewerFrame(TURN.as_matrix(), SHIFT, SCALE)
BOX, BALL = "box:1,2,3,0.4,0.5,0.6", Sphere((0, 0, 0), 1)


class Browser:
    """A page that shows the panel: it drags handles, types and clicks over the server's own websocket."""

    def __init__(self, panel: RegionPanel, server: ViserServer) -> None:
        self.panel, self.scene = panel, server.scene
        self.line = connect(f"ws://127.0.0.1:{server.get_port()}", max_size=None)
        # unread messages would hold the server up
        threading.Thread(target=lambda: all(True for _ in self.line), daemon=True).start()
        camera = ViewerCameraMessage((1.0, 0.0, 0.0, 0.0), (0.0, 0.0, 5.0), 1.0, 1.5, (0.0,) * 3, (0.0, 0.0, 1.0))
        self.send(camera, lambda: bool(server.get_clients()))

    def node(self, name: str):
        return self.scene._handle_from_node_name[f"{NODE}/{name}"]

    def send(self, message, then: Callable[[], bool]) -> None:
        self.line.send(msgspec.msgpack.encode(message.as_serializable_dict()))
        end = time.monotonic() + 60
        while not then():
            assert time.monotonic() < end, "nothing came of it"
            time.sleep(0.01)

    def drag(self, name: str, position, wxyz=None) -> None:
        node = self.scene._handle_from_transform_controls_name[f"{NODE}/{name}"]
        wxyz = node.wxyz if wxyz is None else wxyz
        place, turn = (tuple(float(x) for x in values) for values in (position, wxyz))
        before = self.panel.text.value
        message = TransformControlsUpdateMessage(f"{NODE}/{name}", turn, place)
        self.send(message, lambda: self.panel.text.value != before)

    def set(self, element: ViewerElement, value, then: Callable[[], bool]) -> None:
        self.send(GuiUpdateMessage(element.gui_handle._impl.id, {"value": value}), then)


@pytest.fixture
def open_panel() -> Iterator[Callable[[RegionPanel], Browser]]:
    """Shows a panel by a real server, to a page of it."""
    opened = []

    def show(panel: RegionPanel) -> Browser:
        server = ViserServer(host="127.0.0.1", port=get_free_port(), verbose=False)
        for _, element in parse_object(panel, ViewerElement, "panel"):
            element.install(server)
        browser = Browser(panel, server)
        opened.append((browser, server))
        return browser

    yield show
    for browser, server in opened:
        browser.line.close()
        server.stop()


def test_places_in_the_viewer_are_the_scenes_times_ten():
    transform = torch.from_numpy(np.concatenate([FRAME.rotation, SHIFT[:, None]], 1))
    capture = CaptureRegion(Sphere((0, 0, 0), 1), transform, SCALE)
    points = torch.rand(9, 3, dtype=torch.float64)
    for point in points:
        shown = FRAME.to_viewer(point.numpy())
        assert np.allclose(shown, 10 * capture.to_scene(point).numpy(), atol=1e-12)
        assert np.allclose(FRAME.to_capture(shown), point.numpy(), atol=1e-12)


@pytest.mark.parametrize("text", [BOX, "sphere:-1,0.25,1e-05,0.3", "box:1234.56,0,-0.001,1e-06,20000,3"])
def test_what_is_written_is_read_as_it_was(text):
    assert written(parse_region(text)) == text


def test_a_turned_box_is_written_as_json():
    box = Box((1.0, 2.0, 3.0), (0.1, 0.2, 0.3), tuple(TURN.wxyz.tolist()))
    again = parse_region(written(box))
    assert np.allclose(again.rotation, box.rotation, atol=1e-5)
    assert again.center == box.center


@pytest.mark.parametrize(
    ("region", "expected", "shown"),
    [
        (BOX, parse_region(BOX), True),
        ("sphere:1,2,3,0.5", Sphere((1, 2, 3), 0.5), True),
        (json.dumps(Union(BALL).to_json()), Box((0, 0, 0), (1, 1, 1)), True),
        ("object:ball", None, False),
        ("text:the ball", None, False),
        ("mesh:/nowhere/it.ply", None, False),
        ("", None, False),
    ],
)
def test_handles_begin_with_the_region_of_the_edit(region, expected, shown):
    found = beginning(region, FRAME)
    assert found[1] == shown
    if expected is None:  # in the middle of the scene
        assert np.allclose(FRAME.to_viewer(found[0].center), 0.0, atol=1e-12)
    else:
        assert found[0] == expected


def test_a_box_is_shown_where_it_is(open_panel):
    browser = open_panel(RegionPanel(FRAME, BOX))
    center, size = browser.node("center"), browser.node("size")
    assert np.allclose(center.position, FRAME.to_viewer([1, 2, 3]))
    assert np.allclose(size.position, FRAME.to_viewer([1.4, 2.5, 3.6]))
    assert np.allclose(vtf.SO3(center.wxyz).as_matrix(), FRAME.rotation)
    assert center.visible
    assert size.visible


def test_dragging_moves_turns_and_sizes_a_box(open_panel):
    panel = RegionPanel(FRAME, BOX)
    browser = open_panel(panel)
    browser.drag("center", FRAME.to_viewer([-2, 0.5, 1]))
    assert panel.text.value == "box:-2,0.5,1,0.4,0.5,0.6"
    assert np.allclose(browser.node("size").position, FRAME.to_viewer([-1.6, 1, 1.6]))
    browser.drag("size", FRAME.to_viewer([-1.9, 0.7, 0.7]))  # through the middle on one axis
    assert panel.text.value == "box:-2,0.5,1,0.1,0.2,0.3"
    turned = vtf.SO3.from_z_radians(0.5)
    browser.drag("center", browser.node("center").position, (vtf.SO3.from_matrix(FRAME.rotation) @ turned).wxyz)
    region = parse_region(panel.text.value)
    assert np.allclose(region.rotation, turned.wxyz, atol=1e-5)
    assert region.half_extents == (0.1, 0.2, 0.3)
    corner = np.array([-2, 0.5, 1]) + turned.as_matrix() @ [0.1, 0.2, 0.3]
    assert np.allclose(browser.node("size").position, FRAME.to_viewer(corner), atol=1e-4)


def test_a_sphere_is_chosen_moved_and_sized(open_panel):
    panel = RegionPanel(FRAME, BOX)
    browser = open_panel(panel)
    browser.set(panel.kind, "sphere", lambda: panel.text.value == "sphere:1,2,3,0.6")
    browser.drag("center", FRAME.to_viewer([0, 0, 1]))
    browser.drag("size", FRAME.to_viewer([0.25, 0, 1]))
    assert panel.text.value == "sphere:0,0,1,0.25"
    browser.set(panel.kind, "box", lambda: panel.text.value == "box:0,0,1,0.25,0.25,0.25")


def test_a_region_that_is_typed_is_shown_or_refused(open_panel):
    panel = RegionPanel(FRAME)
    browser = open_panel(panel)
    assert not browser.node("center").visible
    browser.set(panel.shown, True, lambda: browser.node("edges").visible)
    place = FRAME.to_viewer([1, 2, 3])
    browser.set(panel.text, "sphere:1,2,3,4", lambda: np.allclose(browser.node("center").position, place))
    assert panel.kind.value == "sphere"
    browser.set(panel.text, "sphere:1,2", lambda: "instead of 4" in panel.status.value)
    browser.set(panel.text, "object:ball", lambda: "no handles" in panel.status.value)
    assert panel.shape == Sphere((1, 2, 3), 4)
    browser.set(panel.text, BOX, lambda: panel.status.value == "")
    assert panel.shape == parse_region(BOX)
    assert panel.kind.value == "box"


def test_what_is_drawn_ends_where_the_region_does():
    for shape in (parse_region(BOX), Sphere((0, 0, 0), 0.7)):
        low, high = np.array(shape.bounds()) - shape.center
        assert np.allclose(_edges(shape).bounds, [low, high], rtol=0.02)


def test_an_edit_shows_its_region_while_it_runs_and_after_and_a_base_one_to_begin_with(tiny_edit, start, open_panel):
    region = "sphere:0,0,0,0.5"
    config = tiny_edit(editor="procedural", steps=3, vis="viewer", region=region)
    trainer = start(config)
    seen = {}
    update = trainer._update_viewer_state

    def look(step: int) -> None:
        update(step)
        seen["names"] = {e.name for _, e in trainer.viewer_state.viewer_elements if e.gui_handle is not None}
        seen["nodes"] = set(trainer.viewer_state.viser_server.scene._handle_from_node_name)

    trainer._update_viewer_state = look
    assert trainer.fit()
    trainer.shutdown()
    assert {"Show region", "Shape", "Region"} <= seen["names"]
    assert {f"{NODE}/center", f"{NODE}/size", f"{NODE}/edges"} <= seen["nodes"]
    pipeline = eval_setup(trainer.base_dir / "config.yml", test_mode="test")[1]
    assert pipeline.region_panel.text.value == region
    browser = open_panel(pipeline.region_panel)
    outputs = pipeline.datamanager.train_dataparser_outputs
    c2w = pipeline.datamanager.train_dataset.cameras.camera_to_worlds[0]
    view = pipeline.datamanager.train_dataset.metadata["views"][0]
    # a handle dragged to where the viewer draws a camera says where the capture's file has it
    browser.drag("center", c2w[:3, 3].numpy() * 10)
    assert np.allclose(pipeline.region_panel.shape.center, view.c2w[:3, 3], atol=1e-5)
    assert outputs.dataparser_scale != 1.0
    base = eval_setup(trainer.base.checkpoint.parents[1] / "config.yml", test_mode="test")[1]
    assert base.region_panel.text.value.startswith("box:")
    assert not base.region_panel.shown.value
