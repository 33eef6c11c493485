"""Posts as the user's head sees them: read once, kept by what they say, never trusted when damaged."""

import dataclasses
import hashlib
import random
import time
from datetime import UTC, datetime

import numpy as np
import pytest

from listener.app import App
from listener.types import Draft, Feed, Plan, Post, Turn
from models import holdout
from models.classifier import load
from models.reading import WORDS, Reading, counts_of

MODEL = load()
POSTS = [
    Post("", str(n), text=text)
    for n, text in enumerate(("Any good plumber?", "We moved. Any plumber?", "", "Rates rose"))
]


class Counting:
    """The shipped model, which counts how many posts it was asked about."""

    def __init__(self, version: str = MODEL.version) -> None:
        self.version, self.thresholds, self.read = version, MODEL.thresholds, 0

    def score(self, posts):
        self.read += len(posts)
        return MODEL.score(posts)

    def embed(self, posts):
        return MODEL.embed(posts)

    def explain(self, post, most=5):
        return MODEL.explain(post, most)


def same(one, other):
    return all((left == right).all() and left.dtype == right.dtype for left, right in zip(one, other, strict=True))


def test_a_post_is_read_once_however_often_it_is_asked_about():
    model = Counting()
    reading = Reading(model)
    first = reading.views(POSTS)
    again = reading.views([POSTS[1], POSTS[0], POSTS[1]])
    assert model.read == reading.new == len(POSTS)
    assert same(again, first.of([1, 0, 1]))


def test_a_post_is_seen_as_the_model_sees_it():
    views = Reading(MODEL).views(POSTS)
    assert (views.vectors == MODEL.embed(POSTS)).all()
    assert (views.counts == counts_of(POSTS)).all()
    likely = [found["lead"] for found in MODEL.score(POSTS)]
    assert (1 / (1 + np.exp(-views.logits[:, 0]))).tolist() == pytest.approx(likely, abs=1e-6)


def test_words_are_counted_by_the_row_they_hash_to_each_once():
    counts = counts_of([Post("", "1", text="good good"), Post("", "2", text="good day")])
    assert counts.shape == (2, WORDS)
    assert counts.sum(axis=1).tolist() == [2, 3]  # the start of the text is a word too


def test_an_edited_post_is_read_anew_and_one_told_apart_only_by_its_number_is_not():
    model = Counting()
    reading = Reading(model)
    reading.views(POSTS)
    reading.views([dataclasses.replace(POSTS[0], native_id="99")])
    assert model.read == len(POSTS)
    changed = reading.views([dataclasses.replace(POSTS[0], text="Any bad plumber?")])
    assert model.read == len(POSTS) + 1
    assert not same(changed, reading.views(POSTS[:1]))


def test_another_process_reads_nothing_again_and_sees_the_same():
    first, model = Reading(MODEL), Counting()
    kept = first.dump(POSTS) if first.views(POSTS) and first.held() else b""
    later = Reading(model, kept)
    assert same(later.views(POSTS), first.views(POSTS))
    assert same(later.held(), first.held())
    assert model.read == later.new == first.new == 0


def test_posts_without_a_thumb_any_more_are_not_kept():
    first, model = Reading(MODEL), Counting()
    first.views(POSTS)
    later = Reading(model, first.dump(POSTS[:1]))
    later.views(POSTS)
    assert model.read == len(POSTS) - 1


def test_posts_without_a_thumb_any_more_are_forgotten():
    reading = Reading(MODEL)
    reading.held()
    reading.views(POSTS)
    assert not reading.outgrown(POSTS)
    assert reading.outgrown(POSTS[:1])
    reading.dump(POSTS[:1])
    assert not reading.outgrown(POSTS[:1])
    assert same(reading.views(POSTS), Reading(MODEL).views(POSTS))
    assert reading.new == len(POSTS) - 1


def sealed(body: bytes) -> bytes:
    return body + hashlib.sha256(body).digest()


def kept() -> bytes:
    first = Reading(MODEL)
    first.views(POSTS)
    return first.dump(POSTS)


