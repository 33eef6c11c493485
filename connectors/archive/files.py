"""Open a file of the user's as text: packed or not, in whatever encoding, its size counted while it is read."""

import codecs
import gzip
import io
import zlib
from pathlib import Path
from typing import Any, BinaryIO, Final

from listener import limits
from listener.errors import BadPayload

FILE_BYTES: Final = 2_000_000_000
"""Most bytes of one file, unpacked."""
LINE_CHARS: Final = 4_000_000
"""Most characters of one line; what comes after them is not read."""
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_RESCUE: Final = "listener-archive"


def _rescue(error: UnicodeError) -> tuple[str, int]:
    """Read bytes that are no UTF-8 as what old Windows programs wrote, and what is neither as a mark."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


codecs.register_error(_RESCUE, _rescue)


class Counted(io.RawIOBase):
    """The unpacked bytes of a file, as far as the limits go."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._name = path.name
        self._packed: BinaryIO = path.open("rb")
        is_packed = self._packed.read(2) == b"\x1f\x8b"
        self._packed.seek(0)
        self._size = path.stat().st_size
        self._most = FILE_BYTES
        if is_packed:
            self._most = min(FILE_BYTES, max(limits.INFLATION_FROM, limits.INFLATION * self._size))
        self._source: BinaryIO | gzip.GzipFile = gzip.GzipFile(fileobj=self._packed) if is_packed else self._packed
        self._count = 0

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read some bytes; raise BadPayload where the file is damaged or too large."""
        try:
            chunk = self._source.read(len(buffer))
        except (EOFError, OSError, zlib.error) as error:
            raise BadPayload(f"{self._name}: the file is damaged after {self._count:,} bytes") from error
        self._count += len(chunk)
        if self._count > self._most:
            if self._most < FILE_BYTES:
                raise BadPayload(
                    f"{self._name}: it unpacks to more than {limits.INFLATION} times its size, as no file of posts"
                    " does; unpack it yourself if you trust it"
                )
            raise BadPayload(f"{self._name}: more than {self._most:,} bytes; split it into several files")
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def close(self) -> None:
        """Close the file."""
        self._packed.close()
        super().close()


def opened(path: Path) -> io.TextIOWrapper:
    """Open a file as text; line ends stay as they are."""
    buffered = io.BufferedReader(Counted(path), 65_536)
    try:
        encoding = _encoding(buffered.peek(4_096)[:4_096])
        return io.TextIOWrapper(buffered, encoding, _RESCUE if encoding.startswith("utf-8") else "replace", newline="")
    except BaseException:
        buffered.close()
        raise


def line_of(text: io.TextIOWrapper) -> str:
    """Read a line with its end, without NUL; empty at the end of the file."""
    line = text.readline(LINE_CHARS)
    while len(line) >= LINE_CHARS and line[-1] not in "\r\n":
        rest = text.readline(LINE_CHARS)
        if len(rest) < LINE_CHARS or rest[-1] in "\r\n":
            return line.replace("\0", "") + "\n"
    return line.replace("\0", "") or ("\n" if line else "")


def _encoding(head: bytes) -> str:
    for bom, name in _BOMS:
        if head.startswith(bom):
            return name
    # Text in the Latin script as UTF-16 has a NUL in every second place.
    if head[1::2].count(0) > len(head) // 3:
        return "utf-16-le"
    return "utf-16-be" if head[::2].count(0) > len(head) // 3 else "utf-8"
