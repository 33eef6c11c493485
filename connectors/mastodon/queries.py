"""Which posts a feed asks a server for: our own notation, what people paste, names and paths. No I/O."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args
from urllib.parse import quote, unquote, urlencode, urlsplit

Kind = Literal["home", "public", "local", "remote", "notifications", "list", "tag", "account", "search", "post"]

NEED_A_TOKEN: Final = frozenset({"home", "notifications", "list", "search"})
LIMIT: Final = 40
"""Most posts of a page (docs.joinmastodon.org/methods/timelines, read 2026-11-23)."""
# Likes, boosts and follows are no posts; servers that know no such type ignore its name.
NO_POSTS: Final = ("follow", "follow_request", "favourite", "reblog", "admin.sign_up", "admin.report")
PATHS: Final[Mapping[str, str]] = {
    "home": "timelines/home",
    "public": "timelines/public",
    "local": "timelines/public",
    "remote": "timelines/public",
    "notifications": "notifications",
    "list": "timelines/list/{}",
    "tag": "timelines/tag/{}",
    "account": "accounts/{}/statuses",
}
KNOWN_SERVERS: Final = frozenset(
    {
        "aus.social", "c.im", "chaos.social", "det.social", "fediscience.org", "floss.social",
        "fosstodon.org", "front-end.social", "functional.cafe", "genomic.social", "hachyderm.io", "hcommons.social",
        "hessen.social", "hostux.social", "indieweb.social", "infosec.exchange", "ioc.exchange",
        "kolektiva.social", "mamot.fr", "mas.to", "masto.ai", "masto.es", "mastodon.online", "mastodon.social",
        "mastodon.world", "mathstodon.xyz", "mstdn.ca",
        "mstdn.jp", "mstdn.party", "mstdn.social", "norden.social", "nrw.social", "pawoo.net", "phpc.social",
        "piaille.fr", "post.lurk.org", "ruby.social", "scholar.social", "sfba.social", "sigmoid.social",
        "social.coop", "social.linux.pizza", "social.tchncs.de", "social.vivaldi.net", "sueden.social",
        "tech.lgbt", "techhub.social", "todon.eu", "toot.cafe", "toot.community", "toot.io", "toot.wales",
        "troet.cafe", "universeodon.com", "vis.social", "wandering.shop",
    }
)  # fmt: skip
"""Well-known servers: an address there is Mastodon's; of other hosts nobody knows before asking."""
_KNOWN: Final = re.compile(r"(?:[\w-]+\.)*mastodon\.[\w.-]+")
OTHER_SOFTWARE: Final = re.compile(
    r"bsky\.brid\.gy|flipboard\.com|threads\.(?:com|net)|lemmy\.[\w.-]+|beehaw\.org|programming\.dev|sh\.itjust\.works"
)
"""They have names like `@name@threads.net` but do not answer as Mastodon does; a user's own server shows them."""

_SERVER: Final = re.compile(r"(?=.{3,253}$)[a-z0-9](?:[a-z0-9-]*\.)*[a-z0-9-]+(?::\d{1,5})?")
_NAME: Final = r"@([\w.-]{1,100})(?:@([\w.-]+\.[\w-]+(?::\d{1,5})?))?"
_WORD: Final = re.compile(r"[+,-]?[^\W_][\w·]*|[+,-]?_+[^\W_][\w·]*")
_ID: Final = re.compile(r"[\w-]{1,100}")
_LONGEST: Final = 500
"""Nobody pastes longer ones."""


