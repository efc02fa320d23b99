"""`posegen animate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from posegen.cli import completion
from posegen.cli.options import (
    DetectorOption,
    DeviceOption,
    PersonOption,
    SamplingOption,
    SeedOption,
    SetOption,
    WeightsOption,
    check_output,
    check_there,
    chosen_weights,
    output_file,
    parse_sampling,
)
from posegen.poses import DEFAULT_DETECTOR

if TYPE_CHECKING:
    from posegen.data.posing import PeopleFinder

_POSES = "The motion on the person"
_OUTPUT = "The clip"


def animate(
    photo: Annotated[Path, typer.Argument(metavar="PHOTO", help="A picture of one person.")],
    motion: Annotated[
        str,
        typer.Option(
            metavar="NAME|VIDEO|POSES",
            help="A motion of the library (`posegen motion list`), a video, a folder of pictures "
            "or of pose files, or another program's file of poses.",
            autocompletion=completion.motions,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(metavar="FILE", help="Write a .webp, .gif, .apng or .mp4; else a folder."),
    ],
    weights: WeightsOption = None,
    source_pose: Annotated[
        Path | None,
        typer.Option(metavar="JSON", help="The pose in the photo; else a detector finds it."),
    ] = None,
    person: PersonOption = 1,
    driver_person: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=1,
            rich_help_panel=_POSES,
            help="Whose motion, of several people in it: 1 is the largest, 2 the next.",
        ),
    ] = 1,
    detector: DetectorOption = None,
    set_: SetOption = None,
    retarget: Annotated[
        Literal["source", "height", "none"],
        typer.Option(
            metavar="source|height|none",
            rich_help_panel=_POSES,
            help="source: the person's own limb lengths; height: their size and the driver's "
            "proportions; none: the poses as they are, in pixels of the photo.",
        ),
    ] = "source",
    smooth: Annotated[
        Literal["off", "light", "strong"],
        typer.Option(
            metavar="off|light|strong", rich_help_panel=_POSES, help="Smooth detected poses."
        ),
    ] = "light",
    draw: Annotated[
        Path | None,
        typer.Option(
            callback=output_file,
            metavar="PNG",
            rich_help_panel=_POSES,
            help="Also draw which part of the photo is taken, and the pose in it.",
        ),
    ] = None,
    fps: Annotated[
        float | None,
        typer.Option(
            min=0.1, rich_help_panel=_OUTPUT, help="Pictures a second; by default the motion's."
        ),
    ] = None,
    scale: Annotated[
        int, typer.Option(min=1, max=16, rich_help_panel=_OUTPUT, help="Enlarge the pictures.")
    ] = 3,
    show_pose: Annotated[
        bool, typer.Option("--show-pose", rich_help_panel=_OUTPUT, help="Draw the pose beside.")
    ] = False,
    background: Annotated[
        str,
        typer.Option(
            metavar="model|keep|COLOUR|PICTURE",
            rich_help_panel=_OUTPUT,
            help="model: as generated; keep: the photo's, which stands still; or another.",
        ),
    ] = "model",
    sampling: SamplingOption = None,
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
) -> None:
    """Let the person of a photo do a motion.

    The person is found and framed, the motion put on their limbs, and every frame made by the
    weights. --set gives options of the detector, for example detector.person_score=0.5.
    """
    check_there(photo)
    check_there(source_pose, "--source-pose")
    from posegen.cli.console import note, progress, say, tracked
    from posegen.cli.prepare import open_finder
    from posegen.compute.process import pick_device
    from posegen.core.skeletons import skeleton
    from posegen.core.writing import save_picture
    from posegen.evaluation.flicker import FlickerMeter
    from posegen.inference import load_model
    from posegen.inference.animation import beside_poses
    from posegen.inference.backgrounds import check_background, with_background
    from posegen.inference.clips import check_clip, write_clip
    from posegen.inference.marks import marked
    from posegen.inference.pose_files import read_pose
    from posegen.poses.smoothing import jitter

    check_output(out, "--out", folder=not out.suffix)
    if out.suffix:
        check_clip(out, fps or 1)
    check_background(background)
    model = load_model(chosen_weights(weights), pick_device(device))
    model = model.with_sampling(**parse_sampling(sampling))

    def finder() -> PeopleFinder:
        return open_finder(detector or DEFAULT_DETECTOR, set_, device, model.skeleton)

    given = None if source_pose is None else read_pose(source_pose, model.skeleton, person)
    scene = model.stage(
        photo,
        motion,
        given,
        finder=finder,
        person=person,
        driver_person=driver_person,
        how=retarget,
        smoothing=smooth,
    )
    driver = scene.driver
    if draw:
        save_picture(draw, scene.drawn(model.skeleton))
    meter = FlickerMeter(scene.track, skeleton(model.skeleton))
    frames = meter.watch(model.frames(scene.picture, scene.source, scene.wanted, seed=seed))
    total = len(scene.track)
    with progress(f"{photo.stem}: {motion}") as advance:
        shown = with_background(frames, scene, model.skeleton, background, scale)
        if show_pose:
            shown = beside_poses(shown, scene, model.skeleton)
        done = tracked(shown, advance, total)
        if out.suffix:
            write_clip(out, done, fps or driver.fps, model.mark)
        else:
            for number, frame in enumerate(done):
                file = out / f"{photo.stem}_{number:04d}.png"
                save_picture(file, frame, **marked(model.mark, "PNG"))
    if driver.detected and smooth != "off":
        before, after = jitter(driver.track), jitter(scene.track)
        note(f"Jitter of the poses, in heights per frame²: {before:.4f}, smoothed {after:.4f}.")
    flicker = meter.result
    if flicker.person is not None and flicker.background is not None:
        note(
            f"Flicker, pixels in [0, 1]: {flicker.person:.4f} on the person, "
            f"{flicker.background:.4f} elsewhere."
        )
    say(f"{out}: {total} frames")
    if draw:
        say(str(draw))
