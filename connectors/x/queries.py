"""What a feed reads: our own notation, and what people paste. No I/O."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args
from urllib.parse import parse_qs, quote, unquote, urlsplit

Kind = Literal["search", "user", "mentions", "list", "home", "stream"]

SITE: Final = "https://x.com"
HOSTS: Final = frozenset({"x.com", "twitter.com", "mobile.twitter.com", "mobile.x.com"})
SEARCH_LENGTH: Final = 512
"""Most characters of a search. Source: docs.x.com/x-api/posts/search, read 2026-11-23."""
RULE_LENGTH: Final = 1_024
_NAME: Final = re.compile(r"\w{1,15}", re.ASCII)
_ID: Final = re.compile(r"[0-9]{1,20}")
# Pages of the site itself, which no account can be called.
_PAGES: Final = frozenset(
    {"compose", "explore", "hashtag", "home", "i", "intent", "jobs", "login", "messages", "notifications", "privacy"}
    | {"search", "settings", "share", "signup", "tos", "about", "download"}
)
_KINDS: Final[Mapping[str, Kind]] = {kind: kind for kind in get_args(Kind)}


@dataclass(frozen=True, slots=True)
class Query:
    """One feed: `search:WORDS`, `user:NAME`, `mentions`, `mentions:NAME`, `list:ID`, `home` or `stream:RULE`."""

    kind: Kind
    rest: str = ""

    @classmethod
    def read(cls, text: str) -> "Query | None":
        """Read our notation; None: it is none."""
        word, _, rest = text.strip().partition(":")
        kind, rest = _KINDS.get(word), " ".join(rest.split())
        match kind:
            case "home":
                return cls(kind) if not rest else None
            case "user" | "mentions":
                name = rest.removeprefix("@").lower()
                is_fit = _NAME.fullmatch(name) is not None or (not name and kind == "mentions")
                return cls(kind, name) if is_fit else None
            case "list":
                return cls(kind, rest) if _ID.fullmatch(rest) else None
            case "search" | "stream":
                most = SEARCH_LENGTH if kind == "search" else RULE_LENGTH
                return cls(kind, rest) if 0 < len(rest) <= most else None
        return None

    def __str__(self) -> str:
        """Write it in our notation."""
        return f"{self.kind}:{self.rest}" if self.rest else self.kind

    @property
    def title(self) -> str:
        """Name the feed for people."""
        shown = {"home": "my timeline", "user": f"@{self.rest}", "mentions": f"mentions of @{self.rest or 'me'}"}
        return f"X: {shown.get(self.kind) or f'{self.kind} {self.rest}'}"

    @property
    def home_url(self) -> str:
        """Name the page a person opens."""
        match self.kind:
            case "user":
                return f"{SITE}/{self.rest}"
            case "list":
                return f"{SITE}/i/lists/{self.rest}"
            case "home":
                return f"{SITE}/home"
            case "mentions":
                return (
                    f"{SITE}/search?q={quote('@' + self.rest, safe='')}&f=live"
                    if self.rest
                    else f"{SITE}/notifications"
                )
        return f"{SITE}/search?q={quote(self.rest, safe='')}&f=live"


def pasted(text: str) -> Query | None:
    """Find the query in a page's address, a sentence, or our notation; None: not ours.

    A bare `@name` may be of any platform, and reading it here would cost money.
    """
    text = text.strip()
    if not text or len(text) > 2_000:
        return None
    if "://" in text or re.match(r"(www\.)?(mobile\.)?(x|twitter)\.com/", text, re.IGNORECASE):
        return _of_page(text if "://" in text else f"https://{text}")
    match = re.fullmatch(r"(?:x|twitter)\s*:\s*(.+)|(?:x|twitter)\s+(@\w+|search .+|list \d+)", text, re.I | re.S)
    if match is not None:
        rest = match[1] or re.sub(r"^(search|list) ", r"\1:", match[2], flags=re.IGNORECASE)
        return Query.read(rest) or (
            Query.read(f"user:{rest}") if rest.startswith("@") else Query.read(f"search:{rest}")
        )
    match = re.fullmatch(r"(?:posts )?about (.+) on (?:x|twitter)", text, re.IGNORECASE)
    return Query.read(f"search:{match[1]}") if match else None


def _of_page(text: str) -> Query | None:
    try:
        page = urlsplit(text)
    except ValueError:
        return None
    if (page.hostname or "").removeprefix("www.") not in HOSTS:
        return None
    path = [unquote(part) for part in page.path.strip("/").split("/")]
    match path:
        case ["home"]:
            return Query("home")
        case ["notifications"] | ["notifications", "mentions"]:
            return Query("mentions")
        case ["search"]:
            return Query.read(f"search:{parse_qs(page.query).get('q', [''])[0]}")
        case ["hashtag", tag]:
            return Query.read(f"search:#{tag.lstrip('#')}")
        case ["i", "lists", number]:
            return Query.read(f"list:{number}")
        case [name] | [name, "with_replies"] if name.lower() not in _PAGES:
            return Query.read(f"user:{name}")
        case [_, "status", number] if _ID.fullmatch(number):
            return Query.read(f"search:conversation_id:{number}")
    return None
