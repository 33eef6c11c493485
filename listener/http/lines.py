"""A body without an end, read line by line: its transfer, and the lines that wait to be taken; memory is bounded."""

import math
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

import pycurl

from listener.errors import ConnectorError, FeedGone, NotAuthorised, RateLimited, Refused
from listener.hops import Hop
from listener.http.transfer import Setup, Transfer
from listener.tally import Tally, read_head
from listener.types import Answer
from listener.waits import wait_s

_A_LINE: Final = 40
"""What a line costs beside its bytes, so that a million empty ones are not free."""
# One read of these grows to 17 MB at most, which a pause keeps in memory; of others, or of two in a row, to anything.
_ENCODINGS: Final = frozenset({"", "identity", "gzip", "x-gzip", "deflate"})


class LineBuffer:
    """Cut what comes into lines, each at most `most` bytes; a line ends with LF or CR LF."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lines: deque[bytes] = deque()
        self._rest = bytearray()
        self._waiting = 0

    @property
    def full(self) -> bool:
        """True: somebody should take lines before more is added."""
        return self._waiting > 2 * self._most

    def add(self, chunk: bytes) -> bool:
        """Add bytes; False: a line is too long, and was not added."""
        head, *tail = chunk.split(b"\n")
        self._rest += head
        for piece in tail:
            if not self._end_line():
                return False
            self._rest += piece
        return len(self._rest) <= self._most

    def take(self) -> Iterator[bytes]:
        """Take the lines that wait, one by one."""
        while self._lines:
            line = self._lines.popleft()
            self._waiting -= len(line) + _A_LINE
            yield line

    def rest(self) -> bytes:
        """Give what came after the last line end."""
        return bytes(self._rest)

    def _end_line(self) -> bool:
        line = bytes(self._rest.removesuffix(b"\r"))
        if len(line) > self._most:
            return False
        self._rest.clear()
        self._lines.append(line)
        self._waiting += len(line) + _A_LINE
        return True


class LineTransfer(Transfer):
    """A transfer whose body goes into a buffer, and pauses while that is full.

    The ordinary limits hold until the head has come; from then on only silence, inflation and long lines end it.
    """

    def __init__(self, setup: Setup, buffer: LineBuffer) -> None:
        super().__init__(setup)
        self.easy.setopt(pycurl.ACCEPT_ENCODING, "gzip, deflate")
        self._buffer = buffer

    def aim(self, key: object, hop: Hop, now: float) -> None:
        """Get ready for a hop."""
        super().aim(key, hop, now)
        self.open = self.paused = False

    def late(self, now: float) -> bool:
        """Read the clocks; the total time no longer counts once the head is there."""
        self._look()
        return super().late(now)

    def resume(self) -> None:
        """Go on after a pause, unless it came of a bomb; lines may be added at once."""
        self.tally.wire = self.easy.getinfo(pycurl.SIZE_DOWNLOAD_T)
        self.broken = self.tally.too_much()
        self.paused = False
        if self.broken is None:
            self.easy.pause(pycurl.PAUSE_CONT)

    def outcome(self, code: int, text: str, now: float) -> Hop | Answer | ConnectorError:
        """Make of a transfer that has ended what it means; an answer is a stream that ended in order."""
        found = super().outcome(code, text, now)
        return refusal(found) if isinstance(found, Answer) and found.status != 200 else found

    def _look(self) -> None:
        """Find out whether the head has come, and the stream may begin."""
        if self.open or not self.lines or self.lines[-1] not in (b"\r\n", b"\n"):
            return
        status, headers = read_head(self.lines)
        if status == 200 and headers.get("content-encoding", "").strip().lower() not in _ENCODINGS:
            self.broken = Refused(f"{self.hop.target.host} packs its stream in a way that we do not read")
        elif status == 200:
            self.open = True
            self.tally = Tally(self._setup.limits.endless, self.hop.target.host, math.inf, self.tally.started_at)

    def _write(self, chunk: bytes) -> int | None:
        self._look()
        if not self.open:
            self.cut = self.broken is None  # what an error or a redirect says at length is not read
            return 0
        if self._buffer.full:
            self.paused = True
            return int(pycurl.WRITEFUNC_PAUSE)
        self.tally.decoded += len(chunk)
        if self._buffer.add(chunk):
            return None
        most = self._setup.limits.line_bytes
        self.broken = Refused(f"{self.hop.target.host} sent a line of more than {most:,} bytes; we read no more")
        return 0


def refusal(answer: Answer) -> ConnectorError:
    """Give the error that the status of a stream that was not opened stands for."""
    said, status = f"HTTP {answer.status}", answer.status
    waiting_s = wait_s(answer.headers, datetime.now(UTC))
    if status in (429, 503) or (status == 403 and waiting_s is not None):
        return RateLimited(f"{said}, the platform asks us to wait", waiting_s)
    if status in (401, 402, 407):
        return NotAuthorised(f"{said}: credentials are missing, wrong or unpaid")
    if status == 410:
        return FeedGone(f"{said}: the stream is gone for good; look for its new address")
    return ConnectorError(f"{said}: the server opens no stream")
