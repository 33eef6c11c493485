"""Notices that services send by mail: what they are about, by its real address. No I/O.

The shapes are written from what such mails look like in 2026; none was recorded. One that is not known is read as any
mail is. Addresses in notices carry login tokens, which are taken out.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from listener import urls
from listener.html import links, to_text

ENTRIES: Final = 100
ALERTS: Final = "googlealerts-noreply@google.com"

_URL: Final = re.compile(r"<?https?://[^\s<>\"]+>?")
_BRACKETED: Final = re.compile(r"\s*<(https?://[^\s<>]+)>\s*")
_ANCHOR: Final = re.compile(r'<a\s[^>]{0,2000}?href="([^"]{1,4000})"[^>]{0,2000}>')
_LINKEDIN: Final = re.compile(r"/(?:feed/update|posts|pulse|jobs/view|messaging/thread|groups|company|in)/.+")
_FACEBOOK: Final = re.compile(
    r"/(?:groups/|events/|permalink\.php|story\.php|photo|watch|reel/|[\w.]+/(?:posts|photos|videos)/).*"
)
_TRACKING: Final = re.compile(r"(?:aref|medium|mid|n_m|bcode|rms|irms|mi|eid|lloc|ref|refsrc|__tn__|notif_\w+)")


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing that a notice is about."""

    title: str | None = None
    """None: the subject says it."""
    text: str | None = None
    """None: the message's own."""
    url: str | None = None
    links: tuple[str, ...] = ()


def read(sender: str, plain: str | None, html: str | None) -> list[Notice]:
    """Read a notice of a kind that we know, by its sender; empty: any other mail."""
    domain = sender.rpartition("@")[2]
    if sender == ALERTS:
        return _alerts(plain or "", html or "")
    if domain == "linkedin.com" or domain.endswith(".linkedin.com"):
        return _about(_LINKEDIN, "www.linkedin.com", plain, html)
    if domain == "facebookmail.com":
        return _about(_FACEBOOK, "www.facebook.com", plain, html)
    return []


def real(url: str) -> str | None:
    """Give the address that a notice's link stands for; None: no such link."""
    try:
        parts = urlsplit(url)
        query = parse_qsl(parts.query, keep_blank_values=True)
    except ValueError:
        return None
    host, values = (parts.hostname or "").removeprefix("www."), dict(query)
    if (host == "google.com" and parts.path == "/url") or (host == "l.facebook.com" and parts.path == "/l.php"):
        return urls.safe(values.get("url") or values.get("q") or values.get("u") or "")
    if host == "linkedin.com":
        path = unquote(parts.path).removeprefix("/comm")
        return urls.safe(f"https://www.linkedin.com{path}") if _LINKEDIN.fullmatch(path) else None
    if host == "facebook.com":
        return _facebook(parts.path, parts.query, query)
    return None


def without_tokens(text: str) -> str:
    """Put real addresses in place of a notice's links, and nothing in place of those that lead nowhere else."""
    return re.sub(r"[^\S\n]+\n", "\n", _URL.sub(lambda match: real(match[0].strip("<>")) or "", text))


def _facebook(path: str, query: str, pairs: list[tuple[str, str]]) -> str | None:
    if path in ("/n/", "/n"):  # the real path is the query's first, valueless parameter
        path, _, query = query.partition("&")
        path = "/" + unquote(path).lstrip("/")
        pairs = parse_qsl(query)
    if not _FACEBOOK.fullmatch(path):
        return None
    kept = urlencode([(name, value) for name, value in pairs if value and not _TRACKING.fullmatch(name)])
    return urls.safe(f"https://www.facebook.com{path}{'?' if kept else ''}{kept}")


def _about(shape: re.Pattern[str], host: str, plain: str | None, html: str | None) -> list[Notice]:
    named = [*_URL.findall(plain or ""), *links(html or "", f"https://{host}/")]
    found = list(dict.fromkeys(url for one in named if (url := real(one.strip("<>.,"))) is not None))
    own = [url for url in found if urls.host(url) == host and shape.fullmatch(urlsplit(url).path)]
    return [Notice(url=own[0], links=tuple(found[1:] if found[0] == own[0] else found))] if own else []


def _alerts(plain: str, html: str) -> list[Notice]:
    found = list(_alerts_in_text(plain)) or list(_alerts_in_html(html))
    return list({one.url: one for one in reversed(found)}.values())[::-1][:ENTRIES]


def _alerts_in_text(plain: str) -> Iterator[Notice]:
    """Read the plain form: title, source and a few lines of text, then the link in brackets."""
    block: list[str] = []
    for line in plain.splitlines():
        match = _BRACKETED.fullmatch(line)
        if match is None:
            block = [*block, line.strip()] if line.strip() else []
            if line.startswith(("===", "- - -")):
                block = []
            continue
        url = real(match[1])
        if url is not None and block:
            yield Notice(block[0], " ".join(block[2:] or block[1:]), url, (url,))
        block = []


def _alerts_in_html(html: str) -> Iterator[Notice]:
    for piece in html.split("</a>")[:-1]:
        anchor = piece[max(piece.rfind("<a "), 0) :]
        match = _ANCHOR.match(anchor)
        url = real(match[1].replace("&amp;", "&")) if match else None
        title = to_text(anchor[match.end() :]).strip() if match and url else ""
        if url is not None and title:
            yield Notice(" ".join(title.split()), "", url, (url,))
