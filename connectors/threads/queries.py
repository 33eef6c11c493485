"""What a Threads feed asks for: our own notation, and what people paste. No I/O."""

import re
from dataclasses import dataclass
from typing import Final, Literal, cast
from urllib.parse import parse_qs, quote, urlsplit

Kind = Literal["me", "search", "tag", "conversation"]

_NOTATION: Final = re.compile(
    r"(me)/(threads|replies|mentions)|(search)/(.{1,200})|(tag)/#?(\S.{0,100})|(conversation)/(\d+)"
)
_HOSTS: Final = frozenset({"threads.net", "www.threads.net", "threads.com", "www.threads.com"})
_SAID: Final = re.compile(r"(?:posts|threads) about (.{1,200}) on threads", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Query:
    """One of the account's own lists, a search, or what is said under one post."""

    kind: Kind
    value: str

    @classmethod
    def read(cls, text: str) -> "Query | None":
        """Read our notation; None: it is none."""
        match = _NOTATION.fullmatch(text.strip())
        if match is None:
            return None
        pairs = match.groups()
        kind, value = next((kind, value) for kind, value in zip(pairs[::2], pairs[1::2], strict=True) if kind)
        return cls(cast("Kind", kind), " ".join(value.split())) if value.strip() else None

    def __str__(self) -> str:
        """Write it in our notation."""
        return f"{self.kind}/{self.value}"

    @property
    def is_search(self) -> bool:
        """True: all of the platform is searched."""
        return self.kind in ("search", "tag")

    @property
    def path(self) -> str:
        """Give the path that is asked."""
        if self.is_search:
            return "keyword_search"
        return f"{self.value}/conversation" if self.kind == "conversation" else f"me/{self.value}"

    @property
    def params(self) -> dict[str, str]:
        """Give the parameters that say what is sought, and in which order."""
        if self.is_search:
            mode = "TAG" if self.kind == "tag" else "KEYWORD"
            return {"q": self.value, "search_type": "RECENT", "search_mode": mode}
        return {"reverse": "true"} if self.kind == "conversation" else {}

    @property
    def title(self) -> str:
        """Name the feed for people."""
        own = {"threads": "my posts", "replies": "my replies", "mentions": "mentions of me"}
        what = {"me": own.get(self.value, self.value), "tag": f"#{self.value}", "conversation": "replies to a post"}
        return f"Threads: {what.get(self.kind, self.value)}"

    @property
    def home_url(self) -> str | None:
        """Name the page a person opens; None: there is no address for it."""
        if not self.is_search:
            return None
        return f"https://www.threads.net/search?q={quote(self.value)}"


def pasted(text: str) -> Query | None:
    """Find the query in what a person pastes; None: not ours."""
    text = text.strip()
    if not text or len(text) > 500:
        return None
    if text.startswith("threads:"):
        return Query.read(text.removeprefix("threads:"))
    said = _SAID.fullmatch(text)
    if said:
        return Query.read(f"search/{said[1]}")
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        host = parts.hostname
    except ValueError:
        return None
    if host not in _HOSTS or parts.path.strip("/") != "search":
        return None
    asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
    kind = "tag" if asked.get("serp_type") == "tags" else "search"
    return Query.read(f"{kind}/{asked.get('q', '')}")
