"""What goes into one message, what waits for a digest, and what is dropped: alerts that matter and never flood."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from itertools import filterfalse, groupby
from typing import Final

from listener.alerts import AlertRow, Kind, Terms, loud_at
from listener.quiet import Span

TOGETHER: Final = 5
"""From the fifth of a rule within `WINDOW` on, alerts come together."""
WINDOW: Final = timedelta(minutes=10)
HOUR: Final = timedelta(hours=1)
SHOWN: Final = 20
"""Most alerts that a message shows; it counts the others."""
CAP_HOUR: Final = 60
"""Most messages of one channel in an hour, unless the user says otherwise."""

Bundle = tuple[AlertRow, ...]
"""All alerts of one channel about one post: two rules that saw it say so together."""

Order = tuple[bool, bool, int]


@dataclass(frozen=True, slots=True)
class House:
    """What holds for all rules."""

    zone: tzinfo
    quiet: tuple[Span, ...] = ()
    cap_hour: int = CAP_HOUR


@dataclass(frozen=True, slots=True)
class Recent:
    """A message that a channel took, or is being given, lately."""

    rule: int
    at: datetime
    key: str = ""
    """A message of several rules is several of these."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """The alerts of one message, the most important first."""

    alerts: tuple[AlertRow, ...]
    kind: Kind
    key: str | None = None
    """Set: it was tried before under this key."""


@dataclass(slots=True)
class Planned:
    """What to do with the due alerts of one channel; holds and drops are by the alert's number."""

    parcels: list[Parcel] = field(default_factory=list)
    holds: dict[int, datetime] = field(default_factory=dict)
    """Until when each waits; it then goes in a digest."""
    drops: dict[int, str] = field(default_factory=dict)
    """Why each is never sent."""


def plan(
    due: Sequence[AlertRow], recent: Sequence[Recent], now: datetime, terms: Mapping[int, Terms], house: House
) -> Planned:
    """Decide about the due alerts of one channel. `recent` reaches back an hour, or the longest cooldown.

    `terms`: those of every rule that there is; an alert of another is dropped. Messages that were
    tried before come first, then alerts of high priority, the others, and digests.
    """
    return _Planning(recent, now, terms, house).plan(due)


