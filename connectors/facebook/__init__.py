"""Facebook: pages that the user runs, and the export of their own data. Groups, profiles and searches have no way in.

Lists stand newest first, and a page of them may be short or empty before the end.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

from pydantic import Field, SecretStr

from connectors.facebook import comments, export, graph, posts
from connectors.facebook.queries import Kind, Query, pasted
from listener import connector
from listener.connector import HttpConnector, Traits, gather, json_body, refuse_web_page, secret
from listener.errors import BadPayload, ConnectorError
from listener.types import Answer, Feed, Page, Request
from listener.walk import Item, Walk, paged, step

API: Final = "https://graph.facebook.com"
KEY: Final = "connectors.facebook.token"
RIGHTS: Final = "pages_read_engagement and pages_read_user_content, given by somebody who runs the page"
LIMIT: Final = 50
OVERLAP_S: Final = 600.0


class Settings(connector.Settings):
    """What `[connectors.facebook]` may hold."""

    token: SecretStr | None = None
    """The access token of a page that you run."""
    version: str = Field(default="v24.0", pattern=r"v\d{1,3}\.\d")
    """The Graph API's version; each is served for about two years."""
    since_hours: float = Field(default=48.0, ge=0, le=87_600)
    """How far a first poll looks back."""
    commented_posts: int = Field(default=25, ge=1, le=50)
    """How many of a page's newest posts are looked at for comments, in one request."""


