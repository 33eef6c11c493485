"""Cut a well-formed feed document at its items, so that only those not seen before need to be read (child side)."""

import pyexpat
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

ROOTS: Final = frozenset({"rss", "feed", "rdf"})
ITEMS: Final = frozenset({"item", "entry"})
TOMBSTONE: Final = "http://purl.org/atompub/tombstones/1.0 deleted-entry"
"""Source: RFC 6721."""


class _Odd(Exception):
    """The document cannot be cut so that each part reads as it does in the whole."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A document and where its items stand."""

    data: bytes
    spans: tuple[tuple[int, int], ...]
    deleted: tuple[str, ...]

    def hashes(self) -> list[str]:
        """Hash each item, 48 bits in hexadecimal."""
        return [short_hash(self.data[start:end]) for start, end in self.spans]

    def keep(self, wanted: set[int]) -> bytes:
        """Give the document without the items whose number is not wanted."""
        parts, at = [], 0
        for number, (start, end) in enumerate(self.spans):
            if number not in wanted:
                parts.append(self.data[at:start])
                at = end
        parts.append(self.data[at:])
        return b"".join(parts)


def short_hash(data: bytes) -> str:
    """Hash to 48 bits in hexadecimal."""
    return blake2b(data, digest_size=6).hexdigest()


def cut(data: bytes) -> Cut | None:
    """Cut a UTF-8 document; None: it is not well formed, or not of a shape that can be cut.

    A DOCTYPE (entities reach into items) and a prefix that changes its meaning on the way rule cutting out.
    """
    scanner = _Scanner(data)
    try:
        scanner.parser.Parse(data, True)
    except (_Odd, pyexpat.ExpatError):
        return None
    return Cut(data, tuple(scanner.spans), tuple(scanner.deleted))


class _Scanner:
    """The handlers of one pass over a document."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.spans: list[tuple[int, int]] = []
        self.deleted: list[str] = []
        self._depth = self._item_depth = self._start = 0
        self._uris: dict[str, str] = {}
        self._prefixes: dict[str, str] = {}
        self.parser = pyexpat.ParserCreate("utf-8", " ")
        self.parser.StartElementHandler = self._started
        self.parser.EndElementHandler = self._ended
        self.parser.StartNamespaceDeclHandler = self._declared
        self.parser.StartDoctypeDeclHandler = self._doctype

    def _started(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._item_depth or self._depth > 3:
            return
        local = name.rpartition(" ")[2].lower()
        if self._depth == 1:
            if local not in ROOTS:
                raise _Odd
        elif local in ITEMS:
            self._item_depth, self._start = self._depth, self.parser.CurrentByteIndex
        elif name == TOMBSTONE and "ref" in attributes:
            self.deleted.append(attributes["ref"])

    def _ended(self, name: str) -> None:
        if self._depth == self._item_depth:
            at = self.parser.CurrentByteIndex
            if at == self._start:  # <item/>: its end would have to be guessed
                raise _Odd
            self.spans.append((self._start, self.data.index(b">", at) + 1))
            self._item_depth = 0
        self._depth -= 1

    def _declared(self, prefix: str | None, uri: str) -> None:
        # feedparser remembers prefixes for the whole document, whatever their scope.
        if prefix and not (
            self._uris.setdefault(prefix, uri) == uri and self._prefixes.setdefault(uri, prefix) == prefix
        ):
            raise _Odd

    def _doctype(self, *_: object) -> None:
        raise _Odd
