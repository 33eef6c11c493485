"""LinkedIn: posts and comments of pages that the user runs, and the export of their own data.

Nothing else may be read by anybody: no home feed, no search, no member's posts. What comes as notification mail can be
read by a connector for mail.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote

from pydantic import Field, SecretStr

from connectors.linkedin import export, posts
from connectors.linkedin.queries import Query, pasted
from listener import connector
from listener.connector import HttpConnector, Traits, gather, json_body, refuse_web_page, secret
from listener.errors import BadPayload, ConnectorError, NotAuthorised
from listener.types import Answer, Feed, Page, Request
from listener.walk import Item, Walk, paged, step

API: Final = "https://api.linkedin.com"
KEY: Final = "connectors.linkedin.token"
COUNT: Final = 50
OVERLAP: Final = 2
"""Posts that a page repeats: where one is deleted while we read, the others move up."""
MOST_THREADS: Final = 200
VERSION_GONE: Final = (
    "HTTP 426: LinkedIn no longer speaks this version of its interface; set connectors.linkedin.version to a month of "
    'the last twelve, such as "202610" (learn.microsoft.com/linkedin/marketing/versioning lists them)'
)


class Settings(connector.Settings):
    """What `[connectors.linkedin]` may hold."""

    token: SecretStr | None = None
    """An access token of your app with r_organization_social, of somebody who runs the page; it lives 60 days."""
    version: str = Field(default="202610", pattern=r"20\d\d(?:0[1-9]|1[0-2])")
    """The interface's version, a month; each is served for about a year."""
    since_hours: float = Field(default=48.0, ge=0, le=87_600)
    """How far a first poll looks back."""
    commented_posts: int = Field(default=10, ge=1, le=50)
    """How many of a page's newest posts are looked at for comments, one request each."""


class LinkedIn(HttpConnector):
    """Read LinkedIn.

    Queries: `company/ID` or `company/name` (a page's posts), the same with `/comments` behind (comments on its newest
    posts), `post/URN` (one post's comments). Imported files: `export/…`.
    """

    name = posts.PLATFORM
    settings_model = Settings
    settings: Settings
    traits = Traits(
        reads="LinkedIn pages that you run: posts and comments; and your own export: connections, messages, shares",
        needs="for pages: a token of an app with access to the Community Management API; for the export: nothing",
        credentials=(
            "For your own data, open linkedin.com, Settings, Data privacy, Get a copy of your data; import the ZIP.",
            "For a page: open https://developer.linkedin.com, create an app and tie it to your page.",
            "Under Products, ask for the Community Management API; LinkedIn reviews who asks.",
            "Under Auth, Token generator, make a token with r_organization_social as somebody who runs the page.",
            "Put the token into an environment variable or a file that only you can read.",
            'Set token = "env:NAME" or "file:PATH" under [connectors.linkedin]; renew it before its 60 days are over.',
        ),
        interval_s=3_600.0,
        limit="by app, method and day, shown in the developer portal (learn.microsoft.com/linkedin, read 2026-11-23)",
        closed={
            r"(?:[a-z]{2}\.)?linkedin\.com/(?:in|pub|groups|jobs|search|feed|newsletters|events|school|pulse)\b": (
                "LinkedIn lets no program read members, groups, searches or the home feed; what can be read: a page "
                "that you run (its linkedin.com/company/… address), and your own export (`listener import FILE`)"
            ),
        },
        examples=("https://www.linkedin.com/company/1234567/", "linkedin:company/1234567/comments"),
    )

    def request(self, feed: Feed, cursor: str | None) -> Request:
        """Ask for a page's number, for its posts, last changed first, or for the comments of the next post.

        Sources: https://learn.microsoft.com/linkedin/marketing/community-management/shares/posts-api, comments-api and
        organizations/organization-lookup-api, read 2026-11-23.
        """
        query, held = _query(feed), Walk.read(cursor)
        if query.kind != "post" and _number(query, held) is None:
            return self._request(f"/rest/organizations?q=vanityName&vanityName={quote(query.value, safe='')}")
        queue = _queue(query, held)
        if queue:
            start = int(held.token or 0)
            path = f"/rest/socialActions/{quote(queue[0], safe='')}/comments?start={start}&count={COUNT}"
            return self._request(path)
        author = quote(f"urn:li:organization:{_number(query, held)}", safe="")
        count = self.settings.commented_posts if query.kind == "comments" else COUNT
        start = int(held.token or 0)
        return self._request(f"/rest/posts?q=author&author={author}&start={start}&count={count}&sortBy=LAST_MODIFIED")

    def refuse(self, answer: Answer) -> None:
        """Say what to set where the version has run out, and who may read what."""
        refuse_web_page(answer)
        if answer.status == 426:
            raise ConnectorError(VERSION_GONE)
        if answer.status == 401:
            raise NotAuthorised(f"HTTP 401: the token is wrong or older than its 60 days; look at {KEY}")
        if answer.status == 403 and b'"code"' in answer.body:
            raise NotAuthorised("HTTP 403: the token needs r_organization_social, of somebody who runs this page")
        connector.refuse(answer)

    def parse(self, answer: Answer, feed: Feed, cursor: str | None) -> Page:
        """Read a page, whatever of the three was asked for."""
        query, held, body = _query(feed), Walk.read(cursor), json_body(answer)
        listed = body.get("elements") if isinstance(body, dict) else None
        if not isinstance(listed, list):
            raise BadPayload("the answer has no elements")
        if query.kind != "post" and _number(query, held) is None:
            return _found(listed, held)
        if _queue(query, held):
            page = _comments(listed, query, held)
        elif query.kind == "comments":
            urns = [urn for one in listed if (urn := posts.urn(one))]
            page = _queued(Page(), replace(held, extra={**held.extra, "queue": urns}))
        else:
            page = self._posts(listed, held)
        return replace(page, title=feed.title or query.title, home_url=feed.home_url or query.home_url)

    def feed_for(self, text: str) -> Feed | None:
        """Take a company page's address, a post's address (its comments), or `linkedin:` and a query."""
        query = pasted(text)
        return None if query is None else _feed(query)

    def mine(self, account: str) -> tuple[Feed, ...]:
        """List the posts of a page that the user runs, and the comments on them."""
        query = pasted(account)
        if query is None or query.kind == "post":
            return ()
        return _feed(Query("posts", query.value)), _feed(Query("comments", query.value))

    def missing(self) -> str | None:
        """Say that the token is missing."""
        return None if self.settings.token else f"{KEY} is not set (your own export needs none: `listener import`)"

    def whose(self, text: str) -> str | None:
        """Take the page of a member, which nobody may read, but whose name is in the user's own export."""
        match = re.fullmatch(r"(?:https?://)?(?:\w+\.)?linkedin\.com/in/([\w%-]+)/?", text.strip(), re.IGNORECASE)
        return None if match is None else unquote(match[1])

    def read_archive(self, path: Path) -> Iterator[tuple[Feed, Page]]:
        """Yield what an export holds: a ZIP, the folder it was unpacked to, or one of its CSV files."""
        return export.read(path)

    def unread(self, path: Path) -> str | None:
        """Say what the file lacks."""
        return "no export as a ZIP, a folder or a CSV of it: Connections, messages, Shares, Comments, Invitations"

    def _posts(self, listed: list[Any], held: Walk) -> Page:
        found, rejects = gather(listed, posts.post)
        items = [Item(urn, posts.changed_at(one)) for one in listed if (urn := posts.urn(one))]
        following = int(held.token or 0) + len(listed) - OVERLAP
        token = str(following) if len(listed) >= COUNT else None
        taken = step(held, items, token, since_s=self.settings.since_hours * 3_600)
        return paged(Page(found, rejects=rejects), taken)

    def _request(self, path: str) -> Request:
        token = secret(self.settings.token, KEY)
        return Request(
            (self.settings.base_url or API).rstrip("/") + path,
            headers={"LinkedIn-Version": self.settings.version, "X-Restli-Protocol-Version": "2.0.0"},
            credentials={"Authorization": f"Bearer {token}"},
        )


