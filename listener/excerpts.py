"""How a post is shown in few words: its beginning, its age, its author, its labels as the user sees them."""

import re
from datetime import datetime
from typing import Final

from listener.types import LABELS, Label, StoredPost

_SENTENCE: Final = re.compile(r"[.!?…。！？]['\"”’)]?(?= |$)")


def ago(at: datetime, now: datetime) -> str:
    """Say how long ago in the largest whole unit: `now`, `5 min ago`, `2 h ago`, `3 d ago`, then the date."""
    minutes = int((now - at).total_seconds() // 60)
    if minutes < 1:
        return "now"
    if minutes < 60:
        return f"{minutes} min ago"
    if minutes < 48 * 60:
        return f"{minutes // 60} h ago"
    return f"{minutes // 1440} d ago" if minutes < 60 * 1440 else at.date().isoformat()


def excerpt(text: str, words: int) -> str:
    """Give the beginning of a text as one line: at most `words` words, up to a sentence's end if one is near."""
    characters = words * 9  # scripts without spaces are bounded too
    parts = text[: characters * 4].split(maxsplit=words)
    whole = len(parts) <= words and len(text) <= characters * 4
    head = " ".join(parts[:words])
    if whole and len(head) <= characters:
        return head
    head = head[:characters]
    ends = [match.end() for match in _SENTENCE.finditer(head)]
    if ends and ends[-1] >= len(head) // 2:
        return head[: ends[-1]]
    return head.rstrip(" ,;:–—-") + " …"


def count_words(*texts: str | None) -> int:
    """Count words as a reader meets them; eight characters without a space are one, too."""
    return sum(max(len(text.split()), len(text) // 8) for text in texts if text)


def probabilities(stored: StoredPost) -> dict[Label, float]:
    """Give a post's labels as the user sees them: their own word is 1 or 0, and outranks the score."""
    found: dict[Label, float] = {label: stored.scores[label] for label in LABELS if label in stored.scores}
    return found | {label: float(value) for label, value in stored.thumbs.items()}


def author_of(stored: StoredPost) -> str | None:
    """Name the author as people know them; None: nobody says."""
    account = stored.post.account
    return None if account is None else account.name or account.handle or account.native_id
