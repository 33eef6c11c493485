"""Read the dates that people and programs write: ISO, seconds or milliseconds since 1970, common local forms."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAY: Final = re.compile(r"(?:mon|tue|wed|thu|fri|sat|sun)[a-z]{0,6}\.?,?\s+", re.IGNORECASE)
_NAME: Final = r"(?P<name>[a-z]{3,9})"
_DAY: Final = r"(?P<day>\d{1,2})(?:st|nd|rd|th|\.)?"
_CLOCK: Final = r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,]\d{1,9})?)?\s*(?P<half>[ap]\.?m\.?)?"
_ZONE: Final = r"(?P<zone>z|utc|gmt|[+-]\d{2}:?\d{2})?"
_AFTER: Final = rf"(?:,?\s*(?:at|t|-)?\s*{_CLOCK}\s*{_ZONE})?"
_FORMS: Final = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        rf"(?P<year>\d{{4}})[-/.](?P<month>\d{{1,2}})[-/.]{_DAY}{_AFTER}",
        rf"(?P<one>\d{{1,2}})(?P<sign>[-/.])(?P<two>\d{{1,2}})[-/.](?P<year>\d{{4}}|\d{{2}}){_AFTER}",
        rf"{_DAY}[ -]{_NAME}\.?,?[ -](?P<year>\d{{4}}){_AFTER}",
        rf"{_NAME}\.? {_DAY},? (?P<year>\d{{4}}){_AFTER}",
        rf"{_NAME} +{_DAY} {_CLOCK}\s*{_ZONE} (?P<year>\d{{4}})",
    )
)
_SLASHED: Final = re.compile(r"\s*(\d{1,2})[-/](\d{1,2})[-/](?:\d{4}|\d{2})(?!\d)")
_NUMBER: Final = re.compile(r"-?\d{1,17}(?:\.\d{1,9})?")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def day_first(samples: Iterable[str]) -> bool:
    """Tell whether a file writes 31/12/2008 and not 12/31/2008; without a sign of it, it does not."""
    found = [match for text in samples if (match := _SLASHED.match(text))]
    return any(int(match[1]) > 12 for match in found) and not any(int(match[2]) > 12 for match in found)


def read(value: object, *, is_day_first: bool = False) -> datetime:
    """Read a moment, in UTC where no zone is named; raise ValueError for what is none."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _since_1970(float(value))
    text = str(value).strip()
    if re.fullmatch(r"(?:19|20)\d{6}", text):
        return datetime.strptime(text, "%Y%m%d").replace(tzinfo=UTC)
    if _NUMBER.fullmatch(text):
        return _since_1970(float(text))
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return _local(_WEEKDAY.sub("", text, count=1) if _WEEKDAY.match(text) else text, is_day_first)


def _since_1970(number: float) -> datetime:
    for unit, most in ((1.0, 1e11), (1e3, 1e14), (1e6, 1e17)):
        if 1e8 <= abs(number) < most:
            return _EPOCH + timedelta(seconds=number / unit)
    raise ValueError("no number of seconds since 1970")


def _local(text: str, is_day_first: bool) -> datetime:
    for form in _FORMS:
        match = form.fullmatch(text[:100])
        if match is not None:
            found = match.groupdict()
            month, day = _month_and_day(found, is_day_first)
            return datetime(_year(found["year"]), month, day, *_clock(found), tzinfo=_zone(found)).astimezone(UTC)
    raise ValueError("no form of date that we know")


def _month_and_day(found: dict[str, str | None], is_day_first: bool) -> tuple[int, int]:
    if "one" in found:
        one, two = int(found["one"] or 0), int(found["two"] or 0)
        turned = one > 12 or (two <= 12 and (is_day_first or found["sign"] == "."))
        return (two, one) if turned else (one, two)
    name = (found.get("name") or "").lower()
    return _MONTHS.index(name[:3]) + 1 if name else int(found["month"] or 0), int(found["day"] or 0)


def _year(text: str | None) -> int:
    year = int(text or 0)
    return year if year > 99 else year + (2000 if year < 70 else 1900)


def _clock(found: dict[str, str | None]) -> tuple[int, int, int]:
    hour = int(found["hour"] or 0)
    half = (found["half"] or "").lower()[:1]
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    return hour, int(found["minute"] or 0), int(found["second"] or 0)


def _zone(found: dict[str, str | None]) -> timezone:
    zone = (found["zone"] or "").replace(":", "")
    if zone[:1] not in ("+", "-"):
        return UTC
    span = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:5]))
    return timezone(-span if zone[0] == "-" else span)
