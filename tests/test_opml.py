"""Feed lists in and out: what other readers write, what attackers write, what we write ourselves."""

import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from xml.sax.saxutils import quoteattr

import feedparser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from listener import limits
from listener.errors import ListenerError
from listener.opml import FOLDER_DEPTH, Opml, OpmlFeed, expat_warning, read, write
from tests.hostile.xml import attacks, bombs, canary, external
from tests.servers import serving


def opml(body: str) -> bytes:
    head = '<?xml version="1.0" encoding="UTF-8"?><opml version="2.0"><head><title>Mine</title></head>'
    return f"{head}<body>{body}</body></opml>".encode()


def test_a_list_gives_address_title_and_folder() -> None:
    found = read(
        opml(
            '<outline text="News"><outline text="World"><outline type="rss" text="Valley Post" '
            'xmlUrl="https://valley.example/rss" htmlUrl="https://valley.example/"/></outline></outline>'
            '<outline type="atom" title="Bread &amp; Butter" text="ignored" xmlUrl="http://bread.example/atom"/>'
        )
    )
    assert found.feeds == (
        OpmlFeed("https://valley.example/rss", "Valley Post", "News/World"),
        OpmlFeed("http://bread.example/atom", "Bread & Butter"),
    )
    assert found.refused == ()


def test_attribute_names_in_any_case_and_feeds_without_a_type_are_read() -> None:
    found = read(opml('<outline TEXT="x" XMLURL="https://a.example/feed" title="A"/>'))
    assert found.feeds == (OpmlFeed("https://a.example/feed", "A"),)


def test_a_feed_met_twice_keeps_its_first_place() -> None:
    found = read(
        opml(
            '<outline text="One" xmlUrl="https://a.example/feed"/>'
            '<outline text="F"><outline text="Two" xmlUrl="HTTPS://A.example/feed"/></outline>'
            '<outline text="Three" xmlUrl="https://a.example/Feed"/>'
        )
    )
    assert [feed.title for feed in found.feeds] == ["One", "Three"]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("feed://a.example/rss", "http://a.example/rss"),
        ("feed:https://a.example/rss", "https://a.example/rss"),
        ("  https://a.example/rss ", "https://a.example/rss"),
    ],
)
def test_old_spellings_of_an_address_are_understood(written: str, meant: str) -> None:
    assert [feed.url for feed in read(opml(f'<outline text="x" xmlUrl="{written}"/>')).feeds] == [meant]


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "file:///etc/hosts",
        "gopher://a.example/",
        "feed:file:///etc/hosts",
        "a.example/rss",
        "http:///rss",
        "http://[::1/rss",
        "https://a.example/a b",
        "https://a.example/" + "a" * limits.URL_BYTES,
    ],
)
def test_what_is_no_web_address_is_reported_and_the_rest_is_read(url: str) -> None:
    found = read(opml(f'<outline text="Bad" xmlUrl="{url}"/><outline text="Good" xmlUrl="https://g.example/"/>'))
    assert [feed.title for feed in found.feeds] == ["Good"]
    assert [refusal.title for refusal in found.refused] == ["Bad"]
    assert found.refused[0].reason


def test_a_feed_without_an_address_is_reported() -> None:
    found = read(opml('<outline type="rss" text="Lost"/><outline text="Empty folder"/>'))
    assert [(refusal.title, refusal.reason) for refusal in found.refused] == [("Lost", "no address")]


def test_an_empty_list_is_a_list() -> None:
    assert read(opml("")) == Opml()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"<opml version='2.0'><body>",
        b"<rss><channel/></rss>",
        b"<opml><head/></opml>",
        b"\xff\xfe\x00",
        b'<?xml version="1.0" encoding="klingon"?><opml><body/></opml>',
        b'<?xml version="1.0" encoding="utf-7"?><opml><body/></opml>',
        b'<?xml version="1.0" encoding="shift_jis"?><opml><body/></opml>',
        b"\x00" * 100,
        b"x" * (limits.DECODED_BYTES + 1),
    ],
)
def test_what_is_no_list_is_an_error_for_people(data: bytes) -> None:
    with pytest.raises(ListenerError, match="list"):
        read(data)


def test_blank_lines_before_the_xml_declaration_are_forgiven() -> None:
    assert read(b"\n\n" + opml('<outline text="x" xmlUrl="https://a.example/"/>')).feeds


