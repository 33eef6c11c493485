"""What people see: briefings and posts for the terminal, as Markdown, HTML and JSON.

Every text is hostile: nothing is read as markup, controls and bidirectional overrides are gone, and an address that is
not http or https is no link.
"""

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from markupsafe import Markup
from rich.console import Group
from rich.text import Text

from listener import charts, evidence, urls
from listener.briefing import Briefing, Topical
from listener.excerpts import ago, author_of, excerpt, probabilities
from listener.types import Label, Mark, StoredPost
from listener.wording import Entry, ending, heading, is_weak, links, plain, sections

if TYPE_CHECKING:
    from datetime import datetime

    from jinja2 import Environment
    from rich.console import Console

__all__ = ["ago", "html", "markdown", "plain", "post_detail", "post_row", "text"]

COLOURS: Final[Mapping[Label, str]] = {"lead": "green", "question": "yellow", "news": "blue"}
ROW_WORDS: Final = 24
MARGIN: Final = 8
"""Columns for the number of a post."""
NUMBERS: Final = "The numbers are for: listener show, done, star, snooze, undo or label NUMBER"

_MARKDOWN: Final = re.compile(r"([\\`*_{}\[\]|~])|^(?=[#+=-])|^(\d{1,9})(?=[.)])")


# The terminal


def text(briefing: Briefing, console: "Console") -> None:
    """Print a briefing; the end says what its numbers are for."""
    console.print(Text(heading(briefing), style="bold"))
    found = sections(briefing)
    for title, entries in found:
        console.print(Text(f"\n{title}", style="bold cyan"))
        for entry in entries:
            _print_entry(entry, console)
    if briefing.numbers:
        console.print(Text("\nNumbers", style="bold cyan"))
        for topical in briefing.numbers:
            _print_numbers(topical, console)
    console.print()
    for line in ending(briefing):
        console.print(Text(line, style="dim"))
    if found:
        console.print(Text(NUMBERS, style="dim"))


def _print_entry(entry: Entry, console: "Console") -> None:
    rows = [(entry.head.number, Text(plain(entry.head.text), style="bold"))]
    rows += [(None, Text(plain(entry.about), style="dim"))] if entry.about else []
    rows += [(None, Text(plain(entry.text)))] if entry.text else []
    own = entry.head.number is None
    rows += [(line.number if own else None, Text(plain(line.text))) for line in entry.lines]
    if entry.also:
        rows.append((None, Text("also: " + ", ".join(plain(line.text) for line in entry.also), style="dim")))
    for number, row in rows:
        _print_row(number, row, console)
    for url in links(entry.head.url, *entry.links):  # never broken, so that it can be clicked and copied
        console.print(Text.assemble(" " * MARGIN, (url, "blue")), soft_wrap=True)


def _print_row(number: int | None, row: Text, console: "Console") -> None:
    margin = Text(f"{number:>6}  " if number is not None else " " * MARGIN, style="bold")
    for line in row.wrap(console, max(console.width - MARGIN, 20)):
        line.rstrip()
        console.print(Text.assemble(margin, line), soft_wrap=True)
        margin = Text(" " * MARGIN)


def _print_numbers(topical: Topical, console: "Console") -> None:
    numbers, name = topical.numbers, plain(topical.name)
    _print_row(None, Text(f"{name} {charts.sparks_of(numbers, console.encoding)}"), console)
    for said in _described(topical):
        _print_row(None, Text(said, style="dim"), console)


def _described(topical: Topical) -> list[str]:
    """Say in words what the charts of a topic show."""
    numbers = topical.numbers
    said = [charts.describe_trend(numbers, topical.name)]
    if numbers.labels:
        said.append(charts.describe_mix(numbers.labels, "labels"))
    if numbers.platforms:
        said.append(charts.describe_mix(numbers.platforms, "platforms"))
    return [*said, charts.describe_hours(numbers)] if any(numbers.hours) else said


def post_row(stored: StoredPost, thresholds: Mapping[Label, float], now: "datetime") -> Text:
    """Show a post in two lines: number, labels, age, author, place; then what it says."""
    post = stored.post
    row = Text(f"{stored.id:>6}  ", style="bold")
    for label, value in probabilities(stored).items():
        if value >= thresholds[label]:
            row.append(f"{label} {value:.2f}  ", style=COLOURS[label])
    facts = (ago(stored.sort_at, now), author_of(stored), post.platform, post.community)
    row.append(" · ".join(plain(part) for part in facts if part), style="dim")
    body = " — ".join(part for part in (plain(post.title or ""), excerpt(plain(post.text), ROW_WORDS)) if part)
    row.append(f"\n        {body or plain(post.url or '')}", style="not bold")
    return row


