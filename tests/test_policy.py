"""One table says what each platform allows, and one place decides by it."""

import tomllib
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from listener import upkeep
from listener.connector import connectors
from listener.drafting import Tools
from listener.errors import ConfigError
from listener.policy import Policies, Policy, policies
from listener.store.sqlite import SqliteStore
from listener.types import Account, Feed, Post
from listener.urls import rules

TABLE = tomllib.loads((Path(__file__).parents[1] / "connectors" / "policy.toml").read_text())
POLICIES = policies(TABLE)
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
GUARDED = ("x", "reddit", "discord")


def test_every_platform_of_every_connector_has_its_row():
    used = {platform for name, kind in connectors().items() for platform in (kind.traits.platforms or (name,))}
    assert used - set(TABLE) == set()


def test_every_row_says_why_and_when_it_was_read():
    for platform, row in POLICIES.rows.items():
        assert row.note, platform
        restricted = any(getattr(row, one.name) != one.default for one in fields(Policy) if one.name != "note")
        assert not restricted or row.retired or platform == "mail" or " 2026-11-23" in row.note, platform


@pytest.mark.parametrize("platform", GUARDED)
def test_people_there_get_no_lead_record_and_no_identity_links_unless_the_user_says_so(platform):
    somebody = Account(platform, "1")
    assert not POLICIES.may_profile(somebody)
    assert not POLICIES.may_link(somebody)
    switched = policies(TABLE, lead_profiles=[platform], link_identities=[platform])
    assert switched.may_profile(somebody)
    assert switched.may_link(somebody)
    other = next(name for name in GUARDED if name != platform)
    assert not switched.may_profile(Account(other, "1"))


def test_who_opted_out_is_never_profiled_linked_shown_elsewhere_or_learnt_from():
    author = Account("mastodon", "1", opted_out=True)
    post = Post("mastodon", "1", account=author, text="x", visibility="public")
    everything = policies(TABLE, lead_profiles=["mastodon"], link_identities=["mastodon"])
    for rules_ in (POLICIES, everything):
        said = (rules_.may_profile(author), rules_.may_link(author), rules_.may_leave(post), rules_.may_train(post))
        assert not any(said)


@pytest.mark.parametrize("visibility", ["followers", "private", "direct"])
def test_what_was_not_said_to_everybody_never_leaves(visibility):
    assert not POLICIES.may_leave(Post("mastodon", "1", text="x", visibility=visibility))
    assert not POLICIES.may_train(Post("mastodon", "1", text="x", visibility=visibility))


@pytest.mark.parametrize("visibility", [None, "public", "unlisted"])
def test_what_was_said_to_everybody_may_leave_where_the_platform_allows_it(visibility):
    assert POLICIES.may_leave(Post("mastodon", "1", text="x", visibility=visibility))
    assert not POLICIES.may_leave(Post("x", "1", text="x", visibility=visibility))


def test_a_platform_that_is_not_in_the_table_allows_what_is_common():
    assert POLICIES.may_leave(Post("elsewhere", "1", text="x"))


def world(path: Path, table: Policies) -> Tools:
    return Tools(SqliteStore.open(path), None, lambda _: None, None, rules({}), lambda: NOW, lambda: 0.5, policy=table)


def test_text_that_may_not_be_kept_is_never_stored(tmp_path):
    tools = world(tmp_path / "a.db", Policies({"hush": Policy(store_text=False)}))
    post = Post("hush", "1", "https://hush.example/1", title="Secret", text="words", published_at=NOW)
    upkeep.save_posts(tools, Feed(0, "hush", "q", "hush"), [post], NOW)
    [kept] = tools.store.posts_by_id([1])
    assert (kept.post.title, kept.post.text, kept.post.url) == (None, "", "https://hush.example/1")
    tools.store.close()


def test_what_a_platform_lets_us_keep_for_a_month_goes_after_it_unless_labelled(tmp_path):
    store = SqliteStore.open(tmp_path / "a.db")
    tools = Tools(store, None, lambda _: None, None, rules({}), lambda: NOW, lambda: 0.5)
    old = NOW - timedelta(days=40)
    for platform in ("x", "rss"):
        posts = [Post(platform, str(n), f"https://{platform}.example/{n}", text="t", published_at=old) for n in (1, 2)]
        upkeep.save_posts(tools, Feed(0, platform, "q", platform), posts, old)
    kept = {(p.post.platform, p.post.native_id): p.id for p in store.posts_by_id(range(1, 9))}
    store.label_post(kept["x", "2"], "lead", True, NOW)
    days = {name: float(row.keep_days) for name, row in POLICIES.rows.items() if row.keep_days}
    gone = store.prune(NOW, raw_days=7, post_days=None, story_days=7, platform_days=days)
    assert gone["posts"] == 1
    left = {(p.post.platform, p.post.native_id) for p in store.posts_by_id(range(1, 9))}
    assert left == {("x", "2"), ("rss", "1"), ("rss", "2")}
    assert store.check() == []
    store.close()


def test_my_space_is_there_as_a_platform_that_is_no_more():
    assert "2016" in (POLICIES.retired("myspace") or "")
    assert POLICIES.retired("mastodon") is None


@pytest.mark.parametrize("key", ["lead_profiles", "link_identities"])
def test_a_switch_for_a_platform_that_is_not_there_names_the_key(key):
    with pytest.raises(ConfigError, match=f"policy.{key}: no platform is called nope"):
        policies(TABLE, **{key: ["x", "nope"]})
