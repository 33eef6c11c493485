"""What is due reaches its channel once, with its words and its reason, and no channel waits for another."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from listener.alerts import HIGH, AlertQuery, AlertRow, Message, Outcome, Sender, Terms
from listener.deliver import Courier, Outgoing
from listener.errors import ConfigError
from listener.grouping import House
from listener.secrets import remember
from listener.store.sqlite import SqliteStore
from tests.stored import NOW, bear, by, feed, kept, minutes, post, scored

TERMS = {1: Terms("leads"), 2: Terms("questions", lang="de")}


class Desk:
    """A channel: keeps what it is told, and answers as it is told to."""

    def __init__(self, *answers: Outcome, during: Callable[[], object] = lambda: None) -> None:
        self.got: list[Message] = []
        self._answers, self._during = list(answers), during

    def send(self, message: Message) -> Outcome:
        self.got.append(message)
        self._during()
        return self._answers.pop(0) if self._answers else Outcome("sent")


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with closing(SqliteStore.open(tmp_path / "listener.db")) as opened:
        yield opened


def courier(store: SqliteStore, channels: Mapping[str, Sender], clock: Callable[[], datetime] = lambda: NOW) -> Courier:
    def find(name: str) -> Sender:
        if name not in channels:
            raise ConfigError(f"no channel is called {name}; `listener channels` lists them")
        return channels[name]

    return Courier(Outgoing(store, find, lambda: TERMS, House(UTC), clock, {"lead": 0.5, "question": 0.5}))


def alert(number: int, **rest: object) -> AlertRow:
    values: dict[str, object] = {"rule": 1, "channel": "desk", "reason": "lead 0.91, Offer: moving house"} | rest
    return AlertRow(post=number, at=NOW, due_at=NOW, **values)  # type: ignore[arg-type]


def leads(store: SqliteStore, count: int = 1) -> list[int]:
    """Keep some leads; give their numbers."""
    who = by("ada", name="Ada", handle="@ada")
    drafts = [
        scored(
            post(n, "Our garden shed leaks. Who repairs roofs near Ulm? We would pay well for it.", account=who,
                 url=f"https://site.example/{n}", title=f"Roof {n}", community="allotments"),
            lead=0.91,
        )
        for n in range(count)
    ]  # fmt: skip
    return kept(store, store.add_feed(feed(), NOW), *drafts)


def states(store: SqliteStore) -> dict[str, int]:
    return {str(state): count for state, count in store.alert_counts().items()}


def test_an_alert_says_who_where_what_why_and_what_to_type(store: SqliteStore) -> None:
    desk, (number,) = Desk(), leads(store)
    bear(store, [alert(number, priority=HIGH)])
    found = courier(store, {"desk": desk}).deliver_due()
    assert [(one.channel, one.outcome.kind, one.state) for one in found.tried] == [("desk", "sent", "sent")]
    (message,) = desk.got
    assert (message.title, message.kind, message.more) == ("rule 1: Roof 0", "one", 0)
    assert (message.high, message.possible_repeat) == (True, False)
    (item,) = message.items
    assert (item.author, item.where, item.headline) == ("Ada", "blog · allotments", "Roof 0")
    assert item.text.startswith("Our garden shed leaks.")
    assert (item.url, item.reason) == ("https://site.example/0", "lead 0.91, Offer: moving house")
    assert (item.command, item.labels["lead"]) == (f"listener label {number} not-lead", 0.91)
    assert store.deliveries()[0].outcome == "sent"


def test_what_was_sent_is_not_sent_again(store: SqliteStore) -> None:
    desk = Desk()
    bear(store, [alert(number) for number in leads(store, 3)])
    first = courier(store, {"desk": desk})
    first.deliver_due()
    first.deliver_due()
    courier(store, {"desk": desk}, lambda: NOW + timedelta(days=30)).deliver_due()
    assert [message.title for message in desk.got] == ["rule 1: Roof 2", "rule 1: Roof 1", "rule 1: Roof 0"]


def test_two_rules_about_one_post_are_one_message_with_both_reasons(store: SqliteStore) -> None:
    desk, (number,) = Desk(), leads(store)
    bear(store, [alert(number), alert(number, rule=2, reason="question 0.80")])
    courier(store, {"desk": desk}).deliver_due()
    (message,) = desk.got
    assert len(message.items) == 1
    assert set(message.items[0].reason.split("; ")) == {"lead 0.91, Offer: moving house", "question 0.80"}
    assert states(store) == {"sent": 2}


def test_an_alert_about_a_silence_needs_no_post(store: SqliteStore) -> None:
    desk = Desk()
    bear(store, [alert(0, occasion="2025-02", reason="no post from Ada for 30 days")])
    courier(store, {"desk": desk}).deliver_due()
    assert desk.got[0].items[0].reason == "no post from Ada for 30 days"


def test_ten_thousand_matches_of_one_poll_are_one_digest_of_twenty(store: SqliteStore) -> None:
    desk, numbers = Desk(), leads(store, 40)
    rows = [alert(number, priority=99) for number in numbers]
    bear(store, rows + [alert(number, priority=50) for number in range(1_000_000, 1_009_960)])
    courier(store, {"desk": desk}).deliver_due()
    (message,) = desk.got
    assert (message.kind, len(message.items), message.more) == ("digest", 20, 9_980)
    assert message.title == "10,000 alerts: rule 1"
    assert states(store) == {"sent": 10_000}


def test_a_slow_channel_holds_up_no_other_and_is_not_asked_twice(store: SqliteStore) -> None:
    go_on = threading.Event()
    slow, quick = Desk(during=lambda: go_on.wait(20)), Desk()
    number, other = leads(store, 2)
    bear(store, [alert(number, channel="slow"), alert(other, channel="slow"), alert(number, channel="quick")])
    one = courier(store, {"slow": slow, "quick": quick})
    began = time.monotonic()
    found = one.deliver_due(wait_s=0.3)
    assert time.monotonic() - began < 5
    assert ([tried.channel for tried in found.tried], found.slow) == (["quick"], ("slow",))
    assert one.deliver_due(wait_s=0.1).slow == ("slow",)
    assert len(slow.got) == 1
    go_on.set()
    end = time.monotonic() + 10
    while one.deliver_due(wait_s=1).slow and time.monotonic() < end:
        time.sleep(0.01)
    assert (len(slow.got), len(quick.got), states(store)) == (2, 1, {"sent": 3})


def test_an_end_waits_for_what_is_being_sent_and_begins_nothing_new(store: SqliteStore) -> None:
    go_on = threading.Event()
    slow = Desk(during=lambda: go_on.wait(20))
    bear(store, [alert(number) for number in leads(store, 2)])
    one = courier(store, {"desk": slow})
    assert one.deliver_due(wait_s=0.1).slow == ("desk",)
    threading.Timer(0.2, go_on.set).start()
    one.join(10)
    assert (len(slow.got), states(store)) == (1, {"sent": 1, "waiting": 1})


def test_a_channel_that_is_not_there_says_so_and_the_others_go_on(store: SqliteStore) -> None:
    desk, (number,) = Desk(), leads(store)
    bear(store, [alert(number, channel="gone"), alert(number)])
    found = courier(store, {"desk": desk}).deliver_due()
    assert [one.outcome.detail for one in found.failed] == ["no channel is called gone; `listener channels` lists them"]
    assert states(store) == {"sent": 1, "failed": 1}


def test_a_channel_that_fails_rests_and_its_alerts_come_together_afterwards(store: SqliteStore) -> None:
    clock, desk = Clock(), Desk(Outcome("failed", "HTTP 503"))
    numbers = leads(store, 4)
    bear(store, [alert(number) for number in numbers])
    one = courier(store, {"desk": desk}, clock)
    assert len(one.deliver_due().failed) == 1
    assert one.deliver_due().tried == []
    assert len(desk.got) == 1
    clock.now += timedelta(seconds=31)
    assert len(one.deliver_due().tried) == 4
    assert desk.got[1].key == desk.got[0].key
    assert not desk.got[1].possible_repeat


def test_a_channel_that_asks_for_an_hour_gets_it(store: SqliteStore) -> None:
    clock, desk = Clock(), Desk(Outcome("failed", "HTTP 429", retry_after_s=3_600))
    bear(store, [alert(number) for number in leads(store, 2)])
    one = courier(store, {"desk": desk}, clock)
    one.deliver_due()
    clock.now += minutes(59)
    assert one.deliver_due().tried == []
    clock.now += minutes(2)
    assert len(one.deliver_due().tried) == 2


def test_an_answer_that_cannot_be_written_down_is_written_later_and_nothing_is_sent_twice(store: SqliteStore) -> None:
    def break_disk() -> None:
        store._connections.damage = "the disk is full"

    desk = Desk(during=break_disk)
    bear(store, [alert(number) for number in leads(store)])
    one = courier(store, {"desk": desk})
    assert [tried.state for tried in one.deliver_due().tried] == [None]
    assert one.deliver_due().tried[0].state is None
    store._connections.damage = None
    assert one.deliver_due().tried[0].state == "sent"
    assert (len(desk.got), states(store)) == (1, {"sent": 1})


def test_a_store_that_cannot_be_written_keeps_everything_and_says_so(store: SqliteStore) -> None:
    desk = Desk()
    bear(store, [alert(number) for number in leads(store)])
    store._connections.damage = "the disk is full"
    found = courier(store, {"desk": desk}).deliver_due()
    assert (found.tried, found.troubles) == ([], ["desk: the disk is full"])
    store._connections.damage = None
    assert (desk.got, states(store)) == ([], {"waiting": 1})


def test_what_a_dead_program_was_sending_is_sent_again_as_a_possible_repeat(store: SqliteStore) -> None:
    clock, desk = Clock(), Desk()
    bear(store, [alert(number) for number in leads(store)])
    left = store.claim_alerts("desk", NOW, token="dead", lease_s=180, terms=TERMS, house=House(UTC))
    assert left is not None
    one = courier(store, {"desk": desk}, clock)
    assert one.deliver_due().tried == []
    clock.now += timedelta(seconds=181)
    one.deliver_due()
    assert [(message.key, message.possible_repeat) for message in desk.got] == [(left.key, True)]


def test_posts_that_are_gone_are_left_out_and_a_message_without_any_is_not_sent(store: SqliteStore) -> None:
    desk, numbers = Desk(), leads(store)
    bear(store, [alert(number) for number in (*numbers, 700, 701, 702, 703)])
    courier(store, {"desk": desk}).deliver_due()
    assert [len(message.items) for message in desk.got] == [1]
    bear(store, [alert(800, channel="mail")])
    assert courier(store, {"mail": desk}).deliver_due().failed[0].outcome.detail == "its post is gone"
    assert len(desk.got) == 1


def test_no_secret_reaches_the_log(store: SqliteStore) -> None:
    remember("hunter2-hunter2")
    desk = Desk(Outcome("refused", "https://x.example/hunter2-hunter2\nsaid no"))
    bear(store, [alert(number) for number in leads(store)])
    courier(store, {"desk": desk}).deliver_due()
    shown = [row.detail for row in store.deliveries()] + [row.error for row in store.alerts(AlertQuery())]
    assert all(text and "hunter2" not in text and "\n" not in text for text in shown)


def test_an_alert_leaves_within_a_second_of_its_birth(store: SqliteStore) -> None:
    desk = Desk()
    one = courier(store, {"desk": desk})
    bear(store, [alert(number) for number in leads(store)])
    began = time.monotonic()
    one.deliver_due(wait_s=1)
    assert desk.got
    assert time.monotonic() - began < 1
