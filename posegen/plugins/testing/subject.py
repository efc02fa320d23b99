"""The component under test, and the checks that every kind of component has."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar, get_args

import pydantic

from posegen import core
from posegen.core import Config, Kind, Spec, UserError, WeightsError
from posegen.core.errors import ConfigError
from posegen.plugins.build import validate
from posegen.plugins.discovery import registry
from posegen.plugins.testing.report import (
    Check,
    Finding,
    NotApplicable,
    Report,
    ask,
    check,
    describe,
    offline,
    unchanged_randomness,
)

T = TypeVar("T")

#: kind -> the abstract class in `posegen.core` that a component of it subclasses.
CONTRACT_CLASSES: dict[Kind, str] = {
    Kind.ENCODER: "PoseEncoder",
    Kind.GENERATOR: "Generator",
    Kind.DISCRIMINATOR: "Discriminator",
    Kind.LOSS: "Loss",
    Kind.METRIC: "Metric",
    Kind.DATASET: "PairDataset",
    Kind.DETECTOR: "PoseDetector",
    Kind.METHOD: "Method",
    Kind.MODEL: "Model",
    Kind.CONVERTER: "WeightsConverter",
}


class Subject:
    """A component under test.

    Args:
        kind: its kind.
        component: its name among the installed plugins, or its spec.
        options: its options; by default the first of the examples that its configuration class
            gives (`model_config = ConfigDict(json_schema_extra={"examples": [{…}]})`), which a
            class gives where the defaults are too large for a quick test; else the defaults.

    Raises:
        PluginError: for a name that is not installed.
    """

    def __init__(
        self, kind: Kind, component: str | Spec, options: Mapping[str, Any] | None = None
    ) -> None:
        self.spec = (
            registry().get(kind, component).spec if isinstance(component, str) else component
        )
        if self.spec.kind is not kind:
            raise TypeError(f"{self.spec.name!r} is the spec of kind {self.spec.kind}, not {kind}")
        self._given = options

    @cached_property
    def target(self) -> Any:
        """What the spec's `target` names."""
        return _load(self.spec.target)

    @cached_property
    def config_class(self) -> Any:
        """The configuration class; `Config` itself where the spec names none."""
        return Config if self.spec.config is None else _load(self.spec.config)

    @cached_property
    def options(self) -> Mapping[str, Any]:
        """The options of the test."""
        if self._given is not None:
            return self._given
        extra = self.config_class.model_config.get("json_schema_extra")
        examples = extra.get("examples") if isinstance(extra, Mapping) else None
        return examples[0] if examples else {}

    @cached_property
    def config(self) -> Config:
        """The validated options."""
        what = f"{self.spec.kind} {self.spec.name!r}"
        config: Config = validate(self.config_class, self.options, str(self.spec.kind), what)
        return config

    def build(self, *context: Any) -> Any:
        """Build the component."""
        return self.target(self.config, *context)


@check(
    "target",
    asks="the spec's target is a complete subclass of its kind's class in posegen.core",
    where="posegen.core.Spec",
)
def target(subject: Subject) -> str | None:
    """The class can be imported, and is one of the contract's."""
    name = CONTRACT_CLASSES[subject.spec.kind]
    found = subject.target
    if not (inspect.isclass(found) and issubclass(found, getattr(core, name))):
        return f"{subject.spec.target!r} is no posegen.core.{name}"
    missing = ", ".join(sorted(getattr(found, "__abstractmethods__", ())))
    return f"it does not define {missing}" if missing else None


@check(
    "config",
    asks="the class of options is a frozen posegen.core.Config that refuses unknown keys",
    where="posegen.core.Config",
)
def config(subject: Subject) -> str | None:
    """The class of options behaves as `Config` does."""
    cls = subject.config_class
    if not (inspect.isclass(cls) and issubclass(cls, Config)):
        return f"{subject.spec.config!r} is no posegen.core.Config"
    try:
        cls.model_validate({"no such option": 1})
    except pydantic.ValidationError as error:
        refused = any(part["type"] == "extra_forbidden" for part in error.errors())
    else:
        refused = False
    if not refused:
        return "an unknown option is taken in silence"
    return None if cls.model_config.get("frozen") else "its values can be changed"


