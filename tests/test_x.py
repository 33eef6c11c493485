"""X: what people paste, what each page costs, walks that lose nothing, edits, and the filtered stream."""

import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from connectors.x import X
from connectors.x.queries import Query
from connectors.x.settings import Settings
from connectors.x.tweets import id_at
from listener.addresses import NetworkRules
from listener.connector import poll, read
from listener.errors import ConnectorError, NotAuthorised, OutOfBudget, RateLimited
from listener.http import Client, Limits
from listener.types import Answer, Feed, Page
from tests.conftest import SHARED
from tests.servers import Reply, Seen, Server, serving

RECORDED = SHARED / "recordings" / "x"
needs_recordings = pytest.mark.skipif(not RECORDED.exists(), reason="needs ../shared/recordings")
NOW = datetime.now(UTC)
ME = "4711"
KEYS = {
    "consumer_key": "invented-key",
    "consumer_secret": "invented-key-secret",
    "access_token": f"{ME}-invented",
    "access_token_secret": "invented-token-secret",
}


def feed(query: str) -> Feed:
    return Feed(1, "x", query, "x")


@contextmanager
def site(answer: Callable[[Seen], Reply], **settings: object) -> Iterator[tuple[Server, X]]:
    with serving(answer) as server:
        limits = Limits(connect_s=1.0, read_s=2.0, total_s=4.0, host_slot_s=0.0)
        http = Client(NetworkRules(allow_private=(server.host_port,)), limits=limits)
        given = {"base_url": server.url, "bearer_token": "invented-bearer", "posts_a_page": 10, "monthly_budget": 9}
        try:
            yield server, X(Settings.model_validate(given | settings), http)
        finally:
            http.close()


def at(minutes: float) -> str:
    """Give the id of a post written so many minutes from now."""
    return str(id_at(NOW + timedelta(minutes=minutes)))


def post(minutes: float, author: str = "11", **changes: object) -> dict:
    number = at(minutes)
    return {
        "id": number,
        "edit_history_tweet_ids": [number],
        "text": f"Post {minutes}",
        "author_id": author,
    } | changes


def as_json(body: object, status: int = 200) -> Reply:
    return Reply(status, json.dumps(body).encode(), {"Content-Type": "application/json"})


class Network:
    """The platform: posts of any age, pages of ten, users by name; `glitch` may change the nth page (from 1)."""

    def __init__(self, posts: list[dict]) -> None:
        self.posts = posts
        self.pages: list[dict[str, str]] = []
        self.users: list[list[str]] = []
        self.names = 0
        self.glitch: Callable[[int], Reply | None] = lambda _: None

    def __call__(self, seen: Seen) -> Reply:
        parts = urlsplit(seen.path)
        params = dict(parse_qsl(parts.query))
        if parts.path == "/2/users":
            self.users.append(params["ids"].split(","))
            return as_json({"data": [{"id": one, "name": f"N{one}", "username": f"u{one}"} for one in self.users[-1]]})
        if parts.path.startswith("/2/users/by/username/"):
            self.names += 1
            return as_json({"data": {"id": "11", "name": "Ada", "username": parts.path.rpartition("/")[2].title()}})
        self.pages.append(params)
        return self.glitch(len(self.pages)) or self.page(params)

    def page(self, params: dict[str, str]) -> Reply:
        assert not ("since_id" in params and "start_time" in params), "the platform refuses both together"
        since = int(params.get("since_id", "0"))
        if "start_time" in params:
            since = id_at(datetime.fromisoformat(params["start_time"]))
        elif since and "query" in params and since < id_at(datetime.now(UTC) - timedelta(days=7)):
            said = {"errors": [{"parameters": {"since_id": [str(since)]}, "message": "'since_id' must be larger"}]}
            return as_json({**said, "title": "Invalid Request"}, 400)
        until = params.get("next_token") or params.get("pagination_token")
        found = sorted((one for one in self.posts if int(one["id"]) > since), key=lambda one: -int(one["id"]))
        found = [one for one in found if until is None or int(one["id"]) < int(until)]
        page, size = found, int(params["max_results"])
        meta = {"result_count": min(len(found), size)}
        if len(found) > size:
            page = found[:size]
            meta["next_token"] = page[-1]["id"]
        return as_json({**({"data": page} if page else {}), "meta": meta})


