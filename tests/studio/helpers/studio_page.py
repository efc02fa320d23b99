"""The studio's pages in a real browser: servers as processes, and what a user does on them."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), "")
needs_browser = pytest.mark.skipif(not BROWSER, reason="no Chromium here: apt-get install chromium")

RESULT = "figure.result"
WAIT = 120_000


class Server:
    """`posegen studio`, or another of its servers, as a process of its own."""

    def __init__(self, *options: str, command: str = "studio") -> None:
        command_line = [sys.executable, "-m", "posegen", *command.split(), *options]
        env = {**os.environ, "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(
            command_line, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=env
        )
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()
        assert "?token=" in self.address
        self.port = str(urlsplit(self.address).port)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(60)
        finally:
            self.process.kill()
            self.process.wait()
            assert self.process.stdout is not None
            self.process.stdout.close()


def opened(context: Any, address: str) -> Any:
    """Open the studio, and let a mistake in its scripts fail the test."""
    page = context.new_page()
    page.on("pageerror", lambda error: pytest.fail(f"the page: {error}"))
    page.goto(address)
    page.wait_for_selector(f"{RESULT}:not([data-serial='0'])")
    return page


def at(page: Any, joint: str) -> tuple[float, float]:
    """The middle of a joint on the screen."""
    box = page.locator(f"[data-joint={joint}] circle").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def serial(page: Any, model: int = 0) -> int:
    return int(page.locator(f"{RESULT}[data-model='{model}']").get_attribute("data-serial"))


def settled(page: Any, before: int, model: int = 0) -> None:
    """Wait for the picture of the last change: one after `before`, and none on its way."""
    page.wait_for_function(
        "([n, m]) => { const panel = document.querySelector(`figure.result[data-model='${m}']`);"
        " return +panel.dataset.serial > n && panel.ariaBusy === 'false'; }",
        arg=[before, model],
    )


def drag(page: Any, joint: str, dx: float, dy: float, steps: int = 5) -> None:
    before, (x, y) = serial(page), at(page, joint)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + dx, y + dy, steps=steps)
    page.mouse.up()
    settled(page, before)


def picture(page: Any, selector: str = f"{RESULT} img") -> Image.Image:
    url = page.locator(selector).first.get_attribute("src")
    return Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).convert("RGB")


def document(page: Any) -> dict[str, Any]:
    page.wait_for_timeout(300)  # it is kept a moment after the change
    tree: dict[str, Any] = json.loads(page.evaluate("sessionStorage.getItem('posegen-studio')"))
    return tree
