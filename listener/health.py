"""Health is what arrives, not HTTP 200: whose silence is a person's, and whose a platform's. Pure.

A feed's own history says how long it may be silent. One silent feed is a person who says nothing; all feeds of one
platform silent at once is the platform, or our way to it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import quantiles
from typing import Final

from listener.types import FeedState, Health

GAPS: Final = 3
"""Silent for so many of its expected gaps, a feed is quiet."""
SILENT_FROM: Final = timedelta(hours=1)
"""Shorter silences say nothing, whatever a feed's pace."""
KNOWN_FROM: Final = 4
"""Posts that a pace is told from."""
TOGETHER_FROM: Final = 2
"""Feeds of one connector that must be silent, or fail, together to be the platform's fault."""
FAILURES_TOLD: Final = 3
"""A failing feed is told of after so many failures in a row; what waits for the user, at once."""
NAMED: Final = 3
"""Failing feeds that a briefing names with their reason."""
TOLD_AT_ONCE: Final = frozenset({"needs you", "gone"})


@dataclass(frozen=True, slots=True)
class Outage:
    """Something that is wrong now. `subject`: `feed 12`, or a connector's name."""

    subject: str
    text: str
    """For people: what, since when, what to do."""
    failing: frozenset[int] = frozenset()
    """Its feeds, where it is that their polls fail."""


def expected_gap_s(recent: Sequence[datetime]) -> float | None:
    """Give a gap between two posts that a feed seldom exceeds (four of five are shorter); None: too little is known.

    `recent`: its newest posts' times, newest first.
    """
    if len(recent) < KNOWN_FROM:
        return None
    gaps = [(newer - older).total_seconds() for newer, older in pairwise(recent)]
    return quantiles(gaps, n=5, method="inclusive")[-1]


def allowed_silence(recent: Sequence[datetime]) -> timedelta | None:
    """Give the silence from which a feed is quiet; None: its pace is not known."""
    gap_s = expected_gap_s(recent)
    return None if gap_s is None else max(timedelta(seconds=GAPS * gap_s), SILENT_FROM)


def of_feed(state: FeedState, now: datetime) -> Health:
    """Tell a feed that brings posts as it used to from one that fell silent, its last poll being a success."""
    allowed = allowed_silence(state.recent)
    return "quiet" if allowed is not None and now - _heard_at(state) > allowed else "fresh"


def _heard_at(state: FeedState) -> datetime:
    """Give the moment from which silence counts: of what came before we listened, we only know the pace."""
    return max(state.recent[0], state.added_at or state.recent[0])


def outages(states: Sequence[FeedState], now: datetime) -> dict[str, Outage]:
    """List what is wrong now, by subject: platforms first; a feed whose platform is named is not named again."""
    awake = [state for state in states if not state.paused]
    groups: dict[str, list[FeedState]] = {}
    for state in awake:
        groups.setdefault(state.feed.connector, []).append(state)
    found: dict[str, Outage] = {}
    for name, group in groups.items():
        outage = _of_platform(name, group, now)
        if outage is not None:
            found[name] = outage
            continue
        found |= {f"feed {state.feed.id}": _of_feed(state) for state in group if _is_told(state)}
    return found


def changes(open_: Mapping[str, str], found: Mapping[str, Outage]) -> tuple[list[Outage], list[str]]:
    """Compare what is known with what is wrong now: (new outages, subjects that recovered)."""
    return [outage for name, outage in found.items() if name not in open_], sorted(open_.keys() - found.keys())


def failing(states: Sequence[FeedState]) -> list[str]:
    """Say which feeds could not be heard: a reason each for a few of them, a count for the rest."""
    broken = [state for state in states if state.error is not None and not state.paused]
    reasons = [str(state.error) for state in broken[:NAMED]]
    rest = len(broken) - len(reasons)
    return [*reasons, f"{rest} more; `listener feeds` says why"] if rest > 0 else reasons


def _of_platform(name: str, group: Sequence[FeedState], now: datetime) -> Outage | None:
    if len(group) < TOGETHER_FROM:
        return None
    if all(state.failures >= FAILURES_TOLD for state in group):
        text = f"{name}: all {len(group)} feeds fail; the last answer: {group[0].error}"
        return Outage(name, text, frozenset(state.feed.id for state in group))
    paced = [(state, allowed_silence(state.recent)) for state in group]
    known = [(state, allowed) for state, allowed in paced if allowed is not None]
    silent = [state for state, allowed in known if now - _heard_at(state) > allowed]
    if len(silent) < max(TOGETHER_FROM, len(known)):
        return None
    since = max(state.recent[0] for state in silent)
    return Outage(
        name,
        f"{name}: {len(silent)} feeds answer, but none has brought anything since {since:%Y-%m-%d %H:%M} UTC, far"
        " longer than they used to; the platform, or our access to it, is likely broken: open one of them in a browser",
    )


def _is_told(state: FeedState) -> bool:
    return state.health in TOLD_AT_ONCE or (state.error is not None and state.failures >= FAILURES_TOLD)


def _of_feed(state: FeedState) -> Outage:
    name = state.feed.title or state.feed.query
    again = "it waits for you" if state.next_poll_at is None else f"next try {state.next_poll_at:%Y-%m-%d %H:%M} UTC"
    # A poll's error begins with the feed's address, which its name stands for here.
    reason = (state.error or state.health).removeprefix(f"{state.feed.connector} {state.feed.query}: ")
    text = f"feed {state.feed.id} {name}: {reason} ({again})"
    return Outage(f"feed {state.feed.id}", text, frozenset({state.feed.id}))
