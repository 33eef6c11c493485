"""The page about queries shows what can be typed: each example is read and asked, and the wrong one is wrong."""

import re
from contextlib import closing

import pytest

from docs import generate
from listener import terms
from listener.errors import QueryError
from listener.query import CHARS, DEPTH, TERMS, parse, unparse
from listener.store import Given, querying
from listener.store.connections import connect
from tests import query_world

PAGE = (generate.FOLDER / "queries.md").read_text()
EXAMPLES = re.findall(r"^\| `([^`]+)` \|", PAGE, re.MULTILINE)
ASIDE = [
    text
    for text in re.findall(r"`([^`\n]+)`", PAGE)
    if re.match(r"-?\w+:\S", text) and not text.startswith(("in:", "hxxps"))
]


@pytest.fixture(scope="module")
def connection(tmp_path_factory):
    path = tmp_path_factory.mktemp("queries") / "store.db"
    query_world.build(path)
    with closing(connect(path)) as opened:
        yield opened


@pytest.mark.parametrize("text", dict.fromkeys([*EXAMPLES, *ASIDE, PAGE.split("```")[1].strip()]))
def test_an_example_can_be_asked(connection, text):
    query = parse(text)
    assert querying.find(connection, query, Given(query_world.NOW), budget_s=30).complete
    assert parse(unparse(query)) == query


def test_the_page_shows_every_field_and_every_choice():
    shown = {(leaf.name, value) for text in [*EXAMPLES, *ASIDE] for leaf in terms.leaves(parse(text))
             if isinstance(leaf, terms.Field) for value in leaf.values}  # fmt: skip
    assert [name for name in terms.FIELDS if f"{name}:" not in PAGE] == []
    for name, choices in terms.CHOICES.items():
        if name in ("has", "is"):
            missing = {(name, choice) for choice in choices if choice not in terms.CHOICES["label"]} - shown
            assert not missing


def test_the_wrong_example_is_pointed_at_as_it_is_shown():
    shown = PAGE.split("## What is wrong")[1].split("```")[1].strip("\n")
    with pytest.raises(QueryError) as caught:
        parse(shown.splitlines()[0])
    assert f"{caught.value.caret()}\nlistener: {caught.value}" == shown


def test_the_limits_are_those_of_the_parser():
    assert f"{CHARS:,} characters, {TERMS} words and values, and {DEPTH} groups" in PAGE
