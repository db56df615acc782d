"""Ordinary Blender programs of the kinds that models write: name -> source. Names of objects are made up."""

ORDINARY = {
    "type hints": "import bpy\ndef f(m: bpy.types.Material) -> bpy.types.Material:\n    return m\n",
    "typing": "import bpy\nfrom typing import List, Tuple\n",
    "future annotations": "from __future__ import annotations\nimport bpy\n",
    "a class": "import bpy\nclass Builder:\n    def __init__(self, tree):\n        self.my_tree = tree\n",
    "getattr": "import bpy\nx = getattr(bpy.data.objects['A'], 'location')\n",
    "setattr": "import bpy\nsetattr(bpy.data.objects['A'], 'location', (0, 0, 0))\n",
    "format": "import bpy\nprint('{}'.format(1))\nprint('%d' % 1)\n",
    "main": "import bpy\ndef main():\n    pass\nif __name__ == '__main__':\n    main()\n",
    "chance without a seed": "import bpy, random\nx = random.uniform(0, 1)\n",
    "numpy": "import numpy as np\nx = np.array([1, 2]) * np.random.rand()\n",
    "bpy by other names": "from bpy import data as D, context as C\nD.objects['A'].location.x = 1\n",
    "an operator": "import bpy\nbpy.ops.object.light_add(type='AREA')\nbpy.context.object.data.energy = 3\n",
    "the renderer": (
        "import bpy\nscene = bpy.context.scene\nscene.render.engine = 'CYCLES'\nscene.cycles.samples = 64\n"
        "scene.render.resolution_x = 1920\nscene.cycles.device = 'GPU'\n"
    ),
    "bmesh": (
        "import bpy, bmesh\nbm = bmesh.new()\nbmesh.ops.create_cube(bm, size=1.0)\n"
        "made = [e for e in bm.verts if isinstance(e, bmesh.types.BMVert)]\n"
        "bm.to_mesh(bpy.data.meshes['A'])\nbm.free()\n"
    ),
    "a sky": "import bpy\nn = bpy.context.scene.world.node_tree.nodes.new('ShaderNodeTexSky')\nn.sun_elevation = 0.3\n",
    "driver": "import bpy\nbpy.data.objects['A'].driver_add('location')\n",
    "a keyframe": "import bpy\nbpy.data.objects['A'].keyframe_insert('location', frame=1)\n",
    "the frame": "import bpy\nbpy.context.scene.frame_set(1)\nbpy.context.scene.frame_end = 250\n",
    "a constraint": (
        "import bpy\nc = bpy.data.objects['L'].constraints.new(type='TRACK_TO')\nc.target = bpy.data.objects['A']\n"
    ),
    "with": "import bpy\nwith bpy.context.temp_override():\n    pass\n",
    "a slip": "import bpy\nnot_there.capture_items.new('FLOAT', 'x')\n",
    "a zone": "import bpy\na = b = bpy.data.node_groups['G'].nodes[0]\na.pair_with_output(b)\n",
    "a curve": "import bpy\nn = bpy.data.materials['A'].node_tree.nodes[0]\nn.mapping.curves[0].points.new(0.5, 0.5)\n",
    "the version": "import bpy\nif bpy.app.version >= (4, 0, 0):\n    pass\n",
    "update_tag": "import bpy\nbpy.data.objects['A'].update_tag()\n",
    "lights removed": "import bpy\n[bpy.data.objects.remove(o) for o in list(bpy.data.objects) if o.type == 'LIGHT']\n",
    "a property of one's own": "import bpy\nbpy.data.objects['A']['prop'] = 1.0\n",
    "a module that nothing uses": "import os, sys\nimport bpy\n",
    "a module that is used": "import os\nprint(os.getcwd())\n",
    "an argument of a built-in's name": "import bpy\ndef size(object):\n    return object.dimensions\n",
}
