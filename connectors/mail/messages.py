"""Make posts of a raw message. No I/O."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from email.message import Message
from email.parser import BytesHeaderParser, BytesParser
from hashlib import blake2b
from typing import Final

from connectors.mail import bodies, notices
from connectors.mail.headers import address, ids, moment, raw, text
from listener import urls
from listener.html import links as links_of
from listener.types import Account, Post, Reject, Visibility

MESSAGE_BYTES: Final = 5_000_000
"""Most bytes of a message that are read; attachments come last and are not looked at."""
DEPTH: Final = 100
"""Most boundaries in a message that is taken apart: nesting makes the parser slow."""

_LIST: Final = re.compile(r"<\s*([^<>\s]{1,255})\s*>")
_MACHINE: Final = re.compile(
    r"(?:.*[._+-])?(?:no-?reply|do-?not-?reply|notifications?|mailer-daemon|bounces?)(?:[._+-].*)?"
)


@dataclass(frozen=True, slots=True)
class Source:
    """Where a message was found, and what that says about it."""

    platform: str
    visibility: Visibility | None = None
    """None: look whether it went to a list."""
    community: str | None = None
    is_escaped: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """A message as it came, and when the place it was found in took it."""

    body: bytes
    at: datetime | None = None
    name: str = ""
    """Where it is, for people: `message 7`."""


def read_all(found: Iterable[Found], source: Source) -> tuple[tuple[Post, ...], tuple[Reject, ...]]:
    """Read messages, the first of each id; one that cannot be read is put aside."""
    posts: dict[str, Post] = {}
    rejects: list[Reject] = []
    for one in found:
        try:
            for post in read(one, source):
                posts.setdefault(post.native_id, post)
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError, RecursionError, LookupError) as error:
            sample = one.body[:2_000].decode("utf-8", "replace")
            rejects.append(Reject(None, f"{one.name} could not be read ({type(error).__name__})", sample))
    return tuple(posts.values()), tuple(rejects)


def read(found: Found, source: Source) -> Iterator[Post]:
    """Read one message: a post, or as many as an alert lists."""
    message = _parsed(found.body)
    plain, html = bodies.parts(message)
    native_id = next(iter(ids(message, "message-id")), None) or _made_id(message, plain or html or "")
    post = _post(message, found, source, native_id)
    sender = post.account.native_id if post.account else ""
    about = notices.read(sender, plain, html)
    words = bodies.said(plain, html, is_escaped=source.is_escaped)
    if not about:
        yield replace(post, text=words, links=_links(words, html))
        return
    for number, notice in enumerate(about):
        yield replace(
            post,
            native_id=native_id if len(about) == 1 else f"{native_id}#{number + 1}",
            kind="post",  # services write each notice as a reply to the one before
            in_reply_to=None,
            thread=None,
            url=notice.url,
            title=notice.title or post.title,
            text=notices.without_tokens(words) if notice.text is None else notice.text,
            links=tuple(link for link in notice.links if link != notice.url),
        )


def _parsed(body: bytes) -> Message:
    """Take a message apart; of one that is nested beyond reason, read the head only."""
    if body.count(b"boundary") <= DEPTH:
        try:
            return BytesParser().parsebytes(body)
        except RecursionError:
            pass
    return BytesHeaderParser().parsebytes(body)


def _post(message: Message, found: Found, source: Source, native_id: str) -> Post:
    parents, before = ids(message, "in-reply-to"), ids(message, "references")
    parent = parents[0] if parents else before[-1] if before else None
    listed = _LIST.search(raw(message, "list-id"))
    return Post(
        source.platform,
        native_id,
        url=_archived(message),
        account=_account(message, source.platform),
        kind="reply" if parent else "post",
        title=text(message, "subject") or None,
        lang=_lang(message),
        published_at=_date(message, found.at),
        in_reply_to=parent,
        thread=before[0] if before else parent or native_id,
        tags=tuple(tag.strip() for tag in text(message, "keywords").split(",") if tag.strip()),
        community=source.community or (listed[1].lower() if listed else None),
        visibility=source.visibility or ("public" if _is_list(message) else "private"),
    )


def _account(message: Message, platform: str) -> Account | None:
    name, mail_address = address(message, "from")
    said, hidden = address(message, "x-original-from")
    if hidden:  # a list that writes itself as the sender
        name, mail_address = said, hidden
    if not name and not mail_address:
        return None
    is_machine = _MACHINE.fullmatch(mail_address.partition("@")[0]) is not None
    is_sent_by_one = raw(message, "auto-submitted").lower().partition(";")[0].strip() not in ("", "no")
    return Account(
        platform,
        mail_address or name,
        handle=mail_address or None,
        name=name or None,
        is_bot=True if is_machine or is_sent_by_one else None,
        opted_out=raw(message, "x-no-archive").lower().startswith("yes") or raw(message, "archive").lower() == "no",
    )


def _date(message: Message, taken_at: datetime | None) -> datetime | None:
    """Give the author's date where it names a zone, else when a server took the message in."""
    claimed, is_zoned = moment(raw(message, "date"))
    if claimed is not None and is_zoned:
        return claimed
    for name in ("injection-date", "nntp-posting-date"):
        taken_at = taken_at or moment(raw(message, name))[0]
    return claimed or taken_at if taken_at is None or claimed is None else _nearer(claimed, taken_at)


def _nearer(claimed: datetime, taken_at: datetime) -> datetime:
    """Believe a date without a zone only where it is within a day of when the message was taken in."""
    return claimed if abs((claimed - taken_at).total_seconds()) < 86_400 else taken_at


def _archived(message: Message) -> str | None:
    value = raw(message, "archived-at").strip("<> ")
    return urls.safe(value) if value.startswith("https://") else None


def _is_list(message: Message) -> bool:
    """Tell whether a message in a file went to a list: it can be posted to, or the list's archive wrote the file."""
    posts_to = raw(message, "list-post").lower()
    is_of_archive = " at " in raw(message, "from").partition("(")[0] and not raw(message, "received")
    return posts_to not in ("", "no") or is_of_archive


def _lang(message: Message) -> str | None:
    value = raw(message, "content-language").partition(",")[0].strip().lower()
    return value or None


def _links(words: str, html: str | None) -> tuple[str, ...]:
    """List the links of what the author wrote; the HTML form names them where the plain one does not."""
    written = [url for one in urls.written_in(words) if (url := urls.safe(one))]
    hidden = links_of(html, "") if html is not None and not written else ()
    return tuple(dict.fromkeys(notices.real(url) or url for url in (*written, *hidden)))


def _made_id(message: Message, body: str) -> str:
    told = "\x1f".join([*(raw(message, name) for name in ("from", "date", "subject")), body[:10_000]])
    return f"hash:{blake2b(told.encode('utf-8', 'replace'), digest_size=16).hexdigest()}"
