"""Discord: channels and threads of servers that the user's own bot was invited to.

A walk goes forward from the last message; edits and deletions are seen where young messages are read again.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from pydantic import Field, SecretStr

from connectors.discord import messages
from connectors.discord.messages import Place, snowflake
from listener import connector
from listener.connector import Connector, Traits, gather, json_body, refuse_web_page, secret
from listener.errors import BadPayload, ConnectorError, NotAuthorised, RateLimited
from listener.types import Answer, Feed, Gap, Page, Request
from listener.waits import bounded

API: Final = "https://discord.com"
KEY: Final = "connectors.discord.token"
LIMIT: Final = 100
NO_CONTENT: Final = (
    "the messages come without their text: switch on Message Content Intent for your bot "
    "(discord.com/developers, your application, Bot), then poll this feed again"
)
_QUERY: Final = re.compile(r"(\d{15,20}|@me)/(\d{15,20})", re.ASCII)
_PAGE: Final = re.compile(
    r"(?:https?://)?(?:\w+\.)?discord(?:app)?\.com/channels/(\d{15,20}|@me)/(\d{15,20})(?:[/?#].*)?", re.ASCII
)


class Settings(connector.Settings):
    """What `[connectors.discord]` may hold."""

    token: SecretStr | None = None
    """The token of your own bot."""
    since_hours: float = Field(default=48.0, ge=0, le=87_600)
    """How far a first poll looks back."""


class Discord(Connector):
    """Read Discord. The query is `SERVER/CHANNEL`, the two numbers of a channel's address; threads are channels too."""

    name = messages.PLATFORM
    settings_model = Settings
    settings: Settings
    traits = Traits(
        reads="Discord channels and threads of servers where your own bot is",
        needs="the token of a bot of your own that the server's people let in",
        credentials=(
            "Open https://discord.com/developers/applications and create an application.",
            "Under Bot, switch on Message Content Intent, then reset the token and copy it.",
            "Under OAuth2 make an address with the scope bot and the permissions View Channels, Read Message History.",
            "Open it, and invite the bot to your server, or send it to the server's administrators.",
            "Put the token into an environment variable or a file that only you can read.",
            'Set token = "env:NAME" or "file:PATH" under [connectors.discord].',
        ),
        interval_s=900.0,
        limit=(
            "each answer says what is left, 50 requests a second in all; 10,000 refused ones in 10 minutes shut an "
            "address out (docs.discord.com/developers/topics/rate-limits, read 2026-11-23)"
        ),
        closed={
            r"(?:\w+\.)?(?:discord(?:app)?\.com/(?:channels|invite)|discord\.gg)\b": (
                "that is no channel of Discord; open the channel in a browser and paste its address, "
                "discord.com/channels/SERVER/CHANNEL with two long numbers; your own bot must be in its server"
            ),
        },
        examples=("https://discord.com/channels/267624335836053506/267631170882240512",),
    )

    def fetch(self, feed: Feed, cursor: str | None) -> Answer:
        """Ask for the 100 messages that follow the last known one; before the first, what the channel is called.

        Source: https://docs.discord.com/developers/resources/message#get-channel-messages, read 2026-11-23.
        """
        server, channel = _query(feed)
        held = _held(cursor)
        place = Place.of(held.get("place"), server, channel)
        if not held:
            place = self._place(server, channel)
        after = held.get("after") or snowflake(datetime.now(UTC) - timedelta(hours=self.settings.since_hours))
        answer = self.http.send(self._request(f"/channels/{channel}/messages", after=after, limit=LIMIT))
        body = json_body(answer) if answer.status == 200 else None
        if isinstance(body, dict) and "author" in body:
            body = [body]  # as one message alone is answered
        if not isinstance(body, list):
            return answer
        whole = {"after": after, "place": place.values, "messages": body}
        return replace(answer, body=json.dumps(whole).encode())

    def refuse(self, answer: Answer) -> None:
        """Read the platform's own words; its waits have fractions."""
        refuse_web_page(answer)
        code, wait_s = _said(answer) if answer.status >= 400 else (None, None)
        if answer.status == 429 and wait_s is not None:
            raise RateLimited("HTTP 429: the platform asks us to wait", bounded(wait_s))
        if code in (50001, 50013):
            raise NotAuthorised("the bot may not read here; give it View Channel and Read Message History")
        if code == 10003:
            raise ConnectorError("there is no such channel, or the bot is not in its server; check the address")
        if answer.status == 401:
            raise NotAuthorised(f"HTTP 401: the token is refused; look at {KEY}")
        connector.refuse(answer)

    def parse(self, answer: Answer, feed: Feed, cursor: str | None) -> Page:
        """Read a page; within it the newest message stands first."""
        body, (server, channel) = json_body(answer), _query(feed)
        if not isinstance(body, dict) or not isinstance(body.get("messages"), list):
            raise BadPayload("the answer is no list of messages")
        place, listed = Place.of(body.get("place"), server, channel), body["messages"]
        if listed and not messages.numbers(listed):
            raise BadPayload("the answer is no list of messages")
        if messages.lack_content(listed):
            raise NotAuthorised(NO_CONTENT)
        page = _page(listed, place)
        newest = max([int(body.get("after") or 0), *messages.numbers(listed)])
        following = json.dumps({"after": str(newest), "place": place.values})
        more = len(listed) >= LIMIT and newest > int(body.get("after") or 0)
        home = feed.home_url or place.url
        return replace(page, cursor=following, more=more, title=feed.title or place.title, home_url=home)

    def feed_for(self, text: str) -> Feed | None:
        """Take the address of a channel, a thread or a message, or `discord:SERVER/CHANNEL`."""
        text = text.strip()
        found = _PAGE.fullmatch(text) if len(text) < 300 else None
        if found is None and text.startswith("discord:"):
            found = _QUERY.fullmatch(text.removeprefix("discord:").strip())
        if found is None:
            return None
        place = Place(found[1], found[2])
        return Feed(0, self.name, f"{found[1]}/{found[2]}", self.name, home_url=place.url)

    def missing(self) -> str | None:
        """Say that the token is missing."""
        return None if self.settings.token else f"{KEY} is not set"

    def fill(self, feed: Feed, gap: Gap) -> str | None:
        """Go forward again from the gap's older end."""
        return json.dumps({"after": gap.older}) if (gap.older or "").isdecimal() else None

    def recheck(self, native_ids: Sequence[str]) -> Page:
        """Read messages again, a page for each channel, from the oldest of them on."""
        wanted: dict[str, list[int]] = {}
        for one in native_ids:
            channel, _, number = one.partition("/")
            if channel.isdecimal() and number.isdecimal():
                wanted.setdefault(channel, []).append(int(number))
        pages = [self._again(channel, numbers) for channel, numbers in wanted.items()]
        return Page(
            tuple(post for page in pages for post in page.posts), deleted=tuple(one for p in pages for one in p.deleted)
        )

    # the network

    def _again(self, channel: str, numbers: Sequence[int]) -> Page:
        path = f"/channels/{channel}/messages"
        answer = self.http.send(self._request(path, after=str(min(numbers) - 1), limit=LIMIT))
        self.refuse(answer)
        listed = json_body(answer)
        if not isinstance(listed, list):
            raise BadPayload("the answer is no list of messages")
        there = messages.numbers(listed)
        until = max(there, default=0) if len(listed) >= LIMIT else max(numbers)
        gone = [number for number in numbers if number <= until and number not in there]
        page = _page([one for one in listed if messages.number_of(one) in set(numbers)], self._place(None, channel))
        return replace(page, deleted=tuple(f"{channel}/{number}" for number in gone))

    def _place(self, server: str | None, channel: str) -> Place:
        """Ask what a channel and its server are called; those who may read need not be allowed to know that."""
        found = self._object(f"/channels/{channel}")
        server = server or str(found.get("guild_id") or "@me")
        named = self._object(f"/guilds/{server}") if server != "@me" else {}
        return Place(server, channel, messages.text(found.get("name")), messages.text(named.get("name")))

    def _object(self, path: str) -> Mapping[str, Any]:
        answer = self.http.send(self._request(path))
        if answer.status in (403, 404):
            return {}
        self.refuse(answer)
        body = json_body(answer)
        if not isinstance(body, dict):
            raise BadPayload("the answer is no object")
        return body

    def _request(self, path: str, **params: str | int) -> Request:
        token = secret(self.settings.token, KEY)
        url = f"{(self.settings.base_url or API).rstrip('/')}/api/v10{path}"
        query = f"?{urlencode(params)}" if params else ""
        return Request(url + query, credentials={"Authorization": f"Bot {token}"})


def _page(listed: Sequence[Any], place: Place) -> Page:
    # An original that a forward brings with it is less than the message itself.
    parts = [(one, False) for one in listed] + [(one, True) for one in listed if messages.is_forward(one)]
    found, rejects = gather(
        parts, lambda part: messages.original(part[0]) if part[1] else messages.post(part[0], place)
    )
    return Page(found, deleted=messages.gone(listed, place), rejects=rejects)


def _query(feed: Feed) -> tuple[str, str]:
    match = _QUERY.fullmatch(feed.query)
    if match is None:
        raise ConnectorError("there is no such feed; write SERVER/CHANNEL, the two numbers of a channel's address")
    return match[1], match[2]


def _held(cursor: str | None) -> dict[str, Any]:
    try:
        held = json.loads(cursor or "{}")
    except ValueError:
        return {}
    return held if isinstance(held, dict) and str(held.get("after", "")).isdecimal() else {}


def _said(answer: Answer) -> tuple[object, float | None]:
    """Read an error's code and wait; its words are not repeated."""
    try:
        body = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None, None
    if not isinstance(body, dict):
        return None, None
    wait = body.get("retry_after")
    return body.get("code"), float(wait) if isinstance(wait, int | float) and 0 <= wait < 1e9 else None
