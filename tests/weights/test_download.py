"""Downloads: checked while they come, and refused in a sentence."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from posegen.core import WeightsError
from posegen.weights import download as module
from posegen.weights.download import check_address, download

CONTENT = bytes(range(256)) * 1000
MOST = 10**9


def test_a_file_comes_whole_and_progress_is_told(site: Any, tmp_path: Path) -> None:
    site.files["/a.tar"] = CONTENT
    told: list[tuple[int, int]] = []
    to = tmp_path / "a"
    download(f"{site.url}/a.tar", to, max_size=MOST, on_progress=lambda *pair: told.append(pair))
    assert to.read_bytes() == CONTENT
    assert told[-1] == (len(CONTENT), len(CONTENT))


def test_a_file_comes_where_an_event_loop_runs_as_in_a_notebook(site: Any, tmp_path: Path) -> None:
    site.files["/a.tar"] = CONTENT

    async def cell() -> None:
        download(f"{site.url}/a.tar", tmp_path / "a", max_size=MOST)

    asyncio.run(cell())
    assert (tmp_path / "a").read_bytes() == CONTENT


def test_an_interrupt_ends_a_download(site: Any, tmp_path: Path) -> None:
    site.files["/a.tar"] = CONTENT

    def interrupted(*_: int) -> None:  # as Ctrl-C does
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        download(f"{site.url}/a.tar", tmp_path / "a", max_size=MOST, on_progress=interrupted)


def test_redirects_are_followed(site: Any, tmp_path: Path) -> None:
    site.files["/c"] = CONTENT
    port = site.url.rsplit(":", 1)[1]
    site.redirects = {"/a": "/b", "/b": f"http://localhost:{port}/c"}
    download(f"{site.url}/a", tmp_path / "a", max_size=MOST)
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert site.paths() == ["/a", "/b", "/c"]


def answer(status: str, *headers: str, body: bytes = b"") -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""]).encode("latin-1") + body


@pytest.mark.parametrize(
    ("known", "behaviour", "sentence"),
    [
        ({"max_size": 5}, {}, "more than 5 bytes; --max-size allows more"),
        ({"size": 5}, {}, "more than 5 bytes, which it should have"),
        ({"max_size": 5}, {"headers": {"Content-Length": None}}, "more than 5 bytes"),
        ({}, {"cut": 1000}, r"received 1000 bytes, expected 256000"),
        ({}, {"headers": {"Content-Encoding": "gzip"}}, "compressed"),
        ({}, {"headers": {"Content-Length": "many"}}, "cannot be downloaded .*Content-Length"),
        ({}, {"headers": {"Content-Length": "-1"}}, "cannot be downloaded .*Content-Length"),
        ({}, {"headers": {"Content-Length": "9" * 5000}}, "cannot be downloaded .*Content-Length"),
        ({}, {"headers": {"Content-Length": "9" * 19}}, "more than 1,000,000,000 bytes"),
        ({}, {"raw": {"/a": answer("404 Not Found")}}, "404 Not Found"),
        ({}, {"raw": {"/a": answer("503 \x1b]0;gone\x07")}}, r"503 Service Unavailable\)"),
        ({}, {"raw": {"/a": answer("404 ")}}, "404 Not Found"),
        ({}, {"raw": {"/a": answer("599 ")}}, r"\(599\)"),
        ({}, {"raw": {"/a": answer("206 Partial")}}, "206 Partial Content"),
        ({}, {"raw": {"/a": answer("9" * 5000)}}, "cannot be downloaded"),
        ({}, {"raw": {"/a": b"\0" * 99}}, "cannot be downloaded"),
        ({}, {"raw": {"/a": b""}}, "cannot be downloaded"),
        ({}, {"raw": {"/a": b"HTTP/1.1 200 OK\r\n" + b"a" * 200_000}}, "cannot be downloaded"),
        ({}, {"raw": {"/a": answer("200 OK", "A:" * 99_999)}}, "cannot be downloaded"),
        ({}, {"raw": {"/a": answer("302 Found")}}, "302 Found"),
        ({}, {"raw": {"/a": answer("302 ", "Location: ")}}, "redirects"),
        ({}, {"redirects": {"/a": "http://[::1"}}, "redirects to what is no address"),
        ({}, {"redirects": {"/a": "https://a:b/"}}, "redirects to what is no address"),
        ({}, {"redirects": {"/a": "file:///etc/passwd"}}, "is not https"),
        ({}, {"redirects": {"/a": "http://example.org/a.tar"}}, "is not https"),
        ({}, {"redirects": {"/a": "//example.org/a.tar"}}, "is not https"),
        ({}, {"redirects": {"/a": "/a"}}, "more than 5 redirects"),
    ],
)
def test_what_is_wrong_is_refused_in_a_sentence(
    site: Any,
    tmp_path: Path,
    known: dict[str, Any],
    behaviour: dict[str, Any],
    sentence: str,
) -> None:
    site.files["/a"] = CONTENT
    for name, value in behaviour.items():
        setattr(site, name, value)
    with pytest.raises(WeightsError, match=sentence) as error:
        download(f"{site.url}/a", tmp_path / "a", **{"max_size": MOST, **known})
    assert str(error.value).startswith(site.url)  # what was asked for, before any redirect
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 500


@pytest.mark.parametrize(
    "start", [b"HTTP/1.1 200 OK\r\nA: ", answer("200 OK", "Content-Length: 256000")]
)
def test_a_server_that_drips_is_left(
    start: bytes, site: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bytes that come often enough are no silence, be they of the head or of the file."""
    monkeypatch.setattr(module, "TIME_LIMIT", 1.0)
    site.raw["/a"], site.drip = start + b"a" * 256_000, 0.01
    begin = time.monotonic()
    with pytest.raises(WeightsError, match=r"not here after .* hours; get the file by other means"):
        download(f"{site.url}/a", tmp_path / "a", max_size=MOST)
    assert time.monotonic() - begin < 5


def test_a_server_that_is_too_slow_is_left(
    site: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PERIOD", 0.3)
    start = answer("200 OK", "Content-Length: 256000")
    site.raw["/a"], site.drip = start + b"a" * 256_000, 0.01
    with pytest.raises(WeightsError, match=r"less than 61,440 bytes in 0.3 seconds"):
        download(f"{site.url}/a", tmp_path / "a", max_size=MOST)


def test_no_server_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="cannot be downloaded"):
        download("http://127.0.0.1:9/a.tar", tmp_path / "a", max_size=MOST)


@pytest.mark.parametrize(
    ("url", "before"),
    [
        ("http://example.org/a", None),
        ("ftp://example.org/a", None),
        ("file:///etc/passwd", None),
        ("https:///a", None),
        ("http://localhost.example.org/a", None),
        ("http://localhost@example.org/a", None),
        ("https://[::1/a", None),
        ("https://a:b/", None),
        ("http://localhost/a", "https://example.org/a"),
        ("http://example.org/a", "https://example.org/a"),
        ("//example.org/a", "https://example.org/a"),
    ],
)
def test_addresses_that_are_refused(url: str, before: str | None) -> None:
    with pytest.raises(WeightsError, match=r"https|no address"):
        check_address(url, before)


@pytest.mark.parametrize("url", ["https://example.org/a", "http://localhost:80/", "http://[::1]/"])
def test_addresses_that_are_used(url: str) -> None:
    check_address(url)
    check_address("https://other.org/", before=url)
