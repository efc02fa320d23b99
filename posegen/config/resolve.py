"""From a tree, a model and a preset to a complete, validated experiment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from posegen.config.schema import TRACKERS, ComponentOptions, ExperimentConfig
from posegen.config.sources import Tree, merge_all, parse_override
from posegen.core.config import Config
from posegen.core.errors import ConfigError, suggest
from posegen.core.recipes import Model
from posegen.core.specs import Kind
from posegen.plugins import Registry, component_config, validate
from posegen.plugins import registry as installed

#: The sections of a configuration that name a component.
SECTIONS = {
    "data": Kind.DATASET,
    "encoder": Kind.ENCODER,
    "generator": Kind.GENERATOR,
    "method": Kind.METHOD,
}
#: The sections that name several.
GROUPS = {"discriminators": Kind.DISCRIMINATOR, "losses": Kind.LOSS, "trackers": Kind.TRACKER}


def preset(model: str, name: str | None = None, registry: Registry | None = None) -> Tree:
    """Return the configuration tree of a model's preset.

    Raises:
        PluginError: for an unknown model.
        ConfigError: for an unknown preset.
    """
    recipe: type[Model] = (registry or installed()).get(Kind.MODEL, model).load()
    name = name or recipe.default_preset
    if name not in recipe.presets:
        raise ConfigError(
            f"--preset {name}: model {model!r} has no such preset; {suggest(name, recipe.presets)}"
        )
    base = {"trackers": TRACKERS}  # here, so that one of them can be removed by its name
    return merge_all([base, recipe.presets[name], {"model": model, "preset": name}])


def title_of(model: str, name: str, generator: str) -> str:
    """Return what an experiment is called: `patn`, or `patn with my-net` for another generator.

    Args:
        model: the recipe; where it is not installed, the generator is named unless it is called so.
        name: of the recipe's preset, or "".
        generator: the generator's name.
    """
    own = model
    if model in installed().names(Kind.MODEL):
        presets = installed().get(Kind.MODEL, model).load().presets
        own = presets.get(name, preset(model))["generator"]["name"]
    return model if generator == own else f"{model} with {generator}"


def experiment(
    *trees: Mapping[str, Any], overrides: Iterable[str] = (), registry: Registry | None = None
) -> ExperimentConfig:
    """Lay trees over one another and validate the result, every component's options included.

    Args:
        trees: from the lowest to the highest.
        overrides: `key=value` texts, laid on top in their order, but a component's name before
            its options: another name drops the options of the component before it.
        registry: where components are looked up; the installed ones by default.

    Returns:
        The configuration with every option of every component filled in.

    Raises:
        ConfigError: naming the key, and what is wrong with it.
        PluginError: for an unknown component.
    """
    registry = registry or installed()
    tree = merge_all([*trees, *(parse_override(text) for text in _names_first(overrides))])
    _check_removals(tree)
    config: ExperimentConfig = validate(ExperimentConfig, tree, "", "the configuration")
    filled: Tree = {
        section: _fill(registry, kind, getattr(config, section), section)
        for section, kind in SECTIONS.items()
    }
    for group, kind in GROUPS.items():
        members: Mapping[str, ComponentOptions] = getattr(config, group)
        filled[group] = {
            key: _fill(registry, kind, member, f"{group}.{key}") for key, member in members.items()
        }
    filled["sampling"] = sampling_of(
        config.method.name, config.sampling, "sampling", registry
    ).model_dump(mode="json", exclude_none=True)
    return config.model_copy(update=filled)


def _names_first(overrides: Iterable[str]) -> list[str]:
    """Move `a.name=…` before the `a.…=…` that come since `a=…` was last given."""
    ordered: list[str] = []
    for text in overrides:
        section, dot, key = text.partition("=")[0].strip().rpartition(".")
        place = len(ordered)
        if dot and key == "name":
            for index in reversed(range(len(ordered))):
                earlier = ordered[index].partition("=")[0].strip()
                if earlier == section:
                    break
                if earlier.startswith(f"{section}."):
                    place = index
        ordered.insert(place, text)
    return ordered


def _check_removals(tree: Tree) -> None:
    """Say so where a section is removed that is not there, or that must be there."""
    for group in GROUPS:
        members = tree.get(group) or {}
        if not isinstance(members, Mapping):
            raise ConfigError(f"{group}={members}: is a section; write {group}.NAME.KEY=value.")
        there = [key for key, value in members.items() if value is not None]
        for key in members:
            if key not in there:
                raise ConfigError(f"{group}.{key}=none: no such section; {suggest(key, there)}")
    for section in SECTIONS:
        if tree.get(section) is None:
            raise ConfigError(
                f"{section}: every experiment needs this section; name a component with "
                f"`--set {section}.name=…`."
            )


def options_of(
    section: ComponentOptions, kind: Kind, where: str, registry: Registry | None = None
) -> Config:
    """Return the typed configuration of a section's component."""
    return component_config(registry or installed(), kind, section.name, section.options, where)


def sampling_of(
    method: str, options: Mapping[str, Any], where: str, registry: Registry | None = None
) -> Config:
    """Return the typed sampling options of a method.

    Args:
        method: its name.
        options: those that are not to have their defaults.
        where: what stands before an option's name, for messages.
        registry: where the method is looked up; the installed ones by default.

    Raises:
        ConfigError: for an option that the method does not have, or a bad value.
    """
    component = (registry or installed()).get(Kind.METHOD, method)
    config: Config = validate(
        component.load_sampling() or Config, options, where, f"the sampling of {method!r}"
    )
    return config


def _fill(
    registry: Registry, kind: Kind, section: ComponentOptions, where: str
) -> ComponentOptions:
    options = options_of(section, kind, where, registry).model_dump(mode="json", exclude_none=True)
    own = {key: getattr(section, key) for key in type(section).model_fields}
    return type(section).model_validate({**own, **options})
