"""Where the reading of each relay stands, and how a walk back to its mark goes on. No I/O.

Relays give the newest events first and cut the list where they like. A walk goes back from now to ten minutes before
the mark; the mark moves when it has got there. Times are the authors' claims: hence the overlap.
"""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

OVERLAP_S: Final = 600
LIMIT: Final = 300
"""Events asked for at once; most relays give 500 at most."""
SURE: Final = 20
"""No relay cuts a list as short as this: it is whole."""
SEEN: Final = 200
"""Posts whose deletion is heard: only their own author can ask for it, so that must be known."""
ARTICLES: Final = 100
_ID_BYTES: Final = 32
_AUTHOR_BYTES: Final = 6


@dataclass(frozen=True, slots=True)
class Mark:
    """One relay's: all up to `at` is read; inside a walk, all from `until` to `top` too. Seconds since 1970."""

    at: int
    until: int | None = None
    top: int = 0

    @property
    def since(self) -> int:
        """Give the time from which on events are asked for."""
        return max(self.at - OVERLAP_S, 0)

    def after(self, times: Sequence[int], began: int, *, is_whole: bool) -> "Mark":
        """Take the times of a round's events. `is_whole`: the relay said that these are all."""
        top = max([self.top, *(time for time in times if time <= began)])
        until = min(times, default=None)
        if until is not None and self.is_stuck(times):
            # A relay that does not know `until` gives the same list again and again.
            until = self.until - 1 if self.until is not None and max(times) <= self.until else None
        if until is None or (is_whole and len(times) < SURE) or until < self.since:
            return Mark(max(self.at, top))
        return Mark(self.at, until, top)

    def is_stuck(self, times: Sequence[int]) -> bool:
        """Tell whether a round went no further back: one second holds more events than the relay gives."""
        return self.until is not None and len(times) >= SURE and min(times) >= self.until


@dataclass(frozen=True, slots=True)
class Marks:
    """A feed's cursor."""

    relays: Mapping[str, Mark] = field(default_factory=dict)
    seen: tuple[bytes, ...] = ()
    """Ids of posts with the first bytes of their author's key, oldest first."""
    done: tuple[str, ...] = ()
    """Relays that need not be asked again before the others were."""
    articles: Mapping[str, int] = field(default_factory=dict)
    """Which version of an article is the newest: a relay may still hold an older one."""

    @classmethod
    def read(cls, cursor: str | None) -> "Marks":
        """Read a cursor; one that is not ours begins anew."""
        try:
            held = json.loads(cursor or "{}")
            relays = {str(url): Mark(*_numbers(mark)) for url, mark in held.get("relays", {}).items()}
            seen = tuple(base64.b64decode(one) for one in held.get("seen", ()))
            articles = {str(name): int(at) for name, at in held.get("articles", {}).items()}
            sound = tuple(one for one in seen if len(one) == _ID_BYTES + _AUTHOR_BYTES)
            return cls(relays, sound, tuple(map(str, held.get("done", ()))), articles)
        except (ValueError, TypeError, AttributeError, RecursionError, binascii.Error):
            return cls()

    @property
    def cursor(self) -> str:
        """Write it down."""
        held = {
            "relays": {url: [mark.at, mark.until, mark.top] for url, mark in self.relays.items()},
            "seen": [base64.b64encode(one).decode() for one in self.seen],
            "done": self.done,
            "articles": self.articles,
        }
        return json.dumps({name: value for name, value in held.items() if value}, separators=(",", ":"))

    @property
    def ids(self) -> list[str]:
        """List the ids of known posts."""
        return [one[:_ID_BYTES].hex() for one in self.seen]

    def knows(self, event_id: str, author: str) -> bool:
        """Tell whether a post is known as this author's."""
        return _short(event_id, author) in self.seen

    def with_posts(self, posts: Sequence[tuple[str, str]], articles: Mapping[str, int]) -> "Marks":
        """Remember posts (id and author) and articles."""
        seen = dict.fromkeys([*self.seen, *(_short(*post) for post in posts)])
        versions = {**self.articles, **articles}
        return replace(self, seen=tuple(seen)[-SEEN:], articles=dict(list(versions.items())[-ARTICLES:]))


def _short(event_id: str, author: str) -> bytes:
    return bytes.fromhex(event_id) + bytes.fromhex(author)[:_AUTHOR_BYTES]


# Any: raw JSON.
def _numbers(mark: Any) -> tuple[int, int | None, int]:
    at, until, top = mark
    if type(at) is not int or type(top) is not int or not (until is None or type(until) is int):
        raise ValueError("no mark")
    return at, until, top
