"""Full-text search: any text becomes a query that FTS5 accepts, and any query ends soon.

Ranking all hits of a common word takes seconds on a million posts. So the newest hits are taken first, in order of
id, and only those are ranked. Source: measured, the project's speed goals S3 and S4.
"""

import re
import time
import unicodedata
from collections.abc import Sequence
from sqlite3 import Connection
from typing import Final, NamedTuple

HITS: Final = 200
"""Newest hits that are ranked, at least; four times the limit if that is more."""
WINDOW: Final = 20_000
"""Posts that the first look covers; each next one covers eight times as many older ones."""
BUDGET_S: Final = 0.05
"""No older window is opened after this time: rare pairs of very common words would take seconds."""
WORDS: Final = 16
"""Most words of a search; the rest is passed over."""
QUERY_CHARS: Final = 1_000
PREFIX_MIN: Final = 3
"""Shortest prefix that is searched as one; below it the index would be read in large parts."""
RANKED_CHARS: Final = 2_000
"""How much of a text counts for its rank."""

_PARTS: Final = re.compile(r'"([^"]*)"?|([^\s"]+)')
_HITS: Final = (
    "select p.id, p.title, substr(p.text, 1, ?) from posts_fts cross join posts p on p.id = posts_fts.rowid"
    " where posts_fts match ? and posts_fts.rowid >= ? and posts_fts.rowid < ? and p.sort_at >= ?"
    " order by posts_fts.rowid desc limit ?"
)
_SATURATION: Final = 1.2
_TITLE_WEIGHT: Final = 3


class Term(NamedTuple):
    """A word, a phrase, or the beginning of one."""

    text: str
    is_prefix: bool = False


def terms(words: str) -> list[Term]:
    """Read what a person typed: words, `"phrases"` and `prefix*`; what holds no letter or digit is passed over."""
    found = []
    # Lone surrogates and NUL cannot be handed to SQLite at all.
    clean = words[:QUERY_CHARS].encode(errors="ignore").decode().replace("\0", " ")
    for phrase, word in _PARTS.findall(clean):
        is_prefix = word.endswith("*") and sum(map(_is_token, word)) >= PREFIX_MIN
        text = (phrase or word).rstrip("*") if word else phrase
        if any(map(_is_token, text)):
            found.append(Term(text, is_prefix))
    return found[:WORDS]


def match(found: Sequence[Term]) -> str:
    """Write terms as an FTS5 query, each one quoted, so that no sign in it means anything; nobody else quotes."""
    return " ".join('"' + term.text.replace('"', '""') + '"' + ("*" if term.is_prefix else "") for term in found)


def search(connection: Connection, words: str, limit: int, since: int | None) -> list[int]:
    """Give ids of posts that hold all words, best first among the newest hits."""
    asked = terms(words)
    if not asked or limit <= 0:
        return []
    found = _newest_hits(connection, asked, max(HITS, 4 * limit), since)
    patterns = [_pattern(term) for term in asked]
    ranked = sorted(((_rank(patterns, title or "", text), number) for number, title, text in found), reverse=True)
    return [number for _, number in ranked[:limit]]


Hit = tuple[int, str | None, str]


def _newest_hits(connection: Connection, asked: Sequence[Term], count: int, since: int | None) -> list[Hit]:
    high = 1 + (connection.execute("select max(id) from posts").fetchone()[0] or 0)
    floor = 0 if since is None else _first_since(connection, since)
    # A prefix is put together from all its words on every look, whatever the window: one look must do.
    width = high if any(term.is_prefix for term in asked) else WINDOW
    oldest = -(1 << 62) if since is None else since
    found: list[Hit] = []
    stop = time.monotonic() + BUDGET_S
    while high > floor and len(found) < count and time.monotonic() < stop:
        low = max(high - width, floor)
        values = (RANKED_CHARS, match(asked), low, high, oldest, count - len(found))
        found += connection.execute(_HITS, values).fetchall()
        high, width = low, width * 8
    return found


def _first_since(connection: Connection, since: int) -> int:
    """Give the first id that arrived at or after `since`: no older row can have a later sort time."""
    sql = "select id from posts indexed by posts_arrived where first_seen_at >= ? order by first_seen_at limit 1"
    found = connection.execute(sql, (since,)).fetchone()
    return found[0] if found else 1 << 62


def _rank(patterns: Sequence[re.Pattern[str]], title: str, text: str) -> float:
    """Give BM25's weight for how often each term occurs, without rarity: every hit holds every term."""
    title, text = folded(title), folded(text)
    length = 0.25 + 0.75 * (len(title) + len(text)) / 400
    score = 0.0
    for pattern in patterns:
        count = _TITLE_WEIGHT * len(pattern.findall(title)) + len(pattern.findall(text))
        score += count / (count + _SATURATION * length)
    return round(score, 3)


def _pattern(term: Term) -> re.Pattern[str]:
    words = re.findall(r"\w+", folded(term.text))
    return re.compile(r"\b" + r"\W+".join(map(re.escape, words)) + ("" if term.is_prefix else r"\b"))


def folded(text: str) -> str:
    """Lower case without accents, as the index has it."""
    if text.isascii():
        return text.lower()
    return "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))


def _is_token(char: str) -> bool:
    """Say whether the tokenizer (unicode61) takes a character into a word."""
    category = unicodedata.category(char)
    return category[0] in "LN" or category == "Co"
