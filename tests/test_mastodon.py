"""Mastodon: what people paste, who gets a token, walks that lose nothing, streams, follows, posts read again."""

import json
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr, ValidationError

from connectors.mastodon import Mastodon, Settings, pages, posts, streams, walks
from connectors.mastodon.queries import Query
from listener.addresses import NetworkRules
from listener.connector import read, request
from listener.errors import BadPayload, ConnectorError, FeedGone, NotAuthorised, RateLimited
from listener.http import Client, Limits
from listener.types import Answer, Feed, Gap, Page
from tests.servers import Reply, Seen, Server
from tests.walking import reached, walked

HOME = "social.example"
START = datetime(2026, 9, 1, tzinfo=UTC)


def feed(query: str = f"{HOME}/home") -> Feed:
    return Feed(1, "mastodon", query, "mastodon")


def site(
    answer: Callable[[Seen], Reply], token: str | None = "sesame"
) -> AbstractContextManager[tuple[Server, Mastodon]]:
    return reached(Mastodon, answer, server=HOME, token=token)


def params(path: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(path).query)


def person(name: str = "ada", **changes: object) -> dict:
    return {
        "id": f"p-{name}",
        "username": name,
        "acct": name,
        "display_name": name.title(),
        "bot": False,
        "discoverable": True,
        "indexable": True,
        "url": f"https://{HOME}/@{name}",
        "uri": f"https://{HOME}/users/{name}",
        "note": "<p>Mathematics</p>",
        "fields": [],
        "followers_count": 3,
    } | changes


def status(number: int | str, **changes: object) -> dict:
    """A post; ids are opaque, so they look like nothing that could be counted."""
    minutes = number if isinstance(number, int) else 0
    return {
        "id": opaque(number),
        "uri": f"https://{HOME}/users/ada/statuses/{opaque(number)}",
        "url": f"https://{HOME}/@ada/{opaque(number)}",
        "created_at": (START + timedelta(minutes=minutes)).isoformat(),
        "content": f"<p>Post {number}</p>",
        "visibility": "public",
        "account": person(),
        "reblog": None,
        "in_reply_to_id": None,
        "in_reply_to_account_id": None,
        "mentions": [],
        "tags": [],
        "media_attachments": [],
    } | changes


def opaque(number: int | str) -> str:
    return f"{(hash_of(number) * 7919) % 65_536:04x}-{number}"


def hash_of(number: int | str) -> int:
    return number if isinstance(number, int) else sum(map(ord, number))


class Site:
    """A server with one timeline; `order` keeps the places of deleted posts, `glitch` may spoil the nth answer."""

    def __init__(self, statuses: list[dict]) -> None:
        self.statuses = {one["id"]: one for one in statuses}
        self.order = [one["id"] for one in statuses]
        self.keeps = 10_000
        self.has_links = True
        self.newest_only = False
        self.asked = 0
        self.glitch: Callable[[int, list], Reply | list] = lambda _, body: body

    def add(self, *statuses: dict, at: int | None = None) -> None:
        place = len(self.order) if at is None else at
        self.order[place:place] = [one["id"] for one in statuses]
        self.statuses |= {one["id"]: one for one in statuses}

    def __call__(self, seen: Seen) -> Reply:
        self.asked += 1
        found = self.found({name: values[0] for name, values in params(seen.path).items()})
        body = self.glitch(self.asked, found)
        if isinstance(body, Reply):
            return body
        return Reply(200, json.dumps(body).encode(), self.links(body) if self.has_links else {})

    def links(self, body: list) -> dict[str, str]:
        found = [one for one in body if isinstance(one, dict) and one.get("id") in self.statuses]
        if not found:
            return {}
        older, newer = f"max_id={found[-1]['id']}", f"min_id={found[0]['id']}"
        return {"Link": f'<https://x.example/?{older}>; rel="next", <https://x.example/?{newer}>; rel="prev"'}

    def found(self, asked: dict[str, str]) -> list[dict]:
        there = [one for one in self.order[-self.keeps :] if one in self.statuses]
        places = {one: place for place, one in enumerate(self.order)}
        limit = int(asked["limit"])
        if "max_id" in asked:
            there = [one for one in there if places[one] < places[asked["max_id"]]]
        if "min_id" in asked:
            there = [one for one in there if places[one] > places[asked["min_id"]]]
            there = there[-limit:] if self.newest_only else there[:limit]
        return [self.statuses[one] for one in there[-limit:][::-1]]


def ids(*walks_: list[Page]) -> set[str]:
    return {post.native_id.rpartition("/")[2] for walk in walks_ for page in walk for post in page.posts}


def gaps(*walks_: list[Page]) -> list[Gap]:
    return [page.gap for walk in walks_ for page in walk if page.gap]


