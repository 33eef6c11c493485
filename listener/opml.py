"""Feed lists that other readers exchange: OPML 2.0 in and out.

A file comes from a stranger, so it is read without DTDs and entities (S6) and inside `limits.DECODED_BYTES`.
Source: http://opml.org/spec2.opml, "Subscription lists".
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element, ParseError, SubElement, indent, register_namespace, tostring

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from listener import limits
from listener.errors import ListenerError

NAMESPACE: Final = "urn:listener:opml"
"""Marks feeds that only this program can read: a connector and a query instead of an address."""
FOLDER_DEPTH: Final = 10
"""Deeper outlines join the folder at this depth; no reader shows more, and a hostile list nests without end."""
EXPAT_SOUND: Final = (2, 6)
"""From here on the XML library itself resists quadratic blow-up (S6)."""

register_namespace("listener", NAMESPACE)

# What XML 1.0 cannot hold at all, not even escaped (section 2.2).
_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class OpmlFeed:
    """One feed of a list. `folder` is a path joined by "/"; None: at the top."""

    url: str
    """An http or https address; with `connector` set, that connector's own query."""
    title: str | None = None
    folder: str | None = None
    connector: str | None = None
    """None: whatever reads an address."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An entry that could not become a feed, and why, for people."""

    url: str
    title: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Opml:
    """What a list holds: feeds in its order, each once, and what was left out."""

    feeds: tuple[OpmlFeed, ...] = ()
    refused: tuple[Refusal, ...] = ()


def read(data: bytes) -> Opml:
    """Read a feed list; a feed met twice keeps its first title and folder.

    Raise ListenerError where the whole is no feed list, or tries what only an attack would.
    """
    body = _body(data)
    feeds: dict[tuple[str | None, str], OpmlFeed] = {}
    refused: list[Refusal] = []
    for feed in _outlines(body):
        reason = None if feed.connector and feed.url else _refusal(feed.url)
        if reason:
            refused.append(Refusal(feed.url[: limits.URL_BYTES], feed.title, reason))
        else:
            feeds.setdefault((feed.connector, _origin_lowered(feed.url)), feed)
    return Opml(tuple(feeds.values()), tuple(refused))


def write(feeds: Iterable[OpmlFeed], title: str = "Feeds of listener") -> bytes:
    """Write a feed list in UTF-8, folders as nested outlines, in the order given."""
    root = Element("opml", version="2.0")
    SubElement(SubElement(root, "head"), "title").text = _clean(title)
    folders: dict[str, Element] = {"": SubElement(root, "body")}
    for feed in feeds:
        parent = _folder(folders, _path(feed.folder))
        name = _clean(feed.title or "") or _clean(feed.url)
        SubElement(parent, "outline", _attributes(feed, name))
    indent(root)
    document: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def expat_warning() -> str | None:
    """Say that Python's XML library is too old to be safe by itself; None: it is not (`doctor` prints it)."""
    from pyexpat import EXPAT_VERSION, version_info

    if version_info[:2] >= EXPAT_SOUND:
        return None
    return f"the XML library {EXPAT_VERSION} is older than 2.6 and has known weaknesses; update Python or the system"


def _body(data: bytes) -> Element:
    if len(data) > limits.DECODED_BYTES:
        raise ListenerError(f"the feed list is larger than {limits.DECODED_BYTES // 1_000_000} MB; split it")
    try:
        root = fromstring(data.lstrip(), forbid_dtd=True)
    except ParseError as error:
        line = error.position[0]
        raise ListenerError(f"this is not a feed list (OPML): the XML breaks at line {line}") from error
    except DefusedXmlException as error:
        raise ListenerError(
            "the feed list declares a document type or entities, which can be used for attacks; "
            "remove the <!DOCTYPE ...> part, then import it again"
        ) from error
    # An unknown or two-byte encoding name ends in LookupError or ValueError, depending on the codec.
    except (LookupError, ValueError) as error:
        raise ListenerError("the feed list states an encoding that cannot be read; save it as UTF-8") from error
    body = root.find("body")
    if root.tag.lower() != "opml" or body is None:
        raise ListenerError(f"this is not a feed list (OPML): it is XML of another kind (<{root.tag[:40]}>)")
    return body


def _outlines(body: Element) -> Iterator[OpmlFeed]:
    # A stack and not recursion: a hostile list nests deeper than Python can call.
    waiting: list[tuple[Element, str]] = [(body, "")]
    while waiting:
        element, folder = waiting.pop()
        feed = None if element is body else _feed(element, folder)
        if feed:
            yield feed
        elif element is not body:
            folder = _path(f"{folder}/{_name(element)}")
        waiting.extend((child, folder) for child in reversed(element) if child.tag == "outline")


def _feed(element: Element, folder: str) -> OpmlFeed | None:
    """Read an outline as a feed, without an address too where it says that it is one; None: a folder."""
    attributes = {name.lower(): value.strip() for name, value in element.attrib.items()}
    connector = attributes.get(f"{{{NAMESPACE}}}connector") or None
    url = attributes.get(f"{{{NAMESPACE}}}query", "") if connector else _http(attributes.get("xmlurl", ""))
    is_empty_feed = attributes.get("type", "").lower() == "rss" and not len(element)
    if not url and not is_empty_feed:
        return None
    name = _name(element)
    return OpmlFeed(url, None if name in ("", url) else name, folder or None, connector)


def _name(element: Element) -> str:
    return _clean(element.get("title") or element.get("text") or "")[: limits.TITLE_BYTES]


def _http(url: str) -> str:
    """Read `feed://host/` and `feed:https://host/`, which some readers write, as what they mean."""
    if not url.lower().startswith("feed:"):
        return url
    rest = url[len("feed:") :]
    return f"http:{rest}" if rest.startswith("//") else rest


def _refusal(url: str) -> str | None:
    if not url:
        return "no address"
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return "not a readable address"
    if parts.scheme.lower() not in ("http", "https"):
        return "not an http or https address"
    if not host or re.search(r"[\s\x00-\x1f\x7f]", url):
        return "not a readable address"
    if len(url.encode()) > limits.URL_BYTES:
        return f"the address is longer than {limits.URL_BYTES} bytes"
    return None


def _origin_lowered(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme.lower()}{separator}{host.lower()}{slash}{path}" if separator else url


def _attributes(feed: OpmlFeed, name: str) -> dict[str, str]:
    if feed.connector:
        own = {f"{{{NAMESPACE}}}connector": _clean(feed.connector), f"{{{NAMESPACE}}}query": _clean(feed.url)}
        return {"text": name, "title": name, **own}
    return {"type": "rss", "text": name, "title": name, "xmlUrl": _clean(feed.url)}


def _folder(folders: dict[str, Element], path: str) -> Element:
    if path not in folders:
        above, _, name = path.rpartition("/")
        folders[path] = SubElement(_folder(folders, above), "outline", {"text": name, "title": name})
    return folders[path]


def _path(folder: str | None) -> str:
    parts = [_clean(part) for part in (folder or "").split("/")]
    return "/".join([part for part in parts if part][:FOLDER_DEPTH])


def _clean(text: str) -> str:
    return " ".join(_NOT_XML.sub("", text).split())
