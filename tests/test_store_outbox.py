"""The outbox: every alert goes out once, whatever dies on the way, and says so where that cannot be known."""

import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from listener.alerts import HIGH, TRIES, AlertQuery, AlertRow, Claimed, Outcome, Terms
from listener.grouping import House
from listener.quiet import parse
from listener.store import Store, outbox
from listener.store.sqlite import SqliteStore
from listener.types import Feed
from tests.stored import NOW, bear, days, draft, feed, kept, minutes, post, save

TERMS = {1: Terms("leads"), 2: Terms("questions")}
HOUSE = House(UTC)
SENT, FAILED, UNKNOWN, REFUSED = (Outcome(kind) for kind in ("sent", "failed", "unknown", "refused"))  # type: ignore[arg-type]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with closing(SqliteStore.open(tmp_path / "listener.db")) as opened:
        yield opened


def alert(number: int = 1, **rest: object) -> AlertRow:
    values: dict[str, object] = {"rule": 1, "channel": "desk", "reason": "lead 0.91", "at": NOW, "due_at": NOW} | rest
    return AlertRow(post=number, **values)  # type: ignore[arg-type]


def claim(store: Store, now: datetime = NOW, token: str = "t", **rest: object) -> Claimed | None:
    values: dict[str, object] = {"channel": "desk", "lease_s": 60.0, "terms": TERMS, "house": HOUSE} | rest
    return store.claim_alerts(now=now, token=token, **values)  # type: ignore[arg-type]


def claimed(store: Store, now: datetime = NOW, token: str = "t", **rest: object) -> Claimed:
    found = claim(store, now, token, **rest)
    assert found is not None
    return found


def only(store: Store) -> AlertRow:
    (found,) = store.alerts(AlertQuery())
    return found


def test_an_alert_is_born_once_for_a_rule_a_post_a_channel_and_an_occasion(store: SqliteStore) -> None:
    assert bear(store, [alert(), alert(), alert(channel="mail"), alert(rule=2)]) == 3
    assert bear(store, [alert(reason="again")]) == 0
    assert bear(store, [alert(0, occasion="2025-03-01"), alert(0, occasion="2025-03-02")]) == 2


def test_an_alert_that_was_sent_comes_back_as_it_was_and_is_due_no_more(store: SqliteStore) -> None:
    bear(store, [alert(priority=91)])
    assert store.channels_due(NOW - minutes(1)) == []
    assert store.channels_due(NOW) == ["desk"]
    taken = claimed(store)
    assert [(row.post, row.priority, row.reason, row.state, row.tries) for row in taken.alerts] == [
        (1, 91, "lead 0.91", "sending", 1)
    ]
    assert claim(store, token="u") is None
    assert store.finish_alerts(taken, "t", SENT, NOW, took_ms=12) == "sent"
    found = only(store)
    assert (found.state, found.sent_at, found.due_at, found.error, found.repeat) == ("sent", NOW, None, None, 0)
    assert store.channels_due(NOW + days(400)) == []
    (log,) = store.deliveries()
    assert (log.channel, log.outcome, log.alerts, log.took_ms, log.message) == ("desk", "sent", 1, 12, taken.key)


def test_a_failure_comes_again_later_under_the_same_key_until_it_is_dead(store: SqliteStore) -> None:
    bear(store, [alert()])
    now, keys, waits = NOW, [], []
    for number in range(TRIES):
        taken = claimed(store, now, f"t{number}")
        keys.append(taken.key)
        store.finish_alerts(taken, f"t{number}", Outcome("failed", "HTTP 503"), now)
        due = only(store).due_at
        if due is not None:
            assert claim(store, due - timedelta(milliseconds=1), "early") is None
            waits.append((due - now).total_seconds())
            now = due
    assert len(set(keys)) == 1
    assert waits == [30, 120, 480, 1_920, 7_680, 21_600, 21_600]
    assert (only(store).state, only(store).error, only(store).repeat) == ("dead", "HTTP 503", 0)
    assert claim(store, now + days(100)) is None


def test_what_a_channel_refuses_is_dead_at_once_and_can_be_sent_again(store: SqliteStore) -> None:
    bear(store, [alert()])
    (number,) = [row.id for row in store.alerts(AlertQuery())]
    first = claimed(store)
    store.finish_alerts(first, "t", REFUSED, NOW)
    assert only(store).state == "dead"
    # Post 1 is not there: what is gone is not said again.
    assert store.change_alerts([number], "resend", NOW) == 0


