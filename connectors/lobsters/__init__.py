"""Lobsters: newest and hottest stories, by tag or user; the comments of a story."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from pydantic import Field

from connectors.lobsters.queries import SITE, Query, pasted
from listener import connector, urls
from listener.connector import HttpConnector, Traits, gather, json_body, refuse, refuse_web_page
from listener.errors import BadPayload, ConnectorError
from listener.html import links, to_text
from listener.moments import utc
from listener.types import Account, Answer, Counts, Feed, Page, Post, Request
from listener.walk import Item, Step, Walk, paged, step

PLATFORM: Final = "lobsters"
FULL_PAGE: Final = 25
FIRST_PAGES: Final = 4
REPEATS: Final = 2
"""How often a page that is the one before it is asked for again."""
CACHED_S: Final = 120.0
"""How old a page may be that strangers get."""
EDITED_S: Final = 60.0
"""The site itself calls a comment edited when more than this lies between its two times."""


class Settings(connector.Settings):
    """What `[connectors.lobsters]` may hold."""

    since_hours: float = Field(default=48.0, ge=0, le=87_600)
    """How far a first poll looks back, at most four pages of 25."""


class Lobsters(HttpConnector):
    """Read Lobsters, or another site of the same software (`base_url`).

    Queries: `newest`, `hottest`, `active`, `t/tag` or `t/tag,tag`, `~name`, `s/ID` (a story and its comments).
    """

    name = PLATFORM
    settings_model = Settings
    settings: Settings
    traits = Traits(
        reads="Lobsters: newest, hottest and active stories; stories by tag or user; a story's comments",
        interval_s=1_800.0,
        slot_s=6.0,
        limit=(
            "4 requests a second, 30 a minute, 100 in 10 minutes, 400 an hour for each address "
            "(config/initializers/rack_attack.rb of the site's software, read 2026-11-23)"
        ),
        examples=(
            "https://lobste.rs/newest",
            "https://lobste.rs/t/python,web",
            "lobsters:hottest",
            "https://lobste.rs/~pushcx",
        ),
    )

    def request(self, feed: Feed, cursor: str | None) -> Request:
        """Ask for 25 stories, newest first, or for a story with all of its comments."""
        base = self.settings.base_url
        path = _query(feed).path(Walk.read(cursor).token)
        return Request((base or SITE).rstrip("/") + path, slot_s=None if base else self.traits.slot_s)

    def parse(self, answer: Answer, feed: Feed, cursor: str | None) -> Page:
        """Read a page of stories, or a story and its comments."""
        query, held, body = _query(feed), Walk.read(cursor), json_body(answer)
        page = _story_page(body, query) if query.is_story else self._stories_page(body, query, held)
        return replace(page, title=feed.title or query.title, home_url=feed.home_url or query.home_url)

    def refuse(self, answer: Answer) -> None:
        """Tell a block at the platform's edge from an ordinary refusal."""
        refuse_web_page(answer)
        refuse(answer)

    def feed_for(self, text: str) -> Feed | None:
        """Take the site's pages, `lobsters`, and `lobsters:` with a query."""
        query = pasted(text)
        if query is None:
            return None
        return Feed(0, PLATFORM, query.text, PLATFORM, title=query.title, home_url=query.home_url)

    def mine(self, account: str) -> tuple[Feed, ...]:
        """List an account's stories, written as its page or `lobsters:~name`."""
        found = self.feed_for(account)
        return (found,) if found is not None and found.query.startswith("~") else ()

    def whose(self, text: str) -> str | None:
        """Take the page of an account, or `lobsters:~name`."""
        query = pasted(text)
        return query.text.removeprefix("~") if query is not None and query.text.startswith("~") else None

    def _stories_page(self, body: Any, query: Query, held: Walk) -> Page:
        if not isinstance(body, list) or (
            body and not any(isinstance(one, dict) and "short_id" in one for one in body)
        ):
            raise BadPayload("the answer is no list of stories")
        came, rejects = gather(body, story)
        page = Page(came, rejects=rejects)
        if query.is_ranking:  # an order by votes has no end to walk to; each poll reads its first page
            return replace(page, cursor=Walk(known=("page",)).cursor)
        return paged(page, _step(held, body, since_s=self.settings.since_hours * 3_600))


