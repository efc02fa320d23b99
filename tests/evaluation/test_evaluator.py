from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
import torch
import torchmetrics

from posegen.compute.process import Process
from posegen.core import (
    Config,
    ConfigError,
    DataError,
    Metric,
    MetricSpec,
    PerImageMetric,
    PosegenError,
    WeightsError,
)
from posegen.core.specs import BASELINE
from posegen.evaluation.evaluator import score
from posegen.evaluation.metrics.config import L1Config, LPIPSConfig, SSIMConfig
from posegen.evaluation.metrics.lpips import LPIPS
from posegen.evaluation.metrics.pixels import L1, PSNR, MaskL1
from posegen.evaluation.metrics.similarity import SSIM
from posegen.evaluation.plan import Column, Plan
from posegen.evaluation.protocols.loading import choose, load
from posegen.evaluation.result import ProtocolScores
from posegen.evaluation.streams import Loading, ModelPairs
from posegen.plugins.builtin import posegen_metrics

CPU = Process(torch.device("cpu"))


def spec(name, direction="lower"):
    return MetricSpec(
        name=name,
        summary="",
        target="a:b",
        contract=1,
        direction=direction,
        protocol=f"protocol of {name}",
    )


SPECS = {s.name: s for s in posegen_metrics()} | {n: spec(n) for n in ("first", "broken")}


def metrics(*names):
    known = {"ssim": SSIM, "psnr": PSNR, "l1": L1, "mask-l1": MaskL1}
    configs = {"ssim": SSIMConfig, "l1": L1Config}
    return {name: partial(known[name], configs.get(name, Config)()) for name in names}


@pytest.fixture
def run(encoder):
    """Score with the tests' encoder and specs, on the CPU, pictures as they are."""

    def call(generate, dataset, chosen, **options) -> ProtocolScores:
        loading = Loading(
            options.pop("batch_size", 2), options.pop("workers", 0), options.pop("limit", None)
        )
        progress, columns = options.pop("on_progress", None), options.pop("columns", {})
        stream = ModelPairs(generate, dataset, encoder, loading=loading, process=CPU, **options)
        protocol = load("posegen-1")
        plan = Plan(
            protocol,
            choose(protocol, None, dataset.image_size),
            tuple(
                Column(name, SPECS[name], build, **columns.get(name, {}))
                for name, build in chosen.items()
            ),
            {},
        )
        names, [scores] = score(stream, [plan], CPU, on_progress=progress)
        assert names == [(f"s{i}", f"t{i}") for i in range(stream.total)]
        return scores

    return call


def target(batch):
    return batch.target


def test_the_model_and_the_copied_source_are_scored_on_the_same_pairs(run, pairs):
    dataset = pairs(5)
    progress = []
    result = run(
        lambda batch: batch.target * 0,
        dataset,
        metrics("l1", "ssim"),
        row="grey",
        on_progress=lambda done, total: progress.append((done, total)),
    )
    assert list(result.scores) == ["grey", BASELINE]
    assert progress == [(2, 5), (4, 5), (5, 5)]

    source, wanted = dataset.images[0::2].numpy() / 255, dataset.images[1::2].numpy() / 255
    copied = np.abs(source - wanted).mean(axis=(1, 2, 3))
    grey = np.abs(128 / 255 - wanted).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(result.per_image[BASELINE]["l1"], copied, rtol=1e-12)
    np.testing.assert_allclose(result.per_image["grey"]["l1"], grey, rtol=1e-12)
    found = result.scores[BASELINE]["l1"]
    assert found.value == pytest.approx(copied.mean(), rel=1e-12)
    assert (found.metric, found.count, found.direction, found.error) == ("l1", 5, "lower", None)
    assert found.protocol == SPECS["l1"].protocol
    low, high = found.interval
    assert copied.min() <= low < found.value < high <= copied.max()


@pytest.mark.parametrize("batch_size", [1, 3, 10])
def test_batches_do_not_change_scores(run, pairs, batch_size):
    def scores(size):
        result = run(lambda b: b.source * 0.5, pairs(5), metrics("l1", "ssim"), batch_size=size)
        return result.per_image

    one, other = scores(5), scores(batch_size)
    for row, of_row in one.items():
        for name, values in of_row.items():
            np.testing.assert_allclose(other[row][name], values, rtol=1e-12)


@pytest.mark.parametrize(("limit", "read"), [(3, 3), (4, 4), (99, 5), (None, 5)])
def test_pairs_are_read_once_in_order_up_to_the_limit(run, pairs, limit, read):
    dataset, seen = pairs(5), []

    def generate(batch):
        seen.extend(batch.source_names)
        return batch.target

    result = run(generate, dataset, metrics("l1"), limit=limit)
    assert dataset.read == list(range(read))
    assert seen == [f"s{i}" for i in range(read)]
    assert result.scores["model"]["l1"].count == read


def test_worker_processes_give_the_same(run, pairs):
    here = run(target, pairs(4), metrics("l1"))
    there = run(target, pairs(4), metrics("l1"), workers=1)
    assert there.per_image == here.per_image


def test_global_random_state_is_left_alone(run, pairs):
    before = torch.random.get_rng_state()
    run(target, pairs(2), metrics("l1"))
    assert torch.equal(before, torch.random.get_rng_state())


def test_images_are_rounded_not_truncated(run, pairs):
    def almost(batch):  # 0.4 of a level off, up or down: the same 8-bit picture
        shift = torch.where(batch.target > 0, -0.4, 0.4)
        return batch.target + shift / 127.5

    result = run(almost, pairs(3), metrics("l1", "psnr"))
    assert result.scores["model"]["l1"].value == 0
    assert result.scores["model"]["psnr"].value == 100


