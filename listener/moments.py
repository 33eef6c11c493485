"""Times as platforms write them, read into ours: pure."""

from datetime import UTC, datetime


def utc(text: object) -> datetime | None:
    """Read a time in ISO form, one without a zone as UTC; None: it is none."""
    if not isinstance(text, str) or not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
