"""One query means the same on every engine, and what it says: three hundred posts, asked plainly beside."""

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from listener import terms
from listener.query import parse
from listener.store import Given, Part, querying, querying_pg
from listener.store.connections import connect
from listener.store.rows import ms
from listener.store.search import TOKENIZER
from listener.store.words import cut
from listener.terms import Words
from tests import postgres, query_world
from tests.query_trees import trees
from tests.query_world import NOW

GIVEN = Given(NOW, ZoneInfo("Pacific/Auckland"), {"lead": 0.3, "question": 0.15, "news": 0.5})

EXAMPLES = (Path(__file__).parent / "data" / "queries.txt").read_text().splitlines()


class OnSqlite:
    def __init__(self, connection):
        self.connection = connection

    def find(self, query, limit=None, **span):
        found = querying.find(self.connection, query, GIVEN, limit=limit, budget_s=60, **span)
        assert found.complete
        return list(found.ids)

    def among(self, query, ids):
        return querying.matching(self.connection, query, GIVEN, ids)

    def parts(self, query, post):
        return querying.parts(self.connection, query, GIVEN, post)


class OnPostgres:
    def __init__(self, cursor):
        self.cursor = cursor

    def find(self, query, limit=None, **span):
        return querying_pg.find(self.cursor, query, GIVEN, limit=limit, **span)

    def among(self, query, ids):
        return querying_pg.find(self.cursor, query, GIVEN, limit=None, among=ids)

    def parts(self, query, post):
        return querying_pg.parts(self.cursor, query, GIVEN, post)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("world") / "store.db"


@pytest.fixture(scope="module")
def world(path):
    return query_world.build(path)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def engine(request, path, world):
    with closing(connect(path)) as connection:
        if request.param == "sqlite":
            yield OnSqlite(connection)
            return
        with postgres.serving() as address:
            import psycopg

            with psycopg.connect(address, autocommit=True) as pg:
                postgres.copied(connection, pg.cursor())
                yield OnPostgres(pg.cursor())


def test_there_are_examples_of_everything():
    assert len(EXAMPLES) > 150
    text = " ".join(EXAMPLES)
    assert [name for name in terms.FIELDS if f"{name}:" not in text] == []


def test_the_examples_tell_posts_apart(world):
    """An example that finds nothing or all proves little."""
    counts = [len(query_world.find(world, parse(text), GIVEN)) for text in EXAMPLES]
    assert sum(0 < count < len(world.posts) for count in counts) > 0.8 * len(counts)


@pytest.mark.parametrize("text", EXAMPLES)
def test_an_example_finds_what_it_says(world, engine, text):
    query = parse(text)
    plain = query_world.find(world, query, GIVEN)
    assert engine.find(query) == plain
    assert engine.find(query, 7) == plain[:7]
    half = [post.id for post in world.posts][::2]
    assert engine.among(query, half) == [number for number in plain if number in half]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=trees())
def test_any_tree_finds_what_it_says(world, engine, query):
    plain = query_world.find(world, query, GIVEN)
    assert engine.find(query) == plain
    assert engine.find(query, 5) == plain[:5]
    low, high = (ms(NOW - timedelta(days=days)) for days in (9, 2))
    times = {post.id: ms(post.sort_at) for post in world.posts}
    assert engine.find(query, since=low, until=high) == [one for one in plain if low <= times[one] < high]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=trees(), place=st.integers(0, 294))
def test_each_part_of_a_query_says_whether_a_post_has_it(world, engine, query, place):
    post = world.posts[place]
    assert engine.parts(query, post.id) == [
        Part(terms.unparse(leaf), query_world.has(world, post, leaf, GIVEN)) for leaf in terms.leaves(query)
    ]


ALPHABET = st.sampled_from([*"aéßŁİ１漢कि़ﬁ²½Ⅳªx-_.'*%\\\"\u0301\u0345\u200d🚀 \n", "ab", " the "])


@settings(max_examples=300, deadline=None)
@given(text=st.one_of(st.text(max_size=40), st.lists(ALPHABET, max_size=12).map("".join)))
def test_words_are_cut_as_the_index_cuts_them(text):
    clean = text.encode(errors="ignore").decode().replace("\0", " ")
    with closing(sqlite3.connect(":memory:")) as memory:
        memory.execute(f"create virtual table texts using fts5(text, tokenize = '{TOKENIZER}')")
        memory.execute("create virtual table words using fts5vocab(texts, instance)")
        memory.execute("insert into texts values (?)", (clean,))
        assert cut(text).split() == [word for (word,) in memory.execute("select term from words order by offset")]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.one_of(st.text(min_size=1, max_size=12), st.lists(ALPHABET, min_size=1, max_size=6).map("".join)),
    is_prefix=st.booleans(),
)
def test_any_words_at_all_can_be_asked_for(world, engine, text, is_prefix):
    query = Words(text.encode(errors="ignore").decode().replace("\0", " "), is_prefix)
    assert engine.find(query) == query_world.find(world, query, GIVEN)
