from __future__ import annotations

import pytest
import torch

from posegen.core import DataError
from posegen.core.skeletons import COCO17
from posegen.poses.formats import read_poses

IMAGES = [
    {"id": 7, "file_name": "train/a.jpg", "height": 200, "width": 100},
    {"id": 8, "file_name": "train/b.jpg", "height": 200, "width": 100},
]


def annotation(points: torch.Tensor, image: int = 7, **more: object) -> dict:
    return {"id": 1, "image_id": image, "keypoints": points.flatten().tolist(), **more}


def labelled(points: torch.Tensor) -> torch.Tensor:
    """Write visibility as COCO does: 2 seen, 1 hidden."""
    result = points.clone()
    result[:, 2] *= 2
    return result


def test_annotations(write, person) -> None:
    points = person("coco17")
    points[3, 2], points[4] = 0.5, 0
    box_only = annotation(torch.zeros(17, 3))
    crowd = annotation(labelled(person("coco17", 1.4)), iscrowd=1)
    small = annotation(labelled(person("coco17", 0.4, seed=2)))
    content = {
        "images": IMAGES,
        "annotations": [box_only, crowd, small, annotation(labelled(points)), {"image_id": 7}],
        "categories": [{"name": "person", "keypoints": list(COCO17.joints)}],
    }
    path = write("instances.json", content)
    first, second = read_poses(path)
    assert (first.name, first.size, first.skeleton) == ("train/a.jpg", (200, 100), "coco17")
    assert first.people == 2
    torch.testing.assert_close(first.keypoints, points)
    assert (second.name, second.people) == ("train/b.jpg", 0)
    assert second.keypoints.shape == (17, 3)


def test_wholebody_annotations(write, person) -> None:
    points = person("wholebody133")
    parts = labelled(points).flatten().tolist()
    cuts = {"keypoints": 51, "foot_kpts": 18, "face_kpts": 204, "lefthand_kpts": 63}
    item, start = {"image_id": 7}, 0
    for key, size in cuts.items():
        item[key], start = parts[start : start + size], start + size
    item["righthand_kpts"] = parts[start:]
    first, _ = read_poses(write("whole.json", {"images": IMAGES, "annotations": [item]}))
    assert first.skeleton == "wholebody133"
    torch.testing.assert_close(first.keypoints, points)


def test_joints_in_another_order_are_refused(write) -> None:
    names = list(COCO17.joints)
    names[5], names[6] = names[6], names[5]
    content = {
        "images": IMAGES,
        "annotations": [],
        "categories": [{"name": "human", "keypoints": names}],
    }
    sentence = "category 'human' calls joint 5 'right_shoulder' and COCO's is 'left_shoulder'"
    with pytest.raises(DataError, match=rf"order\.json: its {sentence}"):
        list(read_poses(write("order.json", content)))


def test_detections(write, person) -> None:
    small, large = person("coco17", 0.3), person("coco17", seed=2)
    large[2, 2], large[9, 2] = 0.25, 0.5
    content = [
        {"image_id": "1.jpg", "category_id": 1, "score": 0.99, "keypoints": list(map(float, p))}
        for p in (small.flatten(), large.flatten())
    ]
    content.append({"image_id": 42, "keypoints": (small.flatten() * 1).tolist()})
    path = write("results.json", content)
    first, second = read_poses(path)
    assert (first.name, first.people, first.size, second.name) == ("1.jpg", 2, None, "42")
    large[2], large[9, 2] = 0, 1  # a confidence of 0.5 does not mean that the joint is hidden
    torch.testing.assert_close(first.keypoints, large)
    (first, _) = read_poses(path, threshold=0.6)
    assert first.keypoints[9].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({"images": [{}], "annotations": []}, '"images" 0: has no "id"'),
        ({"images": {}, "annotations": []}, '"images" is not a list'),
        ({"images": IMAGES, "annotations": [3]}, '"annotations" 0: has no "image_id"'),
        (
            {"images": IMAGES, "annotations": [{"id": 5, "image_id": 9}]},
            "annotation 5: its image 9 is not among the images",
        ),
        (
            {"images": IMAGES, "annotations": [{"id": 5, "image_id": 7, "keypoints": [1, 2, 2]}]},
            r"image train/a.jpg, person 0: a person has 3 numbers, and 51 \(coco17\) or 399",
        ),
        ([{"image_id": 1}], "image 1, person 0: 'None' is not a list of numbers"),
    ],
)
def test_what_is_wrong_is_said(write, content: object, sentence: str) -> None:
    with pytest.raises(DataError, match=rf"wrong\.json.*{sentence}"):
        list(read_poses(write("wrong.json", content)))
