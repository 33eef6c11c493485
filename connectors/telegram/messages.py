"""Read messages of Telegram: whose, where, what; forwards, albums, entities. No I/O."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from listener import urls
from listener.connector import gather
from listener.types import Account, Post, Reject, Visibility

PLATFORM: Final = "telegram"
SHOWN: Final = ("photo", "video", "animation", "audio", "voice", "video_note", "document", "story", "paid_media")
"""What may be said without a word."""
PRIVATE: Final = "-100"
"""What ids of channels and supergroups begin with."""

Json = Mapping[str, Any]


class Written(NamedTuple):
    """A text and what its entities mark."""

    text: str
    links: tuple[str, ...] = ()
    mentions: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


def posts(messages: Sequence[Any]) -> tuple[tuple[Post, ...], tuple[Reject, ...]]:
    """Read a page of messages; of an album, the picture with the words.

    A forward from a channel is two posts: a repost, and what it points at.
    """
    albums: set[tuple[Any, Any]] = set()
    worded = {_album(one) for one in messages if _album(one) and _said(one)}
    kept = []
    for one in messages:
        album = _album(one)
        if album and (album in albums or (album in worded and not _said(one))):
            continue
        if album:
            albums.add(album)
        kept.append(one)
    # An edit comes after what it edits, and the last word counts.
    found, rejects = gather([part for one in reversed(kept) for part in _parts(one)], _read)
    return tuple(reversed(found)), rejects


def _album(message: Any) -> tuple[Any, Any] | None:
    if not isinstance(message, dict) or not isinstance(message.get("media_group_id"), str):
        return None
    chat = message.get("chat")
    return (chat.get("id") if isinstance(chat, dict) else None, message["media_group_id"])


def _said(message: Json) -> bool:
    return bool(message.get("caption") or message.get("text"))


def _parts(message: Any) -> Iterator[tuple[Any, bool]]:
    """Give a message, and whether to read what it forwards instead of itself."""
    if message is None:
        return
    yield message, False
    if isinstance(message, dict) and _origin(message) is not None:
        yield message, True


def _read(part: tuple[Any, bool]) -> Post | None:
    message, forwarded = part
    return original(message) if forwarded else post(message)


def post(message: Json) -> Post | None:
    """Read a message; None: nobody said anything (a member came, a title changed, a sticker).

    Source: https://core.telegram.org/bots/api#message, read 2026-11-23.
    """
    chat, number = message["chat"], message["message_id"]
    if type(number) is not int or type(chat["id"]) is not int:
        raise ValueError("ids are integers")
    written = _written(message)
    shown = any(message.get(kind) for kind in SHOWN)
    permalink = _permalink(chat, number)
    if not written.text and not (shown and permalink):
        return None
    reply = message.get("reply_to_message")
    is_reply = isinstance(reply, dict) and "forum_topic_created" not in reply
    thread = message.get("message_thread_id")
    made = Post(
        PLATFORM,
        f"{chat['id']}/{number}",
        url=permalink,
        account=_author(message),
        kind="reply" if is_reply else "post",
        title=_file_name(message),
        text=written.text,
        published_at=_when(message.get("date")),
        edited_at=_when(message.get("edit_date")),
        in_reply_to=f"{chat['id']}/{reply['message_id']}" if isinstance(reply, dict) and is_reply else None,
        thread=f"{chat['id']}/{thread}" if type(thread) is int else None,
        mentions=written.mentions,
        links=written.links,
        tags=written.tags,
        community=_title(chat),
        visibility=_visibility(chat),
    )
    origin = _origin(message)
    if origin is None:
        return made
    refers_to = f"{origin['chat']['id']}/{origin['message_id']}"
    return replace(made, kind="repost", refers_to=refers_to, text="", title=None, links=(), tags=(), mentions=())


def original(message: Json) -> Post:
    """Read the channel's post that a message forwards."""
    origin, written = _origin(message) or {}, _written(message)
    chat, number = origin["chat"], origin["message_id"]
    return Post(
        PLATFORM,
        f"{chat['id']}/{number}",
        url=_permalink(chat, number),
        account=_chat_account(chat),
        title=_file_name(message),
        text=written.text,
        published_at=_when(origin.get("date")),
        mentions=written.mentions,
        links=written.links,
        tags=written.tags,
        community=_title(chat),
        visibility=_visibility(chat),
    )


