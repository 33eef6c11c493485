"""The fixed holdout: posts of ours that no model learns from, shipped so that a user's head is held against them.

`python -m models.holdout` draws it anew from the held part of the corpus.
"""

import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final

from listener.types import LABELS, Label, Post

FILE: Final = Path(__file__).with_name("holdout.jsonl")
CORPUS: Final = Path(__file__).with_name("corpus")
EVERY: Final = 2
"""One in so many of the held posts is in it."""

Row = tuple[Post, frozenset[Label]]


@lru_cache(maxsize=1)
def rows() -> tuple[Row, ...]:
    """Read the posts with their labels."""
    return tuple(_rows(FILE.read_text(encoding="utf-8")))


def _rows(text: str) -> Iterator[Row]:
    for number, line in enumerate(text.splitlines()):
        found = json.loads(line)
        labels = frozenset(label for label in LABELS if label in found["labels"])
        yield Post("", str(number), text=found["text"], lang=found["lang"]), labels


def main() -> None:
    """Draw the holdout again: every second post of each held file, in the files' order."""
    held = sorted(CORPUS.glob("held-*.jsonl"))
    lines = [line for path in held for line in path.read_text(encoding="utf-8").splitlines()[::EVERY]]
    kept = [{key: json.loads(line)[key] for key in ("lang", "text", "labels")} for line in lines]
    FILE.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in kept), encoding="utf-8")


if __name__ == "__main__":
    main()
