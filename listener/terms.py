"""What a query asks, as a frozen tree, and how it is written plainly. `listener.query` reads one from a text."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final, Literal, TypeAlias

from listener.types import LABELS

UNITS: Final = {"m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
AGO_MAX_S: Final = 36_500 * 86_400

CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "label": LABELS,
    "has": ("link", "media", "question", "reply"),
    "is": (*LABELS, "unseen", "answered", "open", "mine", "done", "starred"),
    "in": ("title", "text"),
}
"""Fields that take one of a few values."""
NAMES: Final = ("platform", "feed", "from", "person", "circle", "goal", "lang", "domain", "tag")
"""Fields that take any value."""
COUNTS: Final = ("replies", "likes", "reposts", "score")
DATES: Final = ("after", "before")
FIELDS: Final = (*CHOICES, *NAMES, *DATES, "within", *COUNTS)
Sign = Literal["<", "<=", "=", ">=", ">"]


@dataclass(frozen=True, slots=True)
class Words:
    """Words that stand side by side in the title or the text; `is_prefix`: the last one may go on."""

    text: str
    is_prefix: bool = False
    where: Literal["title", "text"] | None = None


@dataclass(frozen=True, slots=True)
class Field:
    """A field that has any one of some values."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Count:
    """What the platform counted; a post without that count never matches."""

    name: str
    sign: Sign
    number: int


@dataclass(frozen=True, slots=True)
class Chance:
    """The probability of a label; a post without scores never matches."""

    label: str
    sign: Sign
    number: float


@dataclass(frozen=True, slots=True)
class When:
    """At or after, or before, a date or a moment; in the user's zone where it names none."""

    name: str
    value: str
    """As `isoformat` writes it."""


@dataclass(frozen=True, slots=True)
class Within:
    """Not older than so many seconds."""

    seconds: int


@dataclass(frozen=True, slots=True)
class Not:
    """All but these."""

    node: "Query"


@dataclass(frozen=True, slots=True)
class And:
    """All of two or more; none of them is an And."""

    nodes: tuple["Query", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Any of two or more; none of them is an Or."""

    nodes: tuple["Query", ...]


Leaf: TypeAlias = Words | Field | Count | Chance | When | Within
Query: TypeAlias = Leaf | Not | And | Or


def all_of(nodes: Sequence[Query]) -> Query:
    """Put parts together that must all hold."""
    flat = [one for node in nodes for one in (node.nodes if isinstance(node, And) else (node,))]
    return flat[0] if len(flat) == 1 else And(tuple(flat))


def any_of(nodes: Sequence[Query]) -> Query:
    """Put parts together of which one must hold."""
    flat = [one for node in nodes for one in (node.nodes if isinstance(node, Or) else (node,))]
    return flat[0] if len(flat) == 1 else Or(tuple(flat))


def leaves(query: Query) -> Iterator[Leaf]:
    """Give the parts that ask one thing, in the order they are written."""
    match query:
        case And(nodes) | Or(nodes):
            for node in nodes:
                yield from leaves(node)
        case Not(node):
            yield from leaves(node)
        case _:
            yield query


def is_only_words(query: Query) -> bool:
    """Tell a query that the ranked search can answer: words and phrases that must all be there."""
    nodes = query.nodes if isinstance(query, And) else (query,)
    return all(isinstance(node, Words) and node.where is None for node in nodes)


def depth(query: Query) -> int:
    """Count the groups and NOTs inside each other."""
    match query:
        case And(nodes) | Or(nodes):
            return 1 + max((depth(node) for node in nodes), default=0)
        case Not(node):
            return 1 + depth(node)
    return 0


_FANGS: Final = re.compile(r"(?<!\[)\[+([.:@]|dot)\]+", re.IGNORECASE)
_HXXP: Final = re.compile(r"\bhxxp(?=s?:)", re.IGNORECASE)
_AGO: Final = re.compile(r"([0-9]{1,9})([mhdw])", re.IGNORECASE | re.ASCII)
_SAFE: Final = re.compile(r"[^\W_](?:[\w.'@/-]*\w)?")
"""What is written without quotes."""


def unparse(query: Query) -> str:
    """Write a query plainly; reading that gives the same tree."""
    scopes = {leaf.where for leaf in leaves(query) if isinstance(leaf, Words)}
    if len(scopes) == 1 and (where := scopes.pop()) is not None:
        inner = _scoped_away(query)
        return f"in:{where} {_grouped(inner) if isinstance(inner, Or) else _written(inner)}"
    return _written(query)


def _scoped_away(query: Query) -> Query:
    match query:
        case Words():
            return replace(query, where=None)
        case And(nodes) | Or(nodes):
            return type(query)(tuple(_scoped_away(node) for node in nodes))
        case Not(node):
            return Not(_scoped_away(node))
    return query


def _grouped(query: Query) -> str:
    text = unparse(query)
    alone = isinstance(query, Not) or (not isinstance(query, And | Or) and not text.startswith("in:"))
    return text if alone and not text.startswith("in:") else f"({text})"


def _written(query: Query) -> str:
    match query:
        case And(nodes):
            return " ".join(_grouped(node) for node in nodes)
        case Or(nodes):
            return " OR ".join(f"({text})" if (text := unparse(node)).startswith("in:") else text for node in nodes)
        case Not(node):
            return f"-{_grouped(node)}"
        case Words(text, is_prefix):
            return _quoted(text) + "*" * is_prefix
        case Field(name, values):
            texts = [_quoted(value) for value in values]
            return f"{name}:{texts[0]}" if len(texts) == 1 else f"{name}:({' '.join(texts)})"
        case Count(name, sign, number):
            return f"{name}:{sign if sign != '=' else ''}{number}"
        case Chance(label, sign, number):
            return f"p({label}){sign}{number:.4f}".rstrip("0").rstrip(".")
        case When(name, value):
            return f"{name}:{value}"
        case Within(seconds):
            unit = next(unit for unit in reversed(UNITS) if seconds % UNITS[unit] == 0)
            return f"within:{seconds // UNITS[unit]}{unit}"


def _quoted(text: str) -> str:
    return text if _SAFE.fullmatch(text) and text not in ("AND", "OR", "NOT") else f'"{text}"'


def scoped(query: Query, where: Literal["title", "text"]) -> Query:
    """Say where words are looked for, of all that do not say it themselves."""
    match query:
        case Words(where=None):
            return replace(query, where=where)
        case And(nodes) | Or(nodes):
            return type(query)(tuple(scoped(node, where) for node in nodes))
        case Not(node):
            return Not(scoped(node, where))
    return query


def refanged(text: str) -> str:
    """Write an address as it was before somebody made it harmless: `hxxps://example[.]com`."""
    plain = _FANGS.sub(lambda found: found[1] if len(found[1]) == 1 else ".", text)
    return _HXXP.sub("http", plain)


def date_of(text: str) -> str | None:
    """Write a date, or a date and a time, as `isoformat` does; None: it is none, or not of our time."""
    try:
        found = date.fromisoformat(text) if len(text) <= len("2026-11-23") else datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.isoformat() if 1970 <= found.year <= 2999 else None


def seconds_of(text: str) -> int:
    """Give the seconds of `90m`, `24h`, `7d`, `2w`; 0: it is no length of time, or more than a lifetime."""
    found = _AGO.fullmatch(text)
    seconds = int(found[1]) * UNITS[found[2].lower()] if found else 0
    return seconds if seconds <= AGO_MAX_S else 0
