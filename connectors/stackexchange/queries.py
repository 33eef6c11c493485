"""Which questions a feed asks for: our own notation, and what people paste. No I/O."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

Route = Literal["questions", "unanswered", "search"]

SHORT: Final[Mapping[str, str]] = {
    **{name: f"{name}.com" for name in ("stackoverflow", "serverfault", "superuser", "askubuntu", "stackapps")},
    "mathoverflow": "mathoverflow.net",
}
# The network's hosts that are no site with questions.
_OTHER: Final = frozenset({"api", "area51", "blog", "chat", "data", "openid", "www"})
_LABEL: Final = re.compile(r"[a-z0-9-]+(?:\.meta|\.[a-z]{2})?")
_TAG: Final = re.compile(r"[\w.+#-]{1,60}")
_TAGGED: Final = re.compile(r"\[([\w.+#-]{1,60})\]")
_LONGEST: Final = 500
"""Nobody pastes longer ones."""


@dataclass(frozen=True, slots=True)
class Query:
    """Which questions: `SITE`, `SITE/tag;tag`, `SITE/unanswered/tag;tag` or `SITE/search/words [tag]`."""

    site: str
    route: Route = "questions"
    tags: tuple[str, ...] = ()
    """All of them must be there."""
    words: str = ""

    @classmethod
    def read(cls, text: str) -> "Query | None":
        """Read our notation; None: it is none."""
        name, _, rest = text.strip().partition("/")
        site = _site(name)
        if site is None or len(text) > _LONGEST:
            return None
        if rest.startswith("search/"):
            return _search(site, rest.removeprefix("search/"))
        route: Route = "unanswered" if rest.split("/")[0] == "unanswered" else "questions"
        tags = _tags(re.split(r"[;,]", rest.removeprefix("unanswered").lstrip("/")))
        return None if tags is None else cls(site, route, tags)

    def __str__(self) -> str:
        """Write it in our notation."""
        if self.route == "search":
            return f"{self.site}/search/{self._sought}"
        parts = (self.site, "unanswered" if self.route == "unanswered" else "", ";".join(self.tags))
        return "/".join(part for part in parts if part)

    @property
    def title(self) -> str:
        """Name the feed for people."""
        what = self._sought if self.route == "search" else " + ".join(self.tags)
        unanswered = "unanswered" if self.route == "unanswered" else ""
        return f"{self.site}: {' '.join(part for part in (unanswered, what) if part) or 'all questions'}"

    @property
    def home_url(self) -> str:
        """Name the page a person opens."""
        if self.route == "search":
            return f"https://{self.site}/search?{urlencode({'q': self._sought, 'tab': 'newest'}, quote_via=quote)}"
        tagged = f"/tagged/{'+'.join(quote(tag, safe='') for tag in self.tags)}" if self.tags else ""
        return f"https://{self.site}/{self.route}{tagged}"

    @property
    def _sought(self) -> str:
        return " ".join([*self.words.split(), *(f"[{tag}]" for tag in self.tags)])


def pasted(text: str) -> Query | None:
    """Find the query in a page's address, in a sentence, or in our notation; None: not ours."""
    text = text.strip()
    if not text or len(text) > _LONGEST:
        return None
    return _of_page(text) or _of_sentence(text) or Query.read(text)


def _site(name: str) -> str | None:
    """Find the site's full host name; None: not of this network."""
    name = name.strip().lower().removeprefix("www.")
    if name in SHORT:
        return SHORT[name]
    for host in (*SHORT.values(), "stackexchange.com"):
        label = name.removesuffix(f".{host}")
        if label != name and label not in _OTHER and _LABEL.fullmatch(label):
            return name
    return name if name in SHORT.values() else None


def _tags(parts: list[str]) -> tuple[str, ...] | None:
    """Clean a list of tags; None: one of them is no tag."""
    tags = tuple(dict.fromkeys(part.strip().lower() for part in parts if part.strip()))
    return tags if all(_TAG.fullmatch(tag) for tag in tags) else None


def _search(site: str, sought: str) -> Query | None:
    tags = tuple(dict.fromkeys(tag.lower() for tag in _TAGGED.findall(sought)))
    words = " ".join(_TAGGED.sub(" ", sought).split())
    return Query(site, "search", tags, words) if words or tags else None


def _of_page(text: str) -> Query | None:
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
    except ValueError:
        return None
    site = _site(parts.hostname or "")
    if site is None or "." not in (parts.hostname or ""):
        return None
    page, params = parts.path.strip("/"), parse_qs(parts.query)
    if page == "search" and params.get("q"):
        return _search(site, params["q"][0])
    match = re.fullmatch(r"(questions|unanswered)(?:/tagged/([^/]+))?", page or "questions")
    if match is None:
        return None
    # "+" stands between tags, and belongs to a tag where it is percent-encoded (c%2b%2b).
    tags = _tags([unquote(part) for part in (match[2] or "").split("+")])
    unanswered = "unanswered" in (match[1], *(value.lower() for value in params.get("tab", [])))
    return None if tags is None else Query(site, "unanswered" if unanswered else "questions", tags)


def _of_sentence(text: str) -> Query | None:
    """Read `questions tagged python and asyncio on stackoverflow`, also `unanswered`, also `about WORDS`."""
    what, _, where = text.rpartition(" on ")
    match = re.match(r"(unanswered )?questions? (tagged|about) ", what, re.IGNORECASE)
    name = "".join(where.lower().split())
    site = _site(name) or (_site(f"{name}.stackexchange.com") if "." not in name else None)
    if match is None or site is None:
        return None
    rest = what[match.end() :].strip()
    if match[2].lower() == "about":
        return _search(site, rest)
    tags = _tags(re.split(r"[,;\s]+(?:and\s+)?", rest))
    return Query(site, "unanswered" if match[1] else "questions", tags) if tags else None
