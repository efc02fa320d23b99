"""What the module promises that makes a package a plugin."""

from __future__ import annotations

import ast
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

from posegen.core import MetricSpec, PluginError
from posegen.plugins.components import PluginRecord
from posegen.plugins.discovery import discover
from posegen.plugins.testing.component import without_torch
from posegen.plugins.testing.promises import Broken, NotApplicable, promise, require


class PluginCase:
    """A plugin module."""

    def __init__(self, module: str) -> None:
        self.module = module
        self.is_posegens = module.partition(".")[0] == "posegen"

    @cached_property
    def record(self) -> PluginRecord:
        """What discovery makes of it; a PluginError where it cannot be loaded."""
        return discover(points=[], modules=[self.module]).records[0]


@promise("plugin", where="Spec", gate=True)
def loads(case: PluginCase) -> None:
    """A plugin module has functions marked with hookimpl, named as hooks, that return specs of this
    contract version."""
    try:
        specs = case.record.specs
    except PluginError as error:
        raise Broken(str(error).rstrip(".")) from None
    require(specs, "it brings no component")


@promise("plugin", where="Spec")
def light(case: PluginCase) -> None:
    """A plugin module is imported at every start of posegen, so it imports no torch."""
    without_torch(case.module)


@promise("plugin", where="Spec")
def described(case: PluginCase) -> None:
    """A spec has a summary of one line, that of a metric a protocol of one line, and the licence of
    the code."""
    for spec in case.record.specs:
        what = f"{spec.kind} {spec.name!r}"
        lines = [spec.summary, *([spec.protocol] if isinstance(spec, MetricSpec) else [])]
        good = all(line.strip() and "\n" not in line for line in lines)
        require(good, f"the summary or protocol of {what} is empty, or more than one line")
        require(spec.licence.strip() or case.is_posegens, f"{what} has no licence")


@promise("plugin", where="Spec")
def imports(case: PluginCase) -> None:
    """A plugin imports posegen.core and nothing else of posegen: the rest may change from one
    version to the next."""
    there = find_spec(case.module.partition(".")[0])
    if case.is_posegens or there is None or there.origin is None:
        raise NotApplicable("it is posegen's own, or there are no source files")
    origin = Path(there.origin)
    paths = origin.parent.rglob("*.py") if there.submodule_search_locations else [origin]
    for path in sorted(paths):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [str(node.module)]
            for name in names:
                good = name.partition(".")[0] != "posegen" or name == "posegen.core"
                where = f"{path.name}, line {getattr(node, 'lineno', 0)}"
                require(good, f"{where}: it imports {name}")
