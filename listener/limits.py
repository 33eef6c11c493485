"""Every limit that guards us against what comes from outside; each has a test (`tests/test_limits.py`).

Source: the project's threat model, section 0.4. Sizes are bytes unless the name says otherwise.
"""

from typing import Final

WIRE_BYTES: Final = 5_000_000
"""Most bytes of one answer on the wire."""
DECODED_BYTES: Final = 15_000_000
"""Most bytes of one answer after decompression."""
INFLATION: Final = 100
"""Most decoded bytes for each byte on the wire, once `INFLATION_FROM` are decoded."""
INFLATION_FROM: Final = 1_000_000
REDIRECTS: Final = 5
CONNECT_S: Final = 10.0
READ_S: Final = 20.0
"""Longest silence inside an answer."""
TOTAL_S: Final = 60.0
TURN_S: Final = 120.0
"""Longest time for one feed's turn: every page and redirect of it."""
TRANSFERS: Final = 50
"""Most transfers at once, over all hosts."""
HOST_TRANSFERS: Final = 2
HOST_SLOT_S: Final = 1.0
"""Shortest time between two requests to one public host."""
WAIT_MIN_S: Final = 1.0
WAIT_MAX_S: Final = 86_400.0
"""Bounds of a `Retry-After` that we believe."""

PARSE_S: Final = 5.0
PARSE_BYTES: Final = 1 << 30
"""Address space of the child process that parses feeds."""
PARSERS: Final = 2

PAGE_ITEMS: Final = 1_000
PAGES: Final = 10
"""Most pages of one turn."""
TEXT_BYTES: Final = 100_000
CLASSIFIED_BYTES: Final = 20_000
TITLE_BYTES: Final = 1_000
URL_BYTES: Final = 2_000
AUTHOR_BYTES: Final = 512
NATIVE_ID_BYTES: Final = 1_000
LIST_ITEMS: Final = 100
"""Most links, tags, mentions or media of one post."""

INTERVAL_MIN_S: Final = 300.0
INTERVAL_MAX_S: Final = 86_400.0
INTERVAL_START_S: Final = 1_800.0
BACKOFF_MIN_S: Final = 30.0
BACKOFF_MAX_S: Final = 21_600.0
"""Backoff after failures: full jitter between the two, doubling (R9)."""
LEASE_S: Final = 180.0

FREE_BYTES: Final = 200_000_000
"""Below this much free disk, or 5 %, polling stops (R15)."""

LINE_BYTES: Final = 1_000_000
"""Most bytes of one line or message of a stream."""
PULSE_S: Final = 5.0
"""A stream says at least this often that it still listens."""
SILENCE_S: Final = 90.0
"""Longest silence of a stream before its connection counts as dead."""
LOGINS_A_DAY: Final = 5
RECHECKED: Final = 100
"""Most posts that are read again at once."""
SERVES: Final = 0.5
"""From here on a post is said to serve a goal."""
