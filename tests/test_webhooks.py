"""Signed webhooks over a real client and a real receiver, with a broken network between."""

import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from listener.addresses import NetworkRules
from listener.alerts import Item, Message
from listener.http import Client
from listener.tally import Limits
from listener.webhooks import WINDOW_S, SignatureError, Webhook, payload, signed, verify
from tests.chaos import between
from tests.hostile.alerts import TEXTS
from tests.servers import Reply, Seen, serving

NOW = datetime(2026, 11, 25, 9, 30, tzinfo=UTC)
SECRET = "whsec-sentinel-0123456789"
OLD = "whsec-older-9876543210"
MESSAGE = Message(
    "hook",
    "key-1",
    "A lead",
    (Item(7, "fits your offer", "leads", 5, "Wanted", "Ann", "a forum", "Who builds shops?", "https://post.example/1",
          {"lead": 0.91234}, "Shops", NOW, "listener label 5 not-lead"),),
    lang="en",
)  # fmt: skip


@pytest.fixture
def clients():
    """Make clients that may reach one port of this machine, and close them."""
    made: list[Client] = []

    def make(port: int, *, opened: bool = True) -> Client:
        rules = NetworkRules(allow_private=(f"127.0.0.1:{port}",)) if opened else NetworkRules(ports=(port,))
        made.append(Client(rules, limits=Limits(connect_s=1.0, read_s=1.0, total_s=3.0)))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def hook(clients):
    return lambda url, port, *secrets: Webhook(url, secrets or (SECRET,), clients(port), lambda: NOW)


def receiver(*secrets: str):
    """A receiver as one would write it: it refuses what is not signed."""
    keys: list[str] = []

    def answer(seen: Seen) -> Reply:
        try:
            keys.append(verify(seen.headers, seen.body, secrets or (SECRET,), NOW))
        except SignatureError as error:
            return Reply(401, str(error).encode())
        return Reply(204)

    return answer, keys


def test_a_receiver_gets_the_message_signed(hook):
    answer, keys = receiver()
    with serving(answer) as server:
        outcome = hook(f"{server.url}/in?room=1", server.port).send(MESSAGE)
    assert outcome.kind == "sent"
    assert keys == ["key-1"]
    [seen] = server.seen
    assert (seen.method, seen.path, seen.headers["content-type"]) == ("POST", "/in?room=1", "application/json")
    assert seen.headers["idempotency-key"] == seen.headers["listener-id"] == "key-1"
    by_hand = hmac.new(SECRET.encode(), seen.headers["listener-timestamp"].encode() + b"." + seen.body, sha256)
    assert seen.headers["listener-signature"] == f"v1={by_hand.hexdigest()}"
    said = json.loads(seen.body)
    assert (said["version"], said["id"], said["possible_repeat"], said["lang"]) == (1, "key-1", False, "en")
    assert said["items"][0] | {"at": None} == {
        "alert": 7, "post": 5, "rule": "leads", "reason": "fits your offer", "headline": "Wanted", "author": "Ann",
        "where": "a forum", "text": "Who builds shops?", "url": "https://post.example/1", "labels": {"lead": 0.912},
        "goal": "Shops", "at": None, "command": "listener label 5 not-lead",
    }  # fmt: skip


def test_two_signatures_while_a_secret_is_changed_satisfy_both_receivers(hook):
    for known in (SECRET, OLD):
        answer, keys = receiver(known)
        with serving(answer) as server:
            assert hook(server.url, server.port, SECRET, OLD).send(MESSAGE).kind == "sent"
        assert keys == ["key-1"]


@pytest.mark.parametrize(
    "change",
    [
        lambda headers, body: (headers, body + b" "),
        lambda headers, body: (headers | {"Listener-Signature": "v1=" + "0" * 64}, body),
        lambda headers, body: (headers | {"Listener-Signature": ""}, body),
        lambda headers, body: (headers | {"Listener-Signature": "v2=" + headers["Listener-Signature"][3:]}, body),
        lambda headers, body: (headers | {"Listener-Timestamp": str(int(NOW.timestamp()) + 1)}, body),
        lambda headers, body: (headers | {"Listener-Timestamp": "²"}, body),
        lambda headers, body: (headers | {"Listener-Timestamp": "9" * 400}, body),
        lambda headers, body: (headers | {"Listener-Id": "another"}, body),
        lambda headers, body: ({}, body),
    ],
)
def test_a_delivery_that_was_changed_on_the_way_is_not_believed(change):
    body = payload(MESSAGE)
    headers, changed = change(signed("key-1", body, [SECRET], NOW), body)
    with pytest.raises(SignatureError):
        verify(headers, changed, [SECRET], NOW)


