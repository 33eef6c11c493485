"""Slack: channels, private channels and direct messages that the user's own app is in.

A page is the answers to several methods in one: messages, replies to those whose threads went on, and who is who.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

from pydantic import Field, SecretStr

from connectors.slack import members, messages, walks
from connectors.slack.answers import SCOPES, refuse_named
from connectors.slack.walks import Mark
from listener import connector
from listener.connector import Connector, Http, Sessions, Traits, json_body, refuse_web_page, secret
from listener.errors import BadPayload, ConnectorError
from listener.types import Answer, Feed, Page, Request

API: Final = "https://slack.com"
KEY: Final = "connectors.slack.token"
LIMIT: Final = 200
THREADS: Final = 25
"""Most threads read for one page; the page is asked for again while some are left."""
SLOT_S: Final = 1.2
"""50 requests a minute are allowed for each method (docs.slack.dev/apis/web-api/rate-limits, read 2026-11-23)."""

_ID: Final = re.compile(r"[CDG][A-Z0-9]{2,20}")
_PAGE: Final = re.compile(
    r"(?:https?://)?(?:[\w-]+\.slack\.com/(?:archives|messages)|app\.slack\.com/client/[TE]\w+)/([CDG][A-Z0-9]{2,20})"
    r"(?:[/?#].*)?",
    re.ASCII,
)


class Settings(connector.Settings):
    """What `[connectors.slack]` may hold."""

    token: SecretStr | None = None
    """The bot token of your own app (xoxb-…), or its user token (xoxp-…)."""
    since_hours: float = Field(default=48.0, ge=0, le=87_600)
    """How far a first poll looks back."""
    again_hours: float = Field(default=72.0, ge=0, le=8_760)
    """How long after it was written a message is looked at again, for edits and new replies."""


class Slack(Connector):
    """Read Slack. The query is a channel's id: `C011DUKE8`, as at the end of its address."""

    name = messages.PLATFORM
    settings_model = Settings
    settings: Settings
    traits = Traits(
        reads="Slack channels, threads and direct messages of workspaces where you may install an app of your own",
        needs="the token of an internal app of your own, invited to each channel",
        credentials=(
            "Open https://api.slack.com/apps and create an app from scratch, in your own workspace.",
            f"Under OAuth & Permissions, add the bot token scopes {', '.join(SCOPES)}.",
            "Install it there and copy the bot token (xoxb-…); do not distribute the app, it would be slowed.",
            "In each channel that you want to hear, write /invite @your-app.",
            "Put the token into an environment variable or a file that only you can read.",
            'Set token = "env:NAME" or "file:PATH" under [connectors.slack].',
        ),
        interval_s=900.0,
        slot_s=SLOT_S,
        limit=(
            "50 requests a minute and method for your own app; once a minute and 15 messages for distributed ones "
            "(docs.slack.dev/apis/web-api/rate-limits, read 2026-11-23)"
        ),
        closed={
            r"[\w-]+\.slack\.com/(?:client|archives|team|messages)\b": (
                "that is no channel of Slack; use Copy link on the channel and paste that, "
                "NAME.slack.com/archives/C… ; your own app must be in the channel"
            ),
        },
        examples=("https://acme.slack.com/archives/C011DUKE8", "slack:C011DUKE8"),
    )

    def __init__(self, settings: Settings, http: Http, sessions: Sessions | None = None) -> None:
        super().__init__(settings, http, sessions)
        self._members = members.Members(sessions)

    def fetch(self, feed: Feed, cursor: str | None) -> Answer:
        """Ask for 200 messages, newest first, between the last known ones and now, and for what belongs to them.

        Sources: https://docs.slack.dev/reference/methods/conversations.history and .replies, read 2026-11-23.
        """
        channel, now = _channel(feed), datetime.now(UTC)
        mark = walks.window(Mark.read(cursor), now, self.settings.since_hours, self.settings.again_hours)
        place = dict(mark.place)
        if not place:
            asked = self._ask("auth.test"), self._ask("conversations.info", channel=channel)
            place = messages.place(*(self._body(one) for one in asked))
        history = self._ask("conversations.history", channel=channel, limit=LIMIT, **mark.params)
        body = json_body(history)
        if history.status == 200 and _says(body, "invalid_cursor") and mark.token:
            mark = replace(mark, token=None)
            history = self._ask("conversations.history", channel=channel, limit=LIMIT, **mark.params)
            body = json_body(history)
        if history.status != 200 or not isinstance(body, dict) or body.get("ok") is not True:
            return history
        replies = self._replies(channel, mark.behind(messages.listed(body))[:THREADS], mark)
        users = self._names(body, replies)
        whole = {"mark": mark.values, "place": place, "history": body, "replies": replies, "users": users}
        return replace(history, body=json.dumps(whole).encode())

    def refuse(self, answer: Answer) -> None:
        """Read the platform's own errors, which come with HTTP 200."""
        refuse_web_page(answer)
        connector.refuse(answer)
        refuse_named(answer)

    def parse(self, answer: Answer, feed: Feed, cursor: str | None) -> Page:
        """Read a page as `fetch` put it together."""
        body = json_body(answer)
        if not isinstance(body, dict) or not isinstance(body.get("history"), dict):
            raise BadPayload("the answer is none of conversations.history")
        mark, place = Mark.of(body.get("mark")), messages.Place.of(body.get("place"), _channel(feed))
        listed = messages.listed(body["history"])
        replies = body["replies"] if isinstance(body.get("replies"), dict) else {}
        heard = [one for thread in replies.values() for one in messages.listed(thread)]
        users = body["users"] if isinstance(body.get("users"), dict) else {}
        found, gone, rejects = messages.posts([*listed, *heard], place, users)
        following, more = walks.step(mark, listed, replies, messages.next_cursor(body["history"]))
        return Page(
            found,
            replace(following, place=place.values).cursor,
            deleted=gone,
            more=more,
            title=feed.title or place.title,
            home_url=feed.home_url or place.url,
            rejects=rejects,
        )

    def feed_for(self, text: str) -> Feed | None:
        """Take a channel's or a message's address (Copy link), or `slack:` and a channel's id."""
        text = text.strip()
        match = _PAGE.fullmatch(text) if len(text) < 500 else None
        number = match[1] if match else text.removeprefix("slack:").strip()
        if _ID.fullmatch(number) is None or not (match or text.startswith("slack:")):
            return None
        home = f"https://{text.split('/')[2]}/archives/{number}" if match and "://" in text else None
        return Feed(0, self.name, number, self.name, home_url=home)

    def missing(self) -> str | None:
        """Say that the token is missing."""
        return None if self.settings.token else f"{KEY} is not set"

    # the network

    def _replies(self, channel: str, behind: Iterable[str], mark: Mark) -> dict[str, Any]:
        wanted = {
            ts: self._request("conversations.replies", channel=channel, ts=ts, limit=LIMIT, **mark.since(ts))
            for ts in behind
        }
        found = {}
        for ts, outcome in self.http.fetch_many(wanted):
            if isinstance(outcome, ConnectorError):
                raise outcome
            gone = outcome.status == 200 and _says(json_body(outcome), "thread_not_found")
            found[ts] = {"messages": []} if gone else self._body(outcome)
        return found

    def _names(self, history: Any, replies: dict[str, Any]) -> dict[str, Any]:
        heard = [one for body in (history, *replies.values()) for one in messages.listed(body)]
        wanted = self._members.unknown(messages.users_in(heard))
        requests = {user: self._request("users.info", user=user) for user in wanted}
        found = {}
        for user, outcome in self.http.fetch_many(requests):
            if isinstance(outcome, ConnectorError):
                raise outcome
            gone = outcome.status == 200 and _says(json_body(outcome), "user_not_found", "user_not_visible")
            found[user] = {} if gone else members.facts(self._body(outcome))
        return self._members.remember(found, messages.users_in(heard))

    def _ask(self, method: str, **params: str | int) -> Answer:
        return self.http.send(self._request(method, **params))

    def _body(self, answer: Answer) -> Any:
        self.refuse(answer)
        return json_body(answer)

    def _request(self, method: str, **params: str | int) -> Request:
        token = secret(self.settings.token, KEY)
        return Request(
            f"{(self.settings.base_url or API).rstrip('/')}/api/{method}",
            "POST",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            credentials={"Authorization": f"Bearer {token}"},
            body=urlencode(params).encode(),
            slot_s=None if self.settings.base_url else SLOT_S,
        )


def _channel(feed: Feed) -> str:
    if _ID.fullmatch(feed.query) is None:
        raise ConnectorError("there is no such feed; write a channel's id, such as C011DUKE8, the end of its address")
    return feed.query


def _says(body: Any, *errors: str) -> bool:
    return isinstance(body, dict) and body.get("ok") is False and body.get("error") in errors
