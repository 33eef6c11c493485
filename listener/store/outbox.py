"""The outbox: alerts from their birth beside their post to a channel's yes, with a lease on each try (R3).

An alert is `sending` only while somebody holds its lease, under the key of its message. Whoever finds a lease that ran
out knows nothing of how that try ended: the alert becomes `unknown`, and goes again as a possible repeat.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from sqlite3 import Connection
from typing import Final

from listener import grouping
from listener.alerts import TRIES, AlertQuery, AlertRow, Claimed, Delivery, Outcome, State, Terms, Verb, after
from listener.grouping import HOUR, House, Parcel, Recent
from listener.store.books import Books
from listener.store.rows import Row, moment, ms, optional_moment

MOST: Final = 20_000
"""Most alerts of one message; what is over comes with the next."""
_GIVEN: Final = "(select value from json_each(?))"
_COLUMNS: Final = (
    "a.id, a.rule, a.post, a.channel, a.occasion, a.state, a.priority, a.reason, a.at, a.due_at, a.tries, a.message,"
    " a.sent_at, a.error, a.repeat, r.name,"
    " a.state = 'waiting' and a.token is 'by hand' from alerts a left join rules r on r.id = a.rule"
)
_INSERT: Final = (
    "insert into alerts(rule, post, channel, occasion, state, priority, reason, at, due_at)"
    " values (?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict do nothing"
)
_CHANNELS: Final = "select distinct channel from alerts where due_at <= ? order by channel"
_LOST: Final = (
    "update alerts set state = 'unknown', repeat = repeat + 1, token = null, lease_until = null,"
    f" due_at = iif(tries < {TRIES}, ?1, null), error = 'the program stopped while it was sent'"
    " where channel = ?2 and state = 'sending' and due_at <= ?1 returning message"
)
_DUE: Final = f"select {_COLUMNS} where a.channel = ? and a.due_at <= ? order by a.priority desc, a.id desc limit ?"
_RECENT: Final = (
    "select rule, message, max(sent_at) from alerts where channel = ?1 and sent_at > ?2 group by rule, message"
    " union all select distinct rule, message, ?3 from alerts where channel = ?1 and state = 'sending' and due_at > ?3"
)
_TAKE: Final = (
    "update alerts set state = 'sending', message = ?1, token = ?2, lease_until = ?3, due_at = ?3, tries = tries + 1"
    " where id in (select value from json_each(?4))"
)
_WAIT: Final = "update alerts set due_at = ?, state = iif(state = 'waiting', 'held', state) where id = ?"
_DROP: Final = "update alerts set state = 'dropped', error = ?, due_at = null where id = ?"
_ENDED: Final = (
    "update alerts set state = ?, due_at = ?, sent_at = ?, error = ?, repeat = repeat + ?, token = null,"
    " lease_until = null where message = ? and (token = ? or (state = 'unknown' and ?))"
)
_DELIVERY: Final = (
    "insert into deliveries(message, channel, at, outcome, detail, alerts, took_ms) values (?, ?, ?, ?, ?, ?, ?)"
)
_HOLD: Final = (
    "update alerts set state = 'held', due_at = null, token = null, message = null"
    f" where id in {_GIVEN} and state in ('waiting', 'held', 'failed', 'unknown')"
)
_RELEASE: Final = (
    f"update alerts set state = 'waiting', due_at = ?, token = 'by hand' where id in {_GIVEN} and state = 'held'"
)
_RESEND: Final = (
    "update alerts set state = 'waiting', due_at = ?, token = 'by hand', message = null, tries = 0, sent_at = null,"
    " error = null,"
    f" repeat = iif(state = 'unknown', repeat, 0) where id in {_GIVEN} and state not in ('waiting', 'sending')"
    " and (post = 0 or exists (select 1 from posts p where p.id = post and p.deleted_at is null))"
    " and not exists (select 1 from rules r where r.id = rule and r.removed = 1)"
)


def insert(connection: Connection, rows: Iterable[AlertRow]) -> int:
    """Keep new alerts, inside the transaction of their posts; give how many. One that is there stays as it is."""
    before = connection.total_changes
    connection.executemany(
        _INSERT,
        [
            (
                *(row.rule, row.post, row.channel, row.occasion, row.state, row.priority, row.reason, ms(row.at)),
                ms(row.due_at) if row.due_at else None,
            )
            for row in rows
        ],
    )
    return connection.total_changes - before


def drop(connection: Connection, rule: int, why: str) -> int:
    """Drop all alerts of a rule that are not sent; give how many."""
    sql = (
        "update alerts set state = 'dropped', due_at = null, error = ? where rule = ?"
        " and state in ('waiting', 'held', 'failed', 'unknown')"
    )
    return connection.execute(sql, (why, rule)).rowcount


class Outbox(Books):
    """The part of `SqliteStore` that holds alerts. Each method is one transaction, synchronous to the disk."""

    def channels_due(self, now: datetime) -> list[str]:
        """Name the channels that something is due on, or whose last try nobody ended."""
        with self._connections.reading() as connection:
            return [channel for (channel,) in connection.execute(_CHANNELS, (ms(now),))]

    def claim_alerts(
        self, channel: str, now: datetime, *, token: str, lease_s: float, terms: Mapping[int, Terms], house: House
    ) -> Claimed | None:
        """Take the next message of a channel; see the protocol."""
        with self._connections.writing(durable=True) as connection:
            _recover(connection, channel, now)
            due = [_row(found) for found in connection.execute(_DUE, (channel, ms(now), MOST))]
            if not due:
                return None
            planned = grouping.plan(due, _recent(connection, channel, now, terms), now, terms, house)
            connection.executemany(_WAIT, [(ms(until), number) for number, until in planned.holds.items()])
            connection.executemany(_DROP, [(why, number) for number, why in planned.drops.items()])
            if not planned.parcels:
                return None
            return _take(connection, planned.parcels[0], token, now + timedelta(seconds=lease_s))

    def finish_alerts(
        self, claimed: Claimed, token: str, outcome: Outcome, now: datetime, *, took_ms: int = 0
    ) -> State | None:
        """Write down how a try ended; see the protocol."""
        tries, repeat = (max(values) for values in zip(*((r.tries, r.repeat) for r in claimed.alerts), strict=True))
        then = after(outcome, tries, repeat, now)
        sent, error = (ms(now), None) if then.state == "sent" else (None, outcome.detail or outcome.kind)
        due = None if then.due_at is None else ms(then.due_at)
        unknown = outcome.kind == "unknown"
        with self._connections.writing(durable=True) as connection:
            values = (then.state, due, sent, error, unknown, claimed.key, token, then.state == "sent")
            ended = connection.execute(_ENDED, values).rowcount
            _log(connection, claimed.key, claimed.alerts[0].channel, now, (outcome, len(claimed.alerts), took_ms))
        return then.state if ended else None

    def alerts(self, query: AlertQuery) -> list[AlertRow]:
        """List alerts, newest first."""
        wanted = {"a.state = ?": query.state, "a.rule = ?": query.rule, "a.channel = ?": query.channel}
        where = [name for name, value in wanted.items() if value is not None] or ["true"]
        values = [value for value in wanted.values() if value is not None]
        sql = f"select {_COLUMNS} where {' and '.join(where)} order by a.at desc, a.id desc limit ?"
        with self._connections.reading() as connection:
            return [_row(found) for found in connection.execute(sql, (*values, query.limit))]

    def alert_counts(self) -> dict[State, int]:
        """Count alerts by state."""
        with self._connections.reading() as connection:
            return dict(connection.execute("select state, count(*) from alerts group by state").fetchall())

    def change_alerts(self, ids: Collection[int], verb: Verb, now: datetime) -> int:
        """Hold, release or send again; see the protocol."""
        given = json.dumps(list(ids))
        with self._connections.writing(durable=True) as connection:
            if verb == "hold":
                return connection.execute(_HOLD, (given,)).rowcount
            return connection.execute(_RELEASE if verb == "release" else _RESEND, (ms(now), given)).rowcount

    def deliveries(self, channel: str | None = None, limit: int = 50) -> list[Delivery]:
        """List what channels answered, newest first."""
        sql = (
            "select message, channel, at, outcome, detail, alerts, took_ms from deliveries"
            " where ?1 is null or channel = ?1 order by at desc, id desc limit ?2"
        )
        with self._connections.reading() as connection:
            found = connection.execute(sql, (channel, limit)).fetchall()
        return [Delivery(key, name, moment(at), *rest) for key, name, at, *rest in found]

    def log_delivery(self, key: str, channel: str, outcome: Outcome, now: datetime, *, took_ms: int) -> None:
        """Write down a channel's answer to what is no alert: a test, a briefing."""
        with self._connections.writing(durable=True) as connection:
            _log(connection, key, channel, now, (outcome, 0, took_ms))