def post_detail(
    stored: StoredPost,
    feeds: Mapping[int, str],
    now: "datetime",
    marks: Sequence[Mark] = (),
    served: str | None = None,
) -> Group:
    """Show a post whole, with everything we know about it; the words that spoke for a label stand out.

    `served`: which goal it serves and why; None: there are no goals.
    """
    post = stored.post
    title, text = evidence.marked(post, marks, COLOURS)
    parts = [title] if title is not None else []
    if post.warning:
        parts.append(Text(f"Content warning: {plain(post.warning)}", style="yellow"))
    parts.extend((text, Text()))
    for name, value in _facts(stored, feeds, now, marks, served):
        parts.append(Text.assemble((f"{name:<10} ", "dim"), plain(value)))
    return Group(*parts)


def _facts(
    stored: StoredPost, feeds: Mapping[int, str], now: "datetime", marks: Sequence[Mark], served: str | None
) -> Iterable[tuple[str, str]]:
    post = stored.post
    yield "post", f"{stored.id} · {post.platform} {post.native_id}"
    if (author := author_of(stored)) is not None:
        handle = f" ({post.account.handle})" if post.account and post.account.handle not in (None, author) else ""
        yield "author", author + handle
    yield "said", f"{stored.sort_at:%Y-%m-%d %H:%M} UTC, {ago(stored.sort_at, now)}"
    for url in links(post.url, *post.links):
        yield "link", url
    for label, value in probabilities(stored).items():
        if label in stored.thumbs:
            yield label, "by your word " + ("yes" if value else "no")
        else:
            yield label, f"{value:.2f}{evidence.because(label, marks)}"
    if is_weak(post.lang):
        yield "language", f"{post.lang}: nobody measured the scores in it, take them as weak"
    if served is not None:
        yield "goal", served
    if stored.opinion is not None:
        yield "judge", evidence.opinion(stored.opinion)
    yield "feeds", ", ".join(feeds.get(feed, f"feed {feed}") for feed in stored.feeds) or "none"
    if stored.story is not None and stored.story != stored.id:
        yield "story", f"the same as post {stored.story}"
    if post.licence:
        yield "licence", post.licence


# Markdown


def markdown(briefing: Briefing) -> str:
    """Write a briefing as CommonMark; no text of others can become markup."""
    out = [f"# {_marked(heading(briefing))}"]
    for title, entries in sections(briefing):
        out.append(f"## {title}")
        out.extend(_marked_entry(entry) for entry in entries)
    if briefing.numbers:
        out.append("## Numbers")
        out.extend("  \n".join(_marked(said) for said in _described(topical)) for topical in briefing.numbers)
    out.extend(_marked(line) for line in ending(briefing))
    return "\n\n".join(out) + "\n"


def _marked(text: str) -> str:
    # Entities, not backslashes, for what would be HTML: not every Markdown reader knows `\<`.
    escaped = _MARKDOWN.sub(lambda match: f"{match[2] or ''}\\{match[1] or ''}", plain(text))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _marked_link(text: str, url: str | None) -> str:
    target = urls.safe(url)
    if target is None:
        return _marked(text)
    for char, code in (("(", "%28"), (")", "%29"), ("[", "%5B"), ("]", "%5D"), ("&", "&amp;")):
        target = target.replace(char, code)
    return f"[{_marked(text)}]({target})"


def _marked_entry(entry: Entry) -> str:
    rows = [f"**{_marked_link(entry.head.text, entry.head.url)}**"]
    rows += [_marked(part) for part in (entry.about, entry.text) if part]
    rows += [_marked_link(line.text, line.url) for line in entry.lines]
    rows += [_marked_link(url, url) for url in entry.links]
    if entry.also:
        rows.append("also: " + ", ".join(_marked_link(line.text, line.url) for line in entry.also))
    return "  \n".join(rows)


# HTML


def html(briefing: Briefing) -> str:
    """Write a briefing as one HTML page that loads nothing and runs nothing."""
    sheets = [_templates().get_template(name).render() for name in ("briefing.css", "charts.css")]
    style = Markup("\n".join(sheets))  # noqa: S704 our own files, no text of others
    return (
        _templates()
        .get_template("briefing.html")
        .render(
            heading=heading(briefing),
            parts=heading(briefing).split(" · "),
            sections=sections(briefing),
            numbers=[_drawn(topical) for topical in briefing.numbers],
            ending=ending(briefing),
            style=style,
            style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        )
    )


def _drawn(topical: Topical) -> tuple[str, list[Markup]]:
    """Draw a topic; what `charts` writes is escaped there."""
    numbers = topical.numbers
    drawn = [charts.trend(numbers, topical.name), charts.hours(numbers)]
    drawn += [charts.mix(numbers.labels, "labels"), charts.mix(numbers.platforms, "platforms")]
    return topical.name, [Markup(picture) for picture in drawn if picture]  # noqa: S704 see above


@lru_cache(maxsize=1)
def _templates() -> "Environment":
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("listener"), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    environment.filters |= {"plain": plain, "safe_url": urls.safe}
    return environment
