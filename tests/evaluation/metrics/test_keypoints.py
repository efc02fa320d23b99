from __future__ import annotations

import json

import pytest
import torch

from posegen.api import dataset
from posegen.core import Batch, ConfigError, DataError, Kind, PluginError
from posegen.evaluation.metrics.config import PCKhConfig
from posegen.evaluation.metrics.keypoints import PCKh, count_joints, head_boxes
from posegen.evaluation.metrics.tables import KeypointTable
from posegen.plugins import component_config, registry
from posegen.poses.conversions import convert

DETECTOR = """
import torch
from posegen.core import DetectorSpec, PoseDetector, hookimpl



class Corner(PoseDetector):
    skeleton = "openpose18"

    def __init__(self, config):
        pass

    def __call__(self, images):
        assert images.dtype == torch.uint8
        # Joint i of the best person is at (i, level of the first pixel); nobody in black pictures.
        found = []
        for image in images:
            best = torch.stack([torch.arange(18.0), image[0, 0, 0].expand(18), torch.ones(18)], 1)
            people = torch.stack([best, torch.zeros(18, 3)])
            found.append(people[: 2 * bool(image.any())])
        return found

class Coco(Corner):
    skeleton = "coco17"

    def __call__(self, images):
        return [people[:, :17] for people in super().__call__(images)]

@hookimpl
def posegen_detectors():
    return [
        DetectorSpec(name=name.lower(), summary="x", target=f"corner_detector:{name}", contract=2)
        for name in ("Corner", "Coco")
    ]
"""


def as_batch(generated, target, *, first=0, total=0, source_names=(), target_names=(), **tensors):
    tensors = {name: value for name, value in tensors.items() if value is not None}
    return Batch(
        {"generated": generated, "target": target, **tensors},
        first=first,
        total=total,
        source_names=source_names,
        target_names=target_names,
    )


@pytest.fixture
def detectors(tmp_path, monkeypatch):
    """Detectors named `corner` and `coco`."""
    (tmp_path / "corner_detector.py").write_text(DETECTOR)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("POSEGEN_PLUGINS", "corner_detector")
    registry.cache_clear()
    yield
    registry.cache_clear()


def person(*missing):
    """A person whose head box is 8 wide and 10 high, every joint in a place of its own."""
    keypoints = torch.stack([torch.arange(18) * 2.0, torch.arange(18) * 2.0, torch.ones(18)], 1)
    head = torch.tensor([[20, 20], [22, 30], [24, 21], [26, 22], [21, 23], [28, 25]])
    keypoints[[0, 1, 14, 15, 16, 17], :2] = head.float()
    keypoints[list(missing)] = 0
    return keypoints


def row(name, keypoints):
    """A row of the published CSV, as its script writes it."""
    shown = [[int(v) if s else -1 for v, s in keypoints[:, (k, 2)]] for k in (1, 0)]
    return f"{name}: {shown[0]}: {shown[1]}"


@pytest.fixture
def table(tmp_path):
    """`table(*rows)`: a file of keypoints."""

    def write(*rows):
        path = tmp_path / "pckh.csv"
        path.write_text("\n".join(["name:keypoints_y:keypoints_x", *rows]) + "\n")
        return path

    return write


def batch(target, names=(("a.jpg", "b.jpg"),), levels=None):
    count = len(target)
    generated = torch.zeros(count, 3, 48, 48, dtype=torch.uint8)
    if levels is not None:
        generated += torch.tensor(levels, dtype=torch.uint8).view(-1, 1, 1, 1)
    return as_batch(
        generated,
        torch.zeros_like(generated),
        target_keypoints=target,
        source_names=[source for source, _ in names],
        target_names=[name for _, name in names],
    )


