"""What the author of a message wrote: no quotes, no signature, no footer. No I/O."""

import re
from collections.abc import Iterator
from email.message import Message
from typing import Final

from connectors.mail.headers import decoded_bytes
from listener.html import to_text

PARTS: Final = 200
SHORT_CHARS: Final = 40
"""A plain text shorter than this beside an HTML one says only "see the HTML"."""
LINES: Final = 20_000
SIGNATURE_LINES: Final = 10

_QUOTE: Final = re.compile(r"[ \t]?>")
_WROTE: Final = re.compile(
    r"\b(?:wrote|writes|said|schrieb|a écrit|escribió|ha scritto|escreveu|schreef|skrev|napisał)\b[^:]{0,120}:$"
    r"|(?:<[^<>]{3,100}>|[\w.+-]{1,60} at [\w.-]{3,60}|[\w.+-]{1,60}@[\w.-]{3,60})[>)]?:$"
)
_BEGINS: Final = re.compile(r"(?:On|Am|Le|El|Il|Em|Op|Den|Dnia|Yesterday|Today|\d{1,4}[-./])\b|\*?On\b")
_ORIGINAL: Final = re.compile(
    r"-{3,}\s*(?:original message|original-nachricht|ursprüngliche nachricht|message d'origine|mensaje original"
    r"|forwarded message|next part)\s*-{3,}",
    re.IGNORECASE,
)
_RULE: Final = re.compile(r"[_=-]{30,}\s*")
_FOOTER: Final = re.compile(r"mailing list|listinfo|unsubscribe|to view this discussion|google groups", re.IGNORECASE)
_OLD_FROM: Final = re.compile(r"\*?(?:From|Von|De|Da|Van):\*? .+")
_OLD_DATE: Final = re.compile(r"\*?(?:Sent|Date|To|Gesendet|Datum|An|Envoyé|À|Enviado|Para|Inviato|Verzonden):\*? .+")
_CITED: Final = re.compile(r'<(?:div|blockquote)\b[^>]{0,300}(?:gmail_quote|type="?cite|moz-cite-prefix|divRplyFwdMsg)')
_FILLER: Final = re.compile("(?:[\u034f\u200b-\u200d\u00ad\ufeff][^\\S\n]*){3,}")


def parts(message: Message) -> tuple[str | None, str | None]:
    """Find the plain text and the HTML of a message; None: it has none. Attachments are not looked at."""
    plain = html = None
    for part in _inline(message):
        kind = part.get_content_type()
        if kind == "text/plain" and not (plain or "").strip():
            plain = _plain(part)
        elif kind == "text/html" and html is None:
            html = _decoded(part)
    return plain, html


def said(plain: str | None, html: str | None, *, is_escaped: bool = False) -> str:
    """Give what the author wrote themselves; of two forms, the plain one where it says anything.

    `is_escaped`: the file writes `>From` where a line begins with `From`.
    """
    if html is not None and len((plain or "").strip()) < SHORT_CHARS:
        found = to_text(_CITED.split(html, maxsplit=1)[0])
        plain = found if found.strip() else plain
    lines = _FILLER.sub(" ", plain or "").replace("\r\n", "\n").replace("\r", "\n").split("\n")[:LINES]
    if is_escaped:
        lines = [line[1:] if line.startswith(">From ") else line for line in lines]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(_unquoted(lines[: _end(lines)]))).strip()


def _inline(message: Message) -> Iterator[Message]:
    waiting, seen = [message], 0
    while waiting and seen < PARTS:
        part, seen = waiting.pop(0), seen + 1
        inner = part.get_payload()
        if part.get_content_disposition() == "attachment" or part.get_content_type() == "message/rfc822":
            continue
        if isinstance(inner, list):
            waiting[:0] = [one for one in inner if isinstance(one, Message)]
        else:
            yield part


def _decoded(part: Message) -> str:
    try:
        body = part.get_payload(decode=True)
    except (ValueError, LookupError, TypeError):
        body = None
    if not isinstance(body, bytes):
        return str(part.get_payload())
    return decoded_bytes(body, part.get_content_charset())


def _plain(part: Message) -> str:
    text = _decoded(part).replace("\r\n", "\n")
    if str(part.get_param("format") or "").lower() != "flowed":
        return text
    return _flowed(text, deletes_space=str(part.get_param("delsp") or "").lower() == "yes")


def _flowed(text: str, *, deletes_space: bool) -> str:
    """Join the lines of a paragraph. Source: RFC 3676, section 4."""
    lines: list[str] = []
    held: list[str] = []
    depth = 0
    for line in text.split("\n"):
        quotes = len(line) - len(line.lstrip(">"))
        content = line[quotes:]
        content = content[1:] if content.startswith(" ") else content
        if held and quotes != depth:
            lines.append(">" * depth + " " * bool(depth) + "".join(held))
            held = []
        depth = quotes
        is_open = content.endswith(" ") and content != "-- "
        held.append(content[:-1] if is_open and deletes_space else content)
        if not is_open:
            lines.append(">" * depth + " " * bool(depth) + "".join(held))
            held = []
    return "\n".join([*lines, ">" * depth + "".join(held)] if held else lines)


def _end(lines: list[str]) -> int:
    """Find where the author's own words end: a signature, a footer, an older message below."""
    last = len(lines)
    while last and not lines[last - 1].strip():
        last -= 1
    for number, line in enumerate(lines[:last]):
        following = lines[number + 1 : number + 4]
        if line == "-- " or (line.rstrip() == "--" and last - number <= SIGNATURE_LINES):
            return number
        if _ORIGINAL.match(line):
            return number
        if _RULE.fullmatch(line) and any(_FOOTER.search(one) or _OLD_FROM.match(one) for one in following):
            return number
        if _OLD_FROM.match(line) and any(_OLD_DATE.match(one) for one in following[:2]):
            return number
    return last


def _unquoted(lines: list[str]) -> list[str]:
    kept: list[str] = []
    was_quote = False
    for line in lines:
        is_quote = _QUOTE.match(line) is not None
        if is_quote and not was_quote:
            _drop_attribution(kept)
        if not is_quote:
            kept.append(line)
        was_quote = is_quote
    return kept


def _drop_attribution(kept: list[str]) -> None:
    """Drop `On Monday Ada wrote:` above a quote; it may run over three lines."""
    end = len(kept)
    while end and not kept[end - 1].strip():
        end -= 1
    if not end or not kept[end - 1].rstrip().endswith(":"):
        return
    for count in (1, 2, 3):
        some = kept[max(end - count, 0) : end]
        joined = " ".join(line.strip() for line in some)
        if not some[0].strip():
            return
        if _WROTE.search(joined) and (_BEGINS.match(joined) or count == 1):
            more = kept[max(end - count - 1, 0) : end - count]
            if count < 3 and not _BEGINS.match(joined) and more and _BEGINS.match(more[0].strip()):
                continue
            del kept[end - len(some) :]
            return
