"""What the page asks for, and what it gets."""

from __future__ import annotations

import base64
import io
import json
import shlex
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

pytest.importorskip("starlette")

import torch
from starlette.testclient import TestClient

from posegen.cli.main import app as command_line
from posegen.core.skeletons import OPENPOSE18
from posegen.inference.grids import as_tensor
from posegen.inference.marks import mark_of
from posegen.inference.model import load_model
from posegen.studio.app import Studio
from posegen.studio.models import WAITING, Worker
from posegen.studio.security import Refused

Client = Callable[..., TestClient]
SIZE = (64, 32)


def opened(url: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).convert("RGB")


def person(client: Client, number: int = 0) -> dict[str, Any]:
    scene = client().get(f"/api/people/{number}").json()
    return {"picture": scene["picture"], "pose": scene["pose"]}


def asked(who: dict[str, Any], format: str, frames: int = 6) -> dict[str, Any]:
    end = [[x + 2, y, v] for x, y, v in who["pose"]]
    keys = [{"at": 0, "pose": who["pose"]}, {"at": frames, "pose": end}]
    return {
        "model": 0, "person": who, "format": format, "fps": 12, "scale": 2,
        "timeline": {"keys": keys, "smooth": True},
    }  # fmt: skip


def test_the_page_learns_what_there_is(client: Client) -> None:
    about = client().get("/api/about").json()
    assert [model["label"] for model in about["models"]] == ["one", "two"]
    assert [model["step"] for model in about["models"]] == [10, 10]
    assert about["size"] == list(SIZE)
    assert about["skeleton"]["joints"] == list(OPENPOSE18.joints)
    assert len(about["skeleton"]["grips"]) == len(OPENPOSE18)
    assert "walk" in [motion["name"] for motion in about["motions"]]


def test_people_of_the_gallery_differ_and_look_at_us(client: Client) -> None:
    first, second = person(client, 0), person(client, 1)
    assert first["picture"] != second["picture"]
    for one in (first, second):
        assert opened(one["picture"]).size == SIZE[::-1]
        assert one["pose"][OPENPOSE18.joints.index("nose")][2] == 1


def test_a_picture_is_the_models_own(client: Client, small: list[Path]) -> None:
    who = person(client)
    wanted = [[x, y - 1, v] for x, y, v in who["pose"]]
    body = {"person": who, "poses": [who["pose"], wanted]}
    for number, path in enumerate(small):
        made = client().post("/api/generate", json={"model": number, **body}).json()
        model = load_model(path)
        expected = model.generate(
            opened(who["picture"]),
            torch.tensor(who["pose"]),
            torch.stack([torch.tensor(pose) for pose in body["poses"]]),  # type: ignore[arg-type]
        )
        assert [opened(url).tobytes() for url in made["pictures"]] == [
            picture.tobytes() for picture in expected
        ]
        assert made["milliseconds"] > 0
        assert "attention" not in made


def test_overlays_are_pictures_of_the_same_size(client: Client) -> None:
    who = person(client)
    body = {"model": 0, "person": who, "poses": [who["pose"]], "overlays": True}
    made = client().post("/api/generate", json=body).json()
    assert opened(made["attention"][0]).size == SIZE[::-1]
    assert "flow" not in made, "this generator has no flow"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model": 7}, "shows 2"),
        ({"poses": [[[0, 0, 0]] * 18]}, "no joint"),
        ({"poses": [[[900, 900, 1]] * 18]}, "outside the picture"),
        ({"poses": [[[1, 1, 1]] * 17]}, "openpose18 has 18"),
        ({"poses": [[[1, 1, 1]] * 18] * 17}, "at most 16"),
    ],
)
def test_what_cannot_be_made_is_told(client: Client, change: dict[str, Any], said: str) -> None:
    who = person(client)
    body = {"model": 0, "person": who, "poses": [who["pose"]], **change}
    answer = client().post("/api/generate", json=body)
    assert answer.status_code == 422
    assert said in answer.json()["error"]


def test_the_person_in_a_photo_is_found_and_framed(client: Client, photo: bytes) -> None:
    head = {"content-type": "image/jpeg"}
    scene = client().post("/api/photo", content=photo, headers=head).json()
    assert scene["people"] >= 1
    assert opened(scene["picture"]).size == SIZE[::-1]
    seen = [point for point in scene["pose"] if point[2] > 0]
    assert len(seen) >= 12
    assert all(-0.5 <= x < 31.5 and -0.5 <= y < 63.5 for x, y, _ in seen)
    nose = scene["pose"][OPENPOSE18.joints.index("nose")]
    ankle = scene["pose"][OPENPOSE18.joints.index("left_ankle")]
    assert nose[1] < 24 < 48 < ankle[1]


