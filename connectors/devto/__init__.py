"""DEV (dev.to): articles, newest first, by tag, by user, by words; the comments of an article.

Lists bring a sentence of each article, so every new one is read for itself. Later edits are not seen.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, TypeGuard

from pydantic import Field

from connectors.devto import posts, walks
from connectors.devto.queries import COMMENTS, SITE, Query, comments_path, pasted
from listener import connector
from listener.connector import Connector, Traits, gather, json_body, refuse_web_page
from listener.errors import BadPayload, ConnectorError, RateLimited
from listener.types import Answer, Feed, Page, Post, Request
from listener.waits import bounded
from listener.walk import Walk, paged

COMMENT_PAGES: Final = 10
GONE: Final = (403, 404, 410)
SLOT_S: Final = 1.0


class Settings(connector.Settings):
    """What `[connectors.devto]` may hold."""

    since_hours: float = Field(default=48.0, ge=0, le=87_600)
    """How far a first poll looks back, at most three pages of 30; older finds of a tag or search are history."""


class DevTo(Connector):
    """Read dev.to, or another site of the same software (`base_url`).

    Queries: `latest`, `tag/python`, `user/name`, `search/WORDS`, `article/name/slug` or `article/ID` (its comments).
    """

    name = posts.PLATFORM
    settings_model = Settings
    settings: Settings
    traits = Traits(
        reads="dev.to: articles, newest first, by tag, user or words; the comments of an article",
        interval_s=1_800.0,
        slot_s=SLOT_S,
        limit="3 requests a second for each address (github.com/forem/forem, issue 12737, read 2026-11-23)",
        examples=(
            "https://dev.to/t/postgres",
            "https://dev.to/search?q=invoice+export",
            "https://dev.to/ben",
            "devto:latest",
        ),
    )

    def fetch(self, feed: Feed, cursor: str | None) -> Answer:
        """Ask for 30 articles, and for the first ten new ones whole; or for an article, later for its comments.

        A list's answer is put together here: `{"list": the list, "read": {id: article, or null where it is gone}}`.
        Source: https://developers.forem.com/api/v1, read 2026-11-23.
        """
        query, held = _query(feed), Walk.read(cursor)
        if query.kind == "article":
            number = held.extra.get("id")
            return self._get(comments_path(str(number), held.token) if number else f"/api/articles/{query.value}")
        answer = self._get(query.path(held.token))
        if answer.status != 200:
            return answer
        self.refuse(answer)
        listed = _articles(json_body(answer))
        return self._with_articles(listed, walks.unread(listed, held, query)[: walks.AT_ONCE])

    def parse(self, answer: Answer, feed: Feed, cursor: str | None) -> Page:
        """Read an article, its comments, or what `fetch` has put together."""
        query, held, body = _query(feed), Walk.read(cursor), json_body(answer)
        if query.kind == "article":
            page = _comments(body, held) if "id" in held.extra else _article(body)
        else:
            page = self._list_page(body, query, held)
        return replace(page, title=feed.title or query.title, home_url=feed.home_url or query.home_url)

    def refuse(self, answer: Answer) -> None:
        """Read the seconds to wait, which older versions name in words only."""
        refuse_web_page(answer)
        if answer.status == 429 and "retry-after" not in answer.headers:
            seconds = re.search(rb"in (\d{1,6}) seconds", answer.body[:500])
            raise RateLimited("HTTP 429, the platform asks us to wait", bounded(float(seconds[1])) if seconds else None)
        connector.refuse(answer)

    def feed_for(self, text: str) -> Feed | None:
        """Take the site's pages, and `devto:` with a query."""
        query = pasted(text)
        if query is None:
            return None
        return Feed(0, self.name, str(query), self.name, title=query.title, home_url=query.home_url)

    def mine(self, account: str) -> tuple[Feed, ...]:
        """List an account's articles, written as its page or `devto:user/name`."""
        query, found = pasted(account), self.feed_for(account)
        return (found,) if found is not None and query is not None and query.kind == "user" else ()

    def whose(self, text: str) -> str | None:
        """Take the page of an account, or `devto:user/name`."""
        query = pasted(text)
        return query.value if query is not None and query.kind == "user" else None

    def _list_page(self, body: Any, query: Query, held: Walk) -> Page:
        if not isinstance(body, dict) or not isinstance(body.get("read"), dict):
            raise BadPayload("the answer is not what was put together")
        listed, read = _articles(body.get("list")), body["read"]
        shown = {str(one.get("id")): one for one in listed if isinstance(one, dict)}
        broken = [one for one in listed if not isinstance(one, dict) or type(one.get("id")) is not int]
        items: list[Any] = [*(read[number] or shown.get(number) for number in read), *broken]
        came, rejects = gather(items, posts.article)
        page = Page(came, rejects=rejects, archive=self._history(came, held, query))
        if any(str(number) not in read for number in walks.unread(listed, held, query)):
            return replace(page, cursor=walks.read_on(held, list(read)).cursor, more=True)
        return paged(page, walks.next_page(held, listed, list(read), query, self.settings.since_hours * 3_600))

    def _history(self, came: Sequence[Post], held: Walk, query: Query) -> frozenset[str]:
        """Name what a tag or a search brings up again although it is old."""
        if query.by_age or held.newest_s is None:
            return frozenset()
        since_s = held.newest_s - self.settings.since_hours * 3_600
        times = {post.native_id: post.published_at for post in came if post.published_at is not None}
        return frozenset(name for name, at in times.items() if at.timestamp() < since_s)

    # the network

    def _with_articles(self, listed: Sequence[Any], wanted: Sequence[int]) -> Answer:
        requests = {str(number): self._request(f"/api/articles/{number}") for number in wanted}
        read: dict[str, Any] = {}
        failed: list[Answer | ConnectorError] = []
        for number, outcome in self.http.fetch_many(requests):
            if self._is_read(outcome):
                read[number] = json_body(outcome)
            elif isinstance(outcome, Answer) and outcome.status in GONE:
                read[number] = None
            else:
                failed.append(outcome)
        if failed and not read:
            return _failed(failed[0])
        ordered = {str(number): read[str(number)] for number in wanted if str(number) in read}
        return Answer(f"{SITE}/api/articles", 200, {}, json.dumps({"list": listed, "read": ordered}).encode())

    def _is_read(self, outcome: Answer | ConnectorError) -> TypeGuard[Answer]:
        if isinstance(outcome, ConnectorError) or outcome.status != 200:
            return False
        self.refuse(outcome)
        return True

    def _get(self, path: str) -> Answer:
        return self.http.send(self._request(path))

    def _request(self, path: str) -> Request:
        base = self.settings.base_url
        headers = {"Accept": "application/vnd.forem.api-v1+json"}
        return Request((base or SITE).rstrip("/") + path, headers=headers, slot_s=None if base else SLOT_S)


