"""What a plugin tells the engine about its components, without importing them.

A spec is a small frozen record. Its `target` and `config` are `"module:attribute"` strings that are
imported only when the component is used, so that listing a hundred plugins imports no torch.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Literal

import pluggy

#: Marks a function of a plugin module as a hook implementation.
hookimpl = pluggy.HookimplMarker("posegen")


#: The baseline's row in scores: the source image handed back as if it were the result.
BASELINE = "copy the source"


class Kind(StrEnum):
    """The kinds of components."""

    ENCODER = "encoder"
    GENERATOR = "generator"
    DISCRIMINATOR = "discriminator"
    LOSS = "loss"
    METRIC = "metric"
    DATASET = "dataset"
    DETECTOR = "detector"
    METHOD = "method"
    MODEL = "model"
    CONVERTER = "converter"
    TRACKER = "tracker"


#: The version of each kind's contract that this engine speaks. A plugin writes the number it was
#: written for into its specs as a literal; it goes up only when an old plugin would break.
#: docs/writing-a-plugin.md says how a plugin is moved from 1 to 2.
CONTRACTS: dict[Kind, int] = {
    **dict.fromkeys(Kind, 2),
    **dict.fromkeys((Kind.MODEL, Kind.CONVERTER, Kind.TRACKER), 1),
}

#: What a network can declare: `compile`, that torch.compile takes it as one graph; `export`, that
#: torch.export does.
CAPABILITIES = ("compile", "export")

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


@dataclass(frozen=True, kw_only=True)
class Spec:
    """One component: its name, where its code is, and what to know before loading it.

    Attributes:
        name: what users type; lower-case letters, digits and hyphens.
        summary: one line for `posegen plugins list`.
        target: `"module:attribute"` of the class (or function) that the kind's contract asks for.
        config: `"module:Class"` of its `posegen.core.Config`, or None where it takes no options.
        contract: the contract version it was written for; write the number, not `CONTRACTS[...]`.
        licence: SPDX expression of the code.
        source: where the method is from: a paper, a published repository.
        weights: the published files of weights that it needs, or can need, by name.
        capabilities: what it can do beyond its contract, out of `CAPABILITIES`; the conformance kit
            tests what is declared. Of a method, `export`: `sample` is a fixed computation without
            noise, so that an exported model can be it.

    Raises:
        ValueError: for a name, target or config of the wrong form.
    """

    kind: ClassVar[Kind]
    name: str
    summary: str
    target: str
    config: str | None = None
    contract: int
    licence: str = ""
    source: str = ""
    weights: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"component name {self.name!r} is not lower-case words with hyphens")
        for field in ("target", "config", "sampling"):
            value = getattr(self, field, None)
            if value is not None and not _TARGET.fullmatch(value):
                raise ValueError(f"{field} {value!r} of {self.name!r} is not 'module:attribute'")


class EncoderSpec(Spec):
    """A `posegen.core.PoseEncoder`."""

    kind = Kind.ENCODER


class GeneratorSpec(Spec):
    """A `posegen.core.Generator` (backbone)."""

    kind = Kind.GENERATOR


class DiscriminatorSpec(Spec):
    """A `posegen.core.Discriminator`."""

    kind = Kind.DISCRIMINATOR


class LossSpec(Spec):
    """A `posegen.core.Loss`."""

    kind = Kind.LOSS


@dataclass(frozen=True, kw_only=True)
class MetricSpec(Spec):
    """A `posegen.core.Metric`.

    Attributes:
        direction: which way is better.
        protocol: how exactly the number is computed, in one line; printed in every report.
        value_range: the least and the greatest value there can be; None where there is no bound.
        needs: what it reads beside the generated and the target images, in words a user knows:
            "masks", "keypoints", "detector", "reference images"…
    """

    kind = Kind.METRIC
    direction: Literal["higher", "lower"]
    protocol: str
    value_range: tuple[float | None, float | None] = (None, None)
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DatasetSpec(Spec):
    """A `posegen.core.PairDataset`.

    Attributes:
        marker: the file whose presence tells that a folder given as `--data PATH` is of this
            layout; None for a data set that is not a folder.
    """

    kind = Kind.DATASET
    marker: str | None = None


class DetectorSpec(Spec):
    """A `posegen.core.PoseDetector`."""

    kind = Kind.DETECTOR


@dataclass(frozen=True, kw_only=True)
class MethodSpec(Spec):
    """A `posegen.core.Method`.

    Attributes:
        sampling: `"module:Class"` of the `posegen.core.Config` with its sampling options: saved
            with the weights, and changed at use (`--sampling steps=4`); None where there are none.
    """

    kind = Kind.METHOD
    sampling: str | None = None


class ModelSpec(Spec):
    """A `posegen.core.Model`: a recipe with its presets."""

    kind = Kind.MODEL


class ConverterSpec(Spec):
    """A `posegen.core.WeightsConverter` for checkpoints that somebody else published."""

    kind = Kind.CONVERTER


class TrackerSpec(Spec):
    """A `posegen.core.Tracker`."""

    kind = Kind.TRACKER
