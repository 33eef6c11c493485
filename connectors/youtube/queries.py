"""What a feed reads: our own notation, and what people paste. No I/O."""

import re
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import parse_qs, quote, unquote, urlsplit

Kind = Literal["channel", "playlist", "comments", "video"]

SITE: Final = "https://www.youtube.com"
_HOSTS: Final = frozenset({"youtube.com", "www.youtube.com", "m.youtube.com", "music.youtube.com"})
_CHANNEL: Final = re.compile(r"UC[\w-]{22}", re.ASCII)
_HANDLE: Final = re.compile(r"@[^\s/?#@]{2,60}")
_VIDEO: Final = re.compile(r"[\w-]{11}", re.ASCII)
_PLAYLIST: Final = re.compile(r"(?:PL|UU|FL|OL|LL|RD)[\w-]{8,60}", re.ASCII)
_LONGEST: Final = 300


@dataclass(frozen=True, slots=True)
class Query:
    """`channel:WHOM`, `playlist:ID`, `comments:WHOM` (on all of a channel's videos), `video:ID` (comments on one).

    WHOM is a channel's id (`UC…`) or its `@handle`.
    """

    kind: Kind
    what: str

    @classmethod
    def read(cls, text: str) -> "Query | None":
        """Read our notation; None: it is none."""
        kind, _, what = text.strip().partition(":")
        what = what.strip()
        if kind == "channel" and (_CHANNEL.fullmatch(what) or _HANDLE.fullmatch(what)):
            return cls("channel", what)
        if kind == "comments" and (_CHANNEL.fullmatch(what) or _HANDLE.fullmatch(what)):
            return cls("comments", what)
        if kind == "playlist" and _PLAYLIST.fullmatch(what):
            return cls("playlist", what)
        return cls("video", what) if kind == "video" and _VIDEO.fullmatch(what) else None

    def __str__(self) -> str:
        """Write it in our notation."""
        return f"{self.kind}:{self.what}"

    @property
    def handle(self) -> str | None:
        """The handle that must be resolved first; None: none."""
        return self.what if self.what.startswith("@") and self.kind in ("channel", "comments") else None

    @property
    def title(self) -> str:
        """Name the feed for people."""
        what = {"channel": "", "playlist": "playlist ", "comments": "comments on ", "video": "comments on video "}
        return f"YouTube: {what[self.kind]}{self.what}"

    @property
    def home_url(self) -> str:
        """Name the page a person opens."""
        if self.kind == "playlist":
            return f"{SITE}/playlist?list={self.what}"
        if self.kind == "video":
            return f"{SITE}/watch?v={self.what}"
        return f"{SITE}/{quote(self.what, safe='@')}" if self.handle else f"{SITE}/channel/{self.what}"


def pasted(text: str) -> Query | None:
    """Find the query in a page's or a feed's address, after `youtube:`, or in `comments on ADDRESS`; None: not ours."""
    text = text.strip()
    if not text or len(text) > _LONGEST:
        return None
    asked = re.fullmatch(r"(?:youtube\s+)?comments (?:on|of) (.+)", text, re.IGNORECASE)
    if asked is not None:
        return _comments(_of_page(asked[1]))
    named = re.fullmatch(r"(?:youtube|yt)\s*:\s*(?!//)(.+)", text, re.IGNORECASE)
    if named is not None:
        rest = named[1].strip()
        return Query.read(rest) or Query.read(f"channel:{rest}") or _of_page(rest)
    return _of_page(text)


def channel(text: str) -> str | None:
    """Find a channel's id or handle in its page or after `youtube:`; None: neither."""
    found = pasted(text)
    return found.what if found is not None and found.kind == "channel" else None


def _comments(found: Query | None) -> Query | None:
    if found is None or found.kind == "playlist":
        return None
    return Query("comments", found.what) if found.kind == "channel" else found


def _of_page(text: str) -> Query | None:
    if "://" not in text:
        text = f"https://{text}"
    try:
        parts = urlsplit(text)
    except ValueError:
        return None
    host, path = (parts.hostname or "").lower(), unquote(parts.path).strip("/")
    params = {name: values[0] for name, values in parse_qs(parts.query).items()}
    if host == "youtu.be":
        return Query.read(f"video:{path}")
    if host not in _HOSTS:
        return None
    if path == "feeds/videos.xml":
        return Query.read(f"channel:{params.get('channel_id', '')}") or Query.read(
            f"playlist:{params.get('playlist_id', '')}"
        )
    if path in ("playlist", "watch") and "list" in params:
        return Query.read(f"playlist:{params['list']}")
    if path == "watch":
        return Query.read(f"video:{params.get('v', '')}")
    first, _, rest = path.partition("/")
    if first in ("shorts", "live", "embed"):
        return Query.read(f"video:{rest.partition('/')[0]}")
    return Query.read(f"channel:{rest.partition('/')[0] if first == 'channel' else first}")