def test_images_without_a_value_are_counted_out(run, pairs):
    dataset = pairs(3)
    masks = [dataset.mask, torch.zeros_like(dataset.mask), dataset.mask]
    read = dataset.__getitem__
    dataset.__class__ = type(
        "Masked",
        (type(dataset),),
        {"__getitem__": lambda self, i: read(i)._replace(target_mask=masks[i])},
    )
    result = run(target, dataset, metrics("mask-l1", "l1"))
    scores = result.scores[BASELINE]
    assert (scores["mask-l1"].count, scores["l1"].count) == (2, 3)
    values = result.per_image[BASELINE]["mask-l1"]
    assert [math.isnan(value) for value in values] == [False, True, False]
    assert scores["mask-l1"].value == pytest.approx((values[0] + values[2]) / 2)

    masks[:] = [torch.zeros_like(dataset.mask)] * 3
    found = run(target, dataset, metrics("mask-l1")).scores[BASELINE]["mask-l1"]
    assert (found.value, found.count, found.error) == (None, 0, "no image has a value.")


def test_a_data_set_without_masks_costs_only_the_metric_that_needs_them(run, pairs):
    result = run(target, pairs(3, masks=False), metrics("mask-l1", "l1"))
    for scores in result.scores.values():
        assert scores["mask-l1"].value is None
        assert "this data set has none" in scores["mask-l1"].error
        assert scores["l1"].value is not None
    assert list(result.per_image[BASELINE]) == ["l1"]


def test_missing_weights_cost_only_their_metric(run, pairs, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("POSEGEN_OFFLINE", "1")
    chosen = {"lpips": lambda: LPIPS(LPIPSConfig()), **metrics("ssim")}
    result = run(target, pairs(3), chosen)
    for scores in result.scores.values():
        assert list(scores) == ["lpips", "ssim"]
        assert (scores["lpips"].value, scores["lpips"].count) == (None, 0)
        assert "alexnet-owt-7be5be79.pth is not there" in scores["lpips"].error
        assert "--lpips-weights FILE" in scores["lpips"].error
    assert result.scores["model"]["ssim"].value == pytest.approx(1)


class Broken(PerImageMetric):
    """Fails where it is told to."""

    def __init__(self, where):
        super().__init__(Config())
        self.where = where
        if where == "build":
            raise ZeroDivisionError

    def score(self, batch):
        if self.where == "update":
            raise KeyError("nothing\nelse")
        if self.where == "second update" and self.values:
            raise ConfigError("one sentence.")
        return torch.zeros(len(batch.target))

    def compute(self):
        if self.where == "compute":
            raise RuntimeError("too much\nof it")
        return torch.tensor(math.inf)


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        ("build", "ZeroDivisionError"),
        ("update", "KeyError: 'nothing\\nelse'"),
        ("second update", "one sentence."),
        ("compute", "RuntimeError: too much"),
        ("nowhere", "the score is inf."),
    ],
)
def test_a_broken_metric_leaves_the_others(run, pairs, where, reason):
    result = run(target, pairs(4), {"broken": lambda: Broken(where), **metrics("l1")})
    for scores in result.scores.values():
        assert (scores["broken"].value, scores["broken"].count) == (None, 0)
        assert scores["broken"].error == reason
        assert scores["l1"].count == 4


class First(Metric):
    """A metric without values per image: the brightness of the first image's first pixel."""

    def __init__(self):
        super().__init__(Config())
        self.add_state("total", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, batch):
        self.total += batch.generated[0, 0, 0, 0].double()

    def compute(self):
        return self.total


def test_metrics_without_values_per_image_count_the_pairs(run, pairs):
    result = run(target, pairs(3), {"first": First})
    assert result.scores["model"]["first"].count == 3
    assert result.per_image == {"model": {}, BASELINE: {}}


def test_a_metric_is_built_once(run, pairs):
    built = []

    def build():
        built.append(1)
        return L1(L1Config())

    run(target, pairs(2), {"l1": build})
    assert built == [1]


def test_other_processes_are_not_waited_for(run, pairs, monkeypatch):
    monkeypatch.setattr(torchmetrics.metric, "jit_distributed_available", lambda: True)
    found = run(target, pairs(2), metrics("l1")).scores["model"]["l1"]
    assert found.error is None


def test_a_model_that_makes_wrong_images_is_an_error(run, pairs):
    with pytest.raises(
        PosegenError, match=r"mine: made images of shape \(2, 3, 16, 24\) for pairs"
    ):
        run(lambda b: b.target[:, :, ::2], pairs(3), metrics("l1"), row="mine")

    def later(batch):
        return batch.target / (1 - ("s2" in batch.source_names))

    with pytest.raises(
        PosegenError, match="mine: made images that are not finite for pairs 2 to 2"
    ):
        run(later, pairs(3), metrics("l1"), row="mine")


def test_wrong_calls_are_errors(run, pairs):
    with pytest.raises(ConfigError, match="limit of 0"):
        run(target, pairs(2), metrics("l1"), limit=0)
    with pytest.raises(DataError, match="no pairs"):
        run(target, pairs(0), metrics("l1"))


def test_errors_of_the_data_are_not_swallowed(run, pairs):
    class Bad(pairs):
        def __getitem__(self, index):
            raise DataError("pairs.csv, row 2: no such image.")

    with pytest.raises(DataError, match="row 2"):
        run(target, Bad(2), metrics("l1"))


def test_an_error_of_the_model_is_not_taken_for_a_metric(run, pairs):
    def generate(batch):
        raise WeightsError("wrong.")

    with pytest.raises(WeightsError):
        run(generate, pairs(2), metrics("l1"))
