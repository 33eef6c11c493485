"""What a message says in each kind of text: foreign words made harmless, our link with its domain, cut to fit; pure.

Which service reads which kind is data (`connectors/channels.toml`). Mentions, tags and addresses in foreign words are
broken by a hair space: they stay readable, and every reader takes a space as their end. Zero-width signs would not
do, because the rules for domain names (UTS 46) read over them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from html import escape
from typing import Final, Literal
from urllib.parse import urlsplit

from listener import urls
from listener.alerts import Item, Message
from listener.wording import counted, plain

Kind = Literal["plain", "markdown", "line"]
"""`plain` is shown as it is, `markdown` is drawn, `line` has no line breaks."""

HAIR: Final = "\u200a"
REPEAT: Final = "Possibly a repeat: an earlier try may have arrived."
MORE: Final = "listener alerts list"
_TITLE: Final = 200
_LONGEST: Final = 2_000
"""Characters of any text that are looked at."""
_TEXTS: Final = (1_200, 600, 280, 140, 60, 0)
"""How long the texts of posts may be, tried in turn before an item is left out."""

# `@name`, `@everyone`, `<@U1>`, `<!channel>`, `<at>`, `<:x:1>`, and HTML: what begins them no longer touches the rest.
_MENTION: Final = re.compile(r"[@＠﹫<＜](?=\S)")
_SCHEME: Final = re.compile(
    r":(?=//)|(?<=mailto):|(?<=tel):|(?<=sms):|(?<=sip):|(?<=xmpp):|(?<=magnet):|(?<=data):|(?<=javascript):|(?<=tg):",
    re.IGNORECASE,
)
# A dot inside a word may be a domain's; one before a digit, a bracket or the end of a quotation is none.
_DOT: Final = re.compile(r"(?<=\S)[.。．｡](?=[^\s\d!-/:-@\[-`{-~”’»…）」』.])")
_NUMBERS: Final = re.compile(r"(?<![\d.])(\d{1,3})\.(?=\d{1,3}\.\d{1,3}\.\d{1,3}(?![\d.]))")
_MARKUP: Final = re.compile(r"[\\`*_\[\]<>#|~&^$]")
_LINE_MARKUP: Final = re.compile(r"^(?:[-+=](?=.)|\d{1,9}(?=[.)]))")
_URL_MARKUP: Final = {ord(sign): f"%{ord(sign):02X}" for sign in "*~|()[]'^$"}
_GROUPS: Final = re.compile(r"@(?=(?:everyone|here|channel|all|room|team|group|online)\b)", re.IGNORECASE)
_SENTENCE: Final = re.compile(r"[.!?…。！？](?=\s)")


@dataclass(frozen=True, slots=True)
class Form:
    """How a service wants its text."""

    kind: Kind = "plain"
    cap: int = 3_000
    """Most characters of a message."""
    in_bytes: bool = False
    """The cap counts bytes of UTF-8."""
    title: bool = False
    """It shows a title of its own, as plain text."""
    label: bool = False
    """Bare addresses stay dead there: they are written `[domain](address)`."""

    def size(self, text: str) -> int:
        """Measure a text as the service does; many count in units of UTF-16."""
        return len(text.encode("utf-8" if self.in_bytes else "utf-16-le")) // (1 if self.in_bytes else 2)


@dataclass(frozen=True, slots=True)
class Written:
    """A message as one service gets it; `title` is empty where it is the first line of `body`."""

    title: str
    body: str


def write(message: Message, form: Form) -> Written:
    """Write a message so that nothing foreign in it is active and all of it fits; what is left out is counted."""
    title = cut(foreign(message.title[:_LONGEST]), _TITLE)
    head = [] if form.title else [_marked(title, form)]
    head += [_marked(REPEAT, form)] if message.possible_repeat else []
    items = _bounded(message)
    blocks = {longest: ["\n".join(_lines(item, longest, form)) for item in items] for longest in _TEXTS}
    for count in range(len(items), 0, -1):
        if sum(map(len, blocks[0][:count])) > form.cap:
            continue
        more = message.more + len(items) - count
        end = [_marked(f"and {counted(more, 'more alert')}: {MORE}", form)] if more else []
        bodies = (_body(["\n".join(head), *blocks[longest][:count], *end], form) for longest in _TEXTS)
        fitting = next((body for body in bodies if form.size(body) <= form.cap), None)
        if fitting is not None:
            return Written(title if form.title else "", fitting)
    return Written(title if form.title else "", _least(message, form))


def html(message: Message) -> str:
    """Write a message as HTML for mail: our own tags, no address but ours, and that one under its domain."""
    form = Form()
    out = [f"<h1>{_html(message.title)}</h1>"]
    out += [f"<p>{REPEAT}</p>"] if message.possible_repeat else []
    for item in _bounded(message):
        address = link(item.url, form)
        rows = [f"<strong>{_html(item.headline)}</strong>" if item.headline else ""]
        rows += [_html(line) for line in (_about(item), item.text, _whose(item))]
        rows += [f'<a href="{escape(address)}">{escape(domain(address) or "")}</a>'] if address else []
        rows += [f"<code>{escape(plain(item.command))}</code>"] if item.command else []
        out.append(f"<p>{'<br>'.join(row for row in rows if row)}</p>")
    out += [f"<p>and {counted(message.more, 'more alert')}: <code>{MORE}</code></p>"] if message.more else []
    return "\n".join(out)


def foreign(text: str) -> str:
    """Make foreign words one line in which nothing is a mention, a tag or an address any more."""
    text = _MENTION.sub(lambda found: found[0] + HAIR, plain(text))
    text = _SCHEME.sub(":" + HAIR, text)
    text = _NUMBERS.sub(rf"\1.{HAIR}", text)
    return _DOT.sub(lambda found: found[0] + HAIR, text)


def markdown(text: str) -> str:
    """Escape what Markdown would draw, in one line."""
    text = _MARKUP.sub(lambda found: "\\" + found[0], text)
    return _LINE_MARKUP.sub(lambda found: f"\\{found[0]}" if found[0] in "-+=" else f"{found[0]}\\", text)


def link(url: str | None, form: Form) -> str | None:
    """Write an address of ours so that its domain is seen as it is; None: it may not be shown."""
    kept = urls.safe(url)
    host = domain(kept)
    if kept is None or host is None:
        return None
    parts = urlsplit(kept)
    shown = f"{parts.scheme}://{parts.netloc.lower().replace((parts.hostname or ''), host)}"
    rest = kept[len(parts.scheme) + 3 + len(parts.netloc) :]
    shown += _GROUPS.sub("%40", rest.translate(_URL_MARKUP))
    return f"[{markdown(host)}]({shown})" if form.label else shown


def domain(url: str | None) -> str | None:
    """Name the host of an address, in ASCII: letters of other scripts that look alike are seen to be others."""
    host = urlsplit(url or "").hostname
    try:
        return host.encode("idna").decode("ascii") if host and not host.isascii() else host
    except UnicodeError:
        return None


def cut(text: str, most: int) -> str:
    """Shorten a line to `most` characters: after a sentence if one ends in its second half, else between words."""
    if len(text) <= most:
        return text
    if most < 2:
        return "…"[:most]
    start = text[: most - 1]
    ends = [found.end() for found in _SENTENCE.finditer(start + " ")]
    if ends and ends[-1] >= most // 2:
        return f"{start[: ends[-1]].rstrip()[: most - 2]} …"
    words = start.rfind(" ")
    return f"{start[:words] if words >= most // 2 else start}…"


def _body(blocks: list[str], form: Form) -> str:
    text = "\n\n".join(block for block in blocks if block)
    return " · ".join(line for line in text.split("\n") if line) if form.kind == "line" else text


def _lines(item: Item, longest: int, form: Form) -> Iterator[str]:
    """Write an item's lines: what and why, the words, who and where, the link, and what may be typed."""
    if item.headline:
        yield _foreign(cut(plain(item.headline), _TITLE), form)
    yield _foreign(_about(item), form)
    if item.text and longest:
        yield _foreign(f"“{cut(plain(item.text), longest)}”", form)
    if whose := _whose(item):
        yield _foreign(cut(whose, _TITLE), form)
    address = link(item.url, form)
    if address:
        yield address
    if item.command:
        yield _marked(plain(item.command), form)