@dataclass(frozen=True, slots=True)
class Query:
    """`SERVER/home`, `/public`, `/local`, `/remote`, `/notifications`, `/list/ID`, `/tag/a+b,c-d`, `/@name`,
    `/@name@elsewhere`, `/account/ID`, `/search/WORDS`, `/post/ID`.

    Of tags, `+` means this too, `,` or this, `-` not this.
    """

    server: str
    kind: Kind
    value: str = ""

    @classmethod
    def read(cls, text: str) -> "Query | None":
        """Read our notation; None: it is none."""
        server, _, rest = text.strip().partition("/")
        server = server.lower()
        if len(text) > _LONGEST or not _SERVER.fullmatch(server):
            return None
        if re.fullmatch(_NAME, rest):
            return cls(server, "account", rest)
        kind, _, value = rest.partition("/")
        value = value.strip()
        for known in get_args(Kind):
            if kind == known and _fits(known, value):
                return cls(server, known, value)
        return None

    def __str__(self) -> str:
        """Write it in our notation."""
        parts = (self.server, "" if self.by_name else self.kind, self.value)
        return "/".join(part for part in parts if part)

    @property
    def by_name(self) -> bool:
        """True: the account's id is still to be looked up."""
        return self.kind == "account" and self.value.startswith("@")

    @property
    def title(self) -> str:
        """Name the feed for people."""
        if self.by_name:
            return self.value if "@" in self.value[1:] else f"{self.value}@{self.server}"
        what = f"#{self.value}" if self.kind == "tag" else f"{self.kind} {self.value}".rstrip()
        return f"{self.server}: {what}"

    @property
    def home_url(self) -> str:
        """Name the page a person opens."""
        value = quote(self.value, safe="@")
        pages = {
            "local": "public/local",
            "remote": "public/remote",
            "list": f"lists/{value}",
            "tag": f"tags/{quote(_tags(self.value)[0])}" if self.kind == "tag" else "",
            "account": value if self.by_name else f"web/accounts/{value}",
            "search": f"search?{urlencode({'q': self.value, 'type': 'statuses'}, quote_via=quote)}",
            "post": f"web/statuses/{value}",
        }
        return f"https://{self.server}/{pages.get(self.kind, self.kind)}"

    def path(self, window: Mapping[str, str], account: str | None = None, *, context: bool = False) -> str:
        """Build the path and query of a page.

        `window`: parameters that choose the page. `account`: its id, once looked up. `context`: a post's replies.
        """
        if self.by_name and account is None:
            return f"/api/v1/accounts/lookup?{_encoded([('acct', self.value[1:])])}"
        if self.kind == "post":
            return f"/api/v1/statuses/{quote(self.value, safe='')}{'/context' if context else ''}"
        if self.kind == "search":
            asked = [("q", self.value), ("type", "statuses"), ("limit", str(LIMIT)), *window.items()]
            return f"/api/v2/search?{_encoded(asked)}"
        first, more = _tags(self.value) if self.kind == "tag" else (account or self.value, [])
        asked = [("limit", str(LIMIT)), *more, *window.items()]
        if self.kind in ("local", "remote"):
            asked.append((self.kind, "true"))
        if self.kind == "notifications":
            asked += [("exclude_types[]", name) for name in NO_POSTS]
        return f"/api/v1/{PATHS[self.kind].format(quote(first, safe=''))}?{_encoded(asked)}"

    def stream_path(self) -> str | None:
        """Build the path of the stream with the same posts; None: there is none."""
        if self.kind in ("home", "public", "local", "remote"):
            name = {"home": "user", "public": "public"}.get(self.kind, f"public/{self.kind}")
            return f"/api/v1/streaming/{name}"
        if self.kind == "list":
            return f"/api/v1/streaming/list?{_encoded([('list', self.value)])}"
        tag, more = _tags(self.value) if self.kind == "tag" else ("", [("", "")])
        return None if more else f"/api/v1/streaming/hashtag?{_encoded([('tag', tag)])}"


def known(host: str, own: Collection[str]) -> bool:
    """Say whether a host is a server of this platform, as far as its name tells."""
    return host in own or host in KNOWN_SERVERS or _KNOWN.fullmatch(host) is not None


def pasted(text: str, own: str | None) -> Query | None:
    """Find the query in what a person pastes: a page, `@name@server`, `#tag` (on the own server), our notation."""
    text = text.strip()
    if not text or len(text) > _LONGEST:
        return None
    name, _, query = text.partition(":")
    if name.lower() == "mastodon":
        return Query.read(query) or pasted(query, own)
    handle = re.fullmatch(_NAME, text)
    if handle is not None:
        return _of_handle(text, handle[1], handle[2], own)
    if re.fullmatch(r"#\w+", text):
        return Query.read(f"{own}/tag/{text[1:]}") if own else None
    return _of_page(text, own)


def _of_handle(text: str, name: str, server: str | None, own: str | None) -> Query | None:
    """Read an account where it lives: nobody else has all of its posts."""
    if server is None:
        return None
    if OTHER_SOFTWARE.fullmatch(server.lower()):
        return Query.read(f"{own}/{text}") if own else None
    return Query.read(f"{server}/@{name}")


def _of_page(text: str, own: str | None) -> Query | None:
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        server = parts.netloc.lower()
    except ValueError:
        return None
    if parts.scheme not in ("https", "http") or not known(server, [own] if own else []):
        return None
    path = unquote(parts.path).strip("/")
    path = re.sub(r"^(?:web|deck)/", "", path)
    handle = re.fullmatch(_NAME + r"(?:/(?:with_replies|media|featured))?", path)
    if handle is not None:
        return _of_handle(f"@{handle[1]}@{handle[2] or server}", handle[1], handle[2] or server, own)
    for pattern, query in _PAGES:
        match = re.fullmatch(pattern, path)
        if match is not None:
            return Query.read(f"{server}/{match.expand(query)}")
    return Query.read(f"{server}/{path}")


_PAGES: Final = (
    (r"users/([\w.-]+)", r"@\1"),
    (r"(?:@[\w.-]+(?:@[\w.-]+)?|statuses)/(\w+)", r"post/\1"),
    (r"(?:ap/)?users/[\w.-]+/statuses/(\w+)", r"post/\1"),
    (r"tags/(\w+)", r"tag/\1"),
    (r"timelines/tag/(\w+)", r"tag/\1"),
    (r"lists/(\w+)", r"list/\1"),
    (r"accounts/(\w+)", r"account/\1"),
    (r"(?:public/local|timelines/public/local)", "local"),
    (r"(?:public/remote)", "remote"),
)


def _fits(kind: Kind, value: str) -> bool:
    if kind in ("list", "account", "post"):
        return _ID.fullmatch(value) is not None
    if kind == "tag":
        words = _WORD.findall(value)
        return bool(words) and "".join(words) == value and value[0] not in "+,-"
    return bool(value) == (kind == "search")


def _tags(value: str) -> tuple[str, list[tuple[str, str]]]:
    """Give the tag that is asked for and what must be there too, may be there instead, must not be there."""
    names = {"+": "all[]", ",": "any[]", "-": "none[]"}
    first, *more = _WORD.findall(value)
    return first, [(names[word[0]], word[1:]) for word in more]


def _encoded(params: list[tuple[str, str]]) -> str:
    return urlencode(params, quote_via=quote)
