"""What Reddit says of its limits, and why it refuses. Pure but for the clock that a date is read against."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from listener import waits
from listener.connector import json_body
from listener.errors import ConnectorError, FeedGone
from listener.types import Answer, Quota


def refuse_reason(answer: Answer) -> None:
    """Raise what the interface's own reason stands for; its message is not repeated."""
    body = json_body(answer) if answer.body[:1] == b"{" else None
    reason = body.get("reason") if isinstance(body, dict) else None
    if reason == "banned":
        raise FeedGone("Reddit has closed this subreddit; remove this feed")
    if reason in ("private", "quarantined", "gold_only"):
        raise ConnectorError(f"HTTP {answer.status}: the subreddit is {reason}; your account may not read it")


def quotas(headers: Mapping[str, str]) -> tuple[Quota, ...]:
    """Read what is left of the requests; the reset is stated in seconds."""
    left, reset = headers.get("x-ratelimit-remaining", ""), headers.get("x-ratelimit-reset", "")
    if not re.fullmatch(r"\d{1,9}(\.\d{1,3})?", left):
        return ()
    try:
        seconds = float(reset) if re.fullmatch(r"\d{1,6}(\.\d{1,3})?", reset) else None
        now = parsedate_to_datetime(headers.get("date", "")).astimezone(UTC)
        resets_at = now + timedelta(seconds=seconds) if seconds is not None else None
    except (ValueError, TypeError, OverflowError):
        resets_at = None
    return (Quota("requests in 10 minutes", int(float(left)), None, resets_at),)


def reset_s(answer: Answer) -> float | None:
    """Give the wait that a refusal asks for; Reddit states seconds, whatever is left."""
    asked = waits.retry_after_s(answer.headers, datetime.now(UTC))
    left = answer.headers.get("x-ratelimit-reset", "")
    if asked is None and re.fullmatch(r"\d{1,9}(\.\d{1,3})?", left):
        return waits.bounded(float(left))
    return asked
