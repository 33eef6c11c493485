"""Read an export of one's own data: connections, messages, shares, comments, invitations."""

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from connectors.linkedin.columns import FIELDS, KINDS
from connectors.linkedin.files import EXPORT
from connectors.linkedin.posts import PLATFORM, permalink
from listener import urls
from listener.html import to_text
from listener.types import Account, Feed, Follow, Page, Post, Reject

HEADER_ROWS: Final = 10
"""A header stands within these; notes may come before it."""
PAGE_ROWS: Final = 500
FIELD_CHARS: Final = 131_072
FORMS: Final = (
    "%Y-%m-%d %H:%M:%S UTC",
    "%Y-%m-%d %H:%M:%S",
    "%m/%d/%y, %I:%M %p",
    "%m/%d/%Y, %I:%M %p",
    "%m/%d/%y, %H:%M",
)
_URN: Final = re.compile(r"urn:li:(?:share|ugcPost|activity):\d+")
_COMMENT: Final = re.compile(r"urn:li:comment:\((?:urn:li:)?(activity|ugcPost|share):(\d+),(\d+)\)")
_HTML: Final = re.compile(r"<(?:p|br|div|a|span|li|ul)\b[^>]{0,500}>", re.IGNORECASE)

Row = Mapping[str, str]


def read(path: Path) -> Iterator[tuple[Feed, Page]]:
    """Yield the pages of every file that we know, each kind as a feed of its own."""
    for name, content in EXPORT.files(path):
        yield from _table(name, content)


@dataclass
class _Held:
    """What waits for a page."""

    posts: dict[str, Post] = field(default_factory=dict)
    follows: list[Follow] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)

    def page(self) -> Page:
        return Page(tuple(self.posts.values()), rejects=tuple(self.rejects), follows=tuple(self.follows))


def _table(name: str, content: bytes) -> Iterator[tuple[Feed, Page]]:
    kind, rows = _rows(content)
    if kind is None:
        return
    feed = Feed(0, PLATFORM, f"export/{kind}", PLATFORM, title=f"LinkedIn export: {kind}")
    held, count = _Held(), 0
    for number, row in rows:
        if count and count % PAGE_ROWS == 0:
            yield feed, held.page()
            held = _Held()
        count += 1
        if isinstance(row, str):
            held.rejects.append(Reject(None, f"{name}, row {number}: {row}", ""))
            continue
        found = READERS[kind](row)
        if isinstance(found, Follow):
            held.follows.append(found)
        elif found is not None:
            held.posts[found.native_id] = found
    yield feed, held.page()


def _rows(content: bytes) -> tuple[str | None, Iterator[tuple[int, Row | str]]]:
    """Find the header, and with it the kind of table; None: none that we know."""
    csv.field_size_limit(FIELD_CHARS)
    reader = csv.reader(io.StringIO(_decoded(content), newline=""))
    try:
        for number in range(1, HEADER_ROWS + 1):
            cells = next(reader, None)
            if cells is None:
                break
            names = [FIELDS.get(" ".join(cell.strip("\ufeff ").lower().split()), "") for cell in cells]
            kind = next((one for one, needed in KINDS.items() if needed <= set(names)), None)
            if kind is not None:
                return kind, _read_on(reader, names, number)
    except csv.Error:
        pass
    return None, iter(())


def _read_on(reader: Iterator[list[str]], names: Sequence[str], number: int) -> Iterator[tuple[int, Row | str]]:
    while True:
        number += 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield number, "it is no row of a CSV file"
            continue
        row = {name: cell.strip() for name, cell in zip(names, cells, strict=False) if name}
        if any(row.values()):
            yield number, row


def _decoded(content: bytes) -> str:
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16", "replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


# one row of each kind


def _connection(row: Row) -> Follow | None:
    name = " ".join(part for part in (row.get("first"), row.get("last")) if part)
    account = _person(name, row.get("url", ""))
    return Follow(account) if account else None


