"""Whose accounts are whose: the names that the user wrote, and what accounts prove, become numbers of accounts."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from sqlite3 import Connection
from typing import Final

from listener.people import Proof, Tie, linked_places, own_places, proof
from listener.store.rows import Row
from listener.types import Account

_ACCOUNT: Final = "n.name, a.native_id, a.handle, a.name, a.url, a.followers, a.is_bot, a.opted_out, a.proved"
# A name is a handle, with its @ or without, or a native_id as it is or in lower case. A site's voices are called by
# its host, a space and what else tells them apart: whoever is tied to the site is all of them.
_OF_TIES: Final = (
    "select t.person, t.name = a.native_id or t.name = a.handle exact, a.id from ties t"
    " cross join names n on n.name = t.platform cross join accounts a indexed by accounts_handle"
    " on a.handle collate nocase in (t.name, '@' || t.name, ltrim(t.name, '@')) and a.platform = n.id"
    " union select t.person, 1, a.id from ties t"
    " cross join names n on n.name = t.platform cross join accounts a indexed by accounts_native"
    " on a.platform = n.id and a.native_id in (t.name, lower(t.name))"
    " union select t.person, 0, a.id from ties t"
    " cross join names n on n.name = t.platform cross join (select '' www union all select 'www.') w"
    " cross join accounts a indexed by accounts_native"
    " on a.platform = n.id and a.native_id >= www || lower(t.name) || ' ' and a.native_id < www || lower(t.name) || '!'"
    " where instr(t.name, '.') and not instr(t.name, ' ') and not instr(t.name, '/')"
    " order by 2, 1 desc"
)
_PARTNERS: Final = (
    "select p.account from proofs o cross join proofs p on p.place = o.place and p.account <> ?1 where o.account = ?1"
)
_FORGET: Final = (
    "delete from proved where account = ?1 or other = ?1 and account in (select other from proved where account = ?1)"
)
_SOME: Final = (
    f"select a.id, {_ACCOUNT} from json_each(?) j cross join accounts a on a.id = j.value"
    " join names n on n.id = a.platform"
)


def tied(connection: Connection) -> dict[int, int]:
    """Give the accounts that the user tied to persons, by number; where names meet, the exact one and the first."""
    return {account: person for person, _, account in connection.execute(_OF_TIES)}


def accounts_of(connection: Connection, numbers: Collection[int]) -> dict[int, Account]:
    """Read accounts by number."""
    found = connection.execute(_SOME, (json.dumps(list(numbers)),))
    return {row[0]: account(row[1:]) for row in found}


def account(row: Row) -> Account:
    """Make an account of a row of `_ACCOUNT`."""
    platform, native_id, handle, name, url, followers, bot, out, known = row
    is_bot, opted_out = (None if one is None else bool(one) for one in (bot, out))
    checked = tuple(json.loads(known)) if known else ()
    return Account(platform, native_id, handle, name, url, followers, is_bot, opted_out, checked)


def prove(connection: Connection, numbers: Sequence[int]) -> None:
    """Write down what accounts prove, and with whom, in the place of what stood there."""
    for number, one in accounts_of(connection, numbers).items():
        connection.execute("delete from proofs where account = ?", (number,))
        rows = [(name, number, 1) for name in own_places(one)] + [(name, number, 0) for name in linked_places(one)]
        connection.executemany("insert into proofs(place, account, own) values (?, ?, ?)", rows)
        connection.execute(_FORGET, (number,))
        partners = accounts_of(connection, {other for (other,) in connection.execute(_PARTNERS, (number,))})
        found = [(number, other, how) for other, account in partners.items() if (how := proof(one, account))]
        both = [*found, *((other, number, how) for _, other, how in found)]
        connection.executemany("insert or replace into proved(account, other, proof) values (?, ?, ?)", both)


def proved(connection: Connection) -> list[tuple[int, int, Proof]]:
    """List the pairs of accounts that prove each other, with how."""
    return connection.execute("select account, other, proof from proved where account < other").fetchall()


def write(connection: Connection, person: int, ties: Iterable[Tie], circles: Iterable[str]) -> None:
    """Put a person's ties and circles in the place of those that stand there."""
    for table in ("ties", "circles"):
        connection.execute(f"delete from {table} where person = ?", (person,))
    rows = [(tie.platform, tie.name, person, tie.proof) for tie in ties]
    connection.executemany("insert or replace into ties(platform, name, person, proof) values (?, ?, ?, ?)", rows)
    named = [(person, circle) for circle in dict.fromkeys(circles)]
    connection.executemany("insert or ignore into circles(person, circle) values (?, ?)", named)


def read(connection: Connection) -> Mapping[int, tuple[list[Tie], list[str]]]:
    """Give the ties and circles of each person, in the order of their names."""
    found: dict[int, tuple[list[Tie], list[str]]] = {}
    for person, *tie in connection.execute("select person, platform, name, proof from ties order by platform, name"):
        found.setdefault(person, ([], []))[0].append(Tie(*tie))
    for person, circle in connection.execute("select person, circle from circles order by person, circle"):
        found.setdefault(person, ([], []))[1].append(circle)
    return found
