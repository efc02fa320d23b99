"""Tables in the documentation are made from the code: components, configuration keys, commands.

`POSEGEN_UPDATE_DOCS=1 pytest tests/docs` writes them anew.
"""

from __future__ import annotations

import json
import os
import re
import types
import typing
from collections.abc import Callable, Iterable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
import typer
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from posegen.cli.main import app
from posegen.config import (
    AugmentConfig,
    ExperimentConfig,
    OptimizerConfig,
    ScheduleConfig,
    TrainingConfig,
    ValidationConfig,
)
from posegen.core import Kind, MetricSpec
from posegen.plugins import Component, Registry, discover

PACKAGES = (
    *("posegen", "posegen-people", "posegen-patn", "posegen-patn-masked", "posegen-unet"),
    *("posegen-warp", "posegen-flow-matching", "posegen-stlpips", "posegen-movenet"),
)
UPDATE = os.environ.get("POSEGEN_UPDATE_DOCS", "") not in ("", "0")


@pytest.fixture(scope="module")
def registry() -> Registry:
    """What a fresh clone has, whatever else is installed here."""
    points = [p for p in entry_points(group="posegen") if p.dist and p.dist.name in PACKAGES]
    return discover(points=points)


def cell(text: object) -> str:
    return " ".join(str(text).split()).replace("\\[", "[").replace("|", "\\|")


def table(head: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(cell(c) for c in line)} |" for line in lines)


def kind_of(annotation: Any) -> str:
    """Return a type as a reader of a TOML file thinks of it."""
    simple = {bool: "true or false", int: "integer", float: "number", str: "text", Path: "path"}
    if annotation is Any:
        return "anything"
    if annotation in simple:
        return simple[annotation]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        shown = [f"`{value}`" for value in arguments]
        return f"{shown[0]} … {shown[-1]}" if len(shown) > 8 else " or ".join(shown)
    if origin is typing.Annotated:
        return kind_of(arguments[0])
    if origin in (typing.Union, types.UnionType):
        return " or ".join("none" if a is type(None) else kind_of(a) for a in arguments)
    if origin is tuple:
        if arguments[-1] is Ellipsis:
            return f"list of {kind_of(arguments[0])}"
        return f"list of {len(arguments)} {kind_of(arguments[0])}s"
    if origin is dict:
        return f"table of {kind_of(arguments[1])}s"
    raise AssertionError(f"how does one call {annotation}?")


def limits(field: FieldInfo) -> str:
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    found = [
        f"{sign} {getattr(constraint, name):,}"
        for constraint in field.metadata
        for name, sign in signs.items()
        if getattr(constraint, name, None) is not None
    ]
    return f", {', '.join(found)}" if found else ""


