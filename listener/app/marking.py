"""What the user does with posts: done, starred, snoozed, and back again."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from listener.app.rooms import Rooms
from listener.store import MarkKind


class Marking(Rooms):
    """The verbs of marks."""

    def mark(self, posts: Sequence[int], kind: MarkKind, until: datetime | None = None) -> None:
        """Keep a mark on posts, all or none."""
        self.store.mark(posts, kind, self.now(), until)

    def unmark_last(self, posts: Sequence[int]) -> dict[int, MarkKind | None]:
        """Take the last mark of each post back, and say which it was; None: it has none."""
        last: dict[int, MarkKind | None] = dict.fromkeys(posts)
        for mark in self.store.marks(posts):
            if mark.kind != "seen":
                last[mark.post] = mark.kind
        for post, kind in last.items():
            if kind is not None:
                self.store.unmark([post], kind)
        return last

    def moment_of(self, when: date | int | timedelta) -> datetime:
        """Say when a length of time is over, or a day of the user's begins (a date, or days from today)."""
        if isinstance(when, timedelta):
            return self.now() + when
        on = self.day(when)
        return datetime(on.year, on.month, on.day, tzinfo=self.config.briefing.zone())

    def day(self, when: date | int) -> date:
        """Give the user's date, so many days from today."""
        if isinstance(when, date):
            return when
        return self.now().astimezone(self.config.briefing.zone()).date() + timedelta(days=when)
