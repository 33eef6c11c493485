"""Slack's own marks in texts, to plain text and links. No I/O."""

import html
import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from listener import urls

_MARK: Final = re.compile(r"<([^<>\n]{1,3000})>")
_CODE: Final = re.compile(r"(```.*?```|`[^`\n]+`)", re.DOTALL)
_STRESS: Final = tuple(re.compile(rf"(?<!\w){sign}([^{sign}\n]+){sign}(?!\w)") for sign in (r"\*", "_", "~"))


class Written(NamedTuple):
    """A plain text and what stood in it."""

    text: str
    links: tuple[str, ...]
    mentions: tuple[str, ...]


def plain(text: str, names: Mapping[str, str]) -> Written:
    """Read a text; `names`: user ids to names."""
    links: dict[str, None] = {}
    mentions: dict[str, None] = {}

    def shown(match: re.Match[str]) -> str:
        mark, _, label = match[1].partition("|")
        kind, rest = mark[:1], mark[1:]
        if kind == "@":
            name = names.get(rest) or label or rest
            mentions[f"@{name}"] = None
            return f"@{name}"
        if kind == "#":
            return f"#{label or rest}"
        if kind == "!":
            return label or f"@{rest.partition('^')[0]}"
        url = urls.safe(html.unescape(mark))
        if url is not None:
            links[url] = None
        return label or mark.removeprefix("mailto:")

    pieces = _CODE.split(text)  # prose and code in turn
    for number, piece in enumerate(pieces):
        stressed = piece.strip("`").strip("\n") if number % 2 else _unstressed(piece)
        pieces[number] = html.unescape(_MARK.sub(shown, stressed))
    return Written("".join(pieces), tuple(links), tuple(mentions))


def _unstressed(text: str) -> str:
    # Addresses hold such signs too: what is between < and > stays as it is.
    parts = re.split(r"(<[^<>\n]{1,3000}>)", text)
    for number in range(0, len(parts), 2):
        for pattern in _STRESS:
            parts[number] = pattern.sub(r"\1", parts[number])
    return "".join(parts)


def blocks(value: Any, depth: int = 0) -> list[str]:
    """List the texts of blocks and attachments, for messages that have none of their own."""
    if depth > 12:
        return []
    if isinstance(value, list):
        return [text for one in value for text in blocks(one, depth + 1)]
    if not isinstance(value, dict):
        return []
    own = [value[key] for key in ("pretext", "title", "text") if isinstance(value.get(key), str)]
    inner = [text for key in ("text", "fields", "elements", "blocks") for text in blocks(value.get(key), depth + 1)]
    return [*own, *inner] or [text for text in (value.get("fallback"),) if isinstance(text, str)]
