"""Instagram: ordered and unordered lists, comments over many media, hashtags."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from connectors.instagram import EACH, LIMIT, Instagram, Settings
from listener.addresses import NetworkRules
from listener.connector import poll, request
from listener.errors import ConnectorError, NotAuthorised, RateLimited
from listener.http import Client, Limits
from listener.types import Feed, Page
from tests.servers import Reply, Seen, Server, serving

START = datetime(2026, 9, 1, tzinfo=UTC)
TOKEN, ME = "EAA-mine", "17841406338772941"


class Site:
    """An account; a hashtag's media come in any order."""

    def __init__(self) -> None:
        self.media: list[dict] = []
        self.tagged: list[dict] = []
        self.comments: dict[str, list[dict]] = {}
        self.asked: list[str] = []

    def post(self, number: int, hours: float) -> dict:
        at = (START + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%S+0000")
        url = f"https://www.instagram.com/p/{number}/"
        return {"id": str(number), "caption": f"p{number}", "timestamp": at, "permalink": url, "media_type": "IMAGE"}

    def comment(self, on: int, number: int, hours: float) -> None:
        at = (START + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%S+0000")
        said = {"id": str(number), "text": f"c{number}", "timestamp": at, "username": "ines"}
        self.comments.setdefault(str(on), []).insert(0, said)

    def __call__(self, seen: Seen) -> Reply:
        assert seen.headers["authorization"] == f"Bearer {TOKEN}"
        parts = urlsplit(seen.path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        assert "access_token" not in asked
        path = parts.path.removeprefix("/v24.0/")
        self.asked.append(path)
        return Reply(200, json.dumps(self.body(path, asked)).encode())

    def body(self, path: str, asked: dict[str, str]) -> dict:
        newest = sorted(self.media, key=lambda one: one["timestamp"], reverse=True)
        start, limit = int(asked.get("after", 0)), int(asked.get("limit", LIMIT))
        if path == "ig_hashtag_search":
            assert (asked["user_id"], asked["q"]) == (ME, "boats")
            return {"data": [{"id": "17800000000000001"}]}
        if path == "17800000000000001/recent_media":
            return self.edge(self.tagged, start, limit, path)
        if path == ME:
            assert asked["fields"].startswith("business_discovery.username(harbour)")
            after = asked["fields"].partition(".after(")[2].partition(")")[0]
            page = self.edge(newest, int(after or 0), LIMIT, path)
            following = {"paging": {"cursors": {"after": str(int(after or 0) + LIMIT)}}}
            whole = {"media": {"data": page["data"], **following}} if page["data"] else {}
            return {"business_discovery": {"name": "Harbour", "followers_count": 7, **whole}, "id": ME}
        if path == f"{ME}/media" and "comments.limit(" in asked["fields"]:
            found = [
                {
                    "id": one["id"],
                    "permalink": one["permalink"],
                    "comments": self.edge(self.comments[one["id"]], 0, EACH, "x"),
                }
                if one["id"] in self.comments
                else {"id": one["id"], "permalink": one["permalink"]}
                for one in newest[:limit]
            ]
            return {"data": found}
        if path.endswith("/comments"):
            return self.edge(self.comments[path.partition("/")[0]], start, limit, path)
        return self.edge(newest, start, limit, path)

    def edge(self, listed: list[dict], start: int, limit: int, path: str) -> dict:
        found, following = listed[start : start + limit], start + limit
        query = urlencode({"access_token": TOKEN, "after": following})
        more = {"next": f"https://graph.facebook.com/v24.0/{path}?{query}"} if following < len(listed) else {}
        return {"data": found, "paging": {"cursors": {"after": str(following)}, **more}}


@contextmanager
def running(site: Site) -> Iterator[tuple[Server, Instagram]]:
    with serving(site) as server:
        client = Client(NetworkRules(allow_private=(server.host_port,)), limits=Limits(read_s=2.0, host_slot_s=0.0))
        try:
            yield server, Instagram(Settings(token=TOKEN, user_id=ME, base_url=server.url), client)
        finally:
            client.close()


def walk(connector: Instagram, query: str, cursor: str | None = None) -> list[Page]:
    pages: list[Page] = []
    while not pages or pages[-1].more:
        assert len(pages) < 30, "the walk does not end"
        _, page = poll(connector, Feed(1, "instagram", query, "instagram"), cursor)
        pages.append(page)
        cursor = page.cursor
        assert TOKEN not in cursor
    return pages


def said(pages: list[Page]) -> set[str]:
    return {post.text for page in pages for post in page.posts}


@pytest.mark.parametrize("query", ["me/media", "user/harbour"])
def test_media_are_read_back_to_the_last_known_one(query):
    site = Site()
    site.media = [site.post(number, number) for number in range(10)]
    with running(site) as (_, connector):
        first = walk(connector, query)
        site.media += [site.post(number, number) for number in range(10, 130)]
        second = walk(connector, query, first[-1].cursor)
        third = walk(connector, query, second[-1].cursor)
    assert said(first) == {f"p{number}" for number in range(10)}
    assert said(second) >= {f"p{number}" for number in range(10, 130)}
    assert len(third) == 1
    assert not [page.gap for page in (*first, *second, *third) if page.gap]
    if query == "user/harbour":
        account = first[0].posts[0].account
        assert (account.native_id, account.name, account.followers) == ("harbour", "Harbour", 7)


def test_a_hashtag_in_any_order_is_read_until_nothing_is_new():
    site = Site()
    site.tagged = [site.post(number, number * 7 % 24) for number in range(70)]
    with running(site) as (_, connector):
        first = walk(connector, "hashtag/boats")
        site.tagged = [site.post(number, number * 7 % 24) for number in range(90, 30, -1)]
        second = walk(connector, "hashtag/boats", first[-1].cursor)
        third = walk(connector, "hashtag/boats", second[-1].cursor)
    assert said(first) == {f"p{number}" for number in range(70)}
    assert said(second) >= {f"p{number}" for number in range(70, 91)}
    assert len(third) == 1
    assert site.asked.count("ig_hashtag_search") == 1, "each search for its number counts"
    assert {post.community for page in first for post in page.posts} == {"#boats"}


def test_comments_on_many_media_are_read_where_there_are_many():
    site = Site()
    site.media = [site.post(number, number) for number in range(3)]
    site.comment(1, 500, 5)
    with running(site) as (_, connector):
        first = walk(connector, "me/comments")
        for number in range(120):
            site.comment(2, 1_000 + number, 6 + number / 60)
        second = walk(connector, "me/comments", first[-1].cursor)
        third = walk(connector, "me/comments", second[-1].cursor)
    assert said(first) == {"c500"}
    assert said(second) >= {f"c{1_000 + number}" for number in range(120)}
    assert len(third) == 1
    post = first[0].posts[0]
    assert (post.url, post.in_reply_to) == ("https://www.instagram.com/p/1/c/500/", "1")


@pytest.mark.parametrize(
    ("code", "subcode", "kind", "advice"),
    [
        (190, None, NotAuthorised, "connectors.instagram.token"),
        (10, None, NotAuthorised, "instagram_basic"),
        (4, None, RateLimited, "wait"),
        (18, 2_207_034, RateLimited, "30 different hashtags"),
        (24, 2_207_024, ConnectorError, "spelling"),
        (100, 33, ConnectorError, "feed's name"),
        (2, None, ConnectorError, "failed"),
    ],
)
def test_errors_are_told_by_their_numbers(code, subcode, kind, advice):
    said_ = {"error": {"message": "EAAother <b>", "code": code, "error_subcode": subcode}}
    with running(Site()) as (server, connector):
        server.answer = lambda _: Reply(400, json.dumps(said_).encode())
        with pytest.raises(kind, match=advice) as caught:
            walk(connector, "hashtag/boats")
    assert "EAA" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("https://www.instagram.com/explore/tags/Bakery/", "hashtag/bakery"),
        ("#bakery on instagram", "hashtag/bakery"),
        ("https://www.instagram.com/nasa/?hl=en", "user/nasa"),
        ("instagram:me/comments", "me/comments"),
        ("instagram:user/@nasa", "user/nasa"),
        ("instagram:on/17846368219941692", "on/17846368219941692"),
        ("https://www.instagram.com/p/CSr71Gzlqo4/", None),
        ("https://www.instagram.com/reels/", None),
        ("#bakery", None),
        ("", None),
    ],
)
def test_what_people_paste(text, query):
    found = Instagram(Settings(), None).feed_for(text)
    assert (found.query if found else None) == query


def test_what_is_missing_is_named():
    assert Instagram(Settings(), None).missing() == "connectors.instagram.token is not set"
    half = Instagram(Settings(token="x"), None)
    assert half.missing() == "connectors.instagram.user_id is not set"
    with pytest.raises(NotAuthorised, match="user_id"):
        request(half, Feed(1, "instagram", "me/media", "instagram"), None)
    assert [feed.query for feed in half.mine("me")] == ["me/media", "me/comments", "me/tags"]
