"""The one reader of pictures: a file becomes the same pixels on every way in, or a sentence."""

import contextlib
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from posegen.core.errors import DataError
from posegen.data import pictures
from posegen.data.footage import read_upright
from posegen.data.image_files import first_size, look_at, read_picture
from posegen.data.pictures import read_header
from posegen.data.problems import Problem
from posegen.evaluation.results.decoding import one_size
from posegen.inference.given import picture_of

HOSTILE = Path(__file__).with_name("pictures")


def through_given(path: Path) -> Tensor:
    return torch.from_numpy(np.array(picture_of(path))).permute(2, 0, 1)


def through_pillow(path: Path) -> Tensor:
    with Image.open(path) as picture:
        return torch.from_numpy(np.array(picture_of(picture))).permute(2, 0, 1)


READERS: list[Callable[[Path], Tensor]] = [
    read_picture,
    read_upright,
    through_given,
    through_pillow,
]


@pytest.fixture(params=READERS)
def reader(request: pytest.FixtureRequest) -> Any:
    return request.param


def noise(*shape: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tiff"])
def test_pictures_are_turned_as_the_camera_noted(tmp_path: Path, reader: Any, ending: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / f"a.{ending}"
    plain = Image.fromarray(np.kron(noise(2, 3, 3), np.ones((16, 16, 1), np.uint8)))
    plain.save(path, exif=exif)
    assert read_header(path).size == first_size(tmp_path, [path.name]) == (48, 32)
    turned = torch.from_numpy(np.rot90(np.asarray(plain), -1).copy()).permute(2, 0, 1)
    assert (reader(path).int() - turned.int()).abs().float().mean() < 12


def test_16_bit_grey_is_scaled(tmp_path: Path, reader: Any) -> None:
    levels = np.array([[0, 257, 128 * 257, 65_535]], dtype=np.uint16)
    Image.fromarray(levels).save(tmp_path / "a.png")
    assert reader(tmp_path / "a.png")[0].tolist() == [[0, 1, 128, 255]]


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_parts_are_white(tmp_path: Path, reader: Any, mode: str) -> None:
    pixels = np.zeros((1, 2, 4), dtype=np.uint8)  # hidden green, and black
    pixels[0, 0] = (0, 255, 0, 0)
    pixels[0, 1, 3] = 255
    picture = Image.fromarray(pixels)
    if mode == "P":
        picture = picture.quantize(2, method=Image.Quantize.FASTOCTREE)
    picture.convert(mode).save(tmp_path / "a.png")
    assert reader(tmp_path / "a.png")[:, 0].T.tolist() == [[255] * 3, [0] * 3]


def test_a_transparent_colour_is_white(tmp_path: Path, reader: Any) -> None:
    Image.new("RGB", (2, 2), (0, 255, 0)).save(tmp_path / "a.png", transparency=(0, 255, 0))
    assert reader(tmp_path / "a.png").eq(255).all()


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_jpegs_are_those_of_pillow(tmp_path: Path, reader: Any, mode: str) -> None:
    Image.fromarray(noise(32, 24, 3)).convert(mode).save(tmp_path / "a.jpg", subsampling=0)
    with Image.open(tmp_path / "a.jpg") as picture:
        expected = torch.from_numpy(np.array(picture.convert("RGB"))).permute(2, 0, 1)
    assert reader(tmp_path / "a.jpg").equal(expected)


@pytest.mark.parametrize("name", ["eps.png", "bombhdr.jpg", "bomb50k.png"])
def test_programs_and_bombs_are_refused_by_their_headers(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(HOSTILE / name, tmp_path / name)
    monkeypatch.setattr("subprocess.Popen", None)  # Ghostscript would be started with it
    start = time.perf_counter()
    for refused in (read_picture, read_upright, picture_of, lambda path: one_size([path])):
        with pytest.raises(DataError, match=rf"{name}: cannot be decoded as a picture \("):
            refused(tmp_path / name)
    assert isinstance(look_at(tmp_path / name, None), Problem)
    with pytest.raises(DataError, match=rf"{name}: cannot"):
        first_size(tmp_path, [name])
    assert time.perf_counter() - start < 1


def test_a_picture_of_too_many_pixels_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "PIXEL_LIMIT", 1_000_000)
    Image.new("1", (1001, 1000)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"a\.png: .*\(1,001×1,000 pixels, and at most 1 million"):
        read_upright(tmp_path / "a.png")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
def test_pipes_and_devices_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    (tmp_path / "b.png").symlink_to("/dev/zero")
    (tmp_path / "c.png").mkdir()
    for name in ("a.png", "b.png"):
        for refused in (read_picture, read_upright, picture_of, lambda path: one_size([path])):
            with pytest.raises(DataError, match=rf"{name}: .*a device, a pipe or a socket"):
                refused(tmp_path / name)
    with pytest.raises(DataError, match=r"c\.png: .*Is a directory"):
        read_picture(tmp_path / "c.png")


def test_every_cut_and_flip_is_a_sentence(tmp_path: Path) -> None:
    """A picture that is damaged anywhere is read, or refused with our error alone."""
    random = np.random.default_rng(1)
    for ending in ("png", "jpg", "webp", "bmp", "gif", "tiff", "avif"):
        path = tmp_path / f"a.{ending}"
        Image.fromarray(noise(24, 16, 3)).save(path)
        whole = path.read_bytes()
        for _ in range(60):
            damaged = bytearray(whole[: random.integers(1, len(whole) + 1)])
            for place in random.integers(0, len(damaged), random.integers(0, 4)):
                damaged[place] = random.integers(256)
            path.write_bytes(damaged)
            with contextlib.suppress(DataError):
                assert read_picture(path).shape[0] == 3
