"""Queries on SQLite: led by an index, ended in time, right at the edges; and inside a page's own transaction."""

import time
from contextlib import closing
from zoneinfo import ZoneInfo

import pytest

from listener import relevance, work
from listener.errors import StoreError
from listener.people import Person, Tie
from listener.query import parse
from listener.store import Counted, Found, Given, Part, compiling, looking, querying
from listener.store.connections import connect
from listener.store.sqlite import SqliteStore
from listener.store.turns import Saving, texts
from listener.terms import And, Not, Words
from listener.types import Account, Counts, Turn
from tests.stored import NOW, SOON, by, days, draft, feed, kept, minutes, post, save, scored

GIVEN = Given(NOW)


@pytest.fixture
def store(tmp_path):
    with closing(SqliteStore.open(tmp_path / "store.db")) as opened:
        yield opened


@pytest.fixture
def home(store):
    return store.add_feed(feed(), NOW)


def found(store, text, given=GIVEN, **rest):
    return list(store.find(parse(text), given, **rest).ids)


# what leads


def plans(store, text):
    """Explain every SELECT that a query makes of posts."""
    with closing(connect(store.path)) as connection:
        asked = []
        connection.set_trace_callback(asked.append)
        querying.find(connection, parse(text), GIVEN)
        connection.set_trace_callback(None)
        return [
            " / ".join(row[3] for row in connection.execute(f"explain query plan {sql}"))
            for sql in asked
            if "p.sort_at" in sql
        ]


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("label:lead", "posts_lead"),
        ("label:lead -dew within:24h", "posts_lead"),
        ("is:question is:open", "posts_question"),
        ("p(news)>0.5", "posts_news"),
        ("label:(lead news) likes:>10", "posts_news"),
        ("feed:1", "posts_feed"),
        ("feed:1 dew", "post_feeds"),
        ("platform:blog", "posts_newest"),
        ("-dew", "posts_newest"),
        ("likes:>10", "posts_newest"),
        ("from:ann", "posts_account"),
        ("from:ann dew", "posts_account"),
        ("circle:press", "posts_account"),
        ("person:Ann", "posts_account"),
        ("is:mine is:lead", "posts_account"),
        ("dew", "posts_fts"),
        ('"morning dew" -allotment', "posts_fts"),
        ("(dew OR frost) label:lead", "posts_fts"),
        ("morn* dew", "posts_fts"),
        ("", "posts_newest"),
    ],
)
def test_a_query_is_led_by_an_index_in_the_order_of_time(store, home, text, index):
    everything = {"lead": 0.9, "question": 0.9, "news": 0.9}
    kept(store, home, *(scored(post(n, account=by(name)), **everything) for n, name in enumerate(("ann", "bo"))))
    store.save_person(Person("Ann", ("press",), (Tie("blog", "ann"),)), NOW)
    store.save_person(Person("Bo", (), (Tie("blog", "bo"),), is_me=True), NOW)
    made = plans(store, text)
    assert made
    assert any(index in plan or (index == "posts_fts" and "VIRTUAL TABLE" in plan) for plan in made)
    for plan in made:
        assert "SCAN p " not in f"{plan} ", plan
        if "VIRTUAL TABLE" not in plan.split(" / ")[0]:
            assert "TEMP B-TREE" not in plan, plan


# when the time is over


def test_a_query_that_ran_out_of_time_says_so_and_gives_what_it_found(store, home):
    for page in range(0, 2_000, 100):
        kept(store, home, *(draft(post(page + number), page + number + 1) for number in range(100)))
    with closing(connect(store.path)) as connection:
        asked = parse('likes:>10 OR in:title "nothing of the kind"')
        ended = querying.find(connection, asked, GIVEN, budget_s=0.0)
        assert not ended.complete
        assert querying.find(connection, asked, GIVEN, budget_s=30) == Found((), True)
        start = time.monotonic()
        assert not querying.find(connection, parse("dew -allotment"), GIVEN, budget_s=0.0).complete
        assert time.monotonic() - start < 1
        assert querying.find(connection, parse("dew"), GIVEN, budget_s=30).complete


