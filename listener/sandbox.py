"""Run a named function over bytes in a child process that can be killed: the parsers of hostile input live there.

The child is spawned, never forked. It gets none of our environment, files or signals, may not write files, has a
memory limit, and ends when its standard input does, so that it never outlives us. Bytes and JSON go over two pipes:
nothing that comes back is trusted to be more than text and numbers.
"""

import importlib
import json
import os
import select
import signal
import struct
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Hashable, Mapping
from contextlib import ExitStack
from typing import IO, Any, Final

from listener import limits
from listener.errors import BadPayload, ConnectorError, RateLimited

START_S: Final = 30.0
"""Longest time a child may take to load its function."""
PATIENCE: Final = 0.25
"""Part of the time limit after which a job counts as slow; of slow jobs one runs at a time."""
PUT_OFF_S: Final = 60.0
REPLY_BYTES: Final = 3 * limits.DECODED_BYTES
EXPAT: Final = (2, 6, 0)
"""Older expat can be slowed down by large tokens (CVE-2023-52425); the time limit of the child still holds."""

_JOB: Final = struct.Struct(">II")
_REPLY: Final = struct.Struct(">BI")
_VALUE, _BAD = 0, 1
_KEPT: Final = ("LD_LIBRARY_PATH", "PYTHONHOME")

Work = Callable[[bytes, Mapping[str, Any]], object]
"""What a child runs. Arguments and outcome are whatever JSON can say, hence Any."""


class Sandbox:
    """Up to `children` processes that run `function` (`package.module:name`) on request; started when first needed.

    Safe to use from many threads. `memory` (bytes of address space) and `seconds` hold for each child and each job;
    a job that takes more than the part `patience` of them is slow.
    """

    def __init__(
        self,
        function: str,
        *,
        seconds: float = limits.PARSE_S,
        memory: int = limits.PARSE_BYTES,
        children: int = limits.PARSERS,
        patience: float = PATIENCE,
    ) -> None:
        self.function, self.seconds, self.memory, self.patience = function, seconds, memory, patience
        self._room = threading.BoundedSemaphore(children)
        self._slow = threading.Lock()
        self._overran: set[Hashable] = set()
        self._idle: list[_Child] = []
        self._end = weakref.finalize(self, _kill_all, self._idle)

    def run(self, body: bytes, args: Mapping[str, Any], key: Hashable = None) -> Any:  # Any: JSON
        """Give what the function makes of `body`; raise BadPayload where it fails, crashes or takes too long.

        A `key` whose job overran is run alone the next time: while another slow job runs it is put off (RateLimited),
        so that slow inputs never hold up the others.
        """
        head = json.dumps(args).encode()
        with ExitStack() as held:
            if key is not None and key in self._overran:
                self._run_as_slow(held)
            with self._room:
                reply = self._ask((_JOB.pack(len(head), len(body)), head, body), key, held)
        self._overran.discard(key)
        return json.loads(reply)

    def close(self) -> None:
        """Kill the idle children; the next job starts a new one."""
        _kill_all(self._idle)

    def _ask(self, job: tuple[bytes, ...], key: Hashable, held: ExitStack) -> bytes:
        child = self._child()
        done = False
        try:
            child.send(job)
            reply = child.wait(self.seconds * self.patience)
            if reply is None:
                if key not in self._overran:
                    self._overran.add(key)
                    self._run_as_slow(held)
                reply = child.wait(self.seconds * (1 - self.patience))
            if reply is None:
                raise BadPayload(f"reading the answer took more than {self.seconds:g} s; it will be tried again")
            done = True
        finally:
            if done:
                self._idle.append(child)
            else:
                child.kill()
        return _value(reply)

    def _child(self) -> "_Child":
        while self._idle:
            try:
                child = self._idle.pop()
            except IndexError:
                break
            if child.is_alive():
                return child
            child.kill()
        return _Child(self.function, self.memory, self.seconds)

    def _run_as_slow(self, held: ExitStack) -> None:
        if not self._slow.acquire(blocking=False):
            raise RateLimited("its answer is slow to read, and so is another one: put off, to be read alone", PUT_OFF_S)
        held.callback(self._slow.release)


