"""Queries on PostgreSQL: the same tree over tables of the same shape, with columns that say what its own search cannot.

PostgreSQL's parsers cut texts otherwise than SQLite's. So the words are cut here (words.py) and kept beside the text:
as a tsvector of exactly these words, whose index finds words and beginnings, and as they stand, for phrases.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

from listener.store.compiling import Compiler, Sql, hosts, joined
from listener.store.values import Given, Part
from listener.store.words import cut, is_plain, wanted
from listener.terms import Query, Words, leaves, unparse

LEXEME_BYTES: Final = 500
"""Longer words are found by looking, not by the index: PostgreSQL takes them up to 2 kB."""

COLUMNS: Final[Mapping[str, str]] = {
    "words": "tsvector",
    "title_cut": "text",
    "text_cut": "text",
    "hosts": "text[]",
}
"""What the table `posts` has beside the columns that SQLite's has; `more` is jsonb."""
INDEXES: Final = (
    "create index posts_words on posts using gin(words)",
    "create index posts_hosts on posts using gin(hosts)",
    "create index posts_newest on posts(sort_at desc, id desc) where deleted_at is null",
)


class Cursor(Protocol):
    """What is needed of a cursor of psycopg."""

    def execute(self, query: bytes, params: Sequence[object], /) -> "Cursor":
        """Run a query whose values are bound."""

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Give its rows; the SELECT says what is in them."""


class Derived(NamedTuple):
    """The values of COLUMNS; the first is a list that `array_to_tsvector` takes."""

    words: list[str]
    title_cut: str
    text_cut: str
    hosts: list[str]


def derived(title: str | None, text: str, url: str | None, native_id: str, more: str | None) -> Derived:
    """Work out what is kept beside a post, from the columns of its row."""
    title_cut, text_cut = cut(title or ""), cut(text)
    known = {word for word in f"{title_cut}{text_cut}".split(" ") if word and len(word.encode()) <= LEXEME_BYTES}
    links: Sequence[str] = json.loads(more).get("l", ()) if more else ()
    return Derived(sorted(known), title_cut, text_cut, sorted(hosts(url, native_id, links)))


_LIKE: Final = re.compile(r"([\\%_])")
_NAMED: Final = 'lower(t.name collate "C")'
_TIES: Final = (
    "select t.person, {}, a.id from ties t join names n on n.name = t.platform join accounts a on a.platform = n.id"
)
TIED: Final = (
    "select distinct on (account) account, person from ("
    + _TIES.format(f'{_NAMED} in (lower(a.native_id collate "C"), lower(a.handle collate "C"))')
    + f""" and lower(a.handle collate "C") in ({_NAMED}, '@' || {_NAMED}, ltrim({_NAMED}, '@'))"""
    + f" union all {_TIES.format('true')} and a.native_id in (t.name, {_NAMED})"
    + f" union all {_TIES.format('false')} cross join (values (''), ('www.')) w(www)"
    + f" where starts_with(a.native_id, w.www || {_NAMED} || ' ') and t.name ~ '^[^ /]*[.][^ /]*$'"
    + ") tied(person, is_exact, account) order by account, is_exact desc, person"
)
"""Whose accounts are whose: as `ties.tied` says it."""
_MINE: Final = "select r.id from persons r where r.me <> 0"
_PERSONS: Final[Mapping[str, str]] = {
    "person": "select r.id from persons r where {}",
    "circle": f"select c.person from circles c where {{}} and c.person not in ({_MINE})",
    "mine": _MINE,
}


class Dialect:
    """How PostgreSQL writes what engines write differently."""

    def same(self, left: str, right: str) -> str:
        """Compare in the C locale, where only a to z have a case."""
        return f'lower({left} collate "C") = lower({right.replace("?", "?::text")} collate "C")'

    def words(self, words: Words) -> Sql:
        """Ask the index of words; then, where more than one word anywhere is asked for, the words as they stand."""
        asked = wanted(words)
        if not asked:
            return Sql("false")
        each = asked.split()
        short = [word for word in each if len(word.encode()) <= LEXEME_BYTES]
        last = [f"{_lexeme(each[-1])}{':*' * words.is_prefix}"] if each[-1] in short else []
        held = " & ".join([*(_lexeme(word) for word in each[:-1] if word in short), *last])
        if is_plain(words) and last:
            return Sql("p.words @@ ?::tsquery", (held,))
        columns = [name for name in ("title", "text") if words.where in (None, name)]
        like = f"%{_LIKE.sub(chr(92) * 2 + chr(92) + '1', asked)}%"
        stands = f"({' or '.join(f'p.{name}_cut like ?' for name in columns)})"
        values = tuple(like for _ in columns)
        return Sql(f"(p.words @@ ?::tsquery and {stands})", (held, *values)) if held else Sql(stands, values)

    def whose(self, name: str, value: str) -> Sql:
        """Ask for accounts; ties.py says what a tie's name means."""
        same = self.same("r.name" if name == "person" else "c.circle", "?")
        persons, asked = _PERSONS[name].format(same), () if name == "mine" else (value,)
        tied = f"p.account in (select o.account from ({TIED}) o where o.person in ({persons}))"
        if name != "circle":
            return Sql(f"coalesce({tied}, false)", asked)
        mine = f"select o.account from ({TIED}) o where o.person in ({_MINE})"
        followed = f"p.account in (select w.account from follows w where {self.same('w.circle', '?')})"
        return Sql(f"coalesce({tied} or ({followed} and p.account not in ({mine})), false)", (value, value))

    def counted(self, place: int) -> str:
        """Read a number of the list of counts."""
        return f"(p.more #>> '{{n,{place:d}}}')::bigint"

    def listed(self, letter: str) -> str:
        """Ask whether the list has a first item."""
        return f"(p.more #> '{{{letter},0}}') is not null"

    def answered(self) -> str:
        """Read the flag."""
        return "(p.more ->> 's')::boolean"

    def tagged(self) -> str:
        """Look through the tags."""
        each = "jsonb_array_elements_text(coalesce(p.more -> 'g', '[]'))"
        return f"exists (select 1 from {each} j(value) where {self.same('j.value', '?')})"

    def asks(self) -> str:
        """Look for the question marks of three scripts; the first is written as a number, for `?` is a value."""
        return "(coalesce(p.title, '') || p.text) ~ '[\\x3f\\xff1f\\x061f]'"

    def hosted(self, host: str) -> Sql:
        """Look through the hosts."""
        below = f"%.{_LIKE.sub(chr(92) * 2 + chr(92) + '1', host)}"
        return Sql("exists (select 1 from unnest(p.hosts) h where h = ? or h like ?)", (host, below))


