"""The codes by which people name keys and posts (`npub1…`, `nevent1…`): bech32, with fields inside. No I/O.

Sources: BIP-173; NIP-19, https://github.com/nostr-protocol/nips/blob/master/19.md, read 2026-11-23.
"""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

LONGEST: Final = 5_000
HEX: Final = re.compile(r"[0-9a-f]{64}")
_LETTERS: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


class Code(NamedTuple):
    """What a code names."""

    kind: str
    """`npub`, `note`, `nprofile`, `nevent` or `naddr`."""
    value: str
    """A key or an id in hex; of an address, the name that its author gave it."""
    author: str | None = None
    number: int | None = None
    """The kind of event."""


def read(text: str) -> Code | None:
    """Read a code; None: it is none, or a mistyped one. Secret keys (`nsec1…`) are never read."""
    found = _decoded(text.strip().lower())
    if found is None:
        return None
    kind, data = found
    if kind in ("npub", "note") and len(data) == 32:
        return Code(kind, data.hex())
    if kind not in ("nprofile", "nevent", "naddr"):
        return None
    fields = _fields(data)
    value, author, number = fields.get(0), fields.get(2), fields.get(3)
    if value is None or (kind != "naddr" and len(value) != 32):
        return None
    return Code(
        kind,
        value.decode("utf-8", "replace") if kind == "naddr" else value.hex(),
        author.hex() if author is not None and len(author) == 32 else None,
        int.from_bytes(number) if number is not None and len(number) == 4 else None,
    )


def npub(key: str) -> str:
    """Write a public key."""
    return _encoded("npub", bytes.fromhex(key))


def nevent(event_id: str, author: str | None = None) -> str:
    """Write an event's id, with its author where known: that is how it is found again."""
    fields = [(0, bytes.fromhex(event_id))]
    return _encoded("nevent", _packed([*fields, (2, bytes.fromhex(author))] if author else fields))


def naddr(number: int, author: str, name: str) -> str:
    """Write the address of what its author may replace."""
    fields = [(0, name.encode("utf-8", "replace")[:255]), (2, bytes.fromhex(author)), (3, number.to_bytes(4))]
    return _encoded("naddr", _packed(fields))


def _packed(fields: Iterable[tuple[int, bytes]]) -> bytes:
    return b"".join(bytes([kind, len(value)]) + value for kind, value in fields)


def _fields(data: bytes) -> dict[int, bytes]:
    """Read type, length and value in turn; the first of each type."""
    found: dict[int, bytes] = {}
    at = 0
    while at + 2 <= len(data):
        end = at + 2 + data[at + 1]
        if end > len(data):
            break
        found.setdefault(data[at], data[at + 2 : end])
        at = end
    return found


def _checksum(values: Iterable[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, factor in enumerate(_GENERATOR):
            check ^= factor if top >> bit & 1 else 0
    return check


def _expanded(kind: str) -> list[int]:
    return [ord(letter) >> 5 for letter in kind] + [0] + [ord(letter) & 31 for letter in kind]


def _regrouped(values: Iterable[int], size: int, to: int) -> tuple[list[int], int, int]:
    """Cut groups of `size` bits into groups of `to`; give them, the bits left over, and how many those are."""
    held, bits, found = 0, 0, []
    for value in values:
        held, bits = held << size | value, bits + size
        while bits >= to:
            bits -= to
            found.append(held >> bits & (1 << to) - 1)
        held &= (1 << bits) - 1
    return found, held, bits


def _encoded(kind: str, data: bytes) -> str:
    values, held, bits = _regrouped(data, 8, 5)
    values += [held << 5 - bits] if bits else []
    check = _checksum([*_expanded(kind), *values, 0, 0, 0, 0, 0, 0]) ^ 1
    values += [check >> 5 * (5 - place) & 31 for place in range(6)]
    return f"{kind}1{''.join(_LETTERS[value] for value in values)}"


def _decoded(text: str) -> tuple[str, bytes] | None:
    kind, one, letters = text.rpartition("1")
    if not one or not kind.isalpha() or not kind.isascii() or not 6 <= len(letters) <= LONGEST:
        return None
    values = [_LETTERS.find(letter) for letter in letters]
    if -1 in values or _checksum([*_expanded(kind), *values]) != 1:
        return None
    data, _, _ = _regrouped(values[:-6], 5, 8)
    return kind, bytes(data)
