"""The conformance kit catches what is wrong with each other kind of component."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch

from posegen.core import (
    CONTRACTS,
    ConverterSpec,
    DatasetSpec,
    DetectorSpec,
    EncoderSpec,
    Field,
    FieldKind,
    Kind,
    LossSpec,
    MethodSpec,
    MetricSpec,
    ModelSpec,
    PluginError,
    Spec,
    TrackerSpec,
)
from posegen.plugins import registry
from posegen.plugins.testing import Report, check, check_plugin
from posegen.plugins.testing.promises import PROMISES

pytestmark = pytest.mark.usefixtures("faulty")
SIZES = ((32, 32), (24, 17))


def spec(cls: type[Spec], module: str, name: str, **more: object) -> Spec:
    target, contract = f"faulty_{module}:{name}", CONTRACTS[cls.kind]
    return cls(name="x", summary="x", target=target, contract=contract, **more)


def failed(report: Report) -> set[str]:
    return {finding.name for finding in report.failures}


LOSSES = [
    ("Sum", {"mean"}),
    ("PerImage", {"scalar"}),
    ("Detached", {"gradient"}),
    ("Norm", {"gradient"}),
    ("Noisy", {"deterministic"}),
    ("WritesTarget", {"inputs"}),
    ("OnlyFloat32", {"bf16"}),
    ("NeedsMasks", {"masks"}),
    ("Good", set()),
]


@pytest.mark.parametrize(("name", "checks"), LOSSES)
def test_losses(name: str, checks: set[str]) -> None:
    found = failed(check(spec(LossSpec, "losses", name), sizes=SIZES))
    assert checks <= found
    assert bool(found) == bool(checks)


def test_a_loss_can_be_given_what_it_needs_of_the_generator() -> None:
    needs = spec(LossSpec, "losses", "NeedsAttention")
    assert "scalar" in failed(check(needs, sizes=SIZES))
    check(
        needs, sizes=SIZES, aux=lambda image: {"attention": image[:, :1].detach().abs() * 0 + 0.5}
    ).raise_on_failure()


def test_a_loss_that_nobody_can_give_what_it_needs_is_left_to_its_own_tests() -> None:
    report = check(spec(LossSpec, "losses", "SaysWhatItNeeds"), sizes=SIZES, aux=None)
    assert report.ok
    assert report["reads"].ok is None
    assert "the generator makes no attention" in report["reads"].message
    assert not check(spec(LossSpec, "losses", "NeedsAttention"), sizes=SIZES, aux=None).ok


def metric(name: str, **more: object) -> Report:
    told = {"direction": "lower", "protocol": "x", "value_range": (0.0, 1.0), **more}
    return check(spec(MetricSpec, "metrics", name, **told), sizes=SIZES)


METRICS = [
    ("Float32", {"score"}),
    ("OnlySquares", {"score"}),
    ("MeanOfMeans", {"score", "merge"}),
    ("PlainAttributes", {"merge"}),
    ("WrongReduction", {"merge"}),
    ("Unordered", {"per-image"}),
    ("Remembers", {"reset"}),
    ("Shared", {"reset"}),
    ("Noisy", {"deterministic"}),
    ("WritesPictures", {"inputs", "needs"}),
    ("NeedsMasks", {"needs"}),
    ("KeepsPictures", {"memory"}),
]


@pytest.mark.parametrize(("name", "checks"), METRICS)
def test_faulty_metrics(name: str, checks: set[str]) -> None:
    assert checks <= failed(metric(name))


@pytest.mark.parametrize("name", ["Good", "Scalar", "Relative"])
def test_good_metrics(name: str) -> None:
    metric(name).raise_on_failure()


@pytest.mark.parametrize(
    ("told", "check"),
    [
        ({"direction": "higher"}, "direction"),
        ({"direction": "up"}, "direction"),
        ({"value_range": (0.5, 1.0)}, "range"),
        ({"value_range": (0.0, 0.001)}, "range"),
        ({"value_range": (1.0, 0.0)}, "range"),
    ],
)
def test_a_metric_keeps_what_its_spec_says(told: dict[str, object], check: str) -> None:
    assert check in failed(metric("Good", **told))


def test_merging_failures_tell_the_split() -> None:
    assert "pairs" in metric("PlainAttributes")["merge"].message


ENCODERS = [
    ("NoSkeleton", {"declares"}),
    ("UnknownSkeleton", {"declares"}),
    ("TooManyChannels", {"shape"}),
    ("Float32Encoder", {"shape"}),
    ("HighEncoder", {"range"}),
    ("IndexEncoder", {"range"}),
    ("IgnoresVisibility", {"missing"}),
    ("BatchNormalised", {"independent"}),
    ("Transposed", {"position"}),
    ("WritesKeypoints", {"inputs"}),
    ("OnTheCPU", {"device"}),
]
DATASETS = [
    ("EmptyTest", {"splits"}),
    ("SameNames", {"splits"}),
    ("NoSize", {"declares"}),
    ("FloatImages", {"pairs"}),
    ("Confidence", {"pairs"}),
    ("UnitMasks", {"pairs"}),
    ("UndeclaredMap", {"pairs"}),
    ("MissingMap", {"pairs"}),
    ("NamelessMap", {"declares"}),
    ("SwapsTooFar", {"declares"}),
    ("FewChannels", {"pairs"}),
    ("RandomPairs", {"same"}),
    ("SortedItems", {"same"}),
    ("OtherImages", {"images"}),
    ("Closure", {"same"}),
]
DETECTORS = [
    ("NoDetectorSkeleton", {"declares"}),
    ("OnePerson", {"people"}),
    ("Logits", {"people"}),
    ("BatchBrightness", {"independent"}),
    ("Brightens", {"inputs"}),
]
METHODS = [
    ("NoGenerator", {"declares"}),
    ("UnknownPhase", {"declares"}),
    ("InTwoPhases", {"declares"}),
    ("InNoPhase", {"declares"}),
    ("FrozenList", {"declares"}),
    ("FrozenIsTrained", {"declares"}),
    ("SharesUnknown", {"declares"}),
    ("SharesNoGenerator", {"declares"}),
    ("LiveTerms", {"loss"}),
    ("ForgetsGenerator", {"gradients"}),
    ("Bypasses", {"gradients"}),
    ("GlobalNoise", {"random"}),
    ("OwnGenerator", {"sample"}),
    ("NeedsLosses", {"sample"}),
    ("NeedsTarget", {"sample"}),
    ("NeedsUnshared", {"sample"}),
    ("Loud", {"sample"}),
    ("GlobalSample", {"noise"}),
    ("DeafToNoise", {"noise"}),
    ("BatchStart", {"independent"}),
]
MODELS = [
    ("NoPresets", {"presets"}),
    ("UnknownDefault", {"presets"}),
    ("UnknownPart", {"complete"}),
    ("UnknownOption", {"complete"}),
]
TRACKERS = [
    ("Eager", {"opens-nothing"}),
    ("Picky", {"logs"}),
    ("Recolours", {"logs"}),
]


@pytest.mark.parametrize(
    ("kind", "name", "checks"),
    [
        *((EncoderSpec, *row) for row in ENCODERS),
        *((DatasetSpec, *row) for row in DATASETS),
        *((DetectorSpec, *row) for row in DETECTORS),
        *((MethodSpec, *row) for row in METHODS),
        *((ModelSpec, *row) for row in MODELS),
        *((TrackerSpec, *row) for row in TRACKERS),
    ],
)
def test_other_faulty_components(kind: type[Spec], name: str, checks: set[str]) -> None:
    assert checks <= failed(check(spec(kind, "others", name)))


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (EncoderSpec, "GoodEncoder"),
        (DatasetSpec, "GoodDataset"),
        (DatasetSpec, "WithParts"),
        (DetectorSpec, "GoodDetector"),
        (MethodSpec, "GoodMethod"),
        (TrackerSpec, "GoodTracker"),
    ],
)
def test_other_good_components(kind: type[Spec], name: str) -> None:
    check(spec(kind, "others", name)).raise_on_failure()


MADE = {"noisy": Field(FieldKind.IMAGE, 3), "time": Field(FieldKind.VECTOR, 1)}


def denoiser(**more: object) -> Spec:
    return spec(MethodSpec, "others", "Denoiser", **more)


def test_a_method_that_samples_from_noise_passes() -> None:
    good = denoiser(sampling="faulty_config:Steps")
    report = check(good, inputs=MADE)
    report.raise_on_failure()
    assert all(finding.ok for finding in report.findings)
    exported = dataclasses.replace(good, capabilities=("export",))
    assert failed(check(exported, inputs=MADE)) == {"noise"}


def test_a_generator_that_nobody_can_know_is_not_held_against_a_method() -> None:
    deaf = spec(MethodSpec, "others", "DeafToNoise")
    assert failed(check(deaf)) == {"noise"}
    unknown = check(deaf, inputs=None)  # as `posegen plugins check` asks
    assert unknown.ok
    assert "only its own tests can give it" in unknown["noise"].message


@pytest.mark.parametrize(
    ("options", "checks"),
    [
        ("faulty_config:NoDefaultSteps", {"options"}),
        ("faulty_config:TakesAnything", {"config"}),
        ("faulty_config:Undescribed", {"config"}),
        ("faulty_heavy:Heavy", {"light"}),
    ],
)
def test_sampling_options_are_a_class_of_options(options: str, checks: set[str]) -> None:
    assert checks <= failed(check(denoiser(sampling=options), inputs=MADE))


def steps(run: Path) -> list[int]:
    return [int(word) for word in (run / "steps.txt").read_text().split()]


def test_a_tracker_that_can_be_read_is_held_to_what_it_drops() -> None:
    good, keeps = (spec(TrackerSpec, "others", name) for name in ("GoodTracker", "KeepsAll"))
    assert check(good, steps=steps)["resumes"].ok
    assert "give the test steps=" in check(good)["resumes"].message
    assert failed(check(keeps, steps=steps)) == {"resumes"}


def test_a_data_set_of_files_is_tested_with_its_files(tmp_path: Path) -> None:
    files = spec(DatasetSpec, "others", "AnyFolder", config="faulty_config:NeedsFile")
    without = check(files)
    assert without.ok
    assert "needs root" in without["options"].message
    found = check(files, options={"root": tmp_path})
    assert failed(found) == {"errors"}


def published() -> Mapping[str, torch.Tensor]:
    from posegen.core import TaskInfo

    component = registry().get(Kind.GENERATOR, "patn")
    config = component.load_config()(ngf=2, blocks=1)
    return component.load()(config, TaskInfo((32, 16), 18)).state_dict()


@pytest.mark.parametrize(
    ("name", "checks"),
    [
        ("Trusting", {"refuses", "converts"}),
        ("NamesNoFile", {"refuses", "converts"}),
        ("KeyErrors", {"refuses", "converts"}),
        ("LeavesOut", {"converts"}),
        ("GoodConverter", set()),
    ],
)
def test_converters(name: str, checks: set[str]) -> None:
    converter = spec(ConverterSpec, "others", name)
    assert failed(check(converter, published=published())) == checks
    assert check(converter)["converts"].ok is None


PLUGIN = """
from posegen.core import CONTRACTS, Kind, LossSpec, hookimpl
{more}

