"""The judge at work: new posts that the classifier is unsure of, inside the day's budget."""

import logging
import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final
from urllib.parse import urlsplit

from listener.app.rooms import Rooms
from listener.budget import Allowance
from listener.config import judge_key
from listener.errors import BadPayload, ConnectorError
from listener.judge import Judge, Said, Written, price, summary_price, swayed
from listener.policy import is_shared
from listener.types import LABELS, Opinion, Post, StoredPost

log = logging.getLogger(__name__)

CALLS, TOKENS = "judge calls", "judge tokens"
"""Their names in the ledger."""
MARK: Final = "judged_until"
ROUND: Final = 20
"""Most calls of one round: the polls go on in between."""
SUMMED_FROM: Final = 2
"""Posts of a story from which on there is something to sum up."""
PATIENCE: Final = timedelta(days=1)
"""Posts older than this are not asked about any more."""


class Judging(Rooms):
    """The verb of asking the judge."""

    @cached_property
    def judge(self) -> Judge | None:
        """Build the judge; None: it is off."""
        section = self.config.judge
        if section.base_url is None:
            return None
        return Judge(section.base_url, section.model, judge_key(self.config), self.http.send)

    def ask_judge(self) -> int:
        """Ask about new posts that a label is unsure of, the likeliest leads first; give how many opinions came.

        A failure ends the round with one warning; the scores stand as they are. A post that brings the judge to answer
        in another form than agreed is not asked about again, so that it cannot stand in the way of others.
        """
        if self.judge is None:
            return 0
        now = self.now()
        kept = self.store.get_meta(MARK)
        since = max(datetime.fromisoformat(kept), now - PATIENCE) if kept else now - PATIENCE
        asked = self._unsure(since, now)
        for count, stored in enumerate(asked[:ROUND]):
            try:
                if not self._ask(self.judge, stored):
                    return count
            except ConnectorError as error:
                log.warning("the judge is left alone for now: %s", error)
                return count
        if len(asked) <= ROUND:
            self.store.set_meta(MARK, now.isoformat())
        return min(len(asked), ROUND)

    def _unsure(self, since: datetime, now: datetime) -> list[StoredPost]:
        low, high = self.config.judge.low, self.config.judge.high
        found = [
            one
            for one in self.store.candidates(since, now + timedelta(seconds=1))
            if any(low <= getattr(one, label) <= high for label in LABELS)
        ]
        found.sort(key=lambda one: (-one.lead, -one.id))
        posts = self.store.posts_by_id([one.id for one in found])
        return [stored for stored in posts if stored.opinion is None and self._may_send(stored.post)]

    def _may_send(self, post: Post) -> bool:
        """Tell whether a post may be shown to the judge: on the user's own machine any public one."""
        host = urlsplit(self.config.judge.base_url or "").hostname or ""
        return is_shared(post) if self.config.network.rules().opens(host) else self.policy.may_leave(post)

    def write_summary(self, posts: Sequence[StoredPost]) -> Written | None:
        """Let the judge sum up a story, inside the same budget.

        None: it is not switched on, the budget is spent, it failed, or what it wrote is not believed.
        """
        shown = [stored for stored in posts if self._may_send(stored.post)]
        if self.judge is None or not self.config.judge.summaries or len(shown) < SUMMED_FROM:
            return None
        most = summary_price(shown)
        reserved = self._reserve(most)
        if reserved is None:
            return None
        written: Written | None = None
        try:
            written = self.judge.summarise(shown)
        except ConnectorError as error:
            log.warning("story %d: %s", shown[0].story or shown[0].id, error)
        self.store.settle(reserved[0], 1)
        self.store.settle(reserved[1], (written and written.tokens) or most)
        return written

    def _reserve(self, most: float) -> tuple[int, int] | None:
        """Reserve a call and its tokens; None: the day's budget does not allow it."""
        section, now = self.config.judge, self.now()
        call = self.store.reserve(CALLS, 1, Allowance(math.inf, section.calls_a_day), now)
        if call is None:
            return None
        tokens = self.store.reserve(TOKENS, most, Allowance(math.inf, section.tokens_a_day), now)
        if tokens is None:
            self.store.settle(call, 0)
            return None
        return call, tokens

    def _ask(self, judge: Judge, stored: StoredPost) -> bool:
        """Ask about one post; False: the day's budget does not allow it."""
        section, now, most = self.config.judge, self.now(), price(stored.post)
        reserved = self._reserve(most)
        if reserved is None:
            return False
        call, tokens = reserved
        try:
            said = judge.ask(stored.post)
        except BadPayload as error:
            log.warning("post %d: %s", stored.id, error)
            said = Said({}, "", None)
        self.store.settle(call, 1)
        self.store.settle(tokens, said.tokens or most)
        moved = swayed(stored.scores, said.labels, (section.low, section.high))
        before = {label: stored.scores[label] for label in moved}
        self.store.save_opinion(stored.id, Opinion(judge.model, now, said.labels, before, said.reason), moved)
        return True