# walks


def test_a_first_poll_looks_back_two_days_and_not_further():
    made = Site([status(n * 60) for n in range(200)])
    with site(made) as (_, connector):
        first = walked(connector, feed())
    assert len(ids(first)) == 80  # 48 hours end on the second page of 40
    assert not gaps(first)


def test_a_first_poll_of_a_busy_server_ends_after_ten_pages():
    made = Site([status(n) for n in range(900)])
    with site(made) as (_, connector):
        first = walked(connector, feed())
    assert len(first) == walks.FIRST_PAGES
    assert ids(first) == {opaque(n) for n in range(500, 900)}


def test_a_later_poll_goes_forward_through_everything_that_came():
    made = Site([status(n) for n in range(50)])
    with site(made) as (server, connector):
        first = walked(connector, feed())
        made.add(*(status(n) for n in range(50, 350)))
        made.asked = 0
        made.glitch = lambda n, body: made.add(status(1_000 + n)) or body if n < 8 else body
        second = walked(connector, feed(), first[-1].cursor)
        third = walked(connector, feed(), second[-1].cursor)
    assert ids(first, second, third) == {opaque(one) for one in [*range(350), *range(1_001, 1_008)]}
    assert not gaps(first, second, third)
    assert all("since_id" not in params(path) for path in server.paths())
    assert len(third) == 1, "nothing new is one request"


def test_a_post_that_arrives_late_gets_an_older_place_and_is_found():
    made = Site([status(n) for n in range(60)])
    with site(made) as (_, connector):
        first = walked(connector, feed())
        made.add(status("late"), at=50)
        second = walked(connector, feed(), first[-1].cursor)
    assert opaque("late") in ids(second)


def test_an_edit_of_one_of_the_newest_posts_is_seen_with_the_next_poll():
    made = Site([status(n) for n in range(30)])
    with site(made) as (_, connector):
        first = walked(connector, feed())
        made.statuses[opaque(25)] |= {"content": "<p>Better</p>", "edited_at": "2026-09-02T10:00:00.000Z"}
        [page] = walked(connector, feed(), first[-1].cursor)
    edited = next(post for post in page.posts if post.native_id.endswith(opaque(25)))
    assert (edited.text, edited.edited_at) == ("Better", datetime(2026, 9, 2, 10, tzinfo=UTC))


def test_deleted_marks_do_not_stop_a_walk():
    made = Site([status(n) for n in range(60)])
    with site(made) as (_, connector):
        first = walked(connector, feed())
        for number in (*range(38, 45), 59):
            del made.statuses[opaque(number)]
        made.add(*(status(n) for n in range(60, 150)))
        second = walked(connector, feed(), first[-1].cursor)
    assert ids(second) >= {opaque(n) for n in range(60, 150)}
    assert not gaps(second)


def test_a_list_that_was_cut_off_leaves_a_gap():
    made = Site([status(n) for n in range(60)])
    with site(made) as (_, connector):
        first = walked(connector, feed())
        made.add(*(status(n) for n in range(60, 1_000)))
        made.keeps = 800
        second = walked(connector, feed(), first[-1].cursor)
    assert [(gap.older, gap.newer) for gap in gaps(second)] == [(opaque(59), opaque(200))]
    assert ids(second) == {opaque(n) for n in range(200, 1_000)}


def test_a_server_that_takes_min_id_for_since_id_leaves_a_gap_and_it_can_be_filled():
    made, source = Site([status(n) for n in range(60)]), feed(f"{HOME}/public")
    made.newest_only = True
    with site(made) as (_, connector):
        first = walked(connector, source)
        made.add(*(status(n) for n in range(60, 300)))
        second = walked(connector, source, first[-1].cursor)
        [gap] = gaps(second)
        assert (gap.older, gap.newer) == (opaque(59), opaque(260))
        filled = walked(connector, source, connector.fill(source, gap))
    assert ids(second, filled) >= {opaque(n) for n in range(60, 300)}
    assert not gaps(filled)


def test_what_cannot_be_gone_back_to_is_not_filled():
    with site(Site([])) as (_, connector):
        for query in (f"{HOME}/home", f"{HOME}/search/x", f"{HOME}/post/1", "nonsense"):
            assert connector.fill(feed(query), Gap("", "1", "2")) is None
        assert connector.fill(feed(f"{HOME}/public"), Gap("")) is None


def test_a_server_without_link_headers_is_walked_by_its_posts_ids():
    made = Site([status(n * 60) for n in range(100)])
    made.has_links = False
    with site(made) as (_, connector):
        first = walked(connector, feed())
        made.add(*(status(n * 60) for n in range(100, 200)))
        second = walked(connector, feed(), first[-1].cursor)
    assert ids(first, second) >= {opaque(n * 60) for n in range(60, 200)}


