"""`posegen plugins search|info|install` and `posegen registry validate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from posegen.cli.console import print_json, print_table, say
from posegen.cli.options import JsonOption, YesOption

if TYPE_CHECKING:
    from posegen.plugins.entries import PluginEntry

app = typer.Typer(help="The catalogue of plugins and weights.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="A plugin of the catalogue.")]


def search(
    word: Annotated[
        str, typer.Argument(metavar="[WORD]", help="In a name, summary, kind or component.")
    ] = "",
    json: JsonOption = False,
) -> None:
    """Find plugins in the catalogue; without a word, all of them."""
    from posegen.plugins import catalogue

    found = [_described(entry) for entry in catalogue.load().search(word)]
    if json:
        print_json(found)
    elif found:
        shown = ({**row, "kinds": ", ".join(row["kinds"])} for row in found)
        print_table(("name", "installed", "kinds", "licence", "summary"), shown)
    else:
        say(f"Nothing in the catalogue has {word!r} in its name, summary, kinds or components.")


def _described(entry: PluginEntry) -> dict[str, Any]:
    """Return an entry as plain values, with what is installed of it."""
    from posegen.plugins.packages import installed

    return {
        **entry.model_dump(mode="json"),
        "kinds": [str(kind) for kind in entry.kinds],
        "installed": installed(entry.name),
        "problem": entry.misfit,
    }


def info(name: NameArgument, json: JsonOption = False) -> None:
    """Show all that the catalogue says of a plugin."""
    from posegen.plugins import catalogue

    known = catalogue.load()
    entry = _described(known.plugin(name))
    if json:
        print_json(entry)
        return
    parts = (f"{kind} {', '.join(names)}" for kind, names in entry["components"].items())
    shown = {
        **entry,
        "components": "; ".join(parts),
        "installed": entry["installed"] or "no",
        "catalogue": known.origin["plugin", name],
    }
    del shown["kinds"]
    for key, value in shown.items():
        if value:
            say(f"{key:12} {value}")


def install(name: NameArgument, yes: YesOption = False) -> None:
    """Install a plugin of the catalogue with pip, into the environment that posegen runs in.

    What would be installed is shown first. A plugin runs with all your rights.
    """
    from posegen.plugins import catalogue
    from posegen.plugins.packages import check_environment, fulfils, install, installed, plan

    entry = catalogue.load().plugin(name)
    check_environment(entry)
    if fulfils(entry.requirement):
        say(f"{entry.name} {installed(entry.name)} is installed already.")
        return
    packages = plan(entry.requirement)
    say(f"{entry.name}: {entry.summary} ({entry.licence}, {entry.homepage or 'no homepage'})")
    for package in packages:
        say(f"  {package.name} {package.version}  {package.source}")
    say("A plugin is a program that runs with all your rights; docs/security.md says more.")
    if not yes:
        typer.confirm("Install these?", abort=True, err=True)
    install(packages)
    say(f"Installed: {entry.name} {installed(entry.name)}. `posegen plugins list` shows it.")


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
        say(f"{path}: plugins: {len(content.plugin)}, sets of weights: {len(content.weights)}.")
    for clash in known.clashes:
        say(clash)
