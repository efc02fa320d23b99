"""`posegen plugins`."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(help="See what is installed.", no_args_is_help=True)


@app.command("list")
def list_(
    kind: Annotated[str | None, typer.Option(help="Only components of this kind.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """List every component with its package, and what could not be loaded."""
    import json as json_module

    from posegen.core.errors import ConfigError, suggest
    from posegen.core.specs import Kind
    from posegen.plugins import registry

    if kind is not None and kind not in list(Kind):
        raise ConfigError(f"--kind {kind}: {suggest(kind, list(Kind))}")
    rows = [
        {
            "kind": str(wanted),
            "name": component.spec.name,
            "package": component.record.package,
            "version": component.record.version,
            "summary": component.spec.summary,
        }
        for wanted in ([Kind(kind)] if kind else Kind)
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
