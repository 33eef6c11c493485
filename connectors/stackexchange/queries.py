"""Which questions a feed asks for: our own notation, and what people paste. No I/O."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

Route = Literal["questions", "unanswered", "search", "replies", "question", "user", "user replies", "mentions", "inbox"]

SHORT: Final[Mapping[str, str]] = {
    **{name: f"{name}.com" for name in ("stackoverflow", "serverfault", "superuser", "askubuntu", "stackapps")},
    "mathoverflow": "mathoverflow.net",
}
# The network's hosts that are no site with questions.
_OTHER: Final = frozenset({"api", "area51", "blog", "chat", "data", "openid", "www"})
_LABEL: Final = re.compile(r"[a-z0-9-]+(?:\.meta|\.[a-z]{2})?")
_TAG: Final = re.compile(r"[\w.+#-]{1,60}")
_TAGGED: Final = re.compile(r"\[([\w.+#-]{1,60})\]")
_NUMBERED: Final = re.compile(r"(questions|users)/([1-9]\d{0,11})(/replies|/mentions)?")
_NUMBERED_ROUTES: Final[Mapping[tuple[str, str | None], Route]] = {
    ("questions", None): "question",
    ("questions", "/replies"): "question",
    ("questions", "/mentions"): "question",
    ("users", None): "user",
    ("users", "/replies"): "user replies",
    ("users", "/mentions"): "mentions",
}
_ENDINGS: Final[Mapping[str, str]] = {"user replies": "/replies", "mentions": "/mentions"}
_LONGEST: Final = 500
"""Nobody pastes longer ones."""


@dataclass(frozen=True, slots=True)
class Query:
    """What a feed asks for.

    Questions: `SITE`, `SITE/tag;tag`, `SITE/unanswered/tag;tag`, `SITE/search/words [tag]`. Answers and comments:
    `SITE/replies/tag;tag`, `SITE/questions/ID`, `SITE/users/ID/replies`. `SITE/users/ID` (what somebody wrote),
    `SITE/users/ID/mentions`, `inbox`.
    """

    site: str
    route: Route = "questions"
    tags: tuple[str, ...] = ()
    """All of them must be there."""
    words: str = ""
    number: int = 0
    """Of the question or the user."""

    @classmethod
    def read(cls, text: str) -> "Query | None":
        """Read our notation; None: it is none."""
        if text.strip() == "inbox":
            return cls("", "inbox")
        name, _, rest = text.strip().partition("/")
        site = _site(name)
        if site is None or len(text) > _LONGEST:
            return None
        if rest.startswith("search/"):
            return _search(site, rest.removeprefix("search/"))
        if match := _NUMBERED.fullmatch(rest):
            return cls(site, _NUMBERED_ROUTES[match[1], match[3]], number=int(match[2]))
        first = rest.split("/")[0]
        route: Route = "unanswered" if first == "unanswered" else "replies" if first == "replies" else "questions"
        tags = _tags(re.split(r"[;,]", rest.removeprefix(first if route != "questions" else "").lstrip("/")))
        return None if tags is None else cls(site, route, tags)

    def __str__(self) -> str:
        """Write it in our notation."""
        if self.route == "search":
            return f"{self.site}/search/{self._sought}"
        if self.number:
            return f"{self.site}/{self._page}{_ENDINGS.get(self.route, '')}"
        if self.route == "inbox":
            return "inbox"
        parts = (self.site, "" if self.route == "questions" else self.route, ";".join(self.tags))
        return "/".join(part for part in parts if part)

    @property
    def title(self) -> str:
        """Name the feed for people."""
        if self.route == "inbox":
            return "Stack Exchange: inbox"
        if self.number:
            what = {
                "question": "replies to question",
                "user replies": "replies to user",
                "mentions": "mentions of user",
            }
            return f"{self.site}: {what.get(self.route, self.route)} {self.number}"
        what_of = self._sought if self.route == "search" else " + ".join(self.tags)
        kind = {"unanswered": "unanswered", "replies": "replies to"}.get(self.route, "")
        return f"{self.site}: {' '.join(part for part in (kind, what_of) if part) or 'all questions'}"

    @property
    def home_url(self) -> str:
        """Name the page a person opens."""
        if self.route == "search":
            return f"https://{self.site}/search?{urlencode({'q': self._sought, 'tab': 'newest'}, quote_via=quote)}"
        if self.route == "inbox":
            return "https://stackexchange.com/users/current?tab=inbox"
        if self.number:
            return f"https://{self.site}/{self._page}"
        tagged = f"/tagged/{'+'.join(quote(tag, safe='') for tag in self.tags)}" if self.tags else ""
        return f"https://{self.site}/{'unanswered' if self.route == 'unanswered' else 'questions'}{tagged}"

    @property
    def _page(self) -> str:
        return f"{'questions' if self.route == 'question' else 'users'}/{self.number}"

    @property
    def _sought(self) -> str:
        return " ".join([*self.words.split(), *(f"[{tag}]" for tag in self.tags)])


def pasted(text: str) -> Query | None:
    """Find the query in a page's address, in a sentence, or in our notation; None: not ours."""
    text = text.strip()
    if not text or len(text) > _LONGEST:
        return None
    named = re.fullmatch(r"(?:stackexchange|stack exchange)\s*:\s*(?!//)(.+)", text, re.IGNORECASE)
    if named is not None:
        return Query.read(named[1]) or _of_page(named[1])
    return _of_page(text) or _of_sentence(text) or (Query.read(text) if "." in text or "/" in text else None)


def user(text: str) -> Query | None:
    """Find a user in the page of a profile (`stackoverflow.com/users/ID`); None: no such page."""
    found = _of_page(text.strip()) if len(text) <= _LONGEST else None
    return found if found is not None and found.route == "user" else None


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
    if profile := re.fullmatch(r"users/([1-9]\d{0,11})(?:/(?!(?:replies|mentions)$)[^/]*)?", page):
        return Query(site, "user", number=int(profile[1]))
    match = re.fullmatch(r"(questions|unanswered)(?:/tagged/([^/]+))?", page or "questions")
    if match is None:
        return None
    # "+" stands between tags, and belongs to a tag where it is percent-encoded (c%2b%2b).
    tags = _tags([unquote(part) for part in (match[2] or "").split("+")])
    unanswered = "unanswered" in (match[1], *(value.lower() for value in params.get("tab", [])))
    return None if tags is None else Query(site, "unanswered" if unanswered else "questions", tags)


def _of_sentence(text: str) -> Query | None:
    """Read `questions tagged python and asyncio on stackoverflow`, also `unanswered`, `replies to`, `about WORDS`."""
    what, _, where = text.rpartition(" on ")
    match = re.match(r"(unanswered |(?:replies|answers) to )?questions? (tagged|about) ", what, re.IGNORECASE)
    name = "".join(where.lower().split())
    site = _site(name) or (_site(f"{name}.stackexchange.com") if "." not in name else None)
    if match is None or site is None:
        return None
    rest = what[match.end() :].strip()
    if match[2].lower() == "about":
        return _search(site, rest)
    tags = _tags(re.split(r"[,;\s]+(?:and\s+)?", rest))
    kind = (match[1] or "").split(" ")[0].lower()
    route: Route = "unanswered" if kind == "unanswered" else "replies" if kind else "questions"
    return Query(site, route, tags) if tags else None
