"""Recorded answers served again over loopback HTTP, whole or spoilt.

A recording is found by method, path and sorted query, as its manifest says; a test may also lay one at a path of its
own, whatever the query. `spoil` changes what is served: see the faults at the end.
"""

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from tests.servers import Reply, Seen

Fault = Callable[[Seen, Reply], Reply]
Key = tuple[str, str, tuple[tuple[str, str], ...]]


@dataclass(frozen=True)
class Recording:
    """One recorded answer; `url` is None where nobody knows what it answered."""

    platform: str
    path: Path
    method: str
    url: str | None
    status: int
    headers: Mapping[str, str]

    @property
    def name(self) -> str:
        """Name it as people do: `platform/file`."""
        return f"{self.platform}/{self.path.name}"

    def reply(self) -> Reply:
        """Give it as the server will send it; its length and compression are the server's own."""
        dropped = {"content-length", "content-encoding", "transfer-encoding", "connection"}
        headers = {name: value for name, value in self.headers.items() if name.lower() not in dropped}
        return Reply(self.status, self.path.read_bytes(), headers)


def recorded(folder: Path) -> dict[str, Recording]:
    """Read every manifest under `folder`: `platform/file` to its recording."""
    found = {}
    for manifest in sorted(folder.glob("*/manifest.json")):
        for entry in json.loads(manifest.read_text()):
            request = entry["request"]
            one = Recording(
                manifest.parent.name,
                manifest.parent / entry["file"],
                request.get("method") or "GET",
                request.get("url"),
                entry["status"],
                entry.get("response_headers") or {},
            )
            found[one.name] = one
    return found


def key(method: str, url: str) -> Key:
    """Say what a request asks for: where, by which method, with which parameters, in whatever order."""
    parts = urlsplit(url)
    return method, parts.path, tuple(sorted(parse_qsl(parts.query, keep_blank_values=True)))


@dataclass
class Replay:
    """A site made of recordings; hand it to `tests.servers.serving`."""

    recordings: Iterable[Recording] = ()
    at: Mapping[str, Reply] = field(default_factory=dict)
    """Path to reply, whatever the query."""
    otherwise: Callable[[Seen], Reply] = lambda _: Reply(404)
    fault: Fault | None = None

    def __post_init__(self) -> None:
        """Index the recordings."""
        self._index = {key(one.method, one.url): one for one in self.recordings if one.url}

    def __call__(self, seen: Seen) -> Reply:
        """Answer one request."""
        found = self._index.get(key(seen.method, seen.path))
        path = urlsplit(seen.path).path
        reply = self.at[path] if path in self.at else found.reply() if found else self.otherwise(seen)
        return self.fault(seen, reply) if self.fault else reply


# Faults. Bodies that a platform would send are synthetic: our own writing after its documentation.


def says(status: int, body: bytes = b"", **headers: str) -> Fault:
    """Answer with a status instead; `retry_after="7"` becomes the header Retry-After."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _seen, _reply: Reply(status, body, named)


def sends(body: bytes, content_type: str = "application/json") -> Fault:
    """Send another body with status 200."""
    return lambda _seen, _reply: Reply(200, body, {"Content-Type": content_type})


def truncated(_seen: Seen, reply: Reply) -> Reply:
    """Send half of the body as if it were all."""
    return replace(reply, body=reply.body[: len(reply.body) // 2])


def cut(_seen: Seen, reply: Reply) -> Reply:
    """Promise the whole body and close the connection in the middle of it."""
    headers = {**reply.headers, "Content-Length": str(len(reply.body)), "Connection": "close"}
    return replace(reply, body=reply.body[: len(reply.body) // 2], headers=headers)


def drops(_seen: Seen, _reply: Reply) -> Reply:
    """Close the connection without an answer."""
    raise ConnectionAbortedError


def hangs(until: threading.Event) -> Fault:
    """Keep the client waiting until the test is over."""

    def fault(_seen: Seen, reply: Reply) -> Reply:
        until.wait(10)
        return reply

    return fault


def only(path: str, fault: Fault) -> Fault:
    """Limit a fault to paths that hold `path`."""
    return lambda seen, reply: fault(seen, reply) if path in seen.path else reply
