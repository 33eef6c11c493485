"""Threads: walks, searches, and a token that is renewed."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Thread
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from connectors.threads import LIMIT, Settings, Threads
from connectors.threads.tokens import Tokens
from listener.addresses import NetworkRules
from listener.connector import poll
from listener.errors import ConnectorError, NotAuthorised, RateLimited
from listener.http import Client, Limits
from listener.secrets import redact
from listener.sessions import SessionFile
from listener.types import Feed, Page
from tests.servers import Reply, Seen, Server, serving

START = datetime(2026, 9, 1, tzinfo=UTC)


class Site:
    """The platform: posts newest first, tokens that are renewed by their last one."""

    def __init__(self) -> None:
        self.posts: list[dict] = []
        self.tokens = ["TH-given"]
        self.renewals = 0
        self.asked: list[dict[str, str]] = []

    def say(self, number: int, minutes: float) -> None:
        at = (START + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%S+0000")
        url = f"https://www.threads.net/@ines/post/{number}"
        said = {"id": str(number), "text": f"p{number}", "permalink": url, "timestamp": at, "username": "ines"}
        self.posts.append(said)

    def __call__(self, seen: Seen) -> Reply:
        parts = urlsplit(seen.path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/refresh_access_token":
            return self.renew(asked)
        self.asked.append(asked)
        assert "access_token" not in asked
        if seen.headers["authorization"] != f"Bearer {self.tokens[-1]}":
            return Reply(400, b'{"error": {"message": "expired", "code": 190}}')
        since = datetime.fromtimestamp(int(asked.get("since", 0)), UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")
        newest = sorted(self.posts, key=lambda one: one["timestamp"], reverse=True)
        newest = [one for one in newest if one["timestamp"] >= since]
        start = int(asked.get("after", 0))
        following = start + LIMIT
        query = urlencode({"access_token": self.tokens[-1], "after": following})
        more = {"next": f"https://graph.threads.net/v1.0/x?{query}"} if following < len(newest) else {}
        return Reply(200, json.dumps({"data": newest[start:following], "paging": more}).encode())

    def renew(self, asked: dict[str, str]) -> Reply:
        assert asked["grant_type"] == "th_refresh_token"
        if asked["access_token"] != self.tokens[-1]:
            return Reply(400, b'{"error": {"message": "x", "code": 190}}')
        self.renewals += 1
        self.tokens.append(f"TH-renewed-{self.renewals}")
        return Reply(200, json.dumps({"access_token": self.tokens[-1], "expires_in": 5_184_000}).encode())


@contextmanager
def running(site: Site) -> Iterator[tuple[Server, Threads]]:
    with serving(site) as server, client_for(server) as client:
        yield server, Threads(Settings(token="TH-given", base_url=server.url), client)


@contextmanager
def client_for(server: Server) -> Iterator[Client]:
    client = Client(NetworkRules(allow_private=(server.host_port,)), limits=Limits(read_s=2.0, host_slot_s=0.0))
    try:
        yield client
    finally:
        client.close()


def walk(connector: Threads, query: str, cursor: str | None = None) -> list[Page]:
    pages: list[Page] = []
    while not pages or pages[-1].more:
        assert len(pages) < 30, "the walk does not end"
        _, page = poll(connector, Feed(1, "threads", query, "threads"), cursor)
        pages.append(page)
        cursor = page.cursor
        assert "TH-" not in cursor
    return pages


def said(pages: list[Page]) -> set[str]:
    return {post.text for page in pages for post in page.posts}


@pytest.mark.parametrize("query", ["me/mentions", "search/boat builder", "tag/boats"])
def test_posts_are_read_back_to_the_last_known_one(query):
    site = Site()
    for number in range(10):
        site.say(number, number)
    with running(site) as (_, connector):
        first = walk(connector, query)
        for number in range(10, 130):
            site.say(number, number)
        site.say(500, 5)  # found late, as searches find some
        second = walk(connector, query, first[-1].cursor)
        third = walk(connector, query, second[-1].cursor)
    assert said(first) == {f"p{number}" for number in range(10)}
    assert said(second) >= {f"p{number}" for number in range(10, 130)} | {"p500"}
    assert len(third) == 1
    assert not [page.gap for page in (*first, *second, *third) if page.gap]
    if query == "tag/boats":
        assert {(one["q"], one["search_mode"], one["search_type"]) for one in site.asked} == {
            ("boats", "TAG", "RECENT")
        }


def test_a_search_that_finds_nothing_keeps_its_mark():
    site = Site()
    site.say(1, 1)
    with running(site) as (_, connector):
        [first] = walk(connector, "search/x")
        site.posts = []
        [second] = walk(connector, "search/x", first.cursor)
    assert json.loads(second.cursor)["newest_s"] == json.loads(first.cursor)["newest_s"]


def test_a_token_is_renewed_in_time_once_by_all_and_outlives_a_restart(tmp_path):
    site, start = Site(), datetime(2026, 9, 1, tzinfo=UTC)
    given = Settings(token="TH-given").token

    def tokens(server: Server, client: Client) -> Tokens:
        return Tokens(given, client, SessionFile(tmp_path / "threads.json", lambda: start), server.url)

    with serving(site) as server, client_for(server) as client:
        assert tokens(server, client).current(start) == "TH-given"
        assert tokens(server, client).current(start + timedelta(hours=20)) == "TH-given"
        later, found = start + timedelta(hours=30), []
        threads = [Thread(target=lambda: found.append(tokens(server, client).current(later))) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (site.renewals, set(found)) == (1, {"TH-renewed-1"})
        for day in range(2, 100):
            tokens(server, client).current(start + timedelta(days=day))
        assert 10 <= site.renewals <= 15
        other = Settings(token="TH-another").token
        fresh = Tokens(other, client, SessionFile(tmp_path / "threads.json", lambda: start), server.url)
        assert fresh.current(start + timedelta(days=100)) == "TH-another"
    assert "TH-renewed-1" not in redact("token TH-renewed-1 in a text")


def test_a_renewal_that_fails_leaves_the_old_token_and_is_tried_later(tmp_path):
    site, start = Site(), datetime(2026, 9, 1, tzinfo=UTC)
    sessions = SessionFile(tmp_path / "threads.json", lambda: start)
    with serving(site) as server, client_for(server) as client:
        tokens = Tokens(Settings(token="TH-given").token, client, sessions, server.url)
        tokens.current(start)
        server.answer = lambda _: Reply(500)
        assert tokens.current(start + timedelta(days=2)) == "TH-given"
        asked = len(server.seen)
        assert tokens.current(start + timedelta(days=2, hours=1)) == "TH-given"
        assert len(server.seen) == asked
        server.answer = site
        assert tokens.current(start + timedelta(days=2, hours=7)) == "TH-renewed-1"


@pytest.mark.parametrize(
    ("code", "kind", "advice"),
    [
        (190, NotAuthorised, "connectors.threads.token"),
        (10, NotAuthorised, "threads_keyword_search"),
        (4, RateLimited, "wait"),
        (100, ConnectorError, "feed's query"),
        (2, ConnectorError, "failed"),
    ],
)
def test_errors_are_told_by_their_numbers(code, kind, advice):
    with running(Site()) as (server, connector):
        server.answer = lambda _: Reply(400, json.dumps({"error": {"message": "TH-other <b>", "code": code}}).encode())
        with pytest.raises(kind, match=advice) as caught:
            walk(connector, "search/x")
    assert "TH-" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("threads:me/mentions", "me/mentions"),
        ("https://www.threads.net/search?q=invoicing%20tool", "search/invoicing tool"),
        ("https://www.threads.com/search?q=boats&serp_type=tags", "tag/boats"),
        ("posts about boat builders on threads", "search/boat builders"),
        ("threads:tag/#boats", "tag/boats"),
        ("threads:conversation/18000000000000001", "conversation/18000000000000001"),
        ("https://www.threads.net/@zuck", None),
        ("https://www.threads.net/search", None),
        ("https://example.org/search?q=x", None),
        ("", None),
    ],
)
def test_what_people_paste(text, query):
    found = Threads(Settings(), None).feed_for(text)
    assert (found.query if found else None) == query


def test_the_own_account_has_mentions_posts_and_replies():
    connector = Threads(Settings(), None)
    assert [feed.query for feed in connector.mine("me")] == ["me/mentions", "me/threads", "me/replies"]
    assert connector.mine("@somebody") == ()
    assert connector.missing() == "connectors.threads.token is not set"
