"""Which topics or posts a feed asks a forum for: our notation, what people paste, names and paths. No I/O."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, cast
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

Kind = Literal["latest", "posts", "c", "tag", "t", "search", "u"]

KNOWN: Final = frozenset(
    {
        "ask.libreoffice.org", "community.cloudflare.com", "community.fly.io", "community.grafana.com",
        "community.home-assistant.io", "community.letsencrypt.org", "community.n8n.io", "community.openai.com",
        "community.render.com", "discuss.elastic.co", "discuss.huggingface.co", "discuss.kubernetes.io",
        "discuss.ocaml.org", "discuss.python.org", "discuss.pytorch.org", "elixirforum.com", "forum.arduino.cc",
        "forum.cursor.com", "forum.djangoproject.com", "forum.freecodecamp.org", "forum.gitlab.com",
        "forum.manjaro.org", "forum.obsidian.md", "forums.docker.com", "forums.swift.org",
        "internals.rust-lang.org", "meta.discourse.org", "users.rust-lang.org",
    }
)  # fmt: skip
"""Well-known forums: any page there is Discourse's. Of other hosts, only two shapes of address tell."""
_NAMED_SO: Final = re.compile(r"discourse\.[\w.-]+")

_HOST: Final = r"(?:[a-z0-9-]+\.)*[a-z0-9-]+(?::\d{1,5})?"
_CATEGORY: Final = r"(?:[^\W_][\w%-]{0,99}/){1,3}\d{1,9}"
_TAG: Final = r"[^\W_][\w.%-]{0,99}(?:/\d{1,9})?"
_QUERY: Final = re.compile(
    rf"({_HOST})/(?:(latest|posts)|(c)/({_CATEGORY})|(tag)/({_TAG})|(t)/(\d{{1,12}})|(u)/([\w.-]{{1,100}})|"
    r"(search)/(\S.{0,400}))"
)


@dataclass(frozen=True, slots=True)
class Query:
    """`FORUM/latest` (topics and what is new in them), `/posts` (every post), `/c/slug/5`, `/tag/name`, `/t/123`,
    `/u/name`, `/search/WORDS`.
    """

    forum: str
    kind: Kind
    value: str = ""

    @classmethod
    def read(cls, text: str) -> "Query | None":
        """Read our notation; None: it is none."""
        match = _QUERY.fullmatch(text.strip())
        if match is None:
            return None
        forum, *rest = match.groups()
        kind, *value = [part for part in rest if part is not None]
        return cls(forum, cast("Kind", kind), " ".join(value[0].split()) if value else "")

    def __str__(self) -> str:
        """Write it in our notation."""
        return "/".join(part for part in (self.forum, self.kind, self.value) if part)

    @property
    def title(self) -> str:
        """Name the feed for people."""
        words = {"c": f"category {self.value.split('/')[-2]}" if self.kind == "c" else "", "t": f"topic {self.value}"}
        words |= {"tag": f"#{self.value.split('/')[0]}", "u": f"@{self.value}", "search": self.value}
        return f"{self.forum}: {words.get(self.kind, f'{self.kind} {self.value}'.rstrip())}"

    @property
    def home_url(self) -> str:
        """Name the page a person opens."""
        if self.kind == "search":
            return f"https://{self.forum}/search?{_encoded({'q': self.value})}"
        path = f"{self.kind}/{quote(self.value, safe='/')}".rstrip("/")
        return f"https://{self.forum}/{path}"

    @property
    def has_topics(self) -> bool:
        """True: a list of topics, each read for itself; else a list of posts."""
        return self.kind in ("latest", "c", "tag")

    def path(self, token: str | None) -> str:
        """Build the path of a list's page. `token`: a page number, or for `posts` the id to go on below.

        Source: https://docs.discourse.org and the forum's own addresses with `.json`, read 2026-11-23.
        """
        page = f"page={token}" if token else ""
        if self.kind == "posts":
            return "/posts.json" + (f"?before={token}" if token else "")
        if self.kind == "search":
            return f"/search.json?{_encoded({'q': f'{self.value} order:latest', 'page': token or '1'})}"
        if self.kind == "u":
            return f"/u/{quote(self.value, safe='')}/activity.json"
        if self.kind == "latest":
            return "/latest.json" + (f"?{page}" if page else "")
        suffix = "/l/latest.json" if self.kind == "c" else ".json"
        return f"/{self.kind}/{quote(self.value, safe='/%')}{suffix}" + (f"?{page}" if page else "")


def pasted(text: str) -> Query | None:
    """Find the query in a page's address, or in `discourse:` and our notation; None: not ours."""
    text = text.strip()
    if len(text) > 500:
        return None
    name, _, query = text.partition(":")
    if name.lower() == "discourse":
        return Query.read(query) or _of_page(query.strip(), is_forum=True)
    return _of_page(text, is_forum=False)


def _of_page(text: str, *, is_forum: bool) -> Query | None:
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        host, params = parts.netloc.lower(), parse_qs(parts.query)
    except ValueError:
        return None
    if parts.scheme not in ("https", "http"):
        return None
    path = unquote(parts.path).strip("/")
    topic = re.fullmatch(r"t/[\w%-]*[^\W\d][\w%-]*/(\d{1,12})(?:/\d+)?", path)
    if topic is not None:
        return Query.read(f"{host}/t/{topic[1]}")
    category = re.fullmatch(rf"c/({_CATEGORY})(?:/(?:l/\w+|none|all|latest|new|top))?", path)
    if category is not None:
        return Query.read(f"{host}/c/{category[1]}")
    if not (is_forum or host in KNOWN or _NAMED_SO.fullmatch(host)):
        return None
    if path == "search" and params.get("q"):
        return Query.read(f"{host}/search/{params['q'][0]}")
    for pattern, query in _PAGES:
        match = re.fullmatch(pattern, path)
        if match is not None:
            return Query.read(f"{host}/{match.expand(query)}")
    return None


_PAGES: Final = (
    (r"(?:latest|new|top|categories|)", "latest"),
    (r"posts", "posts"),
    (r"t/(\d{1,12})(?:/\d+)?", r"t/\1"),
    (rf"tag/({_TAG})", r"tag/\1"),
    (r"u(?:sers)?/([\w.-]+)(?:/.*)?", r"u/\1"),
)


def _encoded(params: Mapping[str, str]) -> str:
    return urlencode(params, quote_via=quote)
