"""The honest meter: how often a label is right, how many posts it misses, and what another threshold would mean. Pure.

Precision comes from the user's thumbs. What is missed comes from the blind audit: posts from below the threshold, drawn
by strata of their score with known odds, so that each answer stands for as many posts as it was drawn from
(Horvitz–Thompson). A few answers cannot tell one in a hundred from none, so each stratum begins with one look more, a
made-up one that found what the model itself expects there: the interval is wide at first, and honest.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

LOOKS: Final = 10
"""Posts of one audit."""
PLAN: Final = (5, 3, 2)
"""Looks of each stratum, the one next to the threshold first; what one cannot take goes to the next."""
EDGES: Final = (0.35, 0.08)
"""The strata end at these shares of the threshold."""
THUMBS_MIN: Final = 10
"""With fewer thumbs over the threshold nothing is said about precision."""
ANSWERS_MIN: Final = 10
"""With fewer answers nothing is said about what is missed."""
LOWEST: Final = 0.01
HIGHEST: Final = 0.9999
"""Thresholds stay between these."""
DRAWS: Final = 4_000
Z: Final = 1.959964
"""95 %."""


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a whole, between `low` and `high` with 95 % certainty."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Drawn:
    """A post drawn for an audit."""

    post: int
    score: float
    stratum: int
    size: int
    """Posts of the stratum."""
    expected: float
    """Mean score of the stratum."""
    odds: float
    """How likely it was to be drawn."""


class Answered(Protocol):
    """A look with its answer; `listener.store.Look` is one."""

    @property
    def score(self) -> float:
        """The model's, when it was drawn."""

    @property
    def stratum(self) -> int:
        """Which one."""

    @property
    def size(self) -> int:
        """Posts in it."""

    @property
    def expected(self) -> float:
        """Mean score in it."""

    @property
    def answer(self) -> bool | None:
        """None: passed over."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What can be said of one label at one threshold."""

    threshold: float
    a_day: float
    precision: Share | None
    """None: not known yet."""
    recall: Share | None
    thumbs: int
    """Over the threshold."""
    answers: int
    """Of audits."""


def wilson(hits: int, of: int) -> Share:
    """Give a share with its interval (Wilson's score)."""
    if of <= 0:
        return Share(0.0, 0.0, 1.0)
    rate, base = hits / of, 1 + Z * Z / of
    middle = (rate + Z * Z / (2 * of)) / base
    half = Z * math.sqrt(rate * (1 - rate) / of + Z * Z / (4 * of * of)) / base
    return Share(rate, max(middle - half, 0.0), min(middle + half, 1.0))


def strata(scores: Sequence[tuple[int, float]], threshold: float) -> list[list[tuple[int, float]]]:
    """Part the posts below the threshold by score, the highest first."""
    edges = [threshold, *(share * threshold for share in EDGES), -1.0]
    found: list[list[tuple[int, float]]] = [[] for _ in PLAN]
    for post, score in scores:
        if score < threshold:
            found[next(n for n in range(len(PLAN)) if score >= edges[n + 1])].append((post, score))
    return found


def draw(scores: Sequence[tuple[int, float]], threshold: float, seed: int, looks: int = LOOKS) -> list[Drawn]:
    """Draw the posts of one audit, in an order that says nothing; the same seed draws the same."""
    import numpy as np

    dice = np.random.default_rng(seed)
    drawn: list[Drawn] = []
    spare = 0
    for number, posts in enumerate(strata(scores, threshold)):
        wanted = round(PLAN[number] * looks / sum(PLAN)) + spare
        taken = min(wanted, len(posts))
        spare = wanted - taken
        if taken:
            expected = sum(score for _, score in posts) / len(posts)
            for place in dice.choice(len(posts), taken, replace=False):
                drawn.append(Drawn(*posts[int(place)], number, len(posts), expected, taken / len(posts)))
    return [drawn[int(place)] for place in dice.permutation(len(drawn))]


def missed(looks: Sequence[Answered]) -> float:
    """Estimate how many of the posts that audits drew from would have carried the label: each answer by its odds."""
    total = 0.0
    for _, size, _, hits, count in _tallies(looks):
        total += size * hits / count
    return total


def recall(above: float, right: tuple[int, int], looks: Sequence[Answered], days: float, audited_days: float) -> Share:
    """Estimate which share of all posts with the label is over the threshold.

    `above` posts were over it in `days`; of some of them the user said (hits, of) whether they are right. The looks
    come from audits that drew from `audited_days` in all.
    """
    import numpy as np

    dice = np.random.default_rng(1)
    hits, of = right
    found = above / days * dice.beta(hits + 0.5, of - hits + 0.5, DRAWS)
    lost = np.zeros(DRAWS)
    for _, size, expected, yes, count in _tallies(looks):
        likely = min(max(expected, 1e-4), 0.5)
        lost += size * dice.beta(1 + yes, 1 / likely - 1 + count - yes, DRAWS)
    shares = found / np.maximum(found + lost / audited_days, 1e-12)
    low, middle, high = (float(value) for value in np.quantile(shares, (0.025, 0.5, 0.975)))
    return Share(middle, low, high)


