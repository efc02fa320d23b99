"""A page that shows what was checked: one HTML file, with the pictures and skeletons in it."""

from __future__ import annotations

import base64
import colorsys
import io
import random
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined

from posegen.core.errors import DataError
from posegen.core.skeletons import OPENPOSE18
from posegen.data.check.checks import CheckResult, SplitFacts
from posegen.data.config import SPLITS
from posegen.data.image_files import as_picture, read_picture


def gallery(result: CheckResult, title: str, count: int, seed: int) -> str:
    """Return a page with `count` pictures of each split, and those whose poses look strange."""
    splits = []
    for split in SPLITS:
        facts, names = result.facts[split], result.facts[split].used()
        chosen = random.Random(seed).sample(names, min(count, len(names)))
        splits.append(
            {
                "split": split,
                "strange": [_figure(facts, name) for name in result.strange.get(split, [])],
                "chosen": [_figure(facts, name) for name in sorted(chosen)],
                "total": len(names),
            }
        )
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = files("posegen.data.check").joinpath("gallery.html").read_text(encoding="utf-8")
    return environment.from_string(template).render(
        title=title,
        counts=result.counts,
        remarks=result.remarks,
        splits=splits,
        right=_colour("right_wrist"),
        left=_colour("left_wrist"),
    )


def _figure(facts: SplitFacts, name: str) -> dict[str, Any]:
    """Return what the template draws of a picture; without a URL where it cannot be read."""
    try:
        picture = read_picture(facts.folder / name)
    except DataError:
        return {"name": name, "url": None}
    height, width = picture.shape[-2:]
    file = io.BytesIO()
    as_picture(picture).save(file, "JPEG", quality=85)
    keypoints = facts.keypoints[facts.names.index(name)].tolist()
    joints = [
        {"name": joint.replace("_", " "), "colour": _colour(joint)}
        | ({"x": f"{x + 0.5:.1f}", "y": f"{y + 0.5:.1f}"} if seen > 0 else {})
        for joint, (x, y, seen) in zip(OPENPOSE18.joints, keypoints, strict=True)
    ]
    limbs = [(joints[a], joints[b]) for a, b in OPENPOSE18.limbs]
    return {
        "name": name,
        "url": f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}",
        "width": width,
        "height": height,
        "thickness": f"{height / 100:.2f}",
        "joints": [joint for joint in joints if "x" in joint],
        "limbs": [(a, b) for a, b in limbs if "x" in a and "x" in b],
    }


def _colour(joint: str) -> str:
    """Right limbs are orange, left ones blue, the middle is green: a swap shows at once."""
    hue = {"right": 0.07, "left": 0.58}.get(joint.partition("_")[0], 0.33)
    return "#" + "".join(f"{round(255 * part):02x}" for part in colorsys.hsv_to_rgb(hue, 0.9, 1))
