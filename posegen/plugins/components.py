"""The frozen table of components: kind -> name -> spec and the plugin that brought it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from posegen.core.errors import PluginError, suggest
from posegen.core.specs import Kind, Spec

#: The distribution whose component names are reserved.
OWN = "posegen"


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
    """A component that can be used: its spec, and the plugin it is from.

    What a spec names is imported here; a PluginError says which package's import failed.
    """

    spec: Spec
    record: PluginRecord

    def load(self) -> Any:
        """Return what the spec's `target` names."""
        return self._import(self.spec.target)

    def load_config(self) -> Any:
        """Return the configuration class, or None where the component has none."""
        return None if self.spec.config is None else self._import(self.spec.config)

    def load_sampling(self) -> Any:
        """Return the class of a method's sampling options, or None where it has none."""
        sampling = getattr(self.spec, "sampling", None)
        return None if sampling is None else self._import(sampling)

    def _import(self, target: str) -> Any:
        module, _, attribute = target.partition(":")
        try:
            return getattr(import_module(module), attribute)
        except Exception as error:
            raise PluginError(
                f"{self.spec.kind} {self.spec.name!r} of {self.record.package} "
                f"{self.record.version} cannot be loaded: {type(error).__name__}: {error}."
            ) from error


class Registry:
    """All components, looked up by kind and name. Not changed after discovery.

    Two packages that bring the same name: posegen's own names are reserved, so the other package's
    component is left out; between two others neither is chosen, and using the name is an error
    that says how to choose. Both are listed in `clashes`.
    """

    def __init__(self, records: Iterable[PluginRecord]) -> None:
        self.records = tuple(records)
        self.clashes: list[str] = []
        self._brought: dict[tuple[Kind, str], list[Component]] = defaultdict(list)
        for record in self.records:
            for spec in record.specs:
                self._add(Component(spec, record))

    def _add(self, new: Component) -> None:
        kind, name = new.spec.kind, new.spec.name
        rivals = self._brought[kind, name]
        if rivals and rivals[0].record.package == OWN:
            self.clashes.append(
                f"{kind} {name!r} of {new.record.package} is left out: posegen's own names are "
                "reserved."
            )
            return
        rivals.append(new)
        if len(rivals) > 1:
            self.clashes.append(
                f"{kind} {name!r} is brought by {' and '.join(_packages(rivals))}; choose with "
                "POSEGEN_DISABLE_PLUGINS=PACKAGE."
            )

    def names(self, kind: Kind) -> list[str]:
        """Return the sorted names of a kind."""
        brought = self._brought.items()
        return sorted(name for (of, name), rivals in brought if of is kind and len(rivals) == 1)

    def components(self, kind: Kind) -> list[Component]:
        """Return the components of a kind, sorted by name."""
        return [self._brought[kind, name][0] for name in self.names(kind)]

    def get(self, kind: Kind, name: str) -> Component:
        """Return a component.

        Raises:
            PluginError: where the name is unknown (with the nearest ones, and the plugins that are
                broken and may have had it), or brought by two packages.
        """
        rivals = self._brought.get((kind, name), [])
        if len(rivals) == 1:
            return rivals[0]
        if rivals:
            packages = _packages(rivals)
            raise PluginError(
                f"{kind} {name!r} is brought by {' and by '.join(packages)}; uninstall one, or set "
                f"POSEGEN_DISABLE_PLUGINS={packages[0]} to use the other."
            )
        broken = [f"{r.package} ({r.reason})" for r in self.records if r.reason]
        tail = f" Not loaded: {'; '.join(broken)}." if broken else ""
        from posegen.plugins import catalogue

        plugins = catalogue.load().plugins.values()
        if offers := [entry.name for entry in plugins if name in entry.components.get(kind, ())]:
            tail += f" The catalogue has it: `posegen plugins install {offers[0]}`."
        near = suggest(name, self.names(kind), none="none is installed.")
        raise PluginError(f"no {kind} {name!r}; {near}{tail}")


def _packages(components: Iterable[Component]) -> list[str]:
    return sorted({component.record.package for component in components})
