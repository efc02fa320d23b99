"""`posegen weights`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from posegen.cli.options import parse_size

app = typer.Typer(help="Weights as shareable folders.", no_args_is_help=True)

WeightsArgument = Annotated[
    str, typer.Argument(metavar="RUN|WEIGHTS", help="A run, weights, or pulled weights by name.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Sha256Option = Annotated[
    str | None, typer.Option("--sha256", metavar="DIGEST", help="What the file has to be.")
]


class Stored(StrEnum):
    """Types that floating-point tensors are stored as."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"


def _say(text: str) -> None:
    from posegen.cli.console import output

    output().print(text, highlight=False, markup=False, soft_wrap=True)


@app.command("list")
def list_(json: JsonOption = False) -> None:
    """List the pulled weights, and those of the catalogue."""
    import json as json_module

    rows = _rows()
    if json:
        print(json_module.dumps(rows, indent=2))
    elif rows:
        _print(("name", "model", "licence", "where"), rows)
    else:
        _say("No weights are pulled, and the catalogue has none; `posegen weights pull` gets some.")


def _rows() -> list[dict[str, Any]]:
    from posegen.plugins import catalogue
    from posegen.weights.cache import pulled
    from posegen.weights.description import read_config

    def row(name: str, of: Any, where: str, sources: list[str]) -> dict[str, Any]:
        title = f"{of.model} {of.preset}".strip()
        return {
            "name": name,
            "model": title,
            "licence": of.licence,
            "where": where,
            "sources": sources,
        }

    items, known = pulled(), catalogue.load()
    rows = [
        row(
            item.name or item.digest[:12],
            read_config(item.folder),
            str(item.folder),
            [*item.sources],
        )
        for item in items
    ]
    have = {sha256 for item in items for sha256 in item.sources.values()}
    for entry in known.weights.values():
        if entry.sha256 not in have:
            where = f"catalogue, {entry.size / 1e6:,.1f} MB"
            rows.append(row(entry.name, entry, where, [known.place(entry)]))
    return rows


def _print(titles: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    from rich.table import Table
    from rich.text import Text

    from posegen.cli.console import output

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in titles:
        table.add_column(title, no_wrap=title == "name", overflow="fold")
    for row in rows:
        table.add_row(*(Text(str(row[title])) for title in titles))
    output().print(table)


@app.command()
def info(path: WeightsArgument) -> None:
    """Show what weights say of themselves."""
    import json

    from posegen.core.headers import read_header
    from posegen.weights.bundle import file_digest
    from posegen.weights.cache import find
    from posegen.weights.description import TENSORS, differences, read_config

    place = find(path)
    config = read_config(place)
    file = place / TENSORS if place.is_dir() else place
    tensors = read_header(file).tensors.values()
    told = {
        "size": file.stat().st_size,
        "sha256": file_digest(file),
        "tensors": len(tensors),
        "numbers": sum(tensor.count for tensor in tensors),
        "types": sorted({tensor.dtype for tensor in tensors}),
    }
    print(json.dumps({**config.tree(), "file": told, "differences": differences(config)}, indent=2))


@app.command()
def pull(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="https://…, hf:owner/name[@revision], a folder or file, or a catalogue's name.",
        ),
    ],
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="What they are to be called here.")
    ] = None,
    sha256: Sha256Option = None,
    offline: Annotated[
        bool,
        typer.Option("--offline", help="Only from the cache; POSEGEN_OFFLINE=1 does the same."),
    ] = False,
    max_size: Annotated[float, typer.Option(metavar="GB", min=0, help="Take no more.")] = 4.0,
) -> None:
    """Get weights into the cache, checked; then use them by name.

    A download that was cut off goes on where it stopped when you run the command again.
    """
    from posegen.cli.console import errors, progress
    from posegen.weights.description import differences, read_config
    from posegen.weights.download import is_offline
    from posegen.weights.pull import pull, request

    wanted = request(source, name=name, sha256=sha256, max_size=int(max_size * 1e9))
    with progress(f"pulling {wanted.name}") as advance:
        item = pull(wanted, offline=offline or is_offline(), on_progress=advance)
    _say(f"{item.name}: {item.folder}")
    if wanted.sha256 is None:
        _say(f"sha256 {item.sources[wanted.source]}, which nobody vouched for: compare or pin it.")
    for sentence in differences(read_config(item.folder)):
        errors().print(f"note: {sentence}.", highlight=False, markup=False, soft_wrap=True)
    errors().print(f"Next: posegen generate --weights {item.name} …", highlight=False)


