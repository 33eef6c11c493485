"""Check events: their shape, that the id is the hash of what they say, and that the author signed it. No I/O.

Source: NIP-01, https://github.com/nostr-protocol/nips/blob/master/01.md, read 2026-11-23.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from typing import Any, Final

from listener.errors import NotAuthorised

TAGS: Final = 5_000
LIBRARY: Final = "coincurve"

_KEY: Final = re.compile(r"[0-9a-f]{64}")
_SIGNATURE: Final = re.compile(r"[0-9a-f]{128}")
_CONTROL: Final = re.compile(r"\\u00([01][0-9a-f])")


@dataclass(frozen=True, slots=True)
class Event:
    """An event that its author signed."""

    id: str
    pubkey: str
    created_at: int
    kind: int
    tags: tuple[tuple[str, ...], ...]
    content: str

    def values(self, name: str) -> Iterator[str]:
        """Give the first value of each tag of this name."""
        return (tag[1] for tag in self.tags if len(tag) > 1 and tag[0] == name)

    def value(self, name: str) -> str | None:
        """Give the first one that is not empty."""
        return next((value for value in self.values(name) if value), None)


def can_verify() -> bool:
    """Tell whether signatures can be checked here."""
    return find_spec(LIBRARY) is not None


# Any: raw JSON of a relay.
def read(raw: Any) -> Event:
    """Read an event; raise ValueError saying what is wrong with it, whoever sent it."""
    event = _shaped(raw)
    if event is None:
        raise ValueError("it has not the shape of an event")
    try:
        is_its_own = event.id in _hashes(event)
    except UnicodeError as error:
        raise ValueError("it holds characters that are none") from error
    if not is_its_own:
        raise ValueError("its id is not the hash of what it says")
    if not _is_signed(event, str(raw["sig"])):
        raise ValueError("its author did not sign it")
    return event


def _shaped(raw: Any) -> Event | None:
    if not isinstance(raw, dict):
        return None
    keys = isinstance(raw.get("id"), str) and isinstance(raw.get("pubkey"), str) and isinstance(raw.get("sig"), str)
    numbers = type(raw.get("created_at")) is int and type(raw.get("kind")) is int
    tags = raw.get("tags")
    if not keys or not numbers or not isinstance(raw.get("content"), str) or not isinstance(tags, list):
        return None
    if not _KEY.fullmatch(raw["id"]) or not _KEY.fullmatch(raw["pubkey"]) or not _SIGNATURE.fullmatch(raw["sig"]):
        return None
    if not 0 <= raw["created_at"] < 253_402_300_800 or not 0 <= raw["kind"] < 65_536 or len(tags) > TAGS:
        return None
    if not all(isinstance(tag, list) and all(isinstance(one, str) for one in tag) for tag in tags):
        return None
    return Event(raw["id"], raw["pubkey"], raw["created_at"], raw["kind"], tuple(map(tuple, tags)), raw["content"])


def _hashes(event: Event) -> Iterator[str]:
    """Hash what the event says; programs differ in how they write control characters."""
    said = [0, event.pubkey, event.created_at, event.kind, event.tags, event.content]
    written = json.dumps(said, separators=(",", ":"), ensure_ascii=False)
    yield sha256(written.encode()).hexdigest()
    if _CONTROL.search(written):
        yield sha256(_CONTROL.sub(lambda match: chr(int(match[1], 16)), written).encode()).hexdigest()


def _is_signed(event: Event, signature: str) -> bool:
    try:
        from coincurve import PublicKeyXOnly
    except ImportError as error:
        raise NotAuthorised("signatures cannot be checked; install the package coincurve") from error
    try:
        return PublicKeyXOnly(bytes.fromhex(event.pubkey)).verify(bytes.fromhex(signature), bytes.fromhex(event.id))
    except ValueError:  # no point of the curve
        return False
