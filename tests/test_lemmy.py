"""Lemmy: what people paste, walks that lose nothing, Markdown, posts read again."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from urllib.parse import parse_qs, urlsplit

import pytest

from connectors.lemmy import Lemmy, Settings, markdown, walks
from connectors.lemmy.queries import LIMIT, Query
from listener.connector import request
from listener.errors import BadPayload, ConnectorError, NotAuthorised, RateLimited
from listener.types import Feed, Gap, Page
from tests import walking
from tests.servers import Reply, Seen

START = datetime(2026, 9, 1, tzinfo=UTC)


def feed(query: str = "lake.example/all") -> Feed:
    return Feed(1, "lemmy", query, "lemmy")


site = partial(walking.reached, Lemmy)


def params(path: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}


def view(number: int, minutes: int | None = None, kind: str = "post", **changes: object) -> dict:
    """A post or comment whose claimed time may be any; its number says when it arrived."""
    claimed = START + timedelta(minutes=number if minutes is None else minutes)
    said = {
        "id": number,
        "name": f"Post {number}",
        "content": f"Comment {number}",
        "ap_id": f"https://pond.example/{kind}/{number}",
        "published": claimed.replace(tzinfo=None).isoformat(),
        "path": f"0.{number}",
        "deleted": False,
        "removed": False,
    } | changes
    root = {"post": {"ap_id": "https://pond.example/post/1"}} if kind == "comment" else {}
    return {kind: said, **root, "creator": {"name": "oona", "actor_id": "https://pond.example/u/oona"}}


class Instance:
    """An instance; `glitch` may spoil the nth answer (from 1)."""

    def __init__(self, posts: list[dict] = (), comments: list[dict] = ()) -> None:
        self.posts, self.comments = list(posts), list(comments)
        self.has_cursors = True
        self.asked = 0
        self.glitch: Callable[[int, dict], Reply | dict] = lambda _, body: body

    def __call__(self, seen: Seen) -> Reply:
        self.asked += 1
        body = self.glitch(self.asked, self.body(urlsplit(seen.path).path, params(seen.path)))
        return body if isinstance(body, Reply) else Reply(200, json.dumps(body).encode())

    def body(self, path: str, asked: dict[str, str]) -> dict:
        assert (asked["sort"], asked["limit"]) == ("New", str(LIMIT))
        if path.endswith("/post/list"):
            posts, following = self.cut(self.posts, asked)
            return {"posts": posts, **({"next_page": following} if self.has_cursors and posts else {})}
        comments, _ = self.cut(self.comments, asked)
        if path.endswith("/comment/list"):
            return {"comments": comments}
        return {"posts": self.cut(self.posts, asked)[0], "comments": comments}

    def cut(self, views: list[dict], asked: dict[str, str]) -> tuple[list[dict], str]:
        def place(one: dict) -> tuple:
            said = one.get("comment") or one["post"]
            return said.get("featured_local", False), said["published"]

        views = sorted(views, key=place, reverse=True)
        start = (int(asked.get("page", 1)) - 1) * LIMIT
        if "page_cursor" in asked:
            [start] = [n + 1 for n, one in enumerate(views) if f"P{one['post']['id']:x}" == asked["page_cursor"]]
        found = views[start : start + LIMIT]
        return found, f"P{found[-1]['post']['id']:x}" if found and "post" in found[-1] and "id" in found[-1][
            "post"
        ] else ""


walked = partial(walking.walked, most=80)


def ids(*walks_: list[Page]) -> set[str]:
    return {post.native_id.removeprefix("https://pond.example/") for w in walks_ for page in w for post in page.posts}


def posts(*numbers: int) -> set[str]:
    return {f"post/{number}" for number in numbers}


def gaps(*walks_: list[Page]) -> list[Gap]:
    return [page.gap for walk in walks_ for page in walk if page.gap]


# walks


def test_a_first_poll_looks_back_two_days_and_not_further():
    made = Instance([view(n, n * 30) for n in range(1, 301)])
    with site(made) as (_, connector):
        first = walked(connector, feed())
    assert ids(first) == posts(*range(201, 301))


def test_a_first_poll_of_a_busy_instance_ends_after_ten_pages():
    made = Instance([view(n) for n in range(1, 901)])
    with site(made) as (_, connector):
        first = walked(connector, feed())
    assert len(first) == walks.FIRST_PAGES


@pytest.mark.parametrize("has_cursors", [True, False])
def test_a_later_poll_goes_back_to_the_last_known_number(has_cursors):
    made = Instance([view(n) for n in range(1, 51)])
    made.has_cursors = has_cursors
    with site(made) as (server, connector):
        first = walked(connector, feed())
        made.posts += [view(n) for n in range(51, 351)]
        arriving = iter(range(400, 500))
        made.asked = 0
        made.glitch = lambda n, body: (n < 6 and made.posts.append(view(next(arriving)))) or body
        second = walked(connector, feed(), first[-1].cursor)
        made.glitch = lambda _, body: body
        third = walked(connector, feed(), second[-1].cursor)
        fourth = walked(connector, feed(), third[-1].cursor)
    assert ids(first, second, third) == posts(*range(1, 351), *range(400, 405))
    assert not gaps(first, second, third)
    assert len(fourth) == 1
    assert any("page_cursor" in path for path in server.paths()) is has_cursors


def test_a_post_that_arrives_late_or_claims_the_future_does_not_confuse_a_walk():
    made = Instance([view(n) for n in range(1, 101)])
    with site(made) as (_, connector):
        first = walked(connector, feed())
        made.posts += [view(101, minutes=80), view(102, minutes=10_000_000), view(103, minutes=102)]
        second = walked(connector, feed(), first[-1].cursor)
        made.posts += [view(n, minutes=n) for n in range(104, 260)]
        third = walked(connector, feed(), second[-1].cursor)
    assert ids(second) >= posts(101, 102, 103)
    assert ids(third) >= posts(*range(104, 260))
    assert not gaps(first, second, third)


def test_pinned_posts_do_not_end_a_walk():
    made = Instance([view(n, featured_local=n < 3) for n in range(1, 61)])
    with site(made) as (_, connector):
        first = walked(connector, feed())
        made.posts += [view(n) for n in range(61, 201)]
        second = walked(connector, feed(), first[-1].cursor)
    assert ids(second) >= posts(*range(61, 201))


def test_a_search_goes_back_in_both_its_lists():
    made = Instance([view(n, n * 10) for n in range(1, 20)], [view(n, kind="comment") for n in range(1, 61)])
    with site(made) as (_, connector):
        first = walked(connector, feed("lake.example/search/boats"))
        made.posts.append(view(20, 200))
        made.comments += [view(n, kind="comment") for n in range(61, 400)]
        second = walked(connector, feed("lake.example/search/boats"), first[-1].cursor)
    assert ids(first, second) == posts(*range(1, 21)) | {f"comment/{n}" for n in range(1, 400)}
    assert not gaps(first, second)


def test_deleted_and_removed_ones_are_told():
    made = Instance([view(1), view(2, deleted=True), view(3, removed=True)])
    with site(made) as (_, connector):
        [page, *_] = walked(connector, feed())
    assert page.deleted == ("https://pond.example/post/3", "https://pond.example/post/2")
    assert ids([page]) == posts(1)


def test_an_edit_of_a_post_on_the_newest_page_is_seen():
    made = Instance([view(n) for n in range(1, 10)])
    with site(made) as (_, connector):
        first = walked(connector, feed())
        made.posts[4]["post"] |= {"name": "Better", "updated": "2026-09-02T10:00:00"}
        [page] = walked(connector, feed(), first[-1].cursor)
    edited = next(post for post in page.posts if post.title == "Better")
    assert edited.edited_at == datetime(2026, 9, 2, 10, tzinfo=UTC)


def no_fault(n, body):
    return body


def short_pages(n, body):
    return body | {"posts": body["posts"][:20], "next_page": f"P{body['posts'][19]['post']['id']:x}"} if n < 9 else body


def page_two_repeats_page_one(n, body, kept=[]):  # noqa: B006 the memory of this fault
    kept.append(body)
    return kept[-2] if n == 2 else body


def an_error_in_page_three(n, body):
    return Reply(500) if n == 3 else body


def a_limit_in_page_two(n, body):
    return Reply(400, b'{"error":"rate_limit_error"}') if n == 2 else body


def an_error_in_each_second_answer(n, body):
    return Reply(503) if n % 2 else body


def a_block_page_in_page_two(n, body):
    return Reply(200, b"<!DOCTYPE html><html>no robots</html>") if n == 2 else body


def a_truncated_page_two(n, body):
    return Reply(200, json.dumps(body).encode()[:3_000]) if n == 2 else body


def posts_that_come_twice(n, body):
    return body | {"posts": [*body["posts"][:10], *body["posts"][:1], *body["posts"][10:]]}


def nonsense_on_each_page(n, body):
    return body | {"posts": [*body["posts"], {"post": 5}, "text", None, {"post": {"id": "x"}}]}


def shuffled_pages(n, body):
    return body | {"posts": sorted(body["posts"], key=lambda one: one["post"]["id"] * 7919 % 101)}


FAULTS = [
    no_fault,
    short_pages,
    page_two_repeats_page_one,
    an_error_in_page_three,
    a_limit_in_page_two,
    an_error_in_each_second_answer,
    a_block_page_in_page_two,
    a_truncated_page_two,
    posts_that_come_twice,
    nonsense_on_each_page,
    shuffled_pages,
]


@pytest.mark.parametrize("broken", FAULTS, ids=lambda made: made.__name__)
def test_a_walk_under_faults_finds_what_there_is(broken):
    made = Instance([view(n) for n in range(1, 41)])
    with site(made) as (_, connector):
        first = walked(connector, feed())
        made.posts += [view(n) for n in range(41, 301)]
        made.asked, made.glitch = 0, broken
        second = walked(connector, feed(), first[-1].cursor, errors=30)
        made.glitch = no_fault
        third = walked(connector, feed(), second[-1].cursor)
    assert ids(first, second, third) == posts(*range(1, 301))
    assert not gaps(first, second, third)


def test_an_instance_that_repeats_itself_for_ever_is_left_with_a_gap_that_can_be_filled():
    made = Instance([view(n) for n in range(1, 41)])
    with site(made) as (_, connector):
        first = walked(connector, feed())
        made.posts += [view(n) for n in range(41, 301)]
        same = made.body("/post/list", {"sort": "New", "limit": "50"})
        made.glitch = lambda _, body: same
        second = walked(connector, feed(), first[-1].cursor)
        [gap] = gaps(second)
        assert (gap.older, gap.newer) == ("post-40", "post-251")
        made.glitch = no_fault
        filled = walked(connector, feed(), connector.fill(feed(), gap))
    assert ids(filled) >= posts(*range(41, 301))
    assert connector.fill(feed(), Gap("")) is None


def test_more_than_one_walk_reads_leaves_a_gap(monkeypatch):
    monkeypatch.setattr(walks, "PAGES", 3)
    made = Instance([view(n) for n in range(1, 41)])
    with site(made) as (_, connector):
        first = walked(connector, feed())
        made.posts += [view(n) for n in range(41, 301)]
        second = walked(connector, feed(), first[-1].cursor)
    assert [(gap.older, gap.newer) for gap in gaps(second)] == [("post-40", "post-151")]


# what is asked, and refused


@pytest.mark.parametrize(
    ("query", "path", "asked"),
    [
        ("a.example/all", "/api/v3/post/list", {"type_": "All"}),
        ("a.example/local", "/api/v3/post/list", {"type_": "Local"}),
        ("a.example/local/comments", "/api/v3/comment/list", {"type_": "Local"}),
        ("a.example/c/boats", "/api/v3/post/list", {"type_": "All", "community_name": "boats"}),
        ("a.example/c/boats@b.example/comments", "/api/v3/comment/list", {"community_name": "boats@b.example"}),
        ("a.example/u/oona", "/api/v3/user", {"username": "oona"}),
        ("a.example/post/12", "/api/v3/comment/list", {"post_id": "12"}),
        ("a.example/search/two words", "/api/v3/search", {"q": "two words", "type_": "All"}),
    ],
)
def test_a_query_asks_for_its_own(query, path, asked):
    url = Lemmy(Settings(), None).request(feed(query), None).url
    assert url.startswith(f"https://a.example{path}?")
    assert asked.items() <= params(url).items()


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(400, b'{"error":"rate_limit_error"}'), RateLimited),
        (Reply(429, b'{"error":"rate_limit_error"}'), RateLimited),
        (Reply(400, b'{"error":"couldnt_find_community"}'), ConnectorError),
        (Reply(400, b'{"error":"instance_is_private"}'), NotAuthorised),
        (Reply(401, b'{"error":"not_logged_in"}'), NotAuthorised),
        (Reply(400, b'{"error":"?"}'), ConnectorError),
        (Reply(200, b'{"error":"?"}'), BadPayload),
        (Reply(200, b"[]"), BadPayload),
        (Reply(200, b"<!doctype html><html></html>"), RateLimited),
    ],
)
def test_refusals_become_ours(reply, error):
    with site(lambda _: reply) as (_, connector), pytest.raises(ConnectorError) as caught:
        walked(connector, feed())
    assert type(caught.value) is error


@pytest.mark.parametrize("query", ["", "a.example", "a.example/c/", "a.example/u/x/comments", "a.example/post/x"])
def test_a_query_that_does_not_exist_says_which_do(query):
    with pytest.raises(ConnectorError, match="INSTANCE/c/name"):
        request(Lemmy(Settings(), None), feed(query), None)


# what people paste


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("!selfhosted@lemmy.world", "lemmy.world/c/selfhosted"),
        ("https://programming.dev/c/python", "programming.dev/c/python"),
        ("https://any.example/c/boats@pond.example", "pond.example/c/boats"),
        ("any.example/u/oona@pond.example", "pond.example/u/oona"),
        ("https://lemmy.ml/u/oona", "lemmy.ml/u/oona"),
        ("https://lemmy.ml/c/boats?dataType=Comment&sort=New", "lemmy.ml/c/boats/comments"),
        ("https://lemmy.ml/post/4711", "lemmy.ml/post/4711"),
        ("https://beehaw.org/", "beehaw.org/local"),
        ("https://beehaw.org/?dataType=Post&listingType=All", "beehaw.org/all"),
        ("https://sh.itjust.works/search?q=postgres+backup&type=All", "sh.itjust.works/search/postgres backup"),
        ("lemmy:pond.example/c/boats/comments", "pond.example/c/boats/comments"),
        ("Lemmy: pond.example/all", "pond.example/all"),
        ("lemmy:!boats@pond.example", "pond.example/c/boats"),
    ],
)
def test_what_people_paste_becomes_a_feed(text, query):
    found = Lemmy(Settings(), None).feed_for(text)
    assert found is not None
    assert (found.query, found.connector, found.platform, found.id) == (query, "lemmy", "lemmy", 0)
    assert str(Query.read(query)) == query
    assert found.title
    assert found.home_url.startswith(f"https://{query.split('/')[0]}/")


@pytest.mark.parametrize(
    "text",
    [
        "https://forum.example/c/boats/5",
        "https://example.org/c/boats",
        "https://example.org/u/oona",
        "https://lemmy.ml/modlog",
        "@oona@pond.example",
        "!boats",
        "lemmy:",
        "lemmy:nonsense",
        "https://[broken",
        "ftp://x.example/c/a@b.example",
        "",
        "x" * 600,
    ],
)
def test_what_is_not_ours_is_left_to_others(text):
    assert Lemmy(Settings(), None).feed_for(text) is None


@pytest.mark.parametrize(
    ("account", "query"),
    [
        ("@Oona@lemmy.world", "lemmy.world/u/oona"),
        ("oona@beehaw.org", "beehaw.org/u/oona"),
        ("https://lemmy.ml/u/oona", "lemmy.ml/u/oona"),
        ("https://any.example/u/oona@pond.example", "pond.example/u/oona"),
    ],
)
def test_ones_own_account_is_a_feed(account, query):
    assert [found.query for found in Lemmy(Settings(), None).mine(account)] == [query]


@pytest.mark.parametrize("account", ["@oona@pond.example", "!boats@lemmy.world", "oona", "https://lemmy.ml/c/boats"])
def test_other_accounts_are_not_ours(account):
    assert Lemmy(Settings(), None).mine(account) == ()


# posts read again


def test_posts_are_read_again_where_they_live():
    answers = {
        "/api/v3/post?id=1": Reply(200, json.dumps({"post_view": view(1, name="Better")}).encode()),
        "/api/v3/post?id=2": Reply(404, b'{"error":"couldnt_find_post"}'),
        "/api/v3/post?id=3": Reply(200, json.dumps({"post_view": view(3, removed=True)}).encode()),
        "/api/v3/comment?id=4": Reply(200, json.dumps({"comment_view": view(4, kind="comment")}).encode()),
        "/api/v3/post?id=5": Reply(404, b"nothing here"),
        "/api/v3/post?id=6": Reply(500),
    }
    known = [f"https://pond.example/{'comment' if n == 4 else 'post'}/{n}" for n in range(1, 7)]
    with site(lambda seen: answers[seen.path]) as (_, connector):
        page = connector.recheck([*known, "https://far.example/objects/1", "nonsense"])
    assert [post.native_id for post in page.posts if post.title == "Better"] == [known[0]]
    assert {post.native_id for post in page.posts} == {known[0], known[3]}
    assert set(page.deleted) == {known[1], known[2]}


# Markdown


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("**bold** and *soft* and ***both***", "bold and soft and both"),
        ("__bold__ and _soft_ and snake_case_name", "bold and soft and snake_case_name"),
        ("2 * 3 * 4 and a*b*c", "2 * 3 * 4 and a*b*c"),
        ("# Head ##\n\n## Second", "Head\n\nSecond"),
        ("> a\n> > b\nc", "a\nb\nc"),
        ("[words](https://a.example/x_(y)) end", "words end"),
        ("[ref][1] stays", "[ref][1] stays"),
        ("![alt text](https://a.example/i.png)", "alt text"),
        ("<https://a.example/>", "https://a.example/"),
        ("`code *not soft*`", "code not soft"),
        ("```\n**raw**\n```", "**raw**"),
        ("* one\n+ two\n- three\n  * four", "- one\n- two\n- three\n  - four"),
        ("a\n\n---\n\nb", "a\n\nb"),
        ("1 &lt; 2 &amp; \\*", "1 < 2 & *"),
        ("a\r\nb", "a\nb"),
        ("::: spoiler why\nbecause\n:::", "why\nbecause"),
        ("", ""),
    ],
)
def test_markdown_becomes_plain_text(written, read):
    assert markdown.to_text(written) == read


def test_links_come_in_order_and_images_are_none():
    written = "[a](https://a.example/1 'title') ![i](https://a.example/i.png) <https://a.example/2> "
    written += "https://a.example/3. [r](/c/x)"
    assert markdown.links(written, "https://b.example/post/1") == (
        "https://a.example/1",
        "https://a.example/2",
        "https://a.example/3",
        "https://b.example/c/x",
    )
    assert markdown.images(written) == (("https://a.example/i.png", "i"),)


@pytest.mark.parametrize(
    "unit", ["[", "](", "![a](", "*a", "_", "`", "> ", "<http://", "https://a ", "# ", ":::", "~~a", "- " * 9]
)
def test_hostile_markdown_does_not_take_long(unit):
    text = unit * (100_000 // len(unit))
    began = time.perf_counter()
    markdown.to_text(text)
    markdown.links(text, "https://a.example/")
    assert time.perf_counter() - began < 3