def test_one_long_look_is_interrupted_and_what_it_found_is_kept(store, home):
    liked = [post(n, counts=Counts(likes=20) if n < 3 else None, published_at=NOW - minutes(n)) for n in range(1_000)]
    for page in range(0, 1_000, 100):
        kept(store, home, *(draft(one, page + n + 1) for n, one in enumerate(liked[page : page + 100])))
    slow = parse("likes:>10 OR domain:(" + " ".join(f"s{n}.example" for n in range(90)) + ")")
    with closing(connect(store.path)) as connection:
        start = time.monotonic()
        everything = querying.find(connection, slow, GIVEN, budget_s=60)
        whole = time.monotonic() - start
        start = time.monotonic()
        ended = querying.find(connection, slow, GIVEN, budget_s=whole / 10)
        assert time.monotonic() - start < whole / 2
        assert not ended.complete
        assert everything == Found((100, 99, 98), True)
        assert ended.ids
        assert ended.ids == everything.ids[: len(ended.ids)]


def test_a_connection_that_was_interrupted_reads_on(store, home):
    kept(store, home, draft())
    with closing(connect(store.path)) as connection:
        querying.find(connection, parse("likes:>10"), GIVEN, budget_s=-1)
        assert connection.execute("select count(*) from posts, names, feeds").fetchall() == [(1,)]


# the edges


def test_an_old_post_that_came_last_does_not_hide_newer_ones(store, home, monkeypatch):
    """The order of numbers is that of arrival; the newest post may have come long before."""
    monkeypatch.setattr(looking, "WINDOW", 10)
    monkeypatch.setattr(looking, "NEAR", 1)
    monkeypatch.setattr(looking, "SOME", 5)
    monkeypatch.setattr(looking, "ARRIVALS", (7, 20))
    new = kept(store, home, *(draft(post(n, published_at=NOW - minutes(n)), n + 1) for n in range(12)))
    later = NOW + days(1)
    old = [draft(post(100 + n, published_at=NOW - days(50) - minutes(n)), 200 + n) for n in range(60)]
    save(store, home, old, now=later)
    for text in ("dew", "-frost", "", '"morning dew"', "allot*", "dew OR label:lead", "feed:1 -frost"):
        assert found(store, text, limit=5) == new[:5], text
        assert len(found(store, text, limit=100)) == 72, text


def test_posts_of_one_moment_come_by_number(store, home):
    ids = kept(store, home, *(draft(post(n), n + 1) for n in range(6)))
    for text in ("dew", "", "-frost"):
        assert found(store, text, limit=3) == sorted(ids, reverse=True)[:3]


def test_a_post_in_two_feeds_is_found_once_by_either(store, home):
    other = store.add_feed(feed(2), NOW)
    [one] = kept(store, home, draft())
    save(store, other, [draft()])
    assert found(store, "feed:(1 2)") == [one]
    assert found(store, "feed:2 dew") == [one]
    assert store.find(parse("feed:2"), GIVEN, limit=1) == Found((one,), True)


def test_deleted_posts_are_in_no_answer(store, home):
    kept(store, home, draft())
    save(store, home, deleted=("1/1",))
    for text in ("", "-dew", "dew", "platform:blog", "feed:1", "-label:lead"):
        assert found(store, text) == []
        assert found(store, text, among=[1]) == []


def test_a_span_and_a_limit_hold(store, home):
    ids = kept(store, home, *(draft(post(n, published_at=NOW - days(n)), n + 1) for n in range(6)))
    span = {"since": NOW - days(3), "until": NOW - days(1)}
    for text in ("dew", "", "-frost", "feed:1"):
        assert found(store, text, **span) == ids[2:4], text
        assert store.count(parse(text), GIVEN, **span) == Counted(2, True)
        assert found(store, text, limit=0) == []


def test_a_date_is_the_midnight_of_the_users_zone(store, home):
    at = post(1, published_at=NOW.replace(hour=4))  # still the evening before in New York
    kept(store, home, draft(at))
    assert found(store, f"after:{NOW:%Y-%m-%d}") == [1]
    assert found(store, f"after:{NOW:%Y-%m-%d}", Given(NOW, ZoneInfo("America/New_York"))) == []