class _Child:
    """One process and its two pipes; never blocks longer than it is told to."""

    def __init__(self, function: str, memory: int, seconds: float) -> None:
        self._process = subprocess.Popen(  # noqa: S603 our own interpreter and module
            [sys.executable, "-B", "-P", "-m", "listener.sandbox", function, str(memory), str(seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
            cwd="/",
            close_fds=True,
            start_new_session=True,
            bufsize=0,
        )
        assert self._process.stdin
        assert self._process.stdout
        self._in, self._out = self._process.stdin, self._process.stdout
        os.set_blocking(self._in.fileno(), False)
        os.set_blocking(self._out.fileno(), False)
        self._unsent: list[memoryview] = []
        self._reply = bytearray()
        if self.wait(START_S) is None:
            self.kill()
            raise ConnectorError(f"the process that reads answers did not start within {START_S:g} s")

    def is_alive(self) -> bool:
        """Say whether the process still runs."""
        return self._process.poll() is None

    def send(self, job: tuple[bytes, ...]) -> None:
        """Take a job; `wait` sends it."""
        self._unsent = [memoryview(part) for part in job if part]
        self._reply = bytearray()

    def wait(self, seconds: float) -> bytes | None:
        """Send, and wait for the whole reply; None: not there after `seconds`, wait again or kill."""
        end = time.monotonic() + seconds
        poll = select.poll()
        poll.register(self._out.fileno(), select.POLLIN)
        if self._unsent:
            poll.register(self._in.fileno(), select.POLLOUT)
        while (left_s := end - time.monotonic()) > 0:
            for descriptor, _ in poll.poll(left_s * 1000):
                if descriptor == self._out.fileno():
                    self._receive()
                elif self._write():
                    poll.unregister(descriptor)
            if self._is_whole():
                return bytes(self._reply)
        return None

    def kill(self) -> None:
        """End the process now, and wait for its end."""
        self._process.kill()
        for pipe in (self._in, self._out):
            pipe.close()
        self._process.wait()

    def _write(self) -> bool:
        try:
            sent = os.write(self._in.fileno(), self._unsent[0][: 1 << 16])
        except BlockingIOError:
            return False
        except BrokenPipeError:
            raise self._crashed() from None
        self._unsent[0] = self._unsent[0][sent:]
        if not self._unsent[0]:
            del self._unsent[0]
        return not self._unsent

    def _receive(self) -> None:
        try:
            chunk = os.read(self._out.fileno(), 1 << 20)
        except BlockingIOError:
            return
        if not chunk:
            raise self._crashed()
        self._reply += chunk
        if len(self._reply) > REPLY_BYTES + _REPLY.size:
            raise BadPayload("the answer holds more than we read")

    def _is_whole(self) -> bool:
        if len(self._reply) < _REPLY.size:
            return False
        size: int = _REPLY.unpack_from(self._reply)[1]
        return len(self._reply) == _REPLY.size + size

    def _crashed(self) -> BadPayload:
        self.kill()
        return BadPayload("the parser gave up on the answer: it is damaged, or made to do harm")


def warnings() -> tuple[str, ...]:
    """Say what makes parsing here less safe than it could be, for `doctor`; empty: nothing."""
    import pyexpat

    if pyexpat.version_info >= EXPAT:
        return ()
    found, due = (".".join(map(str, version)) for version in (pyexpat.version_info, EXPAT))
    return (f"Python uses expat {found}; {due} or newer resists hostile XML better: update Python or the system",)


def _value(reply: bytes) -> bytes:
    kind, _ = _REPLY.unpack_from(reply)
    if kind == _BAD:
        raise BadPayload(json.loads(reply[_REPLY.size :]))
    return reply[_REPLY.size :]


def _kill_all(children: "list[_Child]") -> None:
    while children:
        children.pop().kill()


def _environment() -> dict[str, str]:
    path = os.pathsep.join(os.path.abspath(place) for place in sys.path)
    return {"PYTHONPATH": path} | {name: os.environ[name] for name in _KEPT if name in os.environ}


# What follows runs in the child.


def serve(jobs: IO[bytes], replies: IO[bytes], work: Work, seconds: float) -> None:
    """Do jobs until there are no more; an exception that is not BadPayload ends the child, and with it the job."""
    _reply(replies, _VALUE, b"null")
    while len(head := jobs.read(_JOB.size)) == _JOB.size:
        args, body = (jobs.read(size) for size in _JOB.unpack(head))
        # If our parent was killed in the middle of this job, nobody else would end it.
        signal.setitimer(signal.ITIMER_REAL, seconds * 2 + 5)
        try:
            found = json.dumps(work(body, json.loads(args)), ensure_ascii=False).encode("utf-8", "surrogatepass")
            kind = _VALUE
        except BadPayload as error:
            kind, found = _BAD, json.dumps(str(error)).encode()
        if len(found) > REPLY_BYTES:
            kind, found = _BAD, b'"the answer holds more than we read"'
        _reply(replies, kind, found)
        signal.setitimer(signal.ITIMER_REAL, 0)


def _reply(replies: IO[bytes], kind: int, found: bytes) -> None:
    replies.write(_REPLY.pack(kind, len(found)) + found)
    replies.flush()


def _confine(memory: int) -> None:
    import resource

    for limit, value in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NPROC, 0),
    ):
        resource.setrlimit(limit, (value, value))


def _main(function: str, memory: str, seconds: str) -> None:
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints goes nowhere
    _confine(int(memory))
    module, _, name = function.partition(":")
    work: Work = getattr(importlib.import_module(module), name)
    serve(sys.stdin.buffer, replies, work, float(seconds))


if __name__ == "__main__":
    _main(*sys.argv[1:])