def walk(reader: X, query: str, cursor: str | None) -> tuple[dict[str, Page], str]:
    found: dict[str, Page] = {}
    for _ in range(40):
        at_most = reader.cost(feed(query), cursor)
        _, page = poll(reader, feed(query), cursor)
        assert page.cost <= at_most, "no page costs more than was said before"
        found |= {one.native_id: page for one in page.posts}
        cursor = page.cursor
        if not page.more:
            return found, cursor
    raise AssertionError("the walk does not end")


# walks


@pytest.mark.parametrize("query", ["search:bakery", "user:ada", "mentions:ada", "mentions", "home", "list:42"])
def test_posts_that_arrive_during_a_walk_are_not_lost(query):
    network = Network([post(-600 + number) for number in range(30)])
    with site(network, **KEYS) as (_, reader):
        found, cursor = walk(reader, query, None)
        assert len(found) == 10, "the first poll reads one page; history costs money"
        network.posts += [post(-300 + number) for number in range(35)]
        late = iter(range(3))

        def another(_: int) -> None:
            if (number := next(late, None)) is not None:
                network.posts.append(post(-100 + number))

        network.glitch = another
        found, cursor = walk(reader, query, cursor)
        again, cursor = walk(reader, query, cursor)
        due = {at(-300 + number) for number in range(35)} | {at(-100 + number) for number in range(3)}
        assert due <= set(found) | set(again)
        network.pages.clear()
        nothing, _ = walk(reader, query, cursor)
        assert len(network.pages) == 1
        assert query.startswith("list") or nothing == {}


def test_the_mark_moves_only_when_the_walk_has_ended():
    network = Network([post(-600)])
    with site(network) as (_, reader):
        _, cursor = walk(reader, "search:bakery", None)
        network.posts += [post(-300 + number) for number in range(25)]
        _, page = poll(reader, feed("search:bakery"), cursor)
        assert page.more
        network.posts.append(post(-1))
        found, cursor = walk(reader, "search:bakery", page.cursor)
        assert {params.get("since_id") for params in network.pages[1:]} == {at(-600)}
        assert at(-1) not in found
        found, _ = walk(reader, "search:bakery", cursor)
        assert set(found) == {at(-1)}


def test_a_feed_that_was_empty_at_first_loses_nothing_later():
    network = Network([])
    with site(network) as (_, reader):
        _, cursor = walk(reader, "search:bakery", None)
        network.posts += [post(-60 + number) for number in range(25)]
        found, _ = walk(reader, "search:bakery", cursor)
    assert len(found) == 25
    assert "start_time" in network.pages[1]


def test_after_more_than_seven_days_a_search_begins_anew_and_says_what_is_missing():
    old = str(id_at(NOW - timedelta(days=12)))
    cursor = json.dumps({"known": [old], "newest_s": (NOW - timedelta(days=12)).timestamp()})
    network = Network([post(-60 + number) for number in range(15)])
    with site(network) as (_, reader):
        _, page = poll(reader, feed("search:bakery"), cursor)
        assert page.more
        assert (page.gap.older, page.gap.newer) == (old, at(-55))
        _, rest = poll(reader, feed("search:bakery"), page.cursor)
        assert rest.gap is None
        assert len(page.posts) + len(rest.posts) == 15
        assert [set(params) & {"since_id", "start_time"} for params in network.pages] == [{"start_time"}] * 2
        assert network.pages[0]["start_time"] == network.pages[1]["start_time"]
        _, page = poll(reader, feed("search:bakery"), rest.cursor)
        assert "since_id" in network.pages[-1]


def test_a_mark_that_the_platform_refuses_is_left_out_at_once():
    refusal = {"errors": [{"parameters": {"since_id": ["1"]}, "message": "no"}], "title": "Invalid Request"}
    network = Network([post(-5)])
    network.glitch = lambda number: as_json(refusal, 400) if number == 1 else None
    with site(network) as (_, reader):
        _, page = poll(reader, feed("user:ada"), json.dumps({"known": [at(-9)], "newest_s": 1, "extra": {"id": "11"}}))
    assert [one.native_id for one in page.posts] == [at(-5)]
    assert page.gap is not None