def test_an_empty_timeline_stays_a_first_poll_until_something_comes():
    made = Site([])
    with site(made) as (_, connector):
        first = walked(connector, feed())
        made.add(status(1))
        second = walked(connector, feed(), first[-1].cursor)
    assert (ids(first), ids(second)) == (set(), {opaque(1)})


def no_fault(n, body):
    return body


def short_pages(n, body):
    return body[-25:]


def page_two_repeats_page_one(n, body, kept=[]):  # noqa: B006 the memory of this fault
    kept.append(body)
    return kept[-2] if n == 2 and len(kept) > 1 else body


def an_error_in_page_three(n, body):
    return Reply(500) if n == 3 else body


def a_limit_in_page_two(n, body):
    return Reply(429, b'{"error": "Too many requests"}') if n == 2 else body


def an_error_in_each_second_answer(n, body):
    return Reply(503) if n % 2 else body


def a_block_page_in_page_two(n, body):
    return Reply(200, b"<!DOCTYPE html><html>no robots</html>") if n == 2 else body


def a_truncated_page_two(n, body):
    return Reply(200, json.dumps(body).encode()[:3_000]) if n == 2 else body


def posts_that_come_twice(n, body):
    return [*body[:10], *body[:1], *body[10:]]


def nonsense_on_each_page(n, body):
    return [*body, {"id": None}, "text", None, {"id": "x", "uri": 5}] if body else body


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
]


@pytest.mark.parametrize("broken", FAULTS, ids=lambda made: made.__name__)
def test_a_walk_under_faults_finds_what_there_is(broken):
    made = Site([status(n) for n in range(40)])
    with site(made) as (_, connector):
        first = walked(connector, feed())
        made.add(*(status(n) for n in range(40, 300)))
        made.asked, made.glitch = 0, broken
        second = walked(connector, feed(), first[-1].cursor, errors=30)
        made.glitch = no_fault
        third = walked(connector, feed(), second[-1].cursor)
    assert ids(first, second, third) == {opaque(n) for n in range(300)}
    assert not gaps(first, second, third)


def test_a_search_goes_back_from_the_newest_to_the_last_known():
    made, source = Site([status(n * 60) for n in range(200)]), feed(f"{HOME}/search/backup")

    def answer(seen: Seen) -> Reply:
        assert params(seen.path)["type"] == ["statuses"]
        reply = made(seen)
        return Reply(200, json.dumps({"statuses": json.loads(reply.body), "accounts": []}).encode())

    with site(answer) as (_, connector):
        first = walked(connector, source)
        made.add(*(status(n * 60) for n in range(200, 300)))
        second = walked(connector, source, first[-1].cursor)
        third = walked(connector, source, second[-1].cursor)
    assert ids(first, second) >= {opaque(n * 60) for n in range(160, 300)}
    assert not gaps(first, second, third)
    assert len(third) == 1


def test_notifications_are_walked_by_their_own_ids():
    said = [{"id": str(n), "type": "mention", "created_at": START.isoformat(), "status": status(n)} for n in range(5)]
    made = Site(said)
    with site(made) as (server, connector):
        first = walked(connector, feed(f"{HOME}/notifications"))
        made.add({"id": "9", "type": "mention", "created_at": START.isoformat(), "status": status(9)})
        made.add({"id": "10", "type": "follow", "created_at": START.isoformat(), "account": person()})
        second = walked(connector, feed(f"{HOME}/notifications"), first[-1].cursor)
    assert ids(first, second) == {opaque(n) for n in (0, 1, 2, 3, 4, 9)}
    assert {"favourite", "follow", "reblog"} <= set(params(server.paths()[0])["exclude_types[]"])


def test_an_account_is_looked_up_once_by_its_name():
    made = Site([status(n) for n in range(3)])

    def answer(seen: Seen) -> Reply:
        if "/lookup" in seen.path:
            return Reply(200, json.dumps(person("grace", id="77-x")).encode())
        assert urlsplit(seen.path).path == "/api/v1/accounts/77-x/statuses"
        return made(seen)

    with site(answer) as (server, connector):
        first = walked(connector, feed("far.example/@grace"))
        second = walked(connector, feed("far.example/@grace"), first[-1].cursor)
        assert connector.fill(feed("far.example/@grace"), Gap("", "1", "2")) is not None
    assert ids(first) == {opaque(n) for n in range(3)}
    assert ["lookup" in path for path in server.paths()] == [True, *[False] * (len(server.paths()) - 1)]
    assert params(server.paths()[0]) == {"acct": ["grace"]}
    assert len(second) == 1