@app.command()
def push(
    path: WeightsArgument,
    to: Annotated[
        str, typer.Argument(metavar="TO", help="A new folder, a new .tar file, or hf:owner/name.")
    ],
    licence: Annotated[
        str | None,
        typer.Option(metavar="SPDX", help="The licence of the weights, e.g. CC-BY-4.0."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="What the card calls them.")
    ] = None,
    dtype: Annotated[
        Stored | None,
        typer.Option(metavar="float32|bfloat16|float16", help="Type; by default as they are."),
    ] = None,
    public: Annotated[
        bool, typer.Option("--public", help="Make a new hub repository public; else it is private.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Upload without asking.")] = False,
) -> None:
    """Share weights with a model card, made from what the run knows.

    Absolute paths in the description and the scores are cut down to their last name.
    """
    import tomli_w

    from posegen.cli.console import errors
    from posegen.weights.hub import PREFIX
    from posegen.weights.push import push

    if to.startswith(PREFIX) and not yes:
        who = "everybody can see" if public else "is private if it is new"
        typer.confirm(f"Upload {path} to {to}, which {who}?", abort=True, err=True)
    pushed = push(
        path,
        to,
        licence=licence,
        name=name,
        stored=dtype.value if dtype else None,
        public=public,
    )
    for note in pushed.notes:
        errors().print(f"note: {note}.", highlight=False, markup=False, soft_wrap=True)
    _say(f"Written: {pushed.where}. Its entry for a catalogue (registry.toml):\n")
    _say(tomli_w.dumps({"weights": [pushed.entry]}))


@app.command()
def verify(path: WeightsArgument, sha256: Sha256Option = None, json: JsonOption = False) -> None:
    """Check weights: every byte, the description, and that they fit the installed network."""
    import json as json_module

    from posegen.weights.verify import verify

    found = verify(path, sha256)
    if json:
        told = {
            "sha256": found.sha256,
            "files": list(found.files),
            "differences": list(found.differences),
        }
        print(json_module.dumps(told, indent=2))
        return
    generator = found.config.generator.name
    _say(f"sound, and fits generator {generator!r} as it is installed; sha256 {found.sha256}")
    for sentence in found.differences:
        _say(f"note: {sentence}")


@app.command()
def card(
    path: WeightsArgument,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write it there; else it is printed.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="What the card calls them.")
    ] = None,
) -> None:
    """Make the model card of a run or of weights: data, protocol, scores, licence, use."""
    from posegen.weights.card import card
    from posegen.weights.files import write_atomically
    from posegen.weights.push import facts, materials

    title = name or Path(path).expanduser().resolve().name
    text = card(facts(materials(path), title, title))
    if out is None:
        print(text, end="")
    else:
        write_atomically(out, text.encode())
        _say(f"Written: {out}.")


@app.command()
def convert(
    checkpoint: Annotated[Path, typer.Argument(metavar="FILE", help="A published checkpoint.")],
    from_: Annotated[
        str, typer.Option("--from", metavar="FORMAT", help="Its format, e.g. patn-official.")
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The new folder.")],
    encoder: Annotated[
        str | None, typer.Option(help="The pose encoder that it was trained with.")
    ] = None,
    image_size: Annotated[
        str | None, typer.Option(metavar="HxW", help="The image size that it was trained at.")
    ] = None,
) -> None:
    """Turn a published checkpoint into a folder that posegen uses and shares.

    The file is read without running any code in it.
    """
    from posegen.cli.console import output
    from posegen.weights.convert import convert

    size = parse_size(image_size, "--image-size") if image_size else None
    config = convert(checkpoint, out, from_, encoder=encoder, image_size=size)
    output().print(
        f"Written: {out} (generator {config.generator.name}, {config.image_size[0]}×"
        f"{config.image_size[1]}, encoder {config.encoder.name}). If it was trained with another "
        "encoder or size, say so with --encoder and --image-size.",
        highlight=False,
        soft_wrap=True,
    )
