"""What one transfer has brought so far, measured against our limits; and the head of an answer; pure."""

import math
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from listener import limits
from listener.errors import ConnectorError, Refused

_STATUS: Final = re.compile(rb"HTTP/\d(?:\.\d)? (\d{3})")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one client allows; the defaults are `limits.py`."""

    wire_bytes: int = limits.WIRE_BYTES
    decoded_bytes: int = limits.DECODED_BYTES
    inflation: int = limits.INFLATION
    inflation_from: int = limits.INFLATION_FROM
    redirects: int = limits.REDIRECTS
    connect_s: float = limits.CONNECT_S
    read_s: float = limits.READ_S
    total_s: float = limits.TOTAL_S
    transfers: int = limits.TRANSFERS
    host_transfers: int = limits.HOST_TRANSFERS
    host_slot_s: float = limits.HOST_SLOT_S
    line_bytes: int = limits.LINE_BYTES
    pulse_s: float = limits.PULSE_S
    silence_s: float = limits.SILENCE_S

    @property
    def endless(self) -> "Limits":
        """Give the limits of a stream that has begun: no end, but silence has one."""
        return replace(self, wire_bytes=sys.maxsize, decoded_bytes=sys.maxsize, total_s=math.inf, read_s=self.silence_s)


@dataclass(slots=True)
class Tally:
    """Count one transfer's bytes and seconds. `now` is any clock that only goes forward, in seconds.

    `left_s` is what earlier hops of the same request left of the total time.
    """

    limits: Limits
    host: str
    left_s: float
    started_at: float
    decoded: int = 0
    wire: int = 0
    sent: int = 0
    _moved_at: float = 0.0
    _seen: tuple[int, ...] = field(default=())

    def too_much(self) -> Refused | None:
        """Compare what came with the size limits, and with what it was blown up to."""
        allowed = self.limits
        if self.decoded > allowed.decoded_bytes:
            return Refused(f"{self.host} sent more than {allowed.decoded_bytes:,} bytes; we read no more")
        if self.wire > allowed.wire_bytes:
            return Refused(f"{self.host} sent more than {allowed.wire_bytes:,} bytes; we read no more")
        if self.decoded > allowed.inflation_from and self.decoded > self.wire * allowed.inflation:
            return Refused(f"{self.host} sent data that unpacks to more than {allowed.inflation} times its size")
        return None

    def too_late(self, now: float, connected: bool, lines: int) -> ConnectorError | None:
        """Compare the clock with the time limits, given the state of the connection and the header lines so far."""
        allowed = self.limits
        seen = (lines, self.decoded, self.wire, self.sent, connected)
        if seen != self._seen:
            self._seen, self._moved_at = seen, now
        if now - self.started_at >= self.left_s:
            return ConnectorError(f"{self.host} did not finish its answer within {allowed.total_s:g} s")
        if not connected and now - self.started_at >= allowed.connect_s:
            return ConnectorError(f"could not connect to {self.host} within {allowed.connect_s:g} s")
        if connected and now - self._moved_at >= allowed.read_s:
            return ConnectorError(f"{self.host} was silent for {allowed.read_s:g} s")
        return None


def read_head(lines: Iterable[bytes]) -> tuple[int, dict[str, str]]:
    """Read status and headers of the last answer in raw header lines; names in lower case, repeated ones joined.

    Interim answers (1xx) and what follows the body (trailers) are left out. Of several locations the first counts.
    """
    headers: dict[str, str] = {}
    status, done = 0, False
    for line in lines:
        start = _STATUS.match(line) if line.startswith(b"HTTP/") else None
        if start is not None:
            status, done, headers = int(start[1]), False, {}
            continue
        name, colon, value = line.decode("latin-1").partition(":")
        done = done or line in (b"\r\n", b"\n")
        if colon and not done:
            _add(headers, name.strip().lower(), value.strip())
    return status, headers


def _add(headers: dict[str, str], name: str, value: str) -> None:
    if name not in headers:
        headers[name] = value
    elif name != "location":  # two of them joined would be a third address
        headers[name] += ", " + value
