"""Bluesky (AT Protocol): timelines, authors, lists, custom feeds, searches, notifications; the stream of all posts."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from pydantic import Field, SecretStr

from connectors.bluesky import jetstream, pages, people, posts
from connectors.bluesky.jetstream import Batch, Mark
from connectors.bluesky.posts import PLATFORM
from connectors.bluesky.queries import Query, account, pasted
from connectors.bluesky.session import Login
from listener import connector, limits
from listener.connector import Connector, Traits, gather, json_body, refuse_web_page, secret
from listener.errors import BadPayload, ConnectorError, FeedGone, NotAuthorised
from listener.types import Answer, Feed, Follow, Page, Quota, Request

PUBLIC: Final = "https://public.api.bsky.app"
"""Answers everybody, without search. Source: https://docs.bsky.app/docs/advanced-guides/api-directory."""
PRIVATE: Final = frozenset({"timeline", "notifications", "search"})
"""What only members are answered."""
URIS: Final = 25
"""Most posts of one getPosts."""

LOGIN_HELP: Final = "look at connectors.bluesky.handle and connectors.bluesky.app_password"
# What the platform's own error names mean.
# Source: the lexicons at https://github.com/bluesky-social/atproto, read 2026-11-23.
TROUBLE: Final[Mapping[str, tuple[type[ConnectorError], str]]] = {
    "AuthenticationRequired": (NotAuthorised, f"the login is refused; {LOGIN_HELP}"),
    "AuthMissing": (NotAuthorised, f"a login is needed; {LOGIN_HELP}"),
    "ExpiredToken": (NotAuthorised, f"the login has run out and could not be renewed; {LOGIN_HELP}"),
    "InvalidToken": (NotAuthorised, f"the login is refused; {LOGIN_HELP}"),
    "AuthFactorTokenRequired": (
        NotAuthorised,
        f"this is the account's own password; make an app password. {LOGIN_HELP}",
    ),
    "AccountTakedown": (FeedGone, "the account was taken down; remove this feed"),
    "AccountDeactivated": (ConnectorError, "the account is switched off for now"),
    "BlockedActor": (ConnectorError, "you block this account; its posts are not given to you"),
    "BlockedByActor": (ConnectorError, "this account blocks you; its posts are not given to you"),
    "UnknownFeed": (ConnectorError, "there is no such feed; look for its address again"),
    "UnknownList": (ConnectorError, "there is no such list; look for its address again"),
    "InvalidRequest": (
        ConnectorError,
        "the platform refuses this request; check that the account, list or feed exists",
    ),
    "UpstreamFailure": (ConnectorError, "the server behind this feed does not answer"),
}


class Settings(connector.Settings):
    """What `[connectors.bluesky]` may hold."""

    handle: str | None = None
    """Your handle, such as `name.bsky.social`."""
    app_password: SecretStr | None = None
    """An app password, not your account's own: for search, your timeline, notifications."""
    server: str = "https://bsky.social"
    """The server that your account lives on."""
    since_hours: float = Field(default=48.0, gt=0)
    """How far back a feed's first poll looks."""
    jetstream: str = "wss://jetstream2.us-east.bsky.network"
    """The server of the stream of all posts."""