def test_where_nobody_is_a_figure_stands_to_be_put_right(client: Client) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (300, 200), (90, 120, 150)).save(buffer, "PNG")
    head = {"content-type": "image/png"}
    scene = client().post("/api/photo", content=buffer.getvalue(), headers=head).json()
    assert scene["people"] == 0
    assert sum(point[2] > 0 for point in scene["pose"]) == len(OPENPOSE18)


def test_a_motion_is_put_on_the_person(client: Client) -> None:
    who = person(client)
    made = client().post("/api/motion", json={"name": "walk", "person": who}).json()
    keys = made["keys"]
    assert keys[0]["at"] == 0
    assert keys[-1]["at"] > 10
    assert made["fps"] > 0
    track = client().post("/api/track", json={"keys": keys}).json()["poses"]
    assert len(track) == keys[-1]["at"] + 1
    for key in keys:
        assert track[key["at"]] == key["pose"]


def test_the_track_refuses_what_is_too_long(client: Client) -> None:
    keys = [{"at": at, "pose": person(client)["pose"]} for at in (0, 5000)]
    answer = client().post("/api/track", json={"keys": keys})
    assert answer.status_code == 422


def test_edits_are_those_of_python(client: Client) -> None:
    from posegen.poses.edit import mirror, scale

    pose = person(client)["pose"]
    for what, expected in (
        ("mirror", mirror(torch.tensor(pose), "openpose18")),
        ("scale", scale(torch.tensor(pose), 0.5)),
    ):
        body = {"what": what, "pose": pose, "factor": 0.5}
        changed = client().post("/api/edit", json=body).json()["pose"]
        torch.testing.assert_close(torch.tensor(changed), expected, atol=0.006, rtol=0)


@pytest.mark.parametrize("format", ["webp", "gif", "mp4"])
def test_the_copied_command_makes_the_same_clip(
    client: Client, format: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = asked(person(client), format)
    clip = client().post("/api/export", json=body)
    assert clip.headers["content-disposition"] == f'attachment; filename="clip.{format}"'
    poses = client().post("/api/export", json={**body, "format": "json"})
    zipfile.ZipFile(io.BytesIO(poses.content)).extractall(tmp_path)
    command = client().post("/api/command", json=body).json()
    monkeypatch.chdir(tmp_path)
    program, *words = shlex.split(command["shell"])
    assert program == "posegen"
    command_line(words, standalone_mode=False)
    made = tmp_path / f"clip.{format}"
    assert made.read_bytes() == clip.content
    made.unlink()
    exec(compile(command["python"], "copied", "exec"), {})
    assert made.read_bytes() == clip.content
    if format != "mp4":
        picture = Image.open(io.BytesIO(clip.content))
        assert picture.size == (2 * SIZE[1], 2 * SIZE[0])
        assert picture.n_frames == 7
        assert mark_of(picture).startswith("generated by posegen")


def test_pictures_and_poses_come_in_an_archive(client: Client) -> None:
    body = asked(person(client), "png")
    pictures = zipfile.ZipFile(io.BytesIO(client().post("/api/export", json=body).content))
    assert len(pictures.namelist()) == 7
    poses = client().post("/api/export", json={**body, "format": "json"}).content
    names = zipfile.ZipFile(io.BytesIO(poses)).namelist()
    assert names[-2:] == ["source.json", "source.png"]
    first = json.loads(zipfile.ZipFile(io.BytesIO(poses)).read("poses/pose_0000.json"))
    assert first["size"] == list(SIZE)
    shell = client().post("/api/command", json=body).json()["shell"]
    assert shell.endswith("--target-poses poses --out pictures")


def test_pairs_are_scored_and_put_on_the_canvas(
    client: Client, studio: Studio, small: list[Path]
) -> None:
    about = client().get("/api/about").json()["pairs"]
    assert about["metrics"] == {"ssim": "higher", "l1": "lower"}
    rows = client().get("/api/pairs/1/4").json()
    assert [row["index"] for row in rows] == [4, 5, 6, 7]
    pair = client().get("/api/pair/5").json()
    target = opened(pair["target"]["picture"])
    made = load_model(small[1]).generate(
        opened(pair["picture"]), torch.tensor(pair["pose"]), torch.tensor(pair["target"]["pose"])
    )
    difference = as_tensor(made).float() - as_tensor(target).float()
    expected = float(difference.abs().mean() / 127.5)
    assert rows[1]["scores"]["l1"] in (
        pytest.approx(expected, abs=2e-3),
        pytest.approx(expected / 2, abs=2e-3),
    )
    assert client().get("/api/pair/99999").status_code == 422


def test_too_many_who_wait_are_refused() -> None:
    import threading

    import anyio

    go, worker, refused = threading.Event(), Worker(), []

    async def one() -> None:
        try:
            await worker(go.wait)
        except Refused as refusal:
            refused.append(refusal.status)
            go.set()

    async def all_() -> None:
        async with anyio.create_task_group() as group:
            for _ in range(WAITING + 3):
                group.start_soon(one)

    anyio.run(all_)
    assert refused == [503] * 3
