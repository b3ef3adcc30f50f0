"""The local server: who gets in, and that nothing stops it."""

import http.client
import json
import socket
import threading
import time

import pytest

from edgewise.errors import ParameterError
from edgewise.explorer.server import Channel, ExplorerServer

PAGE = "<!doctype html><title>hello</title>"


class Served:
    def __init__(self):
        self.heard = []
        self.server = ExplorerServer(lambda: PAGE, self.heard.append, remembered=lambda: [{"key": "a", "value": 1}])
        self.server.start()
        self.host = f"127.0.0.1:{self.server.port}"
        self.path = f"/{self.server.token}/"

    def ask(self, method="GET", path=None, body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=10)
        try:
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, self.path if path is None else path, body, {"Host": self.host, **sent})
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), answer.headers
        finally:
            connection.close()

    def post(self, event, **headers):
        sent = {"Origin": f"http://{self.host}", "Content_Type": "application/json", **headers}
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        return self.ask("POST", self.path + "post", body, **sent)

    def raw(self, data: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=10) as connection:
            connection.settimeout(0.3)
            try:
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
                return connection.recv(4096)
            except OSError:
                return b""


@pytest.fixture
def served():
    own = Served()
    yield own
    own.server.close()


def test_the_page_and_its_headers(served):
    status, body, headers = served.ask()
    assert (status, body) == (200, PAGE)
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "Server" not in headers
    assert "Access-Control-Allow-Origin" not in headers
    assert served.server.url == f"http://127.0.0.1:{served.server.port}/{served.server.token}/"


def test_it_listens_on_the_loopback_interface_only(served):
    assert served.server._server.server_address[0] == "127.0.0.1"
    # The loopback net is wider than the one address: a listener on all interfaces would answer here.
    with pytest.raises(OSError):  # noqa: PT011 refused, or no such address
        socket.create_connection(("127.0.0.2", served.server.port), timeout=1)


@pytest.mark.parametrize("path", ["/", "/wrong/", "/events", "//", "/%00/", "/../", "/%C3%A9/"])
def test_a_wrong_token_is_refused(served, path):
    status, body, _ = served.ask(path=path)
    assert status == 403
    assert served.server.token not in body


def test_tokens_cannot_be_guessed(served):
    other = ExplorerServer(lambda: PAGE)
    try:
        assert len(served.server.token) >= 32
        assert other.token != served.server.token
    finally:
        other.close()


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "0.0.0.0:{port}", ""]
)
def test_a_name_that_was_made_to_lead_here_is_refused(served, host):
    """DNS rebinding: the token is right, the Host header is that of the other site."""
    host = host.format(port=served.server.port)
    assert served.ask(Host=host)[0] == 403
    assert served.post({"message": {}}, Host=host, Origin=f"http://{host}")[0] == 403
    assert served.heard == []


def test_two_host_headers_are_refused(served):
    lines = f"GET {served.path} HTTP/1.1\r\nHost: {served.host}\r\nHost: evil.example\r\n\r\n"
    assert b" 403 " in served.raw(lines.encode())
    assert b" 403 " in served.raw(f"GET {served.path} HTTP/1.0\r\n\r\n".encode())


def test_localhost_is_a_name_of_this_machine(served):
    assert served.ask(Host=f"localhost:{served.server.port}")[0] == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "https://{host}", "http://{host}.evil.example", None]
)
def test_a_post_of_another_page_is_refused(served, origin):
    headers = {} if origin is None else {"Origin": origin.format(host=served.host)}
    body = json.dumps({"message": {"type": "steer", "action": "stop"}}).encode()
    status, _, answered = served.ask("POST", served.path + "post", body, Content_Type="application/json", **headers)
    assert status == 403
    assert "Access-Control-Allow-Origin" not in answered
    assert served.heard == []


def test_our_own_page_is_heard(served):
    events = [{"key": "edits", "value": [1]}, {"message": {"type": "steer"}}]
    assert [served.post(event)[0] for event in events] == [204, 204]
    assert served.heard == events


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", {}, 400),
        (b"\xff", {}, 400),
        (b"[" * 100_000, {}, 400),
        (b"NaN", {}, 400),
        (b'{"key": 1, "value": 2}', {}, 400),
        (b'{"message": 1}', {}, 400),
        (b'{"message": {}, "more": 1}', {}, 400),
        (b"[]", {}, 400),
        (b"{}", {"Content_Type": "text/plain"}, 415),
        (b"{}", {"Content_Length": "-1"}, 411),
        (b"{}", {"Content_Length": "99999999999999999999"}, 413),
        (b"{}", {"Content_Length": str(1 << 30)}, 413),
    ],
)
def test_what_is_no_event_is_refused(served, body, headers, status):
    assert served.post(body, **headers)[0] == status
    assert served.heard == []


def test_other_methods_and_places(served):
    assert served.ask("PUT")[0] == 501
    assert served.ask("OPTIONS", Origin="http://evil.example")[0] == 501
    assert served.ask(path=served.path + "etc/passwd")[0] == 404
    assert served.ask("POST", served.path, b"")[0] == 404


def stream(served):
    connection = http.client.HTTPConnection("127.0.0.1", served.server.port, timeout=10)
    connection.request("GET", served.path + "events", headers={"Host": served.host})
    return connection, connection.getresponse()


def events_of(answer, count):
    found = []
    while len(found) < count:
        line = answer.readline()
        if line.startswith(b"data: "):
            found.append(json.loads(line[6:]))
    return found


