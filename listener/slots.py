"""When each host may be asked next: few at once, spaced in time, one schedule for everybody; pure."""

import heapq
import math
from collections import deque
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

_KEPT_HOSTS: Final = 4_096
"""Hosts remembered before the first idle ones are forgotten."""

Item = TypeVar("Item")


@dataclass(slots=True)
class _Host:
    running: int = 0
    started_at: float = -math.inf
    gap_s: float = 0.0


class Slots:
    """Count what runs, in all and per host, and remember when each host was last asked.

    `now` is any clock that only goes forward, in seconds. Not safe for threads: the caller locks.
    """

    def __init__(self, in_all: int, per_host: int) -> None:
        self._in_all = in_all
        self._per_host = per_host
        self._hosts: dict[str, _Host] = {}
        self._most_hosts = _KEPT_HOSTS
        self._widest_s = 0.0
        self.running = 0

    @property
    def full(self) -> bool:
        """True: nothing at all may start before something ends."""
        return self.running >= self._in_all

    def take(self, host: str, gap_s: float, now: float) -> float:
        """Start a request at least `gap_s` after the last one to `host`: 0.0 when it may start now.

        Otherwise nothing is taken, and the seconds to wait come back (infinite: until another request ends).
        """
        if self.full:
            return math.inf
        known = self._hosts.get(host) or self._remember(host, now)
        if known.running >= self._per_host:
            return math.inf
        wait_s = known.started_at + max(gap_s, known.gap_s) - now
        if wait_s > 0:
            return wait_s
        known.running += 1
        known.started_at, known.gap_s = now, gap_s
        self._widest_s = max(self._widest_s, gap_s)
        self.running += 1
        return 0.0

    def end(self, host: str) -> None:
        """Give back what `take` took, once for each."""
        self._hosts[host].running -= 1
        self.running -= 1

    def _remember(self, host: str, now: float) -> _Host:
        if len(self._hosts) >= self._most_hosts:
            since = now - self._widest_s
            self._hosts = {name: h for name, h in self._hosts.items() if h.running or h.started_at > since}
            self._most_hosts = max(_KEPT_HOSTS, 2 * len(self._hosts))
        return self._hosts.setdefault(host, _Host())


class Line(Generic[Item]):
    """Requests that wait for a slot: first come, first served on each host, and no host waits for another."""

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._queues: dict[str, deque[tuple[float, Item]]] = {}
        self._due: list[tuple[float, int, str]] = []
        self._parked: list[str] = []
        self._turn = 0

    def __bool__(self) -> bool:
        return bool(self._queues)

    def add(self, host: str, gap_s: float, item: Item) -> None:
        """Line up for `host`, behind all that already wait for it."""
        queue = self._queues.get(host)
        if queue is None:
            queue = self._queues[host] = deque()
            self._look(host, -math.inf)
        queue.append((gap_s, item))

    def take(self, now: float) -> Item | None:
        """Take a slot for the next request that may start now; None: not yet."""
        while self._due and self._due[0][0] <= now and not self._slots.full:
            host = heapq.heappop(self._due)[2]
            gap_s, item = self._queues[host][0]
            wait_s = self._slots.take(host, gap_s, now)
            if wait_s == 0:
                self._leave(host, now)
                return item
            if wait_s == math.inf:
                self._parked.append(host)
            else:
                self._look(host, now + wait_s)
        return None

    def wait_s(self, now: float) -> float:
        """Say how long nothing can start (infinite: until a request ends somewhere)."""
        if not self._due or self._slots.full:
            return math.inf
        return max(self._due[0][0] - now, 0.0)

    def wake(self) -> None:
        """Look again at the hosts that had too much running: something has ended."""
        parked, self._parked = self._parked, []
        for host in parked:
            self._look(host, -math.inf)

    def drain(self) -> list[Item]:
        """Send everybody home."""
        items = [item for queue in self._queues.values() for _, item in queue]
        self._queues, self._due, self._parked = {}, [], []
        return items

    def _leave(self, host: str, now: float) -> None:
        queue = self._queues[host]
        queue.popleft()
        if queue:
            self._look(host, now)
        else:
            del self._queues[host]

    def _look(self, host: str, at: float) -> None:
        self._turn += 1
        heapq.heappush(self._due, (at, self._turn, host))
