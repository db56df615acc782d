"""A scene of Gaussian splats as plain tensors, in the parametrisation in which 3D Gaussian Splatting stores it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log

import torch
from torch import Tensor

from editor3d.errors import DataError
from editor3d.precision import offset_of

SH_C0 = 0.28209479177387814
"""The constant basis function; colour = 0.5 + SH_C0 * sh[:, 0] where no higher degree is stored."""
MAX_SH_DEGREE = 3


@dataclass(frozen=True, eq=False)
class Splats:
    """N Gaussians in their stored (raw) parametrisation, float32, all on one device.

    Raises:
        ValueError: shapes that do not belong together, another type than float32, or several devices.
    """

    means: Tensor
    """Centres [N, 3], scene units."""
    log_scales: Tensor
    """Natural logarithm of the standard deviations along the Gaussian's own axes [N, 3]."""
    quats: Tensor
    """Rotation from the Gaussian's own axes to the scene's [N, 4], wxyz, not necessarily of unit length."""
    opacity_logits: Tensor
    """[N]; the opacity is the sigmoid of it."""
    sh: Tensor
    """Spherical harmonics [N, K, 3] of the sRGB colour minus 0.5, K = (degree + 1)², in the basis of `sh_basis`."""

    def __post_init__(self) -> None:
        n = self.means.shape[0] if self.means.ndim else 0
        expected = {"means": (n, 3), "log_scales": (n, 3), "quats": (n, 4), "opacity_logits": (n,)}
        for name, shape in expected.items():
            if self.tensors[name].shape != shape:
                raise ValueError(f"{name} must be {list(shape)}, not {list(self.tensors[name].shape)}")
        counts = [(degree + 1) ** 2 for degree in range(MAX_SH_DEGREE + 1)]
        if self.sh.ndim != 3 or self.sh.shape[0] != n or self.sh.shape[1] not in counts or self.sh.shape[2] != 3:
            raise ValueError(f"sh must be [{n}, K, 3] with K one of {counts}, not {list(self.sh.shape)}")
        tensors = self.tensors.values()
        if {tensor.dtype for tensor in tensors} != {torch.float32}:
            raise ValueError(f"splats must be float32, not {sorted({str(t.dtype) for t in tensors})}")
        if len({tensor.device for tensor in tensors}) != 1:
            raise ValueError(f"splats must be on one device, not {sorted({str(t.device) for t in tensors})}")

    def __len__(self) -> int:
        return self.means.shape[0]

    @property
    def tensors(self) -> dict[str, Tensor]:
        """Its tensors by name, in the order of the fields; each [N, ...]."""
        return dict(vars(self))

    @property
    def device(self) -> torch.device:
        return self.means.device

    @property
    def sh_degree(self) -> int:
        """0 to 3."""
        return int(self.sh.shape[1] ** 0.5) - 1

    @property
    def scales(self) -> Tensor:
        """Standard deviations along the Gaussian's own axes [N, 3], scene units."""
        return self.log_scales.exp()

    @property
    def opacities(self) -> Tensor:
        """[N] in 0..1."""
        return self.opacity_logits.sigmoid()

    def to(self, device: torch.device | str) -> Splats:
        """The same splats on another device."""
        return Splats(*(tensor.to(device) for tensor in self.tensors.values()))

    def detach(self) -> Splats:
        """The same values outside any graph; memory is shared."""
        return Splats(*(tensor.detach() for tensor in self.tensors.values()))


def checked(splats: Splats, source: str) -> Splats:
    """The splats themselves, if every one of them can be drawn.

    Args:
        splats: N Gaussians.
        source: what the message calls them, e.g. the name of the file.

    Raises:
        DataError: there is none, a value is not finite, or a quaternion is zero.
    """
    if len(splats) == 0:
        raise DataError(f"{source} holds no Gaussians; a scene needs at least one.")
    tensors = [tensor.detach() for tensor in splats.tensors.values()]
    sound = splats.quats.detach().abs().amax(1) > 0
    ends = torch.stack([end for tensor in tensors for end in tensor.aminmax()])  # several times faster than isfinite
    if not (sound.all() and ends.isfinite().all()):
        for tensor in tensors:
            sound &= tensor.isfinite().reshape(len(splats), -1).all(1)
        broken = (~sound).nonzero().flatten()
        raise DataError(
            f"{source}: {len(broken)} of {len(splats)} Gaussians (the first is number {int(broken[0])}, counted from "
            "0) have values that are not finite, or a rotation of zero length; remove them or write the file anew."
        )
    return splats