def _lexeme(word: str) -> str:
    return "'" + word.replace("\\", "\\\\").replace("'", "''") + "'"


def find(
    cursor: Cursor,
    query: Query,
    given: Given,
    *,
    limit: int | None = 50,
    since: int | None = None,
    until: int | None = None,
    among: Sequence[int] | None = None,
) -> list[int]:
    """Find the newest posts; the statement's own timeout ends what takes too long. The rest as on SQLite."""
    parts = [Sql("p.deleted_at is null"), Compiler(Dialect(), given).sql(query)]
    parts += [Sql("p.sort_at >= ?", (since,))] if since is not None else []
    parts += [Sql("p.sort_at < ?", (until,))] if until is not None else []
    parts += [Sql("p.id = any(?)", (list(among),))] if among is not None else []
    condition = joined(" and ", parts)
    sql = f"select p.id from posts p where {condition.text} order by p.sort_at desc, p.id desc limit ?"
    return [number for (number,) in _ask(cursor, sql, (*condition.values, limit))]


def parts(cursor: Cursor, query: Query, given: Given, post: int) -> list[Part]:
    """Tell of each part of a query, in the order they are written, whether a post has it."""
    asked, compiler = list(leaves(query)), Compiler(Dialect(), given)
    conditions = [compiler.leaf(leaf) for leaf in asked]
    values = [value for one in conditions for value in one.values]
    sql = f"select {', '.join(one.text for one in conditions) or 'true'} from posts p where p.id = ?"
    found = _ask(cursor, sql, (*values, post)) or [(False,) * len(asked)]
    return [Part(unparse(leaf), bool(has)) for leaf, has in zip(asked, found[0], strict=False)]


def _ask(cursor: Cursor, sql: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
    return cursor.execute(sql.replace("?", "%s").encode(), values).fetchall()