def test_a_post_brings_its_replies_and_they_know_their_thread():
    root = status("root")
    reply = status("reply", in_reply_to_id=root["id"], in_reply_to_account_id="p-ada", account=person("grace"))
    deeper = status("deep", in_reply_to_id=reply["id"], in_reply_to_account_id="p-grace")

    def answer(seen: Seen) -> Reply:
        is_context = seen.path.endswith("/context")
        return Reply(
            200, json.dumps({"ancestors": [], "descendants": [reply, deeper]} if is_context else root).encode()
        )

    with site(answer) as (server, connector):
        first = walked(connector, feed(f"{HOME}/post/{root['id']}"))
        again = walked(connector, feed(f"{HOME}/post/{root['id']}"), first[-1].cursor)
    found = [post for page in first for post in page.posts]
    assert [post.kind for post in found] == ["post", "reply", "reply"]
    assert [post.in_reply_to for post in found] == [None, root["uri"], reply["uri"]]
    assert {post.thread for post in found} == {root["uri"]}
    assert len(again) == 1
    assert len(server.paths()) == 3


def test_a_reply_to_oneself_names_its_parent_even_from_another_page():
    uri = f"https://{HOME}/ap/users/5/statuses/102"
    own = status("x", id="102", uri=uri, in_reply_to_id="101", in_reply_to_account_id="p-ada")
    [post] = pages.page(pages.entries([own]), HOME, {}).posts
    assert post.in_reply_to == f"https://{HOME}/ap/users/5/statuses/101"
    other = own | {"in_reply_to_account_id": "p-grace"}
    assert pages.page(pages.entries([other]), HOME, {}).posts[0].in_reply_to is None


# who may ask for what


def test_a_token_goes_to_its_own_server_only():
    with site(Site([])) as (_, connector):
        assert request(connector, feed(f"{HOME}/home"), None).credentials == {"Authorization": "Bearer sesame"}
        assert request(connector, feed(f"{HOME}/public"), None).credentials == {"Authorization": "Bearer sesame"}
        assert not request(connector, feed("far.example/public"), None).credentials
        assert not request(connector, feed("far.example/@grace"), None).credentials


@pytest.mark.parametrize("what", ["home", "notifications", "list/5", "search/words"])
def test_what_needs_a_token_says_which_setting_is_missing(what):
    for settings, words in (
        (Settings(), "connectors.mastodon.token is not set"),
        (Settings(server=HOME), "connectors.mastodon.token is not set"),
        (Settings(token=SecretStr("sesame")), "connectors.mastodon.server is not set"),
        (Settings(server="far.example", token=SecretStr("sesame")), "server is another server"),
    ):
        with pytest.raises(NotAuthorised, match=words):
            request(Mastodon(settings, None), feed(f"{HOME}/{what}"), None)


@pytest.mark.parametrize("server", ["Social.Example", "https://social.example/", " social.example "])
def test_the_own_server_may_be_written_in_many_ways(server):
    assert Settings(server=server).server == HOME


@pytest.mark.parametrize("server", ["", "a b", "https://social.example/@ada", "social.example/home"])
def test_what_is_no_server_is_refused(server):
    with pytest.raises(ValidationError, match=r"must be the name of a server"):
        Settings(server=server)


@pytest.mark.parametrize(
    ("reply", "error", "words"),
    [
        (Reply(401), NotAuthorised, "connectors.mastodon.token"),
        (Reply(401, b'{"error":"The access token is invalid"}'), NotAuthorised, "connectors.mastodon.token"),
        (Reply(400, b"Invalid Bearer token"), NotAuthorised, "connectors.mastodon.token"),
        (Reply(403, b'{"error":"This action is outside the authorized scopes"}'), NotAuthorised, "token"),
        (Reply(422, b'{"error":"This method requires an authenticated user"}'), NotAuthorised, "token"),
        (Reply(422, b'{"error":"Validation failed"}'), ConnectorError, "HTTP 422"),
        (Reply(400, b'{"error":"no"}'), ConnectorError, "HTTP 400"),
        (Reply(404, b'{"error":"Record not found"}'), ConnectorError, "HTTP 404"),
        (Reply(410), FeedGone, "gone"),
        (Reply(503), RateLimited, "wait"),
        (Reply(200, b"<!DOCTYPE html><html>Cloudflare</html>"), RateLimited, "web page"),
        (Reply(200, b'{"error":"?"}'), BadPayload, "no posts"),
        (Reply(200, b"[5]"), BadPayload, "no posts"),
    ],
)
def test_refusals_are_told_apart_by_what_they_say(reply, error, words):
    with site(lambda _: reply) as (_, connector), pytest.raises(ConnectorError, match=words) as caught:
        walked(connector, feed())
    assert type(caught.value) is error
    assert "sesame" not in str(caught.value)


