"""Reading a damaged file: what its sound pages still give, one row at a time."""

import sqlite3
from collections.abc import Callable, Iterable
from contextlib import suppress
from sqlite3 import Connection
from typing import Final, TypeVar

UNREADABLE: Final = (sqlite3.Error, ValueError, LookupError, TypeError)
"""What reading a bad page raises: SQLite's own errors, and ours over bytes that are no row of ours."""

Found = TypeVar("Found")


def numbers(connection: Connection, table: str) -> list[int]:
    """List the ids of a table, highest first: from both ends, each as far as the pages can be read."""
    found: set[int] = set()
    for order in ("desc", "asc"):
        with suppress(sqlite3.Error):
            for (number,) in connection.execute(f"select id from {table} not indexed order by id {order}"):
                if number in found:
                    break
                found.add(number)
    return sorted(found, reverse=True)


def each(ids: Iterable[int], read: Callable[[int], list[Found]], limit: int | None = None) -> list[Found]:
    """Read row by row, passing over those that cannot be read, until there are `limit`."""
    found: list[Found] = []
    for number in ids:
        with suppress(*UNREADABLE):
            found += read(number)
        if limit is not None and len(found) >= limit:
            break
    return found
