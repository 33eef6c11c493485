"""What the SQLite engine keeps beside posts: money, quotas, outages, follows. Each method is one transaction."""

from collections.abc import Sequence
from datetime import datetime

from listener.budget import Allowance, Spending
from listener.health import Outage
from listener.store import OutageRow, QuotaRow, accounts, ledger, outages
from listener.store.connections import Connections
from listener.store.names import Names
from listener.store.rows import moment, ms, optional_moment
from listener.types import Account, Follow, Quota


class Books:
    """The half of `SqliteStore` that holds no posts."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._names = Names(connections)

    def reserve(self, connector: str, amount: float, allowed: Allowance, now: datetime) -> int | None:
        """Take an amount out of what is allowed; see the protocol."""
        with self._connections.writing(durable=True) as connection:
            return ledger.reserve(connection, connector, amount, allowed, now)

    def settle(self, reservation: int, amount: float) -> None:
        """Put what a call really cost in the place of what was reserved for it."""
        with self._connections.writing(durable=True) as connection:
            ledger.settle(connection, reservation, amount)

    def stop_spending(self, connector: str, until: datetime) -> None:
        """Reserve nothing for a connector before `until`."""
        with self._connections.writing(durable=True) as connection:
            ledger.stop(connection, connector, until)

    def spending(self, now: datetime) -> list[Spending]:
        """List what each connector has spent today and this month."""
        with self._connections.reading() as connection:
            return ledger.spending(connection, now)

    def quotas(self) -> list[QuotaRow]:
        """List what platforms last said is left of their quotas."""
        sql = "select connector, name, left, most, resets_at, seen_at from quotas order by connector, name"
        with self._connections.reading() as connection:
            found = connection.execute(sql).fetchall()
        return [
            QuotaRow(connector, Quota(name, left, most, optional_moment(resets)), moment(seen))
            for connector, name, left, most, resets, seen in found
        ]

    def outages(self) -> list[OutageRow]:
        """List what is wrong now, oldest first."""
        with self._connections.reading() as connection:
            return outages.list_open(connection)

    def save_outages(self, begun: Sequence[Outage], ended: Sequence[str], now: datetime) -> None:
        """Write down what began and which subjects are over."""
        with self._connections.writing(durable=True) as connection:
            outages.save(connection, begun, ended, now)

    def fill_gap(self, gap_id: int) -> None:
        """Forget a gap."""
        with self._connections.writing(durable=False) as connection:
            connection.execute("delete from gaps where id = ?", (gap_id,))

    def save_follows(self, follows: Sequence[Follow], now: datetime) -> int:
        """Keep whom the user follows; give how many were not known."""
        numbers = self._names.numbers({follow.account.platform for follow in follows})
        with self._connections.writing(durable=True) as connection:
            ids = accounts.save(connection, (follow.account for follow in follows), numbers)
            before = connection.total_changes
            connection.executemany(
                "insert into follows(account, circle, at) values (?, ?, ?) on conflict do nothing",
                [(ids[f.account.platform, f.account.native_id], f.circle or "", ms(now)) for f in follows],
            )
            return connection.total_changes - before

    def follows(self) -> list[tuple[Account, str]]:
        """List whom the user follows with the circle, by platform and handle."""
        sql = (
            "select n.name, a.native_id, a.handle, a.name, a.url, a.followers, a.is_bot, a.opted_out, f.circle"
            " from follows f join accounts a on a.id = f.account join names n on n.id = a.platform"
            " order by n.name, coalesce(a.handle, a.native_id), f.circle"
        )
        with self._connections.reading() as connection:
            found = connection.execute(sql).fetchall()
        return [
            (Account(*who, *(None if told is None else bool(told) for told in (bot, out))), circle)
            for *who, bot, out, circle in found
        ]
