"""What a Facebook feed asks for: our own notation, and what people paste. No I/O."""

import re
from dataclasses import dataclass
from typing import Final, Literal, cast

Kind = Literal["feed", "posts", "tagged", "comments", "post"]

_NAME: Final = r"[A-Za-z0-9][\w.-]{1,79}"
_NOTATION: Final = re.compile(rf"({_NAME}|me)/(feed|posts|tagged|comments)|post/(\d+_\d+|\d+)", re.ASCII)
_PAGE: Final = re.compile(
    rf"(?:https?://)?(?:www\.|m\.|web\.|business\.)?facebook\.com/(?:pg/|pages/[^/?#]+/|p/[^/?#]*-)?({_NAME})/?(?:\?.*)?",
    re.ASCII,
)
_POST: Final = re.compile(
    r"(?:https?://)?(?:www\.|m\.)?facebook\.com/(\d{5,20})/posts/(?:[^/?#]*/)?(\d{5,25})/?(?:\?.*)?"
)
_OTHER: Final = frozenset(
    {"groups", "events", "watch", "marketplace", "gaming", "help", "login", "profile.php", "photo.php", "story.php"}
    | {"permalink.php", "sharer", "sharer.php", "hashtag", "search", "settings", "messages", "reel", "stories", "ads"}
    | {"photo", "policies", "privacy", "business", "home.php", "notifications", "pages", "people", "share", "video"}
)


@dataclass(frozen=True, slots=True)
class Query:
    """A page's list, or the comments of one post."""

    kind: Kind
    value: str
    """A page's number or name, `me` for the token's own page; a post's number."""

    @classmethod
    def read(cls, text: str) -> "Query | None":
        """Read our notation; None: it is none."""
        match = _NOTATION.fullmatch(text.strip())
        if match is None:
            return None
        return cls("post", match[3]) if match[3] else cls(cast("Kind", match[2]), match[1])

    def __str__(self) -> str:
        """Write it in our notation."""
        return f"post/{self.value}" if self.kind == "post" else f"{self.value}/{self.kind}"

    @property
    def title(self) -> str:
        """Name the feed for people."""
        if self.kind == "post":
            return "Facebook: comments on a post"
        whose = "my page" if self.value == "me" else self.value
        what = {"feed": "", "posts": ", own posts", "tagged": ", where it is tagged", "comments": ", comments"}
        return f"Facebook: {whose}{what[self.kind]}"

    @property
    def home_url(self) -> str | None:
        """Name the page a person opens; None: only the token knows it."""
        if self.kind == "post":
            page, _, number = self.value.partition("_")
            return f"https://www.facebook.com/{page}/posts/{number}" if number else None
        return None if self.value == "me" else f"https://www.facebook.com/{self.value}"


def pasted(text: str) -> Query | None:
    """Find the query in what a person pastes; None: not ours."""
    text = text.strip()
    if not text or len(text) > 1_000:
        return None
    if text.startswith("facebook:"):
        return Query.read(text.removeprefix("facebook:"))
    post, page = _POST.fullmatch(text), _PAGE.fullmatch(text)
    if post:
        return Query("post", f"{post[1]}_{post[2]}")
    return Query("feed", page[1]) if page and page[1].lower() not in _OTHER else None
