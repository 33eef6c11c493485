"""A proxy between two programs that does what networks do: waits, cuts, resets, swallows, drips."""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

Fault = Literal["none", "latency", "cut", "cut-answer", "reset", "black-hole", "drip"]


@dataclass
class Chaos:
    """A running proxy to `port`; `fault` may be changed while it runs.

    `latency`: `seconds` before each piece. `cut`, `cut-answer`: the connection ends after `most` bytes of the request,
    of the answer. `reset`: at once, hard. `black-hole`: takes everything, gives nothing. `drip`: a byte each `seconds`.
    """

    target: int
    fault: Fault = "none"
    seconds: float = 0.1
    most: int = 40
    port: int = 0
    connections: int = 0
    _open: list[socket.socket] = field(default_factory=list)

    @property
    def host_port(self) -> str:
        return f"127.0.0.1:{self.port}"

    def serve(self, listening: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = listening.accept()
                self.connections += 1
                self._open.append(near)
                threading.Thread(target=self._join, args=(near,), daemon=True).start()

    def _join(self, near: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if self.fault == "reset":
                _reset(near)
                return
            if self.fault == "black-hole":
                while near.recv(65_536):
                    pass
                return
            far = socket.create_connection(("127.0.0.1", self.target))
            self._open.append(far)
            back = threading.Thread(target=self._pass, args=(far, near, False), daemon=True)
            back.start()
            self._pass(near, far, True)
            back.join()

    def _pass(self, source: socket.socket, sink: socket.socket, asking: bool) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while piece := source.recv(65_536):
                if self.fault == ("cut" if asking else "cut-answer"):
                    piece = piece[: self.most - passed]
                if self.fault == "latency":
                    time.sleep(self.seconds)
                if self.fault == "drip" and not asking:
                    for byte in piece:
                        sink.sendall(bytes([byte]))
                        time.sleep(self.seconds)
                else:
                    sink.sendall(piece)
                passed += len(piece)
                if self.fault == ("cut" if asking else "cut-answer") and passed >= self.most:
                    _reset(sink if not asking else source)
                    break
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def stop(self) -> None:
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


def _reset(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


@contextmanager
def between(target: int, fault: Fault = "none", *, seconds: float = 0.1, most: int = 40) -> Iterator[Chaos]:
    """Run a proxy to a port of this machine for a while."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        chaos = Chaos(target, fault, seconds, most, listening.getsockname()[1])
        thread = threading.Thread(target=chaos.serve, args=(listening,), daemon=True)
        thread.start()
        try:
            yield chaos
        finally:
            chaos.stop()
            with contextlib.suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
    thread.join(2)
