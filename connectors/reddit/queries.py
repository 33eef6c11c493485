"""What a feed reads: our own notation, what people paste, and the addresses it stands for. No I/O."""

import re
from dataclasses import dataclass, replace
from typing import Final, Literal
from urllib.parse import parse_qs, parse_qsl, quote, unquote, urlencode, urlsplit

Kind = Literal["new", "comments", "thread", "user", "search", "inbox", "mentions", "rss"]

SITE: Final = "https://www.reddit.com"
SECRETS: Final = frozenset({"feed", "user"})
"""Parameters of personal feeds: together they are a login, so they are never kept."""
PAGE_SIZE: Final = 100

_HOST: Final = re.compile(r"(?:[\w-]+\.)?reddit\.com", re.IGNORECASE)
_SUBS: Final = r"\w{2,}(?:\+\w{2,})*"
_OWN: Final[tuple[tuple[Kind, re.Pattern[str]], ...]] = (
    ("new", re.compile(rf"r/(?P<place>{_SUBS})")),
    ("comments", re.compile(rf"r/(?P<place>{_SUBS})/comments")),
    ("thread", re.compile(r"comments/(?P<place>\w{2,12})")),
    ("user", re.compile(r"u/(?P<place>[\w-]{2,40})")),
    ("search", re.compile(rf"(?:r/(?P<place>{_SUBS})/)?search:(?P<words>.+)")),
    ("inbox", re.compile(r"inbox")),
    ("mentions", re.compile(r"mentions")),
    ("rss", re.compile(r"rss:(?P<place>/[^\s?#]*\.rss(?:\?\S*)?)")),
)
_PAGES: Final[tuple[tuple[str, str], ...]] = (
    (rf"r/({_SUBS})", r"r/\1"),
    (rf"r/({_SUBS})/(?:new|hot|best)", r"r/\1"),
    (rf"r/({_SUBS})/comments", r"r/\1/comments"),
    (r"(?:r/\w+/|u(?:ser)?/[\w-]+/)?comments/(\w+)(?:/.*)?", r"comments/\1"),
    (r"u(?:ser)?/([\w-]+)(?:/(?:overview|submitted|comments))?", r"u/\1"),
    (r"message/(?:inbox|messages|comments|unread)", "inbox"),
    (r"message/mentions", "mentions"),
)
"""What a path means, without the slash before it and `.rss` behind it."""
_SORTED: Final = (rf"r/({_SUBS})/(?:top|rising|controversial)", r"r/\1")
"""Pages whose order is another than by time; what people mean by them is the subreddit."""
_LONGEST: Final = 600