def _recover(connection: Connection, channel: str, now: datetime) -> None:
    lost = [key for (key,) in connection.execute(_LOST, (ms(now), channel)).fetchall()]
    for key in dict.fromkeys(lost):
        outcome = Outcome("unknown", "the program stopped while it was sent")
        _log(connection, key, channel, now, (outcome, lost.count(key), None))


def _recent(connection: Connection, channel: str, now: datetime, terms: Mapping[int, Terms]) -> list[Recent]:
    longest = max(HOUR, *(timedelta(seconds=one.cooldown_s) for one in terms.values()), HOUR)
    found = connection.execute(_RECENT, (channel, ms(now - longest), ms(now)))
    return [Recent(rule, moment(at), key or "") for rule, key, at in found]


def _take(connection: Connection, parcel: Parcel, token: str, until: datetime) -> Claimed:
    key = parcel.key or token
    connection.execute(_TAKE, (key, token, ms(until), json.dumps([row.id for row in parcel.alerts])))
    taken = (
        replace(row, state="sending", message=key, due_at=until, tries=row.tries + 1, error=None)
        for row in parcel.alerts
    )
    return Claimed(key, parcel.kind, tuple(taken))


def _log(
    connection: Connection, key: str, channel: str, now: datetime, answer: tuple[Outcome, int, int | None]
) -> None:
    outcome, count, took_ms = answer
    values = (key, channel, ms(now), outcome.kind, outcome.detail or None, count, took_ms)
    connection.execute(_DELIVERY, values)


def _row(found: Row) -> AlertRow:
    (
        number,
        rule,
        post,
        channel,
        occasion,
        state,
        priority,
        reason,
        at,
        due,
        tries,
        message,
        sent,
        error,
        repeat,
        name,
        by_hand,
    ) = found
    return AlertRow(
        rule,
        post,
        channel,
        reason,
        moment(at),
        occasion,
        priority,
        state,
        optional_moment(due),
        tries,
        message,
        optional_moment(sent),
        error,
        repeat,
        number,
        name or f"rule {rule}",
        bool(by_hand),
    )
