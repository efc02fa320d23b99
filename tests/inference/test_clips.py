"""Clips hold every picture, in order, at the rate that was asked for."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from posegen.core import ConfigError, DataError
from posegen.inference.clips import write_clip


def frames(count: int = 5, size: tuple[int, int] = (32, 16)) -> list[Image.Image]:
    ramp = np.indices(size).sum(0)[..., None] * np.array([1, 2, 3])
    return [Image.fromarray((ramp + 40 * number).astype(np.uint8)) for number in range(count)]


def read(path: Path) -> tuple[list[np.ndarray], list[float]]:  # type: ignore[type-arg]
    found, durations = [], []
    with Image.open(path) as clip:
        for number in range(clip.n_frames):
            clip.seek(number)
            found.append(np.asarray(clip.convert("RGB")).astype(int))
            durations.append(clip.info["duration"])
    return found, durations


@pytest.mark.parametrize("ending", ["gif", "webp", "apng", "png", "WEBP"])
def test_pillow_writes_every_picture(ending: str, tmp_path: Path) -> None:
    path = tmp_path / "new" / f"clip.{ending}"
    write_clip(path, iter(frames()), fps=12.5)
    found, durations = read(path)
    assert [d for d in durations if d] == [80] * len([d for d in durations if d])
    assert len(found) == 5
    for made, wanted in zip(found, frames(), strict=True):
        limit = 8 if ending == "gif" else 0
        assert np.abs(made - np.asarray(wanted)).max() <= limit
    assert list(path.parent.iterdir()) == [path]


def test_a_gif_counts_hundredths(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.gif", frames(), fps=30)
    assert set(read(tmp_path / "a.gif")[1]) == {30}
    write_clip(tmp_path / "a.gif", frames(), fps=60 / 1.25)
    assert set(read(tmp_path / "a.gif")[1]) == {20}
    with pytest.raises(ConfigError, match="--fps 60: a GIF shows at most 50"):
        write_clip(tmp_path / "a.gif", frames(), fps=60)


def test_a_video_has_every_picture(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    write_clip(tmp_path / "a.mp4", iter(frames(9, (64, 48))), fps=29.97)
    with av.open(str(tmp_path / "a.mp4")) as container:
        stream = container.streams.video[0]
        assert float(stream.average_rate) == pytest.approx(29.97, rel=1e-3)
        found = [frame.to_ndarray(format="rgb24").astype(int) for frame in container.decode(stream)]
    assert len(found) == 9
    for made, wanted in zip(found, frames(9, (64, 48)), strict=True):
        assert np.abs(made - np.asarray(wanted)).mean() < 12
    with pytest.raises(ConfigError, match="even height and width"):
        write_clip(tmp_path / "b.mp4", frames(2, (33, 16)), fps=25)
    assert not (tmp_path / "b.mp4").exists()


def test_one_picture_is_a_clip_too(tmp_path: Path) -> None:
    for ending in ("gif", "webp", "apng"):
        write_clip(tmp_path / f"a.{ending}", frames(1), fps=25)
        with Image.open(tmp_path / f"a.{ending}") as clip:
            assert clip.size == (16, 32)


def test_what_cannot_be_written_is_said_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never() -> Iterator[Image.Image]:
        raise AssertionError("nothing must be made")
        yield

    with pytest.raises(ConfigError, match=r"a clip ends in \.gif, \.webp, \.apng, \.png, \.mp4"):
        write_clip(tmp_path / "a.avi", never(), fps=25)
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ConfigError, match=r"pip install 'posegen\[video\]'"):
        write_clip(tmp_path / "a.mp4", never(), fps=25)
    with pytest.raises(DataError, match="there is no picture"):
        write_clip(tmp_path / "a.gif", iter([]), fps=25)


def test_an_error_leaves_the_old_clip(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.webp", frames(), fps=25)
    old = (tmp_path / "a.webp").read_bytes()

    def failing() -> Iterator[Image.Image]:
        yield from frames(2)
        raise DataError("a pose is missing")

    with pytest.raises(DataError):
        write_clip(tmp_path / "a.webp", failing(), fps=25)
    assert (tmp_path / "a.webp").read_bytes() == old
    assert len(list(tmp_path.iterdir())) == 1
