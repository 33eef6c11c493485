"""Bluesky: what people paste, one login for all, walks that lose nothing, and the stream over a real WebSocket."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from websockets.sync.server import ServerConnection, serve

from connectors.bluesky import Bluesky, Settings, jetstream
from connectors.bluesky.queries import Query
from listener.addresses import NetworkRules
from listener.connector import poll, read
from listener.errors import ConnectorError, NotAuthorised, RateLimited
from listener.http import Client, Limits
from listener.sessions import SessionFile
from listener.types import Answer, Feed, Page
from tests.conftest import SHARED
from tests.servers import Reply, Seen, Server, serving

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
RECORDED = SHARED / "recordings" / "bluesky"
needs_recordings = pytest.mark.skipif(not RECORDED.exists(), reason="needs ../shared/recordings")
PASSWORD = "abcd-efgh-invented"
CREDENTIALS = {"handle": "me.example.org", "app_password": PASSWORD}


def feed(query: str) -> Feed:
    return Feed(1, "bluesky", query, "bluesky")


def client(server: Server) -> Client:
    limits = Limits(connect_s=1.0, read_s=2.0, total_s=4.0, host_slot_s=0.0)
    return Client(NetworkRules(allow_private=(server.host_port,)), limits=limits)


@contextmanager
def site(answer: Callable[[Seen], Reply], tmp_path=None, **settings: object) -> Iterator[tuple[Server, Bluesky]]:
    with serving(answer) as server:
        http = client(server)
        sessions = None if tmp_path is None else SessionFile(tmp_path / "bluesky", lambda: NOW)
        try:
            yield server, Bluesky(Settings.model_validate({"base_url": server.url, **settings}), http, sessions)
        finally:
            http.close()


def uri(number: int) -> str:
    return f"at://did:plc:ada/app.bsky.feed.post/3{number:05}"


def iso(minutes: float) -> str:
    return (NOW + timedelta(minutes=minutes)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def view(number: int, **changes: object) -> dict:
    return {
        "uri": uri(number),
        "author": {"did": "did:plc:ada", "handle": "ada.example.org"},
        "record": {"text": f"Post {number}", "createdAt": iso(number)},
        "indexedAt": iso(number),
    } | changes


def as_json(body: object, status: int = 200) -> Reply:
    return Reply(status, json.dumps(body).encode(), {"Content-Type": "application/json"})


class Network:
    """A server with posts, a login and pages of `size`; `glitch` may spoil the nth page (from 1)."""

    def __init__(self, posts: list[dict], size: int = 10) -> None:
        self.posts = posts
        self.size = size
        self.pages = 0
        self.logins = 0
        self.refreshes = 0
        self.good: set[str] = set()
        self.refreshable: set[str] = set()
        self.wrong_password = False
        self.glitch: Callable[[int], Reply | None] = lambda _: None
        self.last: Reply | None = None

    def __call__(self, seen: Seen) -> Reply:
        parts = urlsplit(seen.path)
        method = parts.path.removeprefix("/xrpc/")
        if method.startswith("com.atproto.server."):
            return self.session(method, seen)
        params = dict(parse_qsl(parts.query))
        if method == "com.atproto.identity.resolveHandle":
            return as_json({"did": "did:plc:ada"})
        if method in ("app.bsky.feed.getTimeline", "app.bsky.feed.searchPosts"):
            token = seen.headers.get("authorization", "").removeprefix("Bearer ")
            if token not in self.good:
                return as_json({"error": "ExpiredToken", "message": "Token has expired"}, 400)
        self.pages += 1
        spoilt = self.glitch(self.pages)
        self.last = spoilt or as_json(self.search(params) if "q" in params else self.listed(params))
        return self.last

    def session(self, method: str, seen: Seen) -> Reply:
        if method.endswith("createSession"):
            self.logins += 1
            asked = json.loads(seen.body)
            if self.wrong_password or asked != {"identifier": "me.example.org", "password": PASSWORD}:
                return as_json({"error": "AuthenticationRequired", "message": f"no {PASSWORD}"}, 401)
        else:
            token = seen.headers["authorization"].removeprefix("Bearer ")
            if token not in self.refreshable:
                return as_json({"error": "ExpiredToken", "message": "Token has expired"}, 400)
            self.refreshable.discard(token)
            self.refreshes += 1
        number = self.logins + self.refreshes
        self.good = {f"access-token-{number}"}
        self.refreshable = {f"refresh-token-{number}"}
        said = {"accessJwt": f"access-token-{number}", "refreshJwt": f"refresh-token-{number}"}
        return as_json({**said, "handle": "me.example.org", "did": "did:plc:me"})

    def newest_first(self) -> list[dict]:
        return sorted(self.posts, key=lambda post: post["indexedAt"], reverse=True)

    def listed(self, params: dict[str, str]) -> dict:
        found = [one for one in self.newest_first() if "cursor" not in params or one["indexedAt"] < params["cursor"]]
        page = found[: self.size]
        return {"feed": [{"post": one} for one in page], **({"cursor": page[-1]["indexedAt"]} if page else {})}

    def search(self, params: dict[str, str]) -> dict:
        since, until = params.get("since", ""), params.get("until", "9")
        found = [one for one in self.newest_first() if since <= one["indexedAt"] < until]
        more = {"cursor": str(self.size)} if len(found) > self.size else {}
        return {"posts": found[: self.size], **more}


def walk(reader: Bluesky, query: str, cursor: str | None) -> tuple[dict[str, Page], str]:
    """Poll until the walk is over: native ids to the pages that brought them, and the cursor."""
    found: dict[str, Page] = {}
    for _ in range(60):
        _, page = poll(reader, feed(query), cursor)
        assert page.gap is None
        found |= {post.native_id: page for post in page.posts}
        cursor = page.cursor
        if not page.more:
            return found, cursor
    raise AssertionError("the walk does not end")


# logins


def test_five_hundred_polls_and_twenty_restarts_make_one_login(tmp_path):
    network = Network([view(1)])
    with site(network, tmp_path, **CREDENTIALS) as (_, reader):
        for number in range(500):
            if number % 25 == 0:
                sessions = SessionFile(tmp_path / "bluesky", lambda: NOW)
                reader = Bluesky(reader.settings, reader.http, sessions)
            if number % 100 == 50:
                network.good.clear()  # the token runs out
            poll(reader, feed("timeline"), None)
    assert (network.logins, network.refreshes) == (1, 5)
    assert (tmp_path / "bluesky").stat().st_mode & 0o777 == 0o600


def test_many_threads_share_one_login_and_one_refresh(tmp_path):
    network = Network([view(1)])
    with site(network, tmp_path, **CREDENTIALS) as (_, reader):
        for expected in ((1, 0), (1, 1)):
            threads = [threading.Thread(target=poll, args=(reader, feed("timeline"), None)) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert (network.logins, network.refreshes) == expected
            network.good.clear()


def test_a_login_is_made_anew_where_no_token_is_taken_any_more(tmp_path):
    network = Network([view(1)])
    with site(network, tmp_path, **CREDENTIALS) as (_, reader):
        poll(reader, feed("timeline"), None)
        network.good.clear()
        network.refreshable.clear()
        assert poll(reader, feed("timeline"), None)[1].posts
    assert (network.logins, network.refreshes) == (2, 0)


def test_a_wrong_password_is_tried_five_times_a_day_at_most_and_never_shown(tmp_path):
    network = Network([])
    network.wrong_password = True
    with site(network, tmp_path, **CREDENTIALS) as (_, reader):
        for _ in range(9):
            with pytest.raises(NotAuthorised) as caught:
                poll(reader, feed("search:x"), None)
            assert PASSWORD not in str(caught.value)
    assert network.logins == 5


def test_a_token_goes_to_no_other_server_and_to_no_other_account(tmp_path):
    first, second = Network([view(1)]), Network([view(2)])
    with site(first, tmp_path, **CREDENTIALS) as (_, reader), site(second, tmp_path, **CREDENTIALS) as (other, moved):
        poll(reader, feed("timeline"), None)
        first_token = next(iter(first.good))
        second.logins = 7  # its tokens have other names
        poll(moved, feed("timeline"), None)
    assert second.logins == 8
    assert all(first_token not in seen.headers.get("authorization", "").split("-") for seen in other.seen)
    assert other.seen[0].path.endswith("createSession")


def test_what_is_public_is_read_without_a_login(tmp_path):
    network = Network([view(1)])
    with site(network, tmp_path, **CREDENTIALS) as (server, reader):
        poll(reader, feed("author:ada.example.org"), None)
        poll(reader, feed("list:at://did:plc:ada/app.bsky.graph.list/3l"), None)
    assert network.logins == 0
    assert not any("authorization" in seen.headers for seen in server.seen)


def test_without_credentials_a_search_says_what_is_missing_and_asks_nothing():
    network = Network([])
    with site(network) as (server, reader):
        with pytest.raises(NotAuthorised, match=r"connectors\.bluesky\.app_password is not set"):
            poll(reader, feed("search:x"), None)
        assert server.seen == []


def test_the_client_library_is_not_loaded_with_the_connector():
    code = "import sys, connectors.bluesky; print(sorted({'atproto_client', 'httpx', 'requests'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# walks


@pytest.mark.parametrize("query", ["timeline", "author:ada.example.org", "search:post"])
def test_posts_that_arrive_during_a_walk_are_not_lost_and_none_is_read_for_ever(query, tmp_path):
    network = Network([view(number) for number in range(40)])
    with site(network, tmp_path, **CREDENTIALS) as (_, reader):
        found, cursor = walk(reader, query, None)
        assert len(found) == 40
        network.posts += [view(number) for number in range(100, 135)]
        late = iter(range(200, 203))

        def another(_: int) -> None:
            if (number := next(late, None)) is not None:
                network.posts.append(view(number))

        network.glitch = another
        found, cursor = walk(reader, query, cursor)
        again, cursor = walk(reader, query, cursor)
        assert {uri(number) for number in [*range(100, 135), *range(200, 203)]} <= set(found) | set(again)
        network.pages = 0
        walk(reader, query, cursor)
        assert network.pages <= 7


@pytest.mark.parametrize("query", ["timeline", "search:post"])
@pytest.mark.parametrize("fault", ["an error", "a short page", "nonsense", "a page again"])
def test_a_fault_in_the_third_page_loses_nothing_or_says_so(query, fault, tmp_path):
    network = Network([view(number) for number in range(5)])

    def spoil(number: int) -> Reply | None:
        if number != 3:
            return None
        if fault == "a short page":
            network.size = 2
        wrong = {"an error": Reply(502), "nonsense": Reply(200, b"[]"), "a page again": network.last}
        return wrong.get(fault)

    with site(network, tmp_path, **CREDENTIALS) as (_, reader):
        _, cursor = walk(reader, query, None)
        network.posts += [view(number) for number in range(100, 150)]
        network.pages, network.glitch = 0, spoil
        found, gaps, errors, more = set(), [], 0, True
        while more:
            try:
                _, page = poll(reader, feed(query), cursor)
            except ConnectorError:
                errors += 1
                assert errors < 3
                continue
            found |= {post.native_id for post in page.posts}
            gaps += [page.gap] * (page.gap is not None)
            cursor, more = page.cursor, page.more
    assert gaps if fault == "a page again" else {uri(number) for number in range(100, 150)} <= found
    assert errors == (fault in ("an error", "nonsense"))


def test_a_deleted_mark_does_not_send_the_walk_back_to_the_beginning(tmp_path):
    network = Network([view(number) for number in range(0, 4000, 40)])
    with site(network, tmp_path, **CREDENTIALS) as (_, reader):
        _, cursor = walk(reader, "timeline", None)
        del network.posts[-15:]
        network.posts.append(view(5000))
        network.pages = 0
        found, _ = walk(reader, "timeline", cursor)
        assert uri(5000) in found
        assert network.pages <= 2


@pytest.mark.parametrize(("settings", "hours"), [({}, 48), ({"since_hours": 100}, 100)])
def test_the_first_poll_looks_back_two_days_or_as_the_user_says(settings, hours):
    network = Network([view(-60 * number) for number in range(200)])
    with site(network, **settings) as (_, reader):
        found, _ = walk(reader, "author:ada.example.org", None)
    assert hours <= len(found) <= hours + 12


def test_a_page_that_is_empty_since_all_its_posts_are_hidden_does_not_end_the_walk():
    pages = {None: ([5], "b"), "b": ([], "c"), "c": ([4, 3], "d"), "d": ([], None)}

    def answer(seen: Seen) -> Reply:
        numbers, following = pages[parse_qs(urlsplit(seen.path).query).get("cursor", [None])[0]]
        cursor = {} if following is None else {"cursor": following}
        return as_json({"feed": [{"post": view(number)} for number in numbers], **cursor})

    with site(answer) as (_, reader):
        found, _ = walk(reader, "author:ada.example.org", None)
    assert set(found) == {uri(3), uri(4), uri(5)}


def test_a_custom_feed_in_any_order_is_read_until_something_known_comes():
    network = Network([view(number) for number in range(30)])
    query = "feed:at://ada.example.org/app.bsky.feed.generator/3f"
    with site(network) as (server, reader):
        found, cursor = walk(reader, query, None)
        assert len(found) == 10
        network.posts += [view(number) for number in range(100, 115)]
        found, cursor = walk(reader, query, cursor)
        assert {uri(number) for number in range(100, 115)} <= set(found)
        network.posts += [view(number) for number in range(200, 290)]
        pages = []
        for _ in range(4):
            _, page = poll(reader, feed(query), cursor)
            pages, cursor = [*pages, page], page.cursor
        assert [page.more for page in pages] == [True, True, True, False]
        assert pages[-1].gap is not None
        resolved = [path for path in server.paths() if "resolveHandle" in path]
        assert len(resolved) == 1, "a handle is looked up once"
        assert all("at://did:plc:ada" in path for path in server.paths() if "getFeed" in path)


def test_an_answer_that_repeats_itself_ends_a_search():
    stuck = {"posts": [view(number) for number in range(9, -1, -1)], "cursor": "10"}
    with site(lambda _: as_json(stuck)) as (_, reader):
        reader = Bluesky(Settings(**CREDENTIALS), reader.http, None)
        source, pages, cursor = feed("search:x"), [], None
        for _ in range(2):
            page = read(reader, Answer("https://x.example.org/", 200, {}, json.dumps(stuck).encode()), source, cursor)
            pages, cursor = [*pages, page], page.cursor
    assert [page.more for page in pages] == [True, False]


# reading again, and people


def test_a_recheck_asks_for_25_at_once_and_tells_what_is_gone():
    def answer(seen: Seen) -> Reply:
        asked = parse_qs(urlsplit(seen.path).query)["uris"]
        assert len(asked) <= 25
        return as_json({"posts": [view(int(one[-5:])) for one in asked if int(one[-5:]) % 10]})

    with site(answer) as (server, reader):
        page = reader.recheck([*(uri(number) for number in range(60)), "at://did:plc:ada/app.bsky.feed.repost/3r"])
    assert len(server.seen) == 3
    assert set(page.deleted) == {uri(number) for number in range(0, 60, 10)}
    assert len(page.posts) == 54


def test_follows_are_listed_with_my_lists_as_circles():
    def profile(name: str) -> dict:
        return {"did": f"did:plc:{name}", "handle": f"{name}.example.org", "displayName": name.title()}

    bodies = {
        "getFollows": {"follows": [profile("ada")], "cursor": "b"},
        "getFollows b": {"follows": [profile("bob")]},
        "getLists": {
            "lists": [
                {"uri": "at://did:plc:me/app.bsky.graph.list/3l", "name": "Peers", "purpose": "x#curatelist"},
                {"uri": "at://did:plc:me/app.bsky.graph.list/3m", "name": "Muted", "purpose": "x#modlist"},
            ]
        },
        "getList": {"list": {}, "items": [{"uri": "x", "subject": profile("eve")}]},
    }

    def answer(seen: Seen) -> Reply:
        parts = urlsplit(seen.path)
        cursor = parse_qs(parts.query).get("cursor", [""])[0]
        return as_json(bodies[f"{parts.path.rpartition('.')[2]} {cursor}".strip()])

    with site(answer, handle="me.example.org") as (_, reader):
        found = [(one.account.handle, one.feed and one.feed.query, one.circle) for one in reader.follows()]
    assert found == [
        ("ada.example.org", "author:did:plc:ada", None),
        ("bob.example.org", "author:did:plc:bob", None),
        ("eve.example.org", "author:did:plc:eve", "Peers"),
    ]


@needs_recordings
def test_recorded_follows_and_members_are_read():
    follows = (RECORDED / "g_follows.json").read_bytes()
    lists = {"lists": [{"uri": "at://did:plc:x/app.bsky.graph.list/3l", "name": "Code", "purpose": "#curatelist"}]}
    members = json.loads((RECORDED / "g_getlist.json").read_bytes())
    members.pop("cursor", None)

    def answer(seen: Seen) -> Reply:
        if "getFollows" in seen.path:
            body = json.loads(follows) if "cursor" not in seen.path else {"follows": []}
            return as_json(body)
        return as_json(lists if "getLists" in seen.path else members)

    with site(answer, handle="me.example.org") as (_, reader):
        found = list(reader.follows())
    assert len(found) == len(json.loads(follows)["follows"]) + len(members["items"])
    assert {one.circle for one in found} == {None, "Code"}


@needs_recordings
def test_a_recorded_array_of_posts_is_read_whole():
    views = json.loads((RECORDED / "twitwi_postviews.json").read_bytes())
    views = [one.get("post", one) for one in views]  # some are wrapped as a feed wraps them
    with site(lambda _: as_json({"posts": views})) as (_, reader):
        page = reader.recheck([one["uri"] for one in views])
    assert page.rejects == ()
    assert page.deleted == ()
    assert {post.native_id for post in page.posts} == {one["uri"] for one in views}
    films = [one for one in views if "playlist" in (one.get("embed") or {})]
    shown = {media.url for post in page.posts for media in post.media}
    assert films
    assert {one["embed"]["playlist"] for one in films} <= shown


@needs_recordings
@pytest.mark.parametrize(
    ("file", "status", "query", "error"),
    [
        ("createSession_401.json", 401, "timeline", NotAuthorised),
        ("search_unauthenticated_403.json", 403, "search:x", ConnectorError),
    ],
)
def test_a_recorded_refusal_is_our_error(file, status, query, error):
    answer = Answer("https://example.org/", status, {}, (RECORDED / file).read_bytes())
    with pytest.raises(error):
        read(Bluesky(Settings(), None), answer, feed(query), None)


# the stream


class Stream:
    """A WebSocket server that plays events, and answers the request for a handle's DID."""

    def __init__(self, play: Callable[[ServerConnection, dict[str, list[str]]], None]) -> None:
        self.asked: list[dict[str, list[str]]] = []
        self.resolved = 0
        self._play = play
        self._server = serve(self._serve, "127.0.0.1", 0, process_request=self._answer)
        self.port = self._server.socket.getsockname()[1]
        self.host_port = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.host_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def _answer(self, connection: ServerConnection, request: object) -> object:
        if "resolveHandle" not in request.path:
            return None
        self.resolved += 1
        return connection.respond(200, '{"did": "did:plc:ada"}')

    def _serve(self, connection: ServerConnection) -> None:
        params = parse_qs(urlsplit(connection.request.path).query)
        self.asked.append(params)
        self._play(connection, params)

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()


