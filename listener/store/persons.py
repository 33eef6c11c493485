"""People in the SQLite engine: persons with their accounts and circles. Each method is one transaction."""

import json
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from sqlite3 import Connection

from listener.errors import StoreError
from listener.people import People, Person, unlinkable
from listener.store import ties
from listener.store.books import Books
from listener.store.rows import moment, ms
from listener.types import Account

MayLink = Callable[[Account], bool]


class Persons(Books):
    """The part of `SqliteStore` that knows who is who."""

    def save_person(self, person: Person, now: datetime) -> Person:
        """Keep a person whole; see the protocol."""
        with self._connections.writing(durable=True) as connection:
            number = _save(connection, person, ms(now))
            return next(one for one in _persons(connection) if one.id == number)

    def configure_people(self, persons: Sequence[Person], now: datetime) -> None:
        """Bring the configuration's people in; see the protocol."""
        with self._connections.writing(durable=True) as connection:
            known = {one.name.lower(): one for one in _persons(connection)}
            names = {person.name.lower() for person in persons}
            for name, one in known.items():
                if one.from_config and name not in names:
                    _remove(connection, one.id)
            for person in persons:
                for tie in person.ties:
                    connection.execute("delete from ties where platform = ? and name = ?", (tie.platform, tie.name))
                number = known[person.name.lower()].id if person.name.lower() in known else 0
                _save(connection, Person(person.name, person.circles, person.ties, person.is_me, True, number), ms(now))

    def remove_person(self, person_id: int) -> None:
        """Forget a person; their accounts and posts stay."""
        with self._connections.writing(durable=True) as connection:
            _remove(connection, person_id)

    def persons(self) -> list[Person]:
        """List all persons, by name."""
        with self._connections.reading() as connection:
            return _persons(connection)

    def people(self, may_link: MayLink | None = None) -> People:
        """Tell who is who; see the protocol."""
        with self._connections.reading() as connection:
            persons, accounts = _persons(connection), ties.tied(connection)
            follows: dict[int, set[str]] = {}
            for account, circle in connection.execute("select account, circle from follows"):
                follows.setdefault(account, set()).add(circle)
            proved = [] if may_link is None else ties.proved(connection)
            known = ties.accounts_of(connection, {*accounts, *(number for pair in proved for number in pair[:2])})
        if may_link is not None:
            free = {number for number, account in known.items() if may_link(account)}
            proved = [pair for pair in proved if free.issuperset(pair[:2])]
            accounts = _allowed(persons, accounts, known, may_link)
        return People.of(persons, accounts, {account: frozenset(named) for account, named in follows.items()}, proved)

    def accounts(self, ids: Collection[int]) -> dict[int, Account]:
        """Read accounts by number; unknown ones are left out."""
        with self._connections.reading() as connection:
            return ties.accounts_of(connection, ids)

    def last_heard(self, accounts: Collection[int]) -> dict[int, datetime]:
        """Say when each account last said something that is here."""
        sql = (
            "select value, (select max(sort_at) from posts indexed by posts_account where account = value)"
            " from json_each(?)"
        )
        with self._connections.reading() as connection:
            found = connection.execute(sql, (json.dumps(list(accounts)),)).fetchall()
        return {account: moment(at) for account, at in found if at is not None}


def _save(connection: Connection, person: Person, now: int) -> int:
    same = connection.execute("select id, name from persons where name = ? collate nocase", (person.name,)).fetchall()
    if same and same[0][0] != person.id:
        raise StoreError(f"there is a person called {same[0][1]} already")
    _refuse_others(connection, person)
    number = person.id
    if number:
        sql = "update persons set name = ?, me = ?, from_config = ? where id = ?"
        if not connection.execute(sql, (person.name, person.is_me, person.from_config, number)).rowcount:
            raise StoreError(f"there is no person with the number {number}")
    else:
        sql = "insert into persons(name, me, from_config, at) values (?, ?, ?, ?)"
        number = connection.execute(sql, (person.name, person.is_me, person.from_config, now)).lastrowid or 0
    ties.write(connection, number, person.ties, person.circles)
    return number


def _refuse_others(connection: Connection, person: Person) -> None:
    sql = (
        "select p.name from ties t join persons p on p.id = t.person where t.platform = ? and t.name = ? and p.id <> ?"
    )
    for tie in person.ties:
        for (name,) in connection.execute(sql, (tie.platform, tie.name, person.id)).fetchall():
            raise StoreError(f"{tie.platform}:{tie.name} is {name}'s; untie it there first")


def _remove(connection: Connection, number: int) -> None:
    ties.write(connection, number, (), ())
    connection.execute("delete from persons where id = ?", (number,))


def _persons(connection: Connection) -> list[Person]:
    known = ties.read(connection)
    sql = "select id, name, me, from_config from persons order by name collate nocase"
    return [
        Person(name, tuple(circles), tuple(found), bool(me), bool(config), number)
        for number, name, me, config in connection.execute(sql).fetchall()
        for found, circles in [known.get(number, ([], []))]
    ]


def _allowed(
    persons: Sequence[Person], accounts: dict[int, int], known: dict[int, Account], may_link: MayLink
) -> dict[int, int]:
    """Leave out accounts that may not be tied to their person's others. The user's own need nobody's leave."""
    own: dict[int, list[Account]] = {}
    for number, whose in accounts.items():
        own.setdefault(whose, []).append(known[number])
    refused: set[tuple[int, Account]] = set()
    for person in persons:
        if not person.is_me:
            named = [Account(tie.platform, tie.name) for tie in person.ties]
            refused.update((person.id, one) for one in unlinkable([*named, *own.get(person.id, ())], may_link))
    return {number: whose for number, whose in accounts.items() if (whose, known[number]) not in refused}