def story(item: Mapping[str, Any]) -> Post:
    """Read a story. Source: app/models/story.rb of the site's software, `as_json`, read 2026-11-23."""
    short = _short(item)
    permalink = urls.safe(item.get("comments_url") or None) or f"{SITE}/s/{short}"
    content = str(item.get("description") or "")
    found = dict.fromkeys([urls.safe(item.get("url") or None), *links(content, permalink)])
    tags = item.get("tags")
    return Post(
        PLATFORM,
        short,
        url=permalink,
        account=_account(item.get("submitter_user")),
        title=str(item["title"]),
        text=to_text(content),
        published_at=utc(item.get("created_at")),
        thread=short,
        links=tuple(url for url in found if url is not None),
        tags=tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else (),
        counts=Counts(replies=_count(item.get("comment_count")), score=_count(item.get("score"))),
        visibility="public",
    )


def comment(item: Mapping[str, Any], thread: str) -> Post | None:
    """Read a comment; None: it is gone. Stories and comments count their ids apart, so a comment's begins with `c/`."""
    if _is_gone(item):
        return None
    short = _short(item)
    permalink = urls.safe(item.get("url") or item.get("short_id_url") or None) or f"{SITE}/c/{short}"
    content, parent = str(item.get("comment") or ""), item.get("parent_comment")
    said, edited = utc(item.get("created_at")), utc(item.get("last_edited_at") or item.get("updated_at"))
    was_edited = said is not None and edited is not None and (edited - said).total_seconds() > EDITED_S
    return Post(
        PLATFORM,
        f"c/{short}",
        url=permalink,
        account=_account(item.get("commenting_user")),
        kind="reply",
        text=to_text(content),
        published_at=said,
        edited_at=edited if was_edited else None,
        in_reply_to=f"c/{parent}" if isinstance(parent, str) and parent else thread,
        thread=thread,
        links=links(content, permalink),
        counts=Counts(score=_count(item.get("score"))),
        visibility="public",
    )


def _query(feed: Feed) -> Query:
    query = Query.read(feed.query)
    if query is None:
        raise ConnectorError("there is no such feed; take newest, hottest, active, t/TAG, ~NAME or s/ID")
    return query


def _story_page(body: Any, query: Query) -> Page:
    if not isinstance(body, dict) or "short_id" not in body:
        raise BadPayload("the answer is no story")
    found = body.get("comments")
    comments = found if isinstance(found, list) else []
    thread = _short(body) if isinstance(body["short_id"], str) else query.text
    read = [(None, body), *((thread, one) for one in comments)]
    came, rejects = gather(read, lambda one: story(one[1]) if one[0] is None else comment(one[1], one[0]))
    gone = [one for one in comments if isinstance(one, dict) and _is_gone(one) and isinstance(one.get("short_id"), str)]
    deleted = tuple(dict.fromkeys(f"c/{one['short_id']}" for one in gone))
    return Page(came, cursor=Walk(known=(thread,)).cursor, deleted=deleted, rejects=rejects)


def _step(held: Walk, body: list[Any], *, since_s: float) -> Step:
    """Go one page on; a page that only repeats the one before is asked for again."""
    stories = [one for one in body if isinstance(one, dict) and isinstance(one.get("short_id"), str)]
    items = [Item(one["short_id"], utc(one.get("created_at"))) for one in stories]
    following = str(held.pages + 2) if len(body) >= FULL_PAGE else None
    edge = items[-1].native_id if items else None
    repeats = int(held.extra.get("repeats", 0))
    if held.token and edge and edge == held.extra.get("edge"):
        if repeats < REPEATS:
            return Step(replace(held, extra={**held.extra, "repeats": repeats + 1}), more=True)
        following = held.token
    if held.first and held.pages + 1 >= FIRST_PAGES:
        following = None
    taken = step(held, items, following, since_s=since_s, overlap_s=CACHED_S)
    return taken._replace(walk=replace(taken.walk, extra={"edge": edge} if taken.more else {}))


def _account(user: object) -> Account | None:
    """Name an author: a text, or in older answers an object."""
    name = user.get("username") if isinstance(user, dict) else user
    if not isinstance(name, str) or not name:
        return None
    return Account(PLATFORM, name, handle=name, url=urls.safe(f"{SITE}/~{name}"))


def _short(item: Mapping[str, Any]) -> str:
    short = item["short_id"]
    if not isinstance(short, str) or not short.isalnum():
        raise ValueError("an id is a word")
    return short


def _is_gone(item: Mapping[str, Any]) -> bool:
    return item.get("is_deleted") is True or item.get("is_moderated") is True


def _count(number: object) -> int | None:
    return number if type(number) is int else None
