"""Nostr: only signed events of those who were asked for, walks over real relays on loopback, deletions, streams."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256

import pytest
from coincurve import PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.nostr import Nostr, Settings, codes, events
from connectors.nostr.marks import Mark, Marks
from listener import connector
from listener.addresses import NetworkRules
from listener.connector import poll, read
from listener.errors import BadPayload, ConnectorError, NotAuthorised, RateLimited
from listener.http import Client, Limits
from listener.types import Answer, Feed, Media, Page, Post
from tests.servers_live import websocket

NOW = int(time.time())


@dataclass(frozen=True)
class Person:
    """Somebody with a key."""

    number: int

    @property
    def secret(self) -> PrivateKey:
        return PrivateKey(self.number.to_bytes(32))

    @property
    def key(self) -> str:
        return self.secret.public_key_xonly.format().hex()

    def says(
        self, content: str = "", kind: int = 1, at: int = NOW - 3_600, tags: list[list[str]] | None = None
    ) -> dict:
        return self.signs({"pubkey": self.key, "created_at": at, "kind": kind, "tags": tags or [], "content": content})

    def signs(self, event: dict) -> dict:
        said = [0, *(event[name] for name in ("pubkey", "created_at", "kind", "tags", "content"))]
        digest = sha256(json.dumps(said, separators=(",", ":"), ensure_ascii=False).encode()).digest()
        return {**event, "id": digest.hex(), "sig": self.secret.sign_schnorr(digest, b"\0" * 32).hex()}


ADA, BO, EVE = Person(11), Person(12), Person(13)
AUTHOR = Feed(1, "nostr", f"author:{ADA.key}", "nostr")
TAG = Feed(2, "nostr", "tag:gardening", "nostr")


# codes: the vectors of NIP-19


VECTORS = [
    ("npub10elfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjptg", "npub",
     "7e7e9c42a91bfef19fa929e5fda1b72e0ebc1a4c1141673e2794234d86addf4e"),
    ("nprofile1qqsrhuxx8l9ex335q7he0f09aej04zpazpl0ne2cgukyawd24mayt8gpp4mhxue69uhhytnc9e3k7mgpz4mhxue69uhkg6nzv9ejuumpv34kytnrdaksjlyr9p",
     "nprofile", "3bf0c63fcb93463407af97a5e5ee64fa883d107ef9e558472c4eb9aaaefa459d"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "kind", "value"), VECTORS)
def test_codes_are_read_as_the_standard_says(text, kind, value):
    found = codes.read(text)
    assert (found.kind, found.value) == (kind, value)
    if kind == "npub":
        assert codes.npub(value) == text
    assert codes.read(text[:-1] + ("q" if text[-1] != "q" else "p")) is None, "one letter wrong"


def test_secret_keys_and_nonsense_are_not_read():
    assert codes.read("nsec1vl029mgpspedva04g90vltkh6fvh240zqtv9k0t9af8935ke9laqsnlfe5") is None
    for text in ("", "1", "npub1", "npub1" + "q" * 58, "note1é", "npub1" + "q" * 9_000, "NPUB1bbb"):
        assert codes.read(text) is None


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32), st.text(max_size=60))
def test_codes_survive_the_round_trip(one, other, name):
    assert codes.read(codes.npub(one.hex())).value == one.hex()
    found = codes.read(codes.nevent(one.hex(), other.hex()))
    assert (found.kind, found.value, found.author) == ("nevent", one.hex(), other.hex())
    address = codes.read(codes.naddr(30_023, one.hex(), name))
    assert (address.author, address.number) == (one.hex(), 30_023)
    assert address.value == name.encode("utf-8", "replace")[:255].decode("utf-8", "replace")


# what events say


def body(*said: dict, authors: tuple[str, ...] = (), marks: tuple[list, ...] = ()) -> bytes:
    lines = [["BEGAN", NOW], ["AUTHORS", list(authors)], *(["EVENT", one] for one in said), *marks]
    return "\n".join(json.dumps(line) for line in lines).encode()


def page(*said: dict, feed: Feed = AUTHOR, cursor: str | None = None, **more: object) -> Page:
    return read(Nostr(Settings(), None), Answer("wss://relay.example.org", 200, {}, body(*said, **more)), feed, cursor)


def one(*said: dict, feed: Feed = AUTHOR) -> Post:
    [post] = page(*said, feed=feed).posts
    return post


def test_a_note_becomes_a_post_with_its_author_and_a_page_that_opens():
    raw = ADA.says("Grüße an nostr:" + codes.npub(BO.key) + " https://example.org/x https://example.org/p.jpg?w=1",
                   tags=[["t", "Gardening"], ["p", BO.key], ["content-warning", "spiders"], ["l", "de", "ISO-639-1"],
                         ["imeta", "url https://example.org/v.mp4", "m video/mp4", "alt A bee"]])  # fmt: skip
    profile = ADA.says(json.dumps({"name": "ada", "display_name": "Ada Vale", "bot": False}), kind=0)
    post = one(raw, profile)
    assert (post.platform, post.native_id, post.kind, post.visibility) == ("nostr", raw["id"], "post", "public")
    assert post.text.startswith(f"Grüße an @{codes.npub(BO.key)[:14]}… https://example.org/x")
    assert (post.account.native_id, post.account.handle) == (ADA.key, codes.npub(ADA.key))
    assert (post.account.name, post.account.is_bot) == ("Ada Vale", False)
    assert post.account.url == f"https://njump.me/{codes.npub(ADA.key)}"
    assert codes.read(post.url.removeprefix("https://njump.me/"))[1:3] == (raw["id"], ADA.key)
    assert (post.tags, post.mentions) == (("gardening",), (codes.npub(BO.key),))
    assert (post.warning, post.lang, post.links) == ("spiders", "de", ("https://example.org/x",))
    assert post.media == (
        Media("https://example.org/v.mp4", "video/mp4", "A bee"),
        Media("https://example.org/p.jpg?w=1", "image/jpeg"),
    )
    assert post.published_at.timestamp() == NOW - 3_600


A, B, C = "a" * 64, "b" * 64, "c" * 64


@pytest.mark.parametrize(
    ("tags", "kind", "parent", "thread", "refers_to"),
    [
        ([], "post", None, "own", None),
        ([["e", A, "", "root"]], "reply", A, A, None),
        ([["e", A, "", "root"], ["e", B, "", "reply", ADA.key]], "reply", B, A, None),
        ([["e", B, "wss://r", "reply"], ["e", C, "", "mention"]], "reply", B, B, None),
        ([["e", A]], "reply", A, A, None),
        ([["e", A], ["e", C], ["e", B]], "reply", B, A, None),
        ([["e", C, "", "mention"]], "post", None, "own", None),
        ([["q", C]], "quote", None, "own", C),
        ([["q", f"30023:{A}:soil"]], "quote", None, "own", f"30023:{A}:soil"),
        ([["q", C], ["e", A, "", "root"]], "reply", A, A, None),
        ([["e", "nonsense"], ["e"], []], "post", None, "own", None),
    ],
)
def test_replies_and_quotes_are_told_by_their_tags(tags, kind, parent, thread, refers_to):
    post = one(ADA.says("x", tags=tags))
    assert (post.kind, post.in_reply_to, post.refers_to) == (kind, parent, refers_to)
    assert post.thread == (post.native_id if thread == "own" else thread)


def test_a_repost_is_a_row_without_text_and_brings_the_signed_original():
    original = BO.says("the original")
    found = page(ADA.says(json.dumps(original), kind=6, tags=[["e", original["id"]], ["p", BO.key]], at=NOW - 60)).posts
    assert [(post.kind, post.text, post.refers_to) for post in found] == [
        ("repost", "", original["id"]),
        ("post", "the original", None),
    ]
    forged = {**original, "content": "never said"}
    found = page(ADA.says(json.dumps(forged), kind=6, tags=[["e", original["id"]]])).posts
    assert [post.kind for post in found] == ["repost"]


def test_an_article_is_one_post_however_often_it_is_replaced():
    tags = [["d", "soil"], ["title", "On soil"], ["published_at", str(NOW - 9_000)], ["image", "https://example.org/i"]]
    first, second = (ADA.says(text, 30_023, at, tags) for text, at in (("Old.", NOW - 8_000), ("New.", NOW - 60)))
    found = page(first, second)
    [post] = found.posts
    assert (post.native_id, post.title, post.text) == (f"30023:{ADA.key}:soil", "On soil", "New.")
    assert (post.published_at.timestamp(), post.edited_at.timestamp()) == (NOW - 9_000, NOW - 60)
    assert post.url.startswith("https://njump.me/naddr1")
    assert page(first, cursor=found.cursor).posts == (), "a relay that still holds the old version changes nothing"


def test_what_has_expired_is_not_read():
    assert page(ADA.says("x", tags=[["expiration", str(NOW - 1)]])).posts == ()
    assert len(page(ADA.says("x", tags=[["expiration", str(NOW + 9_000)]])).posts) == 1


FORGED = {
    "another text": {"content": "never said"},
    "another author": {"pubkey": BO.key},
    "another time": {"created_at": NOW},
    "another's signature": {"sig": BO.says("x")["sig"]},
    "no signature": {"sig": ""},
    "no point": {"pubkey": "f" * 64},
    "a time of no kind": {"created_at": "now"},
    "a time that is true": {"created_at": True},
    "a text of no kind": {"content": None},
    "tags of no kind": {"tags": [["t", 5]]},
    "an id of no kind": {"id": 5},
    "a surrogate": {"content": "\ud800"},
    "a kind of no kind": {"kind": 1.0},
}


@pytest.mark.parametrize("name", FORGED)
def test_what_its_author_did_not_sign_is_put_aside(name):
    found = page({**ADA.says("said"), **FORGED[name]}, ADA.says("good"))
    assert [post.text for post in found.posts] == ["good"]
    assert len(found.rejects) == 1
    assert found.rejects[0].reason.startswith("it")


def test_control_characters_are_hashed_in_both_ways_that_programs_have():
    said = {"pubkey": ADA.key, "created_at": NOW, "kind": 1, "tags": [], "content": 'a\x01b\n"c\\'}
    assert one(ADA.signs(said)).text == said["content"]
    written = json.dumps([0, ADA.key, NOW, 1, [], said["content"]], separators=(",", ":")).replace("\\u0001", "\x01")
    digest = sha256(written.encode()).digest()
    assert one({**said, "id": digest.hex(), "sig": ADA.secret.sign_schnorr(digest).hex()}).text == said["content"]


def test_a_relay_that_sends_what_was_not_asked_for_is_not_believed():
    noise = [BO.says("x"), BO.says("y", tags=[["t", "other"]]), ADA.says("z", kind=4), ADA.says("w", kind=1_059)]
    assert page(*noise).posts == ()
    assert page(*noise, feed=TAG).posts == ()
    home = Feed(3, "nostr", f"home:{ADA.key}", "nostr")
    assert [post.text for post in page(*noise, EVE.says("v"), feed=home, authors=(EVE.key,)).posts] == ["v"]
    mentions = Feed(4, "nostr", f"mentions:{ADA.key}", "nostr")
    asked = [BO.says("hi", tags=[["p", ADA.key]]), ADA.says("me", tags=[["p", ADA.key]])]
    assert [post.text for post in page(*noise, *asked, feed=mentions).posts] == ["hi"]


def test_only_its_own_author_takes_a_post_back():
    raw, other = ADA.says("oops", tags=[["t", "gardening"]]), BO.says("fine", tags=[["t", "gardening"]])
    first = page(raw, other, feed=TAG)
    by_eve = EVE.says(kind=5, tags=[["e", raw["id"]], ["e", other["id"]]])
    assert page(by_eve, feed=TAG, cursor=first.cursor).deleted == ()
    by_ada = ADA.says(kind=5, tags=[["e", raw["id"]], ["e", other["id"]], ["e", "x"], ["e", C]])
    assert page(by_ada, feed=TAG, cursor=first.cursor).deleted == (raw["id"],)
    both = page(raw, by_ada)
    assert (both.posts, both.deleted) == ((), (raw["id"],)), "said and taken back between two polls"


def test_an_article_is_taken_back_by_its_address_up_to_that_time():
    raw = ADA.says("x", 30_023, NOW - 600, [["d", "soil"], ["title", "On soil"]])
    name = f"30023:{ADA.key}:soil"
    first = page(raw)
    assert page(EVE.says(kind=5, at=NOW, tags=[["a", name]]), cursor=first.cursor).deleted == ()
    assert page(ADA.says(kind=5, at=NOW, tags=[["a", name]]), cursor=first.cursor).deleted == (name,)
    assert page(ADA.says(kind=5, at=NOW - 900, tags=[["a", name]]), cursor=first.cursor).deleted == (), "a new version"


def test_the_recorded_events_are_read_or_put_aside(recordings):
    good = json.loads((recordings / "nostr" / "event_1.json").read_text())[2]
    post = one(good, feed=Feed(1, "nostr", f"author:{good['pubkey']}", "nostr"))
    assert post.text.startswith("so did we cut all corners and p2p stuff")
    assert (post.published_at.isoformat(), post.native_id) == ("2022-12-16T00:26:59+00:00", good["id"])
    changed = json.loads((recordings / "nostr" / "event_3.json").read_text())[2]
    with pytest.raises(ValueError, match="its id is not the hash"):
        events.read(changed)


@pytest.mark.parametrize("text", ["", "x", "[]", '["BEGAN", 1]\n["WHAT"]', '["BEGAN", "x"]', "[" * 100_000, '{"a": 1}'])
def test_a_body_that_is_not_ours_is_refused(text):
    with pytest.raises(BadPayload):
        read(Nostr(Settings(), None), Answer("wss://r", 200, {}, text.encode()), AUTHOR, None)


# relays


@dataclass
class Relay:
    """A relay with stored events; gives the newest first, `most` at a time, and new ones as they come."""

    stored: list[dict] = field(default_factory=list)
    most: int = 500
    refusal: list | None = None
    asked: list[dict] = field(default_factory=list)
    coming: list[dict] = field(default_factory=list)
    leaves: bool = False
    is_mute: bool = False
    is_live: bool = False

    def talk(self, connection, live) -> None:
        told = 0
        while not live.stop.is_set():
            with suppress(TimeoutError):
                kind, _, *filters = json.loads(connection.recv(0.02))
                if kind == "REQ":
                    self.asked += filters
                    self.is_live = any("limit" not in one for one in filters)
                    self.answer(connection, filters)
            for event in self.coming[told:] if self.is_live else ():
                connection.send(json.dumps(["EVENT", "listener", event]))
                told += 1
            if self.leaves and told:
                return

    def answer(self, connection, filters) -> None:
        connection.send(json.dumps(["AUTH", "challenge"]))
        if self.refusal is not None:
            connection.send(json.dumps(self.refusal))
            return
        found = {}
        for one in filters:
            hits = sorted(
                (event for event in self.stored if matches(event, one)), key=lambda event: -event["created_at"]
            )
            found |= {event["id"]: event for event in hits[: min(one.get("limit", 500), self.most)]}
        for event in found.values():
            connection.send(json.dumps(["EVENT", "listener", event]))
        if not self.is_mute:
            connection.send(json.dumps(["EOSE", "listener"]))


def matches(event: dict, wanted: dict) -> bool:
    tags = {name: {tag[1] for tag in event["tags"] if len(tag) > 1 and tag[0] == name} for name in ("t", "p", "e")}
    return (
        event["kind"] in wanted["kinds"]
        and event["pubkey"] in wanted.get("authors", [event["pubkey"]])
        and wanted.get("since", 0) <= event["created_at"] <= wanted.get("until", 1e18)
        and all(tags[name] & set(wanted[f"#{name}"]) for name in tags if f"#{name}" in wanted)
    )


@contextmanager
def running(*relays: Relay, gone: int = 0, **told: object) -> Iterator[Nostr]:
    with ExitStack() as stack:
        servers = [stack.enter_context(websocket(relay.talk)) for relay in relays]
        urls = [server.url("ws", "") for server in servers] + ["ws://127.0.0.7:9/"] * gone
        allowed = (*(server.host_port for server in servers), "127.0.0.7:9")
        http = Client(NetworkRules(allow_private=allowed), limits=Limits(connect_s=1.0, read_s=2.0, host_slot_s=0.0))
        stack.callback(http.close)
        yield Nostr(Settings.model_validate({"relays": urls, **told}), http)


def walk(reader: Nostr, feed: Feed, cursor: str | None) -> tuple[list[str], str | None, list[Page]]:
    texts, pages = [], []
    while True:
        page = poll(reader, feed, cursor)[1]
        pages.append(page)
        texts += [post.text for post in page.posts]
        cursor = page.cursor
        if not page.more:
            return texts, cursor, pages
        assert len(pages) < 50


def many(count: int, first: int = 0, step_s: int = 60, who: Person = ADA) -> list[dict]:
    return [who.says(f"note {number}", at=NOW - 90_000 + number * step_s) for number in range(first, first + count)]


def test_a_first_poll_looks_back_two_days_and_the_next_brings_what_is_new_once():
    relay = Relay([ADA.says("old", at=NOW - 200_000), ADA.says("young"), BO.says("other")])
    with running(relay) as reader:
        texts, cursor, _ = walk(reader, AUTHOR, None)
        assert texts == ["young"]
        relay.stored.append(ADA.says("new", at=NOW - 60))
        texts, cursor, pages = walk(reader, AUTHOR, cursor)
        assert set(texts) - {"young"} == {"new"}, "what is as old as the mark may come again"
        assert pages[0].title.startswith("npub1")
        assert set(walk(reader, AUTHOR, cursor)[0]) <= {"new", "young"}, "the overlap repeats, the store knows it"
        late = ADA.says("late", at=NOW - 500)
        relay.stored.append(late)
        assert "late" in walk(reader, AUTHOR, cursor)[0], "claimed to be older than the newest"


@pytest.mark.parametrize("most", [20, 37, 300])
def test_a_relay_that_cuts_its_lists_is_read_to_the_mark(most):
    relay = Relay(many(450), most=most)
    with running(relay) as reader:
        texts, cursor, pages = walk(reader, AUTHOR, None)
        assert set(texts) == {f"note {number}" for number in range(450)}
        assert all(len(page.posts) <= 1_000 for page in pages)
        relay.stored += many(120, 450)
        texts = walk(reader, AUTHOR, cursor)[0]
        assert set(texts) >= {f"note {number}" for number in range(450, 570)}
        assert len(texts) < 200, "and not from the beginning"


def test_events_that_come_during_a_walk_are_read_by_the_next():
    relay = Relay(many(300), most=40)
    with running(relay) as reader:
        first = poll(reader, AUTHOR, None)[1]
        assert first.more
        relay.stored += many(30, 300)
        texts, cursor, _ = walk(reader, AUTHOR, first.cursor)
        texts += [post.text for post in first.posts]
        texts += walk(reader, AUTHOR, cursor)[0]
        assert set(texts) == {f"note {number}" for number in range(330)}


def test_a_second_with_more_events_than_a_relay_gives_leaves_a_gap():
    relay = Relay([ADA.says(f"note {number}", at=NOW - 5_000) for number in range(60)], most=25)
    relay.stored += [ADA.says(f"old {number}", at=NOW - 9_000 + number) for number in range(5)]
    with running(relay) as reader:
        texts, _, pages = walk(reader, AUTHOR, None)
    assert [page.gap.older for page in pages if page.gap] == [str(NOW - 5_000)]
    assert {f"old {number}" for number in range(5)} <= set(texts), "and the walk goes on before it"


def test_several_relays_are_one_feed_and_each_has_its_own_mark():
    shared = many(3)
    one, other = Relay([*shared, ADA.says("only here")]), Relay([*shared, ADA.says("only there", at=NOW - 1_800)])
    with running(one, other) as reader:
        texts, cursor, pages = walk(reader, AUTHOR, None)
        assert sorted(texts) == ["note 0", "note 1", "note 2", "only here", "only there"]
        assert len(Marks.read(cursor).relays) == 2
        assert len({mark.at for mark in Marks.read(cursor).relays.values()}) == 2
        assert len(pages) == 1


def test_a_full_page_leaves_the_other_relays_for_the_next_one():
    busy = [ADA.says(f"note {number}", at=NOW - 590 + number * 2 // 3) for number in range(750)]
    relays = [Relay(busy[first : first + 250]) for first in (500, 250, 0)]
    with running(*relays) as reader:
        texts, cursor, pages = walk(reader, AUTHOR, None)
        assert set(texts) == {f"note {number}" for number in range(750)}
        assert 3 <= len(pages) <= 4, "and no relay is asked twice in between"
        assert max(len(page.posts) for page in pages) <= 600
        assert not Marks.read(cursor).done


def test_a_relay_that_fails_is_caught_up_with_when_it_is_back():
    one, other = Relay(many(2)), Relay([ADA.says("only there")], refusal=["CLOSED", "listener", "error: SECRET"])
    with running(one, other, gone=1) as reader:
        texts, cursor, _ = walk(reader, AUTHOR, None)
        assert sorted(texts) == ["note 0", "note 1"]
        other.refusal = None
        assert "only there" in walk(reader, AUTHOR, cursor)[0]


@pytest.mark.parametrize(
    ("refusal", "kind", "words"),
    [
        (["CLOSED", "listener", "auth-required: SECRET"], NotAuthorised, "wants a login"),
        (["CLOSED", "listener", "restricted: SECRET"], NotAuthorised, "members only"),
        (["CLOSED", "listener", "rate-limited: SECRET"], RateLimited, "to wait"),
        (["CLOSED", "listener", "error: SECRET"], ConnectorError, "trouble of its own"),
        (["CLOSED", "listener", "SECRET"], ConnectorError, "refuses"),
        (["CLOSED", "listener"], ConnectorError, "refuses"),
        (["NOTICE", "SECRET"], ConnectorError, "sent a notice"),
        (["OK"], ConnectorError, "sent a notice"),
    ],
)
def test_a_refusal_says_what_to_do_and_not_what_the_relay_wrote(refusal, kind, words, monkeypatch):
    monkeypatch.setattr("connectors.nostr.relays.ANSWER_S", 0.3)
    with running(Relay(refusal=refusal)) as reader, pytest.raises(ConnectorError) as caught:
        poll(reader, AUTHOR, None)
    assert type(caught.value) is kind
    assert words in str(caught.value)
    assert "SECRET" not in str(caught.value)
    assert str(caught.value).startswith("nostr author:")


def test_a_relay_that_falls_silent_is_heard_but_its_mark_stays(monkeypatch):
    monkeypatch.setattr("connectors.nostr.relays.ANSWER_S", 0.3)
    relay = Relay(many(3), is_mute=True)
    with running(relay) as reader:
        texts, cursor, _ = walk(reader, AUTHOR, None)
        assert len(texts) == 3
        assert Marks.read(cursor).relays == {}
        relay.is_mute = False
        assert len(walk(reader, AUTHOR, cursor)[0]) == 3


def test_where_no_relay_answers_there_is_an_error_of_ours():
    with running(gone=2) as reader, pytest.raises(ConnectorError, match=r"nostr author:.*127\.0\.0\.7"):
        poll(reader, AUTHOR, None)


def test_names_are_asked_for_once_and_only_signed_ones_are_kept():
    profile = ADA.says(json.dumps({"name": "Ada"}), kind=0)
    relay = Relay([ADA.says("x"), profile, {**BO.says('{"name": "Eve"}', kind=0), "content": '{"name": "Bo"}'}])
    with running(relay) as reader:
        page = poll(reader, AUTHOR, None)[1]
        assert page.posts[0].account.name == "Ada"
        page = poll(reader, AUTHOR, None)[1]
        assert page.posts[0].account.name == "Ada"
    assert sum(1 for one in relay.asked if one["kinds"] == [0]) == 1


def test_whom_somebody_follows_is_found_out_and_read():
    lists = [
        ADA.says(kind=3, at=NOW - 9_000, tags=[["p", EVE.key]]),
        ADA.says(kind=3, at=NOW, tags=[["p", BO.key], ["p", "x"]]),
    ]
    relay = Relay([*lists, BO.says("followed"), EVE.says("no longer"), BO.says('{"name": "Bo"}', kind=0)])
    home = Feed(3, "nostr", f"home:{ADA.key}", "nostr")
    with running(relay, pubkey=codes.npub(ADA.key)) as reader:
        relay.stored.pop(0)
        assert walk(reader, home, None)[0] == ["followed"]
        [follow] = connector.follows(reader)
        assert (follow.account.native_id, follow.account.name) == (BO.key, "Bo")
        assert follow.feed.query == f"author:{BO.key}"
        with pytest.raises(ConnectorError, match="no relay knows whom"):
            poll(reader, Feed(3, "nostr", f"home:{EVE.key}", "nostr"), None)
    with pytest.raises(NotAuthorised, match=r"connectors\.nostr\.pubkey"):
        next(connector.follows(Nostr(Settings(), None)))


def test_deletions_of_known_posts_are_asked_for_under_a_tag():
    raw = BO.says("oops", tags=[["t", "gardening"]])
    relay = Relay([raw])
    with running(relay) as reader:
        _, cursor, _ = walk(reader, TAG, None)
        relay.stored = [
            BO.says(kind=5, at=NOW - 5, tags=[["e", raw["id"]]]),
            EVE.says(kind=5, at=NOW, tags=[["e", raw["id"]]]),
        ]
        page = poll(reader, TAG, cursor)[1]
    assert page.deleted == (raw["id"],)


# streams


def test_a_stream_brings_what_was_missed_then_what_comes(monkeypatch):
    monkeypatch.setattr("listener.limits.PULSE_S", 0.5)
    relay = Relay(many(250), most=60)
    with running(relay) as reader:
        stream = connector.stream(reader, AUTHOR, None)
        heard: list[str] = []
        while len(set(heard)) < 250:
            heard += [post.text for post in next(stream).posts]
        live = ADA.says("live", at=NOW)
        threading.Timer(0.3, relay.coming.append, [live]).start()
        until = time.monotonic() + 5
        last = next(stream)
        while "live" not in [post.text for post in last.posts]:
            assert time.monotonic() < until
            last = next(stream)
        assert Mark(NOW).at in [mark.at for mark in Marks.read(last.cursor).relays.values()]
        pulse = next(stream)
        assert pulse.unchanged
        stream.close()
        assert set(walk(reader, AUTHOR, last.cursor)[0]) <= {"live", *(f"note {number}" for number in range(240, 250))}


def test_a_relay_that_leaves_ends_the_stream_with_an_error_of_ours(monkeypatch):
    monkeypatch.setattr("listener.limits.PULSE_S", 0.3)
    relay = Relay([ADA.says("x")], coming=[ADA.says("live", at=NOW)], leaves=True)
    with running(relay) as reader:
        heard: list[str] = []
        stream = connector.stream(reader, AUTHOR, None)
        with pytest.raises(ConnectorError):
            heard.extend(post.text for page in stream for post in page.posts)
        assert {"x", "live"} <= set(heard)


# what people paste, and the rest


NPUB = codes.npub(ADA.key)


@pytest.mark.parametrize(
    ("pasted", "query"),
    [
        (NPUB, f"author:{ADA.key}"),
        (f" nostr:{NPUB} ", f"author:{ADA.key}"),
        (f"@{NPUB}", f"author:{ADA.key}"),
        (f"https://njump.me/{NPUB}", f"author:{ADA.key}"),
        (f"https://primal.net/p/{NPUB}", f"author:{ADA.key}"),
        (f"https://snort.social/{VECTORS[1][0]}", f"author:{VECTORS[1][2]}"),
        ("https://primal.net/hashtag/Gardening", None),
        ("https://snort.social/t/Gardening", "tag:gardening"),
        ("nostr:#Gardening", "tag:gardening"),
        ("nostr:tag:gardening", "tag:gardening"),
        (f"nostr:home:{NPUB}", f"home:{ADA.key}"),
        (f"nostr:mentions:{NPUB}", f"mentions:{ADA.key}"),
        (f"nostr:{ADA.key}", f"author:{ADA.key}"),
        (ADA.key, None),
        ("#gardening", None),
        ("npub1nonsense", None),
        ("nsec1vl029mgpspedva04g90vltkh6fvh240zqtv9k0t9af8935ke9laqsnlfe5", None),
        ("nostr:", None),
        ("nostr:what:x", None),
        (f"https://example.org/{NPUB}", None),
        ("https://[broken", None),
        ("", None),
    ],
)  # fmt: skip
def test_what_people_paste(pasted, query):
    found = Nostr(Settings(), None).feed_for(pasted)
    due = "tag:gardening" if pasted.endswith("hashtag/Gardening") else query
    assert (found.query if found else None) == due


@given(st.text(max_size=60))
def test_pasting_anything_never_raises(text):
    for pasted in (text, f"nostr:{text}", f"https://njump.me/{text}", f"npub1{text}"):
        found = Nostr(Settings(), None).feed_for(pasted)
        assert found is None or found.connector == "nostr"


def test_my_feeds_are_my_posts_and_my_mentions():
    reader = Nostr(Settings(), None)
    assert [feed.query for feed in reader.mine(NPUB)] == [f"author:{ADA.key}", f"mentions:{ADA.key}"]
    assert reader.mine("@ada@example.org") == reader.mine(ADA.key) == ()
    assert reader.missing() is None
    assert reader.streams(AUTHOR)
    with pytest.raises(ConnectorError, match="no such feed"):
        poll(reader, Feed(1, "nostr", "what:x", "nostr"), None)


@pytest.mark.parametrize("cursor", ["x", "[]", '{"relays": {"a": 1}}', '{"seen": ["é"]}', '{"seen": 5}', "[" * 50_000])
def test_a_cursor_that_is_not_ours_begins_anew(cursor):
    assert Marks.read(cursor) == Marks()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(NOW - 100_000, NOW), min_size=1, max_size=150),
    st.integers(20, 60),
    st.integers(NOW - 90_000, NOW),
)
def test_a_walk_meets_every_event_since_its_mark_or_ends(times, most, at):
    stored = dict(enumerate(sorted(times, reverse=True)))
    mark, met = Mark(at), set()
    for _ in range(400):
        due = {number: time for number, time in stored.items() if mark.since <= time <= (mark.until or NOW)}
        some = dict(list(due.items())[:most])
        met |= some.keys()
        mark = mark.after(list(some.values()), NOW, is_whole=True)
        if mark.until is None:
            break
    assert mark.until is None
    crowded = {time for time in times if times.count(time) >= most}
    assert met >= {number for number, time in stored.items() if time >= at and time not in crowded}
