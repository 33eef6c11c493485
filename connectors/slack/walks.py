"""Where a channel's reading stands: the newest message known, and how far each thread was read. No I/O.

A walk reads a window, newest first, whose older end lies some days before the newest known message, so that edits and
threads that went on are seen; the mark moves once the walk has come to the window's end.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

AHEAD: Final = timedelta(minutes=5)
"""Our clock may be behind the platform's; the mark is never taken from it."""
BEFORE: Final = "before:"
"""How a token begins where the platform names no next page: what follows is older than this ts."""
_TS: Final = re.compile(r"\d{1,12}\.\d{1,6}")


@dataclass(frozen=True, slots=True)
class Mark:
    """A cursor. A ts is a message's id and its time in one; always a text."""

    known: str | None = None
    """The newest message when the last walk ended; None: the channel was never read to the end."""
    pending: str | None = None
    oldest: str | None = None
    """The older end of the walk's window; None: no walk under way."""
    latest: str | None = None
    token: str | None = None
    threads: Mapping[str, str] = field(default_factory=dict)
    """The first message of a thread to the newest reply of it that was read."""
    place: Mapping[str, Any] = field(default_factory=dict)  # JSON of messages.Place

    @classmethod
    def read(cls, cursor: str | None) -> "Mark":
        """Read a cursor; one that is not ours begins anew."""
        try:
            return cls.of(json.loads(cursor or "{}"))
        except ValueError:
            return cls()

    @classmethod
    def of(cls, held: object) -> "Mark":
        """Read what `values` gave."""
        if not isinstance(held, dict):
            return cls()
        texts = {name: value for name, value in held.items() if name in cls.__slots__ and isinstance(value, str)}
        threads = {ts: at for ts, at in _dict(held.get("threads")).items() if is_ts(ts) and is_ts(at)}
        return cls(**texts, threads=threads, place=_dict(held.get("place")))

    @property
    def values(self) -> dict[str, Any]:
        """Give it as JSON can say it, without what is empty."""
        return {name: value for name, value in asdict(self).items() if value}

    @property
    def cursor(self) -> str:
        """Write it down."""
        return json.dumps(self.values, separators=(",", ":"))

    @property
    def params(self) -> dict[str, str]:
        """Say what to ask for. With `oldest` alone, the page nearest to it would come."""
        found = {"oldest": self.oldest or "0", "latest": self.latest or "", "inclusive": "false"}
        if self.token is None:
            return found
        before = self.token.removeprefix(BEFORE)
        return found | ({"latest": before} if before != self.token else {"cursor": self.token})

    def since(self, ts: str) -> dict[str, str]:
        """Say from where on a thread is read; replies come oldest first."""
        return {"oldest": self.threads[ts]} if ts in self.threads else {}

    def behind(self, listed: Sequence[Mapping[str, Any]]) -> list[str]:
        """List the threads on a page that went on since we read them."""
        found = []
        for one in listed:
            ts, latest = one.get("ts"), one.get("latest_reply")
            begun = isinstance(ts, str) and is_ts(ts) and one.get("thread_ts", ts) == ts
            if begun and is_ts(latest) and order(str(latest)) > order(self.threads.get(str(ts), "0.0")):
                found.append(str(ts))
        return found


def window(held: Mark, now: datetime, since_hours: float, again_hours: float) -> Mark:
    """Begin a walk, or go on with the one under way."""
    if held.oldest is not None:
        return held
    since = now - timedelta(hours=since_hours)
    if held.known is not None:
        since = datetime.fromtimestamp(float(held.known), now.tzinfo) - timedelta(hours=again_hours)
    oldest = f"{max(since.timestamp(), 0):.6f}"
    return replace(held, oldest=oldest, latest=f"{(now + AHEAD).timestamp():.6f}", token=None, pending=None)


def step(
    held: Mark, listed: Sequence[Mapping[str, Any]], replies: Mapping[str, Any], token: str | None
) -> tuple[Mark, bool]:
    """Take a page; give the cursor that follows and whether there is more to ask for at once."""
    seen = [str(one["ts"]) for one in listed if is_ts(one.get("ts"))]
    pending = max([*seen, *filter(None, (held.pending, held.known))], key=order, default=None)
    latest = {str(one.get("ts")): str(one.get("latest_reply")) for one in listed if is_ts(one.get("latest_reply"))}
    threads = dict(held.threads)
    for ts, body in replies.items():
        threads[ts] = _read_until(body, threads.get(ts), latest.get(ts))
    following = replace(held, threads=threads, pending=pending)
    if following.behind(listed):
        return following, True  # the same page again: threads of it are left
    if token is not None and token != held.token:
        return replace(following, token=token), True
    kept = {ts: at for ts, at in threads.items() if order(ts) >= order(held.oldest or "0.0")}
    return Mark(known=pending, threads=kept), False


def is_ts(value: object) -> bool:
    """Tell whether this is a message's ts."""
    return isinstance(value, str) and _TS.fullmatch(value) is not None


def order(ts: str) -> tuple[int, int]:
    """Give what tells which of two comes first; a float would lose the last digits."""
    seconds, _, part = ts.partition(".")
    return (int(seconds), int(part.ljust(6, "0"))) if is_ts(ts) else (0, 0)


def _read_until(body: object, before: str | None, latest: str | None) -> str:
    read = [str(one["ts"]) for one in _list(_dict(body).get("messages")) if is_ts(_dict(one).get("ts"))]
    newest = max([*read, before or "0.0"], key=order)
    # Where no more is promised the thread was read to its end, though its newest reply is gone.
    whole = _dict(body).get("has_more") is not True or newest == before
    return max(newest, latest or "0.0", key=order) if whole else newest


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