class Facebook(HttpConnector):
    """Read Facebook pages.

    Queries: `PAGE/feed` (what the page and others wrote there), `/posts` (the page's own), `/tagged`, `/comments` (on
    the newest posts), `post/ID` (one post's comments). PAGE is a number, a name, or `me`. Imported files: `export/…`.
    """

    name = posts.PLATFORM
    settings_model = Settings
    settings: Settings
    traits = Traits(
        reads="Facebook pages that you run: posts, comments, tags; and your own export: posts, comments, groups",
        needs="for pages: the page's access token; for the export: nothing",
        credentials=(
            "For your own data, open accountscenter.facebook.com, Your information, Export as JSON; import the ZIP.",
            "For a page: open https://developers.facebook.com and create an app of the type Business.",
            "In the Graph API Explorer, ask for pages_show_list, pages_read_engagement and pages_read_user_content.",
            "Choose your page under User or Page, and extend the token in the Access Token Debugger.",
            "Put the page's token into an environment variable or a file that only you can read.",
            'Set token = "env:NAME" or "file:PATH" under [connectors.facebook].',
        ),
        interval_s=1_800.0,
        limit=(
            "4,800 calls a day for each person that the page reaches "
            "(developers.facebook.com/docs/graph-api/overview/rate-limiting, read 2026-11-23)"
        ),
        closed={
            r"facebook\.com/(?:groups|events|watch|hashtag|search|profile\.php|people|marketplace|reel|share)\b": (
                "Facebook lets no program read groups, profiles, events or searches; what can be read: a page that you "
                "run (its facebook.com/NAME address), and your own export (`listener import FILE`)"
            ),
        },
        examples=("https://www.facebook.com/YourPage", "facebook:me/feed", "facebook:me/comments"),
    )

    def request(self, feed: Feed, cursor: str | None) -> Request:
        """Ask for 50 posts or comments, newest first.

        Source: https://developers.facebook.com/docs/graph-api/reference/page/feed, read 2026-11-23.
        """
        query, held = _query(feed), Walk.read(cursor)
        params: dict[str, str | int] = {"limit": LIMIT}
        if query.kind == "comments":
            return self._request(*comments.asked(query.value, held, self.settings.commented_posts, LIMIT))
        if query.kind == "post":
            params |= {"fields": posts.COMMENT_FIELDS, **comments.NEWEST_FIRST}
            return self._request(f"{query.value}/comments", params, held.token)
        return self._request(f"{query.value}/{query.kind}", {**params, "fields": posts.POST_FIELDS}, held.token)

    def refuse(self, answer: Answer) -> None:
        """Read the platform's own numbers."""
        refuse_web_page(answer)
        graph.refuse(answer, KEY, RIGHTS)
        connector.refuse(answer)

    def parse(self, answer: Answer, feed: Feed, cursor: str | None) -> Page:
        """Read a page of a list."""
        query, held, body = _query(feed), Walk.read(cursor), json_body(answer)
        listed = body.get("data") if isinstance(body, dict) else None
        if not isinstance(listed, list):
            raise BadPayload("the answer has no data")
        since_s = self.settings.since_hours * 3_600
        if query.kind == "comments":
            page = comments.page(body, listed, held, since_s)
        else:
            page = _listed(query, listed, held, graph.following(body), since_s)
        return replace(
            page,
            quotas=graph.quotas(answer.headers),
            title=feed.title or query.title,
            home_url=feed.home_url or query.home_url,
        )

    def feed_for(self, text: str) -> Feed | None:
        """Take a page's address, a post's with numbers in it (its comments), or `facebook:` and a query."""
        query = pasted(text)
        return None if query is None else _feed(query)

    def mine(self, account: str) -> tuple[Feed, ...]:
        """List what happens on a page that the user runs; `me` is the token's own."""
        query = Query("feed", "me") if account.strip() == "me" else pasted(account)
        if query is None or query.kind == "post":
            return ()
        kinds: tuple[Kind, ...] = ("feed", "comments", "tagged")
        return tuple(_feed(Query(kind, query.value)) for kind in kinds)

    def missing(self) -> str | None:
        """Say that the token is missing."""
        return None if self.settings.token else f"{KEY} is not set (your own export needs none: `listener import`)"

    def recheck(self, native_ids: Sequence[str]) -> Page:
        """Read posts again. What is not there is deleted, unless that is said of all: then it is the token's fault."""
        numbers = [one for one in native_ids if one.replace("_", "").isdecimal()]
        asked = self._again(numbers, posts.POST_FIELDS)
        # A comment has none of a post's fields; which of the two a number names shows in that refusal only.
        other = [one for one, answer in asked.items() if graph.error(answer)[:2] == (graph.HOPELESS, None)]
        asked |= self._again(other, posts.COMMENT_FIELDS)
        gone = [one for one, answer in asked.items() if graph.error(answer)[:2] == graph.GONE]
        # Answers come as they are ready; what is made of them does not depend on that.
        there = {one: asked[one] for one in numbers if one in asked and one not in gone}
        for answer in there.values():
            self.refuse(answer)
        items = [(one in other, json_body(answer)) for one, answer in there.items()]
        came, rejects = gather(items, lambda one: posts.comment(one[1], None) if one[0] else posts.post(one[1]))
        return Page(came, deleted=tuple(gone) if there else (), rejects=rejects)

    def read_archive(self, path: Path) -> Iterator[tuple[Feed, Page]]:
        """Yield what an export in JSON holds: a ZIP, the folder it was unpacked to, or one of its files."""
        return export.read(path)

    def unread(self, path: Path) -> str | None:
        """Say what the file lacks."""
        return "no export in JSON, as a ZIP, a folder or one of its files, with posts or comments in it"

    def _again(self, numbers: Sequence[str], fields: str) -> dict[str, Answer]:
        found = {}
        wanted = {one: self._request(one, {"fields": fields}, None) for one in numbers}
        for one, outcome in self.http.fetch_many(wanted):
            if isinstance(outcome, ConnectorError):
                raise outcome
            found[one] = outcome
        return found

    def _request(self, path: str, params: dict[str, str | int], token: str | None) -> Request:
        key = secret(self.settings.token, KEY)
        base = (self.settings.base_url or API).rstrip("/")
        query = urlencode(params) + (f"&{token}" if token else "")
        url = f"{base}/{self.settings.version}/{quote(path)}?{query}"
        return Request(url, credentials={"Authorization": f"Bearer {key}"})


def _listed(query: Query, listed: list[Any], held: Walk, token: str | None, since_s: float) -> Page:
    if query.kind == "post":
        found, rejects = gather(listed, lambda one: posts.comment(one, query.value))
    else:
        found, rejects = gather(listed, lambda one: posts.post(one, by_page=query.kind == "posts"))
    page = Page(found, rejects=rejects)
    if not listed and token is not None and token != held.token:
        return replace(page, cursor=replace(held, token=token, pages=held.pages + 1).cursor, more=True)
    items = [Item(one.native_id, one.published_at) for one in found]
    return paged(page, step(held, items, token, since_s=since_s, overlap_s=OVERLAP_S))


def _query(feed: Feed) -> Query:
    if feed.query.startswith("export/"):
        raise ConnectorError("this feed came from a file and is not polled; `listener import FILE` reads a newer one")
    query = Query.read(feed.query)
    if query is None:
        raise ConnectorError(
            "there is no such feed; write PAGE/feed, PAGE/posts, PAGE/tagged, PAGE/comments or post/ID"
        )
    return query


def _feed(query: Query) -> Feed:
    return Feed(0, posts.PLATFORM, str(query), posts.PLATFORM, title=query.title, home_url=query.home_url)
