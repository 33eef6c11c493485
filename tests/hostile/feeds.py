"""Feeds that attack their reader: slow, huge, reaching for files, or of absurd shape (S5, S6, R11)."""

from collections.abc import Iterator
from itertools import product
from xml.sax.saxutils import escape

NAMESPACES = (
    'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:itunes="http://www.itunes.com/DTDs/PodCast-1.0.dtd" '
    'xmlns:content="http://purl.org/rss/1.0/modules/content/"'
)
LETTERS = {"letters": "a", "dots": "a.", "dashes": "a-", "underscores": "_", "digits": "7"}
"""What a search for a mail address tries from every place anew."""


def rss(items: str, head: str = "", declaration: str = "") -> bytes:
    """Wrap items in RSS 2.0."""
    return (
        f'<?xml version="1.0" encoding="utf-8"?>{declaration}<rss version="2.0" {NAMESPACES}><channel>'
        f"<title>Hostile</title><link>https://hostile.example/</link>{head}{items}</channel></rss>"
    ).encode()


def atom(entries: str, declaration: str = "") -> bytes:
    """Wrap entries in Atom."""
    return (
        f'<?xml version="1.0" encoding="utf-8"?>{declaration}<feed xmlns="http://www.w3.org/2005/Atom">'
        f"<title>Hostile</title><id>urn:hostile</id>{entries}</feed>"
    ).encode()


def item(name: str, inside: str = "") -> str:
    """Write an item of RSS."""
    return f"<item><guid isPermaLink='false'>{name}</guid><title>Item {name}</title>{inside}</item>"


def slow(size: int = 60_000) -> dict[str, bytes]:
    """Give 40 feeds that feedparser chews on for long: names of authors and publishers, `size` characters each."""
    return {f"{place} of {kind}": make(unit * (size // len(unit))) for place, make, kind, unit in _slow()}


def _slow() -> Iterator[tuple[str, object, str, str]]:
    places = {
        "author": lambda text: rss(item("1", f"<author>{text}</author>")),
        "dc:creator": lambda text: rss(item("1", f"<dc:creator>{text}</dc:creator>")),
        "itunes:author": lambda text: rss(item("1", f"<itunes:author>{text}</itunes:author>")),
        "dc:publisher": lambda text: rss(item("1", f"<dc:publisher>{text}</dc:publisher>")),
        "managingEditor": lambda text: rss(item("1"), f"<managingEditor>{text}</managingEditor>"),
        "webMaster": lambda text: rss(item("1"), f"<webMaster>{text}</webMaster>"),
        "Atom author": lambda text: atom(f"<entry><id>1</id><author>{text}</author></entry>"),
        "feed's dc:creator": lambda text: rss(item("1"), f"<dc:creator>{text}</dc:creator>"),
    }
    for (place, make), (kind, unit) in product(places.items(), LETTERS.items()):
        yield place, make, kind, unit


def bombs() -> dict[str, bytes]:
    """Give feeds that are small on the wire and huge once read."""
    lol = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    deep = "".join(f'<!ENTITY d{n} "&d{n - 1};&d{n - 1};">' for n in range(1, 31))
    laughs = f'<!DOCTYPE rss [<!ENTITY l0 "lol">{lol}]>'
    return {
        "billion laughs": rss(item("1", "<description>&l9;</description>"), declaration=laughs),
        "laughs in Atom": atom("<entry><id>1</id><title>&l9;</title></entry>", laughs),
        "quadratic blow-up": rss(
            item("1", f"<description>{'&a;' * 50_000}</description>"),
            declaration=f'<!DOCTYPE rss [<!ENTITY a "{"a" * 50_000}">]>',
        ),
        "doubling thirty times": rss(
            item("1", "<description>&d30;</description>"), declaration=f'<!DOCTYPE rss [<!ENTITY d0 "dd">{deep}]>'
        ),
        "an entity that holds itself": rss(
            item("1", "<title>&a;</title>"), declaration='<!DOCTYPE rss [<!ENTITY a "&b;"><!ENTITY b "&a;">]>'
        ),
        "laughs in UTF-16": rss(item("1", "<description>&l9;</description>"), declaration=laughs)
        .decode()
        .replace("utf-8", "utf-16", 1)
        .encode("utf-16"),
        "a million open tags": b"<rss version='2.0'><channel><item>" + b"<b>" * 1_000_000,
    }


def external(target: str) -> dict[str, bytes]:
    """Give feeds that make a careless reader open `target` (a `file:` URL)."""
    body = item("1", "<description>&x;</description>")
    return {
        "external entity": rss(body, declaration=f'<!DOCTYPE rss [<!ENTITY x SYSTEM "{target}">]>'),
        "public external entity": rss(body, declaration=f'<!DOCTYPE rss [<!ENTITY x PUBLIC "-//x//y" "{target}">]>'),
        "external parameter entity": rss(item("1"), declaration=f'<!DOCTYPE rss [<!ENTITY % x SYSTEM "{target}">%x;]>'),
        "external document type": rss(item("1"), declaration=f'<!DOCTYPE rss SYSTEM "{target}">'),
        "inclusion": rss(
            item("1", f'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="{target}" parse="text"/>')
        ),
    }


def attacks(target: str) -> dict[str, bytes]:
    """Give all twelve bombs and references."""
    return {**bombs(), **external(target)}


def misshapen() -> dict[str, bytes]:
    """Give feeds of absurd shape: each reads as a page or as BadPayload, and good neighbours survive."""
    surrogates = b"&#xD800;"
    elements = (
        "links",
        "tags",
        "authors",
        "title_detail",
        "author_detail",
        "content",
        "media_content",
        "summary_detail",
    )
    shapes = {
        f"an element called {name}": rss(item("1", f"<{name} a='b'/><link>https://a.example/1</link>") + item("2"))
        for name in elements
    }
    return shapes | {
        "nothing but a name of a file": b"/etc/hostname",
        "an address": b"https://hostile.example/feed",
        "null bytes": b"<rss version='2.0'><channel><item><title>a\x00b</title></item></channel></rss>",
        "lone surrogates": b"<rss version='2.0'><channel><item><title>"
        + surrogates
        + b"</title></item></channel></rss>",
        "half an item": rss(item("1") + item("2"))[:-40],
        "the year 99999": rss(item("1", "<pubDate>Mon, 01 Jan 99999 00:00:00 GMT</pubDate>")),
        "the year 0": rss(item("1", "<pubDate>Mon, 01 Jan 0000 00:00:00 GMT</pubDate>")),
        "a script for a link": rss(item("1", "<link>javascript:alert(1)</link>")),
        "a title of markup": rss(item("1", f"<title>{escape('<script>alert(1)</script><b>Bold</b>')}</title>")),
        "a guid of megabytes": rss(item("x" * 2_000_000)),
        "a thousand and one items": rss("".join(item(str(n)) for n in range(1_001))),
        "one guid for all": rss("".join(item("same", f"<link>https://a.example/{n}</link>") for n in range(5))),
        "deep JSON": b'{"version":"https://jsonfeed.org/version/1.1","items":' + b"[" * 200_000,
        "a JSON number of ten thousand digits": b'{"version":"https://jsonfeed.org/version/1","items":[{"id":'
        + b"9" * 10_000
        + b"}]}",
        "JSON of wrong types": b'{"version":"https://jsonfeed.org/version/1.1","title":7,"items":[7,null,{"id":true,'
        b'"tags":"a","authors":{"name":1},"attachments":[1,{"url":2}],"date_published":9,"content_html":[1]},'
        b'{"id":"good","content_text":"Good neighbour"}]}',
    }
