"""Which articles a feed asks for: our notation, what people paste, names and paths. No I/O."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, cast
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

Kind = Literal["latest", "tag", "user", "search", "article"]

SITE: Final = "https://dev.to"
PER_PAGE: Final = 30
COMMENTS: Final = 50
"""Threads of comments of a page, the platform's own default (developers.forem.com/api/v1, read 2026-11-23)."""
NOT_A_USER: Final = frozenset(
    {
        "about", "api", "challenges", "code-of-conduct", "connect", "contact", "dashboard", "enter", "faq", "feed",
        "guides", "help", "latest", "listings", "new", "newsletter", "notifications", "page", "podcasts", "pod",
        "privacy", "readinglist", "rss", "search", "settings", "series", "signout_confirm", "sponsors", "t", "tags",
        "terms", "top", "videos",
    }
)  # fmt: skip
_NAME: Final = r"[\w-]{1,60}"
_QUERY: Final = re.compile(
    rf"(latest)|(tag)/(\w{{1,60}})|(user)/({_NAME})|(search)/(\S.{{0,400}})|(article)/(\d{{1,15}}|{_NAME}/[\w-]{{1,200}})"
)


@dataclass(frozen=True, slots=True)
class Query:
    """`latest`, `tag/python`, `user/name`, `search/WORDS`, `article/ID` or `article/name/slug` (its comments)."""

    kind: Kind
    value: str = ""

    @classmethod
    def read(cls, text: str) -> "Query | None":
        """Read our notation; None: it is none."""
        match = _QUERY.fullmatch(text.strip())
        if match is None:
            return None
        kind, *value = [part for part in match.groups() if part is not None]
        return cls(cast("Kind", kind), " ".join(value[0].split()) if value else "")

    def __str__(self) -> str:
        """Write it in our notation."""
        return f"{self.kind}/{self.value}" if self.value else self.kind

    @property
    def title(self) -> str:
        """Name the feed for people."""
        words = {"latest": "latest", "tag": f"#{self.value}", "user": f"@{self.value}"}
        return f"DEV: {words.get(self.kind, self.value)}"

    @property
    def home_url(self) -> str:
        """Name the page a person opens."""
        if self.kind == "search":
            return f"{SITE}/search?{_encoded({'q': self.value, 'sort_by': 'published_at', 'sort_direction': 'desc'})}"
        pages = {"latest": "latest", "tag": f"t/{self.value}/latest", "user": self.value, "article": self.value}
        return f"{SITE}/{quote(pages[self.kind])}" if not self.value.isdecimal() else SITE

    @property
    def by_age(self) -> bool:
        """True: the platform lists the newest first; tags and searches come by its own liking."""
        return self.kind in ("latest", "user")

    def path(self, token: str | None) -> str:
        """Build the path of a list's page.

        Source: https://developers.forem.com/api/v1, read 2026-11-23.
        """
        asked = {"per_page": str(PER_PAGE), "page": token or "1"}
        if self.kind == "search":
            return f"/api/articles/search?{_encoded({'q': self.value, **asked})}"
        if self.kind == "latest":
            return f"/api/articles/latest?{_encoded(asked)}"
        name = {"tag": "tag", "user": "username"}[self.kind]
        return f"/api/articles?{_encoded({name: self.value, **asked})}"


def comments_path(number: str, token: str | None) -> str:
    """Build the path of a page of an article's comments."""
    return f"/api/comments?{_encoded({'a_id': number, 'per_page': str(COMMENTS), 'page': token or '1'})}"


def pasted(text: str) -> Query | None:
    """Find the query in a page's address, or in `devto:` and our notation; None: not ours."""
    text = text.strip()
    if len(text) > 500:
        return None
    name, _, query = text.partition(":")
    if name.lower() in ("devto", "dev.to") and not query.startswith("//"):
        return Query.read(query)
    return _of_page(text)


def _of_page(text: str) -> Query | None:
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        is_ours = parts.hostname in ("dev.to", "www.dev.to") and parts.scheme in ("https", "http")
        params = parse_qs(parts.query)
    except ValueError:
        return None
    path = unquote(parts.path).strip("/")
    if not is_ours:
        return None
    if path in ("", "latest"):
        return Query("latest")
    if path == "search" and params.get("q"):
        return Query.read(f"search/{params['q'][0]}")
    tag = re.fullmatch(r"t/(\w+)(?:/latest|/top/\w+)?", path)
    if tag is not None:
        return Query.read(f"tag/{tag[1]}")
    user, _, slug = path.removesuffix("/comments").partition("/")
    if user in NOT_A_USER or "/" in slug:
        return None
    return Query.read(f"article/{user}/{slug}" if slug else f"user/{user}")


def _encoded(params: Mapping[str, str]) -> str:
    return urlencode(params, quote_via=quote)
