"""What a post tells, so that it can be laid beside another: its words in order, those that carry meaning, its names.

Two posts are of one thing when most of what the shorter one tells is in the other, names and numbers among it, and
nothing speaks against it: another language, another version, another day, a form filled in anew.
"""

import re
from collections.abc import Sequence, Set
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from hashlib import blake2b
from typing import Final, Literal, NamedTuple
from urllib.parse import unquote

from listener.speech import DAYS_AND_MONTHS, MEANINGLESS, NUMBERS, SPOKEN_IN, SPOKEN_IN_SEVERAL
from listener.types import Post

Likeness = Literal["same words", "same names and words"]

READ: Final = 40
"""Words of a post, its title first, that are compared: what is told comes first."""
CHARACTERS_READ: Final = 500
MARKS: Final = 6
"""Terms of a post by which later posts find it, the most telling ones."""
ASKED: Final = 8
"""Terms of a new post that are looked up."""
MARK_BASE: Final = 1 << 18
MARK_BITS: Final = 22
"""Marks are MARK_BASE to MARK_BASE + 2**22 - 1: above the four bands of `stories.bands`, and three bytes in a file."""

DAYS_OF_WORDS: Final = 3.0
"""Nearly the same words are one story when posts are at most so far apart."""
HOURS_OF_NAMES: Final = 10.0
"""The same for the same names: what is told the next day is what came of it."""
SERIES_HOURS: Final = 6.0
"""The same voice saying the same again later than this is a series ("Weekly thread"), not a copy."""

OWN_WORDS: Final = 5
"""Who adds more words than so many to a quotation says something of their own."""
SHARED_TERMS: Final = 4
"""Fewest terms that two posts on one thing have in common; one less where two of them are names or numbers."""
COPIED_WORDS: Final = 8
"""A text with fewer words is no copy of another one: headlines on what came of it use the same few."""
COVERED: Final = 0.5
"""Least weight of what both tell, against all that the shorter one tells, for posts of the same minute."""
COVERED_AN_HOUR: Final = 0.02
"""What is asked more for each hour between them: later posts tell what came of it in the same words."""
COVERED_COPY: Final = 0.8
"""From here on it is a copy, cut or edited,"""
ORDERED_COPY: Final = 0.75
"""when so many of the shorter one's words stand in the other in the same order."""
ALIKE_IN_FORM: Final = 0.6
"""Posts with so many words at the same place are compared as forms: what was filled in must be the same."""

SMALL_WORDS: Final = 2
"""So many words that only one language has tell which it is."""
SUFFIX: Final = 2
"""Letters after a number that do not make it a name."""

SLOT_WORDS: Final = 6
"""Most words that a form leaves blank at one place."""

_TOKEN: Final = re.compile(
    r"[vV]?\d+(?:[.,:]\d+)+|[\u3040-\u30ff\u3400-\u9fff]|[^\W_\u3040-\u30ff\u3400-\u9fff]+(?:['’][^\W\d_]+)?"
    r"|[.!?…](?=\s)"
)
_QUOTED: Final = re.compile(r"^\s*>.*$|[“„«\"][^“”„«»\"]{30,}[”“»\"]", re.MULTILINE)
_MARKS_OF_QUOTES: Final = frozenset('>“„«"')
_THOUSANDS: Final = re.compile(r"\d{1,3}(?:[.,]\d{3})+")
_ENDINGS: Final = ("ings", "ing", "ies", "ied", "ed", "es", "er", "en", "'s", "’s", "s", "e", "n", "y")
_SENTENCE_END: Final = ".!?…"


@dataclass(frozen=True, slots=True)
class Telling:
    """One post as it is compared."""

    words: tuple[str, ...]
    """In order, without case; at most READ."""
    filled: frozenset[str]
    """Those of them that a form would leave blank: numbers, days, words written as names."""
    terms: dict[str, float]
    """What carries meaning, shortened to its stem, to its weight."""
    names: frozenset[str]
    """Terms written as names."""
    numbers: frozenset[str]
    lang: str | None
    reply: bool
    hosts: frozenset[str]
    """Where the pages are that it points at, or where it stands itself, if it is an article."""
    asked: tuple[int, ...]
    """Marks of its most telling terms, at most ASKED; none where it has too few to be compared."""

    @property
    def marks(self) -> tuple[int, ...]:
        """The marks by which later posts find it."""
        return self.asked[:MARKS]