@contextmanager
def streaming(play: Callable[[ServerConnection, dict[str, list[str]]], None]) -> Iterator[tuple[Stream, Bluesky]]:
    server = Stream(play)
    http = client(server)
    try:
        yield server, Bluesky(Settings(base_url=server.url), http)
    finally:
        http.close()
        server.close()


def event(number: int, text: str | None, time_us: int, did: str = "did:plc:ada", operation: str = "create") -> str:
    commit = {"operation": operation, "collection": "app.bsky.feed.post", "rkey": f"3{number:05}"}
    record = {} if text is None else {"record": {"text": text, "createdAt": iso(0)}}
    return json.dumps({"did": did, "time_us": time_us, "kind": "commit", "commit": {**commit, **record}})


def later(seconds: float) -> int:
    return jetstream.now_us() + int(seconds * 1_000_000)


def test_a_poll_of_the_stream_reads_from_its_cursor_until_now():
    def play(connection: ServerConnection, params: dict[str, list[str]]) -> None:
        begin = int(params["cursor"][0])
        connection.send(event(1, "Our bakery needs a site", begin + 1))
        connection.send(event(2, "Nothing of interest", begin + 2))
        connection.send(event(3, None, begin + 3, operation="delete"))
        connection.send(event(4, "A BAKERY at last", later(0)))
        connection.send(event(5, "bakery, too late for this page", later(60)))
        connection.recv(timeout=5)

    with streaming(play) as (server, reader):
        _, page = poll(reader, feed("jetstream:bakery"), None)
        assert [post.text for post in page.posts] == ["Our bakery needs a site", "A BAKERY at last"]
        assert page.deleted == (uri(3),)
        assert not page.more
        mark = json.loads(page.cursor)
        assert mark["instance"] == f"ws://{server.host_port}"
        poll(reader, feed("jetstream:bakery"), page.cursor)
        assert int(server.asked[1]["cursor"][0]) == mark["time_us"] - 5_000_000
        elsewhere = json.dumps({**mark, "instance": "wss://other.example.org"})
        poll(reader, feed("jetstream:bakery"), elsewhere)
        assert int(server.asked[2]["cursor"][0]) == mark["time_us"] - 60_000_000