class _Planning:
    def __init__(self, recent: Sequence[Recent], now: datetime, terms: Mapping[int, Terms], house: House) -> None:
        self.recent, self.now, self.terms, self.house = list(recent), now, terms, house
        self.found = Planned()
        self._loud: dict[int, datetime | None] = {}

    def plan(self, due: Sequence[AlertRow]) -> Planned:
        self.found.drops = {row.id: "its rule is gone" for row in due if row.rule not in self.terms}
        awake = self._awake([row for row in due if row.rule in self.terms])
        self._retry(row for row in awake if row.message is not None)
        bundles = _bundles(row for row in awake if row.message is None)
        for some in _grouped(filter(self._is_at_once, bundles), _order):
            self._send(some)
        for some in _grouped(filterfalse(self._is_at_once, bundles), lambda one: self._terms(one).lang or ""):
            self._pack(some)
        return self.found

    def _terms(self, bundle: Bundle) -> Terms:
        return self.terms[bundle[0].rule]

    def _is_at_once(self, bundle: Bundle) -> bool:
        return bundle[0].state != "held" and self._terms(bundle).when == "now"

    # quiet hours

    def _awake(self, rows: Sequence[AlertRow]) -> list[AlertRow]:
        """Hold what quiet hours hold. A message of several alerts waits for the last of them."""
        until: dict[str, datetime] = {}
        for row in rows:
            loud = self._loud_at(row)
            if loud is not None:
                until[_name(row)] = max(loud, until.get(_name(row), loud))
        self.found.holds |= {row.id: until[_name(row)] for row in rows if _name(row) in until}
        return [row for row in rows if _name(row) not in until]

    def _loud_at(self, row: AlertRow) -> datetime | None:
        terms = self.terms[row.rule]
        if terms.through_quiet or row.by_hand:
            return None
        if row.rule not in self._loud:
            self._loud[row.rule] = loud_at(terms, self.house.quiet, self.now, self.house.zone)
        return self._loud[row.rule]

    # messages

    def _retry(self, rows: Iterable[AlertRow]) -> None:
        ordered = sorted(rows, key=lambda row: (row.message or "", *_rank(row)))
        for key, some in groupby(ordered, key=lambda row: row.message):
            alerts = tuple(some)
            self._add(alerts, _kind(_bundles(alerts)), key)

    def _send(self, bundles: Sequence[Bundle]) -> None:
        """Send a rule's new alerts one by one or together, or hold them."""
        rule, terms = bundles[0][0].rule, self._terms(bundles[0])
        is_free = bundles[0][0].by_hand or bundles[0][0].is_high
        until = self._held_until(rule, terms, is_free=is_free)
        before = self._times(WINDOW, rule)
        if until is None and not bundles[0][0].by_hand and len(before) >= TOGETHER - 1:
            until = before[0] + WINDOW
        if until is not None:
            self._hold(bundles, until)
        elif terms.cooldown_s or len(before) + len(bundles) >= TOGETHER:
            self._pack(bundles)
        else:
            for number, bundle in enumerate(bundles):
                if number and (until := self._held_until(rule, terms, is_free=is_free)) is not None:
                    self._hold(bundles[number:], until)
                    return
                self._pack([bundle])

    def _held_until(self, rule: int, terms: Terms, *, is_free: bool) -> datetime | None:
        """Find when caps and cooldowns let a rule speak again; None: now."""
        if is_free:
            return None
        found = []
        cooldown = timedelta(seconds=terms.cooldown_s)
        if last := self._times(cooldown, rule):
            found.append(last[-1] + cooldown)
        for times, most in ((self._times(HOUR, rule), terms.cap_hour), (self._times(HOUR), self.house.cap_hour)):
            if len(times) >= max(most, 1):
                found.append(times[len(times) - max(most, 1)] + HOUR)
        return max(found, default=None)

    def _times(self, span: timedelta, rule: int | None = None) -> list[datetime]:
        """List when messages (of a rule) went out in the last `span`, oldest first."""
        some = {(one.key, one.at) for one in self.recent if one.at > self.now - span and rule in (None, one.rule)}
        return sorted(at for _, at in some)

    def _hold(self, bundles: Sequence[Bundle], until: datetime) -> None:
        self.found.holds |= {row.id: until for bundle in bundles for row in bundle}

    def _pack(self, bundles: Sequence[Bundle]) -> None:
        self._add(tuple(row for bundle in bundles for row in bundle), _kind(bundles), None)

    def _add(self, alerts: tuple[AlertRow, ...], kind: Kind, key: str | None) -> None:
        self.found.parcels.append(Parcel(alerts, kind, key))
        name = key or f"new {len(self.found.parcels)}"
        self.recent += [Recent(rule, self.now, name) for rule in {row.rule for row in alerts}]


def _order(bundle: Bundle) -> Order:
    return not bundle[0].by_hand, not bundle[0].is_high, bundle[0].rule


def _grouped(bundles: Iterable[Bundle], key: Callable[[Bundle], Order | str]) -> list[list[Bundle]]:
    """Give the bundles of each key, by key, in their order."""
    found: dict[Order | str, list[Bundle]] = {}
    for bundle in bundles:
        found.setdefault(key(bundle), []).append(bundle)
    return [some for _, some in sorted(found.items())]


def _name(row: AlertRow) -> str:
    return row.message or str(row.id)


def _rank(row: AlertRow) -> tuple[int, int, int]:
    """Order alerts: what matters most, then the newest."""
    return (-row.priority, -row.post, -row.id)


def _bundles(rows: Iterable[AlertRow]) -> list[Bundle]:
    by_post: dict[tuple[int, int], list[AlertRow]] = {}
    for row in sorted(rows, key=_rank):
        # What is about no post stands alone.
        by_post.setdefault((row.post, 0 if row.post else row.id), []).append(row)
    return [tuple(bundle) for bundle in by_post.values()]


def _kind(bundles: Sequence[Bundle]) -> Kind:
    if len(bundles) == 1:
        return "one"
    rules = {row.rule for bundle in bundles for row in bundle}
    return "group" if len(rules) == 1 and len(bundles) <= SHOWN else "digest"
