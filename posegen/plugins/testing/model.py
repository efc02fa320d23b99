"""`check_model`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from posegen.core import Kind, ModelSpec
from posegen.core.errors import UserError
from posegen.plugins.build import component_config
from posegen.plugins.discovery import registry
from posegen.plugins.testing.report import Check, Report, check
from posegen.plugins.testing.subject import Subject, examine

#: Sections of a configuration that name a component; the last two name several.
SECTIONS = {
    "data": Kind.DATASET,
    "encoder": Kind.ENCODER,
    "generator": Kind.GENERATOR,
    "method": Kind.METHOD,
    "discriminators": Kind.DISCRIMINATOR,
    "losses": Kind.LOSS,
}
GROUPS = ("discriminators", "losses")


def check_model(component: str | ModelSpec, *, skip: Mapping[str, str] | None = None) -> Report:
    """Test a model's presets; the model and its parts must be installed.

    Args:
        component: its name among the installed plugins, or its spec.
        skip: name of a check -> why it is left out.
    """
    subject = Subject(Kind.MODEL, component)
    return examine(subject, lambda: subject.target, ModelCase(subject), MODEL, skip)


@dataclass(frozen=True)
class ModelCase:
    """A model."""

    subject: Subject

    @property
    def presets(self) -> Mapping[str, Mapping[str, Any]]:
        """Name -> configuration tree."""
        found: Mapping[str, Mapping[str, Any]] = self.subject.target.presets
        return found

    def parts(self, preset: str) -> Iterator[tuple[str, Kind, Mapping[str, Any]]]:
        """Yield place, kind and section of every component that a preset names."""
        for section, kind in SECTIONS.items():
            found = self.presets[preset].get(section, {})
            if section in GROUPS:
                yield from ((f"{section}.{key}", kind, part) for key, part in found.items())
            else:
                yield section, kind, found

    def files(self, preset: str) -> dict[str, str]:
        """Return options that only a user can give: the folder of the preset's data."""
        data = self.presets[preset]["data"]
        config = registry().get(Kind.DATASET, data["name"]).load_config()
        lacking = config is not None and "root" in config.model_fields and "root" not in data
        return {"root": "."} if lacking else {}


@check(
    "presets",
    asks="`presets` are configuration trees by name, and `default_preset` is one of them",
    where="posegen.core.Model",
)
def presets(case: ModelCase) -> str | None:
    """There is something to train."""
    found = getattr(case.subject.target, "presets", None)
    if not isinstance(found, Mapping) or not found:
        return f"`presets` is {found!r}"
    default = getattr(case.subject.target, "default_preset", None)
    return None if default in found else f"`default_preset` is {default!r}"


@check(
    "parts",
    asks="every part is an installed component with options that it has",
    where="posegen.core.Model",
)
def parts(case: ModelCase) -> str | None:
    """Each component is there, and takes its options."""
    for preset in case.presets:
        for place, kind, section in case.parts(preset):
            if "name" not in section:
                return f"preset {preset!r}: {place} names no component"
            own = {"name", "weight"} if kind is Kind.LOSS else {"name"}
            options = {key: value for key, value in section.items() if key not in own}
            if kind is Kind.DATASET:
                options |= case.files(preset)
            try:
                component_config(registry(), kind, section["name"], options, place)
            except UserError as error:
                return f"preset {preset!r}: {str(error).rstrip('.')}"
    return None


@check(
    "complete",
    asks="`posegen config show --model NAME --preset PRESET` accepts every preset",
    where="posegen.core.Model",
)
def complete(case: ModelCase) -> str | None:
    """The command line, as a user has it, accepts every preset."""
    name = case.subject.spec.name
    for preset in case.presets:
        words = ["config", "show", "--model", name, "--preset", preset]
        for key, value in case.files(preset).items():
            words += ["--set", f"data.{key}={value}"]
        command = [sys.executable, "-m", "posegen", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            said = " ".join(done.stderr.split()).removeprefix("error: ").rstrip(".")
            return f"preset {preset!r}: {said}"
    return None


MODEL: tuple[Check[ModelCase], ...] = (presets, parts, complete)
