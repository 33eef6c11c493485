"""GitHub: issues, pull requests, comments, releases, discussions, searches, the user's notifications."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from pydantic import Field, SecretStr

from connectors.github import discussions, releases
from connectors.github.marks import Cursor, Row, step
from connectors.github.posts import PLATFORM, comment, issue, notification, when
from connectors.github.queries import Query, login, pasted
from listener import connector
from listener.connector import HttpConnector, Traits, gather, json_body, refuse_web_page
from listener.errors import BadPayload, ConnectorError, FeedGone, NotAuthorised, RateLimited
from listener.types import Answer, Feed, Page, Post, Quota, Request, Visibility

API: Final = "https://api.github.com"
VERSION: Final = "2022-11-28"
FULL: Final = "application/vnd.github.full+json"
"""Asks for texts as Markdown and as HTML."""
PAGE_SIZE: Final = 100
OVERLAP_S: Final = 60
SEARCH_OVERLAP_S: Final = 3_600
"""A search's index runs late; by how much is not documented."""
SECONDARY_S: Final = 60.0
"""Source: "wait at least one minute", docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api."""
TOKEN: Final = "connectors.github.token"  # noqa: S105 the name of a setting
RESOURCES: Final[Mapping[str, str]] = {"search": "search", "discussions": "graphql", "discussed": "graphql"}
"""Which quota a query counts against."""
QUOTAS: Final[Mapping[str, str]] = {
    "core": "requests an hour",
    "search": "searches a minute",
    "graphql": "GraphQL points an hour",
}


class Settings(connector.Settings):
    """What `[connectors.github]` may hold."""

    token: SecretStr | None = None
    """A token: 5,000 requests an hour in place of 60; needed for discussions, notifications, private repositories."""
    since_hours: float = Field(default=48.0, ge=0)
    """How far the first poll of a feed looks back."""


