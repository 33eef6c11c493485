import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from listener import composing
from listener.briefing import BriefingRules
from listener.composing import compose
from listener.excerpts import ago, count_words, excerpt, probabilities
from listener.items import ITEM_S
from listener.ranking import choose
from listener.store import Candidate
from listener.types import Account, Post, StoredPost

NOW = datetime(2026, 7, 14, 7, 30, tzinfo=UTC)
SINCE = NOW - timedelta(days=1)
RULES = BriefingRules(SINCE)
FEEDS = {1: "First feed", 2: "Second feed"}


class Day:
    """A day's posts, as a store would give them."""

    def __init__(self):
        self.posts, self.candidates, self._numbers = {}, [], count(1)

    def add(
        self, author="Ann", *, hours=1.0, story=None, text="Something was said.", feed=1, platform="fixture", **more
    ):
        number = next(self._numbers)
        scores = {label: more.pop(label, 0.0) for label in ("lead", "question", "news")}
        thumbs = more.pop("thumbs", {})
        account = None if author is None else Account(platform, author.lower(), name=author)
        at = NOW - timedelta(hours=hours)
        post = Post(platform, str(number), account=account, text=text, **more)
        story = number if story is None else story
        stored = StoredPost(number, post, at, at, (feed,), scores, "m", story, thumbs=thumbs)
        self.posts[number] = stored
        found = probabilities(stored)
        key = None if author is None else sum(author.encode()) * 1_000 + len(author)
        self.candidates.append(Candidate(number, at, story, key, found["lead"], found["question"], found["news"], at))
        return number

    def brief(self, rules=RULES, **more):
        return compose(choose(self.candidates, NOW, rules), self.posts, NOW, rules, feeds=FEEDS, **more)


@pytest.fixture
def day():
    return Day()


def shown(briefing):
    return [item.post.post_id for item in briefing.stories], *(
        [item.post_id for item in items] for items in (briefing.leads, briefing.questions)
    )


def test_more_people_come_first_and_fresher_breaks_the_tie(day):
    old, fresh, big = (
        [day.add(f"P{n}{s}", hours=h, story=s) for n in range(p)] for s, p, h in ((1, 2, 9), (3, 2, 1), (5, 3, 5))
    )
    stories, _, _ = shown(day.brief())
    assert [post in group for post, group in zip(stories, (big, fresh, old), strict=True)] == [True] * 3


def test_yesterdays_crowd_falls_behind_todays(day):
    stale = [day.add(f"Old{n}", hours=96, story=1) for n in range(5)]
    fresh = [day.add(f"New{n}", hours=1, story=6) for n in range(2)]
    stories, _, _ = shown(day.brief())
    assert stories[0] in fresh
    assert stories[1] in stale


def test_one_person_repeating_themselves_is_no_story(day):
    for _ in range(4):
        day.add("Ann", story=1)
        day.add(None, story=2, feed=1)
    briefing = day.brief()
    assert shown(briefing) == ([], [], [])
    assert briefing.seen == 8


def test_a_lone_post_is_a_story_only_when_it_is_news(day):
    news = day.add("Ann", news=0.6)
    day.add("Ben", news=0.4)
    day.add("Cleo")
    briefing = day.brief()
    assert shown(briefing) == ([news], [], [])
    assert [(left.what, left.reason, left.count) for left in briefing.left_out] == [("other posts", "chatter", 2)]


def test_leads_and_questions_have_their_own_sections_at_the_users_threshold(day):
    lead, question = day.add("Ann", lead=0.8, news=0.9), day.add("Ben", question=0.7)
    day.add("Cleo", lead=0.6)
    rules = replace(RULES, thresholds={"lead": 0.7, "question": 0.7, "news": 0.5})
    assert shown(day.brief(rules)) == ([], [lead], [question])


def test_the_users_word_outranks_the_score(day):
    day.add("Ann", lead=0.9, thumbs={"lead": False})
    mine = day.add("Ben", lead=0.1, thumbs={"lead": True})
    briefing = day.brief()
    assert shown(briefing) == ([], [mine], [])
    assert briefing.leads[0].why.startswith("lead by your word")


def test_a_lead_inside_a_story_speaks_for_it_and_is_told_once(day):
    day.add("Ann", story=1, title="The article everyone shares", text="Long " * 60)
    lead = day.add("Ben", story=1, lead=0.9, text="Who can build us this? We pay.")
    briefing = day.brief()
    assert shown(briefing) == ([lead], [], [])
    assert "lead 0.90" in briefing.stories[0].post.why
    assert [voice.author for voice in briefing.stories[0].voices] == ["Ann"]


def test_copies_of_a_question_are_shown_once(day):
    day.add("Ann", question=0.7, story=1)
    best = day.add("Ann", question=0.9, story=1)
    assert shown(day.brief()) == ([], [], [best])


def test_why_a_story_is_here_counts_people_and_platforms(day):
    day.add("Ann", story=1, platform="one", hours=3, title="T")
    day.add("Ben", story=1, platform="two", hours=2)
    day.add("Ben", story=1, platform="two", hours=4)
    [item] = day.brief().stories
    assert (item.people, item.platforms) == (2, ("one", "two"))
    assert item.post.why == "2 people, 2 platforms, 3 h ago"
    assert [(voice.author, voice.platform) for voice in item.voices] == [("Ben", "two")]


def test_feeds_that_name_no_author_count_as_sources(day):
    for feed in (1, 1, 2):
        day.add(None, story=1, feed=feed)
    [item] = day.brief().stories
    assert item.people == 2
    assert item.post.why.startswith("2 sources")
    assert item.post.feeds in (("First feed",), ("Second feed",))


