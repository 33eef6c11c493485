"""A clean stop: the signals that end a process, as an event. Imports nothing that takes time."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stopping(stop: threading.Event) -> Iterator[None]:
    """Let SIGTERM and SIGINT set `stop` instead of ending the process: the page being read is finished first."""

    def set_stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 the signal module's shape
        stop.set()

    previous = {number: signal.signal(number, set_stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
