"""Single values of a hostile document made plain: lines, addresses, languages, text (child side). Nothing raises."""

import html as entities
import math
import re
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from listener import html, limits, urls

HTML_CHARACTERS: Final = 4 * limits.TEXT_BYTES
"""Most of one item's HTML that is read; text never needs more."""
LINE_CHARACTERS: Final = 2_000

_LANG: Final = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8}){0,3}")
_ADDRESS: Final = re.compile(r"\bhttps?://[^\s<>\"]+")
_CLOSING: Final = ".,;:!?)]}'\u2026\u201d\u2019"
_MAIL: Final = (
    re.compile(r"[^\s@]+@[^\s@()]+\s*\((.+)\)"),
    re.compile(r"([^<(@]+)[<(]\s*[^\s@<>()]+@[^\s@<>()]+\s*[>)]"),
    re.compile(r"(?:mailto:)?([^\s@]+)@[^\s@]+"),
)
"""How feeds write mail addresses: after RSS, after mail, alone."""

Item = TypeVar("Item")


def line(value: object) -> str | None:
    """Fold a text to one line of bounded length; None: no text."""
    if not isinstance(value, str):
        return None
    return " ".join(value[:LINE_CHARACTERS].split()) or None


def lines(values: Iterable[object]) -> tuple[str, ...]:
    """Fold texts to lines, each once, at most `limits.LIST_ITEMS`."""
    found = dict.fromkeys(folded for value in values if (folded := line(value)))
    return tuple(found)[: limits.LIST_ITEMS]


def title(value: object, is_html: bool) -> str | None:
    """Read a title: HTML as text; in plain ones the entities that publishers escape twice are decoded."""
    if not isinstance(value, str):
        return None
    value = value[:LINE_CHARACTERS]
    return line(html.to_text(value) if is_html else entities.unescape(value))


def author(value: object) -> str | None:
    """Read a name; of a bare mail address, what stands before the @, for addresses are not ours to show."""
    name = line(value)
    if name is None or "@" not in name:
        return name
    for pattern in _MAIL:
        if match := pattern.fullmatch(name):
            return line(match[1]) or name
    return name


def url(base: str, value: object) -> str | None:
    """Resolve an address; None: none, or none that is safe to show."""
    return urls.join(base, value) if isinstance(value, str) and value.strip() else None


def body(source: str, base: str) -> tuple[str, tuple[str, ...]]:
    """Read HTML as text and its links."""
    source = source[:HTML_CHARACTERS]
    return html.to_text(source), html.links(source, base)


def text(source: str) -> tuple[str, tuple[str, ...]]:
    """Read plain text and the addresses that stand in it."""
    source = source[:HTML_CHARACTERS].strip()
    found = (urls.safe(address.rstrip(_CLOSING)) for address in _ADDRESS.findall(source))
    return source, others(found, None)


def others(found: Iterable[str | None], own: str | None) -> tuple[str, ...]:
    """Drop the empty ones, the doubles and the item's own address; at most `limits.LIST_ITEMS` stay."""
    kept = dict.fromkeys(link for link in found if link and link != own)
    return tuple(kept)[: limits.LIST_ITEMS]


def lang(value: object) -> str | None:
    """Read a language tag (BCP 47, lower case); None: none."""
    tag = value.strip().lower().replace("_", "-") if isinstance(value, str) else ""
    return tag if _LANG.fullmatch(tag) else None


def number(value: object) -> int | None:
    """Read a count; None: none, or an absurd one."""
    text = str(value).strip() if isinstance(value, str | int) else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None


def duration_s(value: object) -> float | None:
    """Read seconds, or `HH:MM:SS`; None: neither."""
    try:
        parts = (
            [float(part) for part in str(value).strip()[:20].split(":")] if isinstance(value, str | int | float) else []
        )
    except ValueError:
        return None
    total = sum(part * 60**power for power, part in enumerate(reversed(parts)))
    return total if parts and len(parts) <= 3 and math.isfinite(total) and total >= 0 else None


def window(items: list[Item], time_of: Callable[[Item], int | None]) -> list[Item]:
    """Choose the newest `limits.PAGE_ITEMS`: the first ones, or the last ones where the oldest stand on top."""
    if len(items) <= limits.PAGE_ITEMS:
        return items
    first, last = time_of(items[0]), time_of(items[-1])
    if first is not None and last is not None and first < last:
        return items[-limits.PAGE_ITEMS :]
    return items[: limits.PAGE_ITEMS]
