"""The one door to the network: a guarded HTTP client on libcurl, and the only file that imports pycurl.

Every address is checked in libcurl's open-socket callback, which sees what is really connected to; every byte is
counted after decompression. Redirects are followed here, one guarded request each.
"""

import contextlib
import math
import selectors
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import Any, Final, TypeVar

import pycurl

from listener import __version__
from listener.addresses import NetworkRules, is_public
from listener.errors import ConnectorError, Refused
from listener.hops import REDIRECTS, Hop, first_hop, next_hop
from listener.slots import Line, Slots
from listener.tally import Limits, Tally, read_head
from listener.types import Answer, Request

Key = TypeVar("Key")
Outcome = Answer | ConnectorError
More = Callable[[], Mapping[Key, Request] | None]
Resolve = Callable[[str], Sequence[str]]

_SWEEP_S: Final = 0.25
"""How often the clocks of running transfers are read."""
_ASK_S: Final = 1.0
"""How often `fetch_many` asks whether more has come."""
_REDIRECT_BYTES: Final = 16_384
"""A redirect's body is thrown away; up to here its connection is worth keeping."""
_NEEDS: Final = frozenset({"http", "https"})
# What libcurl's numbers mean to a person; {host} is all of the address that may be shown.
_TROUBLE: Final[Mapping[int, str]] = {
    pycurl.E_COULDNT_RESOLVE_HOST: "could not find the host {host}: check the address and this machine's network",
    pycurl.E_COULDNT_CONNECT: "could not connect to {host}: it is down, or nothing listens there",
    pycurl.E_PARTIAL_FILE: "{host} broke off in the middle of its answer",
    pycurl.E_GOT_NOTHING: "{host} closed the connection without an answer",
    pycurl.E_SEND_ERROR: "{host} closed the connection while we were asking",
    pycurl.E_RECV_ERROR: "{host} closed the connection while it was answering",
    pycurl.E_BAD_CONTENT_ENCODING: "{host} sent compressed data that cannot be unpacked",
    pycurl.E_UNSUPPORTED_PROTOCOL: "{host} does not speak HTTP",
    pycurl.E_HTTP2: "{host} broke the rules of HTTP/2",
    92: "{host} broke off in the middle of its answer",  # E_HTTP2_STREAM, which pycurl does not name
    pycurl.E_SSL_CONNECT_ERROR: "{host} does not speak https as it should",
    pycurl.E_PEER_FAILED_VERIFICATION: "the certificate of {host} is not to be trusted ({text}); nothing was sent",
}
_MASKS: Final[Mapping[int, int]] = {
    pycurl.POLL_IN: selectors.EVENT_READ,
    pycurl.POLL_OUT: selectors.EVENT_WRITE,
    pycurl.POLL_INOUT: selectors.EVENT_READ | selectors.EVENT_WRITE,
}


def agent(contact: str | None = None) -> str:
    """Name the program, its version and, where the user gave one, the URL or address of whom to write to."""
    return f"listener/{__version__}" + (f" (+{contact})" if contact else "")


@dataclass(frozen=True, slots=True)
class _Setup:
    """What all transfers of one client share."""

    rules: NetworkRules
    limits: Limits
    ca_file: str
    resolve: Resolve | None


class _Socket(socket.socket):
    """A socket that pycurl copies; ours is closed, without a warning, when pycurl lets it go."""

    def __del__(self) -> None:
        self.close()


