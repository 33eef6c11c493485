"""Bluesky against a real AT Protocol network on loopback: real accounts, servers, lag, tokens and records."""

import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

import connectors.bluesky
from connectors.bluesky import Bluesky, Settings, jetstream, pages
from listener import upkeep
from listener.addresses import NetworkRules
from listener.connector import follows, poll
from listener.drafting import Tools
from listener.errors import NotAuthorised
from listener.http import Client, Limits
from listener.listening import Streams
from listener.pipeline import Report, poll_due
from listener.sessions import SessionFile
from listener.store import PostQuery
from listener.store.sqlite import SqliteStore
from listener.types import Answer, Feed, Post, Request
from listener.urls import rules
from tests.atnetwork.install import Missing, tools
from tests.atnetwork.network import Network, running

pytestmark = pytest.mark.slow

LAG_S = 60.0
"""The AppView shows what was written some seconds later."""


@pytest.fixture(scope="module")
def network(request) -> Iterator[Network]:
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def say(text: str) -> None:
        with capture.global_and_fixture_disabled():
            request.config.get_terminal_writer().line(f"\n{text}")

    try:
        found = tools(say)
    except Missing as missing:
        pytest.skip(f"needs a local AT Protocol network: {missing}")
    with running(found) as started:
        yield started


@pytest.fixture(scope="module")
def stream(network):
    """Run the network's Jetstream from the start, so that its times are those at which things happened."""
    from tests.atnetwork.jetstream import serving

    with serving(network.firehose) as started:
        yield started
        assert started.troubles == []


@pytest.fixture
def join(network):
    """Make accounts. The client library is slow to import, so only here."""
    from tests.atnetwork.members import Member, enter

    made: list[Member] = []

    def join(name: str) -> Member:
        made.append(enter(network, name))
        return made[-1]

    yield join
    for member in made:
        member.client.request.close()


class Watched(Client):
    """The guarded client, and what it was asked for."""

    def __init__(self, hosts: Sequence[str]) -> None:
        super().__init__(NetworkRules(allow_private=tuple(hosts)), limits=Limits(host_slot_s=0.0))
        self.asked: list[str] = []

    def send(self, request: Request) -> Answer:
        self.asked.append(request.url)
        return super().send(request)

    def count(self, method: str) -> int:
        return sum(f"/xrpc/{method}" in url for url in self.asked)


class World:
    """What the program would hold: connector, session, store and feeds."""

    def __init__(self, network: Network, folder: Path, queries: Sequence[str], **settings: str) -> None:
        streams = settings.get("jetstream", "").removeprefix("ws://")
        self.http = Watched([*network.hosts, *([streams] if streams else [])])
        self.sessions = SessionFile(folder / "session", lambda: datetime.now(UTC))
        self.source = Bluesky(Settings.model_validate({"server": network.pds, **settings}), self.http, self.sessions)
        self.store = SqliteStore.open(folder / "posts.db")
        self.tools = Tools(
            self.store, self.http, lambda _: self.source, None, rules({}), lambda: datetime.now(UTC), lambda: 0.5
        )
        added = self.store.add_feeds([Feed(0, "bluesky", query, "bluesky") for query in queries], self.tools.now())
        self.feeds = {feed.query: feed.id for feed in added}
        self.new = 0
        """Posts that polls counted as new, in all."""

    def turn(self) -> Report:
        self.store.make_due(list(self.feeds.values()), self.tools.now())
        report = poll_due(self.tools)
        assert len(report.outcomes) == len(self.feeds)
        self.new += report.new
        return report

    def poll(self) -> None:
        report = self.turn()
        assert [outcome.error for outcome in report.failed] == []

    def posts(self, query: str) -> dict[str, Post]:
        found = self.store.posts(PostQuery(feed_id=self.feeds[query], limit=1_000))
        return {one.post.native_id: one.post for one in found}

    def held(self) -> dict[str, set[str]]:
        return {query: set(self.posts(query)) for query in self.feeds}

    def poll_until(self, due: dict[str, set[str]]) -> None:
        """Poll until each feed holds what is due."""
        until(lambda: self.poll() or all(due[query] <= found for query, found in self.held().items()))
        assert self.held() == due

    def sound(self) -> bool:
        return (self.store.gaps(), self.store.rejects(), self.store.check()) == ([], [], [])

    def close(self) -> None:
        self.http.close()
        self.store.close()


