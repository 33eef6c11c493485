"""Channels that were added by command, with their secrets: one file, mode 0600, beside the store, never in a backup."""

import fcntl
import json
import os
import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from listener.channels import keep_secret
from listener.errors import StoreError
from listener.secrets import remember

OVERLAP: Final = timedelta(days=7)
"""So long a webhook is signed with its old secret, too, after it got a new one."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One channel: its name, its address, and what a webhook is signed with."""

    name: str
    url: str
    secret: str | None = None
    old_secret: str | None = None
    rotated_at: datetime | None = None
    from_config: bool = False
    fault: str | None = None
    """Why it cannot be read: a secret of the configuration that is not there."""

    def signing(self, now: datetime) -> tuple[str, ...]:
        """List the secrets to sign with: the one in use, and its forerunner while receivers change over."""
        is_over = self.rotated_at is not None and now - self.rotated_at > OVERLAP
        return tuple(one for one in (self.secret, None if is_over else self.old_secret) if one)

    def rotated(self, now: datetime) -> "Entry":
        """Give it a new secret."""
        return replace(self, secret=new_secret(), old_secret=self.secret, rotated_at=now)


def new_secret() -> str:
    """Make a secret nobody can guess."""
    return secrets.token_urlsafe(32)


class AddressBook:
    """The file of channels; read and written whole under a lock, so that many programs may share it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def entries(self) -> dict[str, Entry]:
        """Read every channel by its name; their secrets are hidden in everything written from now on."""
        try:
            held = json.loads(self._path.read_text(encoding="utf-8"))
            found = {str(name): _entry(str(name), row) for name, row in held.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise StoreError(f"{self._path}: the channels cannot be read; repair or delete this file") from error
        for entry in found.values():
            keep_secret(entry.url)
            for secret in (entry.secret, entry.old_secret):
                remember(secret or "")
        return found

    def put(self, entry: Entry) -> None:
        """Keep a channel, in the place of one of its name."""
        self._change(lambda held: held.update({entry.name: entry}))

    def remove(self, name: str) -> None:
        """Forget a channel and its secrets."""
        self._change(lambda held: held.pop(name, None))

    def _change(self, change: "Callable[[dict[str, Entry]], object]") -> None:
        with self._lock():
            held = self.entries()
            change(held)
            self._write({name: _row(entry) for name, entry in held.items()})

    @contextmanager
    def _lock(self) -> Iterator[None]:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # A file of its own: the other one is replaced while it is held.
        with self._path.with_name(f"{self._path.name}.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _write(self, rows: dict[str, dict[str, str]]) -> None:
        try:
            handle, name = tempfile.mkstemp(dir=self._path.parent)  # mkstemp makes it 0600
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(rows, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, self._path)
        except OSError as error:
            raise StoreError(f"{self._path}: the channels cannot be written ({error.strerror})") from error


def _row(entry: Entry) -> dict[str, str]:
    kept = asdict(entry) | {"rotated_at": entry.rotated_at.isoformat() if entry.rotated_at else None}
    return {
        key: value for key, value in kept.items() if key not in ("name", "from_config", "fault") and value is not None
    }


def _entry(name: str, row: dict[str, str]) -> Entry:
    at = row.get("rotated_at")
    rotated_at = datetime.fromisoformat(at) if at else None
    return Entry(name, str(row["url"]), row.get("secret"), row.get("old_secret"), rotated_at)
