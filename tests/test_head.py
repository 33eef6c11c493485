"""The user's head: moved by thumbs at once, held to the holdout, never trusted as a file."""

import hashlib
import json
import random
import time
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from listener.errors import ModelError
from listener.types import LABELS, Post
from models import head, holdout, reading
from models.classifier import load

ROOT = Path(__file__).parents[1]
MODEL = load()
READING = reading.Reading(MODEL)
CORPUS = ROOT / "models" / "corpus"


@lru_cache(maxsize=1)
def rows():
    """Posts that the holdout does not hold, with their labels, in a fixed disorder."""
    found = []
    for path in sorted(CORPUS.glob("*.jsonl")):
        if not path.name.startswith("held-"):
            found += [json.loads(line) for line in path.read_text().splitlines()]
    random.Random(1).shuffle(found)
    posts = [Post("", str(n), text=row["text"]) for n, row in enumerate(found)]
    return posts, [{label: label in row["labels"] for label in LABELS} for row in found]


def trained(count, change=lambda thumbs: thumbs):
    posts, thumbs = rows()
    return head.train(READING, posts[:count], [change(dict(thumb)) for thumb in thumbs[:count]])


def test_a_thumb_moves_its_post_and_others_like_it_and_leaves_the_rest():
    said = Post("", "1", text="Our choir seeks a piano tuner for the spring concert")
    like = Post("", "2", text="Who tunes pianos? Our choir's is out of tune before the concert.")
    unlike = Post("", "3", text="Kubernetes 2.0 was released today, with a new scheduler")
    corrected = head.Corrected(MODEL, head.train(READING, [said] * 3, [{"lead": True}] * 3))
    before, after = MODEL.score([said, like, unlike]), corrected.score([said, like, unlike])
    assert after[0]["lead"] > before[0]["lead"]
    assert after[1]["lead"] > before[1]["lead"]
    assert abs(after[2]["lead"] - before[2]["lead"]) < 0.05
    assert after[0]["news"] == pytest.approx(before[0]["news"], abs=1e-6)
    assert corrected.moved(said)["lead"] > corrected.moved(unlike)["lead"]


def test_opposite_thumbs_pull_opposite_ways():
    posts, _ = rows()
    up = head.Corrected(MODEL, head.train(READING, posts[:5], [{"news": True}] * 5)).score(posts[:5])
    down = head.Corrected(MODEL, head.train(READING, posts[:5], [{"news": False}] * 5)).score(posts[:5])
    assert all(one["news"] > other["news"] for one, other in zip(up, down, strict=True))


def test_the_same_thumbs_make_the_same_head():
    assert trained(60).version == trained(60).version
    assert trained(60).version != trained(61).version
    assert trained(60).version.startswith(MODEL.version + "+")


def test_what_is_taken_of_a_head_never_lets_the_holdout_fall():
    for count in (20, 200, 800):
        taken, verdicts = head.check(READING, trained(count))
        for verdict in verdicts.values():
            assert verdict.before.average_precision - verdict.after.average_precision <= head.FALL_MAX
            assert verdict.before.f1 - verdict.after.f1 <= head.FALL_MAX
        if taken is not None:
            _, again = head.check(READING, taken)
            assert all(again[label].after == verdicts[label].after for label in LABELS if verdicts[label].share)