@pytest.fixture
def world(network, tmp_path, monkeypatch) -> Iterator[Callable[..., World]]:
    monkeypatch.setattr(connectors.bluesky, "PUBLIC", network.appview)
    made: list[World] = []

    def build(*queries: str, **settings: str) -> World:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(World(network, folder, queries, **settings))
        return made[-1]

    yield build
    for one in made:
        one.close()


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + LAG_S
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.1)  # other programs' work is waited for


def login(member) -> dict[str, str]:
    return {"handle": member.handle, "app_password": member.app_password()}


# feeds


def test_what_people_say_between_polls_arrives_once_in_each_feed_it_belongs_to(join, world):
    from atproto import client_utils

    me, ada, bob = join("me"), join("ada"), join("bob")
    me.follow(ada)
    timeline, author, search, notes = queries = (
        "timeline",
        f"author:{ada.handle}",
        f"search:hedgehogs-of-{ada.handle}",
        "notifications",
    )
    due: dict[str, set[str]] = {query: set() for query in queries}
    reader = world(*queries, **login(me))
    reader.poll()
    for number in range(3):
        said = ada.post(f"Number {number} of the hedgehogs-of-{ada.handle}")
        mine = me.post(f"My number {number}")
        due[timeline] |= {said, mine}
        due[author] |= {said}
        due[search] |= {said}
        reader.poll()
        reply = bob.post(f"A reply about hedgehogs-of-{ada.handle}", reply_to=mine)
        bob.like(mine)
        reader.poll()
        passed_on, shown_me = ada.repost(reply), bob.repost(mine)
        due[timeline] |= {passed_on, reply}
        due[author] |= {passed_on, reply}
        due[search] |= {reply}
        due[notes] |= {reply, shown_me}
        reader.poll()
    bob.follow(me)
    quote = ada.post("Look at this", quotes=mine)
    due[timeline] |= {quote}
    due[author] |= {quote}
    mention = bob.post(client_utils.TextBuilder().text("Ask ").mention(f"@{me.handle}", me.did))
    due[notes] |= {quote, mention}
    reader.poll_until(due)
    for _ in range(3):
        reader.poll()
    assert reader.held() == due
    assert reader.new == len(set().union(*due.values()))
    assert reader.sound()
    found = reader.posts(timeline) | reader.posts(notes)
    assert (found[reply].kind, found[reply].in_reply_to, found[reply].thread) == ("reply", mine, mine)
    assert (found[quote].kind, found[quote].refers_to) == ("quote", mine)
    assert (found[passed_on].kind, found[passed_on].refers_to) == ("repost", reply)
    assert found[passed_on].account.handle == ada.handle
    assert found[mention].mentions == (me.handle,)
    assert found[mine].account.handle == me.handle


def test_a_deleted_post_goes_and_does_not_come_back(join, world):
    me, ada = join("me"), join("ada")
    me.follow(ada)
    kept, lost = ada.post("This one stays"), ada.post("This one goes")
    queries = ("timeline", f"author:{ada.handle}")
    reader = world(*queries, **login(me))
    reader.poll_until({query: {kept, lost} for query in queries})
    assert upkeep.recheck(reader.tools, [reader.source]) == {}
    ada.delete(lost)
    until(lambda: upkeep.recheck(reader.tools, [reader.source]))
    for _ in range(3):
        reader.poll()
        assert reader.held() == {query: {kept} for query in queries}
    assert reader.new == 2


