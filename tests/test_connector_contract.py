"""What every connector keeps to, over every recording it reads, through real loopback HTTP.

A new connector adds a table `tests/cases/<connector>.py` and cases of its own under `tests/data/<connector>/`; it adds
no test code. `REWRITE_GOLDEN=1` rewrites what is expected of those cases; a person reads the diff.
"""

import email.utils
import json
import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatch
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from listener import urls
from listener.addresses import NetworkRules
from listener.connector import Connector, connectors, named, poll, read
from listener.errors import BadPayload, ConnectorError, FeedGone, NotAuthorised, RateLimited
from listener.http import Client, Limits
from listener.types import Answer, Feed, Page
from tests.cases import Case
from tests.conftest import SHARED
from tests.replay import Fault, Replay, cut, drops, hangs, recorded, says, sends, truncated
from tests.servers import Reply, Seen, Server, serving

DATA = Path(__file__).parent / "data"
KINDS = connectors()
RECORDED = recorded(SHARED / "recordings")
"""Empty where the recordings are missing; the tests over them then skip."""


CASES_OF = {name: import_module(f"tests.cases.{name}") for name in KINDS if find_spec(f"tests.cases.{name}")}
CASES: list[Case] = [case for table in CASES_OF.values() for case in table.CASES]
SPOILT: dict[str, Case] = {name: case for table in CASES_OF.values() for name, case in table.SPOILT.items()}
NOT_READ: dict[str, str] = {
    pattern: reason for table in CASES_OF.values() for pattern, reason in getattr(table, "NOT_READ", {}).items()
}
"""Recordings that no case reads, and why."""


def has(name: str, trait: str) -> bool:
    """Ask a connector's table for one of the traits of `tests.cases`."""
    return bool(getattr(CASES_OF.get(name), trait, False))


needs_recordings = pytest.mark.skipif(not RECORDED, reason="needs ../shared/recordings, which this checkout lacks")


@contextmanager
def replaying(case: Case, fault: Fault | None = None, read_s: float = 5.0) -> Iterator[tuple[Server, Connector, Feed]]:
    """Serve a case and give its connector and feed."""
    replies = {path: RECORDED[name].reply() for path, name in case.recordings.items()}
    replies |= {path: Reply(200, body) for path, body in case.made.items()}

    def otherwise(seen: Seen) -> Reply:
        return Reply(200, b"null") if case.also and re.fullmatch(case.also, seen.path) else Reply(404)

    with serving(Replay(RECORDED.values(), replies, otherwise, fault)) as server:
        http = Client(
            NetworkRules(allow_private=(server.host_port,)),
            limits=Limits(connect_s=1.0, read_s=read_s, total_s=5.0, host_slot_s=0.0),
        )
        try:
            yield server, connector(case.connector, http, server.url), feed(case, server.url)
        finally:
            http.close()


def connector(name: str, http: Client | None, base_url: str | None = None) -> Connector:
    kind = KINDS[name]
    settings = getattr(CASES_OF.get(name), "SETTINGS", {})
    return kind(kind.settings_model.model_validate({**settings, "base_url": base_url}), http, Kept())


class Kept(dict[str, str]):
    """A session that lives as long as the test."""

    def put(self, name: str, value: str) -> None:
        self[name] = value

    def lock(self) -> AbstractContextManager[None]:
        return nullcontext()

    def count_login(self) -> None:
        """Count nothing."""


def feed(case: Case, url: str) -> Feed:
    return Feed(7, case.connector, case.query.replace("{url}", url), case.connector)


def ours(work: Callable[[], Page]) -> Page | ConnectorError:
    """Give the page, or the error of ours that came in its place; any other exception is the test's failure."""
    try:
        return work()
    except ConnectorError as error:
        return error


