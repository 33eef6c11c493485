"""The error tree, named by what the caller should do.

ListenerError
  ConfigError         the configuration is wrong; say which key, and stop
  ConnectorError      this poll failed; try at the next turn
    RateLimited       wait `retry_after_s` first
    NotAuthorised     stop until credentials change
    FeedGone          stop polling this feed
    OutOfBudget       spend nothing before `until`
    BadPayload        the platform changed its answer; keep a sample, tell the developers
    Refused           the address or the answer broke one of our limits; look at the feed's URL
    Unanswered        what we sent may have arrived; repeat it only where that does no harm
  StoreError          nothing was saved; the whole turn may be repeated
  ModelError          the classifier's file is missing, damaged or of another version
  QueryError          a query cannot be read; it points at the character and says what was expected
"""

import unicodedata
from datetime import datetime


class ListenerError(Exception):
    """Carry a message a person can act on: what failed, which feed or file, what to do next."""


class ConfigError(ListenerError):
    """Say which key of the configuration is wrong."""


class ConnectorError(ListenerError):
    """Report a failed poll that the next turn may repeat."""


class RateLimited(ConnectorError):
    """Ask to wait `retry_after_s` seconds (None: the platform names no time) before the next call."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class NotAuthorised(ConnectorError):
    """Stop until the user changes credentials, payment or permission."""


class FeedGone(ConnectorError):
    """Stop polling: the platform says the feed is gone for good."""


class OutOfBudget(ConnectorError):
    """Report that the next call is not paid for: spend nothing before `until` (None: the month's end)."""

    def __init__(self, message: str, until: datetime | None = None) -> None:
        super().__init__(message)
        self.until = until


class BadPayload(ConnectorError):
    """Report an answer that is not what the platform documents."""


class Refused(ConnectorError):
    """Report an address or an answer that one of our own limits refuses (`limits.py`, `addresses.py`)."""


class Unanswered(ConnectorError):
    """Report that a whole request with a body was sent and no answer came: it may have arrived."""


class StoreError(ListenerError):
    """Report that nothing was saved."""


class ModelError(ListenerError):
    """Report a classifier file that is missing, damaged or of another version."""


class QueryError(ListenerError):
    """Point at the character of a query that cannot be read, and say what was expected there."""

    def __init__(self, text: str, position: int, expected: str) -> None:
        super().__init__(f"the query cannot be read at character {position + 1}: {expected}")
        self.text, self.position, self.expected = text, position, expected

    def caret(self, width: int = 76) -> str:
        """Give two lines: the query, or the part of it around the place, and a caret below the place."""
        start = max(0, self.position - width // 2)
        shown = "".join(c if c.isprintable() else " " for c in self.text[start : start + width])
        before = shown[: self.position - start]
        wide = sum(unicodedata.east_asian_width(c) in "WF" for c in before)
        none = sum(unicodedata.combining(c) > 0 for c in before)
        return f"{shown}\n{' ' * (len(before) + wide - none)}^"
