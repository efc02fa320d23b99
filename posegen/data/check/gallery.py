"""A page that shows what was checked: one HTML file, with the pictures and skeletons in it."""

from __future__ import annotations

import base64
import colorsys
import io
import random
from collections.abc import Sequence
from html import escape

from PIL import Image
from torch import Tensor

from posegen.core.errors import DataError
from posegen.data.check.facts import SplitFacts
from posegen.data.check.report import SPLITS, Report
from posegen.data.pictures import read_picture
from posegen.poses.layouts import OPENPOSE18

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0 }
td, th { border-bottom: 1px solid #8884; padding: .3rem .7rem }
td, th { text-align: left; vertical-align: top }
td.n { text-align: right; font-variant-numeric: tabular-nums }
.error { color: #c0392b; font-weight: 600 } .warning { color: #b9770e } .note { color: #777 }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr)); gap: .8rem }
figure { margin: 0 } figcaption { font-size: .7rem; overflow-wrap: anywhere; color: #777 }
svg { width: 100%; height: auto; display: block; background: #8882 }
@media (prefers-color-scheme: dark) { body { background: #16181d; color: #ddd } }
"""


def gallery(report: Report, title: str, count: int, seed: int) -> str:
    """Return the page.

    Args:
        report: what was found.
        title: what was checked.
        count: how many pictures of each split to show, beside those whose poses look strange.
        seed: which ones.
    """
    parts = [
        f"<h1>{escape(title)}</h1>",
        _counts(report),
        _findings(report),
    ]
    for split in SPLITS:
        facts, strange = report.facts[split], report.strange.get(split, [])
        names = facts.used()
        chosen = random.Random(seed).sample(names, min(count, len(names)))
        if strange:
            parts += [f"<h2>{split}: poses that look swapped</h2>", _pictures(facts, strange)]
        parts += [f"<h2>{split}: {len(chosen)} of {len(names):,} pictures</h2>"]
        parts += [_legend(), _pictures(facts, sorted(chosen))]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body>"
        + "\n".join(parts)
        + "</body></html>\n"
    )


def _counts(report: Report) -> str:
    rows = [
        f"<tr><th>{escape(what)}</th>"
        + "".join(f'<td class="n">{report.counts[split][what]:,}</td>' for split in SPLITS)
        + "</tr>"
        for what in report.counts["train"]
    ]
    head = "".join(f"<th>{split}</th>" for split in SPLITS)
    return f"<table><tr><th></th>{head}</tr>{''.join(rows)}</table>"


def _findings(report: Report) -> str:
    if not report.findings:
        return "<p>Nothing was found to be wrong.</p>"
    rows = [
        f'<tr><td class="{f.level}">{f.level}</td><td>{escape(f.split)}</td>'
        f'<td class="n">{f.count:,}</td><td>{escape(f.what)}</td><td>{escape(f.detail)}</td></tr>'
        for f in report.findings
    ]
    return f"<h2>Findings</h2><table>{''.join(rows)}</table>"


def _legend() -> str:
    right, left = _colour("right_wrist"), _colour("left_wrist")
    return (
        f'<p><span style="color:{right}">■</span> the person\'s right, '
        f'<span style="color:{left}">■</span> their left. Seen from the front, a person\'s right '
        "hand is on the left of the picture.</p>"
    )


def _pictures(facts: SplitFacts, names: Sequence[str]) -> str:
    places = {name: place for place, name in enumerate(facts.names)}
    return f'<div class="pictures">{"".join(_figure(facts, n, places[n]) for n in names)}</div>'


def _figure(facts: SplitFacts, name: str, place: int) -> str:
    try:
        picture = read_picture(facts.folder / name)
    except DataError:
        return f"<figure><svg></svg><figcaption>{escape(name)}: not readable</figcaption></figure>"
    height, width = picture.shape[-2:]
    skeleton = _skeleton(facts.keypoints[place], height)
    return (
        f'<figure><svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(name)}">'
        f'<image href="{_data_url(picture)}" width="{width}" height="{height}"/>{skeleton}</svg>'
        f"<figcaption>{escape(name)}</figcaption></figure>"
    )


def _data_url(picture: Tensor) -> str:
    file = io.BytesIO()
    Image.fromarray(picture.permute(1, 2, 0).contiguous().numpy()).save(file, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"


def _skeleton(keypoints: Tensor, height: int) -> str:
    points = [(x + 0.5, y + 0.5, seen) for x, y, seen in keypoints.tolist()]
    wide = height / 100
    lines = [
        f'<line x1="{points[a][0]:.1f}" y1="{points[a][1]:.1f}" x2="{points[b][0]:.1f}" '
        f'y2="{points[b][1]:.1f}" stroke="{_colour(OPENPOSE18.joints[b])}" '
        f'stroke-width="{wide:.2f}"/>'
        for a, b in OPENPOSE18.limbs
        if points[a][2] > 0 and points[b][2] > 0
    ]
    dots = [
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{wide:.2f}" fill="{_colour(joint)}">'
        f"<title>{joint.replace('_', ' ')}</title></circle>"
        for joint, (x, y, seen) in zip(OPENPOSE18.joints, points, strict=True)
        if seen > 0
    ]
    return "".join(lines + dots)


def _colour(joint: str) -> str:
    """Right limbs are orange, left ones blue, the middle is green: a swap shows at once."""
    hue = {"right": 0.07, "left": 0.58}.get(joint.partition("_")[0], 0.33)
    return "#" + "".join(f"{round(255 * part):02x}" for part in colorsys.hsv_to_rgb(hue, 0.9, 1))
