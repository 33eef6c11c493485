"""Money is a limit, not a surprise: reserved before the call, whatever crashes, however many ask at once (R8)."""

import json
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listener import budget, upkeep
from listener.addresses import NetworkRules
from listener.budget import Allowance, allowance
from listener.connector import Budgeted, HttpConnector, Traits
from listener.drafting import Tools
from listener.errors import OutOfBudget
from listener.http import Client
from listener.pipeline import poll_due
from listener.store.sqlite import SqliteStore
from listener.types import Feed, Page, Post, Request
from listener.urls import rules
from tests.servers import Reply, serving

NOW = datetime(2026, 11, 15, 12, tzinfo=UTC)
MONTHS = st.integers(1_704_067_200, 1_861_920_000).map(lambda second: datetime.fromtimestamp(second, UTC))


@given(MONTHS, st.floats(0, 1e6))
def test_a_budget_is_spread_over_its_month_and_all_there_on_its_last_day(now, monthly):
    today, tomorrow = allowance(monthly, None, now), allowance(monthly, None, budget.next_day(now))
    assert 0 <= today.month <= monthly
    if budget.next_day(now) == budget.next_month(now):
        assert today.month == pytest.approx(monthly)
    else:
        assert tomorrow.month >= today.month


@given(MONTHS)
def test_days_and_months_begin_anew_at_midnight(now):
    assert now < budget.next_day(now) <= budget.next_month(now)
    assert budget.next_month(now).day == budget.month_start(now).day == 1
    assert budget.month_start(now) <= now


@pytest.fixture
def store(tmp_path):
    opened = SqliteStore.open(tmp_path / "posts.db")
    yield opened
    opened.close()


def test_eight_workers_together_never_pass_the_limit(store):
    won: list[int] = []

    def work() -> None:
        while (number := store.reserve("paid", 1.0, Allowance(100.0), NOW)) is not None:
            won.append(number)

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(won) == len(set(won)) == 100
    assert store.spending(NOW)[0].month == 100.0


def test_a_day_has_its_own_limit(store):
    allowed = Allowance(100.0, day=2.0)
    assert [store.reserve("paid", 1.0, allowed, NOW) is None for _ in range(3)] == [False, False, True]
    assert store.reserve("paid", 1.0, allowed, NOW + timedelta(days=1)) is not None


def test_what_nobody_settles_stays_spent_and_what_is_settled_counts_as_it_was(store):
    first = store.reserve("paid", 5.0, Allowance(10.0), NOW)
    store.reserve("paid", 5.0, Allowance(10.0), NOW)
    assert store.reserve("paid", 1.0, Allowance(10.0), NOW) is None
    store.settle(first, 0.5)
    assert store.spending(NOW)[0].month == 5.5
    assert store.reserve("paid", 4.5, Allowance(10.0), NOW) is not None


def test_a_new_month_begins_with_nothing_spent(store):
    store.reserve("paid", 5.0, Allowance(5.0), NOW)
    later = budget.next_month(NOW)
    assert store.spending(later)[0].month == 0.0
    assert store.reserve("paid", 5.0, Allowance(5.0), later) is not None


def test_a_reached_cap_of_the_platform_allows_nothing_for_thirty_days(store):
    until = NOW + timedelta(days=30)
    store.stop_spending("paid", until)
    store.stop_spending("paid", NOW)  # a shorter one does not shorten it
    tries = [store.reserve("paid", 0.0, Allowance(9.0), NOW + timedelta(hours=n)) for n in range(30 * 24)]
    assert set(tries) == {None}
    assert store.reserve("paid", 1.0, Allowance(9.0), until) is not None


CALLS = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from listener.budget import Allowance
from listener.store.sqlite import SqliteStore
store, now = SqliteStore.open(Path(sys.argv[1])), datetime(2026, 11, 15, 12, tzinfo=UTC)
print("ready", flush=True)
while (number := store.reserve("paid", 1.0, Allowance(1e9), now)) is not None:
    with open(sys.argv[2], "ab", buffering=0) as calls:
        calls.write(b"!")
    store.settle(number, 1.0)
