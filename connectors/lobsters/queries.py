"""Which stories a feed asks for: our notation, what people paste, names and paths. No I/O."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote, urlsplit

SITE: Final = "https://lobste.rs"
_TAGS: Final = r"[\w+.#-]{1,50}(?:,[\w+.#-]{1,50}){0,9}"
_QUERY: Final = re.compile(rf"newest|hottest|active|t/({_TAGS})|~([\w-]{{1,50}})|s/(\w{{1,20}})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Query:
    """`newest`, `hottest`, `active`, `t/tag` or `t/tag,tag` (any of them), `~name`, `s/ID` (a story, its comments)."""

    text: str

    @classmethod
    def read(cls, text: str) -> "Query | None":
        """Read our notation; None: it is none."""
        text = text.strip()
        return cls(text if text[:2] in ("s/", "t/") or text[:1] == "~" else text.lower()) if _fits(text) else None

    @property
    def title(self) -> str:
        """Name the feed for people."""
        return f"Lobsters: {self.text.removeprefix('t/') if self.text.startswith('t/') else self.text}"

    @property
    def home_url(self) -> str:
        """Name the page a person opens."""
        return SITE if self.text == "hottest" else f"{SITE}/{quote(self.text, safe='/~,')}"

    @property
    def is_story(self) -> bool:
        """True: one story with its comments."""
        return self.text.startswith("s/")

    @property
    def is_ranking(self) -> bool:
        """True: in an order that is not the stories' own age."""
        return self.text in ("hottest", "active")

    def path(self, page: str | None) -> str:
        """Build the path of a page. Source: config/routes.rb of the site's software, read 2026-11-25."""
        place = quote(self.text, safe="/~,") + ("/stories" if self.text.startswith("~") else "")
        if page is None:
            return f"/{place}.json"
        return f"/page/{page}.json" if self.text == "hottest" else f"/{place}/page/{page}.json"


def pasted(text: str) -> Query | None:
    """Find the query in a page's address, or in `lobsters:` and our notation; None: not ours."""
    text = text.strip()
    if len(text) > 500:
        return None
    name, colon, query = text.partition(":")
    if name.lower() in ("lobsters", "lobste.rs") and not query.startswith("//"):
        return Query.read(query) if colon else Query("newest")
    return _of_page(text)


def _fits(text: str) -> bool:
    return _QUERY.fullmatch(text) is not None and not text.endswith((".rss", ".json"))


def _of_page(text: str) -> Query | None:
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        is_ours = parts.hostname in ("lobste.rs", "www.lobste.rs") and parts.scheme in ("https", "http")
    except ValueError:
        return None
    path = unquote(parts.path).strip("/")
    if not is_ours:
        return None
    if not path:
        return Query("hottest")
    story = re.fullmatch(r"s/(\w+)(?:/[^/]*)?", path)
    user = re.fullmatch(r"(?:~|@|u/|newest/)([\w-]+)(?:/stories)?", path)
    if story is not None:
        return Query.read(f"s/{story[1]}")
    return Query.read(f"~{user[1]}") if user is not None else Query.read(path)
