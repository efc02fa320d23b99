"""RTMPose, DWPose and RTMW as a `posegen.core.PoseDetector`, through rtmlib and ONNX Runtime.

rtmlib's own `Body` and `Wholebody` take the whole picture for a person where they find nobody, and
hand one colour order to both networks; so its parts are put together here.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from posegen.core import PluginError, PoseDetector, WeightsError, skeleton
from posegen_rtmlib.config import RTMLibConfig

_SKELETONS = {"body": "coco17", "wholebody": "wholebody133"}


class RTMLib(PoseDetector):
    """Finds people with YOLOX, and the joints of each with a network of the RTMPose family.

    Convention:
        - The confidence of a joint is the network's score, the height of its SimCC peaks, cut off
          at 1; below `joint_score` it is 0 (missing).
        - The networks that find joints were trained on RGB (`bgr_to_rgb=True` in MMPose's
          configurations), YOLOX on BGR, and each gets its own. rtmlib's examples give both BGR
          (github.com/Tau-J/rtmlib/issues/48).
        - People come in order of box area times mean confidence.
        - Pictures are taken one by one.

    Raises:
        posegen.core.PluginError: on construction, where rtmlib or ONNX Runtime is not installed.
        posegen.core.WeightsError: on construction, where a network cannot be had or read.
    """

    def __init__(self, config: RTMLibConfig) -> None:
        rtmlib = _imported("rtmlib")
        _imported("onnxruntime")  # rtmlib asks for it late, amid errors of networks
        self.config = config
        self.skeleton = _SKELETONS[config.body]
        solution = rtmlib.Wholebody if config.body == "wholebody" else rtmlib.Body
        published = solution.MODE[config.mode]
        self.pose = _open(rtmlib.RTMPose, "pose", config.pose_model, published, config)
        self.people = (
            None
            if config.whole_picture
            else _open(rtmlib.YOLOX, "people", config.people_model, published, config)
        )

    def __call__(self, images: Tensor) -> list[Tensor]:
        """See `posegen.core.PoseDetector`."""
        pictures = images.permute(0, 2, 3, 1).cpu().contiguous().numpy()
        return [self._detect(picture).to(images.device) for picture in pictures]

    def _detect(self, picture: NDArray[np.uint8]) -> Tensor:
        boxes = self._boxes(picture)
        count = len(skeleton(self.skeleton))
        if not len(boxes):
            return torch.zeros(0, count, 3)
        places, scores = self.pose(picture, bboxes=boxes)
        if places.shape[1] != count:
            raise WeightsError(
                f"{self.config.pose_model}: finds {places.shape[1]} joints and "
                f"detector.body={self.config.body} has {count}; give another network."
            )
        scores = np.where(scores >= self.config.joint_score, scores.clip(0, 1), 0)
        area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
        order = np.argsort(-area * scores.mean(1), kind="stable")
        people = np.concatenate([places, scores[..., None]], axis=-1)[order]
        return torch.from_numpy(people.astype(np.float32))

    def _boxes(self, picture: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return the people's boxes: (N, 4), left, top, right, bottom in pixels."""
        if self.people is None:
            height, width = picture.shape[:2]
            return np.array([[0, 0, width, height]], dtype=np.float64)
        boxes = self.people(np.ascontiguousarray(picture[..., ::-1]))
        return np.asarray(boxes, dtype=np.float64).reshape(-1, 4)


def _imported(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        state = (
            f"the package {error.name}, which is not installed"
            if isinstance(error, ModuleNotFoundError)
            else f"the package {module}, which cannot be imported ({error})"
        )
        raise PluginError(
            f"the detector rtmlib needs {state}; install what it needs with `pip install rtmlib "
            "onnxruntime` (for a GPU onnxruntime-gpu), beside posegen and posegen-rtmlib."
        ) from error


def _open(
    tool: Any, part: str, given: Path | None, published: dict[str, Any], config: RTMLibConfig
) -> Any:
    """Build one of rtmlib's tools on the user's file or on a published one.

    Raises:
        posegen.core.WeightsError: where the network cannot be had or read.
    """
    option = f"--set detector.{part}_model=FILE.onnx"
    key = "det" if part == "people" else "pose"
    url, size = published[key], published[f"{key}_input_size"]
    if given is not None:
        height, width = _input_size(given.expanduser(), option)
        # YOLOX is told (height, width), RTMPose (width, height).
        url, size = str(given.expanduser()), (height, width) if key == "det" else (width, height)
    elif os.environ.get("POSEGEN_OFFLINE", "") not in ("", "0"):
        raise WeightsError(
            f"rtmlib's {part} network: POSEGEN_OFFLINE is set; get {url} on any machine, unpack "
            f"it, and give the .onnx file in it with `{option}`."
        )
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # it prints the file's name
            return tool(url, model_input_size=size, backend="onnxruntime", device=config.device)
    except Exception as error:  # of the network, of zip files, of ONNX Runtime: of any type
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        remedy = (
            f"get {url} on any machine, unpack it, and give the .onnx file in it with `{option}`"
            if given is None
            else f"give another with `{option}`, or another `--set detector.device=…`"
        )
        raise WeightsError(
            f"{given or f'the {part} network of rtmlib'}: cannot be opened ({reason[:160]}); "
            f"{remedy}."
        ) from error


def _input_size(path: Path, option: str) -> tuple[int, int]:
    """Return the (H, W) that a network takes.

    Raises:
        posegen.core.WeightsError: where the file is missing, damaged, or says no size.
    """
    import onnxruntime

    if not path.is_file():
        raise WeightsError(f"{path}: no such file; give an ONNX file with `{option}`.")
    try:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime has a dozen types of its own
        reason = str(error).splitlines()[0][:160]
        raise WeightsError(
            f"{path}: cannot be read as an ONNX file ({reason}); give another with `{option}`."
        ) from error
    shape = session.get_inputs()[0].shape
    if len(shape) != 4 or not all(isinstance(side, int) for side in shape[2:]):
        raise WeightsError(
            f"{path}: takes pictures of the shape {shape}, which says no height and width; give "
            f"a network of fixed size with `{option}`."
        )
    return shape[2], shape[3]
