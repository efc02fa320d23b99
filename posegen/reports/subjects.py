"""What a report is about: evaluations that `posegen eval` has written, and their runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from posegen.core.errors import ConfigError, DataError
from posegen.core.texts import parse_json, parse_metrics, parse_toml, read_text
from posegen.evaluation.pairing import shared_pairs
from posegen.evaluation.record import JSON_NAME, read
from posegen.evaluation.result import Evaluation, ProtocolScores
from posegen.reports.allowed import check_allowed


@dataclass(frozen=True)
class Subject:
    """One evaluation, and what its run says of itself.

    Attributes:
        label: a short name, unlike those of the report's other subjects.
        path: the folder of its scores.
        evaluation: the scores.
        run: the run's folder, or None where the subject is no run or its folder is gone.
        allowed: folders that the scores may name.
    """

    label: str
    path: Path
    evaluation: Evaluation
    run: Path | None
    allowed: Sequence[Path] = ()

    def environment(self) -> Mapping[str, Any]:
        """Return what the run ran on; empty where nothing says so."""
        try:
            return dict(parse_json(self._text("environment.json")))
        except (ValueError, TypeError):
            return {}

    def config(self) -> Mapping[str, Any]:
        """Return the run's configuration; empty where there is none."""
        try:
            return parse_toml(self._text("config.toml"))
        except ValueError:
            return {}

    def log(self) -> list[dict[str, float]]:
        """Return the lines of the run's log, each with its `step`; empty where there is none."""
        lines = map(parse_metrics, self._text("metrics.jsonl").splitlines())
        return [line for line in lines if line]

    def _text(self, name: str) -> str:
        try:
            return "" if self.run is None else read_text(self.run / name)
        except (OSError, ValueError):
            return ""


@dataclass(frozen=True)
class Section:
    """Subjects that were scored on the same data.

    Attributes:
        subjects: in the order they were given in.
        places: for every pair that all of them have, its place in each subject.
    """

    subjects: list[Subject]
    places: list[tuple[int, ...]]

    @property
    def evaluations(self) -> dict[str, Evaluation]:
        """Label -> evaluation."""
        return {subject.label: subject.evaluation for subject in self.subjects}

    @property
    def protocols(self) -> dict[str, ProtocolScores]:
        """Title -> a protocol that any subject was scored under, with that subject's scores."""
        return {p.title: p for subject in self.subjects for p in subject.evaluation.protocols}

    def names(self) -> list[tuple[str, str]]:
        """Return (source, target) of the common pairs."""
        names = self.subjects[0].evaluation.names
        return [names[places[0]] for places in self.places]

    def under(self, title: str) -> Iterator[tuple[int, Subject, ProtocolScores]]:
        """Yield the subjects that were scored under a protocol: number, subject and scores."""
        for number, subject in enumerate(self.subjects):
            for protocol in subject.evaluation.protocols:
                if protocol.title == title:
                    yield number, subject, protocol


def open_subjects(paths: Sequence[Path], allow: Sequence[Path] = ()) -> list[Subject]:
    """Read the scores in folders of runs or results, or from `scores.json` files.

    Args:
        paths: the folders, or the files.
        allow: folders that a `scores.json` may name, beside `paths` and what is below them.

    Raises:
        ConfigError: for a path that is given twice, or a folder without scores.
        DataError: where scores cannot be read.
    """
    folders = [path.parent if path.is_file() else path for path in paths]
    labels = _labels(folders)
    return [
        _open(path, folder, label, [*folders, *allow])
        for path, folder, label in zip(paths, folders, labels, strict=True)
    ]


def sections(subjects: Sequence[Subject]) -> list[Section]:
    """Put the subjects that were scored on the same data, in part at least, into one section."""
    grouped: list[Section] = []
    for subject in subjects:
        for place, section in enumerate(grouped):
            theirs = dict(shared_pairs(section.subjects[0].evaluation, subject.evaluation))
            places = [(*pair, theirs[pair[0]]) for pair in section.places if pair[0] in theirs]
            if places:
                grouped[place] = Section([*section.subjects, subject], places)
                break
        else:
            count = subject.evaluation.pairs
            grouped.append(Section([subject], [(place,) for place in range(count)]))
    return grouped


def _open(path: Path, folder: Path, label: str, allowed: Sequence[Path]) -> Subject:
    if not path.exists():
        raise DataError(f"{path}: no such run, folder or {JSON_NAME}.")
    if path.is_dir() and not (path / JSON_NAME).is_file():
        raise ConfigError(f"{path}: no {JSON_NAME} in it; run `{_command(path)}` first.")
    evaluation = read(path)
    run = folder if (folder / "config.toml").is_file() else None
    if run is None and (named := evaluation.subject.get("path")):
        with suppress(DataError):  # what is not allowed is not looked at
            check_allowed(named, allowed, folder)
            run = Path(named) if (Path(named) / "config.toml").is_file() else None
    subject = Subject(label, folder, evaluation, run, allowed)
    if run == folder:  # a run is the user's own, and so is the data that it was trained on
        root = subject.config().get("data", {}).get("root")
        subject = replace(subject, allowed=[*allowed, *([Path(root)] if root else [])])
    return subject


def _command(folder: Path) -> str:
    """Return the command that writes the scores of a folder into it."""
    if (folder / "config.toml").is_file():
        return f"posegen eval {folder}"
    if (folder / "model.safetensors").is_file():
        return f"posegen eval {folder} --out {folder}"
    return f"posegen eval --results {folder} --layout NAME --out {folder}"


def _labels(folders: Sequence[Path]) -> list[str]:
    """Return the shortest ends of the paths that tell them apart."""
    parts = [folder.resolve().parts for folder in folders]
    for folder, part in zip(folders, parts, strict=True):
        if parts.count(part) > 1:
            raise ConfigError(f"{folder}: given twice.")
    length = 1
    while len({part[-length:] for part in parts}) < len(parts):
        length += 1
    return ["/".join(part[-length:]) for part in parts]
