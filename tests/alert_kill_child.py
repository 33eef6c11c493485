"""Kill -9 between an alert's birth and its channel's yes: forks workers that deliver, and dies in them as told.

`python -m tests.alert_kill_child FOLDER ROUNDS PORT`: delivers to a sink on loopback; prints one JSON object.
"""

import json
import os
import random
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from listener.alerts import AlertQuery, AlertRow, Message, Outcome, Terms
from listener.deliver import Courier, Outgoing
from listener.grouping import House
from listener.store import outbox
from listener.store.sqlite import SqliteStore
from tests.kill_child import forked
from tests.stored import NOW, bear, draft, feed, kept, post

POINTS: Final = ("before claim", "after claim", "during send", "after send", "in finish", "after finish")
SENDING: Final = POINTS[1:5]
"""Points at which nobody can know, later, whether the message arrived."""
TERMS: Final = {1: Terms("leads")}
BORN: Final = 2
"""Alerts of each round."""


class Death:
    """Kills the process when it comes by the `nth` time at a point."""

    def __init__(self, point: str | None = None, nth: int = 1) -> None:
        self.point, self.left = point, nth

    def __call__(self, point: str) -> None:
        if point == self.point:
            self.left -= 1
            if not self.left:
                os.kill(os.getpid(), signal.SIGKILL)


class Mortal(SqliteStore):
    """The real store, with a place to die before and after each of its steps."""

    die = Death()

    def claim_alerts(self, *args: object, **rest: object) -> object:  # type: ignore[override]
        self.die("before claim")
        claimed = super().claim_alerts(*args, **rest)  # type: ignore[arg-type]
        if claimed is not None:
            self.die("after claim")
        return claimed

    def finish_alerts(self, *args: object, **rest: object) -> object:  # type: ignore[override]
        self.die("after send")
        state = super().finish_alerts(*args, **rest)  # type: ignore[arg-type]
        self.die("after finish")
        return state


class Wire:
    """A channel over a socket, so that a death can fall between two parts of one request."""

    def __init__(self, port: int, die: Death) -> None:
        self._port, self._die = port, die

    def send(self, message: Message) -> Outcome:
        said = {
            "key": message.key,
            "alerts": [item.alert for item in message.items],
            "possible_repeat": message.possible_repeat,
        }
        body = json.dumps(said).encode()
        head = f"POST / HTTP/1.1\r\nHost: sink\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
        with socket.create_connection(("127.0.0.1", self._port), 10) as wire:
            wire.sendall(head + body[:9])
            self._die("during send")
            wire.sendall(body[9:])
            answer = wire.recv(1_000)
        return Outcome("sent" if b" 200 " in answer else "failed")


def deliver(path: Path, port: int, now: datetime, die: Death) -> None:
    """Deliver what is due, as a program that was started now."""
    note = outbox._log

    def log(*args: object) -> None:
        note(*args)  # type: ignore[arg-type]
        die("in finish")

    with closing(Mortal.open(path)) as store:
        outbox._log = log  # type: ignore[assignment]
        Mortal.die = die
        tools = Outgoing(store, lambda _: Wire(port, die), lambda: TERMS, House(UTC), lambda: now)
        Courier(tools).deliver_due(wait_s=20)


def work(folder: Path, rounds: int, port: int) -> dict[str, object]:
    """Kill a deliverer `rounds` times, then let one finish; count what each kill left behind."""
    path, dice, now, kills = folder / "listener.db", random.Random(5), NOW, dict.fromkeys(POINTS, 0)
    with closing(SqliteStore.open(path)) as store:
        source = store.add_feed(feed(), NOW)
        for number in range(rounds):
            now += timedelta(hours=1)
            born = kept(store, source, *(draft(post(f"{number}-{n}")) for n in range(BORN)), now=now)
            bear(store, [AlertRow(1, one, "desk", "lead", now, due_at=now) for one in born])
            death = Death(POINTS[number % len(POINTS)], dice.randint(1, BORN))
            kills[POINTS[number % len(POINTS)]] += _died(lambda die=death, at=now: deliver(path, port, at, die))  # type: ignore[misc]
        for _ in range(4):
            now += timedelta(hours=1)
            assert not _died(lambda at=now: deliver(path, port, at, Death()))  # type: ignore[misc]
        rows = store.alerts(AlertQuery(limit=1_000_000))
        states = {str(state): count for state, count in store.alert_counts().items()}
        return {"ids": [row.id for row in rows], "states": states, "kills": kills, "faults": store.check()}


def _died(what: Callable[[], None]) -> bool:
    _, status = os.waitpid(forked(what), 0)
    if not os.WIFSIGNALED(status) and os.WEXITSTATUS(status):
        sys.exit("a worker failed; its error stands above")
    return os.WIFSIGNALED(status)


if __name__ == "__main__":
    print(json.dumps(work(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))  # noqa: T201 the answer to the test
