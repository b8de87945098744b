"""The files of the page, as they stand in the package."""

from __future__ import annotations

from importlib import resources

_KINDS = (".html", ".css", ".mjs", ".wasm", ".svg")


def read_page() -> dict[str, bytes]:
    """Return the files of ``fastnn/page`` by their names, as bytes."""
    folder = resources.files("fastnn") / "page"
    return {
        file.name: file.read_bytes()
        for file in sorted(folder.iterdir(), key=lambda file: file.name)
        if file.name.endswith(_KINDS)
    }
