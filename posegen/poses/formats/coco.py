"""COCO's JSON: annotations with their images, or a list of detections.

- Annotations: `{"images": [{"id", "file_name", "height", "width"}, …], "annotations":
  [{"image_id", "keypoints": [x, y, v, …]}, …]}`, where v is 0 (not labelled), 1 (hidden) or 2
  (seen). COCO-WholeBody adds `foot_kpts`, `face_kpts`, `lefthand_kpts` and `righthand_kpts`.
- Detections: `[{"image_id", "keypoints": [x, y, c, …], "score"}, …]`, as evaluation servers take
  them and AlphaPose writes them; 17 or 133 joints, or Halpe's 26 or 136.

x and y count from the centre of the top-left pixel, as they do here.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from posegen.core.errors import DataError
from posegen.core.skeletons import COCO17
from posegen.poses.formats.common import Entry, Format, floats, size_of

_SKELETONS = ("coco17", "wholebody133")
#: AlphaPose writes its own skeletons in this form too.
_DETECTED = (*_SKELETONS, "halpe26", "halpe136")
_WHOLEBODY = ("keypoints", "foot_kpts", "face_kpts", "lefthand_kpts", "righthand_kpts")


def _recognises_annotations(content: Any) -> bool:
    return isinstance(content, dict) and "annotations" in content and "images" in content


def _recognises_detections(content: Any) -> bool:
    return (
        isinstance(content, list)
        and bool(content)
        and all(isinstance(item, dict) and "image_id" in item for item in content)
    )


def _read_annotations(content: Any, file: Path) -> Iterator[Entry]:
    _check_order(content.get("categories"), file)
    images = {_key(image["id"]): image for image in _objects(content, "images", "id", file)}
    people: dict[Any, list[list[float]]] = {key: [] for key in images}
    for item in _objects(content, "annotations", "image_id", file):
        where = f"{file}, annotation {item.get('id', '?')}"
        if _key(item["image_id"]) not in images:
            raise DataError(
                f"{where}: its image {item['image_id']!r} is not among the images; add the image "
                "or delete the annotation."
            )
        if item.get("keypoints") and not item.get("iscrowd"):
            parts = _WHOLEBODY if all(item.get(key) for key in _WHOLEBODY) else _WHOLEBODY[:1]
            values = [value for key in parts for value in floats(item[key], f"{where}, {key}")]
            if any(values[2::3]):  # many of COCO's people have a box only
                people[_key(item["image_id"])].append(values)
    for key, image in images.items():
        name = str(image.get("file_name", key))
        size = size_of(image.get("height"), image.get("width"))
        yield Entry(name, people[key], f"{file}, image {name}", size)


def _read_detections(content: Any, file: Path) -> Iterator[Entry]:
    people: dict[str, list[Any]] = {}
    for item in content:
        people.setdefault(str(item["image_id"]), []).append(item.get("keypoints"))
    for name, detected in people.items():
        yield Entry(name, detected, f"{file}, image {name}")


def _key(identity: Any) -> Any:
    return identity if isinstance(identity, int | str) else repr(identity)


def _objects(content: Any, key: str, needed: str, file: Path) -> list[Any]:
    items = content[key]
    if not isinstance(items, list):
        raise DataError(f'{file}: "{key}" is not a list; it must be one as in COCO.')
    for number, item in enumerate(items):
        if not isinstance(item, dict) or needed not in item:
            raise DataError(f'{file}, "{key}" {number}: has no "{needed}"; add it.')
    return items


def _check_order(categories: Any, path: Path) -> None:
    """Refuse a file whose own list of joints is in another order: the commonest silent mistake."""
    for category in categories if isinstance(categories, list) else []:
        names = category.get("keypoints") if isinstance(category, dict) else None
        if isinstance(names, list) and len(names) == len(COCO17):
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
    skeletons=_SKELETONS,
    threshold=0.0,
    recognises=_recognises_annotations,
    read=_read_annotations,
    labelled=True,
)

DETECTIONS = Format(
    name="coco-detections",
    title="COCO's list of detections, AlphaPose",
    skeletons=_DETECTED,
    threshold=0.3,
    recognises=_recognises_detections,
    read=_read_detections,
)
