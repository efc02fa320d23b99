"""The detector around a stand-in for MediaPipe: what it asks of it, and what it makes of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from posegen_mediapipe.config import MediaPipeConfig
from posegen_mediapipe.detector import MediaPipe

from posegen.core import ConfigError, PluginError, WeightsError

Mark = SimpleNamespace
#: Finds people: the picture that MediaPipe is given -> landmarks in fractions of it.
Finder = Callable[[Any], list[list[Mark]]]


def module(name: str, monkeypatch: pytest.MonkeyPatch, **content: Any) -> ModuleType:
    made = ModuleType(name)
    vars(made).update(content)
    monkeypatch.setitem(sys.modules, name, made)
    return made


def install_old(monkeypatch: pytest.MonkeyPatch, find: Finder) -> dict[str, Any]:
    """Stand in for mediapipe 0.10.21; return the options that its `Pose` was given."""
    given: dict[str, Any] = {}

    class Pose:
        def __init__(self, **options: Any) -> None:
            given.update(options)

        def process(self, picture: Any) -> Any:
            people = find(picture)
            return Mark(pose_landmarks=Mark(landmark=people[0]) if people else None)

    module(
        "mediapipe",
        monkeypatch,
        __version__="0.10.21",
        solutions=Mark(pose=Mark(Pose=Pose)),
    )
    return given


def install_new(monkeypatch: pytest.MonkeyPatch, find: Finder) -> dict[str, Any]:
    """Stand in for a later mediapipe; return what its landmarker was given, and whether closed."""
    given: dict[str, Any] = {"closed": False}

    class PoseLandmarker:
        @classmethod
        def create_from_options(cls, options: Any) -> PoseLandmarker:
            given.update(vars(options))
            if vars(options.base_options)["model_asset_buffer"] != b"a model":
                raise RuntimeError("Unable to open zip archive.\nmore")
            return cls()

        def detect(self, image: Any) -> Any:
            return Mark(pose_landmarks=find(image.data))

        def close(self) -> None:
            given["closed"] = True

    module("mediapipe", monkeypatch, __version__="1.2.2", Image=Mark, ImageFormat=Mark(SRGB=1))
    module("mediapipe.tasks", monkeypatch)
    vision = Mark(PoseLandmarker=PoseLandmarker, PoseLandmarkerOptions=Mark)
    python = module("mediapipe.tasks.python", monkeypatch, BaseOptions=Mark, vision=vision)
    sys.modules["mediapipe.tasks"].python = python  # type: ignore[attr-defined]
    return given


def white_pixel(picture: Any) -> list[list[Mark]]:
    """Find one person, all of whose landmarks are on the only white pixel."""
    rows, columns = np.nonzero((picture == 255).all(axis=2))
    height, width = picture.shape[:2]
    assert height == width, "MediaPipe must get squares"
    x, y = (columns[0] + 0.5) / width, (rows[0] + 0.5) / height
    return [[Mark(x=x, y=y, z=0.0, visibility=i / 32) for i in range(33)]]


def picture_with_white_pixel() -> torch.Tensor:
    images = torch.zeros(1, 3, 40, 17, dtype=torch.uint8)
    images[:, :, 31, 5] = 255
    return images


@pytest.mark.parametrize("border", [0.0, 0.3, 1.0])
def test_places_are_in_pixels_of_the_picture(
    monkeypatch: pytest.MonkeyPatch, border: float
) -> None:
    given = install_old(monkeypatch, white_pixel)
    detector = MediaPipe(MediaPipeConfig(borders=(border,), person_score=0.25))
    (people,) = detector(picture_with_white_pixel())
    assert people.shape == (1, 33, 3)
    torch.testing.assert_close(people[0, :, :2], torch.tensor([5.0, 31.0]).expand(33, 2))
    assert given == {
        "static_image_mode": True,
        "model_complexity": 1,
        "min_detection_confidence": 0.25,
    }


def test_landmarks_of_low_visibility_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    install_old(monkeypatch, white_pixel)
    (people,) = MediaPipe(MediaPipeConfig(joint_score=0.75))(picture_with_white_pixel())
    wanted = torch.arange(33) / 32
    wanted[wanted < 0.75] = 0
    torch.testing.assert_close(people[0, :, 2], wanted)


def test_the_next_border_is_tried_where_nobody_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    sides: list[int] = []

    def find(picture: Any) -> list[list[Mark]]:
        sides.append(len(picture))
        return white_pixel(picture) if len(picture) == 40 else []

    install_old(monkeypatch, find)
    detector = MediaPipe(MediaPipeConfig(borders=(0.5, 0.25, 0.0)))
    (people,) = detector(picture_with_white_pixel())
    assert sides == [80, 60, 40]
    assert people[0, 0, :2].tolist() == [5, 31]


def test_nobody_is_an_empty_list(monkeypatch: pytest.MonkeyPatch) -> None:
    install_old(monkeypatch, lambda picture: [])
    found = MediaPipe(MediaPipeConfig())(torch.zeros(2, 3, 8, 8, dtype=torch.uint8))
    assert [people.shape for people in found] == [(0, 33, 3)] * 2


def test_a_bundle_finds_several_people(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given = install_new(monkeypatch, lambda picture: white_pixel(picture) * 2)
    bundle = tmp_path / "pose.task"
    bundle.write_bytes(b"a model")
    detector = MediaPipe(MediaPipeConfig(model=bundle, people=3, person_score=0.25))
    (people,) = detector(picture_with_white_pixel())
    assert people.shape == (2, 33, 3)
    assert people[1, 0, :2].tolist() == [5, 31]
    assert given["num_poses"] == 3
    assert given["min_pose_detection_confidence"] == 0.25
    assert not given["closed"]
    del detector
    assert given["closed"]


def test_without_a_model_it_is_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install_new(monkeypatch, white_pixel)
    with pytest.raises(WeightsError, match=r"1\.2\.2 brings no model: .*detector\.model=FILE"):
        MediaPipe(MediaPipeConfig())
    with pytest.raises(WeightsError, match=r"none\.task: no such file"):
        MediaPipe(MediaPipeConfig(model=tmp_path / "none.task"))
    (tmp_path / "bad.task").write_bytes(b"nonsense")
    with pytest.raises(WeightsError, match=r"bad\.task: .* \(Unable to open zip archive\.\)"):
        MediaPipe(MediaPipeConfig(model=tmp_path / "bad.task"))


def test_several_people_need_a_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    install_old(monkeypatch, white_pixel)
    with pytest.raises(ConfigError, match=r"detector\.people=2: .*detector\.model=FILE"):
        MediaPipe(MediaPipeConfig(people=2))


def test_without_mediapipe_its_package_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    with pytest.raises(PluginError, match=r"mediapipe, which is not installed; .*==0\.10\.21'"):
        MediaPipe(MediaPipeConfig())


def test_what_the_libraries_log_stays_off_the_screen(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def find(picture: Any) -> list[list[Mark]]:
        os.write(2, b"INFO: Created TensorFlow Lite XNNPACK delegate\n")  # past Python's stderr
        return white_pixel(picture)

    install_old(monkeypatch, find)
    detector = MediaPipe(MediaPipeConfig(borders=(0.0,)))
    detector(picture_with_white_pixel())
    print("ours", file=sys.stderr)
    assert capfd.readouterr().err == "ours\n"

    def fail(picture: Any) -> list[list[Mark]]:
        os.write(2, b"the reason\n")
        raise RuntimeError("failed")

    install_old(monkeypatch, fail)
    with pytest.raises(RuntimeError):
        MediaPipe(MediaPipeConfig(borders=(0.0,)))(picture_with_white_pixel())
    assert capfd.readouterr().err == "the reason\n"
