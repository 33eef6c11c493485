"""Which posts of a page may become alerts of which rules, decided before the transaction that saves them. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, tzinfo
from functools import cached_property
from typing import Final

from listener.alerts import first_due, is_alerting
from listener.people import People, Person
from listener.policy import Policies
from listener.precedence import Author, Facts, Mutes, Verdict, explain, first_stop, fold, reason
from listener.rules import RuleRow
from listener.types import LABELS, Account, Born, Draft, Label, Post, StoredPost, Watch

Name = tuple[str, str]
"""Platform, and a handle or native_id."""
Key = tuple[str, str]
"""Platform and native_id of a post."""

_LATER: Final = Verdict("query", True, "asked inside the transaction")
_UNKNOWN: Final = Author("somebody unknown")


@dataclass(frozen=True)
class Authors:
    """Who is who by name, so that it is known before the store has given an account its number."""

    people: People = field(default_factory=People)
    accounts: Mapping[int, Account] = field(default_factory=dict)
    """The accounts that `people` knows by number."""
    policy: Policies = field(default_factory=Policies)

    def author(self, account: Account | None) -> Author:
        """Say what the user knows of an account; nothing where the platform's terms forbid a record of people."""
        if account is None:
            return _UNKNOWN
        names = {account.native_id, account.handle or "", account.name or ""} - {""}
        shown = account.handle or account.name or account.native_id
        person = self._person(account)
        plain = frozenset(fold(name).lstrip("@") for name in (*names, *([person.name] if person else [])))
        if person is not None and person.is_me:
            return Author(shown, plain, person.name, is_me=True)
        if not self.policy.may_profile(account):
            return Author(shown, plain)
        number = self._numbers.get((account.platform, account.native_id))
        circles = frozenset(() if person is None else person.circles) | self.people.circles(number)
        followed = number in self.people.follows
        return Author(shown, plain, person.name if person else None, circles, is_followed=followed)

    def _person(self, account: Account) -> Person | None:
        found = self.people.person(self._numbers.get((account.platform, account.native_id)))
        for name in (account.native_id, account.handle):
            found = found or (self._ties.get((account.platform, fold(name).lstrip("@"))) if name else None)
        return found

    @cached_property
    def _ties(self) -> dict[Name, Person]:
        """Know a tied account at its first post, before the store has met it."""
        return {
            (tie.platform, fold(tie.name).lstrip("@")): person
            for person in self.people.persons.values()
            for tie in person.ties
        }

    @cached_property
    def _numbers(self) -> dict[Name, int]:
        return {(account.platform, account.native_id): number for number, account in self.accounts.items()}


@dataclass(frozen=True)
class Book:
    """All that rules are judged by, as it stands for some seconds."""

    rows: Sequence[RuleRow] = ()
    mutes: Mutes = field(default_factory=Mutes)
    authors: Authors = field(default_factory=Authors)
    thresholds: Mapping[Label, float] = field(default_factory=lambda: dict.fromkeys(LABELS, 0.5))
    zone: tzinfo = UTC
    at: time = time(7, 30)
    """The hour of daily messages."""

    def watches(self, drafts: Sequence[Draft], feed: int, now: datetime) -> tuple[Watch, ...]:
        """Give the rules that some of a page's new or edited posts may alert; none costs next to nothing."""
        rows = [row for row in self.rows if row.rule.kind == "posts" and row.rule.channels and not row.paused]
        fresh = [draft for draft in drafts if draft.scores is not None and is_alerting(draft.arrival)]
        if not rows or not fresh:
            return ()
        facts = [facts_of(self.authors, draft.post, draft.scores or {}, draft.relevance, (feed,)) for draft in fresh]
        heard = [one for one in facts if self.mutes.of(one) is None]
        found = (self._watch(row, heard, now) for row in rows)
        return tuple(watch for watch in found if watch.born)

    def _watch(self, row: RuleRow, heard: Sequence[Facts], now: datetime) -> Watch:
        rule = row.rule
        let = {
            (facts.post.platform, facts.post.native_id): facts
            for facts in heard
            if first_stop(explain(row, facts, Mutes(), self.thresholds, _LATER)) is None
        }
        due = first_due(rule.terms(self.at), now, self.zone)
        births = _Births(self, row, let)
        return Watch(row.id, rule.query, rule.channels, due, row.at, births, self.zone, self.thresholds)

    def born(self, row: RuleRow, facts: Facts) -> Born:
        """Say what an alert of a rule about a post says."""
        said = reason(row.rule, facts, self.thresholds)
        stranger = facts.author.is_stranger and facts.post.account is not None
        may_tell = stranger and self.authors.policy.may_profile(facts.post.account or Account("", ""))
        first = reason(row.rule, facts, self.thresholds, is_first=True) if may_tell else None
        return Born(said, first, row.rule.weight(facts.scores))


class _Births(Mapping[Key, Born]):
    """What alerts would say, put into words only for the posts that the query finds."""

    def __init__(self, book: Book, row: RuleRow, let: Mapping[Key, Facts]) -> None:
        self._book, self._row, self._let = book, row, let

    def __getitem__(self, key: Key) -> Born:
        return self._book.born(self._row, self._let[key])

    def __iter__(self) -> Iterator[Key]:
        return iter(self._let)

    def __len__(self) -> int:
        return len(self._let)


def facts_of(
    authors: Authors, post: Post, scores: Mapping[Label, float], goals: Mapping[str, float], feeds: Sequence[int] = ()
) -> Facts:
    """Gather what rules ask of a new post."""
    return Facts(post, authors.author(post.account), scores, goals, feeds)


def facts_of_stored(authors: Authors, stored: StoredPost, over: str | None = None) -> Facts:
    """Gather what rules ask of a stored post, the user's thumbs in the place of scores. `over`: why it is done."""
    scores = dict(stored.scores) | {label: float(value) for label, value in stored.thumbs.items()}
    denied = frozenset(label for label, value in stored.thumbs.items() if not value)
    author = authors.author(stored.post.account)
    seen = stored.first_seen_at
    return Facts(stored.post, author, scores, stored.goals, stored.feeds, stored.arrival, seen, denied, over)
