from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric

from posegen.core import Batch, ConfigError, PosegenError
from posegen.evaluation.metrics import fid as fid_module
from posegen.evaluation.metrics import inception_score as score_module
from posegen.evaluation.metrics.config import FIDConfig, InceptionScoreConfig, KIDConfig
from posegen.evaluation.metrics.distribution import (
    frechet_distance,
    inception_score,
    kernel_distance,
    mean_and_covariance,
    moments,
)
from posegen.evaluation.metrics.fid import FID, KID
from posegen.evaluation.metrics.inception import Inception
from posegen.evaluation.metrics.inception_score import InceptionScore, MaskInceptionScore
from posegen.evaluation.metrics.masks import body_mask

DIMENSIONS, CLASSES = 16, 5


def as_batch(generated, target, *, first=0, total=0, source_names=(), target_names=(), **tensors):
    tensors = {name: value for name, value in tensors.items() if value is not None}
    return Batch(
        {"generated": generated, "target": target, **tensors},
        first=first,
        total=total,
        source_names=source_names,
        target_names=target_names,
    )


def features(seed, count, dimensions=DIMENSIONS, shift=0.0):
    """Return correlated positive features, as pool3's are."""
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(dimensions, dimensions, generator=torch.Generator().manual_seed(0))
    noise = torch.randn(count, dimensions, generator=generator) @ mixing / dimensions**0.5
    return (noise + shift).relu()


def their_fid(a, b):
    first, second = (fid_features_to_statistics(x.double()) for x in (a, b))
    return fid_statistics_to_metric(first, second, False)["frechet_inception_distance"]


def their_kid(a, b, subsets, size, seed=2020):
    found = kid_features_to_metric(
        a.double(),
        b.double(),
        kid_subsets=subsets,
        kid_subset_size=size,
        kid_kernel="poly",
        rng_seed=seed,
        verbose=False,
    )
    return tuple(found[f"kernel_inception_distance_{what}"] for what in ("mean", "std"))


def their_is(logits, splits):
    found = isc_features_to_metric(logits, splits, shuffle=False)
    return tuple(found[f"inception_score_{what}"] for what in ("mean", "std"))


# Functions


@pytest.mark.parametrize(
    ("dimensions", "counts"), [(64, (3000, 700)), (64, (40, 30)), (300, (500, 500))]
)
def test_fid_equals_torch_fidelity(dimensions, counts):
    a, b = features(1, counts[0], dimensions), features(2, counts[1], dimensions, shift=0.3)
    ours = frechet_distance(*mean_and_covariance(moments(a)), *mean_and_covariance(moments(b)))
    assert ours == pytest.approx(their_fid(a, b), rel=1e-6)


def test_fid_at_the_networks_own_width_and_less_than_full_rank():
    a, b = (features(seed, 200, 2048, shift).double() for seed, shift in ((1, 0.0), (2, 0.1)))
    ours = frechet_distance(*mean_and_covariance(moments(a)), *mean_and_covariance(moments(b)))
    # The last trace is also the sum of the singular values of the centred data's product.
    first, second = ((x - x.mean(0)) / (len(x) - 1) ** 0.5 for x in (a, b))
    trace = first.square().sum() + second.square().sum()
    trace -= 2 * torch.linalg.svdvals(first @ second.T).sum()
    expected = (a.mean(0) - b.mean(0)).square().sum() + trace
    assert ours == pytest.approx(expected.item(), rel=1e-6)


@pytest.mark.slow
def test_fid_equals_torch_fidelity_at_the_networks_own_width():
    a, b = features(1, 3000, 2048), features(2, 2500, 2048, shift=0.1)
    ours = frechet_distance(*mean_and_covariance(moments(a)), *mean_and_covariance(moments(b)))
    assert ours == pytest.approx(their_fid(a, b), rel=1e-6)


def test_fid_of_equal_moments_is_zero_and_of_shifted_ones_the_shift():
    mean, covariance = mean_and_covariance(moments(features(1, 500)))
    assert frechet_distance(mean, covariance, mean, covariance) == pytest.approx(0, abs=1e-9)
    moved = frechet_distance(mean, covariance, mean + 0.5, covariance)
    assert moved == pytest.approx(0.25 * DIMENSIONS, rel=1e-9)


