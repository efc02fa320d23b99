"""`posegen weights`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from posegen.cli.options import parse_size

app = typer.Typer(help="Weights as shareable folders.", no_args_is_help=True)


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


@app.command()
def info(
    path: Annotated[Path, typer.Argument(metavar="RUN|WEIGHTS", help="A run or weights.")],
) -> None:
    """Show what weights say of themselves."""
    import json

    from posegen.weights.folder import read_config

    folder = path / "weights" if (path / "weights").is_dir() else path
    print(json.dumps(read_config(folder).tree(), indent=2))
