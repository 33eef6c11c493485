"""What is wrong and whether the user has been told: one message an outage, one at recovery (R19)."""

from collections.abc import Sequence
from datetime import datetime
from sqlite3 import Connection
from typing import Final

from listener.health import Outage
from listener.store import OutageRow
from listener.store.rows import moment, ms

KEPT_MS: Final = 90 * 86_400_000
"""How long outages that are over stay to be looked at."""


def list_open(connection: Connection) -> list[OutageRow]:
    """List what is wrong now, oldest first."""
    sql = "select subject, since, text from outages where ended is null order by since, subject"
    return [OutageRow(subject, moment(since), text) for subject, since, text in connection.execute(sql)]


def save(connection: Connection, begun: Sequence[Outage], ended: Sequence[str], now: datetime) -> None:
    """Write what began and what is over; one that is open already stays as it is."""
    today = ms(now)
    sql = "insert into outages(subject, since, text) values (?, ?, ?) on conflict do nothing"
    connection.executemany(sql, [(outage.subject, today, outage.text) for outage in begun])
    over = "update outages set ended = ? where subject = ? and ended is null"
    connection.executemany(over, [(today, subject) for subject in ended])
    connection.execute("delete from outages where ended < ?", (today - KEPT_MS,))
