"""Read a status of the Mastodon API, whichever server speaks it. No I/O."""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

from listener import urls
from listener.html import links, to_text
from listener.moments import utc
from listener.types import Account, Counts, Media, Post, Visibility

PLATFORM: Final = "mastodon"
OLD: Final = timedelta(days=2)
"""What was said this long before it is boosted or quoted is history, not news."""
DEPTH: Final = 3
VISIBILITIES: Final[Mapping[str, Visibility]] = {
    "public": "public",
    "unlisted": "unlisted",
    "private": "followers",
    "direct": "direct",
}
# Mastodon says only "image"; the address says which.
MIMES: Final[Mapping[str, str]] = {
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "gif": "image/gif",
    "webp": "image/webp",
    "avif": "image/avif",
    "mp4": "video/mp4",
    "webm": "video/webm",
    "mov": "video/quicktime",
    "mp3": "audio/mpeg",
    "ogg": "audio/ogg",
    "flac": "audio/flac",
    "wav": "audio/wav",
}

_QUOTE: Final = re.compile(r'<(p|span) class="quote-inline">.{0,2000}?</a>\s*</\1>', re.DOTALL)
_ANCHOR: Final = re.compile(r"<a\b[^<>]*>")
_CLASS: Final = re.compile(r'\b(?:class|rel)="([^"]*)"')
_NOBOT: Final = re.compile(r"#(?:nobots?|noindex|noarchive|nosearch)\b", re.IGNORECASE)
_PROFILE: Final = re.compile(r"(https?://[^/]+)/@([\w.-]+)")
_LIMIT: Final = 200_000
"""Characters of a status that are looked at."""

Status = Mapping[str, Any]


def whole(status: Status, depth: int = DEPTH) -> Iterator[Status]:
    """Give a status, then what it boosts and quotes: each is a post of its own."""
    yield status
    for inner in (status.get("reblog"), _quoted(status)):
        if isinstance(inner, dict) and "uri" in inner and depth > 0:
            yield from whole(inner, depth - 1)


def old(status: Status) -> Iterator[str]:
    """Name the posts inside a status that were old when it announced them."""
    said = utc(status.get("created_at"))
    for inner in list(whole(status))[1:]:
        before, uri = utc(inner.get("created_at")), inner.get("uri")
        if isinstance(uri, str) and said is not None and before is not None and before < said - OLD:
            yield uri


def uris(statuses: list[Status]) -> dict[str, str]:
    """Map the server's own ids to the federated ones."""
    found = [(status.get("id"), status.get("uri")) for status in statuses]
    return {str(number): uri for number, uri in found if number and isinstance(uri, str)}


def post(status: Status, server: str, seen: Mapping[str, str]) -> Post:
    """Read one status. `seen`: the federated ids of the server's own ids that this page holds.

    Source: https://docs.joinmastodon.org/entities/Status/, read 2026-11-23.
    """
    native_id = status["uri"]
    if not isinstance(native_id, str) or not native_id:
        raise ValueError("a status has an uri")
    original = status.get("reblog")
    if isinstance(original, dict):
        return _repost(status, native_id, original, server)
    quoted, parent = _quoted(status), _parent(status, seen)
    is_reply = bool(status.get("in_reply_to_id"))
    content = str(status.get("content") or "")[:_LIMIT]
    if status.get("quote"):
        content = _QUOTE.sub("", content)
    permalink = _permalink(status, server)
    return Post(
        PLATFORM,
        native_id,
        url=permalink,
        account=account(status.get("account"), server),
        kind="quote" if quoted is not None else "reply" if is_reply else "post",
        text="\n\n".join(part for part in (to_text(content), _options(status.get("poll"))) if part),
        lang=status.get("language") or None,
        published_at=utc(status.get("created_at")),
        edited_at=utc(status.get("edited_at")),
        in_reply_to=parent,
        thread=None if is_reply else native_id,
        refers_to=_refers_to(status, seen),
        mentions=tuple(handle(one, server) for one in _each(status, "mentions") if one.get("acct")),
        links=_links(status, content, permalink),
        tags=tuple(str(tag["name"]) for tag in _each(status, "tags") if tag.get("name")),
        media=tuple(_media(status)),
        counts=_counts(status),
        instance=_instance(native_id, server),
        visibility=_visibility(status),
        warning=_warning(status),
    )


def account(value: object, server: str) -> Account | None:
    """Read an account; a local one's name gets the server's."""
    if not isinstance(value, dict):
        return None
    url = urls.safe(value.get("url") or None)
    profile = _PROFILE.fullmatch(url or "")
    # Servers before 4.2 do not say the federated id; Mastodon's own follows from the address of the profile.
    uri = value.get("uri") or (f"{profile[1]}/users/{profile[2]}" if profile else url)
    if not isinstance(uri, str):
        return None
    bot, followers = value.get("bot"), value.get("followers_count")
    return Account(
        PLATFORM,
        uri,
        handle=handle(value, server) if value.get("acct") else None,
        name=str(value.get("display_name") or "") or None,
        url=url,
        followers=followers if type(followers) is int and followers >= 0 else None,
        is_bot=bot if isinstance(bot, bool) else None,
        opted_out=_opted_out(value),
        proved=_proved(value),
    )


def handle(value: Mapping[str, Any], server: str) -> str:
    """Write `@name@server`; the name of a local account comes without its server."""
    acct = str(value["acct"]).lstrip("@")
    return f"@{acct}" if "@" in acct else f"@{acct}@{urls.host(str(value.get('url') or '')) or server}"


