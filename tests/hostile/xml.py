"""XML that attacks its reader: entity bombs and references to what lies outside (threats S6)."""

from collections.abc import Mapping
from pathlib import Path


def bombs() -> dict[str, bytes]:
    """Give documents that are small here and huge once read, by the name of the trick."""
    lol = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    deep = "".join(f'<!ENTITY d{n} "&d{n - 1};&d{n - 1};">' for n in range(1, 31))
    return {
        "billion laughs": _document(f'<!ENTITY l0 "lol">{lol}', "&l9;"),
        "laughs in an attribute": _document(f'<!ENTITY l0 "lol">{lol}', "", attribute="&l9;"),
        "quadratic blow-up": _document(f'<!ENTITY a "{"a" * 50_000}">', "&a;" * 50_000),
        "doubling thirty times": _document(f'<!ENTITY d0 "dd">{deep}', "&d30;"),
        "parameter entities": _document("<!ENTITY % p \"<!ENTITY q 'qqqqqqqqqq'>\">%p;", "&q;" * 1_000),
        "an entity that holds itself": _document('<!ENTITY a "&b;"><!ENTITY b "&a;">', "&a;"),
        "a default attribute": _document(f'<!ATTLIST outline text CDATA "{"x" * 100_000}">', "<outline/>" * 10_000),
    }


def external(target: str) -> dict[str, bytes]:
    """Give documents that make a careless reader open `target` (a file: or http: URL)."""
    return {
        "external entity": _document(f'<!ENTITY x SYSTEM "{target}">', "&x;"),
        "public external entity": _document(f'<!ENTITY x PUBLIC "-//x//y" "{target}">', "&x;"),
        "external parameter entity": _document(f'<!ENTITY % x SYSTEM "{target}">%x;', ""),
        "external document type": f'<?xml version="1.0"?><!DOCTYPE opml SYSTEM "{target}">{_opml("")}'.encode(),
        "unparsed entity and notation": _document(
            f'<!NOTATION n SYSTEM "{target}"><!ENTITY x SYSTEM "{target}" NDATA n>', ""
        ),
    }


def canary(folder: Path) -> tuple[Path, str]:
    """Make a file that nobody may read and the sentence in it."""
    secret = "the canary sings at midnight"
    path = folder / "canary.txt"
    path.write_text(secret)
    return path, secret


def attacks(target: str) -> Mapping[str, bytes]:
    """Give all twelve."""
    return {**bombs(), **external(target)}


def _document(declarations: str, content: str, attribute: str = "x") -> bytes:
    return f'<?xml version="1.0"?><!DOCTYPE opml [{declarations}]>{_opml(content, attribute)}'.encode()


def _opml(content: str, attribute: str = "x") -> str:
    feed = f'<outline type="rss" text="{attribute}" xmlUrl="https://example.org/feed"/>'
    return f'<opml version="2.0"><head><title>{content}</title></head><body>{feed}</body></opml>'
