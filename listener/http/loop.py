"""Many transfers at once: one libcurl multi handle, driven by a selector in the caller's thread."""

import contextlib
import math
import selectors
import socket
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any, Final

import pycurl

from listener.hops import Hop
from listener.http.transfer import Setup, Transfer

_SWEEP_S: Final = 0.25
"""How often the clocks of running transfers are read."""
_MASKS: Final[Mapping[int, int]] = {
    pycurl.POLL_IN: selectors.EVENT_READ,
    pycurl.POLL_OUT: selectors.EVENT_WRITE,
    pycurl.POLL_INOUT: selectors.EVENT_READ | selectors.EVENT_WRITE,
}


class Loop:
    """One libcurl multi handle driven by a selector; one thread at a time uses it."""

    def __init__(self, setup: Setup, make: Callable[[Setup], Transfer] = Transfer) -> None:
        self._setup = setup
        self._make = make
        self._idle: list[Transfer] = []
        self.active: dict[Any, Transfer] = {}
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
        transfer = self._idle.pop() if self._idle else self._make(self._setup)
        transfer.aim(key, hop, self.clock())
        self.active[transfer.easy] = transfer
        self._multi.add_handle(transfer.easy)

    def kick(self) -> None:
        """Let what was just started connect."""
        self._timer_at = math.inf
        self._act(pycurl.SOCKET_TIMEOUT, 0)

    def turn(self, wait_s: float) -> list[tuple[Transfer, int, str]]:
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

    def watch(self, fd: int, mask: int, wait_s: float) -> bool:
        """Wait for a socket that libcurl has let go of, at most `wait_s` seconds; False: nothing, or woken."""
        self._selector.register(fd, mask)
        try:
            ready = {key.fd for key, _ in self._selector.select(max(wait_s, 0.0))}
        finally:
            self._selector.unregister(fd)
        if self._ear.fileno() in ready:
            self._ear.recv(4_096)
        return fd in ready

    def wake(self) -> None:
        """End a turn that waits, from any thread."""
        with contextlib.suppress(BlockingIOError):
            self._bell.send(b"!")

    def remove(self, transfer: Transfer, keep: bool) -> None:
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
