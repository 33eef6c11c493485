"""Stack Exchange: what people paste, waits and refusals, walks that lose nothing, replies, the inbox."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr

from connectors.stackexchange import QUOTA_WAIT_S, Settings, StackExchange, walk
from connectors.stackexchange.queries import Query
from listener.addresses import NetworkRules
from listener.connector import read, recheck, request
from listener.errors import BadPayload, ConnectorError, NotAuthorised, RateLimited
from listener.http import Client, Limits
from listener.types import Answer, Feed, Page, Post
from tests import walking
from tests.servers import Reply, Seen, Server, serving

NOW = 1_790_000_000
PYTHON = "stackoverflow.com/python"


def feed(query: str = PYTHON) -> Feed:
    return Feed(1, "stackexchange", query, "stackexchange")


@contextmanager
def site(
    answer: Callable[[Seen], Reply], key: str | None = None, token: str | None = None
) -> Iterator[tuple[Server, StackExchange]]:
    with serving(answer) as server:
        client = Client(NetworkRules(allow_private=(server.host_port,)), limits=Limits(read_s=2.0, total_s=4.0))
        settings = Settings(base_url=server.url, key=SecretStr(key) if key else None, access_token=token)
        try:
            yield server, StackExchange(settings, client)
        finally:
            client.close()


def params(path: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}


class Site:
    """The platform with one site; `glitch` may spoil the nth answer (from 1)."""

    def __init__(self, items: list[dict]) -> None:
        self.items = {item["question_id"]: item for item in items}
        self.asked = 0
        self.glitch: Callable[[int, dict], Reply | dict] = lambda _, body: body

    def __call__(self, seen: Seen) -> Reply:
        self.asked += 1
        body = self.glitch(self.asked, self.body(params(seen.path)))
        return body if isinstance(body, Reply) else Reply(200, json.dumps(body).encode())

    def body(self, asked: dict[str, str]) -> dict:
        since, page = int(asked.get("fromdate", 0)), int(asked.get("page", 1))
        found = [item for item in self.items.values() if item["creation_date"] >= since]
        found.sort(key=lambda item: (item["creation_date"], item["question_id"]), reverse=asked["order"] == "desc")
        end = page * int(asked["pagesize"])
        items = found[end - int(asked["pagesize"]) : end]
        return {"items": items, "has_more": end < len(found), "quota_max": 300, "quota_remaining": 250}


def question(number: int, **changes: object) -> dict:
    return {
        "question_id": number,
        "creation_date": NOW + number,
        "title": f"Question {number}",
        "link": f"https://stackoverflow.com/questions/{number}/question",
        "owner": {"user_id": 5, "display_name": "Ada", "link": "https://stackoverflow.com/users/5/ada"},
        "tags": ["python"],
        "body": "<p>How?</p>",
        "is_answered": False,
        "answer_count": 0,
        "score": 1,
        "content_license": "CC BY-SA 4.0",
    } | changes


def walked(connector: StackExchange, cursor: str | None = None, errors: int = 0, query: str = PYTHON) -> list[Page]:
    return walking.walked(connector, feed(query), cursor, errors, most=80)


def ids(pages: list[Page]) -> set[int]:
    return {int(post.native_id.rpartition("/")[2]) for page in pages for post in page.posts}


# what people paste


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("https://stackoverflow.com/questions/tagged/python+asyncio", "stackoverflow.com/python;asyncio"),
        ("https://stackoverflow.com/questions/tagged/c%2b%2b+c%2b%2b20", "stackoverflow.com/c++;c++20"),
        ("https://unix.stackexchange.com/questions/tagged/bash", "unix.stackexchange.com/bash"),
        ("stackoverflow.com/questions/tagged/python", "stackoverflow.com/python"),
        ("https://stackoverflow.com/questions/tagged/go?tab=Unanswered", "stackoverflow.com/unanswered/go"),
        ("https://dba.stackexchange.com/unanswered/tagged/postgresql", "dba.stackexchange.com/unanswered/postgresql"),
        ("https://superuser.com/unanswered", "superuser.com/unanswered"),
        ("https://mathoverflow.net/questions", "mathoverflow.net"),
        ("https://www.askubuntu.com/", "askubuntu.com"),
        ("https://ru.stackoverflow.com/questions/tagged/строки", "ru.stackoverflow.com/строки"),
        ("https://unix.meta.stackexchange.com/questions/tagged/tags", "unix.meta.stackexchange.com/tags"),
        ("https://stackoverflow.com/search?q=connection+pool+%5Bpostgresql%5D", SEARCH := "stackoverflow.com/search/"
         "connection pool [postgresql]"),
        ("questions tagged python on stackoverflow", "stackoverflow.com/python"),
        ("Questions tagged python and asyncio on Stack Overflow", "stackoverflow.com/python;asyncio"),
        ("unanswered questions tagged c++, cmake on stackoverflow.com", "stackoverflow.com/unanswered/c++;cmake"),
        ("questions tagged bash on unix", "unix.stackexchange.com/bash"),
        ("questions about backup on disk on server fault", "serverfault.com/search/backup on disk"),
        ("stackoverflow.com/Python; asyncio", "stackoverflow.com/python;asyncio"),
        ("serverfault/nginx", "serverfault.com/nginx"),
        ("replies to questions tagged go on stackoverflow", "stackoverflow.com/replies/go"),
        ("https://stackoverflow.com/users/22656/jon-skeet?tab=profile", "stackoverflow.com/users/22656"),
        ("stackoverflow.com/search", "stackoverflow.com/search"),
        (SEARCH, SEARCH),
    ],
)  # fmt: skip
def test_what_people_paste_becomes_a_feed(text, query):
    found = StackExchange(Settings(), None).feed_for(text)
    assert found is not None
    assert (found.query, found.connector, found.platform, found.id) == (query, "stackexchange", "stackexchange", 0)
    assert found.home_url.startswith("https://")
    assert str(Query.read(query)) == query
    again = StackExchange(Settings(), None).feed_for(found.home_url)
    assert again is not None
    assert again.query == query.replace("/replies", "")


@pytest.mark.parametrize(
    "text",
    [
        "https://stackoverflow.com/questions/123/how-to",
        "https://stackoverflow.com/questions/tagged/a%20or%20b",
        "https://stackoverflow.com/feeds/tag/python",
        "https://api.stackexchange.com/questions",
        "https://stackexchange.com/",
        "https://evilstackoverflow.com/questions/tagged/python",
        "https://stackoverflow.com.example.org/questions/tagged/python",
        "https://[broken",
        "questions tagged python on https://example.org",
        "questions tagged on stackoverflow",
        "python;asyncio",
        "x" * 600,
        "",
    ],
)
def test_what_is_not_ours_is_left_to_others(text):
    assert StackExchange(Settings(), None).feed_for(text) is None


@pytest.mark.parametrize("query", ["example.org/python", "stackoverflow.com/a b", "stackoverflow.com/search/", ""])
def test_a_query_that_does_not_exist_says_how_to_write_one(query):
    with pytest.raises(ConnectorError, match="SITE/tag;tag"):
        request(StackExchange(Settings(), None), feed(query), None)


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("stackexchange:inbox", "inbox"),
        ("stackoverflow.com/users/5/replies", "stackoverflow.com/users/5/replies"),
        ("stackoverflow.com/users/5/mentions", "stackoverflow.com/users/5/mentions"),
        ("stackexchange:stackoverflow.com/questions/7", "stackoverflow.com/questions/7"),
        ("stackoverflow.com/replies/python;asyncio", "stackoverflow.com/replies/python;asyncio"),
        ("stackoverflow.com/replies", "stackoverflow.com/replies"),
    ],
)
def test_our_own_notation_names_answers_comments_users_and_the_inbox(text, query):
    found = StackExchange(Settings(), None).feed_for(text)
    assert found is not None
    assert (found.query, str(Query.read(query))) == (query, query)
    assert found.home_url.startswith("https://")


def test_my_feeds_are_what_i_wrote_what_answers_me_and_with_a_token_my_inbox():
    own = ["stackoverflow.com/users/5", "stackoverflow.com/users/5/replies", "stackoverflow.com/users/5/mentions"]
    for text in ("stackoverflow.com/users/5", "https://stackoverflow.com/users/5/ada"):
        assert [one.query for one in StackExchange(Settings(), None).mine(text)] == own
    with_token = StackExchange(Settings(access_token="t"), None).mine("stackoverflow.com/users/5")
    assert [one.query for one in with_token] == [*own, "inbox"]
    assert StackExchange(Settings(), None).mine("@ada") == ()


# what is asked


def test_the_first_poll_asks_for_the_newest_page_and_later_ones_from_the_newest_known_on():
    with site(Site([question(n) for n in range(1, 301)])) as (server, connector):
        first = walked(connector)
        assert ids(first) == set(range(201, 301))
        walked(connector, first[-1].cursor)
    newest, later = (params(path) for path in server.paths())
    shared = {"site": "stackoverflow.com", "sort": "creation", "pagesize": "100", "filter": "withbody"}
    assert newest == shared | {"tagged": "python", "order": "desc"}
    assert later == shared | {"tagged": "python", "order": "asc", "fromdate": str(NOW + 300 - 60), "page": "1"}
    assert {urlsplit(path).path for path in server.paths()} == {"/2.3/questions"}


@pytest.mark.parametrize(
    ("query", "path", "extra"),
    [
        ("stackoverflow.com", "/2.3/questions", {}),
        ("stackoverflow.com/c++;cmake", "/2.3/questions", {"tagged": "c++;cmake"}),
        ("stackoverflow.com/unanswered/go", "/2.3/questions/unanswered", {"tagged": "go"}),
        ("stackoverflow.com/unanswered", "/2.3/questions/unanswered", {}),
        ("stackoverflow.com/search/a b [c]", "/2.3/search/advanced", {"q": "a b", "tagged": "c"}),
    ],
)
def test_each_kind_of_feed_asks_its_own_question(query, path, extra):
    url = request(StackExchange(Settings(), None), feed(query), None).url
    assert url.startswith(f"https://api.stackexchange.com{path}?")
    asked = params(url)
    assert {name: asked[name] for name in asked if name in ("q", "tagged")} == extra


def test_the_key_is_sent_and_never_shown():
    refusal = {"error_id": 400, "error_name": "bad_parameter", "error_message": "`key` hunter2 is not known"}
    made = Site([question(1)])
    with site(made, key="hunter2") as (server, connector):
        walked(connector)
        assert server.seen[0].headers["authorization"] == "Bearer hunter2"
        assert "hunter2" not in server.paths()[0]
        made.glitch = lambda _, __: Reply(400, json.dumps(refusal).encode())
        with pytest.raises(NotAuthorised) as caught:
            walked(connector)
    assert "hunter2" not in str(caught.value) + repr(connector.settings)
    assert "connectors.stackexchange.key" in str(caught.value)


# waits and refusals


@pytest.mark.parametrize(
    ("extra", "wait_s"),
    [
        ({}, None),
        ({"backoff": 10}, 12.0),
        ({"backoff": 0.2}, 2.2),
        ({"backoff": 0}, None),
        ({"backoff": "soon"}, None),
        ({"backoff": 10**9}, 86_400.0),
        ({"quota_remaining": 11}, None),
        ({"quota_remaining": 10}, QUOTA_WAIT_S),
        ({"quota_remaining": 0, "backoff": 5}, QUOTA_WAIT_S),
        ({"quota_remaining": None}, None),
    ],
)
def test_backoff_and_a_low_quota_make_us_wait(extra, wait_s):
    made = Site([question(1)])
    made.glitch = lambda _, body: body | extra
    with site(made) as (_, connector):
        assert walked(connector)[-1].wait_s == wait_s


def test_a_wait_breaks_off_a_walk_and_the_next_poll_takes_it_up():
    made = Site([question(n) for n in range(1, 501)])
    start = json.dumps({"newest": NOW})
    made.glitch = lambda n, body: body | {"backoff": 10} if n == 2 else body
    with site(made) as (_, connector):
        before = walked(connector, start)
        assert (len(before), before[-1].wait_s, before[-1].more) == (2, 12.0, False)
        after = walked(connector, before[-1].cursor)
    assert ids(before) | ids(after) == set(made.items)
    assert len(after) == 4


@pytest.mark.parametrize(
    ("number", "message", "error", "wait_s"),
    [
        (502, "too many requests from this IP, more requests available in 82216 seconds", RateLimited, 82_216),
        (502, "too many requests from this IP, more requests available in 999999 seconds", RateLimited, 86_400),
        (502, "Violation of backoff parameter", RateLimited, 3_600),
        (503, "temporarily unavailable", RateLimited, None),
        (400, "No site found for name `nosite`", ConnectorError, None),
        (400, "`key` doesn't match a known application", NotAuthorised, None),
        (401, "", NotAuthorised, None),
        (402, "", NotAuthorised, None),
        (403, "", NotAuthorised, None),
        (404, "no method found with this name", ConnectorError, None),
        (405, "", NotAuthorised, None),
        (406, "", NotAuthorised, None),
        (500, "", ConnectorError, None),
        (999, "", ConnectorError, None),
        ("502", "", ConnectorError, None),
    ],
)
@pytest.mark.parametrize("status", [400, 200])
def test_the_platforms_own_errors_become_ours(status, number, message, error, wait_s):
    body = {"error_id": number, "error_message": message, "error_name": "some_name"}
    made = Site([])
    made.glitch = lambda _, __: Reply(status, json.dumps(body).encode())
    with site(made) as (_, connector), pytest.raises(ConnectorError) as caught:
        walked(connector)
    assert type(caught.value) is error
    assert getattr(caught.value, "retry_after_s", None) == wait_s
    assert str(caught.value).startswith(f"stackexchange {PYTHON}: ")
    assert not message or message not in str(caught.value)


def test_a_refusal_that_is_no_json_goes_by_its_status():
    for reply, error in (
        (Reply(400, b"Bad Request"), ConnectorError),
        (Reply(503, b"<html>busy</html>"), RateLimited),
        (Reply(403, b"<!doctype html><html>Cloudflare</html>"), RateLimited),
        (Reply(200, b"<!doctype html><html>Cloudflare</html>"), RateLimited),
        (Reply(200, b"[]"), BadPayload),
        (Reply(200, b'{"items": {}}'), BadPayload),
    ):
        made = Site([])
        made.glitch = lambda _, __, reply=reply: reply
        with site(made) as (_, connector), pytest.raises(ConnectorError) as caught:
            walked(connector)
        assert type(caught.value) is error


# walks

OLD, NEW = range(1, 41), range(41, 1041)


def aged(number: int) -> int:
    """Spread a thousand questions over a day and more, with some sharing their second."""
    return NOW + (number // 20) * 2_000 + (number % 20) // 7


class Fault:
    """What goes wrong, by the number of the answer within the walk (from 1)."""

    def __init__(self, made: Site) -> None:
        self.made, self.answers, self.asked = made, [], 0

    def __call__(self, _: int, body: dict) -> Reply | dict:
        self.asked += 1
        self.answers.append(body)
        return self.spoil(self.asked, body)

    def spoil(self, n: int, body: dict) -> Reply | dict:
        return body


def fault(spoil: Callable[[Fault, int, dict], Reply | dict]) -> type[Fault]:
    return type(spoil.__name__, (Fault,), {"spoil": spoil})


@fault
def no_fault(self, n, body):
    return body


@fault
def short_pages(self, n, body):
    return body | {"items": body["items"][:37], "has_more": body["has_more"] or len(body["items"]) > 37}


@fault
def a_single_short_page(self, n, body):
    return body | {"items": body["items"][:30]} if n == 2 else body


@fault
def page_two_repeats_page_one(self, n, body):
    return self.answers[0] if n == 2 else body


@fault
def page_three_repeats_page_two(self, n, body):
    return self.answers[1] if n == 3 else body


@fault
def a_loop_back_to_page_one(self, n, body):
    return self.answers[0] if n in (4, 5, 6) else body


@fault
def an_error_in_page_three(self, n, body):
    return Reply(500) if n == 3 else body


@fault
def a_throttle_in_page_three(self, n, body):
    return Reply(400, b'{"error_id": 502, "error_message": "wait 5 seconds"}') if n == 3 else body


@fault
def an_error_in_each_second_answer(self, n, body):
    return Reply(503) if n % 2 else body


@fault
def a_block_page_in_page_two(self, n, body):
    return Reply(200, b"<!DOCTYPE html><html>no robots</html>") if n == 2 else body


@fault
def a_truncated_page_two(self, n, body):
    return Reply(200, json.dumps(body).encode()[:2_000]) if n == 2 else body


@fault
def newest_first_on_each_page(self, n, body):
    return body | {"items": body["items"][::-1]}


@fault
def shuffled_pages(self, n, body):
    return body | {"items": sorted(body["items"], key=lambda one: one["question_id"] * 7919 % 101)}


@fault
def questions_that_come_twice(self, n, body):
    return body | {"items": [*body["items"][:50], *body["items"][:1], *body["items"][50:]]}


@fault
def a_nonsense_question_on_each_page(self, n, body):
    return body | {"items": [*body["items"], {"question_id": "none"}, "text", None]}


@fault
def questions_arrive_between_pages(self, n, body):
    if n < 12:
        self.made.items[2_000 + n] = question(2_000 + n, creation_date=aged(1_040) + 100 + n)
    return body


@fault
def questions_vanish_between_pages(self, n, body):
    for number in range(50 + n * 10, 55 + n * 10):
        self.made.items.pop(number, None)
    return body


@fault
def a_burst_arrives_in_the_newest_second(self, n, body):
    if n == 1:
        self.made.items |= {number: question(number, creation_date=aged(1_039)) for number in range(2_000, 2_250)}
    return body


@fault
def a_question_of_half_a_minute_ago_turns_up_after_the_walk(self, n, body):
    self.made.items[2_000] = question(2_000, creation_date=aged(1_040) - 30)
    return body


FAULTS = [
    no_fault,
    short_pages,
    a_single_short_page,
    page_two_repeats_page_one,
    page_three_repeats_page_two,
    a_loop_back_to_page_one,
    an_error_in_page_three,
    a_throttle_in_page_three,
    an_error_in_each_second_answer,
    a_block_page_in_page_two,
    a_truncated_page_two,
    newest_first_on_each_page,
    shuffled_pages,
    questions_that_come_twice,
    a_nonsense_question_on_each_page,
    questions_arrive_between_pages,
    questions_vanish_between_pages,
    a_burst_arrives_in_the_newest_second,
    a_question_of_half_a_minute_ago_turns_up_after_the_walk,
]


@pytest.mark.parametrize("broken", FAULTS, ids=lambda made: made.__name__)
def test_a_walk_under_faults_finds_what_there_is(broken):
    made = Site([question(n, creation_date=aged(n)) for n in OLD])
    with site(made) as (_, connector):
        first = walked(connector)
        made.items |= {n: question(n, creation_date=aged(n)) for n in NEW}
        made.glitch = broken(made)
        second = walked(connector, first[-1].cursor, errors=15)
        made.glitch = lambda _, body: body
        third = walked(connector, second[-1].cursor)
    assert ids(first) | ids(second) | ids(third) >= set(made.items)
    assert ids(first) | ids(second) | ids(third) <= {*OLD, *NEW, *made.items}
    assert not [page.gap for page in (*first, *second, *third) if page.gap]
    assert all(len({post.native_id for post in page.posts}) == len(page.posts) for page in (*second, *third))
    newest = max(item["creation_date"] for item in made.items.values())
    assert json.loads(third[-1].cursor) == {"newest": newest, "since": None, "page": 1, "repeats": 0}


def test_more_questions_in_a_second_than_can_be_read_leave_a_gap():
    made = Site([question(n, creation_date=NOW) for n in range(1, 3_001)])
    with site(made) as (_, connector):
        pages = walked(connector, json.dumps({"newest": NOW}))
    assert len(pages) == walk.PAGES + 1
    assert [page.gap is not None for page in pages] == [False] * walk.PAGES + [True]


def test_a_server_that_repeats_itself_for_ever_is_left_after_a_while():
    made = Site([question(n) for n in range(1, 301)])
    with site(made) as (_, connector):
        same = made.body({"pagesize": "100", "order": "asc"})
        made.glitch = lambda _, __: same
        pages = walked(connector, json.dumps({"newest": NOW}))
    assert len(pages) == 1 + walk.REPEATS + 1
    assert json.loads(pages[-1].cursor)["newest"] == NOW + 100


def test_a_page_that_promises_more_and_is_empty_ends_the_walk():
    made = Site([])
    made.glitch = lambda _, body: body | {"has_more": True}
    with site(made) as (_, connector):
        [page] = walked(connector, json.dumps({"newest": NOW}))
    assert json.loads(page.cursor)["newest"] == NOW


# posts


def one(item: dict, query: str = PYTHON) -> Post:
    body = json.dumps({"items": [item]}).encode()
    return read(StackExchange(Settings(), None), Answer("", 200, {}, body), feed(query), None).posts[0]


def test_a_question_keeps_what_attribution_needs():
    post = one(question(7, title="What&#39;s &lt;br&gt;?", body="<p>See <a href='/help'>this</a>.</p><pre>x = 1</pre>"))
    assert (post.platform, post.native_id, post.instance) == (
        "stackexchange",
        "stackoverflow.com/7",
        "stackoverflow.com",
    )
    assert post.thread == "stackoverflow.com/7"
    assert post.title == "What's <br>?"
    assert post.text == "See this.\n\nx = 1"
    assert post.links == ("https://stackoverflow.com/help",)
    assert post.account is not None
    assert (post.account.native_id, post.account.name) == ("stackoverflow.com/5", "Ada")
    assert post.account.url == "https://stackoverflow.com/users/5/ada"
    assert post.licence == "CC BY-SA 4.0"
    assert (post.answered, post.tags, post.counts.replies, post.counts.score) == (False, ("python",), 0, 1)
    assert post.published_at == datetime.fromtimestamp(NOW + 7, UTC)
    assert one(question(7, content_license=None)).licence == "CC BY-SA"


@pytest.mark.parametrize(
    ("owner", "native_id", "name"),
    [
        ({"user_type": "does_not_exist", "display_name": "user 12"}, "stackoverflow.com/~user 12", "user 12"),
        ({"user_id": 9, "display_name": "an offer can&#39;t refuse"}, "stackoverflow.com/9", "an offer can't refuse"),
    ],
)
def test_an_author_without_account_keeps_the_name(owner, native_id, name):
    account = one(question(1, owner=owner)).account
    assert account is not None
    assert (account.native_id, account.name) == (native_id, name)


@pytest.mark.parametrize("owner", [None, {}, "ada", {"user_type": "does_not_exist"}])
def test_a_question_without_author_has_none(owner):
    assert one(question(1, owner=owner)).account is None


@pytest.mark.parametrize("link", ["javascript:alert(1)", "question", "", None])
def test_a_question_without_a_safe_link_gets_the_sites_own(link):
    assert one(question(1, link=link)).url == "https://stackoverflow.com/questions/1"


def test_the_same_number_on_two_sites_is_two_questions():
    assert one(question(1)).native_id != one(question(1), "superuser.com/python").native_id


# replies


class Forum(Site):
    """Questions with answers and comments; the platform gives both by the numbers of questions only."""

    def __init__(self, items: list[dict], answers: list[dict], comments: list[dict]) -> None:
        super().__init__(items)
        self.said = {"answers": answers, "comments": comments}
        self.wanted: list[str] = []

    def __call__(self, seen: Seen) -> Reply:
        asked, path = params(seen.path), urlsplit(seen.path).path.removeprefix("/2.3/")
        self.wanted.append(path.rpartition("/")[2])
        if path in ("questions", "users/5/questions"):
            newest = sorted(self.items.values(), key=lambda item: -item["creation_date"])
            return Reply(200, json.dumps({"items": newest[:100]}).encode())
        numbers = {int(one) for one in path.split("/")[1].split(";")}
        rows = self.said[path.rpartition("/")[2]]
        since, size = int(asked.get("fromdate", 0)), int(asked["pagesize"])
        found = [one for one in rows if one["of"] in numbers and one["creation_date"] >= since]
        found.sort(key=lambda one: one["creation_date"], reverse=asked["order"] == "desc")
        return Reply(200, json.dumps({"items": found[:size], "has_more": len(found) > size}).encode())


def answered(number: int, of: int, at: int) -> dict:
    return {"answer_id": number, "question_id": of, "of": of, "creation_date": NOW + at, "body": "<p>So.</p>"}


def commented(number: int, of: int, at: int) -> dict:
    return {"comment_id": number, "post_id": of, "of": of, "creation_date": NOW + at, "body": "Why, @ada?",
            "post_type": "question", "owner": {"user_id": 6, "display_name": "Bo"}}  # fmt: skip


@pytest.mark.parametrize("query", ["stackoverflow.com/replies/python", "stackoverflow.com/users/5/replies"])
def test_replies_are_asked_for_by_the_questions_they_answer_and_none_comes_twice(query):
    forum = Forum([question(n) for n in range(1, 4)], [answered(50, 1, 10)], [commented(50, 2, 20)])
    with site(forum) as (_, connector):
        first = walked(connector, query=query)
        forum.said["answers"] += [answered(100 + n, 3, 1_000 + n) for n in range(250)]
        forum.said["comments"] += [commented(60, 3, 5_000)]
        second = walked(connector, first[-1].cursor, query=query)
        third = walked(connector, second[-1].cursor, query=query)
    found = {post.native_id: post for page in first for post in page.posts}
    assert set(found) == {"stackoverflow.com/50", "stackoverflow.com/comment-50"}
    assert forum.wanted[:3] == ["questions", "answers", "comments"]
    reply = found["stackoverflow.com/comment-50"]
    assert (reply.kind, reply.in_reply_to, reply.thread) == ("reply", "stackoverflow.com/2", "stackoverflow.com/2")
    assert (reply.mentions, reply.url) == (("ada",), "https://stackoverflow.com/q/2#comment50_2")
    assert found["stackoverflow.com/50"].url == "https://stackoverflow.com/a/50"
    later = {post.native_id for page in second for post in page.posts}
    assert {f"stackoverflow.com/{100 + n}" for n in range(250)} | {"stackoverflow.com/comment-60"} <= later
    assert {post.native_id for page in third for post in page.posts} <= later, "only the overlap comes again"


def test_the_replies_to_one_question_need_no_search_for_it():
    forum = Forum([], [answered(50, 7, 10)], [])
    with site(forum) as (_, connector):
        pages = walked(connector, query="stackoverflow.com/questions/7")
    assert forum.wanted == ["answers", "comments"]
    assert [post.in_reply_to for page in pages for post in page.posts] == ["stackoverflow.com/7"]


def test_a_tag_without_questions_has_no_replies():
    with site(Forum([], [], [])) as (server, connector):
        pages = walked(connector, query="stackoverflow.com/replies/python")
        walked(connector, pages[-1].cursor, query="stackoverflow.com/replies/python")
    assert [urlsplit(path).path for path in server.paths()] == ["/2.3/questions"] * 2


def test_what_a_user_wrote_is_questions_and_answers():
    items = [
        {"post_id": 8, "post_type": "answer", "creation_date": NOW, "body": "<p>A</p>"},
        {"post_id": 9, "post_type": "question", "creation_date": NOW - 5, "title": "T", "body": "<p>Q</p>"},
    ]
    with site(lambda _: Reply(200, json.dumps({"items": items}).encode())) as (server, connector):
        (page,) = walked(connector, query="stackoverflow.com/users/5")
    assert [(post.native_id, post.kind) for post in page.posts] == [
        ("stackoverflow.com/8", "reply"),
        ("stackoverflow.com/9", "post"),
    ]
    assert server.paths()[0].startswith("/2.3/users/5/posts?site=stackoverflow.com&")


def test_the_inbox_is_read_with_the_token_newest_first_until_what_is_known():
    def told(number: int) -> dict:
        return {"item_type": "comment", "creation_date": NOW + number, "comment_id": number, "answer_id": 3,
                "question_id": 2, "title": "A &amp; B", "body": "Hm", "is_unread": True,
                "link": f"https://stackoverflow.com/q/2#c{number}",
                "site": {"site_url": "https://stackoverflow.com", "api_site_parameter": "stackoverflow"}}  # fmt: skip

    items = [told(number) for number in range(150, 0, -1)]

    def answer(seen: Seen) -> Reply:
        start = (int(params(seen.path)["page"]) - 1) * 100
        body = {"items": items[start : start + 100], "has_more": len(items) > start + 100, "quota_remaining": 99}
        return Reply(200, json.dumps(body).encode())

    with site(answer, key="a-key", token="sesame") as (server, connector):
        first = walked(connector, query="inbox")
        items.insert(0, {"item_type": "new_answer", "creation_date": NOW + 200, "question_id": 2, "answer_id": 9,
                         "link": "https://stackoverflow.com/a/9"})  # fmt: skip
        second = walked(connector, first[-1].cursor, query="inbox")
    assert sum(len(page.posts) for page in first) == 150
    assert len(second) == 1
    assert second[0].posts[0].native_id == "stackoverflow.com/9"
    post = second[0].posts[1]
    assert (post.native_id, post.in_reply_to, post.thread) == (
        "stackoverflow.com/comment-150",
        "stackoverflow.com/3",
        "stackoverflow.com/2",
    )
    assert (post.title, second[0].quotas[0].left) == ("A & B", 99)
    assert {seen.headers["authorization"] for seen in server.seen} == {"Bearer sesame"}
    assert "sesame" not in "".join(server.paths())
    with pytest.raises(NotAuthorised, match=r"connectors\.stackexchange\.access_token"):
        request(StackExchange(Settings(), None), feed("inbox"), None)


def test_posts_are_read_again_by_site_and_what_does_not_come_is_gone():
    bodies = {
        "/2.3/questions/1;2;3": [question(1, title="Edited")],
        "/2.3/answers/2;3": [answered(2, 1, 0)],
        "/2.3/comments/7": [],
        "/2.3/questions/1": [],
        "/2.3/answers/1": [],
    }

    def answer(seen: Seen) -> Reply:
        return Reply(200, json.dumps({"items": bodies[urlsplit(seen.path).path]}).encode())

    held = ["stackoverflow.com/1", "stackoverflow.com/3", "stackoverflow.com/2", "stackoverflow.com/comment-7",
            "superuser.com/1", "nonsense"]  # fmt: skip
    with site(answer, key="a-key") as (_, connector):
        page = recheck(connector, feed(), held)
    assert {post.native_id for post in page.posts} == {"stackoverflow.com/1", "stackoverflow.com/2"}
    assert set(page.deleted) == {"stackoverflow.com/3", "stackoverflow.com/comment-7", "superuser.com/1"}
    assert StackExchange(Settings(), None).recheck(held) == Page()
