"""A study as a report shows it."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image

from posegen.core.errors import DataError
from posegen.data.pictures import opened
from posegen.reports.embedding import embed
from posegen.reports.studies.folder import Study
from posegen.reports.studies.scoring import Judged, beside, judged, rates

#: Pictures of a strip, and what both strips may take as text.
_SHOWN, _BUDGET = 8, 600_000
_STRIPS = {
    "generated": "Generated, and most often taken for real",
    "real": "Real, and most often taken for generated",
}


def view(study: Study) -> dict[str, Any]:
    """Return what the page's template needs to know of a study."""
    strips, ratio, problems = _strips(study)
    return {
        "models": rates(study),
        "people": len(study.answers),
        "seconds": study.plan.seconds,
        "practice": study.plan.practice,
        "published": list(beside(study)),
        "strips": strips,
        "ratio": ratio,
        "problems": problems,
    }


def _strips(study: Study) -> tuple[dict[str, list[tuple[str, str, str]]], float, list[str]]:
    """Return heading -> (model or "real", how often, address) of pictures that deceived."""
    every = [one for one in judged(study) if one.wrong]
    chosen = {kind: [one for one in every if one.picture.kind == kind][:_SHOWN] for kind in _STRIPS}
    try:
        pictures = {one.picture.id: _open(study, one) for some in chosen.values() for one in some}
    except DataError as error:
        return {}, 1.0, [f"no pictures of the study: {error}"]
    addresses, _ = embed(pictures, _BUDGET)
    strips = {
        _STRIPS[kind]: [
            (
                one.model if kind == "generated" else "real",
                f"{one.wrong} of {one.count}",
                addresses[one.picture.id],
            )
            for one in some
        ]
        for kind, some in chosen.items()
        if some
    }
    ratio = max((one.width / one.height for one in pictures.values()), default=1.0)
    return strips, ratio, []


def _open(study: Study, one: Judged) -> Image.Image:
    try:
        with opened(io.BytesIO(study.picture(one.picture)), ("PNG",)) as picture:
            return picture.convert("RGB")
    except ValueError as error:
        raise DataError(f"{one.picture.id}.png: {error}") from None