def test_what_came_before_the_stream_broke_off_is_kept_and_the_rest_is_asked_for():
    def play(connection: ServerConnection, params: dict[str, list[str]]) -> None:
        begin = int(params["cursor"][0])
        for number in range(3):
            connection.send(event(number, "bakery", begin + number))

    with streaming(play) as (_, reader):
        _, page = poll(reader, feed("jetstream:bakery"), None)
        assert len(page.posts) == 3
        assert page.more


def test_a_stream_that_says_nothing_at_all_and_ends_is_an_error():
    with streaming(lambda _connection, _params: None) as (_, reader), pytest.raises(ConnectorError):
        poll(reader, feed("jetstream:bakery"), None)


def test_an_authors_silence_moves_the_mark_along(monkeypatch):
    monkeypatch.setattr(jetstream, "QUIET_S", 0.5)
    with streaming(lambda connection, _: connection.recv(timeout=5)) as (server, reader):
        cursor = json.dumps({"instance": f"ws://{server.host_port}", "time_us": later(-3000)})
        _, page = poll(reader, feed("jetstream:@ada.example.org"), cursor)
        assert (page.posts, page.more, page.gap) == ((), False, None)
        assert json.loads(page.cursor)["time_us"] > later(-30)
        assert server.asked[0]["wantedDids"] == ["did:plc:ada"]
        poll(reader, feed("jetstream:@ada.example.org"), page.cursor)
        assert server.resolved == 1, "the handle is looked up once"
        day = json.dumps({"instance": f"ws://{server.host_port}", "time_us": later(-30 * 3600), "did": "did:plc:ada"})
        _, page = poll(reader, feed("jetstream:@ada.example.org"), day)
        assert page.gap is not None


