"""The page: one HTML file that needs nothing beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from posegen.core.errors import ConfigError, suggest
from posegen.evaluation.grid import Cell
from posegen.reports import views
from posegen.reports.subjects import Section, Subject, sections

#: What all pictures of a page may take, as text: it stays below about 8 MB.
PICTURES_BUDGET = 6_500_000


@dataclass(frozen=True)
class Report:
    """A report that is ready to be written.

    Attributes:
        html: the page.
        problems: what could not be shown and why, sentence by sentence; the page says so too.
    """

    html: str
    problems: Sequence[str]


def make_report(
    subjects: Sequence[Subject],
    *,
    gallery: int = 24,
    by: str | None = None,
    seed: int = 0,
    device: str = "cpu",
    on_progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Make a page of evaluations.

    Subjects that were scored on the same data, in part at least, stand side by side; others get
    sections of their own.

    Args:
        subjects: what `open_subjects` returned.
        gallery: how many pairs each section shows; 0 for none, and then no model is loaded.
        by: the column by which the pairs are chosen; by default lpips, or the first there is.
        seed: of the pairs that are shown at random.
        device: where models make the pictures.
        on_progress: called with (sections done, sections in all).

    Raises:
        ConfigError: where no subject has values for each pair in the column `by`.
    """
    _check_column(subjects, by)
    styles = {subject.label: f"s{n % views.STYLES}" for n, subject in enumerate(subjects)}
    grouped = sections(subjects)
    parts: list[dict[str, Any]] = []
    problems: list[str] = []
    for number, section in enumerate(grouped):
        part, missing = _section(section, styles, gallery, by, len(grouped), seed, device)
        parts.append(part)
        problems += missing
        if on_progress is not None:
            on_progress(number + 1, len(grouped))
    trained = [subject for subject in subjects if subject.log()]
    now = datetime.now().astimezone()
    context = {
        "title": " · ".join(styles),
        "version": version("posegen"),
        "made": f"{now.day} {now:%B %Y, %H:%M %Z}",
        "styles": styles,
        "sections": parts,
        "training": views.training(trained, styles),
        "trained": [subject.label for subject in trained],
        "subjects": [
            {
                "label": subject.label,
                "facts": views.facts(subject),
                "unmatched": views.unmatched(subject),
            }
            for subject in subjects
        ],
    }
    return Report(_environment().get_template("report.html.j2").render(context), problems)


def _check_column(subjects: Sequence[Subject], by: str | None) -> None:
    known = {
        column
        for subject in subjects
        for protocol in subject.evaluation.protocols
        for columns in protocol.per_image.values()
        for column in columns
    }
    if by is not None and by not in known:
        raise ConfigError(
            f"--by {by}: no scores of each pair in such a column; {suggest(by, known)}"
        )


def _section(
    section: Section,
    styles: dict[str, str],
    gallery: int,
    by: str | None,
    parts: int,
    seed: int,
    device: str,
) -> tuple[dict[str, Any], list[str]]:
    """Return what the template needs to know of a section, and what is missing in it."""
    shown, problems = None, list[str]()
    if gallery:
        from posegen.reports.showcase import make_gallery  # with torch, which the rest has not

        budget = PICTURES_BUDGET // parts
        shown, problems = make_gallery(section, gallery, by, budget, device, seed)
    part = {
        "heading": views.heading(section),
        "pairs": views.pairs_text(section),
        "labels": list(section.evaluations),
        "scores": views.scores(section),
        "definitions": views.definitions(section),
        "differences": list(views.differences(section)),
        "distributions": views.distributions(section, styles),
        "gallery": shown,
        "problems": problems,
    }
    return part, problems


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("posegen.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["inline"] = _inline
    environment.filters |= {"ends": _ends, "signed": _signed}
    return environment


def _inline(name: str) -> Markup:
    """Return a file of ours as it is: style and script stand in the page."""
    folder = files("posegen.reports") / "templates"
    return Markup((folder / name).read_text(encoding="utf-8"))


def _ends(cell: Cell) -> str:
    """Return the ends of a score's interval, with as many digits as the score has."""
    if cell.score is None or cell.score.interval is None:
        return ""
    digits = len(cell.text.partition(".")[2])
    low, high = cell.score.interval
    return f"{low:.{digits}f} – {high:.{digits}f}"


def _signed(value: float, like: float) -> str:
    """Return a difference with its sign, and digits that fit a score of that size."""
    return f"{value:+.{2 if abs(like) >= 10 else 4}f}".replace("-", "−")
