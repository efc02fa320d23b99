"""`posegen plugins`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from posegen.cli.options import SetOption

if TYPE_CHECKING:
    from posegen.core.specs import Kind
    from posegen.plugins.testing import Report

app = typer.Typer(help="See what is installed, test it, and begin a plugin.", no_args_is_help=True)


@app.command("list")
def list_(
    kind: Annotated[str | None, typer.Option(help="Only components of this kind.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """List every component with its package, and what could not be loaded."""
    import json as json_module

    from posegen.core.specs import Kind
    from posegen.plugins import registry

    rows = [
        {
            "kind": str(wanted),
            "name": component.spec.name,
            "package": component.record.package,
            "version": component.record.version,
            "summary": component.spec.summary,
        }
        for wanted in ([_kind(kind)] if kind else Kind)
        for component in registry().components(wanted)
    ]
    broken = [
        {"package": r.package, "plugin": r.plugin, "version": r.version, "reason": r.reason}
        for r in registry().records
        if r.reason
    ]
    if json:
        content = {"components": rows, "broken": broken, "clashes": registry().clashes}
        print(json_module.dumps(content, indent=2))
    else:
        _print(rows, broken, registry().clashes)


@app.command()
def check(
    name: Annotated[str, typer.Argument(metavar="PACKAGE|NAME", help="A package, or a component.")],
    kind: Annotated[str | None, typer.Option(help="Only components of this kind.")] = None,
    set_: SetOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Test whether components keep their contracts; exit code 1 where one does not.

    Each is tested on made-up data, with the example of options that its package gives, or its
    defaults; --set gives others, for example width=8. Nothing is downloaded.
    """
    import json as json_module
    from dataclasses import asdict

    from posegen.cli.console import output
    from posegen.config import merge_all, parse_override
    from posegen.plugins.testing import check_package

    options = merge_all(parse_override(text) for text in set_ or [])
    reports = []
    for report in check_package(name, _kind(kind) if kind else None, options):
        reports.append(report)
        if not json:
            _print_report(report)
    broken = [report for report in reports if not report.ok]
    if json:
        print(json_module.dumps([{**asdict(r), "ok": r.ok} for r in reports], indent=2))
    else:
        count = sum(len(report.findings) for report in reports)
        names = ", ".join(f"{report.kind} {report.name}" for report in broken)
        said = f"[bold red]Broken: {names}.[/]" if broken else "[green]All contracts are kept.[/]"
        output().print(f"{count} checks. {said}", highlight=False, soft_wrap=True)
    if broken:
        raise typer.Exit(1)


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="What users will type, for example my-net.")],
    kind: Annotated[str, typer.Option(help="What the package brings: generator, metric, …")],
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The package's folder; default posegen-NAME.")
    ] = None,
) -> None:
    """Begin a plugin: write a package that works, with tests, to be made your own."""
    from posegen.cli.console import output
    from posegen.plugins.scaffold import scaffold

    made = scaffold(name, _kind(kind), out)
    said = [f"Wrote {made.folder}, with the {made.kind} {made.name!r}. Next:", "", *made.commands]
    output().print("\n".join(said), highlight=False, markup=False, soft_wrap=True)


def _kind(text: str) -> Kind:
    from posegen.core.errors import ConfigError, suggest
    from posegen.core.specs import Kind

    if text not in list(Kind):
        raise ConfigError(f"--kind {text}: no such kind; {suggest(text, list(Kind))}")
    return Kind(text)


def _print(rows: list[dict[str, str]], broken: list[dict[str, str]], clashes: list[str]) -> None:
    from rich.table import Table
    from rich.text import Text

    from posegen.cli.console import output

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("kind", "name", "package", "version", "summary"):
        table.add_column(title, no_wrap=title in ("kind", "name"))
    for row in rows:
        table.add_row(*(Text(value) for value in row.values()))
    output().print(table)
    for record in broken:
        title = f"not loaded: {record['package']} {record['version']} ({record['plugin']}): "
        output().print(Text(title, "bold red") + Text(record["reason"]), soft_wrap=True)
    for clash in clashes:
        output().print(Text("name clash: ", "bold red") + Text(clash), soft_wrap=True)


def _print_report(report: Report) -> None:
    from rich.table import Table
    from rich.text import Text

    from posegen.cli.console import output

    shown = {True: ("ok", "green"), False: ("BROKEN", "bold red"), None: ("not tested", "yellow")}
    table = Table(box=None, pad_edge=False, header_style="bold", title_justify="left")
    table.add_column(f"{report.kind} {report.name}", no_wrap=True, min_width=24)
    table.add_column("", no_wrap=True, min_width=10)
    table.add_column("")
    for finding in report.findings:
        table.add_row(finding.name, Text(*shown[finding.ok]), Text(finding.message))
    output().print(table)
    output().print()