def test_running_sums_lose_no_precision_far_from_zero():
    far = features(3, 5000) * 0.01 + 100  # 10,000 times farther from zero than they are wide
    sums = sum(moments(part) for part in torch.split(far, 32))
    mean, covariance = mean_and_covariance(sums)
    exact = far.double().numpy()
    np.testing.assert_allclose(mean, exact.mean(axis=0), rtol=1e-12)
    expected = np.cov(exact, rowvar=False)
    np.testing.assert_allclose(covariance, expected, atol=1e-5 * expected.max(), rtol=0)


def test_kid_equals_torch_fidelity():
    a, b = features(1, 300, 64), features(2, 250, 64, shift=0.2)
    ours = kernel_distance(a, b, subsets=20, subset_size=100, seed=2020)
    assert ours == pytest.approx(their_kid(a, b, 20, 100), rel=1e-9)
    assert ours[0] > 0
    other = kernel_distance(a, b, subsets=20, subset_size=100, seed=7)
    assert other != ours
    assert other == pytest.approx(their_kid(a, b, 20, 100, seed=7), rel=1e-9)


@pytest.mark.parametrize("count", [100, 103, 10])
def test_is_equals_torch_fidelity(count):
    logits = torch.randn(count, 40, generator=torch.Generator().manual_seed(4)) * 2
    ours = inception_score(logits.double().softmax(dim=1), 10)
    assert ours == pytest.approx(their_is(logits, 10), rel=1e-10)


@pytest.mark.parametrize("case", ["market_128x64", "fashion_256x176"])
def test_is_equals_the_recorded_score(case, golden):
    recorded = json.loads((golden / f"metrics_{case}.json").read_text())["inception_score"]
    with np.load(golden / f"metrics_{case}.npz") as arrays:
        probabilities = torch.from_numpy(arrays["inception_probabilities"])
    mean, deviation = inception_score(probabilities, recorded["splits"])
    assert mean == pytest.approx(recorded["mean"], abs=1e-9)
    assert deviation == pytest.approx(recorded["std"], abs=1e-9)


def test_is_bounds_and_order():
    one_hot = torch.eye(6).repeat(5, 1)
    assert inception_score(one_hot, 1) == pytest.approx((6, 0))
    assert inception_score(torch.full((30, 6), 1 / 6), 3) == pytest.approx((1, 0))
    sorted_rows = one_hot[one_hot.argmax(dim=1).argsort()]
    assert inception_score(sorted_rows, 6)[0] == pytest.approx(1)


def test_is_of_fewer_pictures_than_splits():
    with pytest.raises(ConfigError, match=r"over 10 splits needs at least 10 pictures.* are 9; "):
        inception_score(torch.full((9, 4), 0.25), 10)


# Metrics, with a network that takes no time


class Quick(Inception):
    """A few random directions of the first pixels in place of a network."""

    def __init__(self, network, weights, option, resize=None):
        self.identity, self.option = ("quick", "tf1", "0" * 64), option
        self.calls = 0

    @property
    def description(self):
        return "a quick network"

    def features(self, images):
        self.calls += len(images)
        generator = torch.Generator().manual_seed(9)
        directions = torch.randn(48, DIMENSIONS, generator=generator)
        # In float64 a picture's features do not depend on the others in the batch.
        return (images.flatten(1)[:, :48].double() / 255 @ directions.double()).relu()

    def probabilities(self, features):
        return features[:, :CLASSES].double().softmax(dim=1)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    for module in (fid_module, score_module):
        monkeypatch.setattr(module, "Inception", Quick)
    monkeypatch.setattr(fid_module, "FEATURES", DIMENSIONS)
    monkeypatch.setattr(score_module, "CLASSES", CLASSES)


@pytest.fixture
def pictures(natural):
    """Generated and target pictures of 57 pairs."""
    return natural(0, 57, (8, 8)), natural(1, 57, (8, 8))


def batches(pictures, size, keypoints=None):
    generated, target = pictures
    for first in range(0, len(target), size):
        part = slice(first, first + size)
        yield as_batch(
            generated[part],
            target[part],
            target_keypoints=None if keypoints is None else keypoints[part],
            first=first,
            total=len(target),
        )


class Reference:
    """Reference images in batches."""

    def __init__(self, images, digest="d" * 64):
        self.images, self.digest, self.read = images, digest, 0

    def __iter__(self):
        self.read += 1
        return iter(torch.split(self.images, 10))


def of(images):
    return Quick("tf", None, "").features(images)