def _repost(status: Status, native_id: str, original: Status, server: str) -> Post:
    return Post(
        PLATFORM,
        native_id,
        url=_permalink(original, server),
        account=account(status.get("account"), server),
        kind="repost",
        published_at=utc(status.get("created_at")),
        refers_to=str(original["uri"]),
        instance=_instance(native_id, server),
        visibility=_visibility(status),
    )


def _instance(uri: str, server: str) -> str:
    """Name the server where it was said, which is the same wherever it is read."""
    return urls.host(uri) or server


def _permalink(status: Status, server: str) -> str:
    given = urls.safe(status.get("url") or None) or urls.safe(str(status["uri"]))
    if given is not None:
        return given.removesuffix("/activity")
    author = status.get("account")
    acct = author.get("acct") if isinstance(author, dict) else None
    shown = urls.safe(f"https://{server}/@{acct or 'unknown'}/{status.get('id')}")
    return shown or f"https://{server}/"


def _quoted(status: Status) -> Status | None:
    """Find the quoted status: Mastodon 4.4 wraps it, other servers give it as it is."""
    quote = status.get("quote")
    if not isinstance(quote, dict):
        return None
    inner = quote.get("quoted_status")
    if isinstance(inner, dict):
        return inner
    return quote if "uri" in quote or quote.get("quoted_status_id") else None


def _refers_to(status: Status, seen: Mapping[str, str]) -> str | None:
    quoted = _quoted(status)
    if quoted is None:
        return None
    uri = quoted.get("uri")
    return uri if isinstance(uri, str) else seen.get(str(quoted.get("quoted_status_id")))


def _parent(status: Status, seen: Mapping[str, str]) -> str | None:
    """Find the federated id of what is replied to: on this page, or by the same author on this server."""
    number, author = status.get("in_reply_to_id"), status.get("account")
    if not number or str(number) in seen:
        return seen.get(str(number))
    own, uri = str(status.get("id")), str(status["uri"])
    is_own = isinstance(author, dict) and author.get("id") == status.get("in_reply_to_account_id")
    return uri.removesuffix(own) + str(number) if is_own and uri.endswith(f"/{own}") else None


def _links(status: Status, content: str, base: str) -> tuple[str, ...]:
    """List what the text and its card point at; the anchors of mentions and tags are none of it."""
    found = dict.fromkeys(links(_ANCHOR.sub(_without_mention, content), base))
    card = status.get("card")
    url = urls.safe(card.get("url") or None) if isinstance(card, dict) else None
    is_new = url is not None and url.rstrip("/") not in {link.rstrip("/") for link in found}
    return (*found, url) if url is not None and is_new else tuple(found)


def _without_mention(anchor: re.Match[str]) -> str:
    words = " ".join(_CLASS.findall(anchor[0])).split()
    return "<a>" if {"mention", "hashtag", "tag"} & set(words) else anchor[0]


def _options(poll: object) -> str:
    if not isinstance(poll, dict):
        return ""
    return "\n".join(f"- {option['title']}" for option in _each(poll, "options") if option.get("title"))


def _media(status: Status) -> Iterator[Media]:
    for one in _each(status, "media_attachments"):
        url = urls.safe(one.get("url") or one.get("remote_url") or None)
        if url is not None:
            ending = url.partition("?")[0].rpartition(".")[2].lower()
            yield Media(url, MIMES.get(ending), one.get("description") or None, _duration(one))


def _duration(media: Mapping[str, Any]) -> float | None:
    meta = media.get("meta")
    original = meta.get("original") if isinstance(meta, dict) else None
    seconds = original.get("duration") if isinstance(original, dict) else None
    return float(seconds) if isinstance(seconds, int | float) and not isinstance(seconds, bool) else None


def _counts(status: Status) -> Counts:
    names = ("replies_count", "favourites_count", "reblogs_count")
    replies, likes, reposts = (value if type(value := status.get(name)) is int else None for name in names)
    return Counts(replies, likes, reposts)


def _visibility(status: Status) -> Visibility | None:
    said = status.get("visibility")
    return VISIBILITIES.get(said, "private") if isinstance(said, str) and said else None


def _warning(status: Status) -> str | None:
    spoiler = status.get("spoiler_text")
    if isinstance(spoiler, str) and spoiler:
        return spoiler
    return "sensitive media" if status.get("sensitive") is True and _each(status, "media_attachments") else None


def _opted_out(value: Mapping[str, Any]) -> bool:
    """Say whether the author does not want to be found: by the profile's switches, or by a tag in its text."""
    if value.get("noindex") is True or value.get("indexable") is False or value.get("discoverable") is False:
        return True
    said = [str(value.get("note") or ""), *(str(field.get("value")) for field in _each(value, "fields"))]
    return _NOBOT.search(to_text(" ".join(said)[:_LIMIT])) is not None


def _proved(value: Mapping[str, Any]) -> tuple[str, ...]:
    """List the addresses that link back to an account. Source: https://docs.joinmastodon.org/entities/Account/#Field."""
    checked = [str(one.get("value"))[:_LIMIT] for one in _each(value, "fields") if one.get("verified_at")]
    found = ([urls.safe(text)] if "<" not in text else links(text, "") for text in checked)
    return tuple(dict.fromkeys(link for some in found for link in some if link))


def _each(value: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    found = value.get(name)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
