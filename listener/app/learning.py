"""What the user teaches: thumbs on labels and goals, the head that learns from them, scores made anew."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Final

from listener.app.goals import RELATED
from listener.app.rooms import Rooms
from listener.app.scorer import HEAD
from listener.errors import StoreError
from listener.judge import swayed
from listener.store import PostQuery, Rescored
from listener.types import LABELS, Label, Mark, Post, StoredPost

if TYPE_CHECKING:
    from listener.briefing import Served
    from models.classifier import Evidence
    from models.reading import Reading

REPORT: Final = "head_report"
RELATED_BY: Final = "related_by"
RESCORED: Final = "rescored"
READING: Final = "reading"
"""The store keeps what was read of thumbed posts beside the head, under this name."""
KEPT_AFTER: Final = 64
"""Posts newly read before all are kept again: some megabytes are not written for each thumb."""
BATCH: Final = 256
TAUGHT: Final = 300
"""Newest posts that get the new head's scores at once; older ones wait for `listener model rescore`."""
FRESH: Final = timedelta(days=2)
EVIDENCE_MIN: Final = 0.05
"""Logits under which a word is no evidence."""


@dataclass(frozen=True, slots=True)
class Trained:
    """What came of training on all thumbs."""

    thumbs: int
    version: str
    taken: dict[Label, float]
    """How much of each label's correction the holdout allows, 0 to 1."""
    refused: dict[Label, str]
    """Why it does not allow all."""


@dataclass(frozen=True, slots=True)
class Explained:
    """Why a post has its labels."""

    marks: tuple[Mark, ...]
    moved: dict[Label, float]
    """Logits that the user's thumbs added."""
    serves: "Served | None"