@pytest.mark.parametrize("case", ["market_128x64", "fashion_256x176"])
def test_counts_and_head_boxes_equal_the_recorded_ones(golden, case):
    recorded = json.loads((golden / f"metrics_{case}.json").read_text())

    def points(name):
        x, y = (torch.tensor([i[f"{name}_{a}"] for i in recorded["items"]]) for a in "xy")
        return torch.stack([x, y, (x != -1) & (y != -1)], dim=-1).float()

    boxes, there = head_boxes(points("keypoints"))
    assert there.all()
    assert boxes.tolist() == [item["head_wh"] for item in recorded["items"]]
    correct, valid = count_joints(points("predicted"), points("keypoints"), 0.5)
    assert correct.sum() == recorded["pckh"]["correct"]
    assert valid.sum() == recorded["pckh"]["valid"]


def test_a_joint_is_right_within_a_box_whose_edge_is_outside():
    target, found = person(5)[None], person(6, 5)[None]
    found[0, 7, 0] += 3.9  # 4 of width and 5 of height are too far
    found[0, 7, 1] -= 4.9
    found[0, 8, 0] += 4
    found[0, 9, 1] += 5
    correct, valid = count_joints(found, target, 0.5)
    assert valid.item() == 17
    assert correct.item() == 17 - 3  # 6 was not found, 8 and 9 are off
    wide, _ = count_joints(found, target, 0.6)
    assert wide.item() == 16


def test_a_target_with_one_joint_of_the_head_is_left_out():
    headless = person(0, 1, 14, 15, 16)
    target = torch.stack([person(), headless])
    correct, valid = count_joints(target, target, 0.5)
    assert (correct.tolist(), valid.tolist()) == ([18, 0], [18, 0])
    boxes, there = head_boxes(target)
    assert there.tolist() == [True, False]
    assert boxes[0].tolist() == [8, 10]


def test_the_score_is_over_joints_and_has_no_value_per_image(table):
    missing = range(2, 12)
    target = torch.stack([person(*missing), person()])
    wrong = person()
    wrong[:9, 0] += 8
    path = table(row("a___b", person()), row("a___c_vis.png", wrong))
    names = (("a.jpg", "b.jpg"), ("a.jpg", "c.jpg"))
    whole, first, second = (PCKh(PCKhConfig(keypoints=path)) for _ in range(3))
    whole.update(batch(target, names))
    assert whole.compute().item() == (8 + 9) / (8 + 18)
    assert whole.compute().dtype == torch.float64
    assert whole.per_image() is None
    first.update(batch(target[:1], names[:1]))
    second.update(batch(target[1:], names[1:]))
    first.merge_state(second)
    assert first.compute() == whole.compute()


def test_no_head_at_all_is_an_error(table):
    metric = PCKh(PCKhConfig(keypoints=table(row("a___b", person()))))
    metric.update(batch(person(*range(18))[None]))
    with pytest.raises(DataError, match="no target has two joints of its head"):
        metric.compute()


@pytest.mark.parametrize(
    "name",
    [
        "a_1.jpg___b.jpg_vis.jpg",
        "a_1.jpg___b.jpg_vis.png",
        "a_1.jpg___b.jpg",
        "a_1___b_vis",
        "a_1___b.png",
        "a_1_2_b_vis.png",
    ],
)
def test_pairs_are_found_under_their_published_names(table, name):
    found = KeypointTable(table(row("x___b", person(3)), row(name, person(4))))
    expected = person(4)
    for source, target in (("a_1.jpg", "b.jpg"), ("a_1", "b")):
        assert torch.equal(found(batch(person()[None], [(source, target)]))[0], expected)


def test_what_is_wrong_with_a_file_is_said(table, tmp_path):
    with pytest.raises(DataError, match=r"nowhere\.csv: no such file"):
        PCKh(PCKhConfig(keypoints=tmp_path / "nowhere.csv"))
    with pytest.raises(DataError, match=r"pckh\.csv, row 2: "):
        PCKh(PCKhConfig(keypoints=table("a___b: [1, 2]: [3, 4]")))
    twice = table(row("a___b.png", person()), row("a.jpg___b.jpg_vis.png", person()))
    with pytest.raises(DataError, match=r"'a___b\.png' and 'a\.jpg___b\.jpg_vis\.png' are of one"):
        PCKh(PCKhConfig(keypoints=twice))
    metric = PCKh(PCKhConfig(keypoints=table(row("a___c", person()))))
    with pytest.raises(DataError, match=r"no row for the pair a\.jpg___b\.jpg; add it"):
        metric.update(batch(person()[None]))
    with pytest.raises(DataError, match=r"pairs have none; `--set pckh\.detector=NAME`"):
        metric.update(batch(person()[None], ()))
    outside = person()
    outside[5, 0] = 50
    metric = PCKh(PCKhConfig(keypoints=table(row("a___b", outside))))
    with pytest.raises(DataError, match="outside its picture, which is 48×48"):
        metric.update(batch(person()[None]))