def test_a_limit_names_its_end_as_an_iso_time():
    until = (datetime.now(UTC) + timedelta(seconds=200)).isoformat()
    headers = {"X-RateLimit-Limit": "300", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": until}
    with site(lambda _: Reply(429, b"{}", headers)) as (_, connector), pytest.raises(RateLimited) as caught:
        walked(connector, feed())
    assert caught.value.retry_after_s == pytest.approx(200, abs=5)


def test_an_unknown_name_says_what_else_can_be_done():
    with site(lambda _: Reply(404)) as (_, connector), pytest.raises(ConnectorError, match="SERVER/account/ID"):
        walked(connector, feed("far.example/@nobody"))


def test_the_quota_left_is_told():
    headers = {"X-RateLimit-Limit": "300", "X-RateLimit-Remaining": "291", "X-RateLimit-Reset": START.isoformat()}
    with site(lambda _: Reply(200, b"[]", headers)) as (_, connector):
        [quota] = walked(connector, feed())[0].quotas
    assert (quota.left, quota.limit, quota.resets_at) == (291, 300, START)


# what people paste


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("@ada@far.example", "far.example/@ada"),
        ("@ada.l@far.example:8443", "far.example:8443/@ada.l"),
        ("@zuck@threads.net", "social.example/@zuck@threads.net"),
        ("@oona@lemmy.world", "social.example/@oona@lemmy.world"),
        ("#python", "social.example/tag/python"),
        ("https://mastodon.social/@Gargron", "mastodon.social/@Gargron"),
        ("mastodon.social/@Gargron/with_replies", "mastodon.social/@Gargron"),
        ("https://fosstodon.org/@ada@far.example", "far.example/@ada"),
        ("https://social.example/@zuck@threads.net", "social.example/@zuck@threads.net"),
        ("https://mastodon.social/users/Gargron", "mastodon.social/@Gargron"),
        ("https://mastodon.social/tags/python", "mastodon.social/tag/python"),
        ("https://mastodon.social/public/local", "mastodon.social/local"),
        ("https://mastodon.social/public", "mastodon.social/public"),
        ("https://mastodon.social/@Gargron/109308975349237048", "mastodon.social/post/109308975349237048"),
        ("https://mastodon.social/users/a/statuses/12", "mastodon.social/post/12"),
        ("https://social.example/home", "social.example/home"),
        ("https://social.example/deck/notifications", "social.example/notifications"),
        ("https://social.example/web/timelines/tag/rust", "social.example/tag/rust"),
        ("https://social.example/lists/7", "social.example/list/7"),
        ("mastodon:hachyderm.io/tag/postgres+backup", "hachyderm.io/tag/postgres+backup"),
        ("mastodon: any.example/tag/a,b-c", "any.example/tag/a,b-c"),
        ("mastodon:any.example/search/two words", "any.example/search/two words"),
        ("Mastodon:any.example/account/23", "any.example/account/23"),
    ],
)
def test_what_people_paste_becomes_a_feed(text, query):
    connector = Mastodon(Settings(server=HOME, token=SecretStr("sesame")), None)
    found = connector.feed_for(text)
    assert found is not None
    assert (found.query, found.connector, found.platform, found.id) == (query, "mastodon", "mastodon", 0)
    assert str(Query.read(found.query)) == query
    assert found.home_url.startswith(f"https://{query.partition('/')[0]}/")
    assert found.title


@pytest.mark.parametrize(
    "text",
    [
        "https://example.org/@ada",
        "https://medium.com/@ada",
        "https://www.youtube.com/@ada",
        "https://mastodon.social/about",
        "https://mastodon.social/",
        "https://github.com/mastodon/mastodon",
        "https://joinmastodon.org/servers",
        "@ada",
        "#py thon",
        "#",
        "!community@lemmy.example",
        "mastodon:",
        "mastodon:nonsense",
        "mastodon:any.example/tag/-a",
        "mastodon:any.example/list/",
        "https://[broken",
        "",
        "x" * 600,
    ],
)
def test_what_is_not_ours_is_left_to_others(text):
    assert Mastodon(Settings(server=HOME), None).feed_for(text) is None


def test_without_a_server_of_ones_own_a_bare_tag_and_a_foreign_network_are_left_to_others():
    assert Mastodon(Settings(), None).feed_for("#python") is None
    assert Mastodon(Settings(), None).feed_for("@zuck@threads.net") is None