def select(splats: Splats, which: Tensor) -> Splats:
    """The Gaussians that `which` names, bit for bit.

    Args:
        splats: N Gaussians.
        which: mask [N] bool, or indices [M] int64, which may repeat.
    """
    return Splats(*(tensor[which] for tensor in splats.tensors.values()))


def concatenate(parts: Sequence[Splats]) -> Splats:
    """All Gaussians of all parts, in order; parts of a lower SH degree are padded with zeros.

    Raises:
        ValueError: no parts, or parts on different devices.
    """
    if not parts:
        raise ValueError("concatenate needs at least one part")
    degree = max(part.sh_degree for part in parts)
    padded = [with_sh_degree(part, degree) for part in parts]
    return Splats(*(torch.cat(column) for column in zip(*(part.tensors.values() for part in padded), strict=True)))


def with_sh_degree(splats: Splats, degree: int) -> Splats:
    """The same Gaussians with spherical harmonics up to `degree`: padded with zeros, or cut."""
    count = (degree + 1) ** 2
    missing = count - splats.sh.shape[1]
    if missing == 0:
        return splats
    if missing < 0:
        return replace(splats, sh=splats.sh[:, :count])
    return replace(splats, sh=torch.cat([splats.sh, splats.sh.new_zeros(len(splats), missing, 3)], 1))


def transform(splats: Splats, similarity: Tensor) -> Splats:
    """Move, turn and scale a scene: x' = s R x + t. What a camera that moves along sees stays the same.

    Means, scales and quaternions follow at once; spherical harmonics are turned band by band, so that the colour seen
    along R d afterwards is the colour seen along d before.

    Args:
        splats: N Gaussians.
        similarity: [s R | t], [3, 4], R a rotation and s > 0.

    Raises:
        ValueError: `similarity` shears, mirrors or collapses, or is not finite.
    """
    matrix = torch.as_tensor(similarity).detach().to("cpu", torch.float64)
    if matrix.shape != (3, 4) or not matrix.isfinite().all():
        raise ValueError(f"a similarity is a finite [3, 4] matrix, not {list(matrix.shape)}")
    linear, offset = matrix[:, :3], matrix[:, 3]
    determinant = float(torch.linalg.det(linear))
    scale = max(determinant, 0.0) ** (1 / 3)
    rotation = linear / scale if scale > 0 else linear
    if scale == 0 or (rotation @ rotation.T - torch.eye(3, dtype=torch.float64)).abs().max() > 1e-4:
        raise ValueError("expected [s R | t] with R a rotation and s > 0; this matrix shears, mirrors or collapses")

    means = splats.means.double() @ linear.T.to(splats.device) + offset.to(splats.device)
    turn = _quaternion(rotation).to(splats.device)
    bands = [splats.sh[:, :1]]
    for degree in range(1, splats.sh_degree + 1):
        turned = sh_rotation(rotation, degree).to(splats.sh)
        bands.append(torch.einsum("ij,njc->nic", turned, splats.sh[:, degree**2 : (degree + 1) ** 2]))
    return Splats(
        means.float(),
        splats.log_scales + log(scale),
        _multiply_quaternions(turn, splats.quats.double()).float(),
        splats.opacity_logits,
        torch.cat(bands, 1),
    )


