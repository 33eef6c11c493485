"""Which posts or comments a feed asks an instance for: our notation, what people paste, names and paths. No I/O."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, cast
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

LIMIT: Final = 50
"""Most items of a page (`limit` of PostList, join-lemmy.org/api, read 2026-11-23)."""
KNOWN: Final = frozenset(
    {
        "aussie.zone", "beehaw.org", "discuss.online", "discuss.tchncs.de", "feddit.dk", "feddit.it", "feddit.nl",
        "feddit.org", "feddit.uk", "hexbear.net", "infosec.pub", "jlai.lu", "lemm.ee", "lemmings.world",
        "lemmygrad.ml", "lemy.lol", "mander.xyz", "midwest.social", "programming.dev", "reddthat.com",
        "sh.itjust.works", "slrpnk.net", "sopuli.xyz", "startrek.website", "thelemmy.club", "ttrpg.network",
    }
)  # fmt: skip
"""Well-known instances: an address there is Lemmy's; of other hosts nobody knows before asking."""
_NAMED_SO: Final = re.compile(r"lemmy\.[\w.-]+")

_HOST: Final = r"(?:[a-z0-9-]+\.)*[a-z0-9-]+(?::\d{1,5})?"
_NAME: Final = r"\w{1,100}"
_QUERY: Final = re.compile(
    rf"({_HOST})/(?:(all|local|(?:c|u)/{_NAME}(?:@{_HOST})?)(/comments)?|(post/\d{{1,18}})|search/(\S.{{0,400}}))"
)
Kind = Literal["all", "local", "c", "u", "post", "search"]


@dataclass(frozen=True, slots=True)
class Query:
    """`INSTANCE/all`, `/local`, `/c/name`, `/c/name@elsewhere`, each also with `/comments`; `INSTANCE/u/name`,
    `/post/ID` (its comments), `/search/WORDS` (posts and comments).
    """

    instance: str
    kind: Kind
    value: str = ""
    comments: bool = False

    @classmethod
    def read(cls, text: str) -> "Query | None":
        """Read our notation; None: it is none."""
        match = _QUERY.fullmatch(text.strip())
        if match is None:
            return None
        instance, listed, comments, post, words = match.groups()
        if words is not None:
            return cls(instance, "search", " ".join(words.split()))
        kind, _, value = (listed or post).partition("/")
        if comments and kind == "u":
            return None
        return cls(instance, cast("Kind", kind), value, comments is not None)

    def __str__(self) -> str:
        """Write it in our notation."""
        parts = (self.instance, self.kind, self.value, "comments" if self.comments else "")
        return "/".join(part for part in parts if part)

    @property
    def title(self) -> str:
        """Name the feed for people."""
        name = self.value if "@" in self.value else f"{self.value}@{self.instance}"
        titles = {"c": f"!{name}", "u": f"@{name}", "search": f"{self.instance}: {self.value}"}
        title = titles.get(self.kind, f"{self.instance}: {self.kind} {self.value}".rstrip())
        return f"{title}, comments" if self.comments else title

    @property
    def home_url(self) -> str:
        """Name the page a person opens."""
        shown = {"dataType": "Comment" if self.comments else "Post", "sort": "New"}
        if self.kind in ("all", "local"):
            return f"https://{self.instance}/?{urlencode({**shown, 'listingType': self.kind.title()})}"
        if self.kind == "search":
            return f"https://{self.instance}/search?{_encoded({'q': self.value, 'sort': 'New'})}"
        suffix = f"?{urlencode(shown)}" if self.kind == "c" else ""
        return f"https://{self.instance}/{self.kind}/{quote(self.value, safe='@')}{suffix}"

    def path(self, token: str | None) -> str:
        """Build the path and query of a page, newest first. `token`: a page number, or what the instance gave."""
        asked = {"sort": "New", "limit": str(LIMIT)}
        if token is not None:
            asked["page" if token.isdecimal() else "page_cursor"] = token.removeprefix("c:")
        if self.kind == "search":
            return f"/api/v3/search?{_encoded({'q': self.value, 'type_': 'All', 'listing_type': 'All', **asked})}"
        if self.kind == "u":
            return f"/api/v3/user?{_encoded({'username': self.value, **asked})}"
        if self.kind == "post":
            return f"/api/v3/comment/list?{_encoded({'post_id': self.value, 'type_': 'All', **asked})}"
        asked["type_"] = "Local" if self.kind == "local" else "All"
        if self.kind == "c":
            asked["community_name"] = self.value
        return f"/api/v3/{'comment' if self.comments else 'post'}/list?{_encoded(asked)}"


def pasted(text: str) -> Query | None:
    """Find the query in `!name@instance`, in a page's address, or in `lemmy:` and our notation; None: not ours."""
    text = text.strip()
    if len(text) > 500:
        return None
    name, _, query = text.partition(":")
    if name.lower() == "lemmy":
        return Query.read(query) or pasted(query)
    community = re.fullmatch(rf"!({_NAME})@({_HOST})", text)
    if community is not None:
        return Query.read(f"{community[2].lower()}/c/{community[1]}")
    return _of_page(text)


def own(text: str) -> Query | None:
    """Find the user in `@name@instance` of a known instance, or in a user's page; None: not ours."""
    match = re.fullmatch(rf"@?({_NAME})@({_HOST})", text.strip().lower())
    query = Query.read(f"{match[2]}/u/{match[1]}") if match and is_known(match[2]) else pasted(text)
    return query if query is not None and query.kind == "u" else None


def is_known(host: str) -> bool:
    """Say whether a host is an instance, as far as its name tells."""
    return host in KNOWN or _NAMED_SO.fullmatch(host) is not None


def _of_page(text: str) -> Query | None:
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        host, params = parts.netloc.lower(), parse_qs(parts.query)
    except ValueError:
        return None
    path = unquote(parts.path).strip("/")
    # Only instances write a name with its home into such a path; it is read at home, where all of it is.
    far = re.fullmatch(rf"([cu])/({_NAME})@({_HOST})", path)
    if far is not None and parts.scheme in ("https", "http"):
        return Query.read(f"{far[3].lower()}/{far[1]}/{far[2]}")
    if parts.scheme not in ("https", "http") or not is_known(host):
        return None
    suffix = "/comments" if params.get("dataType", [""])[0].lower().startswith("comment") else ""
    if path == "search" and params.get("q"):
        return Query.read(f"{host}/search/{params['q'][0]}")
    if re.fullmatch(rf"c/{_NAME}", path):
        return Query.read(f"{host}/{path}{suffix}")
    if not path:
        return Query.read(f"{host}/{_listing(params)}{suffix}")
    return Query.read(f"{host}/{path}")


def _listing(params: Mapping[str, list[str]]) -> str:
    return "all" if params.get("listingType", [""])[0].lower() == "all" else "local"


def _encoded(params: Mapping[str, str]) -> str:
    return urlencode(params, quote_via=quote)
