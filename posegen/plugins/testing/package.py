"""`check_package`: everything that an installed package brings, as `posegen plugins check` does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from posegen.core import Kind, PluginError, Spec
from posegen.core.errors import ConfigError, suggest
from posegen.plugins.components import PluginRecord, Registry
from posegen.plugins.discovery import registry
from posegen.plugins.testing.component import check_component
from posegen.plugins.testing.plugin import check_plugin
from posegen.plugins.testing.report import Finding, Report


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
        ConfigError: for options where there are several components, or none that takes some.
    """
    found = registry()
    records = [record for record in found.records if name in (record.package, record.module)]
    specs = [spec for record in records for spec in record.specs]
    if not records:
        every = [c.spec for k in Kind for c in found.components(k)]
        specs = [spec for spec in every if spec.name == name]
        if not specs:
            known = {r.package for r in found.records} | {spec.name for spec in every}
            raise PluginError(f"no package and no component {name!r}; {suggest(name, known)}")
    wanted = [spec for spec in specs if kind in (None, spec.kind)]
    if kind is not None and not wanted:
        kinds = sorted({str(spec.kind) for spec in specs})
        raise PluginError(f"{name!r} has no {kind}; {suggest(kind, kinds)}")
    if options and (len(wanted) != 1 or wanted[0].kind in (Kind.MODEL, Kind.CONVERTER)):
        raise ConfigError("--set needs one component with options; name it, and give its --kind.")
    return _reports(found, [] if kind else records, wanted, options)


def _reports(
    found: Registry,
    records: list[PluginRecord],
    specs: list[Spec],
    options: Mapping[str, Any] | None,
) -> Iterator[Report]:
    for record in records:
        yield _plugin(found, record)
    for spec in specs:
        yield check_component(spec, options or None)


def _plugin(found: Registry, record: PluginRecord) -> Report:
    if record.reason:
        return Report("plugin", record.module, (Finding("loads", False, f"{record.reason}."),))
    problems = [problem for spec in record.specs if (problem := _taken(found, record, spec))]
    names = Finding("names", not problems, " ".join(problems))
    return Report("plugin", record.module, (*check_plugin(record.module).findings, names))


def _taken(found: Registry, record: PluginRecord, spec: Spec) -> str | None:
    """Return why a component that the plugin brings cannot be used under its name, if so."""
    try:
        used = found.get(spec.kind, spec.name)
    except PluginError as error:  # two packages bring it
        return str(error)
    if used.record is record:
        return None
    return f"{spec.kind} {spec.name!r} is left out: the name is one of {used.record.package}'s own."