def test_a_mark_that_grew_too_old_within_a_walk_leaves_a_gap_too():
    old = str(id_at(NOW - timedelta(days=8)))
    network = Network([post(-5)])
    cursor = json.dumps({"known": [old], "newest_s": 1, "pending": [at(-9)], "token": at(-9), "pages": 3})
    with site(network) as (_, reader):
        _, page = poll(reader, feed("search:bakery"), cursor)
    assert [one.native_id for one in page.posts] == [at(-5)]
    assert page.gap is not None
    assert len(network.pages) == 2


def test_a_page_token_that_is_no_longer_known_begins_the_walk_anew():
    refusal = {"errors": [{"parameters": {"next_token": ["x"]}, "message": "no"}], "title": "Invalid Request"}
    network = Network([post(-50 + number) for number in range(5)])
    network.glitch = lambda number: as_json(refusal, 400) if number == 1 else None
    cursor = json.dumps({"known": [at(-90)], "newest_s": 1, "pending": [at(-46)], "token": "x", "pages": 1})
    with site(network) as (_, reader):
        _, page = poll(reader, feed("search:bakery"), cursor)
    assert len(page.posts) == 5
    assert not page.more


# money


def test_each_author_is_paid_for_once():
    network = Network([post(-60 + number, author=str(number % 3 + 1)) for number in range(6)])
    with site(network) as (_, reader):
        _, page = poll(reader, feed("search:bakery"), None)
        assert page.cost == pytest.approx(6 * 0.005 + 3 * 0.010)
        assert {one.account.handle for one in page.posts} == {"u1", "u2", "u3"}
        network.posts += [post(-1, author="2"), post(-2, author="9")]
        _, page = poll(reader, feed("search:bakery"), page.cursor)
        assert page.cost == pytest.approx(2 * 0.005 + 0.010)
        assert {one.account.handle for one in page.posts} == {"u2", "u9"}
    assert [sorted(ids) for ids in network.users] == [["1", "2", "3"], ["9"]]


def test_a_page_that_was_paid_for_is_not_lost_with_its_authors():
    def answer(seen: Seen) -> Reply:
        if seen.path.startswith("/2/users?"):
            return as_json({"title": "Too Many Requests"}, 429)
        return as_json({"data": [post(-1)], "meta": {"result_count": 1}})

    with site(answer) as (_, reader):
        _, page = poll(reader, feed("search:bakery"), None)
    assert [one.account.handle for one in page.posts] == [None]
    assert page.cost == pytest.approx(0.005)


def test_authors_are_not_looked_up_where_the_user_does_not_want_to_pay_for_them():
    network = Network([post(-1)])
    with site(network, look_up_authors=False) as (_, reader):
        assert reader.cost(feed("search:x"), None) == pytest.approx(0.05)
        _, page = poll(reader, feed("search:x"), None)
    assert (network.users, page.cost) == ([], pytest.approx(0.005))


def test_an_accounts_number_is_looked_up_once():
    network = Network([post(-1)])
    with site(network) as (_, reader):
        assert reader.cost(feed("user:ada"), None) == pytest.approx(10 * 0.015 + 0.010)
        _, page = poll(reader, feed("user:ada"), None)
        assert page.cost == pytest.approx(0.005 + 0.010)
        assert [one.account.handle for one in page.posts] == ["Ada"]
        assert reader.cost(feed("user:ada"), page.cursor) == pytest.approx(10 * 0.015)
        poll(reader, feed("user:ada"), page.cursor)
    assert (network.names, network.users) == (1, [])


def test_what_belongs_to_the_owner_of_the_app_costs_a_fifth_where_the_user_says_so():
    network = Network([post(-1)])
    with site(network, **KEYS, own_app=True, look_up_authors=False) as (_, reader):
        assert reader.cost(feed("mentions"), None) == pytest.approx(0.01)
        assert poll(reader, feed("mentions"), None)[1].cost == pytest.approx(0.001)
        assert reader.cost(feed("search:x"), None) == pytest.approx(0.05)


