"""What a preset is: which page has which feed, and what a platform itself calls its posts and people."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

Rule = tuple[str, str, str]
"""A field (`guid`, `link`, `comments`, `author`, `author_url`, or `feed`: the address), a pattern, and an outcome.

The pattern must match whole. `{host}` in it stands for the feed's own host, `{name}` in the outcome too.
"""


@dataclass(frozen=True, slots=True)
class Preset:
    """One platform. `pages`: pattern over `host/path?query` and the feed's address; an empty one keeps the address."""

    platform: str
    hosts: str = ""
    """Pattern of the platform's own hosts; empty: anybody may run a server, ids hold its name."""
    pages: tuple[tuple[str, str], ...] = ()
    native_id: tuple[Rule, ...] = ()
    url: tuple[Rule, ...] = ()
    """The post's own page, where `link` is something else."""
    account: tuple[Rule, ...] = ()
    handle: tuple[Rule, ...] = ()
    community: tuple[Rule, ...] = ()
    preamble: str = ""
    """What the platform puts before every text."""
    noise: str = ""
    """What it adds at the end."""
    own_links: str = ""
    """Links and pictures that belong to the platform's frame, not to the post."""
    mention: tuple[str, str] = ("", "")
    """A link that mentions somebody, and whom."""
    is_plain: bool = False
    """Texts are plain although the feed does not say so."""
    updates_are_edits: bool = True
    """False: the platform calls any activity an update."""
    replies: str = ""
    """Pattern of the native ids of replies."""
    thread: tuple[Rule, ...] = ()
    unwrap: str = ""
    """The query parameter that holds the real address of a link."""
    slot_s: float | None = None


def apply(rules: tuple[Rule, ...], fields: Mapping[str, str | None], host: str) -> str | None:
    """Give the outcome of the first rule that matches; None: none does."""
    for field, pattern, outcome in rules:
        value = fields.get(field)
        if value and (match := compiled(pattern, host).fullmatch(value)):
            return match.expand(outcome.replace("{name}", host))
    return None


@lru_cache(maxsize=1_024)
def compiled(pattern: str, host: str) -> re.Pattern[str]:
    """Compile a pattern for one host."""
    return re.compile(pattern.replace("{host}", re.escape(host)), re.DOTALL)
