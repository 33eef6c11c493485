"""Addresses: which are safe to keep and show, which mean the same page, which link makes posts one story.

What is particular to a site is data (`connectors/links.toml`), handed in as `LinkRules`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final
from urllib.parse import SplitResult, parse_qs, quote, unquote, urljoin, urlsplit

from listener import limits
from listener.errors import ConfigError
from listener.types import Post

HOPS: Final = 5
"""Most wrappers, rewrites and short links unpacked one out of the other."""
ARTICLE_WORDS: Final = 60
"""A titled post longer than this is a text of its own, whatever it links to."""

_HOST: Final = re.compile(r"(?:[\w-]+\.)*[\w-]+\.?|\[[0-9a-fA-F:.]+\]")
_PERCENT: Final = re.compile(r"%[0-9a-fA-F]{2}")
_QUOTED: Final = str.maketrans(
    {" ": "%20", '"': "%22", "<": "%3C", ">": "%3E", "`": "%60", "\\": "%5C", "\u00a0": "%20"}
)
_UNRESERVED: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~")
_ASCII: Final = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Rewrite:
    """Another spelling of a page: the whole `path` becomes the address `to` with its groups filled in."""

    path: re.Pattern[str]
    to: str
    """An address, or a path on the same host."""


@dataclass(frozen=True, slots=True)
class LinkRules:
    """What is known about links on the web; host names stand for themselves and their subdomains."""

    tracking: frozenset[str] = frozenset()
    """Query parameters that never change the page."""
    tracking_prefixes: tuple[str, ...] = ()
    site_tracking: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Host, or host and path, to parameters that do not change the page there."""
    same_host: Mapping[str, str] = field(default_factory=dict)
    host_prefixes: tuple[str, ...] = ()
    """`www.`, `m.` and the like."""
    host_infixes: tuple[str, ...] = ()
    """`.m.` and the like, which stand for a dot."""
    path_suffixes: tuple[str, ...] = ()
    """`/amp`, `/index.html` and the like."""
    rewrites: Mapping[str, tuple[Rewrite, ...]] = field(default_factory=dict)
    wrappers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """`host/path` to the parameters that may hold the real address."""
    shorteners: frozenset[str] = frozenset()
    no_story_hosts: frozenset[str] = frozenset()
    no_story_path: re.Pattern[str] | None = None
    """Paths of profiles, tags and searches: links there are no stories."""


_WRITTEN: Final = re.compile(r"https?://[^\s<>\"|\\^`{}]{4,2000}", re.IGNORECASE)
_ENDS: Final = ".,;:!?'’”»*_~"


def safe(url: str | None) -> str | None:
    """Give an address that may be kept and shown, or None: http and https only, no user name, no control character.

    Quotes, angle brackets and spaces come back percent-encoded, so that no output can be broken out of.
    """
    if not url:
        return None
    url = url.strip()
    if not url.isprintable():
        if any(char < " " or "\x7f" <= char <= "\x9f" or "\ud800" <= char <= "\udfff" for char in url):
            return None
        url = quote(url, safe=_ASCII)
    url = url.translate(_QUOTED)
    parts = _split(url) if len(url) <= limits.URL_BYTES else None
    if parts is None or len(url.encode()) > limits.URL_BYTES:
        return None
    return parts.scheme + url[len(parts.scheme) :]


def join(base: str, url: str) -> str | None:
    """Resolve `url` against `base`; None where the outcome is not `safe`."""
    try:
        return safe(urljoin(base, url.strip()))
    except ValueError:
        return None


def written_in(text: str) -> Iterator[str]:
    """Find the addresses that stand in a plain text; one that was shortened for show (`example.org/ab…`) is none.

    A sign that ends a sentence, and a bracket that opened before the address, do not belong to it.
    """
    for match in _WRITTEN.finditer(text):
        found = match[0]
        while found and (found[-1] in _ENDS or (found[-1] in ")]" and _unopened(found))):
            found = found[:-1]
        if not match[0].endswith(("…", "...")):
            yield found


