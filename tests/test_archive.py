"""Archive: what a file of the user's own brings, in every dialect, and what hostile files do not."""

import csv
import gzip
import io
import json
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.archive import Archive, columns, dates
from listener import connector
from listener.connector import Settings
from listener.errors import BadPayload, ConnectorError
from listener.normalise import normalise
from listener.records import post_json
from listener.types import Account, Feed, Page, Post, StoredPost

WHEN = datetime(2007, 5, 4, 18, 30, tzinfo=UTC)
SEEN = datetime(2026, 11, 20, tzinfo=UTC)
MYSPACE = """Platform,ID,URL,Author,Author Name,Title,Text,Date
MySpace,77,https://myspace.example/blog/77,@rosa,Rosa Vale,New songs,"We play
on Friday",2007-05-04 18:30:00 UTC
myspace,78,,tomb,,,=SUM(A1:A9),05/31/2007 9:05 PM
"""


def pages(path: Path) -> list[tuple[Feed, Page]]:
    return list(connector.archive(Archive(Settings(), None), path))


def written(tmp_path: Path, body: str | bytes, name: str = "old posts.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(body.encode() if isinstance(body, str) else body)
    return path


def posts(path: Path) -> list[Post]:
    return [post for _, page in pages(path) for post in page.posts]


def rejects(path: Path) -> list[str]:
    return [reject.reason for _, page in pages(path) for reject in page.rejects]


# what a row becomes


def test_a_dead_platforms_posts_come_back_with_author_time_and_text(tmp_path):
    [(feed, page)] = pages(written(tmp_path, MYSPACE))
    first, second = page.posts
    assert (feed.connector, feed.query, feed.platform) == ("archive", "myspace:old posts", "myspace")
    assert feed.title == "old posts (myspace)"
    assert first == Post(
        "myspace",
        "77",
        "https://myspace.example/blog/77",
        Account("myspace", "rosa", handle="rosa", name="Rosa Vale"),
        title="New songs",
        text="We play\non Friday",
        published_at=WHEN,
    )
    assert second.text == "=SUM(A1:A9)", "a formula is text and stays as it is"
    assert second.published_at == datetime(2007, 5, 31, 21, 5, tzinfo=UTC)


def test_each_platform_of_a_file_is_a_feed_of_its_own(tmp_path):
    body = "network;message;posted on\nMySpace;hello there;1.2.2006\nTwitter;and here;2.2.2009 10:00\n"
    found = pages(written(tmp_path, body, "all.csv"))
    assert [(feed.query, page.posts[0].platform) for feed, page in found] == [
        ("myspace:all", "myspace"),
        ("x:all", "x"),
    ]
    assert found[0][1].posts[0].published_at == datetime(2006, 2, 1, tzinfo=UTC)


def test_a_row_without_an_id_keeps_the_one_that_it_is_given(tmp_path):
    body = "platform,text,date,url\nmyspace,hi,2006-01-01,\nmyspace,hi,2006-01-02,\nmyspace,new,,https://a.example/1\n"
    first = [post.native_id for post in posts(written(tmp_path, body))]
    again = [post.native_id for post in posts(written(tmp_path, body, "renamed.csv"))]
    edited = posts(written(tmp_path, "platform,text,url\nmyspace,newer,https://a.example/1\n", "b.csv"))
    assert first == again
    assert len(set(first)) == 3
    assert edited[0].native_id == first[2], "an address is an id, whatever the text became"


def test_replies_reposts_tags_and_links_are_told(tmp_path):
    body = (
        '{"platform": "mastodon", "id": 5, "content": "yes", "in_reply_to": "4", "thread": "1", "hashtags": ["#a", "b"]'
        ', "user": {"id": 9, "username": "@Rosa", "display_name": "Rosa", "url": "https://m.example/@rosa"}'
        ', "urls": ["https://b.example/x"], "createdAt": 1178303400000, "language": "en", "privacy": "Unlisted"}\n'
        '{"platform": "mastodon", "id": 6, "type": "boost", "refers_to": "5", "text": "yes", "timestamp": 1178303400}\n'
    )
    reply, boost = posts(written(tmp_path, body, "m.jsonl"))
    assert reply == Post(
        "mastodon",
        "5",
        account=Account("mastodon", "9", "Rosa", "Rosa", "https://m.example/@rosa"),
        kind="reply",
        text="yes",
        lang="en",
        published_at=WHEN,
        in_reply_to="4",
        thread="1",
        links=("https://b.example/x",),
        tags=("a", "b"),
        visibility="unlisted",
    )
    assert (boost.kind, boost.refers_to, boost.text, boost.published_at) == ("repost", "5", "", WHEN)


def test_contacts_are_people_and_not_posts(tmp_path):
    body = (
        "Name,Handle,Platform,URL,Email,Circle\n"
        "Rosa Vale,@rosa,MySpace,https://myspace.example/rosa,Rosa@Example.org,friends\n"
        "Tom Bell,,myspace,,,\n"
        "Ann Lee,,linkedin,,ann@example.org,\n"
    )
    found = pages(written(tmp_path, body, "contacts.csv"))
    follows = [follow for _, page in found for follow in page.follows]
    assert [page.posts for _, page in found] == [(), ()]
    assert [(one.account.platform, one.account.native_id, one.account.name, one.circle) for one in follows] == [
        ("myspace", "rosa", "Rosa Vale", "friends"),
        ("mail", "rosa@example.org", "Rosa Vale", "friends"),
        ("myspace", "Tom Bell", "Tom Bell", None),
        ("mail", "ann@example.org", "Ann Lee", None),
    ]
    assert follows[0].account.url == "https://myspace.example/rosa"


def test_what_the_program_prints_is_read_back_as_the_same_posts(tmp_path):
    held = [
        Post("hackernews", "8863", "https://news.example/8863", Account("hackernews", "ada", "ada"), title="On Ünits",
             text='line one\nline "two"', lang="en", published_at=WHEN),
        Post("rss", "3:tag:x", "https://blog.example/x", Account("rss", "Bo Li", name="Bo Li"), text="plain"),
    ]  # fmt: skip
    lines = (json.dumps(post_json(StoredPost(number, post, SEEN, SEEN, (1,)))) for number, post in enumerate(held, 41))
    found = posts(written(tmp_path, "\n".join(lines), "posts.jsonl"))
    assert [(one.platform, one.native_id) for one in found] == [("hackernews", "8863"), ("rss", "3:tag:x")]
    for one, was in zip(found, held, strict=True):
        assert (one.url, one.title, one.text, one.lang, one.published_at) == (
            was.url, was.title, was.text, was.lang, was.published_at,
        )  # fmt: skip
    assert found[1].account == Account("rss", "Bo Li", name="Bo Li")


def test_a_feed_of_a_file_says_that_it_is_not_polled():
    with pytest.raises(ConnectorError, match="listener import FILE"):
        connector.poll(Archive(Settings(), None), Feed(1, "archive", "myspace:old", "myspace"), None)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "\n\n\n",
        '{"ok": true, "messages": []}',
        "From a@b.example Thu Mar  3 18:20:35 2016\nSubject: x\n\ny\n",
        "<html><body>platform,text</body></html>",
        b"\x89PNG\r\n\x1a\n\x00\x00",
        b"PK\x03\x04 platform,text",
    ],
)
def test_files_of_other_kinds_are_left_to_others(tmp_path, body):
    assert pages(written(tmp_path, body)) == []
    assert pages(tmp_path) == [], "a folder is no file"
    assert Archive(Settings(), None).unread(tmp_path)


