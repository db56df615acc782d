"""OpenUSD: splats come back as they were, broken files as one sentence."""

from __future__ import annotations

import pytest
import torch

from editor3d.errors import ConfigError, DataError
from gaussian.files import read_file, write_splats
from gaussian.files.contents import SplatFile
from gaussian.files.usd import stage

pxr = pytest.importorskip("pxr", reason="needs OpenUSD: pip install editor3d[usd]")


@pytest.mark.parametrize("suffix", [".usda", ".usdc", ".usdz"])
def test_splats_come_back(tmp_path, make_splats, suffix):
    splats = make_splats(1, 20, 2)
    write_splats(tmp_path / f"scene{suffix}", SplatFile(splats, offset=(4e6, -3e6, 2e6)))
    contents = read_file(tmp_path / f"scene{suffix}")
    assert torch.allclose(contents.centres, splats.means.double() + torch.tensor([4e6, -3e6, 2e6]), atol=1e-6)
    assert torch.equal(contents.splats.sh, splats.sh)
    assert torch.allclose(contents.splats.log_scales, splats.log_scales, atol=1e-6)
    assert torch.allclose(contents.splats.opacities, splats.opacities, atol=1e-6)
    quats = torch.nn.functional.normalize(splats.quats, dim=1)
    assert torch.allclose(contents.splats.quats, quats, atol=1e-6)


def test_the_stage_is_one_that_the_library_understands(tmp_path, make_splats):
    from pxr import Usd, UsdGeom, UsdVol

    write_splats(tmp_path / "scene.usda", make_splats(1, 4, 1))
    opened = Usd.Stage.Open(str(tmp_path / "scene.usda"))
    prim = UsdVol.ParticleField3DGaussianSplat(opened.GetDefaultPrim())
    assert prim
    assert UsdGeom.GetStageUpAxis(opened) == "Y"
    assert len(prim.GetPrim().GetAttribute("radiance:sphericalHarmonicsCoefficients").Get()) == 4 * 4
    assert min(prim.GetPrim().GetAttribute("opacities").Get()) >= 0
    assert min(min(scale) for scale in prim.GetPrim().GetAttribute("scales").Get()) >= 0


def test_what_is_broken_is_refused(tmp_path, make_splats):
    path = tmp_path / "scene.usda"
    write_splats(path, make_splats(1, 4, 1))
    text = path.read_text()
    others = tmp_path / "other.usda"
    for content, match in (
        (b"#usda 1.0\n(\n    subLayers = [@/etc/passwd@]\n)\n", "refers to others"),
        (b'#usda 1.0\ndef Sphere "Ball" {}\n', "ParticleField3DGaussianSplat, found none"),
        (text.replace("opacities = [", "opacities = [7, ").encode(), "opacity is not in 0..1"),
        (text[: len(text) // 2].encode(), "damaged"),
        (b"PXR-USDC" + bytes(200), "damaged"),
        (b"x" * 100, "damaged"),
    ):
        others.write_bytes(content)
        with pytest.raises(DataError, match=match):
            read_file(others)


def test_without_the_library_the_command_that_brings_it_is_named(tmp_path, make_splats, monkeypatch):
    monkeypatch.setattr(stage, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install editor3d\[usd\]"):
        write_splats(tmp_path / "scene.usda", make_splats(0))
