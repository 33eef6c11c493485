"""First configurations: the starter, and the one made of three answers.

Addresses and explanations are data beside this file; what users type is quoted, never trusted.
"""

import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from string import Formatter
from typing import Any, Final
from urllib.parse import quote

from listener import limits
from listener.config.sections import is_line_break
from listener.errors import ListenerError

TOPICS: Final = 20
TOPIC_LENGTH: Final = 60
QUESTIONS: Final = "Questions"
PEOPLE: Final = "People"
"""Folders of the feeds made from answers."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What `listener init` asked; every answer may be empty."""

    offer: str = ""
    """What the user offers, in a sentence."""
    know: str = ""
    """Topics that they know and others ask about, commas between."""
    listen_to: tuple[str, ...] = ()
    """Whatever one may paste as a feed."""


@dataclass(frozen=True, slots=True)
class _Entry:
    url: str
    title: str | None = None
    folder: str | None = None


def starter() -> str:
    """Give a configuration with feeds that need no key."""
    return f"{_data('head.toml')}\n{_data('feeds.toml')}"


def demo(store: str) -> str:
    """Give a configuration that keeps the sample day apart, in the file `store` beside it."""
    return (
        f"# The demo: an invented day, in a store of its own. To leave it, delete this file and {store} beside it.\n\n"
        f"[store]\nurl = {_quoted(store)}\n"
    )


def from_answers(answers: Answers) -> str:
    """Give a configuration with a goal made of the offer, question feeds for each topic, and the named feeds.

    Who listens to nobody yet gets the starter's feeds. Raise ListenerError for an address that is too long.
    """
    offer = _line(answers.offer)[: limits.TITLE_BYTES]
    questions = list(_questions(_topics(answers.know)))
    people = [_Entry(_pasted(text), folder=PEOPLE) for text in answers.listen_to if _line(text)]
    parts = [_data("head.toml")]
    if offer:
        parts.append(_goal(offer))
    if questions:
        parts.append("# Where people ask about what you know. An answer is the best opening there is.\n")
    parts.extend(_sections(questions))
    heading = "Who you listen to." if people else "Feeds to begin with; put your own people in their place."
    parts.append(f"# {heading}\n")
    known = {entry.url for entry in questions}
    parts.extend(_sections(entry for entry in people or _starter_feeds() if entry.url not in known))
    return "\n".join(parts)


def _goal(offer: str) -> str:
    text = _quoted(offer)
    return (
        "# What you want to reach, in your own words. Posts that you would want to see teach it best: put some into\n"
        "# `examples`, words that speak for a post into `words`, against it into `avoid`.\n\n"
        f'[[goals]]\nname = "What I offer"\nsentence = {text}\noffers = [{text}]\n'
        "examples = []\nwords = []\navoid = []\n"
    )


def _sections(entries: Iterable[_Entry]) -> Iterator[str]:
    # A feed given twice is an error of the configuration, and people do paste twice.
    for entry in {entry.url: entry for entry in entries}.values():
        keys = {"url": entry.url, "title": entry.title, "folder": entry.folder}
        lines = [f"{key} = {_quoted(value)}" for key, value in keys.items() if value]
        yield "\n".join(["[[feeds]]", *lines, ""])


def _starter_feeds() -> Iterator[_Entry]:
    for feed in tomllib.loads(_data("feeds.toml"))["feeds"]:
        yield _Entry(feed["url"], feed["title"], feed["folder"])


def _topics(text: str) -> list[str]:
    topics = (_line(part)[:TOPIC_LENGTH].strip() for part in re.split(r"[,;\n]", text))
    return list(dict.fromkeys(topic for topic in topics if topic))[:TOPICS]


def _questions(topics: list[str]) -> Iterator[_Entry]:
    places = tomllib.loads(_data("places.toml"))
    for topic in topics:
        forms = _forms(topic)
        for place in (_site(places["sites"], topic), *places["each"]):
            yield from _filled(place, forms)
    if topics:
        together = {"words": ", ".join(topics), "any": quote(" OR ".join(f'"{topic}"' for topic in topics))}
        for place in places["once"]:
            yield from _filled(place, together)


def _site(sites: list[dict[str, Any]], topic: str) -> dict[str, Any]:
    """Find the question site of a topic; the last one, without subjects, takes any."""
    words = f" {re.sub(r'[^a-z0-9]+', ' ', topic.lower())} "
    return next((site for site in sites if any(f" {subject} " in words for subject in site["subjects"])), sites[-1])


def _forms(topic: str) -> dict[str, str]:
    tag = re.sub(r"[^a-z0-9+#.]+", "-", topic.lower()).strip("-.")
    hashtag = "".join(re.findall(r"\w", topic))
    return {
        "words": topic,
        "query": quote(topic, safe=""),
        "tag": quote(tag, safe="") if topic.isascii() and re.search("[a-z]", tag) else "",
        "hashtag": "" if len(hashtag) < 2 or hashtag.isdecimal() else hashtag,
    }


def _filled(place: Mapping[str, str], forms: Mapping[str, str]) -> Iterator[_Entry]:
    needed = {name for _, name, _, _ in Formatter().parse(place["url"]) if name}
    if all(forms[name] for name in needed):
        url = place["url"].format_map(forms)
        if len(url.encode()) <= limits.URL_BYTES:
            yield _Entry(quote(url, safe="%/:?=&#+"), place["title"].format_map(forms)[: limits.TITLE_BYTES], QUESTIONS)


def _pasted(text: str) -> str:
    line = _line(text)
    if len(line.encode()) > limits.URL_BYTES:
        raise ListenerError(f"{line[:60]}… is longer than {limits.URL_BYTES} characters and no feed's address")
    return line


def _line(text: str) -> str:
    return " ".join("".join(" " if is_line_break(character) else character for character in text).split())


def _quoted(text: str) -> str:
    # A JSON string is a TOML string once control characters are gone, which `_line` took care of.
    return json.dumps(text, ensure_ascii=False)


def _data(name: str) -> str:
    return files(__name__).joinpath(name).read_text(encoding="utf-8")