def test_a_stream_gives_posts_within_two_seconds_and_ends_when_it_is_closed():
    over = threading.Event()

    def play(connection: ServerConnection, _params: dict[str, list[str]]) -> None:
        connection.send(event(1, "bakery one", later(0)))
        for number in range(100):  # others' posts never stop
            connection.send(event(1000 + number, "something else", later(0)))
            if over.wait(0.05):
                return

    with streaming(play) as (_, reader):
        assert reader.streams(feed("jetstream:bakery"))
        assert not reader.streams(feed("timeline"))
        pages = reader.stream(feed("jetstream:bakery"), None)
        begun = time.monotonic()
        first = next(pages)
        assert time.monotonic() - begun < 2.5
        assert [post.text for post in first.posts] == ["bakery one"]
        assert not first.more
        pages.close()
        over.set()


def test_a_stream_that_breaks_off_gives_what_came_and_then_the_error():
    def play(connection: ServerConnection, _params: dict[str, list[str]]) -> None:
        connection.send(event(1, "bakery one", later(0)))

    with streaming(play) as (_, reader):
        pages = reader.stream(feed("jetstream:bakery"), None)
        assert len(next(pages).posts) == 1
        with pytest.raises(ConnectorError):
            list(pages)


@needs_recordings
def test_the_recorded_stream_gives_every_post_and_every_deletion():
    lines = (RECORDED / "jetstream_v1_events.jsonl").read_text().splitlines()
    commits = [one["commit"] | {"did": one["did"]} for one in map(json.loads, lines) if one["kind"] == "commit"]
    posts = [one for one in commits if one["collection"] == "app.bsky.feed.post"]

    def play(connection: ServerConnection, _params: dict[str, list[str]]) -> None:
        for line in lines:
            connection.send(line)

    with streaming(play) as (_, reader):
        _, page = poll(reader, feed("jetstream:-xyzzy"), None)
    due = {f"at://{one['did']}/app.bsky.feed.post/{one['rkey']}" for one in posts if one["operation"] == "create"}
    assert {post.native_id for post in page.posts if post.kind != "repost"} == due
    gone = [one for one in commits if one["operation"] == "delete" and one["collection"].endswith("post")]
    assert set(page.deleted) == {f"at://{one['did']}/{one['collection']}/{one['rkey']}" for one in gone}
    assert page.rejects == ()


