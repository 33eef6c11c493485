"""Markdown as people write it in posts: to plain text, and to its links. No I/O; time linear in its length."""

import html
import re
from typing import Final

from listener import urls

LONGEST: Final = 200_000
"""What comes after these characters is not read."""

# Every repetition is bounded, so that no text can make one of these slow.
_FENCE: Final = re.compile(r"^ {0,3}(?:```|~~~)[^\n]*$", re.MULTILINE)
_IMAGE: Final = re.compile(r"!\[([^\[\]\n]{0,500})\]\(\s{0,3}<?([^\s()<>]{1,2000})>?(?:\s[^()\n]{0,300})?\)")
_LINK: Final = re.compile(
    r"(?<!!)\[([^\[\]\n]{1,500})\]\(\s{0,3}<?([^\s()<>]{1,2000}(?:\([^\s()<>]{0,200}\)[^\s()<>]{0,500})?)>?"
    r"(?:\s[^()\n]{0,300})?\)"
)
_AUTO: Final = re.compile(r"<(https?://[^\s<>]{1,2000})>")
_BARE: Final = re.compile(r"(?<![\w(<\"'])https?://[^\s<>\"'\]]{1,2000}")
_HEAD: Final = re.compile(r"^ {0,3}#{1,6}[ \t]{1,9}(.{1,1000}?)(?:[ \t]{1,9}#{1,6})?[ \t]{0,9}$", re.MULTILINE)
_QUOTE: Final = re.compile(r"^(?: {0,3}>){1,5} ?", re.MULTILINE)
_RULE: Final = re.compile(r"^ {0,3}(?:[-*_]\s{0,3}){3,20}$", re.MULTILINE)
_ITEM: Final = re.compile(r"^( {0,20})[*+-]\s+", re.MULTILINE)
_SPOILER: Final = re.compile(r"^:::[ \t]{0,9}(?:spoiler[ \t]{0,9})?", re.MULTILINE)
_STRONG: Final = re.compile(r"(?<![\w*])(\*{1,3})(?=\S)([^*\n]{1,1000}?)(?<=\S)\1(?![\w*])")
_UNDERLINED: Final = re.compile(r"(?<![\w_])(_{1,3})(?=\S)([^_\n]{1,1000}?)(?<=\S)\1(?![\w_])")
_STRUCK: Final = re.compile(r"~~(?=\S)([^~\n]{1,1000}?)~~")
_CODE: Final = re.compile(r"(`{1,3})([^`\n]{1,1000})\1")
_ESCAPED: Final = re.compile(r"\\([\\`*_{}\[\]()#+\-.!~>|])")
_BLANKS: Final = re.compile(r"\n{3,}")


def to_text(markdown: str) -> str:
    """Read Markdown as plain text: links become their words, list items begin with "- ", code stays as it is."""
    text = markdown[:LONGEST].replace("\r\n", "\n").replace("\r", "\n")
    parts = _FENCE.split(text)  # flowing text and code in turn
    flowing = [part if number % 2 else _flow(part) for number, part in enumerate(parts)]
    return _BLANKS.sub("\n\n", "".join(flowing)).strip()


def links(markdown: str, base: str) -> tuple[str, ...]:
    """List the http and https addresses in order, each once; images are no links."""
    text = markdown[:LONGEST]
    places: list[tuple[int, str]] = [(match.start(), match[2]) for match in _LINK.finditer(text)]
    places += [(match.start(), match[1]) for match in _AUTO.finditer(text)]
    places += [(match.start(), match[0].rstrip(".,;:!?)*_")) for match in _BARE.finditer(text)]
    found = (urls.join(base, url) for _, url in sorted(places))
    return tuple(dict.fromkeys(url for url in found if url is not None))


def images(markdown: str) -> tuple[tuple[str, str], ...]:
    """List the images: address and description."""
    return tuple((match[2], match[1]) for match in _IMAGE.finditer(markdown[:LONGEST]))


def _flow(text: str) -> str:
    for pattern, replacement in (
        (_SPOILER, ""),
        (_RULE, ""),
        (_QUOTE, ""),
        (_HEAD, r"\1"),
        (_ITEM, r"\1- "),
        (_IMAGE, r"\1"),
        (_LINK, r"\1"),
        (_AUTO, r"\1"),
        (_STRONG, r"\2"),
        (_STRONG, r"\2"),
        (_UNDERLINED, r"\2"),
        (_STRUCK, r"\1"),
        (_CODE, r"\2"),
        (_ESCAPED, r"\1"),
    ):
        text = pattern.sub(replacement, text)
    return html.unescape(text)