def _comments(listed: list[Any], query: Query, held: Walk) -> Page:
    """Read comments of the first in the queue; those that were answered join it."""
    queue, start = _queue(query, held), int(held.token or 0)
    found, rejects = gather(listed, lambda one: posts.comment(one, queue[0]))
    answered = [urn for one in listed if (urn := posts.answered(one)) and urn not in queue]
    queue = [*queue, *answered][:MOST_THREADS]
    if len(listed) >= COUNT:
        extra = {**held.extra, "queue": queue}
        following = replace(held, extra=extra, token=str(start + len(listed) - OVERLAP))
        return Page(found, following.cursor, more=True, rejects=rejects)
    return _queued(Page(found, rejects=rejects), replace(held, extra={**held.extra, "queue": queue[1:]}))


def _queued(page: Page, held: Walk) -> Page:
    """Go on with the queue; an empty one ends the round, and the next poll begins a new one."""
    more = bool(held.extra.get("queue"))
    extra = held.extra if more else {name: value for name, value in held.extra.items() if name != "queue"}
    return replace(page, cursor=replace(held, extra={**extra, "read": True}, token=None).cursor, more=more)


def _queue(query: Query, held: Walk) -> list[str]:
    queue = held.extra.get("queue")
    if isinstance(queue, list) and queue:
        return [str(urn) for urn in queue]
    return [query.value] if query.kind == "post" else []


def _number(query: Query, held: Walk) -> str | None:
    return query.value if query.value.isdecimal() else held.extra.get("id")


def _found(listed: list[Mapping[str, Any]], held: Walk) -> Page:
    number = str(listed[0].get("id", "")) if listed and isinstance(listed[0], dict) else ""
    if not number.isdecimal():
        raise ConnectorError("LinkedIn knows no such page; check its name, or take its number: company/1234567")
    return Page(cursor=replace(held, extra={**held.extra, "id": number}).cursor, more=True)


def _query(feed: Feed) -> Query:
    if feed.query.startswith("export/"):
        raise ConnectorError("this feed came from a file and is not polled; `listener import FILE` reads a newer one")
    query = Query.read(feed.query)
    if query is None:
        raise ConnectorError("there is no such feed; write company/ID, company/ID/comments or post/URN")
    return query


def _feed(query: Query) -> Feed:
    return Feed(0, posts.PLATFORM, str(query), posts.PLATFORM, title=query.title, home_url=query.home_url)
