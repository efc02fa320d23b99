"""The recorded numbers of the published code, reproduced: weights in, three steps of training out.

Runs on every recorded case in the folder `POSEGEN_GOLDEN_DIR` (by default the repository's
`tests/data/golden`): a JSON file with a safetensors file of the same name beside it.

The networks *after* three steps are compared in two ways. Adam moves a weight by its rate however
small the gradient is, so where a gradient is nearly zero its sign, and with it the weight, is
decided by rounding: changing the first weights by one unit in the last place moves pixels of the
recorded `generator.after` by up to 0.3 (measured), and so does another order of the same sums. So:

- with the kernels (AVX2) and the memory format of the recording, the engine gives the recorded
  images, and the published step, in its own order of operations, the recorded networks;
- the engine's step gives the same networks as that, in float64, where rounding decides nothing.
"""

from __future__ import annotations

import copy
import json
import os
import platform
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from posegen_patn.convert import PATNOfficial
from posegen_patn.losses import VGG19Loss
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

from posegen.config import ExperimentConfig, experiment
from posegen.core import Batch, GeneratorOutput, Loss, Method, TaskInfo
from posegen.training import Stepper, build_method

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

    recorded: dict[str, Any]
    images: dict[str, Tensor]
    config: ExperimentConfig
    method: Method
    batch: Batch
    keys: dict[str, dict[str, str]]  # published network -> our key -> published key

    @property
    def perceptual(self) -> Loss:
        return next(loss for loss in self.method.frozen if isinstance(loss, VGG19Loss))

    def generate(self, training: bool) -> Tensor:
        generator = self.method.networks["generator"].train(training)
        with torch.no_grad():
            output = self.method.generate(generator, self.batch)
        return output.image


@pytest.fixture(params=CASES, ids=lambda path: path.stem)
def case(request: pytest.FixtureRequest, tmp_path: Path, published: Any, vgg: Any) -> Case:
    path: Path = request.param
    recorded = json.loads(path.read_text())
    weights = published(recorded["ngf"], 9, recorded["options"]["norm"], dropout=False)
    torch.save(vgg(2), tmp_path / "vgg19.pth")
    size = (recorded["height"], recorded["width"])
    trees, tensors, keys = {}, {}, {}
    for network, name in NETWORKS.items():
        given = weights.weights(network)
        assert {k for k in given if "num_batches" not in k} == set(recorded["norms_after"][network])
        trees[name], tensors[name] = PATNOfficial().convert(given, path)
        back = {id(tensor): key for key, tensor in given.items()}
        keys[network] = {key: back[id(tensor)] for key, tensor in tensors[name].items()}
    config = experiment(tree(recorded, trees, tmp_path / "vgg19.pth"))
    method = build_method(config, TaskInfo(size, pose_channels=18))
    for name, network in method.networks.items():
        network.load_state_dict(tensors[name])
    images = load_file(path.with_suffix(".safetensors"))
    return Case(recorded, images, config, method, inputs(recorded), keys)


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


def inputs(recorded: dict[str, Any]) -> Batch:
    batch, size = recorded["batch"], (recorded["height"], recorded["width"])

    def draw(number: int, channels: int, low: float) -> Tensor:
        random = np.random.default_rng(recorded["input_seed"] + number)
        values = random.uniform(low, 1, (batch, channels, *size))
        return torch.from_numpy(values.astype(np.float32))

    nowhere = torch.zeros(batch, 18, 3)
    return Batch(
        source=draw(0, 3, -1),
        target=draw(1, 3, -1),
        source_keypoints=nowhere,
        target_keypoints=nowhere,
        source_pose=draw(2, 18, 0),
        target_pose=draw(3, 18, 0),
    )


def test_the_generator_makes_the_recorded_images(case: Case) -> None:
    for mode in ("eval", "train"):
        made, wanted = case.generate(mode == "train"), case.images[f"generator.{mode}"]
        torch.testing.assert_close(made, wanted, atol=1e-4, rtol=0)


