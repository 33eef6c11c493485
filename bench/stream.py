"""A stream's consumer beside a bare receive loop of the `websockets` library: `python -m bench.stream [--events N]`.

Goal J1. A server in another process sends invented events of a network's stream as fast as they are taken; one in
`EVERY` holds the words that are asked for. All sides read the same events in turns; CPU seconds of this process, the
best of five rounds.
"""

import argparse
import base64
import hashlib
import json
import random
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from bench.synthetic import words
from connectors.bluesky import Bluesky, Settings
from listener.addresses import NetworkRules
from listener.errors import ConnectorError
from listener.http import Client
from listener.types import Feed, Request

ROUNDS = 5
EVERY = 200
WANTED = "invoicing software"
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def events(count: int) -> Iterator[bytes]:
    rng, pool, now_us = random.Random(1), words()[:5_000], time.time_ns() // 1_000
    for number in range(count):
        text = " ".join(rng.choices(pool, k=rng.randint(4, 40))) + (f" {WANTED}" if number % EVERY == 0 else "")
        record = {"$type": "app.bsky.feed.post", "createdAt": "2026-01-01T00:00:00.000Z", "langs": ["en"], "text": text}
        commit = {"rev": f"3k{number:011}", "operation": "create", "collection": "app.bsky.feed.post"}
        commit |= {"rkey": f"3l{number:011}", "record": record, "cid": hashlib.sha256(text.encode()).hexdigest()}
        author = f"did:plc:{number % 977:024}"
        yield json.dumps({"did": author, "time_us": now_us + number, "kind": "commit", "commit": commit}).encode()


def frame(payload: bytes, first: int = 0x81) -> bytes:
    length = len(payload)
    return bytes([first, length] if length < 126 else [first, 126, length >> 8, length & 255]) + payload


def serve(count: int) -> None:
    """Send all events to whoever connects, one after the other, and close."""
    blob = b"".join(frame(event) for event in events(count)) + frame(b"\x03\xe8", 0x88)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        print(listening.getsockname()[1], flush=True)
        while True:
            connection, _ = listening.accept()
            with connection:
                head = b""
                while b"\r\n\r\n" not in head:
                    head += connection.recv(65_536)
                key = head.lower().index(b"sec-websocket-key:")
                accept = base64.b64encode(hashlib.sha1(head[key + 18 :].split(maxsplit=1)[0] + GUID).digest())
                upgrade = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                connection.sendall(upgrade + b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n" + blob)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65_536):
                    pass


@contextmanager
def served(count: int) -> Iterator[str]:
    """Serve from another process; give the address."""
    command = [sys.executable, "-m", "bench.stream", "--serve", "--events", str(count)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield f"ws://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.kill()
        process.communicate()


def bare(url: str) -> int:
    """Receive all as bytes with the library's own client, and do nothing with it."""
    count = 0
    try:
        with connect(url, compression=None, max_size=None, ping_interval=None) as opened:
            while True:
                opened.recv(decode=False)
                count += 1
    except ConnectionClosed:
        return count


def received(client: Client, url: str) -> int:
    """Receive all through the guard, and do nothing with it."""
    count = 0
    try:
        with client.websocket(Request(url)) as opened:
            while True:
                count += opened.receive(1.0) is not None
    except ConnectorError:
        return count


def matched(client: Client, url: str) -> int:
    """Listen as the connector does, and count the posts that are wanted."""
    feed, count = Feed(1, "bluesky", f"jetstream:{WANTED}", "bluesky"), 0
    try:
        for page in Bluesky(Settings(jetstream=url), client).stream(feed, None):
            count += len(page.posts)
    except ConnectorError:
        pass
    return count


def compare(count: int) -> dict[str, float]:
    """Give events per CPU second for each side."""
    with served(count) as url:
        client = Client(NetworkRules((url.removeprefix("ws://"),)))
        sides: dict[str, tuple[Callable[[], int], int]] = {
            "bare receive loop, websockets": (lambda: bare(url), count),
            "receive loop through the guard": (lambda: received(client, url), count),
            "listener, to matched posts": (lambda: matched(client, url), -(-count // EVERY)),
        }
        best = dict.fromkeys(sides, 0.0)
        for _ in range(ROUNDS):
            for name, (work, due) in sides.items():
                start = time.process_time()
                found = work()
                best[name] = max(best[name], count / (time.process_time() - start))
                assert found == due, f"{name}: {found} of {due}"
        client.close()
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--events", type=int, default=50_000)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.events)
        return
    found = compare(options.events)
    print(f"{options.events} events, one in {EVERY} wanted; events per CPU second")
    for name, rate in found.items():
        print(f"  {name:<32} {rate:12,.0f}")
    ratio = found["listener, to matched posts"] / found["bare receive loop, websockets"]
    met = "met" if ratio >= 0.8 else "MISSED"
    print(f"J1 stream consumer to matched posts against a bare receive loop: {ratio:.2f} x (at least 0.8 x): {met}")


if __name__ == "__main__":
    main()
