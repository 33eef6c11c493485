"""YouTube by its Data API: videos of channels and playlists, comments. Without a key its feeds are read by `rss`."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr

from connectors.youtube import pages, posts
from connectors.youtube.posts import PLATFORM
from connectors.youtube.queries import Query, channel, pasted
from listener import connector, limits
from listener.connector import Budgeted, HttpConnector, Traits, gather, json_body, refuse_web_page
from listener.errors import BadPayload, ConnectorError, FeedGone, NotAuthorised, OutOfBudget, RateLimited
from listener.types import Answer, Feed, Page, Request

API: Final = "https://www.googleapis.com"
KEY: Final = "connectors.youtube.key"
PACIFIC: Final = "America/Los_Angeles"
"""Where the day's quota ends at midnight (developers.google.com/youtube/v3/getting-started, read 2026-11-23)."""
READ: Final = 1.0
IDS: Final = 50
"""Most ids of one request."""
SLOW_DOWN_S: Final = 60.0

# Source: https://developers.google.com/youtube/v3/docs/errors, read 2026-11-23.
TROUBLE: Final[Mapping[str, tuple[type[ConnectorError], str]]] = {
    "commentsDisabled": (FeedGone, "comments are switched off there; remove this feed"),
    "accessNotConfigured": (NotAuthorised, "switch on “YouTube Data API v3” in the project of your key"),
    "SERVICE_DISABLED": (NotAuthorised, "switch on “YouTube Data API v3” in the project of your key"),
    "keyInvalid": (NotAuthorised, f"the key is refused; check {KEY}"),
    "API_KEY_INVALID": (NotAuthorised, f"the key is refused; check {KEY}"),
    "keyExpired": (NotAuthorised, f"the key has run out; make a new one for {KEY}"),
    "ipRefererBlocked": (NotAuthorised, "the key may not be used from this address; look at its restrictions"),
    "forbidden": (ConnectorError, "the video or channel is private"),
    "videoNotFound": (ConnectorError, "there is no such video now; it will be asked for again"),
    "channelNotFound": (ConnectorError, "there is no such channel now; it will be asked for again"),
    "playlistNotFound": (ConnectorError, "there is no such playlist now; it will be asked for again"),
    "commentNotFound": (ConnectorError, "there is no such comment now; it will be asked for again"),
}
QUOTA: Final = frozenset({"quotaExceeded", "dailyLimitExceeded", "dailyLimitExceededUnreg"})
SLOW_DOWN: Final = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "RATE_LIMIT_EXCEEDED"})


class Settings(Budgeted):
    """What `[connectors.youtube]` may hold; budgets count units of the platform's own quota, which cost no money."""

    monthly_budget: float = Field(default=300_000.0, ge=0)
    """Most units that may be spent in a calendar month (UTC)."""
    daily_budget: float | None = Field(default=10_000.0, ge=0)
    """Most units that may be spent in a day (UTC); the platform's own day gives 10,000."""
    key: SecretStr | None = None
    """A free key of the YouTube Data API v3, for comments; without one, videos are read by their feeds."""
    since_hours: float = Field(default=48.0, ge=0)
    """How far the first poll of a channel or of comments looks back."""


