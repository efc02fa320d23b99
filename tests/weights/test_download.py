"""Downloads: continued, checked, and refused in a sentence."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from posegen.core import WeightsError
from posegen.weights.download import Wanted, check_address, download

CONTENT = bytes(range(256)) * 1000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    return tmp_path / "partial"


def wanted(site: Any, **known: Any) -> Wanted:
    site.files["/a.tar"] = CONTENT
    return Wanted(url=f"{site.url}/a.tar", **known)


def left(parts: Path) -> list[str]:
    return [path.suffix for path in sorted(parts.iterdir())]


def test_a_file_comes_whole_and_progress_is_told(site: Any, parts: Path) -> None:
    told: list[tuple[int, int]] = []
    file = download(wanted(site, sha256=DIGEST), parts, lambda *pair: told.append(pair))
    assert file.read_bytes() == CONTENT
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert left(parts) == [".part"]  # the caller moves it on


@pytest.mark.parametrize("etag", ['"one"', None])
def test_a_cut_download_goes_on_where_it_stopped(site: Any, parts: Path, etag: str | None) -> None:
    site.etag, site.cut = etag, 100_000
    order = wanted(site, sha256=DIGEST)
    with pytest.raises(WeightsError, match=r"cut off after 100,000 bytes .* to go on"):
        download(order, parts)
    assert download(order, parts).read_bytes() == CONTENT
    assert site.asked[1][1]["range"] == "bytes=100000-"
    assert site.asked[1][1].get("if-range") == etag


def test_another_version_of_the_file_is_taken_from_its_beginning(site: Any, parts: Path) -> None:
    site.cut = 1000
    with pytest.raises(WeightsError, match="cut off"):
        download(wanted(site), parts)
    order = wanted(site)
    site.files["/a.tar"], site.etag = CONTENT[::-1], '"two"'
    assert download(order, parts).read_bytes() == CONTENT[::-1]


def test_a_part_that_nobody_can_vouch_for_is_not_kept(site: Any, parts: Path) -> None:
    site.etag, site.cut = None, 1000
    with pytest.raises(WeightsError, match=r"cannot be downloaded .*bytes are missing"):
        download(wanted(site), parts)
    assert left(parts) == []
    assert download(wanted(site), parts).read_bytes() == CONTENT
    assert "range" not in site.asked[1][1]


def test_a_part_longer_than_the_file_is_begun_again(site: Any, parts: Path) -> None:
    order = wanted(site, sha256=DIGEST)
    file = download(order, parts)
    file.write_bytes(CONTENT + b"more")
    assert download(order, parts).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("known", "behaviour", "sentence"),
    [
        ({"sha256": "0" * 64}, {}, "its sha256 is .*, where 0000.* is due"),
        ({"size": 5}, {}, "256,000 bytes, where 5 are due"),
        ({"max_size": 5}, {}, "more than 5 bytes; --max-size allows more"),
        ({"max_size": 5}, {"headers": {"Content-Length": None}}, "more than 5 bytes"),
        ({"size": 300_000}, {"headers": {"Content-Length": None}}, "bytes are missing"),
        ({}, {"headers": {"Content-Encoding": "gzip"}}, "compressed"),
        ({}, {"headers": {"Content-Length": "many"}}, "a length of 'many'"),
        ({}, {"headers": {"Content-Length": "-1"}}, "a length of '-1'"),
        ({}, {"status": {"/a.tar": 404}}, "404 Not Found"),
        ({}, {"status": {"/a.tar": 503}}, "cannot be downloaded .503"),
        ({}, {"redirects": {"/a.tar": "file:///etc/passwd"}}, "is not allowed"),
        ({}, {"redirects": {"/a.tar": "http://example.org/a.tar"}}, "is not https"),
        ({}, {"redirects": {"/a.tar": "/a.tar"}}, "302"),
    ],
)
def test_what_is_wrong_is_refused_and_nothing_stays(
    site: Any, parts: Path, known: dict[str, Any], behaviour: dict[str, Any], sentence: str
) -> None:
    for name, value in behaviour.items():
        setattr(site, name, value)
    site.etag = None
    with pytest.raises(WeightsError, match=sentence) as error:
        download(wanted(site, **known), parts)
    assert str(error.value).startswith(site.url)  # what was asked for, before any redirect
    assert "\n" not in str(error.value)
    assert left(parts) == []


def test_a_server_that_goes_on_at_another_place_is_refused(site: Any, parts: Path) -> None:
    site.cut = 1000
    order = wanted(site, sha256=DIGEST)
    with pytest.raises(WeightsError):
        download(order, parts)
    site.headers = {"Content-Range": f"bytes 7-{len(CONTENT) - 1}/{len(CONTENT)}"}
    with pytest.raises(WeightsError, match="another part"):
        download(order, parts)
    assert left(parts) == []


def test_no_server_is_a_sentence(parts: Path) -> None:
    with pytest.raises(WeightsError, match="cannot be downloaded"):
        download(Wanted(url="http://127.0.0.1:9/a.tar"), parts)


@pytest.mark.parametrize(
    ("url", "before"),
    [
        ("http://example.org/a", None),
        ("ftp://example.org/a", None),
        ("file:///etc/passwd", None),
        ("https:///a", None),
        ("http://localhost.example.org/a", None),
        ("https://[::1/a", None),
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


def test_authorisation_is_not_sent_on_to_another_host(site: Any, parts: Path) -> None:
    site.files["/b"] = CONTENT
    port = site.url.rsplit(":", 1)[1]
    site.redirects = {"/same": "/b", "/other": f"http://localhost:{port}/b"}
    for path, sent in (("/same", True), ("/other", False)):
        site.asked.clear()
        download(Wanted(url=site.url + path, headers={"Authorization": "secret"}), parts)
        assert site.paths() == [path, "/b"]
        assert site.asked[0][1]["authorization"] == "secret"
        assert ("authorization" in site.asked[1][1]) == sent
