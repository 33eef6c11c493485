"""What a feed reads: our own notation, and what people paste. No I/O."""

import re
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import parse_qs, quote, urlsplit

Kind = Literal["issues", "comments", "thread", "releases", "discussions", "search", "discussed", "notifications"]

SITE: Final = "https://github.com"
_REPO: Final = r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/[\w.-]{1,100}"
_OWN: Final = re.compile(rf"({_REPO})(?:/(comments|releases|discussions|issues/([1-9]\d{{0,9}})))?", re.ASCII)
# First words of other notations and pages that no account can have, or that mean something else where people paste.
_NOT_OWNERS: Final = frozenset(
    {"r", "u", "c", "user", "users", "t", "tag", "tags", "features", "topics", "orgs", "sponsors", "marketplace"}
    | {"search", "settings", "trending", "issues", "pulls", "discussions", "notifications", "explore", "about", "apps"}
    | {"stackoverflow", "serverfault", "superuser", "askubuntu", "stackapps", "mathoverflow"}
)
_TYPES: Final = re.compile(r"(?:^|\s)(?:is|type):(?:issue|pr|pull-request)(?=\s|$)", re.IGNORECASE)
_LONGEST: Final = 500
"""Nobody pastes longer ones."""


@dataclass(frozen=True, slots=True)
class Query:
    """What a feed asks for.

    `OWNER/REPO` (issues and pull requests), `…/comments`, `…/issues/NUMBER` (comments of one), `…/releases`,
    `…/discussions`; `search:words`, `discussions:words`; `notifications`.
    """

    kind: Kind
    repo: str = ""
    number: int = 0
    words: str = ""

    @classmethod
    def read(cls, text: str) -> "Query | None":
        """Read our notation; None: it is none."""
        text = text.strip()
        if text == "notifications":
            return cls("notifications")
        kind, colon, words = text.partition(":")
        if colon and kind in ("search", "discussions") and words.strip() and len(text) <= _LONGEST:
            return cls("search" if kind == "search" else "discussed", words=" ".join(words.split()))
        match = _OWN.fullmatch(text)
        if match is None or match[1].split("/")[0].lower() in _NOT_OWNERS:
            return None
        if match[3]:
            return cls("thread", match[1], int(match[3]))
        return cls(_KINDS.get(match[2] or "", "issues"), match[1])

    def __str__(self) -> str:
        """Write it in our notation."""
        if self.kind in ("search", "discussed"):
            return f"{'search' if self.kind == 'search' else 'discussions'}:{self.words}"
        if self.kind == "thread":
            return f"{self.repo}/issues/{self.number}"
        return "/".join(part for part in (self.repo, "" if self.kind == "issues" else self.kind) if part)

    @property
    def parts(self) -> tuple[str, ...]:
        """What has to be asked one after the other: a search finds either issues or pull requests, never both."""
        if self.kind != "search" or _TYPES.search(self.words):
            return (self.words,)
        return f"{self.words} is:issue", f"{self.words} is:pull-request"

    @property
    def title(self) -> str:
        """Name the feed for people."""
        what = {"thread": f"#{self.number}", "search": self.words, "discussed": f"discussions {self.words}"}
        return f"GitHub: {' '.join(part for part in (self.repo, what.get(self.kind, self.kind)) if part)}"

    @property
    def home_url(self) -> str:
        """Name the page a person opens."""
        if self.kind == "notifications":
            return f"{SITE}/notifications"
        if self.kind in ("search", "discussed"):
            shown = "issues" if self.kind == "search" else "discussions"
            return f"{SITE}/search?q={quote(self.words, safe='')}&type={shown}&s=created&o=desc"
        page = {"thread": f"issues/{self.number}", "comments": "issues"}.get(self.kind, self.kind)
        return f"{SITE}/{self.repo}/{page}"


_KINDS: Final[dict[str, Kind]] = {"comments": "comments", "releases": "releases", "discussions": "discussions"}


def pasted(text: str) -> Query | None:
    """Find the query in a page's address, in `OWNER/REPO…`, or after `github:`; None: not ours."""
    text = text.strip()
    if not text or len(text) > _LONGEST:
        return None
    named = re.fullmatch(r"(?:github|gh)\s*:\s*(?!//)(.+)", text, re.IGNORECASE)
    if named is not None:
        return Query.read(named[1]) or _of_page(named[1])
    if "://" in text or re.match(r"(?:www\.)?github\.com/", text, re.IGNORECASE):
        return _of_page(text)
    found = Query.read(text)
    return found if found is not None and found.repo else None


def login(text: str) -> str | None:
    """Find the account in `@name` or the page of a profile; None: neither."""
    text = re.sub(r"(?i)\A(?:https?://)?(?:www\.)?github\.com/", "@", text.strip()).rstrip("/")
    match = re.fullmatch(r"(?:(?:github|gh):)?@?([A-Za-z0-9][A-Za-z0-9-]{0,38})", text)
    return match[1] if match is not None and ("@" in text or ":" in text) else None


def _of_page(text: str) -> Query | None:
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
    except ValueError:
        return None
    if (parts.hostname or "").removeprefix("www.") != "github.com":
        return None
    sought = " ".join(parse_qs(parts.query).get("q", [""])[0].split())
    page = parts.path.strip("/")
    if page == "search":
        return _of_search(sought, parse_qs(parts.query).get("type", [""])[0].lower())
    if page in ("notifications", "issues", "pulls"):
        return Query("notifications") if page == "notifications" else _search(sought)
    return _of_repository(page, sought)


def _of_search(sought: str, shown: str) -> Query | None:
    if shown == "discussions":
        return Query("discussed", words=sought) if sought else None
    kind = {"issues": "is:issue", "pullrequests": "is:pull-request"}.get(shown)
    if kind is None or not sought:
        return None
    return _search(sought if _TYPES.search(sought) else f"{sought} {kind}")


def _of_repository(page: str, sought: str) -> Query | None:
    match = re.fullmatch(rf"({_REPO})/(issues|pulls?|discussions|releases)(?:/(.*))?", page)
    if match is None or match[1].split("/")[0].lower() in _NOT_OWNERS:
        return None
    repo, shown, rest = match[1], match[2], match[3] or ""
    if shown in ("issues", "pull") and re.fullmatch(r"[1-9]\d{0,9}(?:/\w+)?", rest):
        return Query("thread", repo, int(rest.partition("/")[0]))
    if shown == "releases":
        return Query("releases", repo)
    if rest or shown == "pull":
        return None
    if shown == "pulls":
        return _search(f"repo:{repo} is:pull-request {sought}")
    if shown == "issues" and sought:
        return _search(f"repo:{repo} {sought}")
    return Query("discussions" if shown == "discussions" else "issues", repo)


def _search(words: str) -> Query | None:
    return Query("search", words=" ".join(words.split())) if words.strip() else None