def plain_step(case: Case, optimizers: dict[str, torch.optim.Adam]) -> dict[str, float]:
    """One step of the published training, written out in its own order of operations."""
    options, batch, networks = case.recorded["options"], case.batch, case.method.networks
    factor = options["lambda_GAN"]

    def judge(scores: Tensor, label: float) -> Tensor:
        labels = torch.full_like(scores, label)
        if options["no_lsgan"]:
            return functional.binary_cross_entropy(scores.sigmoid(), labels) * factor
        return functional.mse_loss(scores, labels) * factor

    fake = case.method.generate(networks["generator"], batch).image
    optimizers["generator"].zero_grad()
    shape = judge(networks["shape"](fake, batch.target_pose), 1)
    appearance = judge(networks["appearance"](fake, batch.source), 1)
    l1 = functional.l1_loss(fake, batch.target) * options["lambda_A"]
    perceptual = case.perceptual(GeneratorOutput(fake), batch) * options["lambda_B"]
    adversarial = (shape + appearance) / 2
    (l1 + perceptual + adversarial).backward()
    optimizers["generator"].step()
    losses = {"origin_L1": l1, "perceptual": perceptual, "pair_GANloss": adversarial}
    losses["pair_L1loss"] = l1 + perceptual
    for name, condition, key in (
        ("appearance", batch.source, "D_PP"),
        ("shape", batch.target_pose, "D_PB"),
    ):
        optimizers[name].zero_grad()
        real = judge(networks[name](batch.target, condition), 1)
        losses[key] = (real + judge(networks[name](fake.detach(), condition), 0)) * 0.5
        losses[key].backward()
        optimizers[name].step()
    return {key: loss.item() for key, loss in losses.items()}


def plain_run(case: Case) -> list[dict[str, float]]:
    optimizers = {
        name: torch.optim.Adam(network.train().parameters(), 2e-4, betas=(0.5, 0.999))
        for name, network in case.method.networks.items()
    }
    return [plain_step(case, optimizers) for _ in case.recorded["losses"]]


def engine_run(case: Case) -> list[dict[str, float]]:
    stepper = Stepper(case.method, case.config, device=torch.device("cpu"))
    losses = []
    for _ in case.recorded["losses"]:
        terms = {name: float(value) for name, value in stepper.step(case.batch).items()}
        losses.append({theirs: terms[ours] for ours, theirs in TERMS.items()})
        losses[-1]["pair_L1loss"] = terms["generator/l1"] + terms["generator/perceptual"]
    return losses


def test_the_engines_losses_are_the_recorded_ones(case: Case) -> None:
    made = engine_run(case)
    assert len(made) == 3
    for ours, wanted in zip(made, case.recorded["losses"], strict=True):
        assert ours == pytest.approx(wanted, rel=1e-3)


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="needs AVX2 kernels")
def test_the_published_step_gives_the_recorded_networks(case: Case) -> None:
    for ours, wanted in zip(plain_run(case), case.recorded["losses"], strict=True):
        assert ours == pytest.approx(wanted, rel=1e-3)
    after = case.images["generator.after"]
    torch.testing.assert_close(case.generate(training=False), after, atol=1e-3, rtol=0)
    for network, name in NETWORKS.items():
        recorded = case.recorded["norms_after"][network]
        for key, tensor in case.method.networks[name].state_dict().items():
            published = case.keys[network][key]
            if published not in recorded:
                continue  # num_batches_tracked
            # Where only rounding moves a tensor, Adam does so by its rate, three times.
            noise = 6e-4 * tensor.numel() ** 0.5 if is_cancelled(case, name, key) else 0.0
            wanted = pytest.approx(recorded[published], rel=1e-3, abs=noise)
            assert tensor.double().norm().item() == wanted, published


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="needs AVX2 kernels")
def test_the_engine_gives_the_recorded_images_after_training(case: Case) -> None:
    """In the recording's memory format: another one sums in another order."""
    training = case.config.training.model_copy(update={"channels_last": False})
    plain = replace(case, config=case.config.model_copy(update={"training": training}))
    engine_run(plain)
    after = case.images["generator.after"]
    torch.testing.assert_close(plain.generate(training=False), after, atol=1e-3, rtol=0)


def test_the_engine_does_the_published_step(case: Case) -> None:
    plain, ours = in_double(case), in_double(case)
    expected, made = plain_run(plain), engine_run(ours)
    for one, other in zip(made, expected, strict=True):
        assert one == pytest.approx(other, rel=1e-6)
    for name, network in ours.method.networks.items():
        wanted = plain.method.networks[name].state_dict()
        for key, tensor in network.state_dict().items():
            if not is_cancelled(case, name, key):
                torch.testing.assert_close(tensor, wanted[key], atol=1e-6, rtol=1e-6, msg=key)
    torch.testing.assert_close(
        ours.generate(training=False), plain.generate(training=False), atol=1e-5, rtol=0
    )


def in_double(case: Case) -> Case:
    """A copy of the case in float64."""
    method = copy.deepcopy(case.method)
    for module in [*method.networks.values(), *method.frozen]:
        module.double()
    tensors = {key: v.double() for key, v in vars(case.batch).items() if isinstance(v, Tensor)}
    return replace(case, method=method, batch=replace(case.batch, **tensors))


def is_cancelled(case: Case, name: str, key: str) -> bool:
    """Whether a tensor is a bias that the instance norm after it takes away again."""
    unit = case.method.networks[name].get_submodule(key.rsplit(".", 2)[0])
    norm = getattr(unit, "norm", None)
    return key.endswith("conv.bias") and isinstance(norm, torch.nn.InstanceNorm2d)
