"""`posegen weights`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from posegen.cli.console import note, print_json, print_table, progress, say
from posegen.cli.options import (
    JsonOption,
    WeightsArgument,
    YesOption,
    output_file,
    output_folder,
    parse_size,
)
from posegen.core.errors import ConfigError, WeightsError

app = typer.Typer(help="Weights as shareable folders.", no_args_is_help=True)

Sha256Option = Annotated[
    str | None, typer.Option("--sha256", metavar="DIGEST", help="What the file has to be.")
]
CardNameOption = Annotated[
    str | None, typer.Option("--name", metavar="NAME", help="What the card calls them.")
]


@app.command("list")
def list_(json: JsonOption = False) -> None:
    """List the weights on this machine, and those of the catalogue."""
    rows = _rows()
    if json:
        print_json(rows)
    elif rows:
        print_table(("name", "model", "licence", "where"), rows)
    else:
        say("No weights are here, and the catalogue has none; `posegen weights pull` gets some.")


def _rows() -> list[dict[str, Any]]:
    from posegen.plugins import catalogue
    from posegen.weights.cache import installed, pulled
    from posegen.weights.description import read_config

    items, known, rows = pulled(), catalogue.load(), []

    def add(name: str, of: Any, where: str, sources: list[str]) -> None:
        about = {"name": name, "model": f"{of.model} {of.preset}".strip(), "licence": of.licence}
        rows.append({**about, "where": where, "sources": sources})

    for item in items:
        try:
            config = read_config(item.folder)
        except WeightsError as error:  # the others are of use all the same
            note(f"note: {error}")
            continue
        add(item.name or item.digest[:12], config, str(item.folder), [*item.sources])
    have = {sha256 for item in items for sha256 in item.sources.values()}
    for entry in known.weights.values():
        if entry.sha256 not in have:
            size = f"{entry.size / 1e6:,.1f} MB"
            where = f"catalogue, {size}"
            if entry.package:
                here = installed(entry)
                where = str(here) if here else f"pip install {entry.package}, {size}"
            add(entry.name, entry, where, [known.place(entry)])
    return rows


@app.command()
def info(path: WeightsArgument) -> None:
    """Show what weights say of themselves."""
    from posegen.core.headers import read_header
    from posegen.weights.bundle import file_digest
    from posegen.weights.cache import find
    from posegen.weights.description import differences, read_config, tensors_of

    place = find(path)
    config, file = read_config(place), tensors_of(place)
    tensors = read_header(file).tensors.values()
    about = {
        "size": file.stat().st_size,
        "sha256": file_digest(file),
        "tensors": len(tensors),
        "numbers": sum(tensor.count for tensor in tensors),
        "types": sorted({tensor.dtype for tensor in tensors}),
    }
    print_json({**config.tree(), "file": about, "differences": differences(config)})


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
    max_size: Annotated[float, typer.Option(metavar="GB", help="Take no more.")] = 4.0,
) -> None:
    """Get weights into the cache, checked; then use them by name."""
    from posegen.weights.description import differences, read_config
    from posegen.weights.pull import pull, request

    most = 1_000_000
    if not 0 <= max_size <= most:  # NaN is neither
        raise ConfigError(f"--max-size {max_size:g}: give gigabytes, from 0 to {most:,}.")
    wanted = request(source, name=name, sha256=sha256, max_size=int(max_size * 1e9))
    with progress(f"pulling {wanted.name}") as advance:
        item = pull(wanted, offline=offline, on_progress=advance)
    say(f"{item.name}: {item.folder}")
    if wanted.sha256 is None:
        say(f"sha256 {item.sources[wanted.source]}, which nobody vouched for: compare or pin it.")
    for sentence in differences(read_config(item.folder)):
        note(f"note: {sentence}.")
    note(f"Next: posegen generate --weights {item.name} …")


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
    name: CardNameOption = None,
    dtype: Annotated[
        Literal["float32", "bfloat16", "float16"] | None,
        typer.Option(metavar="float32|bfloat16|float16", help="Type; by default as they are."),
    ] = None,
    public: Annotated[
        bool, typer.Option("--public", help="Make a new hub repository public; else it is private.")
    ] = False,
    yes: YesOption = False,
) -> None:
    """Share weights with a model card, made from what the run knows.

    Absolute paths in the description and the scores are cut down to their last name.
    """
    import tomli_w

    from posegen.weights.hub import PREFIX
    from posegen.weights.push import push

    if to.startswith(PREFIX) and not yes:
        who = "everybody can see" if public else "is private if it is new"
        typer.confirm(f"Upload {path} to {to}, which {who}?", abort=True, err=True)
    pushed = push(path, to, licence=licence, name=name, stored=dtype, public=public)
    for sentence in pushed.notes:
        note(f"note: {sentence}.")
    say(f"Written: {pushed.where}. Its entry for a catalogue (registry.toml):\n")
    say(tomli_w.dumps({"weights": [pushed.entry]}))


@app.command()
def verify(path: WeightsArgument, sha256: Sha256Option = None, json: JsonOption = False) -> None:
    """Check weights: every byte, the description, and that they fit the installed network."""
    from posegen.weights.description import differences
    from posegen.weights.pull import verify

    config, digest, files = verify(path, sha256)
    notes = differences(config)
    if json:
        print_json({"sha256": digest, "files": files, "differences": notes})
        return
    generator = config.generator.name
    say(f"sound, and fits generator {generator!r} as it is installed; sha256 {digest}")
    for sentence in notes:
        say(f"note: {sentence}")


@app.command()
def card(
    path: WeightsArgument,
    out: Annotated[
        Path | None,
        typer.Option(
            callback=output_file, metavar="FILE", help="Write it there; else it is printed."
        ),
    ] = None,
    name: CardNameOption = None,
) -> None:
    """Make the model card of a run or of weights: data, protocol, scores, licence, use."""
    from posegen.core.writing import write_atomically
    from posegen.weights.push import materials

    title = name or Path(path).expanduser().resolve().name
    text = materials(path).card(title, title)
    if out is None:
        say(text.removesuffix("\n"))
    else:
        write_atomically(out, text.encode())
        say(f"Written: {out}.")


@app.command()
def convert(
    checkpoint: Annotated[Path, typer.Argument(metavar="FILE", help="A published checkpoint.")],
    from_: Annotated[
        str, typer.Option("--from", metavar="FORMAT", help="Its format, e.g. patn-official.")
    ],
    out: Annotated[
        Path, typer.Option(callback=output_folder, metavar="DIR", help="The new folder.")
    ],
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
    from posegen.weights.convert import convert

    size = parse_size(image_size, "--image-size") if image_size else None
    config = convert(checkpoint, out, from_, encoder=encoder, image_size=size)
    say(
        f"Written: {out} (generator {config.generator.name}, {config.image_size[0]}×"
        f"{config.image_size[1]}, encoder {config.encoder.name}). If it was trained with another "
        "encoder or size, say so with --encoder and --image-size."
    )
