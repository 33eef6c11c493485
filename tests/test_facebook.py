"""Facebook: lists with empty pages in them, comments on many posts, the token's paths, exports."""

import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from connectors.facebook import Facebook, Settings, comments
from connectors.facebook.export import repaired
from listener import exports
from listener.addresses import NetworkRules
from listener.connector import archive, poll, recheck
from listener.errors import BadPayload, ConnectorError, NotAuthorised, RateLimited
from listener.http import Client, Limits
from listener.types import Feed, Page
from tests.servers import Reply, Seen, Server, serving

START = datetime(2026, 9, 1, tzinfo=UTC)
TOKEN = "EAA-mine"


def at(minutes: float) -> str:
    return (START + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%S+0000")


class Site:
    """A page and its comments, newest first; every `hole`th page of a list is empty and not the last."""

    def __init__(self, size: int = 10, hole: int = 0) -> None:
        self.posts: list[dict] = []
        self.comments: dict[str, list[dict]] = {}
        self.size, self.hole = size, hole
        self.deleted: set[str] = set()
        self.asked: list[str] = []

    def say(self, number: int, minutes: float) -> str:
        name = f"111_{number}"
        self.posts.append({"id": name, "message": f"p{number}", "created_time": at(minutes)})
        return name

    def reply(self, name: str, number: int, minutes: float) -> None:
        said = {"id": f"9{name[4:]}_{number}", "message": f"c{number}", "created_time": at(minutes)}
        self.comments.setdefault(name, []).append(said)

    def __call__(self, seen: Seen) -> Reply:
        assert seen.headers["authorization"] == f"Bearer {TOKEN}"
        parts = urlsplit(seen.path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        assert "access_token" not in asked
        path = parts.path.removeprefix("/v24.0/")
        self.asked.append(path)
        if path.endswith("/feed"):
            return self.page(path, self.with_comments(asked), asked, int(asked["limit"]))
        if path.endswith("/comments"):
            assert asked["order"] == "reverse_chronological"
            return self.page(path, self.newest(self.comments.get(path.split("/")[0], [])), asked, int(asked["limit"]))
        return self.one(path, asked["fields"])

    def one(self, number: str, fields: str) -> Reply:
        is_post = number.startswith("111_")
        if number in self.deleted:
            return error(100, "Object does not exist", 33)
        if not is_post and "shares" in fields:
            return error(100, "Tried accessing nonexisting field (shares)")
        listed = self.posts if is_post else [one for many in self.comments.values() for one in many]
        return Reply(200, json.dumps(next(one for one in listed if one["id"] == number)).encode())

    def newest(self, listed: list[dict]) -> list[dict]:
        return sorted(listed, key=lambda one: one["created_time"], reverse=True)

    def with_comments(self, asked: dict[str, str]) -> list[dict]:
        posts = self.newest(self.posts)
        if "comments.filter(stream).order(" not in asked["fields"]:
            return posts
        return [one | {"comments": self.edge(f"{one['id']}/comments", self.newest(self.comments.get(one["id"], [])), 0, 3)} for one in posts]  # fmt: skip  # noqa: E501

    def page(self, path: str, listed: list[dict], asked: dict[str, str], limit: int) -> Reply:
        return Reply(
            200, json.dumps(self.edge(path, listed, int(asked.get("after", 0)), min(limit, self.size))).encode()
        )

    def edge(self, path: str, listed: list[dict], place: int, size: int) -> dict:
        """Places count pages of `size`, holes among them."""
        holes = place // 1_000
        start = place % 1_000
        if self.hole and (start // size + 1) % self.hole == 0 and holes <= start // size // self.hole:
            return {"data": [], **self.paging(path, place + 1_000)}
        found, following = listed[start : start + size], place + size
        more = start + size < len(listed)
        return {"data": found, **(self.paging(path, following) if more else {"paging": {"cursors": {"after": "x"}}})}

    def paging(self, path: str, after: int) -> dict:
        query = urlencode({"access_token": TOKEN, "limit": self.size, "after": after})
        return {
            "paging": {"cursors": {"after": str(after)}, "next": f"https://graph.facebook.com/v24.0/{path}?{query}"}
        }


def error(code: int, message: str, subcode: int | None = None) -> Reply:
    said = {"message": message, "type": "OAuthException", "code": code, "error_subcode": subcode}
    return Reply(400, json.dumps({"error": said}).encode())


@contextmanager
def running(site: Site, **more: object) -> Iterator[tuple[Server, Facebook]]:
    with serving(site) as server:
        client = Client(NetworkRules(allow_private=(server.host_port,)), limits=Limits(read_s=2.0, host_slot_s=0.0))
        try:
            yield server, Facebook(Settings(token=TOKEN, base_url=server.url, **more), client)
        finally:
            client.close()


def walk(connector: Facebook, query: str, cursor: str | None = None) -> list[Page]:
    pages: list[Page] = []
    while not pages or pages[-1].more:
        assert len(pages) < 60, "the walk does not end"
        _, page = poll(connector, Feed(1, "facebook", query, "facebook"), cursor)
        pages.append(page)
        cursor = page.cursor
        assert TOKEN not in cursor
    return pages


def said(pages: list[Page]) -> set[str]:
    return {post.text for page in pages for post in page.posts}


@pytest.mark.parametrize("hole", [0, 2])
def test_a_walk_reads_on_over_empty_pages_to_the_last_known_post(hole):
    site = Site(hole=hole)
    for number in range(30):
        site.say(number, number * 60)
    with running(site) as (_, connector):
        first = walk(connector, "111/feed")
        for number in range(30, 75):
            site.say(number, number * 60)
        second = walk(connector, "111/feed", first[-1].cursor)
        third = walk(connector, "111/feed", second[-1].cursor)
    assert said(first) == {f"p{number}" for number in range(30)}
    assert said(second) >= {f"p{number}" for number in range(30, 75)}
    assert said(third) <= said(second)
    assert not [page.gap for page in (*first, *second, *third) if page.gap]


def test_a_first_walk_ends_two_days_back():
    site = Site()
    for number in range(100):
        site.say(number, number * 60)
    with running(site) as (_, connector):
        assert len(said(walk(connector, "111/feed"))) == 50


def test_posts_that_arrive_or_go_between_two_pages_are_not_lost():
    site = Site()
    for number in range(30):
        site.say(number, number)
    with running(site) as (_, connector):
        _, first = poll(connector, Feed(1, "facebook", "111/feed", "facebook"), None)
        site.say(30, 30)
        rest = walk(connector, "111/feed", first.cursor)
        second = walk(connector, "111/feed", rest[-1].cursor)
    assert said([first, *rest, *second]) == {f"p{number}" for number in range(31)}


def test_comments_of_all_new_posts_are_read_where_there_are_many():
    site = Site(size=4)
    names = [site.say(number, number) for number in range(4)]
    for number in range(12):
        site.reply(names[0], 100 + number, 200 + number)
    site.reply(names[1], 300, 230)
    with running(site) as (_, connector):
        first = walk(connector, "111/comments")
        for number in range(9):
            site.reply(names[2], 400 + number, 300 + number)
        second = walk(connector, "111/comments", first[-1].cursor)
        asked = len(site.asked)
        third = walk(connector, "111/comments", second[-1].cursor)
    assert said(first) == {f"c{100 + number}" for number in range(12)} | {"c300"}
    assert said(second) >= {f"c{400 + number}" for number in range(9)}
    assert said(third) <= said(second)
    assert len(site.asked) - asked <= 4
    assert comments.EACH == 25


def test_posts_and_comments_are_read_again_and_what_is_gone_is_told():
    site = Site()
    kept, gone = site.say(1, 1), site.say(2, 2)
    site.reply(kept, 5, 3)
    site.posts[0]["message"] = "p1, changed"
    site.deleted = {gone}
    with running(site) as (_, connector):
        feed = Feed(1, "facebook", "111/feed", "facebook")
        page = recheck(connector, feed, [kept, gone, "91_5", "export/abc"])
        assert [(post.text, post.kind) for post in page.posts] == [("p1, changed", "post"), ("c5", "reply")]
        assert page.deleted == (gone,)
        assert recheck(connector, feed, [gone]).deleted == (), "a token that sees nothing deletes nothing"


def test_the_recorded_single_post_is_read_again(recordings):
    body = (recordings / "facebook" / "graph_single_post_data.json").read_bytes()
    site = Site()
    with running(site) as (server, connector):
        server.answer = lambda _: Reply(200, body)
        [post] = recheck(
            connector, Feed(1, "facebook", "x/feed", "facebook"), ["175154750010052_424924701699721"]
        ).posts
    assert post.published_at == datetime(2019, 8, 12, 3, 45, 11, tzinfo=UTC)
    assert post.url == "https://www.facebook.com/175154750010052/posts/424924701699721"
    assert (post.counts.likes, post.counts.replies) == (1, 0)


@pytest.mark.parametrize(
    ("code", "subcode", "message", "kind"),
    [
        (190, 463, "expired", NotAuthorised),
        (4, None, "limit", RateLimited),
        (17, None, "limit", RateLimited),
        (32, None, "limit", RateLimited),
        (613, None, "limit", RateLimited),
        (80001, None, "limit", RateLimited),
        (10, None, "rights", NotAuthorised),
        (200, None, "rights", NotAuthorised),
        (100, None, "missing permission", NotAuthorised),
        (100, 33, "not there", ConnectorError),
        (1, None, "oops", ConnectorError),
    ],
)
def test_errors_are_told_by_their_numbers(code, subcode, message, kind):
    with running(Site()) as (server, connector):
        server.answer = lambda _: error(code, f"{message} EAAother<b>", subcode)
        with pytest.raises(kind) as caught:
            walk(connector, "111/feed")
    assert type(caught.value) is kind
    assert "EAA" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("https://www.facebook.com/YourPage", "YourPage/feed"),
        ("facebook.com/pg/your.page/?ref=x", "your.page/feed"),
        ("https://www.facebook.com/pages/Harbour/1111111111", "1111111111/feed"),
        ("https://www.facebook.com/1111111111/posts/10000000000000005", "post/1111111111_10000000000000005"),
        ("facebook:me/comments", "me/comments"),
        ("https://www.facebook.com/groups/123", None),
        ("https://www.facebook.com/profile.php?id=4", None),
        ("https://example.org/YourPage", None),
        ("YourPage", None),
        ("", None),
    ],
)
def test_what_people_paste(text, query):
    found = Facebook(Settings(), None).feed_for(text)
    assert (found.query if found else None) == query


def test_an_own_page_has_posts_comments_and_tags():
    assert [feed.query for feed in Facebook(Settings(), None).mine("me")] == ["me/feed", "me/comments", "me/tagged"]


# exports


def imported(path: Path) -> dict[str, list[Page]]:
    found: dict[str, list[Page]] = {}
    for feed, page in archive(Facebook(Settings(), None), path):
        found.setdefault(feed.query, []).append(page)
    return found


def mojibake(text: str) -> str:
    return text.encode().decode("latin-1")


POSTS = [
    {
        "timestamp": 1_788_335_000,
        "title": mojibake("Ida Öz hat ihren Status aktualisiert."),
        "data": [{"post": mojibake("Grüße aus dem Hafen 🚢")}, {"update_timestamp": 1_788_336_000}],
        "attachments": [{"data": [{"external_context": {"url": "https://quay.example/", "name": mojibake("Das Öl")}}]}],
    },
    {"timestamp_ms": 1_788_334_000_000, "title": mojibake("Ida Öz added a photo."), "data": []},
    {"timestamp": 1_788_333_000, "data": [{"update_timestamp": 1_788_333_000}], "attachments": []},
    {"timestamp": 1_788_332_000, "data": [{"post": "schön, as it should be"}]},
    {"timestamp": 1_788_331_000, "data": "nonsense", "title": "x"},
]
COMMENTS = {
    "comments_v2": [
        {
            "timestamp": 1_788_335_000,
            "title": "Ida commented",
            "data": [{"comment": {"timestamp": 1, "comment": mojibake("Schön!"), "author": mojibake("Ida Öz")}}],
        }
    ]
}
GROUP = {
    "group_comments_v2": [
        {
            "timestamp": 1_788_330_000,
            "data": [{"comment": {"comment": "Who knows?", "author": "Ida", "group": "Makers"}}],
        }
    ]
}


def test_an_export_is_read_and_its_texts_repaired(tmp_path):
    path = tmp_path / "facebook-ida.zip"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("your_facebook_activity/posts/your_posts__check_ins__photos_and_videos_1.json", json.dumps(POSTS))
        made.writestr("your_facebook_activity/comments_and_reactions/comments.json", json.dumps(COMMENTS))
        made.writestr("your_facebook_activity/groups/your_comments_in_groups.json", json.dumps(GROUP))
        made.writestr("your_facebook_activity/messages/inbox/x/message_1.json", "{}")
        made.writestr("../../comments.json.exe", "x")
    found = imported(path)
    [page] = found["export/posts"]
    first, second, third = page.posts
    assert (first.text, first.title, first.links) == ("Grüße aus dem Hafen 🚢", "Das Öl", ("https://quay.example/",))
    assert first.edited_at == datetime.fromtimestamp(1_788_336_000, UTC)
    assert (second.title, second.text) == ("Ida Öz added a photo.", "")
    assert third.text == "schön, as it should be"
    assert [reject.reason[:30] for reject in page.rejects] == ["your_posts__check_ins__photos_"]
    [[comment], [grouped]] = [[post for page in found[f"export/{kind}"] for post in page.posts] for kind in ("comments", "group comments")]  # fmt: skip  # noqa: E501
    assert (comment.text, comment.account.name, comment.kind) == ("Schön!", "Ida Öz", "reply")
    assert grouped.community == "Makers"
    assert imported(path) == found


@pytest.mark.parametrize(
    ("file", "query", "posts"),
    [
        ("export_posts__your_posts_1.json", "export/posts", 11),
        ("export_comments.json", "export/comments", 4),
        ("export_comments.json", "export/group comments", 4),
        ("export_groups__your_posts_in_groups.json", "export/group posts", 3),
    ],
)
def test_the_recorded_exports_are_read(recordings, file, query, posts):
    pages = imported(recordings / "facebook" / file)[query]
    assert sum(len(page.posts) for page in pages) == posts
    assert not [page.rejects for page in pages if page.rejects]
    if query == "export/posts":
        text = " ".join(f"{post.title} {post.text}" for page in pages for post in page.posts)
        assert "på søndag" in text
        assert "Ã" not in text


def test_repairing_leaves_alone_what_is_right_and_does_keys_too():
    assert repaired({mojibake("Größe"): [mojibake("é"), "é", "日本", 5, None]}) == {
        "Größe": ["é", "é", "日本", 5, None]
    }


def test_a_bomb_a_damaged_file_and_an_export_in_html_say_so(tmp_path, monkeypatch):
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("posts/your_posts_1.json", "x" * 3_000_000)
    with pytest.raises(BadPayload, match="format JSON"):
        imported(path)
    monkeypatch.setattr(exports, "BYTES", 1_000_000)
    with pytest.raises(BadPayload, match="larger than"):
        imported(path)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(BadPayload, match="not a ZIP"):
        imported(path)


@pytest.mark.parametrize(
    "content", [b"{}", b"[]", b"[1, 2]", b'[{"timestamp": "x"}]', b"nonsense", b'[{"platform": "x"}]']
)
def test_other_json_is_not_ours(tmp_path, content):
    path = tmp_path / "posts.json"
    path.write_bytes(content)
    assert imported(path) == {}
