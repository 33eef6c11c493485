"""What the child process found in a document: plain values that cross the pipe as JSON lists."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from listener.types import Media


@dataclass(frozen=True, slots=True)
class Entry:
    """One item of a feed, read: every text is plain, every link absolute, http or https, and safe to show."""

    item: str
    """Short hash of the item as it stood in the document."""
    guid: str | None = None
    link: str | None = None
    comments: str | None = None
    """The page of the discussion, where it is not `link`."""
    title: str | None = None
    text: str = ""
    lang: str | None = None
    published_s: int | None = None
    """Seconds since 1970."""
    updated_s: int | None = None
    author: str | None = None
    author_url: str | None = None
    rights: str | None = None
    reply_to: str | None = None
    """The id of the entry that this one answers."""
    replies: int | None = None
    likes: int | None = None
    links: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    media: tuple[tuple[str, str | None, str | None, float | None], ...] = ()
    """The fields of `Media`, in order."""

    def all_media(self) -> tuple[Media, ...]:
        """Give the media as the types that everybody knows."""
        return tuple(Media(*row) for row in self.media)


@dataclass(frozen=True, slots=True)
class Reading:
    """A feed document, read."""

    title: str | None = None
    home: str | None = None
    lang: str | None = None
    wait_s: float | None = None
    """What `ttl` or `sy:updatePeriod` asks for."""
    items: tuple[str, ...] = ()
    """Hashes of all items that we look at, in the order of the document."""
    left_out: int = 0
    """How many items there are beyond `limits.PAGE_ITEMS`."""
    deleted: tuple[str, ...] = ()
    """guids that the feed says are deleted."""
    broken: tuple[tuple[str, str], ...] = ()
    """Items that nothing could be made of: reason, and how they begin."""
    entries: tuple[Entry, ...] = ()
    """The items that were not known, read, in the order of the document."""


def pack(reading: Reading) -> dict[str, Any]:  # Any: JSON
    """Make JSON of a reading."""
    packed = {name: getattr(reading, name) for name in _READING}
    packed["entries"] = [[getattr(entry, name) for name in _ENTRY] for entry in reading.entries]
    return packed


def unpack(packed: Mapping[str, Any]) -> Reading:  # Any: JSON
    """Make a reading of JSON."""
    values = {name: _tuple(value) for name, value in packed.items()}
    entries = tuple(Entry(*(_tuple(value) for value in row)) for row in packed["entries"])
    return Reading(**{**values, "entries": entries})


_ENTRY = tuple(field.name for field in fields(Entry))
_READING = tuple(field.name for field in fields(Reading))


def _tuple(value: Any) -> Any:  # Any: JSON
    return tuple(value) if isinstance(value, list) else value