def test_tags_may_be_combined():
    asked = params(request(Mastodon(Settings(), None), feed("a.example/tag/python+asyncio,curio-jobs"), None).url)
    assert asked == {"limit": ["40"], "all[]": ["asyncio"], "any[]": ["curio"], "none[]": ["jobs"]}


def test_ones_own_account_has_posts_and_with_a_token_notifications():
    with_token = Mastodon(Settings(server=HOME, token=SecretStr("sesame")), None)
    assert [one.query for one in with_token.mine("@ada@social.example")] == [
        "social.example/@ada",
        "social.example/notifications",
    ]
    assert [one.query for one in with_token.mine("@ada@far.example")] == ["far.example/@ada"]
    assert [one.query for one in with_token.mine("@ada@threads.net")] == ["social.example/@ada@threads.net"]
    assert with_token.mine("ada@mail.example") == ()
    assert with_token.mine("https://mastodon.social/tags/x") == ()


# streams


class Lines:
    """A client whose stream is a list of lines; the rest goes through a real one."""

    def __init__(self, real: Client, said: list[bytes]) -> None:
        self.real, self.said, self.asked, self.closed = real, said, [], False

    def send(self, asked):
        return self.real.send(asked)

    def lines(self, asked):
        self.asked.append(asked)
        try:
            yield from self.said
        finally:
            self.closed = True


def event(name: str, payload: object) -> list[bytes]:
    return [f"event: {name}".encode(), b"data: " + (payload if isinstance(payload, bytes) else dumped(payload)), b""]


def dumped(payload: object) -> bytes:
    return payload.encode() if isinstance(payload, str) else json.dumps(payload).encode()


def test_a_stream_catches_up_first_and_then_tells_what_happens():
    made = Site([status(n) for n in range(5)])
    edited = status(3, content="<p>Better</p>", edited_at="2026-09-02T10:00:00Z")
    said = [
        b":)",
        *event("update", status(7)),
        *event("status.update", edited),
        *event("delete", opaque(7)),
        *event("delete", opaque(2)),
        *event("delete", "unknown"),
        *event("filters_changed", "undefined"),
        *event("update", b"{broken"),
        b"",
    ]
    with site(made) as (_, connector):
        first = walked(connector, feed())
        made.add(status(5), status(6))
        connector.http = Lines(connector.http, said)
        heard: list[Page] = []
        with pytest.raises(ConnectorError, match="ended"):
            heard.extend(connector.stream(feed(), first[-1].cursor))
        heard = []
        for page in connector.stream(feed(), first[-1].cursor):
            heard.append(page)
            if page.rejects:
                break
        made.add(status(7))
        after = walked(connector, feed(), heard[-1].cursor)
    assert ids(heard) >= {opaque(n) for n in (5, 6, 7)}
    told = [page for page in heard if page.posts][-1].posts[0]
    assert (told.native_id, told.text) == (edited["uri"], "Better")
    assert [one for page in heard for one in page.deleted] == [status(7)["uri"], status(2)["uri"]]
    assert any(page.unchanged for page in heard)
    assert len(heard[-1].rejects) == 1
    assert connector.http.closed
    assert [urlsplit(one.url).path for one in connector.http.asked] == ["/api/v1/streaming/user"] * 2
    assert connector.http.asked[0].credentials == {"Authorization": "Bearer sesame"}
    assert len(after) == 1, "what the stream brought is known to the next poll"


def test_a_stream_over_real_http_tells_a_post():
    made = Site([status(1)])

    def answer(seen: Seen) -> Reply:
        if "/streaming/" not in seen.path:
            return made(seen)
        return Reply(200, b"\n".join([b":)", *event("update", status(2)), b""]), {"Content-Type": "text/event-stream"})

    with site(answer) as (_, connector):
        stream = connector.stream(feed(), None)
        heard = [next(stream)]
        while not ids(heard) >= {opaque(1), opaque(2)}:
            heard.append(next(stream))
        with pytest.raises(ConnectorError, match="ended"):
            list(stream)


def test_a_stream_that_is_not_there_is_our_error():
    with site(lambda seen: Reply(404)) as (_, connector), pytest.raises(ConnectorError):
        next(iter(connector.stream(feed(), None)))


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("home", "/api/v1/streaming/user"),
        ("public", "/api/v1/streaming/public"),
        ("local", "/api/v1/streaming/public/local"),
        ("remote", "/api/v1/streaming/public/remote"),
        ("tag/python", "/api/v1/streaming/hashtag?tag=python"),
        ("list/9", "/api/v1/streaming/list?list=9"),
        ("tag/python+asyncio", None),
        ("@ada", None),
        ("search/x", None),
        ("notifications", None),
    ],
)
def test_timelines_tags_and_lists_may_be_streamed_with_a_token(query, path):
    assert Query.read(f"{HOME}/{query}").stream_path() == path
    mine = Mastodon(Settings(server=HOME, token=SecretStr("sesame")), None)
    assert mine.streams(feed(f"{HOME}/{query}")) is (path is not None)
    assert not mine.streams(feed(f"far.example/{query}"))
    assert not Mastodon(Settings(server=HOME), None).streams(feed(f"{HOME}/{query}"))


