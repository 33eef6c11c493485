"""The client: slots and loops for all threads, redirects followed one guarded request each."""

import contextlib
import math
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Final, TypeVar

import pycurl

from listener import __version__
from listener.addresses import NetworkRules
from listener.errors import ConnectorError, Refused
from listener.hops import HTTP, WEBSOCKET, Hop, first_hop
from listener.http import websocket
from listener.http.lines import LineBuffer, LineTransfer
from listener.http.loop import Loop
from listener.http.transfer import Resolve, Setup, Transfer
from listener.http.websocket import Handshake, WebSocket
from listener.slots import Line, Slots
from listener.tally import Limits
from listener.types import Answer, Request

Key = TypeVar("Key")
Outcome = Answer | ConnectorError
More = Callable[[], Mapping[Key, Request] | None]

_ASK_S: Final = 1.0
"""How often `fetch_many` asks whether more has come."""
_NEEDS: Final = frozenset({"http", "https"})


def agent(contact: str | None = None) -> str:
    """Name the program, its version and, where the user gave one, the URL or address of whom to write to."""
    return f"listener/{__version__}" + (f" (+{contact})" if contact else "")


class Client:
    """Send requests through the guard; safe for threads. Satisfies `listener.connector.Http`.

    All threads share one schedule of slots; each call has a loop of its own, kept for the next call.
    `resolve` answers instead of DNS, for tests (empty: ask DNS). `ca_file` None: certifi's.
    """

    def __init__(
        self,
        rules: NetworkRules | None = None,
        *,
        contact: str | None = None,
        user_agent: str | None = None,
        limits: Limits | None = None,
        ca_file: Path | None = None,
        resolve: Resolve | None = None,
    ) -> None:
        self._setup = Setup(rules or NetworkRules(), limits or Limits(), str(ca_file or _ca_file()), resolve)
        self._user_agent = user_agent or agent(contact)
        self._slots = Slots(self._setup.limits.transfers, self._setup.limits.host_transfers)
        self._lock = threading.Lock()
        self._idle: list[Loop] = []
        self._busy: set[Loop] = set()
        self._opened: set[str] = set()
        self._closed = False

    def send(self, request: Request) -> Answer:
        """Send one request and wait for its answer, whatever its status; raise ConnectorError without one."""
        [(_, outcome)] = self.fetch_many({None: request})
        if isinstance(outcome, ConnectorError):
            raise outcome
        return outcome

    def fetch_many(
        self, requests: Mapping[Key, Request], more: More[Key] | None = None
    ) -> Iterator[tuple[Key, Outcome]]:
        """Send all requests over one loop; yield each key once with its outcome, as they come.

        `more` is asked about once a second, and once when nothing is left: what it gives joins the loop, None ends
        the loop at once and cancels what is under way. Closing the generator cancels too.
        """
        line: Line[tuple[Key, Hop]] = Line(self._slots)
        loop = self._borrow()
        try:
            outcomes, asked_at = self._line_up(line, requests), monotonic()
            while True:
                self._start(line, loop)
                yield from outcomes
                busy = bool(line or loop.active)
                if more is not None and (not busy or monotonic() - asked_at >= _ASK_S):
                    added, asked_at = more(), monotonic()
                    if added is None or not (added or busy):
                        return
                    outcomes = self._line_up(line, added)
                elif busy:
                    outcomes = self._turn(line, loop, _ASK_S if more is not None else math.inf)
                else:
                    return
        finally:
            self._give_back(loop)

    def lines(self, request: Request) -> Iterator[bytes]:
        """Send a GET whose body does not end; yield its lines as they come, and b"" every `pulse_s` without any.

        Ends where the server ends its answer in order; raises ConnectorError where it breaks off, is silent for
        `silence_s`, or answers with another status than 200. Closing the generator closes the connection.
        """
        buffer = LineBuffer(self._setup.limits.line_bytes)
        line: Line[tuple[None, Hop]] = Line(self._slots)
        loop = self._borrow(partial(LineTransfer, buffer=buffer))
        try:
            ended = self._line_up(line, {None: _plain(request)})
            said_at = monotonic()
            while not ended:
                self._start(line, loop)
                ended = self._turn(line, loop, max(said_at + self._setup.limits.pulse_s - monotonic(), 0.0))
                for found in self._read(loop, buffer):
                    yield found
                    said_at = monotonic()
                if monotonic() - said_at >= self._setup.limits.pulse_s:
                    yield b""
                    said_at = monotonic()
            _succeed(ended)
            if rest := buffer.rest():
                yield rest
        finally:
            self._give_back(loop, keep=False)

    @contextlib.contextmanager
    def websocket(self, request: Request) -> Iterator[WebSocket]:
        """Open a WebSocket through the guard and close it in the end; a redirect is refused."""
        _speaks(websocket.NEEDS)
        line: Line[tuple[None, Hop]] = Line(self._slots)
        loop = self._borrow(Handshake)
        try:
            ended = self._line_up(line, {None: _plain(request)}, WEBSOCKET)
            while not ended:
                self._start(line, loop)
                ended = self._turn(line, loop, math.inf)
            _succeed(ended)
            [transfer] = loop.active.values()
            self._free(transfer, loop)
            with contextlib.closing(WebSocket(transfer, loop, self._setup.limits, lambda: self._closed)) as opened:
                yield opened
        finally:
            self._give_back(loop, keep=False)

    def check(self, streams: bool = False) -> None:
        """Prove that the guard is in place: a loopback address that nobody opened must not be reached.

        Raises ConnectorError where it is not, or where libcurl lacks what we need; `streams` need WebSockets too.
        """
        _speaks(_NEEDS | (websocket.NEEDS if streams else frozenset()))
        with socket.create_server(("127.0.0.1", 0)) as canary:
            canary.setblocking(False)
            port = canary.getsockname()[1]
            probe = Client(NetworkRules(ports=(port,)), limits=replace(self._setup.limits, connect_s=1.0, read_s=1.0))
            with contextlib.closing(probe), contextlib.suppress(ConnectorError):
                probe.send(Request(f"http://127.0.0.1:{port}/"))
            with contextlib.suppress(BlockingIOError):
                canary.accept()[0].close()
                raise ConnectorError("the guard on private addresses does not work with this libcurl; nothing is sent")

    def close(self) -> None:
        """Close every connection; requests that other threads wait for fail at once."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            for loop in self._busy:
                loop.wake()
        for loop in idle:
            loop.close()

    def _borrow(self, make: Callable[[Setup], Transfer] | None = None) -> Loop:
        with self._lock:
            if self._closed:
                raise ConnectorError("the program is stopping; nothing was sent")
            if make is not None:
                loop = Loop(self._setup, make)
            else:
                loop = self._idle.pop() if self._idle else Loop(self._setup)
            self._busy.add(loop)
            return loop

    def _give_back(self, loop: Loop, keep: bool = True) -> None:
        self._abandon(loop)
        with self._lock:
            self._busy.discard(loop)
            loop.waiting = False
            keep = keep and not self._closed
            if keep:
                self._idle.append(loop)
        if not keep:
            loop.close()

    def _abandon(self, loop: Loop) -> None:
        for transfer in list(loop.active.values()):
            self._end(loop, transfer, keep=False)

    def _end(self, loop: Loop, transfer: Transfer, keep: bool) -> None:
        loop.remove(transfer, keep)
        self._free(transfer, loop)

    def _free(self, transfer: Transfer, loop: Loop) -> None:
        """Give back a transfer's slot, once: a stream that is open holds up no poll."""
        host = transfer.hop.target.host
        with self._lock:
            if not transfer.placed:
                return
            transfer.placed = False
            self._slots.end(host)
            if transfer.private:
                self._opened.add(host)
            for other in self._busy:
                if other.waiting and other is not loop:
                    other.wake()

    def _read(self, loop: Loop, buffer: LineBuffer) -> Iterator[bytes]:
        """Take what one turn brought to a stream, and what its pause held back."""
        under_way = [transfer for transfer in loop.active.values() if isinstance(transfer, LineTransfer)]
        for transfer in under_way:
            if transfer.open:
                self._free(transfer, loop)
        yield from buffer.take()
        for transfer in under_way:
            while transfer.paused:
                transfer.resume()
                yield from buffer.take()

    def _line_up(
        self, line: Line[tuple[Key, Hop]], requests: Mapping[Key, Request], schemes: frozenset[str] = HTTP
    ) -> list[tuple[Key, Outcome]]:
        refused: list[tuple[Key, Outcome]] = []
        for key, request in requests.items():
            try:
                hop = first_hop(request, self._setup.rules, self._user_agent, self._setup.limits.total_s, schemes)
            except Refused as error:
                refused.append((key, error))
            else:
                self._wait(line, key, hop)
        return refused

    def _wait(self, line: Line[tuple[Key, Hop]], key: Key, hop: Hop) -> None:
        host = hop.target.host
        kept = host in self._opened or self._setup.rules.opens(host)
        line.add(host, max(0.0 if kept else self._setup.limits.host_slot_s, hop.request.slot_s or 0.0), (key, hop))

    def _start(self, line: Line[tuple[Key, Hop]], loop: Loop) -> None:
        started = False
        with self._lock:
            while (taken := line.take(monotonic())) is not None:
                loop.start(*taken)
                started = True
            loop.waiting = bool(line)
        if started:
            loop.kick()

    def _turn(self, line: Line[tuple[Key, Hop]], loop: Loop, most_s: float) -> list[tuple[Key, Outcome]]:
        with self._lock:
            wait_s = min(line.wait_s(monotonic()), most_s)
        ended = loop.turn(wait_s)
        if self._closed:
            stopping = ConnectorError("the program is stopping; the request was given up")
            keys = [transfer.key for transfer in loop.active.values()] + [key for key, _ in line.drain()]
            self._abandon(loop)
            return [(key, stopping) for key in keys]
        outcomes: list[tuple[Key, Outcome]] = []
        for transfer, code, text in ended:
            key, outcome = transfer.key, transfer.outcome(code, text, loop.clock())
            if not (transfer.stays and isinstance(outcome, Answer)):
                self._end(loop, transfer, keep=not code)
            if isinstance(outcome, Hop):
                self._wait(line, key, outcome)
            else:
                outcomes.append((key, outcome))
        line.wake()
        return outcomes


def _speaks(protocols: frozenset[str]) -> None:
    missing = protocols - set(pycurl.version_info()[8])
    if missing:
        raise ConnectorError(f"the installed libcurl cannot speak {', '.join(sorted(missing))}; install another")


def _plain(request: Request) -> Request:
    if request.method != "GET" or request.body is not None:
        raise Refused("a stream is opened by a GET without a body")
    return request


def _succeed(ended: list[tuple[None, Outcome]]) -> None:
    for _, outcome in ended:
        if isinstance(outcome, ConnectorError):
            raise outcome


def _ca_file() -> str:
    import certifi

    return certifi.where()
