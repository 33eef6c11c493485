"""One query means the same on every engine, and what it says: three hundred posts, asked plainly beside."""

from contextlib import closing
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings

from listener.query import parse, unparse
from listener.store import querying
from listener.store.compiling import Given
from listener.store.connections import connect
from tests import query_world
from tests.query_trees import trees
from tests.query_world import NOW

GIVEN = Given(NOW, ZoneInfo("Pacific/Auckland"), {"lead": 0.3, "question": 0.15, "news": 0.5})

EXAMPLES = (Path(__file__).parent / "data" / "queries.txt").read_text().splitlines()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    path = tmp_path_factory.mktemp("world") / "store.db"
    found = query_world.build(path)
    with closing(connect(path)) as connection:
        found.connection = connection
        yield found


def test_there_are_examples_of_everything():
    assert len(EXAMPLES) > 150


@pytest.mark.parametrize("text", EXAMPLES)
def test_an_example_finds_what_it_says(world, text):
    query = parse(text)
    plain = query_world.find(world, query, GIVEN)
    found = querying.find(world.connection, query, GIVEN, limit=None, budget_s=30)
    assert found == querying.Found(tuple(plain), True)
    assert querying.find(world.connection, query, GIVEN, limit=7, budget_s=30).ids == tuple(plain[:7])
    ids = [post.id for post in world.posts]
    assert querying.matching(world.connection, query, GIVEN, ids) == plain
    assert parse(unparse(query)) == query


def test_the_examples_tell_posts_apart(world):
    """An example that finds nothing or all proves little."""
    counts = [len(query_world.find(world, parse(text), GIVEN)) for text in EXAMPLES]
    assert sum(0 < count < len(world.posts) for count in counts) > 0.8 * len(counts)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=trees())
def test_any_tree_finds_what_it_says(world, query):
    plain = query_world.find(world, query, GIVEN)
    assert querying.find(world.connection, query, GIVEN, limit=None, budget_s=30).ids == tuple(plain)
    assert querying.find(world.connection, query, GIVEN, limit=5, budget_s=30).ids == tuple(plain[:5])
    since, until = NOW - timedelta(days=9), NOW - timedelta(days=2)
    low, high = (int(moment.timestamp() * 1000) for moment in (since, until))
    times = {post.id: post.sort_at for post in world.posts}
    found = querying.find(world.connection, query, GIVEN, limit=None, since=low, until=high, budget_s=30)
    assert found.ids == tuple(number for number in plain if since <= times[number] < until)
