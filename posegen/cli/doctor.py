"""`posegen doctor`."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.text import Text


def doctor(
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Look this machine over: versions, devices, plugins, weights, caches, what is wrong.

    Exit code 1 where something is broken. Nothing is downloaded, and nothing is written.
    """
    import json as json_module

    told = _examine()
    if json:
        print(json_module.dumps(told, indent=2))
    else:
        _print(told)
    if not told["ok"]:
        raise typer.Exit(1)


def _examine() -> dict[str, Any]:
    from dataclasses import asdict

    from posegen.compute.checkup import extras, folder, published_weights
    from posegen.compute.environment import devices, published_cache, versions
    from posegen.compute.findings import findings, recommended
    from posegen.core.specs import CONTRACTS
    from posegen.plugins import registry
    from posegen.weights.cache import cache_folder

    found, known = devices(), registry()
    caches = {
        "published weights": published_cache(),
        "pulled weights": cache_folder(),
        "features of reference images": cache_folder().parent / "features",
    }
    here = Path.cwd()
    wrong = findings(known, found, {"this folder": here, **caches})
    plugins = [
        {
            "package": record.package,
            "version": record.version,
            "plugin": record.plugin,
            "components": len(record.specs),
            "reason": record.reason,
        }
        for record in known.records
    ]
    return {
        "ok": all(finding.level != "broken" for finding in wrong),
        "versions": versions(),
        "devices": [asdict(device) for device in found],
        "plugins": plugins,
        "contracts": {str(kind): number for kind, number in CONTRACTS.items()},
        "weights": [asdict(file) for file in published_weights(known)],
        "caches": [asdict(folder(title, path)) for title, path in caches.items()],
        "disk": {"path": str(here), "free": shutil.disk_usage(here).free},
        "extras": [asdict(extra) for extra in extras()],
        "recommended": {"device": found[0].name, **recommended(found[0])},
        "findings": [asdict(finding) for finding in wrong],
    }


def _print(told: dict[str, Any]) -> None:
    _section("Versions", told["versions"].items())
    contracts = ", ".join(f"{kind} {number}" for kind, number in told["contracts"].items())
    _section("Contracts", [("versions", contracts)])
    for device in told["devices"]:
        formats = ", ".join(f"{name} {state}" for name, state in device["precisions"].items())
        memory = f"{_size(device['free'])} free of {_size(device['memory'])}"
        rows = {"memory": memory, "precision": formats, **device["facts"]}
        _section(f"Device {device['name']}: {device['title']}", rows.items())
    _section("Plugins", map(_plugin, told["plugins"]))
    _section("Published weights", map(_weights, told["weights"]))
    _section("Optional parts", map(_extra, told["extras"]))
    room = [
        (each["title"], f"{_size(each['bytes'])} in {each['files']} files, {each['path']}")
        for each in told["caches"]
    ]
    disk = told["disk"]
    _section("Folders", [*room, ("this folder", f"{_size(disk['free'])} free, {disk['path']}")])
    best = dict(told["recommended"])
    _section(f"Flags for {best.pop('device')}", best.items())
    _print_findings(told["findings"])


def _plugin(record: dict[str, Any]) -> tuple[str, Text]:
    title = f"{record['package']} {record['version']}"
    if record["reason"]:
        return title, _said("not loaded", "red", f": {record['reason']}")
    return title, _said("loaded", "green", f", {record['components']} components")


def _weights(file: dict[str, Any]) -> tuple[str, Text]:
    users = ", ".join(file["users"])
    if file["path"]:
        return file["file"], _said("here", "green", f", for {users}")
    more = " (the others likewise)" if len(file["users"]) > 1 else ""
    rest = f", for {users}: downloaded on first use, or {file['option']}{more}"
    return file["file"], _said("missing", "yellow", rest)


def _extra(extra: dict[str, Any]) -> tuple[str, Text]:
    if not extra["missing"]:
        return extra["name"], _said("here", "green")
    names = ", ".join(extra["missing"])
    return extra["name"], _said("missing", "yellow", f" {names}: pip install '{extra['name']}'")


def _said(word: str, style: str, rest: str = "") -> Text:
    from rich.text import Text

    return Text(word, style) + Text(rest, "default")


def _size(count: int) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**29 else f"{count / 2**20:.1f} MiB"


def _section(title: str, rows: Iterable[tuple[str, str | Text]]) -> None:
    from rich.table import Table
    from rich.text import Text

    from posegen.cli.console import output

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True, min_width=28)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(Text(f"  {name}"), Text(value) if isinstance(value, str) else value)
    if table.row_count:
        output().print(Text(title, "bold"), table, sep="\n")


def _print_findings(findings: list[dict[str, str]]) -> None:
    from posegen.cli.console import output

    output().print()
    if not findings:
        output().print("[green]Nothing is wrong here.[/]")
    for finding in findings:
        style = "bold red" if finding["level"] == "broken" else "yellow"
        text = _said(finding["level"], style, f": {finding['message']}")
        output().print(text, soft_wrap=True)
