"""Every version of Blender renders and saves what a program changes, behind all layers of protection.

The versions of `EDITOR3D_TEST_BLENDERS` (`5.2` and those that are installed by default; `4.2,5.0,5.2,5.3` for all) are
taken where they are installed, else installed for the test and removed after it, about 400 MB each; one whose Python is
not on the machine is left out with a line that says so.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from editor3d.cli import main
from editor3d.errors import ConfigError
from editor3d.programs.blenders import environments
from editor3d.programs.core.contracts import RenderSettings
from editor3d.programs.rendering.pool import Workers
from editor3d.run.record import read_record

pytestmark = pytest.mark.slow
_THERE = {path.name for path in environments.folder().glob("[0-9].[0-9]*")}
VERSIONS = os.environ.get("EDITOR3D_TEST_BLENDERS", ",".join(sorted({"5.2"} | _THERE))).split(",")
SETTINGS = RenderSettings(width=48, height=48, samples=1)
SCENE = """
import bpy, os, sys
bpy.ops.wm.read_factory_settings()
bpy.data.lights["Light"].energy = 400
tree = bpy.data.node_groups.new("Tall", "GeometryNodeTree")
tree.interface.new_socket("Geometry", in_out="INPUT", socket_type="NodeSocketGeometry")
tree.interface.new_socket("Size", in_out="INPUT", socket_type="NodeSocketVector")
tree.interface.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
first, last = tree.nodes.new("NodeGroupInput"), tree.nodes.new("NodeGroupOutput")
turn = tree.nodes.new("GeometryNodeTransform")
tree.links.new(first.outputs["Geometry"], turn.inputs["Geometry"])
tree.links.new(first.outputs["Size"], turn.inputs["Scale"])
tree.links.new(turn.outputs["Geometry"], last.inputs["Geometry"])
modifier = bpy.data.objects["Cube"].modifiers.new("Tall", "NODES")
modifier.node_group = tree
tree.interface.items_tree["Size"].default_value = (1, 1, 1)
bpy.ops.wm.save_as_mainfile(filepath=sys.argv[1])
os._exit(0)
"""
PROGRAM = """
import bpy
bpy.data.lights["Light"].energy = 900.0
modifier = bpy.data.objects["Cube"].modifiers["Tall"]
{input} = (0.5, 1.0, 1.8)
bpy.context.view_layer.update()
"""


@pytest.fixture(scope="module", params=VERSIONS)
def blender(request, tmp_path_factory):
    """One installed version."""
    there = environments.find(environments.version_of(request.param))
    if there is not None:
        yield there
        return
    folder = tmp_path_factory.mktemp("blenders")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(environments.FOLDER_VARIABLE, str(folder))
        try:
            yield environments.install(request.param)
        except ConfigError as error:
            if "needs Python" not in str(error):
                raise
            pytest.skip(str(error))
        else:
            environments.remove(request.param)


def test_a_program_s_changes_are_rendered_saved_and_rendered_again(blender, tmp_path):
    scene = tmp_path / "scene.blend"
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    subprocess.run([blender.python, "-c", SCENE, str(scene)], check=True, capture_output=True, env=environment)
    new = blender.version >= (5, 2)
    source = PROGRAM.format(input="modifier.properties.inputs.Socket_1.value" if new else 'modifier["Socket_1"]')
    with Workers(scene, SETTINGS, interpreter=blender) as workers:
        assert not workers.missing
        before, after = workers.render("import bpy"), workers.render(source)
        assert before.status == after.status == "ok", (before.message, after.message)
        assert np.abs(before.image.astype(int) - after.image).mean() > 2.0
        assert np.array_equal(workers.render("import bpy").image, before.image)
        assert workers.save_scene(source, tmp_path / "result.blend") == []
        saved = workers.render_scene(tmp_path / "result.blend")
    assert np.array_equal(saved.image, after.image)


@pytest.mark.skipif("5.2" not in VERSIONS, reason="needs Blender 5.2")
def test_a_scene_of_5_2_keeps_what_only_5_2_knows(blender, cases, tmp_path):
    """Its light is found at the strength of the target; an older Blender is refused, or loses its nodes."""
    if blender.version != (5, 2):
        pytest.skip("the scene is one of 5.2")
    words = ["refine", str(cases / "made_in_5_2.blend"), "--program", str(cases / "made_in_5_2_light.py")]
    words += ["--target", str(cases / "made_in_5_2_target.png"), "--width", "96", "--clip", "off"]
    words += ["--budget-renders", "80", "--edits", "tweak", "--no-save-scene", "--proposer", "embedded"]
    assert main([*words, "--blender", "4.5", "--output", str(tmp_path / "refused")]) == 2
    assert main([*words, "--output", str(tmp_path / "run")]) == 0
    notes = read_record(tmp_path / "run" / "edit.json").notes
    assert notes["scene_notes"] == []
    energy = float(Path(tmp_path / "run" / "best.py").read_text().split("energy = ")[1].split()[0])
    assert 57.0 <= energy <= 63.0