class Bluesky(Connector):
    """Read Bluesky.

    Queries: `timeline`, `notifications`, `author:NAME`, `list:AT-URI`, `feed:AT-URI`, `search:words`,
    `jetstream:words`, `jetstream:@NAME` and `jetstream:@NAME words`, where NAME is a handle or a DID.
    """

    name = PLATFORM
    settings_model = Settings
    settings: Settings
    traits = Traits(
        reads="Bluesky: people, lists, feeds, the stream; with a login searches, your timeline and notifications",
        needs="a handle and an app password for searches, your timeline and notifications; nothing for the rest",
        credentials=(
            "Open https://bsky.app/settings/app-passwords.",
            "Choose “Add App Password”, give it the name listener, and leave direct messages off.",
            "Copy the password; it is shown only once.",
            'Put it into an environment variable; say app_password = "env:BLUESKY_PASSWORD" in [connectors.bluesky].',
            'Write handle = "name.bsky.social" there too.',
        ),
        interval_s=900.0,
        limit=(
            "3,000 requests in 5 minutes and address (docs.bsky.app/docs/advanced-guides/rate-limits); "
            "300 logins a day and account, of which we make 5 at most (both read 2026-11-23)"
        ),
        examples=(
            "name.bsky.social",
            "https://bsky.app/profile/name.bsky.social",
            "https://bsky.app/search?q=postgres+backup",
            "bluesky:timeline",
            "jetstream:invoicing software",
        ),
    )

    def fetch(self, feed: Feed, cursor: str | None) -> Answer:
        """Ask for one page, newest first; for a stream's feed, listen until now is reached (15 s at most).

        Sources: https://docs.bsky.app/docs/category/http-reference, https://github.com/bluesky-social/jetstream.
        """
        query = _query(feed)
        if query.kind != "jetstream":
            subject = self._resolved(pages.subject_of(query, cursor)) if query.kind in ("list", "feed") else query.rest
            is_private = query.kind in PRIVATE or (query.kind == "feed" and self.settings.app_password is not None)
            return self._ask(pages.METHODS[query.kind], pages.asked(query, cursor, subject), is_private=is_private)
        batch = self._batch(query, cursor)
        with self.http.websocket(self._listening(batch)) as socket:
            return Answer(self._jetstream, 200, {}, jetstream.listen(socket, batch))

    def refuse(self, answer: Answer) -> None:
        """Read the platform's own error, by its name; its message is not repeated."""
        refuse_web_page(answer)
        if answer.status in (400, 401, 403, 404, 502):
            _refuse_named(answer)
        connector.refuse(answer)

    def parse(self, answer: Answer, feed: Feed, cursor: str | None) -> Page:
        """Read one page."""
        query, body = _query(feed), json_body(answer)
        if query.kind == "jetstream":
            return jetstream.read(body, query, cursor)
        page = pages.read(answer, body, query, cursor, since_s=3_600 * self.settings.since_hours)
        return replace(
            page,
            quotas=_quotas(answer.headers),
            title=feed.title or query.title,
            home_url=feed.home_url or query.home_url,
        )

    def streams(self, feed: Feed) -> bool:
        """Tell that feeds of the stream may be listened to."""
        query = Query.read(feed.query)
        return query is not None and query.kind == "jetstream"

    def stream(self, feed: Feed, cursor: str | None) -> Iterator[Page]:
        """Yield what comes, within a second or two."""
        query = _query(feed)
        batch = self._batch(query, cursor)
        with self.http.websocket(self._listening(batch)) as socket:
            for body in jetstream.follow(socket, batch):
                page = jetstream.read(json.loads(body), query, cursor)
                cursor = page.cursor
                yield replace(page, more=False)

    def feed_for(self, text: str) -> Feed | None:
        """Take a page of bsky.app, `name.bsky.social`, `@name.example.org`, a DID, or our own notation."""
        query = pasted(text)
        return None if query is None else _feed(query)

    def mine(self, account_of_mine: str) -> tuple[Feed, ...]:
        """List my own posts, and the notifications where it is the account that logs in."""
        query = pasted(account_of_mine)
        if query is None or query.kind != "author":
            return ()
        is_login = self.settings.app_password is not None and account(self.settings.handle or "") == query.rest
        return (_feed(query), _feed(Query("notifications"))) if is_login else (_feed(query),)

    def whose(self, text: str) -> str | None:
        """Take a handle, a DID, the page of an account."""
        query = pasted(text)
        return query.rest if query is not None and query.kind == "author" else None

    def follows(self) -> Iterator[Follow]:
        """Yield whom I follow, and the members of my lists; both are public."""
        if self.settings.handle is None:
            raise NotAuthorised("connectors.bluesky.handle is not set; write your own handle there")

        # Any: raw JSON.
        def ask(method: str, params: Mapping[str, str]) -> Any:
            answer = self._ask(method, params)
            self.refuse(answer)
            return json_body(answer)

        return people.follows(ask, self.settings.handle)

    def recheck(self, native_ids: Sequence[str]) -> Page:
        """Read posts again, 25 a request; those that do not come are gone. Reposts are left as they are."""
        uris = [uri for uri in native_ids[: limits.RECHECKED] if "/app.bsky.feed.post/" in uri and "#" not in uri]
        views: list[Any] = []  # raw JSON
        for some in _batches(uris):
            answer = self._ask("app.bsky.feed.getPosts", [("uris", uri) for uri in some])
            self.refuse(answer)
            body = json_body(answer)
            if not isinstance(body, dict) or not isinstance(body.get("posts"), list):
                raise BadPayload("the answer has no posts")
            views += body["posts"]
        found, rejects = gather(views, posts.post)
        came = {view.get("uri") for view in views if isinstance(view, dict)}
        return Page(found, deleted=tuple(uri for uri in uris if uri not in came), rejects=rejects)

    # how it is asked

    def _ask(
        self, method: str, params: Mapping[str, str] | Sequence[tuple[str, str]], *, is_private: bool = False
    ) -> Answer:
        """Ask the public server where it answers, so that a login is used only where one is due."""
        path = f"/xrpc/{method}?{urlencode(params, safe=':/', quote_via=quote)}"
        if not is_private:
            return self.http.send(Request((self.settings.base_url or PUBLIC).rstrip("/") + path))
        password = secret(self.settings.app_password, "connectors.bluesky.app_password")
        if self.settings.handle is None:
            raise NotAuthorised("connectors.bluesky.handle is not set; write your own handle there")
        if self.sessions is None:
            raise NotAuthorised("there is no place to keep a login in; ask through the program")
        base = (self.settings.base_url or self.settings.server).rstrip("/")
        return Login(self.http, self.sessions, base, self.settings.handle).send(Request(base + path), password)

    def _resolved(self, uri: str) -> str:
        """Put the DID in place of a handle in an at-uri; the platform knows lists and feeds by nothing else."""
        name = uri.removeprefix("at://").split("/")[0]
        return uri if name.startswith("did:") else uri.replace(name, self._did(name), 1)

    def _did(self, name: str) -> str:
        if name.startswith("did:"):
            return name
        answer = self._ask("com.atproto.identity.resolveHandle", {"handle": name})
        self.refuse(answer)
        body = json_body(answer)
        did = account(str(body.get("did"))) if isinstance(body, dict) else None
        if did is None or not did.startswith("did:"):
            raise BadPayload("the answer names no DID")
        return did

    @property
    def _jetstream(self) -> str:
        if self.settings.base_url is None:
            return self.settings.jetstream.rstrip("/")
        parts = urlsplit(self.settings.base_url)
        return urlunsplit(("wss" if parts.scheme == "https" else "ws", parts.netloc, parts.path.rstrip("/"), "", ""))

    def _batch(self, query: Query, cursor: str | None) -> Batch:
        mark = Mark.read(cursor)
        if query.author and mark.did is None:
            mark = replace(mark, did=self._did(query.author))
        return Batch(query, self._jetstream, mark, jetstream.now_us())

    def _listening(self, batch: Batch) -> Request:
        return Request(jetstream.address(batch.base, batch.query, batch.mark, batch.began_us))


