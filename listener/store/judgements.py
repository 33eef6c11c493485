"""What is thought of posts: the user's thumbs, relevance to goals, the judge's opinions, the audit's looks, heads.

Each method of `Judgements` is one transaction.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from sqlite3 import Connection
from typing import Final

from listener.errors import StoreError
from listener.store import Look, Rescored
from listener.store.books import Books
from listener.store.rows import ARCHIVE, SCALE, THUMB_DOWN, THUMB_UP, Row, moment, ms, scored
from listener.types import LABELS, Label, Opinion

GOAL: Final = "goal:"
"""A thumb on a goal stands among the others, under the goal's name with this before it."""
_GIVEN: Final = "(select value from json_each(?))"

_RELATE: Final = "insert or replace into relevance(post, goal, score) values (?, ?, ?)"
_THUMB: Final = "insert or replace into thumbs(post, label, value, at, score) values (?, ?, ?, ?, ?)"
_RETURNED: Final = (
    f"insert or replace into relevance(post, goal, score) select t.post, n.id, iif(t.value, {THUMB_UP}, {THUMB_DOWN})"
    " from names n join thumbs t on t.label = 'goal:' || n.name join posts p on p.id = t.post"
    f" where n.id in {_GIVEN} and p.deleted_at is null"
)
_OPINION: Final = (
    "insert or replace into opinions(post, model, at, lead, question, news, before, reason)"
    " values (?, ?, ?, ?, ?, ?, ?, ?)"
)
_LOOK: Final = (
    "insert into looks(label, at, post, score, stratum, size, expected, odds) values (?, ?, ?, ?, ?, ?, ?, ?)"
)
_SCORES: Final = (
    "select p.id, case when t.post is null then p.{0} else t.score end, t.value"
    " from posts p indexed by posts_arrived left join thumbs t on t.post = p.id and t.label = ?"
    f" where p.first_seen_at >= ? and p.arrival <> {ARCHIVE} and p.deleted_at is null and p.{{0}} is not null"
)


