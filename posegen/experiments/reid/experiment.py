"""The re-identification experiment: how much generated pictures help, at parts of the real ones.

OUT/reid.json            what is compared
OUT/cells/NAME.json      a training's score on every query: written when it is known
OUT/network/             the network of the largest part of real pictures alone, first seed
OUT/table.md, .json      the comparison
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from posegen.core.config import Config
from posegen.core.errors import ConfigError, DataError
from posegen.core.texts import parse_json, read_text
from posegen.core.writing import occupied, write_json
from posegen.evaluation.metrics.reid_network import save_network
from posegen.evaluation.statistics import crossed
from posegen.experiments.effects import Effect, Table
from posegen.experiments.reid.data import Pictures, fraction_of
from posegen.experiments.reid.score import rank
from posegen.experiments.reid.train import ReidTraining, features, train

#: The rows of the table; the first is the baseline.
REAL, GENERATED = "real", "real + generated"
_CENTRALISED = ", centralised"
#: column -> which value of a query it is the mean of.
COLUMNS = {"rank-1": "first", "mAP": "average_precision"}


class ReidPlan(Config):
    """What is compared, and what decides it.

    Attributes:
        fractions: parts of each person's real pictures, in (0, 1].
        seeds: of the trainings; a seed also draws the part.
        training: how a network is trained.
        data: the data set, and its options.
        generated: the digest of the list of generated pictures; empty without any.
        centralised: how many generated poses features are averaged over; 0: not at all.
        made_by: the fingerprint of what generates these.
        init: the file that trainings begin with.
    """

    fractions: tuple[float, ...]
    seeds: tuple[int, ...]
    training: ReidTraining
    data: dict[str, Any]
    generated: str = ""
    centralised: int = 0
    made_by: dict[str, Any] = Field(default_factory=dict)
    init: str = ""


@dataclass(frozen=True)
class Material:
    """All pictures of the experiment, at the networks' size.

    Attributes:
        real: to train on.
        query, gallery: to be scored on.
        generated: to train on as well; its names are those of the real pictures it is made of.
        extra_query, extra_gallery: (N, K, 3, H, W), each picture's person in K poses; None without
            centralisation.
    """

    real: Pictures
    query: Pictures
    gallery: Pictures
    generated: Pictures | None = None
    extra_query: Tensor | None = None
    extra_gallery: Tensor | None = None


@dataclass(frozen=True)
class Cell:
    """One training."""

    fraction: float
    row: str
    seed: int

    @property
    def name(self) -> str:
        """Its file's name."""
        return f"{self.fraction:g}-{self.row.replace(' + ', '-')}-{self.seed}"


def begin(out: Path, plan: ReidPlan) -> None:
    """Make the folder, or find that it is of the same experiment; seeds and parts may be added.

    Raises:
        ConfigError: where it is of another one.
    """
    file, now = out / "reid.json", json.loads(plan.model_dump_json())
    if file.is_file():
        before = parse_json(read_text(file))
        for key in now:
            if key not in ("fractions", "seeds") and before.get(key) != now[key]:
                raise ConfigError(f"{out}: its trainings are of another {key}; give another --out.")
    elif occupied(out):
        raise ConfigError(f"--out {out}: not an empty folder; choose another.")
    (out / "cells").mkdir(parents=True, exist_ok=True)
    write_json(file, now)


def check(material: Material) -> None:
    """Refuse material of which people of the test are a part.

    Raises:
        DataError: naming one of them.
    """
    trained = set(material.real.people)
    if tested := sorted(trained & (set(material.query.people) - {"-1", "0000"})):
        raise DataError(f"person {tested[0]} is in training and in test; make other splits.")
    made = set(material.generated.people) if material.generated is not None else set()
    if strange := sorted(made - trained):
        raise DataError(
            f"person {strange[0]} of the generated pictures is not one of the training's; "
            "generate them from this data set: posegen augment."
        )


def cells(plan: ReidPlan, generated: bool) -> Iterator[Cell]:
    """Yield the trainings, seed by seed."""
    for seed in plan.seeds:
        for fraction in plan.fractions:
            for row in (REAL, GENERATED) if generated else (REAL,):
                yield Cell(fraction, row, seed)