class Learning(Rooms):
    """The verbs of teaching."""

    @cached_property
    def thumb_reading(self) -> "Reading":
        """Read thumbed posts, each once."""
        from models.reading import Reading

        return Reading(self.classifier, self.store.head(READING))

    def label(self, post: int, label: Label, value: bool | None) -> Trained:
        """Keep a thumb (None takes it back), teach the head, and score the newest posts again."""
        self.store.label_post(post, label, value, self.now())
        return self.train()

    def label_goal(self, post: int, goal: str, value: bool | None) -> None:
        """Keep a thumb on a goal, teach the goal, and work out the newest posts' relevance again."""
        self.check_goal(goal)
        self.store.label_goal(post, goal, value, self.now())
        self.goals.changed(self.now())
        self.refresh_goals()

    def check_goal(self, goal: str) -> None:
        """Raise StoreError where no goal has this name."""
        names = [entry.name for entry in self.config.goals]
        if goal not in names:
            known = ", ".join(names) or "none yet; [[goals]] in the configuration makes one"
            raise StoreError(f"no goal is called {goal!r}; there are: {known}")

    def unlabel(self, post: int) -> list[str]:
        """Take back every thumb on a post; give what they were on."""
        labels = [label for number, label, _, _ in self.store.thumbs() if number == post]
        goals = [goal for number, goal, _, _ in self.store.goal_thumbs() if number == post]
        for label in labels:
            self.store.label_post(post, label, None, self.now())
        for goal in goals:
            self.store.label_goal(post, goal, None, self.now())
        if labels:
            self.train()
        if goals:
            self.goals.changed(self.now())
            self.refresh_goals()
        return [*labels, *goals]

    def train(self) -> Trained:
        """Train the head from all thumbs; keep what of it the holdout allows."""
        from models import head

        posts, thumbs = self._thumbed()
        if not posts:
            self.reset()
            self.store.save_head(READING, "", None, self.now())
            return Trained(0, self.classifier.version, {}, {})
        taken, verdicts = head.check(self.thumb_reading, head.train(self.thumb_reading, posts, thumbs))
        if self.thumb_reading.new >= KEPT_AFTER or self.thumb_reading.outgrown(posts):
            self.store.save_head(READING, self.classifier.version, self.thumb_reading.dump(posts), self.now())
        before = self.store.head_version(HEAD)
        self.store.save_head(HEAD, taken.version if taken else "", head.dump(taken) if taken else None, self.now())
        found = Trained(
            len(posts),
            taken.version if taken else self.classifier.version,
            {label: verdict.share for label, verdict in verdicts.items()},
            {label: verdict.refused for label, verdict in verdicts.items() if verdict.refused},
        )
        self.store.set_meta(REPORT, json.dumps(asdict(found) | {"at": self.now().isoformat()}))
        if before != self.store.head_version(HEAD):
            self._rescore(self._fresh(TAUGHT))
        return found

    def training(self) -> dict[str, object] | None:
        """Give the report of the last training; None: there was none."""
        kept = self.store.get_meta(REPORT)
        return json.loads(kept) if kept else None

    def reset(self) -> None:
        """Forget the head: the shipped model scores alone until the next thumb. Thumbs stay."""
        had = self.store.head_version(HEAD) is not None
        self.store.save_head(HEAD, "", None, self.now())
        self.store.set_meta(REPORT, "")
        if had:
            self._rescore(self._fresh(TAUGHT))

    def rescore(self, watch: Callable[[int], None], stop: threading.Event) -> int:
        """Score the whole store again, batch by batch; a call that was stopped goes on at the next. Thumbs stay.

        `watch` hears how many posts are done; gives how many this call did.
        """
        state = f"{self.scorer.version} {self.goals.marked()}"
        kept = json.loads(self.store.get_meta(RESCORED) or "{}")
        last, done = (kept["after"] if kept.get("by") == state else 0), 0
        while not stop.is_set():
            batch = self.store.posts_after(last, BATCH)
            if not batch:
                self.store.set_meta(RESCORED, "")
                break
            self._rescore(batch)
            last, done = batch[-1].id, done + len(batch)
            self.store.set_meta(RESCORED, json.dumps({"by": state, "after": last}))
            watch(done)
        return done

    def explain(self, stored: StoredPost) -> Explained:
        """Say which words moved a post's labels, what the thumbs added, and which goal it serves."""
        marks = [_mark(found) for found in self.classifier.explain(stored.post)]
        return Explained(
            tuple(mark for mark in marks if abs(mark.weight) >= EVIDENCE_MIN),
            {label: value for label, value in self.scorer.moved(stored.post).items() if abs(value) >= EVIDENCE_MIN},
            self.goals.served(stored),
        )

    def export(self) -> Iterator[dict[str, object]]:
        """Give the user's thumbs as training rows, of posts whose platform and author allow that."""
        posts, thumbs = self._thumbed()
        for post, said in zip(posts, thumbs, strict=True):
            if self.policy.may_train(post):
                text = f"{post.title}\n{post.text}" if post.title else post.text
                labels = [label for label in LABELS if said.get(label)]
                denied = [label for label in LABELS if said.get(label) is False]
                yield {"platform": post.platform, "lang": post.lang, "text": text, "labels": labels, "not": denied}

    def refresh_goals(self) -> None:
        """Work out the newest posts' relevance again where a goal is new or says something else."""
        if not self.config.goals:
            return
        mark = self.goals.marked()
        if self.store.get_meta(RELATED_BY) != mark:
            self._relate_fresh()
            self.store.set_meta(RELATED_BY, mark)

    def _thumbed(self) -> tuple[list[Post], list[dict[Label, bool]]]:
        said: dict[int, dict[Label, bool]] = {}
        for number, label, value, _ in self.store.thumbs():
            said.setdefault(number, {})[label] = value
        found = self.store.posts_by_id(list(said))
        return [stored.post for stored in found], [said[stored.id] for stored in found]

    def _fresh(self, limit: int) -> list[StoredPost]:
        return self.store.posts(PostQuery(since=self.now() - FRESH, limit=limit))

    def _relate_fresh(self) -> None:
        fresh = self._fresh(RELATED)
        relevance = self.goals.relate([stored.post for stored in fresh])
        self.store.relate([(stored.id, found) for stored, found in zip(fresh, relevance, strict=True)])

    def _rescore(self, batch: Sequence[StoredPost]) -> None:
        posts, model = [stored.post for stored in batch], self.scorer.current()
        section = self.config.judge
        rows = []
        for stored, scores, found in zip(batch, model.score(posts), self.goals.relate(posts), strict=True):
            said = dict(stored.opinion.labels) if stored.opinion is not None else {}
            final = {**scores, **swayed(scores, said, (section.low, section.high))}
            rows.append(Rescored(stored.id, final, model.version, found))
        self.store.rescore(rows)


def _mark(found: "Evidence") -> Mark:
    spans = getattr(found, "spans", ())
    return Mark(found.label, found.text, found.weight, tuple((one.field, one.start, one.end) for one in spans))
