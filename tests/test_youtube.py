"""YouTube: what people paste, walks over videos, comments and replies, units and refusals."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest

from connectors.youtube import Settings, YouTube
from connectors.youtube.queries import Query
from listener.addresses import NetworkRules
from listener.connector import read, recheck, request
from listener.errors import ConnectorError, FeedGone, NotAuthorised, OutOfBudget, RateLimited
from listener.http import Client, Limits
from listener.types import Answer, Feed, Page
from tests import walking
from tests.servers import Reply, Seen, Server, serving

NOW = datetime.now(UTC).replace(microsecond=0)
WHOM = "UCabcdefghijklmnopqrstuv"


def feed(query: str) -> Feed:
    return Feed(1, "youtube", query, "youtube")


@contextmanager
def site(answer: Callable[[Seen], Reply]) -> Iterator[tuple[Server, YouTube]]:
    with serving(answer) as server:
        client = Client(NetworkRules(allow_private=(server.host_port,)), limits=Limits(read_s=2.0, host_slot_s=0.0))
        try:
            yield server, YouTube(Settings(base_url=server.url, key="sesame"), client)
        finally:
            client.close()


def params(path: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}


def walked(connector: YouTube, query: str, cursor: str | None = None) -> list[Page]:
    return walking.walked(connector, feed(query), cursor, most=40)


def ids(pages: list[Page]) -> list[str]:
    return [post.native_id for page in pages for post in page.posts]


def iso(hours: float) -> str:
    return (NOW - timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


class Site:
    """A channel with videos and threads, newest first; `hours` ago each."""

    def __init__(self) -> None:
        self.videos: dict[str, float] = {}
        self.threads: dict[str, float] = {}
        self.replies: dict[str, list[str]] = {}
        self.gone: set[str] = set()
        self.size = 50

    def __call__(self, seen: Seen) -> Reply:
        asked, what = params(seen.path), urlsplit(seen.path).path.rpartition("/")[2]
        if what == "channels":
            return self.reply({"pageInfo": {"totalResults": 1}, "items": [{"id": WHOM}]})
        if what == "comments":
            if asked["parentId"] in self.gone:
                return Reply(404, b'{"error": {"errors": [{"reason": "commentNotFound"}]}}')
            return self.reply({"items": [self.comment(one, 1) for one in self.replies[asked["parentId"]]]})
        rows = self.videos if what == "playlistItems" else self.threads
        make = self.video if what == "playlistItems" else self.thread
        start = int(asked.get("pageToken", 0))
        body: dict[str, object] = {"items": [make(*one) for one in list(rows.items())[start : start + self.size]]}
        return self.reply(body | ({"nextPageToken": str(start + self.size)} if start + self.size < len(rows) else {}))

    def reply(self, body: object) -> Reply:
        return Reply(200, json.dumps(body).encode(), {"Content-Type": "application/json"})

    def video(self, number: str, hours: float) -> dict:
        return {"snippet": {"publishedAt": iso(hours), "title": "T", "channelId": WHOM},
                "contentDetails": {"videoId": number, "videoPublishedAt": iso(hours)}}  # fmt: skip

    def comment(self, number: str, hours: float) -> dict:
        return {"id": number, "snippet": {"textDisplay": "Words", "publishedAt": iso(hours), "updatedAt": iso(hours)}}

    def thread(self, number: str, hours: float) -> dict:
        replies = self.replies.get(number, [])
        first = {"videoId": "AbCdEfGhI-1", "topLevelComment": self.comment(number, hours)}
        return {"id": number, "snippet": first | {"totalReplyCount": len(replies)},
                "replies": {"comments": [self.comment(one, 1) for one in replies[:5]]}}  # fmt: skip


def video(number: int) -> str:
    return f"video{number:06d}"


PASTED = {
    f"https://www.youtube.com/channel/{WHOM}/videos": f"channel:{WHOM}",
    "https://www.youtube.com/@bridges/featured": "channel:@bridges",
    "m.youtube.com/@bridges": "channel:@bridges",
    f"https://www.youtube.com/feeds/videos.xml?channel_id={WHOM}": f"channel:{WHOM}",
    "https://www.youtube.com/playlist?list=PLabcdefghij": "playlist:PLabcdefghij",
    "https://www.youtube.com/watch?v=AbCdEfGhI-1": "video:AbCdEfGhI-1",
    "https://youtu.be/AbCdEfGhI-1?t=5": "video:AbCdEfGhI-1",
    "https://www.youtube.com/shorts/AbCdEfGhI-1": "video:AbCdEfGhI-1",
    "comments on https://www.youtube.com/@bridges": "comments:@bridges",
    f"YouTube comments of youtube.com/channel/{WHOM}": f"comments:{WHOM}",
    "comments on https://youtu.be/AbCdEfGhI-1": "video:AbCdEfGhI-1",
    "youtube:comments:@bridges": "comments:@bridges",
    "yt:@bridges": "channel:@bridges",
}


@pytest.mark.parametrize("text", PASTED)
def test_what_people_paste_becomes_a_feed(text):
    found = YouTube(Settings(key="k"), None).feed_for(text)
    assert found is not None
    assert (found.query, found.connector, found.platform) == (PASTED[text], "youtube", "youtube")
    assert found.home_url.startswith("https://www.youtube.com/")
    assert str(Query.read(found.query)) == found.query


@pytest.mark.parametrize(
    "text",
    ["https://www.youtube.com/", "https://www.youtube.com/feed/trending", "https://www.youtube.com.evil.example/@a1",
     "https://evilyoutube.com/watch?v=AbCdEfGhI-1", "comments on https://example.org/", "@bridges", "words", "",
     "https://www.youtube.com/watch?v=short", "https://[broken", "x" * 400],
)  # fmt: skip
def test_what_is_not_ours_is_left_to_others(text):
    assert YouTube(Settings(key="k"), None).feed_for(text) is None


def test_without_a_key_videos_are_left_to_their_feed_and_comments_say_what_is_missing():
    reader = YouTube(Settings(), None)
    assert reader.feed_for(f"https://www.youtube.com/channel/{WHOM}") is None
    assert reader.feed_for("https://www.youtube.com/playlist?list=PLabcdefghij") is None
    found = reader.feed_for("https://www.youtube.com/watch?v=AbCdEfGhI-1")
    assert found is not None
    with pytest.raises(NotAuthorised, match=r"connectors\.youtube\.key"):
        request(reader, found, None)
    assert reader.missing() == "connectors.youtube.key is not set"
    assert YouTube(Settings(key="k"), None).missing() is None


def test_my_channel_is_its_videos_and_the_comments_on_them():
    found = YouTube(Settings(key="k"), None).mine("https://www.youtube.com/@bridges")
    assert [one.query for one in found] == ["channel:@bridges", "comments:@bridges"]
    assert YouTube(Settings(), None).mine("youtube:@bridges") == ()
    assert YouTube(Settings(key="k"), None).mine("@bridges") == ()


# walks


def test_a_handle_is_resolved_once_and_its_uploads_are_walked_back_two_days():
    answers = Site()
    answers.videos = {video(n): n for n in range(1, 200)}
    with site(answers) as (server, connector):
        first = walked(connector, "channel:@bridges")
        later = walked(connector, "channel:@bridges", first[-1].cursor)
    asked = [(urlsplit(path).path.rpartition("/")[2], params(path)) for path in server.paths()]
    assert [what for what, _ in asked].count("channels") == 1
    assert asked[0][1] == {"part": "id", "forHandle": "@bridges"}
    assert asked[1][1]["playlistId"] == f"UU{WHOM[2:]}"
    assert ids(first)[:50] == [f"yt:video:{video(n)}" for n in range(1, 51)]
    assert set(ids(later)) <= set(ids(first))
    assert all(page.cost == 1.0 for page in (*first, *later))


def test_videos_that_arrive_on_the_way_are_not_lost():
    answers = Site()
    answers.videos = {video(n): n for n in range(1, 80)}
    with site(answers) as (server, connector):
        first = walked(connector, f"channel:{WHOM}")
        answers.videos = {video(1_000 + n): -n for n in range(120, 0, -1)} | answers.videos
        seen = len(server.seen)

        def shifted(request_seen: Seen) -> Reply:
            if len(server.seen) == seen + 2:
                answers.videos = {video(5_000): -200.0} | answers.videos
            return answers(request_seen)

        server.answer = shifted
        later = walked(connector, f"channel:{WHOM}", first[-1].cursor)
        last = walked(connector, f"channel:{WHOM}", later[-1].cursor)
    assert {f"yt:video:{video(1_000 + n)}" for n in range(1, 121)} <= set(ids(later))
    assert f"yt:video:{video(5_000)}" in ids(last)


def test_a_playlist_is_read_whole_because_new_videos_may_stand_at_its_end():
    answers = Site()
    answers.videos = {video(n): 1_000 - n for n in range(120)}
    with site(answers) as (_, connector):
        first = walked(connector, "playlist:PLabcdefghij")
        answers.videos[video(500)] = 0.0
        later = walked(connector, "playlist:PLabcdefghij", first[-1].cursor)
    assert len(ids(first)) == 120
    assert f"yt:video:{video(500)}" in ids(later)


def test_comments_stop_at_what_is_known_and_replies_beyond_the_first_are_fetched_once():
    answers = Site()
    answers.threads = {f"Ugx{n:08d}": n / 2 for n in range(1, 300)}
    answers.replies["Ugx00000003"] = [f"Ugx00000003.r{n}" for n in range(9)]
    with site(answers) as (server, connector):
        first = walked(connector, f"comments:{WHOM}")
        count = len(server.seen)
        second = walked(connector, f"comments:{WHOM}", first[-1].cursor)
        assert not any("/comments?" in path for path in server.paths()[count:])
        answers.replies["Ugx00000003"].append("Ugx00000003.r9")
        answers.threads = {"Ugx99999999": -1.0} | answers.threads
        third = walked(connector, f"comments:{WHOM}", second[-1].cursor)
    assert {f"Ugx00000003.r{n}" for n in range(9)} <= set(ids(first))
    assert set(ids(second)) <= set(ids(first))
    assert {"Ugx99999999", "Ugx00000003.r9"} <= set(ids(third))
    assert len(first) < 8, "it does not read the whole history"


def test_replies_of_a_comment_that_is_gone_do_not_stop_the_feed():
    answers = Site()
    answers.threads = {"Ugx00000001": 1.0, "Ugx00000002": 2.0}
    for name in answers.threads:
        answers.replies[name] = [f"{name}.r{n}" for n in range(7)]
    answers.gone = {"Ugx00000001"}
    with site(answers) as (_, connector):
        pages = walked(connector, "video:AbCdEfGhI-1")
    assert "Ugx00000002.r6" in ids(pages)
    assert "Ugx00000001.r6" not in ids(pages)


def test_a_page_that_repeats_itself_ends_the_walk():
    answers = Site()
    answers.threads = {"Ugx00000001": 1.0}
    body = json.loads(answers(Seen("GET", "/youtube/v3/commentThreads", {}, b"")).body) | {"nextPageToken": "same"}
    with site(lambda _: Reply(200, json.dumps(body).encode())) as (server, connector):
        walked(connector, "video:AbCdEfGhI-1")
    assert len(server.seen) == 2


# units, the key and refusals


def test_every_read_costs_a_unit_and_the_day_has_ten_thousand():
    reader = YouTube(Settings(), None)
    assert (reader.settings.monthly_budget, reader.settings.daily_budget) == (300_000, 10_000)
    assert reader.cost(feed("video:AbCdEfGhI-1"), None) == 1.0
    assert reader.recheck_cost(100) == 3.0
    assert (reader.traits.currency, reader.traits.prices) == ("units", {"read": 1.0})


def test_the_key_is_a_header_and_stays_out_of_everything_else():
    answers = Site()
    answers.videos = {video(1): 1.0}
    with site(answers) as (server, connector):
        pages = walked(connector, f"channel:{WHOM}")
    assert server.seen[0].headers["x-goog-api-key"] == "sesame"
    assert "sesame" not in server.seen[0].path + repr(pages) + repr(connector.settings)


def refusal(reason: str) -> Answer:
    body = {"error": {"code": 403, "message": "quota of key sesame", "errors": [{"reason": reason}]}}
    return Answer("https://www.googleapis.com/x", 403, {}, json.dumps(body).encode())


def test_a_spent_quota_stops_until_midnight_in_california():
    with pytest.raises(OutOfBudget) as caught:
        read(YouTube(Settings(), None), refusal("quotaExceeded"), feed("video:AbCdEfGhI-1"), None)
    until = caught.value.until
    assert until is not None
    assert until.astimezone(ZoneInfo("America/Los_Angeles")).strftime("%H:%M:%S") == "00:00:00"
    assert timedelta(0) < until - datetime.now(UTC) <= timedelta(hours=25)
    assert "sesame" not in str(caught.value)


@pytest.mark.parametrize(
    ("reason", "error"),
    [("commentsDisabled", FeedGone), ("rateLimitExceeded", RateLimited), ("accessNotConfigured", NotAuthorised),
     ("forbidden", ConnectorError), ("whatever", ConnectorError)],
)  # fmt: skip
def test_a_403_is_read_by_its_reason(reason, error):
    with pytest.raises(error) as caught:
        read(YouTube(Settings(), None), refusal(reason), feed("video:AbCdEfGhI-1"), None)
    assert type(caught.value) is error


def test_a_404_is_transient():
    for body in (b"", b'{"error": {"errors": [{"reason": "playlistNotFound"}]}}'):
        answer = Answer("https://www.googleapis.com/x", 404, {}, body)
        with pytest.raises(ConnectorError) as caught:
            read(YouTube(Settings(), None), answer, feed(f"channel:{WHOM}"), None)
        assert type(caught.value) is ConnectorError


def test_recorded_answers_are_read_again_and_refused(recordings: Path):
    folder = recordings / "youtube"
    bodies = {"videos": (folder / "data_videos_info_multi.json").read_bytes(), "comments": b'{"items": []}'}

    def answer(seen: Seen) -> Reply:
        return Reply(200, bodies[urlsplit(seen.path).path.rpartition("/")[2]])

    with site(answer) as (server, connector):
        page = recheck(connector, feed("x"), ["yt:video:D-lhorsDlUQ", "yt:video:AAAAAAAAAAA", "UgxGone0000"])
    assert {post.native_id for post in page.posts} >= {"yt:video:D-lhorsDlUQ"}
    assert page.deleted == ("yt:video:AAAAAAAAAAA", "UgxGone0000")
    assert (page.cost, len(server.seen)) == (2.0, 2)
    refused = Answer("https://x.example/", 403, {}, (folder / "data_error_permission_resp.json").read_bytes())
    with pytest.raises(ConnectorError):
        read(connector, refused, feed(f"channel:{WHOM}"), None)
