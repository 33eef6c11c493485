"""Reddit: what people paste, feeds with and without the personal token, the interface with keys, walks."""

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

import pytest

from connectors.reddit import MEMBER_SLOT_S, STRANGER_SLOT_S, Reddit, Settings
from connectors.reddit.login import Keys
from connectors.reddit.queries import Query
from listener.addresses import NetworkRules
from listener.connector import poll, read, recheck, request
from listener.errors import BadPayload, ConnectorError, NotAuthorised, RateLimited
from listener.http import Client, Limits
from listener.types import Answer, Feed, Page
from tests import walking
from tests.servers import Reply, Seen, Server, serving

NOW = datetime.now(UTC).replace(microsecond=0)
KEYS = {"client_id": "an-id", "client_secret": "open-sesame"}


def feed(query: str = "r/woodwork") -> Feed:
    return Feed(1, "reddit", query, "reddit")


class Kept(dict[str, str]):
    """A session that lives as long as the test."""

    logins = 0

    def put(self, name: str, value: str) -> None:
        self[name] = value

    def lock(self) -> nullcontext[None]:
        return nullcontext()

    def count_login(self) -> None:
        self.logins += 1


@contextmanager
def site(answer: Callable[[Seen], Reply], **settings: object) -> Iterator[tuple[Server, Reddit]]:
    with serving(answer) as server:
        client = Client(NetworkRules(allow_private=(server.host_port,)), limits=Limits(read_s=5.0, host_slot_s=0.0))
        try:
            yield server, Reddit(Settings(base_url=server.url, **settings), client, Kept())
        finally:
            client.close()


def params(path: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}


def walked(connector: Reddit, query: str = "r/woodwork", cursor: str | None = None) -> list[Page]:
    return walking.walked(connector, feed(query), cursor, most=40)


def ids(pages: list[Page]) -> list[str]:
    return [post.native_id for page in pages for post in page.posts]


class Site:
    """A subreddit, newest first, by its feed and by its interface; posts are `t3_<number>`, a minute apart."""

    def __init__(self, numbers: range) -> None:
        self.posts = {f"t3_{n}": {"minutes": n, "text": f"Words {n}"} for n in numbers}
        self.asked: list[Seen] = []
        self.expires_in = 86_400
        self.between: Callable[[int], None] = lambda _: None

    def __call__(self, seen: Seen) -> Reply:
        self.asked.append(seen)
        if seen.path.startswith("/api/v1/access_token"):
            return Reply(200, json.dumps({"access_token": "a-token", "expires_in": self.expires_in}).encode())
        names = list(self.posts)
        after = params(seen.path).get("after")
        start = names.index(after) + 1 if after in names else 0
        page = names[start : start + 100]
        last = page[-1] if start + 100 < len(names) else None
        self.between(len(self.asked))
        return self.feed(page) if urlsplit(seen.path).path.endswith(".rss") else self.listing(page, last)

    def feed(self, names: list[str]) -> Reply:
        rows = "".join(
            f"<entry><author><name>/u/jane</name></author><id>{name}</id><title>T</title>"
            f"<link href='https://www.reddit.com/r/woodwork/comments/{name[3:]}/t/'/>"
            f"<published>{at(self.posts[name]['minutes']).isoformat()}</published>"
            f"<content type='html'>{escape(self.posts[name]['text'])}</content></entry>"
            for name in names
        )
        body = f"<feed xmlns='http://www.w3.org/2005/Atom'><title>r</title>{rows}</feed>"
        return Reply(200, body.encode(), {"Content-Type": "application/atom+xml"})

    def listing(self, names: list[str], after: str | None) -> Reply:
        children = [
            {"kind": "t3", "data": {"id": name[3:], "author": "jane", "title": "T", "is_self": True,
             "selftext": self.posts[name]["text"], "permalink": f"/r/woodwork/comments/{name[3:]}/t/",
             "created_utc": at(self.posts[name]["minutes"]).timestamp(), "subreddit": "woodwork"}}
            for name in names
        ]  # fmt: skip
        return Reply(200, json.dumps({"kind": "Listing", "data": {"children": children, "after": after}}).encode())

    def arrive(self, count: int, first: int) -> None:
        new = {f"t3_{first + n}": {"minutes": -first - n, "text": "New"} for n in reversed(range(count))}
        self.posts = new | self.posts


