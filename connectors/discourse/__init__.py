"""Discourse forums: topics of the whole forum, a category or a tag with their posts; searches; users; every post.

Topics come as lists without text, so every new or changed one is read for itself. Deletions are seen in what is read.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final, TypeGuard
from urllib.parse import urlencode

from pydantic import Field

from connectors.discourse import details, posts, windows
from connectors.discourse.queries import Query, pasted
from listener import connector
from listener.connector import Connector, Traits, gather, json_body, refuse_web_page
from listener.errors import BadPayload, ConnectorError, NotAuthorised, RateLimited
from listener.moments import utc
from listener.types import Answer, Feed, Gap, Page, Request
from listener.waits import bounded
from listener.walk import Item, Walk, paged, step

GONE: Final = (403, 404, 410)


class Settings(connector.Settings):
    """What `[connectors.discourse]` may hold."""

    since_hours: float = Field(default=48.0, ge=0, le=87_600)
    """How far a first poll looks back, at most a few pages."""


class Discourse(Connector):
    """Read Discourse forums that anybody may read.

    Queries begin with the forum: `meta.discourse.org/latest`, `FORUM/c/slug/5`, `FORUM/tag/name` (topics with their
    posts), `FORUM/t/123` (one topic), `FORUM/posts` (every post), `FORUM/search/WORDS`, `FORUM/u/name`.
    """

    name = posts.PLATFORM
    settings_model = Settings
    settings: Settings
    traits = Traits(
        reads="Discourse forums: topics with their posts, by forum, category or tag; searches; users; every new post",
        interval_s=1_800.0,
        limit=(
            "200 requests a minute and address unless the forum says otherwise; past it HTTP 429 with the "
            "seconds to wait (config/discourse_defaults.conf of the forum software, read 2026-11-25)"
        ),
        examples=(
            "https://meta.discourse.org/latest",
            "https://forum.example.org/c/support/6",
            "https://forum.example.org/t/how-do-i-start/123",
            "discourse:forum.example.org/search/invoice export",
        ),
    )

    def fetch(self, feed: Feed, cursor: str | None) -> Answer:
        """Ask for a list, newest first, and for each of the first ten on it that are new; or for one page of posts.

        Source: https://docs.discourse.org, read 2026-11-23.
        """
        query, held = _query(feed), Walk.read(cursor)
        if query.kind == "t":
            return self._with_details(query, None, [int(query.value)], details.mark_of(held))
        answer = self.http.send(self._request(query, query.path(held.token)))
        if query.kind in ("posts", "u") or answer.status != 200:
            return answer
        self.refuse(answer)
        body = json_body(answer)
        wanted = details.unread(details.listed(body, query), held)[: details.AT_ONCE]
        return self._with_details(query, body, wanted, details.mark_of(held))

    def parse(self, answer: Answer, feed: Feed, cursor: str | None) -> Page:
        """Read a page of posts, or what `fetch` has put together."""
        query, held, body = _query(feed), Walk.read(cursor), json_body(answer)
        since_s = self.settings.since_hours * 3_600
        if query.kind in ("posts", "u"):
            page = _posts_page(body, query, held, since_s)
        else:
            page = details.page(body, query, held, since_s)
        return replace(page, title=feed.title or query.title, home_url=feed.home_url or query.home_url)

    def refuse(self, answer: Answer) -> None:
        """Tell a forum for members from a block at the edge, and read the seconds to wait."""
        if answer.url.partition("?")[0].endswith(("/login", "/session/sso")) or b'"not_logged_in"' in answer.body[:500]:
            raise NotAuthorised("the forum shows this to its members only, and we offer no login")
        refuse_web_page(answer)
        wait_s = _wait_s(answer) if answer.status == 429 else None
        if wait_s is not None:
            raise RateLimited("HTTP 429, the forum asks us to wait", wait_s)
        connector.refuse(answer)

    def feed_for(self, text: str) -> Feed | None:
        """Take pages of known forums, `/t/slug/123` and `/c/slug/5` anywhere, `discourse:` and a page or a query."""
        query = pasted(text)
        if query is None:
            return None
        return Feed(0, self.name, str(query), self.name, title=query.title, home_url=query.home_url)

    def mine(self, account: str) -> tuple[Feed, ...]:
        """List what an account says, written as its page or `discourse:FORUM/u/name`, and where it is mentioned."""
        query = pasted(account)
        if query is None or query.kind != "u":
            return ()
        mentioned = Query(query.forum, "search", f"@{query.value}")
        return tuple(found for one in (query, mentioned) if (found := self.feed_for(f"discourse:{one}")))

    def whose(self, text: str) -> str | None:
        """Take the page of a user, or `discourse:FORUM/u/name`."""
        query = pasted(text)
        return f"{query.forum}/{query.value}" if query is not None and query.kind == "u" else None

    def fill(self, feed: Feed, gap: Gap) -> str | None:
        """Go back through the numbers of posts; lists of topics know no place to begin."""
        query = Query.read(feed.query)
        walk = windows.filling(gap) if query is not None and query.kind == "posts" else None
        return None if walk is None else walk.cursor

    # the network

    def _with_details(self, query: Query, listed: Any, wanted: Sequence[int], mark: int | None) -> Answer:
        """Read topics or found posts. One that may not be seen is null; one that failed is left for the next page."""
        kind = "posts" if query.kind == "search" else "t"
        requests = {str(number): self._request(query, f"/{kind}/{number}.json") for number in wanted}
        found: dict[str, Any] = {}
        failed: list[Answer | ConnectorError] = []
        for number, outcome in self.http.fetch_many(requests):
            if _may_not_be_seen(outcome) and query.kind == "t":
                failed.append(outcome)
            elif _may_not_be_seen(outcome):
                found[number] = None
            elif self._is_read(outcome, failed):
                found[number] = json_body(outcome)
        for key, outcome in self.http.fetch_many(self._remaining(query, found, mark)):
            number = key.partition(" ")[0]
            if self._is_read(outcome, failed) and number in found:
                found[number]["post_stream"]["posts"] += details.streamed(json_body(outcome))
            elif not _may_not_be_seen(outcome):
                found.pop(number, None)
        if failed and not found:
            return _failed(failed[0])
        body = json.dumps({"list": listed, "read": {str(n): found[str(n)] for n in wanted if str(n) in found}})
        return Answer(f"https://{query.forum}/", 200, {}, body.encode())

    def _is_read(self, outcome: Answer | ConnectorError, failed: list[Answer | ConnectorError]) -> TypeGuard[Answer]:
        if isinstance(outcome, Answer) and outcome.status == 200:
            self.refuse(outcome)
            return True
        if not _may_not_be_seen(outcome):
            failed.append(outcome)
        return False

    def _remaining(self, query: Query, found: Mapping[str, Any], mark: int | None) -> dict[str, Request]:
        requests = {}
        for number, topic in found.items():
            numbers = details.missing(topic, mark)
            for start in range(0, len(numbers), details.CHUNK):
                asked = urlencode([("post_ids[]", one) for one in numbers[start : start + details.CHUNK]])
                requests[f"{number} {start}"] = self._request(query, f"/t/{number}/posts.json?{asked}")
        return requests

    def _request(self, query: Query, path: str) -> Request:
        base = (self.settings.base_url or f"https://{query.forum}").rstrip("/")
        return Request(base + path, headers={"Accept": "application/json"})


def _may_not_be_seen(outcome: Answer | ConnectorError) -> bool:
    return isinstance(outcome, Answer) and outcome.status in GONE


def _failed(outcome: Answer | ConnectorError) -> Answer:
    if isinstance(outcome, ConnectorError):
        raise outcome
    return outcome


def _query(feed: Feed) -> Query:
    query = Query.read(feed.query)
    if query is None:
        raise ConnectorError("there is no such feed; write FORUM/latest, FORUM/c/slug/5, FORUM/tag/name, FORUM/t/123")
    return query


def _posts_page(body: Any, query: Query, held: Walk, since_s: float) -> Page:
    found = body.get("latest_posts") if isinstance(body, dict) else body
    if not isinstance(found, list) or (found and not any(isinstance(one, dict) and "id" in one for one in found)):
        raise BadPayload("the answer is no list of posts")
    came, rejects = gather(found, lambda one: posts.post(one, query.forum, {}))
    page = Page(came, deleted=details.deleted(found, query.forum), rejects=rejects)
    ids = [one["id"] for one in found if isinstance(one, dict) and type(one.get("id")) is int and one["id"] > 0]
    if query.kind == "u":
        items = [Item(str(number)) for number in ids]
        return paged(page, step(held, items, None, since_s=since_s, deep=len(ids) < windows.WINDOW))
    times = [at for one in found if isinstance(one, dict) and (at := utc(one.get("created_at")))]
    return paged(page, windows.step(held, ids, times, timedelta(seconds=since_s)))


def _wait_s(answer: Answer) -> float | None:
    """Read `extras.wait_seconds` of a refusal; None: it says nothing there."""
    try:
        seconds = json.loads(answer.body)["extras"]["wait_seconds"]
    except (ValueError, RecursionError, KeyError, TypeError):
        return None
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    return bounded(float(seconds)) if is_number and seconds > 0 else None
