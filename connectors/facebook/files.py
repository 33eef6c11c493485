"""The files of an export, out of a ZIP, a folder or alone: by fixed names, counted while read, nothing unpacked."""

import re
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Final

from listener.errors import BadPayload

BYTES: Final = 200_000_000
"""Most bytes of one file, and of all files of a ZIP together, unpacked."""
ENTRIES: Final = 500_000
"""Exports hold every picture as a file of its own."""
CHUNK: Final = 1 << 16
NAMES: Final = re.compile(
    r"(?:your_posts(?:__check_ins__photos_and_videos)?|profile_posts|comments|your_posts_in_groups|your_comments_in_groups"
    r"|group_posts_and_comments)(?:_\d{1,3})?\.json"
)


def files(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each file of an export; of a file that is alone, whatever it is called."""
    if path.is_dir():
        for one in sorted(path.rglob("*.json")):
            if NAMES.fullmatch(one.name) and one.is_file() and not one.is_symlink():
                with one.open("rb") as file:
                    yield one.name, counted(file, one.name, BYTES)
    elif path.suffix.lower() == ".json" and path.is_file():
        with path.open("rb") as file:
            yield path.name, counted(file, path.name, BYTES)
    elif path.suffix.lower() == ".zip" and path.is_file():
        yield from _zipped(path)


def counted(file: IO[bytes], name: str, most: int) -> bytes:
    """Read a file whole, whatever size it claims; raise BadPayload past `most` bytes."""
    parts, size = [], 0
    while part := file.read(CHUNK):
        size += len(part)
        if size > most:
            raise BadPayload(f"{name}: larger than {most:,} bytes, which is more than we read")
        parts.append(part)
    return b"".join(parts)


def _zipped(path: Path) -> Iterator[tuple[str, bytes]]:
    left = BYTES
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if len(entries) > ENTRIES:
                raise BadPayload(f"{path.name}: more than {ENTRIES:,} files")
            for entry in entries:
                name = PurePosixPath(entry.filename).name
                if entry.is_dir() or stat.S_ISLNK(entry.external_attr >> 16) or not NAMES.fullmatch(name):
                    continue
                with archive.open(entry) as file:
                    content = counted(file, name, left)
                left -= len(content)
                yield name, content
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError) as error:
        raise BadPayload(f"{path.name}: not a ZIP that can be read; download it again") from error
