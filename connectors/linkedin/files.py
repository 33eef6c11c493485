"""Which files of an export are read."""

from typing import Final

from listener.exports import Export

ENTRIES: Final = 20_000
NAMES: Final = frozenset(f"{name}.csv" for name in ("connections", "messages", "shares", "comments", "invitations"))
"""Localised headers come in files of these same names."""
EXPORT: Final = Export(".csv", lambda name: name.lower() in NAMES, ENTRIES)
