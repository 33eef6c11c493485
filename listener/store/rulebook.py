"""Rules and mutes, and alerts as they are born. Each method of `Rulebook` is one transaction."""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from sqlite3 import Connection
from typing import Final

from listener import query as queries
from listener.alerts import AlertRow
from listener.errors import ConfigError, QueryError, StoreError
from listener.rules import SOURCES, Mute, Rule, RuleRow, Source, as_json, of_json
from listener.store import Given, Key, outbox, querying
from listener.store.books import Books
from listener.store.rows import Row, moment, ms, optional_moment
from listener.types import Born, Turn, Watch

log = logging.getLogger(__name__)

CHANGED: Final = "rules_changed"
"""The store's note of when rules or mutes changed last: a count."""
_RULES: Final = "select id, body, paused, from_config, at from rules where removed = 0 order by id"
_NAMED: Final = "select id, from_config, body from rules where name = ? collate nocase and removed = 0"
_REMOVED: Final = "select 1 from rules where name = ? collate nocase and removed = 1 and from_config = ?"
_ADD: Final = "insert into rules(name, body, paused, from_config, removed, at) values (?, ?, 0, ?, 0, ?)"
_CHANGE: Final = "update rules set name = ?, body = ?, from_config = ?, at = ? where id = ?"
_BUMP: Final = (
    "insert into meta(name, value) values (?, '1') on conflict do update set value = cast(value as integer) + 1"
)
_HEARD: Final = (
    "select 1 from posts me join posts p on p.account = me.account and p.id <> me.id join alerts a on a.post = p.id"
    " where me.id = ? and me.account is not null limit 1"
)
_EDITED: Final = (
    "select id, first_seen_at from posts where id in (select value from json_each(?)) and arrival = 0"
    " and deleted_at is null"
)
_ABOUT: Final = (
    "select a.rule, a.post, a.channel, a.reason, a.at, a.occasion, a.priority, a.state, a.due_at, a.tries, a.message,"
    " a.sent_at, a.error, a.repeat, a.id, coalesce(r.name, '') from alerts a left join rules r on r.id = a.rule"
)
_SENT: Final = (
    "select min(sent_at) from alerts where rule = ? and at >= ? and sent_at is not null and sent_at < ?"
    " group by coalesce(message, id) order by 1"
)


class Rulebook(Books):
    """The part of `SqliteStore` that holds rules and mutes."""

    def rules(self) -> list[RuleRow]:
        """List all rules, oldest first."""
        with self._connections.reading() as connection:
            found = connection.execute(_RULES).fetchall()
        return [row for row in map(_row, found) if row is not None]

    def rules_mark(self) -> str:
        """Give a text that is another one whenever rules or mutes changed; costs next to nothing."""
        with self._connections.reading() as connection:
            found = connection.execute("select value from meta where name = ?", (CHANGED,)).fetchall()
        return found[0][0] if found else ""

    def add_rule(self, rule: Rule, now: datetime) -> RuleRow:
        """Keep a new rule; StoreError where its name is taken."""
        with self._changing() as connection:
            if connection.execute(_NAMED, (rule.name,)).fetchall():
                raise StoreError(f"there is a rule called {rule.name} already; `listener rules edit` changes it")
            added = connection.execute(_ADD, (rule.name, _body(rule), 0, ms(now))).lastrowid
        return RuleRow(added or 0, rule, now)

    def change_rule(self, number: int, rule: Rule, now: datetime) -> RuleRow:
        """Put another rule in a rule's place; from now on it is the user's, and only what comes later alerts."""
        with self._changing() as connection:
            if any(found[0] != number for found in connection.execute(_NAMED, (rule.name,)).fetchall()):
                raise StoreError(f"there is another rule called {rule.name}")
            connection.execute(_CHANGE, (rule.name, _body(rule), SOURCES.index("command"), ms(now), number))
        return next(row for row in self.rules() if row.id == number)

    def pause_rule(self, number: int, *, paused: bool) -> None:
        """Let a rule rest, or wake it; what came meanwhile makes no alerts."""
        with self._changing() as connection:
            connection.execute("update rules set paused = ? where id = ?", (int(paused), number))

    def remove_rule(self, number: int) -> None:
        """Take a rule away for good; its alerts stay in the log, those that wait are never sent."""
        with self._changing() as connection:
            _remove(connection, [number])

    def sync_rules(self, wanted: Sequence[tuple[Rule, Source]], now: datetime) -> None:
        """Make the rules of the configuration, and the built-in ones, what they are to be.

        Those that left are removed. A built-in one that the user changed or removed stays so.
        """
        with self._changing() as connection:
            kept = [_synced(connection, rule, source, ms(now)) for rule, source in wanted]
            theirs = connection.execute("select id from rules where from_config <> 0 and removed = 0").fetchall()
            _remove(connection, [number for (number,) in theirs if number not in kept])

    # mutes

    def mutes(self) -> list[Mute]:
        """List all mutes, by kind and value."""
        with self._connections.reading() as connection:
            found = connection.execute("select kind, value from mutes order by kind, value").fetchall()
        return [Mute(kind, value) for kind, value in found]

    def mute(self, mute: Mute, now: datetime) -> bool:
        """Keep a mute; False: it was there."""
        with self._changing() as connection:
            sql = "insert or ignore into mutes(kind, value, at) values (?, ?, ?)"
            return connection.execute(sql, (mute.kind, mute.value, ms(now))).rowcount > 0

    def unmute(self, mute: Mute) -> bool:
        """Take a mute back; False: there was none."""
        with self._changing() as connection:
            sql = "delete from mutes where kind = ? and value = ?"
            return connection.execute(sql, (mute.kind, mute.value)).rowcount > 0

    # alerts

    def alerts_about(self, post: int) -> list[AlertRow]:
        """List the alerts about a post, oldest first."""
        with self._connections.reading() as connection:
            return [_alert(row) for row in connection.execute(f"{_ABOUT} where a.post = ? order by a.id", (post,))]

    def messages_of(self, rule: int, since: datetime, until: datetime) -> list[datetime]:
        """List when messages of a rule went out before `until`, of alerts born since."""
        with self._connections.reading() as connection:
            return [moment(at) for (at,) in connection.execute(_SENT, (rule, ms(since), ms(until)))]

    def raise_alert(self, watch: Watch, occasion: str, born: Born, now: datetime, rests_s: float) -> bool:
        """Keep an alert about a volume or a silence, once for each occasion, and not within `rests_s` of the last.

        False: it was told already.
        """
        with self._connections.writing(durable=True) as connection:
            lately = "select 1 from alerts where rule = ? and post = 0 and at > ? limit 1"
            if connection.execute(lately, (watch.rule, ms(now) - round(rests_s * 1000))).fetchall():
                return False
            rows = _alerts(watch, {0: born}, now, occasion)
            return outbox.insert(connection, rows) > 0

    @contextmanager
    def _changing(self) -> Iterator[Connection]:
        """Open a transaction that other programs notice: it moves the mark."""
        with self._connections.writing(durable=True) as connection:
            connection.execute(_BUMP, (CHANGED,))
            yield connection