@hookimpl
def posegen_losses():
    return [LossSpec(name="n", summary="{summary}", target="a:b", contract={contract}{licence})]
"""


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({}, None),
        ({"more": "import torch"}, "light"),
        ({"summary": ""}, "described"),
        ({"licence": ""}, "described"),
        ({"contract": "1"}, "loads"),
        ({"more": "from posegen.plugins import registry"}, "imports"),
        ({"more": "import nothing_like_it"}, "loads"),
    ],
)
def test_plugin_modules(
    change: dict[str, str], check: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = {"more": "", "summary": "A loss.", "contract": "2", "licence": ", licence='MIT'"}
    name = f"faulty_plugin_{check}_{abs(hash(tuple(change.items())))}"
    (tmp_path / f"{name}.py").write_text(PLUGIN.format(**{**good, **change}))
    monkeypatch.syspath_prepend(str(tmp_path))
    assert failed(check_plugin(name)) == ({check} if check else set())


def test_a_check_can_be_left_out_with_a_reason() -> None:
    skip = {"mean": "it is a sum on purpose"}
    report = check(spec(LossSpec, "losses", "Sum"), sizes=SIZES, skip=skip)
    assert report.ok
    assert report["mean"].ok is None
    assert report["mean"].message == "it is a sum on purpose"
    for name in ("meen", "target"):
        with pytest.raises(ValueError, match=f"no check '{name}' can be left out"):
            check(spec(LossSpec, "losses", "Sum"), skip={name: "x"})


def test_names_must_be_installed_and_of_one_kind() -> None:
    with pytest.raises(PluginError, match="no loss 'l11'; did you mean 'l1'"):
        check("l11", kind="loss")
    with pytest.raises(PluginError, match=r"check\('l11'\): there is no such component; say which"):
        check("l11")
    with pytest.raises(PluginError, match="it is a loss and a metric; say which"):
        check("l1")
    with pytest.raises(TypeError, match="unexpected keyword argument 'pictures'"):
        check("l1", kind="loss", pictures=None)


def test_every_promise_is_named_once_and_says_where_its_contract_is() -> None:
    import posegen.core

    assert PROMISES.keys() == {*Kind, "plugin"}
    for promises in PROMISES.values():
        names = [promise.name for promise in promises]
        assert len(set(names)) == len(names)
        for promise in promises:
            assert len(promise.asks) > 15
            part: object = posegen
            for name in promise.where.split(".")[1:]:
                part = part.__dict__[name] if isinstance(part, type) else getattr(part, name)
            assert inspect.getdoc(part), promise.where
