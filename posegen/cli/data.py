"""`posegen data`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from posegen.cli.options import SetOption, data_section, parse_size, parse_split

app = typer.Typer(
    help="Look at data sets, and write them in published layouts.", no_args_is_help=True
)

_WHICH = typer.Argument(metavar="NAME|PATH", help="A data set by name, or a folder of one.")


@app.command()
def export(
    data: Annotated[str, _WHICH],
    out: Annotated[Path, typer.Argument(metavar="DIR", help="The new folder.")],
    layout: Annotated[
        str, typer.Option(metavar="market1501|deepfashion", help="The layout to write.")
    ] = "market1501",
    size: Annotated[
        str | None, typer.Option(metavar="HxW", help="Size of the images; by default the layout's.")
    ] = None,
    image_format: Annotated[str, typer.Option(metavar="jpg|png", help="png is exact.")] = "jpg",
    limit: Annotated[int | None, typer.Option(min=1, help="Pairs of each split.")] = None,
    set_: SetOption = None,
) -> None:
    """Write a data set as a folder in a published layout.

    --set gives options of the data set, for example data.identities=50.
    """
    from posegen.cli.console import errors, output, progress
    from posegen.config.parts import build_dataset
    from posegen.core.errors import ConfigError
    from posegen.data.export import export_published

    sizes = {"market1501": "128x64", "deepfashion": "256x176"}
    if layout not in sizes:
        raise ConfigError(f"--layout {layout}: there are {' and '.join(sizes)}.")
    if image_format not in ("jpg", "png"):
        raise ConfigError(f"--image-format {image_format}: there are jpg and png.")
    chosen = parse_size(size or sizes[layout], "--size")
    section = _section(data, {"image_size": list(chosen)}, set_ or [])
    splits = {split: build_dataset(section, split) for split in ("train", "test")}  # type: ignore[arg-type]
    with progress(f"writing {out}") as advance:
        export_published(splits, out, layout, image_format, limit, advance)  # type: ignore[arg-type]
    output().print(f"Written: {out}", highlight=False, soft_wrap=True)
    errors().print(
        f"Train a small model on it: posegen train --model patn --preset demo --data {out}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


@app.command()
def show(
    data: Annotated[str, _WHICH],
    out: Annotated[Path, typer.Option(metavar="PNG", help="Where to draw them.")],
    split: Annotated[str, typer.Option(metavar="train|test", help="Which split.")] = "train",
    count: Annotated[int, typer.Option(min=1, help="How many pairs.")] = 8,
    set_: SetOption = None,
) -> None:
    """Draw pairs of a data set with their poses."""
    from posegen.cli.console import output
    from posegen.cli.pictures import draw_pairs

    draw_pairs(_section(data, {}, set_ or []), parse_split(split), out, count=count)
    output().print(f"Written: {out}", highlight=False, soft_wrap=True)


@app.command()
def sample(
    data: Annotated[str, _WHICH],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where they are written.")],
    split: Annotated[str, typer.Option(metavar="train|test", help="Which split.")] = "test",
    index: Annotated[int, typer.Option(min=0, help="Which pair.")] = 0,
    set_: SetOption = None,
) -> None:
    """Write one pair as pictures and pose files, as `posegen generate` reads them."""
    from posegen.cli.console import output
    from posegen.cli.pictures import write_pair

    for path in write_pair(_section(data, {}, set_ or []), parse_split(split), index, out):
        output().print(str(path), highlight=False, soft_wrap=True)


def _section(data: str, options: dict[str, Any], overrides: list[str]) -> Any:
    from posegen.config import ComponentOptions, merge, parse_override
    from posegen.core.errors import ConfigError

    section = {**data_section(data), **options}
    for text in overrides:
        tree = parse_override(text)
        if set(tree) != {"data"}:
            raise ConfigError(f"--set {text}: only data.… can be set here.")
        section = merge(section, tree["data"])
    return ComponentOptions.model_validate(section)
