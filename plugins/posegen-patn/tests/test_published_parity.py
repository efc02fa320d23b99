"""The recorded numbers of the published code, reproduced: weights in, three steps of training out.

Runs on every recorded case in the folder `POSEGEN_GOLDEN_DIR` (by default the repository's
`tests/data/golden`): a JSON file with a safetensors file of the same name beside it.

The networks *after* three steps are compared in two ways. Adam moves a weight by its rate however
small the gradient is, so where a gradient is nearly zero its sign, and with it the weight, is
decided by rounding: changing the first weights by one unit in the last place moves pixels of the
recorded `generator.after` by up to 0.3 (measured), and so does another order of the same sums. So:

- with the kernels (AVX2) and the memory format of the recording, the engine gives the recorded
  images, and the plain step (`benchmarks/plain`), in the published order of operations, the
  recorded networks (`tests/benchmarks/test_plain.py`);
- the engine's step gives the same networks as that, in float64, where rounding decides nothing.
"""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from plain.recorded import Recording
from plain.step import PlainStep
from posegen_patn.convert import PATNOfficial
from torch import Tensor

from posegen.compute import winograd
from posegen.compute.process import Process
from posegen.config import ExperimentConfig, experiment
from posegen.core import Batch, Config, Method, Noise, TaskInfo
from posegen.training import Stepper, build_method

_CPU = torch.device("cpu")
_DEFAULT = Path(__file__).parents[3] / "tests" / "data" / "golden"
FOLDER = Path(os.environ.get("POSEGEN_GOLDEN_DIR") or _DEFAULT)
CASES = sorted(p for p in FOLDER.glob("*.json") if p.with_suffix(".safetensors").is_file())

#: Published network -> its name in the model.
NETWORKS = {"netG": "generator", "netD_PP": "appearance", "netD_PB": "shape"}
#: Term of a step -> the published name of the same number.
TERMS = {
    "generator/l1": "origin_L1",
    "generator/perceptual": "perceptual",
    "generator/adversarial": "pair_GANloss",
    "appearance/total": "D_PP",
    "shape/total": "D_PB",
}


def test_there_are_recorded_cases() -> None:
    assert CASES, f"no case in {FOLDER}"


@dataclass
class Case:
    """One recorded run, and ours, built and loaded with the same weights."""

    recording: Recording
    plain: PlainStep
    config: ExperimentConfig
    method: Method
    inputs: tuple[Tensor, Tensor, Tensor, Tensor]

    @property
    def images(self) -> dict[str, Tensor]:
        return self.recording.images

    @property
    def losses(self) -> list[dict[str, float]]:
        losses: list[dict[str, float]] = self.recording.facts["losses"]
        return losses

    @property
    def batch(self) -> Batch:
        names = ("source", "target", "source_pose", "target_pose")
        return Batch(dict(zip(names, self.inputs, strict=True)))

    def generate(self, training: bool) -> Tensor:
        networks = {"generator": self.method.networks["generator"].train(training)}
        batch = self.batch
        with torch.no_grad():
            output = self.method.sample(networks, batch, Noise(0, [""] * len(batch)), Config())
        return output.image


@pytest.fixture(params=CASES, ids=lambda path: path.stem)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    recording = Recording(request.param)
    plain = recording.plain()
    torch.save(plain.vgg.state_dict(), tmp_path / "vgg19.pth")
    trees = {
        name: PATNOfficial().convert(plain.networks[network].state_dict(), request.param)[0]
        for network, name in NETWORKS.items()
    }
    config = experiment(tree(recording.facts, trees, tmp_path / "vgg19.pth"))
    size = (recording.facts["height"], recording.facts["width"])
    method = build_method(config, TaskInfo(size, pose_channels=18))
    for network, name in NETWORKS.items():
        method.networks[name].load_state_dict(converted(plain, network))
    return Case(recording, plain, config, method, recording.inputs())


def converted(plain: PlainStep, network: str) -> dict[str, Tensor]:
    """The weights of a plain network under our names."""
    _, tensors = PATNOfficial().convert(plain.networks[network].state_dict(), Path(network))
    return tensors


def tree(recorded: dict[str, Any], trees: dict[str, Any], vgg_file: Path) -> dict[str, Any]:
    """The experiment as a configuration; the networks' sections are the converter's."""
    options = recorded["options"]
    perceptual = {"name": "vgg19", "weights": str(vgg_file), "weight": options["lambda_B"]}
    objective = "bce" if options["no_lsgan"] else "lsgan"
    return {
        "model": "patn",
        "seed": 0,
        "data": {"name": "people"},
        "encoder": trees["generator"]["encoder"],
        "generator": trees["generator"]["generator"],
        "discriminators": {n: trees[n]["discriminator"] for n in ("appearance", "shape")},
        "losses": {"l1": {"name": "l1", "weight": options["lambda_A"]}, "perceptual": perceptual},
        "method": {
            "name": "adversarial",
            "objective": objective,
            "weight": options["lambda_GAN"],
        },
        "optimizer": {"lr": 2e-4, "beta1": 0.5, "beta2": 0.999},
        "training": {"batch_size": recorded["batch"]},
    }


