"""The models on show, and the one worker that makes their pictures."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import anyio
import torch
from PIL import Image
from torch import Tensor

from posegen.core.batches import GeneratorOutput
from posegen.core.errors import DataError
from posegen.inference.grids import flow_maps, heat_maps, pictures
from posegen.inference.model import PoseTransfer, load_model
from posegen.inference.pose_files import Pose
from posegen.poses.conversions import convert
from posegen.studio.pictures import to_url
from posegen.studio.security import Refused

T = TypeVar("T")

#: Requests that wait for the worker; a page has one at a time for each of its models.
WAITING = 24


@dataclass
class Shown:
    """A model on show.

    Attributes:
        weights: what it was loaded from, as a command takes it.
        model: the model.
        label: what the page calls it.
    """

    weights: str
    model: PoseTransfer
    label: str

    def about(self) -> dict[str, Any]:
        """Return what the page says of it."""
        config = self.model.config
        height, width = self.model.image_size
        described = config.model_dump(mode="json")
        return {
            "label": self.label,
            "weights": self.weights,
            "recipe": config.title,
            "size": [height, width],
            "step": (described.get("training") or {}).get("step"),
        }


class Models:
    """Models by number, in the order in which they were named.

    Args:
        names: runs or weights.
        device: where they work.

    Raises:
        WeightsError, PluginError, ConfigError: where one cannot be loaded.
    """

    def __init__(self, names: Sequence[str], device: torch.device | str) -> None:
        self._device = device
        labels = _labels(names)
        self._shown = [self._load(*one) for one in zip(names, labels, strict=True)]

    def _load(self, name: str, label: str) -> Shown:
        return Shown(name, load_model(name, self._device), label)

    def __len__(self) -> int:
        return len(self._shown)

    def __getitem__(self, number: int) -> Shown:
        """Return a model.

        Raises:
            DataError: where there are not so many.
        """
        if not 0 <= number < len(self._shown):
            raise DataError(f"model {number}: this studio shows {len(self._shown)}.")
        return self._shown[number]

    @property
    def first(self) -> PoseTransfer:
        """The one that scenes are made for."""
        return self._shown[0].model

    def about(self) -> list[dict[str, Any]]:
        """Return what the page says of all."""
        return [shown.about() for shown in self._shown]

    def reload(self, number: int) -> dict[str, Any]:
        """Load a model again: a run may have written newer weights."""
        before = self[number]
        self._shown[number] = self._load(before.weights, before.label)
        return self._shown[number].about()

    def newest(self, name: str) -> int:
        """Load a run's newest weights, as another model where it is not on show yet."""
        known = [shown.weights for shown in self._shown]
        if name in known:
            self.reload(known.index(name))
            return known.index(name)
        self._shown.append(self._load(name, _labels([*known, name])[-1]))
        return len(known)

    @torch.inference_mode()
    def generate(
        self,
        number: int,
        picture: Image.Image,
        pose: Tensor,
        wanted: Sequence[Tensor],
        *,
        overlays: bool = False,
    ) -> dict[str, Any]:
        """Make pictures.

        Args:
            number: of the model.
            picture, pose: the source; poses have the first model's skeleton.
            wanted: the wanted poses.
            overlays: also where the model looks, and what it fetches from where.

        Returns:
            `pictures`, data URLs; `milliseconds` that the model took for all; with overlays,
            `attention` and `flow`, where the model has them.

        Raises:
            DataError: where a pose cannot be used.
        """
        model, layout = self[number].model, self.first.skeleton
        size = (picture.height, picture.width)
        given, *poses = (
            Pose(convert(one, layout, model.skeleton), size) for one in (pose, *wanted)
        )
        began = time.perf_counter()
        made = list(model.batches(picture, given, poses))
        took = 1000 * (time.perf_counter() - began)
        answer: dict[str, Any] = {
            "pictures": [to_url(p) for _, output in made for p in pictures(output.image)],
            "milliseconds": round(took, 1),
        }
        if overlays:
            for name, draw in (("attention", heat_maps), ("flow", flow_maps)):
                outputs = [output for _, output in made]
                answer |= _drawn(name, draw, outputs, model.image_size)
        return answer


def _drawn(
    name: str,
    draw: Callable[[Tensor, tuple[int, int]], list[Image.Image]],
    outputs: Sequence[GeneratorOutput],
    size: tuple[int, int],
) -> dict[str, list[str]]:
    if not all(name in output.aux for output in outputs):
        return {}
    return {name: [to_url(p) for output in outputs for p in draw(output.aux[name], size)]}


def _labels(names: Sequence[str]) -> list[str]:
    """Return short names, unlike each other: `A`'s last folder, more where two are alike, and a
    number where one is given twice."""
    short = [Path(name).name or name for name in names]
    texts = [s if short.count(s) == 1 else str(n) for s, n in zip(short, names, strict=True)]
    return [
        f"{text} ({texts[: n + 1].count(text)})" if texts.count(text) > 1 else text
        for n, text in enumerate(texts)
    ]


@dataclass
class Worker:
    """Does one piece of work at a time, in a thread, and refuses where too many wait."""

    _turn: anyio.CapacityLimiter | None = field(default=None, init=False)
    _waiting: int = field(default=0, init=False)

    async def __call__(self, work: Callable[[], T]) -> T:
        """Do some work when its turn has come.

        Raises:
            Refused: where too many wait.
        """
        if self._waiting >= WAITING:
            raise Refused(503, "too many requests wait already; try again in a moment.")
        if self._turn is None:
            self._turn = anyio.CapacityLimiter(1)
        self._waiting += 1
        try:
            return await anyio.to_thread.run_sync(work, limiter=self._turn)
        finally:
            self._waiting -= 1
