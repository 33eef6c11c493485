"""What is read, as feeds name it and as relays are asked for it; what people paste. No I/O."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from connectors.nostr import codes

NOTE: Final = 1
CONTACTS: Final = 3
DELETION: Final = 5
REPOSTS: Final = (6, 16)
ARTICLE: Final = 30_023
PROFILE: Final = 0
PAGES: Final = "https://njump.me"

_TAG: Final = re.compile(r"[^\W_][\w-]{0,99}")
_SITES: Final = frozenset(
    {"njump.me", "primal.net", "snort.social", "iris.to", "coracle.social", "nostrudel.ninja", "yakihonne.com"}
    | {"habla.news", "nostr.com", "nostr.band", "jumble.social", "nosta.me"}
)


@dataclass(frozen=True, slots=True)
class Query:
    """`author:KEY`, `home:KEY` (whom KEY follows), `mentions:KEY`, `tag:WORD`; a KEY is 64 signs of hex."""

    kind: str
    rest: str

    @classmethod
    def read(cls, query: str) -> "Query | None":
        """Read a feed's query; None: none of ours. Keys may be written as `npub1…` too."""
        kind, _, rest = query.partition(":")
        rest = rest.strip()
        if kind == "tag":
            word = rest.lstrip("#").lower()
            return cls(kind, word) if _TAG.fullmatch(word) else None
        found = key(rest) if kind in ("author", "home", "mentions") else None
        return None if found is None else cls(kind, found)

    def __str__(self) -> str:
        return f"{self.kind}:{self.rest}"

    @property
    def title(self) -> str:
        """Name it for people."""
        if self.kind == "tag":
            return f"#{self.rest}"
        short = f"{codes.npub(self.rest)[:14]}…"
        return {"home": f"Followed by {short}", "mentions": f"Mentions of {short}"}.get(self.kind, short)

    @property
    def home_url(self) -> str:
        """Give the page a person opens."""
        return f"{PAGES}/t/{self.rest}" if self.kind == "tag" else f"{PAGES}/{codes.npub(self.rest)}"

    def filters(self, authors: Sequence[str], seen: Sequence[str]) -> list[dict[str, Any]]:
        """Say what relays are asked for; `seen` are ids whose deletion would matter. Any: values of JSON."""
        if self.kind in ("author", "home"):
            kinds = [NOTE, *REPOSTS, ARTICLE, DELETION]
            return [{"kinds": kinds, "authors": [self.rest] if self.kind == "author" else list(authors)}]
        name = "#t" if self.kind == "tag" else "#p"
        wanted: list[dict[str, Any]] = [{"kinds": [NOTE, ARTICLE], name: [self.rest]}]
        return [*wanted, {"kinds": [DELETION], "#e": list(seen)}] if seen else wanted


def key(text: str) -> str | None:
    """Find a public key in `npub1…`, `nprofile1…`, hex, or a `nostr:` address of one."""
    text = text.strip().removeprefix("nostr:").removeprefix("@")
    if codes.HEX.fullmatch(text.lower()):
        return text.lower()
    found = codes.read(text)
    return found.value if found is not None and found.kind in ("npub", "nprofile") else None


def pasted(text: str) -> Query | None:
    """Find the query in a code, a page of a client, or our own notation with `nostr:` before it; None: not ours."""
    text = text.strip()
    if "://" in text:
        return _of_page(text)
    own = text[6:].strip() if text[:6].lower() == "nostr:" else None
    if own is not None and own.startswith("#"):
        return Query.read(f"tag:{own}")
    found = key(own or text) if own or text.lower().startswith(("npub1", "nprofile1", "@npub1")) else None
    if found is not None:
        return Query("author", found)
    return Query.read(own) if own is not None else None


def _of_page(text: str) -> Query | None:
    try:
        parts = urlsplit(text)
        host = (parts.hostname or "").removeprefix("www.")
    except ValueError:
        return None
    if host not in _SITES:
        return None
    steps = [step for step in unquote(parts.path).split("/") if step]
    for number, step in enumerate(steps):
        if step in ("t", "tag", "tags", "hashtag") and number + 1 < len(steps):
            return Query.read(f"tag:{steps[number + 1]}")
        found = codes.read(step.removeprefix("@").removeprefix("nostr:"))
        if found is not None and found.kind in ("npub", "nprofile"):
            return Query("author", found.value)
    return None
