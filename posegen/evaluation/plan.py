"""What to compute: the columns of a protocol, with the user's choices. Free of torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from posegen.core.errors import ConfigError, suggest
from posegen.core.specs import Kind, MetricSpec
from posegen.evaluation.protocols.loading import choose, definition, load, parse
from posegen.evaluation.protocols.schema import Column as Entry
from posegen.evaluation.protocols.schema import Protocol, Step, Variant
from posegen.plugins import build, component_config, registry

if TYPE_CHECKING:
    from posegen.core.metrics import Metric

#: The protocol that is used where none is named; any metric may be asked for under it.
OWN = "posegen-1"

#: Metrics on Inception; the TensorFlow-compatible one unless their `network` is another.
_ON_INCEPTION = ("fid", "kid", "is", "mask-is")

#: The option that says where something is found, and not what is computed.
_PLACE = "weights"

#: Column or metric -> options that replace the protocol's.
Options = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Column:
    """One column of a table of scores.

    Attributes:
        name: its heading; unique within a protocol.
        spec: of the metric.
        build: makes the metric; raises where its weights cannot be had.
        steps: how the pictures are prepared for it.
        drop_last: pairs beyond the last multiple of this are left out, None for none.
        reference_steps: how reference images are prepared for it.
    """

    name: str
    spec: MetricSpec
    build: Callable[[], Metric]
    steps: tuple[Step, ...] = ()
    drop_last: int | None = None
    reference_steps: tuple[Step, ...] = ()


@dataclass(frozen=True)
class Plan:
    """A protocol made ready for pictures of one size."""

    protocol: Protocol
    variant: Variant
    columns: tuple[Column, ...]
    changed: Mapping[str, Any]

    @property
    def definition(self) -> dict[str, Any]:
        """All that decides the numbers, in plain values."""
        columns = {column.name for column in self.columns}
        whole = definition(self.protocol, self.variant)
        whole["columns"] = [entry for entry in whole["columns"] if entry["name"] in columns]
        return {**whole, "changed": dict(self.changed)}

    @property
    def label(self) -> str:
        """The variant's name, and what the user changed in it."""
        if not self.changed:
            return self.variant.name
        changes = ", ".join(f"{key}={value}" for key, value in self.changed.items())
        return f"{self.variant.name}, changed: {changes}"


def plan(
    text: str,
    size: tuple[int, int],
    metrics: Sequence[str] | None = None,
    options: Options | None = None,
    partly: bool = False,
    inception: Path | None = None,
) -> Plan:
    """Make a protocol ready.

    Args:
        text: `NAME`, `NAME:VARIANT`, or the path of a protocol file.
        size: (H, W) of the target images in pixels, which chooses the variant where none is named.
        metrics: which columns, by name or by metric; None for all. Under posegen's own
            protocol any metric may be named.
        options: column or metric -> options that replace the protocol's.
        partly: whether metrics that the protocol does not have are left out.
        inception: the TensorFlow-compatible Inception's file, for all columns on that network.

    Raises:
        ConfigError: for an unknown protocol or column, an option that does not exist, or pictures
            of a size that the protocol does not know.
        PluginError: for a metric that is not installed.
    """
    name, variant_name = parse(text)
    protocol = load(name)
    variant = choose(protocol, variant_name, size)
    entries = list(variant.columns)
    if metrics is not None:
        entries = _chosen(protocol, entries, metrics, partly)
    columns, changed = [], {}
    for entry in entries:
        changes = {**(options or {}).get(entry.metric, {}), **(options or {}).get(entry.name, {})}
        columns.append(_column(variant, entry, changes, inception))
        for key, value in changes.items():
            if key != _PLACE and entry.options.get(key) != value:
                changed[f"{entry.name}.{key}"] = value
    return Plan(protocol, variant, tuple(columns), changed)


def _chosen(
    protocol: Protocol, entries: list[Entry], metrics: Sequence[str], partly: bool
) -> list[Entry]:
    chosen: list[Entry] = []
    for name in dict.fromkeys(metrics):
        # A column's own name first: `ssim` is not also every other column that is an SSIM.
        matches = [e for e in entries if e.name == name] or [e for e in entries if e.metric == name]
        installed = protocol.name == OWN and name in registry().names(Kind.METRIC)
        if not matches and partly and not installed:
            continue
        if not matches and protocol.name != OWN:
            near = suggest(name, [entry.name for entry in entries])
            raise ConfigError(f"--metrics {name}: {protocol.name} has no such column; {near}")
        chosen += matches or [Entry(name=name, metric=name)]
    return chosen


def _column(
    variant: Variant, entry: Entry, changes: Mapping[str, Any], inception: Path | None
) -> Column:
    """Check name and options now, build (and read weights) later."""
    known = registry()
    spec = cast(MetricSpec, known.get(Kind.METRIC, entry.metric).spec)
    merged = {**entry.options, **changes}
    if inception and entry.metric in _ON_INCEPTION and merged.get("network", "tf") == "tf":
        merged.setdefault(_PLACE, inception)
    config = component_config(known, Kind.METRIC, entry.metric, merged, entry.name)
    steps = variant.steps(entry)
    return Column(
        name=entry.name,
        spec=spec,
        build=partial(build, known, Kind.METRIC, entry.metric, config),
        steps=steps,
        drop_last=entry.drop_last,
        reference_steps=steps if entry.reference is None else entry.reference,
    )
