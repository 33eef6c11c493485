"""Read messages of Discord. No I/O."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

from listener import urls
from listener.types import Account, Counts, Media, Post

PLATFORM: Final = "discord"
EPOCH_MS: Final = 1_420_070_400_000
SAID: Final = frozenset({0, 19, 20, 23})
"""Types that are somebody speaking: message, reply, the answers to two kinds of commands."""
FORWARD: Final = 1
BUSY: Final = (
    "attachments",
    "embeds",
    "sticker_items",
    "stickers",
    "poll",
    "components",
    "message_snapshots",
    "activity",
)
"""What a message may have in place of a text."""
_MARK: Final = re.compile(r"<(@[!&]?|#|/[^:<>\n]{1,100}:|a?:\w{1,40}:|t:)(\d{1,20})(?::\w)?>", re.ASCII)
_LINK: Final = re.compile(r"\[([^\[\]\n]{1,500})\]\(<?(https?://[^\s<>()]{1,2000})>?\)")
_BRACKETS: Final = re.compile(r"<(https?://[^\s<>]{1,2000})>")

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """A channel and its server; `@me` stands for no server, a direct message."""

    server: str
    channel: str
    name: str | None = None
    server_name: str | None = None

    @classmethod
    def of(cls, held: object, server: str, channel: str) -> "Place":
        """Read what `values` gave."""
        held = held if isinstance(held, dict) else {}
        return cls(server, channel, text(held.get("name")), text(held.get("server_name")))

    @property
    def values(self) -> dict[str, str]:
        """Give it as JSON can say it."""
        return {name: value for name, value in asdict(self).items() if value and name not in ("server", "channel")}

    @property
    def title(self) -> str:
        """Name the channel for people."""
        return self.community or f"Discord channel {self.channel}"

    @property
    def community(self) -> str | None:
        """Name where it is said; None: nobody told us."""
        parts = (self.server_name, f"#{self.name}" if self.name else None)
        return " ".join(part for part in parts if part) or None

    @property
    def url(self) -> str:
        """Give the page a person opens."""
        return f"https://discord.com/channels/{self.server}/{self.channel}"


def snowflake(moment: datetime) -> str:
    """Give the smallest id that a message of that time may have."""
    return str(max(int(moment.timestamp() * 1_000) - EPOCH_MS, 0) << 22)


def number_of(message: Any) -> int:
    """Give a message's id as a number; 0: it has none."""
    number = message.get("id") if isinstance(message, dict) else None
    return int(number) if isinstance(number, str) and number.isdecimal() and len(number) < 25 else 0


def numbers(listed: Sequence[Any]) -> list[int]:
    """List the ids on a page."""
    return [number for one in listed if (number := number_of(one))]


def lack_content(listed: Sequence[Any]) -> bool:
    """Tell whether most messages that people wrote bring nothing at all, which no client can send.

    Not all: what names the bot, or comes from it, has its text without the intent too.
    """
    written = [one for one in listed if isinstance(one, dict) and one.get("type") in (0, 19) and "author" in one]
    empty = [one for one in written if not one.get("content") and not any(one.get(key) for key in BUSY)]
    return len(empty) > len(written) / 2


def gone(listed: Sequence[Any], place: Place) -> tuple[str, ...]:
    """List messages that were answered and are deleted: a reply says so with null."""
    found = []
    for one in listed:
        if isinstance(one, dict) and "referenced_message" in one and one["referenced_message"] is None:
            reference = one.get("message_reference")
            number = reference.get("message_id") if isinstance(reference, dict) else None
            if one.get("type") == 19 and isinstance(number, str):
                found.append(f"{place.channel}/{number}")
    return tuple(dict.fromkeys(found))


def is_forward(message: Any) -> bool:
    """Tell whether a message only brings another one, from elsewhere."""
    reference = message.get("message_reference") if isinstance(message, dict) else None
    return isinstance(reference, dict) and reference.get("type") == FORWARD and bool(message.get("message_snapshots"))


def post(message: Json, place: Place) -> Post | None:
    """Read a message; None: nobody said anything (a member came, a message was pinned).

    Source: https://docs.discord.com/developers/resources/message, read 2026-11-23.
    """
    number = number_of(message)
    if not number:
        raise ValueError("an id is a number in a text")
    if message.get("type", 0) not in SAID:
        return None
    reference = message.get("message_reference")
    reference = reference if isinstance(reference, dict) else {}
    forwards, replies = is_forward(message), message.get("type") == 19
    target = (
        f"{reference.get('channel_id') or place.channel}/{reference['message_id']}" if forwards or replies else None
    )
    said = "" if forwards else _text(message)
    return Post(
        PLATFORM,
        f"{place.channel}/{number}",
        url=f"{place.url}/{number}",
        account=_account(message),
        kind="repost" if forwards else "reply" if replies else "post",
        text=said,
        published_at=_when(message.get("timestamp")),
        edited_at=_when(message.get("edited_timestamp")),
        in_reply_to=target if replies else None,
        refers_to=target if forwards else None,
        mentions=tuple(f"@{one['username']}" for one in message.get("mentions") or ()),
        links=_links(message),
        media=tuple(made for one in message.get("attachments") or () if (made := _media(one)) is not None),
        community=place.community,
        counts=_counts(message),
        visibility="direct" if place.server == "@me" else "private",
    )


