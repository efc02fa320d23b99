"""Attempts to get at the studio from outside; docs/security.md lists the rules."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

pytest.importorskip("starlette")

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

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
