"""Posts and contacts that the user has in a file, from any platform, dead ones included; nothing is ever fetched."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from connectors.archive import columns, dates, tables
from connectors.archive.rows import Contact, read
from listener.connector import Connector, Traits
from listener.errors import BadPayload, ConnectorError
from listener.types import Answer, Feed, Follow, Page, Post, Reject

PAGE_ROWS: Final = 500
PAGE_CHARS: Final = 8_000_000
SAMPLED: Final = 200
"""Rows looked at to learn in which order the file writes day and month."""


class Archive(Connector):
    """Read CSV (any dialect), JSON Lines and JSON arrays, also `.gz`, whose rows name their platform.

    A row is a post, or a contact where it names somebody and says nothing. `columns.COLUMNS` lists the names that
    columns may have. What `listener posts --json` prints is such a file. Queries: `PLATFORM:FILE`.
    """

    name = "archive"
    traits = Traits(
        reads="Files of your own: posts and contacts of any platform, dead ones too, as CSV or JSON",
        limit="2 GB a file, unpacked",
        examples=("listener import myspace-2007.csv", "listener import posts.jsonl.gz"),
    )

    def fetch(self, feed: Feed, cursor: str | None) -> Answer:
        """Say why there is nothing to fetch."""
        raise ConnectorError("this feed came from a file and is not polled; `listener import FILE` reads another one")

    def parse(self, answer: Answer, feed: Feed, cursor: str | None) -> Page:
        """Say why there is nothing to read."""
        raise BadPayload("this feed came from a file; there is no answer to read")

    def read_archive(self, path: Path) -> Iterator[tuple[Feed, Page]]:
        """Yield a file's rows, each platform's as a feed of its own, 500 rows a page over all platforms."""
        kind = tables.kind_of(path) if path.is_file() else None
        if kind is None:
            return
        is_day_first = _is_day_first(path, kind)
        held = _Held(path)
        for row in tables.rows(path, kind):
            held.take(row, is_day_first)
            if held.is_full:
                yield from held.pages()
        yield from held.pages()


class _Held:
    """The rows of the page that is being put together, by platform."""

    def __init__(self, path: Path) -> None:
        name = path.name.removesuffix(".gz")
        self._file, self._stem = path.name, Path(name).stem
        self._clear()

    def take(self, row: tables.Row, is_day_first: bool) -> None:
        """Read a row; what cannot be read is put aside with its number."""
        self._rows += 1
        self._chars += len(row.sample)
        try:
            if row.values is None:
                raise ValueError(row.trouble)
            found = read(row.values, is_day_first=is_day_first)
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            why = str(error) if isinstance(error, ValueError) else f"it could not be read ({type(error).__name__})"
            self._rejects["archive"].append(Reject(None, f"{self._file}, row {row.number}: {why}", row.sample))
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

    def pages(self) -> Iterator[tuple[Feed, Page]]:
        """Give what is held, and begin anew."""
        for platform in dict.fromkeys([*self._posts, *self._follows, *self._rejects]):
            page = Page(
                tuple(self._posts[platform].values()),
                rejects=tuple(self._rejects[platform]),
                follows=tuple(self._follows[platform]),
            )
            yield Feed(0, "archive", f"{platform}:{self._stem}", platform, title=f"{self._stem} ({platform})"), page
        self._clear()

    def _clear(self) -> None:
        self._rows, self._chars = 0, 0
        self._posts: defaultdict[str, dict[str, Post]] = defaultdict(dict)
        self._follows: defaultdict[str, list[Follow]] = defaultdict(list)
        self._rejects: defaultdict[str, list[Reject]] = defaultdict(list)


def _is_day_first(path: Path, kind: tables.Kind) -> bool:
    some = islice(tables.rows(path, kind), SAMPLED)
    told = (columns.fields(row.values).get("date") for row in some if row.values is not None)
    return dates.day_first(str(value) for value in told if value is not None)