def at(minutes: int) -> datetime:
    return NOW - timedelta(minutes=minutes)


# what people paste

PASTED = {
    "r/woodwork": "r/woodwork",
    "/r/woodwork+pottery/": "r/woodwork+pottery",
    "u/plane_jane": "u/plane_jane",
    "https://old.reddit.com/r/woodwork/top/?t=week": "r/woodwork",
    "reddit.com/r/woodwork": "r/woodwork",
    "https://www.reddit.com/r/woodwork/new/": "r/woodwork",
    "https://www.reddit.com/r/woodwork/comments/1abcde/plane_chatter/": "comments/1abcde",
    "https://redd.it/1abcde": "comments/1abcde",
    "https://www.reddit.com/r/woodwork/comments/": "r/woodwork/comments",
    "https://www.reddit.com/user/plane_jane/submitted": "u/plane_jane",
    "https://www.reddit.com/search?q=kiln&sort=new": "search:kiln",
    "https://www.reddit.com/search.rss?q=%22wood+kiln%22+OR+oven&sort=new": 'search:"wood kiln" OR oven',
    "https://www.reddit.com/r/woodwork/search?q=kiln&restrict_sr=1": "r/woodwork/search:kiln",
    "https://www.reddit.com/r/woodwork/.rss?limit=5": "r/woodwork",
    "https://www.reddit.com/r/woodwork/new/.rss?limit=100": "r/woodwork",
    "https://www.reddit.com/r/woodwork/top/.rss?t=week": "rss:/r/woodwork/top/.rss?t=week",
    "https://www.reddit.com/user/jane/m/crafts/.rss": "rss:/user/jane/m/crafts/.rss",
    "https://www.reddit.com/.rss?feed=sesame&user=jane": "rss:/.rss",
    "https://www.reddit.com/message/inbox/.rss?feed=sesame&user=jane": "inbox",
    "reddit:inbox": "inbox",
    "reddit: invoicing  tool": "search:invoicing tool",
    "reddit:r/woodwork/search:kiln": "r/woodwork/search:kiln",
}


@pytest.mark.parametrize("text", PASTED)
def test_what_people_paste_becomes_a_feed(text):
    found = Reddit(Settings(), None).feed_for(text)
    assert found is not None
    assert (found.query, found.connector, found.platform) == (PASTED[text], "reddit", "reddit")
    assert "sesame" not in repr(found)
    assert found.home_url.startswith("https://www.reddit.com/")
    assert str(Query.read(found.query)) == found.query


@pytest.mark.parametrize(
    "text",
    ["https://evil-reddit.com/r/a", "https://reddit.com.evil.example/r/ab", "r/", "words", "search:words", "inbox", "",
     "https://www.reddit.com/", "https://www.reddit.com/wiki/rss", "https://[broken", "r/a b", "x" * 700],
)  # fmt: skip
def test_what_is_not_ours_is_left_to_others(text):
    assert Reddit(Settings(), None).feed_for(text) is None


def test_my_inbox_is_mine_only_with_a_login():
    assert [one.query for one in Reddit(Settings(), None).mine("u/jane")] == ["u/jane"]
    personal = Reddit(Settings(user="jane", feed_token="sesame"), None)
    assert [one.query for one in personal.mine("https://www.reddit.com/user/jane/")] == ["u/jane", "inbox"]
    assert [one.query for one in personal.mine("u/other")] == ["u/other"]
    assert personal.mine("r/woodwork") == personal.mine("@jane") == ()


# feeds


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("r/a1+b2", "/r/a1+b2/new/.rss?limit=100"),
        ("r/a1/comments", "/r/a1/comments/.rss?limit=100"),
        ("comments/abc", "/comments/abc/.rss?sort=new&limit=100"),
        ("u/jane", "/user/jane/.rss?sort=new&limit=100"),
        ("search:a b", "/search.rss?q=a%20b&sort=new&limit=100"),
        ("r/a1/search:b", "/r/a1/search.rss?q=b&sort=new&limit=100&restrict_sr=on"),
        ("rss:/.rss?t=week", "/.rss?t=week"),
    ],
)
def test_without_keys_each_query_asks_for_its_feed_seventy_seconds_apart(query, path):
    asked = request(Reddit(Settings(), None), feed(query), None)
    assert asked.url == f"https://www.reddit.com{path}"
    assert asked.slot_s == STRANGER_SLOT_S == 70.0
    personal = request(Reddit(Settings(user="jane", feed_token="t"), None), feed(query), None)
    assert personal.slot_s == MEMBER_SLOT_S