def test_a_backlog_is_read_page_by_page_without_a_gap(join, world, monkeypatch):
    monkeypatch.setattr(pages, "LIMIT", 10)
    me, ada = join("me"), join("ada")
    me.follow(ada)
    queries = ("timeline", f"author:{ada.handle}")
    first = {ada.post("The first")}
    reader = world(*queries, **login(me))
    reader.poll_until(dict.fromkeys(queries, first))
    backlog = [ada.post(f"Number {number} of many") for number in range(25)]
    until(lambda: len(ada.client.get_author_feed(ada.did, limit=100).feed) == 26)
    reader.http.asked.clear()
    reader.poll()
    assert reader.held() == dict.fromkeys(queries, first | set(backlog))
    assert reader.http.count("app.bsky.feed.getAuthorFeed") == 3
    assert reader.http.count("app.bsky.feed.getTimeline") == 3
    reader.poll()
    assert reader.new == 26
    assert reader.sound()


def test_a_list_is_read_by_its_makers_handle(join, world):
    me, eve = join("me"), join("eve")
    made = me.list_of("Peers", eve).replace(me.did, me.handle)
    said = eve.post("Hello, peers")
    reader = world(f"list:{made}")
    until(lambda: reader.turn().failed == [])  # the list itself comes to the AppView late
    reader.poll_until({f"list:{made}": {said}})
    assert reader.http.count("com.atproto.identity.resolveHandle") >= 1
    assert reader.new == 1


def test_those_i_follow_and_the_members_of_my_lists_are_given(join, world):
    me, ada, bob, eve = join("me"), join("ada"), join("bob"), join("eve")
    me.follow(ada)
    me.follow(bob)
    me.list_of("Peers", eve, ada)
    reader = world(handle=me.handle)
    due = {(ada.handle, None), (bob.handle, None), (eve.handle, "Peers"), (ada.handle, "Peers")}
    until(lambda: {(one.account.handle, one.circle) for one in follows(reader.source)} == due)
    found = list(follows(reader.source))
    assert len(found) == 4
    assert {one.feed.query for one in found} == {f"author:{member.did}" for member in (ada, bob, eve)}


# logins


def test_fifty_polls_and_a_restart_make_one_login(join, world):
    me = join("me")
    said = me.post("Hello")
    reader = world("timeline", "notifications", **login(me))
    reader.poll_until({"timeline": {said}, "notifications": set()})
    for number in range(50):
        if number == 25:
            reader.source = Bluesky(reader.source.settings, reader.http, reader.sessions)
        reader.poll()
    assert reader.http.count("app.bsky.feed.getTimeline") > 50
    assert reader.http.count("com.atproto.server.createSession") == 1
    assert reader.http.count("com.atproto.server.refreshSession") == 0
    assert reader.new == 1


def test_a_token_the_server_refuses_is_renewed_and_a_session_it_refuses_begins_anew(join, world):
    me = join("me")
    reader = world("timeline", **login(me))
    reader.poll()
    reader.sessions.put("access", spoilt(reader.sessions.get("access")))
    reader.poll()
    made = [reader.http.count(f"com.atproto.server.{name}Session") for name in ("create", "refresh")]
    assert made == [1, 1]
    for name in ("access", "refresh"):
        reader.sessions.put(name, spoilt(reader.sessions.get(name)))
    reader.poll()
    made = [reader.http.count(f"com.atproto.server.{name}Session") for name in ("create", "refresh")]
    assert made == [2, 2]


def spoilt(token: str) -> str:
    """Give a token that nobody signed."""
    head, body, signature = token.split(".")
    return f"{head}.{body}.{signature[::-1]}"


def test_a_wrong_app_password_needs_the_user_and_is_shown_nowhere(join, world):
    me = join("me")
    reader = world("timeline", handle=me.handle, app_password="wrong-wrong-wrong")
    report = reader.turn()
    [outcome] = report.failed
    assert (outcome.plan.health, outcome.plan.next_poll_at) == ("needs you", None)
    assert "app_password" in outcome.error
    with pytest.raises(NotAuthorised) as caught:
        poll(reader.source, outcome.feed, None)
    assert "wrong-wrong" not in outcome.error + str(caught.value)


# the stream