"""


@pytest.mark.parametrize("rounds", [15, pytest.param(100, marks=pytest.mark.slow)])
def test_kill_9_at_any_moment_leaves_no_call_that_the_ledger_does_not_know(tmp_path, rounds):
    path, calls = tmp_path / "posts.db", tmp_path / "calls"
    SqliteStore.open(path).close()
    for number in range(rounds):
        child = subprocess.Popen([sys.executable, "-c", CALLS, path, calls], stdout=subprocess.PIPE)
        child.stdout.read(5)
        time.sleep(0.005 * (number % 10))  # where the kill falls is the subject
        child.kill()
        child.wait()
        child.stdout.close()
    store = SqliteStore.open(path)
    spent = store.spending(NOW)[0].month if store.spending(NOW) else 0.0
    store.close()
    made = calls.stat().st_size
    assert made > 0
    assert made <= spent <= made + rounds, "at most the call under way at each kill is counted and was not made"


def test_most_of_a_budget_gone_is_told_once_in_its_month(world, store):
    late = datetime(2026, 11, 30, 12, tzinfo=UTC)
    told = []
    for _ in range(9):
        world(late, monthly_budget=10.0)
        told += upkeep.tell(world.tools)
    assert len(told) == 1
    assert "$8.00 of this month's $10.00 are spent" in told[0]
    outcome = world(budget.next_month(late), monthly_budget=10.0)
    assert "goes on 2026-12-07" in outcome.error, "the day whose share of the month pays a page"
    assert upkeep.tell(world.tools) == ["the budget of paid: all right again"]


class Paid(HttpConnector):
    """A post costs a dollar, and a page may bring two."""

    name = "paid"
    traits = Traits(reads="what costs", prices={"post": 1.0})
    settings_model = Budgeted
    capped: ClassVar[bool] = False

    def request(self, feed, cursor):
        return Request(feed.query)

    def cost(self, feed, cursor):
        return 2.0

    def parse(self, answer, feed, cursor):
        if Paid.capped:
            raise OutOfBudget("the platform's monthly cap is reached")
        ids = json.loads(answer.body)
        posts = tuple(Post("paid", str(n), f"https://paid.example/{n}", text=f"post {n}") for n in ids)
        return Page(posts, cost=1.0 * len(posts))


@pytest.fixture
def world(store):
    """A feed of `Paid` over a server: poll at a time, with a budget; give the outcome."""
    Paid.capped = False
    with serving({"/feed": Reply(200, b"[1]")}) as server:
        client = Client(NetworkRules(allow_private=(server.host_port,)))
        store.add_feed(Feed(0, "paid", f"{server.url}/feed", "paid"), NOW)

        def poll(now, **settings):
            paid = Paid(Budgeted(**settings), client)
            poll.tools = Tools(store, client, lambda _: paid, None, rules({}), lambda: now, lambda: 0.5)
            store.make_due([1], now)
            [outcome] = poll_due(poll.tools).outcomes
            return outcome

        poll.server = server
        yield poll
        client.close()


def test_without_a_budget_nothing_is_asked_and_the_reason_names_the_setting(world, store):
    outcome = world(NOW)
    assert world.server.seen == []
    assert "connectors.paid.monthly_budget" in outcome.error
    assert store.feed(1).health == "out of budget"
    assert store.feed(1).next_poll_at is not None, "a budget that is set later wakes it"


def test_a_page_costs_what_came_not_what_was_reserved(world, store):
    world(NOW, monthly_budget=30.0)
    assert store.spending(NOW)[0].month == 1.0
    assert store.posts_by_id([1])[0].post.text == "post 1"


def test_polls_stop_before_the_budget_is_passed_and_go_on_the_next_day(world, store):
    for _ in range(40):
        outcome = world(NOW, monthly_budget=30.0)
    assert "this month's $30.00 are spent and a page may cost $2.00" in outcome.error
    assert store.feed(1).next_poll_at == datetime(2026, 11, 16, tzinfo=UTC)
    assert 13.0 < store.spending(NOW)[0].month <= 15.0, "half of the month's budget in half of the month"
    assert world(NOW + timedelta(days=1), monthly_budget=30.0).error is None


def test_after_the_platforms_own_cap_nothing_is_asked_until_the_month_ends(world, store):
    Paid.capped = True
    world(NOW, monthly_budget=3_000.0)
    asked = len(world.server.seen)
    for day in range(1, 15):
        assert world(NOW + timedelta(days=day), monthly_budget=3_000.0).error is not None
    assert len(world.server.seen) == asked == 1
    assert store.spending(NOW)[0].month == 0.0, "a refused call costs nothing"
    Paid.capped = False
    assert world(budget.next_month(NOW), monthly_budget=3_000.0).error is None


def test_a_call_that_may_have_been_billed_stays_spent(store):
    with serving(lambda _: Reply(500)) as server:
        client = Client(NetworkRules(allow_private=(server.host_port,)))
        store.add_feed(Feed(0, "paid", f"{server.url}/feed", "paid"), NOW)
        paid = Paid(Budgeted(monthly_budget=30.0), client)
        poll_due(Tools(store, client, lambda _: paid, None, rules({}), lambda: NOW, lambda: 0.5))
        client.close()
    assert store.spending(NOW)[0].month == 2.0


@pytest.mark.parametrize(("amount", "unit", "text"), [(1.5, "USD", "$1.50"), (10_000, "units", "10,000 units")])
def test_amounts_are_written_for_people(amount, unit, text):
    assert budget.shown(amount, unit) == text