@pytest.mark.parametrize(
    ("words", "text", "found"),
    [
        ("postgres", "PostgreSQL is slow", True),
        ("gres", "PostgreSQL is slow", False),
        ('"data base"', "my data  base", True),
        ('"data base"', "my data basement", False),
        ("postgres -mysql", "postgres or MySQL", False),
        ("straße", "STRASSE", True),
        ("strasse", "In der Straße", True),
        ("#rust", "learning #Rust now", True),
        ("c++", "I write C++ at night", True),
        ("日本", "日本語です", True),
        ("bäcker", "Der Bäcker", True),
    ],
)
def test_words_are_found_whatever_their_form_and_no_event_is_left_out_by_its_bytes(words, text, found):
    batch = jetstream.Batch(Query("jetstream", words), "wss://x.example.org", jetstream.Mark(), 0)
    batch.add(event(1, text, 10).encode())
    batch.add(json.dumps(json.loads(event(2, text, 11)), ensure_ascii=False).encode())
    page = jetstream.read(json.loads(batch.body()), batch.query, None)
    assert len(page.posts) == (2 if found else 0)


# what people paste


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("name.bsky.social", "author:name.bsky.social"),
        ("@Name.Example.org", "author:name.example.org"),
        ("did:plc:abc123", "author:did:plc:abc123"),
        ("https://bsky.app/profile/name.example.org", "author:name.example.org"),
        ("bsky.app/profile/did:plc:abc", "author:did:plc:abc"),
        ("https://bsky.app/profile/n.example.org/lists/3l", "list:at://n.example.org/app.bsky.graph.list/3l"),
        ("https://bsky.app/profile/did:plc:a/feed/news", "feed:at://did:plc:a/app.bsky.feed.generator/news"),
        ("at://did:plc:a/app.bsky.graph.list/3l", "list:at://did:plc:a/app.bsky.graph.list/3l"),
        ("https://bsky.app/search?q=postgres+backup", "search:postgres backup"),
        ("https://bsky.app/hashtag/rust", "search:#rust"),
        ("https://bsky.app/notifications", "notifications"),
        ("https://bsky.app/", "timeline"),
        ("bluesky:timeline", "timeline"),
        ("bluesky: invoicing tool", "search:invoicing tool"),
        ("bluesky name.example.org", "author:name.example.org"),
        ("bluesky:jetstream:@name.example.org rust", "jetstream:@name.example.org rust"),
        ("jetstream:invoicing software", "jetstream:invoicing software"),
        ("posts about invoicing on bluesky", "search:invoicing"),
        ("https://bsky.app/profile/name.example.org/rss", None),
        ("https://bsky.app/profile/name.example.org/post/3abc", None),
        ("https://example.org/profile/name", None),
        ("example.org", None),
        ("@name", None),
        ("@name@example.org", None),
        ("jetstream:@nobody", None),
        ("", None),
        ("http://[", None),
        ("x" * 5000, None),
    ],
)
def test_what_people_paste_becomes_the_feed_they_mean(text, query):
    found = Bluesky(Settings(), None).feed_for(text)
    assert (found and found.query) == query
    if found is not None:
        assert str(Query.read(found.query)) == found.query
        assert found.home_url.startswith("https://bsky.app")


def test_my_own_account_brings_its_notifications_where_it_is_the_one_that_logs_in():
    reader = Bluesky(Settings.model_validate(CREDENTIALS), None)
    assert [one.query for one in reader.mine("@me.example.org")] == ["author:me.example.org", "notifications"]
    assert [one.query for one in reader.mine("name.bsky.social")] == ["author:name.bsky.social"]
    assert reader.mine("@name@example.org") == ()


def test_too_many_requests_wait_as_long_as_the_platform_says():
    reset = str(int(time.time()) + 120)
    headers = {"ratelimit-remaining": "0", "ratelimit-reset": reset}
    with pytest.raises(RateLimited) as caught:
        read(Bluesky(Settings(), None), Answer("https://x.example.org/", 429, headers, b"{}"), feed("timeline"), None)
    assert caught.value.retry_after_s == pytest.approx(120, abs=5)