class YouTube(HttpConnector):
    """Read YouTube.

    Queries: `channel:WHOM` (its videos), `playlist:ID`, `comments:WHOM` (on all of its videos), `video:ID` (comments
    on one), where WHOM is a channel's id (`UC…`) or its `@handle`.
    """

    name = PLATFORM
    settings_model = Settings
    settings: Settings
    traits = Traits(
        reads="YouTube: comments on a channel's videos or on one video; with a key, channels and playlists too",
        needs="a free key of the YouTube Data API; without one, channels and playlists are read by their feeds",
        credentials=(
            "Open https://console.cloud.google.com/projectcreate and make a project.",
            "Under “APIs & Services”, “Library”, find “YouTube Data API v3” and enable it.",
            "Under “Credentials”, choose “Create credentials”, “API key”, and restrict it to that API.",
            'Keep it in an environment variable; in [connectors.youtube] write key = "env:YOUTUBE_KEY".',
        ),
        currency="units",
        prices={"read": READ},
        interval_s=3_600.0,
        limit="10,000 units a day and project, a read costs one (developers.google.com/youtube/v3, read 2026-11-23)",
        examples=(
            "comments on https://www.youtube.com/@handle",
            "https://www.youtube.com/watch?v=jNQXAC9IVRw",
            "youtube:comments:@handle",
        ),
    )

    def request(self, feed: Feed, cursor: str | None) -> Request:
        """Ask for the next page, newest first; a handle is resolved first, further replies are read last."""
        return self._asked(pages.path(_query(feed), cursor))

    def cost(self, feed: Feed, cursor: str | None) -> float:
        """Every page costs one unit."""
        return READ

    def recheck_cost(self, count: int) -> float:
        """Fifty posts cost one unit; videos and comments are asked for apart."""
        return READ * (-(-count // IDS) + 1)

    def missing(self) -> str | None:
        """Say that the key is not set."""
        return None if self.settings.key is not None else f"{KEY} is not set"

    def unchanged(self, answer: Answer, feed: Feed, cursor: str | None) -> bool:
        """Tell a 304, and replies of a comment that has gone since: that must not stop all others."""
        return answer.status == 304 or (
            answer.status == 404 and pages.without_replies(_query(feed), cursor) is not None
        )

    def unchanged_page(self, answer: Answer, feed: Feed, cursor: str | None) -> Page:
        """Go on without the replies that are not there."""
        page = pages.without_replies(_query(feed), cursor) if answer.status == 404 else None
        return Page(cursor=cursor, unchanged=True) if page is None else replace(page, cost=READ)

    def refuse(self, answer: Answer) -> None:
        """Read the platform's own reason; its message is not repeated."""
        refuse_web_page(answer)
        if answer.status in (400, 403, 404, 429):
            _refuse_reasons(answer)
        if answer.status == 404:
            # Seen for weeks at a time on channels that were all there (platform-wide spells, 2025-12 to 2026-05).
            raise ConnectorError("HTTP 404: not there now; it will be asked for again")
        connector.refuse(answer)

    def parse(self, answer: Answer, feed: Feed, cursor: str | None) -> Page:
        """Read one page."""
        query = _query(feed)
        page = pages.page(json_body(answer), query, cursor, self.settings.since_hours * 3_600)
        return replace(page, cost=READ, title=feed.title or query.title, home_url=feed.home_url or query.home_url)

    def feed_for(self, text: str) -> Feed | None:
        """Take pages of channels, playlists and videos (its comments), `comments on ADDRESS`, or `youtube:` and ours.

        Without a key channels and playlists are left to their feeds.
        """
        query = pasted(text)
        if query is None or (self.settings.key is None and query.kind in ("channel", "playlist")):
            return None
        return _feed(query)

    def mine(self, account: str) -> tuple[Feed, ...]:
        """List my channel's videos and the comments on them; only with a key."""
        whom = channel(account)
        if whom is None or self.settings.key is None:
            return ()
        return (_feed(Query("channel", whom)), _feed(Query("comments", whom)))

    def whose(self, text: str) -> str | None:
        """Take the page of a channel, or `youtube:` and its id or handle."""
        return channel(text)

    def recheck(self, native_ids: Sequence[str]) -> Page:
        """Read videos and comments again, 50 a request; those that do not come are gone. Only with a key."""
        if self.settings.key is None:
            return Page()
        held = native_ids[: limits.RECHECKED]
        videos = [name.removeprefix("yt:video:") for name in held if name.startswith("yt:video:")]
        comments = [name for name in held if not name.startswith("yt:")]
        found = [*self._again("videos", "snippet,statistics", videos)]
        said = [*self._again("comments", "snippet", comments)]
        read_videos, rejects = gather(found, posts.video)
        # A comment by itself does not say on which video it stands, so only that it is gone is taken.
        came = {f"yt:video:{one.get('id')}" for one in found} | {str(one.get("id")) for one in said}
        gone = tuple(name for name in (*(f"yt:video:{one}" for one in videos), *comments) if name not in came)
        requests = -(-len(videos) // IDS) - (-len(comments) // IDS)
        return Page(read_videos, deleted=gone, cost=READ * requests, rejects=rejects)

    def _again(self, what: str, part: str, ids: Sequence[str]) -> list[Mapping[str, Any]]:  # Any: raw JSON
        found: list[Mapping[str, Any]] = []
        for first in range(0, len(ids), IDS):
            params = {"part": part, "id": ",".join(ids[first : first + IDS]), "maxResults": str(IDS)}
            answer = self.http.send(self._asked(f"/youtube/v3/{what}?{urlencode(params, safe=',')}"))
            self.refuse(answer)
            body = json_body(answer)
            items = body.get("items") if isinstance(body, Mapping) else None
            if not isinstance(items, list):
                raise BadPayload("the answer has no items")
            found.extend(one for one in items if isinstance(one, Mapping))
        return found

    def _asked(self, path: str) -> Request:
        base = (self.settings.base_url or API).rstrip("/")
        return Request(base + path, credentials={"X-goog-api-key": connector.secret(self.settings.key, KEY)})


def _query(feed: Feed) -> Query:
    query = Query.read(feed.query)
    if query is None:
        raise ConnectorError("there is no such feed; write channel:@handle, playlist:ID, comments:@handle or video:ID")
    return query


def _feed(query: Query) -> Feed:
    return Feed(0, PLATFORM, str(query), PLATFORM, title=query.title, home_url=query.home_url)


def _refuse_reasons(answer: Answer) -> None:
    reasons = _reasons(answer)
    if reasons & QUOTA:
        until = _midnight(datetime.now(UTC))
        raise OutOfBudget("the day's quota of the key is spent; it begins anew at midnight Pacific time", until)
    if reasons & SLOW_DOWN:
        raise RateLimited("too many requests in a short time", SLOW_DOWN_S)
    for reason, (kind, advice) in TROUBLE.items():
        if reason in reasons:
            raise kind(f"HTTP {answer.status}: {advice}")


def _reasons(answer: Answer) -> set[str]:
    """Collect the reasons of both forms in which Google's errors come."""
    body = json_body(answer) if answer.body.lstrip()[:1] == b"{" else None
    error = body.get("error") if isinstance(body, Mapping) else None
    if not isinstance(error, Mapping):
        return set()
    rows = [row for name in ("errors", "details") if isinstance(row := error.get(name), list)]
    found = {one.get("reason") for row in rows for one in row if isinstance(one, Mapping)}
    return {reason for reason in found if isinstance(reason, str)}


def _midnight(now: datetime) -> datetime:
    """Give the next midnight in California."""
    there = now.astimezone(ZoneInfo(PACIFIC))
    return there.replace(hour=0, minute=0, second=0, microsecond=0, fold=0) + timedelta(days=1)
