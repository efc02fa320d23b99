"""Scores outside an evaluation: in training, and of plain tensors."""

from __future__ import annotations

import pytest
import torch
from skimage.metrics import structural_similarity

import posegen
from posegen.compute.process import Process
from posegen.core import ConfigError, DataError, PosegenError
from posegen.evaluation.evaluator import score as evaluated
from posegen.evaluation.plan import plan
from posegen.evaluation.streams import Loading, ModelPairs
from posegen.evaluation.validation import Validation, metric

CPU = Process(torch.device("cpu"))


def half(batch):
    return batch.source * 0.5


def test_it_scores_as_an_evaluation_does(pairs, encoder):
    dataset = pairs(7)
    options = {"ssim": {"sigma": 1.2}}
    validation = Validation(
        dataset, encoder, ["ssim", "l1", "mask-l1"], batch_size=3, options=options
    )
    assert validation.directions == {"ssim": "higher", "l1": "lower", "mask-l1": "lower"}
    stream = ModelPairs(half, dataset, encoder, loading=Loading(), process=CPU)
    chosen = plan("posegen-1", dataset.image_size, ["ssim", "l1", "mask-l1"], options)
    _, [scores] = evaluated(stream, [chosen], CPU)
    expected = {name: found.value for name, found in scores.scores["model"].items()}
    for _ in range(2):  # nothing is left of the first time
        assert validation(half) == pytest.approx(expected, rel=1e-12)
    perfect = validation(lambda batch: batch.target)
    assert perfect == pytest.approx({"ssim": 1, "l1": 0, "mask-l1": 0})


def test_the_pairs_are_spread_evenly_over_the_split(pairs, encoder):
    dataset, seen = pairs(10), []

    def generate(batch):
        seen.extend(batch.target_names)
        assert not torch.is_grad_enabled()
        return batch.target

    Validation(dataset, encoder, ["l1"], pairs=4, batch_size=3)(generate)
    assert seen == ["t0", "t2", "t5", "t7"]
    assert dataset.read == [0, 2, 5, 7]
    Validation(dataset, encoder, ["l1"], pairs=99)(generate)
    assert len(seen) == 14


def test_what_cannot_be_scored_is_said_at_once(pairs, encoder, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("POSEGEN_OFFLINE", "1")
    for names, reason in ((["ssmi"], "did you mean 'ssim'"), (["lpips"], "is not there")):
        with pytest.raises(PosegenError, match=reason):
            Validation(pairs(2), encoder, names)
    with pytest.raises(DataError, match="no pairs"):
        Validation(pairs(0), encoder, ["l1"])
    with pytest.raises(PosegenError, match="not finite"):
        Validation(pairs(2), encoder, ["l1"])(lambda batch: batch.target / 0)


def test_tensors_are_scored(natural):
    generated, target = natural(1, 2, (32, 24)), natural(2, 2, (32, 24))
    expected = [
        structural_similarity(
            a.numpy(),
            b.numpy(),
            channel_axis=0,
            data_range=255,
            gaussian_weights=True,
            use_sample_covariance=False,
        )
        for a, b in zip(generated, target, strict=True)
    ]
    ssim = posegen.metric("ssim")
    assert ssim.direction == "higher"
    assert "11×11 Gaussian window" in ssim.protocol
    for _ in range(2):
        assert ssim(generated, target) == pytest.approx(sum(expected) / 2, rel=1e-12)
    floats = [image / 127.5 - 1 for image in (generated, target)]
    assert ssim(*floats) == ssim(generated, target)
    symmetric = metric("l1", value_range="symmetric")(generated, target)
    assert symmetric == pytest.approx(2 * metric("l1")(generated, target))
    mask = torch.ones(2, 1, 32, 24)
    assert posegen.metric("mask-l1")(generated, target, target_mask=mask) == pytest.approx(
        metric("l1")(generated, target)
    )


def test_other_tensors_are_refused(natural):
    images = natural(1, 2, (32, 24))
    for wrong, reason in (
        (images.float(), "float in"),
        (images.int(), "float in"),
        (images[:, :1], "B, 3, H, W"),
        (images[0], "B, 3, H, W"),
        (images[:0], "B, 3, H, W"),
        (torch.full((2, 3, 32, 24), torch.nan), "float in"),
    ):
        with pytest.raises(DataError, match=reason):
            metric("l1")(wrong, wrong)
    with pytest.raises(DataError, match="one shape"):
        metric("l1")(images, images[:1])
    with pytest.raises(ConfigError, match="needs body masks"):
        metric("mask-l1")(images, images)
    with pytest.raises(ConfigError, match="no such option"):
        metric("l1", net="vgg")(images, images)
