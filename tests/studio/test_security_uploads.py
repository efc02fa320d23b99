"""Attempts to send the studio what it should not take; docs/security.md lists the rules."""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Callable, Iterator

import pytest
from PIL import Image

pytest.importorskip("starlette")

import anyio
from starlette.requests import Request
from starlette.testclient import TestClient

from posegen.studio import security

Client = Callable[..., TestClient]


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_what_a_form_of_another_site_could_send_is_not_read(client: Client, kind: str) -> None:
    for path in ("/api/generate", "/api/export", "/api/photo", "/api/edit"):
        answer = client().post(path, content=b"{}", headers={"content-type": kind})
        assert answer.status_code == 415


def chunked(count: int, size: int = 1 << 20) -> Iterator[bytes]:
    return (b"\0" * size for _ in range(count))


def test_large_bodies_are_refused_as_announced_and_as_counted(client: Client) -> None:
    head = {"content-type": "image/png"}
    announced = client().post("/api/photo", content=b"\0" * 10_000_001, headers=head)
    counted = client().post("/api/photo", content=chunked(12), headers=head)
    for answer in (announced, counted):
        assert answer.status_code == 413
        assert "10 MB" in answer.json()["error"]
    head = {"content-type": "application/json"}
    assert client().post("/api/export", content=chunked(9), headers=head).status_code == 413
    for length in ("-1", "1e3", "99999999999999999999"):
        lying = {**head, "content-length": length}
        assert client().post("/api/edit", content=b"{}", headers=lying).status_code == 413
    packed = {**head, "content-encoding": "gzip"}
    assert client().post("/api/edit", content=b"{}", headers=packed).status_code == 415


def bomb(width: int, height: int) -> bytes:
    """A PNG whose head promises many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"\0" * 1_000_000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def saved(format: str, size: tuple[int, int] = (20, 20)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size).save(buffer, format)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (bomb(30_000, 30_000), "not readable"),
        (bomb(2**31 - 1, 2**31 - 1), ""),
        (bomb(8000, 8000), "at most"),
        (bomb(4000, 4000), "not readable"),
        (saved("GIF"), "not readable"),
        (saved("TIFF"), "not readable"),
        (saved("BMP"), "not readable"),
        (saved("PNG", (4, 400)), "nobody can be in it"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", "not readable"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", "not readable"),
        (b"", "not readable"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 100, "not readable"),
    ],
)
def test_no_bomb_and_no_other_format_is_decoded(client: Client, data: bytes, said: str) -> None:
    answer = client().post("/api/photo", content=data, headers={"content-type": "image/png"})
    assert answer.status_code == 422
    assert said in answer.json()["error"]


POSE = [[10, 10, 1]] * 18


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b"[" * 100_000,
        b"\xff\xfe",
        json.dumps({"what": "mirror", "pose": []}).encode(),
        json.dumps({"what": "mirror", "pose": [[1, 2, 3]] * 300}).encode(),
        json.dumps({"what": "mirror", "pose": POSE[:3]}).encode(),
        json.dumps({"what": "eval", "pose": POSE}).encode(),
        json.dumps({"what": "mirror", "pose": POSE, "path": "/etc/passwd"}).encode(),
        b'{"what": "scale", "factor": NaN, "pose": ' + json.dumps(POSE).encode() + b"}",
        b'{"what": "mirror", "pose": ' + json.dumps([[1e300, 1, 1]] * 18).encode() + b"}",
        b'{"what": "mirror", "pose": ' + json.dumps([["1; rm", 1, 1]] * 18).encode() + b"}",
    ],
)
def test_wrong_data_is_told_in_a_sentence(client: Client, body: bytes) -> None:
    answer = client().post("/api/edit", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["error"].endswith(".")


def test_a_slow_sender_does_not_hold_a_place(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(security, "PATIENCE", 0.05)

    async def receive() -> dict[str, object]:
        await anyio.sleep(60)
        raise AssertionError

    scope = {"type": "http", "method": "POST", "headers": [(b"content-type", b"image/png")]}
    with pytest.raises(security.Refused, match="longer than"):
        anyio.run(security.read_body, Request(scope, receive), 100, ("image/png",))
