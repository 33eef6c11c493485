"""Instagram: the user's own professional account, other professional accounts by name, and hashtags of the last day.

Mentions have no list: the platform announces each to a server of yours, and one whose number is known can be read.
"""

from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlencode

from pydantic import Field, SecretStr

from connectors.instagram import graph, posts, walks
from connectors.instagram.graph import KEY, RIGHTS
from connectors.instagram.queries import Query, pasted
from listener import connector
from listener.connector import HttpConnector, Traits, gather, json_body, refuse_web_page, secret
from listener.errors import BadPayload, ConnectorError, NotAuthorised
from listener.types import Answer, Feed, Page, Request
from listener.walk import Item, Walk, paged, step

API: Final = "https://graph.facebook.com"
LIMIT: Final = 50
EACH: Final = 50
OVERLAP_S: Final = 600.0

Read = tuple[list[Any], Any, str | None]
"""Items of an answer, what they hang on, and where the next page begins."""


class Settings(connector.Settings):
    """What `[connectors.instagram]` may hold."""

    token: SecretStr | None = None
    """The access token of the Facebook page that your professional account is tied to."""
    user_id: str | None = Field(default=None, pattern=r"\d{5,25}")
    """Your professional account's number in the Graph API (17841…)."""
    version: str = Field(default="v24.0", pattern=r"v\d{1,3}\.\d")
    """The Graph API's version; each is served for about two years."""
    since_hours: float = Field(default=48.0, ge=0, le=87_600)
    """How far a first poll looks back."""
    commented_posts: int = Field(default=25, ge=1, le=50)
    """How many of your newest posts are looked at for comments, in one request."""


