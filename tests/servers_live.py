"""Servers that go on talking, on loopback, for tests of streams: an endless HTTP body, and a WebSocket."""

import base64
import hashlib
import logging
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Response
from websockets.sync.server import ServerConnection, serve

from tests.hostile.servers import RawServer, Talk, asked


@dataclass
class Live:
    """A running server: `port`, the headers of each request (lower case), how many connections are open now."""

    host: str
    port: int
    seen: list[Mapping[str, str]] = field(default_factory=list)
    open: int = 0
    stop: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def host_port(self) -> str:
        return f"{self.host}:{self.port}"

    def url(self, scheme: str, path: str = "/") -> str:
        return f"{scheme}://{self.host_port}{path}"

    @contextmanager
    def counted(self, headers: Mapping[str, str]) -> Iterator[None]:
        with self._lock:
            self.seen.append({name.lower(): value for name, value in headers.items()})
            self.open += 1
        try:
            yield
        finally:
            with self._lock:
                self.open -= 1


class Stream:
    """One answer under way: `say` sends a piece of body, unless the client has gone (ConnectionError)."""

    def __init__(self, handler: BaseHTTPRequestHandler, server: Live) -> None:
        self._handler = handler
        self.path = handler.path
        self.server = server

    def start(self, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        """Send the head; the body is in chunks."""
        self._handler.send_response(status)
        for name, value in {"Transfer-Encoding": "chunked", **(headers or {})}.items():
            self._handler.send_header(name, value)
        self._handler.end_headers()

    def say(self, body: bytes) -> None:
        """Send one chunk."""
        self._handler.wfile.write(b"%x\r\n%s\r\n" % (len(body), body))

    def end(self) -> None:
        """End the body in order."""
        self._handler.wfile.write(b"0\r\n\r\n")

    def hold(self) -> None:
        """Say nothing more until the client goes or the server stops."""
        self._handler.connection.settimeout(0.05)
        while not self.server.stop.is_set():
            with suppress(TimeoutError):
                if not self._handler.connection.recv(1_024):
                    return


@contextmanager
def streaming(talk: Callable[[Stream], None], host: str = "127.0.0.7") -> Iterator[Live]:
    """Answer each GET by `talk`, which may go on as long as it likes; afterwards the connection is closed."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            with live.counted(self.headers), suppress(ConnectionError):
                talk(Stream(self, live))
            self.close_connection = True

        def log_message(self, *args: object) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

    http = Quiet((host, 0), Handler)
    live = Live(host, http.server_address[1])
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield live
    finally:
        live.stop.set()
        http.shutdown()
        http.server_close()
        thread.join()


def turned_away(status: int, headers: Mapping[str, str]) -> Response:
    """Make the answer of a handshake that fails."""
    return Response(status, HTTPStatus(status).phrase, Headers({"Content-Length": "0", **headers}), b"")


@contextmanager
def websocket(
    talk: Callable[[ServerConnection, Live], None],
    host: str = "127.0.0.7",
    refuse: Response | None = None,
    **options: Any,
) -> Iterator[Live]:
    """Run `talk` for each WebSocket; `refuse` answers the handshake instead."""
    quiet = logging.getLogger("tests.silent")
    quiet.disabled = True

    def process(connection: ServerConnection, request: Any) -> Response | None:
        if refuse is not None:
            live.seen.append({name.lower(): value for name, value in request.headers.raw_items()})
        return refuse

    def handle(connection: ServerConnection) -> None:
        assert connection.request is not None
        with live.counted(dict(connection.request.headers.raw_items())), suppress(ConnectionClosed):
            talk(connection, live)

    options = {"compression": None, "ping_interval": None, "close_timeout": 1, "logger": quiet, **options}
    server = serve(handle, host, 0, process_request=process, **options)
    live = Live(host, server.socket.getsockname()[1])
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield live
    finally:
        live.stop.set()
        server.shutdown()
        thread.join()


def frame(payload: bytes, opcode: int = 1, final: bool = True, claimed: int | None = None) -> bytes:
    """Write one frame of a server by hand; `claimed` lies about its length."""
    length = len(payload) if claimed is None else claimed
    first = bytes([(0x80 if final else 0) | opcode])
    if length < 126:
        return first + bytes([length]) + payload
    return first + b"\x7f" + length.to_bytes(8) + payload


def speaks(*pieces: bytes, every_s: float = 0.0, hold: bool = True) -> Talk:
    """Shake hands, send these bytes whatever they are, and then be silent or hang up."""

    def talk(connection: socket.socket, server: RawServer) -> None:
        head = asked(connection, server)
        key = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key")).split()[1]
        accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        upgrade = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        connection.sendall(upgrade + b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
        for piece in pieces:
            connection.sendall(piece)
            server.stop.wait(every_s)
        if hold:
            server.stop.wait(30)

    return talk
