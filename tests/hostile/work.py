"""Functions that a sandbox under test runs in its child: honest ones and rogues."""

import contextlib
import os
import time
from collections.abc import Mapping
from typing import Any

from listener.errors import BadPayload


def echo(body: bytes, args: Mapping[str, Any]) -> object:
    """Say what came."""
    return {"size": len(body), "args": args}


def pid(body: bytes, args: Mapping[str, Any]) -> object:
    """Say who answers."""
    return os.getpid()


def sleep(body: bytes, args: Mapping[str, Any]) -> object:
    """Take the seconds that the body names."""
    time.sleep(float(body))
    return os.getpid()


def die(body: bytes, args: Mapping[str, Any]) -> object:
    """End in the way that the body names."""
    if body == b"crash":
        os.abort()
    if body == b"exit":
        os._exit(0)
    if body == b"raise_odd":
        raise KeyError("odd")
    return "alive"


def eat(body: bytes, args: Mapping[str, Any]) -> object:
    """Take that much memory."""
    return len(bytearray(int(body)))


def refuse(body: bytes, args: Mapping[str, Any]) -> object:
    """Say no."""
    raise BadPayload("no such thing: ü")


def blow_up(body: bytes, args: Mapping[str, Any]) -> object:
    """Answer at length."""
    return "x" * 100_000


def look(body: bytes, args: Mapping[str, Any]) -> object:
    """Say what can be seen from inside."""
    descriptors = []
    for number in range(200):
        with contextlib.suppress(OSError):
            os.fstat(number)
            descriptors.append(number)
    return {"environment": dict(os.environ), "descriptors": descriptors, "session": os.getsid(0)}


def write(body: bytes, args: Mapping[str, Any]) -> object:
    """Try to write a file."""
    try:
        with open(body, "wb") as file:
            file.write(b"written")
    except OSError:
        return "OSError"
    return "written"


def chatter(body: bytes, args: Mapping[str, Any]) -> object:
    """Print to where answers go."""
    print("x" * 10_000, flush=True)  # noqa: T201 the point of it
    os.write(1, b"y" * 1_000)
    return "quiet"