class Instagram(HttpConnector):
    """Read Instagram.

    Queries: `me/media`, `me/tags`, `me/comments`, `user/NAME` (another professional account), `hashtag/WORD`,
    `on/MEDIA` (its comments), `mention/MEDIA`, `comment/ID` (what mentions me, once its number is known).
    """

    name = posts.PLATFORM
    settings_model = Settings
    settings: Settings
    traits = Traits(
        reads="Instagram: your professional account's posts, comments and tags; other such accounts; recent hashtags",
        needs="a professional account tied to a Facebook page, and that page's access token",
        credentials=(
            "In Instagram, make yours a professional account and tie it to a Facebook page.",
            "Open https://developers.facebook.com and create an app of the type Business.",
            f"In the Graph API Explorer, ask for {RIGHTS}.",
            "Choose your page under User or Page; ask for me?fields=instagram_business_account and keep the number.",
            "Put the page's token into an environment variable or a file that only you can read.",
            'Set token = "env:NAME" and user_id = "that number" under [connectors.instagram].',
        ),
        interval_s=3_600.0,
        limit=(
            "30 different hashtags in seven days, their posts of the last 24 hours only; calls by the account's reach "
            "(developers.facebook.com/docs/instagram-platform, read 2026-11-23)"
        ),
        examples=("instagram:me/comments", "https://www.instagram.com/explore/tags/bakery/", "instagram:user/nasa"),
    )

    def request(self, feed: Feed, cursor: str | None) -> Request:
        """Ask for a page of 50, or, before a hashtag's first, for its number.

        Sources: https://developers.facebook.com/docs/instagram-platform/reference, read 2026-11-23.
        """
        query, held = _query(feed), Walk.read(cursor)
        me, token = self._me(), held.token
        nested = f"{{{posts.OWN_MEDIA}}}"
        page: dict[str, str | int] = {"limit": LIMIT}
        match query.kind:
            case "media" | "tags":
                return self._request(f"{me}/{query.kind}", page | {"fields": posts.OWN_MEDIA}, token)
            case "comments" if walks.queue(held):
                number, _, token = walks.queue(held)[0]
                fields = f"{posts.COMMENT},replies{{{posts.COMMENT}}}"
                return self._request(f"{number}/comments", {"limit": EACH, "fields": fields}, token)
            case "comments":
                fields = f"id,permalink,comments.limit({EACH}){{{posts.COMMENT},replies{{{posts.COMMENT}}}}}"
                return self._request(f"{me}/media", {"limit": self.settings.commented_posts, "fields": fields}, None)
            case "on":
                fields = f"{posts.COMMENT},media{{id,permalink}},replies{{{posts.COMMENT}}}"
                return self._request(f"{query.value}/comments", page | {"fields": fields}, token)
            case "hashtag" if "hashtag" not in held.extra:
                return self._request("ig_hashtag_search", {"user_id": me, "q": query.value}, None)
            case "hashtag":
                asked = page | {"user_id": me, "fields": posts.MEDIA}
                return self._request(f"{held.extra['hashtag']}/recent_media", asked, token)
            case "user":
                after = f".after({token.removeprefix('after=')})" if token else ""
                fields = f"name,username,followers_count,media.limit({LIMIT}){after}{{{posts.MEDIA}}}"
                return self._request(me, {"fields": f"business_discovery.username({query.value}){{{fields}}}"}, None)
            case "mention":
                return self._request(me, {"fields": f"mentioned_media.media_id({query.value}){nested}"}, None)
        fields = f"mentioned_comment.comment_id({query.value}){{{posts.COMMENT},media{{id,permalink}}}}"
        return self._request(me, {"fields": fields}, None)

    def refuse(self, answer: Answer) -> None:
        """Read the platform's own numbers."""
        refuse_web_page(answer)
        graph.refuse(answer)
        connector.refuse(answer)

    def parse(self, answer: Answer, feed: Feed, cursor: str | None) -> Page:
        """Read a page, whatever it is of."""
        query, held, body = _query(feed), Walk.read(cursor), json_body(answer)
        if not isinstance(body, dict):
            raise BadPayload("the answer is no object")
        if query.kind == "hashtag" and "hashtag" not in held.extra:
            return _found(body, held)
        page = self._page(query, held, body)
        return replace(page, title=feed.title or query.title, home_url=feed.home_url or query.home_url)

    def feed_for(self, text: str) -> Feed | None:
        """Take a profile's or a hashtag's address, `#word on instagram`, or `instagram:` and a query."""
        query = pasted(text)
        return None if query is None else _feed(query)

    def mine(self, account: str) -> tuple[Feed, ...]:
        """List the own account's feeds; `me` is the one of the settings."""
        if account.strip() not in ("me", "instagram:me"):
            return ()
        return tuple(_feed(query) for query in (Query("media"), Query("comments"), Query("tags")))

    def missing(self) -> str | None:
        """Say which of the two settings is missing."""
        if self.settings.token is None:
            return f"{KEY} is not set"
        return None if self.settings.user_id else "connectors.instagram.user_id is not set"

    def _page(self, query: Query, held: Walk, body: dict[str, Any]) -> Page:
        if query.kind == "on":
            found, rejects = gather(comments(_data(body), query.value, None), lambda one: posts.comment(*one))
            return walks.unordered(Page(found, rejects=rejects), held, found, graph.following(body))
        if query.kind == "comments":
            return _commented(body, held)
        if query.kind in ("mention", "comment"):
            return _single(query, held, body)
        items, author, token = _media(query, body)
        community = f"#{query.value}" if query.kind == "hashtag" else None
        found, rejects = gather(items, lambda one: posts.media(one, author, community=community))
        page = Page(found, rejects=rejects)
        if query.kind == "hashtag":
            return walks.unordered(page, held, found, token)
        return self._walked(page, held, items, token)

    def _walked(self, page: Page, held: Walk, items: list[Any], token: str | None) -> Page:
        if not items and token is not None and token != held.token:  # an empty page need not be the last
            return replace(page, cursor=replace(held, token=token, pages=held.pages + 1).cursor, more=True)
        listed = [Item(one.native_id, one.published_at) for one in page.posts]
        since_s = self.settings.since_hours * 3_600
        return paged(page, step(held, listed, token, since_s=since_s, overlap_s=OVERLAP_S))

    def _me(self) -> str:
        if self.settings.user_id is None:
            secret(self.settings.token, KEY)
            raise NotAuthorised("connectors.instagram.user_id is not set (`listener connectors` tells how to find it)")
        return self.settings.user_id

    def _request(self, path: str, params: dict[str, str | int], token: str | None) -> Request:
        key = secret(self.settings.token, KEY)
        base = f"{(self.settings.base_url or API).rstrip('/')}/{self.settings.version}"
        query = urlencode(params) + (f"&{token}" if token else "")
        return Request(f"{base}/{path}?{query}", credentials={"Authorization": f"Bearer {key}"})