class _Transfer:
    """One easy handle, its callbacks, and the hop it is on; used again and again."""

    def __init__(self, setup: _Setup) -> None:
        self._setup = setup
        self.easy: Any = pycurl.Curl()  # pycurl has no types
        self.hop: Hop
        self.key: Any = None  # whatever the caller of fetch_many calls this request
        self.lines: list[bytes] = []
        for option, value in (
            (pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS),
            (pycurl.FOLLOWLOCATION, 0),
            (pycurl.PROXY, ""),
            (pycurl.NOPROXY, "*"),
            (pycurl.CAINFO, setup.ca_file),
            (pycurl.ACCEPT_ENCODING, ""),
            (pycurl.NOSIGNAL, 1),
            (pycurl.NOPROGRESS, 0),
            (pycurl.OPENSOCKETFUNCTION, self._open),
            (pycurl.HEADERFUNCTION, self.lines.append),
            (pycurl.WRITEFUNCTION, self._write),
            (pycurl.XFERINFOFUNCTION, self._progress),
        ):
            self.easy.setopt(option, value)

    def aim(self, key: object, hop: Hop, now: float) -> None:
        """Get ready for a hop; `now` by the loop's clock."""
        self.key, self.hop = key, hop
        self.parts: list[bytes] = []
        self.tally = Tally(self._setup.limits, hop.target.host, hop.left_s, now)
        self.broken: ConnectorError | None = None
        self.discard: bool | None = None
        self.refused: Refused | None = None
        self.cut = self.private = self.tried = False
        self.lines.clear()
        self.easy.setopt(pycurl.URL, hop.target.url)
        self.easy.setopt(pycurl.HTTPHEADER, hop.lines)
        if not self.plain:
            self._set_method(hop)
        if self._setup.resolve is not None:
            self._set_addresses(self._setup.resolve(hop.target.host))

    @property
    def plain(self) -> bool:
        """True: a GET without a body, which is what a handle is set to; after others it is not used again."""
        return self.hop.method == "GET" and self.hop.body is None

    def late(self, now: float) -> bool:
        """Read the clocks; True: one of them has run out."""
        connected = self.easy.getinfo(pycurl.PRETRANSFER_TIME_T) > 0
        self.broken = self.broken or self.tally.too_late(now, connected, len(self.lines))
        return self.broken is not None

    def outcome(self, code: int, text: str, now: float) -> Hop | Answer | ConnectorError:
        """Make of a transfer that has ended what it means: an answer, a redirect's next hop, or an error.

        `code` and `text` are libcurl's own, 0 for success; `now` by the loop's clock.
        """
        hop, allowed = self.hop, self._setup.limits
        self.tally.wire = self.easy.getinfo(pycurl.SIZE_DOWNLOAD_T)
        broken = self.broken or self.tally.too_much()
        if broken is not None:
            return broken
        if code and not self.cut:
            return self.refused if self.refused and not self.tried else _trouble(hop.target.host, code, text)
        status, headers = read_head(self.lines)
        if status not in REDIRECTS or "location" not in headers:
            return Answer(hop.target.url, status, headers, b"".join(self.parts), hop.moved_to)
        try:
            rested = replace(hop, left_s=hop.left_s - (now - self.tally.started_at))
            return next_hop(rested, status, headers["location"], self._setup.rules, allowed.redirects)
        except Refused as error:
            return error

    def _set_method(self, hop: Hop) -> None:
        if hop.body is not None or hop.method in ("POST", "PUT", "PATCH"):
            self.easy.setopt(pycurl.POSTFIELDS, hop.body or b"")
            # libcurl would call every body a form, and ask before it sends a large one.
            typed = any(line.lower().startswith(b"content-type") for line in hop.lines)
            self.easy.setopt(pycurl.HTTPHEADER, (*hop.lines, b"Expect:", *(() if typed else (b"Content-Type:",))))
        if hop.method == "HEAD":
            self.easy.setopt(pycurl.NOBODY, 1)
        self.easy.setopt(pycurl.CUSTOMREQUEST, hop.method)
        # On a kept connection that died meanwhile libcurl asks again by itself; only a GET may be asked twice.
        self.easy.setopt(pycurl.FRESH_CONNECT, 1)

    def _set_addresses(self, addresses: Sequence[str]) -> None:
        if addresses:
            goal = self.hop.target
            self.easy.setopt(pycurl.RESOLVE, [f"{goal.host}:{goal.port}:{','.join(addresses)}"])

    # callbacks: an exception in one of them makes libcurl fail the transfer

    def _open(self, _purpose: int, address: Any) -> Any:
        """Make the socket for an address that libcurl is about to connect to, or refuse."""
        where, port = address.addr[:2]
        if not self._setup.rules.allows(where, port, self.hop.target.host):
            self.refused = _not_public(self.hop.target.host, where, port)
            return pycurl.SOCKET_BAD
        self.tried, self.private = True, not is_public(where)
        return _Socket(address.family, address.socktype, address.protocol)

    def _write(self, chunk: bytes) -> int | None:
        """Take at most 16 kB of decoded body; 0 ends the transfer."""
        if self.discard is None:
            status, headers = read_head(self.lines)
            self.discard = status in REDIRECTS and "location" in headers
        self.tally.decoded += len(chunk)
        if self.discard:
            self.cut = self.tally.decoded > _REDIRECT_BYTES
            return 0 if self.cut else None
        if self.tally.decoded > self._setup.limits.decoded_bytes:
            self.broken = self.tally.too_much()
            return 0
        self.parts.append(chunk)
        return None

    def _progress(self, _total: int, wire: int, _total_sent: int, sent: int) -> int:
        self.tally.wire, self.tally.sent = wire, sent
        if wire and self.broken is None:
            self.broken = self.tally.too_much()
        return 0 if self.broken is None else 1


