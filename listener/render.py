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

from listener import evidence, urls
from listener.briefing import Briefing, PostItem, Served, StoryItem
from listener.excerpts import ago, author_of, excerpt, probabilities
from listener.types import LABELS, Label, Mark, Opinion, StoredPost
from listener.wording import (
    about,
    also,
    ending,
    heading,
    headline,
    is_weak,
    links,
    plain,
    post_and_voices,
    sections,
    voice,
)

if TYPE_CHECKING:
    from datetime import datetime

    from jinja2 import Environment
    from rich.console import Console

__all__ = [
    "ago",
    "as_json",
    "evidence_json",
    "html",
    "markdown",
    "plain",
    "post_detail",
    "post_json",
    "post_row",
    "text",
]

COLOURS: Final[Mapping[Label, str]] = {"lead": "green", "question": "yellow", "news": "blue"}
ROW_WORDS: Final = 24
NUMBERS: Final = "The numbers are for: listener show, done, star, snooze, undo or label NUMBER"

_MARKDOWN: Final = re.compile(r"([\\`*_{}\[\]|~])|^(?=[#+=-])|^(\d{1,9})(?=[.)])")


# The terminal


def text(briefing: Briefing, console: "Console") -> None:
    """Print a briefing; the end says what its numbers are for."""
    console.print(Text(heading(briefing), style="bold"))
    for title, items in sections(briefing):
        console.print(Text(f"\n{title}", style="bold cyan"))
        for item in items:
            _print_item(item, console)
    console.print()
    for line in ending(briefing):
        console.print(Text(line, style="dim"))
    if sections(briefing):
        console.print(Text(NUMBERS, style="dim"))


def _print_item(item: StoryItem | PostItem, console: "Console") -> None:
    post, voices = post_and_voices(item)
    rows = [Text(headline(post), style="bold"), Text(about(post), style="dim")]
    if post.text:
        rows.append(Text(plain(post.text)))
    if voices:
        rows.append(Text(also(voices), style="dim"))
    margin = Text(f"{post.post_id:>6}  ", style="bold")
    for line in (line for row in rows for line in row.wrap(console, max(console.width - len(margin), 20))):
        line.rstrip()
        console.print(Text.assemble(margin, line), soft_wrap=True)
        margin = Text(" " * len(margin))
    for url in links(post.url, *post.links):  # never broken, so that it can be clicked and copied
        console.print(Text.assemble(margin, (url, "blue")), soft_wrap=True)


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
    for title, items in sections(briefing):
        out.append(f"## {title}")
        out.extend(_marked_entry(item) for item in items)
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


def _marked_entry(item: StoryItem | PostItem) -> str:
    post, voices = post_and_voices(item)
    rows = [f"**{_marked_link(headline(post), post.url)}**", _marked(about(post))]
    if post.text:
        rows.append(_marked(post.text))
    rows.extend(_marked_link(url, url) for url in links(*post.links))
    if voices:
        rows.append("also: " + ", ".join(_marked_link(voice(one), one.url) for one in voices))
    return "  \n".join(rows)


# HTML


def html(briefing: Briefing) -> str:
    """Write a briefing as one HTML page that loads nothing and runs nothing."""
    style = Markup(_templates().get_template("briefing.css").render())  # noqa: S704 our own file, no text of others
    return (
        _templates()
        .get_template("briefing.html")
        .render(
            heading=heading(briefing),
            sections=[(title, [post_and_voices(item) for item in items]) for title, items in sections(briefing)],
            ending=ending(briefing),
            style=style,
            style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        )
    )


def _each_link(candidates: Iterable[str]) -> tuple[str, ...]:
    return links(*candidates)


@lru_cache(maxsize=1)
def _templates() -> "Environment":
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("listener"), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    environment.filters |= {"plain": plain, "safe_url": urls.safe, "links": _each_link}
    environment.globals |= {"about": about, "headline": headline, "voice": voice}
    return environment


