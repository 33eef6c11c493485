"""The files of a data export, out of a ZIP, a folder or alone: by fixed names, counted while read, nothing unpacked."""

import stat
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Final

from listener.errors import BadPayload

BYTES: Final = 200_000_000
"""Most bytes of one file, and of all files of a ZIP together, unpacked."""
CHUNK: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Export:
    """A platform's kind of export: which of its files are read."""

    suffix: str
    """What they end with, lower case: `.csv`."""
    wanted: Callable[[str], bool]
    """Tells by its name, without folders, whether a file is read."""
    entries: int
    """Most files of a ZIP, read or not."""
    deep: bool = False
    """True: they lie in folders of the export, not at its top."""

    def files(self, path: Path) -> Iterator[tuple[str, bytes]]:
        """Yield name and content of each file of an export; of a file that is alone, whatever it is called."""
        if path.is_dir():
            for one in sorted(path.rglob(f"*{self.suffix}") if self.deep else path.iterdir()):
                if self.wanted(one.name) and one.is_file() and not one.is_symlink():
                    yield one.name, _content(one)
        elif path.suffix.lower() == self.suffix and path.is_file():
            yield path.name, _content(path)
        elif path.suffix.lower() == ".zip" and path.is_file():
            yield from self._zipped(path)

    def _zipped(self, path: Path) -> Iterator[tuple[str, bytes]]:
        left = BYTES
        try:
            with zipfile.ZipFile(path) as archive:
                found = archive.infolist()
                if len(found) > self.entries:
                    raise BadPayload(f"{path.name}: more than {self.entries:,} files")
                for entry in found:
                    name = PurePosixPath(entry.filename).name
                    if entry.is_dir() or stat.S_ISLNK(entry.external_attr >> 16) or not self.wanted(name):
                        continue
                    with archive.open(entry) as file:
                        content = counted(file, name, left)
                    left -= len(content)
                    yield name, content
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError) as error:
            raise BadPayload(f"{path.name}: not a ZIP that can be read; download it again") from error


def counted(file: IO[bytes], name: str, most: int) -> bytes:
    """Read a file whole, whatever size it claims; raise BadPayload past `most` bytes."""
    parts, size = [], 0
    while part := file.read(CHUNK):
        size += len(part)
        if size > most:
            raise BadPayload(f"{name}: larger than {most:,} bytes, which is more than we read")
        parts.append(part)
    return b"".join(parts)


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        return counted(file, path.name, BYTES)
