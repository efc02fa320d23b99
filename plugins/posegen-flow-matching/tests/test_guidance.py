"""The three forms of guidance, on a network whose answers are known."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from posegen_flow_matching.config import Sampling
from posegen_flow_matching.guidance import BOTH, NOTHING, POSE, SOURCE, Guided, shares

from posegen.core import Batch, Generator

#: `Adding` of a source 0.2 and a pose 0.3: nothing .01, source .21, pose .31, both .57.
ANSWERS = {NOTHING: 0.01, SOURCE: 0.21, POSE: 0.31, BOTH: 0.57}


def given(count: int = 2) -> Batch:
    source, pose = torch.full((count, 3, 16, 8), 0.2), torch.full((count, 18, 16, 8), 0.3)
    return Batch({"source": source, "target_pose": pose})


def guided(network: Generator, time: float = 0.5, **options: object) -> float:
    made = Guided(network, given(), Sampling(**options))(torch.zeros(2, 3, 16, 8), time)
    assert made.shape == (2, 3, 16, 8)
    assert float(made.max()) == float(made.min())
    return float(made.max())


@pytest.mark.parametrize("form", ["nested", "apart", "sum"])
def test_a_guidance_of_one_is_none(adding: Generator, form: str) -> None:
    assert guided(adding, guidance=form) == pytest.approx(ANSWERS[BOTH])
    assert adding.calls == [BOTH]  # and costs nothing
    assert adding.encoded == 1


@pytest.mark.parametrize("source", [0.0, 1.5])
@pytest.mark.parametrize("pose", [0.0, 0.7])
def test_the_equations(adding: Generator, source: float, pose: float) -> None:
    none, of_source, of_pose, both = (ANSWERS[k] for k in (NOTHING, SOURCE, POSE, BOTH))
    expected = {
        "nested": none + pose * (of_pose - none) + source * (both - of_pose),
        "apart": both + (source - 1) * (of_source - none) + (pose - 1) * (of_pose - none),
        "sum": none + source * (of_source - none) + pose * (of_pose - none),
    }
    for form, value in expected.items():
        found = guided(adding, guidance=form, source_guidance=source, pose_guidance=pose)
        assert found == pytest.approx(value, abs=1e-6), form


@pytest.mark.parametrize("form", ["nested", "apart", "sum"])
@pytest.mark.parametrize("strength", [(1.0, 1.0), (2.0, 1.0), (1.0, 2.0), (2.5, 0.5)])
def test_shares_add_up_to_one(form: str, strength: tuple[float, float]) -> None:
    options = Sampling(guidance=form, source_guidance=strength[0], pose_guidance=strength[1])
    found = shares(options, 0.5)
    assert sum(found.values()) == pytest.approx(1)
    assert all(found.values())


def test_guidance_has_an_interval(adding: Generator) -> None:
    options = {"source_guidance": 2.0, "guidance_from": 0.3, "guidance_to": 0.6}
    plain = [guided(adding, time, **options) for time in (0.0, 0.29, 0.61, 1.0)]
    assert plain == pytest.approx([ANSWERS[BOTH]] * 4)
    inside = ANSWERS[BOTH] + (ANSWERS[BOTH] - ANSWERS[POSE])
    assert [guided(adding, time, **options) for time in (0.3, 0.6)] == pytest.approx([inside] * 2)


def test_predictions_stay_pictures(adding: Generator) -> None:
    assert guided(adding, source_guidance=40.0) == 1.0


def test_nobody_is_encoded_once_a_batch(
    small: Callable[..., Generator], batch: Callable[..., Batch]
) -> None:
    """A person who is not there is zeros, as in training."""
    network, one = small().eval(), batch(2, target=False)
    predict = Guided(network, one, Sampling(source_guidance=0.0, pose_guidance=0.0))
    noisy = torch.zeros(2, 3, 16, 8)
    empty = {name: torch.zeros_like(value) for name, value in one.tensors.items()}
    with torch.no_grad():
        found = predict(noisy, 0.5)
        plain = network(**empty, noisy=noisy, time=torch.full((2, 1), 0.5)).image
    torch.testing.assert_close(found, plain.clamp(-1, 1), atol=1e-5, rtol=0)