@pytest.mark.parametrize(
    ("said", "base"),
    [
        ("wss://streaming.social.example", "https://streaming.social.example"),
        ("wss://social.example:4000", "https://social.example:4000"),
        ("wss://evil.example", "https://social.example"),
        ("wss://evilsocial.example", "https://social.example"),
        ("ws://social.example", "https://social.example"),
        ("wss://[", "https://social.example"),
        (None, "https://social.example"),
    ],
)
def test_a_token_follows_the_streams_only_to_the_same_server(said, base):
    assert streams.base({"configuration": {"urls": {"streaming": said}}}, "https://social.example") == base
    assert streams.base({}, "https://social.example") == "https://social.example"


@pytest.mark.parametrize(
    ("status", "body", "host"),
    [
        (200, {"configuration": {"urls": {"streaming": f"wss://streaming.{HOME}"}}}, f"streaming.{HOME}"),
        (200, "nonsense", HOME),
        (404, {}, HOME),
        (500, {}, HOME),
    ],
)
def test_a_server_that_does_not_say_where_its_streams_are_is_asked_itself(status, body, host):
    class Said(Lines):
        def send(self, asked):
            assert asked.url == f"https://{HOME}/api/v2/instance"
            return Answer(asked.url, status, {}, json.dumps(body).encode())

    connector = Mastodon(Settings(server=HOME, token=SecretStr("sesame")), None)
    connector.http = Said(None, [])
    with pytest.raises(ConnectorError, match="before it began"):
        next(iter(connector.stream(feed(), None)))
    assert [one.url for one in connector.http.asked] == [f"https://{host}/api/v1/streaming/user"]


def test_the_recorded_server_says_where_its_streams_are(recordings):
    body = json.loads((recordings / "mastodon" / "test_instance.json").read_bytes())
    assert streams.base(body, "http://localhost:3000") == "http://localhost:4000"


def test_a_stream_forgets_the_oldest_of_very_many_posts():
    seen: dict[str, str] = {}
    pages.remember(seen, {str(n): "uri" for n in range(pages.REMEMBERED + 5)})
    assert len(seen) == pages.REMEMBERED
    assert "4" not in seen


# people, and posts read again


def test_follows_come_with_the_lists_they_are_in():
    answers = {
        "/api/v1/lists": [{"id": "1", "title": "Press"}, {"id": "2", "title": "Friends"}],
        "/api/v1/lists/1/accounts": [person("grace", id="g")],
        "/api/v1/lists/2/accounts": [person("grace", id="g")],
        "/api/v1/accounts/verify_credentials": person("ada", id="me"),
    }

    def answer(seen: Seen) -> Reply:
        path = urlsplit(seen.path).path
        if path != "/api/v1/accounts/me/following":
            return Reply(200, json.dumps(answers[path]).encode())
        if "max_id" in seen.path:
            return Reply(200, json.dumps([person("kay", id="k", acct="kay@far.example", url="x")]).encode())
        link = f'<https://{HOME}/api/v1/accounts/me/following?limit=80&max_id=9>; rel="next"'
        return Reply(200, json.dumps([person("grace", id="g")]).encode(), {"Link": link})

    with site(answer) as (_, connector):
        found = [(one.account.handle, one.circle, one.feed.query) for one in connector.follows()]
    assert found == [
        ("@grace@social.example", "Press", "social.example/@grace"),
        ("@grace@social.example", "Friends", "social.example/@grace"),
        ("@kay@far.example", None, "social.example/@kay@far.example"),
    ]


def test_follows_need_a_server_and_a_token():
    for settings in (Settings(), Settings(server=HOME)):
        with pytest.raises(NotAuthorised, match=r"connectors\.mastodon\.(server|token) is not set"):
            list(Mastodon(settings, None).follows())


