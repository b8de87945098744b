"""Pages on one tab, fed by a server and a network of their own, which a test may train."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from lab_helpers import SUBJECTS

from fastnn import SGD
from fastnn.lab.server import Server
from fastnn.lab.session import Session
from fastnn.lab.trainer import Settings


@dataclass
class Opened:
    """A page on one tab, the session that feeds it, and the calls that it has made."""

    page: Any
    session: Session
    X: Any
    y: Any
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def arguments(self, name: str) -> list[dict[str, Any]]:
        """The arguments of each call of a name."""
        return [given for called, given in self.calls if called == name]

    def text(self, place: str) -> str:
        """The text of the first element at a place."""
        found: str = self.page.locator(place).first.text_content()
        return found

    def rows(self, place: str) -> list[list[str]]:
        """The texts of the cells of a table."""
        found: list[list[str]] = self.page.locator(f"{place} table").evaluate(
            "table => [...table.rows].map(row => [...row.cells].map(cell => cell.textContent))"
        )
        return found

    def behind(self, place: str) -> list[list[str]]:
        """The cells of a table behind a picture, without its head."""
        details = self.page.locator(f"{place} details.behind")
        if details.get_attribute("open") is None:
            details.locator("summary").click()
        details.locator("tbody tr").first.wait_for()
        return self.rows(f"{place} details.behind")[1:]

    def click(self, name: str) -> None:
        """Press the button of a name in the tab that is shown."""
        self.page.get_by_role("button", name=name, exact=True).click()


@contextmanager
def opened(browser: Any, network: str, state: str) -> Iterator[Opened]:
    """Open a page without motion; whatever goes wrong in it fails the test."""
    subject = SUBJECTS[network]()
    session = Session(subject, Settings(SGD(0.5), 10))
    calls: list[tuple[str, dict[str, Any]]] = []
    answer = session.call

    def call(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        calls.append((name, arguments))
        return answer(name, arguments)

    session.call = call  # type: ignore[method-assign]
    server = Server(session)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    context = browser.new_context(reduced_motion="reduce", accept_downloads=True)
    page = context.new_page()
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    try:
        page.goto(f"{server.url}#{state}")
        page.wait_for_selector("#fastnn[data-ready]")
        yield Opened(page, session, *subject.training, calls)
    finally:
        context.close()
        server.shutdown()
        server.server_close()
        session.close()
        thread.join()
    assert not troubles