def transform_back(splats: Splats, frame: Tensor, scale: float) -> tuple[Splats, tuple[float, float, float]]:
    """A scene that lies at x' = s (R x + t), at x again; the very same one where frame and scale change nothing.

    Args:
        splats: N Gaussians on the CPU.
        frame: [R | t], [3, 4].
        scale: s > 0.

    Returns:
        The Gaussians, and what is to be added to their centres in float64: zeros, but for a scene so far from the
        origin of x that float32 would blur it there.
    """
    there = frame.double()
    if scale == 1.0 and torch.equal(there, torch.eye(4, dtype=torch.float64)[:3]):
        return splats, (0.0, 0.0, 0.0)
    rotation = there[:, :3].T
    back = torch.cat([rotation / scale, -rotation @ there[:, 3:]], 1)
    offset = offset_of((splats.means.double() @ back[:, :3].T + back[:, 3]).numpy())
    back[:, 3] -= torch.from_numpy(offset)
    return transform(splats, back), tuple(offset.tolist())


def sh_basis(directions: Tensor, degree: int) -> Tensor:
    """The real spherical harmonics of 3D Gaussian Splatting, with the Condon-Shortley phase.

    Args:
        directions: unit vectors [..., 3], from the camera to the Gaussian, scene axes.
        degree: 0 to 3.

    Returns:
        [..., (degree + 1)²]; colour - 0.5 is the product with `Splats.sh`.
    """
    x, y, z = directions.unbind(-1)
    xx, yy, zz = x * x, y * y, z * z
    basis = [torch.full_like(x, SH_C0)]
    if degree > 0:
        basis += [-0.4886025119029199 * y, 0.4886025119029199 * z, -0.4886025119029199 * x]
    if degree > 1:
        basis += [
            1.0925484305920792 * x * y,
            -1.0925484305920792 * y * z,
            0.31539156525252005 * (2 * zz - xx - yy),
            -1.0925484305920792 * x * z,
            0.5462742152960396 * (xx - yy),
        ]
    if degree > 2:
        basis += [
            -0.5900435899266435 * y * (3 * xx - yy),
            2.890611442640554 * x * y * z,
            -0.4570457994644658 * y * (4 * zz - xx - yy),
            0.3731763325901154 * z * (2 * zz - 3 * xx - 3 * yy),
            -0.4570457994644658 * x * (4 * zz - xx - yy),
            1.445305721320277 * z * (xx - yy),
            -0.5900435899266435 * x * (xx - 3 * yy),
        ]
    return torch.stack(basis, -1)


def sh_rotation(rotation: Tensor, degree: int) -> Tensor:
    """How the coefficients of one band change when the scene is turned.

    Turned functions of a band are combinations of the band's own, Y(Rᵀ d) = Dᵀ Y(d) for every d, so D follows exactly
    from the values at enough directions.

    Args:
        rotation: [3, 3] float64.
        degree: of the band, 1 to 3.

    Returns:
        [2 degree + 1, 2 degree + 1] float64, orthogonal; new coefficients = it times the old ones.
    """
    index = torch.arange(64, dtype=torch.float64)
    z = 1 - (2 * index + 1) / 64
    angle = index * 2.399963229728653  # the golden angle: directions spread evenly over the sphere
    radius = (1 - z * z).sqrt()
    directions = torch.stack([radius * angle.cos(), radius * angle.sin(), z], -1)
    band = slice(degree**2, (degree + 1) ** 2)
    values = sh_basis(directions, degree)[:, band]
    before = sh_basis(directions @ rotation, degree)[:, band]
    return torch.linalg.lstsq(values, before).solution


def _quaternion(rotation: Tensor) -> Tensor:
    """wxyz [4] of a rotation matrix [3, 3] float64."""
    from scipy.spatial.transform import Rotation

    x, y, z, w = Rotation.from_matrix(rotation.numpy()).as_quat()
    return torch.tensor([w, x, y, z], dtype=torch.float64)


def _multiply_quaternions(left: Tensor, right: Tensor) -> Tensor:
    """Hamilton product, wxyz [..., 4]: first turn by `right`, then by `left`."""
    w, x, y, z = left.unbind(-1)
    matrix = torch.stack([w, -x, -y, -z, x, w, -z, y, y, z, w, -x, z, -y, x, w], -1).reshape(*left.shape[:-1], 4, 4)
    return (matrix @ right[..., None])[..., 0]
