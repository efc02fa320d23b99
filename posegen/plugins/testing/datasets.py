"""What data sets promise."""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from posegen.core import Field, FieldKind, Kind, Pair, PairDataset, TaskInfo, UserError
from posegen.core.fields import check_fields, standard_fields
from posegen.plugins.testing.component import Case
from posegen.plugins.testing.inputs import equal
from posegen.plugins.testing.poses import known_skeleton
from posegen.plugins.testing.promises import Broken, NotApplicable, promise, require, reseed

#: Pairs of a split that are looked at; a whole data set may be large.
SAMPLE = 8


class DatasetCase(Case):
    """A data set, and which of its pairs to look at; `root` and the like are in its options."""

    def build(self, split: Literal["train", "test"] = "train") -> PairDataset:
        """Open a split."""
        data: PairDataset = self.target(self.config, split)
        return data

    def splits(self) -> Iterator[tuple[str, PairDataset]]:
        """Open both."""
        yield "train", self.build("train")
        yield "test", self.build("test")

    def pairs(self) -> Iterator[tuple[str, PairDataset, Pair]]:
        """Yield a few pairs of each split, with their place in words."""
        for name, data in self.splits():
            for index in some(data):
                yield f"in pair {index} of {name}", data, data[index]


def some(data: PairDataset) -> list[int]:
    """Return a few numbers of pairs, from the first to the last."""
    count = min(SAMPLE, len(data))
    return [(len(data) - 1) * i // max(1, count - 1) for i in range(count)]


@promise(Kind.DATASET)
def declares(case: DatasetCase) -> None:
    """`image_size` is (H, W), `skeleton` the name of one of posegen's, and `fields` has names that
    say the picture that they belong to, kinds, channels, and which of these a flip swaps."""
    for _, data in case.splits():
        size = getattr(data, "image_size", None)
        good = isinstance(size, tuple | list) and len(size) == 2 and min(size) >= 1
        require(good, f"`image_size` is {size!r}")
        known_skeleton(data)
        check_fields(data.fields)
        for title, field in data.fields.items():
            good = all(0 <= number < field.channels for pair in field.mirrored for number in pair)
            require(good, f"{title!r} swaps channels that it does not have: {field.mirrored}")


@promise(Kind.DATASET)
def splits(case: DatasetCase) -> None:
    """The splits train and test have pairs, and no picture is in both."""
    names: list[set[str]] = []
    for name, data in case.splits():
        require(len(data) >= 1, f"the split {name} is empty")
        pairs = [data[i] for i in some(data)]
        names.append({x for pair in pairs for x in (pair.source_name, pair.target_name)})
    both = sorted(names[0] & names[1])
    require(not both, f"these pictures are in train and in test: {', '.join(both)}")


@promise(Kind.DATASET, where="Pair")
def pairs(case: DatasetCase) -> None:
    """Every part has its form (images and masks uint8, masks 0 and 255, keypoints float32 with
    visibility 0, 0.5 or 1), `extra` is what `fields` declares, and pictures have names."""
    for what, data, pair in case.pairs():
        require(isinstance(pair, Pair), f"there is a {type(pair).__name__} {what}")
        extra = sorted(pair.extra)
        good = extra == sorted(data.fields)
        require(good, f"there is {extra} {what}, and `fields` says {sorted(data.fields)}")
        known = {**standard_fields(known_skeleton(data)), **data.fields}
        for title, value in pair.tensors().items():
            _require_form(value, title, known[title], data, what)
        for title in (pair.source_name, pair.target_name):
            require(isinstance(title, str) and title, f"a picture has no name {what}")


#: kind -> the types of its tensors; others can be of any.
TYPES = {
    FieldKind.IMAGE: torch.uint8,
    FieldKind.MASK: torch.uint8,
    FieldKind.POINTS: torch.float32,
}


def _require_form(value: Any, name: str, field: Field, data: PairDataset, what: str) -> None:
    kind = field.kind
    height, width = data.image_size
    shape = TaskInfo((height, width), 0, extra={"field": field}).shape("field")
    require(isinstance(value, Tensor), f"{name} is a {type(value).__name__} {what}")
    good = tuple(value.shape) == shape and value.dtype is TYPES.get(kind, value.dtype)
    form = f"{value.dtype} {tuple(value.shape)}"
    require(good, f"{name} is {form}, and not {shape} as a {kind} is, {what}")
    if kind is FieldKind.MASK:
        good = bool(torch.isin(value, torch.tensor([0, 255])).all())
        require(good, f"{name} has other values than 0 and 255 {what}")
    if kind is FieldKind.POINTS:
        seen = value[:, 2]
        good = bool(torch.isin(seen, torch.tensor([0.0, 0.5, 1.0])).all())
        require(good, f"{name} have other visibilities than 0, 0.5 and 1 {what}")
        value = value[seen > 0]
    require(value.isfinite().all(), f"{name} is not finite {what}")


def _same(one: Pair, other: Pair) -> bool:
    names = (one.source_name, one.target_name) == (other.source_name, other.target_name)
    return names and equal(one.tensors(), other.tensors())


@promise(Kind.DATASET, where="PairDataset.__getitem__")
def same(case: DatasetCase) -> None:
    """A number gives the same pair every time, whatever came before, also by `__getitems__`, and in
    other processes (`--workers`), where a data set goes pickled."""
    data, again = case.build(), case.build()
    first = {}
    for index in some(data):
        reseed(index)
        first[index] = data[index]
    numbers = [*reversed(some(data)), 0]
    for index in numbers:
        reseed(index + 1000)
        good = _same(first[index], data[index]) and _same(first[index], again[index])
        require(good, f"pair {index} is another the second time")
    several = data.__getitems__(numbers)
    good = len(several) == len(numbers)
    good = good and all(_same(first[i], pair) for i, pair in zip(numbers, several, strict=True))
    require(good, f"`__getitems__` of {numbers} does not return these pairs in this order")
    other = pickle.loads(pickle.dumps(data))  # raises where it cannot be
    require(_same(first[0], other[0]), "pickled, it has other pairs")


@promise(Kind.DATASET, where="PairDataset.images")
def images(case: DatasetCase) -> None:
    """`images` yields every image of the split once, with its name."""
    data = case.build()
    shown = list(itertools.islice(data.images(), SAMPLE))
    known = dict(shown)
    require(shown and len(known) == len(shown), "it yields no image, or a name twice")
    for name, image in shown:
        _require_form(image, repr(name), Field(FieldKind.IMAGE, 3), data, "in `images`")
    for index in some(data):
        pair = data[index]
        for name, image in ((pair.source_name, pair.source), (pair.target_name, pair.target)):
            good = name not in known or torch.equal(known[name], image)
            require(good, f"{name!r} is another image than in pair {index}")


@promise(Kind.DATASET, where="PairDataset.__getitem__")
def errors(case: DatasetCase) -> None:
    """A folder that is not there is a posegen.core error that names it."""
    if "root" not in case.config_class.model_fields:
        raise NotApplicable("it has no option `root`")
    nowhere = Path(__file__).parent / "no such folder"
    try:
        case.target(case.config.model_copy(update={"root": nowhere}), "train")[0]
    except UserError as error:
        require(nowhere.name in str(error), f"the error does not name it: {error}")
    else:
        raise Broken("a folder that is not there is taken in silence")