BARE = ("id", "author", "text", "published_at", "url")
ROW = ("1", "rosa", "We play on Friday", "2007-05-04T18:30:00Z", "https://myspace.example/1")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_file_that_names_no_platform_is_read_once_the_user_names_it(tmp_path, delimiter):
    path = written(tmp_path, f"{delimiter.join(BARE)}\n{delimiter.join(ROW)}\n", "posts.csv")
    with pytest.raises(BadPayload, match=r"\Aposts\.csv: no column says which platform; name it with --platform\Z"):
        pages(path)
    [(feed, page)] = connector.archive(Archive(Settings(), None), path, "MySpace")
    assert (feed.query, page.posts[0].platform, page.posts[0].text) == ("myspace:posts", "myspace", ROW[2])
    with pytest.raises(BadPayload, match="that is no name of a platform"):
        list(connector.archive(Archive(Settings(), None), path, "???"))


def test_a_row_that_names_its_platform_keeps_it(tmp_path):
    path = written(tmp_path, '{"platform": "orkut", "text": "a"}\n{"text": "b"}\n', "posts.jsonl")
    found = list(connector.archive(Archive(Settings(), None), path, "myspace"))
    assert [feed.platform for feed, _ in found] == ["orkut", "myspace"]


def test_rows_that_cannot_be_read_make_no_feed_of_their_own(tmp_path):
    path = written(tmp_path, "platform,text\nmyspace,hello\n,nowhere\n", "mix.csv")
    [(feed, page)] = pages(path)
    assert (feed.query, len(page.posts), len(page.rejects)) == ("myspace:mix", 1, 1)
    bad = written(tmp_path, "platform,text\n" + ",nowhere\n" * 12_000, "bad.csv")
    with pytest.raises(BadPayload, match=r"none of its first 5,000 rows can be read; row 1: it names no"):
        pages(bad)
    late = written(tmp_path, "platform,text\n" + ",nowhere\n" * 900 + "myspace,hello\n", "late.csv")
    assert [(feed.platform, len(page.rejects)) for feed, page in pages(late)] == [("myspace", 900)]