def _trouble(host: str, code: int, text: str) -> ConnectorError:
    shown = "".join(letter for letter in text[:200] if letter.isprintable())
    return ConnectorError(_TROUBLE.get(code, "could not read {host} ({text})").format(host=host, text=shown))


def _not_public(host: str, address: str, port: int) -> Refused:
    at = f"{host} is not a public address" if address == host else f"{host} is at {address}, no public address"
    return Refused(f"{at}; if it is yours, put '{host}:{port}' into [network] allow_private to open it")


class _Loop:
    """One libcurl multi handle driven by a selector; one thread at a time uses it."""

    def __init__(self, setup: _Setup) -> None:
        self._setup = setup
        self._idle: list[_Transfer] = []
        self.active: dict[Any, _Transfer] = {}
        self.waiting = False
        """True: its caller has requests in line; guarded by the client's lock."""
        self._masks: dict[int, int] = {}
        self._running = 0
        self._timer_at = math.inf
        self._sweep_at = 0.0
        self._left_at, self._stalled_s = monotonic(), 0.0
        self._selector = selectors.DefaultSelector()
        self._bell, self._ear = socket.socketpair()
        for end in (self._bell, self._ear):
            end.setblocking(False)
        self._selector.register(self._ear, selectors.EVENT_READ)
        self._multi: Any = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._on_socket)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._on_timer)
        self._multi.setopt(pycurl.M_MAXCONNECTS, setup.limits.transfers)

    def start(self, key: object, hop: Hop) -> None:
        """Begin a hop; `kick` sends it on its way."""
        transfer = self._idle.pop() if self._idle else _Transfer(self._setup)
        transfer.aim(key, hop, self.clock())
        self.active[transfer.easy] = transfer
        self._multi.add_handle(transfer.easy)

    def kick(self) -> None:
        """Let what was just started connect."""
        self._timer_at = math.inf
        self._act(pycurl.SOCKET_TIMEOUT, 0)

    def turn(self, wait_s: float) -> list[tuple[_Transfer, int, str]]:
        """Wait for the network, at most `wait_s` seconds, and give what has ended with libcurl's code and text."""
        self._stalled_s += monotonic() - self._left_at
        for ready, mask in self._selector.select(self._nap_s(wait_s)):
            self._serve(ready.fd, mask)
        if self._timer_at <= monotonic():
            self.kick()
        ended = dict.fromkeys(self._late(), (pycurl.E_OPERATION_TIMEDOUT, ""))
        left = 1
        while left:
            left, done, failed = self._multi.info_read()
            ended |= dict.fromkeys(done, (0, ""))
            ended |= {easy: (code, text) for easy, code, text in failed}
        self._left_at = monotonic()
        return [(self.active[easy], *result) for easy, result in ended.items()]

    def clock(self) -> float:
        """Give the time that transfers are measured by. It stands still between turns.

        So a caller who takes his time with one answer does not make the others late.
        """
        return self._left_at - self._stalled_s

    def wake(self) -> None:
        """End a turn that waits, from any thread."""
        with contextlib.suppress(BlockingIOError):
            self._bell.send(b"!")

    def remove(self, transfer: _Transfer, keep: bool) -> None:
        """Take a transfer out, ended or not; `keep` its handle for the next one."""
        del self.active[transfer.easy]
        self._multi.remove_handle(transfer.easy)
        if keep and transfer.plain:
            self._idle.append(transfer)
        else:
            transfer.easy.close()

    def close(self) -> None:
        """Close every connection, handle and socket."""
        for transfer in self._idle:
            transfer.easy.close()
        self._idle.clear()
        self._multi.close()
        self._selector.close()
        self._bell.close()
        self._ear.close()

    def _act(self, fd: int, bits: int) -> None:
        _, self._running = self._multi.socket_action(fd, bits)

    def _nap_s(self, wait_s: float) -> float | None:
        if self._running < len(self.active):
            return 0.0
        nap_s = min(wait_s, self._timer_at - monotonic(), _SWEEP_S if self.active else math.inf)
        return max(nap_s, 0.0) if nap_s < math.inf else None

    def _serve(self, fd: int, mask: int) -> None:
        if fd in self._masks:  # an earlier event of the same round may have closed it
            bits = pycurl.CSELECT_IN if mask & selectors.EVENT_READ else 0
            self._act(fd, bits | (pycurl.CSELECT_OUT if mask & selectors.EVENT_WRITE else 0))
        elif fd == self._ear.fileno():
            self._ear.recv(4_096)

    def _late(self) -> list[Any]:
        self._left_at = now = monotonic()
        if now < self._sweep_at:
            return []
        self._sweep_at = now + _SWEEP_S
        return [easy for easy, transfer in self.active.items() if transfer.late(self.clock())]

    def _on_socket(self, what: int, fd: int, _multi: object, _data: object) -> None:
        mask = _MASKS.get(what, 0)
        known = self._masks.pop(fd, 0)
        if mask:
            self._masks[fd] = mask
            (self._selector.modify if known else self._selector.register)(fd, mask)
        elif known:
            self._selector.unregister(fd)

    def _on_timer(self, timeout_ms: int) -> None:
        self._timer_at = monotonic() + timeout_ms / 1_000 if timeout_ms >= 0 else math.inf


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
        self._setup = _Setup(rules or NetworkRules(), limits or Limits(), str(ca_file or _ca_file()), resolve)
        self._user_agent = user_agent or agent(contact)
        self._slots = Slots(self._setup.limits.transfers, self._setup.limits.host_transfers)
        self._lock = threading.Lock()
        self._idle: list[_Loop] = []
        self._busy: set[_Loop] = set()
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

    def check(self) -> None:
        """Prove that the guard is in place: a loopback address that nobody opened must not be reached.

        Raises ConnectorError where it is not, or where libcurl lacks what we need.
        """
        missing = _NEEDS - set(pycurl.version_info()[8])
        if missing:
            raise ConnectorError(f"the installed libcurl cannot speak {', '.join(sorted(missing))}; install another")
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

    def _borrow(self) -> _Loop:
        with self._lock:
            if self._closed:
                raise ConnectorError("the program is stopping; nothing was sent")
            loop = self._idle.pop() if self._idle else _Loop(self._setup)
            self._busy.add(loop)
            return loop

    def _give_back(self, loop: _Loop) -> None:
        self._abandon(loop)
        with self._lock:
            self._busy.discard(loop)
            loop.waiting = False
            closed = self._closed
            if not closed:
                self._idle.append(loop)
        if closed:
            loop.close()

    def _abandon(self, loop: _Loop) -> None:
        for transfer in list(loop.active.values()):
            self._end(loop, transfer, keep=False)

    def _end(self, loop: _Loop, transfer: _Transfer, keep: bool) -> None:
        host = transfer.hop.target.host
        loop.remove(transfer, keep)
        with self._lock:
            self._slots.end(host)
            if transfer.private:
                self._opened.add(host)
            for other in self._busy:
                if other.waiting and other is not loop:
                    other.wake()

    def _line_up(self, line: Line[tuple[Key, Hop]], requests: Mapping[Key, Request]) -> list[tuple[Key, Outcome]]:
        refused: list[tuple[Key, Outcome]] = []
        for key, request in requests.items():
            try:
                hop = first_hop(request, self._setup.rules, self._user_agent, self._setup.limits.total_s)
            except Refused as error:
                refused.append((key, error))
            else:
                self._wait(line, key, hop)
        return refused

    def _wait(self, line: Line[tuple[Key, Hop]], key: Key, hop: Hop) -> None:
        host = hop.target.host
        kept = host in self._opened or self._setup.rules.opens(host)
        line.add(host, max(0.0 if kept else self._setup.limits.host_slot_s, hop.request.slot_s or 0.0), (key, hop))

    def _start(self, line: Line[tuple[Key, Hop]], loop: _Loop) -> None:
        started = False
        with self._lock:
            while (taken := line.take(monotonic())) is not None:
                loop.start(*taken)
                started = True
            loop.waiting = bool(line)
        if started:
            loop.kick()

    def _turn(self, line: Line[tuple[Key, Hop]], loop: _Loop, most_s: float) -> list[tuple[Key, Outcome]]:
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
            self._end(loop, transfer, keep=not code)
            if isinstance(outcome, Hop):
                self._wait(line, key, outcome)
            else:
                outcomes.append((key, outcome))
        line.wake()
        return outcomes


def _ca_file() -> str:
    import certifi

    return certifi.where()
