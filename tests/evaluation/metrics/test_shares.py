from __future__ import annotations

import threading

import pytest
import torch

from posegen.evaluation.metrics.shares import in_shares


@pytest.fixture(params=[1, 2, 3])
def threads(request):
    """Run with so many of torch's threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.parametrize("images", [1, 2, 7])
def test_images_stay_in_order_and_together(threads, images):
    first, second = torch.arange(images * 4.0).view(images, 4), torch.arange(float(images))
    seen = []

    def make(a, b):
        seen.append((threading.get_ident(), torch.get_num_threads()))
        return a.sum(1) + 100 * b

    expected = first.sum(1) + 100 * second
    for _ in range(2):
        assert torch.equal(in_shares(make, first, second), expected)
    assert len(seen) == 2 * min(threads, images)
    if min(threads, images) > 1:
        assert {number for _, number in seen} == {1}
        assert threading.get_ident() not in {thread for thread, _ in seen}
    assert torch.get_num_threads() == threads


def test_an_error_comes_out(threads):
    def make(part):
        raise ValueError("of a share")

    with pytest.raises(ValueError, match="of a share"):
        in_shares(make, torch.zeros(4))


def test_work_on_another_device_is_not_split(threads):
    calls = []
    in_shares(lambda part: calls.append(len(part)) or part, torch.zeros(4, device="meta"))
    assert calls == [4]
