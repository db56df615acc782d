"""Nodes for ComfyUI: load a capture, edit it in 3D, render its views, save its splats.

`python -m editor3d.comfyui_nodes.build_zip` packs this folder as `comfyui_editor3d.zip`, which is unpacked into
ComfyUI's folder custom_nodes. The nodes run the command `editor3d` of whatever Python it is installed in.
"""

from .nodes import Editor3DEdit, Editor3DLoadCapture, Editor3DRenderViews, Editor3DSaveSplats

NODE_CLASS_MAPPINGS = {
    "Editor3DLoadCapture": Editor3DLoadCapture,
    "Editor3DEdit": Editor3DEdit,
    "Editor3DRenderViews": Editor3DRenderViews,
    "Editor3DSaveSplats": Editor3DSaveSplats,
}
NODE_DISPLAY_NAME_MAPPINGS = {
    "Editor3DLoadCapture": "Load Capture (editor3d)",
    "Editor3DEdit": "Edit Scene (editor3d)",
    "Editor3DRenderViews": "Render Views (editor3d)",
    "Editor3DSaveSplats": "Save Splats (editor3d)",
}
