"""From entries to posts: who said it, what it is called for ever, what it points at. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Final
from urllib.parse import parse_qs, urlsplit, urlunsplit

from connectors.rss import plain
from connectors.rss.cursor import Key, key_hash
from connectors.rss.preset import Preset, apply, compiled
from connectors.rss.reading import Entry
from listener import urls
from listener.types import Account, Counts, Feed, Kind, Post

EDIT_S: Final = 60
"""`updated` counts as an edit from this many seconds after `published`; programs set both a moment apart."""
NAME_BYTES: Final = 900
"""Longer guids are hashed, so that cutting cannot make two of them one."""
NOISE_CHARACTERS: Final = 400


@dataclass(frozen=True, slots=True)
class Context:
    """What all entries of a feed share. `preset` is None where the feed may speak for itself only."""

    feed: Feed
    preset: Preset | None
    host: str
    title: str | None = None
    home: str | None = None

    def fields(self, entry: Entry) -> Mapping[str, str | None]:
        """Give what the rules of a preset look at."""
        return {
            "guid": entry.guid,
            "link": entry.link,
            "comments": entry.comments,
            "author": entry.author,
            "author_url": entry.author_url,
            "feed": self.feed.query,
        }


def key(entry: Entry, context: Context) -> Key:
    """Say which post an entry is."""
    native_id = _platform_id(entry, context)
    if native_id is not None:
        return Key(key_hash(native_id), key_hash(""))
    return Key(key_hash(_name(entry)), key_hash(f"{entry.link}\n{entry.title or entry.text}"))


def native_id(entry: Entry, context: Context, shared: frozenset[str]) -> str:
    """Name the post: the platform's own id, else the feed's number with guid, link or hash.

    Where one guid stands for several posts (its base is in `shared`), what parts them is added.
    """
    own = _platform_id(entry, context)
    if own is not None:
        return own
    found = key(entry, context)
    return f"{context.feed.id}/{_name(entry)}{'#' + found.rest if found.base in shared else ''}"


def named(guid: str, context: Context) -> str:
    """Name the post that a guid alone stands for: one deleted, or answered."""
    return native_id(Entry("", guid=guid, link=urls.safe(guid)), context, frozenset())


def post(entry: Entry, context: Context, shared: frozenset[str]) -> Post:
    """Make a post of an entry."""
    fields, preset, host = context.fields(entry), context.preset or _NONE, context.host
    name = native_id(entry, context, shared)
    url = apply(preset.url, fields, host) or _unwrapped(entry.link, preset)
    own = compiled(preset.own_links, host)  # an empty pattern matches no address
    whom = compiled(preset.mention[0], host)
    mentions = (match.expand(preset.mention[1]) for link in entry.links if (match := whom.fullmatch(link)))
    return Post(
        platform=context.feed.platform,
        native_id=name,
        url=url,
        account=_account(entry, context),
        kind=_kind(entry, name, preset, host),
        title=entry.title,
        text=_without_noise(entry.text, preset),
        lang=entry.lang,
        published_at=_when(entry.published_s),
        edited_at=_edited(entry) if preset.updates_are_edits else None,
        in_reply_to=named(entry.reply_to, context) if entry.reply_to else None,
        thread=apply(preset.thread, fields, host),
        mentions=plain.lines(mentions),
        links=_links(entry, url, preset, own),
        tags=entry.tags,
        media=tuple(media for media in entry.all_media() if not own.fullmatch(media.url)),
        community=apply(preset.community, fields, host),
        counts=Counts(entry.replies, entry.likes) if (entry.replies, entry.likes) != (None, None) else None,
        instance=host if context.preset and not preset.hosts else None,
        licence=entry.rights,
    )


_NONE: Final = Preset("")


def _platform_id(entry: Entry, context: Context) -> str | None:
    return apply(context.preset.native_id, context.fields(entry), context.host) if context.preset else None


def _name(entry: Entry) -> str:
    name = entry.guid or (_stable(entry.link) if entry.link else None)
    if name is None:
        return "text:" + _hash(f"{entry.title}\n{entry.text}")
    return name if len(name) <= NAME_BYTES and len(_bytes(name)) <= NAME_BYTES else f"hash:{_hash(name)}"


def _stable(link: str) -> str:
    # Not urls.canonical: what is learned there about links must not give old posts new names.
    parts = urlsplit(link)
    query = "&".join(pair for pair in parts.query.split("&") if not pair.startswith("utm_"))
    return urlunsplit(parts._replace(scheme="https", query=query))


def _account(entry: Entry, context: Context) -> Account | None:
    preset, platform, number = context.preset, context.feed.platform, context.feed.id
    fields = context.fields(entry)
    if preset and (native := apply(preset.account, fields, context.host)):
        handle = apply(preset.handle, fields, context.host)
        return Account(platform, native, handle, _shown(entry.author, handle), entry.author_url)
    if entry.author:
        return Account(platform, f"{_site(context)}/{entry.author}", None, entry.author, entry.author_url)
    if preset and (handle := apply(preset.handle, fields, context.host)):
        return Account(platform, f"{number}/{handle}", handle)
    is_whole_site = urlsplit(context.home or "/-").path in ("", "/")
    voice = _site(context) if is_whole_site else f"{_site(context)} #{number}"
    proved = _domain(context) if is_whole_site else ()
    return None if preset else Account(platform, voice, None, context.title, context.home, proved=proved)


def _domain(context: Context) -> tuple[str, ...]:
    """Give the domain that a site's own feed speaks for: it came from there, and not out of somebody's folder there."""
    home = urlsplit(context.home or "").netloc.lower().removeprefix("www.")
    path = urlsplit(context.feed.query).path.strip("/")
    is_its_own = home == context.host.removeprefix("www.") and re.fullmatch(r"[\w.-]*", path) is not None
    return (home,) if is_its_own and home else ()


def _site(context: Context) -> str:
    """Name the site that a feed speaks for: two feeds of it (all, one category) are one voice, not two.

    The host it came from is part of it, so that nobody speaks for a site elsewhere; so is its page's, for some hosts
    serve the feeds of many.
    """
    return f"{context.host} {urlsplit(context.home or '').netloc}".strip()


def _shown(author: str | None, handle: str | None) -> str | None:
    """Give the name without the handle that may stand before it, or in its place."""
    name = (author or "").lstrip("/@").removeprefix((handle or "").lstrip("/@")).strip()
    return name if name and "://" not in name else None


def _kind(entry: Entry, name: str, preset: Preset, host: str) -> Kind:
    is_reply = entry.reply_to or (preset.replies and compiled(preset.replies, host).fullmatch(name))
    return "reply" if is_reply else "post"


def _links(entry: Entry, url: str | None, preset: Preset, own: re.Pattern[str]) -> tuple[str, ...]:
    found = (link for link in plain.others((entry.link, *entry.links), url) if not own.fullmatch(link))
    unwrapped = (_unwrapped(link, preset) for link in found)
    return plain.others(unwrapped, url)


def _unwrapped(link: str | None, preset: Preset) -> str | None:
    if not (link and preset.unwrap):
        return link
    parts = urlsplit(link)
    inside = parse_qs(parts.query).get(preset.unwrap) if compiled(preset.hosts, "").fullmatch(parts.netloc) else None
    return (urls.safe(inside[0]) if inside else None) or link


def _without_noise(text: str, preset: Preset) -> str:
    if preset.preamble and (preamble := compiled(preset.preamble, "").match(text)):
        text = text[preamble.end() :]
    if not preset.noise:
        return text
    noise = compiled(rf"(?:{preset.noise})\s*\Z", "").search(text, max(0, len(text) - NOISE_CHARACTERS))
    return text[: noise.start()].rstrip() if noise else text


def _edited(entry: Entry) -> datetime | None:
    if entry.updated_s is None or entry.published_s is None or entry.updated_s < entry.published_s + EDIT_S:
        return None
    return _when(entry.updated_s)


def _when(seconds: int | None) -> datetime | None:
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):  # a year that no calendar has
        return None


def _hash(text: str) -> str:
    return blake2b(_bytes(text), digest_size=12).hexdigest()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
