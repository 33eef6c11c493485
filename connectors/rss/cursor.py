"""Where the next poll of a feed starts: validators, what the last body held, and a move that is not yet believed."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from hashlib import blake2b
from typing import Final

AGREEING: Final = 3
"""Polls that must meet the same permanent redirect before it is believed."""

_HASH: Final = 12
_KEY: Final = 9
_WIDTH: Final = _HASH + 2 * _KEY


@dataclass(frozen=True, slots=True)
class Key:
    """Which post an item became: what names it, and what parts it from others of the same name; both hashed."""

    base: str
    rest: str


@dataclass(frozen=True, slots=True)
class Cursor:
    """All that is remembered of a feed between two polls."""

    query: str = ""
    """Hash of the address that all this belongs to."""
    etag: str | None = None
    modified: str | None = None
    body: str = ""
    """Hash of the last body."""
    fetched_s: int | None = None
    """When the last body was written, by the server's own clock (`Date`), else by its newest entry."""
    newest_s: int | None = None
    """The latest date of an entry we have seen."""
    packed: str = ""
    """What `items` unpacks; most polls bring nothing new and never look."""
    shared: frozenset[str] = frozenset()
    """Bases that name several posts."""
    moved_to: str | None = None
    agreeing: int = 0

    @classmethod
    def read(cls, text: str | None) -> "Cursor":
        """Read what `write` wrote; nonsense, such as another version's cursor, reads as none."""
        try:
            values = json.loads(text or "{}")
            packed = values.pop("items", "")
            if not isinstance(packed, str) or len(packed) % _WIDTH:
                return cls()
            return cls(**{**values, "packed": packed, "shared": frozenset(values.get("shared", ()))})
        except (ValueError, TypeError, AttributeError):
            return cls()

    def write(self) -> str:
        """Write the cursor as compact JSON: 30 characters for each item."""
        values = {f.name: value for f in fields(self) if (value := getattr(self, f.name)) not in (None, "", 0)}
        values["items"] = values.pop("packed", "")
        values["shared"] = sorted(self.shared)
        return json.dumps(values, separators=(",", ":"))

    @property
    def items(self) -> dict[str, Key]:
        """Give the hash of each item of the last body with the post it became."""
        rows = [self.packed[at : at + _WIDTH] for at in range(0, len(self.packed), _WIDTH)]
        return {row[:_HASH]: Key(row[_HASH : _HASH + _KEY], row[_HASH + _KEY :]) for row in rows}

    def met(self, moved_to: str | None) -> "Cursor":
        """Count one more poll that met a permanent redirect to `moved_to` (None: it met none)."""
        agreeing = (
            self.agreeing + 1 if moved_to is not None and moved_to == self.moved_to else int(moved_to is not None)
        )
        return replace(self, moved_to=moved_to, agreeing=min(agreeing, AGREEING))

    @property
    def is_moved(self) -> bool:
        """Say whether the move has been met often enough."""
        return self.agreeing >= AGREEING


def key_hash(text: str) -> str:
    """Hash to 36 bits in hexadecimal."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=5).hexdigest()[:_KEY]


def shared_bases(keys: Iterable[Key]) -> frozenset[str]:
    """Find the bases under which more than one post goes."""
    first: dict[str, str] = {}
    return frozenset(key.base for key in keys if first.setdefault(key.base, key.rest) != key.rest)


def pack(items: Mapping[str, Key]) -> str:
    """Put items into one text, a row of equal length each."""
    return "".join(f"{item}{key.base}{key.rest}" for item, key in items.items())
