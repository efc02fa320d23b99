"""A run that is watched while it writes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

pytest.importorskip("starlette")

from starlette.testclient import TestClient

from posegen.core.errors import ConfigError, DataError
from posegen.studio.app import Studio
from posegen.studio.models import Models
from posegen.studio.watch import Watch


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    (folder / "samples").mkdir(parents=True)
    (folder / "config.toml").write_text("")
    return folder


def log(run: Path, *lines: object) -> None:
    with (run / "metrics.jsonl").open("a") as file:
        for line in lines:
            file.write(line if isinstance(line, str) else json.dumps(line) + "\n")


def test_what_is_new_comes_and_half_a_line_waits(run: Path, small: list[Path]) -> None:
    watch = Watch(run, Models([str(small[0])], "cpu"))
    first = watch.since(0)
    assert (first["lines"], first["place"], first["samples"]) == ([], 0, [])
    log(run, {"step": 1, "loss": 2.5, "note": "x"}, '{"step": 2, "lo')
    news = watch.since(0)
    assert news["lines"] == [{"step": 1, "loss": 2.5}]
    assert news["anew"] is True
    log(run, 'ss": 2}\n', {"step": 3, "validation/ssim": float("nan")})
    news = watch.since(news["place"])
    assert news["anew"] is False
    assert news["lines"] == [{"step": 2, "loss": 2}, {"step": 3}]
    assert watch.since(news["place"])["lines"] == []


def test_a_log_that_was_written_again_is_read_again(run: Path, small: list[Path]) -> None:
    watch = Watch(run, Models([str(small[0])], "cpu"))
    log(run, *({"step": step, "loss": 1} for step in range(9)))
    place = watch.since(0)["place"]
    (run / "metrics.jsonl").write_text(json.dumps({"step": 0, "loss": 1}) + "\n")
    news = watch.since(place)
    assert news["anew"] is True
    assert [line["step"] for line in news["lines"]] == [0]


def test_sample_grids_come_by_their_names_alone(run: Path, small: list[Path]) -> None:
    models = Models([str(small[0])], "cpu")
    watch = Watch(run, models)
    (run / "samples" / "step-00000010.png").write_bytes(b"picture")
    assert watch.since(0)["samples"] == ["step-00000010.png"]
    assert watch.sample("step-00000010.png") == b"picture"
    for name in ("../config.toml", "config.toml", "/etc/passwd", "step-00000011.png", ""):
        with pytest.raises(DataError, match="no such"):
            watch.sample(name)


def test_the_newest_weights_are_tried(run: Path, small: list[Path], studio: Studio) -> None:
    models = Models([str(small[0])], "cpu")
    app = Studio(models, studio.scenes, None, Watch(run, models)).application()
    client = TestClient(app)
    head = {"content-type": "application/json"}
    assert client.post("/api/newest", content=b"null", headers=head).status_code == 422
    shutil.copytree(small[1], run / "weights")
    assert client.get("/api/run/0").json()["weights"] is True
    for _ in range(2):  # the second time, the same model is loaded again
        answer = client.post("/api/newest", content=b"null", headers=head).json()
        assert answer["model"] == 1
        assert [model["label"] for model in answer["models"]] == ["one", "run"]


def test_what_is_no_run_is_told(tmp_path: Path, small: list[Path]) -> None:
    with pytest.raises(ConfigError, match="no run"):
        Watch(tmp_path, Models([str(small[0])], "cpu"))
