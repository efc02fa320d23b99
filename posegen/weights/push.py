"""Weights as others get them: a folder, a tar file, or a repository of the hub."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Literal

import torch
from torch import Tensor

from posegen.core.errors import ConfigError, WeightsError
from posegen.core.headers import read_header
from posegen.plugins.entries import licence_expression
from posegen.weights import hub
from posegen.weights.bundle import CARD, LICENCE, PICTURES, SCORES, file_digest, pack, shared_files
from posegen.weights.cache import NAME, check_name, find
from posegen.weights.card import Facts, card
from posegen.weights.description import TENSORS, read_config
from posegen.weights.files import write_atomically, write_json
from posegen.weights.folder import open_weights, save_weights, weights_digest
from posegen.weights.scores import read_scores, read_subject

Stored = Literal["float32", "bfloat16", "float16"]

#: Endings of files that a new folder would only by mistake be named with.
_NOT_WRITTEN = frozenset(
    {
        ".tar", ".gz", ".tgz", ".bz2", ".tbz", ".tbz2", ".xz", ".txz", ".lzma", ".zst", ".tzst",
        ".zip", ".7z", ".rar", ".safetensors",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Materials:
    """What there is of weights: the tensors, and what a card is made of.

    Attributes:
        weights: the folder, or a `.safetensors` file alone.
        scores: their scores.json.
        pictures: PNG files that show what they do.
        licence: a file with the licence's text.
        notes: what was left out, in sentences.
    """

    weights: Path
    scores: Path | None = None
    pictures: tuple[Path, ...] = ()
    licence: Path | None = None
    notes: tuple[str, ...] = ()


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
    names = shared_files(weights)
    return Materials(
        weights,
        scores=weights / SCORES if SCORES in names else None,
        pictures=tuple(weights / name for name in names if name.startswith(PICTURES)),
        licence=weights / LICENCE if LICENCE in names else None,
    )


def _of_run(weights: Path) -> Materials:
    run, notes = weights.parent, []
    scores: Path | None = run / SCORES
    if scores is None or not scores.is_file():
        scores = None
        notes.append("there are no scores; `posegen eval` computes them")
    elif read_subject(scores) != weights_digest(open_weights(weights)[1]):
        notes.append(f"{scores} is left out, because it is of other weights; score these anew")
        scores = None
    grids = sorted((run / "samples").glob("*.png"))
    return Materials(weights, scores, tuple(grids[-1:]), notes=tuple(notes))


def facts(of: Materials, name: str, source: str) -> Facts:
    """Return what the card of weights tells.

    Raises:
        WeightsError: where a file of theirs is damaged.
    """
    config = read_config(of.weights)
    file = of.weights / TENSORS if of.weights.is_dir() else of.weights
    open_weights(of.weights)
    return Facts(
        name=name,
        source=source,
        config=config.model_copy(update={"training": without_paths(config.training)}),
        header=read_header(file),
        sha256=file_digest(file),
        tables=read_scores(of.scores) if of.scores else (),
        pictures=tuple(f"{PICTURES}/{picture.name}" for picture in of.pictures),
    )


@dataclass(frozen=True, kw_only=True)
class Pushed:
    """What was pushed.

    Attributes:
        where: the folder, the tar file, or the commit's address.
        entry: the entry for a catalogue.
        notes: what was left out, in sentences.
    """

    where: str
    entry: dict[str, Any]
    notes: tuple[str, ...] = field(default=())


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
    place = hub.place(to) if to.startswith(hub.PREFIX) else None
    target = Path(to).expanduser()
    if place is None and target.suffix != ".tar" and target.suffix.lower() in _NOT_WRITTEN:
        raise ConfigError(
            f"{to}: {target.suffix} files are not written; give a name that ends in .tar, or that "
            "of a new folder."
        )
    if place is None and target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ConfigError(f"{to}: exists already; choose another name.")
    name = _name(name, to, place.repository if place else target.name)
    found = materials(path)
    # Beside a new folder, so that it can come there by renaming.
    beside = target.absolute().parent if place is None else None
    if beside:
        beside.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".posegen-", dir=beside) as temporary:
        bundle = Path(temporary) / name
        _assemble(found, bundle, licence, stored)
        told = facts(materials(bundle), name, to if place else target.name)
        write_atomically(bundle / CARD, card(told).encode())
        shared_files(bundle)  # what others will check is checked here first
        if place is not None:
            where, commit = hub.upload(bundle, place, public=public)
            entry = _entry(told, bundle / TENSORS, {"hub": place.repository, "revision": commit})
        else:
            where, file = str(target), _deliver(bundle, target)
            entry = _entry(told, file, {"path": target.name})
    return Pushed(where=where, entry=entry, notes=found.notes)


def _name(given: str | None, to: str, last: str) -> str:
    """Return what the weights are called: as the user says, or like the destination's last part."""
    if given is not None:
        check_name(given.lower())
        return given
    name = last.rsplit("/", 1)[-1].removesuffix(".tar")
    if not NAME.fullmatch(name.lower()):
        raise ConfigError(
            f"{to}: weights cannot be called {name!r} after it (only letters from a to z, digits, "
            "'.', '_' and '-', at most 100, beginning with a letter or digit); --name gives them "
            "another name."
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


def _entry(told: Facts, file: Path, at: Mapping[str, str]) -> dict[str, Any]:
    """Return the entry of a catalogue; `file` is what its size and sha256 are of."""
    config = told.config
    data = config.training.get("data")
    source = config.training.get("converted_from")
    scores = [
        {"protocol": t.protocol, "column": column, "value": score.value, "count": t.count}
        for t in told.tables
        for column, score in t.rows.get(config.model, {}).items()
        if score.value is not None
    ]
    return {
        "name": told.name.lower(),
        "model": config.model,
        "preset": config.preset,
        **at,
        "size": file.stat().st_size,
        "sha256": file_digest(file),
        "licence": config.licence,
        "data": str(data["name"]) if isinstance(data, dict) else f"not known ({source})",
        **({"scores": scores} if scores else {}),
    }


def _assemble(of: Materials, bundle: Path, licence: str | None, stored: Stored | None) -> None:
    """Write all but the card."""
    config, tensors = open_weights(of.weights)
    config = config.model_copy(
        update={
            "licence": _licence(licence or config.licence),
            "training": without_paths(config.training),
        }
    )
    save_weights(bundle, config, cast(tensors, stored) if stored else tensors)
    if of.scores:
        read_scores(of.scores)
        write_json(bundle / SCORES, without_paths(json.loads(of.scores.read_bytes())))
    for picture in of.pictures:
        (bundle / PICTURES).mkdir(exist_ok=True)
        write_atomically(bundle / PICTURES / picture.name, picture.read_bytes())
    if of.licence:
        write_atomically(bundle / LICENCE, of.licence.read_bytes())


def _licence(text: str) -> str:
    if not text:
        raise ConfigError(
            "--licence is missing: under which licence do you share these weights? For example "
            "CC-BY-4.0 or Apache-2.0 (an SPDX expression)."
        )
    try:
        return licence_expression(text)
    except ValueError as error:
        raise ConfigError(f"--licence {error}.") from None


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
