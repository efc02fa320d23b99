"""A studio with a small model and people of two colours, behind its guard."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

pytest.importorskip("starlette")

from starlette.testclient import TestClient
from starlette.types import ASGIApp
from studio_page import BROWSER, WAIT, Server, opened

from posegen.api import dataset
from posegen.config import experiment, preset
from posegen.config.parts import build_encoder, build_method, task_of
from posegen.data.posing import PeopleFinder, build_finder
from posegen.studio.app import Studio
from posegen.studio.models import Models
from posegen.studio.pairs import Pairs
from posegen.studio.scenes import Scenes
from posegen.studio.security import Guard
from posegen.weights.folder import WeightsConfig, join, save_weights

TOKEN = "the-token-of-the-tests"
PORT = 8765
SIZE = (64, 32)

Client = Callable[..., TestClient]


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two small models with random weights."""
    folder = tmp_path_factory.mktemp("models")
    changes = [f"data.image_size={list(SIZE)}", "generator.ngf=4", "generator.blocks=2"]
    config = experiment(preset("patn", "demo"), overrides=changes)
    encoder = build_encoder(config.encoder)
    task = task_of(dataset("people", "test", image_size=SIZE), encoder)
    written = []
    for seed, name in enumerate(("one", "two")):
        torch.manual_seed(seed)
        method = build_method(config, task)
        networks = {key: method.networks[key] for key in method.shared}
        for parameter in method.networks["generator"].parameters():
            parameter.data *= 8 if parameter.dim() == 4 else 1  # so that a pose makes a difference
        facts = {"step": 10, "images": 40, "average": False}
        described = WeightsConfig.of_run(config, task, networks, facts)
        save_weights(folder / name, described, join(networks))
        written.append(folder / name)
    return written


@pytest.fixture(scope="session")
def studio(small: list[Path]) -> Studio:
    def finder() -> PeopleFinder:
        return build_finder("movenet", {}, "cpu", models.first.skeleton)

    models = Models([str(path) for path in small], "cpu")
    people = dataset("people", "test", image_size=SIZE)
    pairs = Pairs(people, models, ["ssim", "l1"])
    return Studio(models, Scenes(SIZE, models.first.skeleton, people, finder), pairs)


@pytest.fixture(scope="session")
def application(studio: Studio) -> ASGIApp:
    return studio.application()


@pytest.fixture
def client(application: ASGIApp) -> Client:
    """Make a client; by default of this machine, with the token's cookie."""

    def make(
        host: str = "127.0.0.1", cookie: bool = True, app: ASGIApp | None = None
    ) -> TestClient:
        guard = Guard(app or application, token=TOKEN, host=host, port=PORT)
        cookies = {guard.cookie: TOKEN} if cookie else {}
        return TestClient(guard, base_url=f"http://localhost:{PORT}", cookies=cookies)

    return make


@pytest.fixture(scope="session")
def photo() -> bytes:
    """A photo-like picture of an embedded person, larger than the models' pictures."""
    pair = dataset("people", "test", image_size=(256, 128))[0]
    picture = Image.fromarray(pair.source.permute(1, 2, 0).contiguous().numpy())
    wide = Image.new("RGB", (256, 256), picture.getpixel((2, 2)))
    wide.paste(picture, (64, 0))
    buffer = io.BytesIO()
    wide.save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """`posegen studio` with what it shows by itself."""
    one = Server("--port", "0")
    yield one
    one.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        one = driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield one
        one.close()


@pytest.fixture
def context(browser: Any) -> Iterator[Any]:
    one = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    one.set_default_timeout(WAIT)
    yield one
    one.close()


@pytest.fixture
def page(context: Any, server: Server) -> Any:
    """The studio in a tab of its own."""
    return opened(context, server.address)