def test_reposts_are_not_asked_for_unless_the_user_wants_to_pay_for_them():
    network = Network([])
    with site(network) as (_, reader):
        for query in ("search:bakery", "search:bakery is:retweet", "user:ada"):
            poll(reader, feed(query), None)
        assert network.pages[0]["query"] == "(bakery) -is:retweet"
        assert network.pages[1]["query"] == "bakery is:retweet"
        assert network.pages[2]["exclude"] == "retweets"
        assert not any("expansions" in params for params in network.pages)
    with site(network, reposts=True) as (_, reader):
        poll(reader, feed("search:bakery"), None)
    assert network.pages[-1]["query"] == "bakery"
    assert network.pages[-1]["expansions"] == "referenced_tweets.id"


def test_nothing_is_read_before_there_is_a_budget_and_a_token():
    assert "monthly_budget" in X(Settings(bearer_token="b"), None).missing()
    assert "bearer_token" in X(Settings(monthly_budget=5), None).missing()
    assert X(Settings(monthly_budget=5, bearer_token="b"), None).missing() is None
    assert X(Settings.model_validate({"monthly_budget": 5, **KEYS}), None).missing() is None


# credentials


def test_what_is_mine_is_asked_as_me_and_the_rest_as_the_app():
    network = Network([])
    with site(network, **KEYS) as (server, reader):
        for query in ("home", "mentions", "search:x"):
            poll(reader, feed(query), None)
    signed = [seen.headers["authorization"].split(" ")[0] for seen in server.seen]
    assert signed == ["OAuth", "OAuth", "Bearer"]
    assert [urlsplit(path).path for path in server.paths()[:2]] == [
        f"/2/users/{ME}/timelines/reverse_chronological",
        f"/2/users/{ME}/mentions",
    ]
    assert all(seen.headers["user-agent"].startswith("listener/") for seen in server.seen)


def test_a_missing_key_is_named_and_nothing_is_asked():
    with site(Network([])) as (server, reader):
        with pytest.raises(NotAuthorised, match=r"connectors\.x\.consumer_key is not set"):
            poll(reader, feed("home"), None)
        assert server.seen == []


def test_the_client_library_is_not_loaded_with_the_connector():
    code = "import sys, connectors.x; print(sorted({'tweepy', 'httpx', 'requests'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (402, {"title": "CreditsDepleted"}, NotAuthorised),
        (429, {"title": "UsageCapExceeded", "type": "https://api.twitter.com/2/problems/usage-capped"}, OutOfBudget),
        (429, ["a list where the library expects none"], RateLimited),
        (403, {"errors": ["texts where the library expects none"]}, NotAuthorised),
        (503, {"title": "Service Unavailable"}, RateLimited),
    ],
)
def test_a_refusal_becomes_our_error_whatever_the_library_makes_of_it(status, body, error):
    with site(lambda _: as_json(body, status)) as (server, reader):
        with pytest.raises(error):
            poll(reader, feed("search:bakery"), None)
        assert len(server.seen) == 1


def test_too_many_requests_wait_until_the_window_ends():
    headers = {"x-rate-limit-remaining": "0", "x-rate-limit-reset": str(int(datetime.now(UTC).timestamp()) + 300)}
    with site(lambda _: Reply(429, b"{}", headers)) as (_, reader), pytest.raises(RateLimited) as caught:
        poll(reader, feed("search:bakery"), None)
    assert caught.value.retry_after_s == pytest.approx(300, abs=60)


# reading again


def test_a_recheck_tells_what_is_gone_and_reads_the_latest_version():
    first, second, gone = at(-50), at(-40), at(-30)

    def answer(seen: Seen) -> Reply:
        history = {"edit_history_tweet_ids": [first, second], "author_id": "11"}
        asked = parse_qs(urlsplit(seen.path).query)["ids"][0].split(",")
        if asked == [second]:
            return as_json({"data": [{"id": second, "text": "Put right", **history}]})
        problem = {"type": "https://api.twitter.com/2/problems/resource-not-found", "resource_id": gone}
        return as_json({"data": [{"id": first, "text": "As it was", **history}], "errors": [problem]})

    with site(answer) as (_, reader):
        page = reader.recheck([first, gone])
    assert [(one.native_id, one.text) for one in page.posts] == [(first, "Put right")]
    assert page.posts[0].edited_at is not None
    assert page.deleted == (gone,)
    assert page.cost == pytest.approx(0.010)


