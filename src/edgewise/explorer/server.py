"""A page on the loopback interface: the standard library's server, events out as a stream, what is done in by POST.

Who may talk to it: a program of this user that knows the token in the address. A page of another origin may not, not
even one whose name was made to lead here (DNS rebinding): the Host header must name the loopback interface and our
port, a POST must come from our own page, and our page loads nothing from elsewhere.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import threading
from collections import deque
from collections.abc import Callable, Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from edgewise.errors import ParameterError
from edgewise.explorer.arrays import to_json

_MOST_BYTES = 4 << 20  # of a POST
_MOST_STREAMS = 4  # browsers hold six connections to a host, and edits need one
_WAITING = 2  # messages for a slow page; the newest win
_HEARTBEAT_SEC = 10.0
_TIMEOUT_SEC = 20.0  # of a connection that says nothing
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Channel:
    """What is on its way to one page: the newest value of every key, and the newest messages."""

    def __init__(self, page: str) -> None:
        self.page = page
        self._values: dict[str, Any] = {}
        self._messages: deque[Any] = deque(maxlen=_WAITING)
        self._backlog: deque[Any] = deque()
        self._closed = False
        self._news = threading.Condition()

    def put(self, event: dict[str, Any]) -> None:
        """Hand over an event; never waits."""
        with self._news:
            if "key" in event:
                self._values[event["key"]] = event
            else:
                self._messages.append(event)
            self._news.notify()

    def catch_up(self, events: list[dict[str, Any]]) -> None:
        """Hand over events none of which may be dropped."""
        with self._news:
            self._backlog.extend(events)
            self._news.notify()

    def close(self) -> None:
        """End the stream."""
        with self._news:
            self._closed = True
            self._news.notify()

    def __iter__(self) -> Iterator[dict[str, Any] | None]:
        """Events as they come; None where nothing has come for a while."""
        while True:
            with self._news:
                self._news.wait_for(self._has_news, _HEARTBEAT_SEC)
                events = [*self._backlog, *self._values.values(), *self._messages]
                self._backlog.clear()
                self._values.clear()
                self._messages.clear()
                closed = self._closed
            yield from events or [None] * (not closed)
            if closed:
                return

    def _has_news(self) -> bool:
        return bool(self._closed or self._backlog or self._values or self._messages)


class ExplorerServer:
    """Serves one page, and passes on what it and Python tell each other.

    Args:
        document: makes the HTML, at every load.
        receive: called with what the page sends: `{"key", "value"}`, with `"page"` where it says which one it is, or
            `{"message"}`; from another thread.
        port: 0 for any free one.
        remembered: the events that a page must hear when it is loaded.

    Attributes:
        url: the address, with its token.
        port: the port.

    Raises:
        ParameterError: the port is not one, or is taken.
    """

    def __init__(
        self,
        document: Callable[[], str],
        receive: Callable[[dict[str, Any]], None] = lambda event: None,
        port: int = 0,
        remembered: Callable[[], list[dict[str, Any]]] = list,
    ) -> None:
        self.document, self.receive, self.remembered = document, receive, remembered
        self.token = secrets.token_urlsafe(24)
        self._channels: list[Channel] = []
        self._tickets: set[str] = set()
        self._lock = threading.Lock()
        try:
            self._server = _Server(("127.0.0.1", port), _Handler)
        except (OSError, OverflowError) as error:
            raise ParameterError(f"port {port} cannot be used ({error}). Take 0 for any free port.") from error
        self._server.explorer = self
        self.port: int = self._server.server_address[1]
        self.hosts = {f"127.0.0.1:{self.port}", f"localhost:{self.port}"}
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)

    @property
    def url(self) -> str:
        """`http://127.0.0.1:PORT/TOKEN/`."""
        return f"http://127.0.0.1:{self.port}/{self.token}/"

    def start(self) -> None:
        """Serve, in a thread."""
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        with self._lock:
            for channel in self._channels:
                channel.close()
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def set(self, key: str, value: Any, known_to: str | None = None) -> None:
        """Tell every page the newest value of a key, but not the one that knows it."""
        self._tell({"key": key, "value": value}, known_to)

    def send(self, message: dict[str, Any]) -> None:
        """Send every page a message; a page that is slow gets only the newest."""
        self._tell({"message": message})

    def _tell(self, event: dict[str, Any], known_to: str | None = None) -> None:
        with self._lock:
            for channel in self._channels:
                if known_to is None or channel.page != known_to:
                    channel.put(event)

    def ticket(self) -> str:
        """An address that leads to the page once: whoever reads it in a list of processes comes too late."""
        self._tickets.add(ticket := secrets.token_urlsafe(24))
        return f"http://127.0.0.1:{self.port}/once/{ticket}"

    def takes(self, ticket: str) -> bool:
        """Whether a ticket is good; it is not any more then."""
        with self._lock:
            known = ticket in self._tickets
            self._tickets.discard(ticket)
        return known

    @contextlib.contextmanager
    def channel(self, page: str) -> Iterator[Channel]:
        """A page's stream while it lasts; of too many the oldest, perhaps of a page long gone, is told and closed."""
        own = Channel(page)
        with self._lock:
            if len(self._channels) >= _MOST_STREAMS:
                oldest = self._channels.pop(0)
                oldest.put({"key": "closed", "value": True})
                oldest.close()
            own.catch_up(self.remembered())
            self._channels.append(own)
        try:
            yield own
        finally:
            with self._lock:
                if own in self._channels:
                    self._channels.remove(own)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    explorer: ExplorerServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that breaks is the other side's business."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]
    timeout = _TIMEOUT_SEC

    def do_GET(self) -> None:
        where = self._admitted()
        if where == "":
            self._answer(self.server.explorer.document().encode("utf-8"), "text/html; charset=utf-8")
        elif where == "events":
            self._stream()
        elif where is not None:
            self._refuse(HTTPStatus.NOT_FOUND, "there is nothing here")

    def do_POST(self) -> None:
        where = self._admitted()
        if where is None:
            return None
        if where != "post":
            return self._refuse(HTTPStatus.NOT_FOUND, "there is nothing here")
        own = self.server.explorer
        if self.headers.get("Origin") not in {f"http://{host}" for host in own.hosts}:
            return self._refuse(HTTPStatus.FORBIDDEN, "only the explorer's own page may send")
        event = self._body()
        if event is not None:
            own.receive(event)
            self._answer(b"", "text/plain", HTTPStatus.NO_CONTENT)
        return None

    def _admitted(self) -> str | None:
        """What is asked for behind the token; None, with the answer given, for who has no business here."""
        own = self.server.explorer
        if self.headers.get_all("Host") not in [[host] for host in own.hosts]:
            return self._refuse(HTTPStatus.FORBIDDEN, "this is not the host you are looking for")
        token, _, rest = self.path.split("?")[0].lstrip("/").partition("/")
        if self.command == "GET" and token == "once" and own.takes(rest):
            self._head(HTTPStatus.SEE_OTHER, {"Location": f"/{own.token}/", "Content-Length": "0"})
            return None
        if not secrets.compare_digest(token.encode("utf-8", "replace"), own.token.encode()):
            return self._refuse(HTTPStatus.FORBIDDEN, "the address lacks the right token; see where it was printed")
        return rest

    def _body(self) -> dict[str, Any] | None:
        """The event of a POST; None, with the answer given, if it is not one."""
        length = self.headers.get("Content-Length", "")
        if self.headers.get("Content-Type", "").split(";")[0].strip() != "application/json":
            return self._refuse(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "events are JSON")
        if not (length.isascii() and length.isdigit()):
            return self._refuse(HTTPStatus.LENGTH_REQUIRED, "say how long it is")
        if len(length) > 9 or int(length) > _MOST_BYTES:
            return self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"at most {_MOST_BYTES} bytes")
        try:
            event = json.loads(self.rfile.read(int(length)), parse_constant=_no_constant)
        except (ValueError, RecursionError):
            return self._refuse(HTTPStatus.BAD_REQUEST, "this is not JSON")
        known = isinstance(event, dict) and (
            (set(event) == {"message"} and isinstance(event["message"], dict))
            or (set(event) - {"page"} == {"key", "value"} and isinstance(event["key"], str))
        )
        return event if known else self._refuse(HTTPStatus.BAD_REQUEST, "this is not an event")

    def _stream(self) -> None:
        with self.server.explorer.channel(self.path.partition("?")[2]) as channel:
            self._head(HTTPStatus.OK, {"Content-Type": "text/event-stream"})
            for event in channel:
                line = ":\n\n" if event is None else f"data: {to_json(event)}\n\n"
                self.wfile.write(line.encode("ascii"))
                self.wfile.flush()

    def _answer(self, body: bytes, kind: str, status: HTTPStatus = HTTPStatus.OK) -> None:
        self._head(status, {"Content-Type": kind, "Content-Length": str(len(body))})
        self.wfile.write(body)

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        self._answer(f"{why}\n".encode("ascii"), "text/plain; charset=utf-8", status)

    def _head(self, status: HTTPStatus, headers: dict[str, str]) -> None:
        self.send_response_only(status)
        for name, value in {**_HEADERS, **headers, "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the base class says of a malformed request, without a page of its own."""
        with contextlib.suppress(OSError):
            self._refuse(HTTPStatus(code), "this request cannot be understood")

    def log_message(self, *_: Any) -> None:
        """Nothing: stderr belongs to the command."""


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
