"""User studies: made, answered, kept, scored."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from posegen.core.errors import ConfigError, DataError, PosegenError
from posegen.reports.page import make_report
from posegen.reports.published import published_studies
from posegen.reports.studies import folder as studies
from posegen.reports.studies.folder import Answer, Plan, Round, Shown, Study
from posegen.reports.studies.making import make_study
from posegen.reports.studies.scoring import as_json, judged, rates
from posegen.reports.subjects import open_subjects

SIZE = (32, 16)  # as in conftest.py


@pytest.fixture(scope="module")
def made(trained, results, tmp_path_factory):
    """A study of the model, whose pictures are made anew, and of the grey results."""
    out = tmp_path_factory.mktemp("study") / "study"
    make_study(open_subjects([trained, results]), out, pictures=3, practice=2, seed=4)
    return out


@pytest.fixture
def study(tmp_path):
    """Two rounds of four pictures, the first two answers of each for practice."""
    rounds = [
        Round(
            model=model,
            path="there",
            pictures=[
                Shown(id=f"{model}{n}".encode().hex().rjust(16, "0"), kind=kind, source="a",
                      target=f"{model}{n}")
                for n, kind in enumerate(("real", "real", "generated", "generated"))
            ],
        )
        for model in ("one", "two")
    ]  # fmt: skip
    plan = Plan(posegen="0", seed=0, seconds=1, practice=2, rounds=rounds)
    (tmp_path / "study.json").write_text(plan.model_dump_json())
    return Study(tmp_path)


def tell(study, participant, say):
    """Let a participant say something of the next picture: `say` makes it of the turn."""
    _, turn = study.turn(participant)
    study.add(
        Answer(
            participant=participant, picture=turn.picture.id, answer=say(turn),
            milliseconds=600, at="2026-01-01T00:00:00+00:00",
        )
    )  # fmt: skip


def real(turn):
    return "real"


def test_a_round_has_real_and_generated_pictures_of_other_targets(made, trained, results):
    plan = Study(made).plan
    assert [one.model for one in plan.rounds] == [
        s.label for s in open_subjects([trained, results])
    ]
    for one in plan.rounds:
        assert sorted(picture.kind for picture in one.pictures) == ["generated"] * 3 + ["real"] * 3
        assert len({picture.target for picture in one.pictures}) == 6, "none is shown twice"
    files = {path.stem: path for path in (made / "pictures").iterdir()}
    assert set(files) == {picture.id for one in plan.rounds for picture in one.pictures}
    for picture in plan.rounds[1].pictures:
        with Image.open(files[picture.id]) as shown:
            grey = shown.getpixel((0, 0))
            assert (grey == (200, 99, 0)) == (picture.kind == "real")
            assert shown.size == SIZE[::-1]
            assert not shown.info, "a file says nothing but its pixels"


def test_a_model_is_shown_with_the_pictures_that_were_scored(made, trained):
    from posegen.reports.retrieval import find_pictures, open_pictures

    (subject,) = open_subjects([trained])
    names = subject.evaluation.names
    first = Study(made).plan.rounds[0].pictures
    places = [names.index((one.source, one.target)) for one in first]
    pairs = find_pictures(open_pictures(subject, "cpu"), places)
    for one, pair in zip(first, pairs, strict=True):
        with Image.open(made / "pictures" / f"{one.id}.png") as shown:
            wanted = pair.target if one.kind == "real" else pair.generated
            assert shown.tobytes() == wanted.convert("RGB").tobytes()


def test_the_same_seed_makes_the_same_study(made, trained, results, tmp_path):
    make_study(open_subjects([trained, results]), tmp_path, pictures=3, practice=2, seed=4)
    assert (tmp_path / "study.json").read_bytes() == (made / "study.json").read_bytes()


def test_what_cannot_be_a_study_is_a_sentence(trained, results, tmp_path, made):
    subjects = open_subjects([trained])
    with pytest.raises(DataError, match="give --pictures 5 at most"):
        make_study(subjects, tmp_path / "new", pictures=20)
    with pytest.raises(ConfigError, match="is there already"):
        make_study(subjects, made, pictures=2)
    with pytest.raises(ConfigError, match="leave some that count"):
        make_study(subjects, tmp_path / "new", pictures=2, practice=4)
    assert not (tmp_path / "new").exists()
    with pytest.raises(ConfigError, match=r"no study\.json"):
        Study(tmp_path)


def test_pictures_that_their_size_gives_away_are_refused(trained, monkeypatch, tmp_path):
    from posegen.reports.studies import making

    def larger(opened, places):
        pairs = find(opened, places)
        return [pair._replace(generated=pair.generated.resize((99, 99))) for pair in pairs]

    find = making.find_pictures
    monkeypatch.setattr(making, "find_pictures", larger)
    with pytest.raises(DataError, match="99×99 and the targets 32×16"):
        make_study(open_subjects([trained]), tmp_path / "new", pictures=2, practice=0)


def test_each_participant_has_an_order_of_their_own_which_stays(study):
    orders = {code: study.plan.order(code) for code in map(str, range(20))}
    assert orders == {code: Study(study.folder).plan.order(code) for code in orders}
    assert len({tuple(turn.picture.id for turn in order) for order in orders.values()}) == 20
    assert {order[0].round for order in orders.values()} == {0, 1}
    for order in orders.values():
        assert len({turn.picture.id for turn in order}) == study.plan.total == 8
        assert [turn.practice for turn in order] == [True, True, False, False] * 2
        assert [turn.round for turn in order] in ([0] * 4 + [1] * 4, [1] * 4 + [0] * 4)


def test_it_goes_on_where_it_stopped_whatever_was_cut(study):
    for _ in range(3):
        tell(study, "anna", real)
    tell(study, "ben", real)
    path = study.folder / "answers.jsonl"
    with path.open("ab") as file:
        file.write(b'{"participant": "anna", "pict')  # the process was killed
    again = Study(study.folder)
    assert [len(again.answers[who]) for who in ("anna", "ben")] == [3, 1]
    tell(again, "anna", real)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["participant"] for line in lines] == ["anna"] * 3 + ["ben", "anna"]
    assert Study(study.folder).turn("anna")[0] == 4
    for _ in range(4):
        tell(again, "anna", real)
    assert again.turn("anna") == (8, None)


def test_a_full_disk_loses_nothing_and_keeps_no_half_line(study, monkeypatch):
    tell(study, "anna", real)
    before = (study.folder / "answers.jsonl").read_bytes()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(studies.os, "fsync", full)
        with pytest.raises(PosegenError, match="the disk is full"):
            tell(study, "anna", real)
    assert study.turn("anna")[0] == 1
    tell(study, "anna", real)
    after = (study.folder / "answers.jsonl").read_bytes()
    assert after.startswith(before)
    assert after.count(b"\n") == 2
    assert Study(study.folder).turn("anna")[0] == 2


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{}", "row 1: not an answer"),
        ("no json", "row 1: not an answer"),
        ('{"participant":"a","picture":"ff","answer":"real","milliseconds":1,"at":""}',
         "row 1: not what 'a' was asked"),
    ],
)  # fmt: skip
def test_answers_of_something_else_are_refused(study, line, said):
    (study.folder / "answers.jsonl").write_text(line + "\n")
    with pytest.raises(DataError, match=said):
        Study(study.folder)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("rounds", [], "rounds"),
        ("version", 2, "version"),
        ("seconds", 0, "seconds"),
        ("more", 1, "more"),
    ],
)
def test_a_plan_that_was_changed_is_a_sentence(study, key, value, said):
    plan = json.loads((study.folder / "study.json").read_text())
    (study.folder / "study.json").write_text(json.dumps({**plan, key: value}))
    with pytest.raises(DataError, match=f"study.json: {said}"):
        Study(study.folder)


def test_a_pictures_name_is_no_path(study):
    text = (study.folder / "study.json").read_text()
    one = study.plan.rounds[0].pictures[0].id
    (study.folder / "study.json").write_text(text.replace(one, "../../../etc/passwd"))
    with pytest.raises(DataError, match="pictures"):
        Study(study.folder)


def test_shares_are_of_what_counts(study):
    everybody = {f"p{n}": real for n in range(20)}
    for who, say in everybody.items():
        for _ in range(8):
            tell(study, who, say)
    for one in rates(study):
        assert one.r2g.wrong == 0
        assert one.r2g.value == 0
        assert one.g2r.value == 1, "everything was taken for real"
        assert one.r2g.count + one.g2r.count == 20 * 2, "practice does not count"
        assert (one.participants, one.unfinished, one.milliseconds) == (20, 0, 600)
        assert one.g2r.between == (1.0, 1.0)
    assert all(one.wrong == one.count for one in judged(study) if one.picture.kind == "generated")


def test_the_interval_is_wilsons(study):
    """Of 10 answers 3: (0.1078, 0.6032), as Wilson's formula gives."""
    from posegen.reports.studies.scoring import _rate

    rate = _rate({"a": [True, True, True, False, False], "b": [False] * 5})
    z, n, p = 1.959963984540054, 10, 0.3
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5 / (1 + z * z / n)
    assert rate.value == pytest.approx(p)
    assert rate.interval == pytest.approx((middle - half, middle + half))
    assert rate.between is None, "two people say nothing about others"
    assert _rate({}).value is None


