"""The user's goals at work: one small model each, taught anew when somebody gives a thumb."""

import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from listener.briefing import Served
from listener.store import Store
from listener.types import Goal, Post, StoredPost

if TYPE_CHECKING:
    from listener.relevance import Background, GoalModel, Seen
    from models.classifier import Classifier

MARK: Final = "goal_thumbs"
"""The store's note that thumbs on goals changed."""
RELATED: Final = 1_000
"""Newest posts whose relevance is worked out again at once; older ones wait for `listener model rescore`."""


class Goals:
    """All goals; without any, nothing is loaded and nothing costs."""

    def __init__(self, goals: Sequence[Goal], classifier: "Classifier", store: Store) -> None:
        self.goals = {goal.name: goal for goal in goals}
        self._classifier, self._store = classifier, store
        self._lock = threading.Lock()
        self._mark: str | None = None
        self._models: dict[str, GoalModel] = {}

    def relate(self, posts: Sequence[Post]) -> list[Mapping[str, float]]:
        """Give each post's relevance to the goals that it serves at all."""
        from listener.relevance import FLOOR

        found: list[dict[str, float]] = [{} for _ in posts]
        if not self.goals or not posts:
            return list(found)
        seen = self._seen(posts)
        for name, model in self.models().items():
            for relevance, score in zip(found, model.score(seen), strict=True):
                if score >= FLOOR:
                    relevance[name] = score
        return list(found)

    def served(self, stored: StoredPost) -> Served | None:
        """Say which goal a post serves best, and why; None: it serves none."""
        from listener.limits import SERVES
        from listener.relevance import clauses

        goals = [(score, name) for name, score in stored.goals.items() if name in self.goals and score >= SERVES]
        if not goals:
            return None
        score, name = max(goals)
        if name in stored.goal_thumbs:
            return Served(name, score, (), by_thumb=True)
        model, post = self.models()[name], stored.post
        because = model.because(self._seen([post])[0])
        if not because:
            pieces = clauses(f"{post.title or ''}\n{post.text}"[:2_000])
            because = (pieces[model.nearest([one.vector for one in self._read(pieces)])],) if pieces else ()
        return Served(name, score, because)

    def models(self) -> "Mapping[str, GoalModel]":
        """Give the models, taught by all thumbs that were given so far."""
        mark = self._store.get_meta(MARK) or ""
        with self._lock:
            if mark != self._mark:
                self._mark, self._models = mark, self._taught()
            return self._models

    def marked(self) -> str:
        """Name the goals and the thumbs that relevance stands on."""
        content = repr((sorted(self.goals.items()), self._store.get_meta(MARK), self._classifier.version))
        return blake2b(content.encode("utf-8", "replace"), digest_size=8).hexdigest()

    def changed(self, now: datetime) -> None:
        """Note for every program that works on this store that thumbs on goals changed."""
        self._store.set_meta(MARK, now.isoformat())

    def _taught(self) -> "dict[str, GoalModel]":
        from listener.relevance import Thumb, learn, texts_of

        given = [thumb for thumb in self._store.goal_thumbs() if thumb[1] in self.goals]
        posts = self._store.posts_by_id(sorted({post for post, *_ in given}))
        seen = dict(zip([post.id for post in posts], self._seen([post.post for post in posts]), strict=True))
        thumbs: dict[str, list[Thumb]] = {name: [] for name in self.goals}
        for number, name, value, _ in given:
            if number in seen:
                thumbs[name].append(Thumb(seen[number], value))
        return {
            name: learn(goal, self._read(texts_of(goal)), self._background, thumbs[name])
            for name, goal in self.goals.items()
        }

    @cached_property
    def _background(self) -> "Background":
        from listener.relevance import background
        from models import holdout

        return background(self._seen([post for post, _ in holdout.rows()]))

    def _read(self, texts: Sequence[str]) -> "list[Seen]":
        return self._seen([Post("", str(number), text=text) for number, text in enumerate(texts)])

    def _seen(self, posts: Sequence[Post]) -> "list[Seen]":
        from listener.relevance import see

        vectors = self._classifier.embed(posts)
        texts = [f"{post.title}\n{post.text}" if post.title else post.text for post in posts]
        return [see(text, vector) for text, vector in zip(texts, vectors, strict=True)]
