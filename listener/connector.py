"""The socket that every platform plugs into, and the one boundary where foreign exceptions end.

A connector is built as `Connector(settings, http)`. `fetch` does all I/O for one page, `parse` does none.
Connectors are found by entry point (group `listener.connectors`) and never imported by name.
"""

import json
import re
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, ClassVar, Final, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from listener import limits
from listener.errors import BadPayload, ConfigError, ConnectorError, FeedGone, NotAuthorised, RateLimited
from listener.types import Answer, Feed, Follow, Gap, Page, Post, Reject, Request
from listener.waits import wait_s as wait_of

GROUP: Final = "listener.connectors"
EDGE_WAIT_S: Final = 3_600.0
"""How long we stay away from a server that answers with a web page where data was due."""

Key = TypeVar("Key")


class Http(Protocol):
    """What a connector may do on the network; `listener.http.Client` is the real one."""

    def send(self, request: Request) -> Answer:
        """Send one request and wait for its answer, whatever its status; raise ConnectorError without one."""

    def fetch_many(
        self, requests: Mapping[Key, Request], more: Callable[[], Mapping[Key, Request] | None] | None = None
    ) -> Iterator[tuple[Key, Answer | ConnectorError]]:
        """Send all requests over one loop; yield each key once with its outcome, as they come.

        `more` is asked about once a second, and once when nothing is left: what it gives joins the loop, None ends
        the loop at once and cancels what is under way.
        """

    def lines(self, request: Request) -> Iterator[bytes]:
        """Open a GET that goes on and on (server-sent events, a line of JSON each); yield its lines as they come.

        A line is at most `limits.LINE_BYTES`; an empty one comes after `limits.PULSE_S` without any, so that the
        caller may stop: closing the iterator closes the connection. Another status than 200 raises its error.
        """

    def websocket(self, request: Request) -> AbstractContextManager["WebSocket"]:
        """Open a WebSocket (`ws://`, `wss://`), guarded like any connection; raise ConnectorError without one."""


class WebSocket(Protocol):
    """An open WebSocket; one thread uses it."""

    def send(self, text: str) -> None:
        """Send one text message."""

    def receive(self, wait_s: float) -> bytes | None:
        """Wait for a whole message (at most `limits.LINE_BYTES`); None: none came in that time.

        Raises ConnectorError where the other side closed or broke off.
        """


class Sessions(Protocol):
    """Where a connector keeps what a login gave it: a file of its own, mode 0600, never in the store or a backup."""

    def get(self, name: str) -> str | None:
        """Read a value; None: it was never put."""

    def put(self, name: str, value: str) -> None:
        """Keep a value, hidden from logs from now on; written whole or not at all."""

    def lock(self) -> AbstractContextManager[None]:
        """Hold this connector's session alone, over all threads and programs."""

    def count_login(self) -> None:
        """Count a login that is about to be made; the sixth of a day raises NotAuthorised (R10)."""


