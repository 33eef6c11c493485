"""What logins gave to connectors: one file for each, mode 0600, beside the store, never in it or in a backup.

Read and written whole under a file lock, so that many threads and programs share one login (R10).
"""

import fcntl
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from listener import limits
from listener.errors import NotAuthorised, StoreError
from listener.secrets import remember

LOGINS: Final = "logins"
"""The name under which the days' logins are counted."""


class SessionFile:
    """One connector's session. Satisfies `listener.connector.Sessions`."""

    def __init__(self, path: Path | Callable[[], Path], now: Callable[[], datetime]) -> None:
        """`path`: the file, or what finds it when the session is first used."""
        self._place = path
        self._now = now

    @property
    def _path(self) -> Path:
        return self._place if isinstance(self._place, Path) else self._place()

    def get(self, name: str) -> str | None:
        """Read a value; None: it was never put."""
        value = self._read().get(name)
        if value is not None and name != LOGINS:
            remember(value)
        return value

    def put(self, name: str, value: str) -> None:
        """Keep a value, hidden from logs from now on; written whole or not at all."""
        if name != LOGINS:
            remember(value)
        self._write(self._read() | {name: value})

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold this session alone, over all threads and programs; not to be taken twice by one thread."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # A file of its own: the session's is replaced while it is held.
        with self._path.with_suffix(".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def count_login(self) -> None:
        """Count a login that is about to be made; the sixth of a day raises NotAuthorised (R10)."""
        today = self._now().date().isoformat()
        day, _, count = (self.get(LOGINS) or "").partition(" ")
        made = int(count) if day == today else 0
        if made >= limits.LOGINS_A_DAY:
            raise NotAuthorised(f"{made} logins today and none lasted; check the account's password, then try tomorrow")
        self.put(LOGINS, f"{today} {made + 1}")

    def _read(self) -> dict[str, str]:
        try:
            held = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise StoreError(f"{self._path}: the session cannot be read; delete this file to log in anew") from error
        return {str(name): str(value) for name, value in held.items()} if isinstance(held, dict) else {}

    def _write(self, values: dict[str, str]) -> None:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self._path.parent)  # mkstemp makes it 0600
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(values, file)
            os.replace(name, self._path)
        except OSError as error:
            raise StoreError(f"{self._path}: the session cannot be written ({error.strerror})") from error