def _message(row: Row) -> Post | None:
    text, conversation = _plain(row.get("content", "")), row.get("conversation", "")
    subject = row.get("subject") or None
    if not (text or subject):
        return None
    marks = (conversation, row["from"], row["date"], row.get("content", ""))
    thread = f"conversation/{conversation}" if conversation else None
    url = f"https://www.linkedin.com/messaging/thread/{conversation}/" if conversation else None
    return Post(
        PLATFORM,
        f"message/{_hash(*marks)}",
        url=urls.safe(url),
        account=_person(row["from"], row.get("from_url", "")),
        title=subject,
        text=text,
        published_at=when(row["date"]),
        thread=thread,
        mentions=tuple(one.strip() for one in row.get("to", "").split(",") if one.strip()),
        community=row.get("conversation_title") or None,
        visibility="direct",
    )


def _share(row: Row) -> Post | None:
    link = unquote(row.get("link", ""))
    urn = _URN.search(link)
    # Lines of a commentary come each in quotes of its own.
    text = row.get("commentary", "").replace('"\r\n"', "\n").replace('"\n"', "\n").strip()
    shared = urls.safe(row.get("shared_url"))
    if not (text or shared or urn):
        return None
    visibility = row.get("visibility", "").upper()
    return Post(
        PLATFORM,
        urn[0] if urn else f"share/{_hash(row.get('date', ''), text, link)}",
        url=permalink(urn[0]) if urn else urls.safe(link),
        text=text,
        published_at=when(row.get("date", "")),
        links=(shared,) if shared else (),
        visibility="public" if visibility in ("MEMBER_NETWORK", "PUBLIC") else "followers" if visibility else None,
    )


def _comment(row: Row) -> Post | None:
    link, text = unquote(row.get("link", "")), row.get("message", "").strip()
    if not text:
        return None
    comment, root = _COMMENT.search(link), _URN.search(link)
    named = f"urn:li:comment:(urn:li:{comment[1]}:{comment[2]},{comment[3]})" if comment else None
    return Post(
        PLATFORM,
        named or f"comment/{_hash(row.get('date', ''), link, text)}",
        url=urls.safe(row.get("link")),
        kind="reply",
        text=text,
        published_at=when(row.get("date", "")),
        in_reply_to=root[0] if root else None,
        thread=root[0] if root else None,
    )


def _invitation(row: Row) -> Post | None:
    text = row.get("message", "").strip()
    if not text:
        return None
    return Post(
        PLATFORM,
        f"invitation/{_hash(row['from'], row.get('to', ''), row.get('sent', ''))}",
        url=_profile(row.get("from_url", "")),
        account=_person(row["from"], row.get("from_url", "")),
        text=text,
        published_at=when(row.get("sent", "")),
        mentions=(row["to"],) if row.get("to") else (),
        visibility="direct",
    )


READERS: Final[Mapping[str, Callable[[Row], Post | Follow | None]]] = {
    "connections": _connection,
    "messages": _message,
    "shares": _share,
    "comments": _comment,
    "invitations": _invitation,
}


def when(value: str) -> datetime | None:
    """Read a time in any of the forms of exports, all of them UTC; None: in none of them."""
    value = " ".join(value.replace("\u202f", " ").split())
    try:
        moment = datetime.fromisoformat(value)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        pass
    for form in FORMS:
        try:
            return datetime.strptime(value, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    return None


def _person(name: str, url: str) -> Account | None:
    """Give an account: the end of a profile's address names it; without one, only the name does."""
    profile = _profile(url)
    slug = unquote(urlsplit(profile).path).strip("/") if profile else ""
    if not (slug or name):
        return None
    handle = slug.removeprefix("in/") or None
    return Account(PLATFORM, slug or f"name/{name}", handle=handle, name=name or None, url=profile)


def _profile(url: str) -> str | None:
    safe = urls.safe(url)
    return safe.split("?")[0].rstrip("/") if safe else None


def _plain(text: str) -> str:
    return to_text(text) if _HTML.search(text) else text.strip()


def _hash(*parts: str) -> str:
    return blake2b("\x1f".join(parts).encode("utf-8", "replace"), digest_size=16).hexdigest()