class Settings(BaseModel):
    """What every connector can be told in `[connectors.NAME]`; a connector adds its own fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: str | None = None
    """Another server that speaks the same API (a test, a mirror, a company's own); without it, the platform's."""


class Budgeted(Settings):
    """The settings of a connector that costs money or units: 0 means off, and is the default of what costs money."""

    monthly_budget: float = Field(default=0.0, ge=0)
    """Most that may be spent in a calendar month (UTC), in the connector's currency; 0: it is off."""
    daily_budget: float | None = Field(default=None, ge=0)
    """Most that may be spent in a day (UTC); without it, the month's budget is spread over its days."""


@dataclass(frozen=True, slots=True)
class Traits:
    """Facts about a connector that others decide by; data, never behaviour."""

    reads: str
    """What it reads, in a sentence for people."""
    needs: str | None = None
    """The credential it needs, in words; None: no key."""
    credentials: tuple[str, ...] = ()
    """How to get that credential, step by step, for people."""
    currency: str = "USD"
    """What `prices`, costs and budgets count: "USD", or a platform's own units."""
    prices: Mapping[str, float] | None = None
    """What one of each costs: `{"post": 0.005, "user": 0.01}`; None: nothing does."""
    interval_s: float = limits.INTERVAL_START_S
    """Default time between two polls."""
    slot_s: float | None = None
    """Seconds between two requests to its host; None: the default of `limits.HOST_SLOT_S`."""
    limit: str = ""
    """The platform's own limit, with source and date."""
    examples: tuple[str, ...] = ()
    """What a person may paste for `feeds add`."""
    files: tuple[str, ...] = ()
    """What files `listener import` takes and what must be in them, line by line, for people."""
    closed: Mapping[str, str] = field(default_factory=dict)
    """Addresses of the platform (a pattern, from the host on) at which nothing can be read, and why, for people."""
    platforms: tuple[str, ...] = ()
    """Platforms that its posts were said on, each a row of the policy table; empty: the connector's own name."""


class Connector:
    """Read one platform. Subclasses give `name`, `traits`, `fetch`, `parse` and, mostly, `feed_for`."""

    name: ClassVar[str]
    traits: ClassVar[Traits]
    settings_model: ClassVar[type[Settings]] = Settings
    catch_all: ClassVar[bool] = False
    """True: `feed_for` takes any address at all, so it is asked after all others."""

    def __init__(self, settings: Settings, http: Http, sessions: Sessions | None = None) -> None:
        self.settings = settings
        self.http = http
        self.sessions = sessions

    def fetch(self, feed: Feed, cursor: str | None) -> Answer:
        """Do all the I/O for one page newer than `cursor` (None: the first poll of this feed)."""
        raise NotImplementedError

    def parse(self, answer: Answer, feed: Feed, cursor: str | None) -> Page:
        """Read an answer with status 200; no I/O, no clock. Raise BadPayload where it is not what was due."""
        raise NotImplementedError

    def feed_for(self, text: str) -> Feed | None:
        """Make a feed (id 0) of what a person pastes; None: not ours. No I/O."""
        return None

    def unchanged(self, answer: Answer, feed: Feed, cursor: str | None) -> bool:
        """Say without parsing whether `answer` holds nothing new."""
        return answer.status == 304

    def unchanged_page(self, answer: Answer, feed: Feed, cursor: str | None) -> Page:
        """Give the page of an unchanged answer, without parsing; its cursor may be new (an ETag, a move met again)."""
        return Page(cursor=cursor, unchanged=True)

    def refuse(self, answer: Answer) -> None:
        """Raise the error that an answer stands for; nothing where it may be parsed."""
        refuse(answer)

    def discover(self, answer: Answer, feed: Feed) -> tuple[Feed, ...]:
        """List the feeds that a page which is no feed itself points at (autodiscovery); no I/O."""
        return ()

    # what only some platforms have

    def missing(self) -> str | None:
        """Say which setting a poll would miss (`connectors.NAME.token is not set`); None: ready. No I/O."""
        return None

    def cost(self, feed: Feed, cursor: str | None) -> float:
        """Give the most that the next page may cost, in `Traits.currency`; reserved before it is fetched. No I/O."""
        return 0.0

    def streams(self, feed: Feed) -> bool:
        """Tell whether this feed may also be listened to without asking again and again."""
        return False

    def stream(self, feed: Feed, cursor: str | None) -> Iterator[Page]:
        """Yield pages as they come, from `cursor` on where the platform can; an unchanged one every few seconds.

        Closing the iterator ends it. Every page's cursor is one that `fetch` could go on from too.
        """
        raise NotImplementedError

    def fill(self, feed: Feed, gap: Gap) -> str | None:
        """Give a cursor from which a walk covers `gap`; None: the platform cannot go back there. No I/O."""
        return None

    def mine(self, account: str) -> tuple[Feed, ...]:
        """List the feeds of an account of the user's own (as they write it): own posts, mentions, notifications.

        Empty: not an account of this platform. No I/O.
        """
        return ()

    def whose(self, text: str) -> str | None:
        """Give the handle or native_id that posts have of the account which a person writes as `text`.

        None: not certainly an account of this platform. No I/O.
        """
        return None

    def follows(self) -> Iterator[Follow]:
        """Yield whom the user follows there, their lists too, in as many requests as it takes."""
        raise NotImplementedError

    def recheck(self, native_ids: Sequence[str]) -> Page:
        """Read posts again that we hold (at most 100): what came, edited or not, and in `deleted` what is gone.

        Raises NotImplementedError where the platform has no cheap way.
        """
        raise NotImplementedError

    def recheck_cost(self, count: int) -> float:
        """Give the most that reading `count` posts again may cost, in `Traits.currency`. No I/O."""
        return 0.0

    def read_archive(self, path: Path) -> Iterator[tuple[Feed, Page]]:
        """Yield the posts of a file the user has (an export), each page with the feed that it belongs to.

        An empty iterator: the file is not of a kind this connector knows, and `unread` says why. Raises BadPayload
        naming file and row where it is, but lacks something or cannot be read.
        """
        return iter(())

    def read_archive_of(self, path: Path, platform: str) -> Iterator[tuple[Feed, Page]]:
        """Yield the posts of a file that does not say itself which platform they were said on."""
        return iter(())

    def unread(self, path: Path) -> str | None:
        """Say why `read_archive` knows nothing of a file; None: it reads no files at all."""
        return None if type(self).read_archive is Connector.read_archive else "not of the kind that it reads"


class HttpConnector(Connector):
    """A connector whose page is one plain HTTP request; many of them share one loop."""

    def request(self, feed: Feed, cursor: str | None) -> Request:
        """Build the request for the page newer than `cursor`; no I/O."""
        raise NotImplementedError

    def fetch(self, feed: Feed, cursor: str | None) -> Answer:
        """Send `request` through the guarded client."""
        return self.http.send(self.request(feed, cursor))


@cache
def _installed() -> Mapping[str, EntryPoint]:
    """Read once which connectors are installed: looking through all packages costs 20 ms."""
    return {point.name: point for point in entry_points(group=GROUP)}


def names() -> list[str]:
    """List the installed connectors by name, without importing any."""
    return sorted(_installed())


def connectors() -> dict[str, type[Connector]]:
    """Find every installed connector: name to class, in the order of the names.

    Loading imports the connector's module; the client library behind it is the module's own matter.
    """
    return {name: load(name) for name in names()}


def closed(text: str) -> str | None:
    """Say why nothing can be read at an address that a platform keeps to itself; None: no connector says so."""
    address = re.sub(r"\A(?:https?://)?(?:(?:www|m|web)\.)?", "", text.strip()[: limits.URL_BYTES].lower())
    found = ((kind.traits.closed, pattern) for kind in connectors().values() for pattern in kind.traits.closed)
    return next((reasons[pattern] for reasons, pattern in found if re.match(pattern, address)), None)


def load(name: str) -> type[Connector]:
    """Find one connector by name, without importing the others."""
    if name not in _installed():
        raise ConfigError(f"no connector is called {name!r}; there are: {', '.join(names())}")
    found: type[Connector] = _installed()[name].load()
    return found


def read(connector: Connector, answer: Answer, feed: Feed, cursor: str | None) -> Page:
    """Turn an answer into a page, or into the error that its status stands for. The boundary for `parse`."""

    def parsed() -> Page:
        if connector.unchanged(answer, feed, cursor):
            return connector.unchanged_page(answer, feed, cursor)
        connector.refuse(answer)
        return connector.parse(answer, feed, cursor)

    return _guarded(feed, parsed)


def poll(connector: Connector, feed: Feed, cursor: str | None) -> tuple[Answer, Page]:
    """Fetch and read one page. The boundary: whatever a client library raises leaves here as ours."""
    answer = fetch(connector, feed, cursor)
    return answer, read(connector, answer, feed, cursor)


def fetch(connector: Connector, feed: Feed, cursor: str | None) -> Answer:
    """Fetch one page without reading it, inside the same boundary."""
    return _guarded(feed, lambda: connector.fetch(feed, cursor))


def request(connector: HttpConnector, feed: Feed, cursor: str | None) -> Request:
    """Ask a connector for its request, inside the same boundary."""
    return _guarded(feed, lambda: connector.request(feed, cursor))


def cost(connector: Connector, feed: Feed, cursor: str | None) -> float:
    """Give the most that the next page may cost, inside the same boundary."""
    return _guarded(feed, lambda: connector.cost(feed, cursor))


def stream(connector: Connector, feed: Feed, cursor: str | None) -> Generator[Page]:
    """Listen to a feed, inside the same boundary."""
    pages = connector.stream(feed, cursor)
    while True:
        page = _guarded(feed, lambda: next(pages, None))
        if page is None:
            return
        yield page


def recheck(connector: Connector, feed: Feed, native_ids: Sequence[str]) -> Page:
    """Read posts of a feed again, inside the same boundary; NotImplementedError passes."""
    if type(connector).recheck is Connector.recheck:
        raise NotImplementedError
    return _guarded(feed, lambda: connector.recheck(native_ids))


def follows(connector: Connector) -> Iterator[Follow]:
    """Read whom the user follows, inside the same boundary."""
    place = Feed(0, connector.name, "follows", connector.name)
    found = connector.follows()
    while True:
        follow = _guarded(place, lambda: next(found, None))
        if follow is None:
            return
        yield follow


def archive(connector: Connector, path: Path, platform: str | None = None) -> Iterator[tuple[Feed, Page]]:
    """Read a file the user has, inside the same boundary; `platform`: as the user names it, where the file does not."""
    place = Feed(0, connector.name, path.name, connector.name)
    pages = connector.read_archive(path) if platform is None else connector.read_archive_of(path, platform)
    while True:
        page = _guarded(place, lambda: next(pages, None))
        if page is None:
            return
        yield page


def named(feed: Feed) -> str:
    """Name a feed in messages: `rss https://example.org/feed`. Queries never hold secrets."""
    return f"{feed.connector} {feed.query}"


Result = TypeVar("Result")


def _guarded(feed: Feed, work: Callable[[], Result]) -> Result:
    try:
        return work()
    except ConnectorError as error:
        if str(error).startswith((named(feed), f"{feed.query}: ")):
            raise
        error.args = (f"{named(feed)}: {error}",)
        raise
    except Exception as error:  # the one boundary: foreign exceptions end here
        raise BadPayload(f"{named(feed)}: could not be read ({type(error).__name__})") from error


def refuse(answer: Answer) -> None:
    """Raise the error that a status stands for; statuses below 300 pass."""
    status = answer.status
    if status < 300:
        return
    wait_s = wait_of(answer.headers, datetime.now(UTC))
    if status in (429, 503) or (status == 403 and wait_s is not None):
        raise RateLimited(f"HTTP {status}, the platform asks us to wait", wait_s)
    if status in (401, 402, 407):
        raise NotAuthorised(f"HTTP {status}: credentials are missing, wrong or unpaid")
    if status == 403:
        raise ConnectorError("HTTP 403: the server refuses us; open the address in a browser to see why")
    if status == 410:
        raise FeedGone("HTTP 410: the feed is gone for good; remove it, or look for its new address")
    if status == 404:
        raise ConnectorError("HTTP 404: nothing is at this address; check it, it may have moved")
    raise ConnectorError(f"HTTP {status}")


def refuse_web_page(answer: Answer) -> None:
    """Raise RateLimited where a block page of the platform's edge came in place of data; retrying fast makes it worse.

    Only for platforms whose every answer is data. Other statuses than these four mean what they say, page or not.
    """
    if answer.status in (200, 403, 429, 503) and _is_web_page(answer.body):
        wait_s = wait_of(answer.headers, datetime.now(UTC)) or EDGE_WAIT_S
        raise RateLimited(f"HTTP {answer.status}: a web page came where data was due; something blocks us", wait_s)


def _is_web_page(body: bytes) -> bool:
    start = body[:1_000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return start.startswith(b"<") and (b"<!doctype html" in start or b"<html" in start)


def secret(value: SecretStr | None, key: str) -> str:
    """Give a credential from the settings; NotAuthorised naming `key` where the user has not set it."""
    if value is None:
        raise NotAuthorised(f'{key} is not set; say "env:NAME" or "file:PATH" there (`listener connectors` tells how)')
    return value.get_secret_value()


# Any: JSON is whatever the server says; each connector looks before it takes.
def json_body(answer: Answer) -> Any:
    """Read a JSON answer; raise BadPayload where it is none."""
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError) as error:
        raise BadPayload(f"the answer is no JSON ({len(answer.body)} bytes)") from error


Item = TypeVar("Item")


def gather(items: Iterable[Item], read: Callable[[Item], Post | None]) -> tuple[tuple[Post, ...], tuple[Reject, ...]]:
    """Read each item of an answer, the first of each id; what cannot be read goes to quarantine, and the page goes on.

    `read` gives None for an item that is no post, and raises what Python does for nonsense.
    """
    posts: dict[str, Post] = {}
    rejects: list[Reject] = []
    for item in items:
        try:
            post = read(item)
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
            sample = json.dumps(item, default=repr)[:2_000]
            rejects.append(Reject(None, f"could not be read ({type(error).__name__})", sample))
        else:
            if post is not None:
                posts.setdefault(post.native_id, post)
    return tuple(posts.values()), tuple(rejects)
