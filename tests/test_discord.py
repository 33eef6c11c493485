"""Discord: walks forward, the missing intent, messages read again."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from connectors.discord import LIMIT, Discord, Settings
from connectors.discord.messages import snowflake
from listener.addresses import NetworkRules
from listener.connector import poll, recheck
from listener.errors import ConnectorError, NotAuthorised, RateLimited
from listener.http import Client, Limits
from listener.types import Feed, Page
from tests.servers import Reply, Seen, Server, serving

SERVER, CHANNEL = "278325129692446720", "290926798999357250"
FEED = Feed(1, "discord", f"{SERVER}/{CHANNEL}", "discord")
NOW = datetime.now(UTC)


class Channel:
    """A channel: with `after`, the oldest messages that follow, newest first."""

    def __init__(self) -> None:
        self.messages: dict[int, dict] = {}
        self.glitch: Callable[[int, object], object] = lambda _, body: body
        self.asked = 0

    def say(self, minutes_ago: float, content: str, **more: object) -> str:
        number = int(snowflake(NOW - timedelta(minutes=minutes_ago))) + len(self.messages)
        author = {"id": "5", "username": "ines", "discriminator": "0"}
        self.messages[number] = {"id": str(number), "type": 0, "content": content, "author": author} | more
        return str(number)

    def __call__(self, seen: Seen) -> Reply:
        assert seen.headers["authorization"] == "Bot mine"
        parts = urlsplit(seen.path)
        if parts.path == f"/api/v10/guilds/{SERVER}":
            return Reply(403, b'{"code": 50001, "message": "Missing Access"}')
        if parts.path == f"/api/v10/channels/{CHANNEL}":
            return Reply(200, json.dumps({"id": CHANNEL, "guild_id": SERVER, "name": "help"}).encode())
        assert parts.path == f"/api/v10/channels/{CHANNEL}/messages"
        self.asked += 1
        asked = {name: int(values[0]) for name, values in parse_qs(parts.query).items()}
        following = sorted(number for number in self.messages if number > asked["after"])[: asked["limit"]]
        body = self.glitch(self.asked, [self.messages[number] for number in reversed(following)])
        return body if isinstance(body, Reply) else Reply(200, json.dumps(body).encode())


@contextmanager
def talking(channel: Channel) -> Iterator[tuple[Server, Discord]]:
    with serving(channel) as server:
        client = Client(NetworkRules(allow_private=(server.host_port,)), limits=Limits(read_s=2.0, host_slot_s=0.0))
        try:
            yield server, Discord(Settings(token="mine", base_url=server.url), client)
        finally:
            client.close()


def walk(connector: Discord, cursor: str | None = None) -> list[Page]:
    pages: list[Page] = []
    while not pages or pages[-1].more:
        assert len(pages) < 20, "the walk does not end"
        _, page = poll(connector, FEED, cursor)
        pages.append(page)
        cursor = page.cursor
    return pages


def said(pages: list[Page]) -> list[str]:
    return sorted(
        (post.text for page in pages for post in page.posts), key=lambda one: [int(n) for n in re.findall(r"\d+", one)]
    )


def test_a_walk_goes_forward_over_all_pages_and_takes_what_arrives_meanwhile():
    channel = Channel()
    for number in range(250):
        channel.say(500 - number, f"m {number}")
    channel.say(72 * 60, "too old for a first poll")

    def meanwhile(asked: int, body: object) -> object:
        if asked == 2:
            channel.say(1, "m 250")
        return body

    channel.glitch = meanwhile
    with talking(channel) as (_, connector):
        pages = walk(connector)
        assert said(pages) == [f"m {number}" for number in range(251)]
        assert len({post.native_id for page in pages for post in page.posts}) == 251
        assert pages[0].posts[0].community == "#help"
        again = walk(connector, pages[-1].cursor)
    assert [len(page.posts) for page in again] == [0]
    assert channel.asked == 251 // LIMIT + 2


def test_an_error_in_the_middle_loses_and_doubles_nothing():
    channel = Channel()
    for number in range(150):
        channel.say(500 - number, f"m {number}")
    with talking(channel) as (_, connector):
        _, first = poll(connector, FEED, None)
        channel.glitch = lambda _asked, _body: Reply(500)
        with pytest.raises(ConnectorError):
            poll(connector, FEED, first.cursor)
        channel.glitch = lambda _asked, body: body
        assert said([first, *walk(connector, first.cursor)]) == [f"m {number}" for number in range(150)]


def test_texts_that_are_missing_say_which_switch_to_turn_and_the_cursor_stays():
    channel = Channel()
    channel.say(9, "")
    channel.say(8, "", type=7)
    with talking(channel) as (_, connector):
        with pytest.raises(NotAuthorised, match="Message Content Intent"):
            poll(connector, FEED, None)
        channel.say(7, "one with a text")  # the bot itself, or a message that names it, always has one
        channel.say(6, "another")
        assert len(walk(connector)[0].posts) == 3


def test_a_page_that_repeats_for_ever_ends():
    channel = Channel()
    for number in range(LIMIT):
        channel.say(500 - number, f"m {number}")
    page = [channel.messages[number] for number in sorted(channel.messages, reverse=True)]
    channel.glitch = lambda _asked, _body: page
    with talking(channel) as (_, connector):
        assert len(walk(connector)) == 2


def test_messages_read_again_bring_edits_and_show_what_is_gone():
    channel = Channel()
    kept, gone = channel.say(9, "one"), channel.say(8, "two")
    del channel.messages[int(gone)]
    channel.messages[int(kept)] |= {"content": "one!", "edited_timestamp": "2026-09-02T07:46:30.000000+00:00"}
    channel.say(7, "not asked for")
    with talking(channel) as (_, connector):
        page = recheck(connector, FEED, [f"{CHANNEL}/{kept}", f"{CHANNEL}/{gone}", "nonsense"])
    assert [(post.text, post.edited_at is not None) for post in page.posts] == [("one!", True)]
    assert page.deleted == (f"{CHANNEL}/{gone}",)


def test_messages_beyond_the_page_that_was_read_again_are_not_called_gone():
    channel = Channel()
    numbers = [channel.say(500 - number, f"m {number}") for number in range(LIMIT + 50)]
    with talking(channel) as (_, connector):
        page = recheck(connector, FEED, [f"{CHANNEL}/{numbers[0]}", f"{CHANNEL}/{numbers[-1]}"])
    assert (len(page.posts), page.deleted) == (1, ())


@pytest.mark.parametrize(
    ("reply", "kind", "advice"),
    [
        (Reply(401, b'{"message": "401: Unauthorized", "code": 0}'), NotAuthorised, "connectors.discord.token"),
        (Reply(403, b'{"message": "Missing Access", "code": 50001}'), NotAuthorised, "Read Message History"),
        (Reply(404, b'{"message": "Unknown Channel", "code": 10003}'), ConnectorError, "no such channel"),
        (Reply(429, b'{"message": "slow", "retry_after": 1336.57, "global": false}'), RateLimited, "wait"),
        (Reply(429, b"<html>error 1015</html>"), RateLimited, "web page"),
    ],
)
def test_refusals_say_what_to_do(reply, kind, advice):
    channel = Channel()
    channel.glitch = lambda _asked, _body: reply
    with talking(channel) as (_, connector), pytest.raises(kind, match=advice) as caught:
        poll(connector, FEED, None)
    assert not isinstance(caught.value, RateLimited) or caught.value.retry_after_s in (1336.57, 3_600.0)


@pytest.mark.parametrize(
    ("text", "query"),
    [
        (f"https://discord.com/channels/{SERVER}/{CHANNEL}", f"{SERVER}/{CHANNEL}"),
        (f"https://canary.discord.com/channels/{SERVER}/{CHANNEL}/334385199974967042", f"{SERVER}/{CHANNEL}"),
        (f"https://discord.com/channels/@me/{CHANNEL}", f"@me/{CHANNEL}"),
        (f"discord:{SERVER}/{CHANNEL}", f"{SERVER}/{CHANNEL}"),
        ("https://discord.gg/python", None),
        (CHANNEL, None),
        ("", None),
    ],
)
def test_what_people_paste(text, query):
    found = Discord(Settings(), None).feed_for(text)
    assert (found.query if found else None) == query


def test_ids_hold_their_time():
    assert snowflake(datetime(2015, 1, 1, tzinfo=UTC)) == "0"
    assert int(snowflake(datetime(2017, 7, 11, 17, 27, 7, tzinfo=UTC))) <= 334385199974967042