def bear(connection: Connection, turn: Turn, new: Mapping[Key, int], edited: Mapping[Key, int]) -> int:
    """Insert the alerts of a turn's posts, inside its transaction; give how many.

    An edited post alerts where it matches now, no alert of the rule was about it before, it came as news, and it came
    after the rule was made: a question that is edited into a lead is told, a corrected comma is not told twice.
    """
    count = 0
    young = _young(connection, edited) if turn.watches and edited else {}
    for watch in turn.watches:
        since = ms(watch.since)
        asked = {new[key]: key for key in watch.born if key in new}
        asked |= {edited[key]: key for key in watch.born if key in edited and young.get(edited[key], -1) >= since}
        if asked:
            found = {post: watch.born[asked[post]] for post in _matching(connection, watch, turn.now, list(asked))}
            count += outbox.insert(connection, _alerts(watch, _said(connection, found), turn.now))
    return count


def _matching(connection: Connection, watch: Watch, now: datetime, posts: Sequence[int]) -> Sequence[int]:
    if not watch.query.strip():
        return posts
    given = Given(now, watch.zone, watch.thresholds)
    return querying.matching(connection, _parsed(watch.query), given, posts)


_parsed = lru_cache(maxsize=500)(queries.parse)


def _young(connection: Connection, edited: Mapping[Key, int]) -> dict[int, int]:
    found = connection.execute(_EDITED, (json.dumps(list(edited.values())),)).fetchall()
    return dict(found)


def _said(connection: Connection, found: Mapping[int, Born]) -> dict[int, Born]:
    """Give what alerts say, the oldest post first, by whether their authors were heard of before."""
    said = {}
    for post, born in sorted(found.items(), key=lambda one: one[0]):
        first = born.first_reason
        is_first = first is not None and not connection.execute(_HEARD, (post,)).fetchall()
        said[post] = replace(born, reason=first or born.reason) if is_first else born
    return said


def _alerts(watch: Watch, said: Mapping[int, Born], now: datetime, occasion: str = "") -> list[AlertRow]:
    return [
        AlertRow(watch.rule, post, channel, born.reason, now, occasion, priority=born.priority, due_at=watch.due_at)
        for post, born in said.items()
        for channel in watch.channels
    ]


def _remove(connection: Connection, numbers: Sequence[int]) -> None:
    for number in numbers:
        connection.execute("update rules set removed = 1 where id = ?", (number,))
        outbox.drop(connection, number, "its rule was removed")


def _synced(connection: Connection, rule: Rule, source: Source, now: int) -> int | None:
    """Keep one wanted rule; give its number, None where the user did not want it."""
    number_of_source = SOURCES.index(source)
    found: list[Row] = connection.execute(_NAMED, (rule.name,)).fetchall()
    if not found:
        if source == "built in" and connection.execute(_REMOVED, (rule.name, number_of_source)).fetchall():
            return None
        return connection.execute(_ADD, (rule.name, _body(rule), number_of_source, now)).lastrowid
    number, had, body = found[0]
    mine = source == "built in" and had != number_of_source
    if not mine and (had, body) != (number_of_source, _body(rule)):
        connection.execute(_CHANGE, (rule.name, _body(rule), number_of_source, now, number))
    return int(number)


def _body(rule: Rule) -> str:
    return json.dumps(as_json(rule), ensure_ascii=False, sort_keys=True)


def _row(found: Row) -> RuleRow | None:
    """Read a rule; None: another version wrote it and means something by it that this one does not know."""
    number, body, paused, source, at = found
    try:
        return RuleRow(number, of_json(json.loads(body)), moment(at), SOURCES[source], bool(paused))
    except (ConfigError, QueryError) as error:
        log.warning("rule %d rests: %s", number, error)
        return None


def _alert(row: Row) -> AlertRow:
    rule, post, channel, reason, at, occasion, priority, state, due, tries, message, sent, *rest = row
    times = optional_moment(due), tries, message, optional_moment(sent)
    return AlertRow(rule, post, channel, reason, moment(at), occasion, priority, state, *times, *rest)
