"""How fast the studio follows a drag, and whether its memory stays: drags in a real browser, and a
soak of plain requests.

    python scripts/studio_latency.py [--drags 200] [--soak 10000] [--weights NAME …]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
from playwright.sync_api import Page, sync_playwright

SERIALS = "() => [...document.querySelectorAll('figure.result')].map((f) => f.dataset.serial)"
LATENCIES = SERIALS.replace("serial", "latency")


def memory(process: int) -> float:
    """Resident memory in MB (Linux)."""
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    return next(int(x.split()[1]) for x in status.splitlines() if x.startswith("VmRSS")) / 1024


def cpu(process: int) -> float:
    """CPU seconds that a process has used, all threads (Linux)."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def hand(page: Page) -> tuple[float, float]:
    """Return where the left hand is on the page."""
    box = page.locator("[data-joint=left_wrist] circle").bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drags(page: Page, count: int) -> list[float]:
    """Drag a hand step by step; each waits for all models' pictures, and gives milliseconds."""
    x, y = hand(page)
    page.mouse.move(x, y)
    page.mouse.down()
    times = []
    for step in range(count):
        before = page.evaluate(SERIALS)
        page.mouse.move(x + 40 * ((step % 20) / 20), y - 6 * (1 + step % 25))
        page.wait_for_function(f"(old) => ({SERIALS})().every((n, i) => n !== old[i])", arg=before)
        times.append(max(map(float, page.evaluate(LATENCIES))))
    page.mouse.up()
    return times


def soak(address: str, count: int) -> None:
    """Ask for a picture and for an edit in turn, with the token's cookie."""
    parts = urlsplit(address)
    token = parse_qs(parts.query)["token"][0]
    cookies = {f"posegen-studio-{parts.port}": token}
    with httpx.Client(base_url=f"http://{parts.netloc}", cookies=cookies, timeout=60) as client:
        scene = client.get("/api/people/0").json()
        who = {"picture": scene["picture"], "pose": scene["pose"]}
        for number in range(count):
            moved = [[x + number % 5, y, v] for x, y, v in scene["pose"]]
            made = {"model": 0, "person": who, "poses": [moved], "overlays": number % 4 == 0}
            edit = {"what": "mirror", "pose": moved}
            path, body = ("/api/edit", edit) if number % 2 else ("/api/generate", made)
            client.post(path, json=body).raise_for_status()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--drags", type=int, default=200)
    parser.add_argument("--soak", type=int, default=10_000)
    parser.add_argument("--weights", action="append", default=[])
    options = parser.parse_args()
    command = [sys.executable, "-u", "-m", "posegen", "studio", "--port", "0"]
    command += [f"--weights={name}" for name in options.weights]
    began = time.perf_counter()
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert server.stdout is not None
    try:
        address = server.stdout.readline().strip()
        result: dict[str, object] = {
            "cores, and load at the start": [os.cpu_count(), round(os.getloadavg()[0], 2)],
            "seconds to listen": round(time.perf_counter() - began, 2),
        }
        with sync_playwright() as driver:
            path = shutil.which("chromium") or shutil.which("chromium-browser")
            browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.goto(address)
            page.wait_for_selector("figure.result:not([data-serial='0'])", timeout=120_000)
            result["seconds to the first picture"] = round(time.perf_counter() - began, 2)
            page.wait_for_function(
                "() => document.querySelectorAll('#gallery img').length === 9", timeout=120_000
            )
            for number in range(1, len(options.weights)):
                page.locator("#models input").nth(number).check()
            page.wait_for_timeout(1000)
            drags(page, 10)
            before, spent = memory(server.pid), cpu(server.pid)
            times = drags(page, options.drags)
            spent = cpu(server.pid) - spent
            result["drags"] = {
                "count": len(times),
                "p50 ms": round(statistics.median(times), 1),
                "p95 ms": round(statistics.quantiles(times, n=20)[18], 1),
                "server's CPU ms each": round(1000 * spent / len(times), 1),
                "MB before and after": [round(before), round(memory(server.pid))],
            }
            browser.close()
        if options.soak:
            soak(address, min(500, options.soak))  # caches fill
            before, began, spent = memory(server.pid), time.perf_counter(), cpu(server.pid)
            soak(address, options.soak)
            result["soak"] = {
                "requests": options.soak,
                "a second": round(options.soak / (time.perf_counter() - began), 1),
                "server's CPU ms each": round(1000 * (cpu(server.pid) - spent) / options.soak, 1),
                "MB before and after": [round(before), round(memory(server.pid))],
            }
        print(json.dumps(result, indent=2))
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