@pytest.mark.parametrize("together", [200, 404, 422])
def test_posts_of_the_own_server_are_read_again_and_missed(together):
    kept = {n: status(n, uri=f"https://{HOME}/users/ada/statuses/{n}", id=str(n)) for n in range(30) if n != 7}

    def answer(seen: Seen) -> Reply:
        path = urlsplit(seen.path).path
        if path == "/api/v1/statuses":
            asked = params(seen.path)["id[]"]
            assert len(asked) <= 20
            found = [kept[int(n)] for n in asked if int(n) in kept]
            return Reply(together, json.dumps(found).encode() if together == 200 else b"{}")
        number = int(path.rpartition("/")[2])
        return Reply(200, json.dumps(kept[number]).encode()) if number in kept else Reply(404)

    known = [f"https://{HOME}/users/ada/statuses/{n}" for n in range(30)]
    with site(answer) as (_, connector):
        page = connector.recheck([*known, "https://far.example/users/x/statuses/5", "nonsense"])
    assert {post.native_id for post in page.posts} == set(known) - {known[7]}
    assert page.deleted == (known[7],)


def test_without_a_server_of_ones_own_nothing_is_read_again():
    with pytest.raises(NotImplementedError):
        Mastodon(Settings(), None).recheck(["https://far.example/users/x/statuses/5"])


# posts


def one(made: dict) -> posts.Post:
    page = read(Mastodon(Settings(), None), Answer("", 200, {}, json.dumps([made]).encode()), feed(), None)
    return page.posts[0]


@pytest.mark.parametrize(
    ("changes", "opted_out"),
    [
        ({}, False),
        ({"noindex": True}, True),
        ({"indexable": False}, True),
        ({"discoverable": False}, True),
        ({"discoverable": None, "indexable": None}, False),
        ({"note": '<p>I am <a href="/tags/nobot">#<span>nobot</span></a></p>'}, True),
        ({"note": "<p>#NoIndex please</p>"}, True),
        ({"fields": [{"name": "bots", "value": "#nobot"}]}, True),
        ({"note": "<p>I hate #nobotany</p>"}, False),
    ],
)
def test_an_author_may_opt_out_in_many_ways(changes, opted_out):
    assert one(status(1, account=person(**changes))).account.opted_out is opted_out


@pytest.mark.parametrize(
    ("said", "visibility"),
    [
        ("public", "public"),
        ("unlisted", "unlisted"),
        ("private", "followers"),
        ("direct", "direct"),
        ("limited", "private"),
        (None, None),
    ],
)
def test_visibility_is_kept_and_an_unknown_one_is_private(said, visibility):
    assert one(status(1, visibility=said)).visibility == visibility


def test_an_old_post_that_is_boosted_is_history_and_a_fresh_one_is_not():
    for days, is_history in ((3, True), (1, False)):
        original = status(0, created_at=(START - timedelta(days=days)).isoformat())
        page = pages.page(pages.entries([status(1, content="", reblog=original)]), HOME, {})
        assert [post.kind for post in page.posts] == ["repost", "post"]
        assert page.posts[0].refers_to == page.posts[1].native_id
        assert page.posts[0].text == ""
        assert page.archive == (frozenset({original["uri"]}) if is_history else frozenset())


def test_the_same_post_is_one_whichever_server_shows_it():
    local = person()
    remote = person(acct=f"ada@{HOME}", id="other")
    here = pages.page(pages.entries([status(1, account=local)]), HOME, {}).posts[0]
    there = pages.page(pages.entries([status(1, account=remote, id="other")]), "far.example", {}).posts[0]
    assert here == there


def test_a_hostile_status_does_not_take_long():
    content = '<span class="quote-inline">' * 6_000 + "<a" * 20_000
    began = datetime.now(UTC)
    one(status(1, content=content, quote={"state": "accepted", "quoted_status": status(2)}))
    assert datetime.now(UTC) - began < timedelta(seconds=2)


# a real server


@pytest.mark.skipif(
    not (os.environ.get("LISTENER_MASTODON_URL") and os.environ.get("LISTENER_MASTODON_TOKEN")),
    reason="needs a server with the Mastodon interface: set LISTENER_MASTODON_URL and LISTENER_MASTODON_TOKEN",
)
def test_a_real_server_is_read():
    url = os.environ["LISTENER_MASTODON_URL"].rstrip("/")
    server = urlsplit(url).netloc
    token = SecretStr(os.environ["LISTENER_MASTODON_TOKEN"])
    client = Client(NetworkRules(allow_private=(server,)), limits=Limits(host_slot_s=0.1))
    try:
        connector = Mastodon(Settings(server=server, token=token, base_url=url), client)
        for what in ("home", "public", "local", "notifications", "tag/test"):
            first = walked(connector, feed(f"{server}/{what}"))
            again = walked(connector, feed(f"{server}/{what}"), first[-1].cursor)
            assert all(post.url and post.account for page in first for post in page.posts)
            assert not gaps(first, again)
        wrong = Mastodon(Settings(server=server, token=SecretStr("not-a-token"), base_url=url), client)
        with pytest.raises(NotAuthorised):
            walked(wrong, feed(f"{server}/home"))
        list(connector.follows())
    finally:
        client.close()
