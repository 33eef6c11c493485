"""What a story comes down to: its best sentence, and what people disagree on, in their own words.

Nothing is written here. Every sentence is a piece of one post, its white space folded, and says whose it is.
"""

import math
import re
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from listener import sentences, stance
from listener.excerpts import author_of
from listener.speech import MEANINGLESS
from listener.telling import own_words, stem
from listener.types import StoredPost

SHORTEST: Final = 5
SHORT: Final = 8
LONG: Final = 35
LONGEST: Final = 48
"""Words of a sentence that reads well, and of one that still may be chosen."""
SENTENCES: Final = 12
"""Sentences of a post that are looked at: what is told comes first."""
NEW: Final = 0.34
"""Least share of a sentence's words that the title does not have."""
LEAST: Final = 0.8
"""Least score of a good sentence: that of a plain first sentence which one other voice shares a word with."""
ARGUED: Final = 10
"""Words from which on a remark is an argument."""
SAME_WORDS: Final = 3
"""Words that two opposite sentences share where only a "not" tells them apart."""

_TERM: Final = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_ADDRESS: Final = re.compile(r"https?://|www\.|\b[\w-]+\.(?:com|org|net|io|example)\b", re.IGNORECASE)
_SAYS_I: Final = (
    "i i'm i've i'll i'd my me mine ich mir mich mein meine je j'ai mon ma mes moi yo mi mí eu meu minha ik mijn mij"
)
_I: Final = frozenset(_SAYS_I.split())
_SAYS_WE: Final = (
    "we we're we've our ours us wir uns unser unsere nous notre nos nosotros nuestro nuestra nós nosso nossa"
    " wij ons"
    " onze"
)
_WE: Final = frozenset(_SAYS_WE.split())
_ADVERT: Final = re.compile(
    r"\b(?:click|sign up|subscribe|register (?:now|here)|buy now|order now|discount|promo|coupon|giveaway|sponsored|"
    r"link in bio|limited (?:time|offer)|% off|free trial|follow (?:me|us)|dm me|retweet|like and share|book (?:a"
    r"|your)|"
    r"jetzt (?:kaufen|bestellen|anmelden)|rabatt|gutschein|abonnez|inscrivez|profitez|suscríb\w+|descuento|oferta|"
    r"inscreva|desconto|schrijf je in|korting|bestel nu)\b",
    re.IGNORECASE,
)
_TEASER: Final = re.compile(
    r"^(?:here'?s (?:why|how|what)|this is (?:why|how|what)|you won'?t believe|read (?:more|on|the)|find out"
    r"|learn (?:how"
    r"|why)|thread|a thread|new (?:on the blog|post|episode|video)|watch|listen|check (?:it )?out|more (?:here|below)"
    r"|see (?:more|below)|stay tuned|coming soon|mehr (?:dazu|hier)|hier (?:lesen|mehr)|lire la suite|en savoir plus"
    r"|leer más|más información|saiba mais|leia mais|lees (?:meer|verder))\b|[:：…]$|\.\.\.$",
    re.IGNORECASE,
)
_DANGLING: Final = re.compile(
    r"^(?:and|but|or|so|because|it|this|that|these|those|they|he|she|same|also|which|und|aber|oder|denn|es|das|er|sie"
    r"|et|mais|ou|donc|il|elle|ils|y|pero|o|eso|esto|e|mas|isso|isto|en|maar|of|dus|het|dat|hij|zij)\b",
    re.IGNORECASE,
)
_QUOTE_MARKS: Final = '"“”„«»「『'


@dataclass(frozen=True, slots=True)
class Sentence:
    """A piece of a post, word for word."""

    text: str
    post_id: int
    author: str | None
    """As people know them; None: nobody says."""


class _Told(NamedTuple):
    sentence: Sentence
    terms: frozenset[str]
    place: int
    """0: the first of its post; a title stands before."""
    voice: Hashable
    is_report: bool
    """It is of an article, not of a remark on one."""