def _unopened(text: str) -> bool:
    return text.count("(") + text.count("[") < text.count(")") + text.count("]")


def host(url: str) -> str | None:
    """Give the host of an address in lower case, without its port; None: not an address."""
    parts = _split(url)
    return None if parts is None else (parts.hostname or "").rstrip(".")


def canonical(url: str, rules: LinkRules, redirects: Mapping[str, str] | None = None) -> str | None:
    """Give one name to all spellings of a page: tracking, gift, mobile, AMP and wrapped forms; None: not `safe`.

    The name always begins with `https://` and is for comparing, not for fetching. `redirects` maps canonical short
    links to where they were seen to lead. A name's own name is itself.
    """
    name = None
    for _ in range(HOPS):
        parts = _split(safe(url) or "")
        if parts is None:
            break
        host_name = _same_host(parts, rules)
        name = _plain(host_name, parts, rules)
        further = _unwrapped(host_name, parts, rules) or _rewritten(host_name, name, rules)
        if further is None and redirects is not None and _listed(host_name, rules.shorteners):
            further = redirects.get(name)
        if further is None:
            break
        url = further
    return name


def link_key(canonical_url: str) -> int:
    """Hash a canonical address to a signed 64-bit integer."""
    return int.from_bytes(blake2b(canonical_url.encode("utf-8", "replace"), digest_size=8).digest(), "big", signed=True)


def story_link(post: Post, rules: LinkRules, redirects: Mapping[str, str] | None = None) -> str | None:
    """Name the page that makes posts one story: what a post points at, or the post itself when it is an article.

    A long text with a title is its own story, whatever it links to. Home pages, profiles and tags are no stories.
    """
    own = canonical(post.url, rules, redirects) if post.url else None
    if post.title is None or len(post.text.split(maxsplit=ARTICLE_WORDS)) <= ARTICLE_WORDS:
        for link in post.links[: limits.LIST_ITEMS]:
            name = canonical(link, rules, redirects)
            if name is not None and _is_story(name, rules) and (own is None or host(name) != host(own)):
                return name
    return own if own is not None and post.title is not None and _is_story(own, rules) else None


def rules(table: Mapping[str, object]) -> LinkRules:
    """Read the table of `links.toml`; raise ConfigError naming the key that is not as it should be."""
    tracking = _texts(table, "tracking")
    no_story = _texts(table, "no_story_paths")
    return LinkRules(
        tracking=frozenset(name for name in tracking if not name.endswith("*")),
        tracking_prefixes=tuple(name[:-1] for name in tracking if name.endswith("*")),
        site_tracking={
            name: frozenset(_strings(value, f"site_tracking.{name}")) for name, value in _table(table, "site_tracking")
        },
        same_host={name: str(value) for name, value in _table(table, "same_host")},
        host_prefixes=_texts(table, "host_prefixes"),
        host_infixes=_texts(table, "host_infixes"),
        path_suffixes=_texts(table, "path_suffixes"),
        rewrites={name: tuple(_rewrites(name, value)) for name, value in _table(table, "rewrites")},
        wrappers={name: _strings(value, f"wrappers.{name}") for name, value in _table(table, "wrappers")},
        shorteners=frozenset(_texts(table, "shorteners")),
        no_story_hosts=frozenset(_texts(table, "no_story_hosts")),
        no_story_path=_pattern("|".join(f"(?:{path})" for path in no_story), "no_story_paths") if no_story else None,
    )


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        port_is_sane = parts.port is None or parts.port > 0
    except ValueError:
        return None
    name = parts.netloc.rpartition(":")[0] if parts.port is not None else parts.netloc.rstrip(":")
    sound = parts.scheme in _PORTS and len(name) <= 253 and _HOST.fullmatch(name) is not None
    return parts if sound and port_is_sane else None


def _parents(name: str) -> Iterable[str]:
    while name:
        yield name
        name = name.partition(".")[2]


def _listed(name: str, hosts: frozenset[str]) -> bool:
    return any(parent in hosts for parent in _parents(name))


