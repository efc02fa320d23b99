"""A study of scored results: whose pictures are shown, and which."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from PIL import Image

from posegen.core.errors import ConfigError, DataError
from posegen.core.writing import new_folder, occupied, write_json
from posegen.reports.retrieval import find_pictures, open_pictures
from posegen.reports.studies.folder import PICTURES, PLAN, Kind, Plan, Round, Shown
from posegen.reports.subjects import Subject, sections


def make_study(
    subjects: Sequence[Subject],
    out: Path,
    *,
    pictures: int = 55,
    practice: int = 10,
    seconds: float = 1.0,
    seed: int = 0,
    device: str = "cpu",
    on_progress: Callable[[int, int], None] | None = None,
) -> Plan:
    """Make a study: a round for each subject, of real and of generated pictures.

    A real picture is a target of the subject's pairs. No target is shown twice in a round, so that
    no generated picture stands beside its own original, nor in two rounds while there are enough.

    Args:
        subjects: what `open_subjects` returned; one model each.
        out: the study's folder, which must be new or empty.
        pictures: how many of each kind a round has.
        practice: how many of a round's first answers will not count.
        seconds: how long a picture is seen.
        seed: of the choice, and of everybody's order.
        device: where models make their pictures.
        on_progress: called with (subjects done, subjects in all).

    Raises:
        ConfigError: where `out` is in use, or `practice` leaves nothing.
        DataError: where a subject has too few targets, or pictures that its targets are not like.
        PosegenError: where pictures cannot be had any more.
        OSError: where the study cannot be written.
    """
    if occupied(out):
        raise ConfigError(f"--out {out}: is there already; a study needs a new folder.")
    if practice >= 2 * pictures:
        raise ConfigError(
            f"--practice {practice}: a round has {2 * pictures} pictures; leave some that count."
        )
    rounds, files = [], dict[str, bytes]()
    for number, subject in enumerate(subjects):
        places = _places(subject, _earlier(subjects, number), pictures, seed)
        shown = _pictures(subject, places, device)
        made = []
        for place, (kind, picture) in zip(places, shown, strict=True):
            source, target = subject.evaluation.names[place]
            name = _digest(seed, f"{number} {kind} {place}")[:16]
            made.append(Shown(id=name, kind=kind, source=source, target=target))
            files[name] = _png(picture)
        path = str(subject.evaluation.subject.get("path") or subject.path)
        rounds.append(Round(model=subject.label, path=path, pictures=made))
        if on_progress is not None:
            on_progress(number + 1, len(subjects))
    plan = Plan(
        posegen=version("posegen"), seed=seed, seconds=seconds, practice=practice, rounds=rounds
    )
    with new_folder(out) as folder:
        (folder / PICTURES).mkdir()
        for name, data in files.items():
            (folder / PICTURES / f"{name}.png").write_bytes(data)
        write_json(folder / PLAN, plan.model_dump(mode="json"))
    return plan


def _earlier(subjects: Sequence[Subject], number: int) -> int:
    """Return how many subjects before this one were scored on the same data."""
    section = next(s for s in sections(subjects) if subjects[number] in s.subjects)
    return section.subjects.index(subjects[number])


def _places(subject: Subject, earlier: int, pictures: int, seed: int) -> list[int]:
    """Return the places of 2 × `pictures` pairs of unlike targets."""
    first: dict[str, int] = {}
    for place, (_, target) in enumerate(subject.evaluation.names):
        first.setdefault(target, place)
    targets = sorted(first, key=lambda target: _digest(seed, target))
    needed = 2 * pictures
    if len(targets) < needed:
        raise DataError(
            f"{subject.label}: {len(targets)} different targets were scored, and {pictures} real "
            f"and {pictures} generated pictures need {needed}; give --pictures "
            f"{len(targets) // 2} at most, or score more pairs."
        )
    return [first[targets[(earlier * needed + n) % len(targets)]] for n in range(needed)]


def _pictures(
    subject: Subject, places: Sequence[int], device: str
) -> Sequence[tuple[Kind, Image.Image]]:
    """Return the pictures of pairs: the targets of the first half, what was made of the others."""
    found = find_pictures(open_pictures(subject, device), places)
    half = len(found) // 2
    real: list[tuple[Kind, Image.Image]] = [("real", pair.target) for pair in found[:half]]
    made: list[tuple[Kind, Image.Image]] = [("generated", pair.generated) for pair in found[half:]]
    sizes: Mapping[str, Image.Image] = dict([real[0], made[0]])
    if sizes["real"].size != sizes["generated"].size:
        texts = ("{}×{}".format(*reversed(sizes[kind].size)) for kind in ("generated", "real"))
        raise DataError(
            "{}: the generated pictures are {} and the targets {} (height×width), which gives them "
            "away; bring both to one size.".format(subject.label, *texts)
        )
    return [*real, *made]


def _digest(seed: int, what: str) -> str:
    return hashlib.sha256(f"{seed}\n{what}".encode("utf-8", "surrogateescape")).hexdigest()


def _png(picture: Image.Image) -> bytes:
    """Return a picture as a file that says nothing but its pixels, whatever it came from."""
    buffer = io.BytesIO()
    bare = Image.frombytes("RGB", picture.size, picture.convert("RGB").tobytes())
    bare.save(buffer, "PNG")
    return buffer.getvalue()