def _bounded(message: Message) -> tuple[Item, ...]:
    """Shorten what no service would show, and take away headlines that only say again what the title or reason does."""
    return tuple(
        replace(
            item,
            headline="" if item.headline in message.title or item.headline == item.reason else item.headline[:_LONGEST],
            text=item.text[:_LONGEST],
            author=item.author[:_LONGEST] if item.author else None,
            where=item.where[:_LONGEST],
        )
        for item in message.items
    )


def _about(item: Item) -> str:
    parts = (item.reason, f"for your goal {item.goal}" if item.goal else "")
    return " · ".join(plain(part) for part in parts if part)


def _whose(item: Item) -> str:
    return " · ".join(plain(part) for part in (item.author or "", item.where) if part)


def _html(text: str) -> str:
    return escape(foreign(text))


def _least(message: Message, form: Form) -> str:
    """Write what fits where not even one item does: the address whole, before it as much as there is room for."""
    item = message.items[0] if message.items else None
    address = link(item.url, form) if item else None
    if address and form.size(address) > form.cap // 2:
        address = None
    said = [] if form.title else [message.title[:_LONGEST]]
    said += [(item.headline or item.reason)[:_LONGEST]] if item else [f"{counted(message.more, 'alert')}: {MORE}"]
    said += [REPEAT] if message.possible_repeat else []
    text = plain(" · ".join(part for part in said if part))
    end = (" " if form.kind == "line" else "\n") + address if address else ""
    # What makes a text harmless makes it longer, too: so it is cut until it fits.
    for most in range(min(form.cap, len(text)), 0, -8):
        body = _foreign(cut(text, most), form) + end
        if form.size(body) <= form.cap:
            return body
    return address or "…"


def _foreign(text: str, form: Form) -> str:
    return _marked(foreign(text), form)


def _marked(text: str, form: Form) -> str:
    return markdown(text) if form.kind == "markdown" else text
