"""The briefing's hour: one for each local date, whatever zones and clocks do (R4)."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listener import config
from listener.app import App
from listener.app.briefings import Briefed, read
from listener.schedule import LATEST_BRIEFING, briefing_due, last_done
from tests.servers_smtp import Sink, smtp

ZONES = """
UTC Europe/Berlin Europe/London Europe/Dublin Europe/Lisbon Europe/Moscow Europe/Istanbul Atlantic/Azores
Africa/Casablanca Africa/Cairo Africa/Lagos Africa/Johannesburg America/New_York America/Chicago
America/Denver America/Los_Angeles America/Anchorage America/St_Johns America/Halifax America/Havana
America/Santiago America/Asuncion America/Sao_Paulo America/Godthab America/Scoresbysund America/Phoenix
Asia/Beirut Asia/Gaza Asia/Jerusalem Asia/Tehran Asia/Kolkata Asia/Kathmandu Asia/Shanghai Asia/Tokyo
Australia/Lord_Howe Australia/Adelaide Pacific/Auckland Pacific/Chatham Pacific/Kiritimati
Antarctica/Troll
""".split()  # noqa: SIM905 shorter
HOURS = [time(0, 0), time(2, 30), time(7, 30), time(23, 59)]
START = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
BERLIN = ZoneInfo("Europe/Berlin")


def first_valid(zone: ZoneInfo, on: date, at: time) -> datetime:
    """Find the first minute at which the wall shows `on` and at least `at`, by looking at every clock there."""
    moment = datetime.combine(on, at, UTC) - timedelta(hours=15)
    step = timedelta(hours=1)
    while step >= MINUTE:
        while moment.astimezone(zone).replace(tzinfo=None) < datetime.combine(on, at):
            moment += step
        moment, step = moment - step, step / 60
    return moment + MINUTE


def ticks(due: datetime) -> list[datetime]:
    """List moments of a day: each hour after the hour that is due, and each minute around it."""
    around = [due + MINUTE * n for n in range(-12, 13)]
    return sorted([*around, *(due + timedelta(hours=n) for n in range(1, 22))])


@pytest.mark.parametrize("name", ZONES)
def test_over_two_years_there_is_one_for_each_date_within_minutes_of_the_first_valid_time(name: str) -> None:
    assert len(set(ZONES)) == 40
    zone = ZoneInfo(name)
    at = HOURS[ZONES.index(name) % len(HOURS)]
    last = START.astimezone(zone).date()
    for number in range(1, 731):
        on = START.astimezone(zone).date() + DAY * number
        due = first_valid(zone, on, at)
        made = []
        for now in ticks(due):
            found = briefing_due(now, at, zone, last)
            if found is not None:
                made.append((found, now))
                last = found
        assert [date for date, _ in made] == [on]
        assert timedelta(0) <= made[0][1] - due < timedelta(minutes=5)


@pytest.mark.parametrize("at", [time(2, 0), time(2, 30), time(2, 59)])
def test_a_time_that_the_clock_skips_is_due_right_after_it(at: time) -> None:
    night = datetime(2026, 3, 29, 1, 0, tzinfo=UTC)  # 02:00 becomes 03:00 in Berlin
    assert briefing_due(night - MINUTE, at, BERLIN, date(2026, 3, 28)) is None
    assert briefing_due(night, at, BERLIN, date(2026, 3, 28)) == date(2026, 3, 29)


def test_a_date_that_a_zone_skipped_altogether_has_none() -> None:
    apia, at = ZoneInfo("Pacific/Apia"), time(7, 30)
    last, made = date(2011, 12, 27), []
    for minute in range(0, 6 * 24 * 60, 5):
        found = briefing_due(datetime(2011, 12, 28, 0, tzinfo=UTC) + MINUTE * minute, at, apia, last)
        if found is not None:
            made.append(found)
            last = found
    assert made == [date(2011, 12, 28), date(2011, 12, 29), *(date(2011, 12, 31) + DAY * n for n in range(4))]


@given(st.integers(0, 14 * 60), st.sampled_from(HOURS))
def test_late_by_up_to_six_hours_is_still_due_and_later_is_folded_into_the_next(late: int, at: time) -> None:
    due = datetime.combine(date(2026, 3, 2), at, BERLIN).astimezone(UTC)
    found = briefing_due(due + MINUTE * late, at, BERLIN, date(2026, 3, 1))
    assert found == (date(2026, 3, 2) if MINUTE * late <= LATEST_BRIEFING else None)


def test_only_the_chosen_days_have_one() -> None:
    last, made = date(2026, 3, 1), []  # a Sunday
    for hour in range(24 * 14):
        found = briefing_due(datetime(2026, 3, 2, tzinfo=UTC) + timedelta(hours=hour), time(7), BERLIN, last, {0, 3})
        if found is not None:
            made.append(found)
            last = found
    assert made == [date(2026, 3, day) for day in (2, 5, 9, 12)]


class Morning:
    """A program with a clock that may be wrong; it keeps which dates had their briefing, as the store does."""

    def __init__(self) -> None:
        self.done: list[date] = []
        self.strange: date | None = None

    def tick(self, now: datetime) -> date | None:
        last, self.strange = last_done(self.done, now.astimezone(BERLIN).date(), self.strange)
        found = briefing_due(now, time(7, 30), BERLIN, last)
        if found is not None:
            self.done.append(found)
        return found


steps = st.sampled_from([timedelta(hours=1), -timedelta(hours=1), DAY, -DAY, -DAY * 3652, DAY * 3652])


@given(st.lists(st.tuples(st.integers(0, 4_000), steps, st.integers(1, 600)), max_size=5))
def test_a_clock_that_steps_makes_no_repeat_and_no_storm(wrong: list[tuple[int, timedelta, int]]) -> None:
    """Each step begins at a minute and ends some minutes later: the clock is wrong only between them."""
    morning, made = Morning(), []
    for minute in range(0, 5 * 24 * 60, 10):
        off = sum((step for begin, step, length in wrong if begin <= minute < begin + length), timedelta(0))
        if morning.tick(START + MINUTE * minute + off) is not None:
            made.append(minute)
    assert len(set(morning.done)) == len(morning.done)
    assert len(made) <= 6 + 2 * len(wrong)
    real = {(START + DAY * n).date() for n in range(1, 6)}
    if not wrong:
        assert set(morning.done) - {START.date()} == real


@pytest.mark.parametrize("step", [timedelta(hours=1), -timedelta(hours=1), DAY, -DAY, -DAY * 3652])
def test_after_the_morning_a_short_step_makes_none_that_the_day_had(step: timedelta) -> None:
    morning = Morning()
    clock = datetime(2026, 3, 2, 9, tzinfo=UTC)
    assert morning.tick(clock) == date(2026, 3, 2)
    found = morning.tick(clock + step)
    assert found is None or step == DAY
    assert morning.tick(clock + MINUTE) is None
    days = [morning.tick(clock + DAY * n) for n in range(1, 4)]
    assert days == [None if step == DAY else date(2026, 3, 3), date(2026, 3, 4), date(2026, 3, 5)]


def test_a_clock_that_was_ten_years_ahead_does_not_silence_the_next_ten_years() -> None:
    morning = Morning()
    assert morning.tick(datetime(2036, 3, 2, 9, tzinfo=UTC)) == date(2036, 3, 2)
    found = [morning.tick(datetime(2026, 3, 2, 9, tzinfo=UTC) + timedelta(hours=hour)) for hour in range(96)]
    assert [on for on in found if on] == [date(2026, 3, day) for day in (3, 4, 5, 6)]
    assert all(later - earlier == DAY for earlier, later in pairwise(on for on in found if on))


# with a store and a mail server


class Clock:
    """A clock that a test sets."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock(datetime(2026, 3, 2, 7, 31, tzinfo=UTC))