def assert_sound(page: Page, name: str) -> None:
    """Check what holds for the posts of every page."""
    ids = [post.native_id for post in page.posts]
    assert all(ids), "every post has an id"
    assert len(set(ids)) == len(ids), "no id comes twice on a page"
    for post in page.posts:
        assert post.platform
        assert isinstance(post.text, str)
        assert post.url or has(name, "WITHOUT_LINK"), "every post has an address"
        for url in (post.url, post.account and post.account.url, *post.links, *(m.url for m in post.media)):
            assert url is None or url == urls.safe(url), "every address is one that may be shown"
        for moment in (post.published_at, post.edited_at):
            assert moment is None or moment.utcoffset() == timedelta(0), "times are aware and UTC"


def test_every_recording_is_read_or_says_why_not(recordings):
    read_ones = {name for case in CASES for name in case.recordings.values()}
    for name in RECORDED:
        reasons = [pattern for pattern in NOT_READ if fnmatch(name, pattern)]
        assert (name in read_ones) != bool(reasons), f"{name}: in a case or in NOT_READ, one of the two"
    for pattern in NOT_READ:
        assert not RECORDED or any(fnmatch(name, pattern) for name in RECORDED), f"{pattern} matches nothing any more"
    assert read_ones <= set(RECORDED)


FROM_DOCUMENTATION = {
    "bluesky": "429",
    "devto": "lists, comments and searches",
    "discord": "lists of messages",
    "discourse": "searches and users",
    "github": "the secondary limit",
    "instagram": "limits and refusals",
    "lemmy": "comments, searches, users and whole lists",
    "linkedin": "posts, comments, and the export's messages",
    "mastodon": "429, streams, and servers other than Mastodon",
    "nostr": "everything but two events",
    "reddit": "403 and 429",
    "stackexchange": "the throttle violation, answers, comments and the inbox",
    "threads": "everything",
    "x": "the filtered stream, 402 and 429",
    "youtube": "a spent quota",
}
"""What was written from documentation, for no true answer is recorded; cases of our own stand in for one."""


@pytest.mark.parametrize("name", FROM_DOCUMENTATION)
def test_what_was_written_from_documentation_has_cases_of_our_own(name):
    assert list((DATA / name).glob("*.answer")) or has(name, "NOT_HTTP")


def test_every_connector_is_under_this_contract():
    installed = set(KINDS)
    assert {case.connector for case in SPOILT.values()} | {n for n in KINDS if has(n, "NOT_HTTP")} == installed
    assert installed <= {path.parent.name for path in DATA.glob("*/*.answer")} | {
        n for n in KINDS if has(n, "NOT_HTTP")
    }


@needs_recordings
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_recording_becomes_a_sound_page_and_only_what_was_due_is_asked(case):
    with replaying(case) as (server, reader, source):
        if case.error is not None:
            with pytest.raises(case.error) as caught:
                poll(reader, source, case.cursor)
            assert str(caught.value).startswith(named(source))
            return
        answer, page = poll(reader, source, case.cursor)
        asked = [urlsplit(path).path for path in server.paths()]
        due = {*case.recordings, *case.made}
        assert due <= set(asked)
        assert case.again or len(set(asked)) == len(asked), "nothing is asked for twice"
        assert all(path in due or (case.also and re.fullmatch(case.also, path)) for path in asked)
        for seen in server.seen:
            assert seen.method in getattr(CASES_OF[case.connector], "METHODS", {"GET"})
            assert has(case.connector, "SENDS_SECRETS") or not {"authorization", "cookie"} & set(seen.headers)
            assert seen.headers["user-agent"].startswith("listener/")
        assert_sound(page, case.connector)
        assert case.posts is None or len(page.posts) == case.posts
        assert read(reader, answer, source, case.cursor) == page, "the same answer read twice is the same page"


@needs_recordings
@pytest.mark.parametrize("case", SPOILT.values(), ids=SPOILT)
def test_polling_the_same_answer_again_brings_nothing_that_was_not_there(case):
    with replaying(case) as (_, reader, source):
        _, page = poll(reader, source, None)
        posts, cursor = {post.native_id for post in page.posts}, page.cursor
        for _ in range(30):
            _, page = poll(reader, source, cursor)
            assert {post.native_id for post in page.posts} <= posts
            assert page.cursor is not None
            if not page.more:
                return
            cursor = page.cursor
        raise AssertionError("the walk does not end")


