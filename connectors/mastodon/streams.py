"""Server-sent events of the streaming interface, and where it is. No I/O."""

from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

NEW: Final = "update"
POSTS: Final = frozenset({NEW, "status.update"})
DELETED: Final = "delete"


class Event(NamedTuple):
    """What the server says: a post (new or edited), the id of a deleted one, or nothing."""

    name: str = ""
    data: str = ""


def events(lines: Iterable[bytes]) -> Iterator[Event]:
    """Put lines together; an empty event says that the connection lives.

    Source: https://docs.joinmastodon.org/methods/streaming/, read 2026-11-23.
    """
    name, data = "", ""
    for line in lines:
        field, _, value = line.decode("utf-8", "replace").rstrip("\r\n").partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            name = value
        elif field == "data":
            data += value
        elif not line.strip() and data:
            yield Event(name, data)
            name, data = "", ""
        else:
            yield Event()


# Any: JSON of the server.
def base(instance: Any, api: str) -> str:
    """Find the server of the streams in `/api/v2/instance`; only the same host or one below it gets our token."""
    try:
        parts = urlsplit(str(instance["configuration"]["urls"]["streaming"]))
        own = urlsplit(api)
        host = parts.hostname or ""
    except (KeyError, TypeError, ValueError):
        return api
    scheme = {"wss": "https", "ws": "http"}.get(parts.scheme, parts.scheme)
    if scheme != own.scheme or not own.hostname or not f".{host}".endswith(f".{own.hostname}"):
        return api
    return f"{scheme}://{parts.netloc}"
