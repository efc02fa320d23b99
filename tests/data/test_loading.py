from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader

from posegen.config import ComponentOptions, parts
from posegen.core.batches import Batch, Pair
from posegen.core.errors import ConfigError, DataError, PluginError
from posegen.core.fields import Field, FieldKind
from posegen.data.loading import check_directions, collate, to_batch, to_uint8
from posegen.data.published import PublishedDataset
from posegen.poses.config import GaussianConfig
from posegen.poses.encoders import GaussianEncoder

CPU = torch.device("cpu")


def pair(value: int, masked: bool = True) -> Pair:
    image = torch.full((3, 8, 4), value, dtype=torch.uint8)
    keypoints = torch.tensor([[1.0, 2.0, 1.0]]).repeat(18, 1)
    mask = torch.zeros(1, 8, 4, dtype=torch.uint8)
    mask[:, 2:5] = 255
    return Pair(
        source=image,
        target=255 - image,
        source_keypoints=keypoints,
        target_keypoints=keypoints + torch.tensor([1.0, 1.0, 0.0]),
        source_name=f"s{value}",
        target_name=f"t{value}",
        source_mask=mask if masked else None,
        target_mask=255 - mask if masked else None,
    )


@pytest.fixture
def encoder() -> GaussianEncoder:
    return GaussianEncoder(GaussianConfig())


def test_collate_stacks_without_converting() -> None:
    raw = collate([pair(0), pair(255), pair(51)])
    assert len(raw) == 3
    assert raw.source.shape == (3, 3, 8, 4)
    assert raw.source.dtype == torch.uint8
    assert raw.target_names == ["t0", "t255", "t51"]
    assert raw.source_mask.dtype == torch.uint8


def test_both_directions_are_neighbours() -> None:
    one = collate([pair(0), pair(51)])
    both = collate([pair(0), pair(51)], both_directions=True)
    assert both.names == ["s0 t0", "t0 s0", "s51 t51", "t51 s51"]
    for name in ("", "_keypoints", "_mask"):
        here, there = f"source{name}", f"target{name}"
        assert torch.equal(both[here][::2], one[here])
        assert torch.equal(both[here][1::2], one[there])
        assert torch.equal(both[there][1::2], one[here])


def test_fields_change_direction_with_their_picture() -> None:
    vector = {
        name: torch.tensor([number]) for number, name in enumerate(("a", "source_b", "target_b"))
    }
    fields = {name: Field(FieldKind.VECTOR, 1) for name in vector}
    check_directions(fields)
    both = collate([pair(0)._replace(extra=vector)], fields, both_directions=True)
    assert both.a[:, 0].tolist() == [0, 0]
    assert both.source_b[:, 0].tolist() == [1, 2]
    assert both.target_b[:, 0].tolist() == [2, 1]
    with pytest.raises(ConfigError, match="'source_b' and no 'target_b'"):
        check_directions({"source_b": fields["source_b"]})


def test_batch_is_normalised_and_encoded(encoder: GaussianEncoder) -> None:
    raw = collate([pair(0), pair(255), pair(51)])
    batch = to_batch(raw, encoder, CPU)
    assert batch.source[:, 0, 0, 0].tolist() == pytest.approx([-1, 1, -0.6])
    assert batch.source.dtype == batch.source_pose.dtype == torch.float32
    assert torch.equal(batch.source_mask + batch.target_mask, torch.ones(3, 1, 8, 4))
    assert torch.equal(batch.source_pose, encoder(raw.source_keypoints, (8, 4)))
    assert torch.equal(batch.target_pose, encoder(raw.target_keypoints, (8, 4)))
    assert batch.source_names == ["s0", "s255", "s51"]
    for name in ("source", "target", "source_pose", "target_pose"):
        assert getattr(batch, name).is_contiguous(memory_format=torch.channels_last)
    assert raw.source[0].max() == 0  # the CPU's tensors are left as they were


def test_no_masks(encoder: GaussianEncoder) -> None:
    batch = to_batch(collate([pair(1, masked=False)]), encoder, CPU)
    assert "source_mask" not in batch
    assert batch.get("target_mask") is None