# dates


@pytest.mark.parametrize(
    ("written_so", "read_so"),
    [
        ("2007-05-04T18:30:00Z", WHEN),
        ("2007-05-04 20:30:00+02:00", WHEN),
        ("2007-05-04 18:30", WHEN),
        ("2007-05-04 18:30:00 UTC", WHEN),
        ("2007/5/4 18:30:00", WHEN),
        ("1178303400", WHEN),
        ("1178303400.0", WHEN),
        (1178303400000, WHEN),
        ("1178303400000000", WHEN),
        ("May 4, 2007 6:30 PM", WHEN),
        ("May 4, 2007 at 6:30 p.m.", WHEN),
        ("Friday, May 4th, 2007, 18:30", WHEN),
        ("4 May 2007 18:30:00 GMT", WHEN),
        ("Fri, 04 May 2007 19:30:00 +0100", WHEN),
        ("Fri May 04 18:30:00 +0000 2007", WHEN),
        ("5/4/2007 6:30 PM", WHEN),
        ("5/4/07 18:30", WHEN),
        ("04.05.2007 18:30", WHEN),
        ("20070504", datetime(2007, 5, 4, tzinfo=UTC)),
        ("13/05/2007", datetime(2007, 5, 13, tzinfo=UTC)),
        ("12:00 AM", None),
        ("yesterday", None),
        ("31/31/2007", None),
        ("2007", None),
        ("9" * 17, None),
        (True, None),
        (float("nan"), None),
    ],
)
def test_a_date_is_read_as_people_and_programs_write_it(written_so, read_so):
    if read_so is None:
        with pytest.raises((ValueError, OverflowError)):
            dates.read(written_so)
    else:
        assert dates.read(written_so) == read_so


def test_one_clear_date_says_how_the_whole_file_writes_them(tmp_path):
    body = "platform,text,date\nmyspace,a,04/05/2007\nmyspace,b,31/12/2007\n"
    assert [post.published_at.month for post in posts(written(tmp_path, body))] == [5, 12]
    assert [post.published_at.month for post in posts(written(tmp_path, body.replace("31/12", "12/31")))] == [4, 12]


def test_a_date_that_cannot_be_read_is_told_with_its_row(tmp_path):
    body = "platform,text,date\nmyspace,a,some day\nmyspace,b,2007-01-01\n"
    path = written(tmp_path, body)
    assert [post.text for post in posts(path)] == ["b"]
    assert rejects(path) == ["old posts.csv, row 1: its date is none that we can read; write 2008-12-31 10:15"]


