"""COCO's JSON: annotations with their images, or a list of detections.

- Annotations: `{"images": [{"id", "file_name", "height", "width"}, …], "annotations":
  [{"image_id", "keypoints": [x, y, v, …]}, …]}`, where v is 0 (not labelled), 1 (hidden) or 2
  (seen). COCO-WholeBody adds `foot_kpts`, `face_kpts`, `lefthand_kpts` and `righthand_kpts`.
- Detections: `[{"image_id", "keypoints": [x, y, c, …], "score"}, …]`, as evaluation servers take
  them and AlphaPose writes them; 17 or 133 joints.

x and y count from the centre of the top-left pixel, as they do here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from posegen.core.errors import DataError
from posegen.poses.formats.entry import Entry, Format, Source, floats, size_of, together, triples
from posegen.poses.layouts import COCO17

_LAYOUTS = ("coco17", "wholebody133")
_WHOLEBODY = ("keypoints", "foot_kpts", "face_kpts", "lefthand_kpts", "righthand_kpts")


def _recognises_annotations(content: Any) -> bool:
    return isinstance(content, dict) and "annotations" in content and "images" in content


def _recognises_detections(content: Any) -> bool:
    return (
        isinstance(content, list)
        and bool(content)
        and all(isinstance(item, dict) and "image_id" in item for item in content)
    )


def _read_annotations(content: Any, source: Source) -> Iterator[Entry]:
    _check_order(content.get("categories"), source.path)
    images = {image["id"]: image for image in _objects(content, "images", ("id",), source)}
    people: dict[Any, list[tuple[Tensor, str]]] = {key: [] for key in images}
    for item in _objects(content, "annotations", ("image_id",), source):
        where = f"{source.path}, annotation {item.get('id', '?')}"
        if item["image_id"] not in images:
            raise DataError(
                f"{where}: its image {item['image_id']!r} is not among the images; add the image "
                "or delete the annotation."
            )
        if item.get("keypoints") and not item.get("iscrowd"):
            keypoints, joints = _annotated(item, where)
            if keypoints[:, 2].any():  # many of COCO's people have a box only
                people[item["image_id"]].append((keypoints, joints))
    for key, image in images.items():
        name = str(image.get("file_name", key))
        where = f"{source.path}, image {name}"
        size = size_of(image.get("height"), image.get("width"))
        found, joints = together(people[key], _LAYOUTS[0], where)
        yield Entry(name, found, joints, where, size, labelled=True)


def _annotated(item: dict[str, Any], where: str) -> tuple[Tensor, str]:
    parts = _WHOLEBODY if all(item.get(key) for key in _WHOLEBODY) else _WHOLEBODY[:1]
    values = [value for key in parts for value in floats(item[key], f"{where}, {key}")]
    keypoints, joints = triples(values, where, _LAYOUTS)
    keypoints[:, 2].clamp_(0, 2).div_(2)  # COCO's 0, 1, 2 are our 0, 0.5, 1
    return keypoints, joints


def _read_detections(content: Any, source: Source) -> Iterator[Entry]:
    people: dict[str, list[tuple[Tensor, str]]] = {}
    for number, item in enumerate(content):
        keypoints, joints = triples(
            item.get("keypoints"), f"{source.path}, entry {number}", _LAYOUTS
        )
        keypoints[:, 2].clamp_(0, 1)
        people.setdefault(str(item["image_id"]), []).append((keypoints, joints))
    for name, found in people.items():
        where = f"{source.path}, image {name}"
        yield Entry(name, *together(found, _LAYOUTS[0], where), where)


def _objects(content: Any, key: str, needed: tuple[str, ...], source: Source) -> list[Any]:
    items = content[key]
    if not isinstance(items, list):
        raise DataError(f'{source.path}: "{key}" is not a list; it must be one as in COCO.')
    for number, item in enumerate(items):
        lacking = [k for k in needed if not isinstance(item, dict) or k not in item]
        if lacking:
            raise DataError(f'{source.path}, "{key}" {number}: has no "{lacking[0]}"; add it.')
    return items


def _check_order(categories: Any, path: str) -> None:
    """Refuse a file whose own list of joints is in another order: the commonest silent mistake."""
    for category in categories if isinstance(categories, list) else []:
        names = category.get("keypoints") if isinstance(category, dict) else None
        if names and len(names) == len(COCO17):
            plain = tuple(str(name).lower().replace(" ", "_").replace("-", "_") for name in names)
            if plain != COCO17.joints:
                wrong = next(i for i, name in enumerate(plain) if name != COCO17.joints[i])
                raise DataError(
                    f"{path}: its category {category.get('name')!r} calls joint {wrong} "
                    f"{names[wrong]!r} and COCO's is {COCO17.joints[wrong]!r}; bring the joints "
                    "into COCO's order."
                )


COCO = Format(
    name="coco",
    title="COCO and COCO-WholeBody annotations (labelling tools export them)",
    layouts=_LAYOUTS,
    threshold=0.0,
    recognises=_recognises_annotations,
    read=_read_annotations,
)

DETECTIONS = Format(
    name="coco-detections",
    title="COCO's list of detections, AlphaPose",
    layouts=_LAYOUTS,
    threshold=0.3,
    recognises=_recognises_detections,
    read=_read_detections,
)
