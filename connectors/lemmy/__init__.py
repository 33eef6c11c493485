"""Lemmy: posts and comments of a community, an instance, a user; a post's comments; searches. Any instance, no key.

Walks end at the instance's own ids, with one page of overlap: one that arrives late stands where its time puts it.
Lists leave out what was deleted; `recheck` sees it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from pydantic import Field

from connectors.lemmy import posts, walks
from connectors.lemmy.queries import LIMIT, Query, own, pasted
from connectors.lemmy.walks import Line
from listener import connector
from listener.connector import HttpConnector, Traits, gather, json_body, refuse_web_page
from listener.errors import BadPayload, ConnectorError, NotAuthorised, RateLimited
from listener.moments import utc
from listener.types import Answer, Feed, Gap, Page, Request
from listener.walk import Walk, paged

LIMITED_S: Final = 600.0
"""The longest of the platform's default windows; a refusal names none."""
_ADDRESS: Final = re.compile(r"https?://([^/]+)/(post|comment)/(\d{1,18})")


class Settings(connector.Settings):
    """What `[connectors.lemmy]` may hold."""

    since_hours: float = Field(default=48.0, ge=0, le=87_600)
    """How far a first poll looks back, at most ten pages of 50."""


class Lemmy(HttpConnector):
    """Read Lemmy instances.

    Queries begin with the instance: `lemmy.world/c/name`, `INSTANCE/all`, `INSTANCE/local`, each also with `/comments`
    behind; `INSTANCE/u/name`, `INSTANCE/post/ID` (its comments), `INSTANCE/search/WORDS`.
    """

    name = posts.PLATFORM
    settings_model = Settings
    settings: Settings
    traits = Traits(
        reads="Lemmy instances: posts and comments of communities, users and whole instances; searches",
        interval_s=1_800.0,
        limit="each instance sets its own; past it comes HTTP 429 (join-lemmy.org/docs, read 2026-11-23)",
        examples=(
            "!selfhosted@lemmy.world",
            "https://programming.dev/c/python",
            "https://lemmy.ml/search?q=postgres+backup",
            "lemmy:beehaw.org/c/technology/comments",
        ),
    )

    def request(self, feed: Feed, cursor: str | None) -> Request:
        """Ask for 50 posts or comments, newest first.

        Source: https://join-lemmy.org/api (v3; version 1.0 answers it too), read 2026-11-23.
        """
        query = _query(feed)
        return self._request(query.instance, query.path(Walk.read(cursor).token))

    def parse(self, answer: Answer, feed: Feed, cursor: str | None) -> Page:
        """Read a page; its posts and its comments, where it has both, are two lists that each go back in time."""
        query, held, body = _query(feed), Walk.read(cursor), json_body(answer)
        lists = _lists(body)
        page = _page([view for one in lists for view in one])
        token = _following(body, lists, held)
        taken = walks.step(held, [_lines(one) for one in lists], token, timedelta(hours=self.settings.since_hours))
        named = replace(page, title=feed.title or query.title, home_url=feed.home_url or query.home_url)
        return paged(named, taken)

    def refuse(self, answer: Answer) -> None:
        """Read the platform's own words: older instances say everything with HTTP 400."""
        refuse_web_page(answer)
        said = answer.body[:300].decode("utf-8", "replace") if answer.status >= 400 else ""
        if "rate_limit" in said and answer.status == 400:
            raise RateLimited("the instance says that we ask too often", LIMITED_S)
        if "instance_is_private" in said or "not_logged_in" in said:
            raise NotAuthorised("the instance shows this to its members only, and we offer no login")
        if "couldnt_find" in said:
            raise ConnectorError(f"HTTP {answer.status}: the instance knows no such name; check it, or ask its home")
        connector.refuse(answer)

    def feed_for(self, text: str) -> Feed | None:
        """Take `!name@instance`, pages of known instances, `/c/name@instance` anywhere, `lemmy:` and a query."""
        query = pasted(text)
        return None if query is None else _feed(query)

    def mine(self, account: str) -> tuple[Feed, ...]:
        """List what an account says; replies to it are shown to those who log in, which we do not offer."""
        query = own(account)
        return () if query is None else (_feed(query),)

    def whose(self, text: str) -> str | None:
        """Take `@name@instance` of a known instance, and the page of a user."""
        query = own(text)
        return None if query is None else f"@{query.value}" + ("" if "@" in query.value else f"@{query.instance}")

    def fill(self, feed: Feed, gap: Gap) -> str | None:
        """Walk back from the newest post to the gap's older end; the list knows no other place to begin."""
        walk = walks.filling(gap)
        return None if walk is None else walk.cursor

    def recheck(self, native_ids: Sequence[str]) -> Page:
        """Read posts and comments again, each where it lives."""
        found = {one: match for one in native_ids if (match := _ADDRESS.fullmatch(one))}
        requests = {
            one: self._request(match[1].lower(), f"/api/v3/{match[2]}?id={match[3]}") for one, match in found.items()
        }
        views, deleted = [], []
        for one, outcome in self.http.fetch_many(requests):
            if isinstance(outcome, ConnectorError):
                continue  # one instance that is down must not keep the others from being asked
            if outcome.status in (400, 404) and b"couldnt_find" in outcome.body:
                deleted.append(one)
            elif outcome.status == 200:
                views.extend(_single(json_body(outcome)))
        page = _page(views)
        return replace(page, deleted=(*page.deleted, *deleted))

    def _request(self, instance: str, path: str) -> Request:
        return Request((self.settings.base_url or f"https://{instance}").rstrip("/") + path)


