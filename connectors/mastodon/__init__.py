"""Mastodon and every server that speaks its interface: timelines, tags, lists, accounts, searches, notifications.

Plain HTTP: ids stay opaque, nothing depends on the server telling its version, and pages go forward from the last one.
"""

import json
import re
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import chain
from typing import Any, Final, cast
from urllib.parse import urlencode

from pydantic import Field, SecretStr, field_validator

from connectors.mastodon import pages, people, posts, streams, walks
from connectors.mastodon.queries import KNOWN_SERVERS, NEED_A_TOKEN, Query, pasted
from listener import connector
from listener.connector import HttpConnector, Traits, gather, json_body, read, refuse_web_page, secret
from listener.errors import BadPayload, ConnectorError, NotAuthorised
from listener.types import Answer, Feed, Follow, Gap, Page, Request
from listener.walk import Item, Walk, paged

KEY: Final = "connectors.mastodon.token"
RECHECK: Final = 20
"""Ids of one request: more are refused (docs.joinmastodon.org/methods/statuses, read 2026-11-23)."""
_OF_SERVER: Final = re.compile(r"https?://([^/]+)/(?:ap/)?users/[^/]+/statuses/(\w+)")
_ABOUT_TOKEN: Final = ("token", "authenticated user", "unauthorized", "scope")


class Settings(connector.Settings):
    """What `[connectors.mastodon]` may hold."""

    server: str | None = None
    """Your own server, such as "mastodon.social"."""
    token: SecretStr | None = None
    """Your access token there: home, lists, searches and notifications need it. It never goes to another server."""
    since_hours: float = Field(default=48.0, ge=0, le=87_600)
    """How far a first poll looks back, at most 400 posts."""

    @field_validator("server")
    @classmethod
    def _host(cls, value: str | None) -> str | None:
        if value is None:
            return None
        host = value.strip().lower().removeprefix("https://").rstrip("/")
        if Query.read(f"{host}/home") is None:
            raise ValueError("must be the name of a server, such as mastodon.social")
        return host


