"""The live page: a server on this machine alone, which only ever reads.

The standard library's server with server-sent events; every request must name this machine
as its host, so that no web page can read surfaces through a name of its own.
"""

import itertools
import json
import re
import threading
import time
import zlib
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from landscape.errors import LandscapeError
from landscape.page.catalog import Shelf
from landscape.page.html import page
from landscape.scale import ScaleKind

HOST = "127.0.0.1"
_SECONDS = 1.0  # between two looks at the files
_PING = 15.0
# A browser opens six connections to one server, for all of its tabs: some are left for answers.
_STREAMS = 3
# Whatever the port: a tunnel may end at another one.
_OUR_NAMES = re.compile(r"(127\.0\.0\.1|localhost)(:[0-9]{1,5})?")
_FIRST_PORT, _PORTS = 20_000, 12_000  # below those that systems give out by themselves


class Server(ThreadingHTTPServer):
    """Serves a shelf until it is stopped.

    Args:
        shelf: What to show.
        paths: Of what is shown, which determine the usual port.
        port: Where to listen; by default a free one, for the same surfaces the same if it can
            be, so that a page that is open finds its server again.
        scale: Of the loss, to begin with.
        maximum: Where to clip, to begin with.

    Raises:
        OSError: The port is taken.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self,
        shelf: Shelf,
        paths: Sequence[Path],
        *,
        port: int | None = None,
        scale: ScaleKind = "auto",
        maximum: float | None = None,
    ) -> None:
        try:
            super().__init__((HOST, usual_port(paths) if port is None else port), _Handler)
        except OSError:
            if port is not None:
                raise
            super().__init__((HOST, 0), _Handler)
        self._shelf = shelf
        self._options: Mapping[str, Any] = {"scale": scale, "maximum": maximum}
        self._changed = threading.Condition()
        self._number, self._index = 0, ""
        self._ended = threading.Event()
        self._tickets = itertools.count()
        self._streams: deque[int] = deque(maxlen=_STREAMS)
        self._look()

    @property
    def address(self) -> str:
        """Where the page is."""
        return f"http://{HOST}:{self.server_port}/"

    def run(self) -> None:
        """Serve until the process is interrupted."""
        watcher = threading.Thread(target=self._watch, daemon=True)
        watcher.start()
        try:
            self.serve_forever(poll_interval=0.1)
        finally:
            self._ended.set()
            with self._changed:
                self._changed.notify_all()
            self.server_close()

    def page(self) -> str:
        """Return the page's text."""
        with self._changed:
            index = json.loads(self._index)
        is_gallery = self._shelf.folder is not None
        return page(index, {}, live=True, gallery=is_gallery, **self._options)

    def content(self, identifier: str) -> Mapping[str, Any] | None:
        """Return a surface; None if no surface has that name.

        Raises:
            LandscapeError: It cannot be read.
        """
        return self._shelf.content(identifier)

    def open_stream(self) -> int:
        """Return the number of a new stream of events, which replaces the oldest of too many."""
        with self._changed:
            stream = next(self._tickets)
            self._streams.append(stream)
            self._changed.notify_all()
            return stream

    def is_replaced(self, stream: int) -> bool:
        """Return whether newer streams have taken the place of one."""
        with self._changed:
            return stream not in self._streams

    def news(self, number: int, stream: int) -> tuple[int, str] | None:
        """Return the number and the text of the newest index, once it is not ``number``.

        None when the server ends, or the stream is replaced.
        """

        def is_over() -> bool:
            return self._ended.is_set() or self.is_replaced(stream)

        with self._changed:
            self._changed.wait_for(lambda: self._number != number or is_over(), _PING)
            return None if is_over() else (self._number, self._index)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: the terminal is the scan's."""

    def _watch(self) -> None:
        seconds = _SECONDS
        while not self._ended.wait(seconds):
            began = time.monotonic()
            # A folder may vanish while it is being read, memory may be short: try again later.
            with suppress(Exception):
                self._look()
            # Looking at large surfaces must not take the time of the scan.
            seconds = max(_SECONDS, 10 * (time.monotonic() - began))

    def _look(self) -> None:
        index = json.dumps(self._shelf.index(), allow_nan=False)
        with self._changed:
            if index != self._index:
                self._number, self._index = self._number + 1, index
                self._changed.notify_all()


def usual_port(paths: Sequence[Path]) -> int:
    """Return the port that is tried first for some surfaces."""
    names = "\n".join(str(path.resolve()) for path in paths)
    return _FIRST_PORT + zlib.crc32(names.encode()) % _PORTS


class _Handler(BaseHTTPRequestHandler):
    """Answers four addresses, and refuses all others."""

    server: Server
    server_version = "landscape"
    sys_version = ""
    timeout = 60

    def do_GET(self) -> None:
        """Answer."""
        if not _OUR_NAMES.fullmatch(self.headers.get("Host") or ""):
            self._send(403, "text/plain", f"open http://{HOST}:{self.server.server_port}/\n")
            return
        try:
            address = urlsplit(self.path)
            query = parse_qs(address.query)
        except ValueError:
            self._send(400, "text/plain", "that is no address\n")
            return
        answer = self._ANSWERS.get(address.path)
        if answer is None:
            self._send(404, "text/plain", "not found\n")
        else:
            answer(self, query)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing: the terminal is the scan's."""

    def _page(self, _query: Mapping[str, Sequence[str]]) -> None:
        self._send(200, "text/html", self.server.page())

    def _surface(self, query: Mapping[str, Sequence[str]]) -> None:
        try:
            content = self.server.content(query.get("id", [""])[0])
        except LandscapeError as error:
            self._send(500, "text/plain", f"{error}\n")
            return
        if content is None:
            self._send(404, "text/plain", "no such surface\n")
        else:
            self._send(200, "application/json", json.dumps(content, allow_nan=False))

    def _events(self, _query: Mapping[str, Sequence[str]]) -> None:
        self._head(200, "text/event-stream")
        number, stream = 0, self.server.open_stream()
        while (news := self.server.news(number, stream)) is not None:
            newest, index = news
            text = f"data: {index}\n\n" if newest != number else ": nothing new\n\n"
            self.wfile.write(text.encode())
            self.wfile.flush()
            number = newest
        if self.server.is_replaced(stream):
            self.wfile.write(b"event: replaced\ndata: later\n\n")  # the page asks again, later

    def _icon(self, _query: Mapping[str, Sequence[str]]) -> None:
        self._send(204, "image/x-icon", "")

    _ANSWERS: ClassVar[Mapping[str, Callable[["_Handler", Mapping[str, Sequence[str]]], None]]] = {
        "/": _page,
        "/surface": _surface,
        "/events": _events,
        "/favicon.ico": _icon,
    }

    def _send(self, code: int, kind: str, text: str) -> None:
        content = text.encode()
        self._head(code, kind, len(content))
        self.wfile.write(content)

    def _head(self, code: int, kind: str, length: int | None = None) -> None:
        self.send_response(code)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Content-Security-Policy", "frame-ancestors 'none'")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()