@dataclass(frozen=True, slots=True)
class Query:
    """What a feed asks for.

    `r/NAME`, `r/A+B` (new posts), `r/NAME/comments`, `comments/ID` (a post and its comments), `u/NAME`, `search:words`,
    `r/NAME/search:words`, `inbox`, `mentions`, and `rss:/PATH.rss`: any other feed of the site.
    """

    kind: Kind
    place: str = ""
    words: str = ""

    @classmethod
    def read(cls, text: str) -> "Query | None":
        """Read our notation; None: it is none."""
        text = " ".join(text.split())
        for kind, pattern in _OWN:
            match = pattern.fullmatch(text) if len(text) <= _LONGEST else None
            if match is not None:
                found = match.groupdict()
                return cls(kind, found.get("place") or "", (found.get("words") or "").strip())
        return None

    def __str__(self) -> str:
        """Write it in our notation."""
        if self.kind == "search":
            return f"{f'r/{self.place}/' if self.place else ''}search:{self.words}"
        form = {"new": "r/{}", "comments": "r/{}/comments", "thread": "comments/{}", "user": "u/{}", "rss": "rss:{}"}
        return form.get(self.kind, self.kind).format(self.place)

    @property
    def title(self) -> str:
        """Name the feed for people."""
        if self.kind == "search":
            return f"Reddit: {self.words}{f' in r/{self.place}' if self.place else ''}"
        return f"Reddit: {self.place if self.kind == 'rss' else self}"

    @property
    def home_url(self) -> str:
        """Name the page a person opens."""
        if self.kind == "search":
            params = {"q": self.words, "sort": "new"} | ({"restrict_sr": "on"} if self.place else {})
            return f"{SITE}{self._folder}/search?{urlencode(params, quote_via=quote)}"
        if self.kind == "rss":
            return SITE + (self.place.partition("?")[0].removesuffix(".rss") or "/")
        return SITE + self._path + "/"

    @property
    def is_private(self) -> bool:
        """True: it is the user's own, and needs a login of either kind."""
        return self.kind in ("inbox", "mentions")

    @property
    def _folder(self) -> str:
        return f"/r/{self.place}" if self.place else ""

    @property
    def _path(self) -> str:
        paths = {
            "new": f"/r/{self.place}/new",
            "comments": f"/r/{self.place}/comments",
            "thread": f"/comments/{self.place}",
            "user": f"/user/{self.place}",
            "search": f"{self._folder}/search",
            "inbox": "/message/inbox",
            "mentions": "/message/mentions",
        }
        return paths[self.kind]

    def feed_path(self, after: str | None) -> str:
        """Build the path of its Atom feed. Source: https://www.reddit.com/wiki/rss, read 2026-11-23."""
        if self.kind == "rss":
            path, _, given = self.place.partition("?")
            params = dict(parse_qsl(given)) | ({"after": after} if after else {})
            return path + (f"?{urlencode(params)}" if params else "")
        path = f"{self._path}{'' if self.kind == 'search' else '/'}.rss"
        return f"{path}?{urlencode(self._params(after), quote_via=quote)}"

    def api_path(self, after: str | None) -> str:
        """Build the path of the interface. Source: https://www.reddit.com/dev/api, read 2026-11-23."""
        path = f"{self._path}/overview" if self.kind == "user" else self._path
        params = self._params(after) | {"raw_json": "1"}
        return f"{path}?{urlencode(params, quote_via=quote)}"

    def _params(self, after: str | None) -> dict[str, str]:
        params = {"limit": str(PAGE_SIZE)}
        if self.kind == "search":
            params = {"q": self.words, "sort": "new"} | params | ({"restrict_sr": "on"} if self.place else {})
        elif self.kind in ("thread", "user"):
            params = {"sort": "new"} | params
        return params | ({"after": after} if after else {})


def pasted(text: str) -> Query | None:
    """Find the query in a page's or a feed's address, in `r/name`, `u/name`, or after `reddit:`; None: not ours."""
    text = text.strip()
    if not text or len(text) > _LONGEST:
        return None
    named = re.fullmatch(r"reddit\s*:\s*(?!//)(.+)", text, re.IGNORECASE)
    if named is not None:
        return pasted_words(named[1].strip())
    if "://" in text or re.match(r"(?:[\w-]+\.)?redd(?:it\.com|\.it)/", text, re.IGNORECASE):
        return _of_page(text if "://" in text else f"https://{text}")
    short = text.strip("/")
    return Query.read(short) if re.match(r"[ru]/", short) else None


def pasted_words(text: str) -> Query:
    """Read what stands after `reddit:`: our notation, or words to search for."""
    return Query.read(text) or _of_page(text) or Query("search", words=" ".join(text.split()))


def account(text: str) -> str | None:
    """Find the name in `u/name` or the page of a profile; None: neither."""
    found = pasted(text)
    return found.place if found is not None and found.kind == "user" else None


def _of_page(url: str) -> Query | None:
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    host, path = (parts.hostname or "").lower(), unquote(parts.path).strip("/")
    if host == "redd.it":
        return Query.read(f"comments/{path}")
    if not _HOST.fullmatch(host) or parts.scheme not in ("http", "https"):
        return None
    is_feed = path.endswith(".rss")
    path = path.removesuffix(".rss").rstrip("/")
    params = {name: values[0] for name, values in parse_qs(parts.query).items() if name not in SECRETS}
    search = re.fullmatch(rf"(?:r/({_SUBS})/)?search", path)
    if search is not None:
        # Without `restrict_sr` a search inside a subreddit looks everywhere, which nobody means.
        found = Query.read(f"search:{params.get('q', '')}")
        return replace(found, place=search[1] or "") if found is not None else None
    for page, meaning in (*_PAGES, *(() if is_feed else (_SORTED,))):
        if match := re.fullmatch(page, path):
            return Query.read(match.expand(meaning))
    return Query.read(f"rss:{_feed_place(parts.path, params)}") if is_feed else None


def _feed_place(path: str, params: dict[str, str]) -> str:
    return quote(path, safe="/+") + (f"?{urlencode(params)}" if params else "")
