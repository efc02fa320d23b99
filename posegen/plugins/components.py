"""The frozen table of components: kind -> name -> spec and the plugin that brought it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from posegen.core.errors import PluginError, suggest
from posegen.core.specs import Kind, Spec


@dataclass
class PluginRecord:
    """One plugin as found: what it brought, or why it brought nothing.

    Attributes:
        plugin: name of the entry point.
        package: the distribution, and `version` its version.
        module: the module that was imported.
        reason: why it does not work; empty where it does.
        specs: its components.
        heavy: True where importing it imported torch, which makes every command slow.
    """

    plugin: str
    package: str
    version: str
    module: str = ""
    reason: str = ""
    specs: tuple[Spec, ...] = ()
    heavy: bool = False


@dataclass(frozen=True)
class Component:
    """A component that can be used: its spec, and the plugin it is from."""

    spec: Spec
    record: PluginRecord

    def load(self) -> Any:
        """Import and return what the spec's `target` names.

        Raises:
            PluginError: where the import fails.
        """
        return _import(self.spec.target, self)

    def load_config(self) -> Any:
        """Import and return the configuration class, or None where the component has none.

        Raises:
            PluginError: where the import fails.
        """
        return None if self.spec.config is None else _import(self.spec.config, self)


class Registry:
    """All components, looked up by kind and name. Not changed after discovery.

    Two packages that bring the same name: posegen's own names are reserved, so the other package's
    component is left out; between two others neither is chosen, and using the name is an error
    that says how to choose. Both are listed in `clashes`.
    """

    def __init__(self, records: Iterable[PluginRecord], own: str = "posegen") -> None:
        self.records = tuple(records)
        self.clashes: list[str] = []
        self._components: dict[Kind, dict[str, Component]] = {kind: {} for kind in Kind}
        self._ambiguous: dict[tuple[Kind, str], list[Component]] = {}
        for record in self.records:
            for spec in record.specs:
                self._add(Component(spec, record), own)

    def _add(self, new: Component, own: str) -> None:
        kind, name = new.spec.kind, new.spec.name
        old = self._components[kind].get(name)
        rivals = self._ambiguous.get((kind, name))
        if old is None and rivals is None:
            self._components[kind][name] = new
            return
        if old is not None and old.record.package == own:
            self.clashes.append(
                f"{kind} {name!r} of {new.record.package} is left out: posegen's own names are "
                "reserved."
            )
            return
        rivals = rivals or [self._components[kind].pop(name)]
        rivals.append(new)
        self._ambiguous[kind, name] = rivals
        packages = " and ".join(sorted({rival.record.package for rival in rivals}))
        self.clashes.append(
            f"{kind} {name!r} is brought by {packages}; choose with "
            "POSEGEN_DISABLE_PLUGINS=PACKAGE."
        )

    def names(self, kind: Kind) -> list[str]:
        """Return the sorted names of a kind."""
        return sorted(self._components[kind])

    def components(self, kind: Kind) -> list[Component]:
        """Return the components of a kind, sorted by name."""
        return [self._components[kind][name] for name in self.names(kind)]

    def get(self, kind: Kind, name: str) -> Component:
        """Return a component.

        Raises:
            PluginError: where the name is unknown (with the nearest ones, and the plugins that are
                broken and may have had it), or brought by two packages.
        """
        if name in self._components[kind]:
            return self._components[kind][name]
        if (kind, name) in self._ambiguous:
            packages = sorted({c.record.package for c in self._ambiguous[kind, name]})
            raise PluginError(
                f"{kind} {name!r} is brought by {' and by '.join(packages)}; uninstall one, or set "
                f"POSEGEN_DISABLE_PLUGINS={packages[0]} to use the other."
            )
        broken = [f"{r.package} ({r.reason})" for r in self.records if r.reason]
        tail = f" Not loaded: {'; '.join(broken)}." if broken else ""
        from posegen.plugins import catalogue

        plugins = catalogue.load().plugins.values()
        offers = [entry.name for entry in plugins if name in entry.components.get(kind, ())]
        if offers:
            tail += f" The catalogue has it: `posegen plugins install {offers[0]}`."
        near = suggest(name, self.names(kind), none="none is installed.")
        raise PluginError(f"no {kind} {name!r}; {near}{tail}")


def _import(target: str, component: Component) -> Any:
    module, _, attribute = target.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except Exception as error:
        raise PluginError(
            f"{component.spec.kind} {component.spec.name!r} of {component.record.package} "
            f"{component.record.version} cannot be loaded: {type(error).__name__}: {error}."
        ) from error