@pytest.fixture
def listening(world, stream, monkeypatch):
    """Build a world that reads the network's Jetstream; on loopback, a short silence is one."""
    monkeypatch.setattr(jetstream, "QUIET_S", 0.5)
    return lambda *queries: world(*queries, jetstream=stream.url)


def test_every_post_of_the_stream_is_stored_once_and_deleted_ones_go(join, listening, stream):
    ada, bob = join("ada"), join("bob")
    words, author = f"jetstream:beekeepers-of-{ada.handle}", f"jetstream:@{bob.did}"
    due: dict[str, set[str]] = {words: set(), author: set()}
    reader = listening(words, author)
    for number in range(3):
        wanted = ada.post(f"Number {number} for beekeepers-of-{ada.handle}")
        ada.post("About nothing of interest")
        both = bob.post(f"Me too, beekeepers-of-{ada.handle}", reply_to=wanted)
        alone, passed_on = bob.post("Good morning"), bob.repost(wanted)
        due[words] |= {wanted, both}
        due[author] |= {both, alone, passed_on}
        reader.poll()
    reader.poll_until(due)
    ada.delete(wanted)
    bob.delete(alone)
    due[words] -= {wanted}
    due[author] -= {alone}
    until(lambda: reader.poll() or reader.held() == due)
    for _ in range(2):  # what is read again with the overlap was once created, too
        reader.poll()
        assert reader.held() == due
    assert reader.new == len(due[words] | due[author] | {wanted, alone})
    assert reader.sound()


def test_a_listener_hears_posts_and_deletions_and_polls_go_on_from_there(join, listening, stream):
    ada = join("ada")
    query = f"jetstream:lighthouses-of-{ada.handle}"
    reader, stop, due = listening(query), threading.Event(), set()
    streams = Streams(reader.tools, stop)
    streams.tick()
    for number in range(3):
        due.add(ada.post(f"Number {number} of the lighthouses-of-{ada.handle}"))
        until(lambda: set(reader.posts(query)) == due)
    gone = due.pop()
    ada.delete(gone)
    until(lambda: set(reader.posts(query)) == due)
    stop.set()
    streams.join()
    late = ada.post(f"A late one of the lighthouses-of-{ada.handle}")
    reader.poll_until({query: due | {late}})
    assert reader.new == 1
    assert reader.sound()


def test_a_post_reads_the_same_by_the_stream_as_by_its_authors_feed(join, world, listening):
    from atproto import client_utils

    ada, bob = join("ada"), join("bob")
    asked = bob.post("What keeps bees warm?")
    text = client_utils.TextBuilder().text("Müsli ").link("here", "https://example.org/a?b=c").text(" ")
    text = text.tag("#oats", "oats").text(" ").mention(f"@{bob.handle}", bob.did)
    rich = ada.post(text)
    picture = ada.picture("A picture", png(), "one grey dot")
    plain = ada.post("A plain one, with 🐝"), ada.post("Wool", reply_to=asked), ada.post("Who knows?", quotes=asked)
    author, listened = f"author:{ada.did}", f"jetstream:@{ada.did}"
    shown, heard = world(author), listening(listened)
    shown.poll_until({author: {rich, picture, *plain}})
    heard.poll_until({listened: {rich, picture, *plain}})
    # The stream names an author by the DID alone, and counts nothing.
    found = [
        {uri: replace(post, account=post.account.native_id, counts=None) for uri, post in posts.items()}
        for posts in (shown.posts(author), heard.posts(listened))
    ]
    assert found[0] == found[1]
    post = found[0][rich]
    assert (post.links, post.tags, post.mentions) == (("https://example.org/a?b=c",), ("oats",), (bob.handle,))
    [media] = found[0][picture].media
    assert (media.mime, media.alt) == ("image/png", "one grey dot")


def png() -> bytes:
    """Draw one grey dot."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4) + kind + body + zlib.crc32(kind + body).to_bytes(4)

    head = (1).to_bytes(4) + (1).to_bytes(4) + bytes([8, 0, 0, 0, 0])
    drawn = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0\x80")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + drawn