# how files are written


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_any_encoding_and_delimiter_is_found_out(tmp_path, encoding, delimiter):
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="\r\n").writerows(
        [["Written by our old program"], ["platform", "text", "date"], ["myspace", "Grüße, Zoë | é;\tà", "2007-05-04"]]
    )
    assert [post.text for post in posts(written(tmp_path, out.getvalue().encode(encoding)))] == ["Grüße, Zoë | é;\tà"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_line_end_will_do(tmp_path, end):
    body = 'platform,text\nmyspace,"one\ntwo"\nmyspace,three\n'.replace("\n", end)
    assert [post.text for post in posts(written(tmp_path, body))] == [f"one{end}two", "three"]


def test_a_packed_file_and_a_pretty_array_are_read(tmp_path):
    items = [{"platform": "myspace", "id": str(number), "text": f"post {number} ]"} for number in range(1_300)]
    packed = gzip.compress(json.dumps(items, indent=2).encode())
    found = pages(written(tmp_path, packed, "all.json.gz"))
    assert [len(page.posts) for _, page in found] == [500, 500, 300]
    assert {feed.query for feed, _ in found} == {"myspace:all"}
    assert found[2][1].posts[-1].text == "post 1299 ]"


def test_every_name_of_a_column_is_a_name_of_one_column():
    names = [name for field in columns.COLUMNS.values() for name in field]
    assert len(names) == len(set(names))
    assert all(columns.plain(name) == name for name in names)


words = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=40).map(
    lambda text: " ".join(text.split())
)
written_posts = st.builds(
    Post,
    st.sampled_from(["myspace", "mastodon", "orkut"]),
    native_id=words.filter(bool),
    url=st.none() | st.integers(1, 999).map("https://a.example/{}".format),
    account=st.none() | st.from_regex(r"[a-z0-9]{1,9}", fullmatch=True).map(lambda name: Account("", name, name)),
    title=words.map(lambda text: text or None),
    text=st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1).filter(str.strip),
    published_at=st.none() | st.integers(10**9, 4 * 10**9).map(lambda second: datetime.fromtimestamp(second, UTC)),
    tags=st.lists(st.from_regex(r"[a-z]{1,9}", fullmatch=True), max_size=3, unique=True).map(tuple),
)  # fmt: skip


def row_of(post: Post) -> dict[str, str]:
    return {
        "platform": post.platform,
        "native_id": post.native_id,
        "url": post.url or "",
        "handle": post.account.handle if post.account else "",
        "title": post.title or "",
        "text": post.text,
        "published_at": post.published_at.isoformat() if post.published_at else "",
        "tags": ",".join(post.tags),
    }


def told(post: Post) -> dict[str, str]:
    return row_of(normalise(post, SEEN))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(written_posts, min_size=1, max_size=6, unique_by=lambda post: (post.platform, post.native_id)),
    st.sampled_from([",", ";", "\t", "|"]),
)
def test_posts_survive_the_round_trip_through_every_kind_of_file(tmp_path, held, delimiter):
    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, list(row_of(held[0])), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(map(row_of, held))
    files = {
        "t.csv": table.getvalue().encode(),
        "t.jsonl": "\n".join(json.dumps(row_of(post)) for post in held).encode(),
        "t.json": json.dumps([row_of(post) for post in held], ensure_ascii=False).encode(),
        "t.jsonl.gz": gzip.compress("\r\n".join(json.dumps(row_of(post)) for post in held).encode()),
    }
    due = sorted(map(told, held), key=str)
    for name, body in files.items():
        path = written(tmp_path, body, name)
        assert sorted(map(told, posts(path)), key=str) == due, name
        assert rejects(path) == []


# hostile files

HEAD = "platform,id,text,date\n"
GOOD = "myspace,1,good one,2007-05-04\n"
DEEP = '{"platform": "myspace", "text": ' + "[" * 100_000


