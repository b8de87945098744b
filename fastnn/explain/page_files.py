"""The files of the page, as they stand in the package, and all of them in one HTML file.

In one file the modules are data: URLs of an import map, with the same tokens as those that
`fastnn lab` serves; the core and the worker, which has no import map, stand in the record.
Nothing else can be loaded: the Content-Security-Policy names no address.
"""

from __future__ import annotations

import base64
import hashlib
import json
from html import escape
from importlib import resources
from typing import Any

from . import stripped

_KINDS = (".html", ".css", ".mjs", ".svg")
_OF_LAB_OR_RECORD = ("source-local.mjs", "message.mjs", "worker.mjs")
_MODULE = 'import "fastnn/main.mjs";'
_IN_URL = str.maketrans({"%": "%25", "#": "%23", "\n": "%0A", "\t": "%09", "\r": ""})
_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>{title}</title>
<link rel="icon" href="data:,">
<script type="importmap">{imports}</script>
</head>
<body>
<div id="fastnn"><noscript>This page needs JavaScript.</noscript></div>
<script type="text/plain" id="fastnn-style">{style}</script>
<script type="application/json" id="fastnn-record">{record}</script>
<script type="module">{module}</script>
</body>
</html>
"""


def read_page() -> dict[str, bytes]:
    """Return the files of ``fastnn/page`` by their names, as bytes; the packed one unpacked."""
    folder, found = resources.files("fastnn") / "page", {}
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if file.name.endswith(".xz"):
            import lzma  # some builds of Python lack it

            found[file.name.removesuffix(".xz")] = lzma.decompress(file.read_bytes())
        elif file.name.endswith(_KINDS):
            found[file.name] = file.read_bytes()
    return found


def one_file(files: dict[str, bytes], record: dict[str, Any], title: str) -> str:
    """Return a page as one HTML file; the same bytes for the same files and record."""
    imports = _json({"imports": _modules(files)})
    scripts = " ".join(f"'sha256-{_sha256(script)}'" for script in (imports, _MODULE))
    policy = (
        f"default-src 'none'; script-src data: blob: 'wasm-unsafe-eval' {scripts}; "
        "style-src 'unsafe-inline'; img-src data: blob:; worker-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )
    return _PAGE.format(
        policy=policy,
        title=escape(title),
        imports=imports,
        style=stripped.style(files["style.css"].decode("utf-8")).replace("</", "<\\/"),
        record=_json(record),
        module=_MODULE,
    )


def _modules(files: dict[str, bytes]) -> dict[str, str]:
    """Return the modules as URLs, by the names under which they import one another."""
    return {
        f"fastnn/{name}": "data:text/javascript;charset=utf-8," + _in_url(script_of(files, name))
        for name in files
        if name.endswith(".mjs") and name not in _OF_LAB_OR_RECORD
    }


def script_of(files: dict[str, bytes], name: str) -> str:
    """Return a script as it stands in one file."""
    return stripped.script(files[name].decode("utf-8"))


def _in_url(text: str) -> str:
    """Return text as the body of a data: URL, with no more escapes than it needs."""
    return text.translate(_IN_URL).rstrip(" ")


def _json(value: dict[str, Any]) -> str:
    """Return JSON that cannot end the script it stands in."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