def best(
    posts: Sequence[StoredPost], title: str | None, voices: Mapping[int, Hashable] | None = None
) -> Sentence | None:
    """Choose the sentence that tells a story best beside its title.

    `voices`: post to who speaks, so that a person's accounts are one. None: the title says it all, or none is good.
    """
    told = [one for post in posts for one in _told(post, voices)]
    spoken = _spoken(told)
    shown = terms(title or "")
    least = math.inf, math.inf
    chosen: _Told | None = None
    for number, one in enumerate(told):
        score = _score(one, spoken, shown)
        if score >= LEAST and (-score, number) < least:
            least, chosen = (-score, number), one
    return None if chosen is None else chosen.sentence


def opposing(
    posts: Sequence[StoredPost], voices: Mapping[int, Hashable] | None = None
) -> tuple[Sentence, Sentence] | None:
    """Find two voices of a story who argue for opposite sides: who is for it, who is against it.

    None unless both are clear: each says more than a remark, nothing for the other side, and no report is among them.
    """
    read = [_Argued.of(post, voices) for post in posts if post.post.kind != "repost" and not post.post.title]
    argued = [one for one in read if one.words >= ARGUED]
    pairs = [(one, other) for one in argued for other in argued if one.voice != other.voice]
    chosen = max(pairs, key=lambda pair: _clarity(*pair), default=None)  # the first of equals
    if chosen is None or _clarity(*chosen) == _NONE:
        return None
    return chosen[0].sentence(), chosen[1].sentence()


def _told(stored: StoredPost, voices: Mapping[int, Hashable] | None) -> Iterator[_Told]:
    post = stored.post
    if post.kind == "repost":
        return
    texts = sentences.split(own_words(post.text))[:SENTENCES]
    folded = " ".join(post.text.split())
    if post.title and (title := " ".join(post.title.split())):
        yield _one(stored, title, -1, voices)
    for place, text in enumerate(texts):
        if text in folded:
            yield _one(stored, text, place, voices)


def _one(stored: StoredPost, text: str, place: int, voices: Mapping[int, Hashable] | None) -> _Told:
    sentence = Sentence(text, stored.id, author_of(stored))
    return _Told(sentence, terms(text), place, _voice(stored, voices), bool(stored.post.title))


def _spoken(told: Sequence[_Told]) -> dict[str, int]:
    """Count the distinct voices that use each term."""
    used = {(term, one.voice) for one in told for term in one.terms}
    return Counter(term for term, _ in used)


def _score(one: _Told, spoken: Mapping[str, int], shown: frozenset[str]) -> float:
    """Say how well a sentence tells the story; 0 where it must not."""
    text, length = one.sentence.text, sentences.count_words(one.sentence.text)
    if not SHORTEST <= length <= LONGEST or not one.terms or _is_none(text):
        return 0.0
    if len(one.terms - shown) < NEW * len(one.terms):
        return 0.0
    # Each term that others use too counts, more the more of them; long sentences have more by chance alone.
    central = sum(math.log2(spoken[term]) for term in one.terms) / math.sqrt(len(one.terms))
    on_it = len(one.terms & shown) / math.sqrt(len(one.terms))
    size = min(1.0, (length - SHORTEST + 2) / (SHORT - SHORTEST + 2), (LONGEST + 4 - length) / (LONGEST + 4 - LONG))
    found = (0.7 + central + 0.5 * on_it) * size * 0.93 ** max(one.place, 0)
    return found * (1.35 if one.is_report else 1.0) * _manners(text)


def _is_none(text: str) -> bool:
    """Tell what never is a summary: a question, a teaser, an advert, an address, somebody else's words, shouting."""
    if text.rstrip("\"'”’»)").endswith(("?", "？", "؟")) or _TEASER.search(text) or _ADVERT.search(text):
        return True
    if _ADDRESS.search(text) or "@" in text or text.count("#") > 1 or text[0] in _QUOTE_MARKS:
        return True
    letters = [char for char in text if char.isalpha()]
    return len(letters) * 2 < len(text.replace(" ", "")) or sum(char.isupper() for char in letters) * 2 > len(letters)


