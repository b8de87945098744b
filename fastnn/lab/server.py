"""The server of the page: for this computer and for whoever knows the address, nobody else.

- It listens on 127.0.0.1 and takes requests for 127.0.0.1 and localhost alone: a name of another
  site that leads here (DNS rebinding) is refused by its Host.
- Every call needs the token of the page's address in a header. A page of another origin does not
  know it, and may not send that header: no answer allows it to (CORS).
- The command line of a browser is no secret on this computer: a browser that fastnn opens gets an
  address that leads to the one with the token, once.
- The page loads nothing from elsewhere and runs no script but the files of `fastnn/page`
  (Content-Security-Policy); the files are a list that is read when the server starts.
- A body is read only after all this, up to a limit. What cannot be understood is refused with one
  sentence; the server lives on.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import socketserver
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from ..explain.answers import message
from ..explain.page_files import read_page
from .session import Session

MOST_BYTES = 256 << 20  # of a call: a file that is opened
TOKEN_HEADER = "X-Fastnn-Token"
_SILENCE = 60.0  # seconds after which a connection is closed
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".wasm": "application/wasm",
    ".svg": "image/svg+xml",
}
_IMPORT_MAP = re.compile(r'<script type="importmap">(.*?)</script>', re.DOTALL)


class Server(ThreadingHTTPServer):
    """The server of one session.

    Parameters
    ----------
    session : Session
    port : int, default 0
        0 is any free one.

    Attributes
    ----------
    url : str
        The address of the page, with its token.

    Raises
    ------
    OSError
        The port is taken.
    """

    daemon_threads = True
    allow_reuse_address: bool = sys.platform != "win32"  # there it would let others take the port

    def __init__(self, session: Session, port: int = 0) -> None:
        self.session: Session = session
        self.token: str = secrets.token_urlsafe(24)
        self._ticket: str | None = secrets.token_urlsafe(24)
        self.files: dict[str, tuple[str, bytes]] = {
            f"/{name}": (_TYPES[Path(name).suffix], content)
            for name, content in read_page().items()
        }
        self.files["/"] = self.files["/index.html"]
        self.policy: str = _policy(self.files["/"][1].decode("utf-8"))
        super().__init__(("127.0.0.1", port), _Handler)
        self.hosts: set[str] = {f"{name}:{self.server_port}" for name in ("127.0.0.1", "localhost")}

    def server_bind(self) -> None:
        """Bind without a look at the names of this computer, which may take seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name: str = "127.0.0.1"
        self.server_port: int = self.server_address[1]

    @property
    def url(self) -> str:
        """The address of the page."""
        return f"http://127.0.0.1:{self.server_port}/?token={self.token}"

    @property
    def url_for_once(self) -> str:
        """The address that leads to `url` when it is asked for the first time."""
        return f"http://127.0.0.1:{self.server_port}/?open={self._ticket}"

    def take_ticket(self, query: str) -> bool:
        """Return whether a query has the ticket of `url_for_once`, which is void from then on."""
        good = self._ticket is not None and query == f"open={self._ticket}"
        if good:
            self._ticket = None
        return good

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a browser that closed its connection; of anything else, all."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """One connection: files by GET, calls by POST."""

    server: Server
    protocol_version = "HTTP/1.1"  # one connection for many calls
    server_version, sys_version = "fastnn", ""
    timeout = _SILENCE
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Send a file of the page."""
        if not self._is_for_us():
            return
        path, _, query = self.path.partition("?")
        if path == "/" and self.server.take_ticket(query):
            self._send(HTTPStatus.FOUND, "text/plain", b"", Location=self.server.url)
            return
        found = self.server.files.get(path)
        if found is None:
            self._refuse(HTTPStatus.NOT_FOUND, "there is no such file")
            return
        kind, content = found
        self._send(HTTPStatus.OK, kind, content)

    def do_POST(self) -> None:
        """Answer a call."""
        if not self._is_for_us() or not self._is_from_our_page():
            return
        name = self.path.removeprefix("/call/")
        if name == self.path:
            self._refuse(HTTPStatus.NOT_FOUND, "calls are sent to /call/NAME")
            return
        body = self._body()
        if body is None:
            return
        try:
            answer = message.pack(self.server.session.call(name, message.unpack(body)))
        except MemoryError:
            self._refuse(HTTPStatus.BAD_REQUEST, "there is not enough memory for this call")
        except (ValueError, TypeError, OSError) as error:
            self._refuse(HTTPStatus.BAD_REQUEST, str(error))
        except Exception as error:
            sentence = f"{type(error).__name__} in call {name!r}: {error}; please report this"
            print(f"fastnn: error: {sentence}", file=sys.stderr)
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, sentence)
        else:
            self._send(HTTPStatus.OK, "application/octet-stream", answer)

    # ---- checks --------------------------------------------------------------------------------

    def _is_for_us(self) -> bool:
        given = self.headers.get_all("Host") or []
        if len(given) == 1 and given[0] in self.server.hosts:
            return True
        self._refuse(HTTPStatus.FORBIDDEN, "the Host of this request is not this server's")
        return False

    def _is_from_our_page(self) -> bool:
        given = (self.headers.get(TOKEN_HEADER) or "").encode("latin-1", "replace")
        if not secrets.compare_digest(given, self.server.token.encode()):
            self._refuse(
                HTTPStatus.FORBIDDEN, "the token is not that of the address fastnn printed"
            )
            return False
        origin = self.headers.get("Origin")
        if origin is not None and origin.removeprefix("http://") not in self.server.hosts:
            self._refuse(HTTPStatus.FORBIDDEN, "this request comes from a page of another origin")
            return False
        return True

    def _body(self) -> bytes | None:
        length = self.headers.get("Content-Length") or ""
        if not (length.isascii() and length.isdigit()) or "Transfer-Encoding" in self.headers:
            self._refuse(HTTPStatus.LENGTH_REQUIRED, "a call needs the length of its message")
            return None
        if len(length) > 12 or int(length) > MOST_BYTES:
            sentence = f"a message has at most {MOST_BYTES:,} bytes, this one {length[:20]}"
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, sentence)
            return None
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            self._refuse(HTTPStatus.BAD_REQUEST, "the message is cut off")
            return None
        self._has_read = True
        return body

    # ---- answers -------------------------------------------------------------------------------

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what http.server refuses by itself, without quoting the request."""
        self._refuse(HTTPStatus(code), f"{HTTPStatus(code).phrase.lower()}")

    def _refuse(self, status: HTTPStatus, sentence: str) -> None:
        if not getattr(self, "_has_read", False):
            self.close_connection = True  # a body that nobody reads would be the next request
        kind = "text/plain; charset=utf-8"
        self._send(status, kind, sentence.encode("utf-8", "replace"))

    def _send(self, status: HTTPStatus, kind: str, content: bytes, **more: str) -> None:
        self._has_read = False
        self.send_response(status)
        for name, value in (
            ("Content-Type", kind),
            ("Content-Length", str(len(content))),
            ("Content-Security-Policy", self.server.policy),
            ("X-Content-Type-Options", "nosniff"),
            ("X-Frame-Options", "DENY"),
            ("Referrer-Policy", "no-referrer"),
            ("Cross-Origin-Opener-Policy", "same-origin"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
            ("Cache-Control", "no-store"),
            *more.items(),
        ):
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # http.server's name
        """Print no line for each request."""


def _policy(page: str) -> str:
    """Return the Content-Security-Policy: our own files, and the page's import map by its hash."""
    maps = [
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
        for text in _IMPORT_MAP.findall(page)
    ]
    return "; ".join(
        (
            "default-src 'none'",
            " ".join(("script-src 'self'", *maps)),
            "style-src 'self'",
            "img-src 'self' data: blob:",
            "connect-src 'self'",
            "worker-src 'self' blob:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )
