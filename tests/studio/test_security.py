"""Attempts to get at the studio from outside; docs/security.md lists the rules."""

from __future__ import annotations

import io
import json
import socket
import struct
import zlib
from collections.abc import Callable, Iterator

import pytest
from PIL import Image

pytest.importorskip("starlette")

import anyio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from posegen.studio import security
from posegen.studio.security import Guard, is_loopback

Client = Callable[..., TestClient]
TOKEN, PORT = "the-token-of-the-tests", 8765  # as in conftest.py
HERE = f"localhost:{PORT}"
SAFE = ("/api/about", "/", "/main.js", "/style.css")


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        f"evil.example:{PORT}",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "localhost@evil.example",
        "evil.example#localhost",
        "evil.example/localhost",
        "192.168.1.5",
        "[::2]",
        "[::1",
        "",
        " localhost",
        "localhost:abc@evil.example",
    ],
)
@pytest.mark.parametrize("path", SAFE)
def test_another_host_is_refused(client: Client, host: str, path: str) -> None:
    answer = client().get(path, headers={"host": host})
    assert answer.status_code == 421
    assert "localhost" in answer.json()["error"]


@pytest.mark.parametrize("host", [HERE, "LOCALHOST", "127.0.0.1:9999", "[::1]:1"])
def test_this_machine_is_answered_by_any_port(client: Client, host: str) -> None:
    assert client().get("/api/about", headers={"host": host}).status_code == 200


def test_without_a_host_or_with_two_nothing_is_answered(client: Client) -> None:
    two = [("host", HERE), ("host", "evil.example")]
    assert client().get("/api/about", headers=two).status_code == 400


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": f"https://{HERE}"},
        {"origin": "http://localhost:3000"},
        {"origin": f"http://127.0.0.1:{PORT}"},
        {"origin": f"http://{HERE}.evil.example"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"},
    ],
)
@pytest.mark.parametrize(("method", "path"), [("GET", "/api/about"), ("POST", "/api/generate")])
def test_another_site_is_refused(
    client: Client, headers: dict[str, str], method: str, path: str
) -> None:
    answer = client().request(method, path, headers=headers, json={})
    assert answer.status_code == 403
    assert answer.json() == {"error": "another site may not ask."}


def test_a_link_elsewhere_may_open_the_page_but_no_frame_may(client: Client) -> None:
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    page = client().get("/", headers={**link, "sec-fetch-dest": "document"})
    assert page.status_code == 200
    assert client().get("/", headers={**link, "sec-fetch-dest": "iframe"}).status_code == 403
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
def test_other_methods_are_refused(client: Client, method: str) -> None:
    answer = client().request(method, "/api/about", headers={"origin": "http://evil.example"})
    assert answer.status_code == 405


@pytest.mark.parametrize("path", [*SAFE, "/api/people/0", "/no/such"])
def test_nothing_is_answered_without_the_token(client: Client, path: str) -> None:
    bare = client(cookie=False)
    assert bare.get(path).status_code == 401
    for wrong in ("", "x", TOKEN[:-1], TOKEN + "x", "é" * 10):
        value = f"posegen-studio-{PORT}={wrong}".encode()
        assert bare.get(path, headers={"cookie": value}).status_code == 401
    assert bare.get(path, params={"token": "wrong"}).status_code == 401
    if path != "/":
        assert bare.get(path, params={"token": TOKEN}).status_code == 401


def test_the_token_becomes_a_strict_cookie(client: Client) -> None:
    answer = client(cookie=False).get("/", params={"token": TOKEN})
    assert answer.status_code == 200
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"posegen-studio-{PORT}={TOKEN};")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= {p.strip() for p in cookie.split(";")}
    assert "set-cookie" not in client().get("/").headers


@pytest.mark.parametrize("path", [*SAFE, "/no/such"])
def test_every_answer_has_the_headers_and_none_opens_it_to_others(
    client: Client, path: str
) -> None:
    for answer in (client().get(path), client(cookie=False).get(path)):
        headers = answer.headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["cache-control"] == "no-store"
        assert not [name for name in headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "path",
    [
        "/../pyproject.toml",
        "/..%2f..%2fpyproject.toml",
        "/%2e%2e/app.py",
        "/app.py",
        "/page/index.html",
        "//etc/passwd",
        "/api/people/-1",
        "/api/people/100",
        "/api/people/1e9",
    ],
)
def test_no_path_leads_elsewhere(client: Client, path: str) -> None:
    assert client().get(path).status_code in (404, 405)


@pytest.mark.parametrize("name", ["/etc/passwd", "../..", "walk.json", "", "~/x.mp4"])
def test_the_page_names_no_files(client: Client, name: str) -> None:
    person = {"picture": "data:image/png;base64,", "pose": [[1, 1, 1]] * 18}
    answer = client().post("/api/motion", json={"name": name, "person": person})
    assert answer.status_code == 422
    assert answer.json()["error"] == "no such motion in the library."


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


def test_elsewhere_it_answers_to_numbers_and_this_machines_name(client: Client) -> None:
    there = client(host="0.0.0.0")
    for good in ("192.168.1.5:8765", "[fe80::1]:8765", socket.gethostname(), HERE):
        assert there.get("/api/about", headers={"host": good}).status_code == 200
    assert there.get("/api/about", headers={"host": "evil.example"}).status_code == 421
    assert client(host="0.0.0.0", cookie=False).get("/api/about").status_code == 401
    assert [is_loopback(h) for h in ("127.0.0.1", "::1", "127.evil.example", "192.168.1.5")] == [
        True, True, False, False,
    ]  # fmt: skip


def test_a_websocket_is_closed(client: Client) -> None:
    with pytest.raises(WebSocketDisconnect), client().websocket_connect("/"):
        pass


def test_an_unforeseen_error_tells_nothing(client: Client) -> None:
    async def fail(request: object) -> PlainTextResponse:
        raise RuntimeError("a secret path")

    guard = Guard(Starlette(routes=[Route("/", fail)]), token=TOKEN, host="127.0.0.1", port=PORT)
    inside = TestClient(
        guard, base_url=f"http://{HERE}", cookies={guard.cookie: TOKEN},
        raise_server_exceptions=False,
    )  # fmt: skip
    answer = inside.get("/")
    assert answer.status_code == 500
    assert "secret" not in answer.text
