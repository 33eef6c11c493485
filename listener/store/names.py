"""Numbers for the few texts that every row repeats: platforms and versions of the classifier."""

import threading
from collections.abc import Mapping, Set
from sqlite3 import Connection

from listener.store.connections import Connections


class Names:
    """A table of texts, kept in memory; rows of it never change and never go."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._lock = threading.Lock()
        self._numbers: dict[str, int] = {}
        self._words: dict[int, str] = {}

    def numbers(self, words: Set[str]) -> Mapping[str, int]:
        """Give the number of each text; new ones are written at once, in a transaction of their own.

        So a page that fails later cannot leave a number in memory that the file does not have.
        """
        if not words <= self._numbers.keys():
            with self._connections.writing(durable=False) as connection:
                connection.executemany("insert or ignore into names(name) values (?)", [(w,) for w in sorted(words)])
            self._load()
        return self._numbers

    def known(self, words: Set[str]) -> Mapping[str, int]:
        """Give the number of each text that the file has; writes nothing."""
        if not words <= self._numbers.keys():
            self._load()
        return self._numbers

    def words(self, connection: Connection) -> Mapping[int, str]:
        """Give all texts by number, read again when another process has written more."""
        if connection.execute("select max(id) from names").fetchall()[0][0] not in self._words:
            self._load()
        return self._words

    def _load(self) -> None:
        with self._connections.reading() as connection:
            found: list[tuple[int, str]] = connection.execute("select id, name from names").fetchall()
        with self._lock:
            self._words = dict(found)
            self._numbers = {name: number for number, name in found}
