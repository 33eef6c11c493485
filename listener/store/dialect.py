"""How SQLite writes what engines write differently (`compiling.Dialect`)."""

import json
from collections.abc import Callable
from sqlite3 import Connection
from typing import Final

from listener.store import ties
from listener.store.compiling import Sql, joined, named_by
from listener.store.words import coded, is_plain, match
from listener.terms import Field, Words

_PERSONS: Final[dict[str, str]] = {
    "person": "select id from persons where name = ? collate nocase",
    "circle": "select c.person from circles c join persons p on p.id = c.person"
    " where c.circle = ? collate nocase and not p.me",
    "mine": "select id from persons where me",
}
_FOLLOWED: Final = "select account from follows where circle = ? collate nocase"


class Dialect:
    """How SQLite writes what engines write differently."""

    def __init__(self, connection: Connection, words: Callable[[Words], Sql]) -> None:
        self._connection = connection
        self.words = words

    def whose(self, name: str, value: str) -> Sql:
        """Ask for accounts by number; they are looked up first."""
        ids = whose(self._connection, name, value)
        return Sql("coalesce(p.account in (select value from json_each(?)), false)", (json.dumps(ids),))

    def same(self, left: str, right: str) -> str:
        """Compare as `collate nocase` does."""
        return f"{left} = {right} collate nocase"

    def counted(self, place: int) -> str:
        """Read a number of the list of counts."""
        return f"json_extract(p.more, '$.n[{place:d}]')"

    def listed(self, letter: str) -> str:
        """Ask whether the list has a first item."""
        return f"json_extract(p.more, '$.{letter}[0]') is not null"

    def answered(self) -> str:
        """Read the flag."""
        return "json_extract(p.more, '$.s')"

    def tagged(self) -> str:
        """Look through the tags."""
        return "exists (select 1 from json_each(p.more, '$.g') j where j.value = ? collate nocase)"

    def asks(self) -> str:
        """Look for the question marks of three scripts."""
        signs = " or ".join(f"instr(coalesce(p.title, '') || p.text, '{sign}')" for sign in "?？؟")
        return f"({signs})"

    def hosted(self, host: str) -> Sql:
        """Look through the addresses (words.py)."""
        return Sql("hosted(p.url, p.native_id, p.more, ?)", (host,))


def said(words: Words) -> Sql:
    """Look into the text itself."""
    return Sql("said(p.title, p.text, ?)", (coded(words),))


def indexed(low: int, high: int, words: Words) -> Sql:
    """Ask the index, for posts whose numbers lie between."""
    asked = match(words)
    if asked is None:
        return Sql("false")
    held = "p.id in (select rowid from posts_fts where posts_fts match ? and rowid >= ? and rowid < ?)"
    found = Sql(held, (asked, low, high))
    return found if is_plain(words) else joined(" and ", [found, said(words)])


def accounts(connection: Connection, asked: Field) -> list[int]:
    """Give the accounts that `from:`, `person:`, `circle:` or `is:mine` means."""
    if asked.name == "from":
        dialect = Dialect(connection, said)
        condition = joined(" or ", [named_by(dialect, value) for value in asked.values])
        sql = f"select a.id from accounts a where {condition.text}"
        return [number for (number,) in connection.execute(sql, condition.values)]
    name = "mine" if asked.name == "is" else asked.name
    return sorted({number for value in asked.values for number in whose(connection, name, value)})


def whose(connection: Connection, name: str, value: str) -> list[int]:
    """Give the accounts of a person, of a circle, or the user's own, as `People` tells them apart."""
    asked = () if name == "mine" else (value,)
    persons = {number for (number,) in connection.execute(_PERSONS[name], asked)}
    tied = ties.tied(connection)
    found = {account for account, person in tied.items() if person in persons}
    if name == "circle":
        mine = {number for (number,) in connection.execute(_PERSONS["mine"])}
        followed = {account for (account,) in connection.execute(_FOLLOWED, asked)}
        found |= {account for account in followed if tied.get(account) not in mine}
    return sorted(found)
