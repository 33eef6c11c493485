"""Slack: windows read newest first, threads that go on, names, errors that come with HTTP 200."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from urllib.parse import parse_qs

import pytest

from connectors import slack
from connectors.slack import Settings, Slack
from connectors.slack.mrkdwn import plain
from connectors.slack.walks import order
from listener.addresses import NetworkRules
from listener.connector import poll
from listener.errors import ConnectorError, NotAuthorised, RateLimited
from listener.http import Client, Limits
from listener.types import Feed, Page
from tests.servers import Reply, Seen, Server, serving

FEED = Feed(1, "slack", "C0HARBOR", "slack")
NOW = int(datetime.now(UTC).timestamp())


class Kept(dict[str, str]):
    def put(self, name: str, value: str) -> None:
        self[name] = value

    def lock(self):
        return nullcontext()

    def count_login(self) -> None:
        pass


class Workspace:
    """A channel as the platform answers for it; pages are `size` long, newest first."""

    def __init__(self, size: int = 50) -> None:
        self.messages: dict[str, dict] = {}
        self.replies: dict[str, list[dict]] = {}
        self.size = size
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.glitch: Callable[[str, dict[str, str], dict], Reply | dict] = lambda _method, _asked, body: body

    def say(self, seconds_ago: float, text: str, **more: object) -> str:
        ts = f"{NOW - seconds_ago:.6f}"
        self.messages[ts] = {"type": "message", "user": "U0INES", "ts": ts, "text": text, **more}
        return ts

    def answer(self, ts: str, seconds_ago: float, text: str) -> None:
        reply = {"user": "U0TOM", "ts": f"{NOW - seconds_ago:.6f}", "thread_ts": ts, "text": text}
        self.replies.setdefault(ts, []).append(reply)
        whole = self.replies[ts]
        self.messages[ts] |= {"thread_ts": ts, "reply_count": len(whole), "latest_reply": whole[-1]["ts"]}

    def __call__(self, seen: Seen) -> Reply:
        method = seen.path.removeprefix("/api/")
        asked = {name: values[0] for name, values in parse_qs(seen.body.decode()).items()}
        assert seen.headers["authorization"] == "Bearer xoxb-mine"
        self.asked.append((method, asked))
        body = self.glitch(method, asked, getattr(self, method.replace(".", "_"))(asked))
        return body if isinstance(body, Reply) else Reply(200, json.dumps({"ok": True, **body}).encode())

    def auth_test(self, _: dict) -> dict:
        return {"url": "https://harbour.slack.com/", "team_id": "T0HARBOR"}

    def conversations_info(self, _: dict) -> dict:
        return {"channel": {"id": "C0HARBOR", "name": "boats", "is_private": True}}

    def users_info(self, asked: dict) -> dict:
        return {"user": {"id": asked["user"], "name": asked["user"].lower(), "profile": {"display_name": "Ines"}}}

    def conversations_history(self, asked: dict) -> dict:
        oldest, latest = order(asked["oldest"]), order(asked["latest"])
        found = [one for ts, one in self.messages.items() if oldest < order(ts) < latest]
        found.sort(key=lambda one: order(one["ts"]), reverse=True)
        before = order(asked["cursor"]) if "cursor" in asked else latest
        found = [one for one in found if order(one["ts"]) < before]
        page = found[: self.size]
        following = page[-1]["ts"] if len(found) > self.size else ""
        return {"messages": page, "has_more": bool(following), "response_metadata": {"next_cursor": following}}

    def conversations_replies(self, asked: dict) -> dict:
        oldest = order(asked.get("oldest", "0.0"))
        found = [one for one in self.replies[asked["ts"]] if order(one["ts"]) > oldest]
        page = found[: self.size]
        return {"messages": [self.messages[asked["ts"]], *page], "has_more": len(found) > self.size}


@contextmanager
def working(space: Workspace) -> Iterator[tuple[Server, Slack]]:
    with serving(space) as server:
        client = Client(NetworkRules(allow_private=(server.host_port,)), limits=Limits(read_s=2.0, host_slot_s=0.0))
        try:
            yield server, Slack(Settings(token="xoxb-mine", base_url=server.url), client, Kept())
        finally:
            client.close()


def walk(connector: Slack, cursor: str | None = None) -> list[Page]:
    pages: list[Page] = []
    while not pages or pages[-1].more:
        assert len(pages) < 40, "the walk does not end"
        _, page = poll(connector, FEED, cursor)
        pages.append(page)
        cursor = page.cursor
    return pages


def said(pages: list[Page]) -> set[str]:
    return {post.text for page in pages for post in page.posts}


def test_a_walk_takes_every_page_before_the_mark_moves_and_new_messages_come_with_the_next():
    space = Workspace(size=10)
    for number in range(35):
        space.say(1_000 - number, f"m{number}")

    def meanwhile(method: str, asked: dict, body: dict) -> dict:
        if "cursor" in asked and "late" not in {one["text"] for one in space.messages.values()}:
            space.say(1, "late")
        return body

    space.glitch = meanwhile
    with working(space) as (_, connector):
        first = walk(connector)
        assert said(first) == {f"m{number}" for number in range(35)}
        assert [json.loads(page.cursor).get("known") for page in first[:-1]] == [None] * 3
        second = walk(connector, first[-1].cursor)
        assert "late" in said(second)
    histories = [asked for method, asked in space.asked if method == "conversations.history"]
    assert all("oldest" in asked and "latest" in asked for asked in histories)


def test_a_walk_broken_off_by_an_error_goes_on_from_its_page():
    space = Workspace(size=10)
    for number in range(25):
        space.say(1_000 - number, f"m{number}")
    with working(space) as (_, connector):
        _, page = poll(connector, FEED, None)
        space.glitch = lambda method, _, body: Reply(500) if method == "conversations.history" else body
        with pytest.raises(ConnectorError):
            poll(connector, FEED, page.cursor)
        space.glitch = lambda _method, _asked, body: body
        assert said([page, *walk(connector, page.cursor)]) == {f"m{number}" for number in range(25)}


def test_replies_to_an_older_message_are_read_though_history_does_not_show_them():
    space = Workspace()
    root = space.say(7_200, "who knows a printer?")
    space.say(60, "hello")
    with working(space) as (_, connector):
        first = walk(connector)
        space.answer(root, 30, "I do")
        second = walk(connector, first[-1].cursor)
        third = walk(connector, second[-1].cursor)
    assert "I do" in said(second)
    reply = next(post for page in second for post in page.posts if post.text == "I do")
    assert (reply.kind, reply.in_reply_to, reply.thread) == ("reply", *[f"T0HARBOR/C0HARBOR/{root}"] * 2)
    assert "I do" not in said(third)
    assert [asked["ts"] for method, asked in space.asked if method == "conversations.replies"] == [root]


def test_long_and_many_threads_are_read_to_their_end(monkeypatch):
    monkeypatch.setattr(slack, "THREADS", 3)
    space = Workspace(size=8)
    for number in range(8):
        root = space.say(5_000 - number, f"root {number}")
        for answer in range(20 if number == 0 else 1):
            space.answer(root, 900 - answer - number * 20, f"reply {number}.{answer}")
    with working(space) as (_, connector):
        found = said(walk(connector))
    assert {f"reply 0.{n}" for n in range(20)} | {f"reply {n}.0" for n in range(8)} <= found


def test_an_edit_inside_the_window_comes_again():
    space = Workspace()
    ts = space.say(3_600, "helo")
    with working(space) as (_, connector):
        first = walk(connector)
        space.messages[ts] |= {"text": "hello", "edited": {"ts": f"{NOW}.000000"}}
        [post] = walk(connector, first[-1].cursor)[0].posts
    assert (post.text, post.edited_at) == ("hello", datetime.fromtimestamp(NOW, UTC))


def test_members_are_asked_for_once_and_kept():
    space = Workspace()
    space.say(60, "one <@U0TOM>")
    with working(space) as (_, connector):
        pages = walk(connector)
        space.say(5, "two")
        walk(connector, pages[-1].cursor)
        again = Slack(connector.settings, connector.http, connector.sessions)
        walk(again, None)
    assert sorted(asked["user"] for method, asked in space.asked if method == "users.info") == ["U0INES", "U0TOM"]
    assert pages[0].posts[0].account.name == "Ines"


def test_a_member_who_is_gone_does_not_stop_the_page():
    space = Workspace()
    space.say(60, "hello")
    space.glitch = lambda method, _, body: {"ok": False, "error": "user_not_found"} if method == "users.info" else body
    with working(space) as (_, connector):
        [post] = walk(connector)[0].posts
    assert (post.account.native_id, post.account.name) == ("T0HARBOR/U0INES", None)


def test_a_page_token_that_has_run_out_begins_its_window_anew():
    space = Workspace(size=10)
    for number in range(25):
        space.say(1_000 - number, f"m{number}")
    refused = []

    def once(_method: str, asked: dict, body: dict) -> dict:
        if "cursor" in asked and not refused:
            refused.append(1)
            return {"ok": False, "error": "invalid_cursor"}
        return body

    space.glitch = once
    with working(space) as (_, connector):
        assert said(walk(connector)) == {f"m{number}" for number in range(25)}


@pytest.mark.parametrize(
    ("error", "kind", "advice"),
    [
        ("invalid_auth", NotAuthorised, "connectors.slack.token"),
        ("missing_scope", NotAuthorised, "channels:history"),
        ("not_in_channel", NotAuthorised, "/invite"),
        ("channel_not_found", ConnectorError, "check the id"),
        ("ratelimited", RateLimited, "wait"),
        ("<b>new</b>", ConnectorError, "no cause"),
    ],
)
def test_errors_that_come_with_http_200_say_what_to_do(error, kind, advice):
    space = Workspace()
    space.glitch = lambda _method, _asked, _body: {"ok": False, "error": error}
    with working(space) as (_, connector), pytest.raises(kind, match=advice) as caught:
        poll(connector, FEED, None)
    assert "<b>" not in str(caught.value)
    assert "xoxb" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("https://acme.slack.com/archives/C011DUKE8", "C011DUKE8"),
        ("https://acme.slack.com/archives/C011DUKE8/p1486969200000136?thread_ts=1", "C011DUKE8"),
        ("https://app.slack.com/client/T0001/D0ABC123", "D0ABC123"),
        ("slack:G0123ABCD", "G0123ABCD"),
        ("C011DUKE8", None),
        ("https://slack.example/archives/C011DUKE8", None),
        ("slack:#boats", None),
        ("", None),
    ],
)
def test_what_people_paste(text, query):
    found = Slack(Settings(), None).feed_for(text)
    assert (found.query if found else None) == query


def test_marks_become_plain_text():
    written = plain(
        "*hi* <@U1> <https://x.example/a_b_c?d=*e*|_here_> ```x = *y*``` ~no~ 2*3*4 &lt;b&gt;", {"U1": "Ines"}
    )
    assert written.text == "hi @Ines _here_ x = *y* no 2*3*4 <b>"
    assert (written.links, written.mentions) == (("https://x.example/a_b_c?d=*e*",), ("@Ines",))


def test_a_ts_keeps_its_last_digits():
    space = Workspace()
    space.messages = {}
    with working(space) as (_, connector):
        space.messages["1788335000.000901"] = {"user": "U0INES", "ts": f"{NOW - 9}.000901", "text": "x"}
        space.messages = {one["ts"]: one for one in space.messages.values()}
        [post] = walk(connector)[0].posts
    assert post.published_at.microsecond == 901
    assert post.url == f"https://harbour.slack.com/archives/C0HARBOR/p{NOW - 9}000901"