@pytest.mark.parametrize("seconds", [WINDOW_S + 1, -WINDOW_S - 1])
def test_a_delivery_outside_the_window_is_a_replay(seconds):
    body = payload(MESSAGE)
    headers = signed("key-1", body, [SECRET], NOW)
    assert verify(headers, body, [SECRET], NOW + timedelta(seconds=WINDOW_S)) == "key-1"
    with pytest.raises(SignatureError, match="old"):
        verify(headers, body, [SECRET], NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize("secrets", [[], [OLD], [SECRET + "x"]])
def test_another_secret_makes_no_right_signature(secrets):
    body = payload(MESSAGE)
    with pytest.raises(SignatureError):
        verify(signed("key-1", body, [SECRET], NOW), body, secrets, NOW)


@pytest.mark.parametrize(
    ("reply", "kind", "says", "wait_s"),
    [
        (Reply(200), "sent", "200", None),
        (Reply(202, b"ok"), "sent", "202", None),
        (Reply(429, headers={"Retry-After": "120"}), "failed", "429", 120.0),
        (Reply(503, headers={"Retry-After": "Wed, 25 Nov 2026 09:40:00 GMT"}), "failed", "503", 600.0),
        (Reply(500, b"<html>oops</html>"), "failed", "answered 500", None),
        (Reply(408), "failed", "408", None),
        (Reply(400, b"no field 'text'\r\nX"), "refused", "no field 'text' X", None),
        (Reply(401), "refused", "does it know the secret?", None),
        (Reply(404), "refused", "is the address right?", None),
        (Reply(410), "refused", "remove this channel", None),
        (Reply(304), "refused", "redirects", None),
    ],
)
def test_what_a_receiver_answers_decides_whether_to_try_again(hook, reply, kind, says, wait_s):
    with serving(lambda _: reply) as server:
        outcome = hook(server.url, server.port).send(MESSAGE)
    assert (outcome.kind, outcome.retry_after_s) == (kind, wait_s)
    assert says in outcome.detail


@pytest.mark.parametrize("status", [301, 302, 303])
def test_a_redirect_is_not_followed_into_a_success_without_a_body(hook, status):
    def answer(seen: Seen) -> Reply:
        return Reply(200) if seen.path == "/new" else Reply(status, headers={"Location": "/new"})

    with serving(answer) as server:
        outcome = hook(f"{server.url}/old", server.port).send(MESSAGE)
    assert outcome.kind == "refused"
    assert "redirects" in outcome.detail


def test_a_private_address_is_refused_unless_it_was_opened(clients):
    with serving(lambda _: Reply(200)) as server:
        closed = Webhook(server.url, (SECRET,), clients(server.port, opened=False), lambda: NOW)
        outcome = closed.send(MESSAGE)
        assert outcome.kind == "refused"
        assert "allow_private" in outcome.detail
        assert server.seen == []


@pytest.mark.parametrize(
    ("fault", "kind", "arrives"),
    [
        ("none", "sent", True),
        ("latency", "sent", True),
        ("reset", None, False),
        ("cut", None, False),
        ("black-hole", "unknown", False),
        ("cut-answer", "unknown", True),
        ("drip", "unknown", True),
    ],
)
def test_a_broken_network_is_told_as_it_is(hook, fault, kind, arrives):
    answer, keys = receiver()
    with serving(answer) as server, between(server.port, fault, seconds=0.25, most=15) as chaos:
        sender = hook(f"http://{chaos.host_port}/", chaos.port)
        outcome = sender.send(MESSAGE)
        # Where our system had taken all bytes, nobody can tell a cut on the way from one after it.
        assert outcome.kind in (("failed", "unknown") if kind is None else (kind,)), outcome
        assert bool(keys) is arrives
        assert SECRET not in outcome.detail


def test_nobody_listening_is_a_failure_to_be_tried_again(hook):
    with serving(lambda _: Reply(200)) as server:
        port = server.port
    outcome = hook(f"http://127.0.0.1:{port}/", port).send(MESSAGE)
    assert (outcome.kind, "could not connect" in outcome.detail) == ("failed", True)


def test_a_repeat_has_the_same_key_and_says_that_it_is_one(hook):
    answer, keys = receiver()
    with serving(answer) as server:
        sender = hook(server.url, server.port)
        sender.send(MESSAGE)
        sender.send(replace(MESSAGE, possible_repeat=True))
    assert keys == ["key-1", "key-1"]
    assert [json.loads(seen.body)["possible_repeat"] for seen in server.seen] == [False, True]


@pytest.mark.parametrize("text", TEXTS)
def test_hostile_words_make_a_valid_body_without_controls(hook, text):
    answer, keys = receiver()
    told = Message(
        "hook", "key-1", text, (Item(1, "why", headline=text, author=text, where=text, text=text, url=text),)
    )
    with serving(answer) as server:
        assert hook(server.url, server.port).send(told).kind == "sent"
    said = json.loads(server.seen[0].body)
    assert keys == ["key-1"]
    assert all(char.isprintable() or char in "\n\t\u200a\xad" for char in said["items"][0]["text"])
    assert said["items"][0]["url"] is None or said["items"][0]["url"].startswith(("http://", "https://"))