def read(post: Post) -> Telling:
    """Read what a post tells. Quoted lines, web addresses, @names and #tags at the end are not its own words."""
    tokens, starts = _tokens(post.title or "", post.text)
    senses = [_sense(token) for token in tokens]
    names, sure = _names(senses, starts)
    strong = names if sure else frozenset()
    told = {sense.term: sense for sense in senses if sense.term is not None}
    terms = {term: 2.0 if term in strong else sense.weight for term, sense in told.items()}
    ranked = sorted([(-terms[term], sense.mark) for term, sense in told.items()])[:ASKED]
    words = tuple([sense.word for sense in senses])
    return Telling(
        words, frozenset([sense.word for sense in senses if sense.fills or sense.term in names]), terms, names,
        frozenset([sense.term for sense in senses if sense.is_number and sense.term]), _language(post.lang, senses),
        post.kind == "reply" or post.in_reply_to is not None, _hosts(post),
        tuple([mark for _, mark in ranked]) if len(terms) >= SHARED_TERMS - 1 else (),
    )  # fmt: skip


def copies(one: Telling, other: Telling, apart_ms: int, *, same_voice: bool) -> bool:
    """Say whether two posts whose prints are near are copies, not two of a series and no form filled in anew."""
    apart_h = abs(apart_ms) / 3_600_000
    if apart_h > 24 * DAYS_OF_WORDS or one.reply != other.reply or (same_voice and apart_h > SERIES_HOURS):
        return False
    return not _different_form(one, other)


def likeness(one: Telling, other: Telling, apart_ms: int, *, same_voice: bool) -> Likeness | None:
    """Say in which way two posts tell the same; None: they do not, or something speaks against it.

    `apart_ms`: between their times. `same_voice`: one account said both.
    """
    shared = one.terms.keys() & other.terms.keys()
    # A name that begins a sentence looks like any word there: one of the two must have it inside.
    named = shared & (one.names | other.names | one.numbers)
    if len(shared) < SHARED_TERMS - (len(named) > 1) or _different_language(one, other):
        return None
    if not copies(one, other, apart_ms, same_voice=same_voice):
        return None
    covered = _covered(one, other, shared)
    if covered >= COVERED_COPY and _same_order(one, other):
        return "same words"
    hours = abs(apart_ms) / 3_600_000
    if one.reply or same_voice or hours > HOURS_OF_NAMES or one.hosts & other.hosts:
        return None
    if covered < COVERED + hours * COVERED_AN_HOUR:
        return None
    return "same names and words" if named and not _different_facts(one, other) else None


def mark(term: str) -> int:
    """Give the number that a term is found by."""
    digest = blake2b(term.encode("utf-8", "replace"), digest_size=4).digest()
    return MARK_BASE + (int.from_bytes(digest, "big") & (1 << MARK_BITS) - 1)


def stem(word: str) -> str:
    """Cut the endings that change with grammar; crude, and the same for all languages."""
    for ending in _ENDINGS:
        if len(word) - len(ending) >= 4 and word.endswith(ending):
            word = word[: -len(ending)]
            return word[:-1] if word[-1] == word[-2] else word
    return word


class _Sense(NamedTuple):
    """What one word as it is written is good for."""

    word: str
    term: str | None
    mark: int
    weight: float
    is_number: bool
    capital: bool
    fills: bool
    lang: str | None = None


@lru_cache(maxsize=32_768)
def _sense(token: str) -> _Sense:
    word = token.casefold()
    number = _number(word)
    if number is not None:
        return _Sense(number, number, mark(number), 1.5, is_number=True, capital=False, fills=True)
    capital = token[0].isupper()
    if word in MEANINGLESS or (len(word) < 3 and not token.isupper()):
        lang = None if word in SPOKEN_IN_SEVERAL else SPOKEN_IN.get(word)
        return _Sense(word, None, 0, 0.0, is_number=False, capital=capital, fills=False, lang=lang)
    term, is_date = stem(word), word in DAYS_AND_MONTHS
    weight = min(0.6 + 0.1 * len(term), 1.4)
    return _Sense(word, term, mark(term), weight, is_number=False, capital=capital and not is_date, fills=is_date)


def _names(senses: Sequence[_Sense], starts: frozenset[int]) -> tuple[frozenset[str], bool]:
    """Find what is written as a name, with a capital that is no sentence's, and whether it surely is one.

    Where most words have capitals (in headlines, in German) a capital says little.
    """
    inner = [sense for place, sense in enumerate(senses) if place not in starts]
    long = [sense for sense in inner if len(sense.word) > 3]
    sure = sum(sense.capital for sense in long) * 2 <= len(long)
    found = inner if sure else senses
    return frozenset([sense.term for sense in found if sense.capital and sense.term is not None]), sure