def test_the_fid_of_pairs(pictures):
    metric = FID(FIDConfig())
    assert not metric.needs_reference
    for batch in batches(pictures, 10):
        metric.update(batch)
    expected = their_fid(of(pictures[0]), of(pictures[1]))
    assert expected > 0.1
    assert metric.compute().item() == pytest.approx(expected, rel=1e-6)
    assert metric.compute().dtype == torch.float64
    assert metric.per_image() is None


@pytest.mark.parametrize(
    "make",
    [
        lambda: FID(FIDConfig()),
        lambda: KID(KIDConfig(subsets=5, subset_size=20)),
        lambda: InceptionScore(InceptionScoreConfig(splits=4)),
    ],
)
def test_processes_merge_to_one_pass_in_any_order(make, pictures):
    whole, first, second = make(), make(), make()
    for place, batch in enumerate(batches(pictures, 10)):
        whole.update(batch)
        (second if place % 2 else first).update(batch)
    second.merge_state(first)
    assert second.compute().item() == pytest.approx(whole.compute().item(), rel=1e-9)


def test_memory_of_fid_and_is_does_not_grow(pictures):
    for metric in (FID(FIDConfig()), InceptionScore(InceptionScoreConfig(splits=4))):
        sizes = set()
        for batch in batches(pictures, 10):
            metric.update(batch)
            sizes.add(tuple(state.numel() for state in metric.metric_state.values()))
        assert len(sizes) == 1


def test_a_copy_shares_network_and_reference(pictures, natural, cache):
    metric = FID(FIDConfig(reference="train"))
    metric.see_reference(Reference(natural(5, 30, (8, 8))))
    copied = metric.clone()
    assert copied.reference is metric.reference
    for batch in batches(pictures, 20):
        metric.update(batch)
        copied.update(batch.having(generated=batch.target))
    assert metric.compute() != copied.compute()


def test_fid_against_reference_images(pictures, natural, cache):
    images = natural(5, 57, (8, 8))
    for drop_last, kept in ((0, 57), (1, 57), (16, 48)):
        metric = FID(FIDConfig(reference="train", drop_last=drop_last))
        assert metric.needs_reference
        metric.see_reference(Reference(images))
        for batch in batches(pictures, 20):
            metric.update(batch)
        expected = their_fid(of(pictures[0]), of(images[:kept]))
        assert metric.compute().item() == pytest.approx(expected, rel=1e-6)


def test_what_was_computed_from_a_reference_is_kept(natural, cache, caplog):
    reference = Reference(natural(5, 30, (8, 8)))

    def seen(**options):
        metric = FID(FIDConfig(reference="train", **options))
        metric.see_reference(reference)
        return metric.reference()

    first = seen()
    assert reference.read == 1
    assert torch.equal(seen(), first)
    assert reference.read == 1
    seen(drop_last=8)
    assert reference.read == 2
    reference.digest = "e" * 64
    seen()
    assert reference.read == 3
    assert len(list(cache.iterdir())) == 3
    assert not caplog.records
    for file in cache.iterdir():
        file.write_bytes(file.read_bytes()[:100])
    assert torch.equal(seen(), first)
    assert reference.read == 4
    assert "damaged" in caplog.text
    assert torch.equal(seen(), first)
    assert reference.read == 4


def test_fid_takes_the_features_that_kid_has_kept(pictures, natural, cache):
    reference = Reference(natural(5, 57, (8, 8)))
    kid = KID(KIDConfig(reference="train", drop_last=16, subsets=4, subset_size=30))
    fid = FID(FIDConfig(reference="train", drop_last=16))
    kid.see_reference(reference)
    fid.see_reference(reference)
    assert reference.read == 1
    for batch in batches(pictures, 20):
        kid.update(batch)
        fid.update(batch)
    ours, theirs = of(pictures[0]), of(reference.images[:48])
    assert fid.compute().item() == pytest.approx(their_fid(ours, theirs), rel=1e-6)
    mean, _ = their_kid(ours, theirs, 4, 30)
    assert kid.compute().item() == pytest.approx(mean, rel=1e-9)


def test_a_folder_that_cannot_be_written_costs_only_time(natural, tmp_path, monkeypatch, caplog):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("POSEGEN_CACHE", str(tmp_path / "file"))
    metric = FID(FIDConfig(reference="train"))
    metric.see_reference(Reference(natural(5, 30, (8, 8))))
    assert metric.reference()[-1, -1] == 30
    assert "cannot be written" in caplog.text


