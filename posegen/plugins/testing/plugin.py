"""`check_plugin`: the module that makes a package a plugin, and the package around it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

from posegen.core import PluginError
from posegen.plugins.components import PluginRecord
from posegen.plugins.discovery import discover
from posegen.plugins.testing.report import Check, NotApplicable, Report, ask, check
from posegen.plugins.testing.subject import imports_torch


def check_plugin(module: str) -> Report:
    """Test a plugin module, and how its package is written.

    Args:
        module: its name, e.g. `"posegen_unet.plugin"`.
    """
    case = PluginCase(module)
    findings = ask((loads,), case, {})
    if findings[0].ok:
        findings += ask((light, described, literal, imports), case, {})
    return Report("plugin", module, tuple(findings))


class PluginCase:
    """A plugin module."""

    def __init__(self, module: str) -> None:
        self.module = module

    @cached_property
    def record(self) -> PluginRecord:
        """What discovery makes of it.

        Raises:
            PluginError: where it cannot be loaded.
        """
        return discover(points=[], modules=[self.module]).records[0]

    def sources(self) -> Iterator[tuple[Path, ast.Module]]:
        """Yield the files of the package that the module is in, parsed."""
        found = find_spec(self.module.partition(".")[0])
        if found is None or found.origin is None:
            raise NotApplicable("there are no source files")
        origin = Path(found.origin)
        paths = origin.parent.rglob("*.py") if found.submodule_search_locations else [origin]
        for path in sorted(paths):
            yield path, ast.parse(path.read_text(encoding="utf-8"))


@check(
    "loads",
    asks="a plugin module has functions marked with hookimpl, named as hooks, that return specs of "
    "this contract version",
    where="posegen.plugins.hookspecs",
)
def loads(case: PluginCase) -> str | None:
    """posegen finds the components."""
    try:
        specs = case.record.specs
    except PluginError as error:
        return str(error).rstrip(".")
    return None if specs else "it brings no component"


@check(
    "light",
    asks="a plugin module is imported at every start of posegen, so it imports no torch",
    where="posegen.plugins.hookspecs",
)
def light(case: PluginCase) -> str | None:
    """`posegen --help` stays fast."""
    return imports_torch([case.module])


@check(
    "described",
    asks="a spec has a summary of one line, and the licence of the code",
    where="posegen.core.Spec",
)
def described(case: PluginCase) -> str | None:
    """Users know what it is, and whether they may use it."""
    for spec in case.record.specs:
        what = f"{spec.kind} {spec.name!r}"
        if not spec.summary.strip() or "\n" in spec.summary:
            return f"the summary of {what} is empty, or more than one line"
        if not spec.licence.strip() and not _is_posegens(case):
            return f"{what} has no licence"
    return None


@check(
    "literal",
    asks="`contract` is a number: the version that the component was written for, whatever the "
    "installed posegen speaks",
    where="posegen.core.Spec",
)
def literal(case: PluginCase) -> str | None:
    """A plugin does not say that it is of every version."""
    for path, tree in case.sources():
        words = (node for node in ast.walk(tree) if isinstance(node, ast.keyword))
        for word in words:
            if word.arg == "contract" and not isinstance(word.value, ast.Constant):
                return f"{path.name}, line {word.value.lineno}: `contract` is computed"
    return None


@check(
    "imports",
    asks="a plugin imports posegen.core and nothing else of posegen: the rest may change from one "
    "version to the next",
    where="posegen.core",
)
def imports(case: PluginCase) -> str | None:
    """It depends on what is public."""
    if _is_posegens(case):
        raise NotApplicable("it is posegen's own")
    for path, tree in case.sources():
        for line, name in _imported(tree):
            if name.partition(".")[0] == "posegen" and name != "posegen.core":
                return f"{path.name}, line {line}: it imports {name}"
    return None


def _imported(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the line and the module of every import that is not relative."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.lineno, str(node.module)


def _is_posegens(case: PluginCase) -> bool:
    return case.module.partition(".")[0] == "posegen"


PLUGIN: tuple[Check[PluginCase], ...] = (loads, light, described, literal, imports)
