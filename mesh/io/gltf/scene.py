"""Place the meshes of a glTF scene: nodes, instances, and the joints of skins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mesh.io.common.parts import check_size
from mesh.io.gltf.accessors import Accessors
from mesh.io.gltf.document import Document
from mesh.io.gltf.schema import Node


@dataclass(frozen=True)
class Placed:
    """A node's mesh in the scene."""

    node: Node
    transforms: np.ndarray
    """[N, 4, 4] float64, node to scene: one, or one for each instance."""


def placed_nodes(document: Document) -> tuple[list[Placed], dict[int, np.ndarray]]:
    """The nodes with meshes of the scene that is shown, and the transform [4, 4] of every node in it.

    Raises:
        DataError: a node has two parents, or is its own ancestor.
    """
    accessors = Accessors(document)
    placed: list[Placed] = []
    world: dict[int, np.ndarray] = {}
    waiting = [(index, np.eye(4), True) for index in reversed(_roots(document))]
    while waiting:
        index, above, visible = waiting.pop()
        node = document.item(document.json.nodes, index, "node")
        if index in world:
            raise document.damaged(f"its node {index} has two parents")
        world[index] = above @ local_transform(node)
        visible = visible and node.extensions.visibility.visible
        if node.mesh is not None and visible:
            placed.append(Placed(node, _instances(document, accessors, node, world[index])))
        waiting += [(child, world[index], visible) for child in reversed(node.children)]
    return placed, world


def _roots(document: Document) -> list[int]:
    """The top nodes of the scene that is shown; of all nodes where the file has no scene."""
    json = document.json
    if json.scenes:
        if len(json.scenes) > 1:
            document.notes.add(f"one of {len(json.scenes)} scenes is shown, number {json.scene or 0}")
        return document.item(json.scenes, json.scene or 0, "scene").nodes
    below = {child for node in json.nodes for child in node.children}
    return [index for index in range(len(json.nodes)) if index not in below]


def local_transform(node: Node) -> np.ndarray:
    """A node's matrix [4, 4] float64, of its own or of translation, rotation and scale."""
    if node.matrix is not None:
        return np.array(node.matrix, np.float64).reshape(4, 4).T
    return _composed(np.array([node.translation]), np.array([node.rotation]), np.array([node.scale]))[0]


def _composed(translation: np.ndarray, rotation: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """T R S of rows [N, 3], quaternions xyzw [N, 4] of any length, [N, 3]: [N, 4, 4]."""
    with np.errstate(all="ignore"):
        x, y, z, w = (rotation / np.linalg.norm(rotation, axis=1, keepdims=True)).T
    turn = np.stack([
        1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w),
        2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w),
        2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y),
    ], -1).reshape(-1, 3, 3)  # fmt: skip
    found = np.tile(np.eye(4), (len(rotation), 1, 1))
    found[:, :3, :3] = turn * scale[:, None, :]
    found[:, :3, 3] = translation
    return found


def _instances(document: Document, accessors: Accessors, node: Node, world: np.ndarray) -> np.ndarray:
    """A node's transform, or those of its instances (EXT_mesh_gpu_instancing): [N, 4, 4]."""
    instancing = node.extensions.instancing
    if instancing is None:
        return world[None]
    named = instancing.attributes
    rows = {name: named[name] for name in ("TRANSLATION", "ROTATION", "SCALE") if name in named}
    counts = {accessors.count(index) for index in rows.values()}
    if len(counts) > 1:
        raise document.damaged("the instances of a node differ in number")
    count = counts.pop() if counts else 1
    check_size(count, "copies", document.path)
    defaults = {"TRANSLATION": [0.0, 0.0, 0.0], "ROTATION": [0.0, 0.0, 0.0, 1.0], "SCALE": [1.0, 1.0, 1.0]}
    arrays = [
        accessors.numbers(rows[name], len(default)) if name in rows else np.tile(default, (count, 1))
        for name, default in defaults.items()
    ]
    return world @ _composed(*arrays)


def joint_transforms(document: Document, accessors: Accessors, skin: int, world: dict[int, np.ndarray]) -> np.ndarray:
    """What each joint of a skin does to a vertex in the pose that the nodes stand in: [J, 4, 4].

    Raises:
        DataError: a joint is no node of the scene.
    """
    found = document.item(document.json.skins, skin, "skin")
    if any(joint not in world for joint in found.joints):
        raise document.damaged(f"a joint of its skin {skin} is not in the scene")
    joints = np.stack([world[joint] for joint in found.joints]) if found.joints else np.zeros((0, 4, 4))
    if found.inverse_bind_matrices is None:
        return joints
    inverse = accessors.numbers(found.inverse_bind_matrices, 16)
    if len(inverse) < len(joints):
        raise document.damaged(f"its skin {skin} has {len(inverse)} matrices for {len(joints)} joints")
    return joints @ inverse[: len(joints)].reshape(-1, 4, 4).transpose(0, 2, 1)


def skinned(points: np.ndarray, joints: np.ndarray, weights: np.ndarray, transforms: np.ndarray) -> np.ndarray:
    """Vertices moved by the joints that hold them.

    Args:
        points: [V, 3].
        joints: into `transforms` [V, K]; of no weight where there is no such joint.
        weights: [V, K], of any sum.
        transforms: [J, 4, 4].

    Returns:
        [V, 3]; a vertex that no joint holds stays.
    """
    held = (joints >= 0) & (joints < len(transforms))
    weights = np.where(held, weights, 0.0)
    total = weights.sum(axis=1, keepdims=True)
    weights = np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)
    result = np.where(total > 0, 0.0, points)
    for joint, weight in zip(np.where(held, joints, 0).T, weights.T, strict=True):
        moved = np.einsum("vij,vj->vi", transforms[joint, :3, :3], points) + transforms[joint, :3, 3]
        result += weight[:, None] * moved
    return result