def default_of(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined:
        return "*required*"
    if value is None:
        return "*none*"
    if isinstance(value, float):
        return f"`{value:g}`"
    if isinstance(value, tuple):
        return f"`{json.dumps(list(value))}`"
    if value == {}:
        return "empty"
    return f"`{str(value).lower() if isinstance(value, bool) else json.dumps(value)}`"


def fields(cls: Any, prefix: str = "", only: tuple[str, ...] = ()) -> str:
    rows = [
        (
            f"`{prefix}{name}`",
            kind_of(field.annotation) + limits(field),
            default_of(field),
            field.description,
        )
        for name, field in cls.model_fields.items()
        if not only or name in only
    ]
    assert all(row[-1] for row in rows), f"{cls.__name__}: a field has no description"
    return table(("Key", "Type", "Default", "Meaning"), rows)


def components(registry: Registry) -> str:
    every = [c for kind in Kind for c in registry.components(kind)]
    rows = [(c.spec.kind, f"`{c.spec.name}`", c.record.package, c.spec.summary) for c in every]
    return table(("Kind", "Name", "Package", "What it is"), rows)


def metrics(registry: Registry) -> str:
    def row(component: Component) -> tuple[str, ...]:
        spec = component.spec
        assert isinstance(spec, MetricSpec)
        return f"`{spec.name}`", spec.summary, f"{spec.direction} is better", spec.protocol

    rows = map(row, registry.components(Kind.METRIC))
    return table(("Metric", "What it is", "Direction", "Protocol"), rows)


def engine(registry: Registry) -> str:
    top = fields(ExperimentConfig, only=("model", "preset", "seed"))
    parts = [
        ("### `[optimizer]`", fields(OptimizerConfig, "optimizer.")),
        ("### `[schedule]`", fields(ScheduleConfig, "schedule.")),
        ("### `[augment]`", fields(AugmentConfig, "augment.")),
        ("### `[training]`", fields(TrainingConfig, "training.")),
        ("### `[validation]`", fields(ValidationConfig, "validation.")),
    ]
    return "\n\n".join(["### Top level", top, *(text for part in parts for text in part)])


def options(registry: Registry) -> str:
    sections = []
    for kind in Kind:
        for component in registry.components(kind):
            cls = component.load_config()
            if cls is not None:
                title = f"### {kind.capitalize()} `{component.spec.name}`"
                sections.append(f"{title}\n\n{fields(cls)}")
    return "\n\n".join(sections)


def commands(registry: Registry) -> str:
    return "\n\n".join(_command(typer.main.get_command(app), "posegen"))


def _command(command: Any, path: str) -> list[str]:
    nested = getattr(command, "commands", {})
    found = [f"## `{path}`" if path.count(" ") < 2 else f"### `{path}`"]
    found.append(_help(command.help))
    rows = [row for parameter in command.params if (row := _parameter(parameter))]
    if rows:
        found.append(table(("Argument or option", "Default", "Meaning"), rows))
    for name, inner in nested.items():
        found += _command(inner, f"{path} {name}")
    return found


def _help(text: str) -> str:
    return text.strip().replace("\\[", "[")  # what rich would take for markup is escaped


def _parameter(parameter: Any) -> tuple[str, str, str] | None:
    names = [*parameter.opts, *parameter.secondary_opts]
    if names[0] in ("--install-completion", "--show-completion"):
        return None
    word = (parameter.metavar or parameter.name.strip("_").upper()).strip("[]")
    if not names[0].startswith("-"):
        shown = f"`{word}`"
    else:
        value = "" if parameter.is_flag else f" {word}"
        shown = ", ".join(f"`{name}{value}`" for name in names)
    told = ""
    if parameter.required:
        told = "*required*"
    elif parameter.default not in (None, False) and not parameter.multiple:
        told = f"`{parameter.default}`"
    return shown, told, parameter.help or ""


@pytest.mark.parametrize(
    ("page", "name", "make"),
    [
        ("docs/index.md", "components", components),
        ("docs/evaluation.md", "metrics", metrics),
        ("docs/configuration.md", "engine", engine),
        ("docs/configuration.md", "options", options),
        ("docs/commands.md", "commands", commands),
    ],
)
def test_tables_are_those_of_the_code(
    page: str, name: str, make: Callable[[Registry], str], root: Path, registry: Registry
) -> None:
    path = root / page
    text = path.read_text(encoding="utf-8")
    start, end = f"<!-- generated: {name} -->\n", "<!-- end -->"
    before, mark, rest = text.partition(start)
    assert mark, f"{page} has no {start!r}"
    old, mark, after = rest.partition(end)
    assert mark
    new = f"\n{make(registry)}\n\n"
    if UPDATE:
        path.write_text(before + start + new + end + after, encoding="utf-8")
        return
    assert old == new, f"{page}: renew it with POSEGEN_UPDATE_DOCS=1 pytest tests/docs"


def test_every_dependency_has_a_reason(pages: dict[str, str], root: Path) -> None:
    import tomllib

    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    wanted = {re.split(r"[<>=\[ ]", text)[0] for text in sum(extras, project["dependencies"])}
    section = pages["docs/architecture.md"].partition("## Dependencies")[2]
    assert wanted == set(re.findall(r"^\| ([a-z][\w-]*) \|", section, re.MULTILINE))
