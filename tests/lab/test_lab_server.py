"""The server of the page: who is answered, who is refused, and that it lives on."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from lab_helpers import moons

from fastnn.explain.answers import message
from fastnn.lab import server as of_server
from fastnn.lab.server import TOKEN_HEADER, Server
from fastnn.lab.session import Session


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server(Session(moons()))
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    made.session.close()
    thread.join()


def ask(
    server: Server, method: str, path: str, body: bytes | None = None, **headers: str | None
) -> tuple[int, bytes, http.client.HTTPMessage]:
    """Send a request with the headers of our page, but for those that are given."""
    page = {"Host": f"127.0.0.1:{server.server_port}", TOKEN_HEADER: server.token}
    if body is not None:
        page["Content-Length"] = str(len(body))
    page |= {name.replace("_", "-"): value for name, value in headers.items()}
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in page.items():
        if value is not None:
            connection.putheader(name, value)
    connection.endheaders()
    try:
        if body is not None:
            connection.send(body)
    except ConnectionError:
        pass  # the server has refused it already
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content, answer.headers


def call(
    server: Server, name: str, arguments: Any = None, **headers: str | None
) -> tuple[int, Any]:
    """Call as our page does; the answer is a value, or a sentence if it was refused."""
    body = message.pack({} if arguments is None else arguments)
    status, content, _ = ask(server, "POST", f"/call/{name}", body, **headers)
    return status, message.unpack(content) if status == 200 else content.decode()


def raw(server: Server, request: bytes) -> bytes:
    """Send bytes and nothing more, and return what comes back until the connection is closed."""
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=20) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
        return answer


class TestAnswers:
    def test_the_page_and_its_files_need_no_secret_and_hold_none(self, server: Server) -> None:
        for path in server.files:
            status, content, headers = ask(server, "GET", path, **{TOKEN_HEADER: None})
            assert status == 200
            assert content == server.files[path][1]
            assert server.token.encode() not in content
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["Cache-Control"] == "no-store"
        assert ask(server, "GET", "/main.mjs")[2]["Content-Type"].startswith("text/javascript")
        assert ask(server, "GET", "/?token=whatever")[1] == server.files["/"][1]

    def test_a_call_is_answered_in_the_bytes_of_the_session(self, server: Server) -> None:
        status, found = call(server, "layer", {"layer": 1})
        assert status == 200
        assert np.array_equal(found["w"], server.session.subject.net.weights[0])

    def test_one_connection_takes_many_calls(self, server: Server) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
        connection.connect()
        first = connection.sock
        for index in range(3):
            body = message.pack({"index": index})
            connection.request("POST", "/call/example", body, {TOKEN_HEADER: server.token})
            answer = connection.getresponse()
            assert message.unpack(answer.read())["index"] == index
        assert connection.sock is first
        connection.close()

    def test_the_address_may_say_localhost(self, server: Server) -> None:
        host = f"localhost:{server.server_port}"
        assert call(server, "meta", Host=host, Origin=f"http://{host}")[0] == 200

    def test_scripts_come_from_the_server_alone(self, server: Server) -> None:
        policy = ask(server, "GET", "/")[2]["Content-Security-Policy"]
        rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
        assert rules["default-src"] == "'none'"
        sources = rules["script-src"].split()
        assert sources[0] == "'self'"
        assert all(source.startswith("'sha256-") for source in sources[1:])
        assert "unsafe" not in policy
        assert "http" not in policy

    def test_a_browser_is_never_told_that_another_origin_may_read(self, server: Server) -> None:
        for method, path in (("GET", "/"), ("OPTIONS", "/call/meta"), ("POST", "/call/meta")):
            _, _, headers = ask(server, method, path, b"", Origin="http://evil.example")
            assert not [name for name in headers if name.startswith("Access-Control")]


class TestRefusals:
    """Each is refused with a status and a sentence; nothing has changed and the server lives on."""

    @pytest.fixture(autouse=True)
    def _nothing_has_changed_and_it_lives_on(self, server: Server) -> Iterator[None]:
        before = server.session.subject.net.params.copy()
        yield
        assert np.array_equal(server.session.subject.net.params, before)
        status, frame = call(server, "frame")
        assert (status, frame["step"], frame["running"]) == (200, 0, False)

    @pytest.mark.parametrize("token", [None, "", "x", "Ä", "a" * 500])
    def test_a_wrong_token(self, server: Server, token: str | None) -> None:
        status, sentence = call(server, "advance", {"steps": 1}, **{TOKEN_HEADER: token})
        assert status == 403
        assert "token" in sentence
        assert server.token not in sentence

    def test_a_token_in_the_address_of_a_call(self, server: Server) -> None:
        body = message.pack({"steps": 1})
        path = f"/call/advance?token={server.token}"
        assert ask(server, "POST", path, body, **{TOKEN_HEADER: None})[0] == 403

    @pytest.mark.parametrize(
        "host",
        [None, "", "evil.example", "127.0.0.1", "127.0.0.1:1", "127.0.0.1.evil.example:{port}",
         "127.0.0.1:{port}@evil.example", "[::1]:{port}", "0.0.0.0:{port}"],
    )  # fmt: skip
    @pytest.mark.parametrize("method", ["GET", "POST"])
    def test_another_host(self, server: Server, method: str, host: str | None) -> None:
        given = None if host is None else host.format(port=server.server_port)
        status, content, _ = ask(server, method, "/call/meta", b"", Host=given)
        assert status == 403
        assert b"Host" in content

    def test_two_hosts(self, server: Server) -> None:
        own = f"Host: 127.0.0.1:{server.server_port}\r\n"
        answer = raw(server, f"GET / HTTP/1.1\r\n{own}Host: evil.example\r\n\r\n".encode())
        assert answer.startswith(b"HTTP/1.1 403")

    @pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1:1", ""])
    def test_a_page_of_another_origin(self, server: Server, origin: str) -> None:
        status, sentence = call(server, "advance", {"steps": 1}, Origin=origin)
        assert status == 403
        assert "origin" in sentence

    def test_what_a_page_of_another_origin_may_send_without_being_asked(
        self, server: Server
    ) -> None:
        headers = {
            TOKEN_HEADER: None,
            "Origin": "http://evil.example",
            "Content-Type": "text/plain",
        }
        body = message.pack({"steps": 1})
        assert ask(server, "POST", "/call/advance", body, **headers)[0] == 403

    @pytest.mark.parametrize(
        "length", ["", "-1", "a", "1e9", "0x10", "٣", "1" * 30, str(of_server.MOST_BYTES + 1)]
    )
    def test_a_length_that_is_none_or_too_large(self, server: Server, length: str) -> None:
        request = (
            f"POST /call/meta HTTP/1.1\r\nHost: 127.0.0.1:{server.server_port}\r\n"
            f"{TOKEN_HEADER}: {server.token}\r\nContent-Length: {length}\r\n\r\n"
        )
        assert raw(server, request.encode()).split()[1] in (b"411", b"413")

    def test_chunks_instead_of_a_length(self, server: Server) -> None:
        answer = ask(server, "POST", "/call/meta", b"0\r\n\r\n", Transfer_Encoding="chunked")
        assert answer[0] == 411

    def test_a_body_that_is_cut_off(self, server: Server) -> None:
        request = (
            f"POST /call/advance HTTP/1.1\r\nHost: 127.0.0.1:{server.server_port}\r\n"
            f"{TOKEN_HEADER}: {server.token}\r\nContent-Length: 1000\r\n\r\n"
        ).encode() + message.pack({"steps": 1})
        assert raw(server, request).startswith(b"HTTP/1.1 400")

    @pytest.mark.parametrize(
        "body", [b"", b"{}", b"\0" * 100, b"\xff" * 100, message.pack([1]), message.pack("steps")]
    )
    def test_a_body_that_is_no_message(self, server: Server, body: bytes) -> None:
        status, content, _ = ask(server, "POST", "/call/advance", body)
        assert status == 400
        assert content.decode().count("\n") == 0

    @pytest.mark.parametrize(
        "name",
        ["", "nothing", "_train", "__init__", "train/x", "../train", "train?play=1", "Train"],
    )
    def test_a_call_that_there_is_not(self, server: Server, name: str) -> None:
        assert call(server, name, {"play": True})[0] == 400

    def test_a_post_that_is_no_call(self, server: Server) -> None:
        for path in ("/", "/call", "/index.html", "call/train", "*"):
            assert ask(server, "POST", path, message.pack({"play": True}))[0] == 404

    @pytest.mark.parametrize(
        "path",
        ["/../lab/server.py", "/%2e%2e/lab/server.py", "/..%2flab/server.py", "//etc/passwd",
         "/page/../../pyproject.toml", "/main.mjs/", "/main.mjs%00", "/__init__.py",
         "/.", "/call/meta",
         "file:///etc/passwd", "http://evil.example/", "/\\..\\lab", ""],
    )  # fmt: skip
    def test_a_file_that_is_not_the_page_s(self, server: Server, path: str) -> None:
        status, content, _ = ask(server, "GET", path or "x")
        assert status == 404
        assert content == b"there is no such file"

    @pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "HEAD", "CONNECT", "BREW"])
    def test_another_method(self, server: Server, method: str) -> None:
        assert ask(server, method, "/call/train")[0] == 501

    @pytest.mark.parametrize(
        "request_",
        [b"\r\n\r\n", b"\x16\x03\x01\x02\0", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
         b"GET " + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 200,
         b"GET / HTTP/1.1\r\nHost", b""],
    )  # fmt: skip
    def test_what_is_no_request(self, server: Server, request_: bytes) -> None:
        answer = raw(server, request_)
        assert not answer.startswith(b"HTTP/1.1 200")
        assert b"Traceback" not in answer

    def test_a_wrong_argument_is_told_in_a_sentence(self, server: Server) -> None:
        status, sentence = call(server, "example", {"index": 10**6})
        assert status == 400
        assert sentence == "index must be a row from 0 to 69, got 1000000"

    def test_a_mistake_of_ours_is_told_and_survived(
        self, server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def broken(self: Session, index: Any) -> Any:
            raise ZeroDivisionError("oh")

        monkeypatch.setattr(Session, "_example", broken)
        status, sentence = call(server, "example", {"index": 0})
        assert status == 500
        assert "ZeroDivisionError" in sentence
        assert sentence in capsys.readouterr().err


def test_the_address_for_a_browser_s_command_line_leads_to_the_page_once(server: Server) -> None:
    path = server.url_for_once.removeprefix(f"http://127.0.0.1:{server.server_port}")
    assert server.token not in path
    assert "Location" not in ask(server, "GET", "/?open=None")[2]
    assert "Location" not in ask(server, "GET", f"{path}x")[2]
    status, _, headers = ask(server, "GET", path)
    assert (status, headers["Location"]) == (302, server.url)
    for void in (path, "/?open=None"):
        status, _, headers = ask(server, "GET", void)
        assert (status, headers["Location"]) == (200, None)


def test_each_server_has_a_token_of_its_own() -> None:
    session = Session(moons())
    tokens = set()
    for _ in range(3):
        server = Server(session)
        tokens.add(server.token)
        assert server.url == f"http://127.0.0.1:{server.server_port}/?token={server.token}"
        assert server.server_address[0] == "127.0.0.1"
        server.server_close()
    assert len(tokens) == 3
    assert min(map(len, tokens)) >= 32


def test_a_port_that_is_taken_is_an_error() -> None:
    session = Session(moons())
    first = Server(session)
    with pytest.raises(OSError):
        Server(session, first.server_port)
    first.server_close()