def _manners(text: str) -> float:
    """Say how much less a sentence is worth for chatter, quotes, shouting, and for leaning on the one before it."""
    found = set(stance.words(text))
    worth = 0.45 if found & _I else 0.85 if found & _WE else 1.0
    worth *= 0.6 if _DANGLING.match(text) else 1.0
    worth *= 0.75 if sum(text.count(mark) for mark in _QUOTE_MARKS) else 1.0
    return worth * (0.8 if text.endswith("!") else 1.0)


def terms(text: str) -> frozenset[str]:
    """Give the stems of the words that carry meaning; pairs of characters where a script has no spaces."""
    found = set()
    for word in _TERM.findall(text.casefold()):
        if any(map(sentences.is_spaceless, word)):
            found |= {word[at : at + 2] for at in range(len(word) - 1)}
        elif word not in MEANINGLESS and (len(word) > 2 or word.isdigit()):
            found.add(stem(word))
    return frozenset(found)


class _Argued(NamedTuple):
    """What somebody argues."""

    stored: StoredPost
    parts: tuple[str, ...]
    words: int
    side: int
    voice: Hashable

    @classmethod
    def of(cls, stored: StoredPost, voices: Mapping[int, Hashable] | None) -> "_Argued":
        parts = tuple(sentences.split(own_words(stored.post.text))[:SENTENCES])
        text = " ".join(parts)
        side = 0 if _ADVERT.search(text) or _ADDRESS.search(text) else stance.side(text, stored.post.lang)
        return cls(stored, parts, sentences.count_words(text), side, _voice(stored, voices))

    def sentence(self) -> Sentence:
        """Quote the sentence that takes the side, and what is said with it, as far as it is read at a glance."""
        lang, folded = self.stored.post.lang, " ".join(self.stored.post.text.split())
        takes = [at for at, part in enumerate(self.parts) if stance.side(part, lang) * self.side > 0]
        start = end = takes[0] if takes else 0
        while end + 1 < len(self.parts) and _is_short(_between(folded, self.parts[start], self.parts[end + 1])):
            end += 1
        while start > 0 and _is_short(_between(folded, self.parts[start - 1], self.parts[end])):
            start -= 1
        return Sentence(_between(folded, self.parts[start], self.parts[end]), self.stored.id, author_of(self.stored))


_Clarity = tuple[int, int, int]
_NONE: Final[_Clarity] = (0, 0, 0)


def _clarity(one: _Argued, other: _Argued) -> _Clarity:
    """Say how clearly the first is for what the second is against; `_NONE`: not at all.

    Told sides outrank a "not"; who gives a reason outranks who does not; then who says more.
    """
    strength = 0
    if one.side > 0 > other.side:
        strength = 2
    elif one.side >= 0 >= other.side and _denies(other.parts, one.parts):
        strength = 1
    if not strength:
        return _NONE
    reasons = sum(len(argued.parts) > 1 for argued in (one, other))
    return strength, reasons, sum(min(argued.words, LONG) for argued in (one, other))


def _denies(parts: Sequence[str], others: Sequence[str]) -> bool:
    """Tell that a sentence says "not" to what another one says in the same words."""
    return any(
        stance.negations(part) == 1
        and stance.negations(other) == 0
        and len(shared := terms(part) & terms(other)) >= SAME_WORDS
        and len(shared) * 2 > max(len(terms(part)), len(terms(other)))
        for part in parts
        for other in others
    )


def _is_short(quoted: str) -> bool:
    return bool(quoted) and sentences.count_words(quoted) <= LONG


def _between(folded: str, first: str, last: str) -> str:
    """Give the piece of a text from one sentence to the end of another; empty where they are not in it so."""
    start = folded.find(first)
    end = folded.find(last, start)
    return folded[start : end + len(last)] if 0 <= start <= end else ""


def _voice(stored: StoredPost, voices: Mapping[int, Hashable] | None) -> Hashable:
    account = stored.post.account
    own = ("post", stored.id) if account is None else (account.platform, account.native_id)
    return own if voices is None else voices.get(stored.id, own)
