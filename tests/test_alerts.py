"""When an alert is due, what goes into one message, what waits, and what follows of an answer."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from listener.alerts import HIGH, TRIES, AlertRow, Outcome, Terms, after, first_due, is_alerting
from listener.grouping import HOUR, SHOWN, TOGETHER, WINDOW, House, Parcel, Planned, Recent, plan
from listener.quiet import parse

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2025, 3, 3, 11, 20, tzinfo=UTC)  # a Monday, 12:20 in Berlin
HOUSE = House(BERLIN)
NIGHT = parse("22:00-07:00")
MIDNIGHT = datetime(2025, 3, 3, 23, 0, tzinfo=UTC)
MORNING = datetime(2025, 3, 4, 6, 0, tzinfo=UTC)


def row(number: int, rule: int = 1, **rest: object) -> AlertRow:
    values: dict[str, object] = {"post": number, "channel": "desk", "reason": "", "at": NOW, "id": number} | rest
    return AlertRow(rule=rule, **values)  # type: ignore[arg-type]


def planned(
    due: Sequence[AlertRow],
    recent: Sequence[Recent] = (),
    terms: Terms = Terms("leads"),  # noqa: B008 frozen
    house: House = HOUSE,
    now: datetime = NOW,
) -> Planned:
    return plan(due, recent, now, {1: terms, 2: Terms("questions")}, house)


def said(found: Planned) -> list[tuple[str, list[int]]]:
    return [(parcel.kind, [one.id for one in parcel.alerts]) for parcel in found.parcels]


def sent(*minutes_ago: float, rule: int = 1) -> list[Recent]:
    return [Recent(rule, NOW - timedelta(minutes=ago), f"{rule}/{ago}") for ago in minutes_ago]


# when it is due


@pytest.mark.parametrize(
    ("when", "due"),
    [
        ("now", NOW),
        ("hourly", datetime(2025, 3, 3, 12, 0, tzinfo=UTC)),
        ("daily", datetime(2025, 3, 4, 6, 30, tzinfo=UTC)),
        ("briefing", datetime(2025, 3, 4, 6, 30, tzinfo=UTC)),
    ],
)
def test_a_rule_says_how_soon_its_alerts_are_due(when, due):
    assert first_due(Terms("r", when), NOW, BERLIN) == due


def test_the_days_hour_is_the_same_on_the_wall_over_a_clock_change():
    evening = datetime(2025, 3, 29, 12, 0, tzinfo=UTC)
    assert first_due(Terms("r", "daily"), evening, BERLIN) == datetime(2025, 3, 30, 5, 30, tzinfo=UTC)
    skipped = Terms("r", "daily", at=time(2, 30))
    assert first_due(skipped, evening, BERLIN) == datetime(2025, 3, 30, 1, 30, tzinfo=UTC)


@given(st.integers(0, 800 * 1440), st.sampled_from(["now", "hourly", "daily", "briefing"]), st.times())
def test_an_alert_is_due_within_a_day_and_never_in_the_past(minutes, when, at):
    now = NOW + timedelta(minutes=minutes)
    due = first_due(Terms("r", when, at=at.replace(second=0, microsecond=0)), now, BERLIN)
    assert now <= due <= now + timedelta(hours=26)


def test_the_past_of_a_new_feed_or_an_archive_alerts_nobody():
    assert [is_alerting(arrival) for arrival in ("live", "first", "archive")] == [True, False, False]


# what follows of an answer


def test_an_answer_is_sent_tried_again_unknown_or_dead():
    assert after(Outcome("sent"), 8, 3, NOW).state == "sent"
    assert after(Outcome("refused"), 1, 0, NOW).state == "dead"
    assert after(Outcome("failed"), 1, 0, NOW).due_at == NOW + timedelta(seconds=30)
    assert after(Outcome("failed"), TRIES, 0, NOW).state == "dead"
    assert after(Outcome("unknown"), 1, 0, NOW).due_at == NOW + timedelta(seconds=30)
    assert after(Outcome("unknown"), 2, 1, NOW).due_at is None


def test_a_channel_that_asks_for_time_gets_it_within_reason():
    assert after(Outcome("failed", retry_after_s=300), 1, 0, NOW).due_at == NOW + timedelta(seconds=300)
    assert after(Outcome("failed", retry_after_s=1), 3, 0, NOW).due_at == NOW + timedelta(seconds=480)
    assert after(Outcome("failed", retry_after_s=1e12), 1, 0, NOW).due_at == NOW + timedelta(days=1)


# what goes into one message


def test_few_alerts_come_one_by_one_the_most_important_first():
    found = planned([row(1, priority=50), row(2, priority=90), row(3, 2, priority=HIGH)])
    assert said(found) == [("one", [3]), ("one", [2]), ("one", [1])]
    assert not found.holds
    assert not found.drops


def test_the_fifth_of_a_rule_within_ten_minutes_waits_and_comes_with_those_after_it():
    found = planned([row(5)], sent(9, 6, 4, 1))
    assert not found.parcels
    assert found.holds == {5: NOW + timedelta(minutes=1)}
    together = planned([row(5, state="held"), row(6, state="held"), row(7)], sent(6, 4, 1))
    assert ("group", [6, 5]) in said(together)


def test_five_at_once_are_one_message():
    assert said(planned([row(n) for n in range(1, TOGETHER + 1)])) == [("group", [5, 4, 3, 2, 1])]
    assert said(planned([row(1), row(2)], sent(3, 2, 1))) == [("group", [2, 1])]
    assert [kind for kind, _ in said(planned([row(1), row(2)], sent(3, 2, 1, rule=2)))] == ["one", "one"]


def test_a_burst_is_one_digest_however_large_it_is():
    found = planned([row(n, priority=n % 100) for n in range(1, 10_001)])
    assert [(kind, len(ids)) for kind, ids in said(found)] == [("digest", 10_000)]
    assert not found.holds
    assert [one.priority for one in found.parcels[0].alerts[:SHOWN]] == [99] * SHOWN


def test_two_rules_that_saw_one_post_say_so_together():
    found = planned([row(7, id=1, priority=80), row(7, 2, id=2, priority=90)])
    assert said(found) == [("one", [2, 1])]
    silences = [row(0, id=3, occasion="a"), row(0, id=4, occasion="b")]
    assert said(planned(silences)) == [("one", [4]), ("one", [3])]


def test_a_message_that_was_tried_before_goes_again_as_it_was():
    rows = [row(1, message="k", state="failed", tries=1), row(2, message="k", state="failed", tries=1), row(3)]
    found = planned(rows, sent(4, 3, 2, 1))
    assert found.parcels == [Parcel((rows[1], rows[0]), "group", "k")]
    assert set(found.holds) == {3}


# caps, cooldowns


def test_over_a_rules_cap_alerts_wait_for_a_digest_when_the_hour_is_over():
    recent = sent(*range(11, 31))
    found = planned([row(1)], recent)
    assert found.holds == {1: NOW - timedelta(minutes=30) + HOUR}
    assert said(planned([row(1, priority=HIGH)], recent)) == [("one", [1])]
    assert said(planned([row(1, 2)], recent)) == [("one", [1])]
    assert planned([row(1)], recent[:1], Terms("r", cap_hour=1)).holds == {1: NOW - timedelta(minutes=11) + HOUR}


def test_a_cap_is_kept_inside_one_burst_of_a_few_too():
    found = planned([row(1), row(2), row(3)], sent(30), Terms("r", cap_hour=2))
    assert said(found) == [("one", [3])]
    assert set(found.holds) == {1, 2}


def test_one_channel_says_no_more_in_an_hour_than_the_house_allows():
    recent = [Recent(number, NOW - timedelta(minutes=40), f"m{number}") for number in range(10, 13)]
    assert planned([row(1)], recent, house=House(BERLIN, cap_hour=3)).holds == {1: NOW + timedelta(minutes=20)}
    assert not planned([row(1)], recent, house=House(BERLIN, cap_hour=4)).holds


def test_a_message_about_two_rules_counts_once():
    recent = [Recent(rule, NOW - timedelta(minutes=40), "same") for rule in (1, 2)]
    assert not planned([row(1)], recent, house=House(BERLIN, cap_hour=2)).holds


def test_a_cooldown_gathers_what_comes_until_it_is_over():
    terms = Terms("r", cooldown_s=7_200)
    assert planned([row(1)], sent(30), terms).holds == {1: NOW + timedelta(minutes=90)}
    assert said(planned([row(1), row(2)], (), terms)) == [("group", [2, 1])]
    assert said(planned([row(1, priority=HIGH)], sent(30), terms)) == [("one", [1])]


# quiet hours


def test_nothing_comes_at_night_and_all_of_it_in_the_morning():
    house = House(BERLIN, NIGHT)
    rows = [row(1), row(2, 2), row(3, priority=HIGH), row(4, message="k", state="failed", tries=2)]
    found = planned(rows, house=house, now=MIDNIGHT)
    assert not found.parcels
    assert found.holds == dict.fromkeys((1, 2, 3, 4), MORNING)
    held = [row(1, state="held"), row(2, 2, state="held"), row(3, state="held", priority=HIGH)]
    assert said(planned(held, house=house, now=MORNING)) == [("digest", [3, 2, 1])]


def test_a_rule_may_let_its_alerts_through_the_night():
    rows = [row(1), row(2, 2, priority=HIGH)]
    found = planned(rows, terms=Terms("r", through_quiet=True), house=House(BERLIN, NIGHT), now=MIDNIGHT)
    assert said(found) == [("one", [1])]
    assert set(found.holds) == {2}


def test_a_rules_own_quiet_hours_are_its_own():
    found = planned([row(1), row(2, 2)], terms=Terms("r", quiet=parse("12:00-13:00")))
    assert said(found) == [("one", [2])]
    assert found.holds == {1: datetime(2025, 3, 3, 12, 0, tzinfo=UTC)}


# digests


def test_what_is_due_with_the_day_is_one_message_of_all_rules():
    daily = Terms("r", "daily")
    assert said(planned([row(1), row(2), row(3, 2, state="held")], terms=daily)) == [("digest", [3, 2, 1])]
    assert said(planned([row(1)], terms=daily)) == [("one", [1])]


def test_an_alert_of_no_rule_is_dropped():
    assert planned([row(1, 9)]).drops == {1: "its rule is gone"}


ROWS = st.builds(
    row,
    st.integers(1, 60),
    st.sampled_from([1, 2, 9]),
    priority=st.sampled_from([0, 90, HIGH]),
    state=st.sampled_from(["waiting", "held"]),
)


@settings(max_examples=200)
@given(
    st.lists(ROWS, max_size=40, unique_by=lambda one: one.id),
    st.lists(
        st.builds(lambda ago, rule: sent(ago, rule=rule)[0], st.integers(0, 70), st.sampled_from([1, 2])), max_size=30
    ),
    st.integers(0, 3_000),
    st.sampled_from([0.0, 1_800.0]),
)
def test_every_alert_is_sent_held_or_dropped_once_and_none_at_night(rows, recent, minutes, cooldown_s):
    now, house = NOW + timedelta(minutes=minutes), House(BERLIN, NIGHT)
    found = planned(rows, recent, Terms("r", cooldown_s=cooldown_s), house, now)
    numbers = [one.id for parcel in found.parcels for one in parcel.alerts] + [*found.holds, *found.drops]
    assert sorted(numbers) == sorted(one.id for one in rows)
    assert all(until > now for until in found.holds.values())
    if not 7 <= now.astimezone(BERLIN).hour < 22:
        assert not found.parcels


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 300), min_size=1, max_size=60), st.sampled_from([0, HIGH]))
def test_no_ten_minutes_bring_more_than_a_handful_and_nothing_is_lost(gaps_s, priority):
    """Walk through hours of alerts as they come, a claim for each minute."""
    waiting: dict[int, AlertRow] = {}
    due: dict[int, datetime] = {}
    recent: list[Recent] = []
    at, now, number = NOW, NOW, 0
    arrivals = list(gaps_s)
    while arrivals or waiting:
        while arrivals and at + timedelta(seconds=arrivals[0]) <= now:
            at, number = at + timedelta(seconds=arrivals.pop(0)), number + 1
            waiting[number], due[number] = row(number, priority=priority), at
        ready = [one for key, one in waiting.items() if due[key] <= now]
        found = planned(ready, recent, now=now)
        for key, until in found.holds.items():
            waiting[key], due[key] = row(key, priority=priority, state="held"), until
        for parcel in found.parcels:
            recent.append(Recent(1, now, f"m{len(recent)}"))
            for one in parcel.alerts:
                del waiting[one.id]
        now += timedelta(minutes=1)
        assert now < NOW + timedelta(days=2)
    times = [one.at for one in recent]
    for first in times:
        assert sum(first <= one < first + WINDOW for one in times) <= TOGETHER


def test_what_the_user_released_is_held_by_nothing():
    busy = sent(1, 2, 3, 4, 5)
    terms = Terms("leads", cooldown_s=7_200, cap_hour=1, quiet=parse("00:00-23:59"))
    found = planned([row(1, by_hand=True), row(2)], busy, terms)
    assert [[one.id for one in parcel.alerts] for parcel in found.parcels] == [[1]]
    assert list(found.holds) == [2]
