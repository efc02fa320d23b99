"""`posegen bench`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from posegen.cli.console import print_table, say
from posegen.cli.options import output_file
from posegen.core.errors import ConfigError, suggest

#: What can be timed -> its script.
SCRIPTS = {
    "step": "step.py",
    "generate": "generate.py",
    "data": "data.py",
    "eval": "metrics.py",
    "startup": "startup.py",
    "scaling": "scaling.py",
}

#: What a case's name says already.
_SETTINGS = ("preset", "ngf", "batch")
#: The options that are not ours go to the script.
PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}


def bench(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="|".join(SCRIPTS), help="What to time.")],
    json_file: Annotated[
        Path | None,
        typer.Option(
            "--json", callback=output_file, metavar="FILE", help="Write the result to a file."
        ),
    ] = None,
) -> None:
    """Time ours against a plain reference on this machine, side by side.

    Other options are the benchmark's own: `posegen bench step --preset market1501 --ngf 64`;
    `posegen bench step -- --help` lists them. See docs/performance.md.
    """
    import subprocess
    import sys

    from posegen.core.writing import write_json

    if name not in SCRIPTS:
        raise ConfigError(f"bench {name}: no such benchmark; {suggest(name, SCRIPTS)}")
    command = [sys.executable, str(folder() / SCRIPTS[name]), *context.args]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode or not done.stdout.startswith("{"):  # it failed, or was asked for help
        print(done.stdout, end="")
        raise typer.Exit(done.returncode)
    result = json.loads(done.stdout)
    if json_file:
        write_json(json_file, result)
    known = dict.fromkeys(key for case in result["cases"] for key in case)
    print_table([key for key in known if key not in _SETTINGS], result["cases"])
    facts = (f"{k} {v}" for k, v in result.items() if isinstance(v, str | int | float))
    say(", ".join(facts))


def folder() -> Path:
    """Return the folder of the benchmarks: in the wheel, or beside the package in a clone."""
    package = Path(__file__).parents[1]
    inside = package / "benchmarks"
    return inside if inside.is_dir() else package.parent / "benchmarks"
