"""The honest meter: intervals that hold the truth, thresholds in results, and a plain word where nothing is known."""

import math
from dataclasses import dataclass

import numpy as np
import pytest

from listener import meter
from listener.meter import Reading, Share


@dataclass(frozen=True)
class Look:
    score: float
    stratum: int
    size: int
    expected: float
    answer: bool | None


def posts(dice, count, sharpness=1.0):
    """Scores as a week brings them, and the truth: with sharpness 1 the model is calibrated, else it errs."""
    scores = dice.beta(0.35, 4.0, count)
    logits = np.log(scores.clip(1e-6, 1 - 1e-6) / (1 - scores.clip(1e-6, 1 - 1e-6)))
    truth = dice.random(count) < 1 / (1 + np.exp(-(logits + math.log(sharpness))))
    return scores, truth


def audited(scores, truth, threshold, seed):
    drawn = meter.draw(list(enumerate(scores.tolist())), threshold, seed)
    return [Look(one.score, one.stratum, one.size, one.expected, bool(truth[one.post])) for one in drawn]


@pytest.mark.parametrize("sharpness", [1.0, 2.0, 0.5])
def test_the_interval_of_recall_holds_the_truth_in_nine_of_ten_worlds(sharpness):
    """Also where the model says too little or too much: the odds of what it scores are doubled, or halved."""
    dice, threshold, worlds, held = np.random.default_rng(7), 0.4, 120, 0
    for world in range(worlds):
        scores, truth, looks = [], [], []
        for week in range(4):
            found = posts(dice, 1_200, sharpness)
            scores.append(found[0])
            truth.append(found[1])
            looks += audited(*found, threshold, seed=world * 10 + week)
        scores, truth = np.concatenate(scores), np.concatenate(truth)
        over = np.flatnonzero(scores >= threshold)
        said = dice.choice(over, 30, replace=False)
        thumbs = [(float(scores[n]), bool(truth[n])) for n in said]
        reading = meter.read(threshold, scores.tolist(), 28, thumbs, looks, audited_days=28)
        share = truth[over].sum() / truth.sum()
        held += reading.recall.low <= share <= reading.recall.high
    assert held / worlds >= 0.9


def test_the_interval_of_precision_holds_the_truth_in_nine_of_ten_worlds():
    dice = np.random.default_rng(3)
    for rate in (0.5, 0.8, 0.95):
        shares = [meter.wilson(int(dice.binomial(20, rate)), 20) for _ in range(4_000)]
        assert np.mean([share.low <= rate <= share.high for share in shares]) >= 0.9
    assert meter.wilson(0, 0) == Share(0.0, 0.0, 1.0)
    assert meter.wilson(10, 10).high == pytest.approx(1.0)


def test_more_answers_make_the_interval_narrower():
    dice = np.random.default_rng(5)
    widths = []
    for weeks in (1, 12):
        looks, scores, thumbs = [], [], []
        for week in range(weeks):
            found, truth = posts(dice, 1_000)
            looks += audited(found, truth, 0.4, week)
            scores += found.tolist()
            thumbs += [(float(s), bool(t)) for s, t in zip(found, truth, strict=True) if s >= 0.4][:30]
        share = meter.read(0.4, scores, 7 * weeks, thumbs, looks, 7 * weeks).recall
        widths.append(share.high - share.low)
    assert widths[1] < widths[0]


def test_an_audit_draws_ten_posts_below_the_threshold_most_of_them_near_it():
    scores = [(n, n / 1_000) for n in range(1_000)]
    drawn = meter.draw(scores, 0.4, seed=1)
    assert len({one.post for one in drawn}) == 10
    assert all(one.score < 0.4 for one in drawn)
    assert [sum(one.stratum == n for one in drawn) for n in range(3)] == [5, 3, 2]
    assert all(one.odds == pytest.approx({0: 5 / 260, 1: 3 / 108, 2: 2 / 32}[one.stratum]) for one in drawn)
    assert meter.draw(scores, 0.4, seed=1) == drawn
    assert meter.draw(scores, 0.4, seed=2) != drawn
    assert [one.score for one in drawn] != sorted(one.score for one in drawn)


def test_an_audit_takes_what_there_is_where_posts_are_few():
    assert len(meter.draw([(1, 0.39), (2, 0.01)], 0.4, 1)) == 2
    assert len(meter.draw([(n, 0.01) for n in range(50)], 0.4, 1)) == 10
    assert meter.draw([(1, 0.9)], 0.4, 1) == []


def test_each_answer_stands_for_the_posts_it_was_drawn_from():
    looks = [Look(0.3, 0, 100, 0.2, True), Look(0.3, 0, 100, 0.2, False), Look(0.01, 2, 1_000, 0.001, False)]
    assert meter.missed(looks) == 50.0
    assert meter.missed([*looks, Look(0.01, 2, 1_000, 0.001, None)]) == 50.0


def test_with_few_thumbs_or_no_audit_nothing_is_claimed():
    found = meter.read(0.5, [0.9] * 42 + [0.1] * 100, 7, [(0.9, True)] * 9, [], 0)
    assert (found.a_day, found.precision, found.recall) == (6.0, None, None)
    assert meter.sentence(found) == (
        "At this cut about 6 a day, how many of them are right is not known yet (9 thumbs; 10 are needed), "
        "how many are missed is not known yet (`listener model audit` measures it)."
    )


def test_the_meter_speaks_in_results():
    found = Reading(0.4, 6.2, Share(0.8, 0.62, 0.91), Share(0.8, 0.6, 0.9), 40, 30)
    assert meter.sentence(found) == (
        "At this cut about 6 a day, 8 of 10 right (62% to 91%), about 1 in 5 missed (10% to 40%)."
    )
    assert "fewer than 1 in 20 missed" in meter.sentence(Reading(0.4, 0.5, None, Share(0.97, 0.9, 1.0), 0, 30))
    assert "about 6 in 10 missed" in meter.sentence(Reading(0.4, 0.5, None, Share(0.4, 0.2, 0.6), 0, 30))
    assert meter.as_json(found)["precision"] == {"value": 0.8, "low": 0.62, "high": 0.91}


def test_a_threshold_is_found_for_so_many_alerts_a_day():
    scores = [n / 1_000 for n in range(1_000)]
    cut = meter.cut_for_alerts(scores, 7, 6)
    assert sum(score >= cut for score in scores) == 42
    assert meter.cut_for_alerts([], 7, 6) == meter.HIGHEST
    assert meter.cut_for_alerts([0.2, 0.3], 1, 50) == 0.2


def test_a_threshold_is_found_for_a_wanted_precision_from_thumbs_or_from_the_models_own_word():
    thumbs = [(0.9 - n / 100, n < 16) for n in range(20)] + [(0.1 + n / 1_000, False) for n in range(30)]
    assert meter.cut_for_precision(thumbs, 0.8) == pytest.approx(0.71)
    assert meter.cut_for_precision(thumbs, 0.99) == pytest.approx(0.75)
    assert meter.cut_for_precision(thumbs[:9], 0.5) is None
    assert meter.cut_for_precision([(0.5, False)] * 20, 0.5) is None
    assert meter.expected_precision([0.9, 0.8, 0.3, 0.2], 0.85) == 0.8
    assert meter.expected_precision([0.1], 0.85) == meter.HIGHEST
