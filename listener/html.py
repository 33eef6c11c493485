"""Every piece of HTML that platforms send: to plain text, to its links, to HTML that is safe to show.

The parsing is nh3's (html5ever): what comes out of it is well formed, so what is left to do here is plain replacing.
"""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import nh3

from listener import limits, urls

MARKS: Final = 4_000
"""Most `<` and `&` parsed in one go: deep nesting and runs of `&` make the parser quadratic, so that longer input is
cut into parts (measured with nh3 0.3.8)."""
CHARACTERS: Final = 4 * limits.TEXT_BYTES
"""What comes after these is not read: no post keeps more text than a quarter of it."""

_PARAGRAPHS: Final = frozenset(
    {"p", "blockquote", "pre", "ul", "ol", "dl", "table", "h1", "h2", "h3", "h4", "h5", "h6"}
)
_LINES: Final = frozenset(
    {"br", "hr", "li", "tr", "dt", "dd", "div", "section", "article", "header", "footer", "aside", "nav", "main"}
    | {"address", "figure", "figcaption", "details", "summary", "caption", "center", "fieldset"}
)
_CELLS: Final = frozenset({"td", "th"})
_UNSEEN: Final = frozenset(
    {
        "script",
        "style",
        "template",
        "iframe",
        "object",
        "noframes",
        "noembed",
        "select",
        "svg",
        "math",
        "audio",
        "video",
    }
)
_SHOWN: Final = frozenset(
    {"a", "abbr", "b", "blockquote", "br", "cite", "code", "dd", "del", "dl", "dt", "em", "h1", "h2", "h3", "h4", "h5"}
    | {"h6", "hr", "i", "ins", "kbd", "li", "ol", "p", "pre", "q", "s", "samp", "small", "strong", "sub", "sup"}
    | {"table", "tbody", "td", "tfoot", "th", "thead", "tr", "u", "ul", "var"}
)

_TEXT: Final = nh3.Cleaner(
    tags=set(_PARAGRAPHS | _LINES | _CELLS), clean_content_tags=set(_UNSEEN), attributes={}, link_rel=None
)
_LINKS: Final = nh3.Cleaner(
    tags={"a"},
    clean_content_tags=set(_UNSEEN),
    attributes={"a": {"href"}},
    link_rel=None,
    url_schemes={"http", "https"},
    url_relative="pass_through",
)
_SAFE: Final = nh3.Cleaner(
    tags=set(_SHOWN),
    clean_content_tags=set(_UNSEEN),
    attributes={"a": {"href"}},
    link_rel="noopener noreferrer nofollow",
    url_schemes={"http", "https", "mailto"},
    url_relative="deny",
)

_TAG: Final = re.compile(r"<(/?)([a-z0-9]+)>")
_MARK: Final = re.compile("[<&]")
_PRE: Final = re.compile(r"<pre>(.*?)</pre>", re.DOTALL)
_HREF: Final = re.compile(r'<a href="([^"]*)"')
_SPACES: Final = re.compile(r"\s+")
_RUNS: Final = re.compile(r" {2,}")
_BLANKS: Final = re.compile(r"[^\S\n]+")
_EDGES: Final = re.compile(r" ?\n ?")
_EMPTY_LINES: Final = re.compile(r"\n{3,}")


def to_text(html: str) -> str:
    """Read HTML as plain text: paragraphs are parted by an empty line, list items begin with "- ".

    Never longer than `html`, never raises, time linear in its length. Text without tags keeps its line breaks.
    """
    if "<" not in html:
        return _plain("".join(_characters(_cleaned(_TEXT, part)) for part in _parts(html)) if "&" in html else html)
    text = "".join(_part_to_text(part) for part in _parts(html))
    return _EMPTY_LINES.sub("\n\n", text).strip()[: len(html)]


def links(html: str, base: str) -> tuple[str, ...]:
    """List the http and https addresses of all anchors, resolved against `base`, in order, each once."""
    if "<" not in html:
        return ()
    found: dict[str, None] = {}
    for part in _parts(html):
        for href in _HREF.findall(_cleaned(_LINKS, part)):
            url = urls.join(base, _characters(href))
            if url is not None:
                found[url] = None
    return tuple(found)


def clean(html: str) -> str:
    """Make HTML safe to show: our own tags, no attribute but the address of a link, nothing loaded from elsewhere.

    Cleaning twice gives the same as cleaning once. HTML of absurd nesting comes back as plain text.
    """
    shown = html
    for _ in range(4):  # a second parse may see what the first wrote differently; safe HTML is a fixed point
        if len(shown) > CHARACTERS or len(_MARK.findall(shown)) > MARKS:
            break
        before, shown = shown, _cleaned(_SAFE, shown)
        if shown == before:
            return shown
    return _escaped(to_text(html))


def _cleaned(cleaner: nh3.Cleaner, html: str) -> str:
    try:
        return cleaner.clean(html)
    except UnicodeEncodeError:  # lone surrogates, as JSON may carry them
        return cleaner.clean(html.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


def _parts(html: str) -> Iterator[str]:
    html = html[:CHARACTERS]
    starts = [match.start() for match in _MARK.finditer(html)][MARKS::MARKS]
    for start, end in pairwise([0, *starts, len(html)]):
        yield html[start:end]


def _part_to_text(html: str) -> str:
    cleaned = _cleaned(_TEXT, html)
    if "<pre>" not in cleaned:
        return _flow(cleaned)
    pieces = _PRE.split(cleaned)  # flowing text and preformatted text in turn
    return "".join(_preformatted(piece) if number % 2 else _flow(piece) for number, piece in enumerate(pieces))


def _flow(cleaned: str) -> str:
    folded = _SPACES.sub(" ", cleaned.replace("&nbsp;", " "))
    return _characters(_EDGES.sub("\n", _RUNS.sub(" ", _TAG.sub(_break, folded))))


def _preformatted(cleaned: str) -> str:
    return f"\n\n{_characters(_TAG.sub('', cleaned))}\n\n"


def _break(tag: re.Match[str]) -> str:
    closing, name = tag.groups()
    if name in _PARAGRAPHS:
        return "\n\n"
    if name in _CELLS:
        return " "
    if name == "li":
        return "" if closing else "\n- "
    return "\n"


def _characters(serialised: str) -> str:
    # The parser's serialiser writes these five entities and no others.
    if "&" not in serialised:
        return serialised
    text = serialised.replace("&nbsp;", " ").replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"')
    return text.replace("&amp;", "&")


def _plain(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _EMPTY_LINES.sub("\n\n", _EDGES.sub("\n", _BLANKS.sub(" ", text))).strip()


def _escaped(text: str) -> str:
    # As the parser's serialiser writes it, so that cleaning it again changes nothing.
    for char, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\xa0", "&nbsp;"), ("\r", "\n"), ("\x00", "")):
        text = text.replace(char, entity)
    return text
