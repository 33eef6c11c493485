"""Telegram: a stream of updates that is deleted by asking for the next."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from email.utils import formatdate
from urllib.parse import parse_qs, urlsplit

import pytest

from connectors.telegram import LIMIT, Settings, Telegram
from connectors.telegram.messages import entities
from listener.addresses import NetworkRules
from listener.connector import poll, request
from listener.errors import ConnectorError, NotAuthorised
from listener.http import Client, Limits
from listener.secrets import redact
from listener.types import Feed, Page
from tests.servers import Reply, Seen, Server, serving

TOKEN = "123456:AAE-secret_token"
FEED = Feed(1, "telegram", "updates", "telegram")
NOW = 1_788_336_000
DAY = 86_400


class Bot:
    """The platform's side: updates wait until a later offset is asked for, or for a day."""

    def __init__(self) -> None:
        self.now = NOW
        self.waiting: list[tuple[int, int, dict]] = []
        self.next = 900

    def say(self, text: str) -> None:
        number, self.next = self.next, self.next + 1
        chat = {"id": -1001, "type": "supergroup", "title": "Makers"}
        message = {"message_id": number, "date": self.now, "chat": chat, "text": text, "from": {"id": 7}}
        self.waiting.append((self.now, number, {"update_id": number, "message": message}))

    def __call__(self, seen: Seen) -> Reply:
        parts = urlsplit(seen.path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        assert parts.path == f"/bot{TOKEN}/getUpdates"
        assert set(json.loads(asked["allowed_updates"])) >= {"edited_message", "edited_channel_post"}
        offset = int(asked.get("offset", 0))
        self.waiting = [one for one in self.waiting if one[1] >= offset and one[0] > self.now - DAY]
        body = {"ok": True, "result": [update for _, _, update in self.waiting[: int(asked["limit"])]]}
        return Reply(200, json.dumps(body).encode())


@contextmanager
def talking(bot: Bot) -> Iterator[tuple[Server, Telegram]]:
    with serving(bot) as server:
        client = Client(NetworkRules(allow_private=(server.host_port,)), limits=Limits(read_s=2.0, host_slot_s=0.0))
        try:
            yield server, Telegram(Settings(token=TOKEN, base_url=server.url), client)
        finally:
            client.close()


def polled(connector: Telegram, bot: Bot, cursor: str | None) -> list[Page]:
    pages: list[Page] = []
    while not pages or pages[-1].more:
        answer = connector.fetch(FEED, cursor)
        # The test server's own Date is the real clock's; the bot's day is ours to choose.
        answer = replace(answer, headers={"date": formatdate(bot.now, usegmt=True)})
        pages.append(connector.parse(answer, FEED, cursor))
        cursor = pages[-1].cursor
    return pages


def said(pages: list[Page]) -> list[str]:
    return [post.text for page in pages for post in page.posts]


def test_updates_are_confirmed_only_by_the_cursor_of_a_saved_page():
    bot = Bot()
    bot.say("one")
    with talking(bot) as (server, connector):
        first = polled(connector, bot, None)
        again = polled(connector, bot, None)  # the page was not saved, as after a crash
        assert said(first) == said(again) == ["one"]
        bot.say("two")
        second = polled(connector, bot, first[-1].cursor)
        assert said(second) == ["two"]
        assert [len(bot.waiting), "offset" in server.paths()[1], "offset=901" in server.paths()[2]] == [1, False, True]


def test_a_backlog_is_read_page_by_page_while_more_is_said():
    bot = Bot()
    for number in range(250):
        bot.say(str(number))
    with talking(bot) as (_, connector):
        pages = polled(connector, bot, None)
        bot.say("250")
        pages += polled(connector, bot, pages[-1].cursor)
    assert [len(page.posts) for page in pages] == [LIMIT, LIMIT, 50, 1]
    assert said(pages) == [str(number) for number in range(251)]
    assert not [page for page in pages if page.gap]


def test_more_than_a_day_without_a_poll_leaves_a_gap():
    bot = Bot()
    bot.say("before")
    with talking(bot) as (_, connector):
        first = polled(connector, bot, None)
        bot.say("lost")
        bot.now += DAY + 3_600
        bot.say("after")
        second = polled(connector, bot, first[-1].cursor)
    assert said(second) == ["after"]
    assert (second[0].gap.older, second[0].gap.newer) == ("update 900", "update 902")


def test_a_day_away_without_loss_leaves_none_and_a_quiet_return_is_decided_later():
    bot = Bot()
    bot.say("before")
    with talking(bot) as (_, connector):
        first = polled(connector, bot, None)
        bot.now += 2 * DAY
        empty = polled(connector, bot, first[-1].cursor)
        assert empty[0].gap is None
        bot.say("after")
        after = polled(connector, bot, empty[-1].cursor)
        assert (said(after), after[0].gap) == (["after"], None)
        bot.now += 2 * DAY
        empty = polled(connector, bot, after[-1].cursor)
        bot.next += 5
        bot.say("later")
        later = polled(connector, bot, empty[-1].cursor)
    assert later[0].gap is not None


def test_numbers_that_begin_anew_after_a_silent_week_are_seen():
    bot = Bot()
    bot.say("before")
    with talking(bot) as (_, connector):
        pages = polled(connector, bot, None)
        for _ in range(9):
            bot.now += DAY - 60
            pages += polled(connector, bot, pages[-1].cursor)
        bot.next = 12
        bot.say("after")
        pages += polled(connector, bot, pages[-1].cursor)
    assert said(pages) == ["before", "after"]


def test_the_token_is_in_no_cursor_and_no_error():
    bot = Bot()
    bot.say("one")
    with talking(bot) as (server, connector):
        _, page = poll(connector, FEED, None)
        assert TOKEN not in page.cursor
        for reply in (Reply(404), Reply(500), Reply(302, headers={"Location": "https://elsewhere.example/x"})):
            server.answer = lambda _, reply=reply: reply
            with pytest.raises(ConnectorError) as caught:
                poll(connector, FEED, page.cursor)
            assert "AAE-secret" not in redact(str(caught.value))


def test_without_a_token_it_says_which_setting_is_missing():
    connector = Telegram(Settings(), None)
    assert connector.missing() == "connectors.telegram.token is not set"
    with pytest.raises(NotAuthorised, match=r"connectors\.telegram\.token is not set"):
        request(connector, FEED, None)


@pytest.mark.parametrize(
    ("text", "is_ours"),
    [
        ("telegram:updates", True),
        ("telegram", True),
        ("https://t.me/harbournews", False),
        ("https://t.me/s/harbournews", False),
        ("t.me/harbournews/12", False),
        ("https://t.me/c/1234567890/5", False),
        ("https://example.org/t.me/x", False),
        ("@harbournews", False),
        ("", False),
        ("telegram:other", False),
    ],
)
def test_what_people_paste(text, is_ours):
    found = Telegram(Settings(), None).feed_for(text)
    assert (found is not None) == is_ours
    assert found is None or found.query == "updates"


def test_entities_count_utf_16_units():
    text = "👩🏽‍💻 ask @oona 🙂 example.org"
    units = text.encode("utf-16-le")
    place = units.index("@oona".encode("utf-16-le")) // 2
    site = units.index("example.org".encode("utf-16-le")) // 2
    found = entities(
        text,
        [{"type": "mention", "offset": place, "length": 5}, {"type": "url", "offset": site, "length": 11}],
    )
    assert (found.mentions, found.links) == (("@oona",), ("https://example.org",))
