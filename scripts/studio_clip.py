"""Record a drag in the studio for the README, from the real page in a real browser.

python scripts/studio_clip.py docs/images/studio.webp
"""

from __future__ import annotations

import io
import math
import shutil
import subprocess
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright
from studio_latency import hand

#: Columns of the clip, and milliseconds of a frame.
WIDTH, PAUSE = 760, 90


def path(count: int) -> list[tuple[float, float]]:
    """The way of a hand from where it hangs, up beside the head and back, in pixels of the page."""
    there = [
        math.pi * 0.82 * (1 - math.cos(math.pi * step / count)) / 2 for step in range(count + 1)
    ]
    return [(150 * math.sin(turn), 150 * (math.cos(turn) - 1)) for turn in there + there[-2::-1]]


def frames(page: Page) -> list[Image.Image]:
    """Drag the left hand, and take a picture of the page after each step."""
    x, y = hand(page)
    page.mouse.move(x, y)
    page.mouse.down()
    taken = []
    for right, down in path(16):
        page.mouse.move(x + right, y - abs(down))
        page.wait_for_timeout(250)  # the page follows in less on a machine that does nothing else
        shown = page.locator("figure.result").first.bounding_box()
        assert shown is not None
        clip = {"x": 0, "y": 0, "width": shown["x"] + shown["width"] + 20, "height": 830}
        taken.append(Image.open(io.BytesIO(page.screenshot(clip=clip))).convert("RGB"))
    page.mouse.up()
    return taken


def main() -> None:
    out = Path(sys.argv[1])
    command = [sys.executable, "-m", "posegen", "studio", "--port", "0"]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server,
        sync_playwright() as p,
    ):
        try:
            assert server.stdout is not None
            address = next(line.strip() for line in server.stdout if line.startswith("http"))
            browser = p.chromium.launch(executable_path=shutil.which("chromium"))
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.goto(address)
            page.wait_for_timeout(8000)  # the gallery is drawn
            first, *rest = [
                one.resize((WIDTH, round(one.height * WIDTH / one.width)), Image.Resampling.LANCZOS)
                for one in frames(page)
            ]
            browser.close()
        finally:
            server.terminate()
    first.save(out, save_all=True, append_images=rest, duration=PAUSE, loop=0, quality=75, method=6)


if __name__ == "__main__":
    main()