def _data(body: dict[str, Any]) -> list[Any]:
    if not isinstance(body.get("data"), list):
        raise BadPayload("the answer has no data")
    return list(body["data"])


def _media(query: Query, body: dict[str, Any]) -> Read:
    if query.kind != "user":
        return _data(body), None, graph.following(body)
    found = body.get("business_discovery")
    if not isinstance(found, dict):
        raise BadPayload("the answer has no such account")
    # Beyond the last page the list is left out.
    listed = found["media"] if isinstance(found.get("media"), dict) else {"data": []}
    followers, name = found.get("followers_count"), found.get("name")
    author = posts.account(query.value, None, name=name if isinstance(name, str) else None, followers=followers)
    paging = listed.get("paging")
    cursors = paging.get("cursors") if isinstance(paging, dict) else None
    after = cursors.get("after") if isinstance(cursors, dict) else None
    return _data(listed), author, urlencode({"after": after}) if isinstance(after, str) and after else None


def _commented(body: dict[str, Any], held: Walk) -> Page:
    """Read comments on many media, or more of the first in the queue."""
    queued = walks.queue(held)
    lists = [one for item in _data(body) if (one := _nested(item)) is not None] if not queued else []
    lists += [(queued[0][0], queued[0][1], body)] if queued else []
    parts = [part for number, permalink, listed in lists for part in comments(_data(listed), number, permalink)]
    found, rejects = gather(parts, lambda one: posts.comment(*one))
    ends = {number: (permalink, graph.following(listed)) for number, permalink, listed in lists}
    return walks.queued(Page(found, rejects=rejects), held, found, ends)


def _nested(item: Any) -> tuple[str, str, dict[str, Any]] | None:
    listed = item.get("comments") if isinstance(item, dict) else None
    return (str(item.get("id")), str(item.get("permalink") or ""), listed) if isinstance(listed, dict) else None


def comments(listed: list[Any], number: str, permalink: str | None) -> list[tuple[Any, str, str | None]]:
    """Lay out comments and their answers, each with the medium that it is on."""
    found: list[tuple[Any, str, str | None]] = []
    for one in listed:
        found.append((one, number, permalink))
        answers = one.get("replies") if isinstance(one, dict) else None
        for answer in _data(answers) if isinstance(answers, dict) else ():
            context = {"parent_id": one.get("id"), "media": one.get("media")}
            found.append(({**context, **answer} if isinstance(answer, dict) else answer, number, permalink))
    return found


def _single(query: Query, held: Walk, body: dict[str, Any]) -> Page:
    item = body.get("mentioned_media" if query.kind == "mention" else "mentioned_comment")
    if not isinstance(item, dict):
        raise BadPayload("the answer has no mention")
    read = posts.media if query.kind == "mention" else lambda one: posts.comment(one, None, None)
    found, rejects = gather([item], read)
    return Page(found, replace(held, extra={"read": True}).cursor, rejects=rejects)


def _found(body: dict[str, Any], held: Walk) -> Page:
    listed = _data(body)
    number = str(listed[0].get("id", "")) if listed and isinstance(listed[0], dict) else ""
    if not number.isdecimal():
        raise BadPayload("the answer has no hashtag")
    return Page(cursor=replace(held, extra={**held.extra, "hashtag": number}).cursor, more=True)


def _query(feed: Feed) -> Query:
    query = Query.read(feed.query)
    if query is None:
        raise ConnectorError("there is no such feed; write me/media, me/comments, me/tags, user/NAME or hashtag/WORD")
    return query


def _feed(query: Query) -> Feed:
    return Feed(0, posts.PLATFORM, str(query), posts.PLATFORM, title=query.title, home_url=query.home_url)
