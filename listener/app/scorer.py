"""The scorer that turns use: the shipped classifier with the user's head on it, the newest one, whoever trained it."""

import logging
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from listener.errors import ModelError
from listener.store import Store
from listener.types import LABELS, Label, Post, Scores

if TYPE_CHECKING:
    from models.classifier import Classifier
    from models.head import Corrected

log = logging.getLogger(__name__)

HEAD: Final = "labels"
"""The head's name in the store."""


class Scorer:
    """Looks at each page whether another head was kept meanwhile, which costs one small question to the store."""

    def __init__(self, shipped: "Classifier", store: Store) -> None:
        self.shipped, self._store = shipped, store
        self._lock = threading.Lock()
        self._mark: str | None = None
        self._corrected: Corrected | None = None

    @property
    def version(self) -> str:
        """Name the weights: the shipped ones, and the head's where there is one."""
        return self.current().version

    def score(self, posts: Sequence[Post]) -> list[Scores]:
        """Give each post its probabilities, in order."""
        return self.current().score(posts)

    def moved(self, post: Post) -> dict[Label, float]:
        """Say by how many logits the user's thumbs moved each label of a post."""
        self.current()
        return dict(self._corrected.moved(post)) if self._corrected else dict.fromkeys(LABELS, 0.0)

    def current(self) -> "Classifier | Corrected":
        """Give the model that scores now."""
        mark = self._store.head_version(HEAD)
        with self._lock:
            if mark != self._mark:
                self._mark, self._corrected = mark, self._loaded()
            return self._corrected or self.shipped

    def _loaded(self) -> "Corrected | None":
        from models import head

        body = self._store.head(HEAD)
        if body is None:
            return None
        try:
            return head.Corrected(self.shipped, head.load(body))
        except ModelError as error:
            log.warning("the shipped model scores alone: %s", error)
            return None