class GitHub(HttpConnector):
    """Read GitHub.

    Queries: `OWNER/REPO` (issues and pull requests), `OWNER/REPO/comments`, `OWNER/REPO/issues/NUMBER` (comments of
    one), `OWNER/REPO/releases`, `OWNER/REPO/discussions`, `search:WORDS` (issues and pull requests; `is:issue` or
    `is:pull-request` among the words leaves the other out), `discussions:WORDS`, `notifications`.
    """

    name = PLATFORM
    settings_model = Settings
    settings: Settings
    traits = Traits(
        reads="GitHub: issues, pull requests, comments, releases, discussions, searches, your notifications",
        needs="a token for discussions and notifications; without one, all else at 60 requests an hour",
        credentials=(
            "Open https://github.com/settings/personal-access-tokens and choose “Generate new token”.",
            "Give it the name listener, an end date, and “Public repositories”.",
            "For private repositories choose those instead, with “Issues”, “Discussions” and “Contents”: read-only.",
            "Notifications need a classic token (https://github.com/settings/tokens) with the scope notifications.",
            'Keep it in an environment variable; in [connectors.github] write token = "env:GITHUB_TOKEN".',
        ),
        interval_s=3_600.0,
        limit=(
            "60 requests an hour and address without a token, 5,000 with one; 10 or 30 searches a minute "
            "(docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api, read 2026-11-23)"
        ),
        examples=(
            "owner/repository",
            "https://github.com/owner/repository/issues",
            "https://github.com/owner/repository/discussions",
            "https://github.com/search?q=invoicing+tool&type=issues",
            "github:notifications",
        ),
    )

    def request(self, feed: Feed, cursor: str | None) -> Request:
        """Ask for up to 100 items, oldest update first where the list can be sorted so; 304s cost nothing.

        Sources: docs.github.com/en/rest/issues, /search, /activity/notifications, /releases.
        """
        query = _query(feed)
        base = (self.settings.base_url or API).rstrip("/")
        credentials = self._credentials(needed=query.kind in ("notifications", "discussions", "discussed"))
        headers = {"Accept": FULL, "X-GitHub-Api-Version": VERSION}
        if query.kind in ("discussions", "discussed"):
            headers["Content-Type"] = "application/json"
            body = discussions.body(query, cursor)
            return Request(f"{base}/graphql", "POST", headers, credentials, body)
        if query.kind == "releases":
            return Request(base + releases.path(query.repo, cursor), headers=headers, credentials=credentials)
        held = Cursor.read(cursor, len(query.parts))
        if held.validator is not None and not held.under_way:
            headers["If-Modified-Since" if query.kind == "notifications" else "If-None-Match"] = held.validator
        return Request(base + self._path(query, held), headers=headers, credentials=credentials)

    def refuse(self, answer: Answer) -> None:
        """Tell the limits, which come as 403, from what we may not read."""
        refuse_web_page(answer)
        message = _message(answer) if answer.status in (403, 404, 410, 422, 429) else ""
        is_secondary = answer.status in (403, 429) and re.search(r"secondary rate|abuse detection", message)
        if is_secondary and "retry-after" not in answer.headers:
            raise RateLimited("too many requests in a short time", SECONDARY_S)
        if answer.status == 403 and "not accessible by" in message:
            raise NotAuthorised(f"HTTP 403: {TOKEN} lacks a right that this feed needs; make one with more rights")
        if answer.status == 404:
            raise ConnectorError(f"HTTP 404: there is no such repository, or it is private and {TOKEN} may not read it")
        if answer.status == 410:
            raise FeedGone("HTTP 410: deleted, or the repository has its issues switched off; remove this feed")
        if answer.status == 422:
            raise ConnectorError("HTTP 422: the search is refused; check its words and qualifiers")
        if answer.status == 401:
            raise NotAuthorised(f"HTTP 401: {TOKEN} is wrong or has run out; make a new one")
        connector.refuse(answer)

    def parse(self, answer: Answer, feed: Feed, cursor: str | None) -> Page:
        """Read one page; of what is known in the same version nothing comes again."""
        query, body = _query(feed), json_body(answer)
        visibility: Visibility | None = "public" if self.settings.token is None else None
        since_s = self.settings.since_hours * 3_600
        if query.kind in ("discussions", "discussed"):
            page = discussions.page(body, query, cursor, since_s)
        elif query.kind == "releases":
            page = releases.page(body, answer.headers, query.repo, cursor, since_s)
        else:
            page = _listed(body, answer, query, cursor, visibility)
        return replace(
            page,
            quotas=_quotas(answer.headers, RESOURCES.get(query.kind, "core")),
            title=feed.title or query.title,
            home_url=feed.home_url or query.home_url,
        )

    def feed_for(self, text: str) -> Feed | None:
        """Take `owner/repo`, pages of issues, discussions, releases and searches, or `github:` and our own notation.

        Without a token releases are left to their Atom feed, which has no limit.
        """
        query = pasted(text)
        if query is None or (query.kind == "releases" and self.settings.token is None):
            return None
        return _feed(query)

    def mine(self, account: str) -> tuple[Feed, ...]:
        """List what concerns me; only with a token, for the quota without one is small."""
        name = login(account)
        if name is None or self.settings.token is None:
            return ()
        wanted = ("notifications", f"search:mentions:{name}", f"search:author:{name}")
        return tuple(_feed(query) for text in wanted if (query := Query.read(text)) is not None)

    def whose(self, text: str) -> str | None:
        """Take the page of a profile, or `github:name`; a bare `@name` may be of any platform."""
        return None if text.strip().startswith("@") else login(text)

    def _credentials(self, *, needed: bool) -> dict[str, str]:
        if self.settings.token is None and not needed:
            return {}
        return {"Authorization": f"Bearer {connector.secret(self.settings.token, TOKEN)}"}

    def _path(self, query: Query, held: Cursor) -> str:
        mark = held.mark
        since_s = mark.since(_overlap(query))
        if not mark.newest and mark.begin is None:
            since_s = int((datetime.now(UTC) - timedelta(hours=self.settings.since_hours)).timestamp())
        since = datetime.fromtimestamp(since_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        params: dict[str, str | int] = {"per_page": PAGE_SIZE}
        params |= {"page": mark.page} if mark.page > 1 else {}
        if query.kind == "search":
            words = f"{query.parts[held.part]} created:>={since}"
            params |= {"q": words, "sort": "created", "order": "asc"}
            return f"/search/issues?{urlencode(params, quote_via=quote)}"
        params["since"] = since
        if query.kind == "notifications":
            return f"/notifications?{urlencode(params | {'all': 'true', 'per_page': 50})}"
        if query.kind == "thread":
            return f"/repos/{query.repo}/issues/{query.number}/comments?{urlencode(params)}"
        params |= {"sort": "updated", "direction": "asc"} | ({"state": "all"} if query.kind == "issues" else {})
        return f"/repos/{query.repo}/issues{'/comments' if query.kind == 'comments' else ''}?{urlencode(params)}"


def _query(feed: Feed) -> Query:
    query = Query.read(feed.query)
    if query is None:
        raise ConnectorError("there is no such feed; write OWNER/REPO, OWNER/REPO/comments or search:WORDS")
    return query


def _feed(query: Query) -> Feed:
    return Feed(0, PLATFORM, str(query), PLATFORM, title=query.title, home_url=query.home_url)


def _overlap(query: Query) -> int:
    return SEARCH_OVERLAP_S if query.kind == "search" else OVERLAP_S


def _listed(body: Any, answer: Answer, query: Query, cursor: str | None, visibility: Visibility | None) -> Page:
    """Read a page of issues, comments or notifications (Any: raw JSON)."""
    is_search = query.kind == "search"
    items = body.get("items") if is_search and isinstance(body, Mapping) else body
    if not isinstance(items, list) or (items and not any(isinstance(one, Mapping) and "id" in one for one in items)):
        raise BadPayload("the answer is no list of items")

    def read(item: Mapping[str, Any]) -> Post:
        if query.kind == "notifications":
            return notification(item)
        if query.kind in ("comments", "thread"):
            return comment(item, visibility, (query.repo, query.number) if query.number else None)
        return issue(item, visibility)

    held = Cursor.read(cursor, len(query.parts))
    if is_search and body.get("incomplete_results") is True:  # it ran out of time: the same is asked again
        posts, rejects = gather(items, read)
        return Page(posts, cursor=held.write(), rejects=rejects)
    by_row = [(_row(item, "created_at" if is_search else "updated_at"), item) for item in items]
    asked_s = held.mark.since(_overlap(query)) or _asked_s(answer.url)
    taken = step(
        held.mark,
        [row for row, _ in by_row if row is not None],
        asked_s,
        more='rel="next"' in answer.headers.get("link", ""),
        is_sorted=query.kind in ("issues", "comments", "search"),
        overlap_s=_overlap(query),
    )
    posts, rejects = gather([item for row, item in by_row if row is None or row.key in taken.fresh], read)
    # A validator belongs to one address, so it is kept only where the next poll asks for the very same.
    is_same = held.mark.begin is None and taken.mark.since(_overlap(query)) == asked_s and len(held.marks) == 1
    validator = answer.headers.get("last-modified" if query.kind == "notifications" else "etag")
    following = held.following(taken.mark, validator if is_same else None)
    return Page(
        posts,
        cursor=following.write(),
        more=following.under_way,
        gap=taken.gap,
        wait_s=_seconds(answer.headers.get("x-poll-interval")) if query.kind == "notifications" else None,
        rejects=rejects,
    )


def _row(item: object, field: str) -> Row | None:
    try:
        moment = when(item.get(field)) if isinstance(item, Mapping) else None
    except (ValueError, OverflowError):  # the item is a reject of the page
        return None
    number = item.get("id") if isinstance(item, Mapping) else None
    if moment is None or not isinstance(number, str | int):
        return None
    return Row(str(number), max(int(moment.timestamp()), 0))


def _asked_s(url: str) -> int:
    """Read back from when on the first poll asked, so that nothing is lost where it brought nothing."""
    params = parse_qs(urlsplit(url).query)
    match = re.search(r"created:>=(\S+)", params.get("q", [""])[0])
    since = match[1] if match else params.get("since", [""])[0]
    try:
        moment = when(since) if since else None
    except (ValueError, OverflowError):
        return 0
    return max(int(moment.timestamp()), 0) if moment else 0


def _message(answer: Answer) -> str:
    if answer.body[:1] != b"{":
        return ""
    body = json_body(answer)
    return str(body.get("message", "")).lower() if isinstance(body, Mapping) else ""


def _quotas(headers: Mapping[str, str], asked: str) -> tuple[Quota, ...]:
    left, most, reset = (_seconds(headers.get(f"x-ratelimit-{name}")) for name in ("remaining", "limit", "reset"))
    if left is None:
        return ()
    resource = headers.get("x-ratelimit-resource", asked)
    resets_at = datetime.fromtimestamp(reset, UTC) if reset is not None else None
    return (Quota(QUOTAS.get(resource, resource[:40]), int(left), int(most) if most is not None else None, resets_at),)


def _seconds(value: str | None) -> float | None:
    return float(value) if value is not None and value.isascii() and value.isdigit() and len(value) <= 11 else None
