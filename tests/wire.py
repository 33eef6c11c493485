"""Services whose addresses are fixed, met on this machine: the plugins stay as they are, only names lead elsewhere.

`notify` runs in the child process in the place of `listener.services.notify`. Every host name but this machine's own
is looked up as the receiver of a test, which speaks real TLS under the services' names; its authority is trusted.
"""

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from listener import services
from tests.hostile.servers import authority
from tests.servers import Reply, Seen, Server, serving

HOSTS = ("hooks.slack.com", "discord.com", "api.telegram.org", "teams.example.org", "chat.googleapis.com")
_look_up = socket.getaddrinfo


def notify(body: bytes, args: Mapping[str, Any]) -> dict[str, Any]:
    """Send as the program does, with `wire=PORT,CA` at the end of the address saying where names lead."""
    url, _, place = args["url"].rpartition("wire=")
    port, _, trusted = unquote(place).partition(",")

    def found(host: str, asked: int, *rest: Any, **more: Any) -> Any:
        return _look_up("127.0.0.1", int(port) if host != "127.0.0.1" else asked, *rest, **more)

    socket.getaddrinfo = found  # type: ignore[assignment]
    os.environ["REQUESTS_CA_BUNDLE"] = trusted
    return services.notify(body, {**args, "url": url.rstrip("?&")})


class Wire:
    """The receiver, and how an address is led to it."""

    def __init__(self, server: Server, trusted: Path) -> None:
        self.server, self._trusted = server, trusted

    def led(self, url: str) -> str:
        sign = "&" if "?" in url else "?"
        return f"{url}{sign}wire={quote(f'{self.server.port},{self._trusted}', safe='')}"


@contextmanager
def wired(folder: Path) -> Iterator[Wire]:
    """Run a receiver that bears the services' names."""
    ca = authority(folder)
    with serving(taken) as server:
        server._http.socket = ca.context(*HOSTS).wrap_socket(server._http.socket, server_side=True)
        yield Wire(server, ca.ca_file)


def taken(seen: Seen) -> Reply:
    """Answer as these services do when all is well."""
    if "/sendMessage" in seen.path:
        return Reply(200, b'{"ok": true, "result": {"message_id": 1}}')
    return Reply(204) if "/api/webhooks/" in seen.path else Reply(200, b"ok")
