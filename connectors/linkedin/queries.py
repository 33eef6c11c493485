"""What a LinkedIn feed asks for: our own notation, and what people paste. No I/O."""

import re
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import unquote

Kind = Literal["posts", "comments", "post"]

URN: Final = r"urn:li:(?:share|ugcPost|activity):\d{5,25}"
_NOTATION: Final = re.compile(rf"company/([\w%-]{{1,100}})(/comments)?|post/({URN})")
_COMPANY: Final = re.compile(
    r"(?:https?://)?(?:[\w-]+\.)?linkedin\.com/(?:company|showcase)/([\w%-]{1,100})(?:[/?#].*)?"
)
_UPDATE: Final = re.compile(rf"(?:https?://)?(?:[\w-]+\.)?linkedin\.com/feed/update/({URN})(?:[/?#].*)?")
_POSTS: Final = re.compile(
    r"(?:https?://)?(?:[\w-]+\.)?linkedin\.com/posts/[^/?#]*?(activity|share|ugcPost)-(\d{5,25})\b.*"
)


@dataclass(frozen=True, slots=True)
class Query:
    """A page's posts, the comments on them, or one post's comments."""

    kind: Kind
    value: str
    """A page's number or name; a post's URN."""

    @classmethod
    def read(cls, text: str) -> "Query | None":
        """Read our notation; None: it is none."""
        match = _NOTATION.fullmatch(text.strip())
        if match is None:
            return None
        if match[3]:
            return cls("post", match[3])
        return cls("comments" if match[2] else "posts", match[1].lower())

    def __str__(self) -> str:
        """Write it in our notation."""
        if self.kind == "post":
            return f"post/{self.value}"
        return f"company/{self.value}{'/comments' if self.kind == 'comments' else ''}"

    @property
    def title(self) -> str:
        """Name the feed for people."""
        if self.kind == "post":
            return "LinkedIn: comments on a post"
        return f"LinkedIn: {unquote(self.value)}{', comments' if self.kind == 'comments' else ''}"

    @property
    def home_url(self) -> str:
        """Name the page a person opens."""
        if self.kind == "post":
            return f"https://www.linkedin.com/feed/update/{self.value}/"
        return f"https://www.linkedin.com/company/{self.value}/"


def pasted(text: str) -> Query | None:
    """Find the query in what a person pastes; None: not ours."""
    text = text.strip()
    if not text or len(text) > 1_000:
        return None
    if text.startswith("linkedin:"):
        return Query.read(text.removeprefix("linkedin:"))
    plain = unquote(text)
    update, named = _UPDATE.fullmatch(plain), _POSTS.fullmatch(plain)
    if update or named:
        return Query("post", update[1] if update else f"urn:li:{named[1]}:{named[2]}" if named else "")
    company = _COMPANY.fullmatch(text)
    return Query("posts", company[1].lower()) if company else None
