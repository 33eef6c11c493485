"""A Jetstream server made of a PDS's firehose, for no Jetstream server can be installed: real records, real order.

Source of the events' form: https://github.com/bluesky-social/jetstream, read 2026-11-25.
"""

import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from atproto import CAR, CID, FirehoseSubscribeReposClient, models, parse_subscribe_repos_message
from websockets.sync.server import ServerConnection

from tests.servers_live import Live, websocket


@dataclass(frozen=True, slots=True)
class Event:
    """One event, and what subscribers choose by."""

    time_us: int
    did: str
    collection: str | None
    """None: about the account; everybody gets those."""
    text: str


@dataclass
class Jetstream:
    """All events since the network began; the newest last."""

    url: str = ""
    events: list[Event] = field(default_factory=list)
    troubles: list[BaseException] = field(default_factory=list)
    """What went wrong in reading the firehose; a test looks at the end."""

    # the firehose's side; one thread

    def hear(self, frame: Any) -> None:
        """Take one message of the firehose."""
        message = parse_subscribe_repos_message(frame)
        if isinstance(message, models.ComAtprotoSyncSubscribeRepos.Commit):
            for commit in _commits(message):
                self._add(message.repo, commit["collection"], {"kind": "commit", "commit": commit})
        elif isinstance(message, models.ComAtprotoSyncSubscribeRepos.Identity):
            self._add(message.did, None, {"kind": "identity", "identity": {"did": message.did, "seq": message.seq}})

    def _add(self, did: str, collection: str | None, said: Mapping[str, Any]) -> None:
        last_us = self.events[-1].time_us if self.events else 0
        time_us = max(time.time_ns() // 1_000, last_us + 1)
        text = json.dumps({"did": did, "time_us": time_us, **said}, default=_link, separators=(",", ":"))
        self.events.append(Event(time_us, did, collection, text))

    # the subscribers' side; a thread each

    def play(self, connection: ServerConnection, live: Live) -> None:
        """Send what was asked for from the cursor on, and then what comes."""
        assert connection.request is not None
        asked = parse_qs(urlsplit(connection.request.path).query)
        begin_us = int(asked.get("cursor", ["0"])[0]) or time.time_ns() // 1_000
        sent = 0
        while not live.stop.is_set():
            for event in self.events[sent:]:
                sent += 1
                if event.time_us >= begin_us and _chosen(event, asked):
                    connection.send(event.text)
            with suppress(TimeoutError):
                connection.recv(timeout=0.02)  # nothing is ever said; but a client that went is noticed


@contextmanager
def serving(firehose: str) -> Iterator[Jetstream]:
    """Run the server over a firehose, which is read from its beginning."""
    made = Jetstream()
    # Without a time limit: a new connection would bring everything again.
    client = FirehoseSubscribeReposClient({"cursor": 0}, firehose, recv_timeout=None)
    reader = threading.Thread(target=client.start, args=(made.hear, made.troubles.append), daemon=True)
    with websocket(made.play, "127.0.0.1") as live:
        made.url = live.url("ws", "")
        reader.start()
        try:
            yield made
        finally:
            client.stop()
            reader.join(10)


def _chosen(event: Event, asked: Mapping[str, Sequence[str]]) -> bool:
    if event.collection is None:
        return True
    collections, dids = asked.get("wantedCollections", ()), asked.get("wantedDids", ())
    return (not collections or event.collection in collections) and (not dids or event.did in dids)


def _commits(message: Any) -> Iterator[dict[str, Any]]:
    blocks = {str(cid): block for cid, block in CAR.from_bytes(message.blocks).blocks.items()}
    for op in message.ops:
        collection, _, key = op.path.partition("/")
        commit = {"rev": message.rev, "operation": op.action, "collection": collection, "rkey": key}
        yield commit if op.cid is None else {**commit, "record": blocks[str(op.cid)], "cid": str(op.cid)}


def _link(value: object) -> dict[str, str]:
    """Write a link to a file; nothing else in a post's record is bytes."""
    assert isinstance(value, bytes)
    return {"$link": str(CID.decode(value))}
