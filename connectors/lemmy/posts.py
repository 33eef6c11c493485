"""Read posts and comments of Lemmy's interface (v3). No I/O."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from connectors.lemmy import markdown
from listener import urls
from listener.moments import utc
from listener.types import Account, Counts, Media, Post

PLATFORM: Final = "lemmy"
_NOBOT: Final = re.compile(r"#(?:nobots?|noindex|noarchive)\b", re.IGNORECASE)
_IMAGE: Final = re.compile(r"\.(jpe?g|png|gif|webp|avif)$", re.IGNORECASE)
_ACTOR: Final = re.compile(r"https?://([^/]+)/[cu]/([^/]+)")

View = Mapping[str, Any]


def is_gone(view: View) -> bool:
    """Say whether the author deleted it, or a moderator removed it."""
    said = view[_inner(view)]
    return said.get("deleted") is True or said.get("removed") is True


def native_id(view: View) -> str:
    """Give the id that is the same on every instance."""
    ap_id = view[_inner(view)]["ap_id"]
    if not isinstance(ap_id, str) or urls.safe(ap_id) is None:
        raise ValueError("a post has an address for an id")
    return ap_id


def local_id(view: View) -> str:
    """Give the instance's own id."""
    return f"{_inner(view)}-{view[_inner(view)]['id']}"


def post(view: View, seen: Mapping[str, str]) -> Post | None:
    """Read a post or a comment; None: it is gone. `seen`: local to federated ids of the page.

    Source: https://join-lemmy.org/api, PostView and CommentView, read 2026-11-23.
    """
    if is_gone(view):
        return None
    return _comment(view, seen) if _inner(view) == "comment" else _post(view)


def _post(view: View) -> Post:
    said, ap_id = view["post"], native_id(view)
    body = str(said.get("body") or "")
    address = urls.safe(said.get("url") or None)
    media = tuple(_media(said, address, body))
    shown = {one.url for one in media}
    found = dict.fromkeys([address, *markdown.links(body, ap_id)])
    return Post(
        PLATFORM,
        ap_id,
        title=str(said["name"]) if said.get("name") else None,
        text=markdown.to_text(body),
        thread=ap_id,
        links=tuple(url for url in found if url is not None and url not in shown),
        tags=tuple(str(tag["name"]) for tag in view.get("tags") or () if isinstance(tag, dict) and tag.get("name")),
        media=media,
        warning="NSFW" if said.get("nsfw") is True else None,
        **_common(view, said, ap_id, "comments"),
    )


def _comment(view: View, seen: Mapping[str, str]) -> Post:
    said, ap_id = view["comment"], native_id(view)
    content = str(said.get("content") or "")
    root = view["post"].get("ap_id") if isinstance(view.get("post"), dict) else None
    above = str(said.get("path") or "").split(".")[1:-1]
    return Post(
        PLATFORM,
        ap_id,
        kind="reply",
        text=markdown.to_text(content),
        in_reply_to=seen.get(f"comment-{above[-1]}") if above else root,
        thread=root,
        links=markdown.links(content, ap_id),
        media=tuple(_images(content)),
        **_common(view, said, ap_id, "child_count"),
    )


# Any: keyword arguments of a Post.
def _common(view: View, said: Mapping[str, Any], ap_id: str, replies: str) -> dict[str, Any]:
    counted = view.get("counts")
    counts = counted if isinstance(counted, dict) else {}
    return {
        "url": ap_id,
        "account": _account(view.get("creator")),
        # Before 0.19.4 times come without a zone and are UTC.
        "published_at": utc(said.get("published")),
        "edited_at": utc(said.get("updated")),
        "community": _named(view.get("community"), "!"),
        "counts": Counts(
            replies=_count(counts.get(replies)), likes=_count(counts.get("upvotes")), score=_count(counts.get("score"))
        ),
        "instance": urls.host(ap_id),
        "visibility": "public",
    }


def _account(creator: object) -> Account | None:
    if not isinstance(creator, dict) or not isinstance(creator.get("actor_id"), str):
        return None
    bot = creator.get("bot_account")
    return Account(
        PLATFORM,
        creator["actor_id"],
        handle=_named(creator, "@"),
        name=str(creator.get("display_name") or creator.get("name") or "") or None,
        url=urls.safe(creator["actor_id"]),
        is_bot=bot if isinstance(bot, bool) else None,
        opted_out=_NOBOT.search(str(creator.get("bio") or "")[:10_000]) is not None,
    )


def _named(actor: object, mark: str) -> str | None:
    """Write `!community@instance` or `@name@instance`."""
    if not isinstance(actor, dict) or not actor.get("name"):
        return None
    match = _ACTOR.match(str(actor.get("actor_id") or ""))
    return f"{mark}{actor['name']}@{match[1]}" if match else f"{mark}{actor['name']}"


def _media(said: Mapping[str, Any], address: str | None, body: str) -> Iterator[Media]:
    mime = said.get("url_content_type")
    match = _IMAGE.search((address or "").partition("?")[0])
    if address is not None and (match or (isinstance(mime, str) and mime.startswith(("image/", "video/", "audio/")))):
        kind = mime if isinstance(mime, str) else f"image/{match[1].lower().replace('jpg', 'jpeg')}" if match else None
        yield Media(address, kind, said.get("alt_text") or None)
    yield from _images(body)


def _images(text: str) -> Iterator[Media]:
    for url, alt in markdown.images(text):
        found = urls.safe(url)
        if found is not None:
            yield Media(found, alt=alt or None)


def _inner(view: View) -> str:
    return "comment" if "comment" in view else "post"


def _count(number: object) -> int | None:
    return number if type(number) is int else None
