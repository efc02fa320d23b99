"""`posegen pose`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from posegen.cli.options import (
    DetectorOption,
    DeviceOption,
    PersonOption,
    SetOption,
    check_there,
    output_file,
    output_folder,
)
from posegen.poses import DEFAULT_DETECTOR

if TYPE_CHECKING:
    from posegen.inference.pose_results import PoseResults

_FILES = "Poses of another program"
_LISTED = 20  # names that a message lists


def pose(
    pictures: Annotated[
        Path, typer.Argument(metavar="IMAGE|DIR|VIDEO", help="A picture, a folder, or a video.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            callback=output_file, metavar="CSV", help="Write the published annotation CSV."
        ),
    ] = None,
    draw: Annotated[
        Path | None,
        typer.Option(callback=output_folder, metavar="DIR", help="Draw the poses on the pictures."),
    ] = None,
    json: Annotated[
        Path | None,
        typer.Option(
            callback=output_folder,
            metavar="DIR",
            help="Write pose files, as `posegen generate` reads them.",
        ),
    ] = None,
    json_form: Annotated[
        str,
        typer.Option(
            metavar="FORM",
            help="Of the pose files: posegen, openpose (pixels), openpose-fractions (0 to 1), "
            "yolo; coco and alphapose are one file for all pictures.",
        ),
    ] = "posegen",
    person: PersonOption = 1,
    detector: DetectorOption = None,
    set_: SetOption = None,
    poses: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE|DIR",
            rich_help_panel=_FILES,
            help="Take the poses from files, instead of a detector.",
        ),
    ] = None,
    format: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            rich_help_panel=_FILES,
            help="Their format; by default it is seen from the content.",
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            rich_help_panel=_FILES, help="Joints of a lower confidence in them are missing."
        ),
    ] = None,
    skeleton: Annotated[
        str,
        typer.Option(
            "--skeleton",
            "--layout",  # its name before contract 2
            metavar="NAME",
            help="Which keypoints drawings and pose files have.",
        ),
    ] = "openpose18",
    every: Annotated[int, typer.Option(min=1, help="Of a video, one frame of so many.")] = 1,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the CSV; leave out what is in it.")
    ] = False,
    batch_size: Annotated[int, typer.Option(min=1, help="Pictures at a time.")] = 4,
    device: DeviceOption = "auto",
) -> None:
    """Find the poses of the people in pictures, or take them from another program's files.

    --set gives options of the detector, for example detector.person_score=0.5. Of several people
    in a picture the largest one is taken, or --person. A picture without a person has no row and
    no pose file, and is listed. Look at what --draw draws before you train.
    """
    check_there(pictures)
    from posegen.cli.console import progress
    from posegen.cli.prepare import open_finder
    from posegen.core.errors import ConfigError, DataError
    from posegen.core.texts import counted
    from posegen.data.footage import Footage
    from posegen.data.posing import pose_by_detector, pose_from_files
    from posegen.inference.pose_results import PoseResults

    _check(out, draw, json, skeleton, resume)
    _check_form(json_form, json, skeleton)
    footage = Footage(pictures, every)
    if every > 1 and footage.names is not None:
        raise ConfigError(f"--every {every}: {pictures} is no video; leave it out.")
    if poses and (detector or set_):
        raise ConfigError("--poses takes the place of a detector; leave out --detector and --set.")
    if poses is None:
        if format is not None or threshold is not None:
            raise ConfigError(
                "--format and --threshold are about the files of --poses; give these."
            )
        finder = open_finder(detector or DEFAULT_DETECTOR, set_, device, skeleton)
    with (
        PoseResults(out, draw, json, skeleton, resume, json_form) as results,
        progress(f"poses of {pictures}") as advance,
    ):
        done = results.done
        for posed in (
            pose_from_files(
                footage,
                poses,
                skeleton,
                format=format,
                threshold=threshold,
                leave_out=done,
                person=person,
            )
            if poses
            else pose_by_detector(
                footage, finder, leave_out=done, batch_size=batch_size, person=person
            )
        ):
            results.add(posed)
            advance(results.looked_at, max(results.looked_at, len(footage)))
    _report(results, (out, draw, json))
    if results.looked_at and not results.found and not results.done:
        raise DataError(
            f"{pictures}: nobody was found in {counted(results.looked_at, 'pictures')}; look "
            "whether people are there, try another --detector, or other options of this one with "
            "--set."
        )


def _check_form(form: str, json: Path | None, skeleton: str) -> None:
    from posegen.core.errors import ConfigError, suggest
    from posegen.inference.pose_results import FORMS

    if form not in FORMS:
        raise ConfigError(f"--json-form {form}: no such form; {suggest(form, FORMS)}")
    if form != "posegen" and not json:
        raise ConfigError("--json-form is about --json; give that.")
    if FORMS[form] and skeleton not in FORMS[form]:
        raise ConfigError(
            f"--json-form {form} holds {' or '.join(FORMS[form])}, not {skeleton}; leave out "
            "--skeleton."
        )


def _check(
    out: Path | None, draw: Path | None, json: Path | None, skeleton: str, resume: bool
) -> None:
    from posegen.core.errors import ConfigError
    from posegen.core.skeletons import OPENPOSE18
    from posegen.core.skeletons import skeleton as skeleton_of

    skeleton_of(skeleton)
    if not (out or draw or json):
        raise ConfigError("nothing to write; give at least one of --out, --draw and --json.")
    if out and skeleton != OPENPOSE18.name:
        raise ConfigError(
            f"--skeleton {skeleton}: the published CSV holds {OPENPOSE18.name} keypoints; leave "
            "out --skeleton, or write pose files with --json in the place of --out."
        )
    if resume and not out:
        raise ConfigError("--resume goes on with a CSV; name it with --out.")


def _report(results: PoseResults, written: Sequence[Path | None]) -> None:
    from posegen.cli.console import note, say
    from posegen.core.texts import counted

    for path in written:
        if path and results.found:
            say(f"Written: {path}")
    notes = [f"{counted(results.found, 'poses')} in {counted(results.looked_at, 'pictures')}."]
    if results.done:
        were = "was" if len(results.done) == 1 else "were"
        notes.append(f"{len(results.done):,} {were} there already.")
    if results.without:
        notes.append(f"Nobody found, and no row written: {_listed(results.without)}.")
    if results.several:
        notes.append(f"Several people, one of them taken: {_listed(results.several)}.")
    if results.outside:
        notes.append(
            f"{counted(results.outside, 'joints')} outside their pictures left out of the poses."
        )
    for line in notes:
        note(line)


def _listed(names: Sequence[str]) -> str:
    more = f", … ({len(names)} in all)" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
