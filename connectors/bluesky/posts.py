"""Read posts and reposts of Bluesky from raw JSON, whichever way they came. No I/O.

Raw, because a client library's models refuse a whole page for one kind of embed that they do not know.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from connectors.bluesky.queries import SITE
from listener import urls
from listener.types import Account, Counts, Media, Post

PLATFORM: Final = "bluesky"
HIDDEN_FROM_STRANGERS: Final = "!no-unauthenticated"
HOSTED: Final = (".bsky.social", ".brid.gy")
"""Domains under which somebody else gives out handles."""
"""An author's label: show me to members only. Source: https://docs.bsky.app/docs/advanced-guides/moderation."""
WARNINGS: Final = frozenset(
    {"porn", "sexual", "nudity", "graphic-media", "gore", "sexual-figurative", "nsfl", "self-harm", "!warn", "!hide"}
)
"""Labels before which a reader is warned."""
_POST: Final = re.compile(r"at://(did:[\w.:%-]+)/app\.bsky\.feed\.post/([\w.~:-]+)")
_RECORD: Final = re.compile(r"at://(did:[\w.:%-]+)/app\.bsky\.[\w.]+/([\w.~:-]+)")


def post(view: Mapping[str, Any], edited_at: datetime | None = None) -> Post:
    """Read a post, as a page lists it: author and record, and counts where they are.

    Source: https://docs.bsky.app/docs/api/app-bsky-feed-get-posts, "PostView".
    """
    match = _POST.fullmatch(view["uri"])
    if match is None:
        raise ValueError("a post has an at-uri")
    record = view["record"]
    text, links, tags, mentions = _rich(record)
    quoted = _quoted(record.get("embed"))
    reply = record.get("reply") or {}
    parent = _uri(reply.get("parent"))
    external = _external(record.get("embed"))
    named = [*tags, *(record.get("tags") or ())]
    return Post(
        PLATFORM,
        view["uri"],
        url=permalink(view["uri"]),
        account=account(view["author"]),
        kind="reply" if parent else "quote" if quoted else "post",
        text=text,
        lang=next((lang for lang in record.get("langs") or () if isinstance(lang, str)), None),
        published_at=when(view),
        edited_at=edited_at,
        in_reply_to=parent,
        thread=_uri(reply.get("root")) or view["uri"],
        refers_to=quoted,
        mentions=mentions,
        links=tuple(dict.fromkeys(link for link in [*links, external] if link)),
        tags=tuple(dict.fromkeys(tag for tag in named if isinstance(tag, str))),
        media=tuple(_media(record.get("embed"), match[1])),
        counts=_counts(view),
        visibility="public",
        warning=_warning(view, record),
    )


def repost(item: Mapping[str, Any]) -> Post:
    """Read who passed a post on, and when: a row of its own, without text."""
    reason, original = item["reason"], item["post"]["uri"]
    by = account(reason["by"])
    native_id = reason.get("uri") or f"{original}#{by.native_id}"
    return _repost(native_id, original, by, moment(reason.get("indexedAt")))


def repost_record(uri: str, record: Mapping[str, Any], by: Mapping[str, Any], at: datetime | None) -> Post:
    """Read a repost's own record, as notifications and Jetstream carry it."""
    return _repost(uri, record["subject"]["uri"], account(by), at)


def _repost(native_id: str, original: str, by: Account, at: datetime | None) -> Post:
    if not isinstance(native_id, str) or _POST.fullmatch(original) is None:
        raise ValueError("a repost points at a post")
    return Post(
        PLATFORM,
        native_id,
        url=permalink(original),
        account=by,
        kind="repost",
        published_at=at,
        refers_to=original,
        visibility="public",
    )


def account(author: Mapping[str, Any]) -> Account:
    """Read an author; handles change, so that the address holds the DID."""
    did, handle = author["did"], author.get("handle")
    if not isinstance(did, str) or not did.startswith("did:"):
        raise ValueError("an account has a DID")
    labels = _labels(author)
    return Account(
        PLATFORM,
        did,
        handle=handle if isinstance(handle, str) and handle != "handle.invalid" else None,
        name=_text(author.get("displayName")),
        url=f"{SITE}/profile/{did}",
        followers=_count(author.get("followersCount")),
        is_bot=True if "bot" in labels else None,
        # The stream tells nothing of an author but the DID.
        opted_out=HIDDEN_FROM_STRANGERS in labels if "labels" in author else None,
        proved=_domain(handle),
    )


def _domain(handle: object) -> tuple[str, ...]:
    """Give the domain that is an author's name, which the platform has checked; that of a host is not their own.

    Source: https://atproto.com/specs/handle, "Handle Resolution", read 2026-11-23.
    """
    if not isinstance(handle, str) or handle == "handle.invalid" or handle.lower().endswith(HOSTED):
        return ()
    return (handle.lower(),)


def permalink(uri: str) -> str:
    """Give the page of a post."""
    match = _POST.fullmatch(uri)
    if match is None:
        raise ValueError("a post has an at-uri")
    return f"{SITE}/profile/{match[1]}/post/{match[2]}"


