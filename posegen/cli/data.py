"""`posegen data`: look at data sets, check and write them. `prepare.py` has the other commands."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from posegen.cli import prepare
from posegen.cli.options import (
    SetOption,
    SkipBadOption,
    check_png,
    data_section,
    output_file,
    output_folder,
)

if TYPE_CHECKING:
    from posegen.data.check.checks import CheckResult
    from posegen.data.config import PublishedConfig

Split = Literal["train", "test"]
Layout = Literal["market1501", "deepfashion"]

app = typer.Typer(
    help="Prepare, check and look at data sets, and write them in published layouts.",
    no_args_is_help=True,
)
app.add_typer(prepare.app, name="prepare")
app.command("from-folder")(prepare.from_folder)

_WHICH = typer.Argument(metavar="NAME|PATH", help="A data set by name, or a folder of one.")
_FOLDER = typer.Argument(metavar="PATH", help="A folder in a published layout.")
_STYLES = {"error": "bold red", "warning": "yellow", "note": "dim"}


@app.command()
def check(
    path: Annotated[Path, _FOLDER],
    html: Annotated[
        Path | None,
        typer.Option(
            callback=output_file,
            metavar="FILE",
            help="Also write a page of pictures with their skeletons.",
        ),
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="Pictures of each split on it.")] = 24,
    seed: Annotated[int, typer.Option(min=0, help="Which ones.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    set_: SetOption = None,
) -> None:
    """Say what is wrong with a data set; every row is read, and every picture.

    Exit code 0: there is no error (there may be warnings); 1: there is one.
    """
    from posegen.cli.console import note, say, stages
    from posegen.core.writing import write_text
    from posegen.data.check.checks import check as look
    from posegen.data.check.gallery import gallery

    config = _published(str(path), set_ or [])
    with stages() as progress:
        result = look(config, progress)
    if json:
        findings = [asdict(remark) for remark in result.remarks]
        print(dumps({"ok": result.good, "counts": result.counts, "findings": findings}, indent=2))
    else:
        _print_result(result)
    if html:
        write_text(html, gallery(result, str(path), count, seed))
        (note if json else say)(f"Written: {html}")
    if not result.good:
        raise typer.Exit(1)


def _print_result(result: CheckResult) -> None:
    from rich.table import Table
    from rich.text import Text

    from posegen.cli.console import output

    prepare.print_counts(result.counts)
    if not result.remarks:
        output().print("Nothing was found to be wrong.")
        return
    table = Table()
    for title in ("", "split", "count"):
        table.add_column(title, no_wrap=True)
    for title in ("what", "detail"):
        table.add_column(title, overflow="fold")  # names of files are long, and wanted whole
    for remark in result.remarks:
        words = (remark.level, remark.split, f"{remark.count:,}", remark.what, remark.detail)
        style = _STYLES[remark.level]
        table.add_row(Text(words[0], style=style), *(Text(word) for word in words[1:]))
    output().print(table)


@app.command()
def pack(
    path: Annotated[Path, _FOLDER],
    cache: Annotated[
        Path | None,
        typer.Option(
            callback=output_folder,
            metavar="DIR",
            help="Where to; by default packed/ in the folder.",
        ),
    ] = None,
    skip_bad: SkipBadOption = False,
    set_: SetOption = None,
) -> None:
    """Decode all pictures into one memory-mapped file per split: loading is several times faster.

    Use it with --set data.cache=auto, or data.cache=DIR.
    """
    from posegen.cli.console import say, stages
    from posegen.core.texts import counted
    from posegen.data.config import SPLITS
    from posegen.data.packed import open_packed
    from posegen.data.problems import Problems
    from posegen.data.tables import read_split

    config = _published(str(path), set_ or []).model_copy(
        update={"cache": cache or Path("auto"), "skip_bad": skip_bad}
    )
    with stages() as progress:
        for split in SPLITS:
            problems = Problems(collect=skip_bad)
            tables = read_split(config, split, problems)
            tell = partial(progress, f"packing {split}")
            packed = open_packed(config, split, tables, problems, tell)
            assert packed is not None  # there is a cache
            size = packed.path.stat().st_size / 2**20
            left_out = f" Left out: {problems.summary()}." if problems.counts else ""
            say(
                f"Written: {packed.path} ({counted(len(tables.names), 'pictures')}, "
                f"{size:,.0f} MiB).{left_out}"
            )


@app.command()
def export(
    data: Annotated[str, _WHICH],
    out: Annotated[
        Path, typer.Argument(callback=output_folder, metavar="DIR", help="The new folder.")
    ],
    layout: Annotated[
        Layout, typer.Option(metavar="market1501|deepfashion", help="The layout to write.")
    ] = "market1501",
    size: Annotated[
        str | None, typer.Option(metavar="HxW", help="Size of the images; by default the layout's.")
    ] = None,
    image_format: prepare.ImageFormatOption = "jpg",
    limit: Annotated[int | None, typer.Option(min=1, help="Pairs of each split.")] = None,
    set_: SetOption = None,
) -> None:
    """Write a data set as a folder in a published layout.

    --set gives options of the data set, for example data.identities=50.
    """
    from posegen.cli.console import note, progress, say
    from posegen.config.parts import build_dataset
    from posegen.data.config import SPLITS
    from posegen.data.export import export_published

    sizes = {"market1501": "128x64", "deepfashion": "256x176"}
    chosen = prepare.parse_picture_size(size or sizes[layout])
    section = _section(data, {"image_size": list(chosen)}, set_ or [])
    datasets = {split: build_dataset(section, split) for split in SPLITS}
    with progress(f"writing {out}") as advance:
        left_out = export_published(datasets, out, layout, image_format, limit, advance)
    say(f"Written: {out}")
    if left_out:
        note(f"Left out, as the layout has no place for them: {', '.join(left_out)}.")
    note(f"Train on it: posegen train {prepare.offline_start()} --data {out}")


@app.command()
def show(
    data: Annotated[str, _WHICH],
    out: Annotated[
        Path, typer.Option(callback=output_file, metavar="PNG", help="Where to draw them.")
    ],
    split: Annotated[Split, typer.Option(metavar="train|test", help="Which split.")] = "train",
    count: Annotated[int, typer.Option(min=1, help="How many pairs.")] = 8,
    seed: Annotated[int, typer.Option(min=0, help="Another seed draws other pairs.")] = 0,
    skip_bad: SkipBadOption = False,
    set_: SetOption = None,
) -> None:
    """Draw random pairs of a data set with their poses."""
    from posegen.cli.console import say
    from posegen.cli.pairs import draw_pairs

    check_png(out, "--out")
    section = _section(data, {"skip_bad": True} if skip_bad else {}, set_ or [])
    draw_pairs(section, split, out, count=count, seed=seed)
    say(f"Written: {out}")


@app.command()
def sample(
    data: Annotated[str, _WHICH],
    out: Annotated[
        Path, typer.Option(callback=output_folder, metavar="DIR", help="Where they are written.")
    ],
    split: Annotated[Split, typer.Option(metavar="train|test", help="Which split.")] = "test",
    index: Annotated[int, typer.Option(min=0, help="Which pair.")] = 0,
    set_: SetOption = None,
) -> None:
    """Write one pair as pictures and pose files, as `posegen generate` reads them."""
    from posegen.cli.console import say
    from posegen.cli.pairs import write_pair

    for path in write_pair(_section(data, {}, set_ or []), split, index, out):
        say(str(path))


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


def _published(data: str, overrides: list[str]) -> PublishedConfig:
    """Return the options of a data set in a published layout.

    Raises:
        ConfigError: where it is another data set.
    """
    from posegen.config.resolve import options_of
    from posegen.core.errors import ConfigError
    from posegen.core.specs import Kind
    from posegen.data.config import PublishedConfig

    section = _section(data, {}, overrides)
    config = options_of(section, Kind.DATASET, "data")
    if not isinstance(config, PublishedConfig):
        raise ConfigError(
            f"{data}: is a data set {section.name!r}; this command is for folders in the layouts "
            "market1501 and deepfashion."
        )
    return config