def test_the_personal_token_is_sent_and_never_kept(caplog):
    caplog.set_level(logging.DEBUG)
    with site(Site(range(3)), user="jane", feed_token="sesame") as (server, connector):
        pages = [*walked(connector), *walked(connector, "inbox"), *walked(connector, "rss:/.rss")]
    assert all(path.endswith("feed=sesame&user=jane") for path in server.paths())
    assert "sesame" not in repr(pages) + repr(connector.settings) + caplog.text


def test_an_error_does_not_repeat_the_token():
    for status in (403, 404, 429, 500):
        refusing = site(lambda _, s=status: Reply(s, b"no"), user="jane", feed_token="sesame")
        with refusing as (_, connector), pytest.raises(ConnectorError) as caught:
            poll(connector, feed(), None)
        assert "sesame" not in str(caught.value)


def test_an_inbox_without_any_login_says_which_setting_is_missing():
    with pytest.raises(NotAuthorised, match=r"connectors\.reddit\.user"):
        request(Reddit(Settings(), None), feed("inbox"), None)
    with pytest.raises(NotAuthorised, match=r"connectors\.reddit\.feed_token"):
        request(Reddit(Settings(user="jane"), None), feed("inbox"), None)


def test_a_stranger_s_first_poll_is_one_page_and_a_body_read_before_is_not_read_again():
    answers = Site(range(250))
    with site(answers) as (_, connector):
        first = walked(connector)
        second = walked(connector, cursor=first[-1].cursor)
    assert len(ids(first)) == 100
    assert [page.unchanged for page in second] == [True]


def test_a_feed_that_moved_on_by_more_than_a_page_is_walked_back_to_what_was_known():
    answers = Site(range(150))
    with site(answers) as (_, connector):
        first = walked(connector)
        answers.arrive(130, 1_000)
        answers.between = lambda count: answers.arrive(1, 5_000) if count == 2 else None
        later = walked(connector, cursor=first[-1].cursor)
        last = walked(connector, cursor=later[-1].cursor)
    assert {f"t3_{n}" for n in range(1_000, 1_130)} <= set(ids(later))
    assert len(later) == 2
    assert all(page.gap is None for page in later)
    assert "t3_5000" in ids(last)


def test_a_feed_that_ends_before_what_was_known_leaves_a_gap():
    answers = Site(range(100))
    with site(answers) as (_, connector):
        first = walked(connector)
        answers.posts = {}
        answers.arrive(95, 2_000)
        later = walked(connector, cursor=first[-1].cursor)
    assert later[-1].gap is not None
    assert later[-1].gap.older == "t3_0"


def test_an_edit_and_a_removal_on_the_first_page_are_seen():
    answers = Site(range(5))
    with site(answers) as (_, connector):
        first = walked(connector)
        answers.posts["t3_1"]["text"] = "Better words"
        answers.posts["t3_2"]["text"] = "[removed]"
        (page,) = walked(connector, cursor=first[-1].cursor)
    assert {post.native_id: post.text for post in page.posts}["t3_1"] == "Better words"
    assert page.deleted == ("t3_2",)


def test_a_blocked_feed_waits_and_a_damaged_one_is_told():
    answer = Answer("https://www.reddit.com/r/ab/.rss", 403, {"x-ratelimit-reset": "31.5"}, b"")
    with pytest.raises(RateLimited) as caught:
        read(Reddit(Settings(), None), answer, feed(), None)
    assert caught.value.retry_after_s == 31.5
    with pytest.raises(BadPayload, match="no feed"):
        read(Reddit(Settings(), None), Answer("https://www.reddit.com/.rss", 200, {}, b"{}"), feed(), None)


# the interface


def test_with_keys_one_login_serves_all_polls():
    answers = Site(range(3))
    with site(answers, **KEYS) as (_, connector):
        walked(connector)
        walked(connector, "search:plane")
    login, *asked = answers.asked
    assert (login.method, login.body) == ("POST", b"grant_type=client_credentials")
    assert [seen.headers["authorization"] for seen in asked] == ["bearer a-token"] * 2
    assert asked[0].path == "/r/woodwork/new?limit=100&raw_json=1"
    assert connector.sessions.logins == 1


