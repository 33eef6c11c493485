"""The ledger: money and units reserved before a call and settled after it, so that no crash spends unseen (R8)."""

from datetime import datetime
from sqlite3 import Connection
from typing import Final

from listener.budget import ROUNDING, Allowance, Spending, month_start
from listener.store.rows import ms, optional_moment

_SPENT: Final = (
    "select coalesce(sum(amount), 0), coalesce(sum(case when at >= ?3 then amount end), 0)"
    " from ledger where connector = ?1 and at >= ?2"
)
_STOPPED: Final = "select until from stops where connector = ? and until > ?"
_STOP: Final = (
    "insert into stops(connector, until) values (?, ?)"
    " on conflict(connector) do update set until = max(until, excluded.until)"
)


def reserve(connection: Connection, connector: str, amount: float, allowed: Allowance, now: datetime) -> int | None:
    """Take an amount out of what is allowed; None: it is not there, and nothing was taken."""
    if connection.execute(_STOPPED, (connector, ms(now))).fetchall():
        return None
    month, day = _spent(connection, connector, now)
    if month + amount > allowed.month + ROUNDING:
        return None
    if allowed.day is not None and day + amount > allowed.day + ROUNDING:
        return None
    return enter(connection, connector, amount, now)


def enter(connection: Connection, connector: str, amount: float, now: datetime) -> int:
    """Write down an amount; give its number."""
    sql = "insert into ledger(connector, at, amount, settled) values (?, ?, ?, 0)"
    number = connection.execute(sql, (connector, ms(now), amount)).lastrowid
    assert number is not None
    return number


def settle(connection: Connection, number: int, amount: float) -> None:
    """Put what a call really cost in the place of what was reserved for it."""
    connection.execute("update ledger set amount = ?, settled = 1 where id = ?", (amount, number))


def stop(connection: Connection, connector: str, until: datetime) -> None:
    """Reserve nothing for a connector before `until`: the platform says that its own cap is reached."""
    connection.execute(_STOP, (connector, ms(until)))


def spending(connection: Connection, now: datetime) -> list[Spending]:
    """List what each connector has spent, by name."""
    names = connection.execute("select connector from ledger union select connector from stops order by 1").fetchall()
    found = []
    for (name,) in names:
        month, day = _spent(connection, name, now)
        until = connection.execute(_STOPPED, (name, ms(now))).fetchall()
        found.append(Spending(name, day, month, optional_moment(until[0][0]) if until else None))
    return found


def _spent(connection: Connection, connector: str, now: datetime) -> tuple[float, float]:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    month, day = connection.execute(_SPENT, (connector, ms(month_start(now)), ms(midnight))).fetchone()
    return month, day
