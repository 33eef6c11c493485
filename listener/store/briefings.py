"""Briefings that were made, and who sends them: one for each local date and circle, each method one transaction."""

import zlib
from collections.abc import Collection
from datetime import date, datetime, timedelta
from sqlite3 import Connection
from typing import Final

from listener.store import BriefingState, KeptBriefing, Told, told
from listener.store.books import Books
from listener.store.rows import Row, moment, ms, optional_moment

FAR: Final = timedelta(days=1)
"""A retry that is further away than this waits for a clock that was set back."""

_COLUMNS: Final = "id, date, circle, at, since, state, token, lease_until, tries, next_try, sent_at, error, repeat"
_INSERT: Final = (
    "insert into briefings(date, circle, at, since, state, body) values (?, ?, ?, ?, ?, ?) on conflict do nothing"
)
_FOLD: Final = (
    "update briefings set state = 'folded' where circle = ? and date < ?"
    " and (state in ('waiting', 'failed') or state = 'claimed' and lease_until <= ?)"
)
_LISTED: Final = f"select {_COLUMNS} from briefings where ?1 is null or circle = ?1 order by date desc, circle limit ?2"
_ONE: Final = f"select {_COLUMNS}, body from briefings where date = ? and circle = ?"
_CLAIM: Final = (
    "update briefings set state = 'claimed', token = ?, lease_until = ?, tries = tries + 1, repeat = ?, next_try = null"
    " where id = ?"
)
_BEGIN: Final = (
    "update briefings set state = 'sending', lease_until = ? where id = ? and token = ? and state = 'claimed'"
)
_FINISH: Final = (
    "update briefings set state = ?, error = ?, next_try = ?, token = null, lease_until = null,"
    " sent_at = case when ? = 'sent' then ? else sent_at end"
    " where id = ? and token = ? and state in ('claimed', 'sending')"
)


class Briefings(Books):
    """The part of `SqliteStore` that holds the briefings."""

    def save_briefing(self, made: KeptBriefing, shown: Collection[tuple[int, str, int]] = ()) -> KeptBriefing | None:
        """Keep a briefing and what it showed; see the protocol."""
        row = (made.date.isoformat(), made.circle, ms(made.at), ms(made.since), made.state, told.packed(made.body))
        with self._connections.writing(durable=True) as connection:
            if not connection.execute(_INSERT, row).rowcount:
                return None
            kept = _read(connection, made.date, made.circle)
            if kept is not None:
                told.save(connection, kept.id, shown)
            connection.execute(_FOLD, (made.circle, made.date.isoformat(), ms(made.at)))
            return kept

    def briefing(self, on: date, circle: str = "") -> KeptBriefing | None:
        """Find the briefing of a local date; None: none was made."""
        with self._connections.reading() as connection:
            return _read(connection, on, circle)

    def briefings(self, limit: int, circle: str | None = None) -> list[KeptBriefing]:
        """List briefings without their bodies, newest date first."""
        with self._connections.reading() as connection:
            return [_kept(row) for row in connection.execute(_LISTED, (circle, limit)).fetchall()]

    def told_since(self, since: datetime) -> dict[int, Told]:
        """Give each story today that reached the user since: when last, and how many people it had then."""
        with self._connections.reading() as connection:
            return {story: Told(moment(at), people) for story, at, people in told.since(connection, ms(since))}

    def claim_briefing(
        self,
        on: date,
        circle: str,
        *,
        token: str,
        now: datetime,
        lease_s: float,
        by_hand: bool = False,
        again: bool = False,
        dead: str | None = None,
    ) -> KeptBriefing | None:
        """Take a briefing to send it; see the protocol."""
        lease = timedelta(seconds=lease_s)
        with self._connections.writing(durable=True) as connection:
            kept = _read(connection, on, circle)
            if kept is None:
                return None
            state = _state(kept, now, lease, dead)
            if _is_free(kept, state, now, by_hand=by_hand, again=again):
                repeat = kept.repeat + (state == "unknown")
                connection.execute(_CLAIM, (token, ms(now + lease), repeat, kept.id))
                return _read(connection, on, circle)
            if state != kept.state:
                connection.execute("update briefings set state = ?, token = null where id = ?", (state, kept.id))
            return None

    def begin_sending(self, briefing_id: int, token: str, until: datetime) -> bool:
        """Note that from now on it may have left; False: somebody else has it, and it must not be sent."""
        with self._connections.writing(durable=True) as connection:
            return connection.execute(_BEGIN, (ms(until), briefing_id, token)).rowcount == 1

    def finish_briefing(
        self,
        briefing_id: int,
        token: str,
        outcome: BriefingState,
        now: datetime,
        *,
        error: str | None = None,
        next_try: datetime | None = None,
    ) -> bool:
        """Keep how sending ended; False: somebody else has it, and nothing was kept."""
        again = None if next_try is None else ms(next_try)
        values = (outcome, error, again, outcome, ms(now), briefing_id, token)
        with self._connections.writing(durable=True) as connection:
            return connection.execute(_FINISH, values).rowcount == 1


def _state(kept: KeptBriefing, now: datetime, lease: timedelta, dead: str | None) -> BriefingState:
    """Give the state, once what a dead or vanished sender left is told apart: not sent yet, or nobody knows."""
    if kept.state not in ("claimed", "sending"):
        return kept.state
    # A lease that ends too far away was given before the clock was set back.
    holds = kept.lease_until is not None and now < kept.lease_until <= now + 2 * lease
    if holds and kept.token != dead:
        return kept.state
    return "waiting" if kept.state == "claimed" else "unknown"


def _is_free(kept: KeptBriefing, state: BriefingState, now: datetime, *, by_hand: bool, again: bool) -> bool:
    if state == "failed":
        return by_hand or kept.next_try is None or not now < kept.next_try <= now + FAR
    if state == "unknown":
        return again or kept.repeat == 0
    if state == "sent":
        return again
    return state == "waiting" or (by_hand and state in ("made", "refused", "folded"))


def _read(connection: Connection, on: date, circle: str) -> KeptBriefing | None:
    found = connection.execute(_ONE, (on.isoformat(), circle)).fetchall()
    return _kept(found[0]) if found else None


def _kept(row: Row) -> KeptBriefing:
    number, on, circle, at, since, state, token, lease, tries, next_try, sent_at, error, repeat, *body = row
    return KeptBriefing(
        date=date.fromisoformat(on),
        circle=circle,
        at=moment(at),
        since=moment(since),
        body=zlib.decompress(body[0]).decode() if body else "",
        state=state,
        tries=tries,
        repeat=repeat,
        next_try=optional_moment(next_try),
        sent_at=optional_moment(sent_at),
        error=error,
        token=token,
        lease_until=optional_moment(lease),
        id=number,
    )
