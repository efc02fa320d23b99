"""`posegen motion`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from posegen.cli.console import print_json, print_table, say
from posegen.cli.options import JsonOption, output_file, output_folder

app = typer.Typer(help="The library of motions.", no_args_is_help=True)


@app.command("list")
def list_(json: JsonOption = False) -> None:
    """List the motions that `posegen animate --motion` knows by name."""
    from posegen.poses.motions import motion, motion_names

    known = [motion(name) for name in motion_names()]
    rows = [
        {"name": one.name, "frames": len(one), "fps": one.fps, "what": one.summary} for one in known
    ]
    if json:
        print_json(rows)
    else:
        print_table(("name", "frames", "what"), rows)


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Which motion.")],
    out: Annotated[
        Path | None,
        typer.Option(
            callback=output_file, metavar="FILE", help="Write a clip: .webp, .gif, .apng or .mp4."
        ),
    ] = None,
    json: Annotated[
        Path | None,
        typer.Option(
            callback=output_folder,
            metavar="DIR",
            help="Write its poses, as `posegen generate` reads them.",
        ),
    ] = None,
) -> None:
    """Draw a motion as a clip, or write its poses as files."""
    from posegen.core.errors import ConfigError
    from posegen.core.skeletons import skeleton
    from posegen.inference.clips import check_clip, write_clip
    from posegen.inference.pose_files import write_pose
    from posegen.poses.draw import draw_pose
    from posegen.poses.motions import motion

    if not (out or json):
        raise ConfigError("nothing to write; give --out, --json or both.")
    one = motion(name)
    size = (256, 192)
    poses = one.placed(size)
    if out:
        check_clip(out, one.fps)
        bones = skeleton(one.skeleton)
        write_clip(out, (draw_pose(pose, size, bones) for pose in poses), one.fps)
        say(str(out))
    if json:
        json.mkdir(parents=True, exist_ok=True)
        for number, pose in enumerate(poses):
            write_pose(json / f"{name}_{number:03d}.json", pose, size, one.skeleton)
        say(f"{json}: {len(one)} poses")
