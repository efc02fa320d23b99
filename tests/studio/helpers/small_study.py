"""A study of plain pictures, without any model."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from posegen.reports.studies.folder import Plan, Round, Shown

COLOURS = {"real": (30, 160, 60), "generated": (200, 40, 40)}


def small_study(
    folder: Path, models: tuple[str, ...] = ("one",), practice: int = 1, seconds: float = 1.0
) -> Path:
    """Write a study of four pictures for each model: green ones are real, red ones generated."""
    (folder / "pictures").mkdir(parents=True)
    rounds, count = [], 0
    for model in models:
        shown = []
        for kind in ("real", "real", "generated", "generated"):
            count += 1
            one = Shown(id=f"{count:016x}", kind=kind, source="a.jpg", target=f"{count}.jpg")
            Image.new("RGB", (64, 128), COLOURS[kind]).save(folder / "pictures" / f"{one.id}.png")
            shown.append(one)
        rounds.append(Round(model=model, path=model, pictures=shown))
    plan = Plan(posegen="0", seed=1, seconds=seconds, practice=practice, rounds=rounds)
    (folder / "study.json").write_text(plan.model_dump_json())
    return folder