BAD = {
    "nothing": lambda good: b"",
    "no seal": lambda good: good[:-32],
    "a pickle": lambda good: sealed(b"cos\nsystem\n(S'touch canary'\ntR."),
    "no JSON": lambda good: sealed(b"{\n" + bytes(100)),
    "a list": lambda good: sealed(b"[1]\n"),
    "nested JSON": lambda good: sealed(b"[" * 100_000 + b"\n"),
    "another format": lambda good: sealed(good[:-32].replace(b"reading-1", b"reading-9")),
    "another model": lambda good: sealed(good[:-32].replace(MODEL.version.encode(), b"1-x")),
    "a row too many": lambda good: sealed(good[:-32].replace(b'"rows": 4', b'"rows": 5')),
    "rows below zero": lambda good: sealed(good[:-32].replace(b'"rows": 4', b'"rows": -4')),
    "rows that are none": lambda good: sealed(good[:-32].replace(b'"rows": 4', b'"rows": true')),
    "cut short": lambda good: sealed(good[:-33]),
    "a flipped bit": lambda good: good[:300] + bytes([good[300] ^ 1]) + good[301:],
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_damaged_or_of_another_model_is_read_anew(name):
    model, good = Counting(), kept()
    bad = BAD[name](good)
    assert bad != good
    assert same(Reading(model, bad).views(POSTS), Reading(MODEL).views(POSTS))
    assert model.read == len(POSTS)


def test_a_thumb_on_top_of_five_thousand_takes_less_than_a_second_of_work_in_a_new_process():
    from models import head

    dice = random.Random(4)
    words = [f"{dice.choice('bdfgklmnprstv')}{dice.choice('aeiou')}{dice.choice('lmnrst')}{n}" for n in range(3_000)]
    posts = [Post("", str(n), text=" ".join(dice.choices(words, k=40))) for n in range(5_000)]
    thumbs = [{"lead": n % 9 == 0, "news": n % 5 == 0} for n in range(5_000)]
    before = Reading(MODEL)
    before.held()
    before.views(posts)
    blob = before.dump(posts)
    fresh = Post("", "x", text=f"A new one, {datetime.now(UTC)}")
    start = time.process_time()
    reading = Reading(MODEL, blob)
    found = head.check(reading, head.train(reading, [*posts, fresh], [*thumbs, {"lead": True}]))
    assert time.process_time() - start < 1.0
    assert found[1]["lead"].before.average_precision > 0.5
    assert reading.new == 1


def test_the_holdout_is_read_as_any_post():
    held = Reading(MODEL).held()
    assert len(held.vectors) == len(holdout.rows())


def app_at(folder):
    (folder / "config.toml").write_text('[store]\nurl = "posts.db"\n')
    return App.open(folder / "config.toml")


def test_what_was_read_for_a_thumb_is_not_read_again_for_the_next_one_in_another_process(tmp_path):
    app, now = app_at(tmp_path), datetime.now(UTC)
    feed = app.store.add_feed(Feed(0, "rss", "https://site.example/feed", "blog"), now)
    drafts = tuple(
        Draft(Post("blog", str(n), text=f"{post.text} {n}", published_at=now), 1) for n, post in enumerate(POSTS)
    )
    first, second, *_ = app.store.save_page(Turn(feed, now, None, Plan(now, 3600), drafts)).new
    taught = app.label(first, "lead", True)
    later = app_at(tmp_path)
    assert later.label(second, "lead", False).thumbs == taught.thumbs + 1
    assert later.thumb_reading.new == 1
    assert later.scorer.version != later.classifier.version


def test_what_was_read_of_a_post_goes_with_its_last_thumb(tmp_path):
    app, now = app_at(tmp_path), datetime.now(UTC)
    feed = app.store.add_feed(Feed(0, "rss", "https://site.example/feed", "blog"), now)
    drafts = tuple(Draft(Post("blog", str(n), text=f"Post number {n}", published_at=now), 1) for n in range(2))
    first, second = app.store.save_page(Turn(feed, now, None, Plan(now, 3600), drafts)).new
    app.label(first, "lead", True)
    app.label(second, "lead", True)
    posts = [stored.post for stored in app.store.posts_by_id([first, second])]
    app.unlabel(first)
    assert not app.thumb_reading.outgrown(posts[1:])
    app.unlabel(second)
    assert app.store.head("reading") is None
