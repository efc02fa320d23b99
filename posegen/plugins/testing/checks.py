"""The questions to a component of any kind, to a plugin module, and to a whole package."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any
from unittest.mock import patch

from posegen.core import ConfigError, Kind, PluginError, Spec, suggest
from posegen.plugins.components import PluginRecord
from posegen.plugins.discovery import registry
from posegen.plugins.testing.component import Case
from posegen.plugins.testing.datasets import DatasetCase
from posegen.plugins.testing.losses import LossCase
from posegen.plugins.testing.methods import MethodCase
from posegen.plugins.testing.metrics import MetricCase
from posegen.plugins.testing.networks import NetworkCase
from posegen.plugins.testing.plugin import PluginCase
from posegen.plugins.testing.poses import DetectorCase, EncoderCase
from posegen.plugins.testing.promises import PROMISES, Finding, Report, ask
from posegen.plugins.testing.recipes import ConverterCase, ModelCase
from posegen.plugins.testing.trackers import TrackerCase

CASES: dict[Kind, type[Case]] = {
    Kind.ENCODER: EncoderCase,
    Kind.GENERATOR: NetworkCase,
    Kind.DISCRIMINATOR: NetworkCase,
    Kind.LOSS: LossCase,
    Kind.METRIC: MetricCase,
    Kind.DATASET: DatasetCase,
    Kind.DETECTOR: DetectorCase,
    Kind.METHOD: MethodCase,
    Kind.MODEL: ModelCase,
    Kind.CONVERTER: ConverterCase,
    Kind.TRACKER: TrackerCase,
}


#: What only a component's own tests can give it, by kind.
_UNKNOWN: dict[str, dict[str, Any]] = {
    Kind.GENERATOR: {"inputs": None},
    Kind.DISCRIMINATOR: {"inputs": None},
    Kind.METHOD: {"inputs": None},
    Kind.LOSS: {"aux": None},
}


def check(
    component: str | Spec,
    *,
    kind: Kind | str | None = None,
    options: Mapping[str, Any] | None = None,
    skip: Mapping[str, str] | None = None,
    **given: Any,
) -> Report:
    """Test a component against its contract.

    Args:
        component: its name among the installed plugins, or its spec.
        kind: its kind, where the name alone does not say it.
        options: its options; by default the example that its configuration class gives, else the
            defaults.
        skip: name of a promise -> why it is left out.
        given: what else a test of that kind can be given, see "The conformance kit" in
            docs/writing-a-plugin.md.

    Raises:
        PluginError: for a name that is not installed, or one of several kinds.
        ValueError: where `skip` names no promise, or one that the others need.
    """
    spec = _named(component, kind) if isinstance(component, str) else component
    case = CASES[spec.kind](spec=spec, given=options, **given)
    with patch.dict(os.environ, POSEGEN_OFFLINE="1"):  # nothing is downloaded
        return Report(str(spec.kind), spec.name, tuple(ask(PROMISES[spec.kind], case, skip)))


def _named(name: str, kind: Kind | str | None) -> Spec:
    kinds = [Kind(kind)] if kind else [one for one in Kind if name in registry().names(one)]
    if len(kinds) != 1:
        what = f"it is a {' and a '.join(kinds)}" if kinds else "there is no such component"
        raise PluginError(f"check({name!r}): {what}; say which is meant with kind=…")
    return registry().get(kinds[0], name).spec


def check_plugin(module: str) -> Report:
    """Test a plugin module, such as `"posegen_unet.plugin"`, and how its package is written."""
    return Report("plugin", module, tuple(ask(PROMISES["plugin"], PluginCase(module))))


def check_package(
    name: str, kind: Kind | None = None, options: Mapping[str, Any] | None = None
) -> Iterator[Report]:
    """Test a package and all of its components, or the components of one name.

    Args:
        name: of an installed package (or a module given with `--plugin`), or of a component.
        kind: test components of this kind only.
        options: options of the component, where there is just one.

    Yields:
        One report per plugin module and per component, each as soon as it is there.

    Raises:
        PluginError: for a name that is neither.
        ConfigError: for options where there are several components.
    """
    records = [r for r in registry().records if name in (r.package, r.module)]
    specs = [spec for record in records for spec in record.specs]
    if not records:
        every = [component.spec for one in Kind for component in registry().components(one)]
        specs = [spec for spec in every if spec.name == name]
        if not specs:
            known = {r.package for r in registry().records} | {spec.name for spec in every}
            raise PluginError(f"no package and no component {name!r}; {suggest(name, known)}")
    chosen = [spec for spec in specs if kind in (None, spec.kind)]
    if kind is not None and not chosen:
        kinds = sorted({str(spec.kind) for spec in specs})
        raise PluginError(f"{name!r} has no {kind}; {suggest(kind, kinds)}")
    if options and len(chosen) != 1:
        raise ConfigError("--set needs one component with options; name it, and give its --kind.")
    return _reports([] if kind else records, chosen, options)


def _reports(
    records: list[PluginRecord], specs: list[Spec], options: Mapping[str, Any] | None
) -> Iterator[Report]:
    for record in records:
        findings = [Finding("loads", False, f"{record.reason}.")]
        if not record.reason:
            lost = [problem for spec in record.specs if (problem := _left_out(record, spec))]
            names = Finding("names", not lost, " ".join(lost))
            findings = [*check_plugin(record.module).findings, names]
        yield Report("plugin", record.module, tuple(findings))
    for spec in specs:
        unknown = _UNKNOWN.get(spec.kind, {})
        yield check(spec, options=options or None, **unknown)


def _left_out(record: PluginRecord, spec: Spec) -> str:
    """Return why a component that a plugin brings cannot be used under its name; or nothing."""
    try:
        used = registry().get(spec.kind, spec.name).record
    except PluginError as error:  # two packages bring it
        return str(error)
    taken = f"{spec.kind} {spec.name!r} is left out: the name is one of {used.package}'s own."
    return "" if used is record else taken