class Judgements(Books):
    """The part of `SqliteStore` that holds what is thought of posts."""

    # the user's own words

    def label_post(self, post_id: int, label: Label, value: bool | None, now: datetime) -> None:
        """Keep a thumb for ever (None takes it back); synchronous to the disk."""
        if label not in LABELS:
            raise StoreError(f"no label is called {label}; there are: {', '.join(LABELS)}")
        with self._connections.writing(durable=True) as connection:
            _label(connection, post_id, label, value, ms(now))

    def label_goal(self, post_id: int, goal: str, value: bool | None, now: datetime) -> None:
        """Keep a thumb on a goal for ever (None takes it back); synchronous to the disk."""
        number = self._names.numbers({goal})[goal]
        with self._connections.writing(durable=True) as connection:
            _label_goal(connection, post_id, (goal, number), value, ms(now))

    def thumbs(self) -> list[tuple[int, Label, bool, datetime]]:
        """List all thumbs on labels, oldest first."""
        return [(post, label, value, at) for post, label, value, at in self._thumbs() if label in LABELS]

    def goal_thumbs(self) -> list[tuple[int, str, bool, datetime]]:
        """List all thumbs on goals, oldest first."""
        found = self._thumbs()
        return [(post, name.removeprefix(GOAL), value, at) for post, name, value, at in found if name.startswith(GOAL)]

    def thumb_scores(self, label: Label) -> list[tuple[float, bool]]:
        """List what the model had said of each post with a thumb on a label, and what the user says."""
        sql = "select score, value from thumbs where label = ? and score is not null order by at, post"
        with self._connections.reading() as connection:
            return [(score / SCALE, bool(value)) for score, value in connection.execute(sql, (label,))]

    def _thumbs(self) -> list[tuple[int, str, bool, datetime]]:
        with self._connections.reading() as connection:
            found = connection.execute("select post, label, value, at from thumbs order by at, post, label").fetchall()
        return [(post, label, bool(value), moment(at)) for post, label, value, at in found]

    # goals

    def relate(self, rows: Sequence[tuple[int, Mapping[str, float]]]) -> None:
        """Put the relevance of posts to goals in the place of what was there; thumbs stay."""
        numbers = self._names.numbers({goal for _, relevance in rows for goal in relevance})
        with self._connections.writing(durable=False) as connection:
            for post, relevance in rows:
                relate(connection, post, relevance, numbers)

    def keep_goals(self, goals: Collection[str]) -> None:
        """Forget the relevance of posts to every other goal; its thumbs count again when it comes back."""
        numbers = self._names.numbers(set(goals))
        with self._connections.writing(durable=False) as connection:
            given = (json.dumps([numbers[goal] for goal in goals]),)
            connection.execute(f"delete from relevance where goal not in {_GIVEN}", given)
            connection.execute(_RETURNED, given)

    def relevance(self, ids: Sequence[int]) -> dict[int, dict[str, float]]:
        """Give what is known of the relevance of posts to goals; those that serve none are left out."""
        with self._connections.reading() as connection:
            words = self._names.words(connection)
            return {post: goals_of(goals, words)[0] for post, goals in related(connection, ids).items()}

    # scores made anew

    def rescore(self, rows: Sequence[Rescored]) -> None:
        """Write new scores and relevance; a label or a goal with a thumb keeps it, and the score it was given at."""
        numbers = self._names.numbers({row.model for row in rows} | {goal for row in rows for goal in row.relevance})
        with self._connections.writing(durable=False) as connection:
            for row in rows:
                _rescore(connection, row, numbers)
                relate(connection, row.post, row.relevance, numbers)

    def scores(self, label: Label, since: datetime) -> list[tuple[int, float, bool | None]]:
        """List what arrived since, archives apart: number, the model's own score, the user's thumb if there is one."""
        with self._connections.reading() as connection:
            found = connection.execute(_SCORES.format(label), (label, ms(since))).fetchall()
        return [(post, (score or 0) / SCALE, None if value is None else bool(value)) for post, score, value in found]

    # the judge

    def save_opinion(self, post_id: int, opinion: Opinion, now_scores: Mapping[Label, float]) -> None:
        """Keep the judge's opinion, and the scores that come of it; a label with a thumb keeps the thumb."""
        number = self._names.numbers({opinion.model})[opinion.model]
        said = [None if (value := opinion.labels.get(label)) is None else int(value) for label in LABELS]
        before = json.dumps(dict(opinion.before))
        with self._connections.writing(durable=False) as connection:
            connection.execute(_OPINION, (post_id, number, ms(opinion.at), *said, before, opinion.reason))
            _put_scores(connection, post_id, scored(now_scores))

    # the blind audit

    def save_looks(self, looks: Sequence[Look]) -> None:
        """Keep which posts were drawn, and with what odds."""
        rows = [
            (k.label, ms(k.at), k.post, round(k.score * SCALE), k.stratum, k.size, k.expected, k.odds) for k in looks
        ]
        with self._connections.writing(durable=True) as connection:
            connection.executemany(_LOOK, rows)

    def looks(self, label: Label, since: datetime) -> list[Look]:
        """List the looks drawn since, oldest first."""
        sql = "select id, at, post, score, stratum, size, expected, odds, answer from looks where label = ? and at >= ?"
        with self._connections.reading() as connection:
            found = connection.execute(f"{sql} order by at, id", (label, ms(since))).fetchall()
        return [
            Look(label, moment(at), post, score / SCALE, stratum, size, expected, odds, number, _answer(answer))
            for number, at, post, score, stratum, size, expected, odds, answer in found
        ]

    def answer_look(self, look_id: int, answer: bool) -> None:
        """Keep the user's answer to a look."""
        with self._connections.writing(durable=True) as connection:
            connection.execute("update looks set answer = ? where id = ?", (int(answer), look_id))

    # heads

    def save_head(self, name: str, version: str, body: bytes | None, now: datetime) -> None:
        """Keep a trained head of the user's (None: forget it)."""
        with self._connections.writing(durable=True) as connection:
            connection.execute("delete from heads where name = ?", (name,))
            if body is not None:
                sql = "insert into heads(name, version, at, body) values (?, ?, ?, ?)"
                connection.execute(sql, (name, version, ms(now), body))

    def head_version(self, name: str) -> str | None:
        """Name the head that is kept, which costs nothing; None: there is none."""
        with self._connections.reading() as connection:
            found = connection.execute("select version from heads where name = ?", (name,)).fetchall()
        return found[0][0] if found else None

    def head(self, name: str) -> bytes | None:
        """Give a head's bytes."""
        with self._connections.reading() as connection:
            found = connection.execute("select body from heads where name = ?", (name,)).fetchall()
        return found[0][0] if found else None


def relate(connection: Connection, post: int, relevance: Mapping[str, float], numbers: Mapping[str, int]) -> None:
    """Write a post's relevance in the place of what was there; where the user gave a thumb, that stays."""
    sql = "select label from thumbs where post = ? and label >= 'goal:' and label < 'goal;'"
    thumbed = {label.removeprefix(GOAL) for (label,) in connection.execute(sql, (post,)).fetchall()}
    sql = f"delete from relevance where post = ? and score between {THUMB_DOWN + 1} and {THUMB_UP - 1}"
    connection.execute(sql, (post,))
    rows = [(post, numbers[goal], round(score * SCALE)) for goal, score in relevance.items() if goal not in thumbed]
    connection.executemany(_RELATE, rows)


