"""Look at everything a set-up stands on, and say what is wrong and what to do."""

import platform
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Literal, Protocol

from listener import limits
from listener.errors import ListenerError, StoreError
from listener.store import Store
from listener.types import FeedState
from listener.wording import counted

LATE: Final = timedelta(hours=1)
"""An alert that is due for longer has nobody who delivers it."""
Level = Literal["ok", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    level: Level
    subject: str
    message: str


class Guarded(Protocol):
    """A client that can prove its guard."""

    def check(self, streams: bool = False) -> None:
        """Raise where the guard is not in place, or where what `streams` need is missing."""


@dataclass(frozen=True, slots=True)
class Patient:
    """What is examined; a part that cannot even be built is a finding of its own."""

    config_path: Path | None
    store_path: Path
    store: Callable[[], Store]
    http: Callable[[], Guarded]
    model: Callable[[], str]
    """Gives the classifier's version."""
    settings: Callable[[], Sequence[str]]
    """Says what is wrong in the connectors' settings."""
    spending: Callable[[], Sequence[str]]
    """Says what was spent and what is left, a line for each connector that costs or counts."""
    xml: Callable[[], str | None]
    """Says what is wrong with the XML library; None: nothing."""
    now: datetime
    streams: Callable[[], bool] = lambda: False
    """Tells whether some feed is listened to as a stream."""


def examine(patient: Patient) -> Iterator[Finding]:
    """Give a finding for each part, whatever the others do."""
    where = str(patient.config_path) if patient.config_path else "none found; defaults (`listener init` writes one)"
    yield Finding("ok", "configuration", where)
    yield from _attempt("settings", lambda: (Finding("error", "settings", fault) for fault in patient.settings()))
    yield from _attempt("store", lambda: _store(patient))
    yield from _attempt("feeds", lambda: _feeds(patient))
    yield from _attempt("alerts", lambda: _alerts(patient))
    yield _disk(patient.store_path)
    yield from _attempt("network guard", lambda: _guard(patient))
    yield from _attempt("classifier", lambda: iter([Finding("ok", "classifier", patient.model())]))
    yield from _attempt("spending", lambda: (Finding("ok", "spending", line) for line in patient.spending()))
    problem = patient.xml()
    yield Finding("warning" if problem else "ok", "XML library", problem or "resists known attacks")
    yield Finding("ok", "Python", platform.python_version())


def _attempt(subject: str, look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        yield from look()
    except ListenerError as error:
        yield Finding("error", subject, str(error))


def _store(patient: Patient) -> Iterator[Finding]:
    store = patient.store()
    faults = store.check()
    if faults:
        message = f"{patient.store_path} is damaged ({'; '.join(faults[:3])}); `listener restore FILE` brings a backup"
        yield Finding("error", "store", message)
        return
    stats = store.stats()
    size = f"{stats.bytes / 1e6:.1f} MB"
    held = f"{counted(stats.posts, 'post')}, {counted(stats.accounts, 'account')}, {size}"
    yield Finding("ok", "store", f"{patient.store_path}: {held}")
    if stats.gaps or stats.rejects:
        message = f"{counted(stats.gaps, 'gap')} (posts may be missing), "
        message += f"{counted(stats.rejects, 'item')} set aside as unreadable"
        yield Finding("warning", "completeness", message)


def _feeds(patient: Patient) -> Iterator[Finding]:
    states = patient.store().feeds()
    ailing = [state for state in states if _ails(state, patient.now)]
    yield from map(_feed, ailing)
    yield Finding("ok", "feeds", f"{len(states) - len(ailing)} of {len(states)} without trouble")


def _ails(state: FeedState, now: datetime) -> bool:
    return not state.paused and (state.health not in ("new", "fresh") or _is_late(state, now))


def _is_late(state: FeedState, now: datetime) -> bool:
    return state.next_poll_at is not None and now - state.next_poll_at > timedelta(days=1)


def _feed(state: FeedState) -> Finding:
    name = f"feed {state.feed.id} {state.feed.title or state.feed.query}"
    if state.error is None and state.health == "quiet":
        return Finding("warning", name, "has brought nothing for much longer than it used to")
    if state.error is None:
        return Finding("warning", name, "was due more than a day ago; is `listener up` or `listener poll` running?")
    again = "waits for you" if state.next_poll_at is None else f"next try {state.next_poll_at:%Y-%m-%d %H:%M} UTC"
    return Finding("warning", name, f"{state.error} ({again}, failed {counted(state.failures, 'time')})")


def _alerts(patient: Patient) -> Iterator[Finding]:
    store = patient.store()
    counts = store.alert_counts()
    if lost := counts.get("dead", 0):
        what = "`listener alerts list --state dead` says why, `listener alerts resend ID` sends them again"
        yield Finding("warning", "alerts", f"{counted(lost, 'alert')} could not be delivered and given up: {what}")
    for channel in store.channels_due(patient.now - LATE):
        yield Finding("warning", "alerts", f"{channel}: due for more than an hour; is `listener up` running?")
    if sent := counts.get("sent", 0):
        yield Finding("ok", "alerts", f"{counted(sent, 'alert')} delivered")


def _disk(path: Path) -> Finding:
    reason = full_disk(path)
    return Finding("error", "disk", reason) if reason else Finding("ok", "disk", "room enough")


def full_disk(path: Path) -> str | None:
    """Say that the store's disk is nearly full, below which polling stops (R15); None: there is room."""
    usage = shutil.disk_usage(next(folder for folder in path.parents if folder.exists()))
    if usage.free >= limits.FREE_BYTES and usage.free >= usage.total / 20:
        return None
    return f"the disk of {path} is nearly full ({usage.free // 1_000_000} MB left); make room, polling then goes on"


def _guard(patient: Patient) -> Iterator[Finding]:
    try:
        streams = patient.streams()
    except StoreError:  # a finding of its own
        streams = False
    patient.http().check(streams=streams)
    yield Finding("ok", "network guard", "private addresses are refused at the connection")
