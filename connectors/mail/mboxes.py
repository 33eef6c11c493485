"""Files of mail: mbox as mail programs, list archives and exports write it, one message at a time; single messages."""

import gzip
import re
import zlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final

from connectors.mail.headers import moment
from connectors.mail.messages import MESSAGE_BYTES, Found
from listener import limits
from listener.errors import BadPayload

FILE_BYTES: Final = 20_000_000_000
"""Most bytes of one file, unpacked: mailboxes of many years are large."""
LINE_BYTES: Final = 1_000_000
_FROM: Final = re.compile(rb"From \S.*\d\d?:\d\d")
_HEADER: Final = re.compile(rb"[!-9;-~]+:")


class Lines:
    """The lines of a file, unpacked, as far as the limits go."""

    def __init__(self, path: Path) -> None:
        self._name = path.name
        self._packed: BinaryIO = path.open("rb")
        is_packed = self._packed.read(2) == b"\x1f\x8b"
        self._packed.seek(0)
        self._most = FILE_BYTES
        if is_packed:
            self._most = min(FILE_BYTES, max(limits.INFLATION_FROM, limits.INFLATION * path.stat().st_size))
        self._source: BinaryIO | gzip.GzipFile = gzip.GzipFile(fileobj=self._packed) if is_packed else self._packed
        self._count = 0

    def __enter__(self) -> "Lines":
        return self

    def __exit__(self, *_: object) -> None:
        self._packed.close()

    def __iter__(self) -> Iterator[bytes]:
        while True:
            try:
                line = self._source.readline(LINE_BYTES)
            except (EOFError, OSError, zlib.error) as error:
                raise BadPayload(f"{self._name}: the file is damaged after {self._count:,} bytes") from error
            if not line:
                return
            self._count += len(line)
            if self._count > self._most:
                raise BadPayload(f"{self._name}: more than {self._most:,} bytes; split it into several files")
            yield line


def kind_of(path: Path) -> str | None:
    """Tell a file of mail by its first lines: `mbox`, `eml`, None for any other."""
    try:
        with Lines(path) as lines:
            head = [line for line, _ in zip(lines, range(3), strict=False)]
    except BadPayload:
        return None
    if not head:
        return None
    if len(head) > 1 and _FROM.match(head[0]) and _HEADER.match(head[1]):
        return "mbox"
    is_named = path.name.lower().removesuffix(".gz").endswith(".eml")
    return "eml" if is_named and _HEADER.match(head[0]) else None


def messages(path: Path, kind: str) -> Iterator[Found]:
    """Read a file's messages in its order; what is too long of one is left out."""
    body, taken_at, number, is_between = bytearray(), None, 0, True
    with Lines(path) as lines:
        for line in lines:
            if kind == "mbox" and is_between and _FROM.match(line):
                if number:
                    yield Found(bytes(body), taken_at, f"{path.name}, message {number}:")
                body, taken_at, number = bytearray(), _taken_at(line), number + 1
            elif len(body) < MESSAGE_BYTES:
                body += line
            is_between = not line.strip()
    yield Found(bytes(body), taken_at, f"{path.name}, message {number or 1}:")


def _taken_at(line: bytes) -> datetime | None:
    """Read the time in `From ada@example.org Thu Mar  3 18:20:35 2016`."""
    match = re.search(rb"(?:\w{3},? )?\w{3} +\d{1,2} \d\d?:\d\d(?::\d\d)?.*", line)
    return moment(match[0].decode("ascii", "replace"))[0] if match else None
