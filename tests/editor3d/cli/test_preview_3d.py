"""`editor3d preview --3d` shows a quick edit of the scene before and after."""

from __future__ import annotations

import pytest
import torch

from editor3d.cli.commands.preview import Preview
from editor3d.errors import ConfigError
from gaussian.files import write_splats
from gaussian.files.contents import SplatFile
from gaussian.splats import SH_C0, Splats


def test_it_shows_the_scene_before_and_after(tmp_path, capsys):
    generator = torch.Generator().manual_seed(0)
    directions = torch.nn.functional.normalize(torch.randn(300, 3, generator=generator), dim=1)
    splats = Splats(
        directions,
        torch.full((300, 3), -2.2),
        torch.tensor([[1.0, 0, 0, 0]]).repeat(300, 1),
        torch.full((300,), 4.0),
        torch.rand(300, 1, 3, generator=generator) / SH_C0 - 0.5 / SH_C0,
    )
    write_splats(tmp_path / "ball.ply", SplatFile(splats))
    from editor3d.cli.cameras import CameraOptions

    preview = Preview(
        str(tmp_path / "ball.ply"),
        "make it look like winter",
        editor="procedural",
        output=tmp_path / "previews",
        runs=tmp_path / "runs",
        around=CameraOptions(cameras="6", side=48),
        in_3d=True,
    )
    assert preview.run() == 0
    path = tmp_path / "previews" / "ball-make-it-look-like-winter-3d.png"
    assert path.is_file()
    assert str(path) in capsys.readouterr().out
    assert list((tmp_path / "runs").rglob("first_3d.png"))


def test_what_it_has_no_use_for_is_refused():
    with pytest.raises(ConfigError, match="--3d"):
        Preview("demo", "make it night", views="train_00", in_3d=True).run()
