"""`posegen generate`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from posegen.cli.console import note, progress, say, tracked
from posegen.cli.options import (
    CompileOption,
    DeviceOption,
    PersonOption,
    PrecisionOption,
    SamplingOption,
    SeedOption,
    WeightsOption,
    check_there,
    chosen_weights,
    output_file,
    output_folder,
    parse_sampling,
    parse_size,
)
from posegen.core.errors import ConfigError, DataError
from posegen.poses import DEFAULT_DETECTOR

if TYPE_CHECKING:
    from posegen.inference.given import PoseLike
    from posegen.inference.pose_files import Pose
    from posegen.inference.pose_sequences import PoseSequence

_CLIP = "Many poses and clips"
_SPEED = "Speed"
_SHEET = 64  # poses that a sheet shows: a viewer must open it
_LISTED = 20  # names that a message lists


def generate(
    source: Annotated[Path, typer.Option(metavar="IMAGE", help="A picture of the person.")],
    source_pose: Annotated[
        Path | None,
        typer.Option(metavar="JSON", help="The pose in that picture; else a detector finds it."),
    ] = None,
    person: PersonOption = 1,
    weights: WeightsOption = None,
    target_pose: Annotated[
        list[Path] | None, typer.Option(metavar="JSON", help="A wanted pose (repeatable).")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(callback=output_folder, metavar="DIR", help="Write a picture per pose there."),
    ] = None,
    grid: Annotated[
        bool,
        typer.Option(
            "--grid", help="Also draw source, poses and results on one sheet (the first 64)."
        ),
    ] = False,
    target_poses: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR|FILE",
            rich_help_panel=_CLIP,
            help="The wanted poses: a folder of pose files, or another program's file.",
        ),
    ] = None,
    pose_size: Annotated[
        str | None,
        typer.Option(
            metavar="HxW",
            rich_help_panel=_CLIP,
            help="Size of the pictures that they are of, where the files do not tell; by default "
            "the source's.",
        ),
    ] = None,
    clip: Annotated[
        Path | None,
        typer.Option(
            callback=output_file,
            metavar="FILE",
            rich_help_panel=_CLIP,
            help="Write a .gif, .webp, .apng or .mp4.",
        ),
    ] = None,
    fps: Annotated[
        float, typer.Option(min=0.1, rich_help_panel=_CLIP, help="Pictures a second in the clip.")
    ] = 25,
    scale: Annotated[
        int,
        typer.Option(min=1, max=16, rich_help_panel=_CLIP, help="Enlarge the clip's pictures."),
    ] = 1,
    show_pose: Annotated[
        bool,
        typer.Option("--show-pose", rich_help_panel=_CLIP, help="Draw the pose beside, in a clip."),
    ] = False,
    sampling: SamplingOption = None,
    seed: SeedOption = 0,
    batch_size: Annotated[
        int, typer.Option(min=1, rich_help_panel=_SPEED, help="Pictures made together.")
    ] = 16,
    precision: PrecisionOption = "32",
    compile_: CompileOption = False,
    fold: Annotated[
        bool,
        typer.Option(
            "--fold/--no-fold",
            rich_help_panel=_SPEED,
            help="Fold batch norm into the convolutions before it.",
        ),
    ] = True,
    device: DeviceOption = "auto",
) -> None:
    """Show the person of a picture in other poses.

    A picture of another shape than the model's is cut around its person.

    A pose file is JSON: {"size": \\[H, W], "keypoints": \\[\\[x, y, visibility], null, …]}.
    """
    check_there(source, "--source")
    check_there(source_pose, "--source-pose")
    check_there(target_poses, "--target-poses")
    for file in target_pose or ():
        check_there(file, "--target-pose")
    from posegen.compute.process import pick_device
    from posegen.inference import load_model
    from posegen.inference.clips import check_clip, write_clip
    from posegen.inference.pose_files import read_pose
    from posegen.inference.pose_sequences import PoseSequence
    from posegen.inference.results import Results

    if bool(target_pose) == (target_poses is not None):
        raise ConfigError("give the wanted poses with --target-pose, or with --target-poses.")
    if pose_size and target_poses is None:
        raise ConfigError("--pose-size is about --target-poses; give these.")
    if not (out or clip):
        raise ConfigError("nothing to write; give --out, --clip or both.")
    if grid and not out:
        raise ConfigError("--grid is written into --out; give that.")
    if (scale > 1 or show_pose) and not clip:
        raise ConfigError("--scale and --show-pose are about a clip; give --clip.")
    if clip:
        check_clip(clip, fps)
    size = parse_size(pose_size, "--pose-size") if pose_size else None
    where = pick_device(device)
    weights = chosen_weights(weights)
    model = load_model(weights, where, precision=precision, compile=compile_, fold=fold)  # type: ignore[arg-type]
    model = model.with_sampling(**parse_sampling(sampling))
    pose = (
        read_pose(source_pose, model.skeleton, person)
        if source_pose
        else _found(source, model.skeleton, device, person)
    )
    results = Results(model, source, pose, out, _SHEET if grid else 0, seed=seed)
    sequence = PoseSequence(target_poses, model.skeleton, size) if target_poses else None
    wanted: Iterable[tuple[str, PoseLike]] = sequence or [(p.stem, p) for p in target_pose or ()]
    with progress(f"{source.stem} in other poses") as advance:
        frames = tracked(results.frames(wanted, batch_size), advance)
        if clip:
            write_clip(clip, results.shown(frames, scale, show_pose), fps, model.mark)
        else:
            for _ in frames:
                pass
    if sequence:
        _tell_empty(sequence, results.count)
    if len(results.written) > _LISTED:
        say(f"{out}: {len(results.written):,} pictures")
    else:
        for path in results.written:
            say(str(path))
    if clip:
        say(str(clip))


def _found(source: Path, skeleton: str, device: str, person: int) -> Pose:
    """Find the pose in a picture, and say so."""
    from posegen.cli.prepare import open_finder
    from posegen.data.footage import read_upright
    from posegen.inference.animation import find_person
    from posegen.inference.pose_files import Pose

    image = read_upright(source)
    finder = open_finder(DEFAULT_DETECTOR, None, device, skeleton)
    keypoints = find_person(image, finder, source, person)
    note(f"The pose in {source} is found by {DEFAULT_DETECTOR}; give another with --source-pose.")
    return Pose(keypoints, (image.shape[1], image.shape[2]))


def _tell_empty(sequence: PoseSequence, count: int) -> None:
    if not count:
        raise DataError(f"{sequence.path}: nobody is in any of its poses; find them again.")
    if sequence.empty:
        names = ", ".join(sequence.empty[:_LISTED])
        more = ", …" if len(sequence.empty) > _LISTED else ""
        note(f"Left out {len(sequence.empty)} in which nobody is: {names}{more}.")