@pytest.fixture(params=[False, True], ids=["", "winograd"])
def kernels(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Winograd's convolutions are for wider networks; once they are used in these all the same."""
    if request.param:
        monkeypatch.setattr(winograd, "LEAST_CHANNELS", 1)
        monkeypatch.setattr(winograd, "LEAST_TILES", 1)


def test_the_generator_makes_the_recorded_images(case: Case) -> None:
    for mode in ("eval", "train"):
        made, wanted = case.generate(mode == "train"), case.images[f"generator.{mode}"]
        torch.testing.assert_close(made, wanted, atol=1e-4, rtol=0)


def engine_run(case: Case, device: torch.device = _CPU) -> list[dict[str, float]]:
    stepper = Stepper.of(case.method, case.config, Process(device))
    batch = case.batch.to(device)
    losses = []
    for _ in case.losses:
        terms = {name: float(value) for name, value in stepper.step(batch).items()}
        losses.append({theirs: terms[ours] for ours, theirs in TERMS.items()})
        losses[-1]["pair_L1loss"] = terms["generator/l1"] + terms["generator/perceptual"]
    return losses


@pytest.mark.usefixtures("kernels")
def test_the_engines_losses_are_the_recorded_ones(case: Case) -> None:
    made = engine_run(case)
    assert len(made) == 3
    for ours, wanted in zip(made, case.losses, strict=True):
        assert ours == pytest.approx(wanted, rel=1e-3)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
@pytest.mark.parametrize("option", ["", "channels_last", "compile", "cuda_graphs"])
def test_the_engines_losses_on_a_gpu_are_the_recorded_ones(case: Case, option: str) -> None:
    """In full float32, with one option on at a time."""
    changed = {"tf32": False, "channels_last": False} | ({option: True} if option else {})
    training = case.config.training.model_copy(update=changed)
    on_gpu = replace(case, config=case.config.model_copy(update={"training": training}))
    for ours, wanted in zip(engine_run(on_gpu, torch.device("cuda")), case.losses, strict=True):
        assert ours == pytest.approx(wanted, rel=1e-3)


@pytest.mark.usefixtures("kernels")
def test_the_kernels_of_training_make_the_recorded_images(case: Case) -> None:
    Stepper.of(case.method, case.config)
    made = case.generate(training=True)
    torch.testing.assert_close(made, case.images["generator.train"], atol=1e-4, rtol=0)


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="needs AVX2 kernels")
def test_the_engine_gives_the_recorded_images_after_training(case: Case) -> None:
    """In the recording's memory format: another one sums in another order."""
    training = case.config.training.model_copy(update={"channels_last": False})
    plain = replace(case, config=case.config.model_copy(update={"training": training}))
    engine_run(plain)
    after = case.images["generator.after"]
    torch.testing.assert_close(plain.generate(training=False), after, atol=1e-3, rtol=0)


@pytest.mark.usefixtures("kernels")
def test_the_engine_does_the_published_step(case: Case) -> None:
    for module in [*case.method.networks.values(), *case.method.frozen.values()]:
        module.double()
    for network in [*case.plain.networks.values(), case.plain.vgg]:
        network.double()
    double = replace(case, inputs=tuple(tensor.double() for tensor in case.inputs))
    made, expected = engine_run(double), [case.plain(*double.inputs) for _ in case.losses]
    for one, other in zip(made, expected, strict=True):
        assert one == pytest.approx(other, rel=1e-6)
    for published, name in NETWORKS.items():
        wanted, network = converted(case.plain, published), case.method.networks[name]
        for key, tensor in network.state_dict().items():
            if not is_cancelled(network, key):
                torch.testing.assert_close(tensor, wanted[key], atol=1e-6, rtol=1e-6, msg=key)
    source, _, source_pose, target_pose = double.inputs
    with torch.no_grad():
        image = case.plain.networks["netG"].eval()(source, source_pose, target_pose)
    torch.testing.assert_close(double.generate(training=False), image, atol=1e-5, rtol=0)


def is_cancelled(network: torch.nn.Module, key: str) -> bool:
    """Whether a tensor is a bias that the instance norm after it takes away again."""
    unit = network.get_submodule(key.rsplit(".", 2)[0])
    norm = getattr(unit, "norm", None)
    return key.endswith("conv.bias") and isinstance(norm, torch.nn.InstanceNorm2d)
