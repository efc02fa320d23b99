"""Weights as others get them: a folder, a tar file, or a repository of the hub."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Literal

import torch
from torch import Tensor

from posegen.core.errors import ConfigError, WeightsError
from posegen.core.writing import occupied, workplace, write_atomically, write_json
from posegen.plugins.entries import licence_expression
from posegen.weights import hub
from posegen.weights.bundle import CARD, PICTURES, SCORES, file_digest, pack, shared_files
from posegen.weights.cache import NAME, find
from posegen.weights.card import Evaluation, card, read_scores
from posegen.weights.description import CONFIG, TENSORS, WeightsConfig, tensors_of
from posegen.weights.folder import open_weights, save_weights, shared_digest
from posegen.weights.pull import check_name

Stored = Literal["float32", "bfloat16", "float16"]

#: Endings of files that a new folder would only by mistake be named with.
_NOT_WRITTEN = (
    *(".gz", ".tgz", ".bz2", ".tbz2", ".xz", ".txz", ".zst", ".zip", ".7z", ".rar"),
    *(".tar", ".safetensors"),
)


@dataclass(frozen=True)
class Materials:
    """What there is of weights: their folder or `.safetensors` file, and what a card is made of.

    `others` are the scores, pictures and the licence's text, by their names in a shared folder;
    `notes` say what was left out.
    """

    weights: Path
    others: Mapping[str, Path] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def evaluations(self) -> tuple[Evaluation, ...]:
        """Read the scores; see `read_scores`."""
        return read_scores(self.others[SCORES]).evaluations if SCORES in self.others else ()

    def card(self, name: str, source: str) -> str:
        """Return the model card; `source` is what `posegen weights pull` takes to get them.

        Raises:
            WeightsError: where a file of theirs is damaged.
        """
        config, _ = open_weights(self.weights)
        config = config.model_copy(update={"training": without_paths(config.training)})
        pictures = [other for other in self.others if other.startswith(PICTURES)]
        file = tensors_of(self.weights)
        return card(name, source, config, file, self.evaluations(), pictures)


def materials(path: str | Path) -> Materials:
    """Find what there is of a run, a folder of weights, or pulled weights.

    Of a run: its scores, where they are of these weights, and its last sample grid.

    Raises:
        WeightsError: where there are no weights, or a file that cannot be shared.
    """
    weights = find(path)
    if weights.is_file():
        return Materials(weights)
    if weights.name == "weights" and (weights.parent / "config.toml").is_file():
        return _of_run(weights)
    made_anew = (TENSORS, CONFIG, CARD)
    names = [name for name in shared_files(weights) if name not in made_anew]
    return Materials(weights, {name: weights / name for name in names})


def _of_run(weights: Path) -> Materials:
    run, notes = weights.parent, []
    grids = sorted((run / "samples").glob("*.png"))
    others = {f"{PICTURES}/{grid.name}": grid for grid in grids[-1:]}
    scores = run / SCORES
    if not scores.is_file():
        notes.append("there are no scores; `posegen eval` computes them")
    elif read_scores(scores).subject.get("weights") != shared_digest(open_weights(weights)[1]):
        notes.append(f"{scores} is left out, because it is of other weights; score these anew")
    else:
        others[SCORES] = scores
    return Materials(weights, others, tuple(notes))


@dataclass(frozen=True, kw_only=True)
class Pushed:
    """Where weights were pushed, their entry for a catalogue, and what was left out."""

    where: str
    entry: dict[str, Any]
    notes: tuple[str, ...]


def push(
    path: str | Path,
    to: str,
    *,
    licence: str | None = None,
    name: str | None = None,
    stored: Stored | None = None,
    public: bool = False,
) -> Pushed:
    """Share weights as a folder of their own, with a model card.

    Args:
        path: a run, weights, or the name of pulled weights.
        to: a new folder, a new `.tar` file, or `hf:owner/name`.
        licence: SPDX expression; by default the one that they were shared under before.
        name: what they are called in the card; by default the last part of `to`.
        stored: the type of the floating-point tensors; by default as they are.
        public: whether a new repository of the hub is for everybody.

    Raises:
        ConfigError, WeightsError: before anything is written where others see it.
    """
    repository = hub.parse(to)[0] if to.startswith(hub.PREFIX) else None
    target = Path(to).expanduser()
    if not repository:
        _check_target(to, target)
    name = _name(name, to, repository or target.name)
    found = materials(path)
    # Beside a new folder, so that it can come there by renaming.
    work = tempfile.TemporaryDirectory() if repository else workplace(target)
    with work as temporary:
        bundle = Path(temporary) / name
        config = _assemble(found, bundle, licence, stored)
        made = materials(bundle)
        text = made.card(name, to if repository else target.name)
        write_atomically(bundle / CARD, text.encode())
        shared_files(bundle)  # what others will check is checked here first
        evaluations = made.evaluations()
        if repository:
            where, commit = hub.upload(bundle, to, public=public)
            place, file = {"hub": repository, "revision": commit}, bundle / TENSORS
        else:
            where, place = str(target), {"path": target.name}
            file = _deliver(bundle, target)
        entry = _entry(name, config, place, file, evaluations)
    return Pushed(where=where, entry=entry, notes=found.notes)


def _check_target(to: str, target: Path) -> None:
    """Refuse a new folder or file that could not be written, or would only by mistake."""
    if target.suffix != ".tar" and target.suffix.lower() in _NOT_WRITTEN:
        raise ConfigError(
            f"{to}: {target.suffix} files are not written; give a name that ends in .tar, or that "
            "of a new folder."
        )
    if occupied(target):
        raise ConfigError(f"{to}: exists already; choose another name.")


def _name(given: str | None, to: str, last: str) -> str:
    """Return what the weights are called: as the user says, or like the destination's last part."""
    if given is not None:
        check_name(given.lower())
        return given
    name = last.rsplit("/", 1)[-1].removesuffix(".tar")
    if not NAME.fullmatch(name.lower()):
        raise ConfigError(
            f"{to}: weights cannot be called {name!r} after it; --name gives them another name."
        )
    return name


