"""Read messages of Slack. No I/O."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from connectors.slack.mrkdwn import blocks, plain
from connectors.slack.walks import BEFORE, is_ts, order
from listener import urls
from listener.connector import gather
from listener.types import Account, Counts, Media, Post, Reject, Visibility

PLATFORM: Final = "slack"
KEPT: Final = frozenset(
    {"bot_message", "file_comment", "file_share", "me_message", "reply_broadcast", "thread_broadcast"}
)
"""Subtypes that are somebody speaking; the others say that a member came or a topic changed."""
_USER: Final = re.compile(r"<@([UW][A-Z0-9]+)")
_HOST: Final = re.compile(r"https://([\w.-]+\.slack(?:-gov)?\.com)/?")

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """The channel that is read, and its workspace."""

    channel: str
    team: str = ""
    host: str = ""
    name: str | None = None
    visibility: Visibility | None = None

    @classmethod
    def of(cls, held: object, channel: str) -> "Place":
        """Read what `values` gave."""
        texts = {k: v for k, v in held.items() if isinstance(v, str)} if isinstance(held, dict) else {}
        said = texts.get("visibility")
        visibility: Visibility | None = "direct" if said == "direct" else "private" if said == "private" else None
        return cls(channel, texts.get("team", ""), texts.get("host", ""), texts.get("name"), visibility)

    @property
    def values(self) -> dict[str, str]:
        """Give it as JSON can say it."""
        return {name: value for name, value in asdict(self).items() if value and name != "channel"}

    @property
    def title(self) -> str:
        """Name the channel for people."""
        where = self.host.partition(".")[0] or "Slack"
        return f"{where}: {'#' if self.visibility != 'direct' else ''}{self.name or self.channel}"

    @property
    def url(self) -> str:
        """Give the page a person opens."""
        return f"https://{self.host or 'app.slack.com'}/archives/{self.channel}"

    def native_id(self, ts: str) -> str:
        """Name a message; a ts is unique in its channel."""
        return f"{self.team or self.host}/{self.channel}/{ts}"

    def permalink(self, ts: str, thread: str | None) -> str:
        """Give the address of a message."""
        url = f"{self.url}/p{ts.replace('.', '')}"
        return f"{url}?thread_ts={thread}&cid={self.channel}" if thread else url


def place(auth: Any, info: Any) -> dict[str, str]:
    """Read where we are of auth.test and conversations.info."""
    match = _HOST.fullmatch(str(auth.get("url", ""))) if isinstance(auth, dict) else None
    channel = info.get("channel") if isinstance(info, dict) else None
    channel = channel if isinstance(channel, dict) else {}
    found = {
        "team": str(auth.get("team_id") or "") if isinstance(auth, dict) else "",
        "host": match[1] if match else "",
    }
    found["name"] = str(channel.get("name") or "")
    if channel.get("is_im") or channel.get("is_mpim"):
        found["visibility"] = "direct"
    elif channel.get("is_private") or channel.get("is_group"):
        found["visibility"] = "private"
    return {name: value for name, value in found.items() if value}


def listed(body: Any) -> list[dict[str, Any]]:
    """List the messages of an answer."""
    found = body.get("messages") if isinstance(body, dict) else None
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def next_cursor(body: Any) -> str | None:
    """Give where the next page begins; None: this was the last."""
    held = body.get("response_metadata")
    token = held.get("next_cursor") if isinstance(held, dict) else None
    if body.get("has_more") is False:
        return None
    if isinstance(token, str) and token:
        return token
    seen = [one["ts"] for one in listed(body) if is_ts(one.get("ts"))]
    return BEFORE + min(seen, key=order) if body.get("has_more") is True and seen else None


def users_in(heard: Iterable[Json]) -> list[str]:
    """List the members who speak or are named."""
    found: dict[str, None] = {}
    for one in heard:
        for user in (_speaker(one), *_USER.findall(str(one.get("text", "")))):
            if isinstance(user, str) and re.fullmatch(r"[UW][A-Z0-9]{1,20}", user):
                found[user] = None
    return list(found)


def posts(
    heard: Sequence[Json], here: Place, users: Mapping[str, Any]
) -> tuple[tuple[Post, ...], tuple[str, ...], tuple[Reject, ...]]:
    """Read messages: posts, the ids of what was deleted, and what cannot be read."""
    names = {user: str(one["name"]) for user, one in users.items() if isinstance(one, dict) and one.get("name")}
    gone = [one for one in heard if one.get("subtype") == "tombstone" and is_ts(one.get("ts"))]
    kept = [one for one in heard if one.get("subtype") is None or one.get("subtype") in KEPT]
    found, rejects = gather(kept, lambda one: _post(one, here, users, names))
    return found, tuple(dict.fromkeys(here.native_id(str(one["ts"])) for one in gone)), rejects


def _post(message: Json, here: Place, users: Mapping[str, Any], names: Mapping[str, str]) -> Post:
    ts, thread = message["ts"], message.get("thread_ts")
    if not is_ts(ts):
        raise ValueError("a ts is seconds and a part")
    root = str(thread) if is_ts(thread) and thread != ts else None
    text = message.get("text") or "\n".join(dict.fromkeys(blocks([message.get("attachments"), message.get("blocks")])))
    written = plain(text, names)
    edited = message.get("edited")
    reactions = [one.get("count", 0) for one in message.get("reactions") or ()]
    replies = message.get("reply_count")
    return Post(
        PLATFORM,
        here.native_id(ts),
        url=here.permalink(ts, root),
        account=_account(message, here, users),
        kind="reply" if root else "post",
        text=written.text,
        published_at=_when(ts),
        edited_at=_when(edited.get("ts")) if isinstance(edited, dict) else None,
        in_reply_to=here.native_id(root) if root else None,
        thread=here.native_id(root or ts) if thread else None,
        mentions=written.mentions,
        links=(*written.links, *_attached(message)),
        media=tuple(made for one in message.get("files") or () if (made := _file(one)) is not None),
        community=f"#{here.name}" if here.name and here.visibility != "direct" else here.name,
        counts=Counts(replies=replies if type(replies) is int else None, likes=sum(reactions) if reactions else None),
        instance=here.host or None,
        visibility=here.visibility,
    )


def _speaker(message: Json) -> Any:
    comment = message.get("comment")
    return message.get("user") or (comment.get("user") if isinstance(comment, dict) else None)


def _account(message: Json, here: Place, users: Mapping[str, Any]) -> Account | None:
    user, bot = _speaker(message), message.get("bot_id")
    profile = message.get("bot_profile") if isinstance(message.get("bot_profile"), dict) else {}
    name = message.get("username") or (profile or {}).get("name")
    if not user:
        return Account(PLATFORM, f"{here.team}/{bot}", name=name, is_bot=True) if bot else None
    facts = users.get(user)
    facts = facts if isinstance(facts, dict) else {}
    return Account(
        PLATFORM,
        f"{here.team}/{user}",
        handle=facts.get("handle"),
        name=facts.get("name") or name,
        url=urls.safe(f"https://{here.host}/team/{user}") if here.host else None,
        is_bot=True if bot else facts.get("is_bot"),
    )


def _attached(message: Json) -> tuple[str, ...]:
    keys = ("title_link", "from_url", "original_url")
    found = [one.get(key) for one in message.get("attachments") or () for key in keys]
    return tuple(url for link in found if isinstance(link, str) and (url := urls.safe(link)) is not None)


def _file(one: Json) -> Media | None:
    url = urls.safe(one.get("permalink") or one.get("url_private"))
    return None if url is None else Media(url, mime=one.get("mimetype"), alt=one.get("alt_txt") or one.get("title"))


def _when(ts: object) -> datetime | None:
    if not is_ts(ts):
        return None
    seconds, part = order(str(ts))
    return datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=part)
