import random
import re
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from listener import limits, urls
from listener.normalise import EARLIEST, LATEST, check, digest, normalise, sort_at
from listener.types import Account, Counts, Kind, Media, Post, Visibility
from tests.hostile import posts as hostile

NOW = datetime(2026, 7, 14, 12, tzinfo=UTC)
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
INT64 = range(-(2**63), 2**63)


def shaped(post):
    """Every promise about a normalised post."""
    assert len(post.platform.encode()) <= limits.AUTHOR_BYTES
    assert len(post.native_id.encode()) <= limits.NATIVE_ID_BYTES
    assert post.kind in get_args(Kind)
    assert post.visibility is None or post.visibility in get_args(Visibility)
    assert len(post.text.encode()) <= limits.TEXT_BYTES
    assert post.title is None or 0 < len(post.title.encode()) <= limits.TITLE_BYTES
    for url in (post.url, *post.links, *(media.url for media in post.media), post.account and post.account.url):
        assert url is None or urls.safe(url) == url
    assert post.url not in post.links
    for at in (post.published_at, post.edited_at, post.deleted_at):
        assert at is None or (EARLIEST <= at <= LATEST and at.utcoffset() == timedelta(0))
    for values in (post.mentions, post.links, post.tags, post.media):
        assert isinstance(values, tuple)
        assert len(values) == len(set(values)) <= limits.LIST_ITEMS
    counts = post.counts or Counts()
    for number in (counts.replies, counts.likes, counts.reposts, counts.score, post.account and post.account.followers):
        assert number is None or (type(number) is int and number in INT64)
    assert post.answered in (None, True, False)
    every_text(post)


def every_text(value):
    if isinstance(value, str):
        value.encode()  # no lone surrogates
        assert not CONTROLS.search(value)
    elif isinstance(value, tuple):
        for each in value:
            every_text(each)
    elif isinstance(value, Account | Media | Post):
        for field in fields(value):
            every_text(getattr(value, field.name))


@pytest.mark.parametrize("hostile_post", hostile.posts(), ids=range(300))
def test_the_fixed_hostile_posts_are_normalised_or_named(hostile_post):
    post = normalise(hostile_post, NOW)
    shaped(post)
    assert check(post) is None or check(post).startswith("it ")
    assert digest(post) in INT64
    assert normalise(post, NOW) == post


def test_ten_thousand_generated_posts_are_normalised():
    dice = random.Random(11)
    values = (*hostile.TEXTS, *hostile.URLS, *hostile.NUMBERS, *hostile.TIMES)
    small = [value for value in values if not (isinstance(value, str) and len(value) > 3_000)]

    def any_value():
        value = dice.choice(small)
        return [dice.choice(small) for _ in range(dice.randrange(4))] if dice.random() < 0.2 else value

    for number in range(10_000):
        chosen = {field.name: any_value() for field in fields(Post) if dice.random() < 0.5}
        chosen |= {"platform": "fixture", "native_id": str(number)} if number % 2 else {}
        chosen.setdefault("platform", any_value())
        chosen.setdefault("native_id", any_value())
        if number % 3 == 0:
            chosen["account"] = Account(any_value(), any_value(), any_value(), any_value(), any_value(), any_value())
            chosen["counts"] = Counts(any_value(), any_value(), any_value(), any_value())
            chosen["media"] = (Media(any_value(), any_value(), any_value(), any_value()),)
        post = normalise(Post(**chosen), NOW)
        shaped(post)
        assert check(post) is None or check(post).startswith("it ")
        assert number % 2 == 0 or post.native_id == str(number)


@given(st.builds(Post, platform=st.text(), native_id=st.text(), text=st.text(), title=st.text(), url=st.text()))
@settings(deadline=None)
def test_normalising_twice_is_normalising_once(post):
    once = normalise(post, NOW)
    assert normalise(once, NOW) == once
    shaped(once)


