"""The live page: a server on this machine alone, which only ever reads.

The standard library's server with server-sent events; every request must name this machine
as its host, so that no web page can read surfaces through a name of its own.
"""

import json
import threading
import zlib
from collections.abc import Callable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from landscape.interactive.page import page
from landscape.interactive.shelf import Shelf
from landscape.scale import ScaleKind

HOST = "127.0.0.1"
_SECONDS = 1.0  # between two looks at the files
_PING = 15.0
_FIRST_PORT, _PORTS = 20_000, 12_000  # below those that systems give out by themselves


class Server(ThreadingHTTPServer):
    """Serves a shelf until it is stopped.

    Args:
        shelf: What to show.
        port: Where to listen; by default a free one, for the same surfaces the same if it can
            be, so that a page that is open finds its server again.
        scale: Of the loss, to begin with.
        maximum: Where to clip, to begin with.

    Raises:
        OSError: The port is taken.
    """

    daemon_threads = True

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
            self.server_close()

    def page(self) -> str:
        """Return the page's text."""
        with self._changed:
            index = json.loads(self._index)
        is_gallery = self._shelf.folder is not None
        return page(index, {}, live=True, gallery=is_gallery, **self._options)

    def content(self, identifier: str) -> Mapping[str, Any] | None:
        """Return a surface; None where there is none of that name."""
        with self._changed:
            return self._shelf.content(identifier)

    def news(self, number: int) -> tuple[int, str]:
        """Return the number and the text of the newest index, once it is not ``number``."""
        with self._changed:
            self._changed.wait_for(lambda: self._number != number, _PING)
            return self._number, self._index

    def _watch(self) -> None:
        while not self._ended.wait(_SECONDS):
            self._look()

    def _look(self) -> None:
        with self._changed:
            index = json.dumps(self._shelf.index(), allow_nan=False)
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
        port = self.server.server_port
        if self.headers.get("Host") not in (f"{HOST}:{port}", f"localhost:{port}"):
            self._send(403, "text/plain", f"open http://{HOST}:{port}/ instead\n")
            return
        address = urlsplit(self.path)
        answer = self._ANSWERS.get(address.path)
        if answer is None:
            self._send(404, "text/plain", "there is nothing here\n")
            return
        try:
            answer(self, parse_qs(address.query))
        except (BrokenPipeError, ConnectionResetError, TimeoutError):
            self.close_connection = True  # the page was closed

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing: the terminal is the scan's."""

    def _page(self, _query: Mapping[str, Sequence[str]]) -> None:
        self._send(200, "text/html", self.server.page())

    def _surface(self, query: Mapping[str, Sequence[str]]) -> None:
        content = self.server.content(query.get("id", [""])[0])
        if content is None:
            self._send(404, "text/plain", "there is no such surface\n")
        else:
            self._send(200, "application/json", json.dumps(content, allow_nan=False))

    def _events(self, _query: Mapping[str, Sequence[str]]) -> None:
        self._head(200, "text/event-stream")
        number = 0
        while True:
            newest, index = self.server.news(number)
            text = f"data: {index}\n\n" if newest != number else ": nothing new\n\n"
            self.wfile.write(text.encode())
            self.wfile.flush()
            number = newest

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
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()