def _same_host(parts: SplitResult, rules: LinkRules) -> str:
    name = (parts.hostname or "").rstrip(".")
    if not name.isascii():
        with suppress(UnicodeError):
            name = name.encode("idna").decode("ascii")
    before = ""
    while name != before:
        before = name
        for prefix in rules.host_prefixes:
            if name.startswith(prefix) and "." in name[len(prefix) :]:
                name = name[len(prefix) :]
        for infix in rules.host_infixes:
            name = name.replace(infix, ".")
    return rules.same_host.get(name, name)


def _unwrapped(name: str, parts: SplitResult, rules: LinkRules) -> str | None:
    for parent in _parents(name):
        names = rules.wrappers.get(parent + parts.path.rstrip("/"))
        if names is not None:
            query = parse_qs(parts.query, max_num_fields=None)
            return next((safe(query[key][0]) for key in names if key in query), None)
    return None


def _rewritten(name: str, plain: str, rules: LinkRules) -> str | None:
    path = urlsplit(plain).path
    for parent in _parents(name):
        for rewrite in rules.rewrites.get(parent, ()):
            match = rewrite.path.fullmatch(path)
            if match is not None:
                to = match.expand(rewrite.to)
                return f"https://{name}{to}" if to.startswith("/") else to
    return None


def _plain(name: str, parts: SplitResult, rules: LinkRules) -> str:
    path, before = _percent(parts.path), ""
    while path != before:
        before = path
        for suffix in rules.path_suffixes:
            path = path.removesuffix(suffix)
    port = "" if parts.port in (None, 80, 443) else f":{parts.port}"
    query = _query(name, path, parts.query, rules)
    fragment = "#" + _percent(parts.fragment) if parts.fragment.startswith("!") else ""
    place = f"[{name}]" if ":" in name else name
    return f"https://{place}{port}{path or '/'}{'?' if query else ''}{query}{fragment}"


def _query(name: str, path: str, query: str, rules: LinkRules) -> str:
    places = [place for parent in _parents(name) for place in (parent, parent + path)]
    dropped = rules.tracking.union(*(rules.site_tracking.get(place, ()) for place in places))
    kept = []
    for pair in query.split("&"):
        key = unquote(pair.partition("=")[0]).lower()
        if key and key not in dropped and not key.startswith(rules.tracking_prefixes):
            kept.append(_percent(pair))
    return "&".join(sorted(kept))


def _percent(text: str) -> str:
    def one(match: re.Match[str]) -> str:
        char = chr(int(match[0][1:], 16))
        return char if char in _UNRESERVED else match[0].upper()

    return quote(_PERCENT.sub(one, text) if "%" in text else text, safe=_ASCII)


def _is_story(name: str, rules: LinkRules) -> bool:
    parts = urlsplit(name)
    if parts.path in ("", "/") and not parts.query and not parts.fragment:
        return False
    if _listed(parts.hostname or "", rules.no_story_hosts):
        return False
    return rules.no_story_path is None or rules.no_story_path.fullmatch(parts.path) is None


def _table(table: Mapping[str, object], key: str) -> list[tuple[str, object]]:
    value = table.get(key, {})
    if not isinstance(value, Mapping):
        raise ConfigError(f"links.toml: [{key}] must be a table")
    return list(value.items())


def _texts(table: Mapping[str, object], key: str) -> tuple[str, ...]:
    return _strings(table.get(key, []), key)


def _strings(value: object, key: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ConfigError(f"links.toml: {key} must be a list of texts")
    return tuple(value)


def _rewrites(name: str, value: object) -> Iterable[Rewrite]:
    if not isinstance(value, list):
        raise ConfigError(f"links.toml: rewrites.{name} must be a list of [path, to] pairs")
    for pair in value:
        texts = _strings(pair, f"rewrites.{name}")
        if len(texts) != 2:
            raise ConfigError(f"links.toml: rewrites.{name} must be a list of [path, to] pairs")
        yield Rewrite(_pattern(texts[0], f"rewrites.{name}"), texts[1])


def _pattern(text: str, key: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise ConfigError(f"links.toml: {key} holds no regular expression ({error})") from error