@pytest.fixture
def sink() -> Iterator[Sink]:
    with smtp() as found:
        yield found


@pytest.fixture
def app(tmp_path: Path, clock: Clock, sink: Sink) -> Iterator[App]:
    """An app that mails at 07:30 UTC, with the sample day in its store."""
    text = (
        '[store]\nurl = "posts.db"\n[briefing]\ntimezone = "UTC"\n[network]\n'
        f'allow_private = ["127.0.0.1:{sink.port}"]\n[mail]\nhost = "127.0.0.1"\nport = {sink.port}\n'
        'security = "none"\nto = ["ada@example.org"]\n'
    )
    (tmp_path / "config.toml").write_text(text)
    found = App(config.load(None, {}, tmp_path, tmp_path), clock)
    found.fill_with_demo()
    yield found
    found.close()


def states(app: App) -> list[str]:
    return [one.state for one in app.store.briefings(9)]


def test_what_is_due_is_made_and_mailed_once(app: App, clock: Clock, sink: Sink) -> None:
    first = app.brief_when_due()
    assert first.made is not None
    assert first.tried is not None
    assert first.tried.state == "sent"
    clock.now += MINUTE
    assert app.brief_when_due() == Briefed()
    clock.now += DAY
    assert app.brief_when_due().tried is not None
    assert (len(sink.taken), states(app)) == (2, ["sent", "sent"])


