"""The hand-made day as a briefing: exactly the stories, order and sections of its key, and why each is there."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from listener import upkeep, voices
from listener.briefing import Briefing
from listener.rules import Mute
from listener.types import Account, Feed, Post
from listener.work import Work
from tests import day
from tests.briefed import Days


@pytest.fixture
def days(tmp_path: Path) -> Iterator[Days]:
    found = Days(tmp_path)
    yield found
    assert found.app.store.check() == []
    found.app.close()


def told(days: Days, briefing: Briefing) -> dict[str, Any]:
    """Write a briefing as the key does."""
    stories = days.story_names()

    def name(post: int) -> str:
        return stories.get(days.name(post), days.name(post))

    return {
        "stories": [[name(item.post.post_id), item.post.why] for item in briefing.stories],
        "circles": {item.circle: [name(topic.post_id) for topic in item.topics] for item in briefing.circles},
        "disagree": {
            item.circle: [days.name(quote.post_id) for quote in item.opposing]
            for item in briefing.circles
            if item.opposing
        },
        "leads": [[days.name(item.post_id), item.why] for item in briefing.leads],
        "questions": [[days.name(item.post_id), item.why] for item in briefing.questions],
        "people": [item.name for item in briefing.people],
        "left_out": [[left.what, left.reason, left.count] for left in briefing.left_out],
        "numbers": [topical.name for topical in briefing.numbers],
    }


def headlines(days: Days, briefing: Briefing) -> list[str]:
    return [name for name, _ in told(days, briefing)["stories"]]


def test_both_mornings_say_what_their_key_expects_and_why(days):
    for which in day.MORNINGS:
        days.live(which)
        briefing = days.brief()
        assert told(days, briefing) == day.key()[which]["briefing"]
        assert briefing.seconds <= 600
        days.app.make_briefing(days.now.date())


def test_a_second_look_on_the_same_day_says_the_same(days):
    days.live("first")
    before = told(days, days.brief())
    days.app.make_briefing(days.now.date())
    days.now += timedelta(minutes=1)
    assert headlines(days, days.brief()) == [name for name, _ in before["stories"]]


def test_one_person_on_several_platforms_is_one_voice_and_others_are_not(days):
    days.live("first")
    days.live("second")
    key, store = day.key(), days.app.store
    known = {(said.post.platform, said.post.native_id): said.id for which in day.MORNINGS for said in day.said(which)}
    posts = [post for post in store.posts_after(0, 1_000) if (post.post.platform, post.post.native_id) in known]
    numbers = {known[post.post.platform, post.post.native_id]: post for post in posts}
    arrived = store.candidates(days.now - timedelta(days=3), days.now + timedelta(days=1))
    # Stories apart, to see what the voice alone joins.
    alone = [replace(post, story=post.id) for post in posts]
    same = voices.same(alone, {one.id: one.account for one in arrived}, store.people())

    def item(name: str) -> int:
        return same.get(numbers[name].id, numbers[name].id)

    # One pair, an article and the post that announces it, has only the headline in common; their link joins them.
    spoken = [{item(name) for name in names} for names in key["same_voice"]]
    assert sum(len(found) == 1 for found in spoken) >= len(spoken) - 1
    for names in key["other_voices"]:
        assert len({item(name) for name in names}) == len(names)
    people = store.people()
    for young, old in same.items():
        by_number = {one.id: one.account for one in arrived}
        assert people.person(by_number[young]) == people.person(by_number[old])


def join(days: Days, story: str, count: int) -> None:
    """Let strangers share what a story is about."""
    link = {"strike": "https://ostwickpost.example/trams/strike-vote"}[story]
    posts = [
        Post(
            "fixture", f"late{n}", f"https://fixture.example/{n}", Account("fixture", f"stranger{n}"),
            text=f"Just read this, number {n}", links=(link,), published_at=days.now - timedelta(hours=2),
        )
        for n in range(count)
    ]  # fmt: skip
    tools = replace(days.tools, scorer=None)
    upkeep.save_posts(tools, Feed(0, "fixture", "late", "fixture"), posts, days.now - timedelta(hours=1))


@pytest.mark.parametrize(("count", "returns"), [(5, False), (6, True)])
def test_a_story_that_was_told_returns_only_when_half_as_many_join(days, count, returns):
    days.live("first")
    days.app.make_briefing(days.now.date())
    days.live("second")
    join(days, "strike", count)
    found = dict(told_late(days))
    assert ("strike" in found) == returns
    if returns:
        assert "6 new voices since yesterday" in found["strike"]


def told_late(days: Days) -> list[tuple[str, str]]:
    stories = days.story_names()
    found = []
    for item in days.brief(60).stories:
        post = days.app.store.post(item.post.post_id)
        assert post is not None
        name = days.names.get((post.post.platform, post.post.native_id), "strike")
        found.append((stories.get(name, name), item.post.why))
    return found


def test_what_is_done_or_put_off_is_gone_and_a_star_raises(days):
    days.live("first")
    before = days.brief()
    names = headlines(days, before)
    posts = [item.post.post_id for item in before.stories]
    days.app.store.mark([posts[0]], "done", days.now)
    days.app.store.mark([posts[1]], "snooze", days.now, days.now + timedelta(days=2))
    days.app.store.mark([posts[4]], "star", days.now)
    found = headlines(days, days.brief())
    assert not {names[0], names[1]} & set(found)
    assert found.index(names[4]) < names.index(names[4]) - 2


def test_what_is_muted_is_gone_from_every_section(days):
    days.live("first")
    days.app.store.mute(Mute("word", "paybridge"), days.now)
    days.app.store.mute(Mute("person", "Milo Haas"), days.now)
    briefing = days.brief()
    found = told(days, briefing)
    assert "a174" not in {name for name, _ in found["leads"]}
    shown = [*(item.post for item in briefing.stories), *briefing.leads, *briefing.questions]
    assert not any("paybridge" in f"{item.title} {item.text}".lower() for item in shown)
    assert not any("paybridge" in topic.headline.lower() for item in briefing.circles for topic in item.topics)


def test_a_lead_says_where_it_stands_and_is_gone_when_nothing_is_left_to_do(days):
    days.live("first")
    first, second = (item.post_id for item in days.brief().leads[:2])
    days.app.store.set_work(Work(first, "lead", "contacted", "Jo"), days.now)
    days.app.store.set_work(Work(second, "lead", "won"), days.now)
    leads = days.brief().leads
    assert leads[0].post_id == first
    assert "contacted by Jo" in leads[0].why
    assert second not in [item.post_id for item in leads]


def test_a_circle_has_a_briefing_of_its_own(days):
    days.live("first")
    briefing = days.brief(circle="customers")
    people = {person["name"] for person in day.people() if "customers" in person["circles"]}
    assert headlines(days, briefing)[:2] == ["clubsact", "paybridge"]
    assert {item.author for item in (*briefing.leads, *briefing.questions)} <= people
    assert [item.circle for item in briefing.circles] == ["customers"]
    assert {item.name for item in briefing.people} <= people


def test_sections_can_be_moved_shortened_and_left_out(tmp_path):
    days = Days(tmp_path, 'sections = ["leads", "stories"]\nmost = { stories = 2 }\n')
    days.live("first")
    briefing = days.brief()
    assert (len(briefing.stories), briefing.circles, briefing.questions, briefing.people) == (2, (), (), ())
    assert len(briefing.leads) == 11
    left = {(found.what, found.reason) for found in briefing.left_out}
    assert ("stories", "short") in left
    days.app.close()


def test_two_minutes_hold_something_of_every_circle_and_never_more_than_two_of_a_person(days):
    days.live("first")
    for minutes in (2.0, 5.0, 30.0):
        briefing = days.brief(minutes)
        assert briefing.seconds <= minutes * 60
        authors = [item.post.author for item in briefing.stories]
        authors += [item.author for item in (*briefing.leads, *briefing.questions)]
        assert max(map(authors.count, authors)) <= 2
        whys = " ".join(item.why for item in (*briefing.leads, *briefing.questions))
        whys += " ".join(item.post.why for item in briefing.stories)
        named = {item.circle for item in briefing.circles}
        assert all(circle in named or circle in whys for circle in ("customers", "peers", "home town")), minutes
