"""Finds plugins, and keeps a broken one from harming anything else.

pluggy's own entry-point loader stops at the first plugin that raises and ignores a second package
that uses an entry-point name again, so each entry point is loaded here on its own: what fails is
recorded with its reason, and everything else works.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache, partial
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any

import pluggy

from posegen.core.errors import PluginError
from posegen.core.specs import CONTRACTS, Spec
from posegen.plugins import hookspecs
from posegen.plugins.components import PluginRecord, Registry

GROUP = "posegen"
#: The distribution whose component names are reserved.
OWN = "posegen"


@dataclass(frozen=True)
class Source:
    """Where a plugin module may be loaded from."""

    plugin: str
    package: str
    version: str
    module: str
    load: Callable[[], Any] = field(repr=False)


def discover(
    *,
    third_party: bool = True,
    disabled: Iterable[str] = (),
    modules: Iterable[str] = (),
    points: Iterable[EntryPoint] | None = None,
) -> Registry:
    """Load every plugin and return the frozen registry of their components.

    Args:
        third_party: False leaves out all but posegen's own components (`--no-plugins`).
        disabled: packages or plugin names to leave out.
        modules: modules to load as plugins though no package declares them (`--plugin`).
        points: entry points to use in place of the installed ones, for tests.

    Raises:
        PluginError: where a module of `modules` cannot be loaded: the user asked for it by name.
    """
    blocked = set(disabled)
    sources = _sources(entry_points(group=GROUP) if points is None else points)
    records: list[PluginRecord] = []
    loaded: set[str] = set()
    for source in sources:
        if source.package != OWN and not third_party:
            continue
        record = PluginRecord(source.plugin, source.package, source.version, source.module)
        if {source.package, source.plugin} & blocked and source.package != OWN:
            record.reason = "disabled"
        else:
            _load(source, record)
            loaded.add(source.module)
        records.append(record)
    for name in modules:
        if name in loaded:
            continue  # an installed plugin named again: once is enough
        load = partial(importlib.import_module, name)
        source = Source(name, name, "(module)", name, load)
        record = PluginRecord(name, name, "(module)", name)
        _load(source, record)
        if record.reason:
            raise PluginError(f"--plugin {name}: {record.reason}.")
        records.append(record)
    return Registry(records, own=OWN)


@lru_cache(maxsize=1)
def registry() -> Registry:
    """Return this process's registry, discovered on the first call.

    The environment says what to load (options of the command line set it):

    `POSEGEN_NO_PLUGINS=1` leaves out third-party plugins, `POSEGEN_DISABLE_PLUGINS=a,b` those
    packages, and `POSEGEN_PLUGINS=module,module` adds modules that no package declares.
    """

    def words(variable: str) -> list[str]:
        return [word.strip() for word in os.environ.get(variable, "").split(",") if word.strip()]

    return discover(
        third_party=os.environ.get("POSEGEN_NO_PLUGINS", "") in ("", "0"),
        disabled=words("POSEGEN_DISABLE_PLUGINS"),
        modules=words("POSEGEN_PLUGINS"),
    )


def _sources(points: Iterable[EntryPoint]) -> list[Source]:
    found: dict[tuple[str, str, str], Source] = {}
    for point in points:
        distribution = point.dist
        package = distribution.name if distribution else point.value.split(".")[0]
        number = distribution.version if distribution else "?"
        # An editable install may be seen twice on sys.path: same package, same name, same value.
        found[package, point.name, point.value] = Source(
            point.name, package, number, point.module, point.load
        )
    return sorted(found.values(), key=lambda s: (s.package != OWN, s.package, s.plugin))


def _load(source: Source, record: PluginRecord) -> None:
    """Import one plugin and call its hooks; on any failure, keep the reason in the record."""
    before = set(sys.modules)
    try:
        module = source.load()
    except (Exception, SystemExit) as error:
        record.reason = f"import failed: {type(error).__name__}: {_first_line(error)}"
        return
    # A private manager per plugin: misspelt hooks and wrong signatures are attributed to it alone.
    manager = pluggy.PluginManager("posegen")
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(module, source.plugin)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        record.reason = f"not a posegen plugin: {_first_line(error)}"
        return
    if not manager.get_hookcallers(module):
        record.reason = _no_hooks(module)
        return
    specs: list[Spec] = []
    for hook, expected in hookspecs.HOOKS.items():
        try:
            for returned in getattr(manager.hook, hook)():
                specs.extend(_checked(spec, expected, hook) for spec in returned)
        except Exception as error:
            record.reason = f"{hook} failed: {_first_line(error)}"
            return
    record.specs = tuple(specs)
    record.heavy = "torch" in sys.modules and "torch" not in before


def _checked(spec: object, expected: type[Spec], hook: str) -> Spec:
    if type(spec) is not expected:
        raise PluginError(f"{hook} returned {type(spec).__name__} where {expected.__name__} is due")
    assert isinstance(spec, Spec)
    ours = CONTRACTS[spec.kind]
    if spec.contract != ours:
        fix = "upgrade posegen" if spec.contract > ours else "upgrade the plugin"
        raise PluginError(
            f"{spec.kind} {spec.name!r} was written for contract version {spec.contract}, and this "
            f"posegen speaks {ours}; {fix}"
        )
    return spec


def _no_hooks(module: ModuleType) -> str:
    return f"module {module.__name__!r} has no function marked with @posegen.core.hookimpl"


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (
        lines[-1 if isinstance(error, pluggy.PluginValidationError) else 0]
        if lines
        else "no message"
    )
