from __future__ import annotations

import json
import shutil

import pytest

from posegen.core import ConfigError, DataError
from posegen.reports.subjects import open_subjects, sections


def test_a_run_knows_what_it_is(trained):
    (subject,) = open_subjects([trained])
    assert (subject.label, subject.run) == ("first", trained)
    assert subject.config()["preset"] == "demo"
    assert subject.environment()["python"] == "3.11.7"
    log = subject.log()
    assert [line["step"] for line in log] == list(range(1, 41))
    assert log[1]["generator/l1"] == 1.0


def test_a_folder_of_results_is_no_run(results):
    (subject,) = open_subjects([results / "scores.json"])
    assert (subject.label, subject.path, subject.run) == ("theirs", results, None)
    assert (subject.log(), subject.config(), subject.environment()) == ([], {}, {})


def test_scores_in_another_folder_lead_to_the_run(trained, tmp_path):
    for name in ("scores.json", "scores.csv"):
        shutil.copy(trained / name, tmp_path)
    assert open_subjects([tmp_path], [trained])[0].run == trained
    assert open_subjects([tmp_path])[0].run is None  # a path from a file is not followed


def test_damaged_facts_are_no_facts(trained, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    (run / "environment.json").write_text("{")
    (run / "config.toml").write_text("= 3")
    (run / "metrics.jsonl").write_bytes(b"\xff\n")
    (subject,) = open_subjects([run])
    assert (subject.log(), subject.config(), subject.environment()) == ([], {}, {})


def test_labels_tell_subjects_apart(trained, tmp_path):
    other = tmp_path / "others" / "first"
    shutil.copytree(trained, other)
    labels = [subject.label for subject in open_subjects([trained, other])]
    assert labels == [f"{trained.parent.name}/first", "others/first"]
    with pytest.raises(ConfigError, match="given twice"):
        open_subjects([trained, trained / "scores.json"])


def test_folders_without_scores_say_what_to_run_first(trained, tmp_path):
    run, weights, pictures = (tmp_path / name for name in ("run", "weights", "pictures"))
    for folder, file in ((run, "config.toml"), (weights, "model.safetensors"), (pictures, "a.png")):
        folder.mkdir()
        (folder / file).touch()
    with pytest.raises(ConfigError, match=rf"run: no scores.json in it; run `posegen eval {run}`"):
        open_subjects([run])
    with pytest.raises(ConfigError, match=f"`posegen eval {weights} --out {weights}` first"):
        open_subjects([trained, weights])
    with pytest.raises(
        ConfigError, match=f"`posegen eval --results {pictures} --layout NAME --out"
    ):
        open_subjects([pictures])
    with pytest.raises(DataError, match=r"no such run, folder or scores\.json"):
        open_subjects([tmp_path / "nothing"])


def test_subjects_on_the_same_data_share_a_section(trained, results):
    (section,) = sections(open_subjects([trained, results]))
    assert [subject.label for subject in section.subjects] == ["first", "theirs"]
    assert len(section.places) == 10
    mine, theirs = (subject.evaluation.names for subject in section.subjects)
    for first, second in section.places:
        assert tuple(name.removesuffix(".png") for name in mine[first]) == theirs[second]
    assert section.names() == [mine[first] for first, _ in section.places]


def test_other_data_is_another_section(trained, results, tmp_path):
    other = tmp_path / "larger"
    shutil.copytree(trained, other)
    content = json.loads((other / "scores.json").read_text())
    content["subject"]["data"]["image_size"] = [64, 32]
    (other / "scores.json").write_text(json.dumps(content))
    found = sections(open_subjects([trained, other, results]))
    assert [[s.label for s in section.subjects] for section in found] == [
        ["first", "theirs"],
        ["larger"],
    ]
