"""The query language: a text becomes a frozen tree (`listener.terms`), or an error that points at the character.

    query = both {"OR" both}     both = {item ["AND"]}     item = ["NOT" | "-"] ("(" query ")" | term)
    term  = word | "a phrase" | begin* | field:value | field:(any of these) | likes:>10 | p(lead)>0.7

Words beside each other must all be there; OR binds less. `in:title` and `in:text` say where the words of their group
are looked for. Where a word ends is the store's to say, of texts and queries alike. Users give no regular
expressions, and any text at all is read in linear time.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal, NamedTuple, NoReturn

from listener.errors import QueryError
from listener.terms import (
    CHOICES,
    COUNTS,
    DATES,
    FIELDS,
    And,
    Chance,
    Count,
    Field,
    Not,
    Query,
    Sign,
    When,
    Within,
    Words,
    all_of,
    any_of,
    date_of,
    depth,
    is_only_words,
    leaves,
    refanged,
    scoped,
    seconds_of,
    unparse,
)
from listener.types import LABELS

CHARS: Final = 2_000
"""Most characters of a query, written plainly (`unparse`)."""
TERMS: Final = 200
"""Most words, phrases and values of a query."""
DEPTH: Final = 20
"""Most groups and NOTs inside each other."""
NESTED: Final = 60
"""Most brackets and NOTs inside each other, useless ones too."""
PREFIX_MIN: Final = 3
"""Fewest letters before a `*`: fewer would read the index in large parts."""

_MEANT: Final = {
    "author": "from", "by": "from", "since": "after", "until": "before", "site": "domain", "language": "lang",
    "title": "in", "text": "in", "hashtag": "tag", "network": "platform", "comments": "replies",
}  # fmt: skip

_QUOTES: Final = str.maketrans(dict.fromkeys("“”„‟«»＂", '"') | dict.fromkeys("\0", " "))
_LONE: Final = re.compile("[\ud800-\udfff]")
_BARE: Final = re.compile(r'[^\s()"]+')
_LISTED: Final = re.compile(r'[^\s()",]+')
_NAME: Final = re.compile(r"([^\W\d_]{1,30}):")
_ADDRESS: Final = re.compile(r"(?:https?|hxxps?|ftp|mailto):(?=\S)", re.IGNORECASE)
_CHANCE_BEGINS: Final = re.compile(r"p\(", re.IGNORECASE)
_CHANCE: Final = re.compile(
    r"p\(\s*(\w{1,30})\s*\)\s*(<=|>=|<|>|=)\s*([0-9]{0,9}\.?[0-9]{1,9})(?=[\s()]|$)", re.IGNORECASE | re.ASCII
)
_COUNT_BEGINS: Final = re.compile(rf"({'|'.join(COUNTS)})(?::|(?=[<>=]))", re.IGNORECASE | re.ASCII)
_NUMBER: Final = re.compile(r"\s*(<=|>=|<|>|=)?\s*([0-9]{1,12})(?=[\s()]|$)", re.ASCII)
_SIGNS: Final[Mapping[str, Sign]] = {"<": "<", "<=": "<=", "=": "=", ">=": ">=", ">": ">"}
_AND: Final = ("AND", "&&", "&")
_OR: Final = ("OR", "||", "|")
_STRIPPED: Final[Mapping[str, Callable[[str], str]]] = {
    "from": lambda text: text.lstrip("@ "),
    "tag": lambda text: text.lstrip("# "),
}


def parse(text: str) -> Query:
    """Read a query; QueryError where it is none, is too long or too deep."""
    return _Parser(text).parse()


class _Scope(NamedTuple):
    """`in:title` or `in:text`: where the words of its group are looked for."""

    where: Literal["title", "text"]
    at: int


class _Parser:
    """One reading of one text, from left to right."""

    def __init__(self, text: str) -> None:
        self.given = text
        self.text = _LONE.sub(" ", text[: CHARS * 4]).translate(_QUOTES)
        self.at, self.terms, self.nested = 0, 0, 0

    def parse(self) -> Query:
        """Read all of it."""
        if len(self.given) > CHARS * 4:
            self.fail(f"a query has at most {CHARS} characters", CHARS * 4)
        if not self.more():
            return And(())
        found = self.either()
        if self.more():
            self.fail("this bracket closes nothing; expected a word, or the end")
        if depth(found) > DEPTH:
            self.fail(f"a query has at most {DEPTH} groups inside each other", 0)
        if len(unparse(found)) > CHARS:
            self.fail(f"a query has at most {CHARS} characters", CHARS)
        return found

    def fail(self, expected: str, at: int | None = None) -> NoReturn:
        """Point at a place, where none is given at the next character."""
        raise QueryError(self.given, min(self.at if at is None else at, len(self.given)), expected)

    def more(self) -> bool:
        """Pass over spaces; say whether anything is left."""
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1
        return self.at < len(self.text)

    def took(self, *signs: str) -> bool:
        """Pass over an operator, if one of these stands here."""
        for sign in signs:
            after = self.text[self.at + len(sign) : self.at + len(sign) + 1]
            if self.text.startswith(sign, self.at) and (after in ("", "(", ")", '"') or after.isspace()):
                self.at += len(sign)
                return True
        return False

    def either(self) -> Query:
        """Read parts with OR between them."""
        nodes, more = [], True
        while more:
            node, more = self.both()
            nodes.append(node)
        return any_of(nodes)

    def both(self) -> tuple[Query, bool]:
        """Read parts that must all hold, up to the end or an OR, which is passed over; say whether it was an OR."""
        nodes: list[Query] = []
        scopes: list[_Scope] = []
        ended, is_open, at = False, False, self.at
        while not ended and self.more() and self.text[at := self.at] != ")":
            if self.took(*_AND):
                is_open = self.awaits(nodes or scopes, is_open)
            elif ended := self.took(*_OR):
                break
            elif (one := self.item()) is not None:
                is_open = False
                scopes.append(one) if isinstance(one, _Scope) else nodes.append(one)
        if not nodes or is_open:
            self.fail("expected a word, a phrase or a field", at if ended else None)
        return self.scoped(all_of(nodes), scopes), ended

    def scoped(self, query: Query, scopes: Sequence[_Scope]) -> Query:
        """Look for the words of a group where it says."""
        if len(scopes) > 1:
            self.fail("expected in:title or in:text once in a group; brackets make groups", scopes[1].at)
        if scopes and not any(isinstance(leaf, Words) for leaf in leaves(query)):
            self.fail("expected words beside in:")
        return scoped(query, scopes[0].where) if scopes else query

    def awaits(self, before: Sequence[object], is_open: bool) -> bool:
        """Check that an AND follows something; something must follow it, too."""
        if not before or is_open:
            self.fail("expected a word, a phrase or a field before it", self.at - 1)
        return True

    def item(self) -> Query | _Scope | None:
        """Read one item; None: nothing but signs, which are passed over."""
        start = self.at
        if self.text[start] == "-" and not (self.text[start + 1 : start + 2] or " ").isspace():
            self.at += 1
            return self.negated(start)
        if self.took("NOT"):
            return self.negated(start)
        if self.text[start] == "(":
            return self.group()
        if self.text[start] == '"':
            text = self.quoted()
            return self.words(text, start, is_prefix=self.starred())
        return self.chance() or self.count() or self.field() or self.word()

    def deeper(self) -> None:
        """Go into a bracket or a NOT."""
        self.nested += 1
        if self.nested > NESTED:
            self.fail(f"a query has at most {DEPTH} groups inside each other")

    def negated(self, start: int) -> Query | None:
        """Read what a NOT stands before."""
        self.deeper()
        at = self.at if self.more() else len(self.text)
        if self.text[at : at + 1] in ("", ")") or self.took(*_AND, *_OR):
            self.fail("expected a word, a phrase or a field", at)
        found = self.item()
        self.nested -= 1
        if isinstance(found, _Scope):
            self.fail("in: has no opposite; write -(in:title word)", start)
        return None if found is None else Not(found)

    def group(self) -> Query:
        """Read a bracket with what is in it."""
        start = self.at
        self.deeper()
        self.at += 1
        found = self.either()
        if not self.more():
            self.fail("this bracket is never closed", start)
        self.at += 1
        self.nested -= 1
        return found

    def quoted(self) -> str:
        """Read a phrase; one that is not closed goes to the end."""
        end = self.text.find('"', self.at + 1)
        end = len(self.text) if end < 0 else end
        found = self.text[self.at + 1 : end]
        self.at = end + 1
        return " ".join(found.split())

    def bare(self, kind: re.Pattern[str] = _BARE) -> str:
        """Read up to a space, a bracket or a quotation mark."""
        found = kind.match(self.text, self.at)
        self.at = found.end() if found else self.at
        return found[0] if found else ""

    def term(self, at: int) -> None:
        """Count one more word, phrase or value."""
        self.terms += 1
        if self.terms > TERMS:
            self.fail(f"a query has at most {TERMS} words and values", at)

    def starred(self) -> bool:
        """Pass over stars behind a phrase."""
        start = self.at
        while self.text[self.at : self.at + 1] == "*":
            self.at += 1
        return self.at > start

    def words(self, text: str, at: int, *, is_prefix: bool = False) -> Query:
        """Make a word or a phrase."""
        self.term(at)
        text = refanged(text)
        if not any(sign.isalnum() for sign in text):
            self.fail("expected a letter or a digit in the phrase", at)
        if is_prefix and not (len(text) >= PREFIX_MIN and text[-PREFIX_MIN:].isalnum()):
            self.fail(f"expected at least {PREFIX_MIN} letters before *", at)
        return Words(text, is_prefix)

    def word(self) -> Query | None:
        """Read a word, or the beginning of one; None: nothing but signs."""
        start, text = self.at, self.bare()
        if not any(sign.isalnum() for sign in text):
            return None
        return self.words(text.rstrip("*"), start, is_prefix=text.endswith("*"))

    def chance(self) -> Query | None:
        """Read `p(lead)>0.7`."""
        start = self.at
        if not _CHANCE_BEGINS.match(self.text, start):
            return None
        found = _CHANCE.match(self.text, start)
        if found is None:
            self.fail("expected a label, a sign and a number from 0 to 1, such as p(lead)>0.7", start)
        label = self.choice(found[1], LABELS, start + 2)
        self.term(start)
        self.at = found.end()
        number = round(float(found[3]), 4)
        if number > 1:
            self.fail("expected a number from 0 to 1", found.start(3))
        return Chance(label, _SIGNS[found[2]], number)

    def count(self) -> Query | None:
        """Read `likes:>10`, `replies:0` or `likes>10`."""
        start = self.at
        if not (begun := _COUNT_BEGINS.match(self.text, start)):
            return None
        found = _NUMBER.match(self.text, begun.end())
        if found is None:
            self.fail("expected a whole number, such as 0 or >10", begun.end())
        self.term(start)
        self.at = found.end()
        return Count(begun[1].lower(), _SIGNS[found[1] or "="], int(found[2]))

    def field(self) -> Query | _Scope | None:
        """Read `name:value`, `name:"a value"` or `name:(any of these)`."""
        start = self.at
        found = _NAME.match(self.text, start)
        if found is None or _ADDRESS.match(self.text, start):
            return None
        name = found[1].lower()
        if name not in FIELDS:
            if not _BARE.match(self.text, found.end()) and self.text[found.end() : found.end() + 1] not in ('"', "("):
                return None  # a word with a colon behind it
            self.fail(
                f"there is no field {found[1]}:{_meant(name, FIELDS, _MEANT)}; put it in quotes for plain words", start
            )
        self.at = found.end()
        values = self.values(name)
        if name == "in":
            if len(values) > 1:
                self.fail("expected in:title or in:text", start)
            return _Scope("title" if values[0] == "title" else "text", start)
        if name == "within":
            return any_of([Within(int(value)) for value in values])
        return any_of([When(name, value) for value in values]) if name in DATES else Field(name, values)

    def values(self, name: str) -> tuple[str, ...]:
        """Read the value of a field, or the values in brackets."""
        self.more()
        if self.text[self.at : self.at + 1] != "(":
            return (self.value(name),)
        start, found = self.at, list[str]()
        self.at += 1
        while self.more() and self.text[self.at] != ")":
            if self.text[self.at] == ",":
                self.at += 1
            elif not self.took("OR"):
                found.append(self.value(name, _LISTED))
        if self.at >= len(self.text):
            self.fail("this bracket is never closed", start)
        self.at += 1
        return tuple(dict.fromkeys(found)) or self.fail(f"expected a value of {name}:", start + 1)

    def value(self, name: str, bare: re.Pattern[str] = _BARE) -> str:
        """Read one value, and check it."""
        start = self.at
        self.term(start)
        text = self.quoted() if self.text[start : start + 1] == '"' else self.bare(bare)
        if name in CHOICES:
            return self.choice(text, CHOICES[name], start)
        if name in DATES:
            return self.date(text, start)
        if name == "within":
            return self.ago(text, start)
        text = _STRIPPED.get(name, str.strip)(refanged(text))
        return text or self.fail(f"expected a value of {name}:", start)

    def choice(self, text: str, known: Sequence[str], at: int) -> str:
        """Check one of a few values."""
        if text.lower() not in known:
            self.fail(f"expected one of {', '.join(known)}{_meant(text.lower(), known)}", at)
        return text.lower()

    def date(self, text: str, at: int) -> str:
        """Check a date, or a date and a time."""
        return date_of(text) or self.fail(
            "expected a date such as 2026-11-23, or a moment such as 2026-11-23T07:30", at
        )

    def ago(self, text: str, at: int) -> str:
        """Check a length of time; give its seconds."""
        seconds = seconds_of(text)
        return str(seconds) if seconds else self.fail("expected a length of time such as 90m, 24h, 7d or 2w", at)


def _meant(name: str, known: Sequence[str], others: Mapping[str, str] | None = None) -> str:
    from difflib import get_close_matches

    close = (others or {}).get(name) or next(iter(get_close_matches(name, known, 1)), None)
    colon = ":" if others else ""
    return f"; did you mean {close}{colon}?" if close else ("" if others is None else f"; there are {', '.join(known)}")


__all__ = ["Query", "QueryError", "is_only_words", "parse", "refanged", "unparse"]