def _origin(message: Json) -> Json | None:
    """Find the channel's post that was forwarded; people's messages have no address of their own."""
    origin = message.get("forward_origin")
    if isinstance(origin, dict) and origin.get("type") == "channel" and type(origin.get("message_id")) is int:
        chat = origin.get("chat")
        return origin if isinstance(chat, dict) and type(chat.get("id")) is int else None
    chat, number = message.get("forward_from_chat"), message.get("forward_from_message_id")
    if isinstance(chat, dict) and type(number) is int and type(chat.get("id")) is int:  # before Bot API 7.0
        return {"chat": chat, "message_id": number, "date": message.get("forward_date")}
    return None


def _written(message: Json) -> Written:
    poll = message.get("poll")
    if isinstance(poll, dict):
        options = [f"- {one['text']}" for one in poll.get("options") or ()]
        return Written("\n".join([str(poll["question"]), *options]))
    text = message.get("text") or message.get("caption") or ""
    if not isinstance(text, str):
        raise TypeError("a text is a string")
    return entities(text, message.get("entities") or message.get("caption_entities") or ())


def entities(text: str, marks: Sequence[Json]) -> Written:
    """Read what a text's entities mark. Their places count UTF-16 units, so that an emoji is two."""
    units = text.encode("utf-16-le", "surrogatepass")
    links, mentions, tags = [], [], []
    for mark in marks:
        start, length = int(mark["offset"]), int(mark["length"])
        part = units[2 * start : 2 * (start + length)].decode("utf-16-le", "replace")
        match mark.get("type"):
            case "url":
                links.append(part if "://" in part else f"https://{part}")
            case "text_link":
                links.append(str(mark.get("url")))
            case "mention":
                mentions.append(part)
            case "text_mention":
                mentions.append(part)
            case "hashtag" | "cashtag":
                tags.append(part.lstrip("#"))
    safe = [url for link in links if (url := urls.safe(link)) is not None]
    return Written(text, *(tuple(dict.fromkeys(found)) for found in (safe, mentions, tags)))


def _author(message: Json) -> Account | None:
    """Give who speaks: a person, or the channel or group in whose name they do."""
    chat, sender = message.get("sender_chat"), message.get("from")
    if isinstance(chat, dict):
        return _chat_account(chat)
    if not isinstance(sender, dict):
        return _chat_account(message["chat"]) if message["chat"].get("type") == "channel" else None
    name = " ".join(str(sender[part]) for part in ("first_name", "last_name") if sender.get(part))
    is_bot = sender.get("is_bot")
    handle = sender.get("username")
    return Account(
        PLATFORM,
        str(sender["id"]),
        handle=f"@{handle}" if handle else None,
        name=name or None,
        url=urls.safe(f"https://t.me/{handle}") if handle else None,
        is_bot=is_bot if isinstance(is_bot, bool) else None,
    )


def _chat_account(chat: Json) -> Account:
    handle = chat.get("username")
    return Account(
        PLATFORM,
        str(chat["id"]),
        handle=f"@{handle}" if handle else None,
        name=_title(chat),
        url=urls.safe(f"https://t.me/{handle}") if handle else None,
    )


def _title(chat: Json) -> str | None:
    title = chat.get("title")
    return str(title) if title else None


def _permalink(chat: Json, number: int) -> str | None:
    """Give the address of a message; small groups and private chats have none."""
    if chat.get("username") and chat.get("type") != "private":
        return urls.safe(f"https://t.me/{chat['username']}/{number}")
    digits = str(chat["id"])
    return f"https://t.me/c/{digits.removeprefix(PRIVATE)}/{number}" if digits.startswith(PRIVATE) else None


def _visibility(chat: Json) -> Visibility:
    if chat.get("type") == "private":
        return "direct"
    return "public" if chat.get("username") else "private"


def _file_name(message: Json) -> str | None:
    files = [message[kind] for kind in ("document", "audio") if isinstance(message.get(kind), dict)]
    names = [name for one in files if (name := one.get("file_name") or one.get("title"))]
    return str(names[0]) if names else None


def _when(value: object) -> datetime | None:
    return datetime.fromtimestamp(value, UTC) if type(value) is int and value > 0 else None
