"""`posegen doctor`."""

from __future__ import annotations

from pathlib import Path

import typer

from posegen.cli.console import output, print_json, say
from posegen.cli.options import JsonOption


def doctor(json: JsonOption = False) -> None:
    """Look this machine over: versions, devices, plugins, weights, caches, what is wrong.

    Exit code 1 where something is broken. Nothing is downloaded, and nothing is written.
    """
    import torch

    from posegen.compute import doctor
    from posegen.compute.environment import devices
    from posegen.plugins import registry
    from posegen.weights.cache import cache_folder

    folders = {
        "published weights": Path(torch.hub.get_dir()) / "checkpoints",
        "pulled weights": cache_folder(),
        "features of reference images": cache_folder().parent / "features",
    }
    found = devices()
    broken = doctor.broken(registry(), found)
    notes = [*doctor.notes({"this folder": Path.cwd(), **folders})]
    sections = doctor.sections(registry(), found, folders)
    if json:
        print_json({"ok": not broken, **sections, "broken": broken, "notes": notes})
    else:
        _print(sections, {"broken": broken, "note": notes})
    if broken:
        raise typer.Exit(1)


def _print(sections: dict[str, dict[str, str]], findings: dict[str, list[str]]) -> None:
    from rich.table import Table
    from rich.text import Text

    for title, rows in sections.items():
        table = Table(box=None, show_header=False, pad_edge=False)
        table.add_column(no_wrap=True, min_width=28)
        table.add_column(overflow="fold")
        for name, text in rows.items():
            table.add_row(Text(f"  {name}"), Text(text))
        output().print(Text(title.capitalize(), "bold"), table, sep="\n")
    say("")
    styles = {"broken": "bold red", "note": "yellow"}
    for level, messages in findings.items():
        for message in messages:
            say(Text(level, styles[level]) + Text(f": {message}", "default"))
    if not any(findings.values()):
        output().print("Nothing is wrong here.", style="green")
