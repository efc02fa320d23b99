"""The conformance kit catches what is wrong with each other kind of component."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch

from posegen.core import (
    ConverterSpec,
    DatasetSpec,
    DetectorSpec,
    EncoderSpec,
    Kind,
    LossSpec,
    MethodSpec,
    MetricSpec,
    ModelSpec,
    PluginError,
    Spec,
)
from posegen.plugins import registry
from posegen.plugins.testing import (
    Report,
    check_component,
    check_converter,
    check_dataset,
    check_detector,
    check_encoder,
    check_loss,
    check_method,
    check_metric,
    check_plugin,
)
from posegen.plugins.testing.subject import COMMON

pytestmark = pytest.mark.usefixtures("faulty")
SIZES = ((32, 32), (24, 17))


def spec(kind: type[Spec], module: str, name: str, **more: object) -> Spec:
    return kind(name="x", summary="x", target=f"faulty_{module}:{name}", contract=1, **more)


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
    found = failed(check_loss(spec(LossSpec, "losses", name), sizes=SIZES))
    assert checks <= found
    assert bool(found) == bool(checks)


def test_a_loss_can_be_given_what_it_needs_of_the_generator() -> None:
    needs = spec(LossSpec, "losses", "NeedsAttention")
    assert "scalar" in failed(check_loss(needs, sizes=SIZES))
    check_loss(
        needs, sizes=SIZES, aux=lambda image: {"attention": image[:, :1].detach().abs() * 0 + 0.5}
    ).raise_on_failure()


def metric(name: str, **more: object) -> Report:
    told = {"direction": "lower", "protocol": "x", "value_range": (0.0, 1.0), **more}
    return check_metric(spec(MetricSpec, "metrics", name, **told), sizes=SIZES)


METRICS = [
    ("Float32", {"score"}),
    ("OnlySquares", {"score"}),
    ("MeanOfMeans", {"batches", "merge"}),
    ("PlainAttributes", {"merge"}),
    ("WrongReduction", {"merge"}),
    ("Unordered", {"per-image"}),
    ("Remembers", {"reset"}),
    ("Shared", {"copy"}),
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
        ({"direction": "up"}, "spec"),
        ({"value_range": (0.5, 1.0)}, "range"),
        ({"value_range": (0.0, 0.001)}, "range"),
        ({"value_range": (1.0, 0.0)}, "spec"),
        ({"protocol": ""}, "spec"),
    ],
)
def test_a_metric_keeps_what_its_spec_says(told: dict[str, object], check: str) -> None:
    assert check in failed(metric("Good", **told))


def test_merging_failures_tell_the_split() -> None:
    assert "pairs" in metric("PlainAttributes")["merge"].message


ENCODERS = [
    ("NoLayout", {"declares"}),
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
    ("RandomPairs", {"same"}),
    ("SortedItems", {"getitems"}),
    ("OtherImages", {"images"}),
    ("Closure", {"workers"}),
]
DETECTORS = [
    ("NoDetectorLayout", {"declares"}),
    ("OnePerson", {"people"}),
    ("Logits", {"people"}),
    ("BatchBrightness", {"independent"}),
    ("Brightens", {"inputs"}),
]
METHODS = [
    ("NoGenerator", {"networks"}),
    ("UnknownPhase", {"networks"}),
    ("LiveTerms", {"loss"}),
    ("ForgetsGenerator", {"gradients"}),
    ("Bypasses", {"context"}),
    ("GlobalNoise", {"random"}),
    ("OwnGenerator", {"generate"}),
]
MODELS = [
    ("NoPresets", {"presets"}),
    ("UnknownDefault", {"presets"}),
    ("UnknownPart", {"parts"}),
    ("UnknownOption", {"parts"}),
]


@pytest.mark.parametrize(
    ("kind", "name", "checks"),
    [
        *((EncoderSpec, *row) for row in ENCODERS),
        *((DatasetSpec, *row) for row in DATASETS),
        *((DetectorSpec, *row) for row in DETECTORS),
        *((MethodSpec, *row) for row in METHODS),
        *((ModelSpec, *row) for row in MODELS),
    ],
)
def test_other_faulty_components(kind: type[Spec], name: str, checks: set[str]) -> None:
    assert checks <= failed(check_component(spec(kind, "others", name)))


@pytest.mark.parametrize(
    ("kind", "name", "call"),
    [
        (EncoderSpec, "GoodEncoder", check_encoder),
        (DatasetSpec, "GoodDataset", check_dataset),
        (DetectorSpec, "GoodDetector", check_detector),
        (MethodSpec, "GoodMethod", check_method),
    ],
)
def test_other_good_components(kind: type[Spec], name: str, call: Callable[[Spec], Report]) -> None:
    call(spec(kind, "others", name)).raise_on_failure()


def test_a_data_set_of_files_is_tested_with_its_files(tmp_path: Path) -> None:
    files = spec(DatasetSpec, "others", "AnyFolder", config="faulty_config:NeedsFile")
    without = check_dataset(files)
    assert without.ok
    assert "needs root" in without["options"].message
    found = check_dataset(files, options={"root": tmp_path})
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
    assert failed(check_converter(converter, published=published())) == checks
    assert check_converter(converter)["converts"].ok is None


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
        ({"contract": "CONTRACTS[Kind.LOSS]"}, "literal"),
        ({"contract": "2"}, "loads"),
        ({"more": "from posegen.plugins import registry"}, "imports"),
        ({"more": "import nothing_like_it"}, "loads"),
    ],
)
def test_plugin_modules(
    change: dict[str, str], check: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = {"more": "", "summary": "A loss.", "contract": "1", "licence": ", licence='MIT'"}
    name = f"faulty_plugin_{check}_{abs(hash(tuple(change.items())))}"
    (tmp_path / f"{name}.py").write_text(PLUGIN.format(**{**good, **change}))
    monkeypatch.syspath_prepend(str(tmp_path))
    assert failed(check_plugin(name)) == ({check} if check else set())


def test_a_check_can_be_left_out_with_a_reason() -> None:
    skip = {"mean": "it is a sum on purpose"}
    report = check_loss(spec(LossSpec, "losses", "Sum"), sizes=SIZES, skip=skip)
    assert report.ok
    assert report["mean"].ok is None
    assert report["mean"].message == "it is a sum on purpose"
    for name in ("meen", "target"):
        with pytest.raises(ValueError, match=f"no check '{name}' can be left out"):
            check_loss(spec(LossSpec, "losses", "Sum"), skip={name: "x"})


def test_names_must_be_installed_and_of_the_kind() -> None:
    with pytest.raises(PluginError, match="no loss 'l11'; did you mean 'l1'"):
        check_loss("l11")
    with pytest.raises(TypeError, match="'gaussian' is the spec of kind encoder, not loss"):
        check_loss(registry().get(Kind.ENCODER, "gaussian").spec)  # type: ignore[arg-type]


def test_every_check_is_named_once_and_says_where_its_contract_is() -> None:
    import importlib
    import inspect

    import posegen.plugins.testing as kit

    for name in ("converter", "dataset", "detector", "discriminator", "encoder", "generator",
                 "loss", "method", "metric", "model", "plugin"):  # fmt: skip
        module = importlib.import_module(f"{kit.__name__}.{name}")
        checks = [*COMMON, *getattr(module, name.upper())]
        names = [check.name for check in checks if name != "plugin" or check not in COMMON]
        assert len(set(names)) == len(names)
        for check in checks:
            head, *rest = check.where.removeprefix("posegen.core").strip(".").split(".")
            found = importlib.import_module("posegen.core")
            if check.where.startswith("posegen.core"):
                for part in filter(None, [head, *rest]):
                    found = getattr(found, part)
            else:
                found = importlib.import_module(check.where)
            assert inspect.getdoc(found), check.where
            assert check.problem.__doc__