def test_whoever_stops_half_way_counts_as_far_as_they_came(study):
    for _ in range(3):
        tell(study, "anna", real)
    found = rates(study)
    assert sorted(one.participants for one in found) == [0, 1]
    assert sum(one.unfinished for one in found) == 1
    text = json.dumps(as_json(study), allow_nan=False)
    assert json.loads(text)["participants"] == {"anna": 3}


def test_a_report_shows_it_beside_published_studies(made, trained):
    study = Study(made)
    for _ in range(study.plan.total):
        tell(study, "anna", real)
    html = make_report(open_subjects([trained]), gallery=0, study=study).html
    assert "User study" in html
    assert "1 participant has" in html
    assert "taken for real" in html
    assert "PG2" in html
    assert "not comparable" in html
    first = rates(study)[0]
    assert f"{100 * first.g2r.value:.1f}<small>" in html
    assert 'id="study"' not in make_report(open_subjects([trained]), gallery=0).html


def test_a_report_without_the_studys_pictures_says_so(made, trained, tmp_path):
    import shutil

    shutil.copytree(made, tmp_path / "study")
    study = Study(tmp_path / "study")
    if not study.answers:
        for _ in range(study.plan.total):
            tell(study, "anna", real)
    shutil.rmtree(tmp_path / "study" / "pictures")
    html = make_report(open_subjects([trained]), gallery=0, study=study).html
    assert "no pictures of the study" in html


def test_published_studies_have_sources_and_percents():
    for table in published_studies():
        assert table.notes
        for row in table.rows:
            assert row.source
            shares = [float(value) for value in (row.r2g, row.g2r) if value]
            assert shares
            assert all(0 < value < 100 for value in shares)
    (market,) = [table for table in published_studies() if table.data == "Market-1501"]
    assert market.is_about(["0003_c1s6_015971_00.jpg"])
    assert not market.is_about(["0003_c1s6_015971_00.jpg", "me.jpg"])
