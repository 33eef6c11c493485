"""What a feed reads: our own notation, and what people paste. No I/O."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args
from urllib.parse import parse_qs, quote, unquote, urlsplit

Kind = Literal["timeline", "notifications", "author", "list", "feed", "search", "jetstream"]

SITE: Final = "https://bsky.app"
LISTS: Final = "app.bsky.graph.list"
FEEDS: Final = "app.bsky.feed.generator"
# Source: https://atproto.com/specs/handle and https://atproto.com/specs/did.
_HANDLE: Final = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")
_DID: Final = re.compile(r"did:[a-z]+:[\w.:%-]{1,200}")
_AT_URI: Final = re.compile(r"at://([^/]+)/(app\.bsky\.[\w.]+)/([\w.~:-]{1,512})")
_WORDS: Final = 500
_KINDS: Final[Mapping[str, Kind]] = {kind: kind for kind in get_args(Kind)}


@dataclass(frozen=True, slots=True)
class Query:
    """One feed: `timeline`, `author:NAME`, `search:words`, `jetstream:@NAME words` and so on."""

    kind: Kind
    rest: str = ""
    """The account, the list's or feed's at-uri, or the words."""

    @classmethod
    def read(cls, text: str) -> "Query | None":
        """Read our notation; None: it is none."""
        word, _, rest = text.strip().partition(":")
        kind, rest = _KINDS.get(word), " ".join(rest.split())
        match kind:
            case "timeline" | "notifications":
                return cls(kind) if not rest else None
            case "author":
                name = account(rest)
                return cls(kind, name) if name else None
            case "list" | "feed":
                uri = _at_uri(rest, LISTS if kind == "list" else FEEDS)
                return cls(kind, uri) if uri else None
            case "search" | "jetstream":
                return (
                    cls(kind, rest) if rest and len(rest) <= _WORDS and (kind == "search" or _listens(rest)) else None
                )
        return None

    def __str__(self) -> str:
        """Write it in our notation."""
        return f"{self.kind}:{self.rest}" if self.rest else self.kind

    @property
    def author(self) -> str | None:
        """Give the account that a Jetstream feed follows; None: everybody."""
        first = self.rest.partition(" ")[0]
        return account(first) if self.kind == "jetstream" and first.startswith("@") else None

    @property
    def words(self) -> str:
        """Give the words that a Jetstream feed's posts must hold."""
        return self.rest.partition(" ")[2] if self.author else self.rest

    @property
    def title(self) -> str:
        """Name the feed for people."""
        shown = {"timeline": "my timeline", "notifications": "my notifications", "author": f"@{self.rest}"}
        found = parts(self.rest)
        what = found[2] if found else self.rest
        return f"Bluesky: {shown.get(self.kind) or f'{self.kind} {what}'}"

    @property
    def home_url(self) -> str:
        """Name the page a person opens."""
        name = self.author or self.rest
        if self.kind == "author" or self.author:
            return f"{SITE}/profile/{name}"
        match = _AT_URI.fullmatch(self.rest)
        if match is not None and self.kind in ("list", "feed"):
            return f"{SITE}/profile/{match[1]}/{'lists' if self.kind == 'list' else 'feed'}/{match[3]}"
        if self.kind in ("search", "jetstream"):
            return f"{SITE}/search?q={quote(self.rest, safe='')}"
        return SITE if self.kind == "timeline" else f"{SITE}/notifications"


def account(text: str) -> str | None:
    """Find a handle or a DID, with or without @; None: neither."""
    name = text.strip().removeprefix("@")
    if _DID.fullmatch(name):
        return name
    return name.lower() if len(name) <= 253 and _HANDLE.fullmatch(name.lower()) else None


def parts(uri: str) -> tuple[str, str, str] | None:
    """Split an at-uri into account, collection and key; None: it is none."""
    match = _AT_URI.fullmatch(uri)
    return None if match is None else (match[1], match[2], match[3])


def pasted(text: str) -> Query | None:
    """Find the query in a page's address, a handle, a sentence, or our notation; None: not ours."""
    text = text.strip()
    if not text or len(text) > 2_000:
        return None
    if "://" in text and not text.startswith("at://"):
        return _of_page(text)
    return _of_name(text) or _of_words(text)


def _of_name(text: str) -> Query | None:
    """Take `name.bsky.social`, `@name.example.org`, a DID, an at-uri; a bare domain may be anybody's."""
    if text.startswith("at://"):
        return Query.read(f"list:{text}") or Query.read(f"feed:{text}") or Query.read(f"author:{text[5:].rstrip('/')}")
    if text.startswith(("@", "did:")) or text.lower().endswith(".bsky.social"):
        return Query.read(f"author:{text}")
    if re.match(r"(www\.)?bsky\.app/", text, re.IGNORECASE):
        return _of_page(f"https://{text}")
    return None


def _of_words(text: str) -> Query | None:
    match = re.fullmatch(r"(?:bluesky|bsky)\s*:?\s+(.+)|(?:bluesky|bsky):(\S.*)", text, re.IGNORECASE | re.DOTALL)
    if match is not None:
        rest = (match[1] or match[2]).strip()
        return Query.read(rest) or Query.read(f"author:{rest}") or Query.read(f"search:{rest}")
    match = re.fullmatch(r"(?:posts )?about (.+) on (?:bluesky|bsky)", text, re.IGNORECASE)
    if match is not None:
        return Query.read(f"search:{match[1]}")
    return Query.read(text) if text.startswith("jetstream:") else None


def _of_page(text: str) -> Query | None:
    try:
        page = urlsplit(text)
    except ValueError:
        return None
    if (page.hostname or "").removeprefix("www.") != "bsky.app":
        return None
    path = [unquote(part) for part in page.path.strip("/").split("/")]
    match path:
        case [""]:
            return Query("timeline")
        case ["notifications"]:
            return Query("notifications")
        case ["search"]:
            return Query.read(f"search:{parse_qs(page.query).get('q', [''])[0]}")
        case ["hashtag", tag]:
            return Query.read(f"search:#{tag.lstrip('#')}")
        case ["profile", name]:
            return Query.read(f"author:{name}")
        case ["profile", name, "feed", key]:
            return Query.read(f"feed:at://{name}/{FEEDS}/{key}")
        case ["profile", name, "lists", key]:
            return Query.read(f"list:at://{name}/{LISTS}/{key}")
    return None


def _at_uri(text: str, collection: str) -> str | None:
    found = parts(text)
    name = account(found[0]) if found else None
    return f"at://{name}/{collection}/{found[2]}" if found and name and found[1] == collection else None


def _listens(rest: str) -> bool:
    first = rest.partition(" ")[0]
    return not first.startswith("@") or account(first) is not None
