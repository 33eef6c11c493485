"""Threads: the user's own posts, their answers, mentions, and searches by words or tag.

A token lives 60 days and is renewed long before, under the session's lock.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from pydantic import Field, SecretStr

from connectors.threads import posts
from connectors.threads.queries import Query, pasted
from connectors.threads.tokens import KEY, Tokens
from listener import connector
from listener.connector import Connector, Http, Sessions, Traits, gather, json_body, refuse_web_page
from listener.errors import BadPayload, ConnectorError, NotAuthorised, RateLimited
from listener.types import Answer, Feed, Page, Request
from listener.walk import Item, Walk, paged, step

API: Final = "https://graph.threads.net"
RIGHTS: Final = "threads_basic, threads_read_replies, threads_manage_mentions and threads_keyword_search"
LIMIT: Final = 50
OVERLAP_S: Final = 600.0
LIMITED_S: Final = 3_600.0
# Source: https://developers.facebook.com/docs/graph-api/guides/error-handling, read 2026-11-23.
TOKEN: Final = frozenset({102, 190, 463, 467})
LIMITS: Final = frozenset({4, 17, 32, 613, *range(80_000, 80_015)})
RIGHTS_LACK: Final = frozenset({3, 10, *range(200, 300)})


class Settings(connector.Settings):
    """What `[connectors.threads]` may hold."""

    token: SecretStr | None = None
    """A long-lived access token of your account (60 days; it is renewed by itself)."""
    since_hours: float = Field(default=48.0, ge=0, le=87_600)
    """How far a first poll looks back."""


class Threads(Connector):
    """Read Threads.

    Queries: `me/threads`, `me/replies`, `me/mentions`, `search/WORDS`, `tag/WORD`, `conversation/ID`.
    """

    name = posts.PLATFORM
    settings_model = Settings
    settings: Settings
    traits = Traits(
        reads="Threads: your own posts and replies, mentions of you, conversations, searches by words or tag",
        needs="a token of your account, from an app of your own; searches of all posts need Meta's review of the app",
        credentials=(
            "Open https://developers.facebook.com and create an app with the use case Access the Threads API.",
            f"Under Permissions, add {RIGHTS}.",
            "Under App roles, add yourself as a Threads tester; accept it in Threads, Settings, Website permissions.",
            "Under Settings of the use case, make a token in the User Token Generator; it lives 60 days.",
            "Put the token into an environment variable or a file that only you can read.",
            'Set token = "env:NAME" or "file:PATH" under [connectors.threads]; from then on it is renewed by itself.',
            "Without Meta's review, searches find your own posts only.",
        ),
        interval_s=1_800.0,
        limit=(
            "2,200 searches that find something a day and account "
            "(developers.facebook.com/docs/threads/keyword-search, read 2026-11-23)"
        ),
        examples=("threads:me/mentions", "https://www.threads.net/search?q=invoicing", "threads:tag/smallbusiness"),
    )

    def __init__(self, settings: Settings, http: Http, sessions: Sessions | None = None) -> None:
        super().__init__(settings, http, sessions)
        self._tokens = Tokens(settings.token, http, sessions, self._base)

    def fetch(self, feed: Feed, cursor: str | None) -> Answer:
        """Ask for 50 posts, newest first; renew the token first where it is time.

        Sources: https://developers.facebook.com/docs/threads/threads-media, /keyword-search and /reply-management, read
        2026-11-23.
        """
        query, held = _query(feed), Walk.read(cursor)
        params = {"limit": str(LIMIT), "fields": posts.FIELDS, **query.params}
        if query.is_search and held.newest_s is not None:
            params["since"] = str(max(int(held.newest_s - OVERLAP_S), 0))
        asked = urlencode(params) + (f"&{held.token}" if held.token else "")
        token = self._tokens.current(datetime.now(UTC))
        url = f"{self._base}/v1.0/{quote(query.path)}?{asked}"
        return self.http.send(Request(url, credentials={"Authorization": f"Bearer {token}"}))

    def refuse(self, answer: Answer) -> None:
        """Read the platform's own numbers; its words stay there."""
        refuse_web_page(answer)
        _refuse_numbered(answer)
        connector.refuse(answer)

    def parse(self, answer: Answer, feed: Feed, cursor: str | None) -> Page:
        """Read a page of posts."""
        query, held, body = _query(feed), Walk.read(cursor), json_body(answer)
        listed = body.get("data") if isinstance(body, dict) else None
        if not isinstance(listed, list):
            raise BadPayload("the answer has no data")
        found, rejects = gather([part for one in listed for part in posts.parts(one)], posts.post)
        named = Page(found, rejects=rejects, title=feed.title or query.title, home_url=feed.home_url or query.home_url)
        token = _following(body)
        if not listed and token is not None and token != held.token:  # an empty page need not be the last
            return replace(named, cursor=replace(held, token=token, pages=held.pages + 1).cursor, more=True)
        items = [Item(str(one["id"]), posts.at(one)) for one in listed if isinstance(one, dict) and "id" in one]
        since_s = self.settings.since_hours * 3_600
        return paged(named, step(held, items, token, since_s=since_s, overlap_s=OVERLAP_S))

    def feed_for(self, text: str) -> Feed | None:
        """Take a search's address, `posts about WORDS on threads`, or `threads:` and a query."""
        query = pasted(text)
        return None if query is None else _feed(query)

    def mine(self, account: str) -> tuple[Feed, ...]:
        """List the own posts, replies and mentions; `me` is the token's account, and the only one there is."""
        if account.strip() not in ("me", "threads:me"):
            return ()
        return tuple(_feed(Query("me", kind)) for kind in ("mentions", "threads", "replies"))

    def missing(self) -> str | None:
        """Say that the token is missing."""
        return None if self.settings.token else f"{KEY} is not set"

    @property
    def _base(self) -> str:
        return (self.settings.base_url or API).rstrip("/")


def _refuse_numbered(answer: Answer) -> None:
    if answer.status < 400 or b'"error"' not in answer.body[:2_000]:
        return
    try:
        found = json.loads(answer.body)["error"]
        code, words = found.get("code"), str(found.get("message"))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return
    if code in TOKEN:
        raise NotAuthorised(f"error {code}: the token is wrong or has run out; make a new one for {KEY}")
    if code in LIMITS:
        raise RateLimited(f"error {code}: the platform asks us to wait", LIMITED_S)
    if code in RIGHTS_LACK or (code == 100 and "ermission" in words):
        raise NotAuthorised(f"error {code}: the token of {KEY} may not read this; it needs {RIGHTS}")
    if code in (24, 100):
        raise ConnectorError(f"error {code}: nothing is there, or the token may not see it; check the feed's query")
    raise ConnectorError(f"error {code}: the platform failed" if type(code) is int else "the platform failed")


def _following(body: Mapping[str, Any]) -> str | None:
    """Give what names the next page, without the token in its address; None: there is none."""
    paging = body.get("paging")
    address = paging.get("next") if isinstance(paging, dict) else None
    try:
        asked = dict(parse_qsl(urlsplit(address).query)) if isinstance(address, str) else {}
    except ValueError:
        return None
    return urlencode({"after": asked["after"]}) if asked.get("after") else None


def _query(feed: Feed) -> Query:
    query = Query.read(feed.query)
    if query is None:
        raise ConnectorError(
            "there is no such feed; write me/threads, me/replies, me/mentions, search/WORDS, tag/WORD, conversation/ID"
        )
    return query


def _feed(query: Query) -> Feed:
    return Feed(0, posts.PLATFORM, str(query), posts.PLATFORM, title=query.title, home_url=query.home_url)