def when(view: Mapping[str, Any]) -> datetime | None:
    """Give the time the platform itself sorts by: what the author claims, but never after it came in.

    Source: https://docs.bsky.app/docs/advanced-guides/timestamps, "sortAt".
    """
    claimed, came = moment(view["record"].get("createdAt")), moment(view.get("indexedAt"))
    return min(filter(None, (claimed, came)), default=None)


def moment(value: object) -> datetime | None:
    """Read a time in ISO form; None: it is none."""
    if not isinstance(value, str) or not 10 <= len(value) <= 40:
        return None
    try:
        # Some programs write more digits than microseconds.
        at = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", value))
        return (at.replace(tzinfo=UTC) if at.tzinfo is None else at).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _rich(record: Mapping[str, Any]) -> tuple[str, list[str | None], list[str], tuple[str, ...]]:
    """Read text, links, tags and mentions. Programs shorten links in the text; here they stand whole.

    Facets count bytes of UTF-8. Source: https://docs.bsky.app/docs/advanced-guides/post-richtext.
    """
    body = (record.get("text") or "").encode("utf-8", "surrogatepass")
    links: list[str | None] = []
    tags: list[str] = []
    mentions: dict[str, None] = {}
    pieces, end = [], 0
    for first, last, feature in sorted(_features(record, len(body)), key=lambda one: one[:2]):
        shown = body[first:last].decode("utf-8", "replace")
        if "tag" in feature:
            tags.append(feature["tag"])
        elif "did" in feature:
            mentions[shown.removeprefix("@") if shown.startswith("@") else str(feature["did"])] = None
        elif "uri" in feature:
            link = urls.safe(feature["uri"])
            links.append(link)
            if link and first >= end and shown.endswith(("...", "…")):
                pieces += [body[end:first], link.encode()]
                end = last
    text = b"".join([*pieces, body[end:]]).decode("utf-8", "replace")
    return text, links, tags, tuple(mentions)


def _features(record: Mapping[str, Any], size: int) -> Iterator[tuple[int, int, Mapping[str, Any]]]:
    for facet in record.get("facets") or ():
        first, last = facet["index"].get("byteStart"), facet["index"].get("byteEnd")
        for feature in facet.get("features") or ():
            if type(first) is int and type(last) is int and 0 <= first < last <= size and isinstance(feature, dict):
                yield first, last, feature


def _parts(embed: object) -> Iterator[Mapping[str, Any]]:
    """Give an embed and the ones inside it (recordWithMedia)."""
    if isinstance(embed, dict):
        yield embed
        yield from (inner for inner in (embed.get("media"), embed.get("record")) if isinstance(inner, dict))


def _quoted(embed: object) -> str | None:
    uris = (_uri(part.get("record")) or _uri(part) for part in _parts(embed))
    return next((uri for uri in uris if uri and _POST.fullmatch(uri)), None)


def _external(embed: object) -> str | None:
    cards = (part["external"] for part in _parts(embed) if isinstance(part.get("external"), dict))
    return next((urls.safe(card.get("uri")) for card in cards), None)


def _media(embed: object, did: str) -> Iterator[Media]:
    """Find pictures and films by the form of their parts, so that new kinds of embeds bring theirs too."""
    for part in _parts(embed):
        for item in [*(part.get("images") or ()), *(part.get("items") or ())]:
            cid, mime = _blob(item.get("image"))
            if cid:
                address = f"https://cdn.bsky.app/img/feed_fullsize/plain/{did}/{cid}@jpeg"
                yield Media(address, mime, _text(item.get("alt")))
        cid, mime = _blob(part.get("video"))
        if cid:
            address = f"https://video.bsky.app/watch/{did.replace(':', '%3A')}/{cid}/playlist.m3u8"
            yield Media(address, mime, _text(part.get("alt")))


def _blob(blob: object) -> tuple[str | None, str | None]:
    """Give a file's name and kind; files of the first months hold their name bare."""
    if not isinstance(blob, dict):
        return None, None
    ref = blob.get("ref")
    cid = ref.get("$link") if isinstance(ref, dict) else blob.get("cid")
    return (cid if isinstance(cid, str) and re.fullmatch(r"\w{10,200}", cid) else None), _text(blob.get("mimeType"))


def _labels(thing: Mapping[str, Any]) -> set[str]:
    """Collect the labels that moderators and the author set and nobody took back."""
    labels = thing.get("labels") or ()
    if isinstance(labels, dict):  # an author's own, inside a record
        labels = labels.get("values") or ()
    return {label["val"] for label in labels if isinstance(label.get("val"), str) and label.get("neg") is not True}


def _warning(view: Mapping[str, Any], record: Mapping[str, Any]) -> str | None:
    found = sorted((_labels(view) | _labels(record)) & WARNINGS)
    return ", ".join(label.lstrip("!") for label in found) or None


def _uri(ref: object) -> str | None:
    uri = ref.get("uri") if isinstance(ref, dict) else None
    return uri if isinstance(uri, str) and _RECORD.fullmatch(uri) else None


def _counts(view: Mapping[str, Any]) -> Counts | None:
    found = Counts(*(_count(view.get(f"{name}Count")) for name in ("reply", "like", "repost")))
    return found if found != Counts() else None


def _count(number: object) -> int | None:
    return number if type(number) is int else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