def test_what_is_sent_again_by_hand_has_a_new_key_and_all_its_tries(store: SqliteStore) -> None:
    (number,) = kept(store, store.add_feed(feed(), NOW), draft())
    bear(store, [alert(number)])
    first = claimed(store)
    store.finish_alerts(first, "t", REFUSED, NOW)
    assert store.change_alerts([first.alerts[0].id], "resend", NOW) == 1
    again = claimed(store, token="u")
    assert again.key != first.key
    assert (again.alerts[0].tries, again.alerts[0].repeat) == (1, 0)


def test_a_lease_that_ran_out_makes_it_unknown_and_it_goes_again_as_a_possible_repeat(store: SqliteStore) -> None:
    bear(store, [alert(), alert(2)])
    first = claimed(store, lease_s=60)
    assert claim(store, NOW + timedelta(seconds=59), "u", channel="mail") is None
    assert store.channels_due(NOW + timedelta(seconds=59)) == ["desk"]  # the other one
    second = claimed(store, NOW + timedelta(seconds=60), "u")
    assert second.key == first.key
    assert [row.repeat for row in second.alerts] == [1]
    assert [row.outcome for row in store.deliveries()] == ["unknown"]
    # The first one, slow but alive, says that it was sent after all: too late, somebody else is at it.
    assert store.finish_alerts(first, "t", FAILED, NOW + timedelta(seconds=61)) is None
    assert store.finish_alerts(second, "u", SENT, NOW + timedelta(seconds=61)) == "sent"


def test_a_message_that_kills_its_program_each_time_ends_after_eight_tries(store: SqliteStore) -> None:
    bear(store, [alert()])
    for number in range(TRIES):
        assert claimed(store, NOW + days(number), f"t{number}").alerts[0].repeat == number
    assert claim(store, NOW + days(TRIES), "last") is None
    assert (only(store).state, only(store).tries, only(store).due_at) == ("unknown", TRIES, None)


def test_a_late_yes_ends_what_nobody_has_taken_since(store: SqliteStore) -> None:
    bear(store, [alert()])
    first = claimed(store, lease_s=60)
    later = NOW + minutes(5)
    night = House(UTC, parse("09:00-10:00"))
    assert claim(store, later, "u", house=night) is None
    assert only(store).state == "unknown"
    assert store.finish_alerts(first, "t", SENT, later) == "sent"
    assert claim(store, NOW + days(1), "v") is None


def test_an_outcome_that_nobody_knows_is_tried_once_more_and_then_stays(store: SqliteStore) -> None:
    bear(store, [alert()])
    assert store.finish_alerts(claimed(store), "t", UNKNOWN, NOW) == "unknown"
    due = only(store).due_at
    assert due is not None
    again = claimed(store, due, "u")
    assert again.alerts[0].repeat == 1
    assert store.finish_alerts(again, "u", UNKNOWN, due) == "unknown"
    assert (only(store).due_at, only(store).repeat) == (None, 2)


def test_finishing_twice_changes_nothing(store: SqliteStore) -> None:
    bear(store, [alert()])
    taken = claimed(store)
    assert store.finish_alerts(taken, "t", SENT, NOW) == "sent"
    assert store.finish_alerts(taken, "t", FAILED, NOW) is None
    assert only(store).state == "sent"


def test_claims_from_many_threads_never_share_an_alert(store: SqliteStore) -> None:
    bear(store, [alert(number, channel=f"c{number}") for number in range(1, 30)])
    found: list[int] = []

    def work(name: str) -> None:
        for number in range(1, 30):
            taken = claim(store, token=f"{name}{number}", channel=f"c{number}")
            if taken is not None:
                found.extend(row.post for row in taken.alerts)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == list(range(1, 30))


def test_ten_thousand_alerts_are_one_message(store: SqliteStore) -> None:
    bear(store, [alert(number, priority=number % 100) for number in range(1, 10_001)])
    taken = claimed(store)
    assert (taken.kind, len(taken.alerts)) == ("digest", 10_000)
    assert [row.priority for row in taken.alerts[:3]] == [99, 99, 99]
    assert taken.alerts[0].post > taken.alerts[1].post
    assert store.finish_alerts(taken, "t", SENT, NOW) == "sent"
    assert store.alert_counts() == {"sent": 10_000}
    assert claim(store, token="u") is None


