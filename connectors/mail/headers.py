"""Read the headers of a message, whatever encodings they are or claim to be in. No I/O."""

import email.utils
import re
from datetime import UTC, datetime
from email import policy
from email.errors import MessageError
from email.header import decode_header
from email.message import Message
from typing import Final

VALUE_CHARS: Final = 4_000
"""Most characters of a header that are read."""
ADDRESS_CHARS: Final = 500
PARSED_CHARS: Final = 1_000
"""Longer values are decoded the simple way: the thorough one takes quadratic time."""
IDS: Final = 100

_ID: Final = re.compile(r"<([^<>\s]{1,900})>")
_AT: Final = re.compile(r"^([\w.+%=/-]+) at ((?:[\w-]+\.)+[\w-]+)")
_SURROGATES: Final = re.compile("[\ud800-\udfff]+")
_NONSENSE: Final = (
    MessageError, AttributeError, LookupError, TypeError, ValueError, RecursionError,
)  # fmt: skip


# Any raw header is text whose bytes outside ASCII are surrogates: the parser's way to lose nothing.
def raw(message: Message, name: str) -> str:
    """Give a header's first value, unfolded but not decoded; empty: there is none."""
    wanted = name.lower()
    for key, value in message.raw_items():
        if key.lower() == wanted:
            return _mended(re.sub(r"\r?\n[ \t]*", " ", str(value)[:VALUE_CHARS])).strip()
    return ""


def text(message: Message, name: str) -> str:
    """Give a header's first value as a person would read it."""
    return decoded(raw(message, name), name)


def decoded(value: str, name: str = "subject") -> str:
    """Decode the encoded words of a value; one that cannot be decoded stays as it is."""
    if "=?" not in value:
        return " ".join(value.split())
    try:
        if len(value) > PARSED_CHARS:
            raise ValueError
        found = str(policy.default.header_fetch_parse(name, value))
        if "\ufffd" in found:  # a word in another charset than it says
            raise ValueError
    except _NONSENSE:
        found = _simply_decoded(value)
    return " ".join(_without_surrogates(found).split())


def address(message: Message, name: str) -> tuple[str, str]:
    """Give the first name and address of a header; archives write `ada at example.org (Ada)`."""
    value = _AT.sub(r"\1@\2", raw(message, name)[:ADDRESS_CHARS])
    try:
        said, found = email.utils.parseaddr(value)
    except _NONSENSE:
        said, found = "", ""
    if not found and not said:
        said = value
    return decoded(said, "x-name"), found.strip().lower()


def ids(message: Message, name: str) -> list[str]:
    """List the message ids in a header, without their brackets."""
    value = raw(message, name)
    found = _ID.findall(value)
    if not found and "@" in value and " " not in value:
        found = [value.strip("<>")]
    return found[:IDS]


def moment(value: str) -> tuple[datetime | None, bool]:
    """Read a date, and tell whether it names its zone; without one it is taken for UTC."""
    try:
        found = email.utils.parsedate_tz(value[:200])
        if found is None:
            return None, False
        zoned = re.search(r"[+-]\d{4}|\b(?:[A-Z]{3}|UT|Z)\b(?![a-z])", value[5:]) is not None
        return datetime.fromtimestamp(email.utils.mktime_tz(found), UTC), zoned
    except (*_NONSENSE, OverflowError, OSError):
        return None, False


def decoded_bytes(body: bytes, charset: str | None) -> str:
    """Decode bytes by the charset they claim, by UTF-8, or as old Windows programs wrote; never raises."""
    claimed = (charset or "").strip("\"' ").lower()
    # ASCII that is not: what it really is, nobody says.
    for name in dict.fromkeys((claimed if claimed not in ("us-ascii", "ascii") else "", "utf-8")):
        if name:
            try:
                return body.decode(name)
            except (LookupError, UnicodeError, ValueError, TypeError):
                continue
    try:
        known = claimed and isinstance(body.decode(claimed, "replace"), str)
    except (LookupError, UnicodeError, ValueError, TypeError):
        known = False
    return body.decode(claimed if known and claimed not in ("us-ascii", "ascii", "utf-8") else "cp1252", "replace")


def _simply_decoded(value: str) -> str:
    try:
        pieces = decode_header(value)
        return "".join(decoded_bytes(one, charset) if isinstance(one, bytes) else one for one, charset in pieces)
    except _NONSENSE:
        return value


def _mended(value: str) -> str:
    if _SURROGATES.search(value) is None:
        return value
    return decoded_bytes(value.encode("utf-8", "surrogateescape"), None)


def _without_surrogates(value: str) -> str:
    def one(match: re.Match[str]) -> str:
        return match[0].encode("utf-8", "surrogateescape").decode("cp1252", "replace")

    try:
        return _SURROGATES.sub(one, value)
    except UnicodeError:  # surrogates that stand for no byte
        return _SURROGATES.sub("\ufffd", value)
