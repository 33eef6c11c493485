"""Full-text search: any text becomes a query that FTS5 accepts, and any query ends soon.

The index keeps which post holds which word, not where: so it takes a third of the room, a fifth of the text. The
newest posts with all words are taken from it, in order of id; a small index in memory, complete and made for them
alone, then says which of them hold the phrases too, and ranks. Ranking all hits of a common word would take seconds on
a million posts. Source: measured, the project's speed goals S2 to S4.
"""

import re
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from sqlite3 import Connection
from typing import Final, NamedTuple

HITS: Final = 120
"""Newest hits that are ranked, at least; three times the limit if that is more."""
WINDOW: Final = 20_000
"""Ids that the first look covers; each next one covers eight times as many older ones."""
BUDGET_S: Final = 0.05
"""No older window is opened after this time: rare pairs of very common words would take seconds."""
TERMS: Final = 16
"""Most words and phrases of a search; the rest is passed over."""
QUERY_CHARS: Final = 1_000
PREFIX_MIN: Final = 3
"""Shortest prefix that is searched as one; a shorter one is a word: it would read the index in large parts."""
RANKED_CHARS: Final = 4_000
"""How much of a text counts for its rank, and is looked through for phrases."""
TOKENIZER: Final = "unicode61 remove_diacritics 2"
"""As in the schema: both must cut texts into the same words."""

_PARTS: Final = re.compile(r'"([^"]*)"?|([^\s"]+)')
_MEMORY: Final = (
    f"create virtual table asked using fts5(text, tokenize = '{TOKENIZER}')",
    "create virtual table asked_words using fts5vocab(asked, instance)",
    f"create virtual table hits using fts5(title, text, tokenize = '{TOKENIZER}')",
)
_HITS: Final = (
    "select p.id, p.title, substr(p.text, 1, ?) from posts_fts cross join posts p on p.id = posts_fts.rowid"
    " where posts_fts match ? and posts_fts.rowid >= ? and posts_fts.rowid < ? and p.sort_at >= ?"
    " order by posts_fts.rowid desc limit ?"
)
_BEST: Final = "select rowid from hits where hits match ? order by bm25(hits, 3.0, 1.0), rowid desc limit ?"


class Term(NamedTuple):
    """A word, a phrase, or the beginning of one; `words` is how the tokenizer cuts it."""

    text: str
    is_prefix: bool
    words: tuple[str, ...]


def search(connection: Connection, words: str, limit: int, since: int | None) -> list[int]:
    """Give ids of posts that hold all words, best first among the newest hits."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as memory:
        for sql in _MEMORY:
            memory.execute(sql)
        memory.execute("begin")
        asked = terms(memory, words)
        if not asked or limit <= 0:
            return []
        found = _collect(connection, memory, asked, max(HITS, 3 * limit), since)
        best = [number for (number,) in memory.execute(_BEST, (match(asked), limit))]
    if _without_phrases(asked):
        # Their words stand behind what counts for the rank.
        best += sorted(found - set(best), reverse=True)
    return best[:limit]


def terms(memory: Connection, words: str) -> list[Term]:
    """Read what a person typed: words, `"phrases"` and `prefix*`; what holds no letter or digit is passed over."""
    # Lone surrogates and NUL cannot be handed to SQLite at all.
    clean = words[:QUERY_CHARS].encode(errors="ignore").decode().replace("\0", " ")
    parts = [(phrase or word, word.endswith("*")) for phrase, word in _PARTS.findall(clean)][:TERMS]
    memory.executemany("insert into asked(rowid, text) values (?, ?)", enumerate(text for text, _ in parts))
    cut: dict[int, list[str]] = {}
    for row, word in memory.execute("select doc, term from asked_words order by doc, offset"):
        cut.setdefault(row, []).append(word)
    return [
        Term(text, is_prefix and len(cut[row][-1]) >= PREFIX_MIN, tuple(cut[row]))
        for row, (text, is_prefix) in enumerate(parts)
        if row in cut
    ]


def match(asked: Sequence[Term]) -> str:
    """Write terms as an FTS5 query, each one quoted, so that no sign in it means anything; nobody else quotes."""
    return " ".join(_quoted(term.text, is_prefix=term.is_prefix) for term in asked)


def _words_of(asked: Sequence[Term]) -> str:
    """Write the words of all terms as an FTS5 query: what the index without places can answer."""
    last = {_quoted(term.words[-1], is_prefix=term.is_prefix): None for term in asked}
    rest = {_quoted(word, is_prefix=False): None for term in asked for word in term.words[:-1]}
    return " ".join(last | rest)


def _quoted(text: str, *, is_prefix: bool) -> str:
    return '"' + text.replace('"', '""') + '"' + ("*" if is_prefix else "")


def _collect(
    connection: Connection, memory: Connection, asked: Sequence[Term], count: int, since: int | None
) -> set[int]:
    """Fill the index in memory with the newest posts that hold all words, until `count` hold the phrases too."""
    high = 1 + (connection.execute("select max(id) from posts").fetchall()[0][0] or 0)
    floor, oldest = (0, -(1 << 62)) if since is None else (_first_since(connection, since), since)
    # A prefix is put together from all its words on every look, whatever the window: one look must do.
    width = high if any(term.is_prefix for term in asked) else WINDOW
    words, query, stop = _words_of(asked), match(asked), time.monotonic() + BUDGET_S
    hits: set[int] = set()
    found = 0
    while high > floor and found < count and time.monotonic() < stop:
        low = max(high - width, floor)
        rows = connection.execute(_HITS, (RANKED_CHARS, words, low, high, oldest, count)).fetchall()
        memory.executemany("insert into hits(rowid, title, text) values (?, ?, ?)", rows)
        hits.update(row[0] for row in rows)
        sql = "select count(*) from hits where hits match ?"
        found = len(hits) if _without_phrases(asked) else memory.execute(sql, (query,)).fetchall()[0][0]
        if len(rows) < count:
            high, width = low, width * 8
        else:
            high = rows[-1][0]
    return hits


def _without_phrases(asked: Sequence[Term]) -> bool:
    return all(len(term.words) == 1 for term in asked)


def _first_since(connection: Connection, since: int) -> int:
    """Give the first id that arrived at or after `since`: no older row can have a later sort time."""
    sql = "select id from posts indexed by posts_arrived where first_seen_at >= ? order by first_seen_at limit 1"
    found = connection.execute(sql, (since,)).fetchall()
    return found[0][0] if found else 1 << 62