def test_scores_of_one_network_share_features(pictures):
    metrics = [FID(FIDConfig()), KID(KIDConfig()), InceptionScore(InceptionScoreConfig())]
    for batch in batches(pictures, 20):
        for metric in metrics:
            metric.update(batch)
    assert [metric.inception.calls for metric in metrics] == [2 * 57, 0, 0]


def test_kid_of_pairs(pictures):
    metric = KID(KIDConfig(subsets=6, subset_size=40, seed=3))
    for batch in batches(pictures, 10):
        metric.update(batch)
    mean, _ = their_kid(of(pictures[0]), of(pictures[1]), 6, 40, seed=3)
    assert metric.compute().item() == pytest.approx(mean, rel=1e-9)
    assert "6 subsets of 40, seed 3" in metric.describe()


@pytest.mark.parametrize("splits", [1, 4, 10])
def test_the_inception_score_of_pairs(pictures, splits):
    metric = InceptionScore(InceptionScoreConfig(splits=splits))
    for batch in batches(pictures, 9):
        metric.update(batch)
    mean, _ = their_is(of(pictures[0])[:, :CLASSES], splits)
    assert metric.compute().item() == pytest.approx(mean, rel=1e-9)


def test_the_inception_score_of_bodies(natural):
    pictures = natural(0, 30, (16, 40)), natural(1, 30, (16, 40))
    generator = torch.Generator().manual_seed(2)
    keypoints = torch.zeros(30, 18, 3)
    keypoints[:, 4] = torch.rand(30, 3, generator=generator) * 12 + 1
    metric = MaskInceptionScore(InceptionScoreConfig(splits=3))
    for batch in batches(pictures, 20, keypoints):
        metric.update(batch)
    mask = body_mask(keypoints, (16, 40))
    assert 0.01 < mask.double().mean() < 0.2
    mean, _ = their_is(of(pictures[0] * mask)[:, :CLASSES], 3)
    assert metric.compute().item() == pytest.approx(mean, rel=1e-9)
    with pytest.raises(ConfigError, match="mask-is needs the targets' keypoints"):
        metric.update(next(batches(pictures, 20)))


# Sentences


def test_too_few_pictures(pictures, natural, cache):
    one = next(batches((pictures[0][:1], pictures[1][:1]), 1))
    fid = FID(FIDConfig())
    fid.update(one)
    with pytest.raises(ConfigError, match=r"fid needs at least 2 generated pictures .* are 1; "):
        fid.compute()
    fid = FID(FIDConfig(reference="train", drop_last=16))
    fid.see_reference(Reference(natural(5, 15, (8, 8))))
    for batch in batches(pictures, 20):
        fid.update(batch)
    with pytest.raises(ConfigError, match="fid needs at least 2 real images and there are 0"):
        fid.compute()
    kid = KID(KIDConfig())
    kid.update(one)
    with pytest.raises(ConfigError, match="subsets of 1000 and there are 1 generated pictures"):
        kid.compute()
    score = InceptionScore(InceptionScoreConfig())
    score.update(one)
    with pytest.raises(ConfigError, match="at least 10 pictures, and there are 1; "):
        score.compute()


def test_a_reference_that_was_not_shown(pictures):
    for metric in (FID(FIDConfig(reference="train")), KID(KIDConfig(reference="train"))):
        metric.update(next(batches(pictures, 20)))
        with pytest.raises(PosegenError, match="see_reference"):
            metric.compute()


def test_an_inception_score_needs_places(pictures):
    with pytest.raises(PosegenError, match="places"):
        InceptionScore(InceptionScoreConfig()).update(as_batch(*pictures))


def test_a_tail_of_targets_is_refused():
    with pytest.raises(ValidationError, match="drop_last is for reference = train"):
        FIDConfig(drop_last=64)


def test_the_option_of_each_network_is_named():
    assert FID(FIDConfig()).inception.option == "--inception-weights FILE"
    other = KID(KIDConfig(network="torchvision"))
    assert other.inception.option == "--set kid.weights=FILE"


def test_descriptions_say_what_is_compared():
    assert "targets of the same pairs" in FID(FIDConfig()).describe()
    text = FID(FIDConfig(reference="train", drop_last=64)).describe()
    assert "reference images up to the last multiple of 64" in text
    assert "mean of 3 splits" in InceptionScore(InceptionScoreConfig(splits=3)).describe()
    assert "body mask" in MaskInceptionScore(InceptionScoreConfig()).describe()
