"""`posegen export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from posegen.cli.console import say
from posegen.cli.options import WeightsArgument, output_file, parse_size


def export(
    weights: WeightsArgument,
    out: Annotated[
        Path, typer.Option(callback=output_file, metavar="FILE", help="The file, .onnx or .pt2.")
    ],
    format: Annotated[
        str, typer.Option(metavar="onnx|torch-export", help="What kind of file.")
    ] = "onnx",
    inputs: Annotated[
        str,
        typer.Option(
            metavar="maps|keypoints",
            help="Whether it takes pose maps, or keypoints and makes the maps itself.",
        ),
    ] = "maps",
    size: Annotated[
        str | None,
        typer.Option(metavar="HxW", help="Size of its images; by default the model's."),
    ] = None,
    opset: Annotated[
        int | None, typer.Option(help="ONNX's operators of this version; default PyTorch's choice.")
    ] = None,
) -> None:
    """Write a trained generator as a file that runs without posegen, checked against the original.

    ONNX needs posegen[onnx]. The batch may be of any size; source and poses are described in the
    file's metadata.
    """
    from posegen.inference import load_model
    from posegen.inference.export import export_model

    wanted = parse_size(size, "--size") if size else None
    model = load_model(weights)
    made = export_model(model, out, format, inputs=inputs, size=wanted, opset=opset)  # type: ignore[arg-type]
    say(f"{made.path}: images differ from the model's by {made.difference:.1g} at most, on [-1, 1]")