@pytest.mark.parametrize("encoding", ["utf-16", "iso-8859-1", "windows-1252"])
def test_a_list_in_another_encoding_is_read(encoding: str) -> None:
    text = opml('<outline text="Käse" xmlUrl="https://a.example/"/>').decode().replace("UTF-8", encoding)
    assert read(text.encode(encoding)).feeds == (OpmlFeed("https://a.example/", "Käse"),)


@pytest.mark.parametrize("name", [*bombs(), *external("")])
def test_every_attack_is_refused_with_a_reason(name: str, tmp_path: Path) -> None:
    path, secret = canary(tmp_path)
    with pytest.raises(ListenerError, match="DOCTYPE") as caught:
        read(attacks(path.as_uri())[name])
    assert secret not in str(caught.value)


def test_there_are_twelve_attacks() -> None:
    assert len(attacks("")) == 12


def test_no_attack_makes_a_connection() -> None:
    with serving({}) as server:
        for document in external(f"{server.url}/canary").values():
            with pytest.raises(ListenerError):
                read(document)
        assert server.paths() == []


def test_all_attacks_together_stay_inside_256_mb() -> None:
    program = (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (256 << 20, 256 << 20))\n"
        "from listener.errors import ListenerError; from listener.opml import read\n"
        "from tests.hostile.xml import attacks\n"
        "for document in attacks('file:///dev/zero').values():\n"
        "    try: read(document)\n"
        "    except ListenerError: print('refused')\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert run.stderr == ""
    assert run.stdout.count("refused") == 12


def test_outlines_nested_without_end_cost_no_more_than_their_bytes() -> None:
    feed = '<outline text="x" xmlUrl="https://a.example/"/>'
    found = read(opml('<outline text="a">' * 100_000 + feed + "</outline>" * 100_000))
    assert found.feeds[0].folder == "/".join("a" * FOLDER_DEPTH)


def test_a_written_list_is_read_by_others() -> None:
    data = write([OpmlFeed("https://a.example/feed?a=1&b=2", 'A "quoted" <title>', "News/World")])
    parsed = feedparser.parse(data)
    assert b'<opml version="2.0">' in data
    assert parsed.version == ""
    assert f"xmlUrl={quoteattr('https://a.example/feed?a=1&b=2')}".encode() in data


def test_feeds_of_one_folder_share_its_outline() -> None:
    data = write([OpmlFeed(f"https://{name}.example/", name, "News") for name in "ab"])
    assert data.count(b'text="News"') == 1


def test_a_feed_that_is_no_address_survives_its_own_export() -> None:
    feed = OpmlFeed("comments:postgres backup", "Backups", "Work", connector="somewhere")
    data = write([feed])
    assert b"xmlUrl" not in data, "other readers would take the query for an address"
    assert read(data).feeds == (feed,)


def as_read(title: str) -> str | None:
    return read(write([OpmlFeed("https://a.example/", title)])).feeds[0].title


words = st.text(min_size=1, max_size=40).map(as_read)
names = st.text(min_size=1, max_size=20).map(lambda text: as_read(text.replace("/", ""))).filter(bool)
folders = st.lists(names, min_size=1, max_size=4)
feeds = st.builds(
    OpmlFeed,
    st.integers(0, 10**9).map(lambda number: f'https://a.example/feed?n={number}&x=<">'),
    words,
    st.none() | folders.map("/".join),
)


@given(st.lists(feeds, max_size=8, unique_by=lambda feed: feed.url))
def test_a_list_survives_the_round_trip(before: list[OpmlFeed]) -> None:
    # Folders are written together, so order holds inside each folder only.
    assert set(read(write(before)).feeds) == set(before)


@given(st.text(), st.text(), st.none() | st.text(), st.none() | st.text(min_size=1))
def test_whatever_is_written_can_be_read(url: str, title: str, folder: str | None, connector: str | None) -> None:
    read(write([OpmlFeed(url, title, folder, connector)]))


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: opml(text)))
def test_any_bytes_are_a_list_or_an_error_of_ours(data: bytes) -> None:
    with suppress(ListenerError):
        read(data)


def test_an_old_xml_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyexpat.version_info", (2, 5, 0))
    assert "2.6" in str(expat_warning())
    monkeypatch.setattr("pyexpat.version_info", (2, 6, 0))
    assert expat_warning() is None