def test_events_reach_the_page(served):
    connection, answer = stream(served)
    try:
        assert answer.headers["Content-Type"] == "text/event-stream"
        assert events_of(answer, 1) == [{"key": "a", "value": 1}], "what a page must know when it is loaded"
        served.server.set("training", {"name": "</script>"})
        served.server.send({"type": "frame"})
        assert events_of(answer, 2) == [
            {"key": "training", "value": {"name": "</script>"}},
            {"message": {"type": "frame"}},
        ]
    finally:
        connection.close()


def test_a_slow_page_gets_the_newest():
    channel = Channel("")
    channel.catch_up([{"message": n} for n in range(5)])
    for n in range(100):
        channel.put({"message": n})
        channel.put({"key": "training", "value": n})
    got = [next(iter(channel))]
    events = iter(channel)
    channel.put({"message": 100})
    assert got == [{"message": 0}]
    assert next(events) == {"message": 100}


def test_of_too_many_pages_the_oldest_is_let_go(served):
    streams = [stream(served) for _ in range(12)]
    try:
        assert len(served.server._channels) <= 4, "a browser has six connections to a host, and edits need one"
        assert events_of(streams[-1][1], 1)
        told = events_of(streams[0][1], 2)  # else its EventSource would come back, and let go the next one
        assert told[-1] == {"key": "closed", "value": True}
    finally:
        for connection, _ in streams:
            connection.close()


def test_a_ticket_leads_to_the_page_once(served):
    """A browser is started with it: the address itself would stand in every list of processes."""
    path = "/once/" + served.server.ticket().rsplit("/", 1)[1]
    assert served.server.token not in path
    status, _, headers = served.ask(path=path)
    assert (status, headers["Location"]) == (303, served.path)
    assert served.ask(path=path)[0] == 403
    assert served.ask(path="/once/")[0] == 403
    assert served.ask("POST", path="/once/" + served.server.ticket().rsplit("/", 1)[1])[0] == 403


def test_a_page_is_not_told_what_it_said(served):
    pages = [http.client.HTTPConnection("127.0.0.1", served.server.port, timeout=10) for _ in range(2)]
    try:
        for page, name in zip(pages, ("p", "q"), strict=True):
            page.request("GET", f"{served.path}events?{name}", headers={"Host": served.host})
        answers = [page.getresponse() for page in pages]
        assert all(events_of(answer, 1) for answer in answers)
        served.server.set("edits", [1], "p")
        served.server.set("edits", [2])
        assert events_of(answers[0], 1) == [{"key": "edits", "value": [2]}]
        assert events_of(answers[1], 1)[0]["key"] == "edits"
        assert served.post({"key": "edits", "value": [3], "page": "p"})[0] == 204
        assert served.heard == [{"key": "edits", "value": [3], "page": "p"}]
    finally:
        for page in pages:
            page.close()


def test_the_end_of_the_server_ends_the_streams(served):
    connection, answer = stream(served)
    events_of(answer, 1)
    threading.Timer(0.1, served.server.close).start()
    assert answer.read().strip() == b""
    connection.close()


def malformed(served) -> list[bytes]:
    good = f"GET {served.path} HTTP/1.1\r\nHost: {served.host}\r\n".encode()
    post = f"POST {served.path}post HTTP/1.1\r\nHost: {served.host}\r\nOrigin: http://{served.host}\r\n".encode()
    some = [
        b"",
        b"\r\n",
        b"\x00" * 300,
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1 again\r\n\r\n",
        b"G" * 70_000 + b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS
        good + b"A: " + b"b" * 70_000 + b"\r\n\r\n",
        good + b"A: b\r\n" * 200 + b"\r\n",
        good + b"no colon\r\n\r\n",
        good[:-10],
        post + b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{",
        post + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        post + b"Content-Type: application/json\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        good.replace(b"GET", b"POST") + b"\r\n",
        good.replace(b" /", b" http://evil.example/") + b"\r\n",
        good.replace(b"HTTP/1.1", b"HTTP/0.9") + b"\r\n",
        "GET /\u2028 HTTP/1.1\r\nHost: \u00fc\r\n\r\n".encode(),
        good.replace(b"Host: ", b"Host:\x00") + b"\r\n",
    ]
    return [data + b"\xff" * n for n in range(10) for data in some]


def test_two_hundred_malformed_requests_leave_it_serving(served):
    requests = malformed(served)
    assert len(requests) == 200
    for data in requests:
        served.raw(data)
    assert served.heard == []
    assert served.ask()[:2] == (200, PAGE)
    assert served.post({"message": {}})[0] == 204


def test_a_connection_that_says_nothing_blocks_nobody(served):
    silent = [socket.create_connection(("127.0.0.1", served.server.port)) for _ in range(20)]
    try:
        start = time.monotonic()
        assert served.ask()[0] == 200
        assert time.monotonic() - start < 5
    finally:
        for connection in silent:
            connection.close()


@pytest.mark.parametrize("port", [-1, 70_000])
def test_a_port_that_is_none(port):
    with pytest.raises(ParameterError, match=rf"port {port} cannot be used"):
        ExplorerServer(lambda: PAGE, port=port)


def test_a_port_that_is_taken(served):
    with pytest.raises(ParameterError, match="Take 0 for any free port"):
        ExplorerServer(lambda: PAGE, port=served.server.port)