@pytest.mark.parametrize("count", [200, 1_000])
def test_five_percent_of_poisoned_thumbs_do_no_harm_or_are_refused(count):
    """S23: every twentieth thumb lies, each time in the way that hurts leads most."""
    dice, (_, thumbs) = random.Random(2), rows()
    leads = [n for n in range(count) if thumbs[n]["lead"]]
    lies = set(dice.sample(leads, min(count // 20, len(leads))))
    posts = rows()[0][:count]
    poisoned = [dict(thumb, lead=False) if n in lies else thumb for n, thumb in enumerate(thumbs[:count])]
    _, verdicts = head.check(READING, head.train(READING, posts, poisoned))
    lead = verdicts["lead"]
    assert lead.before.average_precision - lead.after.average_precision <= head.FALL_MAX
    assert lead.before.f1 - lead.after.f1 <= head.FALL_MAX


def test_thumbs_that_turn_everything_round_are_refused_and_the_shipped_model_stands():
    upside_down = trained(400, lambda thumb: {label: not value for label, value in thumb.items()})
    assert head.check(READING, upside_down)[1]["question"].share < 1
    strong = head.Head(upside_down.base, upside_down.frame, upside_down.weights * 30, 400)
    taken, verdicts = head.check(READING, strong)
    question = verdicts["question"]
    assert question.share == 0
    assert question.refused is not None
    assert "on the holdout would fall from" in question.refused
    assert question.after == question.before
    if taken is not None:
        posts = rows()[0][:5]
        for found, shipped in zip(head.Corrected(MODEL, taken).score(posts), MODEL.score(posts), strict=True):
            assert found["question"] == pytest.approx(shipped["question"], abs=1e-5)


def test_a_head_survives_being_written_and_read():
    written = trained(30)
    found = head.load(head.dump(written))
    assert (found.version, found.thumbs, found.base) == (written.version, 30, MODEL.version)
    posts = rows()[0][:3]
    assert head.Corrected(MODEL, found).score(posts) == head.Corrected(MODEL, written).score(posts)
    assert head.Corrected(MODEL, found).score([]) == []


def sealed(body: bytes) -> bytes:
    return body + hashlib.sha256(body).digest()


def header(**changes: object) -> bytes:
    about = {"format": head.FORMAT, "base": "1-x", "dimensions": 1, "words": head.WORDS, "thumbs": 1} | changes
    return json.dumps(about).encode() + b"\n"


NUMBERS = bytes(4 * (1 + head.WORDS + 3 * (1 + head.WORDS + 1)))
BAD = {
    "nothing": b"",
    "no seal": header() + NUMBERS,
    "a wrong seal": header() + NUMBERS + bytes(32),
    "a pickle": sealed(b"cos\nsystem\n(S'touch canary'\ntR."),
    "no JSON": sealed(b"{\n" + NUMBERS),
    "a list": sealed(b"[1]\n" + NUMBERS),
    "nested JSON": sealed(b"[" * 100_000 + b"\n" + NUMBERS),
    "another format": sealed(header(format="x") + NUMBERS),
    "other words": sealed(header(words=7) + NUMBERS),
    "dimensions that are none": sealed(header(dimensions="1") + NUMBERS),
    "dimensions below zero": sealed(header(dimensions=-1) + NUMBERS),
    "dimensions too many": sealed(header(dimensions=10**9) + NUMBERS),
    "a truth for a number": sealed(header(dimensions=True) + NUMBERS),
    "too few numbers": sealed(header() + NUMBERS[:-4]),
    "too many numbers": sealed(header() + NUMBERS + bytes(4)),
    "numbers that are none": sealed(header() + np.full(len(NUMBERS) // 4, np.nan, "<f4").tobytes()),
    "too large": bytes(head.BODY_BYTES + 1),
}


@pytest.mark.parametrize("name", BAD)
def test_a_head_that_is_not_ours_is_refused(name):
    with pytest.raises(ModelError, match="listener model train"):
        head.load(BAD[name])


def test_every_flipped_bit_is_noticed():
    good = bytearray(head.dump(trained(5)))
    dice = random.Random(3)
    for _ in range(200):
        place = dice.randrange(len(good) * 8)
        good[place // 8] ^= 1 << place % 8
        with pytest.raises(ModelError):
            head.load(bytes(good))
        good[place // 8] ^= 1 << place % 8


def test_a_head_for_another_model_is_refused():
    other = head.load(sealed(header() + NUMBERS))
    with pytest.raises(ModelError, match="another model"):
        head.Corrected(MODEL, other)


def test_fitting_five_thousand_thumbs_takes_less_than_a_second_of_work():
    dice = np.random.default_rng(1)
    features = dice.normal(0, 0.04, (5_000, 256 + head.WORDS + 1)).astype(np.float32)
    offsets, said = (
        dice.normal(-1, 2, (5_000, 3)).astype(np.float32),
        (dice.random((5_000, 3)) < 0.3).astype(np.float32),
    )
    taken = []
    for _ in range(3):
        start = time.process_time()
        head._fit(features, offsets, said, np.ones_like(said))
        taken.append(time.process_time() - start)
    assert min(taken) < 1.0


def test_the_holdout_is_every_second_held_post_and_none_that_is_learnt_from():
    texts = [post.text for post, _ in holdout.rows()]
    held = {json.loads(line)["text"] for path in CORPUS.glob("held-*.jsonl") for line in path.read_text().splitlines()}
    learnt = {post.text for post in rows()[0]}
    assert set(texts) <= held
    assert not set(texts) & learnt
    assert len(texts) >= 300
    assert all(sum(label in labels for _, labels in holdout.rows()) >= 40 for label in LABELS)
