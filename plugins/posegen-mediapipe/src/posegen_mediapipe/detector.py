"""MediaPipe Pose as a `posegen.core.PoseDetector`.

Two programming interfaces of the same model family are in use:

- mediapipe 0.10.21 (numpy < 2) brings the "full" model and `mediapipe.solutions.pose`;
- versions from 0.10.30 on have neither, and read a bundle (`.task`) through `mediapipe.tasks`.
"""

from __future__ import annotations

import importlib
import math
import os
import sys
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from posegen.core import ConfigError, PluginError, PoseDetector, WeightsError
from posegen_mediapipe.config import MediaPipeConfig

_LANDMARKS = 33
_GREY = 127  # finds more people than black, white or the picture's edge, drawn out
_BUNDLES = "https://ai.google.dev/edge/mediapipe/solutions/vision/pose_landmarker#models"

#: A picture (H, W, 3) uint8 RGB -> the people in it, each a sequence of 33 landmarks.
Landmarker = Callable[[NDArray[np.uint8]], Iterable[Any]]


class MediaPipe(PoseDetector):
    """MediaPipe Pose: 33 landmarks of the people in a picture.

    Convention:
        - The confidence of a landmark is MediaPipe's `visibility`: how sure the network is that it
          is in the picture and not hidden; below `joint_score` it is 0 (missing). MediaPipe gives
          every landmark a place, hidden ones and those beyond the picture's edge too.
        - MediaPipe's coordinates are fractions of the picture, counted from its edge; half a pixel
          is subtracted.
        - The network was made for people with room around them. A border is added to each picture,
          and where nobody is found, the next one of `borders` is tried.
        - Pictures are taken one by one, as still ones, on the CPU.

    Raises:
        posegen.core.PluginError: on construction, where the package mediapipe is not installed.
        posegen.core.WeightsError: on construction, where there is no model, or it is damaged.
        posegen.core.ConfigError: for several people without a `.task` file.
    """

    skeleton = "mediapipe33"

    def __init__(self, config: MediaPipeConfig) -> None:
        self.config = config
        with quiet():
            self.landmarker = open_landmarker(config)
        self._loud = True

    def __call__(self, images: Tensor) -> list[Tensor]:
        """See `posegen.core.PoseDetector`."""
        pictures = images.permute(0, 2, 3, 1).cpu().contiguous().numpy()
        # The libraries below log once more when they see their first picture.
        with quiet() if self._loud else nullcontext():
            found = [self._detect(picture) for picture in pictures[:1]]
        self._loud = False
        found += [self._detect(picture) for picture in pictures[1:]]
        return [people.to(images.device) for people in found]

    def _detect(self, picture: NDArray[np.uint8]) -> Tensor:
        people: list[list[tuple[float, float, float]]] = []
        for border in self.config.borders:
            framed, left, top = _frame(picture, border)
            side = len(framed)
            people = [
                [(mark.x * side - left, mark.y * side - top, mark.visibility) for mark in person]
                for person in self.landmarker(framed)
            ]
            if people:
                break
        result = torch.tensor(people, dtype=torch.float32).view(-1, _LANDMARKS, 3)
        result[..., :2] -= 0.5
        result[..., 2] *= result[..., 2] >= self.config.joint_score
        return result


@contextmanager
def quiet() -> Iterator[None]:
    """Keep off the screen what TensorFlow Lite and MediaPipe log of themselves.

    They write to the file descriptor of standard error, past Python's. Where something fails, what
    was kept off is written after all.
    """
    sys.stderr.flush()
    screen = os.dup(2)
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), 2)
        try:
            yield
        except BaseException:
            kept.seek(0)
            os.write(screen, kept.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(screen, 2)
            os.close(screen)


def _frame(picture: NDArray[np.uint8], border: float) -> tuple[NDArray[np.uint8], int, int]:
    """Put a picture into the middle of a grey square, and say where: left, top.

    A square, because MediaPipe turns people upright in fractions of the picture's sides, which
    distorts them where the sides are not equal.
    """
    height, width = picture.shape[:2]
    side = math.ceil((1 + 2 * border) * max(height, width))
    left, top = (side - width) // 2, (side - height) // 2
    framed = np.full((side, side, 3), _GREY, dtype=np.uint8)
    framed[top : top + height, left : left + width] = picture
    return framed, left, top


def open_landmarker(config: MediaPipeConfig) -> Landmarker:
    """Open MediaPipe with a `.task` file where one is given, and else with the model it brings.

    Raises:
        posegen.core.PluginError, posegen.core.WeightsError, posegen.core.ConfigError: see
            `MediaPipe`.
    """
    os.environ.setdefault("GLOG_minloglevel", "2")  # it reports each start on standard error
    mediapipe = _imported("mediapipe")
    if config.model is not None:
        return _from_bundle(config, config.model.expanduser())
    if not hasattr(mediapipe, "solutions"):
        raise WeightsError(
            f"mediapipe {mediapipe.__version__} brings no model: get a pose landmarker bundle "
            f"({_BUNDLES}) and give it with `--set detector.model=FILE.task`, or install "
            "mediapipe==0.10.21, which brings one."
        )
    if config.people > 1:
        raise ConfigError(
            f"detector.people={config.people}: the model that mediapipe brings finds one person; "
            "give a bundle with `--set detector.model=FILE.task`."
        )
    return _from_package(mediapipe, config)


def _imported(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        state = (
            f"the package {error.name}, which is not installed"
            if isinstance(error, ModuleNotFoundError)
            else f"the package mediapipe, which cannot be imported ({error})"
        )
        raise PluginError(
            f"the detector mediapipe needs {state}; install it with `pip install "
            "'mediapipe==0.10.21'` in an environment of its own, beside posegen and "
            "posegen-mediapipe: it brings its model, and needs numpy below 2."
        ) from error


def _from_package(mediapipe: Any, config: MediaPipeConfig) -> Landmarker:
    pose = mediapipe.solutions.pose.Pose(
        static_image_mode=True,
        model_complexity=1,  # the only one that is in the package
        min_detection_confidence=config.person_score,
    )

    def detect(picture: NDArray[np.uint8]) -> Iterable[Any]:
        found = pose.process(picture).pose_landmarks
        return [found.landmark] if found else []

    return detect


def _from_bundle(config: MediaPipeConfig, path: Path) -> Landmarker:
    if not path.is_file():
        raise WeightsError(f"{path}: no such file; get a pose landmarker bundle from {_BUNDLES}.")
    import mediapipe
    from mediapipe.tasks import python as tasks
    from mediapipe.tasks.python import vision

    options = vision.PoseLandmarkerOptions(
        # The content, not the name: MediaPipe looks for names below its own package.
        base_options=tasks.BaseOptions(model_asset_buffer=path.read_bytes()),
        num_poses=config.people,
        min_pose_detection_confidence=config.person_score,
    )
    try:
        landmarker = vision.PoseLandmarker.create_from_options(options)
    except (RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise WeightsError(
            f"{path}: mediapipe {mediapipe.__version__} cannot open it as a pose landmarker "
            f"({reason}); get a bundle from {_BUNDLES}."
        ) from error

    def detect(picture: NDArray[np.uint8]) -> Iterable[list[Any]]:
        image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=picture)
        people: list[list[Any]] = landmarker.detect(image).pose_landmarks
        return people

    # Left to itself it is closed while Python shuts down, and complains.
    weakref.finalize(detect, landmarker.close)
    return detect
