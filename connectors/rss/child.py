"""What the child process does: read a feed document, or list the feeds that a web page names."""

import codecs
from collections.abc import Mapping
from typing import Any

from connectors.rss import discovery, entries, jsonfeed, reading


def read(body: bytes, args: Mapping[str, Any]) -> object:  # Any: JSON
    """Read a feed: `url`, `type` (the content type), `known` hashes and `is_plain` come in, `reading.pack` goes out."""
    known = set(args["known"])
    if body.removeprefix(codecs.BOM_UTF8).lstrip()[:1] in (b"{", b"["):
        return reading.pack(jsonfeed.read(body, args["url"], known))
    origin = entries.Origin(args["url"], args["type"], args["is_plain"])
    return reading.pack(entries.read(body, origin, known))


def work(body: bytes, args: Mapping[str, Any]) -> object:  # Any: JSON
    """Do the one of the two that `task` names."""
    return discovery.read(body, args["url"], args["type"]) if args["task"] == "discover" else read(body, args)