def run(
    out: Path,
    plan: ReidPlan,
    material: Material,
    *,
    init: Path | None = None,
    device: torch.device | None = None,
    tell: Callable[[str], None] = lambda text: None,
    progress: Callable[[str, int, int], None] = lambda title, done, total: None,
) -> Table:
    """Do the trainings that are not done, and compare them.

    Args:
        out: a folder that was begun.
        plan: what is compared.
        material: the pictures.
        init: torchvision's weights to begin with.
        device: where.
        tell: gets a line per training.
        progress: called with (training, steps done, steps in all).
    """
    device = device or torch.device("cpu")
    planned = list(cells(plan, material.generated is not None))
    kept = Cell(max(plan.fractions), REAL, plan.seeds[0])
    for cell in planned:
        file = out / "cells" / f"{cell.name}.json"
        if file.is_file() and (cell != kept or (out / "network" / "reid.json").is_file()):
            continue
        pictures = _pictures(material, cell)
        network = train(
            pictures,
            plan.training,
            seed=cell.seed,
            init=init,
            device=device,
            trained_on=f"{plan.data.get('name')}: {cell.fraction:g} of the real pictures",
            progress=lambda done, total, cell=cell: progress(cell.name, done, total),  # type: ignore[misc]
        )
        scores = _scores(network, material, device)
        if cell == kept:
            save_network(network, out / "network")
        write_json(file, {"pictures": len(pictures), "rows": scores})
        means = {name: np.nanmean(np.array(v["first"], float)) for name, v in scores.items()}
        shown = ", ".join(f"rank-1{name} {100 * mean:.1f} %" for name, mean in means.items())
        tell(f"{cell.name}: {len(pictures)} pictures, {shown}")
    return compare(out, plan, planned)


def _pictures(material: Material, cell: Cell) -> Pictures:
    """Return a training's pictures; generated ones only of real ones that are in the part."""
    real = material.real
    part = real.part(fraction_of(real.names, real.people, cell.fraction, cell.seed))
    if cell.row == REAL or material.generated is None:
        return part
    names = set(part.names)
    made = material.generated
    return part.joined(made.part([i for i, name in enumerate(made.names) if name in names]))


def _scores(network: Any, material: Material, device: torch.device) -> dict[str, Any]:
    """Return "" and, with centralisation, its name -> the values of every query."""
    query = features(network, material.query.images, device)
    alone = material.gallery is material.query  # of a data set, both are the same pictures
    gallery = query if alone else features(network, material.gallery.images, device)
    found = {"": _of_queries(material, query, gallery)}
    extra = material.extra_query, material.extra_gallery
    if extra[0] is not None and extra[1] is not None:
        query = centralised(network, query, extra[0], device)
        gallery = query if alone else centralised(network, gallery, extra[1], device)
        found[_CENTRALISED] = _of_queries(material, query, gallery)
    return found


def centralised(network: Any, own: Tensor, extra: Tensor, device: torch.device) -> Tensor:
    """Return the features of pictures, moved to the middle of those of generated poses.

    After Yuan et al., From Poses to Identity (CVPR 2025): a picture's features depend on its pose,
    and the mean over the same person in several poses does so less. Here the picture's own unit
    vector and the mean of the others' have equal weights.

    Args:
        network: makes features.
        own: (N, D) unit vectors of the pictures.
        extra: (N, K, 3, H, W) uint8, each person in K poses.
        device: where.
    """
    many = features(network, extra.flatten(0, 1), device).view(*extra.shape[:2], -1)
    return functional.normalize(own + many.mean(dim=1), dim=1)


def _of_queries(
    material: Material, query: Tensor, gallery: Tensor
) -> dict[str, list[float | None]]:
    ranking = rank(
        query.double() @ gallery.double().T,
        material.query.people,
        material.gallery.people,
        material.query.cameras,
        material.gallery.cameras,
    )
    values = {"first": ranking.cmc[:, 0], "average_precision": ranking.average_precision}
    return {k: [None if v != v else v for v in one.tolist()] for k, one in values.items()}


def compare(out: Path, plan: ReidPlan, planned: Sequence[Cell]) -> Table:
    """Compare what has been done: rows against real pictures alone, over seeds and queries."""
    values: dict[tuple[str, float, int], dict[str, Any]] = {}
    for cell in planned:
        content = parse_json(read_text(out / "cells" / f"{cell.name}.json"))
        for suffix, scores in content["rows"].items():
            values[cell.row + suffix, cell.fraction, cell.seed] = scores
    rows = list(dict.fromkeys(row for row, _, _ in values))
    effects: dict[str, list[Effect]] = {row: [] for row in rows}
    queries = 0
    for fraction in plan.fractions:
        for column, key in COLUMNS.items():
            arrays = {
                row: np.array([values[row, fraction, seed][key] for seed in plan.seeds], float)
                for row in rows
            }
            scored = np.isfinite(arrays[REAL]).all(axis=0)
            queries = int(scored.sum())
            base = 100 * arrays[REAL][:, scored]
            for row in rows:
                own = 100 * arrays[row][:, scored]
                means = dict(zip(plan.seeds, own.mean(axis=1).tolist(), strict=True))
                title = f"{column} at {100 * fraction:g} %"
                if row == REAL:
                    effects[row].append(Effect("market", title, "higher", means))
                    continue
                change = own - base
                mean, interval = float(change.mean()), crossed(change)
                effects[row].append(Effect("market", title, "higher", means, mean, interval))
    notes = [
        f"per cent, means over {len(plan.seeds)} trainings (seeds) and {queries} queries; by "
        "Market-1501's rules: junk and the same camera's pictures of the person left out",
        "in brackets: the 95% interval of the difference from the first row's, over other "
        "trainings and other queries",
        "each interval is by itself: where nothing differs, one in 20 still excludes 0",
    ]
    return Table(REAL, effects, queries, {}, notes)
