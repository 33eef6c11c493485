"""What is done about leads and questions: the states, who may take one on, what is taken back. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal

from listener.errors import StoreError

Matter = Literal["lead", "question"]
MATTERS: Final[tuple[Matter, ...]] = ("lead", "question")
STATES: Final[dict[Matter, tuple[str, ...]]] = {
    "lead": ("new", "looked at", "contacted", "talking", "won", "lost", "not a lead"),
    "question": ("open", "claimed", "answered", "not a question"),
}
"""The first is that of a post which nobody touched yet."""
OVER: Final = frozenset({"won", "lost", "not a lead", "answered", "not a question"})
"""Nothing is left to do, and no alert comes any more."""
DENIED: Final[dict[str, Matter]] = {"not a lead": "lead", "not a question": "question"}
"""States that are the user's word on the label, too."""
TAKEN_BACK: Final = "taken back"
"""The note of a line of the log that takes back the step before it."""


@dataclass(frozen=True, slots=True)
class Work:
    """Where a post stands with the user and their team."""

    post: int
    matter: Matter
    state: str
    owner: str | None = None
    note: str | None = None
    at: datetime | None = None
    """None: nobody touched it yet."""

    @property
    def stand(self) -> str:
        """Say where it stands: `contacted by Jo`, `open`."""
        return f"{self.state} by {self.owner}" if self.owner else self.state


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a post's log."""

    state: str
    owner: str | None
    note: str | None
    at: datetime


def state_of(matter: Matter, text: str) -> str:
    """Find the state that a person means: `contacted`, `looked-at`, `not-a-lead`; StoreError lists them."""
    plain = " ".join(text.casefold().replace("-", " ").replace("_", " ").split())
    for state in STATES[matter]:
        if plain == state:
            return state
    raise StoreError(f"a {matter} has no state {text!r}; there are: {', '.join(STATES[matter])}")


def claimable(held: Work | None, by: str) -> None:
    """Raise StoreError where somebody else has it: nobody on a team answers twice."""
    if held is None or held.at is None or held.owner is None or held.owner.casefold() == by.casefold():
        return
    if held.state in ("claimed", "answered"):
        raise StoreError(
            f"post {held.post} was {held.state} by {held.owner} at {held.at:%Y-%m-%d %H:%M} UTC; nothing was changed"
        )


def steps(log: Iterable[Entry]) -> list[Entry]:
    """Give the steps that still stand, oldest first, each with the note that held then."""
    standing: list[Entry] = []
    for entry in log:
        if entry.note == TAKEN_BACK:
            del standing[-1:]
        else:
            before = standing[-1].note if standing else None
            standing.append(replace(entry, note=entry.note or before))
    return standing
