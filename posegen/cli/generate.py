"""`posegen generate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from posegen.cli.options import DeviceOption


def generate(
    weights: Annotated[Path, typer.Option(metavar="RUN|WEIGHTS", help="A run or weights.")],
    source: Annotated[Path, typer.Option(metavar="IMAGE", help="A picture of the person.")],
    source_pose: Annotated[Path, typer.Option(metavar="JSON", help="The pose in that picture.")],
    target_pose: Annotated[
        list[Path], typer.Option(metavar="JSON", help="A wanted pose (repeatable).")
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the pictures are written.")],
    grid: Annotated[
        bool, typer.Option("--grid", help="Also draw source, poses and results on one sheet.")
    ] = False,
    device: DeviceOption = "auto",
) -> None:
    """Show the person of a picture in other poses.

    A pose file is JSON: {"size": \\[H, W], "keypoints": \\[\\[x, y, visibility], null, …]}.
    """
    from posegen.cli.console import output
    from posegen.inference import load_model
    from posegen.inference.grids import pictures, sample_grid
    from posegen.poses.layouts import layout
    from posegen.training.process import pick_device

    model = load_model(weights, pick_device(device))
    batch = model.prepare(source, source_pose, list(target_pose))
    made = model.run(batch)
    out.mkdir(parents=True, exist_ok=True)
    names = _names(source, list(target_pose))
    for name, picture in zip(names, pictures(made.image), strict=True):
        picture.save(out / name)
        output().print(str(out / name), highlight=False, soft_wrap=True)
    if grid:
        sheet = sample_grid(batch, made, layout(model.layout), target=False)
        sheet.save(out / f"{source.stem}_grid.png")
        output().print(str(out / f"{source.stem}_grid.png"), highlight=False, soft_wrap=True)


def _names(source: Path, poses: list[Path]) -> list[str]:
    """Return `source_pose.png`; poses of the same name in several folders are numbered."""
    stems = [pose.stem for pose in poses]
    return [
        f"{source.stem}_{stem}{'' if stems.count(stem) == 1 else f'-{number}'}.png"
        for number, stem in enumerate(stems)
    ]
