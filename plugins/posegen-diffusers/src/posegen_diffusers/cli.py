"""`posegen-diffusers`: a folder of results for `posegen eval --results`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from posegen.core import UserError
from posegen.core.writing import save_picture
from posegen_diffusers.config import read_config
from posegen_diffusers.pairs import read


def main(arguments: list[str] | None = None) -> None:
    """Make the pictures of a split that are not there yet; exit code 2 for a user's mistake."""
    parser = argparse.ArgumentParser(prog="posegen-diffusers", description=__doc__)
    parser.add_argument("config", type=Path, help="a TOML file: pipeline, arguments, …")
    parser.add_argument("data", type=Path, help="a folder in a published layout")
    parser.add_argument("out", type=Path, help="where the pictures go; those there are kept")
    parser.add_argument("--split", default="test", choices=("train", "test"))
    parser.add_argument("--limit", type=int, help="only the first so many pairs")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, mps")
    options = parser.parse_args(arguments)
    try:
        made = produce(options.config, options.data, options.out, options)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    command = f"posegen eval --results {options.out} --layout pairs --targets DIR"
    print(f"{options.out}: {made} pictures. Next: {command}")


def produce(config: Path, data: Path, out: Path, options: argparse.Namespace) -> int:
    """Return how many pictures were made now."""
    from posegen_diffusers.bridge import Bridge

    settings = read_config(config)
    asked = read(data, options.split, options.limit)
    bridge, made = None, 0
    for one in (one for one in asked if not (out / one.result).exists()):
        bridge = bridge or Bridge(settings, options.device)
        save_picture(out / one.result, bridge(one))
        made += 1
    return made