def _tokens(title: str, text: str) -> tuple[list[str], frozenset[int]]:
    """Give words as they are written, and the places of those that start a sentence."""
    text = text[:CHARACTERS_READ]
    found: list[str] = []
    starts = set()
    for part in (title, own_words(text)):
        starts.add(len(found))
        for token in _TOKEN.findall(_unaddressed(part)):
            if token in _SENTENCE_END:
                starts.add(len(found))
            else:
                found.append(token)
    return found[:READ], frozenset(starts)


def own_words(text: str) -> str:
    """Leave out what a text quotes: lines after `>`, and long passages in quotation marks, unless they are all."""
    if not _MARKS_OF_QUOTES.intersection(text):
        return text
    own = _QUOTED.sub(" ", text)
    return own if len(own.split()) > OWN_WORDS else text


def _unaddressed(part: str) -> str:
    """Leave out web addresses, @names, and #tags at the end."""
    if "@" not in part and "#" not in part and "://" not in part:
        return part
    pieces = [piece for piece in part.split() if piece[0] != "@" and "://" not in piece]
    while pieces and pieces[-1][0] == "#":
        pieces.pop()
    return " ".join(pieces)


def _number(word: str) -> str | None:
    if word in NUMBERS:
        return NUMBERS[word]
    if word[0] == "v" and word[1:2].isdigit():
        word = word[1:]
    if not word[0].isdigit():
        return None
    digits = word.rstrip("abcdefghijklmnopqrstuvwxyz")
    if len(word) - len(digits) <= SUFFIX:  # 3x, 14th, 90s
        word = digits
    if _THOUSANDS.fullmatch(word):
        return word.replace(",", "").replace(".", "")
    return word.replace(",", ".")


def _language(told: str | None, senses: Sequence[_Sense]) -> str | None:
    """Guess by the small words, which are right more often than what a platform tells; else believe the platform."""
    counts: dict[str, int] = {}
    for sense in senses:
        if sense.lang is not None:
            counts[sense.lang] = counts.get(sense.lang, 0) + 1
    best = max(counts, key=counts.__getitem__, default=None)
    if best is not None and counts[best] >= SMALL_WORDS:
        return best
    return told.partition("-")[0] if told else best


def _hosts(post: Post) -> frozenset[str]:
    pages = post.links[:3]
    if post.title and post.url and (post.text or not pages):
        pages = (*pages, post.url)
    pages = tuple([_inside(page) for page in pages])
    return frozenset([page.split("/", 3)[2].removeprefix("www.") for page in pages if page.count("/") > 1])


def _inside(page: str) -> str:
    """Give the address that another one holds, as those of alerts and networks do; else the address itself."""
    if "http" not in page[8:]:
        return page
    found = unquote(page)
    return found[found.rfind("http") :] if "://" in found[found.rfind("http") :] else page


def _covered(one: Telling, other: Telling, shared: Set[str]) -> float:
    """Give the weight of what both tell against all that the one of them tells that tells less."""
    both = sum(max(one.terms[term], other.terms[term]) for term in shared)
    alone = [sum(told.terms[term] for term in told.terms.keys() - shared) for told in (one, other)]
    return both / (both + min(alone))


def _different_language(one: Telling, other: Telling) -> bool:
    return one.lang is not None and other.lang is not None and one.lang != other.lang


def _different_form(one: Telling, other: Telling) -> bool:
    """Say whether two posts are one form filled in twice: the same words around another number, day or name."""
    known = set(one.words) & set(other.words)
    if len(known) < ALIKE_IN_FORM * min(len(set(one.words)), len(set(other.words))):
        return False
    if one.words > other.words:  # the answer must not depend on which is the new one
        one, other = other, one
    blocks = SequenceMatcher(None, one.words, other.words, autojunk=False).get_opcodes()
    return any(
        kind == "replace"
        and max(end - start, last - first) <= SLOT_WORDS
        and not one.filled.isdisjoint(one.words[start:end])
        and not other.filled.isdisjoint(other.words[first:last])
        for kind, start, end, first, last in blocks
    )


def _same_order(one: Telling, other: Telling) -> bool:
    """Say whether most words of the shorter stand in the longer, in the same order, and are enough for a copy."""
    short = min(len(one.words), len(other.words))
    first, second = sorted((one.words, other.words))
    blocks = SequenceMatcher(None, first, second, autojunk=False).get_matching_blocks()
    return short >= COPIED_WORDS and sum(block.size for block in blocks) >= ORDERED_COPY * short


def _different_facts(one: Telling, other: Telling) -> bool:
    days = [DAYS_AND_MONTHS.intersection(telling.words) for telling in (one, other)]
    facts = [(one.numbers, other.numbers), (days[0], days[1])]
    if len(one.names) > 1 and len(other.names) > 1:
        facts.append((one.names, other.names))
    return any(left and right and left.isdisjoint(right) for left, right in facts)