def _deliver(bundle: Path, target: Path) -> Path:
    """Bring a finished bundle to its place; return the file that a catalogue's sha256 is of."""
    if target.suffix == ".tar":
        pack(bundle, target)
        return target
    if target.exists():
        target.rmdir()  # it is empty
    bundle.rename(target)
    return target / TENSORS


def _entry(
    name: str,
    config: WeightsConfig,
    place: Mapping[str, str],
    file: Path,
    evaluations: Sequence[Evaluation],
) -> dict[str, Any]:
    """Return the entry of a catalogue; `file` is what its size and sha256 are of."""
    data = config.training.get("data")
    source = config.training.get("converted_from")
    scores = [
        {
            "protocol": evaluation.protocol.title,
            "column": column,
            "value": float(f"{score.value:.4g}"),
            **({"interval": _rounded(score.interval)} if score.interval else {}),
            "count": score.count,
        }
        for evaluation in evaluations
        for column, score in evaluation.own.items()
        if score.value is not None
    ]
    return {
        "name": name.lower(),
        "model": config.model,
        "preset": config.preset,
        **place,
        "size": file.stat().st_size,
        "sha256": file_digest(file),
        "licence": config.licence,
        "data": str(data["name"]) if isinstance(data, dict) else f"not known ({source})",
        **({"scores": scores} if scores else {}),
    }


def _rounded(interval: tuple[float, float]) -> list[float]:
    return [float(f"{end:.4g}") for end in interval]


def _assemble(
    of: Materials, bundle: Path, licence: str | None, stored: Stored | None
) -> WeightsConfig:
    """Write all but the card, and return the description."""
    config, tensors = open_weights(of.weights)
    licence = licence or config.licence
    if not licence:
        raise ConfigError(
            "--licence is missing: under which licence do you share these weights? For example "
            "CC-BY-4.0 or Apache-2.0 (an SPDX expression)."
        )
    try:
        licence = licence_expression(licence)
    except ValueError as error:
        raise ConfigError(f"--licence {error}.") from None
    update = {"licence": licence, "training": without_paths(config.training)}
    config = config.model_copy(update=update)
    save_weights(bundle, config, cast(tensors, stored) if stored else tensors)
    for name, file in of.others.items():
        (bundle / name).parent.mkdir(exist_ok=True)
        if name == SCORES:
            read_scores(file)
            write_json(bundle / name, without_paths(json.loads(file.read_bytes())))
        else:
            write_atomically(bundle / name, file.read_bytes())
    return config


def cast(tensors: Mapping[str, Tensor], stored: Stored) -> dict[str, Tensor]:
    """Convert the floating-point tensors to a type; counters stay as they are.

    Raises:
        WeightsError: for a tensor whose values that type cannot hold.
    """
    dtype: torch.dtype = getattr(torch, stored)
    made = {}
    for name, tensor in tensors.items():
        made[name] = tensor.to(dtype) if tensor.is_floating_point() else tensor
        if tensor.is_floating_point() and not bool(torch.isfinite(made[name]).all()):
            raise WeightsError(f"--dtype {stored}: {name!r} has values that are too large for it.")
    return made


def without_paths(value: Any) -> Any:
    """Return plain values with every absolute path cut down to its last name.

    Where somebody keeps their data is nobody else's business.
    """
    if isinstance(value, str):
        for kind in (PurePosixPath, PureWindowsPath):
            if kind(value).is_absolute():
                return kind(value).name
        return value
    if isinstance(value, dict):
        return {key: without_paths(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_paths(item) for item in value]
    return value