class Mastodon(HttpConnector):
    """Read servers that speak the Mastodon interface.

    Queries begin with the server: `mastodon.social/@name`, `SERVER/home`, `/public`, `/local`, `/remote`,
    `/notifications`, `/list/ID`, `/tag/one+and,or-not`, `/account/ID`, `/search/WORDS`, `/post/ID` (its replies).
    """

    name = posts.PLATFORM
    settings_model = Settings
    settings: Settings
    traits = Traits(
        reads="Mastodon and servers like it: home, lists, tags, accounts, public timelines, searches, notifications",
        needs="nothing for public posts; an access token of your server for home, lists, searches and notifications",
        credentials=(
            "On your server, open Preferences, then Development, then New application.",
            'Give it a name, such as "listener", and leave the redirect address as it is.',
            "Tick the scopes read and profile only; nothing is ever written.",
            "Save it, open it again and copy your access token.",
            "Put the token into an environment variable or a file that only you can read.",
            'Set server = "your.server" and token = "env:NAME" or "file:PATH" under [connectors.mastodon].',
        ),
        interval_s=900.0,
        limit=(
            "300 requests in 5 minutes for an account and for an address "
            "(docs.joinmastodon.org/api/rate-limits, read 2026-11-23)"
        ),
        examples=(
            "@Gargron@mastodon.social",
            "https://fosstodon.org/tags/python",
            "https://mastodon.social/public/local",
            "mastodon:hachyderm.io/tag/postgres+backup",
        ),
    )

    def request(self, feed: Feed, cursor: str | None) -> Request:
        """Ask for 40 posts: the newest at first, later those just after the last known one (`min_id`).

        Source: https://docs.joinmastodon.org/methods/timelines/, read 2026-11-23.
        """
        query, held = _query(feed), Walk.read(cursor)
        window = walks.window(held, forward=query.kind != "search")
        path = query.path(window, held.extra.get("account"), context=cursor is not None)
        if query.kind in NEED_A_TOKEN and self._token(query.server) is None:
            if self.settings.server not in (None, query.server):
                raise NotAuthorised(f"connectors.mastodon.server is another server; only a key of {query.server} helps")
            secret(self.settings.token, KEY)
            raise NotAuthorised(f'connectors.mastodon.server is not set; say server = "{query.server}"')
        return self._request(query.server, path)

    def parse(self, answer: Answer, feed: Feed, cursor: str | None) -> Page:
        """Read a page of posts, or, before an account's first, what its id is."""
        query, held, body = _query(feed), Walk.read(cursor), json_body(answer)
        if query.by_name and "account" not in held.extra:
            return _named(_found(body, held), feed, query)
        listed = pages.entries(body)
        root = {query.value: held.extra["uri"]} if "uri" in held.extra else {}
        page = self._checked(pages.page(listed, query.server, root), query.server)
        page = replace(page, quotas=pages.quotas(answer.headers))
        if query.kind == "post":
            return _named(_thread(page, held, is_post=cursor is None), feed, query)
        items = [Item(entry.native_id, entry.at) for entry in listed if entry.native_id]
        ends = pages.ends(answer.headers.get("link", ""))
        since_s = self.settings.since_hours * 3_600
        taken = walks.step(held, items, ends, forward=query.kind != "search", since_s=since_s)
        return _named(paged(page, taken), feed, query)

    def refuse(self, answer: Answer) -> None:
        """Read refusals by what they say too: a bad key is 401 without words here, 400 or 422 with them there."""
        refuse_web_page(answer)
        said = answer.body[:500].decode("utf-8", "replace").lower()
        if answer.status == 401 or (answer.status in (400, 403, 422) and any(word in said for word in _ABOUT_TOKEN)):
            raise NotAuthorised(f"HTTP {answer.status}: the server wants a (better) key; look at {KEY}")
        if answer.status == 404 and "/accounts/lookup" in answer.url:
            raise ConnectorError("HTTP 404: no such name there, or no look-up by name; take SERVER/account/ID instead")
        connector.refuse(answer)

    def feed_for(self, text: str) -> Feed | None:
        """Take `@name@server`, pages of known servers, `#tag` (read on the user's own), `mastodon:` and a query."""
        query = pasted(text, self.settings.server)
        return None if query is None else _feed(query)

    def mine(self, account: str) -> tuple[Feed, ...]:
        """List an account's own posts; where the settings hold its server's token, its notifications too."""
        query = pasted(account, self.settings.server)
        if query is None or not query.by_name:
            return ()
        has_token = "@" not in query.value[1:] and self._token(query.server) is not None
        return (_feed(query), *((_feed(Query(query.server, "notifications")),) if has_token else ()))

    def whose(self, text: str) -> str | None:
        """Take `@name@server`, and the page of an account on a known server."""
        query = pasted(text, self.settings.server)
        return query.title if query is not None and query.by_name else None

    def fill(self, feed: Feed, gap: Gap) -> str | None:
        """Go back from the gap's newer end; a home timeline keeps only its newest posts."""
        query = Query.read(feed.query)
        if query is None or query.kind in ("home", "search", "post"):
            return None
        walk = walks.filling(gap)
        return None if walk is None else walk.cursor

    def follows(self) -> Iterator[Follow]:
        """Yield whom the user follows on their server, their lists as circles."""
        server = self.settings.server
        if server is None:
            raise NotAuthorised('connectors.mastodon.server is not set; say server = "your.server"')
        secret(self.settings.token, KEY)
        return people.follows(lambda path: self._ask(server, path), server)

    def recheck(self, native_ids: Sequence[str]) -> Page:
        """Read posts of the user's own server again; those of other servers are left out."""
        server = self.settings.server
        if server is None:
            raise NotImplementedError
        wanted = {}
        for native_id in native_ids:
            match = _OF_SERVER.fullmatch(native_id)
            if match is not None and match[1].lower() == server:
                wanted[match[2]] = native_id
        found = self._together(server, list(wanted))
        found |= self._one_by_one(server, [number for number in wanted if number not in found])
        came, rejects = gather([one for one in found.values() if one], lambda one: posts.post(one, server, {}))
        return Page(came, deleted=tuple(wanted[number] for number, one in found.items() if not one), rejects=rejects)

    def streams(self, feed: Feed) -> bool:
        """Tell whether the server streams this: timelines, single tags and lists, to those who have a token there."""
        query = Query.read(feed.query)
        return query is not None and query.stream_path() is not None and self._token(query.server) is not None

    def stream(self, feed: Feed, cursor: str | None) -> Iterator[Page]:
        """Listen to server-sent events; nothing is sent twice, so every connection begins with an ordinary poll.

        Source: https://docs.joinmastodon.org/methods/streaming/, read 2026-11-23.
        """
        query = _query(feed)
        request = self._request(query.server, query.stream_path() or "", self._streaming(query.server))
        # Once the first line is there, the connection stands: what comes meanwhile waits in it.
        with closing(cast("Generator[bytes]", self.http.lines(request))) as lines:
            first = next(lines, None)
            if first is None:
                raise ConnectorError("the stream ended before it began")
            seen: dict[str, str] = {}
            for page in self._caught_up(feed, cursor, seen):
                cursor = page.cursor
                yield page
            for event in streams.events(chain([first], lines)):
                page = self._checked(pages.happened(event, query.server, cursor, seen), query.server)
                cursor = page.cursor
                yield page
        raise ConnectorError("the stream ended")

    def _checked(self, page: Page, server: str) -> Page:
        """Take a server's word on which pages link back to an author where it is the user's own, or a known one.

        A server that anybody may have set up could say that of anybody.
        """
        return page if server == self.settings.server or server in KNOWN_SERVERS else pages.unproved(page)

    # the network

    def _caught_up(self, feed: Feed, cursor: str | None, seen: dict[str, str]) -> Iterator[Page]:
        more = True
        while more:
            answer = self.fetch(feed, cursor)
            page = read(self, answer, feed, cursor)
            pages.remember(seen, pages.uris(pages.entries(json_body(answer))))
            cursor, more = page.cursor, page.more
            yield page

    def _streaming(self, server: str) -> str | None:
        """Find where the streams are; None: on the server itself, as where it does not say."""
        if self.settings.base_url is not None:
            return None
        answer = self.http.send(self._request(server, "/api/v2/instance"))
        if answer.status != 200:
            return None
        try:
            return streams.base(json.loads(answer.body), f"https://{server}")
        except (ValueError, RecursionError):
            return None

    def _together(self, server: str, numbers: Sequence[str]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for start in range(0, len(numbers), RECHECK):
            asked = urlencode([("id[]", number) for number in numbers[start : start + RECHECK]])
            answer = self.http.send(self._request(server, f"/api/v1/statuses?{asked}"))
            if answer.status in (400, 404, 405, 422):  # servers before 4.3 cannot
                break
            self.refuse(answer)
            body = json_body(answer)
            came = [one for one in body if isinstance(one, dict)] if isinstance(body, list) else []
            found |= {str(one.get("id")): one for one in came if str(one.get("id")) in numbers}
        return found

    def _one_by_one(self, server: str, numbers: Sequence[str]) -> dict[str, Any]:
        """Ask for each post; what is not there any more is None."""
        requests = {number: self._request(server, f"/api/v1/statuses/{number}") for number in numbers}
        found: dict[str, Any] = {}
        for number, outcome in self.http.fetch_many(requests):
            if isinstance(outcome, ConnectorError):
                raise outcome
            if outcome.status in (404, 410):
                found[number] = None
                continue
            self.refuse(outcome)
            found[number] = json_body(outcome)
        return found

    def _ask(self, server: str, path: str) -> tuple[Any, str | None]:
        answer = self.http.send(self._request(server, path))
        self.refuse(answer)
        return json_body(answer), pages.following(answer.headers.get("link", ""))

    def _request(self, server: str, path: str, base: str | None = None) -> Request:
        token = self._token(server)
        url = (self.settings.base_url or base or f"https://{server}").rstrip("/") + path
        return Request(
            url, credentials={"Authorization": f"Bearer {token}"} if token else {}, slot_s=self.traits.slot_s
        )

    def _token(self, server: str) -> str | None:
        """Give the token that belongs to a server; no other one gets it."""
        token = self.settings.token
        return token.get_secret_value() if token is not None and server == self.settings.server else None


def _query(feed: Feed) -> Query:
    query = Query.read(feed.query)
    if query is None:
        raise ConnectorError("there is no such feed; write SERVER/@name, SERVER/tag/python, SERVER/home and the like")
    return query


def _feed(query: Query) -> Feed:
    return Feed(0, posts.PLATFORM, str(query), posts.PLATFORM, title=query.title, home_url=query.home_url)


def _named(page: Page, feed: Feed, query: Query) -> Page:
    return replace(page, title=feed.title or query.title, home_url=feed.home_url or query.home_url)


def _found(body: object, held: Walk) -> Page:
    if not isinstance(body, dict) or not isinstance(body.get("id"), str | int):
        raise BadPayload("the answer is no account")
    following = replace(held, extra={**held.extra, "account": str(body["id"])})
    return Page(cursor=following.cursor, more=True)


def _thread(page: Page, held: Walk, *, is_post: bool) -> Page:
    """Begin a thread with its post, or put what is around it under the post that began it all."""
    if is_post:
        root = page.posts[0].native_id if page.posts else None
        return replace(page, cursor=replace(held, extra={"uri": root, "read": True}).cursor, more=True)
    began = page.posts[0].thread if page.posts else None
    threaded = tuple(replace(one, thread=one.thread or began or held.extra.get("uri")) for one in page.posts)
    return replace(page, posts=threaded, cursor=held.cursor)