def test_a_failure_is_tried_again_with_longer_and_longer_waits(app: App, clock: Clock, sink: Sink) -> None:
    sink.answers["ada@example.org"] = "450 come back"
    tries = []
    for minute in range(60):
        if app.brief_when_due().tried is not None:
            tries.append(minute)
        clock.now += MINUTE
    assert tries == [0, 1, 3, 7, 15, 31]
    del sink.answers["ada@example.org"]
    clock.now += MINUTE * 10
    found = app.brief_when_due().tried
    assert found is not None
    assert (found.state, found.error, found.tries) == ("sent", None, 7)


def test_what_could_not_be_sent_is_told_by_the_next_which_reaches_back_to_the_last_that_was(
    app: App, clock: Clock, sink: Sink
) -> None:
    app.brief_when_due()
    first = clock.now
    sink.answers["ada@example.org"] = "450 come back"
    for _ in range(2):
        clock.now += DAY
        app.brief_when_due()
    assert states(app) == ["failed", "folded", "sent"]
    del sink.answers["ada@example.org"]
    clock.now += DAY
    app.brief_when_due()
    assert states(app) == ["sent", "folded", "folded", "sent"]
    assert app.store.briefings(1)[0].since == first
    assert len(sink.taken) == 2


def test_a_missed_morning_is_folded_and_a_long_absence_reaches_back_a_week(app: App, clock: Clock) -> None:
    app.brief_when_due()
    first = clock.now
    clock.now = datetime(2026, 3, 3, 14, tzinfo=UTC)  # more than six hours late
    assert app.brief_when_due() == Briefed()
    clock.now = datetime(2026, 3, 4, 8, tzinfo=UTC)
    app.brief_when_due()
    assert app.store.briefings(1)[0].since == first
    clock.now = datetime(2026, 3, 24, 8, tzinfo=UTC)
    app.brief_when_due()
    assert app.store.briefings(1)[0].since == clock.now - timedelta(days=7)


def test_what_a_server_refuses_for_good_is_not_tried_again_by_itself(app: App, clock: Clock, sink: Sink) -> None:
    sink.answers["ada@example.org"] = "550 no such user"
    app.brief_when_due()
    clock.now += timedelta(hours=5)
    assert app.brief_when_due() == Briefed()
    assert states(app) == ["refused"]


def test_without_a_mail_server_it_is_made_once_and_shown(app: App, clock: Clock, sink: Sink) -> None:
    app.config = app.config.model_copy(update={"mail": app.config.mail.model_copy(update={"host": None})})
    first = app.brief_when_due()
    assert first.made is not None
    assert first.tried is None
    assert app.brief_when_due() == Briefed()
    assert (states(app), sink.taken) == (["made"], [])


def test_what_was_kept_is_read_as_it_was_made(app: App) -> None:
    made = app.brief_when_due().made
    assert made is not None
    assert read(app.kept_briefing(made.now.date())) == made