def test_a_label_means_the_users_threshold_and_their_thumb(store, home):
    low, high = kept(store, home, scored(post(1), lead=0.1), scored(post(2), lead=0.6))
    assert found(store, "label:lead") == [high]
    assert found(store, "label:lead", Given(NOW, thresholds={"lead": 0.05, "question": 0.5, "news": 0.5})) == [
        high,
        low,
    ]
    store.label_post(low, "lead", True, NOW)
    store.label_post(high, "lead", False, NOW)
    assert found(store, "label:lead") == [low]
    assert found(store, "p(lead)>=1") == [low]
    assert found(store, "p(lead)=0") == [high]


def test_a_word_of_which_nothing_is_left_is_nowhere(store, home):
    kept(store, home, draft())
    nothing = Words("\u0bcd")
    assert store.find(nothing, GIVEN).ids == ()
    assert store.find(And((Words("dew"), nothing)), GIVEN).ids == ()
    assert store.find(Not(nothing), GIVEN).ids == (1,)


def test_what_sql_would_mean_something_by_means_nothing(store, home):
    kept(store, home, draft(post(1, "It's 100% O'Neill's \\ \"quote\" _x_")))
    for text in ("it's", "100%", "o'neill's", 'from:"\' or 1=1 --"', "tag:%", "domain:%", 'platform:"_"', "dew*"):
        store.find(parse(text), GIVEN)
    assert found(store, "o'neill's") == [1]
    assert found(store, 'tag:"%"') == []


def test_numbers_that_stand_twice_agree():
    assert compiling.SERVES == relevance.SERVES
    assert set(compiling.OVER) == work.OVER


# a page's own transaction


def test_new_posts_are_matched_among_the_writes_that_make_them(store, home):
    with store._connections.writing(durable=False) as connection:
        page = (scored(post(1, "Frost at night"), lead=0.9), scored(post(2), lead=0.1))
        turn = Turn(home, NOW, "c", SOON, page)
        connection.executemany("insert or ignore into names(name) values (?)", [(name,) for name in texts(turn)])
        numbers = dict(connection.execute("select name, id from names").fetchall())
        new = Saving(connection, turn, numbers).save(None).new
        assert querying.matching(connection, parse("frost label:lead"), GIVEN, new) == [new[0]]
        assert querying.matching(connection, parse("-frost"), GIVEN, new) == [new[1]]
        assert querying.matching(connection, parse("dew"), GIVEN, [new[0]]) == []
        assert querying.matching(connection, parse("dew"), GIVEN, []) == []


def test_a_simple_rule_costs_a_page_less_than_a_millisecond(store, home):
    text = "We are looking for somebody who keeps the books of a small bakery by the harbour. " * 8
    new = kept(store, home, *(scored(post(n, f"{text}{n}"), lead=0.6) for n in range(25)))
    with closing(connect(store.path)) as connection:
        for asked in ("label:lead bakery", '"small bakery" -harbour', "from:ann OR domain:example.com"):
            query, best = parse(asked), 1.0
            for _ in range(20):
                start = time.process_time()
                querying.matching(connection, query, GIVEN, new)
                best = min(best, time.process_time() - start)
            assert best < 0.001, asked


# why


def test_each_part_says_whether_a_post_has_it(store, home):
    [one] = kept(store, home, scored(post(1, account=Account("blog", "ann", "ann")), lead=0.9))
    query = parse('(dew OR frost) -from:ann label:lead within:1h "on the allotment"')
    assert store.parts(query, GIVEN, one) == [
        Part("dew", True), Part("frost", False), Part("from:ann", True), Part("label:lead", True),
        Part("within:1h", True), Part('"on the allotment"', True),
    ]  # fmt: skip
    assert store.parts(parse(""), GIVEN, one) == []
    assert store.parts(parse("dew"), GIVEN, 99) == [Part("dew", False)]


def test_a_closed_store_is_refused(store):
    store.close()
    with pytest.raises(StoreError):
        store.find(parse("dew"), GIVEN)
