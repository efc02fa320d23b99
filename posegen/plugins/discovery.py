"""Finds plugins, and keeps a broken one from harming anything else.

pluggy's own entry-point loader stops at the first plugin that raises and ignores a second package
that uses an entry-point name again, so each entry point is loaded here on its own: what fails is
recorded with its reason, and everything else works.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points

import pluggy

from posegen.core.errors import PluginError
from posegen.core.specs import CONTRACTS, Spec
from posegen.plugins.components import OWN, PluginRecord, Registry
from posegen.plugins.hookspecs import HOOKS, SPECIFICATIONS

GROUP = "posegen"


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
    records: list[PluginRecord] = []
    for record, point in _installed(entry_points(group=GROUP) if points is None else points):
        own = record.package == OWN
        if not own and not third_party:
            continue
        if not own and {record.package, record.plugin} & blocked:
            record.reason = "disabled"
        else:
            _load(record, point)
        records.append(record)
    loaded = {record.module for record in records if record.reason != "disabled"}
    for name in modules:
        if name in loaded:
            continue  # an installed plugin named again: once is enough
        record = PluginRecord(name, name, "(module)", name)
        _load(record, EntryPoint(name, name, GROUP))
        if record.reason:
            raise PluginError(f"--plugin {name}: {record.reason}.")
        records.append(record)
    return Registry(records)


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


def _installed(points: Iterable[EntryPoint]) -> list[tuple[PluginRecord, EntryPoint]]:
    """Return a record of each entry point, posegen's own first."""
    pairs = {}
    for point in points:
        package = point.dist.name if point.dist else point.value.split(".")[0]
        version = point.dist.version if point.dist else "?"
        record = PluginRecord(point.name, package, version, point.module)
        # An editable install may be seen twice on sys.path: same package, same name, same value.
        pairs[package != OWN, package, point.name, point.value] = (record, point)
    return [pairs[key] for key in sorted(pairs)]


def _load(record: PluginRecord, point: EntryPoint) -> None:
    """Import one plugin and call its hooks; on any failure, keep the reason in the record."""
    had_torch = "torch" in sys.modules
    try:
        module = point.load()
    except (Exception, SystemExit) as error:
        record.reason = f"import failed: {type(error).__name__}: {_lines(error)[0]}"
        return
    # A manager of its own: misspelt hooks and wrong signatures are this plugin's alone.
    manager = pluggy.PluginManager("posegen")
    manager.add_hookspecs(SPECIFICATIONS)
    try:
        manager.register(module, record.plugin)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        record.reason = f"not a posegen plugin: {_lines(error)[-1]}"
        return
    if not manager.get_hookcallers(module):
        name = record.module
        record.reason = f"module {name!r} has no function marked with @posegen.core.hookimpl"
        return
    specs: list[Spec] = []
    for hook, cls in HOOKS.items():
        try:
            for returned in getattr(manager.hook, hook)():
                specs += [_checked(spec, cls, hook) for spec in returned]
        except Exception as error:
            record.reason = f"{hook} failed: {_lines(error)[0]}"
            return
    record.specs = tuple(specs)
    record.heavy = "torch" in sys.modules and not had_torch


def _checked(spec: object, cls: type[Spec], hook: str) -> Spec:
    if type(spec) is not cls or not isinstance(spec, Spec):
        raise PluginError(f"{hook} returned {type(spec).__name__} where {cls.__name__} is due")
    ours = CONTRACTS[spec.kind]
    if spec.contract != ours:
        fix = "upgrade posegen" if spec.contract > ours else "upgrade the plugin"
        moving = " (its authors: docs/writing-a-plugin.md, 'Moving a plugin from contract 1 to 2')"
        raise PluginError(
            f"{spec.kind} {spec.name!r} was written for contract version {spec.contract}, and this "
            f"posegen speaks {ours}; {fix}{moving if spec.contract == 1 else ''}"
        )
    return spec


def _lines(error: BaseException) -> list[str]:
    return [line.strip() for line in str(error).splitlines() if line.strip()] or ["no message"]