def related(connection: Connection, ids: Sequence[int]) -> dict[int, list[tuple[int, int]]]:
    """Read relevance rows: post to (goal's number, score)."""
    found: dict[int, list[tuple[int, int]]] = {}
    sql = f"select post, goal, score from relevance where post in {_GIVEN} order by score desc, goal"
    for post, goal, score in connection.execute(sql, (json.dumps(list(ids)),)):
        found.setdefault(post, []).append((goal, score))
    return found


def opinions(connection: Connection, ids: Sequence[int], words: Mapping[int, str]) -> dict[int, Opinion]:
    """Read the judge's opinions of some posts."""
    sql = f"select post, model, at, lead, question, news, before, reason from opinions where post in {_GIVEN}"
    found = {}
    for post, model, at, *said, before, reason in connection.execute(sql, (json.dumps(list(ids)),)):
        labels = {label: bool(value) for label, value in zip(LABELS, said, strict=True) if value is not None}
        found[post] = Opinion(words[model], moment(at), labels, json.loads(before), reason)
    return found


def goals_of(rows: Iterable[tuple[int, int]], words: Mapping[int, str]) -> tuple[dict[str, float], dict[str, bool]]:
    """Give a post's goals as the user sees them, best first, and the thumbs among them."""
    goals, thumbs = {}, {}
    for number, score in rows:
        goals[words[number]] = min(max(score, 0), SCALE) / SCALE
        if score in (THUMB_UP, THUMB_DOWN):
            thumbs[words[number]] = score == THUMB_UP
    return goals, thumbs


def _label(connection: Connection, post: int, label: Label, value: bool | None, now: int) -> None:
    """Write a thumb, and put it in the score's place, where every listing finds it; the score waits beside it."""
    score = _score(connection, post, f"select {label} from posts where id = ?1", label)
    _keep_thumb(connection, (post, label, value, now, score))
    if value is not None:
        score = THUMB_UP if value else THUMB_DOWN
    connection.execute(f"update posts set {label} = ? where id = ?", (score, post))


def _label_goal(connection: Connection, post: int, goal: tuple[str, int], value: bool | None, now: int) -> None:
    name, number = goal
    sql = f"select score from relevance where post = ?1 and goal = {number:d}"
    score = _score(connection, post, sql, GOAL + name)
    _keep_thumb(connection, (post, GOAL + name, value, now, score))
    connection.execute("delete from relevance where post = ? and goal = ?", (post, number))
    if value is not None:
        score = THUMB_UP if value else THUMB_DOWN
    if score is not None:
        connection.execute(_RELATE, (post, number, score))


def _score(connection: Connection, post: int, sql: str, name: str) -> int | None:
    """Find the score that a thumb stands before, or will."""
    alive = "select 1 from posts where id = ? and deleted_at is null"
    if not connection.execute(alive, (post,)).fetchall():
        raise StoreError(f"no post has the number {post}, or it was deleted; nothing was labelled")
    kept = "select score from thumbs where post = ? and label = ?"
    found: list[Row] = connection.execute(kept, (post, name)).fetchall() or connection.execute(sql, (post,)).fetchall()
    return found[0][0] if found else None


def _keep_thumb(connection: Connection, thumb: tuple[int, str, bool | None, int, int | None]) -> None:
    post, name, value, _, _ = thumb
    if value is None:
        connection.execute("delete from thumbs where post = ? and label = ?", (post, name))
    else:
        connection.execute(_THUMB, thumb)


def _rescore(connection: Connection, row: Rescored, numbers: Mapping[str, int]) -> None:
    _put_scores(connection, row.post, scored(row.scores))
    sql = "update posts set model = ? where id = ? and deleted_at is null"
    connection.execute(sql, (numbers[row.model], row.post))


def _put_scores(connection: Connection, post: int, scores: Sequence[int | None]) -> None:
    """Write scores where no thumb stands."""
    settings = ", ".join(
        f"{label} = case when {label} in ({THUMB_UP}, {THUMB_DOWN}) then {label} else coalesce(?, {label}) end"
        for label in LABELS
    )
    connection.execute(f"update posts set {settings} where id = ? and deleted_at is null", (*scores, post))


def _answer(value: int | None) -> bool | None:
    return None if value is None else bool(value)
