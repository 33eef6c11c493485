"""Posts and contacts that the user has in a file, from any platform, dead ones included; nothing is ever fetched."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from connectors.archive import columns, dates, tables
from connectors.archive.rows import Contact, platform_of, read
from listener.connector import Connector, Traits
from listener.errors import BadPayload, ConnectorError
from listener.types import Answer, Feed, Follow, Page, Post, Reject

PAGE_ROWS: Final = 500
PAGE_CHARS: Final = 8_000_000
HOPELESS_ROWS: Final = 5_000
"""A file whose first rows cannot be read, so many, is given up."""
SAMPLED: Final = 200
"""Rows looked at to learn in which order the file writes day and month."""


class Archive(Connector):
    """Read CSV (any dialect), JSON Lines and JSON arrays, also `.gz`, whose rows name their platform.

    A row is a post, or a contact where it names somebody and says nothing. What `listener posts --json` prints is such
    a file. Queries: `PLATFORM:FILE`.
    """

    name = "archive"
    traits = Traits(
        reads="Files of your own: posts and contacts of any platform, dead ones too, as CSV or JSON",
        limit="2 GB a file, unpacked",
        examples=("listener import myspace-2007.csv", "listener import --platform myspace posts.jsonl.gz"),
        files=columns.described(),
    )

    def fetch(self, feed: Feed, cursor: str | None) -> Answer:
        """Say why there is nothing to fetch."""
        raise ConnectorError("this feed came from a file and is not polled; `listener import FILE` reads another one")

    def parse(self, answer: Answer, feed: Feed, cursor: str | None) -> Page:
        """Say why there is nothing to read."""
        raise BadPayload("this feed came from a file; there is no answer to read")

    def read_archive(self, path: Path) -> Iterator[tuple[Feed, Page]]:
        """Yield a file's rows, each platform's as a feed of its own, 500 rows a page over all platforms."""
        return self._read(path, None)

    def read_archive_of(self, path: Path, platform: str) -> Iterator[tuple[Feed, Page]]:
        """Yield a file's rows, those that name no platform as said on `platform`."""
        return self._read(path, platform)

    def unread(self, path: Path) -> str | None:
        """Say what the file lacks."""
        if not path.is_file():
            return "a folder holds no rows"
        with path.open("rb") as file:
            if file.read(4) == b"PK\x03\x04":
                return "a ZIP is not looked into; unpack it and import what is in it"
        return "neither CSV nor JSON with columns that are known (`listener connectors archive` lists them)"

    def _read(self, path: Path, platform: str | None) -> Iterator[tuple[Feed, Page]]:
        look = tables.look(path, is_told=platform is not None) if path.is_file() else None
        if look is None or look.kind is None:
            if look is not None and look.are_posts:
                raise BadPayload(f"{path.name}: no column says which platform; name it with --platform")
            return
        held = _Held(path, None if platform is None else _named(platform), _is_day_first(path, look.kind))
        for row in tables.rows(path, look.kind):
            held.take(row)
            if held.is_full:
                yield from held.pages()
        yield from held.pages(is_last=True)


def _named(platform: str) -> str:
    try:
        return platform_of(platform)
    except ValueError as error:
        raise BadPayload(f"--platform {platform[:60]!r}: that is no name of a platform") from error


class _Held:
    """The rows of the page that is being put together, by platform."""

    def __init__(self, path: Path, platform: str | None, is_day_first: bool) -> None:
        name = path.name.removesuffix(".gz")
        self._file, self._stem = path.name, Path(name).stem
        self._told, self._is_day_first = platform, is_day_first
        self._first: str | None = None
        self._rejects: list[Reject] = []
        self._clear()

    def take(self, row: tables.Row) -> None:
        """Read a row; what cannot be read is put aside with its number."""
        self._rows += 1
        self._chars += len(row.sample)
        try:
            if row.values is None:
                raise ValueError(row.trouble)
            found = read(row.values, is_day_first=self._is_day_first, platform=self._told)
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            why = str(error) if isinstance(error, ValueError) else f"it could not be read ({type(error).__name__})"
            self._rejects.append(Reject(None, f"{self._file}, row {row.number}: {why}", row.sample))
            return
        if isinstance(found, Contact):
            self._follows[found.platform] += found.follows
        else:
            self._chars += len(found.text)
            self._posts[found.platform][found.native_id] = found

    @property
    def is_full(self) -> bool:
        """True: it is time for a page."""
        return self._rows >= PAGE_ROWS or self._chars >= PAGE_CHARS

    def pages(self, *, is_last: bool = False) -> Iterator[tuple[Feed, Page]]:
        """Give what is held, and begin anew; rows that could not be read stand with the file's first platform."""
        self._first = self._first or next(iter([*self._posts, *self._follows]), None)
        if self._first is None and self._rejects and (is_last or len(self._rejects) >= HOPELESS_ROWS):
            first = self._rejects[0].reason.removeprefix(f"{self._file}, ")
            count = f"{'' if is_last else 'first '}{len(self._rejects):,}"
            raise BadPayload(f"{self._file}: none of its {count} rows can be read; {first}")
        platforms = [*self._posts, *self._follows, *([self._first] if self._first and self._rejects else [])]
        for platform in dict.fromkeys(platforms):
            posts, follows = tuple(self._posts[platform].values()), tuple(self._follows[platform])
            rejects = tuple(self._rejects) if platform == self._first else ()
            feed = Feed(0, "archive", f"{platform}:{self._stem}", platform, title=f"{self._stem} ({platform})")
            yield feed, Page(posts, rejects=rejects, follows=follows)
        if self._first is not None:
            self._rejects = []
        self._clear()

    def _clear(self) -> None:
        self._rows, self._chars = 0, 0
        self._posts: defaultdict[str, dict[str, Post]] = defaultdict(dict)
        self._follows: defaultdict[str, list[Follow]] = defaultdict(list)


def _is_day_first(path: Path, kind: tables.Kind) -> bool:
    some = islice(tables.rows(path, kind), SAMPLED)
    told = (columns.fields(row.values).get("date") for row in some if row.values is not None)
    return dates.day_first(str(value) for value in told if value is not None)