def _query(feed: Feed) -> Query:
    query = Query.read(feed.query)
    if query is None:
        raise ConnectorError("there is no such feed; write INSTANCE/c/name, INSTANCE/local, INSTANCE/search/WORDS")
    return query


def _feed(query: Query) -> Feed:
    return Feed(0, posts.PLATFORM, str(query), posts.PLATFORM, title=query.title, home_url=query.home_url)


# Any: JSON of the instance; each view is looked at before it is taken.
def _lists(body: Any) -> list[list[Any]]:
    if not isinstance(body, dict):
        raise BadPayload("the answer is no JSON object")
    lists = [body[name] for name in ("posts", "comments") if isinstance(body.get(name), list)]
    if not lists:
        raise BadPayload("the answer has neither posts nor comments")
    return lists


def _single(body: Any) -> list[Any]:
    found = [body.get(name) for name in ("post_view", "comment_view")] if isinstance(body, dict) else []
    return [view for view in found if isinstance(view, dict)]


def _page(views: Sequence[Any]) -> Page:
    seen, deleted = {}, []
    for view in views:
        try:
            seen[posts.local_id(view)] = posts.native_id(view)
            if posts.is_gone(view):
                deleted.append(posts.native_id(view))
        except (AttributeError, KeyError, TypeError, ValueError):  # what cannot be read is rejected below
            continue
    came, rejects = gather(views, lambda view: posts.post(view, seen))
    return Page(came, deleted=tuple(dict.fromkeys(deleted)), rejects=rejects)


def _lines(views: Sequence[Any]) -> list[Line]:
    return [line for view in views if (line := _line(view)) is not None]


def _line(view: Any) -> Line | None:
    try:
        kind = "comment" if "comment" in view else "post"
        return Line(kind, int(view[kind]["id"]), utc(view[kind].get("published")))
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError):  # what cannot be read is rejected
        return None


def _following(body: Mapping[str, Any], lists: Sequence[Sequence[Any]], held: Walk) -> str | None:
    """Name the next page: as the instance does, or by its number; None: every list is at its end."""
    if isinstance(body.get("next_page"), str) and lists[0]:
        return f"c:{body['next_page']}"
    if not any(len(one) >= LIMIT for one in lists):
        return None
    return str(held.pages + 2)