def original(message: Json) -> Post:
    """Read what a forward brings; who wrote it is not told."""
    reference, whole = message["message_reference"], message["message_snapshots"][0]["message"]
    server, channel, number = reference.get("guild_id") or "@me", reference["channel_id"], reference["message_id"]
    if not (str(channel).isdecimal() and str(number).isdecimal()):
        raise ValueError("ids are numbers in texts")
    return Post(
        PLATFORM,
        f"{channel}/{number}",
        url=urls.safe(f"https://discord.com/channels/{server}/{channel}/{number}"),
        text=_text(whole),
        published_at=_when(whole.get("timestamp")),
        edited_at=_when(whole.get("edited_timestamp")),
        links=_links(whole),
        media=tuple(made for one in whole.get("attachments") or () if (made := _media(one)) is not None),
        visibility="private",
    )


def text(value: object) -> str | None:
    """Take a text; None: it is none, or empty."""
    return value if isinstance(value, str) and value else None


def _text(message: Json) -> str:
    content = message.get("content") or ""
    if not isinstance(content, str):
        raise TypeError("a content is a text")
    users = {str(one["id"]): str(one["username"]) for one in message.get("mentions") or ()}
    channels = {str(one["id"]): str(one["name"]) for one in message.get("mention_channels") or ()}

    def shown(match: re.Match[str]) -> str:
        mark, number = match[1], match[2]
        if mark in ("@", "@!"):
            return f"@{users.get(number, number)}"
        if mark == "#":
            return f"#{channels.get(number, 'channel')}"
        if mark == "t:":
            return f"{datetime.fromtimestamp(int(number), UTC):%Y-%m-%d %H:%M} UTC" if len(number) < 12 else number
        return "@role" if mark == "@&" else mark.removeprefix("a").rstrip(":") + (":" if ":" in mark[:2] else "")

    said = _BRACKETS.sub(r"\1", _LINK.sub(r"\1", _MARK.sub(shown, content)))
    return "\n\n".join([part for part in (said, *_inside(message)) if part])


def _inside(message: Json) -> list[str]:
    """List what stands in a poll, and, where a message has no text of its own, in its embeds."""
    poll, found = message.get("poll"), []
    if isinstance(poll, dict):
        answers = [f"- {one['poll_media'].get('text') or ''}" for one in poll.get("answers") or ()]
        found.append("\n".join([str(poll["question"]["text"]), *answers]))
    if not message.get("content"):
        for one in message.get("embeds") or ():
            found += [value for key in ("title", "description") if (value := text(one.get(key))) is not None]
    return found


def _links(message: Json) -> tuple[str, ...]:
    content = str(message.get("content") or "")
    found = [match[2] for match in _LINK.finditer(content)] + [match[1] for match in _BRACKETS.finditer(content)]
    found += [url for one in message.get("embeds") or () if (url := text(one.get("url"))) is not None]
    return tuple(dict.fromkeys(url for link in found if (url := urls.safe(link)) is not None))


def _account(message: Json) -> Account | None:
    author = message.get("author")
    if not isinstance(author, dict):
        return None
    number, tag = str(author["id"]), author.get("discriminator")
    handle = text(author.get("username"))
    # Bots and very old accounts still have a number behind their name.
    handle = f"{handle}#{tag}" if handle and isinstance(tag, str) and tag.strip("0") else handle
    is_hook = bool(message.get("webhook_id"))
    return Account(
        PLATFORM,
        number,
        handle=handle,
        name=text(author.get("global_name")) or text(author.get("username")),
        url=None if is_hook else urls.safe(f"https://discord.com/users/{number}"),
        is_bot=is_hook or author.get("bot") is True,
    )


def _media(one: Json) -> Media | None:
    url, duration = urls.safe(one.get("url")), one.get("duration_secs")
    duration_s = float(duration) if isinstance(duration, int | float) else None
    return None if url is None else Media(url, one.get("content_type"), one.get("description"), duration_s)


def _counts(message: Json) -> Counts | None:
    reactions, thread = message.get("reactions"), message.get("thread")
    replies = thread.get("message_count") if isinstance(thread, dict) else None
    if not reactions and replies is None:
        return None
    likes = sum(int(one.get("count") or 0) for one in reactions or ())
    return Counts(replies=replies if type(replies) is int else None, likes=likes if reactions else None)


def _when(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    moment = datetime.fromisoformat(value)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
