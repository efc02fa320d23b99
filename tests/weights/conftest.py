"""A small model's weights, a cache of their own, and a web server on this machine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch

import posegen
from posegen.config import ComponentOptions
from posegen.config.parts import build_generator
from posegen.core import TaskInfo
from posegen.weights.folder import WeightsConfig, save_weights

GENERATOR = ComponentOptions.model_validate({"name": "patn", "ngf": 4, "blocks": 1})


def weights_config(**changes: Any) -> WeightsConfig:
    told = {
        "model": "patn",
        "generator": GENERATOR,
        "encoder": ComponentOptions(name="gaussian"),
        "image_size": (32, 16),
        "packages": {"posegen": posegen.__version__, "posegen-patn": "0.1.0"},
    }
    return WeightsConfig(**{**told, **changes})


def picture_of(model: str | Path) -> bytes:
    """The pixels that a model makes of a fixed picture and fixed poses."""
    points = torch.tensor([[float(i % 16), float(i + 5), 1.0] for i in range(18)])
    image = torch.arange(3 * 32 * 16).reshape(3, 32, 16).remainder(255).byte()
    return posegen.load_model(model).generate(image, points, points.flip(0)).tobytes()


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test sees this machine's weights, catalogues or proxies."""
    monkeypatch.setenv("POSEGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
    for name in ("POSEGEN_REGISTRY", "POSEGEN_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "cache" / "weights"


@pytest.fixture
def config() -> Callable[..., WeightsConfig]:
    return weights_config


@pytest.fixture
def picture() -> Callable[[str | Path], bytes]:
    return picture_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of weights."""
    torch.manual_seed(0)
    network = build_generator(GENERATOR, TaskInfo((32, 16), 18))
    save_weights(tmp_path / "w", weights_config(), network.state_dict())
    return tmp_path / "w"


@dataclass
class Site:
    """What the server has, how it behaves, and what it was asked.

    Attributes:
        files: path -> content.
        etag: sent with every file; the server continues a file only under the same one.
        cut: ends the connection after so many bytes of the next answer, once.
        headers: replace or add to an answer's; None leaves one out.
        redirects: path -> address.
        status: path -> an error's number.
        asked: (path, headers) of every request.
    """

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    etag: str | None = '"one"'
    cut: int | None = None
    headers: dict[str, str | None] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    status: dict[str, int] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]


def handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            site.asked.append((path, {key.lower(): text for key, text in self.headers.items()}))
            if path in site.redirects:
                self.send_response(302)
                self.send_header("Location", site.redirects[path])
                self.send_header("Content-Length", "0")
                self.end_headers()
            elif path in site.status or path not in site.files:
                self.send_error(site.status.get(path, 404))
            else:
                self.send_file(site.files[path])

        def send_file(self, content: bytes) -> None:
            start, asked = 0, self.headers.get("Range")
            same = self.headers.get("If-Range") in (None, site.etag)
            if asked and same:
                start = int(asked.removeprefix("bytes=").removesuffix("-"))
                if start >= len(content):
                    self.send_error(416)
                    return
            headers: dict[str, str | None] = {"Content-Length": str(len(content) - start)}
            headers["ETag"] = site.etag
            if start:
                headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            self.send_response(206 if start else 200)
            for key, text in {**headers, **site.headers}.items():
                if text is not None:
                    self.send_header(key, text)
            self.end_headers()
            cut, site.cut = site.cut, None
            self.wfile.write(content[start : None if cut is None else start + cut])

    return Handler


@pytest.fixture
def site() -> Iterator[Site]:
    """A web server on this machine."""
    made = Site()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(made))
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    server.shutdown()
    server.server_close()
    thread.join()
