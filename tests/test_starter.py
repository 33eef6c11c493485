"""The first configurations: they load, they can be read, and nothing a user types breaks them."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from listener import limits
from listener.config import Config, load
from listener.connector import Connector, connectors
from listener.errors import ListenerError
from listener.starter import Answers, from_answers, starter

Loads = Callable[[str], Config]


@pytest.fixture
def loads(tmp_path: Path) -> Loads:
    def loads(text: str) -> Config:
        (tmp_path / "config.toml").write_bytes(text.encode())
        return load(None, {}, tmp_path, tmp_path)

    return loads


def urls(config: Config) -> list[str]:
    return [feed.url or "" for feed in config.feeds]


@pytest.fixture(scope="module")
def built() -> dict[str, Connector]:
    class NoNetwork:
        def __getattr__(self, name: str) -> None:
            raise AssertionError("reading a pasted address needs no network")

    return {name: kind(kind.settings_model(), NoNetwork()) for name, kind in connectors().items()}  # type: ignore[arg-type]


def reader(built: dict[str, Connector], url: str) -> str | None:
    """Name the platform that a pasted address leads to; the one that takes any address is asked last."""
    for connector in sorted(built.values(), key=lambda connector: connector.catch_all):
        feed = connector.feed_for(url)
        if feed:
            return feed.platform
    return None


def test_the_starter_loads_and_has_something_of_every_kind(loads: Loads, built: dict[str, Connector]) -> None:
    config = loads(starter())
    assert 12 <= len(config.feeds) <= 18
    assert all(feed.title and feed.folder for feed in config.feeds)
    platforms = {reader(built, url) for url in urls(config)}
    assert None not in platforms
    assert len(platforms) >= 10


def test_the_starter_reads_one_feed_of_the_host_that_allows_one_a_minute(loads: Loads) -> None:
    assert sum("reddit.com" in url for url in urls(loads(starter()))) == 1


def test_the_offer_becomes_a_goal_in_the_users_words(loads: Loads) -> None:
    goal = loads(from_answers(Answers(offer=' Websites for "bakeries"\nin Leeds '))).goals[0].goal()
    assert goal.sentence == 'Websites for "bakeries" in Leeds'
    assert goal.offers == (goal.sentence,)


def test_without_answers_there_are_no_goals_and_the_starters_feeds(loads: Loads) -> None:
    config = loads(from_answers(Answers()))
    assert config.goals == ()
    assert urls(config) == urls(loads(starter()))


def test_who_is_named_replaces_the_starters_feeds(loads: Loads) -> None:
    people = ("r/smallbusiness", " https://blog.example/ ", "", "r/smallbusiness")
    config = loads(from_answers(Answers(listen_to=people)))
    assert urls(config) == ["r/smallbusiness", "https://blog.example/"]
    assert {feed.folder for feed in config.feeds} == {"People"}


def test_each_topic_is_asked_for_where_people_ask(loads: Loads, built: dict[str, Connector]) -> None:
    config = loads(from_answers(Answers(know="sourdough, C#", listen_to=("r/x",))))
    questions = [feed for feed in config.feeds if feed.folder == "Questions"]
    assert {reader(built, feed.url or "") for feed in questions} == {
        "stackexchange",
        "hackernews",
        "mastodon",
        "reddit",
    }
    assert "https://cooking.stackexchange.com/questions" in urls(config)
    assert "https://stackoverflow.com/questions/tagged/c%23" in urls(config)
    assert sum("reddit.com" in url for url in urls(config)) == 1, "one search for all topics"


@pytest.mark.parametrize("topic", ["日本語", "Gärtnern", "2024", "+++"])
def test_a_topic_that_is_no_tag_is_looked_for_in_words_only(loads: Loads, topic: str) -> None:
    config = loads(from_answers(Answers(know=topic, listen_to=("r/x",))))
    assert not any("stackoverflow" in url for url in urls(config))
    assert all(url.isascii() for url in urls(config))
    assert any("hn.algolia.com" in url for url in urls(config))


def test_two_topics_of_one_site_share_its_feed(loads: Loads) -> None:
    config = loads(from_answers(Answers(know="bread, baking; pastry")))
    assert sum("cooking" in url for url in urls(config)) == 1


def test_a_feed_of_the_starter_that_a_topic_brings_too_is_listed_once(loads: Loads) -> None:
    assert (
        urls(loads(from_answers(Answers(know="python")))).count("https://stackoverflow.com/questions/tagged/python")
        == 1
    )


def test_many_topics_are_bounded(loads: Loads) -> None:
    know = ",".join(f"topic{number} {'長い' * 40}" for number in range(500))
    assert len(loads(from_answers(Answers(know=know, listen_to=("r/x",)))).feeds) < 100


def test_an_endless_address_is_an_error_for_people() -> None:
    with pytest.raises(ListenerError, match="no feed's address"):
        from_answers(Answers(listen_to=("https://example.org/" + "a" * limits.URL_BYTES,)))


nasty = st.text(max_size=80) | st.sampled_from(
    [
        '"""',
        "'''",
        "\\",
        '"\n[[feeds]]\nurl = "x"',
        "\x00\x7f\x85\u2028",
        "\ud800",
        "]]",
        "{words}",
        "%s",
        "👩‍💻 مرحبا",
        "#",
    ]
)


@given(nasty, nasty, st.lists(nasty, max_size=5))
@example('"', "\\,\u2029,#,{any}", ["\\u0000", '"', "\t"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_typed_the_result_loads_and_says_the_same(
    loads: Loads, offer: str, know: str, listen_to: list[str]
) -> None:
    text = from_answers(Answers(offer, know, tuple(listen_to)))
    config = loads(text)
    said = " ".join(offer.split())
    if said.isprintable() and said:
        assert config.goals[0].sentence == said
    wanted = [" ".join(text.split()) for text in listen_to]
    assert {text for text in wanted if text and text.isprintable()} <= set(urls(config))
