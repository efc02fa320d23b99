"""How the pictures of a pair are found again, for the report's gallery.

A model makes them again from its data set; a folder of results has them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image
from torch import Tensor

from posegen.core.errors import DataError
from posegen.reports.subjects import Subject

_BATCH = 16
_Maps = tuple[Sequence[Image.Image], Sequence[tuple[float, float]]]


@dataclass(frozen=True)
class PairPictures:
    """The pictures of one pair, at their own sizes.

    Attributes:
        source: None where results come without their sources.
        target, generated: the pictures.
        attention: one coloured map per block of the generator, of the picture's size; empty where
            the generator gives none.
        ranges: least and greatest value of each map: a map's colours go from the one to the other.
    """

    source: Image.Image | None
    target: Image.Image
    generated: Image.Image
    attention: Sequence[Image.Image] = ()
    ranges: Sequence[tuple[float, float]] = field(default=())


#: Places of pairs in an evaluation -> their pictures.
#: Raises PosegenError where they cannot be had, or are no longer those that were scored.
Pictures = Callable[[Sequence[int]], list[PairPictures]]


def find_pictures(subject: Subject, device: str = "cpu") -> Pictures:
    """Open whatever holds or makes a subject's pictures.

    Args:
        subject: what was scored.
        device: where a model makes its pictures.

    Raises:
        ConfigError, DataError, PluginError, WeightsError: where it is gone, or not what it was.
    """
    kind = subject.evaluation.subject.get("kind")
    if kind == "model":
        return _of_model(subject, device)
    if kind == "results":
        return _of_results(subject)
    raise DataError(f"{subject.path}: the scores do not say what they are of (kind {kind!r}).")


def _of_model(subject: Subject, device: str) -> Pictures:
    from posegen.config import ComponentOptions
    from posegen.config.parts import build_dataset
    from posegen.data.loading import collate, to_batch
    from posegen.inference.grids import pictures
    from posegen.inference.model import load_model
    from posegen.weights.folder import weights_digest

    about = subject.evaluation.subject
    path = subject.run if subject.run is not None else about.get("path")
    if path is None:
        raise DataError("the scored model was in memory only.")
    model = load_model(path, device)
    if about.get("weights") not in (None, weights_digest(model.generator.state_dict())):
        raise DataError(
            f"{path}: the weights are not those that were scored; run `posegen eval` again."
        )
    section = dict(about["data"])
    split = section.pop("split", "test")
    dataset = build_dataset(ComponentOptions.model_validate(section), split)

    def some(places: Sequence[int]) -> list[PairPictures]:
        if max(places) >= len(dataset):
            raise DataError(f"the data set has {len(dataset)} pairs now, fewer than were scored.")
        raw = collate(dataset.__getitems__(list(places)))
        _check(subject, places, raw.source_names, raw.target_names)
        batch = to_batch(raw, model.encoder, model.device)
        output = model.run(batch)
        maps = output.aux.get("attention")
        drawn: list[_Maps] = [((), ())] * len(batch)
        if maps is not None:
            drawn = [_attention(of_pair, model.image_size) for of_pair in maps]
        columns = [pictures(images) for images in (batch.source, batch.target, output.image)]
        return [
            PairPictures(source, target, made, *of_pair)
            for source, target, made, of_pair in zip(*columns, drawn, strict=True)
        ]

    return _in_batches(some)


def _of_results(subject: Subject) -> Pictures:
    from posegen.evaluation.results import open_results

    about = subject.evaluation.subject
    given = {
        name: None if about.get(name) is None else Path(about[name])
        for name in ("targets", "sources", "annotations", "pairs")
    }
    results = open_results(Path(about["path"]), about["layout"], **given)

    def some(places: Sequence[int]) -> list[PairPictures]:
        if max(places) >= len(results):
            raise DataError(f"{about['path']}: has {len(results)} pairs now, fewer than scored.")
        items = [results[place] for place in places]
        _check(
            subject,
            places,
            [item.source_name for item in items],
            [item.target_name for item in items],
        )
        return [
            PairPictures(
                None if item.source is None else _picture(item.source),
                _picture(item.target),
                _picture(item.generated),
            )
            for item in items
        ]

    return some


def _check(
    subject: Subject, places: Sequence[int], sources: Sequence[str], targets: Sequence[str]
) -> None:
    """Refuse pairs that are not those that were scored."""
    for place, source, target in zip(places, sources, targets, strict=True):
        scored = subject.evaluation.names[place]
        if scored != (source, target):
            raise DataError(
                f"the data has changed: pair {place} was {' → '.join(scored)} when it was scored, "
                f"and is {source} → {target} now; run `posegen eval` again."
            )


def _in_batches(some: Pictures) -> Pictures:
    def every(places: Sequence[int]) -> list[PairPictures]:
        starts = range(0, len(places), _BATCH)
        return [found for start in starts for found in some(places[start : start + _BATCH])]

    return every


def _attention(maps: Tensor, size: tuple[int, int]) -> _Maps:
    """Return a pair's maps (N, h, w) as pictures, each in its own range, and the ranges."""
    from posegen.inference.grids import heat_maps

    ranges = [(float(one.min()), float(one.max())) for one in maps]
    return heat_maps(maps[:, None], size), ranges


def _picture(image: Tensor) -> Image.Image:
    """(3, H, W) uint8 -> a picture."""
    return Image.fromarray(image.permute(1, 2, 0).contiguous().numpy())
