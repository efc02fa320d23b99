"""`check_dataset`."""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from posegen.core import DatasetSpec, Kind, Pair, PairDataset, UserError
from posegen.plugins.testing.inputs import joints_of
from posegen.plugins.testing.report import Check, NotApplicable, Report, check, describe, reseed
from posegen.plugins.testing.subject import Subject, examine

#: Pairs of a split that are looked at; a whole data set may be large.
SAMPLE = 8


def check_dataset(
    component: str | DatasetSpec,
    *,
    options: Mapping[str, Any] | None = None,
    joints: int | None = None,
    skip: Mapping[str, str] | None = None,
) -> Report:
    """Test a data set against its contract; one that is read from files needs `options`.

    Args:
        component: its name among the installed plugins, or its spec.
        options: its options; by default the example that its configuration class gives, else the
            defaults.
        joints: how many joints its layout has; by default the number at the end of the layout's
            name.
        skip: name of a check -> why it is left out.
    """
    subject = Subject(Kind.DATASET, component, options)
    case = DatasetCase(subject, joints)
    return examine(subject, lambda: case.open("train"), case, DATASET, skip)


@dataclass(frozen=True)
class DatasetCase:
    """A data set, and which of its pairs to look at."""

    subject: Subject
    joints: int | None

    def open(self, split: Literal["train", "test"]) -> PairDataset:
        """Open a split."""
        data: PairDataset = self.subject.build(split)
        return data

    def splits(self) -> list[tuple[str, PairDataset]]:
        """Open both."""
        return [("train", self.open("train")), ("test", self.open("test"))]

    def some(self, data: PairDataset) -> list[int]:
        """Return a few numbers of pairs, from the first to the last."""
        count = min(SAMPLE, len(data))
        return [(len(data) - 1) * i // max(1, count - 1) for i in range(count)]


@check(
    "splits",
    asks="the splits train and test have pairs, and no picture is in both",
    where="posegen.core.PairDataset",
)
def splits(case: DatasetCase) -> str | None:
    """Both splits can be used, and the test is a test."""
    names: list[set[str]] = []
    for name, data in case.splits():
        if len(data) < 1:
            return f"the split {name} is empty"
        found = [data[i] for i in case.some(data)]
        names.append({x for pair in found for x in (pair.source_name, pair.target_name)})
    both = names[0] & names[1]
    return f"the picture {min(both)!r} is in train and in test" if both else None


@check(
    "declares",
    asks="`image_size` is (H, W) and `layout` names the layout of the keypoints",
    where="posegen.core.PairDataset",
)
def declares(case: DatasetCase) -> str | None:
    """Size and layout are there."""
    for _, data in case.splits():
        size, layout = getattr(data, "image_size", None), getattr(data, "layout", None)
        if not (isinstance(size, tuple | list) and len(size) == 2 and min(size) >= 1):
            return f"`image_size` is {size!r}"
        if not (isinstance(layout, str) and layout):
            return f"`layout` is {layout!r}"
    return None


@check(
    "pairs",
    asks="images (3, H, W) uint8, masks (1, H, W) uint8 of 0 and 255 or None, keypoints (K, 3) "
    "float32 with visibility 0, 0.5 or 1, and names",
    where="posegen.core.Pair",
)
def pairs(case: DatasetCase) -> str | None:
    """Every part of a pair has its form."""
    for name, data in case.splits():
        joints = case.joints or joints_of(data.layout)
        for index in case.some(data):
            problem = _pair(data[index], tuple(data.image_size), joints)
            if problem:
                return f"{problem} in pair {index} of {name}"
    return None


def _pair(pair: object, size: tuple[int, ...], joints: int) -> str | None:
    if not isinstance(pair, Pair):
        return f"there is a {type(pair).__name__}"
    for role in ("source", "target"):
        image, points = getattr(pair, role), getattr(pair, f"{role}_keypoints")
        mask = getattr(pair, f"{role}_mask")
        if _form(image) != (torch.uint8, (3, *size)):
            return f"the {role} is {_form(image)}"
        if _form(points) != (torch.float32, (joints, 3)):
            return f"the {role}'s keypoints are {_form(points)}, for {joints} joints,"
        seen = points[:, 2]
        if not set(seen.unique().tolist()) <= {0.0, 0.5, 1.0}:
            return f"the {role} has other visibilities than 0, 0.5 and 1"
        if not points[seen > 0].isfinite().all():
            return f"the {role} has a seen joint at no finite place"
        if mask is not None and _form(mask) != (torch.uint8, (1, *size)):
            return f"the {role}'s mask is {_form(mask)}"
        if mask is not None and not set(mask.unique().tolist()) <= {0, 255}:
            return f"the {role}'s mask has other values than 0 and 255"
        if not (isinstance(getattr(pair, f"{role}_name"), str) and getattr(pair, f"{role}_name")):
            return f"the {role} has no name"
    return None


def _form(value: object) -> object:
    is_tensor = isinstance(value, Tensor)
    return (value.dtype, tuple(value.shape)) if is_tensor else type(value).__name__  # type: ignore[attr-defined]


def _same(one: Pair, other: Pair) -> bool:
    return all(
        torch.equal(a, b) if isinstance(a, Tensor) and isinstance(b, Tensor) else a == b
        for a, b in zip(one, other, strict=True)
    )


@check(
    "same",
    asks="a number gives the same pair every time, whatever came before",
    where="posegen.core.PairDataset.__getitem__",
)
def same(case: DatasetCase) -> str | None:
    """Pairs are functions of their number."""
    data = case.open("train")
    wanted = {}
    for index in case.some(data):
        reseed(index)
        wanted[index] = data[index]
    again = case.open("train")
    for index in reversed(case.some(data)):
        reseed(index + 1000)
        if not _same(wanted[index], data[index]) or not _same(wanted[index], again[index]):
            return f"pair {index} is another the second time"
    return None


@check(
    "getitems",
    asks="`__getitems__` returns the pairs of the numbers, in their order",
    where="posegen.core.PairDataset.__getitems__",
)
def getitems(case: DatasetCase) -> str | None:
    """Several at once are those one by one."""
    data = case.open("train")
    numbers = [*reversed(case.some(data)), 0]
    found = data.__getitems__(numbers)
    if len(found) != len(numbers):
        return f"for {len(numbers)} numbers it returns {len(found)} pairs"
    wrong = [n for n, pair in zip(numbers, found, strict=True) if not _same(pair, data[n])]
    return f"pair {wrong[0]} is another than alone" if wrong else None


@check(
    "images",
    asks="`images` yields every image of the split once, with its name",
    where="posegen.core.PairDataset.images",
)
def images(case: DatasetCase) -> str | None:
    """The images are those of the pairs."""
    data = case.open("train")
    found = list(itertools.islice(data.images(), SAMPLE))
    names = [name for name, _ in found]
    if not found or len(set(names)) < len(names):
        return "it yields no image, or a name twice"
    known = {name: image for name, image in found}
    for name, image in found:
        if _form(image) != (torch.uint8, (3, *data.image_size)):
            return f"{name!r} is {_form(image)}"
    for index in case.some(data):
        pair = data[index]
        for name, image in ((pair.source_name, pair.source), (pair.target_name, pair.target)):
            if name in known and not torch.equal(known[name], image):
                return f"{name!r} is another image than in pair {index}"
    return None


@check(
    "workers",
    asks="a data set can be pickled: with `--workers` it goes to other processes",
    where="posegen.core.PairDataset",
)
def workers(case: DatasetCase) -> str | None:
    """It arrives whole in another process."""
    data = case.open("train")
    wanted = data[0]
    try:
        other = pickle.loads(pickle.dumps(data))
    except Exception as error:  # any, depending on what is in it
        return f"it cannot be pickled: {describe(error)}"
    return None if _same(wanted, other[0]) else "pickled, it has other pairs"


@check(
    "errors",
    asks="a folder that is not there is a posegen.core error that names it",
    where="posegen.core.PairDataset.__getitem__",
)
def errors(case: DatasetCase) -> str | None:
    """A wrong path is told in a sentence."""
    if "root" not in case.subject.config_class.model_fields:
        raise NotApplicable("it has no option `root`")
    nowhere = Path(__file__).parent / "no such folder"
    other = case.subject.config.model_copy(update={"root": nowhere})
    try:
        case.subject.target(other, "train")[0]
    except UserError as error:
        return None if nowhere.name in str(error) else f"the error does not name it: {error}"
    return "a folder that is not there is taken in silence"


DATASET: tuple[Check[DatasetCase], ...] = (
    declares,
    splits,
    pairs,
    same,
    getitems,
    images,
    workers,
    errors,
)
