"""A fast local server of made feeds for `bench.poll`: one path for each feed, ETag and Last-Modified honoured.

`GET /next` adds one entry to every feed; `--delay` holds each answer back as a far server would.
"""

import argparse
import asyncio
import random

WORDS = [
    "river",
    "market",
    "engine",
    "garden",
    "signal",
    "winter",
    "paper",
    "bridge",
    "window",
    "copper",
    "harbour",
    "listen",
    "morning",
    "letter",
    "studio",
    "thread",
    "answer",
    "basket",
    "cloud",
    "drum",
    "ember",
    "field",
    "glass",
    "hill",
    "island",
    "jacket",
    "kettle",
    "ladder",
    "meadow",
    "needle",
    "orbit",
    "pencil",
]
HEAD = '<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"><channel><title>Feed {n}</title>'
ITEM = (
    "<item><title>{title}</title><link>http://site{n}.example/{i}</link><guid>tag:site{n}.example,{i}</guid>"
    "<pubDate>Mon, {day:02d} Nov 2026 08:{minute:02d}:00 GMT</pubDate><description><![CDATA[{body}]]></description></item>"
)


def item(n: int, i: int) -> bytes:
    """Make entry `i` of feed `n`: about 1.4 kB of HTML, the same at every call."""
    dice = random.Random(n * 1_000 + i)
    text = " ".join(dice.choices(WORDS, k=190))
    body = f'<p>{text[:700]}</p><p><a href="http://site{n}.example/ref/{i}">{text[700:720]}</a> {text[720:]}</p>'
    title = " ".join(dice.choices(WORDS, k=8))
    return ITEM.format(n=n, i=i, title=title, day=1 + i % 22, minute=i % 60, body=body).encode()


class Feeds:
    """All feeds and how many entries each has; bodies are made once for each generation."""

    def __init__(self, count: int, entries: int, delay_s: float) -> None:
        self.count, self.entries, self.delay_s = count, entries, delay_s
        self.generation = 0
        self.stats = {"200": 0, "304": 0}
        self._items = {n: b"".join(item(n, i) for i in range(entries)) for n in range(count)}

    def grow(self) -> None:
        self.generation += 1
        for n in self._items:
            self._items[n] = item(n, self.entries + self.generation - 1) + self._items[n]

    def answer(self, request: bytes) -> bytes:
        path = request.split(b" ", 2)[1]
        if path == b"/next":
            self.grow()
            return b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        if path == b"/stats":
            body = repr(self.stats).encode()
            return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        n = int(path.strip(b"/").split(b".")[0])
        tag = b'"%d-%d"' % (n, self.generation)
        if tag in request:
            self.stats["304"] += 1
            return b"HTTP/1.1 304 Not Modified\r\nETag: %s\r\n\r\n" % tag
        self.stats["200"] += 1
        body = HEAD.format(n=n).encode() + self._items[n] + b"</channel></rss>"
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/rss+xml\r\nETag: %s\r\nContent-Length: %d\r\n\r\n"
        return head % (tag, len(body)) + body


async def serve(feeds: Feeds, port: int) -> None:
    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := await reader.readuntil(b"\r\n\r\n"):
                if feeds.delay_s:
                    await asyncio.sleep(feeds.delay_s)
                writer.write(feeds.answer(request))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(client, "0.0.0.0", port, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--feeds", type=int, default=2_000)
    parser.add_argument("--entries", type=int, default=25)
    parser.add_argument("--delay", type=float, default=0.0)
    asked = parser.parse_args()
    asyncio.run(serve(Feeds(asked.feeds, asked.entries, asked.delay), 0))
