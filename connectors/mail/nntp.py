"""Read a news group by NNTP: by article number, each server's own and always growing. Source: RFC 3977.

The standard library's client is gone since Python 3.13, and reads an article whole however long it is.
"""

import base64
import json
import re
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from io import BufferedRWPair
from time import monotonic
from typing import Any, Final

from connectors.mail.headers import moment
from connectors.mail.messages import MESSAGE_BYTES
from connectors.mail.servers import PAGE_BYTES, PAGE_S, SILENCE_S, Place, translated, trust
from listener.errors import BadPayload, ConnectorError, NotAuthorised
from listener.types import Gap

ARTICLES: Final = 100
"""Most articles of one page: each is a question and an answer."""
WINDOW: Final = 1_000
"""Numbers looked at for one page."""
LINE_BYTES: Final = 100_000
ANSWER_BYTES: Final = 4 * MESSAGE_BYTES
"""Beyond this the connection is given up."""


@dataclass(frozen=True, slots=True)
class Article:
    """One article as the server gave it."""

    number: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Stretch:
    """What a group holds, and which articles of it are due."""

    low: int
    high: int
    due: tuple[int, ...]
    end: int
    """All numbers up to this are either due or not there."""


def fetch(place: Place, group: str, cursor: str | None, since: datetime) -> bytes:
    """Read the next page after `cursor`, oldest first; of a group never read, what was written after `since`."""
    with _session(place) as server:
        stretch = _stretch(server, group, _last(cursor), since)
        until, size, read_to = monotonic() + PAGE_S, 0, None
        articles: list[Article] = []
        for number in stretch.due[:ARTICLES]:
            if articles and (monotonic() > until or size > PAGE_BYTES):
                break
            body = server.article(number)
            read_to = number
            if body is not None:
                articles.append(Article(number, body))
                size += len(body)
    is_all = read_to is None or read_to == stretch.due[-1]
    last = stretch.end if is_all else read_to
    said = {
        "group": group,
        "low": stretch.low,
        "high": stretch.high,
        "last": last,
        "more": last is not None and last < stretch.high,
        "messages": [{"number": one.number, "raw": base64.b64encode(one.body).decode()} for one in articles],
    }
    return json.dumps(said).encode()


def read(body: Any, cursor: str | None) -> tuple[list[Article], str, bool, Gap | None]:
    """Read what `fetch` wrote down: the articles, the cursor, whether more wait, and what has expired unread."""
    try:
        articles = [Article(int(one["number"]), base64.b64decode(one["raw"])) for one in body["messages"]]
        low, high, last = int(body["low"]), int(body["high"]), int(body["last"])
        more = body["more"] is True
    except (KeyError, TypeError, ValueError) as error:
        raise BadPayload("the answer is no page of a group") from error
    known, gap = _last(cursor), None
    if known is not None and _is_renumbered(known, low, high):
        gap = Gap("the server numbers its articles anew", str(known), str(low))
    elif known is not None and low > known + 1 and high >= low:
        gap = Gap("articles expired before they were read", str(known), str(low))
    return articles, json.dumps({"number": last}), more, gap


def _last(cursor: str | None) -> int | None:
    try:
        number = json.loads(cursor or "{}").get("number")
    except (ValueError, AttributeError, RecursionError):
        return None
    return number if type(number) is int else None


def _is_renumbered(known: int, low: int, high: int) -> bool:
    # An empty group may say 0 0, or low one above high.
    return low <= high < known and high > 0


