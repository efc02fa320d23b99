"""Generated training pictures for re-identification, in Market-1501's layout.

OUT/bounding_box_train/PERSON_cCAMERAs1_SOURCE_POSE_gen.png   the pictures, each with posegen's mark
OUT/generated.csv      file,person,camera,source,pose: which person, from which picture, as which
OUT/augment.json       what made them

Only the training split is read for sources and poses, and a person who is also in the test split is
left out.
"""

from __future__ import annotations

import csv
import io
import json
import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posegen.config import ComponentOptions
from posegen.config.parts import build_dataset
from posegen.core.errors import DataError
from posegen.core.texts import parse_json, parse_rows, read_text
from posegen.core.writing import occupied, save_picture, write_atomically, write_json
from posegen.experiments.reid.data import TRAIN, Naming, Posed, read_posed
from posegen.inference.marks import marked
from posegen.inference.model import PoseTransfer

RECORD, LIST = "augment.json", "generated.csv"
_HEAD = ["file", "person", "camera", "source", "pose"]


@dataclass(frozen=True)
class Wanted:
    """One generated picture: its file, who is in it, of which picture, in which picture's pose."""

    file: str
    person: str
    camera: str
    source: str
    pose: str


def augment(
    model: PoseTransfer,
    section: ComponentOptions,
    out: Path,
    poses: int | None,
    namer: Naming,
    *,
    seed: int = 0,
    batch_size: int = 16,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[list[Wanted], int]:
    """Generate pictures of every person of a training split in poses of others.

    What an earlier call with the same arguments has made is not made again; each file is whole.

    Args:
        model: makes them.
        section: the data set.
        out: the folder.
        poses: how many of each picture, drawn from the training split's by the seed; None: all.
        namer: finds people in names.
        seed: of the drawing, and of the model's noise.
        batch_size: pictures made together.
        progress: called with (pictures done, pictures in all).

    Returns:
        The pictures, and how many people of the training split were left out, because they are in
        the test split too.

    Raises:
        DataError: where the folder holds something else, or nobody is left.
    """
    posed = read_posed(build_dataset(section, "train"))
    tested = {namer(name)[0] for name, _ in build_dataset(section, "test").images()}
    people = {one.name: namer(one.name) for one in posed}
    sources = [one for one in posed if people[one.name][0] not in tested]
    left_out = len({person for person, _ in people.values()} & tested)
    if not sources:
        raise DataError("every person of the training split is in the test split too.")
    wanted = list(_wanted(sources, [one.name for one in posed], people, poses, seed))
    made_by = {
        **model.fingerprint(),
        "data": section.model_dump(mode="json"),
        "poses": poses,
        "seed": seed,
    }
    _begin(out, made_by, wanted)
    by_name = {one.name: one for one in posed}
    of_source: defaultdict[str, list[Wanted]] = defaultdict(list)
    for one in wanted:
        of_source[one.source].append(one)
    done = 0
    for source in sources:
        own = of_source[source.name]
        _make(model, source, own, by_name, out / TRAIN, seed, batch_size)
        done += len(own)
        progress(done, len(wanted))
    return wanted, left_out


def _wanted(
    sources: Sequence[Posed],
    poses: Sequence[str],
    people: Mapping[str, tuple[str, str]],
    count: int | None,
    seed: int,
) -> Iterator[Wanted]:
    """Yield what is to be made, source by source."""
    for place, source in enumerate(sources):
        person, camera = people[source.name]
        others = [name for name in poses if name != source.name]
        if count is not None and count < len(others):
            others = random.Random(f"{seed} {source.name}").sample(others, count)
        for number, pose in enumerate(others):
            safe = re.sub(r"[^A-Za-z0-9-]", "-", person)
            file = f"{safe}_c{camera}s1_{place:06d}_{number:02d}_gen.png"
            yield Wanted(file, person, camera, source.name, pose)


def _begin(out: Path, made_by: Mapping[str, Any], wanted: Sequence[Wanted]) -> None:
    """Make the folder, or find that it is of the same pictures."""
    record, now = out / RECORD, json.loads(json.dumps(made_by))
    if record.is_file():
        before = parse_json(read_text(record))
        for key in sorted({*before, *now}):
            if before.get(key) != now.get(key):
                raise DataError(
                    f"{out}: its pictures were made with another {key}; give another --out."
                )
    elif occupied(out):
        raise DataError(f"{out}: not an empty folder; give another --out.")
    (out / TRAIN).mkdir(parents=True, exist_ok=True)
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(_HEAD)
    writer.writerows([one.file, one.person, one.camera, one.source, one.pose] for one in wanted)
    write_atomically(out / LIST, buffer.getvalue().encode())
    write_json(record, now)


def _make(
    model: PoseTransfer,
    source: Posed,
    wanted: Sequence[Wanted],
    posed: Mapping[str, Posed],
    folder: Path,
    seed: int,
    batch_size: int,
) -> None:
    """Write those of a source's pictures that are not there."""
    missing = [one for one in wanted if not (folder / one.file).is_file()]
    if not missing:
        return
    frames = model.frames(
        source.image,
        source.keypoints,
        [posed[one.pose].keypoints for one in missing],
        batch_size,
        seed=seed,
    )
    for one, picture in zip(missing, frames, strict=True):
        save_picture(folder / one.file, picture, **marked(model.mark, "PNG"))


def read_list(folder: Path) -> list[Wanted]:
    """Return what `augment` has made in a folder.

    Raises:
        DataError: where there is no such list, or a picture of it is not there.
    """
    file = folder / LIST
    try:
        head, *rows = parse_rows(read_text(file).splitlines())
        if head != _HEAD:
            raise ValueError(f"its first line is not {','.join(_HEAD)}")
        found = [Wanted(*row) for row in rows]
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"{file}: not what `posegen augment` writes ({error}).") from None
    for one in found:
        if not (folder / TRAIN / one.file).is_file():
            raise DataError(
                f"{folder / TRAIN / one.file}: missing; run the same `posegen augment` to the end."
            )
    return found
