from __future__ import annotations

import os

import imageio.v3 as iio
import numpy as np
import pytest
import torch

from editor3d.outputs.video import write_mp4


def moving_bar(height: int, width: int, count: int) -> list[np.ndarray]:
    frames = []
    for k in range(count):
        frame = np.full((height, width, 3), 40, np.uint8)
        frame[:, 8 * k : 8 * k + 8] = (220, 120, 60)
        frames.append(frame)
    return frames


@pytest.mark.parametrize(("height", "width"), [(48, 64), (47, 63)])
def test_video_reads_back_with_even_sides_and_near_colours(tmp_path, height, width):
    frames = moving_bar(height, width, 6)
    write_mp4(tmp_path / "new" / "a.mp4", iter(frames), fps=12)
    read = iio.imread(tmp_path / "new" / "a.mp4", plugin="FFMPEG")
    assert read.shape == (6, 48, 64, 3)
    for sent, got in zip(frames, read, strict=True):
        assert np.abs(got[:height, :width].astype(int) - sent).mean() < 6
    meta = iio.immeta(tmp_path / "new" / "a.mp4", plugin="FFMPEG")
    assert meta["fps"] == 12
    assert meta["codec"] == "h264"
    assert meta["pix_fmt"].startswith("yuv420p")
    assert os.listdir(tmp_path / "new") == ["a.mp4"]


def test_float_frames_show_what_their_bytes_show(tmp_path):
    frames = moving_bar(48, 64, 4)
    write_mp4(tmp_path / "bytes.mp4", frames)
    write_mp4(tmp_path / "floats.mp4", [torch.from_numpy(frame).float() / 255 for frame in frames])
    assert (tmp_path / "bytes.mp4").read_bytes() == (tmp_path / "floats.mp4").read_bytes()


def test_index_comes_before_the_pictures(tmp_path):
    write_mp4(tmp_path / "a.mp4", moving_bar(32, 64, 4))
    content = (tmp_path / "a.mp4").read_bytes()
    assert 0 < content.index(b"moov") < content.index(b"mdat")


@pytest.mark.parametrize("frames", [[], [np.zeros((8, 8, 3), np.uint8), np.zeros((8, 10, 3), np.uint8)]])
def test_no_frames_or_several_sizes_are_refused_and_nothing_is_left(tmp_path, frames):
    with pytest.raises(ValueError, match="frame"):
        write_mp4(tmp_path / "a.mp4", frames)
    assert os.listdir(tmp_path) == []


def test_interrupted_frames_leave_the_earlier_video(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"earlier")

    def frames():
        yield from moving_bar(32, 64, 2)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_mp4(tmp_path / "a.mp4", frames())
    assert (tmp_path / "a.mp4").read_bytes() == b"earlier"
    assert os.listdir(tmp_path) == ["a.mp4"]
