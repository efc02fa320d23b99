from __future__ import annotations

import base64
import io
import json
import math
import re
import shutil
import subprocess
import sys
import time
from html.parser import HTMLParser

import pytest
from PIL import Image

from posegen.core import ConfigError
from posegen.core.specs import BASELINE
from posegen.evaluation.record import read, write
from posegen.evaluation.result import Evaluation
from posegen.reports.embedding import embed_clip
from posegen.reports.gallery import typical
from posegen.reports.page import make_report
from posegen.reports.subjects import open_subjects
from posegen.reports.views import as_json

_VOID = {"meta", "link", "img", "input", "br", "source"}


class Page(HTMLParser):
    """The elements of a page: (tag, attributes, text until its end)."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.open, self.text = [], [], []
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs), []))
        if tag not in _VOID:
            self.open.append(self.elements[-1])

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs), []))

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        for _, _, text in self.open:
            text.append(data)

    def all(self, tag, **wanted):
        return [
            (attributes, " ".join("".join(text).split()))
            for name, attributes, text in self.elements
            if name == tag and all(attributes.get(k) == v for k, v in wanted.items())
        ]


@pytest.fixture(scope="module")
def one(trained):
    return make_report(open_subjects([trained]), gallery=6)


@pytest.fixture(scope="module")
def two(trained, results):
    return make_report(open_subjects([trained, results]), gallery=6)


def table_rows(page):
    return [text for _, text in page.all("tr")]


def test_the_page_asks_nobody_for_anything(two):
    page = Page(two.html)
    for tag, attributes, _ in page.elements:
        for name in ("src", "href", "srcset", "action", "poster", "data"):
            value = attributes.get(name)
            assert value is None or value.startswith(("data:", "#")), (tag, value)
    assert {tag for tag, *_ in page.elements}.isdisjoint({"iframe", "object", "embed", "base"})
    assert not re.search(r"url\(|@import|@font-face", two.html)
    assert not re.search(r"\b(fetch|XMLHttpRequest|WebSocket|sendBeacon)\b", two.html)
    (policy,) = page.all("meta", **{"http-equiv": "Content-Security-Policy"})
    assert policy[0]["content"].startswith("default-src 'none'; img-src data:;")


def test_the_page_can_be_read_by_everybody(two):
    page = Page(two.html)
    assert page.all("html", lang="en")
    assert page.all("meta", name="viewport")[0][0]["content"].startswith("width=device-width")
    images = page.all("img")
    assert len(images) > 20
    assert all(attributes.get("alt") for attributes, _ in images)
    charts = page.all("svg")
    assert all(a.get("role") == "img" and a.get("aria-label") for a, _ in charts)
    for attributes, _ in page.all("div"):
        if "scroll" in attributes.get("class", "").split():
            assert (attributes["tabindex"], attributes["role"]) == ("0", "region")
            assert attributes["aria-label"]
    anchors = {a["href"].removeprefix("#") for a, _ in page.all("a")}
    places = [a["id"] for _, a, _ in page.elements if "id" in a]
    assert anchors <= set(places)
    assert len(places) == len(set(places))
    assert [text for _, text in page.all("h1")] == ["first · theirs"]


def contrast(a, b):
    """The contrast of two colours as WCAG 2 defines it."""

    def light(colour):
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    dark, bright = sorted((light(a), light(b)))
    return (bright + 0.05) / (dark + 0.05)


def test_colours_have_contrast_in_both_schemes(one):
    roots = re.findall(r":root \{(.*?)\}", one.html, re.DOTALL)
    assert len(roots) == 2
    for root in roots:
        colour = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", root))
        for name in ("ink", "soft", "accent", "warn"):
            assert contrast(colour[name], colour["paper"]) >= 4.5, name
        for name in ("s0", "s1", "s2", "s3", "s4", "s5", "base"):
            assert contrast(colour[name], colour["paper"]) >= 3, name


def test_scores_intervals_baseline_and_protocols_are_there(one, trained):
    text = " | ".join(table_rows(Page(one.html)))
    evaluation = read(trained)
    for protocol in evaluation.protocols:
        assert f"{protocol.name}:{protocol.variant} v1" in text
        for row in ("patn", BASELINE):
            score = protocol.scores[row]["ssim"]
            low, high = score.interval
            assert f"{score.value:.4f}{low:.4f} – {high:.4f}" in text
    assert "ssim ↑" in text
    assert "l1 ↓" in text
    page = Page(one.html)
    summaries = [shown for _, shown in page.all("summary")]
    assert "Not computed: fid" in summaries
    assert any("fid" in shown and "no <weights> here." in shown for _, shown in page.all("p"))
    assert "A <summary>." in [shown for _, shown in page.all("p")]
    definitions = [shown for _, shown in page.all("pre")]
    assert json.loads(definitions[0])["name"] == "posegen-1"


def test_what_others_wrote_is_text_and_not_html(one):
    assert "<weights>" not in one.html
    assert "<summary>." not in one.html
    assert "posegen train &lt;x&gt;" in one.html


def test_the_gallery_shows_the_worst_pairs_first(one, trained):
    page = Page(one.html)
    cards = [a for a, _ in page.all("li") if a.get("class") == "card"]
    assert [a["data-reason"] for a in cards] == ["worst"] * 2 + ["best"] * 2 + ["random"] * 2
    evaluation = read(trained)
    values = evaluation.protocols[0].per_image["patn"]["ssim"]
    worst = min(range(12), key=lambda place: values[place])
    assert cards[0]["data-name"] == " ".join(evaluation.names[worst])
    assert json.loads(cards[0]["data-values"])["first:ssim"] == values[worst]
    options = [a for a, _ in page.all("option") if "data-better" in a]
    keys = {a["value"]: a["data-better"] for a in options}
    assert keys == {"first:ssim": "higher", "first:l1": "lower"}
    assert one.problems == []


def test_it_opens_with_a_typical_pair_its_pose_and_a_clip(two):
    page = Page(two.html)
    (lead,) = page.all("section", id="lead-1")
    order = [i for i, (tag, a, _) in enumerate(page.elements) if tag == "section" and a.get("id")]
    ids = [page.elements[i][1]["id"] for i in order]
    assert ids.index("lead-1") < ids.index("scores-1") < ids.index("gallery-1")
    captions = [text for _, text in page.all("figcaption")]
    assert captions[:6] == ["source", "pose", "first", "theirs", "target", "walking"]
    assert "A typical pair" in lead[1]
    (clip,) = page.all("img", alt="the source's person, walking")
    assert clip[0]["src"].startswith("data:image/webp;base64,")
    assert len([a for a, _ in page.all("img") if a["alt"].startswith("pose of")]) == 7


def test_a_clip_goes_round():
    frames = [Image.new("RGB", (8, 16), (20 * n, 0, 0)) for n in range(5)]
    content = base64.b64decode(embed_clip(frames).partition(",")[2])
    with Image.open(io.BytesIO(content)) as read:
        assert (read.n_frames, read.info["loop"], read.size) == (5, 0, (8, 16))


def test_the_typical_pair_has_the_middle_score():
    assert typical([0.9, math.nan, 0.1, 0.5], "higher").place == 3
    assert typical([0.9, math.nan, 0.1, 0.5], "lower").place == 3
    assert typical([math.nan], "higher").place == 0


def test_another_column_can_lead(trained):
    html = make_report(open_subjects([trained]), gallery=3, by="l1").html
    cards = [a for a, _ in Page(html).all("li") if a.get("class") == "card"]
    evaluation = read(trained)
    values = evaluation.protocols[0].per_image["patn"]["l1"]
    worst = max(range(12), key=lambda place: values[place])
    assert cards[0]["data-name"] == " ".join(evaluation.names[worst])
    with pytest.raises(ConfigError, match="--by fid: no scores of each pair"):
        make_report(open_subjects([trained]), by="fid")


def test_attention_is_shown_block_by_block(one):
    page = Page(one.html)
    captions = [text for _, text in page.all("figcaption")]
    blocks = [text for text in captions if text.startswith("block")]
    assert len(blocks) == 4 * 2
    assert re.fullmatch(r"block 1 ?\d\.\d\d–\d\.\d\d", blocks[0])


def test_training_and_facts_are_shown(one):
    page = Page(one.html)
    labels = [a["aria-label"] for a, _ in page.all("svg")]
    assert any(label.startswith("generator/l1 over the training steps") for label in labels)
    assert not any(label.startswith("epoch") for label in labels)
    facts = {
        term: text for (_, term), (_, text) in zip(page.all("dt"), page.all("dd"), strict=True)
    }
    assert facts["Model"] == "patn"
    assert facts["Preset"] == "demo"
    assert "name people" in facts["Data"]
    assert facts["Device"] == "CPU"
    assert facts["Protocols"] == "posegen-1:as-is v1, patn-2019:market1501 v1"


def test_subjects_stand_side_by_side(two, trained, results):
    page = Page(two.html)
    cards = [text for a, text in page.all("li") if a.get("class") == "card"]
    assert len(cards) == 6
    assert all("first" in text and "theirs" in text for text in cards)
    assert len(page.all("img", alt="generated by theirs")) == 7
    assert len(page.all("img", alt="generated by first")) == 7
    assert "theirs against first" in [text for _, text in page.all("summary")]
    assert "not the same pairs: first 12, theirs 10; 10 in common" in two.html
    assert "3 files were not scored" in [text for _, text in page.all("summary")]
    assert "odd & end.txt: not a picture" in [text for _, text in page.all("li")]
    labels = [a["aria-label"] for a, _ in page.all("svg") if "Distribution" in a["aria-label"]]
    assert all("first: mean" in label for label in labels)
    assert "theirs: mean" in labels[0]
    assert f"{BASELINE}: mean" in labels[0]


def test_other_data_has_a_section_of_its_own(trained, tmp_path):
    evaluation = read(trained)
    names = [(f"x{source}", f"x{target}") for source, target in evaluation.names]
    write(Evaluation(evaluation.subject, names, evaluation.protocols, 1.0), tmp_path)
    made = make_report(open_subjects([trained, tmp_path]), gallery=3)
    page = Page(made.html)
    assert len(page.all("section", id="scores-1")) == len(page.all("section", id="scores-2")) == 1
    assert not page.all("section", id="scores-3")
    assert not page.all("section", id="differences-1")
    assert len(made.problems) == 1
    assert "the data has changed: pair" in made.problems[0]
    assert made.problems[0] in [text for _, text in page.all("p")]


def gone(trained, tmp_path, change):
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    content = json.loads((run / "scores.json").read_text())
    change(run, content["subject"])
    (run / "scores.json").write_text(json.dumps(content))
    return run


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda run, s: shutil.rmtree(run / "weights"), "saved no weights yet"),
        (lambda run, s: s["data"].update(name="nothing"), "nothing"),
        (lambda run, s: s.update(weights="0" * 64), "the weights are not those that were scored"),
        (lambda run, s: s["data"].update(pictures=2, test_identities=1), "fewer than were scored"),
        (lambda run, s: s.pop("data"), "KeyError: 'data'"),
    ],
)
def test_without_pictures_there_is_still_a_report(trained, tmp_path, change, reason):
    made = make_report(open_subjects([gone(trained, tmp_path, change)]), gallery=3)
    assert len(made.problems) == 1
    assert made.problems[0].startswith("no pictures of run: ")
    assert reason in made.problems[0]
    page = Page(made.html)
    assert made.problems[0] in [text for _, text in page.all("p")]
    assert not page.all("img")
    assert page.all("section", id="scores-1")


def test_one_subject_without_pictures_does_not_cost_the_other_its_own(trained, results, tmp_path):
    run = gone(trained, tmp_path, lambda run, s: shutil.rmtree(run / "weights"))
    made = make_report(open_subjects([run, results]), gallery=3)
    page = Page(made.html)
    assert len(page.all("img", alt="generated by theirs")) == 4
    assert [text for a, text in page.all("div") if a.get("class") == "none"] == ["no picture"] * 4
    assert len(page.all("img", alt="generated by run")) == 0


def test_without_a_gallery_no_torch_is_imported(trained):
    code = (
        "import sys, pathlib\n"
        "from posegen.reports.page import make_report\n"
        "from posegen.reports.subjects import open_subjects\n"
        f"make_report(open_subjects([pathlib.Path({str(trained)!r})]), gallery=0)\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-W", "error", "-c", code]).returncode == 0


def market(protocol, folder, names):
    rows = {"patn": 0.3, BASELINE: 0.2}
    protocols = [
        protocol(rows, names, "posegen-1", "as-is"),
        protocol(rows, names, "patn-2019", "market1501", ["ssim", "mask-ssim"]),
    ]
    write(Evaluation({"kind": "results", "path": "x"}, names, protocols, 1.0), folder)
    return Page(make_report(open_subjects([folder]), gallery=0).html)


def test_published_scores_stand_beside_those_of_the_same_data_and_protocol(protocol, tmp_path):
    names = [(f"000{n}_c1s1_000451_03.jpg", f"000{n}_c2s1_000301_01.jpg") for n in range(5)]
    page = market(protocol, tmp_path, names)
    rows = table_rows(page)
    place = next(i for i, row in enumerate(rows) if row.startswith("Published: Market-1501"))
    assert "patn-2019:market1501 v1" in rows[:place]
    assert any(row.startswith("PATN, released weights") and "0.2815" in row for row in rows[place:])
    cautions = [text for a, text in page.all("p") if a.get("class") == "warning"]
    assert any("about 0.28 for PATN" in text for text in cautions)
    assert any("over 12,000 pairs, ours over 5" in text for text in cautions)
    assert not any("not comparable" in text for _, text in page.all("summary"))


def test_published_scores_of_other_data_are_apart(protocol, tmp_path):
    names = [(f"p{n}_0.png", f"p{n}_1.png") for n in range(5)]
    page = market(protocol, tmp_path, names)
    (apart,) = [t for _, t in page.all("details") if "on other data: not comparable" in t]
    assert "Nothing follows" in apart
    assert "PATN, released weights" in apart
    scores = page.all("table")[0][1]
    assert "Published" not in scores


def test_numbers_for_programs(trained, results):
    content = as_json(open_subjects([trained, results]))
    assert json.loads(json.dumps(content, allow_nan=False)) == content
    assert list(content) == ["schema", "posegen", "subjects", "differences"]
    assert content["subjects"]["first"]["pairs"] == 12
    (difference,) = content["differences"]
    assert (difference["a"], difference["b"]) == ("first", "theirs")
    assert difference["pairs"] == {"a": 12, "b": 10, "common": 10}
    assert {one["column"] for one in difference["columns"]} == {"ssim", "l1"}


def test_the_gallery_s_scores_are_of_one_protocol(trained, protocol, tmp_path):
    evaluation = read(trained)
    columns = ["mask-ssim", "ssim"]
    other = protocol({"patn": 9.0}, evaluation.names, "patn-2019", "market1501", columns)
    both = [evaluation.protocols[0], other]
    write(Evaluation(evaluation.subject, evaluation.names, both, 1.0), tmp_path)
    html = make_report(open_subjects([tmp_path], [trained]), gallery=3, by="mask-ssim").html
    for attributes, _ in Page(html).all("li"):
        if attributes.get("class") == "card":
            values = json.loads(attributes["data-values"])
            assert len(values) == 2
            assert min(values.values()) > 8


def rewritten(folder, to, **changes):
    """The scores of a folder in another, with another subject."""
    evaluation = read(folder)
    subject = {**evaluation.subject, **changes}
    write(Evaluation(subject, evaluation.names, evaluation.protocols, 1.0), to)
    return to


def test_folders_that_scores_name_are_read_where_the_user_names_them_too(results, tmp_path):
    scores = rewritten(results, tmp_path / "sent")
    made = make_report(open_subjects([scores]), gallery=3)
    assert "which nobody has allowed; if it is what you want" in made.problems[0]
    assert not Page(made.html).all("img")
    made = make_report(open_subjects([scores], [results]), gallery=3)
    assert not made.problems
    assert Page(made.html).all("img")


def test_data_and_links_of_others_are_not_followed(trained, results, tmp_path):
    scores = rewritten(trained, tmp_path / "a", data={"name": "market1501", "root": str(results)})
    assert "nobody has allowed" in make_report(open_subjects([scores]), gallery=3).problems[0]
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "link").symlink_to(results)
    scores = rewritten(results, tmp_path / "b", path=str(tmp_path / "b" / "link" / "made"))
    assert "nobody has allowed" in make_report(open_subjects([scores]), gallery=3).problems[0]


def test_an_expression_of_others_ends(results, tmp_path, monkeypatch):
    from posegen.evaluation.results import matching

    monkeypatch.setattr(matching, "_SECONDS", 0.3)
    slow = "(?P<source>x)|(?P<target>(.*)*)____"
    scores = rewritten(results, tmp_path, layout=slow)
    start = time.monotonic()
    made = make_report(open_subjects([scores], [results]), gallery=3)
    assert time.monotonic() - start < 5
    assert "has not matched all names of files after 0.3 seconds" in made.problems[0]
