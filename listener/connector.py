"""The socket that every platform plugs into, and the one boundary where foreign exceptions end.

A connector is built as `Connector(settings, http)`. `fetch` does all I/O for one page, `parse` does none.
Connectors are found by entry point (group `listener.connectors`) and never imported by name.
"""

import email.utils
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import entry_points
from typing import Any, ClassVar, Final, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from listener import limits
from listener.errors import BadPayload, ConfigError, ConnectorError, FeedGone, NotAuthorised, RateLimited
from listener.types import Answer, Feed, Page, Post, Reject, Request

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


class Settings(BaseModel):
    """What every connector can be told in `[connectors.NAME]`; a connector adds its own fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: str | None = None
    """Another server that speaks the same API (a test, a mirror, a company's own); without it, the platform's."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What a platform's terms let us do; one row of `listener policy`."""

    store_text: bool = True
    keep_days: int | None = None
    """None: until told otherwise."""
    link_identities: bool = True
    lead_profiles: bool = True
    redistribute: bool = True
    attribution: str | None = None
    """What must stand beside every rendering; None: nothing."""
    note: str = ""
    """In a sentence, with its source and date."""


@dataclass(frozen=True, slots=True)
class Traits:
    """Facts about a connector that others decide by; data, never behaviour."""

    reads: str
    """What it reads, in a sentence for people."""
    needs: str | None = None
    """The credential it needs, in words; None: no key."""
    price_usd: float = 0.0
    """US dollars for one post; 0: free."""
    interval_s: float = limits.INTERVAL_START_S
    """Default time between two polls."""
    slot_s: float | None = None
    """Seconds between two requests to its host; None: the default of `limits.HOST_SLOT_S`."""
    limit: str = ""
    """The platform's own limit, with source and date."""
    examples: tuple[str, ...] = ()
    """What a person may paste for `feeds add`."""
    policies: Mapping[str, Policy] | None = None
    """Platform name to its row; a connector with presets has several."""


class Connector:
    """Read one platform. Subclasses give `name`, `traits`, `fetch`, `parse` and, mostly, `feed_for`."""

    name: ClassVar[str]
    traits: ClassVar[Traits]
    settings_model: ClassVar[type[Settings]] = Settings
    catch_all: ClassVar[bool] = False
    """True: `feed_for` takes any address at all, so it is asked after all others."""

    def __init__(self, settings: Settings, http: Http) -> None:
        self.settings = settings
        self.http = http

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


class HttpConnector(Connector):
    """A connector whose page is one plain HTTP request; many of them share one loop."""

    def request(self, feed: Feed, cursor: str | None) -> Request:
        """Build the request for the page newer than `cursor`; no I/O."""
        raise NotImplementedError

    def fetch(self, feed: Feed, cursor: str | None) -> Answer:
        """Send `request` through the guarded client."""
        return self.http.send(self.request(feed, cursor))


def names() -> list[str]:
    """List the installed connectors by name, without importing any."""
    return sorted({point.name for point in entry_points(group=GROUP)})


def connectors() -> dict[str, type[Connector]]:
    """Find every installed connector: name to class, in the order of the names.

    Loading imports the connector's module; the client library behind it is the module's own matter.
    """
    return {name: load(name) for name in names()}


def load(name: str) -> type[Connector]:
    """Find one connector by name, without importing the others."""
    for point in entry_points(group=GROUP, name=name):
        found: type[Connector] = point.load()
        return found
    raise ConfigError(f"no connector is called {name!r}; there are: {', '.join(names())}")


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


def named(feed: Feed) -> str:
    """Name a feed in messages: `rss https://example.org/feed`. Queries never hold secrets."""
    return f"{feed.connector} {feed.query}"


Result = TypeVar("Result")


def _guarded(feed: Feed, work: Callable[[], Result]) -> Result:
    try:
        return work()
    except ConnectorError as error:
        if str(error).startswith(named(feed)):
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
    wait_s = retry_after_s(answer.headers, datetime.now(UTC))
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


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """Read `Retry-After` (seconds, or an HTTP date) as seconds from `now`; None: absent or nonsense.

    Kept inside `limits.WAIT_MIN_S` to `limits.WAIT_MAX_S` (R7).

    Source: RFC 9110, section 10.2.3.
    """
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        wait_s = float(value[:9])
    else:
        try:
            due = email.utils.parsedate_to_datetime(value)
            wait_s = (due.astimezone(UTC) - now).total_seconds()
        except (ValueError, TypeError, OverflowError):
            return None
    return min(max(wait_s, limits.WAIT_MIN_S), limits.WAIT_MAX_S)


def refuse_web_page(answer: Answer) -> None:
    """Raise RateLimited where a block page of the platform's edge came in place of data; retrying fast makes it worse.

    Only for platforms whose every answer is data. Other statuses than these four mean what they say, page or not.
    """
    if answer.status in (200, 403, 429, 503) and _is_web_page(answer.body):
        wait_s = retry_after_s(answer.headers, datetime.now(UTC)) or EDGE_WAIT_S
        raise RateLimited(f"HTTP {answer.status}: a web page came where data was due; something blocks us", wait_s)


def _is_web_page(body: bytes) -> bool:
    start = body[:1_000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return start.startswith(b"<") and (b"<!doctype html" in start or b"<html" in start)


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
