"""The page's life in a real browser: reloads, tabs, a dead server, the network, the screen."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
from studio_page import (
    RESULT,
    Server,
    at,
    document,
    drag,
    needs_browser,
    opened,
    picture,
    serial,
    settled,
)

pytestmark = needs_browser


def test_a_reload_loses_nothing_and_tabs_do_not_meet(
    context: Any, page: Any, server: Server
) -> None:
    drag(page, "left_wrist", 30, -60)
    page.click("#add-key")
    before = document(page)
    other = opened(context, server.address)
    drag(other, "right_wrist", -30, -60)
    page.reload()
    page.wait_for_selector(f"{RESULT}:not([data-serial='0'])")
    after = document(page)
    assert after["doc"] == before["doc"]
    assert after["past"] == before["past"]
    assert document(other)["doc"] != after["doc"]
    assert page.url.endswith(f":{server.port}/"), "the token is not left in the address"


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_and_can_be_read(browser: Any, server: Server, width: int, scheme: str) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 844}, color_scheme=scheme, has_touch=width < 600
    )
    page = opened(context, server.address)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    ground, ink = page.evaluate(
        "['backgroundColor', 'color'].map((k) => getComputedStyle(document.body)[k]"
        ".match(/\\d+/g).slice(0, 3).reduce((a, b) => a + +b, 0))"
    )
    assert (ground > ink) == (scheme == "light")
    canvas, result = (page.locator(s).first.bounding_box() for s in ("#canvas", f"{RESULT} img"))
    assert abs(canvas["y"] - result["y"]) < 60, "the picture is beside the skeleton"
    context.close()


def test_nothing_leaves_the_machine(context: Any, server: Server) -> None:
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    page = opened(context, server.address)
    drag(page, "left_wrist", 30, -60)
    page.click("text=attention")
    page.wait_for_selector("img.over:visible")
    hosts = {urlsplit(url).netloc for url in asked if not url.startswith(("data:", "blob:"))}
    assert hosts == {f"localhost:{server.port}"}


def test_the_server_may_die_and_come_back(context: Any) -> None:
    first = Server("--port", "0")
    page = opened(context, first.address)
    drag(page, "left_wrist", 30, -60)
    before, good = document(page)["doc"], picture(page).tobytes()
    first.stop()
    x, y = at(page, "right_wrist")
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 20, y - 40, steps=3)
    page.mouse.up()
    page.wait_for_selector("#status.bad")
    assert "start it again" in page.inner_text("#status")
    assert picture(page).tobytes() == good, "the last good picture stays"
    second = Server("--port", first.port)
    try:
        count = serial(page)
        context.new_page().goto(second.address)  # its token, which the old tab shares
        settled(page, count)
        assert page.locator("#status.bad").count() == 0
        assert document(page)["doc"] != before
        assert picture(page).tobytes() != good
    finally:
        second.stop()
