"""Read a folder by IMAP: opened to read only, and every text fetched by PEEK, so that nothing is marked or lost.

Source: RFC 3501. A page is written down as JSON for `parse`: the folder's UIDVALIDITY, and each message with its UID.
"""

import base64
import imaplib
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NoReturn

from connectors.mail import folders
from connectors.mail.messages import MESSAGE_BYTES
from connectors.mail.servers import PAGE_BYTES, SILENCE_S, Place, translated, trust
from listener.errors import BadPayload, ConnectorError, NotAuthorised

MESSAGES: Final = 1_000
"""Most messages of one page."""
LISTED: Final = 30
OVERLAP: Final = timedelta(days=1)
"""IMAP searches by whole days."""
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_UID: Final = re.compile(rb"\bUID (\d{1,10})")
_SIZE: Final = re.compile(rb"\bRFC822\.SIZE (\d{1,12})")
_TAKEN: Final = re.compile(rb'\bINTERNALDATE "([^"]{10,40})"')
_LATER: Final = re.compile(r"\[(?:UNAVAILABLE|INUSE|LIMIT|SERVERBUG|CONTACTADMIN)\]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Mark:
    """Where the reading of a folder stands."""

    validity: int | None = None
    uid: int | None = None
    """The last one read."""
    newest: str | None = None
    """When the newest message read was taken in, for the day on which the folder is numbered anew."""

    @classmethod
    def read(cls, cursor: str | None) -> "Mark":
        """Read a cursor; one that is not ours begins anew."""
        try:
            held = json.loads(cursor or "{}")
            validity, uid, newest = held.get("validity"), held.get("uid"), held.get("newest")
            sound = type(validity) is int and type(uid) is int and isinstance(newest, str | None)
            return cls(validity, uid, newest) if sound else cls()
        except (ValueError, AttributeError, RecursionError):
            return cls()

    @property
    def cursor(self) -> str:
        """Write it down."""
        return json.dumps({name: value for name, value in asdict(self).items() if value is not None})


@dataclass(frozen=True, slots=True)
class Item:
    """One message as the server gave it."""

    uid: int
    body: bytes
    taken: str


def fetch(place: Place, folder: str, cursor: str | None, since: datetime) -> bytes:
    """Read the next page after `cursor`, oldest first; of a folder never read, what came after `since`."""
    with _session(place) as session:
        validity, next_uid = _opened(session, folder)
        mark = Mark.read(cursor)
        if mark.validity != validity:
            mark = Mark(validity, None, mark.newest)
        uids = _search(session, mark, since)
        some = _fitting(session, uids[:MESSAGES])
        items = _messages(session, some) if some else []
    last = max([*some, *([] if some else [next_uid - 1]), mark.uid or 0])
    said = {
        "folder": folder,
        "validity": validity,
        "last": last,
        "more": len(uids) > len(some),
        "messages": [
            {"uid": item.uid, "taken": item.taken, "raw": base64.b64encode(item.body).decode()} for item in items
        ],
    }
    return json.dumps(said).encode()


def read(body: Any, cursor: str | None) -> tuple[list[Item], Mark, bool]:
    """Read what `fetch` wrote down: the messages, where the next page begins, whether it waits already."""
    try:
        items = [Item(int(one["uid"]), base64.b64decode(one["raw"]), str(one["taken"])) for one in body["messages"]]
        mark = Mark(int(body["validity"]), int(body["last"]), Mark.read(cursor).newest)
        newest = max(filter(None, (taken_at(item.taken) for item in items)), default=None)
        if newest is not None:
            mark = replace(mark, newest=newest.isoformat())
        return items, mark, body["more"] is True
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise BadPayload("the answer is no page of a folder") from error


def taken_at(text: str) -> datetime | None:
    """Read `17-Jul-2026 02:44:25 -0700`."""
    match = re.fullmatch(r"\s?(\d{1,2})-(\w{3})-(\d{4}) (\d\d:\d\d:\d\d) ([+-]\d{4})", text)
    if match is None or match[2].title() not in _MONTHS:
        return None
    day, month = int(match[1]), _MONTHS.index(match[2].title()) + 1
    try:
        return datetime.fromisoformat(f"{match[3]}-{month:02}-{day:02}T{match[4]}{match[5]}").astimezone(UTC)
    except (ValueError, OverflowError):
        return None


class _Bounded:
    """Limits what one literal of a server may hold."""

    def read(self, size: int) -> bytes:
        if size > 2 * MESSAGE_BYTES:
            raise imaplib.IMAP4.abort("a literal larger than any that was asked for")
        found: bytes = super().read(size)  # type: ignore[misc] # imaplib's, in the classes below
        return found


class _Plain(_Bounded, imaplib.IMAP4): ...


class _Secure(_Bounded, imaplib.IMAP4_SSL): ...


@contextmanager
def _session(place: Place) -> Iterator[imaplib.IMAP4]:
    with translated(place):
        session = _connected(place)
        try:
            _log_in(session, place)
            yield session
            session.logout()
        except imaplib.IMAP4.abort as error:
            raise ConnectorError(f"{place.name} broke off in the middle of an answer") from error
        except imaplib.IMAP4.error as error:
            raise ConnectorError(f"{place.name} refuses a command that every IMAP server knows") from error
        finally:
            with suppress(OSError):
                session.shutdown()


def _connected(place: Place) -> imaplib.IMAP4:
    try:
        if place.tls:
            return _Secure(place.host, place.port, ssl_context=trust(), timeout=SILENCE_S)
        session = _Plain(place.host, place.port, timeout=SILENCE_S)
        if "STARTTLS" in session.capabilities:
            session.starttls(trust())
        elif not place.is_here:
            session.shutdown()
            raise ConnectorError(f"{place.name} would send the password in the clear; set connectors.mail.ssl = true")
    except imaplib.IMAP4.error as error:
        raise ConnectorError(f"{place.name} is no IMAP server; check connectors.mail.{place.setting}") from error
    return session


def _log_in(session: imaplib.IMAP4, place: Place) -> None:
    user, password = place.user or "", place.password or ""
    if re.search(r"[\r\n\0]", user + password):
        raise NotAuthorised("connectors.mail.user and password must be one line each")
    try:
        if (user + password).isascii():
            session.login(user, password)
        else:
            session.authenticate("PLAIN", lambda _: f"\0{user}\0{password}".encode())
    except imaplib.IMAP4.abort:
        raise
    except imaplib.IMAP4.error as error:
        if _LATER.search(str(error)):
            raise ConnectorError(f"{place.host} lets nobody in for now") from None
        raise NotAuthorised(
            f"{place.host} refuses the login; check connectors.mail.user and password "
            "(most providers want an app password)"
        ) from None


def _opened(session: imaplib.IMAP4, folder: str) -> tuple[int, int]:
    """Open a folder to read only; give its UIDVALIDITY, and the UID that the next message will get."""
    kind, _ = session.select(folders.quoted(folder), readonly=True)
    if kind != "OK":
        _unknown(session, folder)
    return _number(session, "UIDVALIDITY", 0), _number(session, "UIDNEXT", 1)


def _unknown(session: imaplib.IMAP4, folder: str) -> NoReturn:
    _, lines = session.list()
    names = [name for line in lines if isinstance(line, bytes | tuple) and (name := folders.listed(line)) is not None]
    more = ", …" if len(names) > LISTED else ""
    raise ConnectorError(f"there is no folder {folder!r}; there are: {', '.join(names[:LISTED])}{more}")


def _number(session: imaplib.IMAP4, name: str, otherwise: int) -> int:
    value = session.response(name)[1][0]
    return int(value) if isinstance(value, bytes) and value.isdigit() else otherwise


def _search(session: imaplib.IMAP4, mark: Mark, since: datetime) -> list[int]:
    """List what comes after the mark, oldest first. A folder that is numbered anew is read from its newest day on."""
    if mark.uid is None:
        with suppress(ValueError):
            since = datetime.fromisoformat(mark.newest) if mark.newest else since
        day = since - OVERLAP
        wanted = f"SINCE {day.day}-{_MONTHS[day.month - 1]}-{day.year}"
    else:
        wanted = f"UID {mark.uid + 1}:*"
    kind, lines = session.uid("SEARCH", wanted)
    if kind != "OK":
        raise ConnectorError("the server refuses to search the folder")
    uids = {int(uid) for line in lines if isinstance(line, bytes) for uid in line.split() if uid.isdigit()}
    # `n:*` always brings the last message, be it older or not.
    return sorted(uid for uid in uids if mark.uid is None or uid > mark.uid)


def _fitting(session: imaplib.IMAP4, uids: Sequence[int]) -> list[int]:
    """Take as many messages as a page may hold, at least one."""
    sizes = {}
    for head, _ in _lines(session, uids, "(UID RFC822.SIZE)"):
        named, size = _UID.search(head), _SIZE.search(head)
        if named and size:
            sizes[int(named[1])] = min(int(size[1]), MESSAGE_BYTES)
    some: list[int] = []
    total = 0
    for uid in uids:
        total += sizes.get(uid, 0)
        if some and total > PAGE_BYTES:
            break
        some.append(uid)
    return some


def _messages(session: imaplib.IMAP4, uids: Sequence[int]) -> list[Item]:
    found = []
    for head, body in _lines(session, uids, f"(UID INTERNALDATE BODY.PEEK[]<0.{MESSAGE_BYTES}>)"):
        uid, taken = _UID.search(head), _TAKEN.search(head)
        if uid and body is not None:
            found.append(Item(int(uid[1]), body[:MESSAGE_BYTES], taken[1].decode("ascii", "replace") if taken else ""))
    return sorted(found, key=lambda item: item.uid)


def _lines(session: imaplib.IMAP4, uids: Sequence[int], what: str) -> Iterator[tuple[bytes, bytes | None]]:
    """Fetch something of messages: what stands before and after the text, and the text."""
    if not uids:
        return
    kind, lines = session.uid("FETCH", _ranges(uids), what)
    if kind != "OK":
        raise ConnectorError("the server refuses to give the folder's messages")
    for number, line in enumerate(lines):
        if isinstance(line, tuple):
            after = lines[number + 1] if number + 1 < len(lines) else b""
            yield line[0] + (after if isinstance(after, bytes) else b""), line[1]
        elif isinstance(line, bytes) and b"(" in line:
            yield line, None


def _ranges(uids: Sequence[int]) -> str:
    """Write numbers briefly: `3:7,9`."""
    parts: list[list[int]] = []
    for uid in uids:
        if parts and uid == parts[-1][1] + 1:
            parts[-1][1] = uid
        else:
            parts.append([uid, uid])
    return ",".join(str(first) if first == last else f"{first}:{last}" for first, last in parts)
