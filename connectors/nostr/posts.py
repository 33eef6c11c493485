"""Make posts of events. No I/O.

Sources: NIP-01, 10 (replies), 18 (reposts, quotes), 23 (articles), 24 (profiles), 32 (labels), 36 (warnings), 40
(expiry), 92 (media), https://github.com/nostr-protocol/nips, read 2026-11-23.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

from connectors.nostr import codes
from connectors.nostr.events import Event
from connectors.nostr.queries import ARTICLE, PAGES, REPOSTS
from listener import urls
from listener.types import Account, Kind, Media, Post

PLATFORM: Final = "nostr"
_REFERENCE: Final = re.compile(r"(?:nostr:)?\b((?:npub|nprofile|note|nevent|naddr)1[02-9ac-hj-np-z]{6,2000})\b")
_MEDIA: Final = re.compile(r"\.(jpe?g|png|gif|webp|avif|svg|mp4|webm|mov|m3u8|mp3|ogg|m4a)$", re.IGNORECASE)
_MIMES: Final[Mapping[str, str]] = {
    "jpg": "image/jpeg", "jpeg": "image/jpeg", "png": "image/png", "gif": "image/gif", "webp": "image/webp",
    "avif": "image/avif", "svg": "image/svg+xml", "mp4": "video/mp4", "webm": "video/webm", "mov": "video/quicktime",
    "mp3": "audio/mpeg", "ogg": "audio/ogg", "m4a": "audio/mp4", "m3u8": "application/vnd.apple.mpegurl",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Profile:
    """What an author says of themselves."""

    name: str | None = None
    is_bot: bool | None = None


def profile(event: Event) -> Profile:
    """Read a profile; one that cannot be read says nothing."""
    try:
        said = json.loads(event.content)
        name = next(
            (one for key in ("display_name", "name") if isinstance(one := said.get(key), str) and one.strip()), None
        )
        return Profile(name.strip() if name else None, said["bot"] if isinstance(said.get("bot"), bool) else None)
    except (ValueError, AttributeError, RecursionError):
        return Profile()


def native_id(event: Event) -> str:
    """Name an event: by its id, or by its address where its author may replace it."""
    return f"{ARTICLE}:{event.pubkey}:{event.value('d') or ''}" if event.kind == ARTICLE else event.id


def post(event: Event, profiles: Mapping[str, Profile]) -> Post:
    """Read a note, an article or a repost."""
    if event.kind in REPOSTS:
        return _repost(event, profiles)
    root, parent = _thread(event)
    quoted = next((value for value in event.values("q") if _names_a_post(value)), None)
    kind: Kind = "reply" if parent else "quote" if quoted else "post"
    created_at = _when(event.created_at)
    first_at = _published(event) or created_at
    written = [url for one in urls.written_in(event.content) if (url := urls.safe(one))]
    return Post(
        PLATFORM,
        native_id(event),
        url=_page(event),
        account=account(event.pubkey, profiles),
        kind=kind,
        title=event.value("title") if event.kind == ARTICLE else None,
        text=_readable(event.content, profiles),
        lang=_lang(event),
        published_at=min(first_at, created_at),
        edited_at=created_at if event.kind == ARTICLE and created_at > first_at else None,
        in_reply_to=parent,
        thread=root or (None if parent else native_id(event)),
        refers_to=quoted if kind == "quote" else None,
        mentions=tuple(codes.npub(one) for one in dict.fromkeys(event.values("p")) if codes.HEX.fullmatch(one)),
        links=tuple(dict.fromkeys(url for url in written if not _is_media(url))),
        tags=tuple(dict.fromkeys(value.lower() for value in event.values("t") if value.strip())),
        media=_media(event, written),
        visibility="public",
        warning=_warning(event),
    )


def account(key: str, profiles: Mapping[str, Profile]) -> Account:
    """Give an author: the key never changes; the name is what they say themselves."""
    known, npub = profiles.get(key, Profile()), codes.npub(key)
    return Account(PLATFORM, key, npub, known.name, f"{PAGES}/{npub}", is_bot=known.is_bot)


def reposted(event: Event) -> object:
    """Give the event that a repost carries, unchecked; None: it carries none."""
    try:
        return json.loads(event.content) if event.content.startswith("{") else None
    except (ValueError, RecursionError):
        return None


def _repost(event: Event, profiles: Mapping[str, Profile]) -> Post:
    address = next((value for value in event.values("a") if value.startswith(f"{ARTICLE}:")), None)
    target = address or next((value for value in event.values("e") if codes.HEX.fullmatch(value)), None)
    if target is None:
        raise ValueError("a repost of nothing")
    return Post(
        PLATFORM,
        event.id,
        url=_page(event),
        account=account(event.pubkey, profiles),
        kind="repost",
        published_at=_when(event.created_at),
        refers_to=target,
        visibility="public",
    )


def _thread(event: Event) -> tuple[str | None, str | None]:
    """Find the first post of the thread, and the one replied to, by marks or by the older rule of places."""
    named = [tag for tag in event.tags if len(tag) > 1 and tag[0] == "e" and codes.HEX.fullmatch(tag[1])]
    marked = {tag[3]: tag[1] for tag in reversed(named) if len(tag) > 3 and tag[3] in ("root", "reply")}
    if marked:
        return marked.get("root", marked.get("reply")), marked.get("reply", marked.get("root"))
    plain = [tag[1] for tag in named if len(tag) < 4 or not tag[3]]
    return (plain[0], plain[-1]) if plain else (None, None)


def _names_a_post(value: str) -> bool:
    return codes.HEX.fullmatch(value) is not None or value.startswith(f"{ARTICLE}:")


def _page(event: Event) -> str:
    if event.kind == ARTICLE:
        return f"{PAGES}/{codes.naddr(ARTICLE, event.pubkey, event.value('d') or '')}"
    return f"{PAGES}/{codes.nevent(event.id, event.pubkey)}"


def _readable(content: str, profiles: Mapping[str, Profile]) -> str:
    """Put names in place of keys, and addresses that open in place of codes of posts."""

    def one(match: re.Match[str]) -> str:
        found = codes.read(match[1])
        if found is None:
            return match[0]
        if found.kind in ("npub", "nprofile"):
            name = profiles.get(found.value, Profile()).name
            return f"@{name or codes.npub(found.value)[:14] + '…'}"
        return f"{PAGES}/{match[1]}" if match[0].startswith("nostr:") else match[0]

    return _REFERENCE.sub(one, content)


def _published(event: Event) -> datetime | None:
    said = event.value("published_at") or ""
    return _when(int(said)) if event.kind == ARTICLE and said.isascii() and said.isdigit() and len(said) < 11 else None


def _when(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _lang(event: Event) -> str | None:
    labels = (tag[1] for tag in event.tags if len(tag) > 2 and tag[0] == "l" and tag[2] == "ISO-639-1")
    return next((label.lower() for label in labels), None)


def _warning(event: Event) -> str | None:
    said = next((tag for tag in event.tags if tag and tag[0] == "content-warning"), None)
    return None if said is None else (said[1].strip() if len(said) > 1 else "") or "sensitive"


def _media(event: Event, written: list[str]) -> tuple[Media, ...]:
    """List what a post shows: as its tags say it, then by the endings of addresses."""
    found: dict[str, Media] = {}
    for tag in event.tags:
        if tag and tag[0] == "imeta":
            said = dict(reversed([(name, value) for name, _, value in (one.partition(" ") for one in tag[1:])]))
            url = urls.safe(said.get("url", ""))
            if url:
                found[url] = Media(url, said.get("m"), said.get("alt"))
    image = urls.safe(event.value("image") or "") if event.kind == ARTICLE else None
    for url in [*([image] if image else []), *filter(_is_media, written)]:
        found.setdefault(url, Media(url, _mime(url)))
    return tuple(found.values())


def _is_media(url: str) -> bool:
    return _mime(url) is not None


def _mime(url: str) -> str | None:
    match = _MEDIA.search(urlsplit(url).path)
    return _MIMES[match[1].lower()] if match else None
