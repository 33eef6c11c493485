"""The verbs about people: who they are, which accounts are theirs, in which circles."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from listener.app.accounts import Accounts
from listener.app.rooms import Rooms
from listener.errors import ConfigError, StoreError
from listener.people import People, Person, Proof, Tie
from listener.secrets import quoted
from listener.terms import Field, Query, leaves
from listener.types import Account


@dataclass(frozen=True, slots=True)
class Known:
    """An account of a person, with what the store has of it."""

    platform: str
    name: str
    proof: Proof
    account: Account | None = None
    """None: nothing was heard of it yet, or it may not be tied."""
    heard_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PersonRow:
    """What `listener people` says of one."""

    person: Person
    accounts: tuple[Known, ...]
    circles: tuple[str, ...]
    """Their own, and those of the user's lists that they are on."""

    @property
    def heard_at(self) -> datetime | None:
        """When they last said something that is here."""
        return max((known.heard_at for known in self.accounts if known.heard_at is not None), default=None)

    def as_json(self) -> dict[str, object]:
        """Make the JSON object."""
        return {
            "name": self.person.name,
            "me": self.person.is_me,
            "from_config": self.person.from_config,
            "circles": list(self.circles),
            "accounts": [
                {
                    "platform": known.platform,
                    "name": known.name,
                    "proof": known.proof,
                    "url": known.account and known.account.url,
                    "heard_at": known.heard_at and known.heard_at.isoformat(),
                }
                for known in self.accounts
            ],
            "heard_at": self.heard_at and self.heard_at.isoformat(),
        }


class Knowing(Rooms):
    """The verbs."""

    def people(self) -> People:
        """Tell who is who, with what the platforms' terms let be linked."""
        return self.store.people(self.policy.may_link)

    def unknown_names(self, query: Query) -> list[str]:
        """Say which circles, people, goals and feeds of a query there are none of: by them it finds nothing."""
        return [
            told
            for leaf in leaves(query)
            if isinstance(leaf, Field)
            for value in leaf.values
            if (told := self._unknown(leaf.name, value)) is not None
        ]

    def _unknown(self, field: str, value: str) -> str | None:
        feeds = self.store.feeds() if field == "feed" else []
        known: dict[str, Sequence[str]] = {
            "circle": self.people().all_circles(),
            "person": [person.name for person in self.store.persons()],
            "goal": [goal.name for goal in self.config.goals],
            "feed": [text or "" for one in feeds for text in (str(one.feed.id), one.feed.title, one.feed.query)],
        }
        names = known.get(field)
        # A feed is known by the address that it had at first, too, which only the store remembers.
        is_address = field == "feed" and "://" in value
        if names is None or is_address or value.casefold() in map(str.casefold, names):
            return None
        there = "`listener feeds` lists them" if field == "feed" else f"there are: {', '.join(names) or 'none yet'}"
        return f"no {field} is called {quoted(value)}; {there}"

    def add_person(self, name: str, accounts: Sequence[str], circles: Sequence[str]) -> Person:
        """Keep somebody new."""
        if name.lower() == self.config.me.name.lower() and not self.config.me.accounts:
            where = self.config.path or "the configuration"
            raise ConfigError(f"{name} is you: name your own accounts in {where}, as me.accounts")
        if any(person.name.lower() == name.lower() for person in self.store.persons()):
            raise StoreError(f"there is a person called {name} already; `listener people tie` adds accounts")
        return self._keep(Person(name, tuple(dict.fromkeys(circles)), self._ties(accounts)))

    def tie(self, name: str, accounts: Sequence[str]) -> Person:
        """Say that accounts are a person's."""
        person = self._own(name)
        return self._keep(replace(person, ties=tuple(dict.fromkeys([*person.ties, *self._ties(accounts)]))))

    def untie(self, name: str, accounts: Sequence[str]) -> Person:
        """Take ties back; StoreError where there is no such tie."""
        person = self._own(name)
        for text, tie in zip(accounts, self._ties(accounts), strict=True):
            left = tuple(one for one in person.ties if _key(one) != _key(tie))
            if left == person.ties:
                raise StoreError(f"{text} is not tied to {person.name}; `listener people` shows what is")
            person = replace(person, ties=left)
        return self.store.save_person(person, self.now())

    def set_circles(self, name: str, change: Callable[[tuple[str, ...]], Sequence[str]]) -> Person:
        """Change the circles of a person."""
        person = self._own(name)
        return self.store.save_person(replace(person, circles=tuple(dict.fromkeys(change(person.circles)))), self.now())

    def remove_person(self, name: str) -> Person:
        """Forget a person; their accounts and posts stay."""
        person = self._own(name)
        self.store.remove_person(person.id)
        return person

    def person_rows(self, circle: str | None = None) -> list[PersonRow]:
        """List the people of a circle, or all; whoever is called me comes first."""
        people = self.people()
        whose: dict[int, list[int]] = {}
        for account, number in people.accounts.items():
            whose.setdefault(number, []).append(account)
        accounts, heard = self.store.accounts(people.accounts), self.store.last_heard(people.accounts)
        rows = []
        for person in sorted(people.persons.values(), key=lambda one: (not one.is_me, one.name.lower())):
            own = whose.get(person.id, [])
            found = [
                Known(
                    accounts[number].platform,
                    accounts[number].handle or accounts[number].native_id,
                    people.proofs.get(number, "user"),
                    accounts[number],
                    heard.get(number),
                )
                for number in sorted(own)
                if number in accounts
            ]
            waiting = [Known(tie.platform, tie.name, tie.proof) for tie in person.ties if not _is_among(tie, found)]
            circles = {*person.circles, *(name for number in own for name in people.circles(number))}
            rows.append(PersonRow(person, (*found, *waiting), tuple(sorted(circles))))
        return [row for row in rows if circle is None or circle in row.circles]

    def _ties(self, accounts: Sequence[str]) -> tuple[Tie, ...]:
        reading = Accounts(self.described, self.policy)
        return tuple(reading.tie(text) for text in accounts)

    def _own(self, name: str) -> Person:
        """Find a person who may be changed by command."""
        found = [person for person in self.store.persons() if person.name.lower() == name.lower()]
        if not found:
            raise StoreError(f"there is nobody called {name}; `listener people` lists who is there")
        if found[0].from_config:
            raise StoreError(f"{found[0].name} stands in {self.config.path}: change it there")
        return found[0]

    def _keep(self, person: Person) -> Person:
        Accounts(self.described, self.policy).refuse(person)
        return self.store.save_person(person, self.now())


def _key(tie: Tie) -> tuple[str, str]:
    return tie.platform, tie.name.lower()


def _is_among(tie: Tie, found: Sequence[Known]) -> bool:
    name = tie.name.lower().removeprefix("@")
    for known in found:
        account = known.account
        names = [
            one.lower().removeprefix("@") for one in (account and account.handle, account and account.native_id) if one
        ]
        if known.platform == tie.platform and any(
            one == name or one.split(" ")[0].removeprefix("www.") == name for one in names
        ):
            return True
    return False
