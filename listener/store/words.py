"""Texts cut into words exactly as the index of posts cuts them, for what the index cannot say: places.

The tokenizer (`search.TOKENIZER`) treats each character by itself: it ends a word, or stands in one as itself, in
another form, or not at all. So one table of characters says all, and SQLite's own tokenizer fills it, character by
character as they turn up.
"""

import json
import sqlite3
import threading
from collections.abc import Sequence
from functools import lru_cache
from sqlite3 import Connection
from typing import Final

from listener.store.compiling import hosts, is_on
from listener.store.search import TOKENIZER
from listener.terms import Words


class _Characters(dict[int, str]):
    """What each character becomes: a space where it ends a word."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._memory: Connection | None = None

    def __missing__(self, code: int) -> str:
        if code == 0 or 0xD800 <= code < 0xE000:  # SQLite cannot be asked about these
            return self.setdefault(code, " ")
        with self._lock:
            return self.setdefault(code, self._asked(chr(code)))

    def _asked(self, sign: str) -> str:
        if self._memory is None:
            self._memory = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
            self._memory.execute(f"create virtual table asked using fts5(text, tokenize = '{TOKENIZER}')")
            self._memory.execute("create virtual table cut using fts5vocab(asked, instance)")
        self._memory.execute("delete from asked")
        self._memory.execute("insert into asked values (?)", (f"x{sign}x",))
        words = [word for (word,) in self._memory.execute("select term from cut order by offset")]
        return str(words[0][1:-1]) if len(words) == 1 else " "


_CHARACTERS: Final = _Characters()


@lru_cache(256)
def cut(text: str) -> str:
    """Give the words of a text with a space before, between and after them; what posts of one page say is kept."""
    return f" {' '.join(text.translate(_CHARACTERS).split())} "


@lru_cache(512)
def wanted(words: Words) -> str:
    """Give what `cut` of a text must hold; empty: nothing that could be held."""
    plain = cut(words.text).rstrip(" ")
    return plain + " " * (not words.is_prefix) if plain else ""


def said(title: str | None, text: str, words: Words) -> bool:
    """Tell whether words stand side by side in the title or the text."""
    asked = wanted(words)
    if not asked:
        return False
    return (words.where != "text" and title is not None and asked in cut(title)) or (
        words.where != "title" and asked in cut(text)
    )


def match(words: Words) -> str | None:
    """Write what the index must hold as an FTS5 query; None: nothing is left of the words."""
    asked: Sequence[str] = wanted(words).split()
    if not asked:
        return None
    quoted = [f'"{word}"' for word in asked]
    return " ".join(dict.fromkeys([*quoted[:-1], quoted[-1] + "*" * words.is_prefix]))


def is_plain(words: Words) -> bool:
    """Tell words that the index alone can answer: one, anywhere."""
    return words.where is None and len(wanted(words).split()) == 1


def register(connection: Connection) -> None:
    """Give a connection the functions that compiled queries call."""
    connection.create_function("said", 3, _said, deterministic=True)
    connection.create_function("hosted", 4, _hosted, deterministic=True)


def coded(words: Words) -> str:
    """Write words as the text that `said` takes in SQL."""
    return f"{words.where or ''}|{'*' * words.is_prefix}|{words.text}"


@lru_cache(512)
def _decoded(code: str) -> Words:
    where, star, text = code.split("|", 2)
    return Words(text, bool(star), "title" if where == "title" else "text" if where else None)


def _said(title: str | None, text: str, code: str) -> bool:
    return said(title, text, _decoded(code))


def _hosted(url: str | None, native_id: str, more: str | None, host: str) -> bool:
    links = json.loads(more).get("l", ()) if more and '"l":' in more else ()
    return is_on(hosts(url, native_id, links), host)
