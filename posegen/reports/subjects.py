"""What a report is about: evaluations that `posegen eval` has written, and their runs."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from posegen.core.errors import ConfigError, DataError
from posegen.evaluation.comparison import data_of
from posegen.evaluation.pairing import common_pairs
from posegen.evaluation.record import JSON_NAME, read
from posegen.evaluation.result import Evaluation


@dataclass(frozen=True)
class Subject:
    """One evaluation, and what its run says of itself.

    Attributes:
        label: a short name, unlike those of the report's other subjects.
        path: the folder of its scores.
        evaluation: the scores.
        run: the run's folder, or None where the subject is no run or its folder is gone.
    """

    label: str
    path: Path
    evaluation: Evaluation
    run: Path | None

    def environment(self) -> Mapping[str, Any]:
        """Return what the run ran on; empty where nothing says so."""
        try:
            content = json.loads(_text(self.run, "environment.json"))
        except ValueError:
            return {}
        return content if isinstance(content, dict) else {}

    def config(self) -> Mapping[str, Any]:
        """Return the run's configuration; empty where there is none."""
        try:
            return tomllib.loads(_text(self.run, "config.toml"))
        except tomllib.TOMLDecodeError:
            return {}

    def log(self) -> list[dict[str, float]]:
        """Return the lines of the run's log, each with its `step`; empty where there is none."""
        lines = []
        for line in _text(self.run, "metrics.jsonl").splitlines():
            try:
                values = json.loads(line)
            except ValueError:
                continue  # a line that a killed process did not finish
            if isinstance(values, dict) and "step" in values:
                lines.append({k: float(v) for k, v in values.items() if _is_number(v)})
        return lines


@dataclass(frozen=True)
class Section:
    """Subjects that were scored on the same data.

    Attributes:
        subjects: in the order they were given in.
        places: for every pair that all of them have, its place in each subject.
    """

    subjects: list[Subject] = field(default_factory=list)
    places: list[tuple[int, ...]] = field(default_factory=list)

    @property
    def evaluations(self) -> dict[str, Evaluation]:
        """Label -> evaluation."""
        return {subject.label: subject.evaluation for subject in self.subjects}

    def names(self) -> list[tuple[str, str]]:
        """Return (source, target) of the common pairs."""
        names = self.subjects[0].evaluation.names
        return [names[places[0]] for places in self.places]


def open_subjects(paths: Sequence[Path]) -> list[Subject]:
    """Read the scores in folders of runs or results, or from `scores.json` files.

    Raises:
        ConfigError: for a path that is given twice, or a folder without scores.
        DataError: where scores cannot be read.
    """
    folders = [path.parent if path.is_file() else path for path in paths]
    labels = _labels(folders)
    return [
        _open(path, folder, label)
        for path, folder, label in zip(paths, folders, labels, strict=True)
    ]


def sections(subjects: Sequence[Subject]) -> list[Section]:
    """Put the subjects that were scored on the same data, in part at least, into one section."""
    found: list[Section] = []
    for subject in subjects:
        for place, section in enumerate(found):
            joined = _joined(section, subject)
            if joined is not None:
                found[place] = joined
                break
        else:
            count = subject.evaluation.pairs
            found.append(Section([subject], [(place,) for place in range(count)]))
    return found


def _joined(section: Section, subject: Subject) -> Section | None:
    first = section.subjects[0].evaluation
    data, other = data_of(first), data_of(subject.evaluation)
    if data is not None and other is not None and data != other:
        return None
    pairs = common_pairs(section.names(), subject.evaluation.names)
    if not pairs:
        return None
    places = [(*section.places[mine], theirs) for mine, theirs in pairs]
    return Section([*section.subjects, subject], places)


def _open(path: Path, folder: Path, label: str) -> Subject:
    if not path.exists():
        raise DataError(f"{path}: no such run, folder or {JSON_NAME}.")
    if path.is_dir() and not (path / JSON_NAME).is_file():
        raise ConfigError(f"{path}: no {JSON_NAME} in it; run `{_command(path)}` first.")
    evaluation = read(path)
    home = evaluation.subject.get("path")
    candidates = [folder, *([Path(home)] if isinstance(home, str) else [])]
    run = next((place for place in candidates if (place / "config.toml").is_file()), None)
    return Subject(label, folder, evaluation, run)


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
    if len(set(parts)) < len(parts):
        twice = next(f for f, p in zip(folders, parts, strict=True) if parts.count(p) > 1)
        raise ConfigError(f"{twice}: given twice.")
    for length in range(1, max(map(len, parts), default=1) + 1):
        labels = ["/".join(part[-length:]) for part in parts]
        if len(set(labels)) == len(labels):
            break
    return labels


def _text(run: Path | None, name: str) -> str:
    try:
        return "" if run is None else (run / name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
