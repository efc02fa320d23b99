"""Times a training step of ours against the published one written plainly, side by side.

    python benchmarks/step.py --preset market1501 --ngf 64 --batch 4

Both sides have the same weights and inputs and run in one process, in turn; the VGG of the
perceptual loss has the same random weights on both, which cost what trained ones cost. Then each
side runs in a process of its own, for how far two steps raise the peak of its memory (networks and
Adam's moments included). Prints JSON with a case for each preset and width: median seconds and MiB
of each side, ours / plain as `ratio` and `memory_ratio`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import torch
from measure import Case, afresh, in_turn, parser, report, resident_mib
from plain.step import DEEPFASHION, MARKET1501, PlainStep
from posegen_patn.convert import PATNOfficial

from posegen.compute.process import Process
from posegen.config import ExperimentConfig, experiment, preset
from posegen.core import Batch, Method, TaskInfo
from posegen.training import Stepper, build_method

OPTIONS = {"market1501": MARKET1501, "deepfashion": DEEPFASHION}
NETWORKS = {"netG": "generator", "netD_PP": "appearance", "netD_PB": "shape"}
_CPU = torch.device("cpu")
BATCH = {"market1501": 8, "deepfashion": 2}


def main() -> None:
    """Run the benchmark."""
    options = arguments()
    if options.side:
        setting = (options.preset[0], options.ngf[0], options.batch, options.set)
        print(json.dumps(growth(options.side, *setting)))
        return
    cases = [
        case(name, ngf, options.batch or BATCH[name], options)
        for name, ngf in product(options.preset or OPTIONS, options.ngf or (32, 64))
    ]
    report("step", cases, options.json)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    made = parser(__doc__, rounds=5)
    made.add_argument("--preset", action="append", choices=OPTIONS, help="repeatable; both")
    made.add_argument("--ngf", action="append", type=int, help="width, repeatable; 32 and 64")
    made.add_argument("--batch", type=int, help="pairs; by default what two cores can do")
    made.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="of ours, repeatable"
    )
    made.add_argument("--side", choices=("ours", "plain"), help="only MiB of growth of this side")
    return made.parse_args()


def case(name: str, ngf: int, batch: int, options: argparse.Namespace) -> Case:
    """Measure one preset at one width."""
    plain, stepper = both(name, ngf, batch, settings=options.set)
    given = random_batch(name, batch)
    inputs = (given.source, given.target, given.source_pose, given.target_pose)
    times = in_turn(lambda: stepper.step(given), lambda: plain(*inputs), options.rounds)
    flags = ["--preset", name, "--ngf", str(ngf), "--batch", str(batch)]
    flags += [word for text in options.set for word in ("--set", text)]
    ours_mib, plain_mib = (afresh("--side", side, *flags) for side in ("ours", "plain"))
    return {
        "name": f"{name}, ngf {ngf}, batch {batch}",
        "preset": name,
        "ngf": ngf,
        "batch": batch,
        **times,
        "ours_mib": round(ours_mib),
        "plain_mib": round(plain_mib),
        "memory_ratio": round(ours_mib / plain_mib, 3),
    }


def growth(side: str, name: str, ngf: int, batch: int, settings: Sequence[str]) -> float:
    """Return by how many MiB the peak of this process grows with networks and two steps."""
    steps(side, name, 4, 1, settings)  # what PyTorch loads for itself is not counted
    before = resident_mib()
    steps(side, name, ngf, batch, settings)
    return resident_mib(peak=True) - before


def steps(side: str, name: str, ngf: int, batch: int, settings: Sequence[str]) -> None:
    """Build one side and run two steps."""
    given = random_batch(name, batch)
    if side == "ours":
        config = configuration(name, ngf, batch, settings)
        stepper = Stepper.of(ours(name, ngf, batch, settings), config)
        for _ in range(2):
            stepper.step(given)
    else:
        plain = PlainStep(OPTIONS[name], ngf)
        for _ in range(2):
            plain(given.source, given.target, given.source_pose, given.target_pose)


def both(
    name: str, ngf: int, batch: int, device: torch.device = _CPU, settings: Sequence[str] = ()
) -> tuple[PlainStep, Stepper]:
    """Return both sides with the same weights; `settings` are of ours, as of `--set`."""
    torch.manual_seed(0)
    plain, method = PlainStep(OPTIONS[name], ngf), ours(name, ngf, batch, settings)
    for published, network in NETWORKS.items():
        given = plain.networks[published].state_dict()
        _, tensors = PATNOfficial().convert(given, Path(published))
        own = method.networks[network].state_dict()  # with the image pool, which is empty
        method.networks[network].load_state_dict(own | tensors)
    perceptual = method.frozen["perceptual"]
    perceptual.network.load_state_dict(plain.vgg.state_dict())
    for module in (*plain.networks.values(), plain.vgg):
        module.to(device)
    return plain, Stepper.of(method, configuration(name, ngf, batch, settings), Process(device))


def ours(name: str, ngf: int, batch: int, settings: Sequence[str] = ()) -> Method:
    """Return our method of a preset."""
    return build_method(configuration(name, ngf, batch, settings), TaskInfo(size_of(name), 18))


def size_of(name: str) -> tuple[int, int]:
    """Return the height and width of a preset's images."""
    height, width = preset("patn", name)["data"]["image_size"]
    return height, width


def configuration(
    name: str, ngf: int, batch: int, settings: Sequence[str] = ()
) -> ExperimentConfig:
    """Return a preset at some width, with what needs files replaced by what costs the same."""
    parts = ("generator", "discriminators.appearance", "discriminators.shape")
    return experiment(
        preset("patn", name),
        {"data": {"name": "people"}, "losses": {"perceptual": {"name": "random-vgg"}}},
        overrides=[
            *(f"{part}.ngf={ngf}" for part in parts),
            'losses.perceptual.layers=["relu1_2"]',
            f"training.batch_size={batch}",
            *settings,
        ],
    )


def random_batch(name: str, count: int) -> Batch:
    """Return a batch of noise of the preset's size."""
    size = size_of(name)
    random = torch.Generator().manual_seed(0)

    def draw(channels: int) -> torch.Tensor:
        return torch.rand(count, channels, *size, generator=random)

    return Batch(
        {
            "source": draw(3) * 2 - 1,
            "target": draw(3) * 2 - 1,
            "source_pose": draw(18),
            "target_pose": draw(18),
        }
    )


if __name__ == "__main__":
    main()
