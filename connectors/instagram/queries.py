"""What an Instagram feed asks for: our own notation, and what people paste. No I/O."""

import re
from dataclasses import dataclass
from typing import Final, Literal, cast

Kind = Literal["media", "tags", "comments", "user", "hashtag", "on", "mention", "comment"]
OWN: Final = ("media", "tags", "comments")
_NAME: Final = r"[A-Za-z0-9_.]{1,30}"
_NOTATION: Final = re.compile(
    rf"me/(media|tags|comments)|(user)/@?({_NAME})|(hashtag)/#?(\w{{1,100}})|(on|mention|comment)/(\d{{5,25}})"
)
_PROFILE: Final = re.compile(rf"(?:https?://)?(?:www\.|m\.)?instagram\.com/({_NAME})/?(?:\?.*)?", re.ASCII)
_TAG: Final = re.compile(r"(?:https?://)?(?:www\.|m\.)?instagram\.com/explore/tags/([^/?#]{1,100})/?(?:\?.*)?")
_SAID: Final = re.compile(r"#(\w{1,100}) on instagram|instagram #(\w{1,100})", re.IGNORECASE)
_OTHER: Final = frozenset(
    {"p", "reel", "reels", "stories", "explore", "accounts", "direct", "about", "tv", "developer"}
)


@dataclass(frozen=True, slots=True)
class Query:
    """One of the account's own lists, another professional account, a hashtag, or what hangs on one medium."""

    kind: Kind
    value: str = ""

    @classmethod
    def read(cls, text: str) -> "Query | None":
        """Read our notation; None: it is none."""
        match = _NOTATION.fullmatch(text.strip())
        if match is None:
            return None
        own, *pairs = match.groups()
        if own:
            return cls(cast("Kind", own))
        kind, value = next((kind, value) for kind, value in zip(pairs[::2], pairs[1::2], strict=True) if kind)
        return cls(cast("Kind", kind), value.lower() if kind in ("user", "hashtag") else value)

    def __str__(self) -> str:
        """Write it in our notation."""
        return f"me/{self.kind}" if self.kind in OWN else f"{self.kind}/{self.value}"

    @property
    def title(self) -> str:
        """Name the feed for people."""
        what = {
            "media": "my posts",
            "tags": "posts I am tagged in",
            "comments": "comments on my posts",
            "user": f"@{self.value}",
            "hashtag": f"#{self.value}",
            "on": "comments on a post",
            "mention": "a post that mentions me",
            "comment": "a comment that mentions me",
        }
        return f"Instagram: {what[self.kind]}"

    @property
    def home_url(self) -> str | None:
        """Name the page a person opens; None: there is no address for it."""
        if self.kind == "user":
            return f"https://www.instagram.com/{self.value}/"
        return f"https://www.instagram.com/explore/tags/{self.value}/" if self.kind == "hashtag" else None


def pasted(text: str) -> Query | None:
    """Find the query in what a person pastes; None: not ours."""
    text = text.strip()
    if not text or len(text) > 500:
        return None
    if text.startswith("instagram:"):
        return Query.read(text.removeprefix("instagram:"))
    said, tag, profile = _SAID.fullmatch(text), _TAG.fullmatch(text), _PROFILE.fullmatch(text)
    if said or tag:
        return Query.read(f"hashtag/{(said[1] or said[2]) if said else tag[1] if tag else ''}")
    return Query("user", profile[1].lower()) if profile and profile[1].lower() not in _OTHER else None
