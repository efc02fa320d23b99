"""`posegen data prepare` and `posegen data from-folder`: training sets of raw material."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from posegen.cli.options import DeviceOption, SetOption, output_folder, parse_size
from posegen.poses import DEFAULT_DETECTOR

if TYPE_CHECKING:
    from posegen.data.own import OwnCounts
    from posegen.data.posing import PeopleFinder
    from posegen.data.prepare.recipes import Recipe

app = typer.Typer(
    help="Make a published layout of a data set's own download.", no_args_is_help=True
)

_RAW = typer.Argument(metavar="RAW", help="The download: a folder, or a zip or tar file.")
_OUT = typer.Argument(
    callback=output_folder, metavar="OUT", help="The new folder, or one to go on with."
)
_ANNOTATIONS = typer.Option(
    metavar="DIR", help="Published CSV files and lists; what is not there is made."
)
_DETECTOR = typer.Option(metavar="NAME", help="The pose detector that finds keypoints.")
_BATCH = typer.Option(min=1, help="Pictures that the detector sees at once.")
ImageFormatOption = Annotated[
    Literal["jpg", "png"], typer.Option(metavar="jpg|png", help="png is exact.")
]


@app.command()
def market1501(
    raw: Annotated[Path, _RAW],
    out: Annotated[Path, _OUT],
    annotations: Annotated[Path | None, _ANNOTATIONS] = None,
    detector: Annotated[str | None, _DETECTOR] = None,
    batch_size: Annotated[int, _BATCH] = 16,
    device: DeviceOption = "auto",
    set_: SetOption = None,
) -> None:
    """Prepare Market-1501: bounding_box_train and bounding_box_test, without distractors.

    Give --annotations, --detector, or both. --set gives options of the detector. What was
    interrupted goes on where it was; what is complete is left as it is.
    """
    from posegen.data.prepare.recipes import Market1501

    _prepare(raw, Market1501(out), annotations, detector, set_, device, batch_size)


@app.command()
def deepfashion(
    raw: Annotated[Path, _RAW],
    out: Annotated[Path, _OUT],
    annotations: Annotated[Path | None, _ANNOTATIONS] = None,
    detector: Annotated[str | None, _DETECTOR] = None,
    split: Annotated[
        Literal["published", "leak-free"],
        typer.Option(
            metavar="published|leak-free",
            help="leak-free: no item of the test split is in the training split.",
        ),
    ] = "published",
    size: Annotated[str, typer.Option(metavar="HxW", help="Size of the pictures.")] = "256x176",
    pictures: Annotated[
        Literal["img", "img_highres"] | None,
        typer.Option(metavar="img|img_highres", help="Which ones; by default img where it is."),
    ] = None,
    quality: Annotated[
        int, typer.Option(min=1, max=95, help="Of the JPEG files; 75 is the published one.")
    ] = 75,
    batch_size: Annotated[int, _BATCH] = 16,
    device: DeviceOption = "auto",
    set_: SetOption = None,
) -> None:
    """Prepare DeepFashion (In-shop Clothes Retrieval): renamed, the middle 176 columns of 256.

    The published split needs train.lst and test.lst, in the download or in --annotations. Give
    --annotations, --detector, or both. --set gives options of the detector. What was interrupted
    goes on where it was; what is complete is left as it is.
    """
    from posegen.data.prepare.recipes import DeepFashion

    recipe = DeepFashion(out, split, parse_picture_size(size), pictures, quality)
    _prepare(raw, recipe, annotations, detector, set_, device, batch_size)


def from_folder(
    photos: Annotated[
        Path,
        typer.Argument(
            metavar="PHOTOS", help="A folder with a folder, or a video, of each person; or a video."
        ),
    ],
    out: Annotated[
        Path, typer.Argument(callback=output_folder, metavar="OUT", help="The new folder.")
    ],
    detector: Annotated[
        str, typer.Option(metavar="NAME", help="Which pose detector.")
    ] = DEFAULT_DETECTOR,
    size: Annotated[
        str, typer.Option(metavar="HxW", help="Size of the new pictures; divisible by 4.")
    ] = "256x176",
    every: Annotated[int, typer.Option(min=1, help="Of a video, one frame of so many.")] = 5,
    test: Annotated[
        float, typer.Option(min=0.01, max=0.9, help="Share of the people to test on.")
    ] = 0.1,
    seed: Annotated[int, typer.Option(min=0, help="Another seed tests on other people.")] = 0,
    pairs: Annotated[int, typer.Option(min=1, help="Most pairs of each person.")] = 20_000,
    image_format: ImageFormatOption = "jpg",
    device: DeviceOption = "auto",
    set_: SetOption = None,
) -> None:
    """Make a training set of your own photos and videos.

    Each picture is cut around its person; nothing is distorted. --set gives options of the
    detector.
    """
    from posegen.cli.console import stages
    from posegen.data.own import OwnOptions, check_folders
    from posegen.data.own import from_folder as make

    options = OwnOptions(parse_picture_size(size), every, test, seed, pairs, image_format)
    check_folders(photos, out, every)  # opening a detector may be a long download
    finder = open_finder(detector, set_, device)
    with stages() as progress:
        counts = make(
            photos, out, finder, options, lambda done: progress("finding people", done, 0)
        )
    _print_own(counts, out)


def parse_picture_size(text: str) -> tuple[int, int]:
    """Read the `--size` of new pictures.

    Raises:
        ConfigError: where it is none that a network takes.
    """
    from posegen.core.errors import ConfigError

    height, width = parse_size(text, "--size")
    if height % 4 or width % 4 or not height or not width:
        raise ConfigError(f"--size {text}: height and width must be divisible by 4.")
    return height, width


def open_finder(
    name: str, overrides: list[str] | None, device: str, skeleton: str = "openpose18"
) -> PeopleFinder:
    """Build the detector of a command that has no other component, with its `--set`.

    Raises:
        PluginError, ConfigError, WeightsError: see `build_finder`; or where another section is set.
    """
    from posegen.compute.process import pick_device
    from posegen.config import merge_all, parse_override
    from posegen.core.errors import ConfigError
    from posegen.data.posing import build_finder

    tree: dict[str, Any] = merge_all(parse_override(text) for text in overrides or [])
    for section in tree:
        if section != "detector":
            raise ConfigError(f"--set {section}: only detector.… can be set here.")
    return build_finder(name, tree.get("detector", {}), pick_device(device), skeleton)


def _prepare(
    raw: Path,
    recipe: Recipe,
    annotations: Path | None,
    detector: str | None,
    overrides: list[str] | None,
    device: str,
    batch_size: int,
) -> None:
    from posegen.cli.console import stages
    from posegen.core.errors import ConfigError
    from posegen.data.prepare.run import Request, prepare

    if overrides and not detector:
        raise ConfigError("--set detector.… needs a detector; name one with --detector.")
    finder = open_finder(detector, overrides, device) if detector else None
    with stages() as progress:
        counts = prepare(Request(raw, recipe, annotations, finder, batch_size), progress)
    print_counts(counts)
    _print_next(recipe.config.root)


def print_counts(counts: Mapping[Any, Mapping[str, int]]) -> None:
    """Print how much of what each split has."""
    from rich.table import Table

    from posegen.cli.console import output

    table = Table("", *counts, box=None)
    for what in next(iter(counts.values())):
        table.add_row(what, *(f"{split[what]:,}" for split in counts.values()))
    output().print(table)


def _print_own(counts: OwnCounts, out: Path) -> None:
    from posegen.cli.console import note, say
    from posegen.core.texts import counted

    say(f"Pictures: {counts.shown()}.")
    for why, count in counts.left_out.items():
        note(f"Left out: {counted(count, why)}.")
    pairs = ", ".join(f"{split} {count:,}" for split, count in counts.pairs.items())
    say(f"Pairs: {pairs}.")
    if counts.one_person:
        note(
            "There is one person with enough pictures, so the test split has their last ones: its "
            "scores say nothing about other people."
        )
    _print_next(out)


def _print_next(out: Path) -> None:
    from posegen.cli.console import note, say

    say(f"Written: {out}")
    note(f"Look before you train: posegen data check {out} --html check.html")
    note(f"Then train, with nothing to download: posegen train {offline_start()} --data {out}")


def offline_start() -> str:
    """Return the options of `posegen train` that need no download, on any data set.

    Where weights came with a package, training goes on from them.
    """
    from posegen.core.errors import PluginError, WeightsError
    from posegen.core.specs import Kind
    from posegen.plugins import registry
    from posegen.weights.cache import default

    try:
        entry = default()
        own = registry().get(Kind.MODEL, entry.model).load().default_preset
    except (PluginError, WeightsError):
        return "--model patn --preset demo"
    return f"--model {entry.model} --preset {entry.preset or own} --init {entry.name}"