@check(
    "schema",
    asks="options have a JSON schema, and each a description, for `posegen config show` and the "
    "tables in the documentation",
    where="posegen.core.Config",
)
def schema(subject: Subject) -> str | None:
    """Every option is described."""
    tree = subject.config_class.model_json_schema()
    for part in [tree, *tree.get("$defs", {}).values()]:
        for name, field in part.get("properties", {}).items():
            if not field.get("description"):
                return f"the option {name!r} has no description"
    return None


@check(
    "options",
    asks="a component can be built from its default options, or its class of options gives an "
    "example; saved as JSON, options come back as they were",
    where="posegen.core.Config",
)
def options(subject: Subject) -> str | None:
    """The options of the test are valid, and survive being saved."""
    absent = {
        name: field
        for name, field in subject.config_class.model_fields.items()
        if field.is_required() and name not in subject.options
    }
    files = [name for name, field in absent.items() if _is_path(field.annotation)]
    if files:
        raise NotApplicable(f"it needs {' and '.join(files)}: give the options to test it with")
    try:
        made = subject.config
    except ConfigError as error:
        return str(error).rstrip(".")
    text = json.dumps(made.model_dump(mode="json"))
    again = subject.config_class.model_validate(json.loads(text))
    return None if again == made else "saved and read again, the options are others"


@check(
    "light",
    asks="modules that are read before a component is used import no torch: that of its options, "
    "and a model's own",
    where="posegen.core.Config",
)
def light(subject: Subject) -> str | None:
    """The module of the options can be imported without torch."""
    spec = subject.spec
    targets = [spec.config, spec.target if spec.kind is Kind.MODEL else None]
    return imports_torch([name.partition(":")[0] for name in targets if name is not None])


def imports_torch(modules: Sequence[str]) -> str | None:
    """Import modules in a fresh interpreter; return what is wrong where torch comes with them."""
    if not modules:
        return None
    code = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]:\n"
        "    importlib.import_module(name)\n"
        "    if 'torch' in sys.modules:\n"
        "        sys.exit(f'importing {name} imports torch')\n"
    )
    path = os.pathsep.join(place or os.getcwd() for place in sys.path)
    done = subprocess.run(
        [sys.executable, "-c", code, *modules],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    return None if done.returncode == 0 else done.stderr.strip().splitlines()[-1]


COMMON: tuple[Check[Subject], ...] = (target, config, schema, options, light)
#: Where one of these fails, nothing more can be asked.
_GATES = ("target", "config", "options", "build")


def examine(
    subject: Subject,
    build: Callable[[], object],
    case: T,
    checks: Sequence[Check[T]],
    skip: Mapping[str, str] | None = None,
) -> Report:
    """Ask what every component is asked, build it, and ask what its kind is asked.

    Args:
        subject: the component.
        build: builds it once, as the engine would.
        case: what the checks take.
        checks: those of its kind.
        skip: name of a check -> why it is left out.

    Raises:
        ValueError: where `skip` names no check, or one that the others need.
    """
    skip = skip or {}
    known = {one.name for one in COMMON} | {one.name for one in checks}
    unknown = set(skip) - known.difference(_GATES)
    if unknown:
        raise ValueError(f"skip: no check {min(unknown)!r} can be left out")
    with offline():
        findings = ask(COMMON, subject, skip)
        if _open(findings):
            findings.append(_built(subject, build))
            if _open(findings):
                findings += ask(checks, case, skip)
    return Report(str(subject.spec.kind), subject.spec.name, tuple(findings))


def _open(findings: Sequence[Finding]) -> bool:
    return all(finding.ok for finding in findings if finding.name in _GATES)


def _built(subject: Subject, build: Callable[[], object]) -> Finding:
    try:
        with unchanged_randomness():
            build()
    except UserError as error:
        if isinstance(error, WeightsError) or not subject.options:
            return Finding("build", None, f"it needs what only a user can give: {error}")
        return Finding("build", False, f"it cannot be built: {error}")
    except Exception as error:  # others' code: anything can come
        return Finding("build", False, f"it cannot be built: {describe(error)}.")
    return Finding("build", True)


def _is_path(annotation: Any) -> bool:
    return annotation is Path or Path in get_args(annotation)


def _load(name: str) -> Any:
    module, _, attribute = name.partition(":")
    return getattr(import_module(module), attribute)