@needs_recordings
@pytest.mark.parametrize("case", SPOILT.values(), ids=SPOILT)
def test_a_304_is_an_unchanged_page_that_keeps_the_cursor(case):
    with replaying(case) as (_, reader, source):
        _, page = poll(reader, source, None)
        again = read(reader, Answer("http://127.0.0.1/", 304, {}, b""), source, page.cursor)
    assert (again.unchanged, again.posts, again.cursor) == (True, (), page.cursor)


HTML = b"<!DOCTYPE html>\n<html><head><title>One moment</title></head><body>Checking your browser.</body></html>"


def asks_for_ten_minutes(_seen: Seen, _reply: Reply) -> Reply:
    return Reply(429, headers={"Retry-After": email.utils.format_datetime(datetime.now(UTC) + timedelta(minutes=10))})


FAULTS: dict[str, tuple[Fault, type[ConnectorError]]] = {
    "429": (says(429), RateLimited),
    "429 with seconds": (says(429, retry_after="120"), RateLimited),
    "429 with a date": (asks_for_ten_minutes, RateLimited),
    "503": (says(503, retry_after="60"), RateLimited),
    "401": (says(401), NotAuthorised),
    "402": (says(402), NotAuthorised),
    "403": (says(403, b"no"), ConnectorError),
    "404": (says(404), ConnectorError),
    "410": (says(410), FeedGone),
    "500": (says(500, b"<html>oops</html>"), ConnectorError),
    "a dropped connection": (drops, ConnectorError),
    "a body cut off": (cut, ConnectorError),
    "a truncated body": (truncated, BadPayload),
    "an empty body": (sends(b""), BadPayload),
    "nonsense": (sends(b"\x00\xff\xfe nonsense \x1b[31m"), BadPayload),
    "nonsense that is JSON": (sends(b'["a", {"b": [1e999, null]}]'), BadPayload),
    "deep JSON": (sends(b"[" * 200_000), BadPayload),
    "a web page": (sends(HTML, "text/html"), ConnectorError),
    "a web page with 403": (says(403, HTML), ConnectorError),
    "a redirect to nowhere": (says(301), ConnectorError),
}
WAITS = {"429 with seconds": 120, "429 with a date": 600, "503": 60}


@needs_recordings
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("case", SPOILT.values(), ids=SPOILT)
def test_what_goes_wrong_becomes_our_error_and_names_the_feed(case, fault):
    spoil, expected = FAULTS[fault]
    with replaying(case, spoil) as (_, reader, source):
        outcome = ours(lambda: poll(reader, source, None)[1])
    if isinstance(outcome, Page):
        assert fault == "a truncated body", "only what is broken off may still be read"
        assert has(case.connector, "SALVAGES")
        assert_sound(outcome, case.connector)
        return
    assert isinstance(outcome, expected)
    assert str(outcome).startswith(f"{named(source)}: ")
    assert str(outcome).isprintable(), "nothing of the answer is repeated"
    if isinstance(outcome, RateLimited) and fault in WAITS:
        assert outcome.retry_after_s == pytest.approx(WAITS[fault], abs=5)


@needs_recordings
@pytest.mark.parametrize("case", SPOILT.values(), ids=SPOILT)
def test_a_server_that_never_answers_is_given_up(case):
    over = threading.Event()
    with replaying(case, hangs(over), read_s=0.3) as (_, reader, source):
        try:
            with pytest.raises(ConnectorError) as caught:
                poll(reader, source, None)
        finally:
            over.set()
    assert str(caught.value).startswith(f"{named(source)}: ")


# cases of our own


