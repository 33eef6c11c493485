"""Health is what arrives: a person's silence and a platform's failure are told apart, and told once."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listener import health, upkeep
from listener.drafting import Tools
from listener.store.sqlite import SqliteStore
from listener.types import Feed, FeedState, Plan
from listener.urls import rules

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def state(number=1, silent=HOUR, gap=HOUR, posts=10, connector="paper", **more) -> FeedState:
    """A feed that said something every `gap`, until `silent` ago."""
    recent = tuple(NOW - silent - n * gap for n in range(posts))
    more = {"health": "fresh", "next_poll_at": NOW} | more
    return FeedState(Feed(number, connector, f"q{number}", connector), recent=recent, **more)


@pytest.mark.parametrize("gap", [HOUR, 6 * HOUR, timedelta(days=1), timedelta(days=9)])
def test_frozen_items_are_found_out_within_three_expected_gaps(gap):
    assert health.of_feed(state(silent=2.9 * gap, gap=gap), NOW) == "fresh"
    assert health.of_feed(state(silent=3.01 * gap, gap=gap), NOW) == "quiet"


def test_a_feed_that_speaks_in_bursts_is_not_quiet_between_them():
    burst = [timedelta(minutes=n) for n in range(3)]
    recent = tuple(NOW - 9 * HOUR - day * timedelta(hours=8) - n for day in range(4) for n in burst)
    assert health.of_feed(FeedState(Feed(1, "a", "b", "a"), recent=recent), NOW) == "fresh"


def test_too_little_known_is_no_silence():
    assert health.of_feed(state(silent=timedelta(days=900), posts=3), NOW) == "fresh"


def test_all_feeds_of_a_platform_silent_at_once_is_the_platform():
    silent = [state(n, silent=9 * HOUR) for n in range(1, 5)]
    found = health.outages(silent, NOW)
    assert list(found) == ["paper"]
    assert "4 feeds answer" in found["paper"].text


def test_one_silent_feed_is_the_persons_silence():
    feeds = [state(1, silent=9 * HOUR), state(2, silent=HOUR), state(3, silent=HOUR)]
    assert health.outages(feeds, NOW) == {}
    assert health.outages([state(1, silent=9 * HOUR)], NOW) == {}


def test_a_platform_whose_feeds_all_fail_is_named_once():
    failing = [state(n, failures=5, error="HTTP 503", health="broken") for n in range(1, 4)]
    assert list(health.outages(failing, NOW)) == ["paper"]
    one = [state(1, failures=5, error="HTTP 503", health="broken"), state(2)]
    assert list(health.outages(one, NOW)) == ["feed 1"]


def test_a_short_failure_is_not_told_and_what_waits_for_the_user_is_told_at_once():
    assert health.outages([state(1, failures=1, error="HTTP 500", health="broken")], NOW) == {}
    waiting = state(1, failures=1, error="HTTP 401", health="needs you", next_poll_at=None)
    assert "waits for you" in health.outages([waiting], NOW)["feed 1"].text


def test_a_paused_feed_is_nobodys_trouble():
    assert health.outages([state(1, failures=9, error="x", health="broken", paused=True)], NOW) == {}


@given(st.lists(st.integers(0, 10**9).map(lambda s: NOW - timedelta(seconds=s)), max_size=20))
def test_any_history_has_an_expected_gap_or_none(times):
    gap_s = health.expected_gap_s(sorted(times, reverse=True))
    assert (gap_s is None) == (len(times) < health.KNOWN_FROM)
    assert gap_s is None or gap_s >= 0


def test_an_outage_is_one_message_and_its_end_is_one_more(tmp_path):
    store = SqliteStore.open(tmp_path / "posts.db")
    tools = Tools(store, None, lambda _: None, None, rules({}), lambda: NOW, lambda: 0.5)
    store.add_feed(Feed(0, "paper", "q", "paper", title="The Paper"), NOW)

    def end_turn(plan: Plan) -> list[str]:
        [claimed] = store.claim_due(NOW, owner="me", lease_s=60, limit=1)
        store.save_plans([(claimed.feed.id, None, plan)], NOW, "me")
        store.make_due([1], NOW)
        return upkeep.tell(tools)

    told = [end_turn(Plan(NOW, 600, n, "broken", "paper q: HTTP 503")) for n in range(1, 8)]
    assert [len(messages) for messages in told] == [0, 0, 1, 0, 0, 0, 0]
    assert "feed 1 The Paper: HTTP 503 (" in told[2][0]
    assert [row.subject for row in store.outages()] == ["feed 1"]
    assert end_turn(Plan(NOW, 600)) == ["feed 1: all right again"]
    assert end_turn(Plan(NOW, 600)) == []
    assert store.outages() == []
    store.close()


def test_a_failure_that_was_just_printed_is_written_down_and_not_told_again(tmp_path):
    store = SqliteStore.open(tmp_path / "posts.db")
    tools = Tools(store, None, lambda _: None, None, rules({}), lambda: NOW, lambda: 0.5)
    for number in (1, 2):
        kept = store.add_feed(Feed(0, f"c{number}", "q", "paper"), NOW)
        [claimed] = store.claim_due(NOW, owner="me", lease_s=60, limit=1)
        store.save_plans(
            [(claimed.feed.id, None, Plan(None, 600, 1, "needs you", f"c{number} q: HTTP 401"))], NOW, "me"
        )
        assert kept.id == number
    assert upkeep.tell(tools, said=[1]) == ["feed 2 q: HTTP 401 (it waits for you)"]
    assert [row.subject for row in store.outages()] == ["feed 1", "feed 2"]
    assert upkeep.tell(tools) == []
    store.close()


def test_a_briefing_names_a_few_failing_feeds_and_counts_the_rest():
    broken = [state(n, error=f"q{n}: HTTP 500", health="broken") for n in range(1, 9)]
    assert health.failing(broken[:3]) == ["q1: HTTP 500", "q2: HTTP 500", "q3: HTTP 500"]
    assert health.failing([*broken, state(9)])[3:] == ["5 more; `listener feeds` says why"]
    assert health.failing([state(1, error="x", paused=True), state(2)]) == []


def test_silence_counts_from_when_we_began_to_listen():
    old = state(silent=timedelta(days=9))
    assert health.of_feed(replace(old, added_at=NOW - HOUR), NOW) == "fresh"
    assert health.of_feed(replace(old, added_at=NOW - 4 * HOUR), NOW) == "quiet"
