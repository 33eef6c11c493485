"""GitHub: what people paste, walks by the time of updates that lose nothing, limits and refusals."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from connectors.github import GitHub, Settings
from connectors.github.queries import Query
from listener.addresses import NetworkRules
from listener.connector import poll, read, request
from listener.errors import BadPayload, ConnectorError, FeedGone, NotAuthorised, RateLimited
from listener.http import Client, Limits
from listener.types import Answer, Feed, Page
from tests import walking
from tests.servers import Reply, Seen, Server, serving

REPO = "kiln/oven"
NOW = datetime.now(UTC).replace(microsecond=0)


def feed(query: str = REPO) -> Feed:
    return Feed(1, "github", query, "github")


@contextmanager
def site(answer: Callable[[Seen], Reply], token: str | None = None) -> Iterator[tuple[Server, GitHub]]:
    with serving(answer) as server:
        client = Client(NetworkRules(allow_private=(server.host_port,)), limits=Limits(read_s=2.0, host_slot_s=0.0))
        try:
            yield server, GitHub(Settings(base_url=server.url, token=token), client)
        finally:
            client.close()


def params(path: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}


def walked(connector: GitHub, query: str = REPO, cursor: str | None = None) -> list[Page]:
    return walking.walked(connector, feed(query), cursor, most=60)


def ids(pages: list[Page]) -> list[str]:
    return [post.native_id for page in pages for post in page.posts]


def iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def issue(number: int, minutes: float, **changes: object) -> dict:
    """Make an issue updated so many minutes ago."""
    moment = iso(NOW - timedelta(minutes=minutes))
    page = "pull" if changes.get("pull_request") else "issues"
    return {
        "id": 1_000 + number,
        "number": number,
        "html_url": f"https://github.com/{REPO}/{page}/{number}",
        "title": f"Issue {number}",
        "user": {"login": "potter", "type": "User"},
        "created_at": moment,
        "updated_at": moment,
        "body": "Words.",
    } | changes


class Site:
    """A repository and a search over it; `between` is called after each answer with the number of answers so far."""

    def __init__(self, items: list[dict], field: str = "updated_at") -> None:
        self.items = {item["id"]: item for item in items}
        self.field = field
        self.asked: list[dict[str, str]] = []
        self.between: Callable[[int], None] = lambda _: None
        self.is_sorted = True

    def __call__(self, seen: Seen) -> Reply:
        asked = params(seen.path)
        self.asked.append(asked)
        found = self.chosen(asked)
        size, number = int(asked["per_page"]), int(asked.get("page", 1))
        page = found[(number - 1) * size : number * size]
        body: object = page
        if "search" in seen.path:
            body = {"total_count": len(found), "incomplete_results": False, "items": page}
        tag = f'"{hash((json.dumps(page), seen.path))}"'
        headers = {"ETag": tag, "x-ratelimit-remaining": "50"}
        if number * size < len(found):
            headers["Link"] = f'<https://api.github.com/x?page={number + 1}>; rel="next"'
        self.between(len(self.asked))
        if seen.headers.get("if-none-match") == tag:
            return Reply(304, headers={"ETag": tag})
        return Reply(200, json.dumps(body).encode(), headers)

    def chosen(self, asked: dict[str, str]) -> list[dict]:
        since = asked.get("since") or re.search(r"created:>=(\S+)", asked["q"])[1]
        found = [item for item in self.items.values() if item[self.field] >= since]
        if "is:issue" in asked.get("q", ""):
            found = [item for item in found if "pull_request" not in item]
        elif "is:pull-request" in asked.get("q", ""):
            found = [item for item in found if "pull_request" in item]
        return sorted(found, key=lambda item: (item[self.field], item["id"])) if self.is_sorted else found


# what people paste


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("kiln/oven", "kiln/oven"),
        ("kiln/oven/comments", "kiln/oven/comments"),
        ("kiln/oven/issues/7", "kiln/oven/issues/7"),
        ("https://github.com/kiln/oven/issues", "kiln/oven"),
        ("github.com/kiln/oven/issues/", "kiln/oven"),
        ("https://github.com/kiln/oven/issues/7#issuecomment-9", "kiln/oven/issues/7"),
        ("https://github.com/kiln/oven/pull/8/files", "kiln/oven/issues/8"),
        ("https://github.com/kiln/oven/pulls", "search:repo:kiln/oven is:pull-request"),
        ("https://github.com/kiln/oven/issues?q=is%3Aissue+label%3Abug", "search:repo:kiln/oven is:issue label:bug"),
        ("https://github.com/kiln/oven/discussions", "kiln/oven/discussions"),
        ("https://github.com/kiln/oven/releases/tag/v2", "kiln/oven/releases"),
        ("https://github.com/search?q=invoicing+tool&type=issues", "search:invoicing tool is:issue"),
        ("https://github.com/search?q=glaze+is%3Apr&type=pullrequests", "search:glaze is:pr"),
        ("https://github.com/search?q=glaze&type=discussions", "discussions:glaze"),
        ("https://github.com/notifications", "notifications"),
        ("github:notifications", "notifications"),
        ("github: search:kiln  door", "search:kiln door"),
        ("gh:kiln/oven", "kiln/oven"),
    ],
)
def test_what_people_paste_becomes_a_feed(text, query):
    found = GitHub(Settings(token="t"), None).feed_for(text)
    assert found is not None
    assert (found.query, found.connector, found.platform) == (query, "github", "github")
    assert found.home_url.startswith("https://github.com/")
    assert str(Query.read(query)) == query


@pytest.mark.parametrize(
    "text",
    [
        "https://github.com/kiln/oven",
        "https://github.com/kiln",
        "https://github.com/topics/kiln",
        "https://github.com/search?q=kiln&type=repositories",
        "https://github.com/kiln/oven/commits/main",
        "https://github.com/kiln/oven/discussions/20",
        "https://api.github.com/repositories/4/issues",
        "https://evilgithub.com/kiln/oven/issues",
        "https://github.com.example.org/kiln/oven/issues",
        "r/python", "u/jane", "stackoverflow.com/python", "serverfault/nginx", "search:words", "kiln", "a/b/c/d",
        "https://[broken", "x" * 600, "",
    ],
)  # fmt: skip
def test_what_is_not_ours_is_left_to_others(text):
    assert GitHub(Settings(token="t"), None).feed_for(text) is None


def test_without_a_token_releases_are_left_to_their_atom_feed():
    assert GitHub(Settings(), None).feed_for("https://github.com/kiln/oven/releases") is None
    assert GitHub(Settings(), None).feed_for("kiln/oven") is not None


def test_my_feeds_need_a_token():
    for text in ("@jane", "https://github.com/jane", "github:jane"):
        assert [one.query for one in GitHub(Settings(token="t"), None).mine(text)] == [
            "notifications",
            "search:mentions:jane",
            "search:author:jane",
        ]
    assert GitHub(Settings(), None).mine("@jane") == ()
    assert GitHub(Settings(token="t"), None).mine("@jane@example.org") == ()


# walks


def test_the_first_poll_looks_back_two_days_and_a_second_brings_nothing_and_costs_nothing():
    answers = Site([issue(n, n * 60 - 30) for n in range(1, 100)])
    with site(answers) as (_, connector):
        first = walked(connector)
        assert ids(first) == [f"{REPO}#{n}" for n in range(48, 0, -1)]
        second = walked(connector, cursor=first[-1].cursor)
        third = walked(connector, cursor=second[-1].cursor)
    assert ids(second) + ids(third) == []
    assert [page.unchanged for page in (*second, *third)] == [False, True], "the third met a 304"
    assert answers.asked[0]["state"] == "all"


def test_a_walk_over_many_pages_misses_nothing_that_arrives_or_changes_on_the_way():
    answers = Site([issue(n, 600 - n) for n in range(1, 351)])

    def changes(count: int) -> None:
        moment = iso(NOW + timedelta(seconds=count))
        answers.items[1_000 + count] |= {"updated_at": moment, "title": "Edited"}
        answers.items[5_000 + count] = issue(5_000 + count, 0, id=5_000 + count, updated_at=moment)

    answers.between = changes
    with site(answers) as (_, connector):
        first = walked(connector)
        answers.between = lambda _: None
        later = walked(connector, cursor=first[-1].cursor)
    found = {post.native_id: post for page in (*first, *later) for post in page.posts}
    assert set(found) == {f"{REPO}#{item['number']}" for item in answers.items.values()}
    assert found[f"{REPO}#1"].title == "Edited"
    assert all(page.gap is None for page in first)


def test_more_than_a_page_in_one_second_is_walked_by_page_numbers():
    answers = Site([issue(n, 30) for n in range(1, 251)])
    with site(answers) as (_, connector):
        pages = walked(connector)
    assert len(set(ids(pages))) == 250
    assert [asked.get("page") for asked in answers.asked][-1] == "3"


def test_a_page_that_repeats_itself_ends_the_walk_with_what_came():
    page = json.dumps([issue(n, 600 - n) for n in range(100)]).encode()
    with site(lambda _: Reply(200, page, {"Link": '<https://x.example/>; rel="next"'})) as (server, connector):
        assert len(set(ids(walked(connector)))) == 100
        assert len(server.seen) < 8


def test_an_edited_issue_comes_again_and_a_known_one_does_not():
    answers = Site([issue(1, 50), issue(2, 40)])
    with site(answers) as (_, connector):
        first = walked(connector)
        answers.items[1_001] |= {"updated_at": iso(NOW), "title": "Better words"}
        second = walked(connector, cursor=first[-1].cursor)
    assert [(post.native_id, post.title) for page in second for post in page.posts] == [(f"{REPO}#1", "Better words")]


def test_a_first_poll_that_brings_nothing_remembers_where_it_began():
    answers = Site([])
    with site(answers) as (_, connector):
        cursor = walked(connector)[-1].cursor
        walked(connector, cursor=cursor)
    began, again = (datetime.fromisoformat(asked["since"]) for asked in answers.asked)
    assert began - again == timedelta(minutes=1)


def test_comments_of_one_issue_are_walked_by_page_with_one_since():
    comments = [
        {"id": n, "issue_url": f"https://api.github.com/repos/{REPO}/issues/7", "body": "x", "user": None,
         "created_at": iso(NOW - timedelta(minutes=n % 50)), "updated_at": iso(NOW - timedelta(minutes=n % 50))}
        for n in range(1, 251)
    ]  # fmt: skip
    answers = Site(comments)
    answers.is_sorted = False
    with site(answers) as (_, connector):
        pages = walked(connector, f"{REPO}/issues/7")
        assert len(set(ids(pages))) == 250
        assert ids(walked(connector, f"{REPO}/issues/7", pages[-1].cursor)) == []
    assert len({asked["since"] for asked in answers.asked[:3]}) == 1
    assert {post.in_reply_to for page in pages for post in page.posts} == {f"{REPO}#7"}


def test_a_search_asks_for_issues_and_then_for_pull_requests():
    pull = issue(9, 20, pull_request={"html_url": "x"})
    answers = Site([issue(1, 30), pull], "created_at")
    with site(answers) as (_, connector):
        first = walked(connector, "search:oven door")
        second = walked(connector, "search:oven door", first[-1].cursor)
    assert ids(first) == [f"{REPO}#1", f"{REPO}#9"]
    assert ids(second) == []
    asked = [found["q"] for found in answers.asked]
    assert [("is:issue" in q, "is:pull-request" in q) for q in asked] == [(True, False), (False, True)] * 2


def test_a_search_that_ran_out_of_time_is_asked_again_from_the_same_place():
    body = {"total_count": 5, "incomplete_results": True, "items": [issue(1, 30)]}
    answers = [body, body | {"incomplete_results": False}]
    with site(lambda _: Reply(200, json.dumps(answers.pop(0)).encode())) as (server, connector):
        _, first = poll(connector, feed("search:door is:issue"), None)
        _, second = poll(connector, feed("search:door is:issue"), first.cursor)
    assert not first.more
    since = [re.search(r"created:>=(\S+)Z", params(path)["q"])[1] for path in server.paths()]
    assert abs(datetime.fromisoformat(since[0]) - datetime.fromisoformat(since[1])) < timedelta(seconds=5)
    assert ids([first]) == ids([second])


def test_releases_have_the_ids_of_their_atom_feed():
    release = {"id": 3, "tag_name": "v2", "html_url": f"https://github.com/{REPO}/releases/tag/v2", "author": None,
               "created_at": iso(NOW), "published_at": iso(NOW), "body": "Hot"}  # fmt: skip
    bodies = {f"/repos/{REPO}": {"id": 77, "private": False}, f"/repos/{REPO}/releases?per_page=30": [release]}
    with site(lambda seen: Reply(200, json.dumps(bodies[seen.path]).encode())) as (server, connector):
        pages = walked(connector, f"{REPO}/releases")
        walked(connector, f"{REPO}/releases", pages[-1].cursor)
    assert ids(pages) == ["tag:github.com,2008:Repository/77/v2"]
    assert len(server.seen) == 3, "the repository's number is asked for once"


def test_discussions_are_walked_back_to_the_newest_known():
    def node(number: int, moment: datetime) -> dict:
        return {"number": number, "title": "T", "updatedAt": iso(moment), "createdAt": iso(moment), "body": "B",
                "repository": {"nameWithOwner": REPO, "isPrivate": True}, "author": None}  # fmt: skip

    nodes = [node(n, NOW - timedelta(hours=100 - n)) for n in range(1, 91)]

    def answer(seen: Seen) -> Reply:
        after = json.loads(seen.body)["variables"]["after"]
        start = int(after or 0)
        found = sorted(nodes, key=lambda one: one["updatedAt"], reverse=True)[start : start + 20]
        info = {"endCursor": str(start + 20), "hasNextPage": start + 20 < len(nodes)}
        body = {"data": {"repository": {"discussions": {"pageInfo": info, "nodes": found}}}}
        return Reply(200, json.dumps(body).encode())

    with site(answer, token="sesame") as (server, connector):
        first = walked(connector, f"{REPO}/discussions")
        assert len(first) == 3, "two days back"
        nodes += [node(n, NOW + timedelta(seconds=n)) for n in range(200, 225)]
        later = walked(connector, f"{REPO}/discussions", first[-1].cursor)
    assert set(ids(later)) >= {f"{REPO}#{n}" for n in range(200, 225)}
    assert len(later) == 2
    assert {post.visibility for page in first for post in page.posts} == {"private"}
    assert all(seen.method == "POST" and seen.path == "/graphql" for seen in server.seen)


# credentials and refusals


def test_the_token_is_a_header_and_stays_out_of_everything_else():
    with site(Site([issue(1, 5)]), token="sesame") as (server, connector):
        _, page = poll(connector, feed(), None)
    assert server.seen[0].headers["authorization"] == "Bearer sesame"
    assert "sesame" not in server.seen[0].path + repr(page) + repr(connector.settings)


def test_without_a_token_nothing_is_claimed_and_what_needs_one_says_so():
    with site(Site([issue(1, 5)])) as (server, connector):
        poll(connector, feed(), None)
        assert "authorization" not in server.seen[0].headers
    for query in ("notifications", f"{REPO}/discussions", "discussions:x"):
        with pytest.raises(NotAuthorised, match=r"connectors\.github\.token"):
            request(GitHub(Settings(), None), feed(query), None)


def test_a_query_that_does_not_exist_says_how_to_write_one():
    with pytest.raises(ConnectorError, match="OWNER/REPO"):
        request(GitHub(Settings(), None), feed("nonsense"), None)


@pytest.mark.parametrize(
    ("file", "status", "error"),
    [
        ("perceval_abuse_rate_limit.json", 403, RateLimited),
        ("Exceptions_testNonJsonDataReturnedByGithub.html", 503, RateLimited),
        ("Exceptions_testBadAuthentication.json", 401, NotAuthorised),
        ("Exceptions_testUnknownObject__2.json", 404, ConnectorError),
    ],
)
def test_recorded_refusals_become_the_right_error(recordings: Path, file, status, error):
    answer = Answer("https://api.github.com/x", status, {}, (recordings / "github" / file).read_bytes())
    with pytest.raises(error):
        read(GitHub(Settings(), None), answer, feed(), None)


def test_a_spent_quota_waits_until_it_begins_anew():
    reset = str(int((datetime.now(UTC) + timedelta(minutes=20)).timestamp()))
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": reset, "x-ratelimit-limit": "60"}
    answer = Answer("https://api.github.com/x", 403, headers, b'{"message": "API rate limit exceeded for 192.0.2.1"}')
    with pytest.raises(RateLimited) as caught:
        read(GitHub(Settings(), None), answer, feed(), None)
    assert caught.value.retry_after_s == pytest.approx(1_200, abs=5)


def test_what_is_gone_ends_the_feed_and_nonsense_is_told():
    with pytest.raises(FeedGone):
        read(GitHub(Settings(), None), Answer("https://x.example/", 410, {}, b"{}"), feed(), None)
    for body in (b'{"items": []}', b'["a"]', b"[null]"):
        with pytest.raises(BadPayload):
            read(GitHub(Settings(), None), Answer("https://x.example/", 200, {}, body), feed(), None)
