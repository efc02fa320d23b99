"""`posegen plugins search|info|install` and `posegen registry validate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from posegen.plugins.entries import PluginEntry

app = typer.Typer(help="The catalogue of plugins and weights.", no_args_is_help=True)

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="A plugin of the catalogue.")]


def _say(text: str) -> None:
    from posegen.cli.console import output

    output().print(text, highlight=False, markup=False, soft_wrap=True)


def search(
    word: Annotated[
        str, typer.Argument(metavar="[WORD]", help="In a name, summary, kind or component.")
    ] = "",
    json_: JsonOption = False,
) -> None:
    """Find plugins in the catalogue; without a word, all of them."""
    from posegen.plugins import catalogue

    found = [_told(entry) for entry in catalogue.load().search(word)]
    if json_:
        print(json.dumps(found, indent=2))
    elif found:
        _table(found)
    else:
        _say(f"Nothing in the catalogue has {word!r} in its name, summary, kinds or components.")


def _told(entry: PluginEntry) -> dict[str, Any]:
    """Return an entry as plain values, with what is installed of it."""
    from posegen.plugins.packages import installed

    return {
        **entry.model_dump(mode="json"),
        "kinds": [str(kind) for kind in entry.kinds],
        "installed": installed(entry.name),
        "problem": entry.misfit,
    }


def _table(rows: list[dict[str, Any]]) -> None:
    from rich.table import Table
    from rich.text import Text

    from posegen.cli.console import output

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("name", "installed", "kinds", "licence", "summary"):
        table.add_column(title, no_wrap=title == "name")
    for row in rows:
        cells = (row["name"], row["installed"] or "–", ", ".join(row["kinds"]), row["licence"])
        table.add_row(*map(Text, cells), Text(row["summary"]))
    output().print(table)


def info(name: NameArgument, json_: JsonOption = False) -> None:
    """Show all that the catalogue says of a plugin."""
    from posegen.plugins import catalogue

    known = catalogue.load()
    told = _told(known.plugin(name))
    if json_:
        print(json.dumps(told, indent=2))
        return
    components = [f"{kind} {', '.join(names)}" for kind, names in told["components"].items()]
    shown = {
        "name": told["name"],
        "summary": told["summary"],
        "components": "; ".join(components),
        "requirement": told["requirement"],
        "contract": told["contract"],
        "licence": told["licence"],
        "homepage": told["homepage"] or "not told",
        "installed": told["installed"] or "no",
        "catalogue": known.origin["plugin", name],
    }
    for key, value in shown.items():
        _say(f"{key:12} {value}")
    if told["problem"]:
        _say(f"{'problem':12} {told['problem']}")


def install(
    name: NameArgument,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Install without asking.")] = False,
) -> None:
    """Install a plugin of the catalogue with pip, into the environment that posegen runs in.

    What would be installed is shown first. A plugin runs with all your rights.
    """
    from posegen.plugins import catalogue
    from posegen.plugins.packages import check_environment, fulfils, install, installed, plan

    entry = catalogue.load().plugin(name)
    check_environment(entry)
    if fulfils(entry.requirement):
        _say(f"{entry.name} {installed(entry.name)} is installed already.")
        return
    packages = plan(entry.requirement)
    _say(f"{entry.name}: {entry.summary} ({entry.licence}, {entry.homepage or 'no homepage'})")
    for package in packages:
        _say(f"  {package.name} {package.version}  {package.source}")
    _say("A plugin is a program that runs with all your rights; docs/security.md says more.")
    if not yes:
        typer.confirm("Install these?", abort=True, err=True)
    install(packages)
    _say(f"Installed: {entry.name} {installed(entry.name)}. `posegen plugins list` shows it.")


@app.command()
def validate(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="By default, all that are in effect.")
    ] = None,
) -> None:
    """Check a catalogue: every entry and key; and say which entries replace others."""
    from posegen.plugins import catalogue

    known = catalogue.Catalogue()
    for path in [file] if file else catalogue.files():
        content = catalogue.read(path, strict=True)
        known.add(content, path)
        plugins = _counted(len(content.plugin), "plugin")
        _say(f"{path}: {plugins}, {_counted(len(content.weights), 'set')} of weights.")
    for clash in known.clashes:
        _say(clash)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" + ("" if count == 1 else "s")
