"""Sentences of plain text in any script: every one is a piece of the text, its white space folded.

What ends one is a full stop that belongs to no abbreviation, number, name or address; scripts without spaces have stops
of their own. Handles before a sentence and tags or addresses after it are no part of it.
"""

import re
from collections.abc import Iterator
from typing import Final

from listener.speech import DAYS_AND_MONTHS

READ: Final = 4_000
"""Characters that are looked through."""
WRAPPED: Final = 55
"""Lines from so many characters on are broken by a mail program, not by their author."""
SCRIPT_WORD: Final = 2
"""Characters of a script without spaces that a reader takes in as one word."""

_STOP: Final = re.compile(r"[.!?…؟।]+['\"”’»)\]]*(?=\s|$)|[。！？]+[」』”’）]*|…+(?=\S)")
_LAST_WORD: Final = re.compile(r"[^\s(\[\"'“‘«„]+$")
_SPACELESS: Final = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
_BULLET: Final = re.compile(r"\s*(?:[-*•·–—►▶]|\d{1,2}[.)])\s+")
_BEFORE: Final = re.compile(r"^(?:@[\w.@-]+[:,]?|RT|>+|[-*•·–—►▶]|\d{1,2}[.)]|\W(?<![\"'“‘«„¿¡(\[#@$€£]))\s+")
_AFTER: Final = re.compile(r"(?:^|\s+)(?:[#@][\w.@-]+|(?:https?://|www\.)\S*[^\s.]|[^\w\s.!?…\"'”’»)\]%€$£]+)$")
_SHORTENED: Final = (
    # Latin, English
    "e.g i.e cf vs etc al approx resp ca c viz mr mrs ms dr prof st jr sr rev gen col sgt capt lt gov sen rep"
    " hon no nos"
    " vol fig figs ed eds p pp ch sec inc ltd co corp dept est jan feb mar apr jun jul aug sep sept oct nov"
    " dec mon tue"
    " wed thu fri sat sun a.m p.m u.s u.k u.n min max tel ext ave blvd rd mt ft incl excl"
    # German, Dutch
    " z.b d.h u.a o.ä u.ä s.o s.u i.d.r v.a bzw usw usf evtl ggf inkl exkl nr str hr fr frl abs art bd ca dt"
    " engl geb"
    " gest jh jhd mio mrd sog tgl u.s.w zzgl vgl z.t z.zt ehem einschl o.a d.w.z m.a.w bijv enz dhr mevr mw nl"
    " blz jl"
    # French, Spanish, Portuguese, Italian
    " m mm mme mmes mlle av boul env p.ex c.-à-d éd chap n° sra srta srs d dña dto ud uds vd p.ej ee.uu pág"
    " págs núm"
    " av.da aprox exmo exma dra drs ex prof.ª sig sig.ra dott avv ecc pag"
)
_ABBREVIATED: Final = frozenset(_SHORTENED.split())


def split(text: str) -> list[str]:
    """Give the sentences of a text, in order, without what is none."""
    return [found for piece in _pieces(text[:READ]) for sentence in _cut(piece) if (found := _bare(sentence))]


def count_words(sentence: str) -> int:
    """Count words as a reader takes them in; two characters without spaces between them are one, too."""
    spaceless = len(_SPACELESS.findall(sentence))
    spaced = sum(any(char.isalnum() for char in word) for word in _SPACELESS.sub(" ", sentence).split())
    return spaced + -(-spaceless // SCRIPT_WORD)


def is_spaceless(char: str) -> bool:
    """Tell a character of a script that puts no space between words."""
    return _SPACELESS.match(char) is not None


def _pieces(text: str) -> Iterator[str]:
    """Cut at what the author's line ends mean: paragraphs and lists, but not lines that a mail program broke."""
    piece, previous = "", ""
    for line in text.splitlines():
        bare = " ".join(line.split())
        follows = previous and bare and not _BULLET.match(line) and not line.lstrip().startswith(">")
        if follows and (bare[0].islower() or (len(previous) >= WRAPPED and not _STOP.search(previous[-3:]))):
            piece = f"{piece} {bare}"
        else:
            if piece:
                yield piece
            piece = bare
        previous = bare
    if piece:
        yield piece


def _cut(piece: str) -> Iterator[str]:
    all_small = piece == piece.lower()
    start = 0
    for stop in _STOP.finditer(piece):
        if not _goes_on(piece, stop, all_small=all_small):
            yield piece[start : stop.end()]
            start = stop.end()
    yield piece[start:]


def _goes_on(piece: str, stop: re.Match[str], *, all_small: bool) -> bool:
    """Tell a stop that ends no sentence."""
    rest = piece[stop.end() :].lstrip()
    following = rest.lstrip("\"'“‘«„(¿¡")[:1]
    if not following or stop[0][0] in "。！？":
        return False
    if following.islower() and not all_small:
        return True
    if not stop[0].startswith(".") or stop[0].startswith(".."):
        return False
    before = _LAST_WORD.search(piece[: stop.start()])
    word = before[0].casefold() if before else ""
    if word in _ABBREVIATED or (len(word) == 1 and word.isalpha()):
        # "etc." may end a sentence, but a capital after it says so only where it is no name: keep them together.
        return True
    next_word = rest.split(maxsplit=1)[0].casefold().strip(".,")
    return word.isdigit() and len(word) < 3 and (next_word in DAYS_AND_MONTHS or next_word in ("mai", "jahrhundert"))


def _bare(sentence: str) -> str:
    """Take off what stands around a sentence: handles, bullets, emoji before it; tags, addresses, emoji after it."""
    sentence = sentence.strip()
    while (found := _BEFORE.match(sentence)) is not None:
        sentence = sentence[found.end() :]
    while (found := _AFTER.search(sentence)) is not None:
        sentence = sentence[: found.start()].rstrip()
    return sentence if any(char.isalnum() for char in sentence) else ""
