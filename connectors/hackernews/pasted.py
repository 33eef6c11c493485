"""What people paste, and what feeds are called. No I/O."""

import re
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from connectors.hackernews.lists import LISTS
from connectors.hackernews.posts import SITE
from connectors.hackernews.searches import BY_ID, KINDS


def query_of(text: str) -> str | None:
    """Find the query in a page's address, or in words such as `hn comments: postgres backup`; None: not ours."""
    text = text.strip()
    return _of_page(text) if "://" in text else _of_words(text)


def user(text: str) -> str | None:
    """Find the name in `hn:NAME` or the page of a profile; None: neither."""
    found = _of_page(text.strip()) if "://" in text else None
    if found is not None:
        kind, _, name = found.partition(":")
        return name if kind == "user" else None
    match = re.fullmatch(r"(?:hn|hacker ?news)\s*:\s*([\w-]{2,15})", text.strip(), re.IGNORECASE | re.ASCII)
    return match[1] if match else None


def names(query: str) -> tuple[str, str]:
    """Give a feed's title and the page a person opens."""
    ranking = LISTS.get(query)
    if ranking is not None:
        return f"Hacker News: {ranking.title}", f"{SITE}/{ranking.page}"
    kind, _, words = query.partition(":")
    title = f"Hacker News: {kind} {words}".rstrip()
    if kind in BY_ID:
        return title, f"{SITE}/{'item' if kind == 'thread' else 'user'}?id={quote(words, safe='')}"
    if kind == "replies":
        return f"Hacker News: replies to {words}", f"{SITE}/threads?id={quote(words, safe='')}"
    if not words:
        return title, f"{SITE}/{'newcomments' if kind == 'comments' else 'newest'}"
    shown = {"stories": "story", "comments": "comment"}.get(kind, "all")
    params = {"q": words, "type": shown, "sort": "byDate"}
    return title, f"https://hn.algolia.com/?{urlencode(params, quote_via=quote)}"


def _of_page(text: str) -> str | None:
    try:
        parts = urlsplit(text)
    except ValueError:
        return None
    params = {name: values[0].strip() for name, values in parse_qs(parts.query).items()}
    page = parts.path.strip("/")
    if parts.hostname == "hn.algolia.com" and not page:
        kind = {"story": "stories", "comment": "comments"}.get(params.get("type", ""), "search")
        words = params.get("query") or params.get("q")
        return f"{kind}:{words}" if words else None
    if parts.hostname != "news.ycombinator.com":
        return None
    number_or_name = params.get("id", "")
    if page == "item" and re.fullmatch(r"[0-9]+", number_or_name):
        return f"thread:{number_or_name}"
    if page in ("user", "threads", "submitted") and re.fullmatch(r"[\w-]+", number_or_name, re.ASCII):
        return f"user:{number_or_name}"
    if page == "newcomments":
        return "comments:"
    return {"": "top", **{ranking.page: name for name, ranking in LISTS.items()}}.get(page)


def _of_words(text: str) -> str | None:
    match = re.match(r"(?:hn|hacker ?news)(?:\s*:|\s|$)\s*", text, re.IGNORECASE)
    if match is None:
        return None
    rest = text[match.end() :].strip()
    if not rest or rest.lower() in LISTS:
        return rest.lower() or "top"
    kind = re.match(rf"({'|'.join(KINDS)})\s*:\s*", rest, re.IGNORECASE)
    return f"{kind[1].lower()}:{rest[kind.end() :]}" if kind else f"search:{rest}"
