"""The hand-made day through the real store: exactly the stories that its key expects, each post with its reason."""

import tomllib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

from listener import urls
from listener.drafting import Tools
from listener.store import PostQuery
from listener.store.sqlite import SqliteStore
from tests import day

RULES = urls.rules(tomllib.loads((Path(__file__).parents[1] / "connectors/links.toml").read_text()))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore.open(tmp_path / "day.db")
    yield opened
    assert opened.check() == []
    opened.close()


@pytest.fixture
def tools(store: SqliteStore) -> Tools:
    return Tools(store, None, None, None, RULES, lambda: day.MORNINGS["first"], lambda: 0.5)  # type: ignore[arg-type]


def told(store: SqliteStore) -> dict[frozenset[str], dict[str, str | None]]:
    """Every story of two posts or more, as the key writes them."""
    names = {(s.post.platform, s.post.native_id): s.id for which in day.MORNINGS for s in day.said(which)}
    stored = store.posts(PostQuery(limit=10_000))
    by_number = {found.id: names[found.post.platform, found.post.native_id] for found in stored}
    members = store.story_members({found.story for found in stored if found.story is not None})
    stories = [{by_number[member.post]: member.why for member in posts} for _, posts in members.values()]
    return {frozenset(story): story for story in stories if len(story) > 1}


def expected(*days: str) -> dict[frozenset[str], dict[str, str | None]]:
    """What the key says after so many days; a story goes on under its name."""
    by_name: dict[str, dict[str, str | None]] = {}
    for which in days:
        for story in day.key()[which]["stories"]:
            by_name.setdefault(story["name"], {}).update(story["posts"])
    return {frozenset(posts): posts for posts in by_name.values()}


@pytest.mark.parametrize("page", [1, 25, 400])
def test_the_first_day_gives_exactly_the_stories_of_its_key(store, tools, page):
    day.live(tools, "first", page)
    found, wanted = told(store), expected("first")
    assert found.keys() == wanted.keys()


def test_each_post_is_told_why_it_is_in_its_story(store, tools):
    day.live(tools, "first", 1)
    day.live(tools, "second", 1)
    found, wanted = told(store), expected("first", "second")
    assert [found[posts] for posts in wanted] == list(wanted.values())


def test_the_second_day_goes_on_with_old_stories_and_begins_its_own(store, tools):
    day.live(tools, "first")
    before = told(store)
    day.live(tools, "second")
    found = told(store)
    assert found.keys() == expected("first", "second").keys()
    assert sum(story not in before for story in found) == len(day.key()["second"]["stories"])


def test_what_must_stay_apart_does(store, tools):
    day.live(tools, "first")
    day.live(tools, "second")
    joined = {name for story in told(store) for name in story}
    for kind, names in day.key()["apart"].items():
        assert not joined.intersection(names), kind


def test_the_day_is_as_large_and_as_wide_as_it_says():
    first, second = day.said("first"), day.said("second")
    assert len(first) >= 295
    assert 50 <= len(second) <= 70
    assert len({one.post.platform for one in first}) == 8
    assert {circle for person in day.people() for circle in person["circles"]} == {
        "me", "customers", "peers", "home town",
    }  # fmt: skip


def test_the_key_names_only_posts_that_are_there_and_voices_of_one_person_on_several_platforms():
    key, posts = day.key(), {one.id: one.post for which in day.MORNINGS for one in day.said(which)}
    accounts = {
        (account["platform"], account["native_id"]): person["id"]
        for person in day.people()
        for account in person["accounts"]
    }
    named = {
        *key["leads"],
        *key["questions"],
        *chain(*key["other_voices"], *key["apart"].values(), *key["opposing"].values()),
    }
    assert named <= posts.keys()
    for voice in key["same_voice"]:
        authors = [posts[name].account for name in voice]
        assert len({author.platform for author in authors}) == len(voice) > 1
        assert len({accounts.get((a.platform, a.native_id), a.handle) for a in authors}) == 1
    for one, other in key["opposing"].values():
        assert posts[one].account != posts[other].account


def test_the_spike_is_the_largest_story_of_the_first_day():
    stories = {story["name"]: len(story["posts"]) for story in day.key()["first"]["stories"]}
    assert max(stories, key=stories.__getitem__) == day.key()["spike"]
