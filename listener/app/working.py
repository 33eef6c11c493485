"""What is done about leads and questions: listed with their state, set, claimed, noticed as answered."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from listener.app.learning import Learning
from listener.limits import SERVES
from listener.store import PostQuery
from listener.types import StoredPost
from listener.work import DENIED, OVER, STATES, Matter, Work, state_of, steps

if TYPE_CHECKING:
    from listener.work import Entry

BACK: Final = timedelta(days=30)
"""How far back untouched leads and questions are listed."""
REPLIES: Final = timedelta(days=60)
"""How far back the user's own replies are looked through."""
MOST: Final = 2_000


@dataclass(frozen=True, slots=True)
class Task:
    """A lead or a question with where it stands."""

    stored: StoredPost
    work: Work
    who: str | None
    """Who wrote it and what they are to the user; None: the platform's terms allow no record of people as leads."""


class Working(Learning):
    """The verbs about leads and questions."""

    def tasks(self, matter: Matter, states: Collection[str] = (), limit: int = 50) -> list[Task]:
        """List leads or questions, newest first; without `states` those about which something is left to do."""
        if matter == "question":
            self.note_answers()
        touched = {work.post: work for work in self.store.works(matter)}
        posts = {stored.id: stored for stored in self._untouched(matter)}
        posts |= {stored.id: stored for stored in self.store.posts_by_id(list(touched))}
        tasks = [self._task(matter, stored, touched.get(stored.id)) for stored in posts.values()]
        wanted = [task for task in tasks if _is_wanted(task.work, states)]
        return sorted(wanted, key=lambda task: (task.stored.sort_at, task.stored.id), reverse=True)[:limit]

    def _untouched(self, matter: Matter) -> list[StoredPost]:
        query = PostQuery(matter, self.thresholds[matter], self.now() - BACK, limit=MOST)
        mine = self.watcher.book(self.now()).authors
        found = [stored for stored in self.store.posts(query) if not mine.author(stored.post.account).is_me]
        if not self.config.goals:
            return found
        return [stored for stored in found if max(stored.goals.values(), default=0.0) >= SERVES]

    def _task(self, matter: Matter, stored: StoredPost, work: Work | None) -> Task:
        state = STATES[matter][0]
        if work is None and matter == "question" and stored.post.answered:
            state = "answered"
        account = stored.post.account
        who = None
        if account is None or self.policy.may_profile(account):
            author = self.watcher.book(self.now()).authors.author(account)
            who = author.shown if author.is_stranger else author.standing()
        return Task(stored, work or Work(stored.id, matter, state), who)

    def task(self, matter: Matter, post: int) -> "tuple[Work | None, list[Entry]]":
        """Give where a post stands (None: nobody touched it), and its log."""
        return self.store.work(post, matter), self.store.work_log(post, matter)

    def set_work(
        self, matter: Matter, post: int, state: str, *, owner: str | None = None, note: str | None = None
    ) -> Work:
        """Keep a state; one that denies the label keeps the thumb too, and leaving it takes the thumb back."""
        wanted = state_of(matter, state)
        before = self.store.work(post, matter)
        if wanted == "claimed":
            return self.claim(post, owner, note)
        work = self.store.set_work(Work(post, matter, wanted, owner, note), self.now())
        self._thumb(matter, post, before, wanted)
        return work

    def undo_work(self, matter: Matter, post: int) -> Work | None:
        """Take the last step back; give where the post stands now, None: untouched again, or never touched."""
        before = self.store.work(post, matter)
        if before is None:
            return None
        standing = steps(self.store.work_log(post, matter))[:-1]
        last = standing[-1] if standing else None
        work = None if last is None else Work(post, matter, last.state, last.owner, last.note)
        kept = self.store.take_back(post, matter, work, self.now())
        self._thumb(matter, post, before, STATES[matter][0] if last is None else last.state)
        return kept

    def claim(self, post: int, name: str | None = None, note: str | None = None) -> Work:
        """Take a question on; StoreError with who and when where somebody else has it."""
        self.note_answers()
        return self.store.claim(post, name or self.own_name(), self.now(), note)

    def note_answers(self) -> list[int]:
        """Set the questions to answered that one of our accounts replied to; give their numbers."""
        people = self.store.people(self.policy.may_link)
        mine = [account for account in people.accounts if people.is_me(account)]
        if not mine:
            return []
        now = self.now()
        return self.store.note_answers(mine, self.thresholds["question"], now - REPLIES, now)

    def own_name(self) -> str:
        """Give the user's own name, as claims show it."""
        names = [person.name for person in self.store.persons() if person.is_me]
        return names[0] if names else "me"

    def _thumb(self, matter: Matter, post: int, before: Work | None, state: str) -> None:
        was = before is not None and DENIED.get(before.state) == matter
        denies = DENIED.get(state) == matter
        if was != denies:
            self.label(post, matter, False if denies else None)


def _is_wanted(work: Work, states: Collection[str]) -> bool:

    return work.state in states if states else work.state not in OVER