@dataclass(frozen=True)
class Golden:
    """A case under `tests/data/<connector>/`: the first line says as JSON what was asked, the rest is the body."""

    path: Path

    @property
    def expected(self) -> Path:
        return self.path.with_suffix(".posts")

    @property
    def body(self) -> bytes:
        return self.path.read_bytes().partition(b"\n")[2]

    def outcome(self) -> object:
        """Read it, as JSON can say it."""
        asked = json.loads(self.path.read_bytes().partition(b"\n")[0])
        name = self.path.parent.name
        url = asked.get("url", "https://example.org/")
        source = Feed(7, name, asked["query"], asked.get("platform", name))
        answer = Answer(url, asked.get("status", 200), asked.get("headers", {}), self.body)
        found = ours(lambda: read(connector(name, None), answer, source, cursor(asked)))
        return plain(found) if isinstance(found, Page) else error(found)


def cursor(asked: Mapping[str, object]) -> str | None:
    return None if asked.get("cursor") is None else json.dumps(asked["cursor"])


def error(found: ConnectorError) -> dict[str, object]:
    waits = {"retry_after_s": found.retry_after_s} if isinstance(found, RateLimited) else {}
    return {"error": type(found).__name__, "message": str(found), **waits}


def plain(value: object) -> object:
    """Turn our values into JSON, without what is not said."""
    if is_dataclass(value) and not isinstance(value, type):
        named_values = {one.name: getattr(value, one.name) for one in fields(value)}
        defaults = {one.name: one.default for one in fields(value) if one.default is not MISSING}
        return {name: plain(one) for name, one in named_values.items() if name not in defaults or one != defaults[name]}
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple | frozenset):
        return [plain(one) for one in (sorted(value) if isinstance(value, frozenset) else value)]
    return value


# Cases of the connector for feeds begin with an address and headers; they are read by its own test.
GOLDEN = [
    Golden(path)
    for name in sorted(KINDS)
    for path in sorted((DATA / name).glob("*.answer"))
    if path.read_bytes()[:1] == b"{"
]


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: f"{case.path.parent.name}-{case.path.stem}")
def test_a_case_of_our_own_reads_as_expected(case):
    found = case.outcome()
    if os.environ.get("REWRITE_GOLDEN"):
        case.expected.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    assert found == json.loads(case.expected.read_text())


# any bytes at all

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just("\ud800<b>&#0;")
documents = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner)
)


def places(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from places(child, (*path, key))


def changed(value: object, path: tuple[str | int, ...], to: object) -> object:
    if not path:
        return to
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = changed(copy[path[0]], path[1:], to)
    return copy


def assert_page_or_ours(name: str, source: Feed, body: bytes, at: str | None) -> None:
    answer = Answer("https://example.org/feed", 200, {}, body)
    outcome = ours(lambda: read(connector(name, None), answer, source, at))
    if isinstance(outcome, Page):
        assert_sound(outcome, name)
    else:
        assert str(outcome).startswith(named(source))


@pytest.mark.parametrize("name", sorted(CASES_OF))
@settings(max_examples=40, deadline=None)
@given(body=st.binary(max_size=300) | documents.map(lambda one: json.dumps(one).encode()))
def test_any_bytes_are_a_page_or_our_error(name, body):
    for query in CASES_OF[name].QUERIES:
        assert_page_or_ours(name, Feed(1, name, query, name), body, None)


JSON_GOLDEN = [case for case in GOLDEN if case.body.lstrip()[:1] == b"{"]


@pytest.mark.parametrize("case", JSON_GOLDEN, ids=lambda case: f"{case.path.parent.name}-{case.path.stem}")
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_an_answer_with_any_value_in_any_place_is_a_page_or_our_error(case, data):
    asked = json.loads(case.path.read_bytes().partition(b"\n")[0])
    document = json.loads(case.body)
    path = data.draw(st.sampled_from(sorted(places(document), key=str)))
    body = json.dumps(changed(document, path, data.draw(documents))).encode()
    name = case.path.parent.name
    assert_page_or_ours(name, Feed(1, name, asked["query"], name), body, cursor(asked))