def test_a_recheck_costs_no_more_than_what_it_said_before():
    def answer(seen: Seen) -> Reply:
        asked = parse_qs(urlsplit(seen.path).query)["ids"][0].split(",")
        return as_json({"data": [{"id": one, "text": "x", "edit_history_tweet_ids": [one]} for one in asked]})

    with site(answer) as (_, reader):
        page = reader.recheck([at(-number) for number in range(100)])
        assert len(page.posts) == 100
        assert page.cost == pytest.approx(0.5)
        assert page.cost <= reader.recheck_cost(100)


@needs_recordings
def test_recorded_posts_and_names_are_read():
    def answer(seen: Seen) -> Reply:
        return Reply(200, (RECORDED / "v2_get_tweets.json").read_bytes())

    with site(answer) as (_, reader):
        page = reader.recheck(["1293593516040269825", "1293595870563381249"])
    assert len(page.posts) == 2
    single = json.loads((RECORDED / "twitwi_payload-v2-singletweet.json").read_bytes())
    body = json.dumps({**single, "data": [single["data"]], "meta": {"result_count": 1}}).encode()
    page = read(X(Settings(), None), Answer("https://x.example.org/", 200, {}, body), feed("search:x"), None)
    assert [one.kind for one in page.posts] == ["reply"]
    assert page.posts[0].account.handle is not None
    names = json.loads((RECORDED / "v2_get_users.json").read_bytes())["data"]
    number = names[0]["id"]

    def named(seen: Seen) -> Reply:
        if seen.path.startswith("/2/users?"):
            return as_json({"data": names})
        return as_json({"data": [post(-1, author=number)], "meta": {"result_count": 1}})

    with site(named) as (_, reader):
        _, page = poll(reader, feed("search:x"), None)
    assert page.posts[0].account.handle == names[0]["username"]


# the stream


class Platform:
    """The filtered stream with its rules: a connection sends `lines`, then stays open."""

    def __init__(self, lines: list[bytes], rules: list[dict]) -> None:
        self.lines, self.rules, self.over = lines, rules, threading.Event()
        self.network = Network([])
        self.posted: list[dict] = []
        platform = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if urlsplit(self.path).path != "/2/tweets/search/stream":
                    rules = as_json({"data": platform.rules, "meta": {}})
                    asked = Seen("GET", self.path, {}, b"")
                    self._reply(rules if self.path.endswith("/rules") else platform.network(asked))
                    return
                self.send_response(200)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                for line in platform.lines:
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(line) + 2, line + b"\r\n"))
                self.wfile.flush()
                platform.over.wait(10)

            def do_POST(self) -> None:
                platform.posted.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                self._reply(as_json({"meta": {}}))

            def _reply(self, reply: Reply) -> None:
                self.send_response(reply.status)
                self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                self.wfile.write(reply.body)

            def log_message(self, *args: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.host_port = f"127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.over.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


@contextmanager
def streaming(lines: list[bytes], rules: list[dict]) -> Iterator[tuple[Platform, X]]:
    platform = Platform(lines, rules)
    http = Client(
        NetworkRules(allow_private=(platform.host_port,)),
        limits=Limits(connect_s=1.0, read_s=2.0, total_s=4.0, host_slot_s=0.0, pulse_s=0.3),
    )
    url = f"http://{platform.host_port}"
    try:
        yield platform, X(Settings(base_url=url, bearer_token="invented-bearer", posts_a_page=10), http)
    finally:
        platform.over.set()
        http.close()
        platform.close()


def heard(minutes: float, tag: str) -> bytes:
    return json.dumps({"data": post(minutes), "matching_rules": [{"id": "1", "tag": tag}]}).encode()


def test_the_stream_sets_its_rule_drops_our_old_ones_and_gives_what_matches():
    from connectors.x.stream import tag

    mine = tag(Query("stream", "bakery"))
    lines = [b"", heard(-3, mine), heard(-2, "somebody else's"), b"", heard(-1, mine)]
    rules = [{"id": "5", "value": "old", "tag": "listener-0123"}, {"id": "6", "value": "other", "tag": "mine"}]
    with streaming(lines, rules) as (platform, reader):
        assert reader.streams(feed("stream:bakery"))
        assert not reader.streams(feed("search:bakery"))
        pages = reader.stream(feed("stream:bakery"), None)
        found: list[Page] = []
        while len([page for page in found if page.posts]) < 2:
            found.append(next(pages))
        while not found[-1].unchanged:
            found.append(next(pages))
        pages.close()
    assert [one.native_id for page in found for one in page.posts] == [at(-3), at(-1)]
    assert platform.posted == [
        {"delete": {"ids": ["5"]}},
        {"add": [{"value": "(bakery) -is:retweet", "tag": mine}]},
    ]
    assert sum(page.cost for page in found) == pytest.approx(2 * 0.005 + 0.010), "an author heard twice is paid once"
    assert found[-1].cursor == found[-2].cursor


def test_a_stream_begins_with_what_was_missed_and_its_cursor_serves_a_poll():
    from connectors.x.stream import tag

    mine = tag(Query("stream", "bakery"))
    with streaming([heard(-1, mine)], [{"id": "1", "tag": mine}]) as (platform, reader):
        platform.network.posts = [post(-60 + number) for number in range(15)]
        cursor = json.dumps({"known": [at(-100)], "newest_s": 1, "extra": {"asked": True}})
        pages = reader.stream(feed("stream:bakery"), cursor)
        found = [next(pages), next(pages), next(pages)]
        pages.close()
        assert [len(page.posts) for page in found] == [10, 5, 1]
        assert platform.posted == []
        platform.network.posts.append(post(-0.5))
        _, page = poll(reader, feed("stream:bakery"), found[-1].cursor)
        assert [one.native_id for one in page.posts] == [at(-0.5)]


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ({"errors": [{"title": "operational-disconnect"}]}, ConnectorError),
        ({"title": "ConnectionException", "connection_issue": "TooManyConnections"}, RateLimited),
    ],
)
def test_a_stream_that_the_platform_ends_is_our_error(line, error):
    from connectors.x.stream import tag

    rules = [{"id": "1", "tag": tag(Query("stream", "bakery"))}]
    with streaming([json.dumps(line).encode()], rules) as (_, reader), pytest.raises(error):
        list(reader.stream(feed("stream:bakery"), None))


