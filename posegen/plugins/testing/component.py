"""The component under test, and what every kind of component promises."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

from posegen import core
from posegen.core import Config, Kind, UserError, WeightsError
from posegen.core.errors import ConfigError
from posegen.plugins.build import validate
from posegen.plugins.testing.promises import (
    CONTRACT_CLASSES,
    Broken,
    NotApplicable,
    promise,
    require,
)


@dataclass(kw_only=True)
class Case:
    """A component under test. The kinds' own cases add what else a test can be given.

    Attributes:
        spec: the component's.
        given: options for it; None for the first of the examples that its configuration class gives
            (`model_config = ConfigDict(json_schema_extra={"examples": [{…}]})`), which a class does
            where the defaults are too large for a quick test; else the defaults.
    """

    spec: Any
    given: Mapping[str, Any] | None = None

    @cached_property
    def target(self) -> Any:
        """What the spec's `target` names."""
        return _load(self.spec.target)

    @cached_property
    def config_class(self) -> Any:
        """The configuration class; `Config` itself where the spec names none."""
        return Config if self.spec.config is None else _load(self.spec.config)

    @cached_property
    def sampling_class(self) -> Any:
        """The same for a method's sampling options."""
        sampling = getattr(self.spec, "sampling", None)
        return Config if sampling is None else _load(sampling)

    @cached_property
    def options(self) -> Mapping[str, Any]:
        """The options of the test."""
        if self.given is not None:
            return self.given
        extra = self.config_class.model_config.get("json_schema_extra")
        examples = extra.get("examples") if isinstance(extra, Mapping) else None
        return examples[0] if examples else {}

    @cached_property
    def config(self) -> Config:
        """The validated options."""
        what = f"{self.spec.kind} {self.spec.name!r}"
        config: Config = validate(self.config_class, self.options, str(self.spec.kind), what)
        return config

    def build(self) -> Any:
        """Build the component as the engine does."""
        return self.target(self.config)


def _load(name: str) -> Any:
    module, _, attribute = name.partition(":")
    return getattr(import_module(module), attribute)


@promise(*Kind, where="Spec", gate=True)
def target(case: Case) -> None:
    """The spec's target is a complete subclass of its kind's class in posegen.core."""
    base, cls = CONTRACT_CLASSES[case.spec.kind], case.target
    fits = inspect.isclass(cls) and issubclass(cls, getattr(core, base))
    require(fits, f"{case.spec.target!r} is no posegen.core.{base}")
    missing = ", ".join(sorted(getattr(cls, "__abstractmethods__", ())))
    require(not missing, f"it does not define {missing}")


@promise(*Kind, where="Config")
def config(case: Case) -> None:
    """Options are a frozen posegen.core.Config that refuses unknown keys; each has a description,
    for `posegen config show` and for documentation."""
    for cls in (case.config_class, case.sampling_class):
        fits = inspect.isclass(cls) and issubclass(cls, Config)
        require(fits, f"{getattr(cls, '__name__', cls)!r} is no posegen.core.Config")
        refuses = cls.model_config.get("extra") == "forbid"
        require(refuses, "an unknown option is taken in silence")
        require(cls.model_config.get("frozen"), "its values can be changed")
        tree = cls.model_json_schema()
        for part in [tree, *tree.get("$defs", {}).values()]:
            for name, field in part.get("properties", {}).items():
                require(field.get("description"), f"the option {name!r} has no description")


@promise(*Kind, where="Config")
def light(case: Case) -> None:
    """Modules that are read before a component is used, that of its options and a model's own,
    import no torch."""
    spec = case.spec
    names = [spec.config, getattr(spec, "sampling", None)]
    names += [spec.target] if spec.kind is Kind.MODEL else []
    if modules := sorted({name.partition(":")[0] for name in names if name is not None}):
        without_torch(*modules)


@lru_cache
def without_torch(*modules: str) -> None:
    """Import modules in a fresh interpreter; torch must not come with them."""
    code = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]:\n"
        "    importlib.import_module(name)\n"
        "    if 'torch' in sys.modules:\n"
        "        sys.exit(f'importing {name} imports torch')\n"
    )
    path = os.pathsep.join(place or os.getcwd() for place in sys.path)
    command = [sys.executable, "-c", code, *modules]
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    require(not done.returncode, done.stderr.strip().rpartition("\n")[2])


@promise(*Kind, where="Config", gate=True)
def options(case: Case) -> None:
    """A component can be built from its default options, or its class of options gives an example;
    sampling options have defaults; and saved as JSON, options come back as they were."""
    required = [
        name
        for name, field in case.config_class.model_fields.items()
        if field.is_required() and name not in case.options
        if Path in (field.annotation, *get_args(field.annotation))
    ]
    if required:
        raise NotApplicable(f"it needs {' and '.join(required)}: give the options to test it with")
    try:
        sampling = validate(case.sampling_class, {}, "sampling", f"{case.spec.name!r}")
        made = (case.config, sampling)
    except ConfigError as error:
        raise Broken(str(error).rstrip(".")) from None
    for one in made:
        again = type(one).model_validate_json(one.model_dump_json())
        require(again == one, "saved and read again, the options are others")


@promise(*Kind, where="Spec", gate=True)
def build(case: Case) -> None:
    """It is built from its options and what its kind's contract adds."""
    try:
        case.build()
    except UserError as error:
        if isinstance(error, WeightsError) or not case.options:
            raise NotApplicable(f"it needs what only a user can give: {error}") from None
        raise
