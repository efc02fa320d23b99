"""`check_converter`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from posegen.core import ConverterSpec, Kind, TaskInfo, WeightsConverter, WeightsError
from posegen.plugins.build import build, component_config
from posegen.plugins.discovery import registry
from posegen.plugins.testing.report import Check, NotApplicable, Report, check
from posegen.plugins.testing.subject import Subject, examine


def check_converter(
    component: str | ConverterSpec,
    *,
    published: Mapping[str, Tensor] | None = None,
    skip: Mapping[str, str] | None = None,
) -> Report:
    """Test a converter of checkpoints against its contract.

    Args:
        component: its name among the installed plugins, or its spec.
        published: the state dict of a generator as published, with any values; without it only
            refusals are tested.
        skip: name of a check -> why it is left out.
    """
    subject = Subject(Kind.CONVERTER, component)
    case = ConverterCase(subject, published)
    return examine(subject, case.build, case, CONVERTER, skip)


@dataclass(frozen=True)
class ConverterCase:
    """A converter, and what to convert."""

    subject: Subject
    published: Mapping[str, Tensor] | None

    def build(self) -> WeightsConverter:
        """Build it."""
        converter: WeightsConverter = self.subject.target()
        return converter


@check(
    "refuses",
    asks="tensors of a network that it does not know are a WeightsError that names the file",
    where="posegen.core.WeightsConverter.convert",
)
def refuses(case: ConverterCase) -> str | None:
    """Somebody else's checkpoint is told in a sentence."""
    path = Path("somebody-elses.pth")
    foreign = {"no.such.layer.weight": torch.zeros(3, 3, 3, 3)}
    for tensors in ({}, foreign):
        try:
            case.build().convert(tensors, path)
        except WeightsError as error:
            if path.name not in str(error):
                return f"the error does not name the file: {error}"
        else:
            return "it takes tensors of a network that it cannot know"
    return None


@check(
    "converts",
    asks="a tree with `generator`, `encoder` and `image_size`, and tensors that fit the generator",
    where="posegen.core.WeightsConverter.convert",
)
def converts(case: ConverterCase) -> str | None:
    """The result is a network of ours."""
    if case.published is None:
        raise NotApplicable("no published state dict was given")
    tree, tensors = case.build().convert(dict(case.published), Path("published.pth"))
    absent = [key for key in ("generator", "encoder", "image_size") if key not in tree]
    if absent:
        return f"the tree has no {absent[0]!r}"
    encoder = _part(Kind.ENCODER, tree["encoder"])
    size = tree["image_size"]
    network: nn.Module = _part(
        Kind.GENERATOR, tree["generator"], TaskInfo((size[0], size[1]), encoder.channels)
    )
    network.load_state_dict(tensors)  # raises where one is missing, left over or misshapen
    return None


def _part(kind: Kind, section: Mapping[str, Any], *context: Any) -> Any:
    options = {key: value for key, value in section.items() if key != "name"}
    config = component_config(registry(), kind, section["name"], options, str(kind))
    return build(registry(), kind, section["name"], config, *context)


CONVERTER: tuple[Check[ConverterCase], ...] = (refuses, converts)
