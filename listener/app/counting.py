"""Numbers that say something: how much is said, of everything and of each circle and goal, kept for an hour."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from listener.app.rooms import Rooms
from listener.limits import SERVES

if TYPE_CHECKING:
    from pydantic import TypeAdapter

    from listener.briefing import Topical
    from listener.people import People

NUMBERS: Final = "numbers"
"""The store's note of the numbers as they were last counted."""
FRESH: Final = timedelta(minutes=65)
"""So long they are taken as they are: counting four weeks of a million posts takes some 0.2 s, `up` does it hourly."""


class Counting(Rooms):
    """The verbs that count."""

    def numbers(self, people: "People", *, anew: bool = False) -> "tuple[Topical, ...]":
        """Give the numbers of everything, then those of the circles and goals of which far more is said than usual."""
        kept, now = self.store.get_meta(NUMBERS), self.now()
        if kept is not None and not anew:
            at, _, body = kept.partition(" ")
            if timedelta(0) <= now - datetime.fromisoformat(at) < FRESH:
                return _codec().validate_json(body)
        found = tuple(self._counted(people, now))
        if self.store.damage is None:
            self.store.set_meta(NUMBERS, f"{now.isoformat()} {_codec().dump_json(found).decode()}")
        return found

    def _counted(self, people: "People", now: datetime) -> "Iterable[Topical]":
        from listener import volume
        from listener.briefing import Topical

        begun, zone = self.store.begun(), self.config.briefing.zone()
        if begun is None:
            return
        # What was said before anybody listened is known in part only.
        since = max(volume.days(now, zone)[0], begun)
        edges = volume.hours(since, now, zone)
        if len(edges) < 2:
            return
        everything = volume.of_all(self.store.volume(edges, self.thresholds), edges, zone)
        if not any(everything.volume):
            return
        yield Topical("All", everything)
        for circle in people.all_circles():
            accounts = [account for account in people.known_accounts() if circle in people.circles(account)]
            said = self.store.said_by(accounts, since, now, self.thresholds)
            voices = {one.post: people.voice(one.account, one.post) for one in said}
            numbers = volume.of_topic(said, now, zone, voices, since=begun)
            if numbers.spike is not None:
                yield Topical(circle, numbers)
        for goal in self.config.goals:
            said = self.store.said_for(goal.name, SERVES, since, now, self.thresholds)
            numbers = volume.of_topic(said, now, zone, since=begun)
            if numbers.spike is not None:
                yield Topical(goal.name, numbers)


def _codec() -> "TypeAdapter[tuple[Topical, ...]]":
    from pydantic import TypeAdapter

    from listener.briefing import Topical

    return TypeAdapter(tuple[Topical, ...])
