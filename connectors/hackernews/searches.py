"""Searches by Algolia: from the newest post back to the newest known one, and the words checked again. No I/O."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final
from urllib.parse import quote, urlencode

from connectors.hackernews.posts import of_hit
from listener.connector import gather
from listener.errors import BadPayload, ConnectorError
from listener.types import Gap, Page, Post

HITS: Final = 100
OVERLAP_S: Final = 7_200
"""The search index was seen to lag (github.com/algolia/hn-search, issue 56)."""
PAGES: Final = 25
"""Most pages of one walk: 2,500 posts between two polls."""

THREADS: Final = 60
"""Most threads that are looked through for replies; an address holds no more."""

BY_WORDS: Final[Mapping[str, str]] = {"stories": "story", "comments": "comment", "search": "(story,comment)"}
"""What is searched for words: the kind in our query, the tag in the platform's."""
BY_ID: Final[Mapping[str, str]] = {"user": "(story,comment),author_", "thread": "comment,story_"}
KINDS: Final = (*BY_WORDS, *BY_ID, "replies")

Wanted = list[tuple[re.Pattern[str], bool]]


@dataclass(frozen=True, slots=True)
class Walk:
    """A search's cursor: the newest known time, and where a walk back to it stands. Times in Unix seconds."""

    mark: int
    pending: int = 0
    """The newest time of the walk under way: the mark, once the walk is over."""
    until: int | None = None
    """Newest time still to be read; None: no walk under way."""
    pages: int = 0


def split(query: str) -> tuple[str, str]:
    """Split `comments:postgres backup`; raise ConnectorError for what is none of our queries."""
    kind, _, words = query.partition(":")
    words = words.strip()
    if kind in BY_WORDS:
        return kind, words
    if (kind in BY_ID or kind == "replies") and re.fullmatch(
        r"\d+" if kind == "thread" else r"[\w-]+", words, re.ASCII
    ):
        return kind, words
    raise ConnectorError(f"there is no such feed; take a list (top, new, ask, show, jobs) or {':…, '.join(KINDS)}:…")


def path(query: str, cursor: str | None) -> str:
    """Build the path and query of the next page, newest first.

    Source: https://hn.algolia.com/api, "Search sorted by date".
    """
    kind, words = split(query)
    params: dict[str, str | int] = {"tags": BY_WORDS.get(kind) or BY_ID[kind] + words}
    params |= {"query": words} if kind in BY_WORDS else {}
    return _search(params, cursor)


def path_of_mine(query: str) -> str:
    """Build the path of what the user of `replies:NAME` said last."""
    return _search({"tags": BY_ID["user"] + split(query)[1]}, None)


def path_of_replies(threads: Sequence[int], cursor: str | None) -> str:
    """Build the path of the next page of comments in these threads, newest first."""
    within = ",".join(f"story_{number}" for number in threads)
    return _search({"tags": f"comment,({within})"}, cursor)


def mine(body: object) -> tuple[list[int], list[int]]:
    """Give the ids of what somebody said last, and the threads it stands in; both newest first."""
    hits = body.get("hits") if isinstance(body, Mapping) else None
    if not isinstance(hits, list):
        raise BadPayload("the answer has no hits")
    found = [hit for hit in hits if isinstance(hit, Mapping) and str(hit.get("objectID", "")).isdigit()]
    threads = [hit.get("story_id") or int(hit["objectID"]) for hit in found]
    own = [int(hit["objectID"]) for hit in found]
    return own, [number for number in dict.fromkeys(threads) if type(number) is int][:THREADS]


def replies(body: Mapping[str, Any], query: str, cursor: str | None) -> Page:
    """Read one page of comments, and keep those that answer one of `mine`, which our own fetch puts beside them."""
    own = body.get("mine")
    if not isinstance(own, list):
        raise BadPayload("the answer has no hits")
    parents = {str(number) for number in own}
    found = page(body, query, cursor)
    return replace(found, posts=tuple(post for post in found.posts if post.in_reply_to in parents))


def _search(params: dict[str, str | int], cursor: str | None) -> str:
    params |= {"hitsPerPage": HITS, "typoTolerance": "false"}
    if cursor is not None:
        walk = Walk(**json.loads(cursor))
        since = f"created_at_i>={max(walk.mark - OVERLAP_S, 0)}"
        params["numericFilters"] = since if walk.until is None else f"{since},created_at_i<={walk.until}"
    return f"/api/v1/search_by_date?{urlencode(params, quote_via=quote)}"


def page(body: Mapping[str, Any], query: str, cursor: str | None) -> Page:
    """Read one page of hits."""
    hits = body.get("hits")
    if not isinstance(hits, list):
        raise BadPayload("the answer has no hits")
    kind, words = split(query)
    wanted = _wanted(words) if kind in BY_WORDS else []
    posts, rejects = gather(hits, lambda hit: _matching(hit, wanted))
    times = [hit["created_at_i"] for hit in hits if isinstance(hit, dict) and type(hit.get("created_at_i")) is int]
    total = body.get("nbHits")
    left = len(hits) >= HITS or (type(total) is int and total > len(hits))
    walk, gap = _step(cursor, times, left=left)
    return Page(posts, cursor=json.dumps(asdict(walk)), more=walk.until is not None, gap=gap, rejects=rejects)


def _step(cursor: str | None, times: list[int], *, left: bool) -> tuple[Walk, Gap | None]:
    """Go one page back. `left`: the window holds more than this page.

    The next window ends at the oldest time of this page, that second included: a page number would shift under our
    feet with every post that arrives. A page that brings us no further back is short, or not what we asked for; it is
    asked for again.
    """
    if cursor is None:  # the first poll reads the newest page, what is older is history
        return Walk(max(times, default=0)), None
    walk = Walk(**json.loads(cursor))
    pending, oldest = max([walk.mark, walk.pending, *times]), min(times, default=None)
    if not left:
        return Walk(pending), None
    if oldest is None:
        return Walk(pending), _gap("hits were promised and did not come", walk.mark, walk.until)
    if walk.pages + 1 >= PAGES:
        return Walk(pending), _gap("more posts came since the last poll than one walk reads", walk.mark, oldest)
    following = replace(walk, pending=pending, until=oldest, pages=walk.pages + 1)
    if walk.until is None or oldest < walk.until:
        return following, None
    if max(times) == oldest == walk.until and len(times) >= HITS:
        return replace(following, until=oldest - 1), _gap("one second holds more posts than a page", oldest, oldest)
    return replace(following, until=walk.until), None


def _gap(reason: str, older: int, newer: int | None) -> Gap:
    return Gap(reason, str(older), None if newer is None else str(newer))


def _matching(hit: Mapping[str, Any], wanted: Wanted) -> Post | None:
    post = of_hit(hit)
    if post is None:
        return None
    said = " ".join((post.title or "", post.text, *post.links)).casefold()
    return post if all((pattern.search(said) is not None) is due for pattern, due in wanted) else None


def _wanted(words: str) -> Wanted:
    """Give a pattern for each word, and whether it must be there; the platform also finds what only looks alike.

    A word stands for all that begin with it (`postgres`: PostgreSQL); `"a phrase"` is exact; `-word` must be absent.
    """
    patterns = []
    for minus, phrase, word in re.findall(r'(?:^|(?<=\s))(-?)(?:"([^"]+)"|(\S+))', words):
        text = re.escape((phrase or word).strip().casefold())
        text = re.sub(r"(?:\\\s)+", r"\\s+", text).replace(r"\-", r"[\s-]?")
        patterns.append((re.compile(rf"(?<!\w){text}" + (r"(?!\w)" if phrase else "")), not minus))
    return patterns
