"""A query as SQL, the same for every engine: the tree is walked here, an engine says how it writes a few things.

Every condition speaks of a post `p` and is true or false, never null, so that its opposite is its opposite. Values are
bound, in order, where a `?` stands.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time
from typing import Final, NamedTuple, Protocol

from listener import limits
from listener.store.rows import SCALE, ms
from listener.store.values import Given
from listener.terms import And, Chance, Count, Field, Leaf, Not, Or, Query, When, Within, Words

SERVES: Final = limits.SERVES
OVER: Final = ("won", "lost", "not a lead", "answered", "not a question")
"""States of work after which nothing is left to do, as `work.OVER`."""
COUNTED: Final = ("replies", "likes", "reposts", "score")
"""In the order of the list `n` in `more`."""
_HOST: Final = re.compile(r"https?://(?:[^/?#@\s]{1,200}@)?([^/?#@:\s]{1,260})", re.IGNORECASE)


class Sql(NamedTuple):
    """A condition and the values bound in it."""

    text: str
    values: tuple[object, ...] = ()


class Dialect(Protocol):
    """What engines write differently."""

    def same(self, left: str, right: str) -> str:
        """Compare two texts; the case of a to z does not matter."""

    def words(self, words: Words) -> Sql:
        """Ask for words that stand side by side."""

    def whose(self, name: str, value: str) -> Sql:
        """Ask for the accounts of a `person`, of a `circle`, or for the user's own (`mine`)."""

    def counted(self, place: int) -> str:
        """Give a number of the list `n` in `more`, or null."""

    def listed(self, letter: str) -> str:
        """Ask whether a list in `more` has anything in it."""

    def answered(self) -> str:
        """Ask whether the platform says that a post is answered."""

    def tagged(self) -> str:
        """Ask whether a tag is `?`, in any case."""

    def asks(self) -> str:
        """Ask whether a question mark stands in the title or the text."""

    def hosted(self, host: str) -> Sql:
        """Ask whether the post, or a link in it, is on a host or below it."""


_FEED: Final = (
    "exists (select 1 from feeds f where (f.id = p.feed or f.id in"
    " (select x.feed from post_feeds x where x.post = p.id)) and ({}))"
)
_GOAL: Final = (
    "exists (select 1 from relevance v join names n on n.id = v.goal where v.post = p.id and v.score >= ? and {})"
)
_MARKED: Final = "exists (select 1 from marks k where k.post = p.id and k.kind = '{}')"
_TOLD: Final = "exists (select 1 from told o where o.post = p.id)"
_OVER: Final = f"exists (select 1 from work d where d.post = p.id and d.state in ({', '.join(map(repr, OVER))}))"
_ANSWERED: Final = "exists (select 1 from work d where d.post = p.id and d.state = 'answered')"