def test_quiet_hours_hold_an_alert_and_keep_it_for_the_morning(store: SqliteStore) -> None:
    bear(store, [alert(), alert(2, rule=2)])
    night = House(UTC, parse("09:00-10:00"))
    assert claim(store, house=night) is None
    assert {(row.state, row.due_at) for row in store.alerts(AlertQuery())} == {("held", NOW + minutes(30))}
    morning = claimed(store, NOW + minutes(30), house=night)
    assert (morning.kind, len(morning.alerts)) == ("digest", 2)


def test_held_alerts_wait_for_the_user_and_go_when_released(store: SqliteStore) -> None:
    bear(store, [alert(), alert(2)])
    ids = [row.id for row in store.alerts(AlertQuery())]
    assert store.change_alerts(ids[:1], "hold", NOW) == 1
    assert [row.id for row in claimed(store).alerts] == ids[1:]
    assert claim(store, NOW + days(900), "u") is not None  # the lost lease of the other
    assert store.change_alerts(ids[:1], "release", NOW) == 1
    assert [row.id for row in claimed(store, NOW, "v").alerts] == ids[:1]


def test_an_alert_of_a_rule_that_is_gone_is_dropped_with_the_reason(store: SqliteStore) -> None:
    bear(store, [alert(rule=9)])
    assert claim(store) is None
    assert (only(store).state, only(store).error, only(store).due_at) == ("dropped", "its rule is gone", None)


@pytest.mark.parametrize("state", ["waiting", "sent"])
def test_a_deleted_post_takes_its_alert_along(store: SqliteStore, state: str) -> None:
    added: Feed = store.add_feed(feed(), NOW)
    (number,) = kept(store, added, draft(post("gone")))
    bear(store, [alert(number)])
    if state == "sent":
        store.finish_alerts(claimed(store), "t", SENT, NOW)
    save(store, added, deleted=("1/gone",), cursor="c2")
    found = only(store)
    assert found.reason == ""
    assert (found.state, found.error) == (("sent", None) if state == "sent" else ("dropped", "its post is gone"))
    assert claim(store, NOW + days(1)) is None
    assert store.check() == []


def test_what_is_done_is_kept_for_ninety_days(store: SqliteStore) -> None:
    bear(store, [alert(), alert(2, channel="mail", at=NOW)])
    store.finish_alerts(claimed(store), "t", SENT, NOW)
    for day, left, log in ((89, 2, 1), (91, 1, 0)):
        store.prune(NOW + days(day), raw_days=1, post_days=None, story_days=1)
        assert (len(store.alerts(AlertQuery())), len(store.deliveries())) == (left, log)
    assert only(store).state == "waiting"


def test_alerts_are_listed_by_state_rule_and_channel(store: SqliteStore) -> None:
    bear(store, [alert(), alert(2, rule=2, channel="mail"), alert(3, priority=HIGH)])
    assert [row.post for row in store.alerts(AlertQuery())] == [3, 2, 1]
    assert [row.post for row in store.alerts(AlertQuery(rule=2))] == [2]
    assert [row.post for row in store.alerts(AlertQuery(channel="desk", limit=1))] == [3]
    assert store.alerts(AlertQuery(state="dead")) == []
    assert store.alert_counts() == {"waiting": 3}


def test_a_claim_reads_an_index_however_many_were_sent_before(store: SqliteStore) -> None:
    bear(store, [alert(1)])
    asked: dict[str, tuple[object, ...]] = {
        outbox._CHANNELS: (1,),
        outbox._LOST: (1, "desk"),
        outbox._DUE: ("desk", 1, 10),
        outbox._RECENT: ("desk", 1, 2),
        outbox._ENDED: ("sent", None, 1, None, 0, "key", "token", 1),
    }
    with store._connections.reading() as connection:
        for sql, values in asked.items():
            steps = [row[3] for row in connection.execute(f"explain query plan {sql}", values)]
            assert not [step for step in steps if step.startswith("SCAN alerts") and "INDEX" not in step]
            assert any("USING INDEX alerts_" in step or "COVERING INDEX alerts_" in step for step in steps)


def test_what_is_released_or_wanted_again_is_marked_until_it_is_sent(store: SqliteStore) -> None:
    (number,) = kept(store, store.add_feed(feed(), NOW), draft())
    bear(store, [alert(number)])
    (one,) = [row.id for row in store.alerts(AlertQuery())]
    for before, verb in (("hold", "release"), (None, "resend")):
        if before:
            store.change_alerts([one], before, NOW)
        assert not only(store).by_hand
        store.change_alerts([one], verb, NOW)
        assert only(store).by_hand
        store.finish_alerts(claimed(store), "t", SENT, NOW)
        assert (only(store).state, only(store).by_hand) == ("sent", False)
