"""A WebSocket on libcurl: the handshake is a guarded transfer, and its connection stays open for messages."""

import contextlib
import selectors
from collections.abc import Callable
from time import monotonic
from typing import Any, ClassVar, Final

import pycurl

from listener.errors import ConnectorError, Refused
from listener.hops import Hop
from listener.http.lines import refusal
from listener.http.loop import Loop
from listener.http.transfer import Setup, Transfer, trouble
from listener.tally import Limits
from listener.types import Answer

NEEDS: Final = frozenset({"ws", "wss"})

_CHUNK: Final = 65_536
_DETACHED: Final = 2  # CONNECT_ONLY: shake hands, then leave the messages to us
_GONE: Final = frozenset({pycurl.E_GOT_NOTHING, pycurl.E_RECV_ERROR, pycurl.E_SEND_ERROR})


class Handshake(Transfer):
    """A transfer that ends with the upgrade to a WebSocket; a redirect is not followed."""

    protocols: ClassVar[int] = 3 << 30  # CURLPROTO_WS and CURLPROTO_WSS, which pycurl does not name
    stays: ClassVar[bool] = True

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self.easy.setopt(pycurl.CONNECT_ONLY, _DETACHED)
        self.easy.setopt(pycurl.WS_OPTIONS, pycurl.WS_NOAUTOPONG)  # detached, libcurl's own pongs stay in its buffer

    def outcome(self, code: int, text: str, now: float) -> Hop | Answer | ConnectorError:
        """Make of the handshake what it means; an answer is an open WebSocket."""
        self.cut = self.cut or code == pycurl.E_HTTP_RETURNED_ERROR
        found = super().outcome(code, text, now)
        if isinstance(found, Hop):
            return Refused(f"{self.hop.target.host} redirects the WebSocket to {found.target.host}; use that address")
        return refusal(found) if isinstance(found, Answer) and found.status != 101 else found


class WebSocket:
    """An open WebSocket; satisfies `listener.connector.WebSocket`. One thread uses it.

    Pings are answered, and sent when nothing has come for a while: a connection that then stays silent is dead.
    `stopping` tells whether the client was closed; its loop is woken then.
    """

    def __init__(self, transfer: Transfer, loop: Loop, limits: Limits, stopping: Callable[[], bool]) -> None:
        self._easy: Any = transfer.easy  # pycurl has no types
        self._host = transfer.hop.target.host
        self._loop = loop
        self._limits = limits
        self._stopping = stopping
        self._socket: int = self._easy.getinfo(pycurl.ACTIVESOCKET)
        self._begun = bytearray()
        """The fragments so far of a message that is not whole."""
        self._silent_s, self._pinged = 0.0, False

    def send(self, text: str) -> None:
        """Send one text message."""
        self._send(text.encode(), pycurl.WS_TEXT)

    def receive(self, wait_s: float) -> bytes | None:
        """Wait for a whole message; None: none came in that time. Raises ConnectorError where there will be none."""
        until = monotonic() + wait_s
        while True:
            if self._stopping():
                raise ConnectorError("the program is stopping; the WebSocket was closed")
            try:
                chunk, frame = self._easy.ws_recv(_CHUNK)
            except BlockingIOError:
                left_s = until - monotonic()
                if left_s <= 0:
                    return None
                self._wait(left_s)
            except pycurl.error as error:
                raise self._error(error) from error
            else:
                if self._silent_s:
                    self._silent_s, self._pinged = 0.0, False
                whole = self._take(chunk, frame.flags, frame.bytesleft)
                if whole is not None:
                    return whole
                if monotonic() > until:
                    return None

    def close(self) -> None:
        """Say goodbye, as far as the socket takes it at once; the loop closes the connection."""
        with contextlib.suppress(BlockingIOError, pycurl.error):
            self._easy.ws_close(1000)

    def _take(self, chunk: bytes, flags: int, left: int) -> bytes | None:
        """Take a piece of a frame; give the message that it completes."""
        if flags & pycurl.WS_CLOSE:
            raise ConnectorError(f"{self._host} closed the WebSocket{_said(chunk)}")
        if flags & pycurl.WS_PING:
            self._send(chunk, pycurl.WS_PONG)
        if not flags & (pycurl.WS_TEXT | pycurl.WS_BINARY):
            return None
        most = self._limits.line_bytes
        if len(self._begun) + len(chunk) + left > most:
            raise Refused(f"{self._host} sent a message of more than {most:,} bytes; we read no more")
        ends = not left and not flags & pycurl.WS_CONT
        if ends and not self._begun:
            return chunk
        self._begun += chunk
        if not ends:
            return None
        whole = bytes(self._begun)
        self._begun.clear()
        return whole

    def _wait(self, most_s: float) -> None:
        """Wait for the socket, and find out whether the other side still lives."""
        silence_s = self._limits.silence_s
        due_s = silence_s if self._pinged else silence_s / 2
        started_at = monotonic()
        self._loop.watch(self._socket, selectors.EVENT_READ, min(most_s, max(due_s - self._silent_s, 0.0)))
        self._silent_s += monotonic() - started_at
        if self._silent_s >= silence_s:
            raise ConnectorError(f"{self._host} was silent for {silence_s:g} s")
        if self._silent_s >= silence_s / 2 and not self._pinged:
            self._pinged = True
            self._send(b"", pycurl.WS_PING)

    def _send(self, data: bytes, kind: int) -> None:
        until = monotonic() + self._limits.read_s
        while True:
            if self._stopping():
                raise ConnectorError("the program is stopping; nothing was sent")
            try:
                data = data[self._easy.ws_send(data, kind) :]
            except BlockingIOError:
                self._loop.watch(self._socket, selectors.EVENT_WRITE, until - monotonic())
            except pycurl.error as error:
                raise self._error(error) from error
            else:
                if not data:
                    return
            if monotonic() > until:
                raise ConnectorError(f"{self._host} took nothing for {self._limits.read_s:g} s")

    def _error(self, error: pycurl.error) -> ConnectorError:
        code, text = error.args
        if code in _GONE:
            return ConnectorError(f"{self._host} broke off the WebSocket without a word")
        return trouble(self._host, code, text)


def _said(payload: bytes) -> str:
    """Read a close frame's payload: two bytes of code, then a reason."""
    if len(payload) < 2:
        return ""
    reason = "".join(letter for letter in payload[2:].decode("utf-8", "replace") if letter.isprintable())
    return f" (code {int.from_bytes(payload[:2])}{': ' if reason else ''}{reason})"
