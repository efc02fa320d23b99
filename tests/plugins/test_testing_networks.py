"""The conformance kit catches what is wrong with networks, each fault by the check of its name."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from posegen.core import DiscriminatorSpec, Field, FieldKind, GeneratorSpec
from posegen.plugins.testing import Report, check

pytestmark = pytest.mark.usefixtures("faulty")
SIZES = ((32, 32), (24, 17))


def spec(name: str, **more: object) -> GeneratorSpec:
    target = f"faulty_generators:{name}"
    return GeneratorSpec(name="x", summary="x", target=target, contract=2, **more)


def generator(name: str, config: str | None = None, **more: object) -> Report:
    return check(spec(name, config=config, **more), sizes=SIZES)


def discriminator(name: str, **given: object) -> Report:
    target = f"faulty_discriminators:{name}"
    spec = DiscriminatorSpec(name="x", summary="x", target=target, contract=2)
    return check(spec, sizes=SIZES, **given)


def failed(report: Report) -> set[str]:
    return {finding.name for finding in report.failures}


@pytest.mark.parametrize(
    ("name", "checks"),
    [
        ("NotAbstract", {"target"}),
        ("Unfinished", {"target"}),
        ("NoSuchClass", {"target"}),
        ("CannotBeBuilt", {"build"}),
        ("ReadsNobodysTensor", {"reads"}),
        ("ReadsTheTarget", {"reads"}),
        ("ReadsTwice", {"reads"}),
        ("OtherParameters", {"reads"}),
        ("AsksTooMuch", {"uses"}),
        ("NoSuchTable", {"declares", "dtype"}),
        ("Halves", {"shape"}),
        ("UndeclaredMultiple", {"shape"}),
        ("EighteenJoints", {"shape"}),
        ("BadAttention", {"shape"}),
        ("Unbounded", {"range"}),
        ("Sigmoid", {"range"}),
        ("IgnoresPose", {"uses"}),
        ("OtherInTwoSteps", {"two-steps"}),
        ("SharesTheFirst", {"two-steps"}),
        ("Unused", {"gradients"}),
        ("Frozen", {"gradients"}),
        ("NumpyNoise", {"seeded"}),
        ("BatchMean", {"independent"}),
        ("HiddenState", {"state"}),
        ("Tied", {"state"}),
        ("Locked", {"state"}),
        ("OnlyFloat32", {"dtype"}),
        ("OnTheCPU", {"device"}),
        ("BreaksAutocast", {"gradients"}),
        ("Views", {"channels-last"}),
    ],
)
def test_a_faulty_generator_is_caught(name: str, checks: set[str]) -> None:
    report = generator(name)
    assert failed(report) == checks, report.failures


@pytest.mark.parametrize(
    ("name", "check"),
    [
        ("HalfMultiple", "declares"),
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
    assert len(report.findings) > 15


@pytest.mark.parametrize(
    ("name", "capability"), [("GraphBreak", "compile"), ("DependsOnValues", "export")]
)
def test_only_what_is_declared_is_compiled(name: str, capability: str) -> None:
    assert generator(name)["capabilities"].ok
    assert failed(generator(name, capabilities=(capability,))) == {"capabilities"}


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
        ("faulty_config:Undescribed", "config"),
        ("faulty_config:NoDefault", "options"),
        ("faulty_heavy:Heavy", "light"),
        ("faulty_config:NoSuchClass", "options"),
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
        ("BlindToPose", {"sees"}),
        ("GlobalRandom", {"replay", "resumes"}),
        ("LosesOne", {"replay"}),
        ("LosesInputs", {"replay"}),
        ("NoInputs", {"reads"}),
        ("Misnamed", {"reads"}),
        ("Forgets", {"resumes"}),
    ],
)
def test_a_faulty_discriminator_is_caught(name: str, checks: set[str]) -> None:
    report = discriminator(name)
    assert failed(report) == checks, report.failures


def test_good_discriminators_pass() -> None:
    discriminator("Good").raise_on_failure()
    discriminator("Unconditional").raise_on_failure()
    assert (
        "'target_parts', which the data does not have" in discriminator("Parsed")["build"].message
    )
    discriminator("Parsed", fields=FIELDS).raise_on_failure()


FIELDS = {"target_parts": Field(FieldKind.MAP, 20)}


def test_a_generator_can_read_anything_that_somebody_has() -> None:
    made = {"noisy": Field(FieldKind.IMAGE, 3), "time": lambda count, size: torch.rand(count, 1)}
    able = spec("ByKeypoints", capabilities=("compile", "export"))
    report = check(able, sizes=SIZES, fields=FIELDS, inputs=made)
    report.raise_on_failure()
    assert "for its method" in report["range"].message
    assert [finding.name for finding in report.findings if not finding.ok] == ["range"]
    without = check(able, sizes=SIZES, fields=FIELDS)
    assert failed(without) == {"reads"}
    assert "it reads 'noisy', which the data does not have" in without["reads"].message
    assert "inputs={'noisy': …}" in without["reads"].message
    # `posegen plugins check` cannot know.
    unknown = check(able, sizes=SIZES, fields=FIELDS, inputs=None)
    assert unknown.ok
    assert unknown["reads"].ok is None


def test_what_is_to_stay_float32_may() -> None:
    generator("WithTable").raise_on_failure()
