"""Fixtures of the tests of the page: a browser, and pages that a local server or a file feeds.

Debian's Chromium is driven by Playwright. Both are optional: without one the tests skip. A page
that asks another host for anything, logs an error or raises one, fails the test that opened it.
"""

from __future__ import annotations

import functools
import http.server
import lzma
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest
from page_helpers import CORE, FILES, NO_CORE
from page_networks import NETWORKS

from fastnn.explain.answers.subject import Subject
from fastnn.lab.server import Server
from fastnn.lab.session import Session

LOCAL = ("http://127.0.0.1:", "file:", "data:", "blob:", "about:")

Open = Callable[..., Any]


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium, one for all tests."""
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright is installed")
    # The first is the same browser without windows, which opens a page in two thirds of the time.
    names = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
    program = next(filter(None, map(shutil.which, names)), None)
    if program is None:
        pytest.skip("there is no Chromium: apt-get install chromium-headless-shell")
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=program, args=["--no-sandbox"] if root else []
        )
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """An empty tab; whatever goes wrong in it fails the test."""
    context = browser.new_context()
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
    page.on(
        "console",
        lambda line: wrong.append(f"console: {line.text}") if line.type == "error" else None,
    )
    page.on(
        "request",
        lambda asked: None if asked.url.startswith(LOCAL) else wrong.append(f"asked {asked.url}"),
    )
    yield page
    context.close()
    assert not wrong, "\n".join(wrong)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    extensions_map: ClassVar[dict[str, str]] = {
        ".mjs": "text/javascript",
        ".css": "text/css",
    }

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        if self.path == "/core.wasm":
            self.send_response(200)
            self.send_header("Content-Type", "application/wasm")
            self.end_headers()
            self.wfile.write(lzma.decompress(CORE.read_bytes()))
            return None
        if self.path not in ("/", "/favicon.ico"):
            return super().do_GET()
        names = {f"fastnn/{file.name}": f"./{file.name}" for file in FILES.glob("*.mjs")}
        text = (
            "<!doctype html><link rel=icon href='data:,'><script type=importmap>"
            + str({"imports": names}).replace("'", '"')
            + "</script>"
        )
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(text.encode())
        return None


@pytest.fixture(scope="session")
def site() -> Iterator[str]:
    """The address of an empty document that can import the page's modules."""
    handler = functools.partial(_Quiet, directory=str(FILES))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture
def modules(page: Any, site: str) -> Any:
    """A tab on that document; skips where the core for the browser was not built."""
    if not CORE.is_file():
        pytest.skip(NO_CORE)
    page.goto(site)
    return page


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
def open_page(browser: Any, lab: Callable[[str], Server]) -> Iterator[Open]:
    """``open_page(network, state, **options of the context)`` returns the page when it is ready."""
    contexts: list[Any] = []
    troubles: list[str] = []

    def opened(network: str, state: str = "", *, wide: int = 1280, **options: Any) -> Any:
        server = lab(network)
        context = browser.new_context(viewport={"width": wide, "height": 900}, **options)
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