# JSON


def as_json(briefing: Briefing) -> dict[str, object]:
    """Give a briefing as plain values; times are ISO 8601."""
    return {
        "now": briefing.now.isoformat(),
        "since": briefing.since.isoformat(),
        "minutes": briefing.minutes,
        "seconds": round(briefing.seconds, 1),
        "words": briefing.words,
        "seen": briefing.seen,
        "stories": [_story_json(item) for item in briefing.stories],
        "leads": [_item_json(item) for item in briefing.leads],
        "questions": [_item_json(item) for item in briefing.questions],
        "left_out": [{"what": left.what, "reason": left.reason, "count": left.count} for left in briefing.left_out],
        "sources_failing": list(briefing.sources_failing),
    }


def post_json(stored: StoredPost) -> dict[str, object]:
    """Give a post as listings print it, one object a line."""
    post = stored.post
    return {
        "id": stored.id,
        "platform": post.platform,
        "native_id": post.native_id,
        "url": urls.safe(post.url),
        "author": author_of(stored),
        "title": post.title,
        "text": post.text,
        "lang": post.lang,
        "published_at": post.published_at.isoformat() if post.published_at else None,
        "feeds": list(stored.feeds),
        "labels": _labels_json(probabilities(stored)),
        "weak": is_weak(post.lang),
        "goals": {goal: round(score, 4) for goal, score in stored.goals.items()},
        "story": stored.story,
    }


def evidence_json(stored: StoredPost, marks: Sequence[Mark], served: Served | None) -> dict[str, object]:
    """Give what `show` adds to a post's JSON: why it has its labels, what the judge said, the goal that it serves."""
    said = stored.opinion
    thumbs: dict[str, bool] = {str(label): value for label, value in stored.thumbs.items()}
    thumbs |= {f"goal:{goal}": value for goal, value in stored.goal_thumbs.items()}
    return {
        "model": stored.model,
        "evidence": [_mark_json(mark) for mark in marks],
        "thumbs": thumbs,
        "judge": None if said is None else _opinion_json(said),
        "serves": _served_json(served),
    }


def _opinion_json(said: Opinion) -> dict[str, object]:
    labels = {str(label): value for label, value in said.labels.items()}
    return {"model": said.model, "labels": labels, "reason": said.reason}


def _mark_json(mark: Mark) -> dict[str, object]:
    spans = [{"field": field, "start": start, "end": end} for field, start, end in mark.spans]
    return {"label": mark.label, "text": mark.text, "weight": round(mark.weight, 3), "spans": spans}


def _served_json(found: Served | None) -> dict[str, object] | None:
    if found is None:
        return None
    return {
        "goal": found.goal,
        "relevance": round(found.relevance, 4),
        "because": list(found.because),
        "by_thumb": found.by_thumb,
    }


def _labels_json(labels: Mapping[Label, float]) -> dict[str, float]:
    return {label: round(labels[label], 4) for label in LABELS if label in labels}


def _item_json(item: PostItem) -> dict[str, object]:
    return {
        "id": item.post_id,
        "story": item.story,
        "platform": item.platform,
        "title": item.title,
        "text": item.text,
        "url": urls.safe(item.url),
        "links": list(links(*item.links)),
        "author": item.author,
        "author_url": urls.safe(item.author_url),
        "feeds": list(item.feeds),
        "at": item.at.isoformat(),
        "labels": _labels_json(item.labels),
        "why": item.why,
        "serves": _served_json(item.serves),
        "licence": item.licence,
    }


def _story_json(item: StoryItem) -> dict[str, object]:
    voices = [
        {"id": voice.post_id, "author": voice.author, "platform": voice.platform, "url": urls.safe(voice.url)}
        for voice in item.voices
    ]
    return _item_json(item.post) | {"people": item.people, "platforms": list(item.platforms), "voices": voices}
