"""What a sweep is: a base configuration, variants of it, seeds. Free of torch."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator, model_validator

from posegen.config import ExperimentConfig, experiment, merge, parse_override, preset, read_toml
from posegen.core.config import Config
from posegen.core.errors import ConfigError, suggest
from posegen.core.specs import Kind
from posegen.plugins import registry, validate

_NAME = r"[A-Za-z0-9][A-Za-z0-9._=,+-]{0,99}"


class Variant(Config):
    """One row of the table: what is other than in the base."""

    name: str = Field(pattern=f"^{_NAME}$", description="its row, and its runs' folders")
    set: tuple[str, ...] = Field(default=(), description="texts as after --set: key=value")


class Scoring(Config):
    """How every run is scored when it has been trained; see `posegen eval`."""

    metrics: tuple[str, ...] = Field(
        default=(), description="columns; by default those of posegen eval"
    )
    protocols: tuple[str, ...] = Field(
        default=(), description="protocols; by default posegen's own"
    )
    limit: int | None = Field(default=None, ge=1, description="only the first so many test pairs")
    batch_size: int = Field(default=32, ge=1, description="pairs per batch")


class SweepConfig(Config):
    """A sweep as a file gives it, or a model brings it (`Model.sweeps`)."""

    summary: str = Field("", description="one line on what is asked")
    base: dict[str, Any] = Field(description="a configuration, as `posegen train --config` takes")
    seeds: tuple[int, ...] = Field(
        default=(1, 2, 3), min_length=1, description="each variant's trainings"
    )
    variant: tuple[Variant, ...] = Field(default=(), description="a list of variants")
    grid: dict[str, tuple[Any, ...]] = Field(
        default={}, description="key -> values; every combination is a variant"
    )
    baseline: str | None = Field(
        default=None, description="the variant that others are compared with; by default the first"
    )
    score: Scoring = Scoring()

    @field_validator("seeds")
    @classmethod
    def _no_seed_twice(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(seeds)) < len(seeds) or min(seeds) < 0:
            raise ValueError("seeds are different numbers from 0 on")
        return seeds

    @model_validator(mode="after")
    def _either(self) -> SweepConfig:
        if bool(self.variant) == bool(self.grid):
            raise ValueError("a sweep has either [[variant]] or [grid]")
        if any(not values for values in self.grid.values()):
            raise ValueError("each key of [grid] needs a value at least")
        return self


class PlannedRun(Config):
    """One training of a sweep.

    Attributes:
        name: its folder, `VARIANT--SEED`.
        variant, seed: which.
        config: the complete configuration, as a run's `config.toml` has it.
    """

    name: str
    variant: str
    seed: int
    config: dict[str, Any]

    def experiment(self) -> ExperimentConfig:
        """Return the configuration, validated again."""
        return experiment(self.config)


class SweepPlan(Config):
    """A sweep with every configuration complete: what `sweep.json` in its folder holds.

    Attributes:
        title, summary: what it is called, and what it asks.
        baseline: the variant that others are compared with.
        score: how runs are scored.
        runs: seed by seed, so that a part of a sweep is a whole table of fewer seeds.
    """

    title: str
    summary: str
    baseline: str
    score: Scoring
    runs: tuple[PlannedRun, ...]

    @property
    def variants(self) -> list[str]:
        """The variants, in their order."""
        return list(dict.fromkeys(run.variant for run in self.runs))

    @property
    def seeds(self) -> list[int]:
        """The seeds, in their order."""
        return list(dict.fromkeys(run.seed for run in self.runs))


def named_sweeps() -> dict[str, Mapping[str, Any]]:
    """Return the sweeps that installed models bring, as `MODEL-SWEEP`."""
    found: dict[str, Mapping[str, Any]] = {}
    models = registry()
    for name in models.names(Kind.MODEL):
        recipe = models.get(Kind.MODEL, name).load()
        found.update({f"{name}-{sweep}": tree for sweep, tree in recipe.sweeps.items()})
    return found


def read_sweep(what: str) -> tuple[str, SweepConfig]:
    """Return a sweep's title and what it is.

    Args:
        what: a TOML file, or the name of a sweep that a model brings.

    Raises:
        ConfigError: where there is no such sweep, or it is wrong.
    """
    path = Path(what)
    if path.suffix == ".toml" or path.is_file():
        return path.stem, validate(SweepConfig, read_toml(path), "", f"the sweep {path}")
    known = named_sweeps()
    if what not in known:
        raise ConfigError(
            f"{what}: no such file (FILE.toml) or named sweep; {suggest(what, known)}"
        )
    return what, validate(SweepConfig, known[what], "", f"the sweep {what!r}")


def plan(
    title: str,
    sweep: SweepConfig,
    overrides: tuple[str, ...] = (),
    seeds: tuple[int, ...] = (),
) -> SweepPlan:
    """Complete the configuration of every run, so that mistakes are found before anything begins.

    Args:
        title: what the sweep is called.
        sweep: what it is.
        overrides: `key=value` texts that hold for all variants, below a variant's own.
        seeds: in place of the sweep's.

    Raises:
        ConfigError, PluginError: naming the variant and what is wrong with it.
    """
    variants = list(_variants(sweep))
    names = [name for name, _, _ in variants]
    for name in names:
        if not re.fullmatch(_NAME, name):
            raise ConfigError(f"{title}: {name!r} cannot be a folder's name; use a [[variant]].")
        if names.count(name) > 1:
            raise ConfigError(f"{title}: two variants are called {name!r}.")
    baseline = sweep.baseline or names[0]
    if baseline not in names:
        raise ConfigError(
            f"{title}: baseline={baseline}: no such variant; {suggest(baseline, names)}"
        )
    if "model" not in sweep.base:
        raise ConfigError(f"{title}: base.model is missing; name a model.")
    base = merge(preset(sweep.base["model"], sweep.base.get("preset")), sweep.base)
    complete = {}
    for name, tree, texts in variants:
        try:
            complete[name] = experiment(base, tree, overrides=[*overrides, *texts]).tree()
        except ConfigError as error:
            raise ConfigError(f"{title}, variant {name}: {error}") from None
    runs = [
        PlannedRun(
            name=f"{name}--{seed}", variant=name, seed=seed, config={**complete[name], "seed": seed}
        )
        for seed in seeds or sweep.seeds
        for name in names
    ]
    return SweepPlan(
        title=title, summary=sweep.summary, baseline=baseline, score=sweep.score, runs=tuple(runs)
    )


def _variants(sweep: SweepConfig) -> Iterator[tuple[str, dict[str, Any], tuple[str, ...]]]:
    """Yield name, tree and override texts of each variant."""
    for variant in sweep.variant:
        yield variant.name, {}, variant.set
    if not sweep.grid:
        return
    for point in product(*sweep.grid.values()):
        tree: dict[str, Any] = {}
        for key, value in zip(sweep.grid, point, strict=True):
            branch = parse_override(f"{key}=0")
            _put(branch, value)
            tree = merge(tree, branch)
        yield ",".join(_shown(*pair) for pair in zip(sweep.grid, point, strict=True)), tree, ()


def _put(branch: dict[str, Any], value: Any) -> None:
    """Put the value at the end of a tree of one branch."""
    (key,) = branch
    if isinstance(branch[key], dict):
        _put(branch[key], value)
    else:
        branch[key] = None if value == "none" else value


def _shown(key: str, value: Any) -> str:
    """Return a point's part of the variant's name: `blocks=5`."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"{key.rpartition('.')[2]}={re.sub(r'[^A-Za-z0-9._-]+', '+', text).strip('+')}"
