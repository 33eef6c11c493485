"""Queries on the command line: `posts --query` and `search`, and how a wrong one is pointed at."""

import pytest

from tests.commands import Home
from tests.servers import serving
from tests.sites import Entry, Site, rss

POSTS = [
    Entry("a", "Need a bookkeeper", "Can anybody recommend one for a small bakery?", "https://f.example/1", "mia", 2),
    Entry("b", "Bakery opens", "The new bakery by the harbour opens on Monday.", "https://paper.example/2", "otto", 30),
    Entry("c", "Harbour news", "A bookkeeper writes about harbour dues.", "https://paper.example/3", "otto", 1),
]


@pytest.fixture
def home(tmp_path):
    with serving(Site({"/all": rss("All", POSTS)})) as server:
        feeds = f'[[feeds]]\nurl = "{server.url}/all"\n'
        found = Home(tmp_path, f'[network]\nallow_private = ["{server.host_port}"]\n{feeds}')
        found.ok("poll")
        yield found


def titles(ran):
    return [row["title"] for row in ran.rows()]


def test_posts_and_search_take_the_query_language_and_plain_words_are_ranked_as_before(home):
    asked = "bookkeeper OR in:title bakery"
    assert titles(home.ok("posts", "--query", asked, "--json")) == ["Harbour news", "Need a bookkeeper", "Bakery opens"]
    assert titles(home.ok("search", "bakery -bookkeeper", "--json")) == ["Bakery opens"]
    assert titles(home.ok("search", "harbour within:24h", "--json")) == ["Harbour news"]
    assert titles(home.ok("search", "bookkeeper", "--json")) == ["Need a bookkeeper", "Harbour news"]
    assert titles(home.ok("search", "small bakery", "--json")) == ["Need a bookkeeper"]
    assert titles(home.ok("search", "bakery small", "--json")) == []  # one piece of the shell's is a phrase
    assert titles(home.ok("search", "bakery", "small", "--json")) == ["Need a bookkeeper"]


def test_a_query_goes_together_with_the_other_options(home):
    assert titles(home.ok("posts", "--query", "bookkeeper", "--since", "90m", "--json")) == ["Harbour news"]
    assert titles(home.ok("posts", "--query", "from:otto", "--feed", "1", "--limit", "1", "--json")) == ["Harbour news"]
    home.ok("label", "2", "lead")
    found = home.ok("posts", "--query", "", "--label", "lead", "--json").rows()
    assert [row["id"] for row in found] == [2]


@pytest.mark.parametrize("command", [("posts", "--query"), ("search",)])
def test_a_wrong_query_is_pointed_at(home, command):
    ran = home.run(*command, "bakery lable:lead")
    assert ran.code == 2
    assert ran.err.splitlines() == [
        "bakery lable:lead",
        "       ^",
        (
            "listener: the query cannot be read at character 8: there is no field lable:; did you mean label:?;"
            " put it in quotes for plain words"
        ),
    ]
