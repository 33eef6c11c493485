"""Who is behind an account, how near they are, and in which circles.

A person is somebody the user named, with accounts that the user tied to them or that both sides prove. An account that
nobody tied is a stranger of its own; one that the user follows is known, and in the circles of the lists it is on.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal
from urllib.parse import urlsplit

from listener.types import Account

Proof = Literal["user", "rel=me", "domain"]
"""Who says that an account is a person's: the user; the platform, of an address that links back; a domain's name."""

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
    """Account that the user follows to the circles of the lists it is on; so are the other accounts of its voice."""
    same: Mapping[int, int] = field(default_factory=dict)
    """Account to the lowest number among those that are proved to be the same, where nobody tied one of them."""
    proofs: Mapping[int, Proof] = field(default_factory=dict)
    """Account that came to a person, or to its like, by proof and not by the user's word."""

    @classmethod
    def of(
        cls,
        persons: Sequence[Person],
        accounts: Mapping[int, int],
        follows: Mapping[int, frozenset[str]],
        proved: Iterable[tuple[int, int, Proof]] = (),
    ) -> "People":
        """Build it from what the store gives. `proved`: pairs of accounts that are the same voice."""
        links = list(proved)
        groups = _groups(links)
        whose, same = _spread(groups, accounts)
        how = {account: proof for *pair, proof in links for account in pair if account not in accounts}
        proofs = {account: proof for account, proof in how.items() if account in whose or account in same}
        found = cls({person.id: person for person in persons}, whose, {}, same, proofs)
        return replace(found, follows=found._of_voices(follows))

    def _of_voices(self, follows: Mapping[int, frozenset[str]]) -> Mapping[int, frozenset[str]]:
        """Give each account of a voice the lists that any of them is on."""
        heard: dict[Voice, frozenset[str]] = {}
        for account, circles in follows.items():
            voice = self.voice(account, 0)
            heard[voice] = heard.get(voice, frozenset()) | circles
        known = {*follows, *self.accounts, *self.same}
        return {account: heard[voice] for account in known if (voice := self.voice(account, 0)) in heard}

    def person(self, account: int | None) -> Person | None:
        """Find whose account it is; None: nobody tied it."""
        number = None if account is None else self.accounts.get(account)
        return None if number is None else self.persons.get(number)

    def voice(self, account: int | None, post: int) -> Voice:
        """Name who speaks, so that a person's accounts are one voice; an unknown author is one for each post."""
        found = self.person(account)
        if found is not None:
            return ("person", found.id)
        return ("account", -post if account is None else self.same.get(account, account))

    def is_me(self, account: int | None) -> bool:
        """Tell the user's own accounts."""
        found = self.person(account)
        return found is not None and found.is_me

    def circles(self, account: int | None) -> frozenset[str]:
        """List the circles that an account is in, by its person and by the user's lists."""
        if account is None or (account not in self.accounts and account not in self.follows):
            return frozenset()
        found = self.person(account)
        if found is not None and found.is_me:
            return frozenset()
        return frozenset(() if found is None else found.circles) | self.follows.get(account, frozenset()) - {""}

    def closeness(self, account: int | None) -> float:
        """Say how much a voice counts; see `CLOSENESS`."""
        if account not in self.accounts and account not in self.follows:  # most of them, by far
            return CLOSENESS["stranger"]
        found = self.person(account)
        if found is not None and found.is_me:
            return CLOSENESS["me"]
        if self.circles(account):
            return CLOSENESS["circle"]
        if found is not None:
            return CLOSENESS["person"]
        return CLOSENESS["followed" if account in self.follows else "stranger"]

    def known_accounts(self) -> frozenset[int]:
        """List the accounts that are a person's, or that the user follows."""
        return frozenset(self.accounts) | frozenset(self.follows)

    def all_circles(self) -> tuple[str, ...]:
        """List every circle with somebody in it, by name."""
        named = (circle for person in self.persons.values() if not person.is_me for circle in person.circles)
        listed = (circle for circles in self.follows.values() for circle in circles if circle)
        return tuple(sorted({*named, *listed}))


# proofs


def place(address: str) -> str:
    """Give one name to the spellings of an address; a site's first page is the bare domain. "" where it is none."""
    text = address.strip()
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        host = (parts.hostname or "").rstrip(".").removeprefix("www.")
        port = "" if parts.port in (None, 80, 443) else f":{parts.port}"
    except ValueError:
        return ""
    query = f"?{parts.query}" if parts.query else ""
    return f"{host}{port}{parts.path.rstrip('/')}{query}" if host else ""


def own_places(account: Account) -> frozenset[str]:
    """List the places that an account is: the domains that its platform checked, and its page on the platform."""
    domains = {place(one) for one in account.proved if "://" not in one}
    page = place(account.url or "")
    return frozenset({*domains, *([page] if "/" in page else [])} - {""})


def linked_places(account: Account) -> frozenset[str]:
    """List the places that link back to an account, as its platform checked."""
    return frozenset({place(one) for one in account.proved if "://" in one} - {""})


def proof(one: Account, other: Account) -> Proof | None:
    """Say what proves two accounts to be the same voice; None: nothing does, and nobody guesses.

    A domain proves it when it is the checked name of one account, and the name of the other too or its first page
    links back to it. Pages on platforms prove it when each links back to the other.
    """
    mine, theirs = own_places(one), own_places(other)
    linked, links = linked_places(one), linked_places(other)
    domains = {name for name in mine & (theirs | links) | theirs & (mine | linked) if "/" not in name}
    if domains:
        return "domain"
    return "rel=me" if mine & links and theirs & linked else None


def unlinkable(accounts: Iterable[Account], may_link: Callable[[Account], bool]) -> list[Account]:
    """List the accounts that may not be tied to these others; on one platform alone all may stand together."""
    found = list(accounts)
    if len({account.platform for account in found}) < 2:
        return []
    return [account for account in found if not may_link(account)]


def _groups(links: Iterable[tuple[int, int, Proof]]) -> list[frozenset[int]]:
    """Put accounts together that are the same by one link or several."""
    at: dict[int, set[int]] = {}
    for one, other, _ in links:
        joined = at.get(one, {one}) | at.get(other, {other})
        at.update(dict.fromkeys(joined, joined))
    return [frozenset(group) for group in {id(group): group for group in at.values()}.values()]


def _spread(groups: Iterable[frozenset[int]], accounts: Mapping[int, int]) -> tuple[dict[int, int], dict[int, int]]:
    """Give proved accounts to the person that one of them is tied to; where there are two, the user's word is all."""
    whose, same = dict(accounts), {}
    for group in groups:
        persons = {accounts[account] for account in group if account in accounts}
        rest = [account for account in group if account not in accounts]
        if len(persons) == 1:
            whose.update(dict.fromkeys(rest, *persons))
        elif not persons:
            same.update(dict.fromkeys(rest, min(group)))
    return whose, same