def _query(feed: Feed) -> Query:
    query = Query.read(feed.query)
    if query is None:
        raise ConnectorError("there is no such feed; write author:NAME, search:words, timeline or jetstream:words")
    return query


def _feed(query: Query) -> Feed:
    return Feed(0, PLATFORM, str(query), PLATFORM, title=query.title, home_url=query.home_url)


def _batches(uris: Sequence[str]) -> Iterator[list[str]]:
    """Part uris into requests: 25 at most, and no address longer than the guarded client takes."""
    some: list[str] = []
    for uri in uris:
        if some and (len(some) == URIS or sum(len(one) + 6 for one in [*some, uri]) > limits.URL_BYTES - 100):
            yield some
            some = []
        some.append(uri)
    if some:
        yield some


def _refuse_named(answer: Answer) -> None:
    body = json_body(answer) if answer.body[:1] == b"{" else None
    name = body.get("error") if isinstance(body, dict) else None
    kind, advice = TROUBLE.get(name, (None, "")) if isinstance(name, str) else (None, "")
    if kind is not None:
        raise kind(f"HTTP {answer.status}: {advice}")


def _quotas(headers: Mapping[str, str]) -> tuple[Quota, ...]:
    values = [headers.get(f"ratelimit-{name}", "") for name in ("remaining", "limit", "reset")]
    if not all(value.isascii() and value.isdigit() and len(value) <= 11 for value in values):
        return ()
    left, most, reset = map(int, values)
    return (Quota("requests in 5 minutes", left, most, datetime.fromtimestamp(reset, UTC)),)