class _Server:
    """An open connection; one command at a time."""

    def __init__(self, stream: BufferedRWPair, name: str) -> None:
        self._stream = stream
        self._name = name

    def ask(self, command: str | None = None) -> tuple[int, str]:
        """Send a command; give the code and the rest of the answer's first line."""
        if command is not None:
            self._stream.write(f"{command}\r\n".encode())
            self._stream.flush()
        line = self._stream.readline(LINE_BYTES)
        if not line:
            raise EOFError
        code, _, rest = line.decode("utf-8", "replace").strip().partition(" ")
        if re.fullmatch(r"[1-5]\d\d", code) is None:
            raise ConnectorError(f"{self._name} is no news server; check connectors.mail.news_port")
        return int(code), rest

    def block(self) -> Iterator[bytes]:
        """Read the lines of an answer to its end, without their ends."""
        count, is_new = 0, True
        while True:
            line = self._stream.readline(LINE_BYTES)
            if not line:
                raise EOFError
            count += len(line)
            if count > ANSWER_BYTES:
                raise ConnectorError(f"{self._name} sent more than {ANSWER_BYTES:,} bytes; we read no more")
            if is_new and line in (b".\r\n", b".\n"):
                return
            yield line[1:] if is_new and line.startswith(b"..") else line
            is_new = line.endswith(b"\n")

    def article(self, number: int) -> bytes | None:
        """Read an article; None: it was cancelled."""
        code, _ = self.ask(f"ARTICLE {number}")
        if code in (423, 430):
            return None
        _check(code, self._name)
        body = bytearray()
        for line in self.block():
            if len(body) < MESSAGE_BYTES:
                body += line
        return bytes(body)

    def listed(self, first: int, last: int) -> list[tuple[int, str]] | None:
        """List the articles that are there with their dates; None: the server cannot."""
        for command in ("OVER", "XOVER"):
            code, _ = self.ask(f"{command} {first}-{last}")
            if code in (420, 423):
                return []
            if code in (224, 225):
                rows = [line.decode("utf-8", "replace").split("\t") for line in self.block()]
                return [(int(row[0]), row[3]) for row in rows if len(row) > 3 and row[0].isdecimal()]
            if code not in (500, 501, 502, 503):
                _check(code, self._name)
        return None


def _check(code: int, name: str) -> None:
    if code in (480, 481, 482, 483, 502):
        raise NotAuthorised(f"{name} wants a login; check connectors.mail.news_user and news_password")
    if code >= 400:
        raise ConnectorError(f"{name} refuses with code {code}")


@contextmanager
def _session(place: Place) -> Iterator[_Server]:
    with translated(place), socket.create_connection((place.host, place.port), SILENCE_S) as plain:
        wire = trust().wrap_socket(plain, server_hostname=place.host) if place.tls else plain
        with wire, wire.makefile("rwb") as stream:
            server = _Server(stream, place.name)
            _check(server.ask()[0], place.name)
            server.ask("MODE READER")
            _log_in(server, place)
            yield server
            server.ask("QUIT")


def _log_in(server: _Server, place: Place) -> None:
    if place.user is None:
        return
    if not place.tls and not place.is_here:
        raise ConnectorError(f"{place.name} would send the password in the clear; set connectors.mail.news_ssl = true")
    said = [place.user, place.password or ""]
    if any(re.search(r"[\r\n\0]", word) for word in said):
        raise NotAuthorised("connectors.mail.news_user and news_password must be one line each")
    code, _ = server.ask(f"AUTHINFO USER {said[0]}")
    if code == 381:
        code, _ = server.ask(f"AUTHINFO PASS {said[1]}")
    if code not in (281, 250):
        raise NotAuthorised(f"{place.host} refuses the login; check connectors.mail.news_user and news_password")


def _stretch(server: _Server, group: str, known: int | None, since: datetime) -> Stretch:
    code, rest = server.ask(f"GROUP {group}")
    if code == 411:
        raise ConnectorError(f"there is no group {group}; check its name with the server")
    _check(code, "the news server")
    numbers = [int(word) for word in rest.split()[:3] if word.isdecimal()]
    if code != 211 or len(numbers) < 3:
        raise BadPayload("the answer to GROUP has no numbers")
    _, low, high = numbers
    if high < low or high == 0:
        return Stretch(low, high, (), max(known or 0, high))
    is_first = known is None or _is_renumbered(known, low, high)
    first = max(low, high - WINDOW + 1) if is_first or known is None else max(low, known + 1)
    end = min(high, first + WINDOW - 1)
    if first > end:
        return Stretch(low, high, (), high)
    listed = server.listed(first, end)
    if listed is None:
        due: Sequence[int] = range(max(first, end - ARTICLES + 1) if is_first else first, end + 1)
    else:
        due = sorted({number for number, date in listed if not is_first or _is_young(date, since)})
    return Stretch(low, high, tuple(number for number in due if first <= number <= end), end)


def _is_young(date: str, since: datetime) -> bool:
    found, _ = moment(date)
    return found is None or found >= since
