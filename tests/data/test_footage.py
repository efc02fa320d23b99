"""A user's own pictures: found, in order, upright."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from posegen.core import ConfigError, DataError
from posegen.data.footage import Footage, read_upright


def save(path: Path, height: int = 6, width: int = 4, **options: object) -> None:
    """Write a picture that is red in its top-left quarter."""
    pixels = np.zeros((height, width, 3), dtype=np.uint8)
    pixels[: height // 2, : width // 2] = (255, 0, 0)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)


def test_a_folder_is_read_by_name_with_its_folders(tmp_path: Path) -> None:
    for name in ("b.png", "A/x.JPG", "c.jpeg", ".hidden/y.png", ".z.png"):
        save(tmp_path / name, width=4 if name == "b.png" else 8)
    (tmp_path / "notes.txt").write_text("")
    footage = Footage(tmp_path)
    assert footage.names == ["A/x.JPG", "b.png", "c.jpeg"]
    assert len(footage) == 3
    pictures = list(footage.read())
    assert [picture.name for picture in pictures] == footage.names
    assert [tuple(picture.image.shape) for picture in pictures] == [(3, 6, 8), (3, 6, 4), (3, 6, 8)]
    assert pictures[1].image.dtype == torch.uint8
    assert pictures[1].image[:, 0, 0].tolist() == [255, 0, 0]
    assert [p.name for p in footage.read(leave_out={"b.png", "c.jpeg"})] == ["A/x.JPG"]
    assert footage.size_of("A/x.JPG") == (6, 8)


def test_one_picture(tmp_path: Path) -> None:
    save(tmp_path / "me.png")
    footage = Footage(tmp_path / "me.png")
    assert footage.names == ["me.png"]
    assert footage.size_of("me.png") == (6, 4)


@pytest.mark.parametrize(("orientation", "corner"), [(1, (0, 0)), (3, (-1, -1)), (6, (0, -1))])
def test_pictures_are_turned_as_the_camera_noted(
    tmp_path: Path, orientation: int, corner: tuple[int, int]
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    save(tmp_path / "me.png", exif=exif)
    image = read_upright(tmp_path / "me.png")
    size = (4, 6) if orientation == 6 else (6, 4)
    assert tuple(image.shape[1:]) == size == Footage(tmp_path).size_of("me.png")
    assert image[0, corner[0], corner[1]] == 255
    assert image[0].float().mean() == 255 / 4


def test_grey_and_transparent_pictures_become_rgb(tmp_path: Path) -> None:
    Image.new("LA", (3, 2), (90, 10)).save(tmp_path / "grey.png")
    assert read_upright(tmp_path / "grey.png")[:, 0, 0].tolist() == [249, 249, 249]  # over white


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"bad\.png: cannot be decoded as a picture"):
        list(Footage(tmp_path).read())
    with pytest.raises(DataError, match=r"none: no such picture, video or folder"):
        Footage(tmp_path / "none")
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(DataError, match=r"a\.txt: neither a picture .* nor a video"):
        Footage(tmp_path / "a.txt")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty: holds no picture \(\.png, "):
        Footage(tmp_path / "empty")


def test_a_video_without_av_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.mp4").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ConfigError, match=r"a\.mp4: .*pip install 'posegen\[video\]'"):
        Footage(tmp_path / "a.mp4")


def make_video(path: Path, frames: int, turned: float = 0) -> None:
    """Write a video that is red in its top-left quarter and ever bluer elsewhere."""
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        if turned:
            stream.set_display_rotation(turned)
        for number in range(frames):
            pixels = np.zeros((48, 64, 3), dtype=np.uint8)
            pixels[:, :, 2] = 20 * number
            pixels[:24, :32] = (255, 0, 0)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def test_frames_of_a_video(tmp_path: Path) -> None:
    make_video(tmp_path / "walk.mp4", 8)
    footage = Footage(tmp_path / "walk.mp4", every=3)
    assert footage.names is None
    assert len(footage) == 0
    frames = list(footage.read())
    assert [f.name for f in frames] == ["walk_000000", "walk_000003", "walk_000006"]
    assert [int(f.image[2, -1, -1]) for f in frames] == pytest.approx([0, 60, 120], abs=12)
    assert all(f.image[0, 2, 2] > 200 for f in frames)
    assert [f.name for f in footage.read({"walk_000003"})] == ["walk_000000", "walk_000006"]
    assert footage.size_of("walk_000006") == (48, 64)


def test_a_video_is_turned_as_the_camera_noted(tmp_path: Path) -> None:
    make_video(tmp_path / "up.mp4", 1, turned=90)  # counterclockwise: top left to bottom left
    (frame,) = Footage(tmp_path / "up.mp4").read()
    assert tuple(frame.image.shape) == (3, 64, 48)
    assert frame.image[0, -3, 2] > 200
    assert frame.image[0, 2, 2] < 60


def test_a_broken_video(tmp_path: Path) -> None:
    pytest.importorskip("av")
    (tmp_path / "a.mp4").write_bytes(b"no video")
    with pytest.raises(DataError, match=r"a\.mp4: cannot be read as a video"):
        list(Footage(tmp_path / "a.mp4").read())


def test_pictures_that_no_reader_is_for_are_told_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "IMG_1.HEIC").touch()
    (tmp_path / "IMG_2.heic").touch()
    with pytest.raises(DataError, match=r"2 pictures are passed over, for example IMG_1.HEIC: no"):
        Footage(tmp_path)
    save(tmp_path / "a.png")
    assert Footage(tmp_path).names == ["a.png"]
    assert "save them as JPEG or PNG" in caplog.text
