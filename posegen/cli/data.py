"""`posegen data`: look at data sets, check and write them. `prepare.py` has the other commands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from posegen.cli import prepare
from posegen.cli.options import (
    SetOption,
    SkipBadOption,
    check_png,
    data_section,
    parse_split,
)

if TYPE_CHECKING:
    from posegen.data.check.report import Report
    from posegen.data.config import PublishedConfig

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
        typer.Option(metavar="FILE", help="Also write a page of pictures with their skeletons."),
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="Pictures of each split on it.")] = 24,
    seed: Annotated[int, typer.Option(min=0, help="Which ones.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    set_: SetOption = None,
) -> None:
    """Say what is wrong with a data set; every row is read, and every picture.

    Exit code 0: there is no error (there may be warnings); 1: there is one.
    """
    from posegen.cli.console import errors, output, stages
    from posegen.data.check.gallery import gallery
    from posegen.data.check.report import check as look

    config = _published(str(path), set_ or [])
    with stages() as progress:
        report = look(config, progress)
    if json:
        _print_json(report)
    else:
        _print_report(report)
    if html:
        html.parent.mkdir(parents=True, exist_ok=True)
        html.write_text(gallery(report, str(path), count, seed), encoding="utf-8")
        said = errors() if json else output()
        said.print(f"Written: {html}", highlight=False, soft_wrap=True)
    if not report.good:
        raise typer.Exit(1)


def _print_json(report: Report) -> None:
    import json
    from dataclasses import asdict

    findings = [asdict(finding) for finding in report.findings]
    told = {"ok": report.good, "counts": report.counts, "findings": findings}
    print(json.dumps(told, indent=2))


def _print_report(report: Report) -> None:
    from rich.table import Table
    from rich.text import Text

    from posegen.cli.console import output

    counts = Table("", *report.counts, box=None)
    for what in report.counts["train"]:
        counts.add_row(what, *(f"{split[what]:,}" for split in report.counts.values()))
    output().print(counts)
    if not report.findings:
        output().print("Nothing was found to be wrong.")
        return
    table = Table()
    for title in ("", "split", "count"):
        table.add_column(title, no_wrap=True)
    for title in ("what", "detail"):
        table.add_column(title, overflow="fold")  # names of files are long, and wanted whole
    for finding in report.findings:
        words = (finding.level, finding.split, f"{finding.count:,}", finding.what, finding.detail)
        style = _STYLES[finding.level]
        table.add_row(Text(words[0], style=style), *(Text(word) for word in words[1:]))
    output().print(table)


@app.command()
def pack(
    path: Annotated[Path, _FOLDER],
    cache: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where to; by default packed/ in the folder.")
    ] = None,
    skip_bad: SkipBadOption = False,
    set_: SetOption = None,
) -> None:
    """Decode all pictures into one memory-mapped file per split: loading is several times faster.

    Use it with --set data.cache=auto, or data.cache=DIR.
    """
    from posegen.cli.console import output, stages
    from posegen.data.problems import Problems
    from posegen.data.published import open_packed, read_split
    from posegen.data.words import counted

    config = _published(str(path), set_ or []).model_copy(
        update={"cache": cache or Path("auto"), "skip_bad": skip_bad}
    )
    with stages() as progress:
        for split in ("train", "test"):
            problems = Problems(collect=skip_bad)
            tables = read_split(config, split, problems)  # type: ignore[arg-type]
            packed = open_packed(
                config,
                split,  # type: ignore[arg-type]
                tables,
                problems,
                lambda done, total, s=split: progress(f"packing {s}", done, total),  # type: ignore[misc]
            )
            assert packed is not None  # there is a cache
            size = packed.path.stat().st_size / 2**20
            left_out = f" Left out: {problems.summary()}." if problems.counts else ""
            output().print(
                f"Written: {packed.path} ({counted(len(tables.names), 'pictures')}, "
                f"{size:,.0f} MiB).{left_out}",
                highlight=False,
                soft_wrap=True,
            )


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
    prepare.check_format(image_format)
    chosen = prepare.parse_picture_size(size or sizes[layout])
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
    seed: Annotated[int, typer.Option(min=0, help="Another seed draws other pairs.")] = 0,
    skip_bad: SkipBadOption = False,
    set_: SetOption = None,
) -> None:
    """Draw random pairs of a data set with their poses."""
    from posegen.cli.console import output
    from posegen.cli.pictures import draw_pairs

    check_png(out, "--out")
    section = _section(data, {"skip_bad": True} if skip_bad else {}, set_ or [])
    draw_pairs(section, parse_split(split), out, count=count, seed=seed)
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
