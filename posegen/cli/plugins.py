"""`posegen plugins`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from posegen.cli.console import print_json, print_table, say
from posegen.cli.options import JsonOption, SetOption, output_folder
from posegen.core.errors import ConfigError, suggest
from posegen.core.specs import Kind

if TYPE_CHECKING:
    from rich.text import Text

    from posegen.plugins.testing import Report

KindOption = Annotated[str | None, typer.Option(help="Only components of this kind.")]

app = typer.Typer(help="See what is installed, test it, and begin a plugin.", no_args_is_help=True)


@app.command("list")
def list_(kind: KindOption = None, json: JsonOption = False) -> None:
    """List every component with its package, and what could not be loaded."""
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
        print_json({"components": rows, "broken": broken, "clashes": registry().clashes})
        return
    print_table(("kind", "name", "package", "version", "summary"), rows, fixed=2)
    for record in broken:
        title = f"{record['package']} {record['version']} ({record['plugin']})"
        say(_bad("not loaded", f"{title}: {record['reason']}"))
    for clash in registry().clashes:
        say(_bad("name clash", clash))


@app.command()
def check(
    name: Annotated[str, typer.Argument(metavar="PACKAGE|NAME", help="A package, or a component.")],
    kind: KindOption = None,
    set_: SetOption = None,
    json: JsonOption = False,
) -> None:
    """Test whether components keep their contracts; exit code 1 where one does not.

    Each is tested on made-up data, with the example of options that its package gives, or its
    defaults; --set gives others, for example width=8. Nothing is downloaded.
    """
    from dataclasses import asdict

    from rich.text import Text

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
        print_json([{**asdict(report), "ok": report.ok} for report in reports])
    else:
        count = sum(len(report.findings) for report in reports)
        names = ", ".join(f"{report.kind} {report.name}" for report in broken)
        said = (
            Text(f"Broken: {names}.", "bold red")
            if broken
            else Text("All contracts are kept.", "green")
        )
        say(Text(f"{count} checks. ") + said)
    if broken:
        raise typer.Exit(1)


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="What users will type, for example my-net.")],
    kind: Annotated[str, typer.Option(help="What the package brings: generator, metric, …")],
    out: Annotated[
        Path | None,
        typer.Option(
            callback=output_folder,
            metavar="DIR",
            help="The package's folder; default posegen-NAME.",
        ),
    ] = None,
) -> None:
    """Begin a plugin: write a package that works, with tests, to be made your own."""
    from posegen.plugins.scaffold import scaffold

    made = scaffold(name, _kind(kind), out)
    say(f"Wrote {made.folder}, with the {made.kind} {made.name!r}. Next:\n")
    say("\n".join(made.commands))


def _kind(text: str) -> Kind:
    if text not in list(Kind):
        raise ConfigError(f"--kind {text}: no such kind; {suggest(text, list(Kind))}")
    return Kind(text)


def _bad(what: str, message: str) -> Text:
    from rich.text import Text

    return Text(f"{what}: ", "bold red") + Text(message, "default")


def _print_report(report: Report) -> None:
    from rich.text import Text

    shown = {True: ("ok", "green"), False: ("BROKEN", "bold red"), None: ("not tested", "yellow")}
    title = f"{report.kind} {report.name}"
    rows = (
        {title: finding.name, " ": Text(*shown[finding.ok]), "": finding.message}
        for finding in report.findings
    )
    print_table((title, " ", ""), rows, fixed=2)
    say("")
