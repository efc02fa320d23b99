"""A small model's weights, a cache of their own, and a web server on this machine."""

from __future__ import annotations

import contextlib
import threading
import time
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
from posegen.plugins import catalogue
from posegen.weights.folder import WeightsConfig, join, save_weights

GENERATOR = ComponentOptions.model_validate({"name": "patn", "ngf": 4, "blocks": 1})


def weights_config(**changes: Any) -> WeightsConfig:
    told = {
        "model": "patn",
        "generator": GENERATOR,
        "encoder": ComponentOptions(name="gaussian"),
        "method": ComponentOptions(name="adversarial"),
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
    (tmp_path / "shipped.toml").write_text("schema = 1\n")
    monkeypatch.setattr(catalogue, "shipped", lambda: tmp_path / "shipped.toml")
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
    save_weights(tmp_path / "w", weights_config(), join({"generator": network}))
    return tmp_path / "w"


@dataclass
class Site:
    """What the server has, how it behaves, and what it was asked.

    Attributes:
        files: path -> content.
        cut: ends the connection after so many bytes of the next answer, once.
        headers: replace or add to an answer's; None leaves one out.
        redirects: path -> address.
        raw: path -> the whole answer, byte by byte.
        drip: seconds between single bytes of an answer, its head included.
        asked: (method and path, headers) of every request.
    """

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    cut: int | None = None
    headers: dict[str, str | None] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    raw: dict[str, bytes] = field(default_factory=dict)
    drip: float = 0
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def paths(self, method: str = "GET") -> list[str]:
        starts = f"{method} "
        return [line.removeprefix(starts) for line, _ in self.asked if line.startswith(starts)]


def handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            headers = {key.lower(): text for key, text in self.headers.items()}
            site.asked.append((f"{self.command} {path}", headers))
            if path in site.raw:
                self.send_raw(site.raw[path])
            elif path in site.redirects:
                self.send_response(302)
                self.send_header("Location", site.redirects[path])
                self.send_header("Content-Length", "0")
                self.end_headers()
            elif path not in site.files:
                self.send_error(404)
            else:
                self.send_file(site.files[path])

        def send_raw(self, content: bytes) -> None:
            try:
                for byte in content if site.drip else ():
                    self.wfile.write(bytes([byte]))
                    time.sleep(site.drip)
                self.wfile.write(b"" if site.drip else content)
            except OSError:  # whoever asked has gone
                pass
            self.close_connection = True

        def send_file(self, content: bytes) -> None:
            headers: dict[str, str | None] = {"Content-Length": str(len(content))}
            self.send_response(200)
            for key, text in {**headers, **site.headers}.items():
                if text is not None:
                    self.send_header(key, text)
            self.end_headers()
            if self.command == "GET":
                cut, site.cut = site.cut, None
                with contextlib.suppress(OSError):
                    self.wfile.write(content[:cut])

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
