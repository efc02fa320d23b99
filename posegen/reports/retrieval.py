"""How the pictures of scored pairs are had again: a model makes them anew, results hold them."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from PIL import Image
from torch import Tensor

from posegen.core.batches import Batch
from posegen.core.contracts import PairDataset
from posegen.core.errors import DataError, PosegenError
from posegen.core.skeletons import OPENPOSE18, skeleton
from posegen.data.image_files import as_picture
from posegen.poses.draw import draw_pose
from posegen.reports.allowed import check_allowed
from posegen.reports.subjects import Section, Subject

if TYPE_CHECKING:
    from posegen.inference.model import PoseTransfer

_log = logging.getLogger(__name__)

_BATCH = 16


class AttentionMap(NamedTuple):
    """A block's map, coloured from its least value to its greatest, or from 0 to 1.

    Attributes:
        caption: which block it is of, and whether it is what that writes.
        low, high: the least value and the greatest.
    """

    caption: str
    picture: Image.Image
    low: float
    high: float


class PairPictures(NamedTuple):
    """The pictures of one pair, at their own sizes.

    Attributes:
        source: None where results come without their sources.
        target, generated: the pictures.
        pose: the target's pose, drawn; None where results come without keypoints.
        attention: one map per block of the generator, of the picture's size, and what each block
            writes; empty where the generator gives neither.
    """

    source: Image.Image | None
    target: Image.Image
    generated: Image.Image
    attention: Sequence[AttentionMap]
    pose: Image.Image | None = None


#: What of a generator's `aux` is shown -> how a block's map is called, and what its colours span.
_SHOWN: dict[str, tuple[str, tuple[float, float] | None]] = {
    "attention": ("block {}", None),
    "masks": ("block {} writes", (0.0, 1.0)),
}

#: Pairs as they are now: their batch, the generated pictures, and maps (B, N, h, w) by name.
_Read = tuple[Batch, Tensor, dict[str, Tensor]]


@dataclass(frozen=True)
class Opened:
    """A subject whose pictures can be had, opened once for all of them.

    Attributes:
        subject: what was scored.
        pairs: how many there are now.
        layout: the skeleton of their keypoints.
        read: reads some of them, by their places.
        made_by: the model and the data set; None of results.
    """

    subject: Subject
    pairs: int
    layout: str
    read: Callable[[Sequence[int]], _Read]
    made_by: tuple[PoseTransfer, PairDataset] | None = None


#: What of a subject says where its pictures are.
_PATHS = ("path", "data", "targets", "sources", "annotations", "pairs")

#: Most frames of a clip: enough to see a step, and quick for wide networks too.
_FRAMES = 16


def find_all(
    section: Section, pairs: Sequence[int], device: str
) -> tuple[dict[str, Opened], dict[str, list[PairPictures]], list[str]]:
    """Return label -> subject and pictures of some of the common pairs, and why some have none."""
    found: dict[str, Opened] = {}
    made: dict[str, list[PairPictures]] = {}
    problems = []
    for number, subject in enumerate(section.subjects):
        try:
            opened = open_pictures(subject, device)
            places = [section.places[pair][number] for pair in pairs]
            made[subject.label] = find_pictures(opened, places)
            found[subject.label] = opened
        except Exception as error:  # a plugin's model or data set raises anything
            problems.append(not_had(f"pictures of {subject.label}", error))
    return found, made, problems


def not_had(what: str, error: Exception) -> str:
    """Say that something could not be had, and why."""
    _log.debug("no %s", what, exc_info=error)
    kind = "" if isinstance(error, PosegenError) else f"{type(error).__name__}: "
    return f"no {what}: {kind}{error}"


def open_pictures(subject: Subject, device: str) -> Opened:
    """Open a subject; a model makes its pictures on a device.

    Raises:
        PosegenError: where it is gone, or no longer what was scored.
    """
    about = subject.evaluation.subject
    is_model = about.get("kind") == "model"
    found = {"path"} if is_model and subject.run is not None else set()
    named = {name: about[name] for name in _PATHS if about.get(name) and name not in found}
    if isinstance(data := named.get("data"), dict):
        named["data"] = {k: v for k, v in data.items() if k not in ("name", "split")}
    check_allowed(named, subject.allowed, subject.path)
    return _of_model(subject, device) if is_model else _of_results(subject)


def find_pictures(opened: Opened, places: Sequence[int]) -> list[PairPictures]:
    """Return the pictures of pairs, by their places in the subject's evaluation.

    Raises:
        PosegenError: where they are gone, or no longer those that were scored.
    """
    subject = opened.subject
    if max(places) >= opened.pairs:
        raise DataError(f"the data has {opened.pairs} pairs now, fewer than were scored.")
    shown: list[PairPictures] = []
    for start in range(0, len(places), _BATCH):
        some = places[start : start + _BATCH]
        batch, generated, maps = opened.read(some)
        for number, place in enumerate(some):
            scored = subject.evaluation.names[place]
            now = batch.source_names[number], batch.target_names[number]
            if scored != now:
                raise DataError(
                    f"the data has changed: pair {place} was {' → '.join(scored)} when it was "
                    f"scored, and is {' → '.join(now)} now; run `posegen eval` again."
                )
            source = batch.get("source")
            shown.append(
                PairPictures(
                    None if source is None else as_picture(source[number]),
                    as_picture(batch.target[number]),
                    as_picture(generated[number]),
                    _maps({name: every[number] for name, every in maps.items()}, batch.target),
                    _pose(batch, number, opened.layout),
                )
            )
    return shown


def find_clip(opened: Opened, place: int, motion: str) -> list[Image.Image]:
    """Return frames of a pair's source person in a motion of the library; none of results.

    Args:
        opened: what was scored.
        place: of the pair in its evaluation.
        motion: its name.

    Raises:
        PosegenError: where the person's pose does not tell how to move it.
    """
    if opened.made_by is None:
        return []
    from posegen.data.posing import build_finder
    from posegen.poses import DEFAULT_DETECTOR

    model, dataset = opened.made_by
    pair = dataset[place]
    scene = model.stage(
        as_picture(pair.source),
        motion,
        pair.source_keypoints,
        finder=lambda: build_finder(DEFAULT_DETECTOR, {}),
    )
    wanted = scene.wanted[:: -(-len(scene.wanted) // _FRAMES)]
    seed = opened.subject.evaluation.subject.get("seed", 0)
    return list(model.frames(scene.picture, scene.source, wanted, seed=seed))


def _of_model(subject: Subject, device: str) -> Opened:
    from posegen.data.loading import collate, to_batch, to_uint8

    model, dataset = _model_and_data(subject, device)
    seed = subject.evaluation.subject.get("seed", 0)

    def read(places: Sequence[int]) -> _Read:
        raw = collate(dataset.__getitems__(list(places)), dataset.fields)
        batch = to_batch(raw, model.encoder, model.device)
        output = model.run(batch, seed=seed)
        maps = {name: output.aux[name] for name in _SHOWN if name in output.aux}
        return raw, to_uint8(output.image).cpu(), maps

    return Opened(subject, len(dataset), model.skeleton, read, (model, dataset))


def _model_and_data(subject: Subject, device: str) -> tuple[PoseTransfer, PairDataset]:
    """Return the model and the data set, if they are still those that were scored."""
    from posegen.config import ComponentOptions
    from posegen.config.parts import build_dataset
    from posegen.inference.model import load_model

    about = subject.evaluation.subject
    path = subject.run if subject.run is not None else about.get("path")
    if path is None:
        raise DataError("the scored model was in memory only.")
    model = load_model(path, device, precision=about.get("precision", "32"))
    model = model.with_sampling(**about.get("sampling", {}))
    now = json.loads(json.dumps(model.fingerprint()))
    scored = {"weights": about.get("weights"), **about.get("fingerprint", {})}
    changed = [key for key, value in scored.items() if value not in (None, now.get(key))]
    if changed:
        raise DataError(
            f"{path}: the {' and '.join(changed)} are not those that were scored; run `posegen "
            "eval` again."
        )
    section = dict(about["data"])
    split = section.pop("split", "test")
    return model, build_dataset(ComponentOptions.model_validate(section), split)


def _of_results(subject: Subject) -> Opened:
    from posegen.evaluation.results.reading import open_results, stack

    about = subject.evaluation.subject
    options = {
        name: None if about.get(name) is None else Path(about[name])
        for name in ("targets", "sources", "annotations", "pairs")
    }
    results = open_results(Path(about["path"]), about["layout"], **options)

    def read(places: Sequence[int]) -> _Read:
        batch = stack([results[place] for place in places])
        return batch, batch.generated, {}

    return Opened(subject, len(results), OPENPOSE18.name, read)


def _maps(of_pair: Mapping[str, Tensor], targets: Tensor) -> list[AttentionMap]:
    from posegen.inference.grids import heat_maps

    size = (targets.shape[-2], targets.shape[-1])
    drawn = []
    for name, blocks in of_pair.items():
        caption, limits = _SHOWN[name]
        coloured = heat_maps(blocks[:, None], size, limits=limits)
        for number, (picture, block) in enumerate(zip(coloured, blocks, strict=True), 1):
            low, high = map(float, block.aminmax())
            drawn.append(AttentionMap(caption.format(number), picture, low, high))
    return drawn


def _pose(batch: Batch, number: int, layout: str) -> Image.Image | None:
    keypoints = batch.get("target_keypoints")
    if keypoints is None:
        return None
    size = (batch.target.shape[2], batch.target.shape[3])
    return draw_pose(keypoints[number], size, skeleton(layout), scale=2)