@pytest.mark.parametrize(
    ("settings", "form"),
    [
        ({"user": "jane", "password": "pw"}, "grant_type=password&username=jane&password=pw"),
        ({"refresh_token": "rt"}, "grant_type=refresh_token&refresh_token=rt"),
    ],
)
def test_a_login_is_made_in_the_way_that_is_set(settings, form):
    answers = Site(range(3))
    with site(answers, **KEYS, **settings) as (_, connector):
        walked(connector)
    assert answers.asked[0].body.decode() == form


def test_a_token_about_to_run_out_is_made_anew_and_one_taken_back_too():
    answers = Site(range(3))
    answers.expires_in = 60
    with site(answers, **KEYS) as (server, connector):
        walked(connector)
        answers.expires_in = 86_400
        walked(connector)
        assert connector.sessions.logins == 2
        server.answer = lambda _: Reply(401, b"{}")
        with pytest.raises(ConnectorError, match="next poll logs in anew") as caught:
            poll(connector, feed(), None)
        assert not isinstance(caught.value, NotAuthorised)
        server.answer = answers
        walked(connector)
    assert connector.sessions.logins == 3


def test_a_login_that_another_program_made_in_the_meantime_is_used():
    class Raced(Kept):
        @contextmanager
        def lock(self) -> Iterator[None]:
            until = NOW + timedelta(hours=5)
            self.put("access", "their-token")
            self.put("until", f"{Keys('an-id', 'open-sesame').name} {until.timestamp()}")
            yield

    answers = Site(range(3))
    with site(answers, **KEYS) as (_, connector):
        connector.sessions = Raced()
        walked(connector)
    assert [seen.headers["authorization"] for seen in answers.asked] == ["bearer their-token"]
    assert connector.sessions.logins == 0


def test_a_refused_login_stops_and_says_what_to_check():
    for reply in (Reply(401, b"{}"), Reply(200, b'{"error": "invalid_grant"}')):
        refusing = site(lambda _, r=reply: r, **KEYS)
        with refusing as (_, connector), pytest.raises(NotAuthorised, match="client_id") as caught:
            poll(connector, feed(), None)
        assert "sesame" not in str(caught.value)


def test_a_walk_with_keys_misses_nothing_that_arrives_on_the_way():
    answers = Site(range(150))
    with site(answers, **KEYS) as (_, connector):
        first = walked(connector)
        answers.arrive(250, 1_000)
        answers.between = lambda count: answers.arrive(3, 5_000 + 10 * count)
        later = walked(connector, cursor=first[-1].cursor)
        answers.between = lambda _: None
        last = walked(connector, cursor=later[-1].cursor)
    assert set(ids(first)) == {f"t3_{n}" for n in range(150)}
    assert set(ids([*later, *last])) >= set(answers.posts) - set(ids(first))
    assert not any(page.gap for page in (*first, *later, *last))


def test_a_known_post_that_was_deleted_does_not_stop_the_walk():
    answers = Site(range(50))
    with site(answers, **KEYS) as (_, connector):
        first = walked(connector)
        del answers.posts["t3_0"]
        answers.arrive(2, 1_000)
        later = walked(connector, cursor=first[-1].cursor)
    assert {"t3_1000", "t3_1001"} <= set(ids(later))
    assert "before" not in "".join(seen.path for seen in answers.asked)


def test_posts_are_read_again_with_keys_only(recordings: Path):
    folder = recordings / "reddit"
    bodies = [(folder / f"{name}.json").read_bytes() for name in
              ("Comment_refresh__deleted_comment", "Comment_invalid", "Comment_parent__submission")]  # fmt: skip

    def answer(seen: Seen) -> Reply:
        return Site(range(0))(seen) if "access_token" in seen.path else Reply(200, bodies.pop(0))

    with site(answer, **KEYS) as (server, connector):
        gone, none, held = (recheck(connector, feed(), ["t1_d7ltvl0", "t4_no"]) for _ in range(3))
    assert (gone.posts, gone.deleted) == ((), ("t1_d7ltvl0",))
    assert (none.posts, none.deleted) == ((), ())
    assert [post.native_id for post in held.posts] == ["t1_cklfmye"]
    assert server.paths()[1] == "/api/info?id=t1_d7ltvl0&raw_json=1"
    assert Reddit(Settings(), None).recheck(["t3_1"]) == Page()