class Compiler:
    """Writes one query for one engine."""

    def __init__(self, dialect: Dialect, given: Given) -> None:
        self.dialect, self.given = dialect, given

    def sql(self, query: Query) -> Sql:
        """Write a condition on `p`."""
        match query:
            case And(nodes):
                return joined(" and ", [self.sql(node) for node in nodes])
            case Or(nodes):
                return joined(" or ", [self.sql(node) for node in nodes])
            case Not(node):
                inner = self.sql(node)
                return Sql(f"(not {inner.text})", inner.values)
        return self.leaf(query)

    def leaf(self, leaf: Leaf) -> Sql:
        """Write one part that asks one thing."""
        match leaf:
            case Words():
                return self.dialect.words(leaf)
            case Field(name, values):
                return joined(" or ", [self._field(name, value) for value in values])
            case Count(name, sign, number):
                return _true(Sql(f"{self.dialect.counted(COUNTED.index(name))} {sign} ?", (number,)))
            case Chance(label, sign, number):
                said = f"case when p.{label} > {SCALE} then {SCALE} when p.{label} < 0 then 0 else p.{label} end"
                return _true(Sql(f"({said}) {sign} ?", (round(number * SCALE),)))
            case When() | Within():
                sign = "<" if isinstance(leaf, When) and leaf.name == "before" else ">="
                return Sql(f"p.sort_at {sign} ?", (bound(leaf, self.given),))

    def _field(self, name: str, value: str) -> Sql:
        same = self.dialect.same
        match name:
            case "label":
                return _true(Sql(f"p.{value} >= ?", (least(self.given, value),)))
            case "is":
                return self._is(value)
            case "has":
                return _true(Sql(self._has(value)))
            case "platform":
                return Sql(f"p.platform in (select n.id from names n where {same('n.name', '?')})", (value,))
            case "lang":
                return _true(
                    Sql(f"({same('p.lang', '?')} or {same(_cut_to('p.lang', value), '?')})", (value, f"{value}-"))
                )
            case "feed":
                return self._feed(value)
            case "goal":
                return Sql(_GOAL.format(same("n.name", "?")), (round(SERVES * SCALE), value))
            case "tag":
                return _true(Sql(self.dialect.tagged(), (value,)))
            case "domain":
                return self.dialect.hosted(host_of(value))
        return self._who(name, value)

    def _who(self, name: str, value: str) -> Sql:
        if name != "from":
            return self.dialect.whose(name, value)
        named = named_by(self.dialect, value)
        return Sql(f"exists (select 1 from accounts a where a.id = p.account and {named.text})", named.values)

    def _feed(self, value: str) -> Sql:
        same = self.dialect.same
        either = " or ".join(same(f"f.{column}", "?") for column in ("title", "query", "asked"))
        if value.isascii() and value.isdigit() and len(value) < 16:
            return Sql(_FEED.format(f"f.id = ? or {either}"), (int(value), value, value, value))
        return Sql(_FEED.format(either), (value, value, value))

    def _is(self, value: str) -> Sql:
        match value:
            case "mine":
                return self.dialect.whose("mine", "")
            case "done":
                return Sql(_MARKED.format("done"))
            case "starred":
                return Sql(_MARKED.format("star"))
            case "unseen":
                return Sql(f"(not {_TOLD} and not {_MARKED.format('done')} and not {_MARKED.format('seen')})")
            case "answered":
                return Sql(f"({_true(Sql(self.dialect.answered())).text} or {_ANSWERED})")
            case "open":
                return Sql(f"(not {_true(Sql(self.dialect.answered())).text} and not {_OVER})")
        return self._field("label", value)

    def _has(self, value: str) -> str:
        match value:
            case "link":
                return self.dialect.listed("l")
            case "media":
                return self.dialect.listed("a")
            case "question":
                return self.dialect.asks()
        return f"{self.dialect.counted(0)} > 0"


def least(given: Given, label: str) -> int:
    """Give the lowest score of a label that counts, as a column keeps it."""
    return max(round(next(value for name, value in given.thresholds.items() if name == label) * SCALE), 0)


def named_by(dialect: Dialect, value: str) -> Sql:
    """Ask whether an account `a` is called so."""
    either = [dialect.same(f"a.{column}", "?") for column in ("handle", "handle", "name", "native_id")]
    return Sql(f"({' or '.join(either)})", (value, f"@{value}", value, value))


def joined(word: str, parts: Sequence[Sql]) -> Sql:
    """Put conditions together; none: true."""
    if not parts:
        return Sql("true")
    return Sql(f"({word.join(part.text for part in parts)})", tuple(value for part in parts for value in part.values))


def _true(condition: Sql) -> Sql:
    """Take "the platform does not say" for a no."""
    return Sql(f"coalesce({condition.text}, false)", condition.values)


def _cut_to(column: str, value: str) -> str:
    return f"substr({column}, 1, {len(value) + 1:d})"


def bound(leaf: When | Within, given: Given) -> int:
    """Give the UTC milliseconds of a date, which means its midnight in the user's zone, of a moment, or of an age."""
    if isinstance(leaf, Within):
        return ms(given.now) - leaf.seconds * 1_000
    value, zone = leaf.value, given.zone
    found = datetime.combine(date.fromisoformat(value), time()) if len(value) <= 10 else datetime.fromisoformat(value)
    return ms((found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC))


def host_of(value: str) -> str:
    """Give the host that a person means: of an address, or as it is, without `www.`."""
    found = _HOST.match(value if "://" in value else f"https://{value}")
    return _plain(found[1] if found else value).removeprefix("www.")


def hosts(url: str | None, native_id: str, links: Iterable[str]) -> frozenset[str]:
    """List the hosts of a post and of its links. `url`: as the column keeps it (rows.py)."""
    own = native_id[native_id.find("http") :] if url == "" else url
    found = (_HOST.match(address) for address in (*links, *([own] if own else [])))
    return frozenset(_plain(one[1]) for one in found if one)


def is_on(found: Iterable[str], host: str) -> bool:
    """Tell whether one of some hosts is a host or below it."""
    return any(one == host or one.endswith(f".{host}") for one in found)


def _plain(host: str) -> str:
    host = host.lower().rstrip(".")
    try:
        return host if host.isascii() else host.encode("idna").decode()
    except UnicodeError:
        return host


__all__ = ["Compiler", "Dialect", "Given", "Sql", "bound", "host_of", "hosts", "is_on", "joined", "least", "named_by"]
