"""Options that several commands share, and what they mean.

What cannot be read is a ConfigError that names the option.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from posegen.cli import completion
from posegen.core.errors import ConfigError, PluginError
from posegen.core.specs import Kind
from posegen.poses import DEFAULT_DETECTOR

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")]
WeightsArgument = Annotated[
    str,
    typer.Argument(
        metavar="RUN|WEIGHTS",
        help="A run, weights, or pulled weights by name.",
        autocompletion=completion.weights,
    ),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="A TOML file laid over the preset."),
]
DataOption = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="NAME|PATH",
        help="A data set by name, or a folder of one.",
        autocompletion=completion.component(Kind.DATASET),
    ),
]
WeightsOption = Annotated[
    Path | None,
    typer.Option(
        "--weights",
        metavar="RUN|WEIGHTS",
        help="A run or weights; by default the best that are installed.",
        autocompletion=completion.weights,
    ),
]
DetectorOption = Annotated[
    str | None,
    typer.Option(
        "--detector",
        metavar="NAME",
        help=f"Which pose detector; by default {DEFAULT_DETECTOR}.",
        autocompletion=completion.component(Kind.DETECTOR),
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override one configuration value."),
]
PersonOption = Annotated[
    int,
    typer.Option(
        "--person",
        metavar="N",
        min=1,
        help="Which of several people: 1 is the largest, 2 the next.",
    ),
]
SamplingOption = Annotated[
    list[str] | None,
    typer.Option(
        "--sampling",
        metavar="KEY=VALUE",
        help="An option of the method's sampling, e.g. steps=4 (repeatable).",
    ),
]
SeedOption = Annotated[
    int, typer.Option(min=0, help="Of the noise, for methods that sample with noise.")
]
SkipBadOption = Annotated[
    bool, typer.Option("--skip-bad", help="Leave out bad rows and pictures, and say how many.")
]
AllowOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--allow",
        metavar="DIR",
        help="A folder of pictures or weights that scores.json may name (repeatable).",
    ),
]
DeviceOption = Annotated[
    str, typer.Option(metavar="DEVICE", help="auto, cpu, cuda, cuda:1 or mps.")
]
WorkersOption = Annotated[
    int | None, typer.Option(min=0, help="Processes that load data (0: none beside the main one).")
]
_SPEED = "Speed"
PrecisionOption = Annotated[
    str,
    typer.Option(metavar="32|bf16|fp16", rich_help_panel=_SPEED, help="Format of the numbers."),
]
CompileOption = Annotated[
    bool,
    typer.Option(
        "--compile/--no-compile", rich_help_panel=_SPEED, help="torch.compile the network."
    ),
]


def chosen_weights(given: Path | None) -> Path:
    """Return the weights that were given, or the default ones, and say which these are."""
    if given is not None:
        return given
    from posegen.cli.console import note
    from posegen.weights.cache import default

    entry = default()
    note(f"Weights: {entry.name} ({entry.model}, {entry.licence}); others with --weights.")
    return Path(entry.name)


def data_section(value: str) -> dict[str, Any]:
    """Turn what was given as `--data` into a `data` section.

    Raises:
        PluginError, DataError: where it is neither a known name nor a folder of a known layout.
    """
    from posegen.data.detect import detect_layout
    from posegen.plugins import registry

    path = Path(value).expanduser()
    if value not in registry().names(Kind.DATASET) and (path.exists() or "/" in value):
        return {"name": detect_layout(path, registry()), "root": str(path)}
    try:
        registry().get(Kind.DATASET, value)
    except PluginError as error:
        raise PluginError(f"{value}: no such folder, and {error}") from None
    return {"name": value}


def parse_sampling(texts: list[str] | None) -> dict[str, Any]:
    """Read the `key=value` texts of `--sampling`."""
    from posegen.config import merge_all, parse_override

    return merge_all(parse_override(text, "--sampling") for text in texts or ())


def parse_size(text: str, option: str) -> tuple[int, int]:
    """Read `HxW`."""
    height, cross, width = text.lower().partition("x")
    if not (cross and height.isdecimal() and width.isdecimal()):
        raise ConfigError(f"{option} {text}: write it as HEIGHTxWIDTH, for example 128x64.")
    return int(height), int(width)


def check_png(path: Path | None, option: str) -> None:
    """Refuse another ending than that of what is written."""
    if path is not None and path.suffix.lower() != ".png":
        raise ConfigError(f"{option} {path}: a PNG is written; end the name with .png.")


def check_there(path: Path | None, option: str = "") -> None:
    """Refuse a path where nothing is; commands do so before they import what takes seconds."""
    if path is not None and not path.expanduser().exists():
        raise ConfigError(f"{option} {path}: no such file or folder.".lstrip())


def output_file(param: typer.CallbackParam, value: Path | None) -> Path | None:
    """The callback of options that name a file to write: whether it can be, before any work."""
    return _writable(param, value, folder=False)


def output_folder(param: typer.CallbackParam, value: Path | None) -> Path | None:
    """The callback of options that name a folder to write into, see `output_file`."""
    return _writable(param, value, folder=True)


def _writable(param: typer.CallbackParam, value: Path | None, folder: bool) -> Path | None:
    if value is not None:
        option = param.opts[0] if param.opts[0].startswith("-") else str(param.metavar)
        check_output(value, option, folder)
    return value


def check_output(path: Path, option: str, folder: bool) -> None:
    """Refuse what cannot be written; `folder`: whether files are to be written into it."""
    from posegen.core.writing import check_writable

    try:
        check_writable(path, folder)
    except OSError as error:
        at = "" if error.filename in (None, str(path)) else f"{error.filename}: "
        raise ConfigError(
            f"{option} {path}: cannot be written ({at}{error.strerror}); give another path."
        ) from None


def refuse(why: str, **options: object) -> None:
    """Refuse options that belong to another way of working.

    Raises:
        ConfigError: naming the first one.
    """
    for name, value in options.items():
        if value is not None:
            option = name if name.isupper() else f"--{name.replace('_', '-')}"
            raise ConfigError(f"{option} {why}; leave one of them out.")


def parse_names(text: str | None, option: str) -> list[str] | None:
    """Split `a,b`; None where the option is not given."""
    if text is None:
        return None
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise ConfigError(f"{option}: no name is given; leave the option out, or name some.")
    return names


def parse_split(name: str) -> str:
    """Check the name of a split."""
    if name not in ("train", "test"):
        raise ConfigError(f"--split {name}: there are train and test.")
    return name


def parse_seeds(text: str | None) -> tuple[int, ...]:
    """Read the numbers of `--seeds`; none where the option is not given."""
    words = parse_names(text, "--seeds") or []
    if not all(word.isdecimal() for word in words) or len(set(words)) < len(words):
        raise ConfigError(f"--seeds {text}: write different whole numbers: 1,2,3.")
    return tuple(map(int, words))
