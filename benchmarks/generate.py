"""Times generation with a network of ours against the published one written plainly.

    python benchmarks/generate.py --preset market1501 --ngf 64 --poses 16 --batch 8

The case `poses` is what a clip is, one person in many poses: the plain side calls the published
network once for each, in float32; ours encodes the source once and makes the poses in batches. The
case `pairs` is what evaluation does, different people in batches, which the plain side gets as
well. Both sides have the same weights and run in one process, in turn. Prints JSON with each case's
median seconds of both sides, ours / plain as `ratio`, and the largest difference on [-1, 1].
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from itertools import product
from pathlib import Path

import torch
from measure import Case, in_turn, parser, report
from plain.networks import Generator
from posegen_patn.config import PATNConfig
from posegen_patn.convert import PATNOfficial
from posegen_patn.generator import PATNGenerator
from torch import Tensor, nn

from posegen.core import TaskInfo
from posegen.inference.runner import Runner, Speed

NORM = {"market1501": "batch", "deepfashion": "instance"}
SIZE = {"market1501": (128, 64), "deepfashion": (256, 176)}
JOINTS = 18

Inputs = tuple[Tensor, Tensor, Tensor]
Sides = tuple[Callable[[], Tensor], Callable[[], Tensor]]


def main() -> None:
    """Run the benchmark."""
    options = arguments()
    presets, widths = options.preset or NORM, options.ngf or (64,)
    cases = [case for pair in product(presets, widths) for case in compare(*pair, options)]
    report("generate", cases, options.json)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    made = parser(__doc__, rounds=3)
    made.add_argument("--preset", action="append", choices=NORM, help="repeatable; both")
    made.add_argument("--ngf", action="append", type=int, help="width, repeatable; 64")
    made.add_argument("--poses", type=int, default=16, help="images in all")
    made.add_argument("--batch", type=int, default=8, help="images at a time")
    made.add_argument("--device", default="cpu")
    made.add_argument("--precision", default="32", help="of ours: 32, bf16 or fp16")
    made.add_argument("--compile", action="store_true", help="ours through torch.compile")
    made.add_argument("--no-fold", action="store_true", help="ours with its batch norms")
    return made.parse_args()


def compare(name: str, ngf: int, options: argparse.Namespace) -> list[Case]:
    """Measure both cases of a preset at a width."""
    device = torch.device(options.device)
    plain, network = both(name, ngf)
    plain.to(device)
    speed = Speed(options.precision, options.compile, not options.no_fold)
    runner = Runner(network.to(device), TaskInfo(SIZE[name], JOINTS), device, speed)
    source, here, there = (part.to(device) for part in noise(SIZE[name], options.poses))
    setting = {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "precision": options.precision,
        "compile": options.compile,
        "folded": runner.folded,
    }
    cases = []
    for kind, (ours, published) in {
        "poses": one_person(runner, plain, (source[:1], here[:1], there), options.batch),
        "pairs": pairs(runner, plain, (source, here, there), options.batch),
    }.items():
        difference = float((ours() - published()).abs().max())
        cases.append(
            {
                "name": f"{name}, ngf {ngf}, {options.poses} {kind} by {options.batch}",
                **setting,
                **in_turn(ours, published, options.rounds),
                "difference": float(f"{difference:.2g}"),
            }
        )
    return cases


def one_person(runner: Runner, plain: nn.Module, inputs: Inputs, batch: int) -> Sides:
    """Return both sides of a clip; results are brought to the CPU, as pictures are."""
    source, here, poses = inputs

    def ours() -> Tensor:
        made = []
        for part in poses.split(batch):
            person = (x.expand(len(part), *x.shape[1:]) for x in (source, here))
            made.append(runner(**named(*person, part)).image.cpu())
        return torch.cat(made)

    @torch.no_grad()
    def published() -> Tensor:
        return torch.cat([plain(source, here, pose[None]).cpu() for pose in poses])

    return ours, published


def named(source: Tensor, source_pose: Tensor, target_pose: Tensor) -> dict[str, Tensor]:
    """Return a generator's inputs by name."""
    return {"source": source, "source_pose": source_pose, "target_pose": target_pose}


def pairs(runner: Runner, plain: nn.Module, inputs: Inputs, batch: int) -> Sides:
    """Return both sides of an evaluation."""
    parts = list(zip(*(part.split(batch) for part in inputs), strict=True))

    def ours() -> Tensor:
        return torch.cat([runner(**named(*part)).image.cpu() for part in parts])

    @torch.no_grad()
    def published() -> Tensor:
        return torch.cat([plain(*part).cpu() for part in parts])

    return ours, published


def both(name: str, ngf: int) -> tuple[Generator, PATNGenerator]:
    """Return both networks with the same weights; running statistics are those of noise."""
    torch.manual_seed(0)
    plain = Generator(ngf, NORM[name], dropout=0.5).train()
    for module in plain.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # the statistics are those of the one batch that follows
    with torch.no_grad():
        plain(*noise((64, 32), 2))
    _, tensors = PATNOfficial().convert(plain.state_dict(), Path("netG"))
    network = PATNGenerator(PATNConfig(ngf=ngf, norm=NORM[name]), TaskInfo(SIZE[name], JOINTS))
    network.load_state_dict(tensors)
    return plain.eval(), network.eval().requires_grad_(False)


def noise(size: tuple[int, int], count: int) -> Inputs:
    """Return sources, their pose maps, and the maps of the wanted poses."""
    random = torch.Generator().manual_seed(0)

    def draw(channels: int) -> Tensor:
        return torch.rand(count, channels, *size, generator=random)

    return draw(3) * 2 - 1, draw(JOINTS), draw(JOINTS)


if __name__ == "__main__":
    main()
