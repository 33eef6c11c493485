"""The words that gave a post its labels, found in its text and made to stand out: pure."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from rich.text import Text

from listener.types import Label, Mark, Opinion, Post
from listener.wording import lines, plain

NAMED: Final = 4
"""Most words named beside a label."""


def marked(post: Post, marks: Sequence[Mark], colours: Mapping[Label, str]) -> tuple[Text | None, Text]:
    """Give title and text to be printed, the words that spoke for a label underlined in its colour."""
    shown = {"title": Text(plain(post.title or ""), style="bold"), "text": Text(lines(post.text))}
    said = {"title": post.title or "", "text": post.text}
    for mark in sorted(marks, key=lambda mark: mark.weight):
        for field, start, end in mark.spans if mark.weight > 0 else ():
            found = _found(shown[field].plain, said[field], start, end)
            if found is not None:
                shown[field].stylize(f"underline {colours[mark.label]}", *found)
    return shown["title"] if post.title else None, shown["text"]


def because(label: Label, marks: Sequence[Mark]) -> str:
    """Name the words that spoke for and against a label, strongest first, with their weight in logits."""
    own = sorted((mark for mark in marks if mark.label == label), key=lambda mark: -abs(mark.weight))[:NAMED]
    words = ", ".join(f"`{_shown(mark.text)}` {mark.weight:+.1f}" for mark in own)
    return f" because {words}" if words else ""


def opinion(said: Opinion) -> str:
    """Say what the judge said, and that it was the judge."""
    if not said.labels:
        return f"{said.model} gave no answer that could be used"
    labels = ", ".join(label if value else f"not {label}" for label, value in said.labels.items())
    moved = ", ".join(f"{label} was {score:.2f}" for label, score in said.before.items())
    return f"{said.model} says {labels}: {plain(said.reason) or 'no reason given'}" + (f" ({moved})" if moved else "")


def _found(shown: str, said: str, start: int, end: int) -> tuple[int, int] | None:
    """Find a place of what was said in what is shown, which has lost controls and marks."""
    if shown == said:
        return start, end
    words = said[start:end].split()
    found = re.search(r"\s+".join(map(re.escape, words)), shown) if words else None
    return (found.start(), found.end()) if found else None


def _shown(text: str) -> str:
    """Name what stands for a kind of thing in words: a link, the beginning, the end of a line."""
    return plain(text.replace("<", "").replace(">", ""))