# what people paste


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("https://x.com/Ada_L", "user:ada_l"),
        ("https://twitter.com/Ada_L/with_replies", "user:ada_l"),
        ("x.com/ada_l", "user:ada_l"),
        ("https://mobile.twitter.com/ada_l?lang=en", "user:ada_l"),
        ("https://x.com/i/lists/84839422", "list:84839422"),
        ("https://x.com/search?q=invoicing%20tool&f=live", "search:invoicing tool"),
        ("https://x.com/hashtag/rust", "search:#rust"),
        ("https://x.com/ada/status/1293593516040269825", "search:conversation_id:1293593516040269825"),
        ("https://x.com/home", "home"),
        ("https://x.com/notifications/mentions", "mentions"),
        ("x @ada", "user:ada"),
        ("twitter search invoicing tool", "search:invoicing tool"),
        ("x:mentions", "mentions"),
        ("x:@ada", "user:ada"),
        ("x: invoicing tool", "search:invoicing tool"),
        ("x:stream:(invoicing OR billing) lang:en", "stream:(invoicing OR billing) lang:en"),
        ("posts about invoicing on twitter", "search:invoicing"),
        ("@ada", None),
        ("@ada@example.org", None),
        ("https://x.com/settings", None),
        ("https://x.com/i/bookmarks", None),
        ("https://example.org/ada", None),
        ("x", None),
        ("x: " + "long " * 200, None),
        ("", None),
        ("http://[", None),
    ],
)
def test_what_people_paste_becomes_the_feed_they_mean(text, query):
    found = X(Settings(), None).feed_for(text)
    assert (found and found.query) == query
    if found is not None:
        assert str(Query.read(found.query)) == found.query
        assert re.match("https://x.com/", found.home_url)


def test_my_account_brings_its_mentions_and_its_posts():
    reader = X(Settings(), None)
    assert [one.query for one in reader.mine("@Ada")] == ["mentions:ada", "user:ada"]
    assert [one.query for one in reader.mine("https://x.com/ada")] == ["mentions:ada", "user:ada"]
    assert reader.mine("ada@example.org") == ()
    assert reader.mine("@ada@example.org") == ()
