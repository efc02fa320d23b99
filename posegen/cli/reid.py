"""`posegen reid`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from posegen.cli.augment import NamesOption, reid_section
from posegen.cli.console import note, output, print_json, say, stages
from posegen.cli.options import (
    DeviceOption,
    JsonOption,
    SetOption,
    WeightsOption,
    check_there,
    chosen_weights,
    parse_names,
    parse_seeds,
    parse_size,
)
from posegen.core.errors import ConfigError

if TYPE_CHECKING:
    from posegen.experiments.reid.train import ReidTraining

_TRAINING = "Training"
_CENTRE = "Features averaged over generated poses"


def reid(
    data: Annotated[
        str,
        typer.Argument(
            metavar="NAME|PATH",
            help="A data set, or Market-1501 as its authors pack it (query/ and so on).",
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The experiment's folder.")],
    generated: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Train with these as well: what posegen augment made."),
    ] = None,
    fractions: Annotated[
        str, typer.Option(metavar="F,…", help="Parts of each person's real pictures, in (0, 1].")
    ] = "0.1,0.2,0.4,0.6,0.8,1.0",
    seeds: Annotated[str, typer.Option(metavar="N,…", help="Of the trainings.")] = "1,2,3",
    names: NamesOption = None,
    set_: SetOption = None,
    network: Annotated[
        str, typer.Option(rich_help_panel=_TRAINING, help="resnet10, resnet18, resnet34, resnet50.")
    ] = "resnet50",
    init: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            rich_help_panel=_TRAINING,
            help="torchvision's weights of that network to begin with; else from scratch.",
        ),
    ] = None,
    size: Annotated[
        str, typer.Option(metavar="HxW", rich_help_panel=_TRAINING, help="Size of the pictures.")
    ] = "128x64",
    steps: Annotated[int, typer.Option(min=1, rich_help_panel=_TRAINING, help="Batches.")] = 7200,
    batch_size: Annotated[
        int, typer.Option(min=4, rich_help_panel=_TRAINING, help="Pictures in a batch.")
    ] = 64,
    lr: Annotated[float, typer.Option(rich_help_panel=_TRAINING, help="Learning rate.")] = 3.5e-4,
    centralise: Annotated[
        int,
        typer.Option(
            min=0,
            rich_help_panel=_CENTRE,
            metavar="N",
            help="Also score test features averaged over so many generated poses.",
        ),
    ] = 0,
    weights: WeightsOption = None,
    device: DeviceOption = "auto",
    json: JsonOption = False,
) -> None:
    """Train and score re-identification on parts of the real pictures, with and without generated.

    Rank-1 and mAP by Market-1501's rules. Of a data set, each test picture is a query and all are
    the gallery. The same command goes on where an earlier one was stopped. OUT/network is for
    `posegen eval --metrics identity`.
    """
    from posegen.compute.process import pick_device
    from posegen.core.files import held
    from posegen.experiments.effects import to_json, to_markdown, write_table
    from posegen.experiments.reid import experiment
    from posegen.experiments.reid import material as gather
    from posegen.experiments.reid.data import Namer, official

    check_there(init, "--init")
    if weights is not None and not centralise:
        raise ConfigError("--weights generates the poses of --centralise; give that.")
    training = _training(network, size, steps, batch_size, lr)
    namer, where = Namer(names), pick_device(device)
    packed = official(Path(data).expanduser())
    if packed and (centralise or set_):
        raise ConfigError(
            "--centralise and --set need a data set with poses: `posegen data prepare market1501`."
        )
    plan: dict[str, Any] = {
        "fractions": _fractions(fractions),
        "seeds": parse_seeds(seeds),
        "training": training,
        "generated": gather.digest_of(generated) if generated else "",
        "centralised": centralise,
        "init": str(init or ""),
    }
    with stages() as advance:
        model = None
        if centralise:
            from posegen.inference import load_model

            model = load_model(chosen_weights(weights), where)
            plan["made_by"] = model.fingerprint()
        if packed:
            plan["data"] = {"name": Path(data).name}
            material = gather.from_folder(Path(data).expanduser(), namer, training.image_size)
        else:
            section = reid_section(data, set_, model.image_size if model else None)
            plan["data"] = section.model_dump(mode="json")
            material = gather.from_data_set(section, namer, training.image_size)
        if generated:
            material = gather.with_generated(material, generated, training.image_size)
        experiment.check(material)
        planned = experiment.ReidPlan.model_validate(plan)
        experiment.begin(out, planned)
        with held(out):
            if model is not None:
                material = gather.with_poses(
                    material,
                    model,
                    section,
                    centralise,
                    training.image_size,
                    progress=lambda done, total: advance("poses", done, total),
                )
            table = experiment.run(
                out, planned, material, init=init, device=where, tell=note, progress=advance
            )
    write_table(out, to_json(table), to_markdown(table))
    if json:
        print_json(to_json(table))
        return
    from posegen.cli.sweep import table_of

    output().print(table_of(table))
    for line in table.notes:
        note(line)
    say(f"Written to {out / 'table.md'} and {out / 'table.json'}.")


def _training(network: str, size: str, steps: int, batch_size: int, lr: float) -> ReidTraining:
    from posegen.evaluation.metrics.reid_network import RESNETS
    from posegen.experiments.reid.train import ReidTraining

    if network not in RESNETS:
        raise ConfigError(f"--network {network}: there are {', '.join(RESNETS)}.")
    if not lr > 0:
        raise ConfigError(f"--lr {lr}: give a number above 0.")
    return ReidTraining(
        network=network,
        image_size=parse_size(size, "--size"),
        steps=steps,
        batch_size=batch_size,
        lr=lr,
    )


def _fractions(text: str) -> tuple[float, ...]:
    try:
        found = [float(word) for word in parse_names(text, "--fractions") or []]
    except ValueError:
        found = []
    if not found or not all(0 < one <= 1 for one in found) or len(set(found)) < len(found):
        raise ConfigError(f"--fractions {text}: write different numbers above 0, 1 at most.")
    return tuple(found)