def test_a_person_has_at_most_two_places_in_a_section(day):
    for hours in range(1, 5):
        day.add("Ann", lead=0.9, hours=hours)
    ben = day.add("Ben", lead=0.6)
    briefing = day.brief()
    assert len(briefing.leads) == 3
    assert briefing.leads[-1].post_id == ben
    assert [(left.what, left.reason, left.count) for left in briefing.left_out] == [("leads", "person", 2)]


def test_every_section_has_its_place_in_one_minute(day):
    for n in range(30):
        day.add(f"A{n}", news=0.9, text="word " * 100)
    day.add("Ben", lead=0.6, text="word " * 100)
    day.add("Cleo", question=0.6, text="word " * 100)
    briefing = day.brief(replace(RULES, minutes=1.0))
    assert all(shown(briefing))
    assert briefing.seconds <= 60
    assert sum(left.count for left in briefing.left_out if left.reason == "time") == 32 - sum(map(len, shown(briefing)))


def test_what_is_gone_by_the_time_it_is_fetched_is_passed_over(day):
    gone, stays = day.add("Ann", lead=0.9), day.add("Ben", lead=0.8)
    del day.posts[gone]
    assert shown(day.brief()) == ([], [stays], [])


def test_an_empty_day_has_an_empty_briefing(day):
    briefing = day.brief(failing=("First feed: HTTP 503",))
    assert shown(briefing) == ([], [], [])
    assert (briefing.seen, briefing.words, briefing.left_out) == (0, 4, ())  # what failed is read, too
    assert briefing.sources_failing == ("First feed: HTTP 503",)


def test_a_first_polls_old_posts_rank_behind(day):
    old = day.add("Ann", lead=0.95, hours=24 * 365)
    new = day.add("Ben", lead=0.6)
    assert shown(day.brief()) == ([], [new, old], [])


def test_the_posts_to_fetch_are_named_once(day):
    for n in range(3):
        day.add(f"P{n}", story=1, lead=0.9, question=0.9)
    ids = choose(day.candidates, NOW, RULES).ids
    assert sorted(ids) == [1, 2, 3]


def test_the_title_is_not_told_twice(day):
    day.add("Ann", lead=0.9, title="We need help", text="We need help. Our shop is full.")
    [item] = day.brief().leads
    assert (item.title, item.text) == ("We need help", "Our shop is full.")


def random_day(dice):
    day = Day()
    for n in range(dice.randrange(60)):
        day.add(
            dice.choice(["Ann", "Ben", "Cleo", "Dov", f"P{n}", None]),
            hours=dice.choice([-5, 0, 1, 30, 24 * 900]),
            story=dice.choice([None, None, 1, 2]),
            text="word. " * dice.randrange(120),
            feed=dice.choice([1, 2, 9]),
            platform=dice.choice(["one", "two"]),
            title=dice.choice([None, "A title", "t" * 500]),
            lead=dice.random() ** 3,
            question=dice.random() ** 2,
            news=dice.random(),
        )
    return day


@given(st.integers(), st.floats(1, 240), st.floats(50, 1_500))
@settings(max_examples=120, deadline=None)
def test_no_box_is_overfilled_and_nothing_is_told_twice(seed, minutes, speed):
    day = random_day(random.Random(seed))
    rules = BriefingRules(SINCE, minutes, speed)
    briefing = day.brief(rules)
    assert briefing.seconds <= minutes * 60
    items = [*(item.post for item in briefing.stories), *briefing.leads, *briefing.questions]
    needed = composing.FRAME_S + sum(ITEM_S + count_words(item.title, item.text) * 60 / speed for item in items)
    assert needed <= briefing.seconds + 1e-6
    assert len({item.post_id for item in items}) == len({item.story for item in items}) == len(items)
    for section in (briefing.stories, briefing.leads, briefing.questions):
        people = [(getattr(item, "post", item).author or getattr(item, "post", item).feeds) for item in section]
        assert all(people.count(person) <= 4 for person in people)  # a name on two platforms is two people
    assert briefing == day.brief(rules)


@pytest.mark.slow
def test_ten_thousand_random_boxes_are_never_overfilled():
    for seed in range(10_000):
        dice = random.Random(seed)
        minutes = dice.choice([1, 2, 5, 12, 60])
        assert random_day(dice).brief(BriefingRules(SINCE, minutes)).seconds <= minutes * 60


@pytest.mark.parametrize(
    ("gap", "said"),
    [
        (timedelta(seconds=-5), "now"),
        (timedelta(seconds=59), "now"),
        (timedelta(minutes=59, seconds=59), "59 min ago"),
        (timedelta(hours=1), "1 h ago"),
        (timedelta(hours=47), "47 h ago"),
        (timedelta(hours=49), "2 d ago"),
        (timedelta(days=400), "2025-06-09"),
    ],
)
def test_how_long_ago_is_said_in_whole_units(gap, said):
    assert ago(NOW - gap, NOW) == said


def test_an_excerpt_ends_at_a_sentence_where_one_is_near():
    text = "One two three four five. Six seven eight nine ten. Eleven twelve thirteen."
    assert excerpt(text, 12) == "One two three four five. Six seven eight nine ten."
    assert excerpt(text, 100) == text
    assert excerpt("one two, three four", 2) == "one two …"
    assert excerpt("short\n\n text ", 5) == "short text"
    assert len(excerpt("港" * 5_000, 45)) < 450
    assert len(excerpt("a. " * 50_000, 45)) < 450


@given(st.text(), st.integers(1, 60))
def test_an_excerpt_is_one_line_within_its_words(text, words):
    cut = excerpt(text, words)
    assert len(cut.split()) <= words + 1
    assert len(cut.splitlines()) <= 1 or set(cut) & set("\x1c\x1d\x1e\x85\u2028\u2029\x0b\x0c")
