"""Fixtures of the tests of the page: a browser, and pages that a local server feeds.

Without Playwright or a Chromium these tests are skipped. Whatever a page asks of another address
fails the test, and so does an error in it.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from page_networks import NETWORKS

from fastnn.explain.answers.subject import Subject
from fastnn.lab.server import Server
from fastnn.lab.session import Session

api = pytest.importorskip("playwright.sync_api", reason="the page is tested where playwright is")

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)

Open = Callable[..., Any]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A browser."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium: apt-get install chromium")
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"] if root else []
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def lab() -> Iterator[Callable[[str], Server]]:
    """A server of each network by its name, started when it is asked for."""
    servers: dict[str, Server] = {}

    def of(name: str) -> Server:
        if name not in servers:
            server = Server(Session(Subject(*NETWORKS[name]()), title=name))
            threading.Thread(target=server.serve_forever, daemon=True).start()
            servers[name] = server
        return servers[name]

    yield of
    for server in servers.values():
        server.shutdown()
        server.server_close()
        server.session.close()


@pytest.fixture
def open_page(chromium: Any, lab: Callable[[str], Server]) -> Iterator[Open]:
    """``open_page(network, state, **options of the context)`` returns the page when it is ready."""
    contexts: list[Any] = []
    troubles: list[str] = []

    def opened(network: str, state: str = "", *, wide: int = 1280, **options: Any) -> Any:
        server = lab(network)
        context = chromium.new_context(viewport={"width": wide, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda m: troubles.append(m.text) if m.type == "error" else None)
        ours = f"http://127.0.0.1:{server.server_port}/"
        page.on(
            "request",
            lambda r: (
                None if r.url.startswith((ours, "data:", "blob:")) else troubles.append(r.url)
            ),
        )
        page.goto(f"{server.url}#{state}")
        page.wait_for_selector("#fastnn[data-ready]")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not troubles
