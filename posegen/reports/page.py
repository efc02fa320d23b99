"""The page: one HTML file that needs nothing beside it; and the same scores for a paper."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image, ImageOps

from posegen.core.errors import ConfigError, suggest
from posegen.evaluation.grid import Cell, decimals, make_grid
from posegen.evaluation.render import SPREAD
from posegen.evaluation.result import Evaluation
from posegen.reports import views
from posegen.reports.embedding import embed
from posegen.reports.failures import failures
from posegen.reports.studies.folder import Study
from posegen.reports.studies.view import view as show_study
from posegen.reports.subjects import Section, Subject, sections

#: What all pictures of a page may take, as text: it stays below about 8 MB.
PICTURES_BUDGET = 6_500_000

#: How many grids of a run's training a page shows, and what they may take, as text.
_STRIP, _STRIP_BUDGET = 6, 700_000

#: How many colours the page's style has; further subjects take them again.
STYLES = 6

_TEX = str.maketrans(
    {character: f"\\{character}" for character in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {"–": "--", "±": r"$\pm$", "↑": r"$\uparrow$", "↓": r"$\downarrow$"}
)


@dataclass(frozen=True)
class Page:
    """A report that is ready to be written: one page.

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
    device: str = "cpu",
    study: Study | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Page:
    """Make a page of evaluations.

    Subjects that were scored on the same data, in part at least, stand side by side; others get
    sections of their own.

    Args:
        subjects: what `open_subjects` returned.
        gallery: how many pairs each section shows; 0 for none, and then no model is loaded.
        by: the column by which the pairs are chosen; by default lpips, or the first there is.
        device: where models make the pictures.
        study: a user study that the page is to show as well.
        on_progress: called with (sections done, sections in all).

    Raises:
        ConfigError: where no subject has values for each pair in the column `by`.
    """
    _check_column(subjects, by)
    styles = {subject.label: f"s{n % STYLES}" for n, subject in enumerate(subjects)}
    grouped = sections(subjects)
    parts: list[dict[str, Any]] = []
    problems: list[str] = []
    for number, section in enumerate(grouped):
        shown, missing = None, list[str]()
        if gallery:
            from posegen.reports.gallery import make_gallery  # with torch, which the rest has not

            budget = PICTURES_BUDGET // len(grouped)
            shown, missing = make_gallery(section, gallery, by, budget, device)
        parts.append({**_section(section, styles, by), "gallery": shown, "problems": missing})
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
        "study": None if study is None else show_study(study),
        "training": views.training(trained, styles),
        "samples": _samples(trained) if gallery else [],
        "trained": [subject.label for subject in trained],
        "subjects": subjects,
        "facts": views.facts,
    }
    environment = _environment(autoescape=True)
    return Page(environment.get_template("report.html.j2").render(context), problems)


def latex_table(subjects: Mapping[str, Evaluation]) -> str:
    """Return the scores of subjects (by label) as a LaTeX table for the package booktabs.

    The best of each column under a protocol is bold, intervals are in small type, and the caption
    names every protocol with its version.
    """
    grid = make_grid(subjects)
    counts = sorted({evaluation.pairs for evaluation in subjects.values()})
    pairs = " or ".join(f"{count:,}" for count in counts)
    caption = f"Scores over {pairs} pairs under {'; '.join(grid.groups)}, by posegen."
    if grid.has_spread:
        caption += f" {SPREAD}."
    template = _environment(autoescape=False).get_template("table.tex.j2")
    return template.render(grid=grid, caption=caption)


def csv_table(subjects: Mapping[str, Evaluation]) -> str:
    """Return the scores of subjects (by label) as CSV, a line for each score, numbers in full."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    head = "subject,path,protocol,version,variant,row,column,metric,value,low,high,count"
    writer.writerow([*head.split(","), "direction", "error"])
    for label, evaluation in subjects.items():
        for protocol in evaluation.protocols:
            about = [label, evaluation.subject.get("path"), protocol.name, protocol.version]
            for row, scores in protocol.scores.items():
                for column, score in scores.items():
                    named = [*about, protocol.variant, row, column, score.metric, score.value]
                    interval = score.interval or (None, None)
                    writer.writerow([*named, *interval, score.count, score.direction, score.error])
    return buffer.getvalue()


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


def _section(section: Section, styles: Mapping[str, str], by: str | None) -> dict[str, Any]:
    """Return what the template needs to know of a section beside its pictures."""
    return {
        "heading": views.heading(section),
        "pairs": views.pairs_text(section),
        "labels": list(section.evaluations),
        "scores": views.scores(section),
        "definitions": views.definitions(section),
        "differences": list(views.differences(section)),
        "failures": failures(section, by),
        "distributions": views.distributions(section, styles),
    }


def _samples(subjects: Sequence[Subject]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return label -> (step, address) of grids that a run has drawn, spread over its training."""
    strips = []
    for subject in subjects:
        found = sorted(subject.run.glob("samples/step-*.png")) if subject.run else []
        some = {len(found) * n // _STRIP for n in range(_STRIP)} | {len(found) - 1}
        shown = {}
        for file in (found[place] for place in sorted(some) if found):
            with Image.open(file, formats=["PNG"]) as grid:
                small = ImageOps.contain(grid.convert("RGB"), (1200, 800))
            shown[f"step {int(file.stem.partition('-')[2])}"] = small
        if shown:
            addresses, _ = embed(shown, _STRIP_BUDGET)
            strips.append((subject.label, list(addresses.items())))
    return strips


def _environment(autoescape: bool) -> Environment:
    environment = Environment(
        loader=PackageLoader("posegen.reports"),
        autoescape=autoescape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals["inline"] = _inline
    environment.filters |= {
        "ends": _ends,
        "number": lambda value, like: f"{value:.{decimals(like)}f}",
        "signed": lambda value, like: f"{value:+.{decimals(like)}f}".replace("-", "−"),
        "tex": lambda text: text.translate(_TEX),
    }
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
