"""The conformance kit catches what is wrong with networks, each fault by the check of its name."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from posegen.core import DiscriminatorSpec, GeneratorSpec
from posegen.plugins.testing import Report, check_discriminator, check_generator

pytestmark = pytest.mark.usefixtures("faulty")
SIZES = ((32, 32), (24, 17))


def generator(name: str, config: str | None = None, **more: object) -> Report:
    target = f"faulty_generators:{name}"
    spec = GeneratorSpec(name="x", summary="x", target=target, config=config, contract=1, **more)
    return check_generator(spec, sizes=SIZES)


def discriminator(name: str) -> Report:
    target = f"faulty_discriminators:{name}"
    spec = DiscriminatorSpec(name="x", summary="x", target=target, contract=1)
    return check_discriminator(spec, sizes=SIZES)


def failed(report: Report) -> set[str]:
    return {finding.name for finding in report.failures}


@pytest.mark.parametrize(
    ("name", "checks"),
    [
        ("NotAbstract", {"target"}),
        ("Unfinished", {"target"}),
        ("NoSuchClass", {"target"}),
        ("CannotBeBuilt", {"build"}),
        ("Halves", {"shape"}),
        ("UndeclaredMultiple", {"shape"}),
        ("EighteenJoints", {"shape"}),
        ("BadAttention", {"shape"}),
        ("Unbounded", {"range"}),
        ("Sigmoid", {"range"}),
        ("IgnoresPose", {"uses"}),
        ("OtherInTwoSteps", {"two-steps"}),
        ("SharesTheFirst", {"two-steps"}),
        ("Unused", {"gradients", "bf16"}),
        ("Frozen", {"gradients", "bf16"}),
        ("NumpyNoise", {"seeded"}),
        ("BatchMean", {"independent"}),
        ("HiddenState", {"state"}),
        ("Tied", {"state"}),
        ("Locked", {"copy"}),
        ("OnlyFloat32", {"dtype"}),
        ("OnTheCPU", {"device"}),
        ("BreaksAutocast", {"bf16"}),
        ("Views", {"channels-last"}),
    ],
)
def test_a_faulty_generator_is_caught(name: str, checks: set[str]) -> None:
    report = generator(name)
    assert failed(report) == checks, report.failures


@pytest.mark.parametrize(
    ("name", "check"),
    [
        ("HalfMultiple", "size-multiple"),
        ("Tuple", "shape"),
        ("Detached", "gradients"),
        ("AlwaysDropout", "deterministic"),
        ("WritesSource", "inputs"),
    ],
)
def test_a_fault_that_breaks_several_checks_is_caught_by_its_own(name: str, check: str) -> None:
    assert check in failed(generator(name))


def test_a_good_generator_passes_and_touches_no_random_state() -> None:
    random.seed(5), np.random.seed(5), torch.manual_seed(5)
    wanted = random.random(), np.random.rand(), float(torch.rand(()))
    random.seed(5), np.random.seed(5), torch.manual_seed(5)
    report = generator("Good", capabilities=("compile", "export"))
    assert (random.random(), np.random.rand(), float(torch.rand(()))) == wanted
    report.raise_on_failure()
    assert all(finding.ok for finding in report.findings), report.findings
    assert len(report.findings) > 20


@pytest.mark.parametrize(
    ("name", "capability"), [("GraphBreak", "compile"), ("DependsOnValues", "export")]
)
def test_only_what_is_declared_is_compiled(name: str, capability: str) -> None:
    assert generator(name)[capability].ok is None
    assert failed(generator(name, capabilities=(capability,))) == {capability}


def test_an_unknown_capability_is_caught() -> None:
    assert failed(generator("Good", capabilities=("fly",))) == {"capabilities"}


def test_what_cannot_be_judged_is_not_called_wrong() -> None:
    found = generator("ReadsValues")["device"]
    accelerator = torch.accelerator.is_available()
    assert found.ok is (True if accelerator else None)


@pytest.mark.parametrize(
    ("config", "check"),
    [
        ("faulty_config:NoConfig", "config"),
        ("faulty_config:TakesAnything", "config"),
        ("faulty_config:Changeable", "config"),
        ("faulty_config:Undescribed", "schema"),
        ("faulty_config:NoDefault", "options"),
        ("faulty_heavy:Heavy", "light"),
        ("faulty_config:NoSuchClass", "config"),
    ],
)
def test_faulty_options_are_caught(config: str, check: str) -> None:
    assert check in failed(generator("Good", config))


def test_an_example_stands_in_for_defaults() -> None:
    assert generator("Good", "faulty_config:WithExample").ok


def test_a_failure_says_what_the_contract_asks_and_where() -> None:
    report = generator("Unbounded")
    with pytest.raises(AssertionError) as error:
        report.raise_on_failure()
    assert str(error.value).startswith("generator 'x' breaks its contract:\n  range: ")
    assert "The contract: images are in [-1, 1], the whole range" in str(error.value)
    assert "posegen.core.GeneratorOutput" in str(error.value)


@pytest.mark.parametrize(
    ("name", "checks"),
    [
        ("OneScore", {"scores", "independent"}),
        ("Sigmoid", {"raw"}),
        ("DetachedImage", {"sees"}),
        ("BlindToCondition", {"sees"}),
        ("GlobalRandom", {"replay", "resumes"}),
        ("LosesOne", {"replay"}),
        ("Forgets", {"resumes"}),
    ],
)
def test_a_faulty_discriminator_is_caught(name: str, checks: set[str]) -> None:
    report = discriminator(name)
    assert failed(report) == checks, report.failures


def test_a_discriminator_without_conditions_is_caught() -> None:
    assert "conditions" in failed(discriminator("NoConditions"))


def test_a_good_discriminator_passes() -> None:
    discriminator("Good").raise_on_failure()
