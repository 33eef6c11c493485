"""What feeds of mail and news are called, and what people paste. No I/O."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

_GROUP: Final = re.compile(r"[A-Za-z0-9][\w+-]*(?:\.[\w+-]+)*", re.ASCII)
_HOST: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Query:
    """`imap:FOLDER`, `nntp://HOST/GROUP`, or `mbox:FILE` for what was imported."""

    kind: str
    name: str
    host: str = ""

    @classmethod
    def read(cls, query: str) -> "Query | None":
        """Read a feed's query; None: none of ours."""
        if _CONTROLS.search(query):
            return None
        kind, _, name = query.partition(":")
        if kind in ("imap", "mbox") and name.strip():
            return cls(kind, name.strip())
        host, _, group = name.removeprefix("//").partition("/")
        if kind == "nntp" and _HOST.fullmatch(host) and _GROUP.fullmatch(group):
            return cls("nntp", group, host.lower())
        return None

    def __str__(self) -> str:
        return f"nntp://{self.host}/{self.name}" if self.kind == "nntp" else f"{self.kind}:{self.name}"

    @property
    def platform(self) -> str:
        """Name the row of the policy table that holds for its posts."""
        return "nntp" if self.kind == "nntp" else "mail"

    @property
    def title(self) -> str:
        """Name it for people."""
        return self.name if self.kind == "nntp" else f"Mail: {self.name}"


def pasted(text: str, *, host: str | None, news_host: str | None, folder: str) -> Query | None:
    """Find the query in `imap:Folder`, `mail: Folder`, an imap or nntp address, `news:group`; None: not ours.

    An address with a host that the configuration does not name is not ours: only those are ever contacted.
    """
    text = text.strip()
    scheme, colon, rest = text.partition(":")
    scheme, rest = scheme.strip().lower(), rest.strip()
    if not colon:
        return Query("imap", folder) if scheme == "inbox" else None
    if rest.startswith("//"):
        return _of_address(scheme, text, host, news_host)
    if scheme in ("imap", "mail"):
        return Query.read(f"imap:{rest or folder}")
    if scheme in ("news", "nntp", "usenet") and news_host and "." in rest:
        return Query.read(f"nntp://{news_host}/{rest}")
    return None


def _of_address(scheme: str, text: str, host: str | None, news_host: str | None) -> Query | None:
    try:
        parts = urlsplit(text)
        named = (parts.hostname or "").lower()
    except ValueError:
        return None
    path = unquote(parts.path).strip("/")
    if scheme in ("imap", "imaps") and host and named == host.lower():
        return Query.read(f"imap:{path or 'INBOX'}")
    if scheme in ("nntp", "nntps", "snews", "news") and news_host and named == news_host.lower():
        return Query.read(f"nntp://{named}/{path.partition('/')[0]}")
    return None
