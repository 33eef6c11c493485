"""What a rule may say, what stops its alerts in which order, and what volume and silence have to say."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listener import occasions, precedence, quiet, rules
from listener.alerts import HIGH
from listener.errors import ConfigError, QueryError, StoreError
from listener.grouping import House
from listener.people import People, Person, Tie
from listener.policy import Policies, Policy
from listener.precedence import Author, Facts, Mutes, Sending, Verdict, explain, first_stop, reason
from listener.rules import Mute, Rule, RuleRow
from listener.types import Account, Draft, Goal, Post
from listener.watching import Authors, Book
from listener.work import STATES, Work, claimable, state_of

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
MADE = NOW - timedelta(days=9)
CUTS = {"lead": 0.6, "question": 0.6, "news": 0.6}
YES = Verdict("query", True, "found")
FULL = Rule(
    "jobs", "backup OR restore -hiring", ("desk", "phone"), "hourly", 600.0, 5, "22:00-07:00", True, "high", "en",
    "anna", ("lead", "question"), ("Bakeries",),
)  # fmt: skip


def post(text: str = "who can restore our backup?", **rest) -> Post:
    return Post("blog", "1/a", **({"url": "https://shop.example.org/a", "text": text, "lang": "en"} | rest))


def facts(found: Post | None = None, **rest) -> Facts:
    values = {"author": Author("kim"), "scores": {"lead": 0.9}, "goals": {"Bakeries": 0.8}, "feeds": (3,)} | rest
    return Facts(found or post(), **values)


def stopped(rule: Rule, about: Facts, mutes: tuple[Mute, ...] = (), *, paused: bool = False, found: Verdict = YES):
    row = RuleRow(1, rule, MADE, paused=paused)
    stop = first_stop(explain(row, about, Mutes(mutes), CUTS, found))
    return None if stop is None else stop.step


LEADS = Rule("leads", channels=("desk",), labels=("lead",), goals=("*",))


# what a rule may say


def test_a_rule_survives_json_and_leaves_out_what_is_as_usual():
    assert rules.of_json(rules.as_json(FULL)) == FULL
    assert rules.as_json(Rule("plain", "word")) == {"name": "plain", "query": "word"}


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ({"when": "sometimes"}, "when: must be one of now, hourly, daily, briefing"),
        ({"cap_hour": "9"}, "cap_hour: '9' is of the wrong kind"),
        ({"cap_hour": True}, "cap_hour"),
        ({"cap_hour": 0}, "from 1 to 1000"),
        ({"quiet": "at night"}, "say 22:00-07:00"),
        ({"colour": "red"}, "colour: unknown"),
        ({"labels": ["spam"]}, "no label is called 'spam'"),
        ({"labels": "lead"}, "labels"),
        ({"language": "English!"}, "language"),
        ({"kind": "volume", "labels": ["lead"]}, "says all in its query"),
        ({"name": "two\nlines"}, "one line"),
        ({"name": ""}, "one line"),
        ({"factor": float("nan")}, "factor"),
    ],
)
def test_what_is_wrong_with_a_rule_is_said_with_its_key(said, word):
    with pytest.raises(ConfigError, match=word.replace("(", r"\(")):
        rules.of_json({"name": "mine", "query": "word"} | said)


def test_a_query_that_cannot_be_read_is_no_rule():
    with pytest.raises(QueryError):
        rules.of_json({"name": "mine", "query": "(backup"})


def test_leads_and_questions_are_there_without_a_word_and_ask_for_a_goal_where_there_is_one():
    without, with_ = rules.built_in((), None), rules.built_in([Goal("Bakeries")], "desk")
    assert [(rule.name, rule.labels, rule.goals, rule.channels) for rule in without] == [
        ("leads", ("lead",), (), ()),
        ("questions", ("question",), (), ()),
    ]
    assert [(rule.goals, rule.channels) for rule in with_] == [(("*",), ("desk",))] * 2
    assert [rules.checked(rule) for rule in with_] == list(with_)


def test_an_alert_weighs_a_labels_per_cent_and_high_priority_stands_above_all():
    assert Rule("a", labels=("lead",)).weight({"lead": 0.834, "news": 0.99}) == 83
    assert Rule("a", priority="high").weight({"news": 0.5}) == HIGH + 50
    assert Rule("a").weight({}) == 0


def test_a_rule_says_how_its_alerts_are_sent():
    terms = FULL.terms(time(8))
    assert (terms.when, terms.cooldown_s, terms.cap_hour, terms.at, terms.through_quiet) == (
        "hourly", 600, 5, time(8), True,
    )  # fmt: skip
    assert terms.quiet == quiet.parse("22:00-07:00")


# precedence


def test_a_lead_for_a_goal_alerts():
    assert stopped(LEADS, facts()) is None


def test_the_first_step_of_the_order_is_named_when_everything_is_against_it():
    """Take away one obstacle after the other: the next one of the documented order is named."""
    no = Verdict("query", False, "not found")
    rule = replace(LEADS, channels=(), language="de")
    about = facts(over="you are done with it", scores={"lead": 0.1}, goals={}, arrival="first")
    mutes = (Mute("word", "backup"),)
    named = [stopped(rule, about, mutes, paused=True, found=no)]
    named += [stopped(rule, about, paused=True, found=no)]
    about = replace(about, over=None)
    named += [stopped(rule, about, paused=True, found=no), stopped(rule, about, found=no)]
    rule = replace(rule, language=None)
    named += [stopped(rule, about, found=no), stopped(rule, about)]
    about = replace(about, scores={"lead": 0.9})
    named += [stopped(rule, about)]
    about = replace(about, goals={"Bakeries": 0.5})
    named += [stopped(rule, about)]
    about = replace(about, arrival="live")
    named += [stopped(rule, about), stopped(replace(rule, channels=("desk",)), about)]
    order = ["mute", "done", "paused", "language", "query", "label", "goal", "arrival", "channel", None]
    assert named == order
    written = [line.split()[0] for line in (precedence.__doc__ or "").splitlines() if line.startswith("    ")]
    assert written == [*order[:-1], "cooldown", "cap", "quiet"]


def test_a_lead_for_somebody_elses_trade_is_no_alert():
    assert stopped(LEADS, facts(goals={"Bakeries": 0.2})) == "goal"
    assert stopped(LEADS, facts(goals={})) == "goal"
    assert stopped(replace(LEADS, goals=("Cafés",)), facts()) == "goal"


def test_the_users_word_outranks_the_score():
    assert stopped(LEADS, facts(scores={"lead": 0.0}, denied=frozenset({"lead"}))) == "done"
    assert stopped(LEADS, facts(scores={"lead": 1.0})) is None


def test_a_post_that_came_before_the_rule_or_with_a_first_poll_makes_no_alert():
    assert stopped(LEADS, facts(seen_at=MADE - timedelta(seconds=1))) == "arrival"
    assert stopped(LEADS, facts(seen_at=MADE)) is None
    assert stopped(LEADS, facts(arrival="archive")) == "arrival"


@pytest.mark.parametrize(
    ("mute", "is_muted"),
    [
        (Mute("word", "BACKUP"), True),
        (Mute("word", "back"), False),
        (Mute("word", "our backup"), True),
        (Mute("word", "réstore"), True),
        (Mute("domain", "example.org"), True),
        (Mute("domain", "ample.org"), False),
        (Mute("domain", "other.example"), True),
        (Mute("person", "@Kim"), True),
        (Mute("person", "kimberly"), False),
        (Mute("feed", "3"), True),
        (Mute("feed", "33"), False),
    ],
)
def test_mutes_take_words_whole_and_domains_with_what_is_under_them(mute, is_muted):
    about = facts(post(links=("https://www.other.example/x",)), author=Author("kim", frozenset({"kim"})))
    assert (stopped(LEADS, about, (mute,)) == "mute") is is_muted


def test_cooldown_cap_and_quiet_hours_hold_but_never_stop():
    rule = replace(LEADS, cooldown_s=3600, cap_hour=2)
    sent = [NOW - timedelta(minutes=50), NOW - timedelta(minutes=5)]
    house = House(UTC, quiet.parse("11:00-13:00"))
    walk = list(explain(RuleRow(1, rule, MADE), facts(), Mutes(), CUTS, YES, Sending(NOW, house, sent)))
    assert [one.step for one in walk if not one.passes] == ["cooldown", "cap", "quiet"]
    assert first_stop(iter(walk)) is None
    told = {one.step: one.why for one in walk}
    assert told["cooldown"] == "it had spoken 5 min before"
    assert told["cap"] == "2 of 2 messages in the hour before"
    assert told["quiet"] == "quiet until 13:00 UTC"


def test_the_reason_says_what_it_is_for_which_goal_and_by_whom():
    def said(author: Author, **rest) -> str:
        return reason(LEADS, facts(author=author), CUTS, **rest)

    assert said(Author("kim")) == "lead, 90 % sure · serves Bakeries · from a stranger"
    assert said(Author("kim"), is_first=True).endswith("the first lead from a stranger")
    customer = Author("kim", person="Kim Lee", circles=frozenset({"customers"}))
    assert said(customer, is_first=True).endswith("from a customer, Kim Lee")
    assert said(Author("ida", circles=frozenset({"experts"}))).endswith("from an expert, ida")
    assert said(Author("kim", person="Kim Lee")).endswith("from Kim Lee, whom you know")
    assert said(Author("kim", is_followed=True)).endswith("from kim, whom you follow")
    assert "for anna" in reason(replace(LEADS, assignee="anna"), facts(), CUTS)
    assert reason(Rule("db", "backup"), facts(goals={}), CUTS) == "matches db · from a stranger"


# what a turn takes along


def draft(found: Post | None = None, **rest) -> Draft:
    return Draft(found or post(), 1, **({"scores": {"lead": 0.9}, "relevance": {"Bakeries": 0.8}} | rest))


def book(*found: Rule, **rest) -> Book:
    rows = [RuleRow(number, rule, MADE) for number, rule in enumerate(found, 1)]
    return Book(rows, thresholds=CUTS, **rest)


def test_a_turn_takes_along_what_everything_but_the_query_lets_through():
    (watch,) = book(replace(LEADS, query="-is:mine"), replace(LEADS, name="paused", channels=())).watches(
        [draft(), draft(replace(post(), native_id="1/b"), scores={"lead": 0.2})],
        3,
        NOW,
    )
    assert (watch.rule, watch.query, watch.channels, watch.due_at) == (1, "-is:mine", ("desk",), NOW)
    assert list(watch.born) == [("blog", "1/a")]


@pytest.mark.parametrize("rest", [{"arrival": "first"}, {"arrival": "archive"}, {"scores": None}])
def test_first_polls_archives_and_posts_seen_before_are_not_held_against_any_rule(rest):
    assert book(LEADS).watches([draft(**rest)], 3, NOW) == ()


def test_a_muted_feed_alerts_nobody():
    assert book(LEADS, mutes=Mutes([Mute("feed", "3")])).watches([draft()], 3, NOW) == ()
    assert len(book(LEADS, mutes=Mutes([Mute("feed", "4")])).watches([draft()], 3, NOW)) == 1


def test_a_daily_rule_is_due_at_the_users_own_hour():
    daily = book(replace(LEADS, when="daily"), zone=ZoneInfo("Asia/Tokyo"), at=time(9))
    assert daily.watches([draft()], 3, NOW)[0].due_at == datetime(2026, 11, 26, 0, tzinfo=UTC)


KIM = Person("Kim Lee", ("customers",), (Tie("blog", "@Kim"),), id=7)


def authors(policy: Policy | None = None) -> Authors:
    return Authors(People({7: KIM}), {}, Policies({"blog": policy or Policy()}))


def test_a_tied_account_is_known_at_its_very_first_post():
    found = authors().author(Account("blog", "u1", "kim"))
    assert (found.person, found.circles, found.is_stranger) == ("Kim Lee", frozenset({"customers"}), False)
    assert authors().author(Account("blog", "u2", "kimono")).is_stranger
    assert authors().author(Account("forum", "u1", "kim")).is_stranger


def test_where_the_terms_forbid_a_record_of_people_an_alert_says_nothing_of_who_somebody_is():
    kim = post(account=Account("blog", "u1", "kim"))
    forbidden = book(LEADS, authors=authors(Policy(lead_profiles=False))).watches([draft(kim)], 3, NOW)[0]
    allowed = book(LEADS, authors=authors()).watches([draft(kim)], 3, NOW)[0]
    (quiet_one,), (told,) = forbidden.born.values(), allowed.born.values()
    assert (quiet_one.reason, quiet_one.first_reason) == ("lead, 90 % sure · serves Bakeries · from a stranger", None)
    assert told.reason == "lead, 90 % sure · serves Bakeries · from a customer, Kim Lee"


# volume and silence


def test_messages_are_counted_after_cooldown_cap_and_rhythm():
    times = [NOW + timedelta(minutes=n) for n in range(0, 120, 10)]
    assert rules.messages(Rule("a"), times, UTC) == 12
    assert rules.messages(Rule("a", cooldown_s=1800), times, UTC) == 4
    assert rules.messages(Rule("a", cap_hour=2), times, UTC) == 4
    assert rules.messages(Rule("a", cap_hour=2, priority="high"), times, UTC) == 12
    assert rules.messages(Rule("a", when="hourly"), times, UTC) == 2
    assert rules.messages(Rule("a", when="daily"), times, UTC) == 1


@given(st.lists(st.integers(0, 100_000), max_size=60), st.integers(0, 5_000), st.integers(1, 5))
def test_there_are_never_more_messages_than_matches_nor_more_than_the_cap(seconds, cooldown, cap):
    times = [NOW + timedelta(seconds=second) for second in seconds]
    count = rules.messages(Rule("a", cooldown_s=cooldown, cap_hour=cap), times, UTC)
    assert min(len(times), 1) <= count <= len(times)
    assert count <= cap * 30


LOUD = Rule("backup talk", "backup", ("desk",), kind="volume")


def test_more_than_usual_is_an_occasion_and_the_usual_is_none():
    assert occasions.loud(LOUD, 14, [5, 4, 5, 6], NOW) is None
    found = occasions.loud(LOUD, 15, [5, 4, 5, 6], NOW)
    assert found is not None
    assert found.reason == "15 posts match backup talk in 24 hours, 3 times the usual 5"
    assert found.rests_s == 86_400
    assert occasions.loud(LOUD, 4, [0, 0, 0], NOW) is None, "fewer than `least`"
    assert occasions.loud(LOUD, 50, [1, 1], NOW) is None, "nobody knows what is usual"


def test_windows_lie_at_the_same_time_of_each_day_for_four_weeks():
    short, long = replace(LOUD, window_s=3_600), replace(LOUD, window_s=7 * 86_400)
    windows = occasions.windows(short, NOW)
    assert len(windows) == 27
    assert windows[0] == (NOW - timedelta(hours=25), NOW - timedelta(hours=24))
    assert occasions.windows(long, NOW)[0] == (NOW - timedelta(days=14), NOW - timedelta(days=7))
    assert len(occasions.windows(long, NOW)) == 3


def test_silence_is_one_occasion_however_long_it_lasts():
    rule = Rule("acme", "person:acme", ("desk",), kind="silence", days=30)
    last = NOW - timedelta(days=30)
    assert occasions.silent(rule, last + timedelta(minutes=1), MADE, NOW) is None
    first, later = (occasions.silent(rule, last, MADE, at) for at in (NOW, NOW + timedelta(days=5)))
    assert first is not None
    assert later is not None
    assert first.key == later.key
    assert first.reason == f"nothing was heard of acme for 30 days, since {last:%Y-%m-%d}"
    assert occasions.silent(rule, None, MADE, NOW) is None, "the rule is younger than the silence it waits for"


# work


def test_states_are_found_as_people_write_them():
    assert state_of("lead", "Looked-At") == "looked at"
    assert state_of("question", "not_a_question") == "not a question"
    with pytest.raises(StoreError, match="open, claimed, answered"):
        state_of("question", "won")
    assert STATES["lead"][0] == "new"


def test_what_somebody_else_claimed_or_answered_is_not_claimed_again():
    claimable(None, "anna")
    claimable(Work(1, "question", "claimed", "Anna", at=NOW), "anna")
    claimable(Work(1, "question", "open", "ben", at=NOW), "anna")
    with pytest.raises(StoreError, match="claimed by ben at 2026-11-25 12:00 UTC"):
        claimable(Work(1, "question", "claimed", "ben", at=NOW), "anna")
