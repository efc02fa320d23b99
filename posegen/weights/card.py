"""The model card: what weights are, how they were made and scored, in Markdown. Free of torch.

Its head is what the Hugging Face hub reads (https://huggingface.co/docs/hub/model-cards), written
as JSON values, which YAML takes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from posegen.core.headers import Header
from posegen.weights.description import WeightsConfig
from posegen.weights.scores import Table

#: The hub's names of licences, where it has one; others are "other" with a name.
_HUB_LICENCES = frozenset(
    {
        "apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "cc0-1.0", "cc-by-4.0",
        "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0", "cc-by-nc-nd-4.0", "cc-by-nd-4.0",
        "gpl-3.0", "lgpl-3.0", "agpl-3.0", "mpl-2.0", "unlicense",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Facts:
    """All that a card tells.

    Attributes:
        name: what the weights are called.
        source: what `posegen weights pull` takes to get them.
        config: their description.
        header: of the tensors' file, and `sha256` its digest.
        tables: the scores, protocol by protocol.
        pictures: names of pictures that are beside the card.
    """

    name: str
    source: str
    config: WeightsConfig
    header: Header
    sha256: str
    tables: tuple[Table, ...] = ()
    pictures: tuple[str, ...] = ()


def card(facts: Facts) -> str:
    """Return the card's Markdown."""
    parts = [_head(facts), f"# {_plain(facts.name)}", _opening(facts), *_pictures(facts)]
    parts += ["## How to use", _use(facts)]
    parts += ["## What it is", _table(("", ""), _about(facts))]
    training = list(_training(facts.config))
    parts += ["## Training", _table(("", ""), training) if training else "Not told."]
    parts += ["## Scores", *(_scores(facts))]
    licence = facts.config.licence or "Not stated: ask whoever shares them before using them."
    parts += ["## Licence", f"{_plain(licence)}"]
    return "\n\n".join(parts) + "\n"


def _head(facts: Facts) -> str:
    licence = facts.config.licence
    known = licence.lower() in _HUB_LICENCES
    head: dict[str, Any] = {"license": licence.lower() if known else "other"}
    if not known:
        head["license_name"] = licence or "not-stated"
    head["library_name"] = "posegen"
    head["pipeline_tag"] = "image-to-image"
    head["tags"] = ["posegen", "pose-transfer", "person-image-synthesis", facts.config.model]
    results = [result for table in facts.tables for result in _results(facts.config, table)]
    if results:
        head["model-index"] = [{"name": facts.name, "results": results}]
    lines = [f"{key}: {json.dumps(value)}" for key, value in head.items()]
    return "\n".join(["---", *lines, "---"])


def _results(config: WeightsConfig, table: Table) -> Iterator[dict[str, Any]]:
    """Yield the model's own scores as the hub's `model-index` has them."""
    told = config.training.get("data")
    data = str(told.get("name", "unknown")) if isinstance(told, dict) else "unknown"
    for column, score in table.rows.get(config.model, {}).items():
        if score.value is not None:
            yield {
                "task": {"type": "image-to-image"},
                "dataset": {"name": data, "type": data},
                "metrics": [
                    {"type": column, "name": f"{table.protocol} {column}", "value": score.value}
                ],
            }


def _opening(facts: Facts) -> str:
    config = facts.config
    height, width = config.image_size
    preset = f", preset `{_plain(config.preset)}`" if config.preset else ""
    made = " and ".join(f"{_plain(k)} {_plain(v)}" for k, v in sorted(config.packages.items()))
    return (
        f"Weights of a generator (`{_plain(config.model)}`{preset}) that shows the person of a "
        f"picture in another pose, at {height}×{width} pixels (height × width). "
        f"Made with {made or 'posegen'}."
    )


def _pictures(facts: Facts) -> list[str]:
    return [f"![{_plain(name)}]({name})" for name in facts.pictures]


def _use(facts: Facts) -> str:
    packages = " ".join(_word(name) for name in sorted(facts.config.packages)) or "posegen"
    name = _word(facts.name)
    return (
        "```sh\n"
        f"pip install {packages}\n"
        f"posegen weights pull {_word(facts.source)} --name {name}\n"
        f"posegen generate --weights {name} --source me.png --source-pose me.json "
        "--target-pose walk.json --out results\n"
        "```\n\n"
        "```python\n"
        "import posegen\n\n"
        f'model = posegen.load_model("{name}")\n'
        'picture = model.generate("me.png", "me.json", "walk.json")\n'
        "```"
    )


def _about(facts: Facts) -> Iterator[tuple[str, str]]:
    config, tensors = facts.config, facts.header.tensors.values()
    height, width = config.image_size
    normalisation = config.normalisation
    types = sorted({tensor.dtype for tensor in tensors})
    yield "generator", _options(config.generator.model_dump(mode="json"))
    yield "pose encoder", _options(config.encoder.model_dump(mode="json"))
    yield "keypoints", config.layout
    yield "image size", f"{height}×{width} (height × width)"
    scale = f"mean {list(normalisation.mean)}, std {list(normalisation.std)}"
    yield "normalisation", f"{normalisation.channels}, {scale}"
    yield "generator contract", str(config.contract)
    yield "numbers", f"{sum(tensor.count for tensor in tensors):,} ({', '.join(types)})"
    yield "file", f"{facts.header.size:,} bytes, sha256 {facts.sha256}"


def _training(config: WeightsConfig) -> Iterator[tuple[str, str]]:
    for key, value in config.training.items():
        yield key.replace("_", " "), _options(value) if isinstance(value, dict) else str(value)


def _options(tree: Mapping[str, Any]) -> str:
    name = str(tree.get("name", ""))
    rest = [f"{key}={json.dumps(value)}" for key, value in tree.items() if key != "name"]
    return f"{name} ({', '.join(rest)})" if rest else name


def _scores(facts: Facts) -> Iterator[str]:
    if not facts.tables:
        yield "None were shared with these weights; `posegen eval` computes them."
    if any(tensor.dtype in ("F16", "BF16") for tensor in facts.header.tensors.values()):
        yield "The tensors are stored at half precision; the scores are of the weights before that."
    for table in facts.tables:
        first = next(iter(table.rows.values()), {})
        arrows = {"higher": "↑", "lower": "↓"}
        head = ["", *(f"{c} {arrows.get(score.direction, '')}" for c, score in first.items())]
        rows = [(row, *map(str, scores.values())) for row, scores in table.rows.items()]
        title = f"{table.protocol}, version {table.version}, {table.count:,} images"
        yield f"### {_plain(title)}"
        yield _table(head, rows)
        yield "\n".join(f"- {_plain(c)}: {_plain(first[c].protocol)}." for c in first)


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = [_plain(cell) for cell in head]
    lines = [head, ["---"] * len(head), *([_plain(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _plain(text: str) -> str:
    """Make a text harmless in Markdown: one line, no markup, no link, no cell's end."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return re.sub(r"([\\`*\[\]<>|])", r"\\\1", line)


def _word(text: str) -> str:
    """Make a text one harmless word of a shell."""
    return re.sub(r"[^\w./:@+=-]", "-", text, flags=re.ASCII)