@pytest.mark.parametrize(
    ("body", "good", "bad"),
    [
        pytest.param(HEAD + GOOD + "myspace,2,a\0b\0,2007-05-04\n", 2, 0, id="NUL in a cell"),
        pytest.param(HEAD + GOOD + 'myspace,2,"' + "x" * 900_000 + '",2007-05-04\n', 2, 0, id="a long cell"),
        pytest.param(HEAD + GOOD + 'myspace,2,"' + "x" * 1_200_000 + '",\nmyspace,3,c,\n', 2, 1, id="a huge cell"),
        pytest.param(HEAD + GOOD + "x" * 9_000_000 + "\nmyspace,3,c,\n", 2, 1, id="a huge line"),
        pytest.param(HEAD + GOOD + 'myspace,2,"never ends,\n' + "myspace,3,c,\n" * 3, 1, 1, id="an open quote"),
        pytest.param(HEAD + GOOD + "myspace,2" + ",x" * 50_000 + "\n", 1, 1, id="50,000 cells"),
        pytest.param(HEAD + GOOD + ",2,no platform,\nmyspace,3,,\n\n,,,\n", 1, 2, id="rows that say nothing"),
        pytest.param(HEAD + GOOD + "<script>alert(1)</script>,2,x,\n", 2, 0, id="markup for a platform"),
        pytest.param(HEAD + GOOD + f"{'p' * 5_000},2,x,\n", 1, 1, id="an endless platform"),
        pytest.param(HEAD + GOOD + f"myspace,2,x,{'9' * 5_000}\n", 1, 1, id="an endless date"),
        pytest.param((HEAD + GOOD).encode() + b"myspace,2,\xff\xfe\xc3,\n", 2, 0, id="bytes of no encoding"),
        pytest.param(HEAD + "".join(f"p{n},1,x,\n" for n in range(2_000)), 2_000, 0, id="2,000 platforms"),
        pytest.param('{"platform": "myspace", "id": 1, "text": "a"}\n' + DEEP + "\n{]\n[1]\n", 1, 3, id="deep lines"),
        pytest.param('[{"platform": "myspace", "id": 1, "text": "a"}, ' + DEEP, 1, 1, id="a deep array"),
        pytest.param('[{"platform": "myspace", "id": 1, "text": "a"}, 5, {"x": "', 1, 2, id="an array cut off"),
        pytest.param('[{"platform": "myspace", "id": 1, "text": "a"}, {"t": "' + "x" * 9_000_000, 1, 1, id="endless"),
        pytest.param('{"platform": "myspace", "id": {"a": 1}, "text": "\\ud800<b>", "at": 1e999, "url": []}\n'
                     '{"platform": "myspace", "id": 2, "text": {}, "title": ["x"], "tags": [[1]]}\n'
                     '{"platform": "myspace", "id": 3, "text": "a"}\n', 1, 2, id="types"),
    ],
)  # fmt: skip
def test_a_hostile_file_loses_its_bad_rows_only(tmp_path, body, good, bad):
    path = written(tmp_path, body, "hostile.txt")
    found = [normalise(post, SEEN) for post in posts(path)]
    assert (len(found), len(rejects(path))) == (good, bad)
    assert all("hostile.txt, row " in reason for reason in rejects(path))
    assert all(len(reject.sample) <= 2_000 for _, page in pages(path) for reject in page.rejects)


def test_a_bomb_and_a_torn_file_end_with_our_error(tmp_path):
    bomb = gzip.compress((HEAD + GOOD).encode() + b"0" * 60_000_000, 9)
    tracemalloc.start()
    with pytest.raises(BadPayload, match="more than 100 times its size"):
        pages(written(tmp_path, bomb, "bomb.csv.gz"))
    assert tracemalloc.get_traced_memory()[1] < 100_000_000
    tracemalloc.stop()
    torn = gzip.compress((HEAD + GOOD * 10_000).encode())
    with pytest.raises(BadPayload, match=r"torn.csv.gz: the file is damaged after [\d,]+ bytes"):
        pages(written(tmp_path, torn[:-200], "torn.csv.gz"))


def test_a_long_file_is_never_whole_in_memory(tmp_path):
    path = tmp_path / "long.csv"
    with path.open("w") as file:
        file.write(HEAD)
        for number in range(6_000):
            file.write(f"myspace,{number},{'word ' * 100},2007-05-04\n")
    tracemalloc.start()
    count = sum(len(page.posts) for _, page in connector.archive(Archive(Settings(), None), path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 6_000
    assert peak < 5_000_000
