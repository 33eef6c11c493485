"""What is known of the labels' quality: the meter, the weekly blind audit, thresholds set in results."""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from listener import meter
from listener.app.rooms import CHOSEN, Rooms
from listener.errors import ConfigError, StoreError
from listener.meter import Reading, Share
from listener.store import Look
from listener.types import LABELS, Label, StoredPost

COUNTED: Final = timedelta(days=14)
"""Posts that say how many a day there are."""
AUDITED: Final = timedelta(days=7)
"""An audit draws from these, and comes once in so long."""
REMEMBERED: Final = timedelta(days=180)
"""Audits older than this say nothing any more."""


@dataclass(frozen=True, slots=True)
class Measured:
    """How the model's scores stand against the thumbs given to the posts that had them."""

    thumbs: int
    precision: Share
    recall: Share
    """Among thumbed posts only: what nobody looked at is not in it (`Reading.recall` estimates that)."""


class Measuring(Rooms):
    """The verbs of measuring."""

    def reading(self, label: Label, threshold: float | None = None) -> Reading:
        """Say what is known of a label at a threshold (None: the one that holds)."""
        now, cut = self.now(), self.thresholds[label] if threshold is None else threshold
        scores = self.store.scores(label, now - COUNTED)
        looks = self.store.looks(label, now - REMEMBERED)
        days = self._days()
        audited = len({look.at for look in looks if look.answer is not None}) * AUDITED.days
        return meter.read(cut, [score for _, score, _ in scores], days, self.store.thumb_scores(label), looks, audited)

    def evaluate(self) -> dict[Label, Measured]:
        """Compare what the model said with what the user says, for every thumb."""
        found: dict[Label, Measured] = {}
        for label in LABELS:
            thumbs, cut = self.store.thumb_scores(label), self.thresholds[label]
            over = [value for score, value in thumbs if score >= cut]
            yes = sum(value for _, value in thumbs)
            found[label] = Measured(len(thumbs), meter.wilson(sum(over), len(over)), meter.wilson(sum(over), yes))
        return found

    def audit(self, label: Label) -> list[tuple[Look, StoredPost]]:
        """Give the posts that this week's audit asks about: those drawn and not answered yet, or ten new ones.

        Empty: this week's are answered, or nothing is below the threshold.
        """
        now = self.now()
        looks = self.store.looks(label, now - AUDITED)
        if not looks:
            scores = self.store.scores(label, now - AUDITED)
            blind = [(post, score) for post, score, thumb in scores if thumb is None]
            drawn = meter.draw(blind, self.thresholds[label], seed=int(now.timestamp()))
            rows = [Look(label, now, d.post, d.score, d.stratum, d.size, d.expected, d.odds) for d in drawn]
            self.store.save_looks(rows)
            looks = self.store.looks(label, now - AUDITED)
        open_ = {look.post: look for look in looks if look.answer is None}
        return [(open_[stored.id], stored) for stored in self.store.posts_by_id(list(open_))]

    def answer(self, label: Label, post: int, value: bool) -> None:
        """Keep the answer to one post of this week's audit, as a thumb too."""
        looks = [look for look in self.store.looks(label, self.now() - AUDITED) if look.post == post]
        if not looks:
            raise StoreError(f"post {post} is not in this week's audit; `listener model audit` lists those that are")
        self.store.answer_look(looks[-1].id, value)
        self.store.label_post(post, label, value, self.now())

    def cut_for_alerts(self, label: Label, a_day: float) -> float:
        """Find the threshold that lets about so many posts a day through."""
        scores = [score for _, score, _ in self.store.scores(label, self.now() - COUNTED)]
        return meter.cut_for_alerts(scores, self._days(), a_day)

    def cut_for_precision(self, label: Label, precision: float) -> tuple[float, bool]:
        """Find the threshold that is right so often, and whether the thumbs say so (else only the model itself)."""
        found = meter.cut_for_precision(self.store.thumb_scores(label), precision)
        if found is not None:
            return found, True
        scores = [score for _, score, _ in self.store.scores(label, self.now() - COUNTED)]
        return meter.expected_precision(scores, precision), False

    def choose_threshold(self, label: Label, cut: float) -> None:
        """Keep a threshold; ConfigError where the configuration sets it."""
        if getattr(self.config.labels, label) is not None:
            raise ConfigError(f"{self.config.path}: labels.{label} is set there and holds; write {cut:g}, or remove it")
        chosen = json.loads(self.store.get_meta(CHOSEN) or "{}")
        self.store.set_meta(CHOSEN, json.dumps(chosen | {label: cut}))
        self.__dict__.pop("thresholds", None)

    def _days(self) -> float:
        """Say over how many days the counted posts came; less than `COUNTED` on a young store."""
        starts = [state.added_at for state in self.store.feeds() if state.added_at is not None]
        age = (self.now() - min(starts)) / timedelta(days=1) if starts else 0.0
        return min(max(age, 1.0), float(COUNTED.days))
