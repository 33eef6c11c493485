"""A real HTTP server on loopback for tests: answers come from a function, requests are kept."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Seen:
    """One request as the server saw it; header names are lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """What the server answers. Without a content-length among `headers` the right one is sent."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class Server:
    """A running server: `url`, `port`, `host_port`, the `seen` requests, and `answer`, which a test may change."""

    def __init__(self, answer: Callable[[Seen], Reply], host: str = "127.0.0.1") -> None:
        self.answer = answer
        self.seen: list[Seen] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # head and body are two writes; waiting for the first's receipt costs 40 ms

            def handle_any(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                headers = {name.lower(): value for name, value in self.headers.items()}
                seen = Seen(self.command, self.path, headers, self.rfile.read(length))
                server.seen.append(seen)
                reply = server.answer(seen)
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                if "content-length" not in {name.lower() for name in reply.headers} and reply.status not in (204, 304):
                    self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                if self.command != "HEAD" and reply.status not in (204, 304):
                    self.wfile.write(reply.body)

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = handle_any  # noqa: N815 the base class's names

            def log_message(self, *args: object) -> None:
                pass

            def handle(self) -> None:
                try:
                    super().handle()
                except (ConnectionError, TimeoutError):
                    self.close_connection = True

        class Quiet(ThreadingHTTPServer):
            request_queue_size = 128
            daemon_threads = True

        self._http = Quiet((host, 0), Handler)
        self.port = self._http.server_address[1]
        self.host_port = f"{host}:{self.port}"
        self.url = f"http://{self.host_port}"

    def paths(self) -> list[str]:
        """Give the paths asked for, in order."""
        return [seen.path for seen in self.seen]


@contextmanager
def serving(answer: Callable[[Seen], Reply] | Mapping[str, bytes | Reply], host: str = "127.0.0.1") -> Iterator[Server]:
    """Run a server for a while. A mapping gives path (with query) to body or reply; anything else is 404."""
    if not callable(answer):
        table = answer

        def answer(seen: Seen) -> Reply:
            found = table.get(seen.path, Reply(404))
            return found if isinstance(found, Reply) else Reply(200, found)

    server = Server(answer, host)
    thread = threading.Thread(target=server._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server._http.shutdown()
        server._http.server_close()
        thread.join()