def test_declared_fields_travel_by_their_kind(encoder: GaussianEncoder, noise: Any) -> None:
    dataset = noise.NoiseDataset()
    raw = collate(dataset.__getitems__([0, 5]), dataset.fields)
    assert {name: raw.kind(name) for name in dataset.fields} == {
        name: field.kind for name, field in dataset.fields.items()
    }
    assert raw.source_parsing.dtype == raw.target_garment_mask.dtype == torch.uint8
    batch = to_batch(raw, encoder, CPU)
    assert {value.dtype for value in batch.tensors.values()} == {torch.float32}
    assert torch.equal(batch.source_parsing, raw.source_parsing.float())
    assert torch.equal(batch.target_garment_mask, raw.target_garment_mask.ge(128).float())
    assert torch.equal(batch.source_garment, raw.source_garment.float().div(127.5).sub(1))
    assert torch.equal(batch.target_hands, raw.target_hands)
    assert torch.equal(batch.style, raw.style)
    assert batch.source_parsing.is_contiguous(memory_format=torch.channels_last)
    assert [len(part) for part in batch.split(2)] == [1, 1]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"style": None}, "lacks the vector 'style'"),
        ({"style": torch.zeros(4)}, r"'style' has the shape \(4,\), and \(5,\) is expected"),
        ({"source_parsing": torch.zeros(4, 8, 8)}, r"'source_parsing' has the shape \(4, 8, 8\), "),
        ({"target_hands": torch.zeros(3, 2)}, r"and \(3, 3\) is expected"),
        (
            {"source_garment": torch.zeros(3, 16, 8)},
            "'source_garment' is torch.float32, and images",
        ),
        (
            {"source_depth": torch.zeros(1, 16, 8)},
            "has 'source_depth', which its data set does not",
        ),
    ],
)
def test_samples_that_break_the_declaration(noise: Any, change: Any, sentence: str) -> None:
    dataset = noise.NoiseDataset()
    first, second = dataset[0], dataset[1]
    extra = {k: v for k, v in {**second.extra, **change}.items() if v is not None}
    pairs = [first, second._replace(extra=extra)]
    match = rf"noise, sample n000_00.png n000_02.png: .*{sentence}"
    with pytest.raises(DataError, match=match):
        collate(pairs, dataset.fields, "noise")


def test_masks_are_for_all_samples_or_for_none() -> None:
    with pytest.raises(
        DataError, match=r"the data set, sample s2 t2: lacks the mask 'source_mask'"
    ):
        collate([pair(1), pair(2, masked=False)])


def test_a_data_set_that_declares_a_wrong_field(
    monkeypatch: pytest.MonkeyPatch, noise: Any
) -> None:
    dataset = noise.NoiseDataset()
    monkeypatch.setattr(parts, "options_of", lambda *_: None)
    monkeypatch.setattr(parts, "build", lambda *_: dataset)
    section = ComponentOptions(name="noise")
    assert parts.build_dataset(section, "train") is dataset
    task = parts.task_of(dataset, GaussianEncoder(GaussianConfig()))
    assert (task.image_size, task.pose_channels, task.skeleton) == ((16, 8), 18, "openpose18")
    assert task.channels(["source", "source_parsing", "target_pose"]) == 3 + 4 + 18
    dataset.fields = {"depth": Field(FieldKind.MAP, 1)}
    with pytest.raises(PluginError, match=r"the data set 'noise': the field 'depth' is a map, so"):
        parts.build_dataset(section, "train")


def test_uint8_round_trip_is_exact(encoder: GaussianEncoder) -> None:
    levels = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16).expand(1, 3, 16, 16)
    pictures = {"source": levels[0], "target": levels[0]}
    mask = torch.zeros(1, 16, 16, dtype=torch.uint8)
    raw = collate([pair(0)._replace(**pictures, source_mask=mask, target_mask=mask)])
    assert torch.equal(to_uint8(to_batch(raw, encoder, CPU).source), levels)


def test_to_uint8_rounds_and_clamps() -> None:
    # The last is 254.6 of 255, which truncation would make 254.
    image = torch.tensor([-1.5, -1.0, 0.0, 1.0, 1.5, 254.6 / 127.5 - 1])
    assert to_uint8(image).tolist() == [0, 0, 128, 255, 255, 255]
    assert to_uint8(torch.ones(1, 3, 2, 2, dtype=torch.bfloat16)).dtype == torch.uint8


def test_pins_tensors_and_keeps_names(monkeypatch: pytest.MonkeyPatch) -> None:
    pinned: list[torch.Size] = []

    def pin(tensor: torch.Tensor) -> torch.Tensor:
        pinned.append(tensor.shape)
        return tensor

    monkeypatch.setattr(torch.Tensor, "pin_memory", pin)
    raw = collate([pair(3)]).pin_memory()
    assert isinstance(raw, Batch)
    assert len(pinned) == 6
    assert raw.source_names == ["s3"]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_pinned_batch_reaches_the_gpu(encoder: GaussianEncoder) -> None:
    raw = collate([pair(3), pair(7)]).pin_memory()
    assert raw.source.is_pinned()
    assert raw.source_keypoints.is_pinned()
    batch = to_batch(raw, encoder, torch.device("cuda"))
    expected = to_batch(raw, encoder, CPU)
    torch.testing.assert_close(batch.source.cpu(), expected.source)
    torch.testing.assert_close(batch.target_pose.cpu(), expected.target_pose)


def test_loads_in_two_processes_and_reports_bad_files(market: Any) -> None:
    """PyTorch puts a process's traceback into the message; its last line is our sentence."""
    dataset = PublishedDataset(market.save(), "train")
    (market.images / "c.png").write_bytes(b"broken")
    loader = DataLoader(
        dataset, batch_size=2, num_workers=2, collate_fn=collate, multiprocessing_context="spawn"
    )
    batches = iter(loader)
    raw = next(batches)
    assert isinstance(raw, Batch)
    assert raw.source_names == ["a.png", "b.png"]
    assert torch.equal(raw.target[1], market.pixels[0])
    with pytest.raises(DataError) as caught:
        next(batches)
    assert "c.png: cannot be decoded as a picture" in str(caught.value).strip().splitlines()[-1]