def test_a_file_is_not_taken_for_copies_of_the_sources(table):
    metric = PCKh(PCKhConfig(keypoints=table(row("a___b", person()))))
    copied = batch(person()[None], levels=[7])
    copied = copied.having(source=copied.generated.clone())
    with pytest.raises(DataError, match=r"not of the copied sources; `--set pckh\.detector=NAME`"):
        metric.update(copied)


def test_a_detector_finds_the_best_person(detectors):
    target = torch.stack([person(), person(), person()])
    target[..., 0], target[..., 1] = torch.arange(18.0), 9.0
    target[:, 0, 1] = 1  # the head box: 17 wide, 8 high
    metric = PCKh(PCKhConfig(detector="corner"))
    metric.update(batch(target, levels=[9, 14, 0]))  # right but for the nose; off; nobody
    assert metric.compute().item() == 17 / 54
    assert metric.describe().startswith("keypoints by corner, α 0.5")


def test_a_detector_of_another_skeleton_is_converted(detectors):
    found = PCKh(PCKhConfig(detector="coco")).find(batch(person()[None], levels=[9]))
    own = torch.stack([torch.arange(17.0), torch.full((17,), 9.0), torch.ones(17)], 1)
    assert torch.equal(found[0], convert(own, "coco17", "openpose18"))


def test_a_detector_that_does_not_fit_is_an_error(detectors):
    with pytest.raises(PluginError, match="cornre"):
        PCKh(PCKhConfig(detector="cornre"))
    with pytest.raises(ConfigError, match=r"pckh\.detector_options\.size: .* no such option"):
        PCKh(PCKhConfig(detector="corner", detector_options={"size": 3}))


def test_where_none_is_named_the_default_detector_finds_keypoints():
    data = dataset("people", image_size=(128, 64), test_identities=2, pictures=2)
    pairs = [data[index] for index in range(4)]
    target = torch.stack([pair.target_keypoints for pair in pairs])
    images = [torch.stack([getattr(pair, of) for pair in pairs]) for of in ("target", "source")]
    scores = []
    for generated in (*images, torch.zeros_like(images[0])):
        metric = PCKh(PCKhConfig())
        metric.update(as_batch(generated, images[0], target_keypoints=target))
        scores.append(metric.compute().item())
    right, other, nobody = scores
    assert right > 0.8  # joints that are hidden count too
    assert other < 0.6  # the same person in another pose
    assert nobody == 0
    assert metric.describe().startswith("keypoints by movenet, α 0.5")


def test_keypoints_come_from_one_place(table):
    with pytest.raises(ConfigError, match="from a file or a detector and not both"):
        PCKh(PCKhConfig(keypoints=table(), detector="corner"))


def test_targets_need_keypoints_of_the_skeleton(table):
    metric = PCKh(PCKhConfig(keypoints=table(row("a___b", person()))))
    images = torch.zeros(1, 3, 16, 16, dtype=torch.uint8)
    with pytest.raises(ConfigError, match=r"pckh needs the targets' keypoints .* `--data`"):
        metric.update(as_batch(images, images))
    with pytest.raises(ConfigError, match="joints of openpose18 and these targets have 17"):
        metric.update(batch(person()[None, :17]))


def test_wrong_options_are_named():
    with pytest.raises(ConfigError, match=r"pckh\.alpha=0: "):
        component_config(registry(), Kind.METRIC, "pckh", {"alpha": 0}, "pckh")
