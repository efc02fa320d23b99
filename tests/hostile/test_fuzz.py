"""Every reader of files of others: whatever the damage, they are read, or it is said what is wrong.

`POSEGEN_FUZZ=SECONDS pytest tests/hostile/test_fuzz.py` spends that long on each reader.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from posegen.config import read_toml
from posegen.config.sources import parse_override
from posegen.core import PosegenError
from posegen.core.headers import read_header
from posegen.core.pretrained import read_tensors
from posegen.core.texts import parse_metrics
from posegen.data.image_files import read_picture
from posegen.data.prepare.downloads import Download
from posegen.data.problems import Problems
from posegen.data.tables import read_annotations
from posegen.evaluation.protocols.loading import load
from posegen.evaluation.record import read as read_scores
from posegen.evaluation.results.matching import as_listed
from posegen.inference.pose_files import read_pose
from posegen.plugins.catalogue import read as read_catalogue
from posegen.poses.formats import read_poses
from posegen.weights.bundle import unpack
from posegen.weights.description import read_config

SECONDS = float(os.environ.get("POSEGEN_FUZZ", "0.4"))
HERE = Path(__file__).parent

#: What is put in somewhere: long numbers, depth, other types, escapes, halves of characters.
PIECES = [
    b"9" * 5000, b"1e999", b"-1", b"NaN", b"null", b"[" * 3000, b"{", b"]", b'"', b"\x1b[2J",
    b"\xff\xfe", b"\xc2\xb2", b"\x00", b"a" * 140_000, b",", b"\n", b"=", b"true", b"[[]]", b"{}",
]  # fmt: skip

POSE = {"keypoints": [[1.0, 2.0, 1.0]] * 18, "size": [128, 64], "layout": "openpose18"}
OPENPOSE = {"people": [{"pose_keypoints_2d": [5.0, 6.0, 0.9] * 18}], "canvas_width": 64}
COCO = [{"image_id": 1, "category_id": 1, "keypoints": [5.0, 6.0, 2] * 17, "score": 0.5}]
MMPOSE = {"instance_info": [{"frame_id": 0, "instances": [{"keypoints": [[1, 2]] * 17}]}]}
ALPHAPOSE = [{"image_id": "a.jpg", "keypoints": [5.0, 6.0, 0.9] * 17, "score": 1.0}]
ROW = f"a.jpg: [{', '.join('5' * 18)}]: [{', '.join('6' * 18)}]"
ANNOTATION = f"name:keypoints_y:keypoints_x\n{ROW}\n"
SCORES = {
    "schema": 2, "posegen": "0.1", "subject": {}, "pairs": 1, "seconds": 1.0, "evaluations": [],
}  # fmt: skip


def picture(ending: str) -> Callable[[Path], None]:
    return lambda path: Image.effect_noise((24, 16), 90).convert("RGB").save(path, ending)


def text(content: Any) -> Callable[[Path], None]:
    written = content if isinstance(content, str) else json.dumps(content)
    return lambda path: Path(path).write_text(written, encoding="utf-8") and None


def tar(path: Path) -> None:
    folder = path.with_name("packed")
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    shutil.make_archive(str(path.with_suffix("")), "tar", folder)


def tensors(path: Path) -> None:
    save_file({"a": torch.arange(6.0), "b": torch.ones(2, 3)}, path)


def scores(path: Path) -> object:
    path.with_name("scores.csv").write_text("row,source,target\n")
    return read_scores(path)


def into(path: Path) -> None:
    folder = path.with_name("unpacked")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    unpack(path, folder)


def log(path: Path) -> list[object]:
    return [parse_metrics(line) for line in path.read_bytes().splitlines()]


def zipped(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bounding_box_train/0002_c1s1_000001_01.jpg", b"picture" * 50)


def tarred(path: Path) -> None:
    folder = path.with_name("raw")
    folder.mkdir()
    (folder / "0002_c1s1_000001_01.jpg").write_bytes(b"picture" * 50)
    shutil.make_archive(
        str(path.with_name("a")), "xztar" if path.suffix == ".xz" else "gztar", folder
    )


def download(path: Path) -> list[bytes]:
    found = Download(path)
    return [content for _, content in found.read(found.paths)]


def description(path: Path) -> object:
    if not path.with_name("model.safetensors").exists():
        tensors(path.with_name("model.safetensors"))
    return read_config(path.parent)


def header(path: Path) -> object:
    try:
        return read_header(path)
    except ValueError:  # what its callers say in a sentence
        return None


def poses(path: Path) -> list[object]:
    return list(read_poses(path))


READERS: dict[str, tuple[str, Callable[[Path], None], Callable[[Path], object]]] = {
    **{f"picture {e}": (f"a.{e}", picture(e), read_picture) for e in ("png", "jpeg", "webp", "bmp",
                                                                      "gif", "tiff", "avif")},
    "pose": ("a.json", text(POSE), lambda path: read_pose(path, "openpose18")),
    **{
        f"poses {name}": ("a.json", text(content), poses)
        for name, content in [
            ("openpose", OPENPOSE), ("coco", COCO), ("mmpose", MMPOSE), ("alphapose", ALPHAPOSE),
        ]
    },
    "poses published": ("a.csv", text(ANNOTATION), poses),
    "annotations": (
        "a.csv", text(ANNOTATION), lambda path: read_annotations(path, (128, 64), 0, Problems()),
    ),
    "configuration": ("a.toml", text('model = "patn"\n[training]\nsteps = 5\n'), read_toml),
    "protocol": ("a.toml", text('name = "mine"\n[[variants]]\nname = "a"\nsize = [1, 2]\n'), load),
    "catalogue": ("a.toml", text('schema = 1\n[[plugins]]\nname = "a"\n'), read_catalogue),
    "scores": ("scores.json", text(SCORES), scores),
    "tensors": ("a.safetensors", tensors, read_tensors),
    "pickle": ("a.pth", lambda path: torch.save({"a": torch.ones(3)}, path), read_tensors),
    "log": ("metrics.jsonl", text('{"step": 1, "l1": 0.5}\n{"step": 2}\n'), log),
    "pairs": ("a.csv", text("from,to\na.jpg,b.jpg\n"), lambda path: as_listed([], path)),
    "description": ("config.json", text({"schema": 3, "model": "patn"}), description),
    "header": ("a.safetensors", tensors, header),
    "zip": ("a.zip", zipped, download),
    "tar.gz": ("a.tar.gz", tarred, download),
    "tar.xz": ("a.tar.xz", tarred, download),
    "tar": ("a.tar", tar, into),
}  # fmt: skip


def damaged(whole: bytes, draw: random.Random) -> bytes:
    content = bytearray(whole)
    for _ in range(draw.randint(1, 3)):
        place = draw.randrange(len(content) + 1)
        what = draw.randrange(4)
        if what == 0:
            del content[place:]
        elif what == 1 and place < len(content):
            content[place] ^= 1 << draw.randrange(8)
        elif what == 2:
            content[place:place] = draw.choice(PIECES)
        else:
            content[place : place + draw.randint(1, 20)] = draw.choice(PIECES)
    return bytes(content)


@pytest.mark.parametrize("name", READERS)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_damaged_file_is_read_or_refused_in_a_sentence(name: str, tmp_path: Path) -> None:
    file, make, read = READERS[name]
    path = tmp_path / file
    make(path)
    whole = path.read_bytes()
    with contextlib.suppress(PosegenError):  # some of the files are not complete as they are
        read(path)
    draw, end, count = random.Random(7), time.monotonic() + SECONDS, 0
    while time.monotonic() < end:
        path.write_bytes(damaged(whole, draw))
        start = time.process_time()
        try:
            read(path)
        except PosegenError as error:
            said = str(error)
            assert said
        assert time.process_time() - start < 5
        count += 1
    print(f"{name}: {count} files")


def test_options_are_read_or_refused_in_a_sentence() -> None:
    draw, end = random.Random(7), time.monotonic() + SECONDS
    while time.monotonic() < end:
        given = damaged(b"losses.l1.weight=[1, 2.5]", draw).decode("utf-8", "replace")
        with contextlib.suppress(PosegenError):
            parse_override(given)
