"""From a name and options to a component."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, get_args

from pydantic import ValidationError

from posegen.core.config import Config
from posegen.core.errors import ConfigError, suggest
from posegen.core.specs import Kind
from posegen.plugins.components import Registry


def component_config(
    registry: Registry, kind: Kind, name: str, options: Mapping[str, Any], where: str
) -> Config:
    """Validate a component's options.

    Args:
        registry: where the component is looked up.
        kind: its kind.
        name: its name.
        options: key -> value.
        where: the dotted place of the options in the configuration, for messages.

    Raises:
        PluginError: for an unknown component.
        ConfigError: for an unknown key or a bad value, naming it and the nearest keys.
    """
    cls = registry.get(kind, name).load_config() or Config
    beside = ("weight",) if kind is Kind.LOSS else ()
    config: Config = validate(cls, options, where, f"{kind} {name!r}", beside)
    return config


def validate(
    cls: type[Any], options: Mapping[str, Any], where: str, what: str, beside: Iterable[str] = ()
) -> Any:
    """Validate `options` as the pydantic class `cls`; say what is wrong in one sentence.

    `beside` are keys that a section has beside those of the class: a mistyped one is one of these.
    """
    try:
        return cls.model_validate(dict(options))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = [str(part) for part in first["loc"]]
        key = ".".join([where, *path] if where else path)
        if first["type"] == "extra_forbidden":
            known = [*fields_at(cls, first["loc"][:-1]), *(beside if len(path) == 1 else ())]
            near = suggest(path[-1], known) if known else "it takes none."
            raise ConfigError(f"{key}: {what} has no such option; {near}") from None
        if first["type"] == "missing":
            raise ConfigError(
                f"{key}: {what} needs a value; give it with `--set {key}=…`."
            ) from None
        raise ConfigError(f"{key}={first['input']}: {reason(first)}.") from None


def reason(problem: Any) -> str:
    """Return what pydantic says is wrong, as a part of a sentence."""
    text: str = problem["msg"].removeprefix("Value error, ")
    return text[0].lower() + text[1:]


def fields_at(cls: Any, path: Iterable[str | int]) -> list[str]:
    """Return the names of the fields that there are at a place within a pydantic class."""
    for part in path:
        if isinstance(part, str):
            field = getattr(cls, "model_fields", {}).get(part)
            types = (field.annotation, *get_args(field.annotation)) if field else ()
            cls = next((one for one in types if hasattr(one, "model_fields")), None)
    fields = getattr(cls, "model_fields", {})
    return [field.alias or name for name, field in fields.items()]


def build(registry: Registry, kind: Kind, name: str, config: Config, *context: Any) -> Any:
    """Build a component from its validated configuration and what its kind's contract adds."""
    return registry.get(kind, name).load()(config, *context)