def test_a_good_post_passes_unchanged():
    post = Post(
        "fixture",
        "1",
        url="https://example.test/1",
        account=Account("fixture", "ann", "ann", "Ann Fern", "https://example.test/@ann", 12, False),
        title="A title",
        text="Line one.\n\nשלום, line two\twith a tab. 👩‍👩‍👧",
        lang="pt-br",
        published_at=NOW,
        links=("https://other.test/",),
        tags=("python",),
        media=(Media("https://example.test/a.jpg", "image/jpeg", "A lantern", 1.5),),
        counts=Counts(1, 2, 3, -4),
        answered=False,
        licence="CC BY 4.0",
    )
    assert normalise(post, NOW) == post


def test_lengths_are_cut_at_whole_characters():
    post = normalise(Post("fixture", "1", text="é" * limits.TEXT_BYTES, title="😀" * 999), NOW)
    assert post.text == "é" * (limits.TEXT_BYTES // 2)
    assert post.title == "😀" * (limits.TITLE_BYTES // 4)


def test_two_long_ids_with_one_beginning_stay_two():
    long = "x" * 2_000
    ids = {normalise(Post("fixture", long + end), NOW).native_id for end in "ab"}
    assert len(ids) == 2
    reply = normalise(Post("fixture", "1", in_reply_to=long + "a"), NOW)
    assert reply.in_reply_to in ids


def test_halves_of_a_pair_are_joined_and_lonely_ones_replaced():
    post = normalise(Post("fixture", "1", text="\ud83d\ude00 \ud800"), NOW)
    assert post.text == "😀 \ufffd"


@pytest.mark.parametrize(
    ("post", "reason"),
    [
        (Post("", "1", text="x"), "platform"),
        (Post("fixture", " \x00 ", text="x"), "id"),
    ],
)
def test_what_cannot_be_stored_says_why(post, reason):
    assert reason in check(normalise(post, NOW))


@pytest.mark.parametrize(
    "post",
    [
        Post("fixture", "1"),
        Post("fixture", "1", url="javascript:alert(1)"),
        Post("fixture", "1", text="x"),
        Post("fixture", "1", title="x"),
        Post("fixture", "1", url="https://example.test/"),
        Post("fixture", "1", kind="repost", refers_to="2"),
        Post("fixture", "1", media=(Media("https://example.test/a.jpg"),)),
    ],
)
def test_anything_to_show_is_enough(post):
    assert check(normalise(post, NOW)) is None


def test_an_edit_changes_the_digest_and_a_count_does_not():
    post = normalise(Post("fixture", "1", url="https://a.test/", text="x", links=("https://b.test/",)), NOW)
    same = replace(post, counts=Counts(9), published_at=NOW, edited_at=NOW, tags=("t",), account=None)
    assert digest(same) == digest(post)
    edits = [
        replace(post, title="t"),
        replace(post, text="y"),
        replace(post, url=None),
        replace(post, links=()),
        replace(post, warning="w"),
        replace(post, answered=True),
        replace(post, title="x", text=""),
        replace(post, text="", warning="x"),
    ]
    assert len({digest(each) for each in (post, *edits)}) == len(edits) + 1


def sixty_times():
    zones = [timezone(timedelta(hours=hours)) for hours in (-12, -5, 0, 5, 14)]
    years = (1, 1600, 1969, 1970, 2000, 2026, 2027, 2038, 2100, 2400, 9000, 9999)
    return [datetime(year, 12, 31, 23, 59, tzinfo=zone) for year in years for zone in zones]


@pytest.mark.parametrize("claimed", sixty_times(), ids=str)
def test_no_claimed_time_puts_a_post_on_top_for_more_than_a_day(claimed):
    post = normalise(Post("fixture", "1", text="x", published_at=claimed), NOW)
    assert sort_at(post, NOW) <= NOW
    assert EARLIEST <= post.published_at <= LATEST
    if EARLIEST <= claimed <= LATEST:
        assert post.published_at == claimed


def test_a_post_without_a_time_sorts_by_when_we_saw_it():
    assert sort_at(Post("fixture", "1"), NOW) == NOW
