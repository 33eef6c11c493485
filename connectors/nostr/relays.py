"""Talk to relays: a question, events until the end of what is stored, and why a relay will not say more.

Source: NIP-01, https://github.com/nostr-protocol/nips/blob/master/01.md, read 2026-11-23.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from listener.connector import WebSocket
from listener.errors import ConnectorError, NotAuthorised, RateLimited

ANSWER_S: Final = 10.0
EVENTS: Final = 600
ANSWER_BYTES: Final = 5_000_000
"""Most that is taken of one answer; a relay that sends more is not listened to any further."""
NAME: Final = "listener"

_REFUSALS: Final[Mapping[str, tuple[type[ConnectorError], str]]] = {
    "auth-required": (NotAuthorised, "wants a login, which this program does not give; take another relay"),
    "restricted": (NotAuthorised, "answers its members only; take another relay"),
    "blocked": (NotAuthorised, "does not answer us; take another relay"),
    "rate-limited": (RateLimited, "asks us to wait"),
    "unsupported": (ConnectorError, "cannot answer this question; take another relay"),
    "invalid": (ConnectorError, "does not understand the question"),
    "error": (ConnectorError, "has trouble of its own"),
}


@dataclass
class Heard:
    """What a relay said. Any: raw JSON."""

    events: list[Any] = field(default_factory=list)
    is_whole: bool = False
    """True: it said that this is all it has."""

    @property
    def times(self) -> list[int]:
        """Give the times of the events, unchecked."""
        said = [event.get("created_at") for event in self.events if isinstance(event, dict)]
        return [at for at in said if type(at) is int and at >= 0]


def ask(socket: WebSocket, host: str, filters: Sequence[Mapping[str, object]]) -> Heard:
    """Ask for stored events and wait for the last; raise the error that a refusal stands for."""
    socket.send(json.dumps(["REQ", NAME, *filters]))
    heard, size, noticed = Heard(), 0, False
    until = time.monotonic() + ANSWER_S
    while time.monotonic() < until and len(heard.events) < EVENTS and size < ANSWER_BYTES:
        frame = socket.receive(min(1.0, max(until - time.monotonic(), 0.01)))
        if frame is None:
            continue
        size += len(frame)
        kind, rest = read(frame)
        if kind == "EVENT":
            heard.events.append(rest[-1])
        elif kind == "EOSE":
            heard.is_whole = True
            break
        elif kind == "CLOSED":
            raise refusal(host, rest)
        noticed = noticed or kind in ("NOTICE", "AUTH")
    else:
        if not heard.events:
            why = "sent a notice in place of an answer" if noticed else f"did not answer for {ANSWER_S:g} s"
            raise ConnectorError(f"{host} {why}")
    socket.send(json.dumps(["CLOSE", NAME]))
    return heard


def read(frame: bytes) -> tuple[str, list[Any]]:
    """Read a message: its kind and what follows; what is none has no kind."""
    try:
        found = json.loads(frame)
    except (ValueError, RecursionError):
        return "", []
    if not isinstance(found, list) or len(found) < 2 or not isinstance(found[0], str):
        return "", []
    return found[0], found[1:]


def refusal(host: str, rest: Sequence[object]) -> ConnectorError:
    """Make an error of the reason that a relay gives; its own words are not repeated."""
    said = rest[1] if len(rest) > 1 and isinstance(rest[1], str) else ""
    kind, why = _REFUSALS.get(said.partition(":")[0], (ConnectorError, "refuses the question"))
    return kind(f"{host} {why}")


def worst(failures: Sequence[ConnectorError]) -> ConnectorError:
    """Choose the error to show where no relay answered: one that may pass, before one that will not."""
    rank = {RateLimited: 0, NotAuthorised: 2}
    return min(failures, key=lambda error: rank.get(type(error), 1))
