"""The model card: what weights are, how they were made and scored, in Markdown. Free of torch.

Its head is what the Hugging Face hub reads (https://huggingface.co/docs/hub/model-cards), written
as JSON values, which YAML takes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from posegen.core.errors import WeightsError
from posegen.core.headers import read_header
from posegen.core.specs import BASELINE
from posegen.weights.bundle import file_digest
from posegen.weights.description import WeightsConfig

#: The hub's names of licences, where it has one; others are "other" with a name.
_HUB_LICENCES = frozenset(
    {
        "apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "cc0-1.0", "cc-by-4.0",
        "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0", "cc-by-nc-nd-4.0", "cc-by-nd-4.0",
        "gpl-3.0", "lgpl-3.0", "agpl-3.0", "mpl-2.0", "unlicense",
    }
)  # fmt: skip


class _Read(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class Score(_Read):
    """One score; `str` of it is a table's cell."""

    value: float | None
    interval: tuple[float, float] | None
    count: int
    direction: Literal["higher", "lower"]
    protocol: str

    def __str__(self) -> str:
        if self.value is None:
            return "–"
        if self.interval is None:
            return f"{self.value:.4g}"
        low, high = self.interval
        return f"{self.value:.4g} [{low:.4g}, {high:.4g}]"


class Protocol(_Read):
    """The protocol that scores were computed by."""

    name: str
    version: int
    variant: str

    @property
    def title(self) -> str:
        """Name and variant, as `--protocol` takes them."""
        return f"{self.name}:{self.variant}" if self.variant else self.name


class Evaluation(_Read):
    """The scores under one protocol: row (a model, or the baseline) -> column -> score."""

    protocol: Protocol
    rows: dict[str, dict[str, Score]]

    @property
    def own(self) -> dict[str, Score]:
        """The model's scores, by column, whatever it was called; none without such a row."""
        return next((scores for row, scores in self.rows.items() if row != BASELINE), {})

    def values(self) -> dict[str, float]:
        """Return the model's scores, those that there are, by column."""
        return {name: s.value for name, s in self.own.items() if s.value is not None}

    @property
    def count(self) -> int:
        """How many images it is over; 0 where nothing was scored."""
        return max((s.count for scores in self.rows.values() for s in scores.values()), default=0)


class Scores(_Read):
    """A `scores.json` of `posegen eval`, as far as sharing weights needs it."""

    schema_: Literal[2] = Field(alias="schema")
    subject: dict[str, Any]
    evaluations: tuple[Evaluation, ...]


def read_scores(file: Path) -> Scores:
    """Read a `scores.json`.

    Raises:
        WeightsError: where it is not one that this version reads.
    """
    try:
        return Scores.model_validate_json(file.read_bytes())
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        reason = ": ".join([*(str(part) for part in first["loc"]), first["msg"].lower()])
        raise WeightsError(
            f"{file}: not as this version of `posegen eval` writes it ({reason}); run it again."
        ) from None


def card(
    name: str,
    source: str,
    config: WeightsConfig,
    tensors: Path,
    evaluations: Sequence[Evaluation] = (),
    pictures: Sequence[str] = (),
) -> str:
    """Return a card's Markdown.

    Args:
        name: what the weights are called.
        source: what `posegen weights pull` takes to get them.
        config: their description.
        tensors: their file.
        evaluations: their scores.
        pictures: names of the pictures that are beside the card.
    """
    header = read_header(tensors)
    environment = Environment(
        loader=PackageLoader("posegen.weights"),
        undefined=StrictUndefined,
        finalize=lambda value: value if isinstance(value, Markup) else _plain(str(value)),
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "json": lambda value: Markup(json.dumps(value)),
        "word": lambda text: re.sub(r"[^\w./:@+=-]", "-", text, flags=re.ASCII),  # of a shell
        "options": _options,
    }
    return environment.get_template("card.md.j2").render(
        head=_head(name, config, evaluations),
        name=name,
        source=source,
        config=config,
        made=" and ".join(map(" ".join, sorted(config.packages.items()))) or "posegen",
        size="×".join(map(str, config.image_size)),
        numbers=sum(tensor.count for tensor in header.tensors.values()),
        types=sorted({tensor.dtype for tensor in header.tensors.values()}),
        bytes=header.size,
        sha256=file_digest(tensors),
        evaluations=evaluations,
        pictures=pictures,
    )


def _head(name: str, config: WeightsConfig, evaluations: Sequence[Evaluation]) -> dict[str, Any]:
    known = config.licence.lower() in _HUB_LICENCES
    told = config.training.get("data")
    data = str(told.get("name", "unknown")) if isinstance(told, dict) else "unknown"
    results = [
        {
            "task": {"type": "image-to-image"},
            "dataset": {"name": data, "type": data},
            "metrics": [{"type": column, "name": f"{of.protocol.title} {column}", "value": value}],
        }
        for of in evaluations
        for column, value in of.values().items()
    ]
    return {
        "license": config.licence.lower() if known else "other",
        **({} if known else {"license_name": config.licence or "not-stated"}),
        "library_name": "posegen",
        "pipeline_tag": "image-to-image",
        "tags": ["posegen", "pose-transfer", "person-image-synthesis", config.model],
        **({"model-index": [{"name": name, "results": results}]} if results else {}),
    }


def _options(value: object) -> str:
    """Return the name and options of a component, or the text of anything else."""
    if not isinstance(value, Mapping):
        return str(value)
    name = str(value.get("name", ""))
    rest = [f"{key}={json.dumps(item)}" for key, item in value.items() if key != "name"]
    return f"{name} ({', '.join(rest)})" if rest else name


def _plain(text: str) -> str:
    """Make a text harmless in Markdown: one line, no markup, no link, no cell's end."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return re.sub(r"([\\`*\[\]<>|])", r"\\\1", line)
