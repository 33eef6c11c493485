"""A feed of replies is asked for in parts: which questions, then their answers, then their comments. No I/O.

The platform gives answers and comments by the numbers of questions only, at most 100 of them. Each part has a mark of
its own; a walk that is broken off goes on with the part where it was.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal

from connectors.stackexchange import walk
from connectors.stackexchange.queries import Query
from listener.types import Gap

Part = Literal["questions", "answers", "comments"]


@dataclass(frozen=True, slots=True)
class Parts:
    """The cursor of a feed of replies; marks are cursors of `walk`."""

    part: Part = "questions"
    ids: tuple[int, ...] = ()
    answers: str | None = None
    comments: str | None = None

    @classmethod
    def read(cls, cursor: str | None, query: Query) -> "Parts":
        """Read a cursor. The replies of one question need not be looked for."""
        found = cls()
        if cursor is not None:
            held = json.loads(cursor)
            found = cls(held["part"], tuple(held["ids"]), held["answers"], held["comments"])
        if query.route == "question" and found.part == "questions":
            return replace(found, part="answers", ids=(query.number,))
        return found

    @property
    def cursor(self) -> str:
        """Write it down."""
        return json.dumps(asdict(self))

    @property
    def mark(self) -> str | None:
        """The mark of the part whose turn it is."""
        return {"questions": None, "answers": self.answers, "comments": self.comments}[self.part]

    def found(self, items: Sequence[object]) -> tuple["Parts", bool]:
        """Take the questions; the second value: their replies are next."""
        numbers = [item.get("question_id") for item in items if isinstance(item, dict)]
        ids = tuple(dict.fromkeys(number for number in numbers if type(number) is int and number > 0))[:100]
        return (replace(self, part="answers", ids=ids), True) if ids else (replace(self, ids=()), False)

    def step(self, items: Sequence[object], *, more: bool) -> tuple["Parts", bool, Gap | None]:
        """Take a page of answers or comments; the second value: there is more to ask for."""
        mark, gap = walk.step(self.mark, items, more=more)
        if self.part == "answers":
            following = replace(self, answers=mark.cursor, part="answers" if mark.under_way else "comments")
            return following, True, gap
        following = replace(self, comments=mark.cursor, part="comments" if mark.under_way else "questions")
        return following, mark.under_way, gap