def read(
    threshold: float,
    scores: Sequence[float],
    days: float,
    thumbs: Sequence[tuple[float, bool]],
    looks: Sequence[Answered],
    audited_days: float,
) -> Reading:
    """Say what is known of a label at a threshold.

    `scores`: of all posts that arrived in `days`; `thumbs`: the score that each had, and the user's word.
    """
    over = [value for score, value in thumbs if score >= threshold]
    looks = [look for look in looks if look.score < threshold]
    above = sum(score >= threshold for score in scores)
    answers = sum(look.answer is not None for look in looks)
    precision = wilson(sum(over), len(over)) if len(over) >= THUMBS_MIN else None
    known = precision is not None and answers >= ANSWERS_MIN and audited_days > 0 and above > 0
    found = recall(above, (sum(over), len(over)), looks, days, audited_days) if known else None
    return Reading(threshold, above / days if days > 0 else 0.0, precision, found, len(over), answers)


def cut_for_alerts(scores: Sequence[float], days: float, a_day: float) -> float:
    """Find the threshold that lets about so many posts a day through."""
    ranked = sorted(scores, reverse=True)
    wanted = round(a_day * days)
    if not ranked or wanted <= 0:
        return HIGHEST
    if wanted >= len(ranked):
        return _bounded(ranked[-1])
    return _bounded((ranked[wanted - 1] + ranked[wanted]) / 2)


def cut_for_precision(thumbs: Sequence[tuple[float, bool]], precision: float) -> float | None:
    """Find the lowest threshold that the thumbs say is right so often; None: too few thumbs, or it is never reached."""
    ranked = sorted(thumbs, key=lambda thumb: -thumb[0])
    best, hits = None, 0
    for count, (score, value) in enumerate(ranked, 1):
        hits += value
        last = count == len(ranked) or ranked[count][0] < score
        if last and count >= THUMBS_MIN and hits / count >= precision:
            best = _bounded(score)
    return best


def expected_precision(scores: Sequence[float], precision: float) -> float:
    """Find the lowest threshold over which the model itself expects to be right so often."""
    ranked = sorted(scores, reverse=True)
    best, total = HIGHEST, 0.0
    for count, score in enumerate(ranked, 1):
        total += score
        if total / count >= precision:
            best = _bounded(score)
    return best


def sentence(reading: Reading) -> str:
    """Say it for people: how many a day, how many of ten are right, how many are missed."""
    parts = [f"At this cut about {_number(reading.a_day)} a day"]
    if reading.precision is None:
        parts.append(f"how many of them are right is not known yet ({reading.thumbs} thumbs; {THUMBS_MIN} are needed)")
    else:
        share = reading.precision
        parts.append(f"{_tenths(share.value)} right ({share.low:.0%} to {share.high:.0%})")
    if reading.recall is None:
        parts.append("how many are missed is not known yet (`listener model audit` measures it)")
    else:
        parts.append(
            f"{_missed(reading.recall.value)} missed ({1 - reading.recall.high:.0%} to {1 - reading.recall.low:.0%})"
        )
    return ", ".join(parts) + "."


def _tallies(looks: Sequence[Answered]) -> list[tuple[int, int, float, int, int]]:
    """Sum up answered looks: stratum, posts drawn from, mean score in them, answers yes, answers."""
    rounds: dict[tuple[int, int, float], list[bool]] = {}
    for look in looks:
        if look.answer is not None:
            rounds.setdefault((look.stratum, look.size, look.expected), []).append(look.answer)
    by_stratum: dict[int, list[tuple[int, float, list[bool]]]] = {}
    for (stratum, size, expected), answers in rounds.items():
        by_stratum.setdefault(stratum, []).append((size, expected, answers))
    found = []
    for stratum, parts in sorted(by_stratum.items()):
        size = sum(part[0] for part in parts)
        expected = sum(part[0] * part[1] for part in parts) / size
        found.append((stratum, size, expected, sum(sum(p[2]) for p in parts), sum(len(p[2]) for p in parts)))
    return found


def _bounded(score: float) -> float:
    return min(max(round(score, 4), LOWEST), HIGHEST)


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 3 else f"{value:.1f}".removesuffix(".0")


def _tenths(value: float) -> str:
    return f"{round(value * 10)} of 10"


def _missed(recall: float) -> str:
    lost = 1 - recall
    if lost < 0.05:
        return "fewer than 1 in 20"
    if lost > 0.5:
        return f"about {round(lost * 10)} in 10"
    return f"about 1 in {round(1 / lost)}"


def as_json(reading: Reading) -> Mapping[str, object]:
    """Give a reading as plain values."""
    return {
        "threshold": reading.threshold,
        "a_day": round(reading.a_day, 2),
        "precision": _share(reading.precision),
        "recall": _share(reading.recall),
        "thumbs": reading.thumbs,
        "answers": reading.answers,
        "says": sentence(reading),
    }


def _share(share: Share | None) -> dict[str, float] | None:
    return (
        None
        if share is None
        else {"value": round(share.value, 3), "low": round(share.low, 3), "high": round(share.high, 3)}
    )