def _query(feed: Feed) -> Query:
    query = Query.read(feed.query)
    if query is None:
        raise ConnectorError("there is no such feed; take latest, tag/NAME, user/NAME, search/WORDS, article/NAME/SLUG")
    return query


def _failed(outcome: Answer | ConnectorError) -> Answer:
    if isinstance(outcome, ConnectorError):
        raise outcome
    return outcome


# Any: JSON of the platform; each item is looked at before it is taken.
def _articles(body: Any) -> list[Any]:
    if not isinstance(body, list) or (body and not any(isinstance(one, dict) and "id" in one for one in body)):
        raise BadPayload("the answer is no list of articles")
    return body


def _article(body: Any) -> Page:
    """Read the article itself, so that its comments can be asked for by its number."""
    if not isinstance(body, dict) or type(body.get("id")) is not int:
        raise BadPayload("the answer is no article")
    came, rejects = gather([body], posts.article)
    thread = came[0].native_id if came else f"article/{body['id']}"
    walk = Walk(known=(thread,), extra={"id": body["id"], "thread": thread})
    return Page(came, cursor=walk.cursor, more=True, rejects=rejects)


def _comments(body: Any, held: Walk) -> Page:
    if not isinstance(body, list) or (body and not any(isinstance(one, dict) and "id_code" in one for one in body)):
        raise BadPayload("the answer is no list of comments")
    thread = str(held.extra.get("thread"))
    lines = list(posts.comments(body, thread))
    came, rejects = gather(lines, lambda line: posts.comment(line[0], line[1], thread))
    gone = [one for one, _ in lines if isinstance(one, Mapping) and posts.is_gone(one)]
    names = [posts.comment_id(one) for one in gone if isinstance(one.get("id_code"), str) and one["id_code"].isalnum()]
    more = len(body) >= COMMENTS and held.pages + 1 < COMMENT_PAGES
    following = replace(held, token=str(held.pages + 2) if more else None, pages=held.pages + 1 if more else 0)
    return Page(came, cursor=following.cursor, deleted=tuple(dict.fromkeys(names)), more=more, rejects=rejects)
