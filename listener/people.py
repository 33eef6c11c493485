"""Who is behind an account, how near they are, and in which circles.

A person is somebody the user named, with accounts that the user tied to them or that both sides prove. An account that
nobody tied is a stranger of its own; one that the user follows is known, and in the circles of the lists it is on.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

Proof = Literal["user", "rel=me", "domain"]
"""Who says that an account is a person's: the user; the platform, of an address that links back; a domain's name."""
PROOFS: Final[tuple[Proof, ...]] = ("user", "rel=me", "domain")

Voice = tuple[Literal["person", "account"], int]
"""Somebody who speaks: a person by number, or an account that nobody tied, by the store's number of it."""

CLOSENESS: Final[Mapping[str, float]] = {"me": 0.0, "circle": 3.0, "person": 2.0, "followed": 2.0, "stranger": 1.0}
"""How much one voice counts. The user's own counts nothing: their briefing is about others."""


@dataclass(frozen=True, slots=True)
class Tie:
    """An account that is a person's."""

    platform: str
    name: str
    """Its handle or native_id; case does not matter."""
    proof: Proof = "user"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody the user knows or wants to know."""

    name: str
    circles: tuple[str, ...] = ()
    ties: tuple[Tie, ...] = ()
    is_me: bool = False
    from_config: bool = False
    id: int = 0
    """The store's number; 0 before it is kept."""


@dataclass(frozen=True, slots=True)
class People:
    """All that is known of who is who; an account is the store's number of it, None an unknown author."""

    persons: Mapping[int, Person] = field(default_factory=dict)
    accounts: Mapping[int, int] = field(default_factory=dict)
    """Account to person."""
    follows: Mapping[int, frozenset[str]] = field(default_factory=dict)
    """Account that the user follows to the circles of the lists it is on."""

    @classmethod
    def of(
        cls, persons: Sequence[Person], accounts: Mapping[int, int], follows: Mapping[int, frozenset[str]]
    ) -> "People":
        """Build it from what the store gives."""
        return cls({person.id: person for person in persons}, accounts, follows)

    def person(self, account: int | None) -> Person | None:
        """Find whose account it is; None: nobody tied it."""
        number = None if account is None else self.accounts.get(account)
        return None if number is None else self.persons.get(number)

    def voice(self, account: int | None, post: int) -> Voice:
        """Name who speaks, so that a person's accounts are one voice; an unknown author is one for each post."""
        found = self.person(account)
        if found is not None:
            return ("person", found.id)
        return ("account", -post if account is None else account)

    def is_me(self, account: int | None) -> bool:
        """Tell the user's own accounts."""
        found = self.person(account)
        return found is not None and found.is_me

    def circles(self, account: int | None) -> frozenset[str]:
        """List the circles that an account is in, by its person and by the user's lists."""
        found = self.person(account)
        if account is None or (found is not None and found.is_me):
            return frozenset()
        return frozenset(() if found is None else found.circles) | self.follows.get(account, frozenset()) - {""}

    def closeness(self, account: int | None) -> float:
        """Say how much a voice counts; see `CLOSENESS`."""
        found = self.person(account)
        if found is not None and found.is_me:
            return CLOSENESS["me"]
        if self.circles(account):
            return CLOSENESS["circle"]
        if found is not None:
            return CLOSENESS["person"]
        return CLOSENESS["followed" if account in self.follows else "stranger"]

    def all_circles(self) -> tuple[str, ...]:
        """List every circle with somebody in it, by name."""
        named = (circle for person in self.persons.values() if not person.is_me for circle in person.circles)
        listed = (circle for circles in self.follows.values() for circle in circles if circle)
        return tuple(sorted({*named, *listed}))


def counted(accounts: Iterable[tuple[int | None, int]], people: People) -> int:
    """Count the distinct voices behind (account, post) pairs, without the user's own."""
    return len({people.voice(account, post) for account, post in accounts if not people.is_me(account)})
